//! Judging one case: a look at each of its names, what was last seen there, and what both say together.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schema::Timestamp;

use super::append::{Checked, Finding};
use super::court::{Court, Now, Sight};
use super::editor::{self, Beside};
use super::log;
use super::pending::{Case, Part, Place};
use super::verdict::{asks, same_object, verdict};
use super::who::settle;
use super::{Judge, concerned};
use crate::change::{Action, Change};
use crate::entry::{Content, Entry, FileId, Kind};
use crate::evidence::{Backing, Layered, Mask};
use crate::look::{Look, Looked, Wanted};
use crate::policy::Policy;
use crate::seen::Seen;

/// A file that changes all the time, or cannot be looked at for a reason that passes, is looked at again so often.
const AGAIN: u8 = 3;
/// Of a folder that is gone so many names are told of at once; then the next so many.
const GONE: usize = 16_384;

/// Names whose processes are remembered while they are judged together.
const BATCH: usize = 1_024;

impl Judge {
    /// Folders that were renamed: what was seen below them is below their new names, before anything below is judged.
    pub(super) fn apply_moves(&mut self, look: &dyn Look, seen: &mut dyn Seen) {
        while let Some((old, new)) = self.moves.pop_front() {
            let back = self.moves.front().is_some_and(|(from, to)| *from == new && *to == old);
            if back {
                self.moves.pop_front();
                self.exchange(&old, &new, look, seen);
                continue;
            }
            let watched = |path: &Path| !self.policies.of(path).is_empty();
            if watched(&old) && watched(&new) {
                let known = seen.get(&old).is_some();
                // Also of a folder that is not known yet something below may be.
                seen.moved(&old, &new);
                if known {
                    self.pending.carried(&old, &new);
                }
            }
        }
    }

    /// There and back: either nothing moved in the end, or two folders changed places (RENAME_EXCHANGE), which is told as two renames.
    fn exchange(&mut self, one: &Path, other: &Path, look: &dyn Look, seen: &mut dyn Seen) {
        let (Some(first), Some(_)) = (seen.get(one), seen.get(other)) else { return };
        let now = look.look(one, &Wanted::metadata(), Some(&first));
        if matches!(&now, Looked::Entry(now) if same_object(&first, now)) {
            return;
        }
        let aside = Path::new("/\u{1}auditng-exchange");
        seen.moved(one, aside);
        seen.moved(other, one);
        seen.moved(aside, other);
        for (path, from) in [(one, other), (other, one)] {
            self.pending.carried(from, path);
            let at = Timestamp::default();
            self.wish(path.to_owned(), Some(from.to_owned()), crate::who::Who::default(), at);
        }
    }

    /// Judges one case and adds its changes in the order of their first evidence.
    pub(super) fn judge(
        &mut self,
        case: Case,
        now: Timestamp,
        look: &dyn Look,
        seen: &mut dyn Seen,
        out: &mut Vec<Change>,
    ) {
        let sights = self.sights(&case, look, seen);
        let again = self.again(&case, &sights);
        let policies = Arc::clone(&self.policies);
        let mut court = Court { case: &case, sights, out: Vec::new(), policies: &policies };
        court.carried(seen);
        for folder in court.pairs(seen) {
            self.wish(folder, None, crate::who::Who::default(), now);
        }
        for at in 0..court.sights.len() {
            if court.sights[at].open() {
                self.settle(&mut court, at, now, seen);
            }
        }
        let mut changes = std::mem::take(&mut court.out);
        changes.sort_by_key(|(order, _)| *order);
        let names = self.other_names(&court.sights, look, seen);
        for mut change in as_one(changes.into_iter().map(|(_, change)| change).collect(), &names) {
            let sight = court.sights.iter().find(|sight| sight.place.path == change.path);
            let checked = sight.and_then(|sight| sight.checked.as_ref());
            self.contents(&mut change);
            if !self.hush(&mut change, checked, &case, now) {
                self.give(change, now, out);
            }
        }
        if let Some(again) = again {
            self.pending.put_back(again, now, &self.limits);
        }
    }

