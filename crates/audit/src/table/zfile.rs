//! Constants of system call arguments: file.
//!
//! Machine-written by `cargo xtask tables` from the uapi headers of Linux 7.2.0; do not edit.

use super::flag::{Flags, Values};

/// `open(2)` flags of x86, s390, riscv and loongarch.
#[rustfmt::skip]
pub static OPEN_GENERIC: Flags = Flags::new(&[
    (0x0010_1000, "O_SYNC"), (0x0041_0000, "O_TMPFILE"), (0x40, "O_CREAT"), (0x80, "O_EXCL"), (0x100, "O_NOCTTY"),
    (0x200, "O_TRUNC"), (0x400, "O_APPEND"), (0x800, "O_NONBLOCK"), (0x1000, "O_DSYNC"), (0x2000, "FASYNC"),
    (0x4000, "O_DIRECT"), (0x8000, "O_LARGEFILE"), (0x0001_0000, "O_DIRECTORY"), (0x0002_0000, "O_NOFOLLOW"),
    (0x0004_0000, "O_NOATIME"), (0x0008_0000, "O_CLOEXEC"), (0x0020_0000, "O_PATH"), (0x0400_0000, "O_EMPTYPATH"),
]);

/// `open(2)` flags of arm and aarch64.
#[rustfmt::skip]
pub static OPEN_ARM: Flags = Flags::new(&[
    (0x0010_1000, "O_SYNC"), (0x0040_4000, "O_TMPFILE"), (0x40, "O_CREAT"), (0x80, "O_EXCL"), (0x100, "O_NOCTTY"),
    (0x200, "O_TRUNC"), (0x400, "O_APPEND"), (0x800, "O_NONBLOCK"), (0x1000, "O_DSYNC"), (0x2000, "FASYNC"),
    (0x4000, "O_DIRECTORY"), (0x8000, "O_NOFOLLOW"), (0x0001_0000, "O_DIRECT"), (0x0002_0000, "O_LARGEFILE"),
    (0x0004_0000, "O_NOATIME"), (0x0008_0000, "O_CLOEXEC"), (0x0020_0000, "O_PATH"), (0x0400_0000, "O_EMPTYPATH"),
]);

/// `open(2)` flags of powerpc.
#[rustfmt::skip]
pub static OPEN_POWERPC: Flags = Flags::new(&[
    (0x0010_1000, "O_SYNC"), (0x0040_4000, "O_TMPFILE"), (0x40, "O_CREAT"), (0x80, "O_EXCL"), (0x100, "O_NOCTTY"),
    (0x200, "O_TRUNC"), (0x400, "O_APPEND"), (0x800, "O_NONBLOCK"), (0x1000, "O_DSYNC"), (0x2000, "FASYNC"),
    (0x4000, "O_DIRECTORY"), (0x8000, "O_NOFOLLOW"), (0x0001_0000, "O_LARGEFILE"), (0x0002_0000, "O_DIRECT"),
    (0x0004_0000, "O_NOATIME"), (0x0008_0000, "O_CLOEXEC"), (0x0020_0000, "O_PATH"), (0x0400_0000, "O_EMPTYPATH"),
]);

/// `open(2)` flags of mips.
#[rustfmt::skip]
pub static OPEN_MIPS: Flags = Flags::new(&[
    (0x4010, "O_SYNC"), (0x0041_0000, "O_TMPFILE"), (0x8, "O_APPEND"), (0x10, "O_DSYNC"), (0x80, "O_NONBLOCK"),
    (0x100, "O_CREAT"), (0x200, "O_TRUNC"), (0x400, "O_EXCL"), (0x800, "O_NOCTTY"), (0x1000, "FASYNC"),
    (0x2000, "O_LARGEFILE"), (0x8000, "O_DIRECT"), (0x0001_0000, "O_DIRECTORY"), (0x0002_0000, "O_NOFOLLOW"),
    (0x0004_0000, "O_NOATIME"), (0x0008_0000, "O_CLOEXEC"), (0x0020_0000, "O_PATH"), (0x0400_0000, "O_EMPTYPATH"),
]);

