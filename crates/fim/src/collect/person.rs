//! Who stands behind a pidfd: read while the process lives, and believed only if it lived on afterwards.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::sys;
use crate::entry::FileId;
use crate::who::{Confidence, Reason, Source, Who};

/// Who did something, as far as the reader could tell.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Person {
    /// Read from the process itself.
    Known(Who),
    /// It had ended: only the number is left.
    Gone(u32),
    /// It lives where we see no pids.
    Elsewhere,
}

/// The process of this pidfd. `held`: it cannot go on before we answer, so it is certainly the one.
pub(crate) fn person(pid: i32, pidfd: Option<&OwnedFd>, held: bool) -> Person {
    let Some(pid) = u32::try_from(pid).ok().filter(|pid| *pid != 0) else { return Person::Elsewhere };
    let Some(pidfd) = pidfd else { return Person::Gone(pid) };
    read(pid, pidfd.as_fd(), held).map_or(Person::Gone(pid), Person::Known)
}

/// By number alone, for what gives no pidfd: right if the process lived before we asked and was not another's successor. Not `Certain`.
pub(crate) fn by_number(pid: u32) -> Option<Who> {
    let number = rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)?;
    let pidfd = rustix::process::pidfd_open(number, rustix::process::PidfdFlags::empty()).ok()?;
    let who = read(pid, pidfd.as_fd(), false)?;
    Some(Who { confidence: Confidence::Strong, ..who })
}

fn read(pid: u32, pidfd: BorrowedFd<'_>, held: bool) -> Option<Who> {
    let process = match sys::process_info(pidfd) {
        Ok(process) => process?,
        // Before 6.13: what /proc says, while the pidfd says that the process still lives.
        Err(error) if error.raw_os_error() == Some(libc::ENOTTY) => from_proc(pid)?,
        Err(_) => return None,
    };
    let link = format!("/proc/{pid}/exe");
    let exe = match rustix::fs::readlink(&link, Vec::new()) {
        Ok(exe) => Some(exe.into_bytes().into_boxed_slice()),
        // A kernel thread has none.
        Err(rustix::io::Errno::NOENT) => None,
        Err(_) => return None,
    };
    let exe_id = rustix::fs::stat(&link).ok().map(|stat| FileId { dev: stat.st_dev, inode: stat.st_ino });
    if ended(pidfd) {
        return None;
    }
    let source = if held { Source::Permission } else { Source::Pidfd };
    Some(Who {
        pid: process.pid,
        ppid: Some(process.ppid),
        exe,
        exe_id,
        uid: Some(process.uid),
        euid: Some(process.euid),
        source,
        confidence: Confidence::Certain,
        ..Who::default()
    })
}

/// Whether the process has ended: its pidfd is readable then.
pub(crate) fn ended(pidfd: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(pidfd, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    !matches!(rustix::event::poll(&mut polled, Some(&now)), Ok(0))
}

/// Whether two pidfds are of the same process (their inodes on pidfs, 6.9; before, all have the same).
pub(crate) fn same(one: &OwnedFd, other: &OwnedFd) -> bool {
    match (rustix::fs::fstat(one), rustix::fs::fstat(other)) {
        (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        _ => false,
    }
}

/// `Uid:` and `PPid:` of `/proc/PID/status`.
fn from_proc(pid: u32) -> Option<sys::Process> {
    let status: io::Result<Vec<u8>> = std::fs::read(format!("/proc/{pid}/status"));
    let status = String::from_utf8_lossy(&status.ok()?).into_owned();
    let words = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.split_whitespace().map_while(|word| word.parse::<u32>().ok()).collect::<Vec<_>>()
    };
    let (parent, users) = (words("PPid:"), words("Uid:"));
    Some(sys::Process { pid, ppid: *parent.first()?, uid: *users.first()?, euid: *users.get(1)? })
}

impl Person {
    /// As evidence has it, with the process table asked where the process itself could not be.
    pub(crate) fn who(&self, table: impl FnOnce(u32) -> Option<Who>) -> Who {
        match self {
            Self::Known(who) => who.clone(),
            Self::Gone(pid) => table(*pid).unwrap_or_else(|| Who { pid: *pid, ..Who::unknown(Reason::ReaderLate) }),
            Self::Elsewhere => Who::unknown(Reason::OtherPidNamespace),
        }
    }
}