    fn sights(&mut self, case: &Case, look: &dyn Look, seen: &dyn Seen) -> Vec<Sight> {
        let mut sights: Vec<Sight> = Vec::with_capacity(case.places.len());
        for place in &case.places {
            let policies = concerned(&self.policies, &*self.aids.containers, &place.path, place.inside.as_ref());
            if policies.is_empty() {
                self.links(place, look, seen, &mut sights);
                let now = Now::Unwatched;
                sights.push(Sight {
                    place: place.clone(),
                    policies,
                    before: None,
                    now,
                    link: None,
                    checked: None,
                    settled: false,
                });
            } else {
                sights.push(self.sight(place.clone(), policies, None, look, seen));
            }
        }
        let mut known = std::collections::HashSet::new();
        sights.retain(|sight| known.insert(sight.place.path.clone()));
        sights.sort_by_key(|sight| sight.place.order);
        sights
    }

    fn sight(
        &mut self,
        place: Place,
        policies: Vec<Arc<Policy>>,
        link: Option<PathBuf>,
        look: &dyn Look,
        seen: &dyn Seen,
    ) -> Sight {
        self.counters.judged += 1;
        let wanted = Wanted::of(&policies);
        let mut before = seen.get(&place.path);
        let log = self.aids.logs.is_some() && policies.iter().any(|policy| policy.append_only);
        let (mut now, checked) = match log.then(|| self.log(&place.path, before.as_ref(), look)).flatten() {
            Some((now, checked)) => (now, checked),
            None => (self.look(&place.path, &wanted, before.as_ref(), look), None),
        };
        if let Some(backing) = &place.backing {
            now = self.layer(backing, now, &wanted, before.as_ref(), look);
            before = before.or_else(|| below(backing, &wanted, look));
            same_file(backing, &mut before, &now);
        }
        Sight { place, policies, before, now, link, checked, settled: false }
    }

    /// A look at a log that reads what is new alone. `None`: it has to be looked at as other files are.
    fn log(&mut self, path: &Path, last: Option<&Entry>, look: &dyn Look) -> Option<(Now, Option<Checked>)> {
        let Looked::Entry(mut entry) = look.look(path, &Wanted::metadata(), last) else { return None };
        if entry.kind != Kind::File {
            return None;
        }
        if let Some(last) = last.filter(|last| last.same_stat(&entry) && last.content == Content::Whole) {
            (entry.hashes, entry.content) = (last.hashes.clone(), last.content);
            return Some((Now::There(Box::new(entry)), None));
        }
        let checked = self.aids.logs.as_mut()?.check(path, &entry, last)?;
        (entry.hashes, entry.content) = (checked.hashes.clone(), checked.content);
        Some((Now::There(Box::new(entry)), Some(checked)))
    }

    fn look(&mut self, path: &Path, wanted: &Wanted, last: Option<&Entry>, look: &dyn Look) -> Now {
        match look.look(path, wanted, last) {
            Looked::Absent => Now::Absent,
            Looked::Entry(entry) => {
                self.counters.unstable += u64::from(entry.content == Content::Unstable);
                Now::There(Box::new(entry))
            }
            Looked::Failed(_) => {
                self.counters.unreadable += 1;
                Now::Hidden
            }
        }
    }

    /// What an upper directory says of the merged tree: a whiteout is nothing, and where the merged tree cannot be reached from here
    /// the file in the upper directory is the file.
    fn layer(&mut self, backing: &Backing, now: Now, wanted: &Wanted, last: Option<&Entry>, look: &dyn Look) -> Now {
        if now.entry().is_some() {
            return now;
        }
        let below = self.look(&backing.path, wanted, last, look);
        let whiteout = |entry: &Entry| entry.kind == Kind::Character && entry.rdev == 0;
        if below.entry().is_some_and(whiteout) { Now::Absent } else { below }
    }