/// The lowest two bits of `open(2)` flags.
#[rustfmt::skip]
pub static OPEN_ACCESS: Values = Values::new(&[
    (0x0, "O_RDONLY"), (0x1, "O_WRONLY"), (0x2, "O_RDWR"), (0x3, "O_ACCMODE"),
]);

/// `access(2)` modes.
#[rustfmt::skip]
pub static ACCESS: Flags = Flags::new(&[
    (0x1, "X_OK"), (0x2, "W_OK"), (0x4, "R_OK"), (0x0, "F_OK"),
]);

/// `fcntl(2)` commands.
#[rustfmt::skip]
pub static FCNTL: Values = Values::new(&[
    (0x0, "F_DUPFD"), (0x1, "F_GETFD"), (0x2, "F_SETFD"), (0x3, "F_GETFL"), (0x4, "F_SETFL"), (0x5, "F_GETLK"),
    (0x6, "F_SETLK"), (0x7, "F_SETLKW"), (0x8, "F_SETOWN"), (0x9, "F_GETOWN"), (0xa, "F_SETSIG"), (0xb, "F_GETSIG"),
    (0xc, "F_GETLK64"), (0xd, "F_SETLK64"), (0xe, "F_SETLKW64"), (0xf, "F_SETOWN_EX"), (0x10, "F_GETOWN_EX"),
    (0x11, "F_GETOWNER_UIDS"), (0x24, "F_OFD_GETLK"), (0x25, "F_OFD_SETLK"), (0x26, "F_OFD_SETLKW"),
    (0x400, "F_SETLEASE"), (0x401, "F_GETLEASE"), (0x402, "F_NOTIFY"), (0x403, "F_DUPFD_QUERY"),
    (0x404, "F_CREATED_QUERY"), (0x405, "F_CANCELLK"), (0x406, "F_DUPFD_CLOEXEC"), (0x407, "F_SETPIPE_SZ"),
    (0x408, "F_GETPIPE_SZ"), (0x409, "F_ADD_SEALS"), (0x40a, "F_GET_SEALS"), (0x40b, "F_GET_RW_HINT"),
    (0x40c, "F_SET_RW_HINT"), (0x40d, "F_GET_FILE_RW_HINT"), (0x40e, "F_SET_FILE_RW_HINT"), (0x40f, "F_GETDELEG"),
    (0x410, "F_SETDELEG"),
]);

/// `F_ADD_SEALS` bits.
#[rustfmt::skip]
pub static SEALS: Flags = Flags::new(&[
    (0x1, "F_SEAL_SEAL"), (0x2, "F_SEAL_SHRINK"), (0x4, "F_SEAL_GROW"), (0x8, "F_SEAL_WRITE"),
    (0x10, "F_SEAL_FUTURE_WRITE"), (0x20, "F_SEAL_EXEC"),
]);

/// `flock(2)` operations.
#[rustfmt::skip]
pub static FLOCK: Flags = Flags::new(&[
    (0x1, "LOCK_SH"), (0x2, "LOCK_EX"), (0x4, "LOCK_NB"), (0x8, "LOCK_UN"),
]);

/// Flags of the `*at` calls.
#[rustfmt::skip]
pub static AT: Flags = Flags::new(&[
    (0x100, "AT_SYMLINK_NOFOLLOW"), (0x400, "AT_SYMLINK_FOLLOW"), (0x800, "AT_NO_AUTOMOUNT"),
    (0x1000, "AT_EMPTY_PATH"), (0x2000, "AT_STATX_FORCE_SYNC"), (0x4000, "AT_STATX_DONT_SYNC"),
    (0x8000, "AT_RECURSIVE"),
]);

/// Flags of `faccessat2(2)`.
#[rustfmt::skip]
pub static AT_ACCESS: Flags = Flags::new(&[
    (0x100, "AT_SYMLINK_NOFOLLOW"), (0x200, "AT_EACCESS"), (0x1000, "AT_EMPTY_PATH"),
]);

/// Flags of `unlinkat(2)`.
#[rustfmt::skip]
pub static AT_UNLINK: Flags = Flags::new(&[
    (0x200, "AT_REMOVEDIR"),
]);

