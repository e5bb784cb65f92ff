//! Append-only logs: new data is quiet, a change of old bytes is not.
//!
//! Of each log its size and one BLAKE3 digest for each MiB are kept ([`State`]), and while we run the digests of the whole file so
//! far. When it grew, the new bytes are read, the MiB in which it ended before, and one older MiB in turn; when it was written
//! without growing, all of it. What was rewritten while it grew, in a MiB whose turn it was not, is found by its turn or by the
//! next scan that reads the file.
//!
//! States go by object, not by name, so a rename keeps them. They outlive us where [`Segments`] does.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::entry::{Content, Digest, Entry, FileId, Hashes};
use crate::policy::{Gate, Policy};
use crate::who::Who;

/// Bytes with a digest of their own.
pub const SEGMENT: u64 = 1 << 20;
/// Logs whose states are kept in memory at most; beyond, one that is asked for again is read as a whole.
const LOGS: usize = 1_024;
/// Names looked at in a log's folder for what was copied from it.
const BESIDE: usize = 4_096;
/// Of those, files that are read.
const READ: usize = 8;

/// What is known of a log's bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// When the object was made, so that its number given out again is another; 0: not known.
    pub btime_ns: i64,
    /// So many bytes are known.
    pub size: u64,
    /// Of each whole MiB.
    pub segments: Vec<Digest>,
    /// Of the bytes behind the last whole MiB.
    pub tail: Option<Digest>,
}

impl State {
    /// As bytes: version 1, birth, size, tail (with a byte before it that says whether it is there), segments.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![1];
        out.extend(self.btime_ns.to_le_bytes());
        out.extend(self.size.to_le_bytes());
        out.push(u8::from(self.tail.is_some()));
        out.extend(self.tail.unwrap_or(Digest([0; 32])).0);
        out.extend(self.segments.iter().flat_map(|digest| digest.0));
        out
    }

    /// From bytes; `None`: they are none, or say what cannot be.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (head, segments) = bytes.split_at_checked(50)?;
        let (segments, rest) = segments.as_chunks::<32>();
        let number = |at: usize| Some(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
        let state = Self {
            btime_ns: number(1)?.cast_signed(),
            size: number(9)?,
            tail: (head[17] == 1).then_some(Digest(head[18..50].try_into().ok()?)),
            segments: segments.iter().map(|digest| Digest(*digest)).collect(),
        };
        let fits = state.size / SEGMENT == state.segments.len() as u64
            && (head[17] == 1 || head[17] == 0 && head[18..50].iter().all(|byte| *byte == 0));
        (head[0] == 1 && rest.is_empty() && fits).then_some(state)
    }
}

/// Where states outlive us.
pub trait Segments {
    /// What is kept of this object.
    fn get(&self, id: FileId) -> Option<State>;

    /// Keeps it; `None`: the object is gone.
    fn set(&mut self, id: FileId, state: Option<&State>);
}

/// Keeps nothing beyond our own life.
#[derive(Clone, Debug, Default)]
pub struct Memory(HashMap<FileId, State>);

impl Segments for Memory {
    fn get(&self, id: FileId) -> Option<State> {
        self.0.get(&id).cloned()
    }

    fn set(&mut self, id: FileId, state: Option<&State>) {
        match state {
            Some(state) if self.0.len() < LOGS || self.0.contains_key(&id) => _ = self.0.insert(id, state.clone()),
            Some(_) => {}
            None => _ = self.0.remove(&id),
        }
    }
}

/// What became of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// Nothing was known of it.
    First,
    /// The old bytes are the same, and new ones may have come.
    Grew,
    /// Old bytes changed: the first of the MiB in which they did; `None`: it is not known where.
    Rewritten(Option<u64>),
    /// It is shorter.
    Truncated,
}

/// A log, looked at.
#[derive(Clone, PartialEq, Debug)]
pub struct Checked {
    /// What became of it.
    pub finding: Finding,
    /// Of the whole file as it is now.
    pub hashes: Hashes,
    /// How far they speak for it.
    pub content: Content,
    /// What was known before, if it is no longer there: to look for it elsewhere.
    pub old: Option<State>,
}

