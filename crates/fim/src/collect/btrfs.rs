//! btrfs: a subvolume takes no mark (EXDEV), but the top of the file system does, and its mark tells of all subvolumes.
//!
//! The top is mounted where nobody sees it: a mount that is attached to no path, by the calls of Linux 5.2. It keeps the file
//! system alive, so it is let go as soon as the last visible mount is gone.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};

/// A mount of the top (`subvolid=5`) of the btrfs on this device.
pub(crate) fn top(device: &Path) -> Result<OwnedFd, Errno> {
    let context = rustix::mount::fsopen("btrfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(&context, "source", device)?;
    rustix::mount::fsconfig_set_string(&context, "subvolid", "5")?;
    rustix::mount::fsconfig_create(&context)?;
    let quiet =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let mount = rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, quiet)?;
    // The mount is a path descriptor; handles are resolved by an open folder.
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    rustix::fs::openat(&mount, ".", flags, rustix::fs::Mode::empty())
}
