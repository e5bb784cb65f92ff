//! What changed in a text file: the difference of its lines, without secrets.
//!
//! Asked for by a policy's `diff`. The old text is kept on this host, compressed, with its secrets already taken out ([`redact`]), so
//! none of them rests anywhere but in the file itself; "changed or not" of a secret shows by a keyed hash of it, whose key stays
//! in the same folder. Files that are secret as a whole are never compared ([`deny`]).
//!
//! Promises: a missing difference says why ([`Diff::Missing`]: `binary too-large denied quota deadline no-previous changed
//! unreadable`); the texts kept together stay below the quota, the least recently used go first; comparing ends after 200 ms.
//! Does not decide which files are compared, and follows no symbolic link.

pub mod deny;
pub mod redact;
mod store;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::{Duration, Instant};

use similar::TextDiff;

use crate::change::Diff;
use crate::entry::{Entry, Kind};
use crate::policy::{DiffRule, Policies};
use crate::seen::Seen;

use redact::{Numbers, Redacted};
pub use store::{Error, QUOTA, Store};

/// Comparing takes so long at most.
const DEADLINE: Duration = Duration::from_millis(200);
/// Unchanged lines around each change.
const CONTEXT: usize = 3;

/// Keeps old texts and compares. The judge asks it; [`Store`] is the one on disk.
pub trait Texts {
    /// The difference of this file to its text that is kept, which is then replaced by what is there now. `before` and `after` are what
    /// was last seen and what is there: a text is compared only if it is the one of `before`.
    fn difference(&mut self, path: &Path, before: &Entry, after: &Entry, rule: &DiffRule) -> Diff;

    /// Keeps the text that is there now, for the next time.
    fn keep(&mut self, path: &Path, entry: &Entry, rule: &DiffRule);

    /// The file has another name.
    fn moved(&mut self, old: &Path, new: &Path);

    /// The file is gone.
    fn forget(&mut self, path: &Path);
}

/// Keeps the text of every file that a policy with `diff` asks for and that is not kept yet, as it was last seen: after the first
/// scan, so that the first change of each can be compared. Returns how many are kept new.
pub fn prime(store: &mut Store, policies: &Policies, seen: &dyn Seen) -> usize {
    let mut wanted = Vec::new();
    for root in policies.roots_where(|policy| policy.diff.is_some()) {
        let mut one = |path: &Path, entry: &Entry| {
            let small = |rule: &DiffRule| entry.size <= rule.max_file;
            if wanted.len() < store::TEXTS
                && entry.kind == Kind::File
                && let Some(policy) =
                    policies.of(path).into_iter().find(|policy| policy.diff.as_ref().is_some_and(small))
            {
                wanted.push((path.to_owned(), entry.clone(), policy));
            }
        };
        if let Some(entry) = seen.get(&root.path) {
            one(&root.path, &entry);
        }
        seen.below(&root.path, &mut one);
    }
    let before = store.len();
    for (path, entry, policy) in wanted {
        if let Some(rule) = policy.diff.as_ref().filter(|_| !store.has(&path, &entry)) {
            store.keep(&path, &entry, rule);
        }
    }
    store.len().saturating_sub(before)
}

/// Why this file is not compared, whatever is in it.
fn refused(path: &Path, before: Option<&Entry>, after: &Entry, rule: &DiffRule) -> Option<&'static str> {
    let private = |entry: &Entry| !rule.private && deny::private(entry);
    if deny::name(path) || rule.never.fit(path) || private(after) || before.is_some_and(private) {
        return Some("denied");
    }
    if after.kind != Kind::File {
        return Some("binary");
    }
    (after.size > rule.max_file).then_some("too-large")
}

/// Text of these bytes: UTF-8, or mostly printable, then with `\xNN` for the rest. `None`: it is not text.
#[must_use]
pub fn text(bytes: &[u8]) -> Option<String> {
    if bytes.contains(&0) {
        return None;
    }
    let mut out = String::with_capacity(bytes.len());
    let mut odd = 0;
    for chunk in bytes.utf8_chunks() {
        odd += chunk
            .valid()
            .chars()
            .filter(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0c' | '\x1b'))
            .count();
        out.push_str(chunk.valid());
        odd += chunk.invalid().len();
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
    (odd * 10 <= bytes.len()).then_some(out)
}

/// The unified difference of two redacted texts, cut after the last line that fits into `max` bytes.
fn unified(before: &Redacted, after: &Redacted, max: u64) -> Diff {
    let mut numbers = Numbers::default();
    let (old, new) = (before.shown(&mut numbers), after.shown(&mut numbers));
    let begin = Instant::now();
    let diff = TextDiff::configure().timeout(DEADLINE).diff_lines(&*old, &*new);
    // When time is up the rest is given as changed as a whole: true, but of no use.
    if begin.elapsed() >= DEADLINE {
        return Diff::Missing("deadline");
    }
    let whole = diff.unified_diff().context_radius(CONTEXT).to_string();
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    if whole.len() <= max {
        return Diff::Text { unified: whole, truncated: false };
    }
    let end = whole.as_bytes()[..max].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Diff::Text { unified: whole[..end].to_owned(), truncated: true }
}