/// Looks into logs. The judge asks it; [`Live`] is the one on this host.
pub trait Logs {
    /// Reads what has to be read of this log, of which `stat` was just told and `before` was last seen. `None`: it cannot be read, or
    /// is another file by now.
    fn check(&mut self, path: &Path, stat: &Entry, before: Option<&Entry>) -> Option<Checked>;

    /// Whether a file beside it, by its name one that it was rotated to, begins with these bytes.
    fn beside(&mut self, path: &Path, old: &State) -> bool;
}

/// Who moves logs away.
pub trait Rotators {
    /// Whether this policy names this process.
    fn rotates(&self, policy: &Policy, who: &Who) -> bool;
}

/// By the path of the executable, as the kernel tells it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByPath;

impl Rotators for ByPath {
    fn rotates(&self, policy: &Policy, who: &Who) -> bool {
        let exe = who.exe.as_deref().filter(|exe| !exe.is_empty());
        exe.is_some_and(|exe| policy.rotation.iter().any(|path| path.as_os_str().as_bytes() == exe))
    }
}

/// By the file itself where the collector could tell it, else by its path.
impl Rotators for Arc<Gate> {
    fn rotates(&self, policy: &Policy, who: &Who) -> bool {
        match who.exe_id {
            Some(_) => self.table().rotates(policy, who),
            None => ByPath.rotates(policy, who),
        }
    }
}

/// Whether `new` is a name to which a log of the name `old` is rotated: `NAME.1`, `NAME-20261124`, and from there one further.
#[must_use]
pub fn rotated(old: &Path, new: &Path) -> bool {
    if old.parent() != new.parent() {
        return false;
    }
    let (Some(old), Some(new)) = (old.file_name(), new.file_name()) else { return false };
    let (old, new) = (old.as_bytes(), new.as_bytes());
    match (numbered(old), numbered(new)) {
        (Some((old_base, n)), Some((new_base, m))) if old_base == new_base => return m == n + 1,
        (_, Some((base, 1))) if base == old => return true,
        _ => {}
    }
    new.strip_prefix(old).is_some_and(dated)
}

/// Whether `other` is a name that something rotated from `name` may have, packed or not.
#[must_use]
pub fn kin(name: &Path, other: &Path) -> bool {
    if name.parent() != other.parent() {
        return false;
    }
    let (Some(name), Some(other)) = (name.file_name(), other.file_name()) else { return false };
    let rest = other.as_bytes().strip_prefix(name.as_bytes());
    rest.is_some_and(|rest| {
        dated(rest) || rest.strip_prefix(b".").is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit))
    })
}

/// `NAME.N` with what packers add.
fn numbered(name: &[u8]) -> Option<(&[u8], u32)> {
    let plain = [&b".gz"[..], b".xz", b".bz2", b".zst"].iter().find_map(|end| name.strip_suffix(*end)).unwrap_or(name);
    let dot = plain.iter().rposition(|byte| *byte == b'.')?;
    let number = std::str::from_utf8(&plain[dot + 1..]).ok()?.parse().ok()?;
    Some((&plain[..dot], number))
}

/// `-20261124`, `-20261124-1732406400`, `-2026-11-24`, and what packers add.
fn dated(rest: &[u8]) -> bool {
    let Some(date) = rest.strip_prefix(b"-").or_else(|| rest.strip_prefix(b".")) else { return false };
    let digits = date
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'-')
        .filter(|byte| byte.is_ascii_digit())
        .count();
    digits >= 8
}

/// A log that is followed.
struct Running {
    state: State,
    blake3: blake3::Hasher,
    sha256: Sha256,
    tail: blake3::Hasher,
    /// The segment whose turn it is.
    turn: usize,
    /// Segments that were kept last.
    kept: usize,
}

impl Running {
    fn new(stat: &Entry) -> Self {
        Self {
            state: State { btime_ns: stat.btime_ns.unwrap_or(0), ..State::default() },
            blake3: blake3::Hasher::new(),
            sha256: Sha256::new(),
            tail: blake3::Hasher::new(),
            turn: 0,
            kept: usize::MAX,
        }
    }

