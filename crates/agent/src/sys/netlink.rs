//! Sockets of the kernel's audit family.
//!
//! A [`Socket`] is either the unicast kind, whose port can be registered with the kernel as the owner of all records, or a
//! reader of the multicast copy ([`Group::ReadLog`]). [`Socket::receive`] takes up to [`SLOTS`] datagrams in one system call
//! into an [`Arena`] that is reused, never waits, and tells congestion apart from death: `ENOBUFS` means that the kernel
//! dropped something for this socket, and that it goes on.
//!
//! Promises: only datagrams of the kernel itself are handed out (port 0; a privileged process may send to any port), each
//! with the length that the kernel gave to `recvmmsg`, which for audit events is the only right one; a datagram that did
//! not fit its slot is marked. Does not parse anything.
//!
//! ```no_run
//! use agent::sys::netlink::{Arena, Group, Received, Socket};
//!
//! let socket = Socket::open(Group::ReadLog)?;
//! let mut arena = Arena::default();
//! if let Received::Frames(_) = socket.receive(&mut arena)? {
//!     for frame in arena.frames() {
//!         println!("{} bytes", frame.bytes.len());
//!     }
//! }
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd};

use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, sockopt};

/// Datagrams taken by one system call.
pub const SLOTS: usize = 32;
/// Room for one datagram. The kernel's largest audit message is 8,970 bytes, a rule with its strings about 6 KiB.
pub const SLOT_BYTES: usize = 64 << 10;

/// [`SLOTS`] and the size of a `sockaddr_nl` in the kernel's types.
const SLOT_COUNT: libc::c_uint = 32;
const NAME_LEN: libc::socklen_t = 12;
const _: () = assert!(SLOT_COUNT as usize == SLOTS && NAME_LEN as usize == size_of::<libc::sockaddr_nl>());

/// `AUDIT_NLGRP_READLOG` (linux/audit.h) as a bit of `sockaddr_nl.nl_groups`.
const READLOG_BIT: u32 = 1;

/// What a socket listens to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// Answers to its own requests, and all records once its port is registered.
    None,
    /// The read-only copy of every record; needs `CAP_AUDIT_READ` and the initial network namespace.
    ReadLog,
}

/// A socket of `NETLINK_AUDIT`. Sending and receiving may happen in different threads.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
}

/// The receive buffer that the kernel granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Granted {
    /// As the kernel counts it: twice what was asked, since it accounts its own overhead too.
    pub bytes: usize,
    /// Granted beyond `net.core.rmem_max`, which takes `CAP_NET_ADMIN`.
    pub forced: bool,
}

/// What one [`Socket::receive`] brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// So many datagrams lie in the arena.
    Frames(usize),
    /// There is nothing to read now.
    Nothing,
    /// The kernel could not deliver something to this socket; how much is not said.
    Congested,
}

/// One datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// Header and payload, as `recvmmsg` gave them.
    pub bytes: &'a [u8],
    /// It was longer than [`SLOT_BYTES`]; the rest is gone.
    pub truncated: bool,
}

impl Socket {
    /// Opens a socket with a port of its own.
    ///
    /// # Errors
    /// The kernel has no audit, or (for [`Group::ReadLog`]) `CAP_AUDIT_READ` or the initial network namespace is missing.
    pub fn open(group: Group) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::AUDIT))?;
        let groups = match group {
            Group::None => 0,
            Group::ReadLog => READLOG_BIT,
        };
        rustix::net::bind(&fd, &SocketAddrNetlink::new(0, groups))?;
        Ok(Self { fd })
    }

    /// A socket that a predecessor left open for us when it started this program in its place. It is closed again for
    /// programs that we start.
    ///
    /// # Errors
    /// `fd` is not open, or no socket of the audit family.
    #[expect(unsafe_code, reason = "a number becomes a descriptor")]
    pub fn inherited(fd: i32) -> io::Result<Self> {
        let kept = std::path::PathBuf::from(format!("/proc/self/fd/{fd}"));
        let is_socket = std::fs::read_link(kept)?.to_string_lossy().starts_with("socket:");
        if fd <= 2 || !is_socket {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a socket that was handed over"));
        }
        // SAFETY: the descriptor is open, as /proc just showed, and nothing in this program knows its number but the caller,
        // who got it from the predecessor and hands it over to us.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let of_audit = sockopt::socket_domain(&fd)? == AddressFamily::NETLINK
            && sockopt::socket_protocol(&fd)? == Some(netlink::AUDIT);
        if !of_audit {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a socket of the audit family"));
        }
        rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
        Ok(Self { fd })
    }

    /// A second descriptor of the same socket, which keeps it open.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn keep(&self) -> io::Result<OwnedFd> {
        self.fd.try_clone()
    }

    /// Asks for a receive buffer of `bytes`, by force if allowed, else as far as `net.core.rmem_max` goes.
    ///
    /// # Errors
    /// The kernel refuses both, which it does not do for open sockets.
    pub fn set_receive_buffer(&self, bytes: usize) -> io::Result<Granted> {
        let forced = sockopt::set_socket_recv_buffer_size_force(&self.fd, bytes).is_ok();
        if !forced {
            sockopt::set_socket_recv_buffer_size(&self.fd, bytes)?;
        }
        Ok(Granted { bytes: sockopt::socket_recv_buffer_size(&self.fd)?, forced })
    }

    /// Sends one request to the kernel.
    ///
    /// # Errors
    /// What `sendto` says; `EPERM` and `ECONNREFUSED` where the kernel refuses the sender.
    pub fn send(&self, request: &[u8]) -> io::Result<()> {
        rustix::net::sendto(&self.fd, request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        Ok(())
    }

    /// Takes what is there, without waiting.
    ///
    /// # Errors
    /// The socket is unusable. Congestion is not an error but a value.
    pub fn receive(&self, arena: &mut Arena) -> io::Result<Received> {
        arena.receive(self.fd.as_fd())
    }
}

