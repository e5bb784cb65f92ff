//! The system calls that no crate of ours wraps: fanotify, file handles, `PIDFD_GET_INFO`. The crate's only `unsafe`.
//!
//! Thin: flags go in and come out as the kernel has them, buffers are plain bytes, and reading a buffer is
//! [`super::fanotify::parse`]'s business. Numbers that libc 0.2.191 lacks are written out with their header.

#![expect(unsafe_code, reason = "rustix has no fanotify and no file handles, libc only the raw calls")]

use std::ffi::{CStr, c_int};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// `FAN_REPORT_MNT` (`linux/fanotify.h`, 6.14).
pub(crate) const FAN_REPORT_MNT: u32 = 0x4000;
/// `FAN_MARK_MNTNS` (6.14).
pub(crate) const FAN_MARK_MNTNS: u32 = 0x110;
/// `FAN_MNT_ATTACH | FAN_MNT_DETACH` (6.14).
pub(crate) const FAN_MNT_MOVES: u64 = 0x0300_0000;
/// `FAN_FS_ERROR` and `FAN_Q_OVERFLOW` are libc's; the answer that refuses is too.
pub(crate) use libc::{FAN_ALLOW, FAN_DENY};

/// `PIDFD_GET_INFO` with `struct pidfd_info` of its first size, 64 bytes (`linux/pidfd.h`, 6.13): `_IOWR(0xFF, 11, 64)`.
const PIDFD_GET_INFO: libc::c_ulong = 0xc040_ff0b;
/// `PIDFD_INFO_PID | PIDFD_INFO_CREDS`.
const PID_AND_CREDENTIALS: u64 = 0b11;

/// `fanotify_init(2)`.
pub(crate) fn init(flags: u32) -> io::Result<OwnedFd> {
    let event_flags = (libc::O_RDONLY | libc::O_CLOEXEC | libc::O_LARGEFILE).cast_unsigned();
    // SAFETY: no pointers; a descriptor or an error comes back.
    let fd = unsafe { libc::fanotify_init(flags | libc::FAN_CLOEXEC | libc::FAN_NONBLOCK, event_flags) };
    // SAFETY: the descriptor is new and nobody else's.
    if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(unsafe { OwnedFd::from_raw_fd(fd) }) }
}

