//! `/proc/PID/mountinfo` as values (`Documentation/filesystems/proc.rst`, section 3.5).
//!
//! Pure. A line that cannot be read is counted and left out; a table holds at most [`MOST`] mounts, further ones are counted.
//!
//! ```text
//! 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
//! id parent dev root point options [tags] - type source super-options
//! ```
//! Space, tab, newline, backslash and `#` stand there in octal: `\040`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Mounts in a table, at most.
pub const MOST: usize = 4_096;

/// One mount.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mount {
    /// Kernel's number; used again after an unmount.
    pub id: u64,
    /// The mount that it lies on.
    pub parent: u64,
    /// Device of the file system, as `makedev` packs it.
    pub dev: u64,
    /// Which folder or file of the file system is mounted.
    pub root: PathBuf,
    /// Where, as the process of this table sees it.
    pub point: PathBuf,
    /// Type: `ext4`, `fuse.sshfs`.
    pub fstype: String,
    /// Device or whatever the file system calls its source.
    pub source: PathBuf,
    /// Options of the file system, octal escapes undone.
    pub options: Vec<u8>,
}

/// All mounts of a namespace, in the kernel's order: later ones lie over earlier ones.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mounts {
    /// Those that could be read.
    pub list: Vec<Mount>,
    /// Lines that could not.
    pub bad: usize,
    /// Mounts beyond [`MOST`].
    pub left_out: usize,
}

/// Reads a whole table.
#[must_use]
pub fn read(text: &[u8]) -> Mounts {
    let mut mounts = Mounts::default();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match mount(line) {
            None => mounts.bad += 1,
            Some(_) if mounts.list.len() >= MOST => mounts.left_out += 1,
            Some(mount) => mounts.list.push(mount),
        }
    }
    mounts
}

fn mount(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (id, parent) = (number(words.next()?)?, number(words.next()?)?);
    let dev = words.next()?;
    let colon = memchr::memchr(b':', dev)?;
    let (major, minor) = (number(dev.get(..colon)?)?, number(dev.get(colon + 1..)?)?);
    let dev = libc::makedev(u32::try_from(major).ok()?, u32::try_from(minor).ok()?);
    let (root, point) = (path(words.next()?), path(words.next()?));
    words.find(|word| *word == b"-")?;
    let fstype = String::from_utf8_lossy(&plain(words.next()?)).into_owned();
    // The source may be empty; then the super options stand in its place.
    let (source, options) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    (root.is_absolute() && point.is_absolute()).then(|| Mount {
        id,
        parent,
        dev,
        root,
        point,
        fstype,
        source: path(source),
        options: plain(options),
    })
}

