//! Evidence that waits until its files are quiet.
//!
//! What belongs together waits together, as a [`Case`]: names that one object had (renames, hard links, two mounts of one file
//! system). A case is due when nothing was heard of it for the debounce time, at the latest when its first evidence is
//! `debounce_max` old. At most [`Limits::pending`] names wait; what is beyond is due at once, oldest first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use schema::Timestamp;

use super::Limits;
use crate::change::Inside;
use crate::entry::FileId;
use crate::evidence::{Backing, Collector, Evidence, Layered, Mask};
use crate::who::Who;

/// Names in one case at most: what would join beyond is judged by itself.
const NAMES: usize = 256;
/// Processes remembered for one name at most: the first ones.
const PARTS: usize = 8;

/// One process's part in what happened to one name.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) at: Timestamp,
    pub(super) who: Who,
    pub(super) mask: Mask,
    pub(super) collector: Collector,
}

/// One name and what was heard of it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// Order of the first evidence among all.
    pub(super) order: u64,
    pub(super) at: Timestamp,
    pub(super) mask: Mask,
    /// An object was renamed to here.
    pub(super) arrived: bool,
    /// An object was renamed away from here.
    pub(super) left: bool,
    /// The last that was told of the name itself was that it was made.
    pub(super) made: bool,
    pub(super) collector: Collector,
    /// Objects that were told of under this name, at most two: the first and the last.
    pub(super) ids: Vec<FileId>,
    pub(super) parts: Vec<Part>,
    pub(super) inside: Option<Inside>,
    pub(super) backing: Option<Backing>,
}

/// Names that belong together.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) order: u64,
    /// When it is judged; what [`Pending::due`] is made of.
    due: Timestamp,
    pub(super) places: Vec<Place>,
    /// From, to, in the order of arrival.
    pub(super) renames: Vec<(PathBuf, PathBuf)>,
    /// Folders of which `Seen` was already told that they moved: from, to.
    pub(super) carried: Vec<(PathBuf, PathBuf)>,
    /// Looked at before, but it was being written: how often.
    pub(super) again: u8,
}

/// All that waits.
#[derive(Debug, Default)]
pub(super) struct Pending {
    cases: HashMap<u64, Case>,
    by_path: BTreeMap<Box<[u8]>, u64>,
    by_id: HashMap<FileId, u64>,
    due: BTreeSet<(Timestamp, u64)>,
    next: u64,
    /// Evidence of the kernel's audit is expected beside that of the collectors.
    pub(super) audit: bool,
}

fn key(path: &Path) -> Box<[u8]> {
    path.as_os_str().as_bytes().into()
}

impl Pending {
    /// Names that wait.
    pub(super) fn len(&self) -> usize {
        self.by_path.len()
    }

    /// When the next case is due.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whether this process had a part in what waits for this name.
    pub(super) fn has_part(&self, path: &Path, pid: u32) -> bool {
        let case = self.by_path.get(path.as_os_str().as_bytes()).and_then(|case| self.cases.get(case));
        let part = |place: &Place| place.path == path && place.parts.iter().any(|part| part.who.pid == pid);
        case.is_some_and(|case| case.places.iter().any(part))
    }

    /// Whether this process had a part in what waits in this folder.
    pub(super) fn has_part_in(&self, folder: &Path, pid: u32) -> bool {
        let direct = |path: &[u8]| Path::new(OsStr::from_bytes(path)).parent() == Some(folder);
        self.below(folder)
            .iter()
            .filter(|path| direct(path))
            .any(|path| self.has_part(Path::new(OsStr::from_bytes(path)), pid))
    }