/// Flags of `execveat(2)`.
#[rustfmt::skip]
pub static AT_EXEC: Flags = Flags::new(&[
    (0x100, "AT_SYMLINK_NOFOLLOW"), (0x1000, "AT_EMPTY_PATH"), (0x0001_0000, "AT_EXECVE_CHECK"),
]);

/// `renameat2(2)` flags.
#[rustfmt::skip]
pub static RENAME: Flags = Flags::new(&[
    (0x1, "RENAME_NOREPLACE"), (0x2, "RENAME_EXCHANGE"), (0x4, "RENAME_WHITEOUT"),
]);

/// `lseek(2)` origins.
#[rustfmt::skip]
pub static SEEK: Values = Values::new(&[
    (0x0, "SEEK_SET"), (0x1, "SEEK_CUR"), (0x2, "SEEK_END"), (0x3, "SEEK_DATA"), (0x4, "SEEK_HOLE"),
]);

/// `openat2(2)` resolve bits.
#[rustfmt::skip]
pub static RESOLVE: Flags = Flags::new(&[
    (0x1, "RESOLVE_NO_XDEV"), (0x2, "RESOLVE_NO_MAGICLINKS"), (0x4, "RESOLVE_NO_SYMLINKS"), (0x8, "RESOLVE_BENEATH"),
    (0x10, "RESOLVE_IN_ROOT"), (0x20, "RESOLVE_CACHED"),
]);

/// `setxattr(2)` flags.
#[rustfmt::skip]
pub static XATTR: Flags = Flags::new(&[
    (0x1, "XATTR_CREATE"), (0x2, "XATTR_REPLACE"),
]);

/// `fallocate(2)` modes.
#[rustfmt::skip]
pub static FALLOCATE: Flags = Flags::new(&[
    (0x1, "FALLOC_FL_KEEP_SIZE"), (0x2, "FALLOC_FL_PUNCH_HOLE"), (0x4, "FALLOC_FL_NO_HIDE_STALE"),
    (0x8, "FALLOC_FL_COLLAPSE_RANGE"), (0x10, "FALLOC_FL_ZERO_RANGE"), (0x20, "FALLOC_FL_INSERT_RANGE"),
    (0x40, "FALLOC_FL_UNSHARE_RANGE"), (0x80, "FALLOC_FL_WRITE_ZEROES"), (0x0, "FALLOC_FL_ALLOCATE_RANGE"),
]);

/// `mount(2)` flags.
#[rustfmt::skip]
pub static MOUNT: Flags = Flags::new(&[
    (0x1, "MS_RDONLY"), (0x2, "MS_NOSUID"), (0x4, "MS_NODEV"), (0x8, "MS_NOEXEC"), (0x10, "MS_SYNCHRONOUS"),
    (0x20, "MS_REMOUNT"), (0x40, "MS_MANDLOCK"), (0x80, "MS_DIRSYNC"), (0x100, "MS_NOSYMFOLLOW"),
    (0x400, "MS_NOATIME"), (0x800, "MS_NODIRATIME"), (0x1000, "MS_BIND"), (0x2000, "MS_MOVE"), (0x4000, "MS_REC"),
    (0x8000, "MS_SILENT"), (0x0001_0000, "MS_POSIXACL"), (0x0002_0000, "MS_UNBINDABLE"), (0x0004_0000, "MS_PRIVATE"),
    (0x0008_0000, "MS_SLAVE"), (0x0010_0000, "MS_SHARED"), (0x0020_0000, "MS_RELATIME"), (0x0040_0000, "MS_KERNMOUNT"),
    (0x0080_0000, "MS_I_VERSION"), (0x0100_0000, "MS_STRICTATIME"), (0x0200_0000, "MS_LAZYTIME"),
    (0x0400_0000, "MS_SUBMOUNT"), (0x0800_0000, "MS_NOREMOTELOCK"), (0x1000_0000, "MS_NOSEC"),
    (0x2000_0000, "MS_BORN"), (0x4000_0000, "MS_ACTIVE"), (0x8000_0000, "MS_NOUSER"),
]);