    /// Watched names of an object that was changed under a name that nobody watches.
    fn links(&mut self, place: &Place, look: &dyn Look, seen: &dyn Seen, sights: &mut Vec<Sight>) {
        if place.ids.is_empty() {
            return;
        }
        let there = match look.look(&place.path, &Wanted::metadata(), None) {
            Looked::Entry(entry) => Some(entry),
            Looked::Absent => None,
            Looked::Failed(_) => return,
        };
        let mut names = Vec::new();
        for id in &place.ids {
            match there.as_ref().filter(|entry| entry.id == *id) {
                Some(entry) if entry.nlink < 2 => {}
                Some(entry) => seen.names(entry, &mut |path| names.push(path.to_owned())),
                // The name is gone: what else the object is called is still known by its number.
                None => seen.names(&unnamed(*id), &mut |path| names.push(path.to_owned())),
            }
        }
        for path in names {
            let policies = self.policies.of(&path);
            if !policies.is_empty() && !sights.iter().any(|sight| sight.place.path == path) {
                let named = Place { path, ..place.clone() };
                sights.push(self.sight(named, policies, Some(place.path.clone()), look, seen));
            }
        }
    }

    /// What has to be looked at once more.
    fn again(&self, case: &Case, sights: &[Sight]) -> Option<Case> {
        let changing = |sight: &&Sight| sight.now.entry().is_some_and(|entry| entry.content == Content::Unstable);
        let once_more = |sight: &&Sight| sight.unclear() || changing(sight);
        let places: Vec<Place> = sights.iter().filter(once_more).map(|sight| sight.place.clone()).collect();
        (case.again < AGAIN && !places.is_empty()).then(|| case.once_more(places))
    }

    /// One name by the table: what was seen, what is there.
    fn settle(&mut self, court: &mut Court<'_>, at: usize, now: Timestamp, seen: &mut dyn Seen) {
        let sight = &court.sights[at];
        match (&sight.before, &sight.now) {
            _ if court.case.again < AGAIN && sight.unclear() => {}
            (_, Now::Hidden) => court.hidden(at),
            (None, Now::Absent) => self.came_and_went(court, at, seen),
            (Some(_), Now::Absent) => self.gone(court, at, seen),
            (None, Now::There(_)) => self.came(court, at, now, seen),
            (Some(_), Now::There(_)) => self.differs(court, at, now, seen),
            (_, Now::Unwatched) => {}
        }
    }

    fn came_and_went(&mut self, court: &mut Court<'_>, at: usize, seen: &mut dyn Seen) {
        let sight = &court.sights[at];
        let (place, path) = (&sight.place, &sight.place.path);
        let came = place.arrived || place.mask.has(Mask::CREATE);
        let went = place.left || place.mask.has(Mask::DELETE);
        if !came && !went {
            self.counters.vanished += 1;
        } else if self.recent.has(path) {
            self.counters.joined += 1;
        } else if court.part_of_another(at) || self.of_an_editor(court, at, seen) {
            self.counters.folded += 1;
        } else {
            let peer = court.peer(path);
            if came {
                let created = Change { transient: true, ..court.change(at, Action::Created) };
                court.push(at, created);
            }
            let deleted = Change { transient: came, old_path: peer.clone(), ..court.change(at, Action::Deleted) };
            if deleted.mask.has(Mask::ONDIR) {
                // What was moved into it before it went.
                self.gone_below(court, at, &deleted, peer.as_deref(), seen);
            }
            court.push(at, deleted);
        }
    }

    /// Whether a name that came and went is one that editors use, and the file that it would belong to is known, or was changed by
    /// the same process.
    fn of_an_editor(&self, court: &Court<'_>, at: usize, seen: &dyn Seen) -> bool {
        let place = &court.sights[at].place;
        let Some(beside) = editor::beside(&place.path) else { return false };
        let pids: Vec<u32> = place.parts.iter().map(|part| part.who.pid).filter(|pid| *pid != 0).collect();
        match beside {
            Beside::File(file) => {
                let hidden = dotted(&file);
                [Some(file), hidden].into_iter().flatten().any(|file| self.is_known(court, &file, &pids, seen))
            }
            Beside::Folder => place.path.parent().is_some_and(|folder| {
                let now = |pid: u32| self.batch.iter().any(|(path, by)| *by == pid && path.parent() == Some(folder));
                let part = |pid: u32| self.recent.has_part_in(folder, pid) || self.pending.has_part_in(folder, pid);
                pids.iter().any(|pid| now(*pid) || part(*pid))
            }),
        }
    }

