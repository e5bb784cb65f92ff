//! What the control thread asks of the kernel, as a trait, so that a test can play the kernel.
//!
//! [`Live`] is the real one. It talks over a socket of its own: answers never queue behind records. Only the registration
//! goes out on the data socket, because the kernel delivers to the port that asked.

#[cfg(test)]
pub(super) mod fake;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use audit::netlink::{self, Frame, Header, Request, SetStatus, Status};

use crate::sys::netlink::{Arena, Group, Received, Socket};
use crate::sys::wake::Wake;

/// How long the kernel may take to answer. It answers from its own threads within milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// Room for a list of rules: the largest rule sets have some hundred rules of about 1 KiB.
const CONTROL_BUFFER: usize = 4 << 20;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
#[error("the kernel does not {what}")]
pub struct KernelError {
    /// The request, as a verb.
    pub what: &'static str,
    /// Its answer.
    #[source]
    pub source: io::Error,
}

impl KernelError {
    /// The positive error number, if the kernel gave one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        self.source.raw_os_error()
    }

    /// Permission is missing, or this is the wrong namespace.
    #[must_use]
    pub fn denied(&self) -> bool {
        matches!(self.errno(), Some(libc::EPERM | libc::EACCES | libc::ECONNREFUSED | libc::EPROTONOSUPPORT))
    }
}

/// The kernel's audit system as the control thread needs it.
pub trait Kernel {
    /// All status values.
    ///
    /// # Errors
    /// `EPERM` without `CAP_AUDIT_CONTROL`, `ECONNREFUSED` in the wrong namespace.
    fn status(&mut self) -> Result<Status, KernelError>;

    /// Changes status values. The registration has its own calls.
    ///
    /// # Errors
    /// `EPERM` when locked.
    fn set(&mut self, change: SetStatus) -> Result<(), KernelError>;

    /// Asks to be the owner. The kernel's answer arrives among the records; read [`Self::status`] to know.
    ///
    /// # Errors
    /// The request could not be sent.
    fn register(&mut self) -> Result<(), KernelError>;

    /// Stops being the owner.
    ///
    /// # Errors
    /// `EACCES`: we were not.
    fn release(&mut self) -> Result<(), KernelError>;

    /// All rules as the kernel gives them back.
    ///
    /// # Errors
    /// As [`Self::status`].
    fn rules(&mut self) -> Result<Vec<Vec<u8>>, KernelError>;

    /// Adds a rule.
    ///
    /// # Errors
    /// `EEXIST`, `EINVAL` for what this kernel does not know, `EPERM` when locked.
    fn add_rule(&mut self, rule: &[u8]) -> Result<(), KernelError>;

    /// Deletes the rule with these bytes.
    ///
    /// # Errors
    /// `ENOENT` if there is none.
    fn delete_rule(&mut self, rule: &[u8]) -> Result<(), KernelError>;
}

/// The running kernel.
#[derive(Debug)]
pub struct Live {
    control: Socket,
    data: Option<Arc<Socket>>,
    arena: Arena,
    wake: Wake,
    sequence: u32,
}

impl Live {
    /// Opens the control socket. `data` is the socket whose port is registered, if that is wanted.
    ///
    /// # Errors
    /// This kernel has no audit.
    pub fn open(data: Option<Arc<Socket>>) -> io::Result<Self> {
        let control = Socket::open(Group::None)?;
        control.set_receive_buffer(CONTROL_BUFFER)?;
        Ok(Self { control, data, arena: Arena::default(), wake: Wake::new()?, sequence: 0 })
    }

    /// Sends a request and gives each answer to `on_answer` until it says that this was the last. The acknowledgement
    /// comes first, the answer later from a thread of the kernel; a refusal ends the wait.
    fn ask(
        &mut self,
        what: &'static str,
        request: &Request<'_>,
        mut on_answer: impl FnMut(&Frame<'_>) -> bool,
    ) -> Result<(), KernelError> {
        let fail = |source: io::Error| KernelError { what, source };
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.control.send(&netlink::encode(request, self.sequence)).map_err(fail)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(fail(io::ErrorKind::TimedOut.into()));
            }
            if self.control.receive(&mut self.arena).map_err(fail)? == Received::Nothing {
                self.wake.wait(&[&self.control], left).map_err(fail)?;
                continue;
            }
            let ours = |bytes: &[u8]| Header::parse(bytes).is_some_and(|header| header.sequence == self.sequence);
            for frame in self.arena.frames().filter(|frame| ours(frame.bytes)) {
                match netlink::decode(frame.bytes) {
                    Ok(Frame::Ack(ack)) if ack.errno().is_some() => {
                        return Err(fail(io::Error::from_raw_os_error(ack.errno().unwrap_or(libc::EIO))));
                    }
                    Ok(frame) if on_answer(&frame) => return Ok(()),
                    Ok(_) | Err(_) => {}
                }
            }
        }
    }

    fn command(&mut self, what: &'static str, request: &Request<'_>) -> Result<(), KernelError> {
        self.ask(what, request, |answer| matches!(answer, Frame::Ack(_)))
    }
}

impl Kernel for Live {
    fn status(&mut self) -> Result<Status, KernelError> {
        let mut status = Status::default();
        self.ask("tell its audit status", &Request::GetStatus, |answer| match answer {
            Frame::Status(got) => {
                status = *got;
                true
            }
            _ => false,
        })?;
        Ok(status)
    }

    fn set(&mut self, change: SetStatus) -> Result<(), KernelError> {
        self.command("take our audit settings", &Request::SetStatus(change))
    }

    fn register(&mut self) -> Result<(), KernelError> {
        let Some(data) = &self.data else { return Ok(()) };
        let change = SetStatus { pid: Some(std::process::id()), ..SetStatus::default() };
        let request = netlink::encode(&Request::SetStatus(change), 1);
        data.send(&request).map_err(|source| KernelError { what: "take our registration", source })
    }

    fn release(&mut self) -> Result<(), KernelError> {
        let change = SetStatus { pid: Some(0), ..SetStatus::default() };
        self.command("end our registration", &Request::SetStatus(change))
    }

    fn rules(&mut self) -> Result<Vec<Vec<u8>>, KernelError> {
        let mut rules = Vec::new();
        self.ask("list its audit rules", &Request::ListRules, |answer| {
            if let Frame::Rule(bytes) = answer {
                rules.push(bytes.to_vec());
            }
            matches!(answer, Frame::Done)
        })?;
        Ok(rules)
    }

    fn add_rule(&mut self, rule: &[u8]) -> Result<(), KernelError> {
        self.command("take a rule", &Request::AddRule(rule))
    }

    fn delete_rule(&mut self, rule: &[u8]) -> Result<(), KernelError> {
        self.command("delete a rule", &Request::DeleteRule(rule))
    }
}
