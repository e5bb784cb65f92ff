//! The judge: makes changes of evidence.
//!
//! ```text
//! take(Evidence) ── opened, executed, refused ─────────────────────────────► Change, at once
//!        └─ all else ── waits until quiet ── look ── compare with Seen ────► Change, or nothing
//! ```
//!
//! The difference between what was last seen and what is there now decides what a change is; masks are evidence only. What
//! belongs together is judged together, so that a temporary file renamed over another is one `replaced`, and a file under two
//! mounts is one change.
//!
//! Promises: any interleaving of evidence ends in the same `Seen` as one look at the end; changes come in the order of their first
//! evidence; at most [`Limits::pending`] names wait, beyond that the oldest is judged at once; what could not be kept is asked for as
//! a [`Wish::Scan`]. Pure but for what it is handed: [`Look`], [`Seen`], the parts of [`Aids`], and `now`.
//!
//! Does not collect, walk folders, know policies' configuration, or write events.

pub mod append;
mod burst;
mod case;
mod court;
mod editor;
mod instant;
mod log;
mod pending;
mod recent;
#[cfg(test)]
mod tests;
mod verdict;
mod who;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schema::Timestamp;

use crate::change::{Action, Change, Inside};
use crate::content::Texts;
use crate::entry::Kind;
use crate::evidence::{Evidence, Mask};
use crate::look::Look;
use crate::policy::{Containers, NoContainers, Policies, Policy};
use crate::provenance::{ByExe, Managers, Packages, Transactions};
use crate::seen::Seen;
use crate::who::Who;

use append::{ByPath, Logs, Rotators};
pub use burst::{Tree, row};
pub use verdict::{asks, classes, counts, same_content, same_object, telling, verdict};
pub use who::merge;

/// Times in milliseconds, and bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Judged after this much quiet.
    pub debounce_ms: i64,
    /// Judged at the latest when the first evidence is this old.
    pub debounce_max_ms: i64,
    /// Names that wait at most; more: the oldest is judged now.
    pub pending: usize,
    /// A collector's evidence waits this long for audit's of the same process, where audit runs.
    pub partner_ms: i64,
    /// Evidence of the same file, class and process within this time is one.
    pub join_ms: i64,
    /// Changes of one policy in one folder within [`Limits::burst_ms`] that are told each; the rest is summarised.
    pub burst: usize,
    /// Length of a burst's window.
    pub burst_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            debounce_ms: 300,
            debounce_max_ms: 3_000,
            pending: 65_536,
            partner_ms: 1_000,
            join_ms: 2_000,
            burst: 100,
            burst_ms: 1_000,
        }
    }
}

/// What the judge asks of others.
#[derive(Clone, PartialEq, Debug)]
pub enum Wish {
    /// Scan this, with all below: it came with contents of which no collector told, or evidence of it could not be kept.
    Scan {
        /// The folder or file.
        path: PathBuf,
        /// Where it came from, if it was moved.
        from: Option<PathBuf>,
        /// Who moved it.
        who: Who,
        /// When.
        at: Timestamp,
    },
}

/// Wishes kept until they are fetched; more are one for the folder above.
const WISHES: usize = 4_096;

/// The policies that ask for a file, by its path here and by the path that its container sees.
fn concerned(
    policies: &Policies,
    containers: &dyn Containers,
    path: &Path,
    inside: Option<&Inside>,
) -> Vec<Arc<Policy>> {
    let mut found = policies.of(path);
    if let Some(inside) = inside
        && let Some(container) = containers.having(inside)
    {
        found.extend(policies.of_inside(&inside.path, &container));
        found.sort_by_key(|policy| std::cmp::Reverse(policy.severity));
    }
    found
}

/// What went through since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Evidence taken.
    pub taken: u64,
    /// Names looked at.
    pub judged: u64,
    /// Changes given out.
    pub told: u64,
    /// Found as they were: opened for writing and not written, or written with the same bytes.
    pub touched: u64,
    /// Neither there nor known, and nothing that came and went: names in between.
    pub vanished: u64,
    /// Temporaries and backups that are part of another change.
    pub folded: u64,
    /// Differences that no policy asks for.
    pub unasked: u64,
    /// Logs that grew, or were moved away as logs are.
    pub quiet: u64,
    /// Repeated accesses that are counted in the first or in the next.
    pub repeated: u64,
    /// Evidence of a second collector for what was told already.
    pub joined: u64,
    /// Changes that are told in a summary alone.
    pub summarised: u64,
    /// Looks that found a file changing all the time.
    pub unstable: u64,
    /// Names that could not be looked at.
    pub unreadable: u64,
    /// Evidence that could not be kept: lost, or, where a look tells as much, a wish for a scan.
    pub overflowed: u64,
}

