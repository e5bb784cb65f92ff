//! What the threads of this source share.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fim::change::ScanKind;
use fim::collect::Coverage;
use fim::control::Loss;
use fim::policy::Policies;
use fim::scan::Handle;
use schema::Timestamp;

use crate::clock::Clock;
use crate::health::{self, State};
use crate::intake::Stop;

/// Losses remembered for whoever asks.
const LOSSES: usize = 64;
/// Roots that wait for a targeted scan; more: everything is scanned.
const ROOTS: usize = 4_096;

pub(super) struct Shared {
    pub(super) config: fim::config::Config,
    pub(super) policies: Mutex<Arc<Policies>>,
    pub(super) clock: Clock,
    pub(super) stop: Arc<Stop>,
    pub(super) source: Arc<health::Source>,
    pub(super) jobs: Jobs,
    /// Scans that must not wait for a pass under way.
    pub(super) urgent: Jobs,
    /// Scans under way, by number.
    pub(super) under_way: Mutex<BTreeMap<u64, Arc<Handle>>>,
    pub(super) known: Mutex<Known>,
}

/// What is told to whoever asks.
#[derive(Default)]
pub(super) struct Known {
    pub(super) coverage: Vec<Coverage>,
    pub(super) losses: VecDeque<Loss>,
    /// Why not everything is as it should be, by what is concerned.
    pub(super) degraded: Vec<(&'static str, String)>,
}

impl Shared {
    pub(super) fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    pub(super) fn policies(&self) -> Arc<Policies> {
        Arc::clone(&lock(&self.policies))
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }

    /// Notes what is not as it should be (empty: it is), and tells how the source is doing.
    pub(super) fn degraded(&self, what: &'static str, why: impl Into<String>) {
        let why = why.into();
        let mut known = self.known();
        known.degraded.retain(|(about, _)| *about != what);
        if !why.is_empty() {
            known.degraded.push((what, why));
        }
        let all: Vec<&str> = known.degraded.iter().map(|(_, why)| why.as_str()).collect();
        let state = if all.is_empty() { State::On } else { State::Degraded };
        self.source.set(state, all.join("; "));
    }

    /// A scan begins; it is stopped with the source. Its number is for [`Self::ended`].
    pub(super) fn running(&self, handle: Arc<Handle>) -> u64 {
        let mut all = lock(&self.under_way);
        let number = all.last_key_value().map_or(1, |(number, _)| number + 1);
        if self.stop.is_set() {
            handle.stop();
        }
        all.insert(number, handle);
        number
    }

    pub(super) fn ended(&self, number: u64) {
        lock(&self.under_way).remove(&number);
    }

    /// Asks all threads to end.
    pub(super) fn end(&self) {
        self.stop.set();
        self.jobs.stop();
        self.urgent.stop();
        lock(&self.under_way).values().for_each(|handle| handle.stop());
    }

    pub(super) fn note_loss(&self, loss: Loss) {
        let mut known = self.known();
        known.losses.push_back(loss);
        if known.losses.len() > LOSSES {
            known.losses.pop_front();
        }
    }

    /// A scan looked at these roots from `since` on.
    pub(super) fn repaired(&self, roots: &[PathBuf], since: Timestamp) {
        let covered = |loss: &Loss| {
            let root = fim::name::bytes(&loss.root).map(|bytes| PathBuf::from(OsString::from_vec(bytes)));
            roots.is_empty() || root.is_some_and(|root| roots.iter().any(|scanned| root.starts_with(scanned)))
        };
        for loss in self.known().losses.iter_mut().filter(|loss| loss.time_ms <= since.millis()) {
            loss.repaired |= covered(loss);
        }
    }
}

/// Scans that are to be made.
#[derive(Default)]
pub(super) struct Jobs {
    state: Mutex<Pending>,
    came: Condvar,
}

#[derive(Default)]
struct Pending {
    jobs: VecDeque<Job>,
    stopped: bool,
}

/// One scan to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Job {
    pub(super) kind: ScanKind,
    /// What is scanned; empty: everything.
    pub(super) roots: Vec<PathBuf>,
    /// Why, for people.
    pub(super) why: String,
    /// Since when something may have changed unseen.
    pub(super) since: Timestamp,
}

impl Jobs {
    /// Adds one; targeted ones that wait become one.
    pub(super) fn add(&self, job: Job) {
        let mut state = lock(&self.state);
        let same = state.jobs.iter_mut().find(|waiting| waiting.kind == job.kind);
        match same {
            Some(waiting) => {
                waiting.since = waiting.since.min(job.since);
                if !waiting.roots.is_empty() && !job.roots.is_empty() && waiting.roots.len() + job.roots.len() <= ROOTS
                {
                    for root in job.roots {
                        if !waiting.roots.iter().any(|known| root.starts_with(known)) {
                            waiting.roots.retain(|known| !known.starts_with(&root));
                            waiting.roots.push(root);
                        }
                    }
                } else {
                    waiting.roots.clear();
                }
                if waiting.why != job.why && waiting.why.len() < 1024 {
                    waiting.why = format!("{}; {}", waiting.why, job.why);
                }
            }
            None => state.jobs.push_back(job),
        }
        self.came.notify_all();
    }

    /// The next one, waiting for it at most this long.
    pub(super) fn next(&self, timeout: Duration) -> Option<Job> {
        let state = lock(&self.state);
        let waits = |state: &mut Pending| state.jobs.is_empty() && !state.stopped;
        let waited = self.came.wait_timeout_while(state, timeout, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0.jobs.pop_front()
    }

    pub(super) fn stop(&self) {
        lock(&self.state).stopped = true;
        self.came.notify_all();
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