    /// Takes one piece of evidence. Returns false if its two names did not fit together in one case.
    pub(super) fn take(&mut self, evidence: &Evidence, limits: &Limits) -> bool {
        let order = self.next;
        self.next += 1;
        let mut whole = true;
        let mut home = None;
        let sides = [(evidence.old_path.as_deref(), Side::Old), (evidence.path.as_deref(), Side::New)];
        for (path, side) in sides {
            let Some(path) = path else { continue };
            let known = self.by_path.get(path.as_os_str().as_bytes()).copied();
            let case = known.unwrap_or_else(|| self.open(order, evidence.at));
            self.note(case, path, side, order, evidence);
            let (joined, together) = self.join(home, case);
            whole &= together;
            // Too large to be one: what stays behind is judged by itself.
            if let Some(left) = home.filter(|_| !together) {
                self.schedule(left, evidence.at, limits);
            }
            home = Some(joined);
        }
        let Some(mut case) = home else { return whole };
        if let Some(id) = evidence.id {
            let other = self.by_id.get(&id).copied();
            let (joined, together) = self.join(other, case);
            whole &= together;
            case = joined;
            self.by_id.insert(id, case);
        }
        if let (Some(from), Some(to)) = (&evidence.old_path, &evidence.path)
            && let Some(case) = self.cases.get_mut(&case)
            && case.renames.len() < NAMES
        {
            case.renames.push((from.clone(), to.clone()));
        }
        self.schedule(case, evidence.at, limits);
        whole
    }

    fn open(&mut self, order: u64, at: Timestamp) -> u64 {
        self.cases.entry(order).or_insert_with(|| Case { first: at, last: at, order, due: at, ..Case::default() });
        order
    }

    fn note(&mut self, of: u64, path: &Path, side: Side, order: u64, evidence: &Evidence) {
        let Some(case) = self.cases.get_mut(&of) else { return };
        self.by_path.insert(key(path), of);
        let place = match case.places.iter().position(|place| place.path == path) {
            Some(known) => &mut case.places[known],
            None => {
                case.places.push(Place::new(path, order, evidence));
                let last = case.places.len() - 1;
                &mut case.places[last]
            }
        };
        place.add(side, evidence);
    }

    /// One case of two, where they fit together.
    fn join(&mut self, one: Option<u64>, other: u64) -> (u64, bool) {
        let Some(one) = one.filter(|one| *one != other && self.cases.contains_key(one)) else { return (other, true) };
        let size = |of: &u64| self.cases.get(of).map_or(0, |case| case.places.len());
        if size(&one) + size(&other) > NAMES {
            return (other, false);
        }
        let (into, from) = (one.min(other), one.max(other));
        let Some(gone) = self.cases.remove(&from) else { return (into, true) };
        self.due.remove(&(gone.due, from));
        for place in &gone.places {
            self.by_path.insert(key(&place.path), into);
            for id in &place.ids {
                self.by_id.insert(*id, into);
            }
        }
        if let Some(case) = self.cases.get_mut(&into) {
            case.first = case.first.min(gone.first);
            case.last = case.last.max(gone.last);
            case.order = case.order.min(gone.order);
            case.places.extend(gone.places);
            case.renames.extend(gone.renames);
            case.carried.extend(gone.carried);
            case.again = case.again.max(gone.again);
        }
        (into, true)
    }

    fn schedule(&mut self, of: u64, at: Timestamp, limits: &Limits) {
        let Some(case) = self.cases.get_mut(&of) else { return };
        case.last = case.last.max(at);
        let mut due = plus(case.last, limits.debounce_ms);
        if self.audit && case.waits_for_partner() {
            due = due.max(plus(case.first, limits.partner_ms));
        }
        let due = due.min(plus(case.first, limits.debounce_max_ms));
        self.due.remove(&(case.due, of));
        case.due = due;
        self.due.insert((due, of));
    }

    /// Puts a case back that could not be settled now.
    pub(super) fn put_back(&mut self, mut case: Case, now: Timestamp, limits: &Limits) {
        let of = self.next;
        self.next += 1;
        case.due = plus(now, limits.debounce_ms);
        self.due.insert((case.due, of));
        for place in &case.places {
            self.by_path.entry(key(&place.path)).or_insert(of);
        }
        self.cases.insert(of, case);
    }

