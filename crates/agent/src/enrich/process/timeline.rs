//! The wall clock of events on the axis of the time since boot.
//!
//! Starts and ends of processes are told in time since boot, which never jumps; events carry the wall clock, which somebody
//! may set. Each setting begins a new [`Span`] with its own offset, and a date is turned back by the offset that held then.

use std::collections::VecDeque;

/// Spans remembered; a clock set more often within the life of an event is not understood any more.
const MOST: usize = 16;
/// A difference below this is a clock being slewed, not set.
const STEP_MS: i64 = 100;
/// An event may be this much younger than the last look at the clocks.
const AHEAD_NS: i64 = 10_000_000_000;
pub(super) const MS: i64 = 1_000_000;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Timeline {
    spans: VecDeque<Span>,
    now_ns: i64,
}

/// A time with one offset.
#[derive(Clone, Copy, Debug)]
struct Span {
    since_ns: i64,
    /// Wall clock at boot.
    offset_ms: i64,
}

impl Timeline {
    /// Both clocks, read at the same moment.
    pub(super) fn set(&mut self, wall_ms: i64, boot_ns: i64) {
        self.now_ns = boot_ns;
        let offset_ms = wall_ms.saturating_sub(boot_ns / MS);
        match self.spans.back_mut() {
            Some(span) if (span.offset_ms - offset_ms).abs() <= STEP_MS => span.offset_ms = offset_ms,
            Some(_) => self.spans.push_back(Span { since_ns: boot_ns, offset_ms }),
            None => self.spans.push_back(Span { since_ns: i64::MIN, offset_ms }),
        }
        if self.spans.len() > MOST {
            self.spans.pop_front();
        }
    }

    /// The last look at the clocks.
    pub(super) fn now_ns(&self) -> i64 {
        self.now_ns
    }

    /// When a date was. Of a date that came twice the later one.
    pub(super) fn boot_ns(&self, wall_ms: i64) -> i64 {
        let at = |span: &Span| wall_ms.saturating_sub(span.offset_ms).saturating_mul(MS);
        let mut until = self.now_ns.saturating_add(AHEAD_NS);
        for span in self.spans.iter().rev() {
            let ns = at(span);
            if ns >= span.since_ns.saturating_sub(STEP_MS * MS) && ns <= until {
                return ns;
            }
            until = span.since_ns;
        }
        self.spans.back().map_or_else(|| wall_ms.saturating_mul(MS), at)
    }

    /// The date of a moment.
    pub(super) fn wall_ms(&self, boot_ns: i64) -> i64 {
        let span = self.spans.iter().rev().find(|span| span.since_ns <= boot_ns);
        boot_ns / MS + span.map_or(0, |span| span.offset_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_leaves_the_past_where_it_was() {
        let mut timeline = Timeline::default();
        timeline.set(1_000_000, 100_000 * MS);
        let before = timeline.boot_ns(990_000);
        assert_eq!((before, timeline.wall_ms(before)), (90_000 * MS, 990_000));
        for step in [3_600_000, -3_600_000] {
            let mut timeline = Timeline::default();
            timeline.set(1_000_000, 100_000 * MS);
            timeline.set(1_000_000 + step + 5_000, 105_000 * MS);
            assert_eq!(timeline.boot_ns(990_000), 90_000 * MS, "{step}");
            assert_eq!(timeline.boot_ns(1_000_000 + step + 6_000), 106_000 * MS, "{step}");
            assert_eq!(timeline.wall_ms(106_000 * MS), 1_000_000 + step + 6_000, "{step}");
        }
    }

    #[test]
    fn a_slewed_clock_is_followed() {
        let mut timeline = Timeline::default();
        (0..1000).for_each(|step| timeline.set(step * 1001, step * 1000 * MS));
        assert_eq!((timeline.spans.len(), timeline.boot_ns(999 * 1001)), (1, 999_000 * MS));
    }

    #[test]
    fn without_clocks_dates_are_moments() {
        assert_eq!(Timeline::default().boot_ns(7), 7 * MS);
        assert_eq!(Timeline::default().wall_ms(7 * MS), 7);
    }
}