/// `fanotify_mark(2)` on what `at` is open on, or on a path.
pub(crate) fn mark(group: &OwnedFd, flags: u32, mask: u64, at: On<'_>) -> io::Result<()> {
    let (dir, path) = match at {
        On::Open(fd) => (fd.as_raw_fd(), std::ptr::null()),
        On::Path(path) => (libc::AT_FDCWD, path.as_ptr()),
    };
    // SAFETY: the path is null or ends in NUL and lives over the call; the descriptors are open.
    let done = unsafe { libc::fanotify_mark(group.as_raw_fd(), flags, mask, dir, path) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What a mark is put on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum On<'a> {
    /// An open file or folder (not `O_PATH`), or a mount namespace.
    Open(BorrowedFd<'a>),
    /// A path, followed unless `FAN_MARK_DONT_FOLLOW`.
    Path(&'a CStr),
}

/// Reads into `buffer`; the bytes read. `WouldBlock`: nothing there.
pub(crate) fn read(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    rustix::io::read(fd, buffer).map_err(io::Error::from)
}

/// Takes over a descriptor that a read of a fanotify group has just given us: nobody else knows its number.
pub(in crate::collect) fn adopt(fd: i32) -> Option<OwnedFd> {
    // SAFETY: the kernel installed it for us with this read, and each number is adopted once.
    (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Longest file handle (`MAX_HANDLE_SZ` of `linux/exportfs.h`).
pub(crate) const MAX_HANDLE: usize = 128;

#[repr(C)]
struct RawHandle {
    bytes: u32,
    kind: i32,
    data: [u8; MAX_HANDLE],
}

/// `open_by_handle_at(2)` with `O_PATH`; `mount` is any open file on that file system. `ESTALE`: it is gone.
pub(crate) fn open_handle(mount: BorrowedFd<'_>, kind: i32, handle: &[u8]) -> io::Result<OwnedFd> {
    let mut raw = RawHandle { bytes: 0, kind, data: [0; MAX_HANDLE] };
    let Some(place) = raw.data.get_mut(..handle.len()) else { return Err(io::ErrorKind::InvalidInput.into()) };
    place.copy_from_slice(handle);
    raw.bytes = u32::try_from(handle.len()).unwrap_or(0);
    // SAFETY: `raw` has the layout of `struct file_handle` with `bytes` bytes of handle behind its head and lives over the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_open_by_handle_at,
            mount.as_raw_fd(),
            &raw mut raw,
            libc::O_PATH | libc::O_CLOEXEC | libc::O_NOFOLLOW,
        )
    };
    let fd = c_int::try_from(fd).unwrap_or(-1);
    // SAFETY: the descriptor is new and nobody else's.
    if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(unsafe { OwnedFd::from_raw_fd(fd) }) }
}

#[cfg(test)]
/// `name_to_handle_at(2)` of a path, not followed: handle type and bytes.
pub(crate) fn handle_of(path: &CStr) -> io::Result<(i32, Vec<u8>)> {
    let mut raw = RawHandle { bytes: 128, kind: 0, data: [0; MAX_HANDLE] };
    let mut mount: c_int = 0;
    // SAFETY: `raw` has room for the `bytes` it states; path and mount id are valid over the call.
    let done = unsafe {
        libc::syscall(libc::SYS_name_to_handle_at, libc::AT_FDCWD, path.as_ptr(), &raw mut raw, &raw mut mount, 0)
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    let length = usize::try_from(raw.bytes).unwrap_or(0).min(MAX_HANDLE);
    Ok((raw.kind, raw.data.get(..length).unwrap_or_default().to_vec()))
}

/// `f_fsid` of the file system of an open file, as events carry it.
pub(crate) fn fsid(file: impl AsFd) -> io::Result<u64> {
    let mut stat = std::mem::MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: `stat` has room for the struct and lives over the call.
    if unsafe { libc::fstatfs(file.as_fd().as_raw_fd(), stat.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: zeroed, then filled by the kernel; all of it is plain numbers.
    let stat = unsafe { stat.assume_init() };
    // SAFETY: `fsid_t` is two i32, which libc keeps private; any bits make a u64.
    Ok(unsafe { std::mem::transmute::<libc::fsid_t, u64>(stat.f_fsid) })
}

/// A descriptor that becomes readable when it is [`raise`]d, for threads to wait on.
pub(crate) fn flag() -> io::Result<OwnedFd> {
    Ok(rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC | rustix::event::EventfdFlags::NONBLOCK)?)
}

/// Makes it readable for good.
pub(crate) fn raise(flag: &OwnedFd) {
    // It could only refuse because it is readable already.
    rustix::io::write(flag, &1_u64.to_ne_bytes()).ok();
}

/// Makes it wait again.
pub(crate) fn lower(flag: &OwnedFd) {
    // It could only refuse because it waits already.
    rustix::io::read(flag, &mut [0; 8]).ok();
}

/// What the kernel says of a process behind a pidfd.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) ppid: u32,
    pub(crate) uid: u32,
    pub(crate) euid: u32,
}

/// `struct pidfd_info` of its first size.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    /// pid tgid ppid ruid rgid euid egid suid sgid fsuid fsgid exit_code
    words: [u32; 12],
}

/// `PIDFD_GET_INFO`. `None` in place of a process: it has been reaped, and the kernel no longer knows pid and users.
pub(crate) fn process_info(pidfd: impl AsFd) -> io::Result<Option<Process>> {
    let mut info = PidfdInfo { mask: PID_AND_CREDENTIALS, ..PidfdInfo::default() };
    // SAFETY: the request's size is that of the struct, which lives over the call.
    let done = unsafe { libc::ioctl(pidfd.as_fd().as_raw_fd(), PIDFD_GET_INFO, &raw mut info) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    let [_, tgid, ppid, uid, _, euid, ..] = info.words;
    let known = info.mask & PID_AND_CREDENTIALS == PID_AND_CREDENTIALS && tgid != 0;
    Ok(known.then_some(Process { pid: tgid, ppid, uid, euid }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_have_the_kernels_sizes() {
        assert_eq!(size_of::<PidfdInfo>(), 64);
        assert_eq!(std::mem::offset_of!(RawHandle, data), 8);
    }

    #[test]
    fn we_are_who_we_are() {
        let us = rustix::process::getpid();
        let pidfd = rustix::process::pidfd_open(us, rustix::process::PidfdFlags::empty()).unwrap();
        match process_info(&pidfd) {
            Ok(Some(process)) => {
                assert_eq!(process.pid, us.as_raw_nonzero().get().cast_unsigned());
                assert_eq!(process.euid, rustix::process::geteuid().as_raw());
            }
            // Kernels before 6.13.
            Ok(None) => panic!("we are alive"),
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ENOTTY)),
        }
    }

    #[test]
    fn a_handle_too_long_is_an_error() {
        let here = std::fs::File::open("/").unwrap();
        let error = open_handle(here.as_fd(), 1, &[0; 129]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