/// Gets rows.
pub type Rows = Box<dyn FnMut(&Change) + Send>;

/// Parts that the judge can do without: each is asked only where a policy wants it.
pub struct Aids {
    /// Looks into logs of policies with `append_only`; without it they are read whole, and growing is a change.
    pub logs: Option<Box<dyn Logs + Send>>,
    /// Knows who moves logs away.
    pub rotators: Box<dyn Rotators + Send>,
    /// What installed packages say of files: without it everything that package managers do is told each.
    pub packages: Option<Box<dyn Packages + Send>>,
    /// Knows containers: policies that are about them ask for paths as they see them.
    pub containers: Arc<dyn Containers>,
    /// Knows package managers by their processes.
    pub managers: Box<dyn Managers + Send>,
    /// Differences of text files, for policies with `diff`.
    pub texts: Option<Box<dyn Texts + Send>>,
    /// Gets every change, also those that are summarised: rows for the local store.
    pub rows: Option<Rows>,
}

impl Default for Aids {
    fn default() -> Self {
        Self {
            logs: Some(Box::new(append::Live::default())),
            rotators: Box::new(ByPath),
            packages: None,
            containers: Arc::new(NoContainers),
            managers: Box::new(ByExe),
            texts: None,
            rows: None,
        }
    }
}

/// Makes changes of evidence; see the module.
pub struct Judge {
    policies: Arc<Policies>,
    limits: Limits,
    aids: Aids,
    pending: pending::Pending,
    instant: instant::Instant,
    moves: VecDeque<(PathBuf, PathBuf)>,
    recent: recent::Recent,
    burst: burst::Bursts,
    away: log::Away,
    /// Names that are judged together now, and who had a part in them; without those of editors.
    batch: Vec<(PathBuf, u32)>,
    transactions: Transactions,
    wishes: Vec<Wish>,
    counters: Counters,
}

impl Judge {
    /// A judge who knows nothing yet.
    #[must_use]
    pub fn new(policies: Arc<Policies>, limits: Limits) -> Self {
        Self {
            policies,
            limits,
            aids: Aids::default(),
            pending: pending::Pending::default(),
            instant: instant::Instant::default(),
            moves: VecDeque::new(),
            recent: recent::Recent::default(),
            burst: burst::Bursts::default(),
            away: log::Away::default(),
            batch: Vec::new(),
            transactions: Transactions::default(),
            wishes: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// With these parts.
    #[must_use]
    pub fn with(mut self, aids: Aids) -> Self {
        self.aids = aids;
        self
    }

    /// Other policies from now on; what waits is judged by them.
    pub fn set_policies(&mut self, policies: Arc<Policies>) {
        self.policies = policies;
    }

    /// Whether evidence of the kernel's audit comes beside that of collectors: only then is it waited for.
    pub fn set_audit(&mut self, runs: bool) {
        self.pending.audit = runs;
    }

    /// What went through.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Names that wait.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Takes one piece of evidence. Looks at nothing; call [`Judge::run`] when it is [`Judge::due`]. Beyond twice the bound of names
    /// evidence is not kept: its folder becomes a wish.
    pub fn take(&mut self, evidence: Evidence, now: Timestamp) {
        self.counters.taken += 1;
        let concerned =
            |path: &Path, inside: Option<&Inside>| concerned(&self.policies, &*self.aids.containers, path, inside);
        let rest = self.instant.take(&evidence, concerned, &mut self.counters, &self.limits);
        if rest == Mask::default() || evidence.failed {
            return;
        }
        if self.pending.len() >= self.limits.pending.saturating_mul(2) {
            self.counters.overflowed += 1;
            let paths = [&evidence.path, &evidence.old_path];
            for folder in paths.into_iter().flatten().filter_map(|path| path.parent()) {
                self.wish(folder.to_owned(), None, Who::default(), now);
            }
            return;
        }
        let waiting = Evidence { mask: rest, ..evidence };
        if let (Some(old), Some(new)) = (&waiting.old_path, &waiting.path)
            && waiting.mask.has(Mask::ONDIR)
        {
            self.pending.carry(old, new);
            self.moves.push_back((old.clone(), new.clone()));
        }
        self.pending.take(&waiting, &self.limits);
    }

    /// When [`Judge::run`] has something to do next; `None`: when new evidence comes.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        if self.pending.len() > self.limits.pending || self.instant.waits() {
            return Some(Timestamp::from_millis(i64::MIN));
        }
        let dues = [self.pending.due(), self.burst.due(), self.instant.due(), self.transactions.due()];
        dues.into_iter().flatten().min()
    }

