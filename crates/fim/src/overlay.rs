//! Overlay file systems and containers' roots: which container sees a file of this host, and under which path.
//!
//! A mark on the backing file system sees what containers write as paths in upper directories; the table made from mount tables
//! maps them to the merged tree and to the container. Containers that run in a plain folder of the host (`--rootfs DIR`), and
//! volumes, are mapped the same way. Pure: mount tables are handed in. Bound: [`MOST`] folders; beyond, new ones are not known.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::change::Inside;
use crate::mountinfo::{Mount, Mounts, split};

/// Folders in the table, at most.
pub const MOST: usize = 65_536;

/// A host path as the merged tree and the container have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merged {
    /// Path in the merged tree as this host sees it; `None` where the merged tree is mounted in other namespaces alone.
    pub host: Option<PathBuf>,
    /// The container and its path, where a container is known.
    pub inside: Option<Inside>,
    /// The same path in each lower directory, the uppermost first.
    pub lowers: Vec<PathBuf>,
}

/// One overlay.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Overlay {
    upper: PathBuf,
    lowers: Vec<PathBuf>,
    point: Option<PathBuf>,
    /// Container, and where this overlay lies in it.
    inside: Option<Inside>,
}

/// Host path <-> container and path inside.
#[derive(Clone, Debug, Default)]
pub struct Table {
    overlays: Vec<Overlay>,
    /// Upper directory -> overlay.
    uppers: HashMap<PathBuf, usize>,
    /// Work directories: never shown.
    works: HashMap<PathBuf, ()>,
    /// A folder or file of this host -> the container that has it, and where. Merged trees are here too.
    roots: HashMap<PathBuf, Inside>,
}

impl Table {
    /// From this host's mounts; containers are added.
    #[must_use]
    pub fn new(host: &Mounts) -> Self {
        let mut table = Self::default();
        for mount in host.list.iter().filter(|mount| mount.fstype == "overlay") {
            table.overlay(mount, Some(&mount.point), None);
        }
        table
    }

    fn overlay(&mut self, mount: &Mount, point: Option<&Path>, inside: Option<Inside>) {
        let folder = |name| mount.option(name).next().map(folder).filter(|folder| folder.is_absolute());
        let Some(upper) = folder("upperdir") else { return };
        if let Some(known) = self.uppers.get(&upper).and_then(|at| self.overlays.get_mut(*at)) {
            known.point = known.point.take().or_else(|| point.map(Path::to_owned));
            known.inside = inside.or(known.inside.take());
            return;
        }
        if self.uppers.len() >= MOST {
            return;
        }
        // Of a mount that this host does not have, the option is a name in another namespace, where anything may lie.
        if point.is_some()
            && let Some(work) = folder("workdir")
        {
            self.works.insert(work, ());
        }
        let lowers = mount.option("lowerdir").chain(mount.option("lowerdir+")).flat_map(|list| split(list, b':'));
        let lowers = lowers.map(self::folder).filter(|lower| lower.is_absolute()).collect();
        self.uppers.insert(upper.clone(), self.overlays.len());
        self.overlays.push(Overlay { upper, lowers, point: point.map(Path::to_owned), inside });
    }

    /// The container of this process, by its own mount table. `host`: this host's.
    pub fn add_container(&mut self, pid: u32, id: &str, own: &Mounts, host: &Mounts) {
        for mount in &own.list {
            let inside = Inside { container: id.into(), pid, path: mount.point.clone() };
            if mount.fstype == "overlay" {
                let here = host.of_dev(mount.dev).next().map(|known| known.point.clone());
                self.overlay(mount, here.as_deref(), Some(inside.clone()));
                if let Some(here) = here {
                    self.root(here, inside);
                }
            } else if mount.root != Path::new("/") && !mount.made_up() {
                // A folder or file of a file system that this host has mounted too.
                let here: Vec<_> = host.outside(mount.dev, &mount.root).collect();
                here.into_iter().for_each(|here| self.root(here, inside.clone()));
            }
        }
    }

    fn root(&mut self, host: PathBuf, inside: Inside) {
        if host != Path::new("/") && self.roots.len() < MOST {
            self.roots.entry(host).or_insert(inside);
        }
    }

    /// Forgets a container. Its overlay stays known while it is mounted here.
    pub fn remove_container(&mut self, pid: u32) {
        self.roots.retain(|_, inside| inside.pid != pid);
        for overlay in &mut self.overlays {
            overlay.inside.take_if(|inside| inside.pid == pid);
        }
    }

    /// The upper directory of the overlay that is mounted here and holds this path, and the path in it.
    #[must_use]
    pub fn upper(&self, path: &Path) -> Option<PathBuf> {
        let under = self.overlays.iter().filter(|overlay| overlay.point.as_ref().is_some_and(|p| path.starts_with(p)));
        let longest =
            under.max_by_key(|overlay| overlay.point.as_ref().map_or(0, |point| point.components().count()))?;
        Some(joined(&longest.upper, path.strip_prefix(longest.point.as_ref()?).ok()?))
    }

    /// Whether the path lies in a work directory.
    #[must_use]
    pub fn is_work(&self, path: &Path) -> bool {
        !self.works.is_empty() && path.ancestors().any(|folder| self.works.contains_key(folder))
    }

    /// Where this host path of a backing file system lies in a merged tree; `None`: in none.
    #[must_use]
    pub fn merged(&self, path: &Path) -> Option<Merged> {
        if self.uppers.is_empty() {
            return None;
        }
        let at = path.ancestors().find_map(|folder| self.uppers.get(folder))?;
        let overlay = self.overlays.get(*at)?;
        let rest = path.strip_prefix(&overlay.upper).ok()?;
        let inside = overlay.inside.as_ref();
        Some(Merged {
            host: overlay.point.as_ref().map(|point| joined(point, rest)),
            inside: inside.map(|inside| Inside { path: joined(&inside.path, rest), ..inside.clone() }),
            lowers: overlay.lowers.iter().map(|lower| joined(lower, rest)).collect(),
        })
    }