/// `umount2(2)` flags.
#[rustfmt::skip]
pub static UMOUNT: Flags = Flags::new(&[
    (0x1, "MNT_FORCE"), (0x2, "MNT_DETACH"), (0x4, "MNT_EXPIRE"), (0x8, "UMOUNT_NOFOLLOW"),
]);

/// `mount_setattr(2)` and `fsmount(2)` attributes.
#[rustfmt::skip]
pub static MOUNT_ATTR: Flags = Flags::new(&[
    (0x1, "MOUNT_ATTR_RDONLY"), (0x2, "MOUNT_ATTR_NOSUID"), (0x4, "MOUNT_ATTR_NODEV"), (0x8, "MOUNT_ATTR_NOEXEC"),
    (0x10, "MOUNT_ATTR_NOATIME"), (0x20, "MOUNT_ATTR_STRICTATIME"), (0x80, "MOUNT_ATTR_NODIRATIME"),
    (0x0010_0000, "MOUNT_ATTR_IDMAP"), (0x0020_0000, "MOUNT_ATTR_NOSYMFOLLOW"),
]);

/// `move_mount(2)` flags.
#[rustfmt::skip]
pub static MOVE_MOUNT: Flags = Flags::new(&[
    (0x1, "MOVE_MOUNT_F_SYMLINKS"), (0x2, "MOVE_MOUNT_F_AUTOMOUNTS"), (0x4, "MOVE_MOUNT_F_EMPTY_PATH"),
    (0x10, "MOVE_MOUNT_T_SYMLINKS"), (0x20, "MOVE_MOUNT_T_AUTOMOUNTS"), (0x40, "MOVE_MOUNT_T_EMPTY_PATH"),
    (0x100, "MOVE_MOUNT_SET_GROUP"), (0x200, "MOVE_MOUNT_BENEATH"),
]);

/// `open_tree(2)` flags.
#[rustfmt::skip]
pub static OPEN_TREE: Flags = Flags::new(&[
    (0x1, "OPEN_TREE_CLONE"), (0x2, "OPEN_TREE_NAMESPACE"), (0x100, "AT_SYMLINK_NOFOLLOW"), (0x800, "AT_NO_AUTOMOUNT"),
    (0x1000, "AT_EMPTY_PATH"), (0x8000, "AT_RECURSIVE"), (0x0008_0000, "OPEN_TREE_CLOEXEC"),
]);

/// `fsopen(2)` flags.
#[rustfmt::skip]
pub static FSOPEN: Flags = Flags::new(&[
    (0x1, "FSOPEN_CLOEXEC"),
]);

/// `fspick(2)` flags.
#[rustfmt::skip]
pub static FSPICK: Flags = Flags::new(&[
    (0x1, "FSPICK_CLOEXEC"), (0x2, "FSPICK_SYMLINK_NOFOLLOW"), (0x4, "FSPICK_NO_AUTOMOUNT"),
    (0x8, "FSPICK_EMPTY_PATH"),
]);

/// `fsmount(2)` flags.
#[rustfmt::skip]
pub static FSMOUNT: Flags = Flags::new(&[
    (0x1, "FSMOUNT_CLOEXEC"), (0x2, "FSMOUNT_NAMESPACE"),
]);

/// `fsconfig(2)` commands.
#[rustfmt::skip]
pub static FSCONFIG: Values = Values::new(&[
    (0x0, "FSCONFIG_SET_FLAG"), (0x1, "FSCONFIG_SET_STRING"), (0x2, "FSCONFIG_SET_BINARY"), (0x3, "FSCONFIG_SET_PATH"),
    (0x4, "FSCONFIG_SET_PATH_EMPTY"), (0x5, "FSCONFIG_SET_FD"), (0x6, "FSCONFIG_CMD_CREATE"),
    (0x7, "FSCONFIG_CMD_RECONFIGURE"), (0x8, "FSCONFIG_CMD_CREATE_EXCL"),
]);

/// `memfd_create(2)` flags.
#[rustfmt::skip]
pub static MEMFD: Flags = Flags::new(&[
    (0x1, "MFD_CLOEXEC"), (0x2, "MFD_ALLOW_SEALING"), (0x4, "MFD_HUGETLB"), (0x8, "MFD_NOEXEC_SEAL"),
    (0x10, "MFD_EXEC"),
]);