    /// Judges what is due: looks, compares with what was last seen, notes what is there now, and gives out what changed.
    pub fn run(&mut self, now: Timestamp, look: &dyn Look, seen: &mut dyn Seen, each: &mut dyn FnMut(Change)) {
        self.apply_moves(look, seen);
        let mut found = Vec::new();
        self.instant.run(now, seen, &mut self.recent, &mut found);
        let ripe = self.pending.ripe(now, &self.limits);
        self.batch = case::parts(&ripe);
        for case in ripe {
            self.judge(case, now, look, seen, &mut found);
        }
        self.recent.expire(now, &self.limits);
        if let Some(packages) = &mut self.aids.packages {
            self.transactions.run(now, &mut **packages, &mut found);
        }
        for change in found {
            self.tell(change, now, each);
        }
        let counters = &mut self.counters;
        self.burst.run(now, &mut |change| {
            counters.told += 1;
            each(change);
        });
    }

    /// Tells of opens and of what was refused, which needs no look at a file: for while [`Judge::run`] has to wait.
    pub fn run_instant(&mut self, now: Timestamp, seen: &dyn Seen, each: &mut dyn FnMut(Change)) {
        let mut found = Vec::new();
        self.instant.run(now, seen, &mut self.recent, &mut found);
        for change in found {
            self.tell(change, now, each);
        }
    }

    /// Judges everything that waits, due or not: before the end.
    pub fn finish(&mut self, now: Timestamp, look: &dyn Look, seen: &mut dyn Seen, each: &mut dyn FnMut(Change)) {
        let end = Timestamp::from_millis(i64::MAX);
        self.apply_moves(look, seen);
        let mut found = Vec::new();
        self.instant.run(end, seen, &mut self.recent, &mut found);
        // What is put back because it is being written is given up after three times, so this ends.
        while self.pending.len() > 0 {
            let ripe = self.pending.ripe(end, &self.limits);
            if ripe.is_empty() {
                break;
            }
            for case in ripe {
                self.judge(case, now, look, seen, &mut found);
            }
        }
        if let Some(packages) = &mut self.aids.packages {
            self.transactions.run(end, &mut **packages, &mut found);
        }
        for change in found {
            self.tell(change, now, each);
        }
        self.burst.run(end, each);
    }

    /// What others should do, each once.
    pub fn wishes(&mut self) -> Vec<Wish> {
        std::mem::take(&mut self.wishes)
    }

    /// A change that a scan found: gets what changes of events get (change window, contents, summary), and is given out.
    pub fn found(&mut self, mut change: Change, now: Timestamp, each: &mut dyn FnMut(Change)) {
        self.contents(&mut change);
        self.tell(change, now, each);
    }

    fn tell(&mut self, change: Change, now: Timestamp, each: &mut dyn FnMut(Change)) {
        if let Some(rows) = &mut self.aids.rows {
            rows(&change);
        }
        let counters = &mut self.counters;
        let kept = self.burst.take(change, now, &self.limits, &mut |change| {
            counters.told += 1;
            each(change);
        });
        counters.summarised += u64::from(kept);
    }

    /// Compares contents where a policy asks for it, and keeps what is compared with next time.
    fn contents(&mut self, change: &mut Change) {
        let Some(texts) = &mut self.aids.texts else { return };
        let Some(rule) = change.policies.iter().find_map(|policy| policy.diff.as_ref()) else { return };
        match (change.action, &change.before, &change.after) {
            (Action::Updated | Action::Replaced, Some(before), Some(after)) if after.kind == Kind::File => {
                change.diff = Some(texts.difference(&change.path, before, after, rule));
            }
            (Action::Created, _, Some(after)) => texts.keep(&change.path, after, rule),
            (Action::Deleted, ..) => texts.forget(&change.path),
            (Action::Moved, ..) => {
                if let Some(old) = &change.old_path {
                    texts.moved(old, &change.path);
                }
            }
            _ => {}
        }
    }

    fn wish(&mut self, path: PathBuf, from: Option<PathBuf>, who: Who, at: Timestamp) {
        let path = if self.wishes.len() < WISHES { path } else { self.root_of(path) };
        if !self.wishes.iter().any(|Wish::Scan { path: wished, .. }| path.starts_with(wished)) {
            self.wishes.push(Wish::Scan { path, from, who, at });
        }
    }

    /// The policies' root above, so that wishes have a bound.
    fn root_of(&self, path: PathBuf) -> PathBuf {
        let root = self.policies.roots().iter().find(|root| path.starts_with(&root.path));
        root.map_or(path, |root| root.path.clone())
    }
}