/// A socket that [`Socket::keep`] gave.
impl From<OwnedFd> for Socket {
    fn from(fd: OwnedFd) -> Self {
        Self { fd }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Memory for one batch of datagrams: 2 MiB of address space, of which the kernel fills in only what it writes.
#[derive(Debug)]
pub struct Arena {
    bytes: Box<[u8]>,
    slots: [Slot; SLOTS],
    filled: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    len: usize,
    truncated: bool,
    from_kernel: bool,
}

impl Default for Arena {
    fn default() -> Self {
        Self { bytes: vec![0; SLOTS * SLOT_BYTES].into_boxed_slice(), slots: [Slot::default(); SLOTS], filled: 0 }
    }
}

impl Arena {
    /// The datagrams of the last [`Socket::receive`] that came from the kernel, in order.
    pub fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        let slots = self.slots[..self.filled].iter().zip(self.bytes.chunks_exact(SLOT_BYTES));
        slots
            .filter(|(slot, _)| slot.from_kernel)
            .map(|(slot, bytes)| Frame { bytes: &bytes[..slot.len], truncated: slot.truncated })
    }

    /// Takes what lies in a netlink socket, without waiting. Congestion is not an error but a value.
    pub(super) fn receive(&mut self, fd: BorrowedFd<'_>) -> io::Result<Received> {
        match self.fill(fd) {
            Ok(0) | Err(Errno::AGAIN | Errno::INTR) => Ok(Received::Nothing),
            Ok(count) => Ok(Received::Frames(count)),
            Err(Errno::NOBUFS) => Ok(Received::Congested),
            Err(error) => Err(error.into()),
        }
    }

    #[expect(unsafe_code, reason = "neither std nor rustix has recvmmsg")]
    fn fill(&mut self, fd: BorrowedFd<'_>) -> Result<usize, Errno> {
        self.filled = 0;
        // SAFETY: these are plain C structs of integers and pointers, for which all-zero bytes are a valid value.
        let (mut names, mut pieces, mut headers): (
            [libc::sockaddr_nl; SLOTS],
            [libc::iovec; SLOTS],
            [libc::mmsghdr; SLOTS],
        ) = unsafe { (std::mem::zeroed(), std::mem::zeroed(), std::mem::zeroed()) };
        for (i, slot) in self.bytes.chunks_exact_mut(SLOT_BYTES).enumerate() {
            pieces[i] = libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() };
            let header = &mut headers[i].msg_hdr;
            header.msg_name = (&raw mut names[i]).cast();
            header.msg_namelen = NAME_LEN;
            header.msg_iov = &raw mut pieces[i];
            header.msg_iovlen = 1;
        }
        let (list, flags) = (headers.as_mut_ptr(), libc::MSG_DONTWAIT);
        // SAFETY: `headers` holds SLOTS entries. Each points to one name and one piece that live until the end of this
        // function, and each piece to its own SLOT_BYTES of `self.bytes`, which is borrowed mutably meanwhile. The kernel
        // writes within the lengths given. `fd` is open while it is borrowed, and a null timeout means none.
        let got = unsafe { libc::recvmmsg(fd.as_raw_fd(), list, SLOT_COUNT, flags, std::ptr::null_mut()) };
        let got = usize::try_from(got).map_err(|_| last_error())?;
        for (slot, (header, name)) in self.slots.iter_mut().zip(headers.iter().zip(&names)).take(got) {
            *slot = Slot {
                len: (header.msg_len as usize).min(SLOT_BYTES),
                truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
                from_kernel: name.nl_pid == 0,
            };
        }
        self.filled = got;
        Ok(got)
    }
}

fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request that the kernel answers without any privilege: an unknown type gets an error back.
    #[test]
    fn the_kernel_answers_into_the_arena() {
        let Ok(socket) = Socket::open(Group::None) else {
            println!("skipped: this kernel has no audit");
            return;
        };
        let request = audit::netlink::encode(&audit::netlink::Request::Write { record_type: 9, text: b"" }, 7);
        socket.send(&request).unwrap();
        let mut arena = Arena::default();
        let wake = crate::sys::wake::Wake::new().unwrap();
        assert!(wake.wait(&[&socket], std::time::Duration::from_secs(10)).unwrap().readable(0));
        assert_eq!(socket.receive(&mut arena).unwrap(), Received::Frames(1));
        let frame = arena.frames().next().unwrap();
        assert!(!frame.truncated);
        assert_eq!(frame.bytes[4..6], audit::netlink::kind::ERROR.to_ne_bytes());
        assert_eq!(socket.receive(&mut arena).unwrap(), Received::Nothing);
        assert_eq!(arena.frames().count(), 0);
    }

    #[test]
    fn a_buffer_is_granted_at_least_in_part() {
        let Ok(socket) = Socket::open(Group::None) else {
            println!("skipped: this kernel has no audit");
            return;
        };
        assert!(socket.set_receive_buffer(64 << 10).unwrap().bytes >= 64 << 10);
    }
}
