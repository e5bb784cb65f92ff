//! A hole in the stream, said aloud.
//!
//! Nothing is lost silently: every stage that drops something makes a [`Loss`], and a loss is itself an event
//! (`event.action: source-loss`), so that people, rules and models see the hole.

use crate::{AgentId, Event, Lane, Stream, Timestamp, field};

/// Something was not seen, or was seen and could not be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loss {
    /// Where: `kernel`, `netlink`, `decode`, `reassemble`, `filter`, `spool`, `ship`, `ingest`, `wal`, `store`.
    pub stage: &'static str,
    /// Why, one of the fixed words: `kernel-lost`, `enobufs`, `serial-gap`, `forgotten`, `queue-full`, `decode`,
    /// `reassemble-overflow`, `rate-limit`, `restart`, `full`, `corrupt`, `rejected`, `unexplained-gap`, `wal-corrupt`, ...
    pub reason: &'static str,
    /// How many; `None` where only the fact is known.
    pub count: Option<u64>,
    /// Of what.
    pub unit: Unit,
    /// The hole begins here at the earliest ...
    pub window_start: Timestamp,
    /// ... and ends here at the latest.
    pub window_end: Timestamp,
    /// The lost events' counters, where they had some.
    pub range: Option<LostRange>,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Kernel audit records.
    Records,
    /// Events.
    Events,
    /// Reports of loss, amount unknown.
    Reports,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// The word in `auditng.loss.unit`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Events => "events",
            Self::Reports => "reports",
            Self::Bytes => "bytes",
        }
    }
}

/// The counters `first..=last` of one agent, epoch and lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LostRange {
    /// Whose.
    pub agent: AgentId,
    /// Of which epoch.
    pub epoch: u32,
    /// Of which lane.
    pub lane: Lane,
    /// First lost counter.
    pub first: u64,
    /// Last lost counter.
    pub last: u64,
}

impl Loss {
    /// The loss as an event noticed at `now`.
    #[must_use]
    pub fn to_event(&self, now: Timestamp) -> Event {
        let mut event = Event::new(now);
        event.push_str(field::EVENT_DATASET, Stream::Health.dataset());
        event.push_str(field::EVENT_KIND, "event");
        event.push_str(field::EVENT_ACTION, "source-loss");
        event.push_str(field::EVENT_OUTCOME, "failure");
        event.push_str(field::AUDITNG_LOSS_STAGE, self.stage);
        event.push_str(field::AUDITNG_LOSS_REASON, self.reason);
        if let Some(count) = self.count {
            event.push_long(field::AUDITNG_LOSS_COUNT, signed(count));
        }
        event.push_str(field::AUDITNG_LOSS_UNIT, self.unit.name());
        event.push_date(field::AUDITNG_LOSS_WINDOW_START, self.window_start);
        event.push_date(field::AUDITNG_LOSS_WINDOW_END, self.window_end);
        if let Some(range) = self.range {
            event.push_str(field::AUDITNG_LOSS_AGENT, &range.agent.to_string());
            event.push_long(field::AUDITNG_LOSS_EPOCH, i64::from(range.epoch));
            event.push_str(field::AUDITNG_LOSS_LANE, range.lane.name());
            event.push_long(field::AUDITNG_LOSS_FIRST, signed(range.first));
            event.push_long(field::AUDITNG_LOSS_LAST, signed(range.last));
        }
        event
    }
}

impl LostRange {
    /// The range that a loss event names, if it names one.
    #[must_use]
    pub fn of_event(event: &Event) -> Option<Self> {
        let counter = |field| u64::try_from(event.long(field)?).ok();
        Some(Self {
            agent: event.str(field::AUDITNG_LOSS_AGENT)?.parse().ok()?,
            epoch: u32::try_from(event.long(field::AUDITNG_LOSS_EPOCH)?).ok()?,
            lane: Lane::ALL.into_iter().find(|lane| Some(lane.name()) == event.str(field::AUDITNG_LOSS_LANE))?,
            first: counter(field::AUDITNG_LOSS_FIRST)?,
            last: counter(field::AUDITNG_LOSS_LAST)?,
        })
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_read_back_from_the_event() {
        let range = LostRange { agent: AgentId::from_bytes([1; 6]), epoch: 9, lane: Lane::Low, first: 5, last: 7 };
        let loss = Loss {
            stage: "spool",
            reason: "full",
            count: Some(3),
            unit: Unit::Events,
            window_start: Timestamp::from_millis(1),
            window_end: Timestamp::from_millis(2),
            range: Some(range),
        };
        let event = loss.to_event(Timestamp::from_millis(3));
        assert_eq!(LostRange::of_event(&event), Some(range));
        assert_eq!(event.stream(), Stream::Health);
    }
}
