//! What every stage took, passed, filtered and lost, and how every source is doing.
//!
//! A stage counts on its own [`Counters`]; whoever wants to know takes a [`Snapshot`]. Per interval
//! `taken = passed + filtered + lost` for stages that count events. A loss is also an event: counters remember what was
//! lost since the last [`Health::take_losses`], and the agent puts these [`Loss`]es into the stream at least once a second.
//!
//! Does not send or print anything, and reads no clock.
//!
//! ```
//! use agent::health::{Health, State};
//! use schema::{Timestamp, loss::Unit};
//!
//! let health = Health::default();
//! let kernel = health.stage("kernel");
//! kernel.taken(3);
//! kernel.passed(2);
//! kernel.lost("kernel-lost", Unit::Records, 1, Timestamp::from_millis(5));
//! health.source("audit").set(State::On, "");
//! assert_eq!(health.take_losses()[0].count, Some(1));
//! assert!(health.take_losses().is_empty());
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schema::loss::Unit;
use schema::{Loss, Timestamp};
use serde::Serialize;

/// All stages and sources of one agent.
#[derive(Debug, Default)]
pub struct Health {
    stages: Mutex<Vec<Arc<Counters>>>,
    sources: Mutex<Vec<Arc<Source>>>,
    figures: Mutex<BTreeMap<Cow<'static, str>, Arc<Figure>>>,
    /// How often any source's state changed.
    changes: Arc<AtomicU64>,
}

/// The counters of one stage. Counting is wait-free except for losses, which are rare.
#[derive(Debug)]
pub struct Counters {
    stage: &'static str,
    taken: AtomicU64,
    passed: AtomicU64,
    filtered: AtomicU64,
    lost: Mutex<BTreeMap<&'static str, Lost>>,
}

/// One number of the agent: how full a table is, how often a cache forgot something.
#[derive(Debug, Default)]
pub struct Figure(AtomicU64);

/// What was lost for one reason.
#[derive(Debug, Clone, Copy)]
struct Lost {
    unit: Unit,
    total: u64,
    /// Not yet said in a loss event, with the time it spans.
    unsaid: u64,
    since: Timestamp,
    until: Timestamp,
}

/// The reason of a source that has not said anything yet.
pub const NOT_STARTED: &str = "not started";

/// How one source is doing.
#[derive(Debug)]
pub struct Source {
    name: &'static str,
    state: Mutex<(State, String)>,
    changes: Arc<AtomicU64>,
}

/// Of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Runs, and sees everything it should.
    On,
    /// Does not run.
    Off,
    /// Runs, and cannot see or keep everything.
    Degraded,
}

/// All counts at one moment, in the form of the heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Of each source.
    pub sources: Vec<SourceReport>,
    /// Of each stage.
    pub counters: Vec<StageReport>,
    /// Other numbers by their names as metrics, labels included.
    pub figures: BTreeMap<Cow<'static, str>, u64>,
}

/// A source's line in the heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceReport {
    /// Its name.
    pub name: &'static str,
    /// Whether it runs.
    pub state: State,
    /// Why it does not, or not fully; empty when it is on.
    pub reason: String,
}

/// A stage's line in the heartbeat, counted since the agent started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageReport {
    /// Its name, as in [`Loss::stage`].
    pub stage: &'static str,
    /// Came in.
    pub taken: u64,
    /// Went on.
    pub passed: u64,
    /// Left out on purpose.
    pub filtered: u64,
    /// Lost, by reason.
    pub lost: BTreeMap<&'static str, u64>,
}

impl Health {
    /// The counters of a stage; made at the first call.
    pub fn stage(&self, name: &'static str) -> Arc<Counters> {
        let mut stages = lock(&self.stages);
        if let Some(found) = stages.iter().find(|counters| counters.stage == name) {
            return Arc::clone(found);
        }
        let made = Arc::new(Counters::new(name));
        stages.push(Arc::clone(&made));
        made
    }

    /// The state of a source; [`State::Off`] until it says otherwise.
    pub fn source(&self, name: &'static str) -> Arc<Source> {
        let mut sources = lock(&self.sources);
        if let Some(found) = sources.iter().find(|source| source.name == name) {
            return Arc::clone(found);
        }
        let state = Mutex::new((State::Off, NOT_STARTED.to_owned()));
        let made = Arc::new(Source { name, state, changes: Arc::clone(&self.changes) });
        sources.push(Arc::clone(&made));
        made
    }

    /// A number by its name as a metric, labels included: `auditng_cache_evicted_total{cache="process"}`. Zero at first.
    pub fn figure(&self, name: impl Into<Cow<'static, str>>) -> Arc<Figure> {
        Arc::clone(lock(&self.figures).entry(name.into()).or_default())
    }

    /// Grows whenever a source changes between on, off and degraded: a reason to tell the server before its time.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// All counts now. Stages are read one after the other, so the sums of a busy agent may differ by what is under way.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            sources: lock(&self.sources).iter().map(|source| source.report()).collect(),
            counters: lock(&self.stages).iter().map(|counters| counters.report()).collect(),
            figures: lock(&self.figures).iter().map(|(name, figure)| (name.clone(), figure.value())).collect(),
        }
    }

    /// What was lost since the last call, by stage and reason.
    #[must_use]
    pub fn take_losses(&self) -> Vec<Loss> {
        lock(&self.stages).iter().flat_map(|counters| counters.take_losses()).collect()
    }
}