    /// Takes out what is due, and beyond the bound the oldest, in the order of their first evidence.
    pub(super) fn ripe(&mut self, now: Timestamp, limits: &Limits) -> Vec<Case> {
        let mut ripe = Vec::new();
        while let Some((at, of)) = self.due.first().copied() {
            if at > now && self.len() <= limits.pending {
                break;
            }
            self.due.remove(&(at, of));
            let Some(case) = self.cases.remove(&of) else { continue };
            for place in &case.places {
                self.forget(place, of);
            }
            ripe.push(case);
        }
        ripe.sort_by_key(|case| case.order);
        ripe
    }

    fn forget(&mut self, place: &Place, of: u64) {
        let path = place.path.as_os_str().as_bytes();
        if self.by_path.get(path) == Some(&of) {
            self.by_path.remove(path);
        }
        for id in &place.ids {
            if self.by_id.get(id) == Some(&of) {
                self.by_id.remove(id);
            }
        }
    }

    /// What waits at or below a folder, out of its cases: for a folder that is gone with all in it.
    pub(super) fn take_below(&mut self, folder: &Path) -> Vec<Place> {
        let mut found = Vec::new();
        for path in self.below(folder) {
            let Some(of) = self.by_path.remove(&path) else { continue };
            let Some(case) = self.cases.get_mut(&of) else { continue };
            let name = Path::new(OsStr::from_bytes(&path));
            if let Some(at) = case.places.iter().position(|place| place.path == name) {
                let place = case.places.remove(at);
                for id in &place.ids {
                    if self.by_id.get(id) == Some(&of) {
                        self.by_id.remove(id);
                    }
                }
                found.push(place);
            }
            if case.places.is_empty() {
                self.due.remove(&(case.due, of));
                self.cases.remove(&of);
            }
        }
        found
    }

    fn below(&self, folder: &Path) -> Vec<Box<[u8]>> {
        let mut from = folder.as_os_str().as_bytes().to_vec();
        if from.last() != Some(&b'/') {
            from.push(b'/');
        }
        let keys = self.by_path.range(Box::from(&*from)..).map(|(path, _)| path);
        keys.take_while(|path| path.starts_with(&from)).cloned().collect()
    }

    /// A folder has another name: what waits below it waits under that name.
    pub(super) fn carry(&mut self, old: &Path, new: &Path) {
        for path in self.below(old) {
            let Some(of) = self.by_path.remove(&path) else { continue };
            let name = Path::new(OsStr::from_bytes(&path));
            let Ok(rest) = name.strip_prefix(old) else { continue };
            let to = new.join(rest);
            let Some(case) = self.cases.get_mut(&of) else { continue };
            for place in case.places.iter_mut().filter(|place| place.path == name) {
                place.path.clone_from(&to);
            }
            for side in case.renames.iter_mut().flat_map(|(from, to)| [from, to]) {
                if *side == name {
                    side.clone_from(&to);
                }
            }
            match self.by_path.get(to.as_os_str().as_bytes()).copied() {
                // Both are looked at; the later one finds nothing left to tell.
                Some(_) => {}
                None => _ = self.by_path.insert(key(&to), of),
            }
        }
    }

    /// Notes that `Seen` has moved a folder, in the case that its new name waits in.
    pub(super) fn carried(&mut self, old: &Path, new: &Path) {
        let of = self.by_path.get(new.as_os_str().as_bytes());
        if let Some(case) = of.and_then(|of| self.cases.get_mut(of)) {
            case.carried.push((old.to_owned(), new.to_owned()));
        }
    }
}

/// Milliseconds later.
pub(super) fn plus(at: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_millis(at.millis().saturating_add(ms))
}

/// Which name of a rename.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Old,
    New,
}