    /// The next bytes.
    fn add(&mut self, mut bytes: &[u8]) {
        self.blake3.update(bytes);
        self.sha256.update(bytes);
        while !bytes.is_empty() {
            let room = usize::try_from(SEGMENT - self.state.size % SEGMENT).unwrap_or(usize::MAX);
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            self.tail.update(now);
            self.state.size += now.len() as u64;
            if self.state.size.is_multiple_of(SEGMENT) {
                self.state.segments.push(Digest(*self.tail.finalize().as_bytes()));
                self.tail = blake3::Hasher::new();
            }
            bytes = rest;
        }
        let some = !self.state.size.is_multiple_of(SEGMENT);
        self.state.tail = some.then(|| Digest(*self.tail.finalize().as_bytes()));
    }

    fn hashes(&self) -> Hashes {
        let sha256 = Digest(self.sha256.clone().finalize().into());
        Hashes { blake3: Some(Digest(*self.blake3.finalize().as_bytes())), sha256: Some(sha256), ..Hashes::default() }
    }
}

/// Logs of this host.
pub struct Live {
    running: HashMap<FileId, Running>,
    segments: Box<dyn Segments + Send>,
    buffer: Vec<u8>,
}

impl Default for Live {
    fn default() -> Self {
        Self::new(Box::new(Memory::default()))
    }
}

impl Live {
    /// With states kept there.
    #[must_use]
    pub fn new(segments: Box<dyn Segments + Send>) -> Self {
        Self { running: HashMap::new(), segments, buffer: Vec::new() }
    }

    /// Adds what lies from where the log is known to `end`; false: it could not be read that far.
    fn follow(&mut self, file: &File, running: &mut Running, end: u64) -> bool {
        while running.state.size < end {
            let from = running.state.size;
            let Some(bytes) = segment(file, &mut self.buffer, from, end.min(from + SEGMENT)) else { return false };
            running.add(bytes);
        }
        true
    }

    /// The first of the segments from `first` on that is not what it was; the tail counts as the last.
    fn differs(&mut self, file: &File, old: &State, mut numbers: impl Iterator<Item = usize>) -> Option<u64> {
        numbers.find_map(|number| {
            let from = number as u64 * SEGMENT;
            let end = old.size.min(from + SEGMENT);
            let was = old.segments.get(number).copied().or(old.tail);
            let is = segment(file, &mut self.buffer, from, end).map(|bytes| Digest(*blake3::hash(bytes).as_bytes()));
            (is != was).then_some(from)
        })
    }

    fn old(&self, stat: &Entry) -> Option<State> {
        let known = self.running.get(&stat.id).map(|running| running.state.clone());
        let same = |state: &State| state.btime_ns == stat.btime_ns.unwrap_or(0);
        known.or_else(|| self.segments.get(stat.id)).filter(same)
    }

    /// What is found, and from where the digests have to be made.
    fn find(&mut self, file: &File, stat: &Entry, old: Option<&State>, before: Option<&Entry>) -> Finding {
        let Some(old) = old else { return self.first(file, stat, before) };
        let all = old.segments.len() + usize::from(old.tail.is_some());
        if stat.size < old.size {
            return Finding::Truncated;
        }
        let turn = self.running.get(&stat.id).map(|running| running.turn);
        let offset = match turn {
            Some(turn) if stat.size > old.size => {
                let last = all.saturating_sub(1);
                let one = (all > 1).then_some(turn % all.max(1));
                self.differs(file, old, one.into_iter().chain((all > 0).then_some(last)))
            }
            _ => self.differs(file, old, 0..all),
        };
        match offset {
            // Where it begins is only known after a look at all before.
            Some(_) => Finding::Rewritten(self.differs(file, old, 0..all)),
            None => Finding::Grew,
        }
    }

    /// Nothing is known but what was last seen: the digest of so many bytes.
    fn first(&mut self, file: &File, stat: &Entry, before: Option<&Entry>) -> Finding {
        let same = |before: &&Entry| super::same_object(before, stat) && before.content == Content::Whole;
        let Some(before) = before.filter(same) else { return Finding::First };
        if stat.size < before.size {
            return Finding::Truncated;
        }
        let mut prefix = Running::new(stat);
        if !self.follow(file, &mut prefix, before.size) {
            return Finding::Rewritten(None);
        }
        let hashes = prefix.hashes();
        let known = [before.hashes.blake3.zip(hashes.blake3), before.hashes.sha256.zip(hashes.sha256)];
        match known.into_iter().flatten().next() {
            None => Finding::First,
            Some((was, is)) if was == is => Finding::Grew,
            Some(_) => Finding::Rewritten(None),
        }
    }
}

