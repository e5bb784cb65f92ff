//! The door between sources and the pipe.
//!
//! A [`Source`] runs its own threads and hands each event to a [`Sink`]. The spool is the sink of a running agent; tests
//! collect in a list. A sink that has no room says so ([`Refused`]) instead of growing; the source then counts the loss in
//! its [`health::Counters`](crate::health::Counters), or waits, as it was told.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use schema::{Event, Lane};

use crate::health::Health;

/// Where finished events go.
pub trait Sink: Send + Sync {
    /// Takes the event, waiting for room at most `patience` (zero: not at all). The event gets its `event.id` and
    /// `agent.id` here, so its memory can be used again afterwards.
    ///
    /// # Errors
    /// [`Refused`]: nothing was taken, the caller counts it as lost or tries again.
    fn put(&self, event: &mut Event, lane: Lane, patience: Duration) -> Result<(), Refused>;
}

/// A sink has no room: its bound of waiting bytes is reached, or it is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The bytes waiting in memory have reached their bound.
    #[error("the spool takes no more: its memory bound is reached because the disk is full, failed or slow")]
    Full,
    /// The event is larger than a spool frame may be.
    #[error("the event has {bytes} bytes, the most is {most}")]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What it may have.
        most: usize,
    },
    /// The agent is stopping.
    #[error("the spool is closed")]
    Closed,
}

/// Something that makes events.
pub trait Source: Send {
    /// The name on the health page, `audit` for instance.
    fn name(&self) -> &'static str;

    /// Starts its threads. A source that cannot run does not fail the agent: it says why in
    /// [`Health::source`] and returns [`Running::idle`].
    fn start(self: Box<Self>, sink: Arc<dyn Sink>, health: Arc<Health>) -> Running;
}

/// A started source.
pub struct Running {
    stop: Box<dyn FnOnce() + Send>,
    hand_over: Option<Box<dyn FnOnce() -> Vec<Kept> + Send>>,
    threads: Vec<JoinHandle<()>>,
}

/// A socket that stays open while one program takes the place of another, by a name that both know.
pub type Kept = (&'static str, OwnedFd);

impl Running {
    /// `stop` asks the threads to end; it must not block. Each thread hands over what it holds before it ends.
    pub fn new(stop: impl FnOnce() + Send + 'static, threads: Vec<JoinHandle<()>>) -> Self {
        Self { stop: Box::new(stop), hand_over: None, threads }
    }

    /// With another end, for a successor that goes on at once: what the source changed outside stays, and the sockets given
    /// are kept open for it.
    #[must_use]
    pub fn with_hand_over(self, hand_over: impl FnOnce() -> Vec<Kept> + Send + 'static) -> Self {
        Self { hand_over: Some(Box::new(hand_over)), ..self }
    }

    /// A source that does nothing.
    #[must_use]
    pub fn idle() -> Self {
        Self::new(|| (), Vec::new())
    }

    /// As [`Self::stop`], for a successor that goes on at once. A source that cannot do that stops.
    pub fn hand_over(self) -> (Draining, Vec<Kept>) {
        let kept = match self.hand_over {
            Some(hand_over) => hand_over(),
            None => {
                (self.stop)();
                Vec::new()
            }
        };
        (Draining { threads: self.threads }, kept)
    }

    /// Asks the source to end without waiting; [`Draining::join`] waits.
    pub fn stop(self) -> Draining {
        (self.stop)();
        Draining { threads: self.threads }
    }
}

/// A source that was asked to end.
pub struct Draining {
    threads: Vec<JoinHandle<()>>,
}

impl Draining {
    /// Waits for the threads; false: some still ran at the deadline and were left behind.
    #[must_use]
    pub fn join(self, deadline: Instant) -> bool {
        self.threads.into_iter().all(|thread| join_until(thread, deadline))
    }
}

/// The standard library cannot wait for a thread with a deadline, so this looks every few milliseconds.
pub(crate) fn join_until(thread: JoinHandle<()>, deadline: Instant) -> bool {
    let pause = Stop::default();
    while !thread.is_finished() {
        if Instant::now() >= deadline {
            return false;
        }
        pause.wait(Duration::from_millis(2));
    }
    thread.join().is_ok()
}

/// A flag that threads can wait for.
#[derive(Debug, Default)]
pub struct Stop {
    set: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Sets the flag for good and wakes everyone who waits.
    pub fn set(&self) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Whether it is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the flag at most this long; says whether it is set.
    pub fn wait(&self, timeout: Duration) -> bool {
        let guard = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(guard, timeout, |set| !*set);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_source_is_waited_for() {
        let stop = Arc::new(Stop::default());
        let seen = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            seen.wait(Duration::from_secs(60));
        });
        let flag = Arc::clone(&stop);
        let draining = Running::new(move || flag.set(), vec![thread]).stop();
        assert!(draining.join(Instant::now() + Duration::from_secs(30)));
    }

    #[test]
    fn a_stuck_source_is_left_behind() {
        let stop = Arc::new(Stop::default());
        let seen = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            seen.wait(Duration::from_secs(60));
        });
        assert!(!Running::new(|| (), vec![thread]).stop().join(Instant::now()));
        stop.set();
    }
}
