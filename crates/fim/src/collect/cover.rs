//! How each root is covered: by a mark on its file system, by inotify, or by scans alone, and why.

use std::collections::HashSet;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode as FileMode, OFlags};

use super::fanotify::groups::Groups;
use super::inotify::Watches;
use super::places::{Places, Reach, c_path, open_mount, under};
use super::sys::{self, On};
use super::{Coverage, How, Mode, btrfs};
use crate::mountinfo::{self, Mount, Mounts};
use crate::policy::{Classes, Guard, Interest, Policy};

/// Files of a policy that are named one by one (holds, accesses), at most.
const NAMED: usize = super::permission::MOST;
/// Entries looked at in search of them, at most.
const LOOKED_AT: usize = 1 << 20;

/// What there is to cover with.
pub(crate) struct Means<'a> {
    pub(crate) mode: Mode,
    /// The notification group, or why there is none.
    pub(crate) groups: Result<&'a Groups, &'a str>,
    pub(crate) watches: Option<&'a Watches>,
}

/// A root, how it is covered, and by the mark on which file system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Covered {
    pub(crate) coverage: Coverage,
    pub(crate) fsid: Option<u64>,
}

fn scan_only(root: &Path, reason: impl Into<String>) -> Covered {
    Covered { coverage: Coverage { root: root.to_owned(), how: How::ScanOnly, reason: reason.into() }, fsid: None }
}

/// All roots, and all mounts below roots that somebody wants something of.
pub(crate) fn roots(places: &mut Places, means: &Means<'_>) -> Vec<Covered> {
    let policies = std::sync::Arc::clone(&places.policies);
    let mut covered = Vec::new();
    for root in policies.roots() {
        covered.push(self::root(places, means, &root.path));
        if !root.recursive {
            continue;
        }
        let below = |mount: &&Mount| mount.point != root.path && mount.point.starts_with(&root.path);
        let points: HashSet<PathBuf> =
            places.mounts.list.iter().filter(below).map(|mount| mount.point.clone()).collect();
        let mut points: Vec<PathBuf> =
            points.into_iter().filter(|point| policies.interest(point) == Interest::Some).collect();
        points.sort();
        for point in points {
            covered.push(self::root(places, means, &point));
        }
    }
    if places.mounts.left_out > 0 {
        let reason = format!("{} mounts beyond the first {}", places.mounts.left_out, mountinfo::MOST);
        covered.push(scan_only(Path::new("/"), reason));
    }
    covered
}

/// One root or mount point. What does not exist yet is covered by the file system that it will be on.
pub(crate) fn root(places: &mut Places, means: &Means<'_>, root: &Path) -> Covered {
    if means.mode == Mode::Scan {
        return scan_only(root, "mode = \"scan\"");
    }
    let Some(mount) = places.mounts.of(root).cloned() else { return scan_only(root, "not in the mount table") };
    if let Some(reason) = mount.remote() {
        return scan_only(root, format!("{}: {reason}", mount.fstype));
    }
    let marked = match means.groups {
        _ if means.mode == Mode::Inotify => Err("mode = \"inotify\"".to_owned()),
        Err(reason) => Err(reason.to_owned()),
        Ok(groups) => mark_below(places, groups, root, &mount),
    };
    let reason = match marked {
        Ok(fsid) => {
            let coverage = Coverage { root: root.to_owned(), how: How::Fanotify, reason: String::new() };
            return Covered { coverage, fsid: Some(fsid) };
        }
        Err(reason) => reason,
    };
    if mount.made_up() {
        return scan_only(root, format!("{}: the kernel makes up its files ({reason})", mount.fstype));
    }
    let watched = match means.watches {
        _ if means.mode == Mode::Fanotify => Err("mode = \"fanotify\"".to_owned()),
        None => Err("no inotify".to_owned()),
        Some(watches) => watches.cover(root),
    };
    match watched {
        Ok(coverage) => {
            let reason = if coverage.reason.is_empty() { reason } else { format!("{reason}; {}", coverage.reason) };
            Covered { coverage: Coverage { reason, ..coverage }, fsid: None }
        }
        Err(also) => scan_only(root, format!("{reason}; {also}")),
    }
}

/// Marks the file system of a root: of an overlay the one of its upper directory, whose events are told under the merged path.
fn mark_below(places: &mut Places, groups: &Groups, root: &Path, mount: &Mount) -> Result<u64, String> {
    if mount.fstype != "overlay" {
        return mark(places, groups, mount);
    }
    let upper = places.overlays.upper(root).and_then(|upper| places.mounts.of(&upper).cloned());
    match upper.filter(|upper| upper.fstype != "overlay") {
        Some(upper) => mark(places, groups, &upper),
        // Ours is the overlay's own namespace: the backing files are out of sight. With nfs_export the overlay takes a mark itself.
        None => mark(places, groups, mount),
    }
}

