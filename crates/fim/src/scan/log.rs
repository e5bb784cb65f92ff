//! Logs: what only grows is quiet, and so is moving them away as log rotation does.
//!
//! A scan cannot say who moved a log away, so it believes only what it sees: that the old bytes still are at the beginning of a
//! file beside it whose name begins with the log's (`NAME.1`, `NAME-20261124`). A rotated log that was also compressed cannot be
//! compared, and is told.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;

use crate::change::Action;
use crate::entry::{Content, Entry, Kind};
use crate::judge;
use crate::policy::Policy;
use crate::scan::compare::{Found, Known};
use crate::scan::walk::Worker;

/// So many files beside a log are read at most to find where it went.
const BESIDE: usize = 4;

/// What happened to a log, in the words for logs.
pub(super) fn action(action: Action, before: Option<&Entry>, found: &Found) -> Action {
    let log = found.policies.iter().any(|policy| policy.append_only);
    match before {
        Some(before) if log && action == Action::Updated && before.kind == Kind::File => {
            if found.entry.size < before.size {
                Action::Truncated
            } else if found.kept == Some(true) {
                Action::Updated
            } else {
                Action::Rewritten
            }
        }
        _ => action,
    }
}

/// Whether this policy does not want to hear of it.
pub(super) fn quiet(policy: &Policy, action: Action, kept: Option<bool>, rotated: bool) -> bool {
    policy.append_only
        && match action {
            Action::Updated => kept == Some(true),
            // A log that has grown has other times and another size, nothing else.
            Action::Created | Action::Replaced | Action::Truncated | Action::Rewritten => rotated,
            _ => false,
        }
}

/// Marks logs whose old bytes are found beside them, and the files in which they are.
pub(super) fn rotations(worker: &mut Worker<'_, '_>, folder: BorrowedFd<'_>, known: &[Known], found: &mut [Found]) {
    for at in 0..found.len() {
        let Some(before) = moved_away(&found[at], known) else { continue };
        let name = found[at].name.clone();
        let mut tries = 0;
        for other in 0..found.len() {
            if other == at || tries >= BESIDE || !beside(&name, &found[other].name) {
                continue;
            }
            let now = &found[other].entry;
            if now.kind != Kind::File || now.size < before.size {
                continue;
            }
            tries += 1;
            if holds(worker, folder, &found[other], before) {
                found[at].rotated = true;
                found[other].rotated = true;
                break;
            }
        }
    }
}

/// What a log was, if it is another file now or shorter.
fn moved_away<'k>(found: &Found, known: &'k [Known]) -> Option<&'k Entry> {
    if !found.policies.iter().any(|policy| policy.append_only) || found.entry.kind != Kind::File {
        return None;
    }
    let at = known.binary_search_by(|known| known.name.cmp(&found.name)).ok()?;
    let before = &known[at].entry;
    let other = !judge::same_object(before, &found.entry) || found.entry.size < before.size;
    (other && before.content == Content::Whole).then_some(before)
}

/// `NAME.1`, `NAME-DATE`.
fn beside(name: &OsStr, other: &OsStr) -> bool {
    let rest = other.as_bytes().strip_prefix(name.as_bytes());
    rest.is_some_and(|rest| rest.len() > 1 && matches!(rest[0], b'.' | b'-'))
}

fn holds(worker: &mut Worker<'_, '_>, folder: BorrowedFd<'_>, file: &Found, before: &Entry) -> bool {
    let now = &file.entry;
    if now.size == before.size && now.content == Content::Whole {
        return now.hashes == before.hashes;
    }
    crate::look::name(&file.name).is_ok_and(|name| worker.begins_as(folder, &name, before, now))
}
