//! What is told at once: opened, executed, let in or refused, tried and failed. Nothing changed, so nothing is looked at.
//!
//! The same process doing the same to the same file again within the debounce time is counted and told once more at its end, with
//! the count.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schema::Timestamp;

use super::pending::plus;
use super::recent::Recent;
use super::verdict::classes;
use super::{Counters, Limits};
use crate::change::{Access, Action, Change, Inside};
use crate::evidence::{Collector, Evidence, Mask};
use crate::policy::Policy;
use crate::seen::Seen;

/// Accesses whose repetitions are counted at one time; beyond, each is told.
const REPEATS: usize = 4_096;
/// What changes files, so that it waits for a look.
const WAITS: Mask =
    Mask(Mask::MODIFY.0 | Mask::ATTRIB.0 | Mask::CLOSE_WRITE.0 | Mask::CREATE.0 | Mask::DELETE.0 | Mask::RENAME.0);

type Key = (PathBuf, u32, Action, Option<(Access, bool)>);

/// A change and how often it was repeated since.
#[derive(Debug)]
struct Repeated {
    change: Change,
    count: u64,
}

#[derive(Debug, Default)]
pub(super) struct Instant {
    ready: VecDeque<Change>,
    repeats: HashMap<Key, Repeated>,
    ends: VecDeque<(Timestamp, Key)>,
}

impl Instant {
    /// Whether something is to be told now.
    pub(super) fn waits(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When counting ends next.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.ends.front().map(|(at, _)| *at)
    }

    /// Takes what is told at once; returns what of the mask has to wait for a look.
    pub(super) fn take(
        &mut self,
        evidence: &Evidence,
        concerned: impl Fn(&Path, Option<&Inside>) -> Vec<Arc<Policy>>,
        counters: &mut Counters,
        limits: &Limits,
    ) -> Mask {
        let rest = Mask(evidence.mask.0 & WAITS.0);
        let actions = if evidence.failed { vec![tried(evidence.mask)] } else { done(evidence.mask) };
        for action in actions {
            if let Some(change) = change(evidence, action, &concerned) {
                self.add(change, counters, limits);
            } else if rest == Mask::default() {
                counters.unasked += 1;
            }
        }
        if rest == Mask::default() { rest } else { rest.with(Mask(evidence.mask.0 & Mask::ONDIR.0)) }
    }

    fn add(&mut self, change: Change, counters: &mut Counters, limits: &Limits) {
        let answer = change.permission.map(|answer| (answer.access, answer.refused));
        let key = (change.path.clone(), change.who.pid, change.action, answer);
        if let Some(known) = self.repeats.get_mut(&key) {
            // Audit tells of the same call once more.
            if change.collector == Collector::Audit && known.change.collector != Collector::Audit {
                counters.joined += 1;
            } else {
                counters.repeated += 1;
                known.count += 1;
            }
            return;
        }
        if self.ready.len() >= limits.pending.saturating_mul(2) {
            counters.overflowed += 1;
            return;
        }
        if self.repeats.len() < REPEATS {
            self.ends.push_back((plus(change.time, limits.debounce_ms), key.clone()));
            self.repeats.insert(key, Repeated { change: change.clone(), count: 0 });
        }
        self.ready.push_back(change);
    }

    /// Gives out what is to be told now.
    pub(super) fn run(&mut self, now: Timestamp, seen: &dyn Seen, recent: &mut Recent, out: &mut Vec<Change>) {
        for mut change in self.ready.drain(..) {
            change.after = seen.get(&change.path);
            change.id = change.id.or_else(|| change.after.as_ref().map(|entry| entry.id));
            recent.note(&change.path, change.who.pid, now);
            out.push(change);
        }
        while let Some((at, _)) = self.ends.front()
            && *at <= now
        {
            let Some((_, key)) = self.ends.pop_front() else { break };
            if let Some(Repeated { mut change, count: count @ 1.. }) = self.repeats.remove(&key) {
                change.count = count;
                change.after = seen.get(&change.path);
                out.push(change);
            }
        }
    }
}

/// What was done, of what is told at once.
fn done(mask: Mask) -> Vec<Action> {
    let mut actions = Vec::new();
    if mask.has(Mask::OPEN_EXEC.with(Mask::OPEN_EXEC_PERM)) {
        actions.push(Action::Executed);
    }
    if mask.has(Mask::OPEN.with(Mask::ACCESS).with(Mask::OPEN_PERM)) {
        actions.push(Action::Opened);
    }
    actions
}

/// What a call that failed would have done; what cannot be looked at is told in the same words.
pub(super) fn tried(mask: Mask) -> Action {
    let words = [
        (Mask::OPEN_EXEC.with(Mask::OPEN_EXEC_PERM), Action::Executed),
        (Mask::RENAME, Action::Moved),
        (Mask::DELETE, Action::Deleted),
        (Mask::CREATE, Action::Created),
        (Mask::MODIFY.with(Mask::CLOSE_WRITE), Action::Updated),
        (Mask::ATTRIB, Action::AttributesModified),
    ];
    words.into_iter().find(|(bits, _)| mask.has(*bits)).map_or(Action::Opened, |(_, action)| action)
}

fn change(
    evidence: &Evidence,
    action: Action,
    concerned: impl Fn(&Path, Option<&Inside>) -> Vec<Arc<Policy>>,
) -> Option<Change> {
    let path = evidence.path.clone().or_else(|| evidence.old_path.clone())?;
    let mut concerned = concerned(&path, evidence.inside.as_ref());
    // Who is asked for permission is asked by a policy with a guard, whichever classes it has.
    concerned.retain(|policy| evidence.permission.is_some() || policy.classes.has(classes(action)));
    if concerned.is_empty() {
        return None;
    }
    Some(Change {
        old_path: evidence.old_path.clone().filter(|old| *old != path),
        id: evidence.id,
        mask: evidence.mask,
        collector: evidence.collector,
        who: evidence.who.clone(),
        policies: concerned,
        verified: false,
        failed: evidence.failed || evidence.permission.is_some_and(|answer| answer.refused),
        permission: evidence.permission,
        inside: evidence.inside.clone(),
        ..Change::new(evidence.at, action, path)
    })
}
