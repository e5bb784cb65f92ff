//! How many searches and password checks run at once. Store calls block, so they run on threads of their own, and each has a
//! deadline and stops when its caller has gone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use store::Context;
use tokio::sync::Semaphore;

use super::error::{ApiError, Code};
use crate::config;

/// Runs searches.
#[derive(Debug)]
pub(crate) struct Searches {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue: usize,
    per_person: usize,
    people: Mutex<HashMap<String, usize>>,
    limits: config::Search,
    /// Searches that were turned away.
    pub(crate) refused: AtomicU64,
    /// Searches that were answered, and the time they took in microseconds.
    pub(crate) done: AtomicU64,
    pub(crate) done_us: AtomicU64,
}

impl Searches {
    pub(crate) fn new(limits: &config::Search) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let slots = match usize::try_from(limits.concurrency).unwrap_or(usize::MAX) {
            0 => cores * 2,
            slots => slots.min(1024),
        };
        Self {
            slots: Arc::new(Semaphore::new(slots)),
            waiting: AtomicUsize::new(0),
            queue: usize::try_from(limits.queue).unwrap_or(usize::MAX),
            per_person: usize::try_from(limits.per_person).unwrap_or(usize::MAX),
            people: Mutex::default(),
            limits: limits.clone(),
            refused: AtomicU64::new(0),
            done: AtomicU64::new(0),
            done_us: AtomicU64::new(0),
        }
    }

    /// Runs a store call for a person, within the configured time.
    pub(crate) async fn run<R: Send + 'static>(
        self: &Arc<Self>,
        person: &str,
        call: impl FnOnce(&Context) -> R + Send + 'static,
    ) -> Result<R, ApiError> {
        self.run_for(person, self.limits.timeout, call).await
    }

    /// Runs a store call for a person, within this time. When the future is dropped, the call is told to stop.
    pub(crate) async fn run_for<R: Send + 'static>(
        self: &Arc<Self>,
        person: &str,
        timeout: Duration,
        call: impl FnOnce(&Context) -> R + Send + 'static,
    ) -> Result<R, ApiError> {
        let seat = self.seat(person)?;
        let start = Instant::now();
        let slot = {
            let _place = self.place()?;
            let acquired = tokio::time::timeout(timeout, Arc::clone(&self.slots).acquire_owned()).await;
            acquired
                .map_err(|_| ApiError::busy("too many searches are running", 1))?
                .map_err(|_| ApiError::new(Code::Unavailable, "the server is stopping"))?
        };
        let context = self.context(start + timeout);
        let cancel = CancelOnDrop(Arc::clone(&context.cancel));
        let answer = tokio::task::spawn_blocking(move || {
            // Both are held until the call has really ended, also where its caller has gone.
            let (_slot, _seat) = (slot, seat);
            call(&context)
        })
        .await;
        drop(cancel);
        self.done.fetch_add(1, Ordering::Relaxed);
        let us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.done_us.fetch_add(us, Ordering::Relaxed);
        answer.map_err(|error| {
            tracing::error!(%error, "a search died");
            ApiError::new(Code::Internal, "the search died; see the server's log")
        })
    }

    fn context(&self, deadline: Instant) -> Context {
        Context {
            memory_bytes: usize::try_from(self.limits.memory_bytes).unwrap_or(usize::MAX),
            max_buckets: usize::try_from(self.limits.max_buckets).unwrap_or(usize::MAX),
            ..Context::until(deadline)
        }
    }

    fn seat(self: &Arc<Self>, person: &str) -> Result<Seat, ApiError> {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        let running = people.entry(person.to_owned()).or_default();
        if *running >= self.per_person {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(ApiError::busy(format!("{running} of your searches are running already"), 1));
        }
        *running += 1;
        Ok(Seat { of: Arc::clone(self), person: person.to_owned() })
    }

    fn place(&self) -> Result<Place<'_>, ApiError> {
        if self.waiting.fetch_add(1, Ordering::SeqCst) >= self.queue.saturating_add(self.slots.available_permits()) {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(ApiError::busy("too many searches are waiting", 2));
        }
        Ok(Place(self))
    }
}

/// One of a person's searches.
struct Seat {
    of: Arc<Searches>,
    person: String,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut people = self.of.people.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = people.get_mut(&self.person) {
            *running -= 1;
            if *running == 0 {
                people.remove(&self.person);
            }
        }
    }
}

/// A place in the queue.
struct Place<'a>(&'a Searches);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Tells a search to stop when nobody waits for it any more.
pub(super) struct CancelOnDrop(pub(super) Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Password checks: each takes 19 MiB and tens of milliseconds, so two at once, and a short queue.
#[derive(Debug)]
pub(crate) struct Passwords {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
}

const CHECKS: usize = 2;
const WAITING_CHECKS: usize = 32;

impl Default for Passwords {
    fn default() -> Self {
        Self { slots: Arc::new(Semaphore::new(CHECKS)), waiting: AtomicUsize::new(0) }
    }
}

impl Passwords {
    /// Runs something that hashes a password.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        check: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, ApiError> {
        if self.waiting.fetch_add(1, Ordering::SeqCst) >= WAITING_CHECKS {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            return Err(ApiError::busy("too many people are logging in", 5));
        }
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let slot = slot.map_err(|_| ApiError::new(Code::Unavailable, "the server is stopping"))?;
        let run = move || {
            let _slot = slot;
            check()
        };
        tokio::task::spawn_blocking(run).await.map_err(|_| ApiError::new(Code::Internal, "the check died"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searches(concurrency: u64, per_person: u64, queue: u64) -> Arc<Searches> {
        let limits = config::Search { concurrency, per_person, queue, ..config::Config::default().search };
        Arc::new(Searches::new(&limits))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_person_and_the_queue_have_bounds() {
        let searches = searches(1, 2, 1);
        let gate = Arc::new(std::sync::Barrier::new(2));
        let run = |person: &'static str, gate: Option<Arc<std::sync::Barrier>>| {
            let searches = Arc::clone(&searches);
            tokio::spawn(async move { searches.run(person, move |_| gate.map(|gate| gate.wait()).is_some()).await })
        };
        let first = run("ada", Some(Arc::clone(&gate)));
        testkit::eventually("the first runs", Duration::from_secs(5), || {
            (searches.slots.available_permits() == 0).then_some(())
        });
        let second = run("bob", None);
        testkit::eventually("the second waits", Duration::from_secs(5), || {
            (searches.waiting.load(Ordering::SeqCst) == 1).then_some(())
        });
        assert!(run("eve", None).await.unwrap().is_err(), "the queue is full");
        let _mine = searches.seat("ada").unwrap();
        assert!(run("ada", None).await.unwrap().is_err(), "two of ada's run already");
        gate.wait();
        assert!(first.await.unwrap().unwrap());
        assert!(!second.await.unwrap().unwrap());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_caller_that_goes_cancels() {
        let searches = searches(1, 2, 1);
        let (send, receive) = std::sync::mpsc::sync_channel(1);
        let call = searches.run("ada", move |context: &Context| {
            testkit::eventually("cancelled", Duration::from_secs(5), || context.check().err());
            send.send(()).unwrap();
        });
        let timed = tokio::time::timeout(Duration::from_millis(50), call).await;
        assert!(timed.is_err());
        receive.recv_timeout(Duration::from_secs(5)).unwrap();
    }
}
