//! What is known of one case while it is judged: its names looked at, and what they are to each other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::append::Checked;
use super::instant::tried;
use super::pending::{Case, Part, Place};
use super::verdict::{same_content, same_object};
use super::who::settle;
use crate::change::{Action, Change};
use crate::entry::{Entry, Kind};
use crate::evidence::Mask;
use crate::policy::{Policies, Policy};
use crate::seen::Seen;

/// One name of the case, looked at.
pub(super) struct Sight {
    pub(super) place: Place,
    pub(super) policies: Vec<Arc<Policy>>,
    pub(super) before: Option<Entry>,
    pub(super) now: Now,
    /// Another name of the same object, outside of what is watched, under which it was changed.
    pub(super) link: Option<PathBuf>,
    /// Of a log: what became of its bytes.
    pub(super) checked: Option<Checked>,
    pub(super) settled: bool,
}

/// What is there.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Now {
    Absent,
    There(Box<Entry>),
    /// It could not be looked at; nothing is concluded of what is there.
    Hidden,
    /// No policy asks.
    Unwatched,
}

impl Now {
    pub(super) fn entry(&self) -> Option<&Entry> {
        match self {
            Self::There(entry) => Some(entry),
            Self::Absent | Self::Hidden | Self::Unwatched => None,
        }
    }
}

impl Sight {
    pub(super) fn watched(&self) -> bool {
        self.now != Now::Unwatched
    }

    pub(super) fn open(&self) -> bool {
        self.watched() && !self.settled
    }

    /// Nothing can be concluded yet: it could not be looked at, or it is gone and nobody told how. Then a folder above was renamed a
    /// moment ago, and that is still on its way to us.
    pub(super) fn unclear(&self) -> bool {
        let went = self.place.left || self.place.mask.has(Mask::DELETE);
        let was = self.place.made || self.before.is_some() && !went;
        match self.now {
            Now::Hidden => true,
            Now::Absent => was && self.place.backing.is_none(),
            Now::There(_) | Now::Unwatched => false,
        }
    }
}

/// What one case is judged with.
pub(super) struct Court<'a> {
    pub(super) case: &'a Case,
    pub(super) sights: Vec<Sight>,
    pub(super) out: Vec<(u64, Change)>,
    pub(super) policies: &'a Policies,
}