impl Logs for Live {
    fn check(&mut self, path: &Path, stat: &Entry, before: Option<&Entry>) -> Option<Checked> {
        let file = open(path, stat.id)?;
        let old = self.old(stat);
        let finding = self.find(&file, stat, old.as_ref(), before);
        let known = self.running.remove(&stat.id).filter(|_| finding == Finding::Grew && old.is_some());
        let mut running = known.unwrap_or_else(|| Running::new(stat));
        running.turn = running.turn.wrapping_add(1);
        let whole = self.follow(&file, &mut running, stat.size);
        let hashes = running.hashes();
        // Whole segments are worth keeping; the tail changes with every line.
        if running.kept != running.state.segments.len() {
            running.kept = running.state.segments.len();
            self.segments.set(stat.id, Some(&running.state));
        }
        if whole && self.running.len() < LOGS {
            self.running.insert(stat.id, running);
        }
        let gone = matches!(finding, Finding::Truncated | Finding::Rewritten(_));
        let content = if whole { Content::Whole } else { Content::Unstable };
        Some(Checked { finding, hashes, content, old: old.filter(|_| gone) })
    }

    fn beside(&mut self, path: &Path, old: &State) -> bool {
        let Some(folder) = path.parent().and_then(|folder| folder.read_dir().ok()) else { return false };
        let kin = folder.flatten().take(BESIDE).map(|entry| entry.path()).filter(|other| kin(path, other));
        for other in kin.take(READ) {
            let Some(file) = open_any(&other) else { continue };
            let long = file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() >= old.size);
            let all = old.segments.len() + usize::from(old.tail.is_some());
            if long && self.differs(&file, old, 0..all).is_none() {
                return true;
            }
        }
        false
    }
}

fn open_any(path: &Path) -> Option<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags).open(path).ok()
}

fn open(path: &Path, id: FileId) -> Option<File> {
    let file = open_any(path)?;
    let metadata = file.metadata().ok()?;
    (metadata.is_file() && metadata.ino() == id.inode).then_some(file)
}