    /// Whether the path lies in the root of a container, not only in a folder of this host that a container has as a volume.
    #[must_use]
    pub fn in_own_root(&self, path: &Path) -> bool {
        let found = path.ancestors().find_map(|folder| self.roots.get(folder));
        found.is_some_and(|inside| inside.path == Path::new("/"))
    }

    /// The container and its path of a path in a merged tree, a container's root folder or a volume, as this host sees it.
    #[must_use]
    pub fn inside(&self, path: &Path) -> Option<Inside> {
        if self.roots.is_empty() {
            return None;
        }
        let (root, inside) = path.ancestors().find_map(|folder| Some((folder, self.roots.get(folder)?)))?;
        let rest = path.strip_prefix(root).ok()?;
        Some(Inside { path: joined(&inside.path, rest), ..inside.clone() })
    }

    /// The path on this host of a path in the container of this process, where this host has one.
    #[must_use]
    pub fn host(&self, pid: u32, inside: &Path) -> Option<PathBuf> {
        let own = self.roots.iter().filter(|(_, known)| known.pid == pid && inside.starts_with(&known.path));
        let (host, known) = own.max_by_key(|(_, known)| known.path.components().count())?;
        Some(joined(host, inside.strip_prefix(&known.path).ok()?))
    }
}

fn joined(folder: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() { folder.to_owned() } else { folder.join(rest) }
}

/// A folder in an option: overlayfs puts a backslash before `:` `,` and `\`.
fn folder(text: &[u8]) -> PathBuf {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        let byte = if *byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte };
        plain.push(*byte);
    }
    OsString::from_vec(plain).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mountinfo;

    const HOST: &[u8] = b"27 1 254:0 / / rw - ext4 /dev/vda rw\n\
        40 27 0:50 / /run/box/merged rw - overlay overlay rw,lowerdir=/l1:/l\\134:2,upperdir=/data/box/diff,workdir=/data/box/work\n";

    fn at(inside: Option<&Inside>) -> (&str, u32, &Path) {
        let inside = inside.unwrap();
        (&inside.container, inside.pid, &inside.path)
    }

    #[test]
    fn an_upper_path_is_the_merged_path_and_the_containers() {
        let host = mountinfo::read(HOST);
        let mut table = Table::new(&host);
        let merged = table.merged(Path::new("/data/box/diff/etc/x")).unwrap();
        assert_eq!(merged.host.as_deref(), Some(Path::new("/run/box/merged/etc/x")));
        assert_eq!((merged.inside, merged.lowers), (None, vec!["/l1/etc/x".into(), "/l:2/etc/x".into()]));
        let own = mountinfo::read(
            b"90 80 0:50 / / rw - overlay overlay rw,lowerdir=/l1,upperdir=/data/box/diff,workdir=/data/box/work\n\
              91 90 254:0 /srv/volume /data rw - ext4 /dev/vda rw\n",
        );
        table.add_container(77, "abc", &own, &host);
        let merged = table.merged(Path::new("/data/box/diff/etc/x")).unwrap();
        assert_eq!(at(merged.inside.as_ref()), ("abc", 77, Path::new("/etc/x")));
        assert_eq!(at(table.inside(Path::new("/run/box/merged/etc")).as_ref()).2, Path::new("/etc"));
        assert_eq!(at(table.inside(Path::new("/srv/volume/f")).as_ref()), ("abc", 77, Path::new("/data/f")));
        assert_eq!(table.host(77, Path::new("/data/f")).unwrap(), Path::new("/srv/volume/f"));
        assert_eq!(table.host(77, Path::new("/etc/x")).unwrap(), Path::new("/run/box/merged/etc/x"));
        assert_eq!(table.upper(Path::new("/run/box/merged/etc/x")).unwrap(), Path::new("/data/box/diff/etc/x"));
        table.remove_container(77);
        assert_eq!(table.inside(Path::new("/srv/volume/f")), None);
        assert!(table.merged(Path::new("/data/box/diff")).unwrap().inside.is_none());
    }

    #[test]
    fn work_is_never_shown_and_neighbours_are_not_it() {
        let table = Table::new(&mountinfo::read(HOST));
        assert!(table.is_work(Path::new("/data/box/work/work/#1a")));
        assert!(!table.is_work(Path::new("/data/box/workshop")));
        assert_eq!(table.merged(Path::new("/data/box/diffs/x")), None);
    }

    #[test]
    fn a_container_in_a_plain_folder() {
        let host = mountinfo::read(HOST);
        let mut table = Table::new(&host);
        let own =
            mountinfo::read(b"90 80 254:0 /srv/root / rw - ext4 /dev/vda rw\n91 90 0:60 / /tmp rw - tmpfs tmpfs rw\n");
        table.add_container(5, "", &own, &host);
        assert_eq!(at(table.inside(Path::new("/srv/root/etc/passwd")).as_ref()), ("", 5, Path::new("/etc/passwd")));
        assert_eq!(table.inside(Path::new("/tmp/x")), None);
    }

    #[test]
    fn the_whole_host_in_a_container_does_not_make_the_host_a_container() {
        let host = mountinfo::read(HOST);
        let mut table = Table::new(&host);
        table.add_container(5, "", &mountinfo::read(b"91 90 254:0 / /host rw - ext4 /dev/vda rw\n"), &host);
        assert_eq!(table.inside(Path::new("/etc/passwd")), None);
    }
}