impl Court<'_> {
    pub(super) fn push(&mut self, at: usize, change: Change) {
        self.out.push((self.sights[at].place.order, change));
    }

    pub(super) fn at(&self, path: &Path) -> Option<usize> {
        self.sights.iter().position(|sight| sight.place.path == path)
    }

    /// A change of this name with all that is known of it.
    pub(super) fn change(&self, at: usize, action: Action) -> Change {
        let sight = &self.sights[at];
        let mut parts: Vec<&Part> = sight.place.parts.iter().collect();
        // Whoever wrote a temporary file had a part in what it became.
        let origin = self.case.origin(&sight.place.path);
        if origin != sight.place.path
            && let Some(from) = self.at(origin)
        {
            parts.extend(&self.sights[from].place.parts);
        }
        let after = sight.now.entry().cloned();
        let before = sight.before.clone();
        let told = sight.place.ids.last().copied();
        Change {
            id: after.as_ref().or(before.as_ref()).map(|entry| entry.id).or(told),
            names: sight.link.iter().cloned().collect(),
            before,
            after,
            mask: sight.place.mask,
            collector: sight.place.collector,
            who: settle(&parts, action),
            policies: sight.policies.clone(),
            inside: sight.place.inside.clone(),
            ..Change::new(sight.place.at, action, sight.place.path.clone())
        }
    }

    /// It happened, but what is there could not be looked at.
    pub(super) fn hidden(&mut self, at: usize) {
        let action = tried(self.sights[at].place.mask);
        let change = Change { verified: false, ..self.change(at, action) };
        self.push(at, change);
    }

    /// Folders that `Seen` has moved already.
    pub(super) fn carried(&mut self, seen: &mut dyn Seen) {
        for (old, new) in chains(&self.case.carried) {
            let Some(at) = self.at(&new) else { continue };
            let sight = &self.sights[at];
            let (Some(before), Now::There(after)) = (&sight.before, &sight.now) else { continue };
            if old == new || !same_object(before, after) {
                continue;
            }
            let mut change = Change { old_path: Some(old.clone()), ..self.change(at, Action::Moved) };
            change.policies = both(&self.policies.of(&old), &change.policies);
            seen.set(&new, Some(after));
            self.sights[at].settled = true;
            self.push(at, change);
        }
    }

    /// Objects that were seen under one name of the case and are under another now. Returns names under which a folder was before.
    pub(super) fn pairs(&mut self, seen: &mut dyn Seen) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        for from in 0..self.sights.len() {
            let sight = &self.sights[from];
            let (true, Some(before), Now::Absent) = (sight.open() && sight.place.left, &sight.before, &sight.now)
            else {
                continue;
            };
            let arrived = |to: &Sight| {
                to.open() && to.place.arrived && to.now.entry().is_some_and(|now| same_object(before, now))
            };
            let Some(to) = self.sights.iter().position(arrived) else { continue };
            // A folder that was there before is gone with all in it.
            let folder = self.sights[to].before.as_ref().is_some_and(|before| before.kind == Kind::Directory);
            folders.extend(folder.then(|| self.sights[to].place.path.clone()));
            self.moved(from, to, seen);
        }
        folders
    }

    pub(super) fn moved(&mut self, from: usize, to: usize, seen: &mut dyn Seen) {
        let old_path = self.sights[from].place.path.clone();
        let source = self.sights[from].before.clone();
        let replaced = self.sights[to].before.is_some();
        let action = if replaced { Action::Replaced } else { Action::Moved };
        let mut change = Change { old_path: Some(old_path.clone()), ..self.change(to, action) };
        change.policies = both(&self.sights[from].policies, &change.policies);
        change.mask = change.mask.with(self.sights[from].place.mask);
        seen.set(&old_path, None);
        seen.set(&change.path, change.after.as_ref());
        if !replaced {
            change.before = source;
        }
        let rewritten =
            matches!((&change.before, &change.after), (Some(before), Some(after)) if !same_content(before, after));
        let updated = (action == Action::Moved && rewritten)
            .then(|| Change { before: change.before.clone(), ..self.change(to, Action::Updated) });
        self.push(to, change);
        if let Some(updated) = updated {
            self.push(to, updated);
        }
        self.sights[from].settled = true;
        self.sights[to].settled = true;
    }

    /// Where the object under this name came from: a name in which it was seen, or what was told of renames.
    pub(super) fn origin(&self, at: usize) -> Option<PathBuf> {
        let sight = &self.sights[at];
        if !sight.place.arrived {
            return None;
        }
        let now = sight.now.entry()?;
        let was = |from: &&Sight| {
            from.place.path != sight.place.path && from.before.as_ref().is_some_and(|before| same_object(before, now))
        };
        let seen = self.sights.iter().find(was).map(|from| from.place.path.clone());
        let told =
            || Some(self.case.origin(&sight.place.path)).filter(|path| *path != sight.place.path).map(Path::to_owned);
        seen.or_else(told)
    }

    /// Where what was under this name has gone, if nobody watches there.
    pub(super) fn peer(&self, path: &Path) -> Option<PathBuf> {
        let fate = self.case.fate(path);
        (fate != path && self.policies.of(fate).is_empty()).then(|| fate.to_owned())
    }

    /// Whether a name that came and went was only a step of something else: a temporary file renamed to where it belongs, or a backup
    /// of what is told of under its own name.
    pub(super) fn part_of_another(&self, at: usize) -> bool {
        let place = &self.sights[at].place;
        let fate = self.case.fate(&place.path);
        let renamed = place.left && fate != place.path && self.at(fate).is_some_and(|at| self.sights[at].watched());
        let origin = self.case.origin(&place.path);
        let backup =
            place.arrived && origin != place.path && self.at(origin).is_some_and(|at| self.sights[at].before.is_some());
        // A second name of what was here before; numbers are given out again, but who makes an object anew writes to it.
        let written = place.mask.has(Mask::MODIFY.with(Mask::CLOSE_WRITE).with(Mask::ONDIR));
        let linked = |sight: &Sight| {
            let other = sight.place.path != place.path && !written;
            other && sight.before.as_ref().is_some_and(|entry| place.ids.contains(&entry.id))
        };
        renamed || backup || self.sights.iter().any(linked)
    }
}

fn both(one: &[Arc<Policy>], other: &[Arc<Policy>]) -> Vec<Arc<Policy>> {
    let mut all = other.to_vec();
    all.extend(one.iter().filter(|policy| !other.contains(policy)).cloned());
    all.sort_by_key(|policy| std::cmp::Reverse(policy.severity));
    all
}

/// First and last names of what was moved several times.
fn chains(moves: &[(PathBuf, PathBuf)]) -> Vec<(PathBuf, PathBuf)> {
    let mut chains: Vec<(PathBuf, PathBuf)> = Vec::new();
    for (from, to) in moves {
        match chains.iter_mut().find(|(_, last)| last == from) {
            Some((_, last)) => last.clone_from(to),
            None => chains.push((from.clone(), to.clone())),
        }
    }
    chains
}
