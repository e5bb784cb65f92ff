//! The clock of a replay: the records' own time.

use schema::Timestamp;

use crate::record::kind;

/// The largest record time, 64 to 128 records behind. The lag makes disorder within 64 records harmless: a record that
/// stands up to that much too early does not make the others of its event look overdue.
#[derive(Default)]
pub(super) struct RecordClock {
    now: Option<i64>,
    /// Largest time of the block before this one.
    previous: Option<i64>,
    /// Largest time of this block.
    current: Option<i64>,
    count: u32,
}

const BLOCK: u32 = 64;
/// A whole block this much older than the time before it means that the host's clock was set back.
const BACK_MS: i64 = 5000;

impl RecordClock {
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.or(self.current).unwrap_or(0))
    }

    pub(super) fn advance(&mut self, record: u16, time: Timestamp) -> Timestamp {
        // Auditd stamps its own records ahead of the kernel's that it has yet to write.
        if !(kind::DAEMON_FIRST..=kind::DAEMON_LAST).contains(&record) {
            self.current = self.current.max(Some(time.millis()));
        }
        self.now = self.now.or(self.current);
        self.count += 1;
        if self.count == BLOCK {
            self.end_block();
        }
        self.now()
    }

    fn end_block(&mut self) {
        if let (Some(now), Some(block)) = (self.now, self.previous)
            && (block > now || block < now - BACK_MS)
        {
            self.now = Some(block);
        }
        self.previous = self.current.take();
        self.count = 0;
    }
}
