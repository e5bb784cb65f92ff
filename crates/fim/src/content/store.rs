//! Old texts on disk: one file a path, zstd, readable by root alone.
//!
//! ```text
//! DIR/key          32 random bytes, the key of secrets' tags
//! DIR/HEX          HEX: BLAKE3 of the path; zstd of: magic | digest of the content it was made of | redacted text
//! ```

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::redact::Redacted;
use super::{Texts, refused, text, unified};
use crate::change::Diff;
use crate::entry::{Digest, Entry};
use crate::policy::DiffRule;

/// Bytes that all texts together take at most.
pub const QUOTA: u64 = 64 << 20;
/// Texts kept at most, whatever their size.
pub(super) const TEXTS: usize = 65_536;
const MAGIC: &[u8; 8] = b"auditng1";
/// Text that a kept file may unpack to.
const UNPACKED: u64 = 64 << 20;

type Name = [u8; 32];

/// Why the folder of old texts cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}", path = path.display())]
pub struct Error {
    path: PathBuf,
    source: std::io::Error,
}

/// Old texts; see the module.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    key: [u8; 32],
    quota: u64,
    used: u64,
    /// Bytes and time of last use of each.
    texts: HashMap<Name, (u64, u64)>,
    /// The same by time.
    order: BTreeMap<u64, Name>,
    clock: u64,
    /// What had to go for others, so that its next difference says so; forgotten at the next start.
    evicted: HashSet<Name>,
}

impl Store {
    /// Opens the folder, making it if it is not there. What is in it beyond the quota goes, the oldest first.
    ///
    /// # Errors
    /// The folder or its key cannot be made or read.
    pub fn open(folder: &Path, quota: u64) -> Result<Self, Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
        let key = key(&folder.join("key")).map_err(failed(&folder.join("key")))?;
        let mut store = Self {
            folder: folder.to_owned(),
            key,
            quota,
            used: 0,
            texts: HashMap::new(),
            order: BTreeMap::new(),
            clock: 0,
            evicted: HashSet::new(),
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed(folder))?.flatten() {
            let (Some(name), Ok(metadata)) = (name_of(&entry.file_name()), entry.metadata()) else { continue };
            found.push((metadata.mtime(), metadata.mtime_nsec(), name, metadata.len()));
        }
        found.sort_unstable();
        for (_, _, name, bytes) in found {
            store.note(name, bytes);
        }
        store.shrink(0);
        Ok(store)
    }

    /// Bytes that are used.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Texts that are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Whether the text of this entry is kept.
    #[must_use]
    pub fn has(&self, path: &Path, entry: &Entry) -> bool {
        self.kept(&name(path)).is_some_and(|(of, _)| of == digest(entry))
    }

    fn file(&self, name: &Name) -> PathBuf {
        self.folder.join(Digest(*name).to_string())
    }

    fn note(&mut self, name: Name, bytes: u64) {
        self.drop_note(&name);
        self.clock += 1;
        self.used += bytes;
        self.texts.insert(name, (bytes, self.clock));
        self.order.insert(self.clock, name);
        self.evicted.remove(&name);
    }

    fn drop_note(&mut self, name: &Name) {
        if let Some((bytes, at)) = self.texts.remove(name) {
            self.used -= bytes;
            self.order.remove(&at);
        }
    }

    /// Makes room for so many bytes.
    fn shrink(&mut self, room: u64) {
        while self.used + room > self.quota || self.texts.len() >= TEXTS {
            let Some((_, name)) = self.order.pop_first() else { return };
            // One that cannot be removed is counted no more; it is found at the next start.
            let _gone = fs::remove_file(self.file(&name));
            self.drop_note(&name);
            if self.evicted.len() < TEXTS {
                self.evicted.insert(name);
            }
        }
    }

    fn kept(&self, name: &Name) -> Option<(Digest, Redacted)> {
        self.texts.get(name)?;
        let file = File::open(self.file(name)).ok()?;
        let mut bytes = Vec::new();
        zstd::Decoder::new(file).ok()?.take(UNPACKED).read_to_end(&mut bytes).ok()?;
        let rest = bytes.strip_prefix(MAGIC)?;
        let (of, text) = rest.split_at_checked(32)?;
        let text = Redacted::read(std::str::from_utf8(text).ok()?)?;
        Some((Digest(of.try_into().ok()?), text))
    }

    /// Keeps a text; false: it alone is beyond the quota, or the disk refuses.
    fn put(&mut self, name: Name, of: Digest, text: &Redacted) -> bool {
        let mut plain = MAGIC.to_vec();
        plain.extend(of.0);
        plain.extend(text.stored().as_bytes());
        let Ok(packed) = zstd::encode_all(&*plain, 3) else { return false };
        let bytes = packed.len() as u64;
        self.drop_note(&name);
        if bytes > self.quota {
            let _gone = fs::remove_file(self.file(&name));
            self.evicted.insert(name);
            return false;
        }
        self.shrink(bytes);
        let new = self.folder.join("new");
        let written =
            create(&new).and_then(|mut file| file.write_all(&packed)).and_then(|()| fs::rename(&new, self.file(&name)));
        if written.is_ok() {
            self.note(name, bytes);
        }
        written.is_ok()
    }

    fn now(&self, path: &Path, entry: &Entry, rule: &DiffRule) -> Result<Redacted, &'static str> {
        let bytes = read(path, entry, rule.max_file)?;
        text(&bytes).map(|text| Redacted::of(&text, &self.key)).ok_or("binary")
    }
}

