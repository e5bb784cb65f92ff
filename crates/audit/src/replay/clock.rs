//! The clock of a replay: the records' own time, made steady.

use schema::Timestamp;

use crate::record::kind;

/// Goes forward with the largest record time, once in 64 records and by at most 45 ms at a time.
///
/// So no wait of [`crate::reassemble::Limits`] (100 ms at the least) passes in fewer than 128 records: disorder within 64
/// records, a quiet night, or a host whose clock is set by an hour close no group early, and hold none for long.
#[derive(Default)]
pub(super) struct RecordClock {
    ms: i64,
    latest: Option<i64>,
    /// Largest time of the block before this one.
    previous: Option<i64>,
    /// Largest time of this block.
    current: Option<i64>,
    count: u32,
}

const BLOCK: u32 = 64;
const STEP_MS: i64 = 45;

impl RecordClock {
    /// The largest record time of late: the time of what has no time of its own.
    pub(super) fn latest(&self) -> Timestamp {
        Timestamp::from_millis(self.current.max(self.previous).or(self.latest).unwrap_or(0))
    }

    /// The steady time after a record of this type and time.
    pub(super) fn advance(&mut self, record: u16, time: Timestamp) -> Timestamp {
        self.latest = Some(time.millis());
        // Auditd stamps its own records ahead of the kernel's that it has yet to write.
        if !(kind::DAEMON_FIRST..=kind::DAEMON_LAST).contains(&record) {
            self.current = self.current.max(Some(time.millis()));
        }
        self.count += 1;
        if self.count == BLOCK {
            self.end_block();
        }
        Timestamp::from_millis(self.ms)
    }

    fn end_block(&mut self) {
        if let (Some(before), Some(now)) = (self.previous, self.current) {
            self.ms += now.saturating_sub(before).clamp(0, STEP_MS);
        }
        self.previous = self.current.take().or(self.previous);
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(clock: &mut RecordClock, seconds: i64, records: u32) -> i64 {
        (0..records)
            .map(|_| clock.advance(kind::SYSCALL, Timestamp::from_millis(seconds * 1000)).millis())
            .last()
            .unwrap_or(0)
    }

    #[test]
    fn a_leap_is_one_step_and_a_step_back_none() {
        let mut clock = RecordClock::default();
        assert_eq!(run(&mut clock, 100, 640), 0);
        assert_eq!(run(&mut clock, 3700, 640), STEP_MS);
        assert_eq!(run(&mut clock, 100, 640), STEP_MS);
        assert_eq!(run(&mut clock, 101, 640), 2 * STEP_MS);
        assert_eq!(clock.latest(), Timestamp::from_millis(101_000));
    }
}
