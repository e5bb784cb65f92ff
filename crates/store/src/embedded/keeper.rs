//! The thread that commits in time, seals what is over and forgets what is not used; and how a search waits for it.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Shared;
use super::writer::Writers;
use crate::{AppendError, Context};

/// Commit after so long while somebody searches ...
const SOON: Duration = Duration::from_secs(1);
/// ... and after so long while nobody does.
const LATER: Duration = Duration::from_secs(10);
/// "Somebody searches" means: within the last minute.
const ATTENTION: Duration = Duration::from_secs(60);
/// How long a search waits for a commit of events that are older than [`SOON`]. With it every event is found two seconds
/// after its append; usually a commit takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the thread looks around.
const TICK: Duration = Duration::from_millis(200);
/// Opened windows that are kept; the least recently used are closed.
const MOST_OPENED: usize = 512;

/// What the keeper and waiting searches tell each other.
pub(super) struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    committed: u64,
    appended: u64,
    pending_since: Option<Instant>,
    last_search: Option<Instant>,
    commit_wanted: bool,
    stop: bool,
}

impl Progress {
    pub(super) fn new(through: u64) -> Self {
        let state = State {
            committed: through,
            appended: through,
            pending_since: None,
            last_search: None,
            commit_wanted: false,
            stop: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn committed(&self) -> u64 {
        self.state().committed
    }
}

impl State {
    fn is_due(&self) -> bool {
        let Some(since) = self.pending_since else { return false };
        let attended = self.last_search.is_some_and(|last| last.elapsed() < ATTENTION);
        self.commit_wanted || since.elapsed() >= if attended { SOON } else { LATER }
    }
}

impl Shared {
    /// Tells waiting searches and the keeper how far the writers are.
    pub(super) fn note(&self, writers: &Writers) {
        let mut state = self.progress.state();
        state.appended = writers.appended();
        state.committed = state.committed.max(writers.committed());
        if !writers.has_pending() {
            state.pending_since = None;
            state.commit_wanted = false;
        } else if state.pending_since.is_none() {
            state.pending_since = Some(Instant::now());
        }
        drop(state);
        self.progress.changed.notify_all();
    }

    pub(super) fn commit(&self) -> Result<(), AppendError> {
        let mut writers = self.writers();
        let done = writers.commit(self);
        self.note(&writers);
        done
    }

    /// Before a search: sees to it that what was appended over a second ago is searchable, within bounds of patience.
    pub(super) fn freshen(&self, context: &Context) {
        let mut state = self.progress.state();
        state.last_search = Some(Instant::now());
        if state.pending_since.is_none_or(|since| since.elapsed() < SOON) {
            return;
        }
        state.commit_wanted = true;
        self.progress.changed.notify_all();
        let wanted = state.appended;
        let deadline = context.deadline.min(Instant::now() + PATIENCE);
        while state.committed < wanted && context.check().is_ok() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.progress.changed.wait_timeout(state, left.min(TICK));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Joins the windows that are over to one segment each. The first failure is returned; the others are still sealed.
    pub(super) fn seal_finished(&self) -> Result<(), String> {
        let finished = self.writers().take_finished(self);
        let mut result = Ok(());
        for sealing in finished {
            let name = sealing.name();
            let done = sealing.run();
            self.writers().sealed(&name);
            if let Err(reason) = done {
                tracing::warn!(window = %name, reason, "could not seal, trying again later");
                result = Err(reason);
            }
        }
        result
    }

    fn close_unused(&self) {
        let mut opened: Vec<_> = self.windows().values().filter(|window| window.is_opened()).cloned().collect();
        if opened.len() > MOST_OPENED {
            opened.sort_by_key(|window| window.used.load(std::sync::atomic::Ordering::Relaxed));
            opened.iter().take(opened.len() - MOST_OPENED).for_each(|window| window.close());
        }
    }
}

/// The thread `store-keeper`.
pub(super) struct Keeper {
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(super) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let builder = std::thread::Builder::new().name("store-keeper".to_owned());
        Ok(Self { thread: Some(builder.spawn(move || keep(&shared))?) })
    }

    /// Ends the thread and waits for it.
    pub(super) fn stop(&mut self, shared: &Shared) {
        shared.progress.state().stop = true;
        shared.progress.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's keeper had panicked");
        }
    }
}

fn keep(shared: &Shared) {
    let mut last_look = Instant::now();
    while let Some(due) = wait(shared) {
        if due && let Err(error) = shared.commit() {
            tracing::warn!(%error, "could not commit, trying again");
            // The caller of `append` hears it too; here only the pace must not be that of a spinning disk check.
            shared.progress.state().commit_wanted = false;
            shared.progress.state().pending_since = Some(Instant::now());
        }
        if last_look.elapsed() >= Duration::from_secs(5) {
            last_look = Instant::now();
            // A failure was told where it happened and is tried again.
            shared.seal_finished().unwrap_or_default();
            shared.close_unused();
            shared.bury();
        }
    }
}

/// Waits a moment; whether a commit is due, or `None` to stop.
fn wait(shared: &Shared) -> Option<bool> {
    let state = shared.progress.state();
    if state.stop {
        return None;
    }
    if state.is_due() {
        return Some(true);
    }
    let waited = shared.progress.changed.wait_timeout(state, TICK);
    let state = waited.unwrap_or_else(PoisonError::into_inner).0;
    if state.stop { None } else { Some(state.is_due()) }
}