/// `fanotify_init(2)` flags.
#[rustfmt::skip]
pub static FANOTIFY_INIT: Flags = Flags::new(&[
    (0x1, "FAN_CLOEXEC"), (0x2, "FAN_NONBLOCK"), (0x4, "FAN_CLASS_CONTENT"), (0x8, "FAN_CLASS_PRE_CONTENT"),
    (0x10, "FAN_UNLIMITED_QUEUE"), (0x20, "FAN_UNLIMITED_MARKS"), (0x40, "FAN_ENABLE_AUDIT"),
    (0x80, "FAN_REPORT_PIDFD"), (0x100, "FAN_REPORT_TID"), (0x200, "FAN_REPORT_FID"), (0x400, "FAN_REPORT_DIR_FID"),
    (0x800, "FAN_REPORT_NAME"), (0x1000, "FAN_REPORT_TARGET_FID"), (0x2000, "FAN_REPORT_FD_ERROR"),
    (0x4000, "FAN_REPORT_MNT"),
]);

/// `fanotify_mark(2)` flags.
#[rustfmt::skip]
pub static FANOTIFY_MARK: Flags = Flags::new(&[
    (0x110, "FAN_MARK_MNTNS"), (0x1, "FAN_MARK_ADD"), (0x2, "FAN_MARK_REMOVE"), (0x4, "FAN_MARK_DONT_FOLLOW"),
    (0x8, "FAN_MARK_ONLYDIR"), (0x10, "FAN_MARK_MOUNT"), (0x20, "FAN_MARK_IGNORED_MASK"),
    (0x40, "FAN_MARK_IGNORED_SURV_MODIFY"), (0x80, "FAN_MARK_FLUSH"), (0x100, "FAN_MARK_FILESYSTEM"),
    (0x200, "FAN_MARK_EVICTABLE"), (0x400, "FAN_MARK_IGNORE"),
]);

/// Answers to a permission event.
#[rustfmt::skip]
pub static FANOTIFY_RESPONSE: Flags = Flags::new(&[
    (0x1, "FAN_ALLOW"), (0x2, "FAN_DENY"), (0x10, "FAN_AUDIT"), (0x20, "FAN_INFO"),
]);

/// `inotify_add_watch(2)` bits.
#[rustfmt::skip]
pub static INOTIFY: Flags = Flags::new(&[
    (0x1, "IN_ACCESS"), (0x2, "IN_MODIFY"), (0x4, "IN_ATTRIB"), (0x8, "IN_CLOSE_WRITE"), (0x10, "IN_CLOSE_NOWRITE"),
    (0x20, "IN_OPEN"), (0x40, "IN_MOVED_FROM"), (0x80, "IN_MOVED_TO"), (0x100, "IN_CREATE"), (0x200, "IN_DELETE"),
    (0x400, "IN_DELETE_SELF"), (0x800, "IN_MOVE_SELF"), (0x2000, "IN_UNMOUNT"), (0x4000, "IN_Q_OVERFLOW"),
    (0x8000, "IN_IGNORED"), (0x0100_0000, "IN_ONLYDIR"), (0x0200_0000, "IN_DONT_FOLLOW"),
    (0x0400_0000, "IN_EXCL_UNLINK"), (0x1000_0000, "IN_MASK_CREATE"), (0x2000_0000, "IN_MASK_ADD"),
    (0x4000_0000, "IN_ISDIR"), (0x8000_0000, "IN_ONESHOT"),
]);

/// `quotactl(2)` commands.
#[rustfmt::skip]
pub static QUOTA: Values = Values::new(&[
    (0x0080_0001, "Q_SYNC"), (0x0080_0002, "Q_QUOTAON"), (0x0080_0003, "Q_QUOTAOFF"), (0x0080_0004, "Q_GETFMT"),
    (0x0080_0005, "Q_GETINFO"), (0x0080_0006, "Q_SETINFO"), (0x0080_0007, "Q_GETQUOTA"), (0x0080_0008, "Q_SETQUOTA"),
]);
