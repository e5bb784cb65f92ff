//! The kernel's process connector: fork, exec, exit and changes of identity of every process, without any audit rule.
//!
//! A [`Connector`] joins the multicast group and asks the kernel to send. Messages are sent by the process itself at the
//! moment it happens, before its system call returns, so whatever is in the audit socket about a later moment of that process
//! lies behind what can be read here. Needs `CAP_NET_ADMIN` (older kernels) and the host's pid, user and network namespaces;
//! outside them the kernel says nothing at all, which is why [`Connector::open`] waits for an answer.
//!
//! No socket filter: threads, the only messages that one could leave out, are needed to know when a process has ended.
//! Promises: only what the kernel itself sent; congestion is told apart from silence. Does not know any process.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, sockopt};

use super::netlink::{Arena, Received};
use super::proc::Proc;
use super::wake::Wake;

pub mod message;

pub use message::{Happening, Message, decode};

/// Bytes asked for the receive buffer. A message of 76 bytes is accounted with about 800, so this is some 20,000 of them:
/// 7,000 processes from start to end.
const BUFFER_BYTES: usize = 16 << 20;
/// `CN_IDX_PROC` as a bit of `sockaddr_nl.nl_groups`.
const GROUP_BIT: u32 = 1;
/// The kernel answers at once; a busy machine gets this long.
const PATIENCE: Duration = Duration::from_millis(500);
/// `PROC_CN_MCAST_LISTEN` and `PROC_CN_MCAST_IGNORE`.
const LISTEN: u32 = 1;
const IGNORE: u32 = 2;
/// Inodes of the first pid and user namespace (linux/proc_ns.h).
const FIRST_PID_NAMESPACE: u64 = 0xeffffffc;
const FIRST_USER_NAMESPACE: u64 = 0xeffffffd;

/// A listener.
#[derive(Debug)]
pub struct Connector {
    fd: OwnedFd,
}

/// Why there is no listener; plain sentences for people.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The kernel would not speak to us.
    #[error("process events need the host's {0} namespace (in a container: --{0}=host)")]
    Namespace(&'static str),
    /// No right to listen.
    #[error("process events need CAP_NET_ADMIN")]
    Denied(#[source] io::Error),
    /// The kernel was built without, or something else is in the way.
    #[error("this kernel offers no process events here (CONFIG_PROC_EVENTS)")]
    Absent(#[source] io::Error),
}

impl Connector {
    /// Opens a socket and waits until the kernel said that it will send.
    ///
    /// # Errors
    /// A capability, a namespace or the kernel's support is missing; each says what to do.
    pub fn open() -> Result<Self, OpenError> {
        let proc = Proc::default();
        for (kind, first) in [("pid", FIRST_PID_NAMESPACE), ("user", FIRST_USER_NAMESPACE)] {
            if proc.own_namespace(kind).is_some_and(|inode| inode != first) {
                return Err(OpenError::Namespace(kind));
            }
        }
        let connector = Self::bind().map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => OpenError::Denied(error),
            _ => OpenError::Absent(error),
        })?;
        let number = std::process::id();
        connector.ask(LISTEN, number).map_err(OpenError::Absent)?;
        connector.wait_for(number)?;
        Ok(connector)
    }

    fn bind() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(netlink::CONNECTOR))?;
        rustix::net::bind(&fd, &SocketAddrNetlink::new(0, GROUP_BIT))?;
        if sockopt::set_socket_recv_buffer_size_force(&fd, BUFFER_BYTES).is_err() {
            sockopt::set_socket_recv_buffer_size(&fd, BUFFER_BYTES)?;
        }
        Ok(Self { fd })
    }

    fn ask(&self, what: u32, number: u32) -> io::Result<()> {
        let mut request = Vec::with_capacity(message::HEADERS + 4);
        request.extend_from_slice(&40_u32.to_ne_bytes());
        // NLMSG_DONE, no flags.
        request.extend_from_slice(&3_u16.to_ne_bytes());
        request.extend_from_slice(&0_u16.to_ne_bytes());
        for word in [0, std::process::id(), message::ID[0], message::ID[1], 0, number] {
            request.extend_from_slice(&word.to_ne_bytes());
        }
        request.extend_from_slice(&4_u16.to_ne_bytes());
        request.extend_from_slice(&0_u16.to_ne_bytes());
        request.extend_from_slice(&what.to_ne_bytes());
        rustix::net::sendto(&self.fd, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        Ok(())
    }

    /// What happened meanwhile is dropped: a scan of `/proc` follows anyway.
    fn wait_for(&self, number: u32) -> Result<(), OpenError> {
        let wake = Wake::new().map_err(OpenError::Absent)?;
        let mut arena = Arena::default();
        while !wake.wait(&[self], PATIENCE).map_err(OpenError::Absent)?.timed_out() {
            self.receive(&mut arena).map_err(OpenError::Absent)?;
            for message in arena.frames().filter_map(|frame| decode(frame.bytes)) {
                match message.what {
                    Happening::Ack { error: 0, to } if to == number => return Ok(()),
                    Happening::Ack { error, to } if to == number => {
                        let errno = i32::try_from(error).unwrap_or(0);
                        return Err(OpenError::Denied(io::Error::from_raw_os_error(errno)));
                    }
                    _ => {}
                }
            }
        }
        // Nothing is said to sockets of another network namespace.
        Err(OpenError::Namespace("network"))
    }

    /// Takes what is there, without waiting.
    ///
    /// # Errors
    /// The socket is unusable. Congestion is not an error but a value.
    pub fn receive(&self, arena: &mut Arena) -> io::Result<Received> {
        arena.receive(self.fd.as_fd())
    }

    /// With a small buffer instead, so that a test can fill it.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn shrink(&self, bytes: usize) -> io::Result<()> {
        Ok(sockopt::set_socket_recv_buffer_size(&self.fd, bytes)?)
    }
}

impl AsFd for Connector {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Kernels before 6.6 count listeners and do not notice when one just goes.
impl Drop for Connector {
    fn drop(&mut self) {
        self.ask(IGNORE, std::process::id()).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    /// Fork, exec and exit of one process, in this order.
    #[test]
    fn a_process_is_told_from_start_to_end() {
        let connector = match Connector::open() {
            Ok(connector) => connector,
            Err(error) => return println!("skipped: {error}"),
        };
        let mut child = std::process::Command::new("/bin/false").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        let (wake, mut arena, mut told) = (Wake::new().unwrap(), Arena::default(), Vec::new());
        let begin = Instant::now();
        while !told.iter().any(|what| matches!(what, Happening::Exit { .. })) {
            assert!(begin.elapsed() < Duration::from_secs(20), "{told:?}");
            wake.wait(&[&connector], Duration::from_secs(1)).unwrap();
            while let Received::Frames(_) = connector.receive(&mut arena).unwrap() {
                let all = arena.frames().filter_map(|frame| decode(frame.bytes));
                told.extend(all.map(|message| message.what).filter(|what| match what {
                    Happening::Fork { pid: it, .. } | Happening::Exec { pid: it } | Happening::Exit { pid: it, .. } => {
                        *it == pid
                    }
                    _ => false,
                }));
            }
        }
        let parent = std::process::id();
        let exit = Happening::Exit { pid, first: true, status: 0x100 };
        assert_eq!(told, [Happening::Fork { parent, pid }, Happening::Exec { pid }, exit]);
    }
}