    fn is_known(&self, court: &Court<'_>, file: &Path, pids: &[u32], seen: &dyn Seen) -> bool {
        let now = |pid: &u32| self.batch.iter().any(|(path, by)| by == pid && path == file);
        let told = |pid: &u32| now(pid) || self.recent.has_part(file, *pid) || self.pending.has_part(file, *pid);
        seen.get(file).is_some() || court.sights.iter().any(|sight| sight.place.path == file) || pids.iter().any(told)
    }

    fn gone(&mut self, court: &mut Court<'_>, at: usize, seen: &mut dyn Seen) {
        let path = court.sights[at].place.path.clone();
        let peer = court.peer(&path);
        let change = Change { old_path: peer.clone(), ..court.change(at, Action::Deleted) };
        let folder = change.before.as_ref().is_some_and(|entry| entry.kind == Kind::Directory);
        let swap = self.is_swap_file(court, at);
        seen.set(&path, None);
        if swap {
            self.counters.folded += 1;
            return;
        }
        if folder {
            self.gone_below(court, at, &change, peer.as_deref(), seen);
        }
        court.push(at, change);
    }

    /// What went with a folder, in the order of names.
    fn gone_below(&mut self, court: &mut Court<'_>, at: usize, of: &Change, peer: Option<&Path>, seen: &mut dyn Seen) {
        let mut parts: HashMap<PathBuf, Place> =
            self.pending.take_below(&of.path).into_iter().map(|place| (place.path.clone(), place)).collect();
        loop {
            let mut gone = Vec::new();
            seen.below(&of.path, &mut |path, entry| {
                if gone.len() < GONE {
                    gone.push((path.to_owned(), entry.clone()));
                }
            });
            if gone.is_empty() {
                return;
            }
            for (path, entry) in gone {
                seen.set(&path, None);
                let own = parts.remove(&path);
                let there = peer.and_then(|peer| Some(peer.join(path.strip_prefix(&of.path).ok()?)));
                let who = own.as_ref().map(|place| settle(&place.parts.iter().collect::<Vec<_>>(), Action::Deleted));
                let policies = self.policies.of(&path);
                let change = Change {
                    old_path: there,
                    id: Some(entry.id),
                    before: Some(entry),
                    mask: own.as_ref().map_or(of.mask, |place| place.mask),
                    collector: of.collector,
                    who: who.unwrap_or_else(|| of.who.clone()),
                    policies,
                    ..Change::new(own.map_or(of.time, |place| place.at), Action::Deleted, path)
                };
                court.push(at, change);
            }
        }
    }

    fn came(&mut self, court: &mut Court<'_>, at: usize, now: Timestamp, seen: &mut dyn Seen) {
        let path = court.sights[at].place.path.clone();
        let origin = court.origin(at);
        let swap = self.is_swap_file(court, at);
        let change = Change { old_path: origin.clone(), ..court.change(at, Action::Created) };
        seen.set(&path, change.after.as_ref());
        if swap {
            self.counters.folded += 1;
            return;
        }
        let folder = change.after.as_ref().is_some_and(|entry| entry.kind == Kind::Directory);
        if folder && court.sights[at].place.arrived {
            self.wish(path, origin, change.who.clone(), now);
        }
        court.push(at, change);
    }

    /// A swap file of an editor that stays while a file is edited: written by a known editor, nothing that could be executed, and
    /// beside a file that is there.
    fn is_swap_file(&self, court: &Court<'_>, at: usize) -> bool {
        let sight = &court.sights[at];
        let entry = sight.now.entry().or(sight.before.as_ref());
        let plain = entry.is_some_and(|entry| entry.kind == Kind::File && entry.mode & 0o6111 == 0);
        let by_editor = |part: &Part| part.who.exe.as_deref().is_some_and(editor::is_editor);
        plain
            && editor::is_swap(&sight.place.path)
            && !sight.place.parts.is_empty()
            && sight.place.parts.iter().all(by_editor)
    }