impl Figure {
    /// It is so much now.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// It grew.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// What it is.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    fn new(stage: &'static str) -> Self {
        Self {
            stage,
            taken: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            filtered: AtomicU64::new(0),
            lost: Mutex::default(),
        }
    }

    /// Came in.
    pub fn taken(&self, count: u64) {
        self.taken.fetch_add(count, Ordering::Relaxed);
    }

    /// Went on.
    pub fn passed(&self, count: u64) {
        self.passed.fetch_add(count, Ordering::Relaxed);
    }

    /// Left out on purpose.
    pub fn filtered(&self, count: u64) {
        self.filtered.fetch_add(count, Ordering::Relaxed);
    }

    /// Lost at `at` (the event's own time, or now). A loss event follows within a second. Where the amount is unknown,
    /// count one [`Unit::Reports`].
    pub fn lost(&self, reason: &'static str, unit: Unit, count: u64, at: Timestamp) {
        self.lost_between(reason, unit, count, (at, at));
    }

    /// As [`Self::lost`], within a stretch of time.
    pub fn lost_between(&self, reason: &'static str, unit: Unit, count: u64, (since, until): (Timestamp, Timestamp)) {
        let mut lost = lock(&self.lost);
        let entry = lost.entry(reason).or_insert(Lost { unit, total: 0, unsaid: 0, since, until });
        if entry.unsaid == 0 {
            (entry.since, entry.until) = (since, until);
        }
        entry.since = entry.since.min(since);
        entry.until = entry.until.max(until);
        entry.total = entry.total.saturating_add(count);
        entry.unsaid = entry.unsaid.saturating_add(count);
    }

    /// Counts a loss for which its own event is already on its way (one that names counters, for instance).
    pub fn lost_and_said(&self, reason: &'static str, unit: Unit, count: u64) {
        let at = Timestamp::default();
        let mut lost = lock(&self.lost);
        let entry = lost.entry(reason).or_insert(Lost { unit, total: 0, unsaid: 0, since: at, until: at });
        entry.total = entry.total.saturating_add(count);
    }

    /// The stage's line.
    #[must_use]
    pub fn report(&self) -> StageReport {
        StageReport {
            stage: self.stage,
            taken: self.taken.load(Ordering::Relaxed),
            passed: self.passed.load(Ordering::Relaxed),
            filtered: self.filtered.load(Ordering::Relaxed),
            lost: lock(&self.lost).iter().map(|(&reason, lost)| (reason, lost.total)).collect(),
        }
    }

    fn take_losses(&self) -> Vec<Loss> {
        let mut all = lock(&self.lost);
        let unsaid = all.iter_mut().filter(|(_, lost)| lost.unsaid > 0);
        unsaid.map(|(&reason, lost)| lost.say(self.stage, reason)).collect()
    }
}

impl Lost {
    fn say(&mut self, stage: &'static str, reason: &'static str) -> Loss {
        let count = std::mem::take(&mut self.unsaid);
        Loss {
            stage,
            reason,
            count: Some(count),
            unit: self.unit,
            window_start: self.since,
            window_end: self.until,
            range: None,
        }
    }
}

impl Source {
    /// Says how the source is doing; `reason` is for people and empty when all is well.
    pub fn set(&self, state: State, reason: impl Into<String>) {
        let before = std::mem::replace(&mut *lock(&self.state), (state, reason.into()));
        if before.0 != state {
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How it is doing.
    #[must_use]
    pub fn report(&self) -> SourceReport {
        let (state, reason) = lock(&self.state).clone();
        SourceReport { name: self.name, state, reason }
    }
}

/// A thread that panicked while it counted leaves counts that are still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn a_loss_is_said_once_with_the_time_it_spans() {
        let health = Health::default();
        let stage = health.stage("netlink");
        stage.lost("enobufs", Unit::Reports, 1, at(7));
        stage.lost("enobufs", Unit::Reports, 1, at(3));
        let said = health.take_losses();
        assert_eq!(said.len(), 1);
        assert_eq!((said[0].count, said[0].window_start, said[0].window_end), (Some(2), at(3), at(7)));
        assert!(health.take_losses().is_empty());
        stage.lost("enobufs", Unit::Reports, 1, at(9));
        assert_eq!(health.take_losses()[0].window_start, at(9));
        assert_eq!(stage.report().lost["enobufs"], 3);
    }

    #[test]
    fn a_loss_already_said_is_only_counted() {
        let health = Health::default();
        health.stage("spool").lost_and_said("full", Unit::Events, 5);
        assert!(health.take_losses().is_empty());
        assert_eq!(health.snapshot().counters[0].lost["full"], 5);
    }

    #[test]
    fn stages_and_sources_are_found_again() {
        let health = Health::default();
        health.stage("decode").taken(2);
        health.stage("decode").taken(3);
        health.source("audit").set(State::Degraded, "multicast");
        health.source("audit").set(State::Degraded, "multicast only");
        assert_eq!(health.changes(), 1);
        health.figure("size").set(6);
        health.figure("size").add(1);
        assert_eq!(
            serde_json::to_string(&health.snapshot()).unwrap(),
            r#"{"sources":[{"name":"audit","state":"degraded","reason":"multicast only"}],"counters":[{"stage":"decode","taken":5,"passed":0,"filtered":0,"lost":{}}],"figures":{"size":7}}"#
        );
    }
}
