//! Comparing one folder with what was last seen of it.

use std::ffi::{CStr, OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rustix::fs::{OFlags, Statx};
use schema::Timestamp;

use crate::change::{Action, Cause, Change, ScanKind};
use crate::entry::{Entry, Hashes, Kind};
use crate::evidence::Collector;
use crate::judge;
use crate::look::{self, Anchor, BeneathError, Glance, Glanced, Reason, Wanted};
use crate::policy::{Interest, Policy};
use crate::scan::queue::Task;
use crate::scan::walk::{Inner, Worker};
use crate::scan::{Job, Summary};
use crate::seen::Seen;
use crate::who;
use crate::who::Who;

/// What only one thread has at a time.
pub(super) struct Shared<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) began: Instant,
    pub(super) seen: &'a mut (dyn Seen + Send),
    pub(super) tell: &'a mut (dyn FnMut(Change) + Send),
    pub(super) summary: Summary,
}

/// An object that is not as it was, or is new.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: OsString,
    pub(super) entry: Entry,
    pub(super) policies: Vec<Arc<Policy>>,
    /// Of a log that grew: whether what was there before is still the same.
    pub(super) kept: Option<bool>,
    /// Of a log: what was there was moved away as logs are, or this is where it was moved to.
    pub(super) rotated: bool,
}

/// What was known of a name.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: OsString,
    pub(super) entry: Entry,
    /// Still there, or nothing can be said of it.
    there: bool,
}

/// What is asked for of an object by this scan.
enum Asked {
    /// By these policies.
    By(Vec<Arc<Policy>>),
    /// By some, but not by the one that this scan is about.
    NotNow,
    /// By none.
    Excluded,
}

fn asked(job: &Job<'_>, path: &Path) -> Asked {
    let mut policies = job.policies.of(path);
    if policies.is_empty() {
        return Asked::Excluded;
    }
    if let Some(id) = job.policy
        && !policies.iter().any(|policy| &*policy.id == id)
    {
        policies.clear();
        return Asked::NotNow;
    }
    Asked::By(policies)
}

fn wanted(job: &Job<'_>, policies: &[Arc<Policy>]) -> Wanted {
    let fresh = matches!(job.kind, ScanKind::Full | ScanKind::Rotating);
    Wanted { fresh, from_disk: job.kind == ScanKind::Rotating, ..Wanted::of(policies) }
}

/// What one folder gave.
#[derive(Debug, Default)]
struct Outcome {
    found: Vec<Found>,
    folders: Vec<Inner>,
    unreadable: Vec<(OsString, Reason)>,
    entries: u64,
    excluded: u64,
    /// Looked at to the end.
    whole: bool,
}

impl Worker<'_, '_> {
    /// Looks at a start itself. True: it is a folder.
    pub(super) fn start(&mut self, path: &Path) -> bool {
        let job = self.walk.job;
        let Asked::By(policies) = asked(job, path) else {
            return self.start_is_folder(path);
        };
        let last = self.walk.lock().seen.get(path);
        let throttle = &self.walk.throttle;
        let eye = &mut self.eye;
        let parent = path.parent().unwrap_or(path);
        let name = path.file_name().map_or(Ok(Default::default()), look::name);
        let glanced = match (Anchor::open(parent).and_then(|anchor| anchor.folder(parent, OFlags::PATH)), name) {
            (Ok(folder), Ok(name)) => {
                let pace = &mut |bytes| throttle.spend(bytes);
                eye.look(folder.as_fd(), &name, &wanted(job, &policies), last.as_ref(), pace)
            }
            (Err(BeneathError::Failed(errno)), _) => Glanced::Failed(errno.into()),
            (Err(BeneathError::Absent), _) | (_, Err(_)) => Glanced::Absent,
        };
        let mut shared = self.walk.lock();
        match glanced {
            Glanced::Entry(Glance { entry, kept, unreadable, .. }) => {
                self.counted(1);
                shared.summary.entries += 1;
                if let Some(reason) = unreadable {
                    shared.summary.unreadable(path.to_owned(), reason);
                }
                let folder = entry.kind == Kind::Directory;
                if last.as_ref() != Some(&entry) {
                    let after = shared.differs(
                        path,
                        last.as_ref(),
                        Found { name: OsString::new(), entry, policies, kept, rotated: false },
                    );
                    shared.seen.set(path, Some(&after));
                }
                if !folder {
                    shared.gone_below(path);
                }
                folder
            }
            Glanced::Absent => {
                shared.gone(path, last.as_ref());
                shared.gone_below(path);
                false
            }
            Glanced::Failed(reason) => {
                shared.summary.unreadable(path.to_owned(), reason);
                false
            }
            Glanced::Stopped => false,
        }
    }