fn number(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

fn path(word: &[u8]) -> PathBuf {
    OsString::from_vec(plain(word)).into()
}

/// Octal escapes undone; a backslash without three octal digits stays.
fn plain(word: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, behind @ ..] = rest {
        let digits = behind.first_chunk::<3>().filter(|_| *first == b'\\');
        let value = digits.and_then(|digits| {
            digits.iter().try_fold(0_u16, |value, digit| {
                (b'0'..=b'7').contains(digit).then(|| value * 8 + u16::from(digit - b'0'))
            })
        });
        match value.and_then(|value| u8::try_from(value).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = behind.get(3..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    out
}

impl Mount {
    /// The value of an option, escapes of the option itself (`\,` `\:`) left as they are.
    pub fn option(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let is =
            move |word: &&[u8]| word.get(..name.len()) == Some(name.as_bytes()) && word.get(name.len()) == Some(&b'=');
        split(&self.options, b',').into_iter().filter(is).map(|word| word.get(name.len() + 1..).unwrap_or_default())
    }

    /// Where a path of the file system lies under this mount; `None`: not under it.
    #[must_use]
    pub fn outside(&self, within: &Path) -> Option<PathBuf> {
        let rest = within.strip_prefix(&self.root).ok()?;
        Some(if rest.as_os_str().is_empty() { self.point.clone() } else { self.point.join(rest) })
    }

    /// The path within the file system of a path under this mount.
    #[must_use]
    pub fn within(&self, outside: &Path) -> Option<PathBuf> {
        let rest = outside.strip_prefix(&self.point).ok()?;
        Some(if rest.as_os_str().is_empty() { self.root.clone() } else { self.root.join(rest) })
    }

    /// Whether its writers may sit on other machines or in a program, so that no event can be trusted to come; the reason.
    #[must_use]
    pub fn remote(&self) -> Option<&'static str> {
        let network = [
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "smbfs",
            "ceph",
            "9p",
            "afs",
            "lustre",
            "ocfs2",
            "gfs2",
            "gpfs",
            "beegfs",
            "orangefs",
            "coda",
            "ncpfs",
            "virtiofs",
            "glusterfs",
        ];
        if network.contains(&self.fstype.as_str()) {
            return Some("a network file system: changes made elsewhere raise no events here");
        }
        let fuse = self.fstype == "fuse" || self.fstype == "fuseblk" || self.fstype.starts_with("fuse.");
        fuse.then_some("FUSE: changes made behind it raise no events here")
    }

    /// Whether the kernel makes up its files: nothing there is ever changed by writing.
    #[must_use]
    pub fn made_up(&self) -> bool {
        let types = [
            "proc",
            "sysfs",
            "devpts",
            "tracefs",
            "debugfs",
            "securityfs",
            "bpf",
            "cgroup",
            "cgroup2",
            "configfs",
            "efivarfs",
            "mqueue",
            "pstore",
            "nsfs",
            "binfmt_misc",
            "autofs",
            "rpc_pipefs",
            "selinuxfs",
            "fusectl",
            "hugetlbfs",
        ];
        types.contains(&self.fstype.as_str())
    }
}

/// Splits at a separator that is not behind a backslash.
pub(crate) fn split(text: &[u8], at: u8) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let (mut from, mut escaped) = (0, false);
    for (here, byte) in text.iter().enumerate() {
        if *byte == at && !escaped {
            parts.push(text.get(from..here).unwrap_or_default());
            from = here + 1;
        }
        escaped = *byte == b'\\' && !escaped;
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}

impl Mounts {
    /// The mount on which an absolute canonical path lies: the one that was put there last among those with the longest point.
    #[must_use]
    pub fn of(&self, path: &Path) -> Option<&Mount> {
        let under = self.list.iter().filter(|mount| path.starts_with(&mount.point));
        under.max_by_key(|mount| mount.point.components().count())
    }

    /// The mounts of a file system.
    pub fn of_dev(&self, dev: u64) -> impl Iterator<Item = &Mount> {
        self.list.iter().filter(move |mount| mount.dev == dev)
    }

    /// Paths in the namespace of a path within a file system.
    pub fn outside(&self, dev: u64, within: &Path) -> impl Iterator<Item = PathBuf> {
        self.of_dev(dev).filter_map(move |mount| mount.outside(within))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n\
        22 27 0:21 / /proc rw,relatime - proc proc rw\n\
        nonsense\n\
        36 27 254:0 /srv/a\\040b /mnt/x\\134y rw master:1 propagate_from:2 - ext4 /dev/vda rw\n\
        37 27 0:40 / /mnt/empty rw - tmpfs  rw,size=4k\n\
        40 27 0:50 / /merged rw - overlay overlay rw,lowerdir=/l1:/l\\134:2,upperdir=/up\\040per,workdir=/work\n";

    #[test]
    fn lines_with_escapes_tags_and_an_empty_source() {
        let mounts = read(TEXT);
        assert_eq!((mounts.list.len(), mounts.bad), (5, 1));
        let bind = &mounts.list[2];
        assert_eq!((bind.root.as_path(), bind.point.as_path()), (Path::new("/srv/a b"), Path::new("/mnt/x\\y")));
        assert_eq!(mounts.list[3].fstype, "tmpfs");
        let overlay = &mounts.list[4];
        assert_eq!(overlay.option("upperdir").collect::<Vec<_>>(), [b"/up per"]);
        assert_eq!(overlay.option("lowerdir").collect::<Vec<_>>(), [b"/l1:/l\\:2"]);
        assert_eq!(split(b"/l1:/l\\:2", b':'), [&b"/l1"[..], b"/l\\:2"]);
    }

    #[test]
    fn paths_in_and_out() {
        let mounts = read(TEXT);
        let found = mounts.of(Path::new("/mnt/x\\y/z")).unwrap();
        assert_eq!(found.id, 36);
        assert_eq!(found.within(Path::new("/mnt/x\\y/z")).unwrap(), Path::new("/srv/a b/z"));
        let outside: Vec<_> = mounts.outside(found.dev, Path::new("/srv/a b/z")).collect();
        assert_eq!(outside, [Path::new("/srv/a b/z"), Path::new("/mnt/x\\y/z")]);
        assert_eq!(mounts.of(Path::new("/mnt/xy")).unwrap().id, 27);
    }

    #[test]
    fn the_bound_is_counted() {
        let line = b"36 27 254:0 / /x rw - ext4 /dev/vda rw\n";
        let mounts = read(&line.repeat(MOST + 3));
        assert_eq!((mounts.list.len(), mounts.left_out), (MOST, 3));
    }

    #[test]
    fn backslashes_that_are_none_of_ours_stay() {
        assert_eq!(plain(b"a\\04 \\777 \\400 \\101 \\"), b"a\\04 \\777 \\400 A \\");
    }

    #[test]
    fn this_machines_own_table() {
        let mounts = read(&std::fs::read("/proc/self/mountinfo").unwrap());
        assert_eq!(mounts.bad, 0);
        assert!(mounts.of(Path::new("/proc/1")).is_some_and(|mount| mount.made_up()));
    }
}
