//! What dpkg says of files: `/var/lib/dpkg/info/*.md5sums`, `*.list`, the conffiles in `status` and `updates`, and `tmp.ci` of a package
//! that is being unpacked.
//!
//! Only packages whose lists were written a moment ago are read: those are the ones of the transaction. dpkg knows no modes and
//! owners, and no digests of folders and links: a folder is owned when it is listed and only root may write to it, a link when it
//! and what it points to are.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use md5::{Digest as _, Md5};

use super::{Package, Packages};
use crate::change::Change;
use crate::entry::{Entry, Kind};

/// Lists written so long before the newest change belong to its transaction, seconds.
const RECENT: i64 = 900;
/// The lists are read again for a file that nothing owns after this, at the earliest.
const AGAIN: Duration = Duration::from_millis(500);
/// Bytes of one list, of `status` and of one update that are read at most.
const LIST: u64 = 64 << 20;
/// Packages of one transaction that are known at one time; beyond, the files of more stay alerts.
const PACKAGES: usize = 4_096;
/// Ends of names under which dpkg unpacks and keeps what it will take away again.
const TEMPORARY: [&[u8]; 2] = [b".dpkg-new", b".dpkg-tmp"];

type Md5Sum = [u8; 16];

/// The lists of one package.
#[derive(Debug, Default)]
struct Lists {
    /// When they were written: seconds and nanoseconds of the ctime, and how long they are.
    written: (i64, i64, u64),
    /// By path without the slash at its beginning.
    sums: HashMap<Vec<u8>, Md5Sum>,
    listed: HashSet<Vec<u8>>,
}

/// dpkg's database.
#[derive(Debug)]
pub struct Dpkg {
    /// What paths in lists begin at.
    root: PathBuf,
    folder: PathBuf,
    packages: HashMap<String, Lists>,
    versions: HashMap<String, String>,
    conffiles: HashMap<Vec<u8>, (String, Md5Sum)>,
    /// The change after which everything was read.
    read: i64,
    /// When that was: it costs some milliseconds, and who writes thousands of files must not make it be done for each.
    looked: Option<Instant>,
}

impl Dpkg {
    /// The database of the system under this root, `/` as a rule. `None`: there is none.
    #[must_use]
    pub fn open(root: &Path) -> Option<Self> {
        let folder = root.join("var/lib/dpkg");
        folder.join("info").is_dir().then(|| Self {
            root: root.to_owned(),
            folder,
            packages: HashMap::new(),
            versions: HashMap::new(),
            conffiles: HashMap::new(),
            read: i64::MIN,
            looked: None,
        })
    }

    /// Reads what was written since a while before this time (seconds).
    fn refresh(&mut self, at: i64) {
        let recent = |written: i64| written >= at - RECENT;
        self.packages.retain(|_, lists| recent(lists.written.0));
        for (name, path) in lists_in(&self.folder.join("info")) {
            let Ok(metadata) = path.metadata() else { continue };
            let written = (metadata.ctime(), metadata.ctime_nsec(), metadata.len());
            let known = self.packages.get(&name).is_some_and(|lists| lists.written == written);
            if !known && recent(written.0) && self.packages.len() < PACKAGES {
                let list = path.with_extension("list");
                self.packages.insert(name, Lists { written, sums: sums(&read(&path)), listed: listed(&read(&list)) });
            }
        }
        self.unpacked_now(at);
        self.status();
        self.read = at;
    }

    /// The package that is being unpacked has its lists elsewhere until it is.
    fn unpacked_now(&mut self, at: i64) {
        let folder = self.folder.join("tmp.ci");
        let control = read(&folder.join("control"));
        let Some(package) = stanzas(&control).next().and_then(package) else { return };
        let sums = sums(&read(&folder.join("md5sums")));
        self.versions.insert(package.name.clone(), package.version);
        self.packages.entry(package.name).or_insert(Lists { written: (at, 0, 0), sums, listed: HashSet::new() });
    }