    fn differs(&mut self, court: &mut Court<'_>, at: usize, now: Timestamp, seen: &mut dyn Seen) {
        let sight = &court.sights[at];
        let path = sight.place.path.clone();
        let (Some(before), Now::There(after)) = (&sight.before, &sight.now) else { return };
        let action = verdict(Some(before), Some(after));
        // Samples, or no digest at all, do not speak for bytes that somebody wrote.
        let written_unread =
            after.kind == Kind::File && after.content != Content::Whole && sight.place.mask.has(Mask::MODIFY);
        let moved = before.ctime_ns != after.ctime_ns && matches!(action, None | Some(Action::AttributesModified));
        let action = if written_unread && moved { Some(Action::Updated) } else { action };
        if *before != **after {
            seen.set(&path, Some(after));
        }
        let written = sight.place.mask.has(Mask::MODIFY.with(Mask::CLOSE_WRITE)) && !sight.place.mask.has(Mask::ATTRIB);
        let Some(action) =
            action.filter(|action| !(*action == Action::AttributesModified && written && only_time(before, after)))
        else {
            self.counters.touched += 1;
            return;
        };
        if self.is_swap_file(court, at) {
            self.counters.folded += 1;
            return;
        }
        let both = [before, after].map(|entry| entry.kind == Kind::Directory);
        let other = court.origin(at);
        let checked = sight.checked.as_ref();
        let grown = action == Action::Updated && matches!(checked, Some(Checked { finding: Finding::Grew, .. }));
        let more = (grown && !log::only_longer(before, after)).then(|| court.change(at, Action::AttributesModified));
        let action = log::action(action, checked);
        let change = Change { old_path: other.filter(|_| action == Action::Replaced), ..court.change(at, action) };
        if action == Action::Replaced && both.contains(&true) {
            // What is below is of another folder.
            self.wish(path, change.old_path.clone(), change.who.clone(), now);
        }
        court.push(at, change);
        if let Some(more) = more {
            court.push(at, more);
        }
    }

    /// What differs under one name differs under all: the other names that are known get what is there now. Returns them by object.
    fn other_names(&mut self, sights: &[Sight], look: &dyn Look, seen: &mut dyn Seen) -> HashMap<FileId, Vec<PathBuf>> {
        let mut all: HashMap<FileId, Vec<PathBuf>> = HashMap::new();
        for sight in sights.iter().filter(|sight| sight.before.as_ref() != sight.now.entry()) {
            let several = |entry: &&Entry| entry.nlink > 1 && entry.kind != Kind::Directory;
            for entry in sight.before.iter().chain(sight.now.entry()).filter(several) {
                all.entry(entry.id).or_insert_with(|| self.refresh(entry, sight.now.entry(), look, seen));
            }
        }
        // Objects that were under a name for a moment and lost it to another.
        for id in sights.iter().filter(|sight| sight.place.ids.len() > 1).flat_map(|sight| &sight.place.ids) {
            all.entry(*id).or_insert_with(|| self.refresh(&unnamed(*id), None, look, seen));
        }
        all
    }

    fn refresh(&mut self, entry: &Entry, after: Option<&Entry>, look: &dyn Look, seen: &mut dyn Seen) -> Vec<PathBuf> {
        let mut names = Vec::new();
        seen.names(entry, &mut |path| names.push(path.to_owned()));
        names.retain(|path| {
            let Some(last) = seen.get(path).filter(|last| last.id == entry.id) else { return false };
            // The digests of the same object under its other name need not be made again.
            let known = after.filter(|after| after.id == last.id).unwrap_or(&last);
            match self.look(path, &Wanted::of(&self.policies.of(path)), Some(known), look) {
                Now::There(now) if now.id == last.id => {
                    seen.set(path, Some(&now));
                    true
                }
                // It has become something else, of which evidence tells by itself.
                Now::There(_) | Now::Absent | Now::Hidden | Now::Unwatched => false,
            }
        });
        names
    }