    /// A start that nobody asks for itself, only for what is in it.
    fn start_is_folder(&mut self, path: &Path) -> bool {
        match Anchor::open(path) {
            Ok(_) => true,
            Err(BeneathError::Absent) => {
                self.walk.lock().gone_below(path);
                false
            }
            Err(BeneathError::Failed(errno)) => {
                self.walk.lock().summary.unreadable(path.to_owned(), errno.into());
                false
            }
        }
    }

    /// Looks at everything in a folder that was just listed, and tells what is not as it was. Gives the folders in it.
    pub(super) fn compare(&mut self, task: &Task, folder: BorrowedFd<'_>) -> Vec<Inner> {
        let mut known = Vec::new();
        self.walk.lock().seen.children(&task.path, &mut |name, entry| {
            known.push(Known { name: name.to_owned(), entry, there: false });
        });
        let mut outcome = self.look_at_all(task, folder, &mut known);
        super::log::rotations(self, folder, &known, &mut outcome.found);
        outcome.found.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        outcome.folders.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        self.counted(outcome.entries);
        let folders = std::mem::take(&mut outcome.folders);
        self.walk.lock().apply(&task.path, known, outcome);
        folders
    }

    fn look_at_all(&mut self, task: &Task, folder: BorrowedFd<'_>, known: &mut [Known]) -> Outcome {
        let places = places(&self.list, known);
        let order = self.list.by_inode();
        let mut outcome = Outcome { whole: true, ..Outcome::default() };
        let mut path = task.path.clone();
        for at in order.iter().map(|at| *at as usize) {
            if self.walk.handle.stopped() {
                outcome.whole = false;
                break;
            }
            path.push(self.list.name(at));
            let last = places.get(at).copied().flatten().map(|place| &mut known[place]);
            self.look_at(at, folder, &path, last, &mut outcome);
            path.pop();
        }
        self.list.keep(order);
        outcome
    }

    fn look_at(
        &mut self,
        at: usize,
        folder: BorrowedFd<'_>,
        path: &Path,
        last: Option<&mut Known>,
        outcome: &mut Outcome,
    ) {
        let job = self.walk.job;
        let policies = match asked(job, path) {
            Asked::By(policies) => policies,
            Asked::NotNow | Asked::Excluded => {
                // What is known but not asked for any more is forgotten with what has gone, quietly.
                self.pass_through(at, folder, path, last, outcome);
                return;
            }
        };
        let name = self.list.c_name(at);
        let stat = match look::stat(folder, name) {
            Ok(stat) => stat,
            Err(errno) => {
                self.note(at, errno.into(), last, outcome);
                return;
            }
        };
        outcome.entries += 1;
        let throttle = &self.walk.throttle;
        let pace = &mut |bytes| throttle.spend(bytes);
        let glanced = match look::entry(&stat) {
            Ok(entry) => {
                let before = last.as_ref().map(|known| &known.entry);
                self.eye.complete(folder, name, entry, &wanted(job, &policies), before, pace)
            }
            Err(errno) => errno.into(),
        };
        match glanced {
            Glanced::Entry(glance) => self.entry(at, path, &stat, glance, policies, last, outcome),
            Glanced::Absent => {}
            Glanced::Failed(reason) => self.note(at, reason, last, outcome),
            Glanced::Stopped => outcome.whole = false,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one look's parts, taken apart once")]
    fn entry(
        &self,
        at: usize,
        path: &Path,
        stat: &Statx,
        glance: Glance,
        policies: Vec<Arc<Policy>>,
        last: Option<&mut Known>,
        outcome: &mut Outcome,
    ) {
        let Glance { entry, kept, unreadable, .. } = glance;
        if let Some(reason) = unreadable {
            outcome.unreadable.push((self.list.name(at).to_owned(), reason));
        }
        if entry.kind == Kind::Directory && self.walk.job.policies.interest(path) == Interest::Some {
            outcome.folders.push(Inner::of(path.to_owned(), stat));
        }
        let same = last.is_some_and(|known| {
            known.there = true;
            known.entry == entry
        });
        if !same {
            let name = self.list.name(at).to_owned();
            outcome.found.push(Found { name, entry, policies, kept, rotated: false });
        }
    }

    /// Something that could not be looked at: what was known of it stays.
    fn note(&self, at: usize, reason: Reason, last: Option<&mut Known>, outcome: &mut Outcome) {
        if matches!(reason.0, libc::ENOENT | libc::ENOTDIR) {
            return;
        }
        outcome.unreadable.push((self.list.name(at).to_owned(), reason));
        if let Some(known) = last {
            known.there = true;
        }
    }

    /// Nothing is wanted of it, but perhaps of what is in it.
    fn pass_through(
        &self,
        at: usize,
        folder: BorrowedFd<'_>,
        path: &Path,
        last: Option<&mut Known>,
        outcome: &mut Outcome,
    ) {
        outcome.excluded += 1;
        if let (Some(known), Asked::NotNow) = (last, asked(self.walk.job, path)) {
            known.there = true;
        }
        if self.walk.job.policies.interest(path) == Interest::Some
            && let Ok(stat) = look::stat(folder, self.list.c_name(at))
            && look::entry(&stat).is_ok_and(|entry| entry.kind == Kind::Directory)
        {
            outcome.folders.push(Inner::of(path.to_owned(), &stat));
        }
    }

    /// Reads a file once more, to see whether it begins with what another one was.
    pub(super) fn begins_as(&mut self, folder: BorrowedFd<'_>, name: &CStr, before: &Entry, now: &Entry) -> bool {
        let last = Entry { id: now.id, ..before.clone() };
        let hashes = &before.hashes;
        let wanted = Wanted {
            blake3: hashes.blake3.is_some(),
            sha256: hashes.sha256.is_some(),
            append_only: true,
            fresh: true,
            ..Wanted::default()
        };
        let throttle = &self.walk.throttle;
        let glanced = self.eye.look(folder, name, &wanted, Some(&last), &mut |bytes| throttle.spend(bytes));
        matches!(glanced, Glanced::Entry(Glance { kept: Some(true), .. }))
    }
}

/// For each name of the list where it stands in what is known; both are in the same order.
fn places(list: &super::list::List, known: &[Known]) -> Vec<Option<usize>> {
    if known.is_empty() {
        return Vec::new();
    }
    let mut next = 0;
    let place = |at: usize| {
        let name = list.name(at);
        while known.get(next).is_some_and(|known| known.name.as_os_str() < name) {
            next += 1;
        }
        known.get(next).is_some_and(|known| known.name == name).then_some(next)
    };
    (0..list.len()).map(place).collect()
}

impl Shared<'_> {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.job.now.millis().saturating_add(passed))
    }

