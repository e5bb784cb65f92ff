//! Logs before the judge: what of them a policy with `append_only` does not want to hear.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

use schema::Timestamp;

use super::Judge;
use super::append::{Checked, Finding, rotated};
use super::pending::{Case, plus};
use crate::change::{Action, Change};
use crate::entry::Entry;

/// A log that was moved away may be made anew this much later, as late as its program has something to write, ms.
const ANEW_MS: i64 = 24 * 3_600_000;
/// Logs remembered that were moved away; the oldest go first.
const AWAY: usize = 4_096;

/// Logs that were moved away and may come anew.
#[derive(Debug, Default)]
pub(super) struct Away {
    since: HashMap<PathBuf, Timestamp>,
    order: VecDeque<PathBuf>,
}

impl Away {
    fn note(&mut self, path: &Path, now: Timestamp) {
        if self.since.insert(path.to_owned(), now).is_none() {
            self.order.push_back(path.to_owned());
        }
        if self.order.len() > AWAY
            && let Some(oldest) = self.order.pop_front()
        {
            self.since.remove(&oldest);
        }
    }

    fn has(&self, path: &Path, now: Timestamp) -> bool {
        self.since.get(path).is_some_and(|since| now <= plus(*since, ANEW_MS))
    }
}

/// What a log's own differences are, in the words for logs.
pub(super) fn action(action: Action, checked: Option<&Checked>) -> Action {
    match (action, checked.map(|checked| &checked.finding)) {
        (Action::Updated | Action::AttributesModified, Some(Finding::Rewritten(_))) => Action::Rewritten,
        (Action::Updated, Some(Finding::Truncated)) => Action::Truncated,
        _ => action,
    }
}

/// Whether nothing differs but what differs with every line that is written.
pub(super) fn only_longer(before: &Entry, after: &Entry) -> bool {
    let moves = ["size", "mtime", "ctime", "blake3", "sha256", "sha1", "md5", "content"];
    before.differences(after).iter().all(|one| moves.contains(&&*one.attribute))
}

impl Judge {
    /// Takes the policies of logs off a change that is what logs do: growing, and being moved away. True: no other policy is left.
    pub(super) fn hush(&mut self, change: &mut Change, checked: Option<&Checked>, case: &Case, now: Timestamp) -> bool {
        if !change.policies.iter().any(|policy| policy.append_only) {
            return false;
        }
        if let Some(Finding::Rewritten(offset)) = checked.map(|checked| &checked.finding) {
            change.offset = *offset;
        }
        let quiet = match change.action {
            // What is longer and has another mode besides is told as that.
            Action::Updated => matches!(checked.map(|checked| &checked.finding), Some(Finding::Grew | Finding::First)),
            _ => self.is_rotation(change, checked, case, now),
        };
        if quiet {
            change.policies.retain(|policy| !policy.append_only);
            self.counters.quiet += 1;
        }
        quiet && change.policies.is_empty()
    }

    fn is_rotation(&mut self, change: &Change, checked: Option<&Checked>, case: &Case, now: Timestamp) -> bool {
        let path = &change.path;
        let logs = || change.policies.iter().filter(|policy| policy.append_only);
        let by = logs().any(|policy| self.aids.rotators.rotates(policy, &change.who));
        let old = change.old_path.as_deref();
        let away = match change.action {
            Action::Moved => old.is_some_and(|old| by || rotated(old, path)).then(|| old.map(Path::to_owned)).flatten(),
            Action::Deleted => (by || old.is_some_and(|peer| rotated(path, peer))).then(|| path.clone()),
            Action::Replaced => (by || rotated(path, case.fate_of_first(path))).then(|| path.clone()),
            Action::Truncated | Action::Rewritten => {
                let held = checked.and_then(|checked| checked.old.as_ref());
                let truncated = by && change.action == Action::Truncated;
                let mut beside =
                    || held.is_some_and(|old| self.aids.logs.as_mut().is_some_and(|logs| logs.beside(path, old)));
                (truncated || beside()).then(|| path.clone())
            }
            Action::Created => {
                let anew = by || self.away.has(path, now) || old.is_some_and(|old| rotated(old, path));
                return anew;
            }
            Action::AttributesModified => return by,
            _ => None,
        };
        if let Some(away) = &away {
            self.away.note(away, now);
        }
        away.is_some()
    }
}