/// Marks the file system of a mount, once.
pub(crate) fn mark(places: &mut Places, groups: &Groups, mount: &Mount) -> Result<u64, String> {
    let all: Vec<Mount> = places.mounts.of_dev(mount.dev).cloned().collect();
    let folder = all.iter().find_map(open_mount).ok_or("hidden by another mount")?;
    let known = sys::fsid(&folder).map_err(|error| error.to_string())?;
    if places.supers.get(&known).is_some_and(|one| one.dev == mount.dev) {
        return Ok(known);
    }
    let error = match mark_all(groups, known, On::Open(folder.as_fd())) {
        Ok(()) => {
            places.add(known, mount.dev, Reach::Host);
            return Ok(known);
        }
        Err(error) => error,
    };
    if error.raw_os_error() == Some(libc::EXDEV) && mount.fstype == "btrfs" {
        return mark_top(places, groups, mount).map_err(|why| format!("btrfs subvolume ({error}), its top: {why}"));
    }
    Err(format!("{}: fanotify: {error}", mount.fstype))
}

/// A mark on the file system of an open folder.
fn mark_all(groups: &Groups, fsid: u64, at: On<'_>) -> std::io::Result<()> {
    sys::mark(&*groups.of(fsid)?, libc::FAN_MARK_ADD | libc::FAN_MARK_FILESYSTEM, super::fanotify::CHANGES, at)
}

/// btrfs: marks the top. Events of all subvolumes carry its `f_fsid`, whatever their own is.
fn mark_top(places: &mut Places, groups: &Groups, mount: &Mount) -> Result<u64, String> {
    let top = btrfs::top(&mount.source).map_err(|errno| errno.to_string())?;
    let known = sys::fsid(&top).map_err(|error| error.to_string())?;
    mark_all(groups, known, On::Open(top.as_fd())).map_err(|error| error.to_string())?;
    places.add(known, mount.dev, Reach::Detached(top));
    Ok(known)
}

/// The file systems of a container that this host has not mounted itself: tmpfs, volumes of their own. What cannot be covered.
pub(crate) fn container(places: &mut Places, groups: &Groups, pid: u32, id: &str, own: &Mounts) -> Vec<Covered> {
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    let mut covered = Vec::new();
    for mount in &own.list {
        let here = places.mounts.of_dev(mount.dev).next().is_some();
        if here || mount.made_up() || mount.fstype == "overlay" || masks(&mount.point) {
            continue;
        }
        let path = under(&root, &mount.point);
        if let Some(reason) = mount.remote() {
            covered.push(scan_only(&path, format!("{}: {reason}", mount.fstype)));
            continue;
        }
        let reach = Reach::Container { pid, id: id.into(), point: mount.point.clone() };
        match mark_inside(places, groups, &path, mount.dev, reach) {
            Ok(fsid) => {
                let coverage = Coverage { root: path, how: How::Fanotify, reason: String::new() };
                covered.push(Covered { coverage, fsid: Some(fsid) });
            }
            Err(error) => covered.push(scan_only(&path, format!("{}: {error}", mount.fstype))),
        }
    }
    covered
}

/// Whether a mount is what runtimes hide parts of `/proc` and `/sys` with: nobody asks for files there.
fn masks(point: &Path) -> bool {
    ["/proc", "/sys"].iter().any(|made_up| point.starts_with(made_up))
}

fn mark_inside(places: &mut Places, groups: &Groups, path: &Path, dev: u64, reach: Reach) -> std::io::Result<u64> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(path, flags, FileMode::empty())?;
    let known = sys::fsid(&folder)?;
    if !places.supers.contains_key(&known) {
        mark_all(groups, known, On::Open(folder.as_fd()))?;
        places.add(known, dev, reach);
    }
    Ok(known)
}

/// Whether policies ask for this file by itself: to be held, to be told of each open.
pub(crate) fn asks(policies: &[std::sync::Arc<Policy>]) -> (bool, bool) {
    let hold = policies.iter().any(|policy| policy.guard == Guard::Hold);
    (hold, policies.iter().any(|policy| policy.classes.has(Classes::ACCESS)))
}

/// Tells of each open of this file.
pub(crate) fn mark_opens(groups: &Groups, file: &Path) -> std::io::Result<()> {
    let path = c_path(file).ok_or(std::io::ErrorKind::InvalidInput)?;
    sys::mark(&*groups.first()?, libc::FAN_MARK_ADD | libc::FAN_MARK_DONT_FOLLOW, libc::FAN_OPEN, On::Path(&path))
}

/// All files that policies want held or told of each open; whether some had to be left out.
pub(crate) fn named(places: &Places) -> (Vec<(PathBuf, bool, bool)>, bool) {
    let policies = &places.policies;
    let wanted = policies.roots_where(|policy| policy.guard == Guard::Hold || policy.classes.has(Classes::ACCESS));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = wanted.into_iter().map(|root| root.path).collect();
    let mut looked_at = 0;
    while let Some(path) = folders.pop() {
        let Ok(stat) = std::fs::symlink_metadata(&path) else { continue };
        if stat.is_dir() {
            let mount = places.mounts.of(&path);
            if policies.interest(&path) == Interest::Nothing || mount.is_some_and(|mount| mount.remote().is_some()) {
                continue;
            }
            let Ok(entries) = std::fs::read_dir(&path) else { continue };
            let names: Vec<_> =
                entries.flatten().filter(|entry| !entry.file_type().is_ok_and(|kind| kind.is_symlink())).collect();
            looked_at += names.len();
            folders.extend(names.into_iter().map(|entry| entry.path()));
        } else if stat.is_file() {
            let (hold, opens) = asks(&policies.of(&path));
            if hold || opens {
                found.push((path, hold, opens));
            }
        }
        if found.len() >= NAMED || looked_at > LOOKED_AT {
            return (found, true);
        }
    }
    (found, false)
}