    /// Tells and notes what one folder gave.
    fn apply(&mut self, folder: &Path, known: Vec<Known>, outcome: Outcome) {
        let Outcome { found, unreadable, entries, excluded, whole, .. } = outcome;
        self.summary.folders += 1;
        self.summary.entries += entries;
        self.summary.skip("excluded", excluded);
        for (name, reason) in unreadable {
            self.summary.unreadable(folder.join(name), reason);
        }
        let mut notes: Vec<(OsString, Entry)> = Vec::with_capacity(found.len());
        for found in found {
            let path = folder.join(&found.name);
            let last = known.binary_search_by(|known| known.name.cmp(&found.name)).ok().map(|at| &known[at].entry);
            if last.is_some_and(|last| last.kind == Kind::Directory) && found.entry.kind != Kind::Directory {
                self.gone_below(&path);
            }
            let name = found.name.clone();
            notes.push((name, self.differs(&path, last, found)));
        }
        let mut all = notes.iter().map(|(name, entry)| (name.as_os_str(), Some(entry)));
        self.seen.set_children(folder, &mut all);
        if whole {
            for known in known.iter().filter(|known| !known.there) {
                let path = folder.join(&known.name);
                match asked(self.job, &path) {
                    Asked::NotNow => {}
                    Asked::Excluded => self.forget(&path, &known.entry),
                    Asked::By(_) => {
                        self.gone(&path, Some(&known.entry));
                        if known.entry.kind == Kind::Directory {
                            self.gone_below(&path);
                        }
                    }
                }
            }
            if matches!(self.job.kind, ScanKind::Full | ScanKind::Rotating | ScanKind::Baseline) {
                self.seen.set_read(folder, self.job.now);
            }
        }
    }

