//! The two clocks, read in one place so that everything else can be given a time.
//!
//! [`Clock::monotonic`] drives every timer and decision; [`Clock::wall`] only stamps what people read (and chooses an epoch
//! number, which a nonce guards). Tests turn a [`Manual`] clock by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use schema::Timestamp;

/// A source of time; cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System { since: Instant },
    Manual(Arc<Manual>),
}

/// A clock that stands until it is moved.
#[derive(Debug, Default)]
pub struct Manual {
    monotonic_us: AtomicU64,
    wall_ms: AtomicI64,
}

impl Clock {
    /// The machine's clocks.
    #[must_use]
    pub fn system() -> Self {
        Self(Kind::System { since: Instant::now() })
    }

    /// A clock moved by hand.
    #[must_use]
    pub fn manual(hand: Arc<Manual>) -> Self {
        Self(Kind::Manual(hand))
    }

    /// Time since some fixed moment; never goes back.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Kind::System { since } => since.elapsed(),
            Kind::Manual(hand) => Duration::from_micros(hand.monotonic_us.load(Ordering::Relaxed)),
        }
    }

    /// The date, as far as this host knows it.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        match &self.0 {
            Kind::System { .. } => system_wall(),
            Kind::Manual(hand) => Timestamp::from_millis(hand.wall_ms.load(Ordering::Relaxed)),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place of the agent that reads the wall clock")]
fn system_wall() -> Timestamp {
    let now = SystemTime::now();
    let ms = now.duration_since(UNIX_EPOCH).map_or_else(|before| -whole_ms(before.duration()), whole_ms);
    Timestamp::from_millis(ms)
}

fn whole_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Manual {
    /// Moves the monotonic clock, and the wall clock with it.
    pub fn advance(&self, by: Duration) {
        self.monotonic_us.fetch_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.wall_ms.fetch_add(whole_ms(by), Ordering::Relaxed);
    }

    /// Sets the wall clock alone, as an administrator or NTP would.
    pub fn set_wall(&self, to: Timestamp) {
        self.wall_ms.store(to.millis(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_the_wall_does_not_move_the_timers() {
        let hand = Arc::new(Manual::default());
        let clock = Clock::manual(Arc::clone(&hand));
        hand.advance(Duration::from_millis(5));
        hand.set_wall(Timestamp::from_millis(-1));
        assert_eq!((clock.monotonic(), clock.wall()), (Duration::from_millis(5), Timestamp::from_millis(-1)));
    }

    #[test]
    fn the_system_clock_is_after_2020() {
        assert!(Clock::system().wall() > Timestamp::from_millis(1_577_836_800_000));
    }
}