impl Place {
    fn new(path: &Path, order: u64, evidence: &Evidence) -> Self {
        Self {
            path: path.to_owned(),
            order,
            at: evidence.at,
            mask: Mask::default(),
            arrived: false,
            left: false,
            made: false,
            collector: evidence.collector,
            ids: Vec::new(),
            parts: Vec::new(),
            inside: None,
            backing: None,
        }
    }

    fn add(&mut self, side: Side, evidence: &Evidence) {
        // What else happened to a renamed object is told under its new name.
        let mask = match side {
            Side::Old => Mask(Mask::RENAME.0 | evidence.mask.0 & Mask::ONDIR.0),
            Side::New => evidence.mask,
        };
        self.at = self.at.min(evidence.at);
        self.mask = self.mask.with(mask);
        self.left |= side == Side::Old;
        self.arrived |= side == Side::New && evidence.mask.has(Mask::RENAME);
        if side == Side::Old || evidence.mask.has(Mask::DELETE) {
            self.made = false;
        } else if evidence.mask.has(Mask::CREATE.with(Mask::RENAME)) {
            self.made = true;
        }
        if self.collector == Collector::Audit {
            self.collector = evidence.collector;
        }
        if let Some(id) = evidence.id
            && !self.ids.contains(&id)
        {
            self.ids.truncate(1);
            self.ids.push(id);
        }
        if side == Side::New {
            self.inside = evidence.inside.clone().or_else(|| self.inside.take());
            // Where the name came from is said when it was made; what comes after says nothing of that.
            let news = |backing: &&Backing| {
                backing.what != Layered::Same || evidence.mask.has(Mask::CREATE.with(Mask::RENAME))
            };
            self.backing = match &self.backing {
                Some(known) => Some(evidence.backing.as_ref().filter(news).unwrap_or(known).clone()),
                None => evidence.backing.clone(),
            };
        }
        self.part(Part { at: evidence.at, who: evidence.who.clone(), mask, collector: evidence.collector });
    }

    fn part(&mut self, part: Part) {
        let same = |known: &&mut Part| {
            known.collector == part.collector
                && (known.who.pid, known.who.start_ns) == (part.who.pid, part.who.start_ns)
        };
        if let Some(known) = self.parts.iter_mut().find(same) {
            known.mask = known.mask.with(part.mask);
            if part.who.confidence > known.who.confidence {
                known.who = part.who;
            }
        } else if self.parts.len() < PARTS {
            self.parts.push(part);
        }
    }
}

impl Case {
    /// Whether only one of the two told so far: collectors or the kernel's audit.
    fn waits_for_partner(&self) -> bool {
        let parts = || self.places.iter().flat_map(|place| &place.parts);
        let audit = |pid| parts().any(|part| part.collector == Collector::Audit && part.who.pid == pid);
        parts().any(|part| part.collector != Collector::Audit && part.who.auid.is_none() && !audit(part.who.pid))
    }

    /// Where the object that had this name at first has gone, by what was heard of renames.
    pub(super) fn fate<'a>(&'a self, of: &'a Path) -> &'a Path {
        self.renames.iter().fold(of, |at, (from, to)| if from == at { to } else { at })
    }

    /// The name to which the object that had this name was renamed, whatever came after.
    pub(super) fn fate_of_first<'a>(&'a self, of: &'a Path) -> &'a Path {
        self.renames.iter().find(|(from, _)| from == of).map_or(of, |(_, to)| to)
    }

    /// Under which name the object that has this name now was at first.
    pub(super) fn origin<'a>(&'a self, of: &'a Path) -> &'a Path {
        let mut at = of;
        for (from, to) in self.renames.iter().rev() {
            if to == at {
                at = from;
            } else if from == at {
                // What was here has left: what is here now was made since.
                break;
            }
        }
        at
    }

    /// The same again, for these names alone.
    pub(super) fn once_more(&self, places: Vec<Place>) -> Self {
        Self { places, again: self.again + 1, ..self.clone() }
    }
}