    /// Decides what a difference means and tells it. Gives what is there now, to be noted.
    fn differs(&mut self, path: &Path, last: Option<&Entry>, found: Found) -> Entry {
        if self.job.kind == ScanKind::Baseline {
            return found.entry;
        }
        // Somebody else may have looked since this folder was read.
        let newer = self.seen.get(path);
        let before = if newer.as_ref() == last { last } else { newer.as_ref() };
        if before == Some(&found.entry) {
            return found.entry;
        }
        let level = before.map(|before| level(before, &found.entry));
        let (old, new) = level.as_ref().map_or((None, &found.entry), |(old, new)| (Some(old), new));
        let Some(action) = judge::verdict(old, Some(new)) else { return found.entry };
        let action = super::log::action(action, old, &found);
        let mut policies = found.policies;
        policies.retain(|policy| {
            judge::asks(policy, action, old, Some(new)) && !super::log::quiet(policy, action, found.kept, found.rotated)
        });
        if !policies.is_empty() {
            let mut names = Vec::new();
            if found.entry.nlink > 1 && found.entry.kind != Kind::Directory {
                self.seen.names(&found.entry, &mut |name| {
                    if name != path {
                        names.push(name.to_owned());
                    }
                });
            }
            let change = Change {
                names,
                before: before.cloned(),
                after: Some(found.entry.clone()),
                ..self.change(action, path)
            };
            self.tell(Change { policies, ..change });
        }
        found.entry
    }

    /// Tells that a name has gone, and forgets it.
    fn gone(&mut self, path: &Path, last: Option<&Entry>) {
        let before = self.seen.get(path);
        let (Some(last), Some(before)) = (last, before) else { return };
        if *last != before {
            // Noted since this folder was listed: it is there again.
            return;
        }
        if let Asked::By(mut policies) = asked(self.job, path)
            && self.job.kind != ScanKind::Baseline
        {
            policies.retain(|policy| judge::asks(policy, Action::Deleted, Some(&before), None));
            if !policies.is_empty() {
                let change = Change { id: Some(before.id), before: Some(before), ..self.change(Action::Deleted, path) };
                self.tell(Change { policies, ..change });
            }
        }
        self.seen.set(path, None);
    }

    /// Everything that was known below a path has gone with it.
    fn gone_below(&mut self, path: &Path) {
        let mut folders = vec![path.to_owned()];
        while let Some(folder) = folders.pop() {
            for (path, entry) in self.children(&folder) {
                self.gone(&path, Some(&entry));
                if entry.kind == Kind::Directory {
                    folders.push(path);
                }
            }
        }
    }

    /// The policies changed: what they do not ask for any more is no difference.
    fn forget(&mut self, path: &Path, entry: &Entry) {
        self.seen.set(path, None);
        if entry.kind != Kind::Directory || self.job.policies.interest(path) == Interest::Some {
            return;
        }
        let mut folders = vec![path.to_owned()];
        while let Some(folder) = folders.pop() {
            for (path, entry) in self.children(&folder) {
                self.seen.set(&path, None);
                if entry.kind == Kind::Directory {
                    folders.push(path);
                }
            }
        }
    }

    fn children(&self, folder: &Path) -> Vec<(PathBuf, Entry)> {
        let mut found = Vec::new();
        self.seen.children(folder, &mut |name: &OsStr, entry| found.push((folder.join(name), entry)));
        found
    }

    fn change(&self, action: Action, path: &Path) -> Change {
        Change {
            collector: Collector::Scan,
            cause: Cause::Scan(self.job.kind),
            window: self.job.window,
            who: Who::unknown(who::Reason::FoundByScan),
            ..Change::new(self.now(), action, path.to_owned())
        }
    }

    fn tell(&mut self, change: Change) {
        self.summary.differences += 1;
        (self.tell)(change);
    }
}

/// Both sides with the digests alone that both have: another choice of digests is no difference of the file.
fn level(before: &Entry, after: &Entry) -> (Entry, Entry) {
    let (mut old, mut new) = (before.clone(), after.clone());
    if before.kind != Kind::File || after.kind != Kind::File {
        return (old, new);
    }
    keep_common(&mut old.hashes, &mut new.hashes);
    let none = |hashes: &Hashes| *hashes == Hashes::default();
    if none(&old.hashes) && none(&new.hashes) && before.same_stat(after) {
        old.content = new.content;
    }
    (old, new)
}

fn keep_common(old: &mut Hashes, new: &mut Hashes) {
    if old.blake3.is_none() || new.blake3.is_none() {
        (old.blake3, new.blake3) = (None, None);
    }
    if old.sha256.is_none() || new.sha256.is_none() {
        (old.sha256, new.sha256) = (None, None);
    }
    if old.sha1.is_none() || new.sha1.is_none() {
        (old.sha1, new.sha1) = (None, None);
    }
    if old.md5.is_none() || new.md5.is_none() {
        (old.md5, new.md5) = (None, None);
    }
}