    /// Hands a change on if a policy asks for it.
    fn give(&mut self, mut change: Change, now: Timestamp, out: &mut Vec<Change>) {
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        change.policies.retain(|policy| asks(policy, change.action, before, after));
        change.change_window = change.policies.iter().find_map(|policy| policy.window(change.time));
        self.recent.note(&change.path, change.who.pid, now);
        if change.policies.is_empty() {
            self.counters.unasked += 1;
            return;
        }
        match self.aids.packages.is_some().then(|| self.aids.managers.below(&change.who)).flatten() {
            Some(by) => out.extend(self.transactions.take(by, change, now)),
            None => out.push(change),
        }
    }
}

/// Changes of one object under several names are one: the watched name first, the others beside it.
fn as_one(changes: Vec<Change>, names: &HashMap<FileId, Vec<PathBuf>>) -> Vec<Change> {
    let mut one: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes {
        let same = |known: &&mut Change| {
            known.action == change.action
                && known.path != change.path
                && !known.transient
                && matches!(known.action, Action::Updated | Action::AttributesModified)
                && known.after.as_ref().map(|entry| entry.id) == change.after.as_ref().map(|entry| entry.id)
        };
        match one.iter_mut().find(same) {
            Some(known) => {
                known.names.push(change.path);
                known.names.extend(change.names);
                for policy in change.policies {
                    if !known.policies.contains(&policy) {
                        known.policies.push(policy);
                    }
                }
                known.policies.sort_by_key(|policy| std::cmp::Reverse(policy.severity));
            }
            None => one.push(change),
        }
    }
    for change in &mut one {
        let Some(names) = change.id.and_then(|id| names.get(&id)) else { continue };
        for name in names.iter().filter(|name| **name != change.path) {
            if !change.names.contains(name) {
                change.names.push(name.clone());
            }
        }
    }
    one
}

/// Who had a part in what, of at most so many names: more are no editor's doing.
pub(super) fn parts(cases: &[Case]) -> Vec<(PathBuf, u32)> {
    let places = cases.iter().flat_map(|case| &case.places).filter(|place| editor::beside(&place.path).is_none());
    let parts = places.flat_map(|place| place.parts.iter().map(|part| (place.path.clone(), part.who.pid)));
    parts.filter(|(_, pid)| *pid != 0).take(BATCH).collect()
}

fn dotted(file: &Path) -> Option<PathBuf> {
    let mut name = std::ffi::OsString::from(".");
    name.push(file.file_name()?);
    Some(file.with_file_name(name))
}

/// Nothing but times differs.
fn only_time(before: &Entry, after: &Entry) -> bool {
    before.differences(after).iter().all(|one| matches!(&*one.attribute, "mtime" | "ctime"))
}

/// The content that a file copied up had below.
fn below(backing: &Backing, wanted: &Wanted, look: &dyn Look) -> Option<Entry> {
    let lower = backing.lower.as_deref().filter(|_| backing.what == Layered::CopiedUp)?;
    match look.look(lower, wanted, None) {
        Looked::Entry(entry) => Some(entry),
        Looked::Absent | Looked::Failed(_) => None,
    }
}

/// A file that was copied up is the same file to whoever sees the merged tree, under whatever number it lies now.
fn same_file(backing: &Backing, before: &mut Option<Entry>, now: &Now) {
    if let (Layered::CopiedUp, Some(before), Some(now)) = (backing.what, before, now.entry()) {
        before.id = now.id;
        before.btime_ns = now.btime_ns;
    }
}

/// An object of which only the number is known.
fn unnamed(id: FileId) -> Entry {
    Entry {
        kind: Kind::File,
        id,
        mode: 0,
        uid: 0,
        gid: 0,
        nlink: 2,
        size: 0,
        mtime_ns: 0,
        ctime_ns: 0,
        btime_ns: None,
        rdev: 0,
        flags: crate::entry::Flags(0),
        target: None,
        xattrs: Vec::new(),
        hashes: crate::entry::Hashes::default(),
        content: Content::None,
    }
}