impl Texts for Store {
    fn difference(&mut self, path: &Path, before: &Entry, after: &Entry, rule: &DiffRule) -> Diff {
        let name = name(path);
        if let Some(why) = refused(path, Some(before), after, rule) {
            self.forget(path);
            return Diff::Missing(why);
        }
        let now = match self.now(path, after, rule) {
            Ok(now) => now,
            Err(why) => {
                if why == "binary" {
                    self.forget(path);
                }
                return Diff::Missing(why);
            }
        };
        let evicted = self.evicted.contains(&name);
        let old = self.kept(&name).filter(|(of, _)| *of == digest(before));
        let kept = self.put(name, digest(after), &now);
        match old {
            Some((_, old)) => unified(&old, &now, rule.max_diff),
            None if evicted || !kept => Diff::Missing("quota"),
            None => Diff::Missing("no-previous"),
        }
    }

    fn keep(&mut self, path: &Path, entry: &Entry, rule: &DiffRule) {
        if refused(path, None, entry, rule).is_some() {
            return self.forget(path);
        }
        if let Ok(now) = self.now(path, entry, rule) {
            self.put(name(path), digest(entry), &now);
        }
    }

    fn moved(&mut self, old: &Path, new: &Path) {
        let (from, to) = (name(old), name(new));
        let Some((bytes, _)) = self.texts.get(&from).copied() else { return };
        if fs::rename(self.file(&from), self.file(&to)).is_ok() {
            self.drop_note(&from);
            self.note(to, bytes);
        }
    }

    fn forget(&mut self, path: &Path) {
        let name = name(path);
        self.evicted.remove(&name);
        if self.texts.contains_key(&name) {
            self.drop_note(&name);
            let _gone = fs::remove_file(self.file(&name));
        }
    }
}

fn name(path: &Path) -> Name {
    *blake3::hash(path.as_os_str().as_bytes()).as_bytes()
}

fn name_of(file: &std::ffi::OsStr) -> Option<Name> {
    Some(*blake3::Hash::from_hex(file.as_bytes()).ok()?.as_bytes())
}

/// What tells one content from another: the digest where there is one, else what the stat says.
fn digest(entry: &Entry) -> Digest {
    entry.hashes.blake3.or(entry.hashes.sha256).unwrap_or_else(|| {
        let stat =
            [entry.id.dev, entry.id.inode, entry.size, entry.mtime_ns.cast_unsigned(), entry.ctime_ns.cast_unsigned()];
        let bytes: Vec<u8> = stat.into_iter().flat_map(u64::to_le_bytes).collect();
        Digest(*blake3::hash(&bytes).as_bytes())
    })
}

fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// The key of this folder, made when it is not there.
fn key(path: &Path) -> std::io::Result<[u8; 32]> {
    if let Ok(bytes) = fs::read(path)
        && let Ok(key) = bytes.try_into()
    {
        return Ok(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(std::io::Error::other)?;
    let new = path.with_extension("new");
    create(&new)?.write_all(&key)?;
    fs::rename(&new, path)?;
    Ok(key)
}

/// The content, if it is still the one that was looked at.
fn read(path: &Path, entry: &Entry, max: u64) -> Result<Vec<u8>, &'static str> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|_| "unreadable")?;
    let same = |file: &File| {
        let now = file.metadata().map_err(|_| "unreadable")?;
        let time = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
        let stat = (now.ino(), now.len(), time(now.mtime(), now.mtime_nsec()), time(now.ctime(), now.ctime_nsec()));
        if stat == (entry.id.inode, entry.size, entry.mtime_ns, entry.ctime_ns) { Ok(()) } else { Err("changed") }
    };
    same(&file)?;
    let mut bytes = Vec::new();
    (&file).take(max + 1).read_to_end(&mut bytes).map_err(|_| "unreadable")?;
    same(&file)?;
    if bytes.len() as u64 > max { Err("too-large") } else { Ok(bytes) }
}
