//! Whether comparisons still come as often as they should.

use std::time::Duration;

use schema::Timestamp;

/// So many times the pause between passes may go by without one that was whole.
const PATIENCE: u32 = 3;

/// When everything was last compared, and whether somebody was told that this is too long ago.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stale {
    compared: Timestamp,
    told: Option<Timestamp>,
}

impl Stale {
    /// Nothing was compared in this run yet; `start` counts.
    pub(super) fn new(start: Timestamp) -> Self {
        Self { compared: start, told: None }
    }

    /// A whole pass ended.
    pub(super) fn compared(&mut self, at: Timestamp) {
        *self = Self::new(at);
    }

    /// Since when nothing was compared, if that is to be told now: once, and again after as long a time. `every`: between
    /// passes; zero: none is expected.
    pub(super) fn due(&mut self, now: Timestamp, every: Duration) -> Option<Timestamp> {
        let patience = i64::try_from(every.saturating_mul(PATIENCE).as_millis()).unwrap_or(i64::MAX);
        let since = self.told.unwrap_or(self.compared);
        if every.is_zero() || now.millis().saturating_sub(since.millis()) < patience {
            return None;
        }
        self.told = Some(now);
        Some(self.compared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_that_does_not_come_is_told_once_a_while() {
        let (at, every) = (|hours: i64| Timestamp::from_millis(hours * 3_600_000), Duration::from_secs(3_600));
        let mut stale = Stale::new(at(0));
        assert_eq!(stale.due(at(2), every), None);
        assert_eq!(stale.due(at(3), every), Some(at(0)));
        assert_eq!(stale.due(at(4), every), None);
        assert_eq!(stale.due(at(6), every), Some(at(0)));
        stale.compared(at(7));
        assert_eq!(stale.due(at(9), every), None);
        assert_eq!(stale.due(at(10), every), Some(at(7)));
        assert_eq!(stale.due(at(100), Duration::ZERO), None);
    }
}