    fn status(&mut self) {
        let mut files: Vec<PathBuf> = fs::read_dir(self.folder.join("updates"))
            .into_iter()
            .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
            .collect();
        files.sort();
        for file in std::iter::once(self.folder.join("status")).chain(files) {
            for stanza in stanzas(&read(&file)) {
                let Some(package) = package(stanza) else { continue };
                if !self.packages.contains_key(&package.name) {
                    continue;
                }
                for (path, sum) in conffiles(stanza) {
                    self.conffiles.insert(path, (package.name.clone(), sum));
                }
                self.versions.insert(package.name, package.version);
            }
        }
    }

    fn of_file(&self, names: &[Vec<u8>], path: &Path, entry: &Entry) -> Option<String> {
        let owner = names.iter().find_map(|name| {
            let conffile = self.conffiles.get(name).map(|(package, sum)| (package, *sum));
            conffile
                .or_else(|| self.packages.iter().find_map(|(package, lists)| Some((package, *lists.sums.get(name)?))))
        });
        let (package, sum) = owner?;
        (md5(path, entry)? == sum).then(|| package.clone())
    }

    fn listing(&self, names: &[Vec<u8>]) -> Option<&String> {
        let lists = |name: &Vec<u8>| {
            self.packages.iter().find(|(_, lists)| lists.listed.contains(name) || lists.sums.contains_key(name))
        };
        names.iter().find_map(lists).map(|(package, _)| package)
    }

    fn names(&self, path: &Path) -> Vec<Vec<u8>> {
        path.strip_prefix(&self.root).map(names).unwrap_or_default()
    }

    fn find(&self, change: &Change, entry: &Entry) -> Option<String> {
        let names = self.names(&change.path);
        match entry.kind {
            Kind::File => match temporary(&change.path).filter(|_| change.path.symlink_metadata().is_err()) {
                // It has become what it was made for, of which is told by itself.
                Some(path) => self.listing(&self.names(&path)).cloned(),
                None => self.of_file(&names, &change.path, entry),
            },
            Kind::Directory => self.listing(&names).filter(|_| entry.uid == 0 && entry.mode & 0o022 == 0).cloned(),
            Kind::Symlink => {
                let target = Path::new(OsStr::from_bytes(entry.target.as_deref()?));
                let target = plain(&change.path.parent()?.join(target));
                self.listing(&self.names(&target))?;
                self.listing(&names).cloned()
            }
            Kind::Fifo | Kind::Socket | Kind::Character | Kind::Block => None,
        }
    }
}

impl Packages for Dpkg {
    fn owner(&mut self, change: &Change) -> Option<Package> {
        let entry = change.after.as_ref()?;
        let at = change.time.millis() / 1000;
        let found = self.find(change, entry).or_else(|| {
            // Asked again and again while a package is unpacked, so the lists are read at most once for each second.
            if self.looked.is_some_and(|looked| looked.elapsed() < AGAIN) {
                return None;
            }
            self.refresh(at.max(self.read));
            self.looked = Some(Instant::now());
            self.find(change, entry)
        });
        found.map(|name| Package { version: self.versions.get(&name).cloned().unwrap_or_default(), name })
    }

    fn versions(&mut self, names: &[String]) -> Vec<String> {
        self.status();
        names.iter().map(|name| self.versions.get(name).cloned().unwrap_or_default()).collect()
    }
}

/// Packages and their lists of digests; `NAME:ARCH` is NAME.
fn lists_in(info: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(info).into_iter().flat_map(Iterator::flatten);
    let list = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".md5sums")?;
        Some((name.split(':').next()?.to_owned(), path.clone()))
    };
    entries.filter_map(|entry| list(entry.path())).collect()
}

fn read(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What cannot be read says nothing of any file, so that all stays an alert.
    if let Ok(file) = File::open(path)
        && file.take(LIST).read_to_end(&mut bytes).is_err()
    {
        bytes.clear();
    }
    bytes
}

/// `0123456789abcdef0123456789abcdef  usr/bin/x`.
fn sums(bytes: &[u8]) -> HashMap<Vec<u8>, Md5Sum> {
    let line = |line: &[u8]| {
        let (sum, path) = line.split_at_checked(32)?;
        let path = path.strip_prefix(b"  ")?;
        Some((path.to_vec(), hex(sum)?))
    };
    bytes.split(|byte| *byte == b'\n').filter_map(line).collect()
}

