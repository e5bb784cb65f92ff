//! Names of users and groups, from `/etc/passwd` and `/etc/group` alone.
//!
//! The files are read again when they change, so a lookup never waits. Directory services (NSS) are not asked: that can
//! block on the network, and its own connections would show up as audit events.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use audit::normalize::Names;
use schema::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Span;
use crate::sys::proc::read;

/// The keys of `[users]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long the users of a container are believed before they are read again.
    pub ttl: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self { ttl: Span(Duration::from_secs(60)) }
    }
}

/// How often the files are looked at.
const LOOK_MS: i64 = 1000;
/// Bytes read of a file; the rest of a larger one is not known.
const MOST_BYTES: usize = 16 << 20;
/// Ids known; the rest of a longer file is not.
const MOST_IDS: usize = 16_384;

/// Users and groups of one root.
#[derive(Debug)]
pub struct Users {
    users: Table,
    groups: Table,
    looked: Timestamp,
}

#[derive(Debug)]
struct Table {
    path: PathBuf,
    read_at: Option<Mark>,
    names: HashMap<u32, Box<str>>,
}

/// A file that was replaced within the clock's tick still has another inode or length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mark {
    modified: SystemTime,
    inode: u64,
    length: u64,
}

impl Users {
    /// Those of this host.
    #[must_use]
    pub fn of_host() -> Self {
        Self::below(Path::new("/"))
    }

    /// Those of the files below `root`.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        let mut users = Self {
            users: Table::new(root.join("etc/passwd")),
            groups: Table::new(root.join("etc/group")),
            looked: Timestamp::default(),
        };
        users.users.refresh();
        users.groups.refresh();
        users
    }

    /// Reads the files again if they changed; looks at most once a second.
    pub fn refresh(&mut self, now: Timestamp) {
        if (now.millis() - self.looked.millis()).abs() < LOOK_MS {
            return;
        }
        self.looked = now;
        self.users.refresh();
        self.groups.refresh();
    }
}

impl Names for Users {
    fn user(&self, id: u32) -> Option<&str> {
        self.users.names.get(&id).map(|name| &**name)
    }

    fn group(&self, id: u32) -> Option<&str> {
        self.groups.names.get(&id).map(|name| &**name)
    }
}

impl Table {
    fn new(path: PathBuf) -> Self {
        Self { path, read_at: None, names: HashMap::new() }
    }

    fn refresh(&mut self) {
        let mark = Mark::of(&self.path);
        if mark == self.read_at {
            return;
        }
        self.read_at = mark;
        self.names = parse(&read(&self.path, MOST_BYTES).unwrap_or_default());
    }
}

impl Mark {
    /// Of a regular file; anything else (a FIFO would block) counts as absent.
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        Some(Self { modified: metadata.modified().ok()?, inode: metadata.ino(), length: metadata.len() })
    }
}

/// Lines `name:password:id:...`; the first name of an id counts, as in getpwuid(3). Names that are not UTF-8 are skipped.
pub(super) fn parse(text: &[u8]) -> HashMap<u32, Box<str>> {
    let mut names = HashMap::new();
    for line in text.split(|&byte| byte == b'\n') {
        let mut fields = line.split(|&byte| byte == b':');
        let (Some(name), Some(id)) = (fields.next(), fields.nth(1)) else { continue };
        let (Ok(name), Some(id)) = (str::from_utf8(name), str::from_utf8(id).ok().and_then(|id| id.parse().ok()))
        else {
            continue;
        };
        if names.len() == MOST_IDS {
            break;
        }
        if !name.is_empty() {
            names.entry(id).or_insert_with(|| name.into());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn lines_of_passwd() {
        let text = b"root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\n# comment\n+::::::\nweb:x:33\n:x:5\nbad:x:-1:\nlast:x:4294967295:1";
        let names = parse(text);
        let name = |id: u32| names.get(&id).map(|name| &**name);
        assert_eq!([name(0), name(33), name(5), name(u32::MAX)], [Some("root"), Some("web"), None, Some("last")]);
        assert_eq!(names.len(), 3);
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let passwd = root.path().join("etc/passwd");
        fs::write(&passwd, "web:x:33:33::/:/bin/sh\n").unwrap();
        let mut users = Users::below(root.path());
        assert_eq!((users.user(33), users.user(34), users.group(33)), (Some("web"), None, None));
        fs::write(&passwd, "web:x:33:33::/:/bin/sh\nnews:x:34:34::/:/bin/sh\n").unwrap();
        users.refresh(Timestamp::from_millis(10_000));
        assert_eq!(users.user(34), Some("news"));
        fs::remove_file(&passwd).unwrap();
        users.refresh(Timestamp::from_millis(20_000));
        assert_eq!(users.user(33), None);
    }

    #[test]
    fn a_fifo_does_not_block() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let status = std::process::Command::new("mkfifo").arg(root.path().join("etc/passwd")).status().unwrap();
        assert!(status.success());
        assert_eq!(Users::below(root.path()).user(0), None);
    }

    #[test]
    fn ids_are_bounded() {
        let text: String = (0..MOST_IDS + 10).map(|id| format!("u{id}:x:{id}:\n")).collect();
        assert_eq!(parse(text.as_bytes()).len(), MOST_IDS);
    }
}
