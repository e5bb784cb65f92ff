//! What the receiving side counts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use schema::AgentId;

use super::accept::Outcome;
use super::body::{Id, Item};

/// Upper bounds of the fsync histogram in microseconds; the last bucket has none.
pub(crate) const SYNC_BOUNDS_US: [u64; 10] =
    [500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 500_000, 2_000_000];

/// Counters since start. Every item that was taken is in exactly one of the four outcomes.
#[derive(Debug, Default)]
pub struct Counts {
    /// Items in bodies that were read.
    pub taken: AtomicU64,
    /// Stored.
    pub accepted: AtomicU64,
    /// There already.
    pub duplicates: AtomicU64,
    /// Never taken, with a reason.
    pub rejected: AtomicU64,
    /// To be sent again.
    pub later: AtomicU64,
    /// Whole bodies that were not taken.
    pub refused_bodies: AtomicU64,
    /// Bytes of bodies as sent.
    pub bytes: AtomicU64,
    /// Failed fsyncs.
    pub sync_failures: AtomicU64,
    /// Events that the store has taken.
    pub indexed: AtomicU64,
    /// Times the store refused a batch.
    pub append_failures: AtomicU64,
    agents: Mutex<HashMap<AgentId, PerAgent>>,
    syncs: Mutex<Syncs>,
    rate: Mutex<Option<(Instant, u64, f64)>>,
}

/// What came from one agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PerAgent {
    /// Items.
    pub taken: u64,
    /// Stored.
    pub accepted: u64,
    /// There already.
    pub duplicates: u64,
    /// Never taken.
    pub rejected: u64,
    /// To be sent again.
    pub later: u64,
}

/// How long fsyncs took.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Syncs {
    /// By [`SYNC_BOUNDS_US`], and those beyond.
    pub buckets: [u64; SYNC_BOUNDS_US.len() + 1],
    /// Sum of all.
    pub seconds: f64,
}

impl Counts {
    pub(super) fn took(&self, items: &[Item<'_>], outcomes: &[Outcome]) {
        let mut sum = PerAgent::default();
        let mut agent = None;
        for (item, outcome) in items.iter().zip(outcomes) {
            if let Id::Ours(id) = item.id {
                agent = Some(id.agent);
            }
            sum.taken += 1;
            match outcome {
                Outcome::New => sum.accepted += 1,
                Outcome::Duplicate => sum.duplicates += 1,
                Outcome::Later => sum.later += 1,
                Outcome::Refused => sum.rejected += 1,
            }
        }
        for (total, part) in [
            (&self.taken, sum.taken),
            (&self.accepted, sum.accepted),
            (&self.duplicates, sum.duplicates),
            (&self.later, sum.later),
            (&self.rejected, sum.rejected),
        ] {
            total.fetch_add(part, Ordering::Relaxed);
        }
        // A body comes from one agent; one that mixes several (a replay of many hosts) counts for the last of them.
        if let Some(agent) = agent {
            let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
            agents.entry(agent).or_default().add(sum);
        }
    }

    pub(super) fn synced(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = SYNC_BOUNDS_US.partition_point(|&bound| bound < us);
        let mut syncs = self.syncs.lock().unwrap_or_else(PoisonError::into_inner);
        syncs.buckets[bucket] += 1;
        syncs.seconds += took.as_secs_f64();
    }

    /// How long fsyncs took.
    #[must_use]
    pub fn syncs(&self) -> Syncs {
        *self.syncs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came from an agent.
    #[must_use]
    pub fn agent(&self, agent: AgentId) -> PerAgent {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner).get(&agent).copied().unwrap_or_default()
    }

    /// Accepted events per second, over at least the last second.
    #[must_use]
    pub fn rate(&self, now: Instant) -> f64 {
        let accepted = self.accepted.load(Ordering::Relaxed);
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, before, last) = rate.unwrap_or((now, accepted, 0.0));
        let elapsed = now.saturating_duration_since(since).as_secs_f64();
        if elapsed < 1.0 {
            rate.get_or_insert((now, accepted, 0.0));
            return last;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let current = (accepted - before) as f64 / elapsed;
        *rate = Some((now, accepted, current));
        current
    }
}

impl PerAgent {
    const fn add(&mut self, other: Self) {
        self.taken += other.taken;
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        self.rejected += other.rejected;
        self.later += other.later;
    }
}

impl Syncs {
    /// An upper bound of what 99 of 100 took, in milliseconds; 0 without any.
    #[must_use]
    pub fn p99_ms(&self) -> f64 {
        let total: u64 = self.buckets.iter().sum();
        let mut seen = 0;
        for (bucket, bound) in self.buckets.iter().zip(SYNC_BOUNDS_US.iter().chain([&10_000_000])) {
            seen += bucket;
            if total > 0 && seen * 100 >= total * 99 {
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                return *bound as f64 / 1000.0;
            }
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p99_is_the_bound_that_holds_99_of_100() {
        let counts = Counts::default();
        assert!(counts.syncs().p99_ms().abs() < 1e-9);
        (0..99).for_each(|_| counts.synced(Duration::from_micros(600)));
        counts.synced(Duration::from_millis(40));
        assert!((counts.syncs().p99_ms() - 1.0).abs() < 1e-9);
        (0..9).for_each(|_| counts.synced(Duration::from_millis(40)));
        assert!((counts.syncs().p99_ms() - 50.0).abs() < 1e-9);
    }

    #[test]
    fn the_rate_is_over_a_second() {
        let counts = Counts::default();
        let start = Instant::now();
        assert!(counts.rate(start).abs() < 1e-9);
        counts.accepted.fetch_add(500, Ordering::Relaxed);
        let rate = counts.rate(start + Duration::from_secs(2));
        assert!((rate - 250.0).abs() < 1.0, "{rate}");
    }
}
