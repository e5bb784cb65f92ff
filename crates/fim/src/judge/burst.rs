//! Bursts: so many changes of one policy in one folder within a second are told in one.

use std::collections::{HashMap, VecDeque};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use schema::Timestamp;

use super::Limits;
use super::pending::plus;
use crate::change::Change;
use crate::entry::{Digest, Entry};
use crate::policy::Severity;
use crate::who::Confidence;

/// Folders whose changes are counted at one time; beyond, changes are told each.
const FOLDERS: usize = 4_096;

type Key = (Box<str>, PathBuf);

/// Changes of one policy in one folder.
#[derive(Debug, Default)]
struct Window {
    told: usize,
    held: Vec<Held>,
}

/// What is held back of one kind of change.
#[derive(Debug)]
struct Held {
    summary: Change,
    tree: Tree,
}

/// Windows that are open.
#[derive(Debug, Default)]
pub(super) struct Bursts {
    windows: HashMap<Key, Window>,
    ends: VecDeque<(Timestamp, Key)>,
}

impl Bursts {
    /// When the next window with something in it ends.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.ends.front().map(|(at, _)| *at)
    }

    /// Gives the change out, or holds it for the summary of its folder: then true.
    pub(super) fn take(
        &mut self,
        change: Change,
        now: Timestamp,
        limits: &Limits,
        each: &mut dyn FnMut(Change),
    ) -> bool {
        let (Some(policy), Some(folder)) = (change.policies.first(), change.path.parent()) else {
            each(change);
            return false;
        };
        if policy.severity >= Severity::High || change.permission.is_some() || change.count != 1 {
            each(change);
            return false;
        }
        let key = (policy.id.clone(), folder.to_owned());
        if !self.windows.contains_key(&key) {
            if self.windows.len() >= FOLDERS {
                each(change);
                return false;
            }
            self.ends.push_back((plus(now, limits.burst_ms), key.clone()));
        }
        let window = self.windows.entry(key).or_default();
        if window.told < limits.burst {
            window.told += 1;
            each(change);
            return false;
        }
        window.hold(&change);
        true
    }

    /// Gives out the summaries of windows that have ended.
    pub(super) fn run(&mut self, now: Timestamp, each: &mut dyn FnMut(Change)) {
        while let Some((at, _)) = self.ends.front()
            && *at <= now
        {
            let Some((_, key)) = self.ends.pop_front() else { return };
            for held in self.windows.remove(&key).into_iter().flat_map(|window| window.held) {
                let Held { mut summary, tree } = held;
                summary.summary = tree.root();
                each(summary);
            }
        }
    }
}

impl Window {
    fn hold(&mut self, change: &Change) {
        let leaf = row(change);
        let Some(held) = self.held.iter_mut().find(|held| held.summary.action == change.action) else {
            let mut tree = Tree::default();
            tree.add(leaf);
            self.held.push(Held { summary: summary(change), tree });
            return;
        };
        held.tree.add(leaf);
        let summary = &mut held.summary;
        summary.count += 1;
        summary.mask = summary.mask.with(change.mask);
        if summary.who.pid != change.who.pid {
            summary.who.confidence = summary.who.confidence.min(Confidence::Ambiguous);
            if summary.who.candidates.len() < 4 && !summary.who.candidates.contains(&change.who.pid) {
                summary.who.candidates.push(change.who.pid);
            }
        }
    }
}

/// The folder stands for what is in it.
fn summary(of: &Change) -> Change {
    Change {
        path: of.path.parent().unwrap_or(&of.path).to_owned(),
        old_path: None,
        names: Vec::new(),
        before: None,
        after: None,
        id: None,
        diff: None,
        provenance: None,
        offset: None,
        ..of.clone()
    }
}

/// The leaf of one change in a summary's tree: BLAKE3 of a tag, the action's word, path and old path, and what tells both sides
/// apart. Whoever keeps the rows can give the summary's root again.
#[must_use]
pub fn row(change: &Change) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"auditng fim row 1\0");
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(change.action.name().as_bytes());
    part(change.path.as_os_str().as_bytes());
    part(change.old_path.as_deref().map_or(&[], |path| path.as_os_str().as_bytes()));
    for side in [&change.before, &change.after] {
        part(&side.as_ref().map(fingerprint).unwrap_or_default());
    }
    Digest(*hasher.finalize().as_bytes())
}

fn fingerprint(entry: &Entry) -> Vec<u8> {
    let numbers =
        [entry.id.dev, entry.id.inode, entry.size, u64::from(entry.mode), u64::from(entry.uid), u64::from(entry.gid)];
    let mut out: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
    out.extend([entry.mtime_ns, entry.ctime_ns].into_iter().flat_map(i64::to_le_bytes));
    out.extend(entry.hashes.blake3.or(entry.hashes.sha256).map(|digest| digest.0).into_iter().flatten());
    out
}

/// A Merkle tree that grows at its end: one digest a level, so that a summary of millions costs some hundred bytes. Nodes are BLAKE3
/// of a tag, left and right; at the end the open levels are joined from the lowest up.
#[derive(Debug, Default)]
pub struct Tree {
    levels: Vec<Option<Digest>>,
}

impl Tree {
    /// One more leaf.
    pub fn add(&mut self, leaf: Digest) {
        let mut carry = leaf;
        for level in &mut self.levels {
            match level.take() {
                None => {
                    *level = Some(carry);
                    return;
                }
                Some(left) => carry = node(left, carry),
            }
        }
        self.levels.push(Some(carry));
    }

    /// The root of what was added; `None`: nothing was.
    #[must_use]
    pub fn root(&self) -> Option<Digest> {
        self.levels.iter().flatten().copied().reduce(|right, left| node(left, right))
    }
}

fn node(left: Digest, right: Digest) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"auditng fim rows 1\0");
    hasher.update(&left.0);
    hasher.update(&right.0);
    Digest(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::change::Action;
    use crate::policy::Policy;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn change(n: u64, severity: Severity) -> Change {
        let policies = vec![Arc::new(Policy { id: "p".into(), severity, ..Policy::default() })];
        Change { policies, ..Change::new(at(0), Action::Created, Path::new("/d").join(n.to_string())) }
    }

    fn told(severity: Severity, number: u64) -> Vec<Change> {
        let mut out = Vec::new();
        let mut bursts = Bursts::default();
        for n in 0..number {
            bursts.take(change(n, severity), at(0), &Limits::default(), &mut |change| out.push(change));
        }
        bursts.run(at(999), &mut |_| panic!("the window is still open"));
        bursts.run(at(1000), &mut |change| out.push(change));
        assert_eq!(bursts.due(), None);
        out
    }

    #[test]
    fn beyond_a_hundred_the_rest_is_one() {
        let out = told(Severity::Medium, 1000);
        assert_eq!(out.len(), 101);
        assert_eq!((out[100].count, &*out[100].path), (900, Path::new("/d")));
        let mut tree = Tree::default();
        (100..1000).for_each(|n| tree.add(row(&change(n, Severity::Medium))));
        assert_eq!(out[100].summary, tree.root());
        assert_eq!(out.iter().map(|change| change.count).sum::<u64>(), 1000);
    }

    #[test]
    fn high_severities_are_told_each() {
        assert_eq!(told(Severity::High, 1000).len(), 1000);
    }
}
