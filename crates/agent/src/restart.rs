//! One program takes the place of another in the same process, with the sockets kept open: a new configuration or a new
//! binary without a hole.
//!
//! The pid and the sockets' ports stay, so the kernel goes on delivering, and what it delivers meanwhile waits in their
//! buffers. The numbers of the sockets go over in the environment variable [`VARIABLE`]: `audit-unicast=7 audit-multicast=9`.
//!
//! ```text
//! old: Handle::hand_over -> sources end but put nothing back, spool and shipping close -> replace (execve)
//! new: inherited -> Agent::go_on
//! ```

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_setfd};
use tracing::warn;

use crate::intake::Kept;
use crate::source::audit::KEPT;
use crate::sys::netlink::Socket;

/// Where the numbers stand.
pub const VARIABLE: &str = "AUDITNG_KEPT";

/// The sockets that a predecessor kept open for us. Call it once, before anything is opened.
#[must_use]
pub fn inherited() -> Vec<Kept> {
    let text = std::env::var(VARIABLE).unwrap_or_default();
    let each = text.split_ascii_whitespace().filter_map(|word| {
        let (name, number) = word.split_once('=')?;
        let name = KEPT.into_iter().find(|known| *known == name)?;
        let socket = Socket::inherited(number.parse().ok()?);
        socket
            .inspect_err(|error| warn!(name, %error, "a socket was not handed over"))
            .ok()?
            .keep()
            .ok()
            .map(|fd| (name, fd))
    });
    each.collect()
}

/// Starts `program` in place of this one, with our own arguments. Returns only if that fails, with the sockets, which are
/// then still open and ours.
pub fn replace(program: &Path, kept: Vec<Kept>) -> (io::Error, Vec<Kept>) {
    let numbers: Vec<String> = kept.iter().map(|(name, fd)| format!("{name}={}", fd.as_raw_fd())).collect();
    let set = |flags: FdFlags| {
        let flagged = |(_, fd): &(&str, OwnedFd)| fcntl_setfd(fd, flags);
        kept.iter().try_for_each(flagged).map_err(io::Error::from)
    };
    let error = match set(FdFlags::empty()) {
        Ok(()) => Command::new(program).args(std::env::args_os().skip(1)).env(VARIABLE, numbers.join(" ")).exec(),
        Err(error) => error,
    };
    if let Err(error) = set(FdFlags::CLOEXEC) {
        warn!(%error, "programs that we start may inherit our sockets");
    }
    (error, kept)
}
