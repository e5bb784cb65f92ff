//! Who stands behind a pidfd: read while the process lives, and believed only if it lived on afterwards.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{AtFlags, StatxFlags};

use super::sys;
use crate::entry::FileId;
use crate::who::{Confidence, Reason, Source, Who};

/// The parent of all kernel threads.
const KTHREADD: u32 = 2;

/// Who did something, as far as the reader could tell.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Person {
    /// Read from the process itself.
    Known(Who),
    /// It had ended or was about to: what is left is its number, perhaps its parent and users.
    Gone(Who),
    /// It lives where we see no pids.
    Elsewhere,
}

/// The process of this pidfd. `held`: it cannot go on before we answer, so it is certainly the one.
pub(crate) fn person(pid: i32, pidfd: Option<&OwnedFd>, held: bool) -> Person {
    let Some(pid) = u32::try_from(pid).ok().filter(|pid| *pid != 0) else { return Person::Elsewhere };
    pidfd.map_or_else(|| gone(pid), |pidfd| read(pid, pidfd.as_fd(), held))
}

fn gone(pid: u32) -> Person {
    Person::Gone(Who { pid, ..Who::default() })
}

/// By number alone, for what gives no pidfd: right if the process lived before we asked and was not another's successor. Not `Certain`.
pub(crate) fn by_number(pid: u32) -> Person {
    let number = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let pidfd = number.and_then(|pid| rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok());
    match pidfd.map_or_else(|| gone(pid), |pidfd| read(pid, pidfd.as_fd(), false)) {
        Person::Known(who) => Person::Known(Who { confidence: Confidence::Strong, ..who }),
        other => other,
    }
}

fn read(pid: u32, pidfd: BorrowedFd<'_>, held: bool) -> Person {
    let process = match sys::process_info(pidfd) {
        Ok(process) => process,
        // Before 6.13: what /proc says, while the pidfd says that the process still lives.
        Err(error) if error.raw_os_error() == Some(libc::ENOTTY) => from_proc(pid),
        Err(_) => None,
    };
    let Some(process) = process else { return gone(pid) };
    let source = if held { Source::Permission } else { Source::Pidfd };
    let (ppid, uid, euid) = (Some(process.ppid), Some(process.uid), Some(process.euid));
    let who = Who { pid: process.pid, ppid, uid, euid, source, ..Who::default() };
    let link = format!("/proc/{pid}/exe");
    let exe = match rustix::fs::readlink(&link, Vec::new()) {
        Ok(exe) => Some(exe.into_bytes().into_boxed_slice()),
        // A kernel thread has none: a child of kthreadd, or that itself.
        Err(rustix::io::Errno::NOENT) if process.ppid == KTHREADD || process.pid == KTHREADD => None,
        // It is on its way out: its memory, and with it the link, goes before its pidfd says so.
        Err(_) => return Person::Gone(who),
    };
    let exe_id = id_of(rustix::fs::CWD, &*link, AtFlags::empty());
    if ended(pidfd) {
        return Person::Gone(who);
    }
    Person::Known(Who { exe, exe_id, confidence: Confidence::Certain, ..who })
}

/// Which file this is, from what the kernel has of it: no file system is asked that need not be, for it may hang.
pub(crate) fn id_of(folder: impl AsFd, name: impl rustix::path::Arg, flags: AtFlags) -> Option<FileId> {
    let stat = rustix::fs::statx(folder, name, flags | AtFlags::STATX_DONT_SYNC, StatxFlags::INO).ok()?;
    Some(crate::look::id(&stat))
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
            Self::Gone(left) => {
                let known = table(left.pid).unwrap_or_else(|| Who::unknown(Reason::ReaderLate));
                Who {
                    pid: left.pid,
                    ppid: known.ppid.or(left.ppid),
                    uid: known.uid.or(left.uid),
                    euid: known.euid.or(left.euid),
                    source: if known.source == Source::None { left.source } else { known.source },
                    ..known
                }
            }
            Self::Elsewhere => Who::unknown(Reason::OtherPidNamespace),
        }
    }
}