/// `/usr/bin/x`.
fn listed(bytes: &[u8]) -> HashSet<Vec<u8>> {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"/")).map(<[u8]>::to_vec).collect()
}

fn hex(text: &[u8]) -> Option<Md5Sum> {
    let mut sum = [0; 16];
    let (pairs, _) = text.as_chunks::<2>();
    if pairs.len() != 16 {
        return None;
    }
    for (byte, pair) in sum.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(sum)
}

fn stanzas(bytes: &[u8]) -> impl Iterator<Item = &str> {
    std::str::from_utf8(bytes).unwrap_or_default().split("\n\n")
}

fn package(stanza: &str) -> Option<Package> {
    let field =
        |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
    Some(Package { name: field("Package:")?, version: field("Version:").unwrap_or_default() })
}

/// ` /etc/x 0123456789abcdef0123456789abcdef` below `Conffiles:`.
fn conffiles(stanza: &str) -> Vec<(Vec<u8>, Md5Sum)> {
    let lines = stanza.lines().skip_while(|line| !line.starts_with("Conffiles:")).skip(1);
    let line = |line: &str| {
        let (path, sum) = line.trim_start().strip_prefix('/')?.rsplit_once(' ')?;
        Some((path.as_bytes().to_vec(), hex(sum.as_bytes())?))
    };
    lines.take_while(|line| line.starts_with(' ')).filter_map(line).collect()
}

/// The names that lists may have for a path below the root: packages still say `/bin/x` of what is `/usr/bin/x`.
fn names(path: &Path) -> Vec<Vec<u8>> {
    let bytes = path.as_os_str().as_bytes();
    let merged = bytes
        .strip_prefix(b"usr/")
        .filter(|rest| [&b"bin/"[..], b"sbin/", b"lib"].iter().any(|part| rest.starts_with(part)));
    std::iter::once(bytes).chain(merged).map(<[u8]>::to_vec).collect()
}

fn temporary(path: &Path) -> Option<PathBuf> {
    let bytes = path.as_os_str().as_bytes();
    let plain = TEMPORARY.iter().find_map(|end| bytes.strip_suffix(*end))?;
    Some(PathBuf::from(std::ffi::OsString::from_vec(plain.to_vec())))
}

/// Without `.` and `..`, by the words alone.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut so_far, part| {
        match part {
            Component::ParentDir => _ = so_far.pop(),
            Component::CurDir => {}
            other => so_far.push(other),
        }
        so_far
    })
}

/// Of what is there, if it still is what was looked at.
fn md5(path: &Path, entry: &Entry) -> Option<Md5Sum> {
    if let Some(sum) = entry.hashes.md5 {
        return Some(sum);
    }
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY;
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let same = |file: &File| {
        let now = file.metadata().ok()?;
        let time = now.ctime().saturating_mul(1_000_000_000).saturating_add(now.ctime_nsec());
        (now.is_file() && (now.ino(), now.len(), time) == (entry.id.inode, entry.size, entry.ctime_ns)).then_some(())
    };
    same(&file)?;
    let (mut hasher, mut buffer) = (Md5::new(), vec![0; 128 << 10]);
    loop {
        match file.read(&mut buffer).ok()? {
            0 => break,
            got => hasher.update(&buffer[..got]),
        }
    }
    same(&file)?;
    Some(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_conffiles_are_read() {
        let text = b"d41d8cd98f00b204e9800998ecf8427e  usr/share/doc/a b\nbad\n";
        let sums = sums(text);
        assert_eq!(sums.len(), 1);
        assert_eq!(sums[&b"usr/share/doc/a b"[..]][0], 0xd4);
        let stanza = "Package: x\nVersion: 1:2-3\nConffiles:\n /etc/x d41d8cd98f00b204e9800998ecf8427e\n /etc/y newconffile\nHomepage: z\n";
        assert_eq!(package(stanza).unwrap().version, "1:2-3");
        assert_eq!(conffiles(stanza).len(), 1);
        assert_eq!(names(Path::new("usr/bin/x")), [b"usr/bin/x".to_vec(), b"bin/x".to_vec()]);
        assert_eq!(plain(Path::new("/a/b/../c/./d")), Path::new("/a/c/d"));
    }
}