/// The bytes from `from` to `end`, at most a segment; `None`: they are not all there.
fn segment<'a>(file: &File, buffer: &'a mut Vec<u8>, from: u64, end: u64) -> Option<&'a [u8]> {
    buffer.resize(usize::try_from(end.saturating_sub(from)).ok()?, 0);
    file.read_exact_at(buffer, from).ok()?;
    Some(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::{Look, Looked, Wanted};
    use std::fs;
    use std::io::Write as _;
    use std::path::PathBuf;

    struct Stand {
        _folder: tempfile::TempDir,
        path: PathBuf,
        logs: Live,
    }

    impl Stand {
        fn new(content: &[u8]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().canonicalize().unwrap().join("x.log");
            fs::write(&path, content).unwrap();
            let mut stand = Self { _folder: folder, path, logs: Live::default() };
            assert_eq!(stand.check(), Finding::First);
            stand
        }

        fn stat(&self) -> Entry {
            match crate::look::Live::default().look(&self.path, &Wanted::default(), None) {
                Looked::Entry(entry) => entry,
                other => panic!("{other:?}"),
            }
        }

        /// Whatever is found, the digests are those of the whole file.
        fn check(&mut self) -> Finding {
            let stat = self.stat();
            let checked = self.logs.check(&self.path, &stat, None).unwrap();
            assert_eq!(checked.hashes, stat.hashes);
            checked.finding
        }

        fn append(&mut self, bytes: &[u8]) {
            OpenOptions::new().append(true).open(&self.path).unwrap().write_all(bytes).unwrap();
        }

        fn poke(&mut self, at: u64) {
            OpenOptions::new().write(true).open(&self.path).unwrap().write_all_at(b"\xff", at).unwrap();
        }
    }

    #[test]
    fn f34_growth_is_quiet_and_an_old_byte_is_not() {
        let mut stand = Stand::new(&vec![b'a'; 3 << 20]);
        stand.append(b"new line\n");
        assert_eq!(stand.check(), Finding::Grew);
        stand.append(&vec![b'b'; 2 << 20]);
        assert_eq!(stand.check(), Finding::Grew);
        stand.poke((2 << 20) + 17);
        assert_eq!(stand.check(), Finding::Rewritten(Some(2 << 20)));
        assert_eq!(stand.check(), Finding::Grew, "it is told once");
        stand.poke(5 << 20);
        assert_eq!(stand.check(), Finding::Rewritten(Some(5 << 20)));
    }

    #[test]
    fn what_is_rewritten_while_it_grows_is_found_by_its_turn() {
        let mut stand = Stand::new(&vec![b'a'; 5 << 20]);
        stand.poke(3 << 20);
        let found = (0..6).find_map(|_| {
            stand.append(b"x");
            // Until then the digests are those of what is known.
            let stat = stand.stat();
            let checked = stand.logs.check(&stand.path.clone(), &stat, None).unwrap();
            Some(checked.finding).filter(|finding| *finding != Finding::Grew)
        });
        assert_eq!(found, Some(Finding::Rewritten(Some(3 << 20))));
        // In the MiB where it ended before, at once.
        stand.poke((5 << 20) + 1);
        stand.append(b"y");
        assert_eq!(stand.check(), Finding::Rewritten(Some(5 << 20)));
    }

    #[test]
    fn states_outlive_us_and_are_all_read_again() {
        let mut stand = Stand::new(&vec![b'a'; 2 << 20]);
        let id = stand.stat().id;
        let state = stand.logs.segments.get(id).unwrap();
        assert_eq!(State::read(&state.bytes()), Some(state.clone()));
        assert_eq!(State::read(&state.bytes()[1..]), None);
        stand.logs = Live::default();
        stand.logs.segments.set(id, Some(&state));
        stand.poke(0);
        stand.append(b"x");
        assert_eq!(stand.check(), Finding::Rewritten(Some(0)));
    }

    #[test]
    fn what_was_last_seen_is_enough_to_know_that_it_grew() {
        let mut stand = Stand::new(b"one\n");
        let before = stand.stat();
        for (poke, finding) in [(false, Finding::Grew), (true, Finding::Rewritten(None))] {
            stand.logs = Live::default();
            stand.append(b"two\n");
            if poke {
                stand.poke(0);
            }
            let stat = stand.stat();
            assert_eq!(stand.logs.check(&stand.path.clone(), &stat, Some(&before)).unwrap().finding, finding);
        }
    }

    #[test]
    fn f34_a_copy_beside_holds_what_was_truncated() {
        let mut stand = Stand::new(b"one\ntwo\n");
        let copy = stand.path.with_file_name("x.log.1");
        fs::copy(&stand.path, &copy).unwrap();
        fs::write(&stand.path, b"").unwrap();
        let stat = stand.stat();
        let checked = stand.logs.check(&stand.path.clone(), &stat, None).unwrap();
        assert_eq!(checked.finding, Finding::Truncated);
        let old = checked.old.unwrap();
        assert!(stand.logs.beside(&stand.path.clone(), &old));
        fs::write(&copy, b"ONE\ntwo\n").unwrap();
        assert!(!stand.logs.beside(&stand.path.clone(), &old));
    }

    #[test]
    fn names_of_rotated_logs() {
        let check = |old: &str, new: &str| rotated(&Path::new("/l").join(old), &Path::new("/l").join(new));
        for (old, new) in
            [("a.log", "a.log.1"), ("a.log.1", "a.log.2"), ("a.log.2.gz", "a.log.3.gz"), ("a.log", "a.log-20261124")]
        {
            assert!(check(old, new), "{old} {new}");
        }
        for (old, new) in [
            ("a.log", "b.log.1"),
            ("a.log", "a.log.old"),
            ("a.log", "a.log.2"),
            ("a.log.1", "a.log.3"),
            ("a.log", "a.log-x"),
        ] {
            assert!(!check(old, new), "{old} {new}");
        }
        assert!(!rotated(Path::new("/l/a"), Path::new("/k/a.1")));
        assert!(kin(Path::new("/l/a"), Path::new("/l/a.1.gz")));
        assert!(!kin(Path::new("/l/a"), Path::new("/l/a.conf")));
    }
}
