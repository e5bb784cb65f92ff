//! Which serials never came.
//!
//! The kernel numbers all events of a boot by one counter, so a missing number is a missing event. Records arrive out of
//! order, so a number counts as lost only when 1,024 newer ones were seen and 2 s passed, or the input ended.

use std::collections::VecDeque;

use schema::Timestamp;

use crate::record::Stamp;

/// Serials that never came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// First missing serial.
    pub first: u32,
    /// Last missing serial; some between may have come.
    pub last: u32,
    /// How many are missing.
    pub count: u64,
    /// Time of the event before the hole ...
    pub after: Timestamp,
    /// ... and of the one that showed it.
    pub before: Timestamp,
}

/// Serials looked back on.
const WINDOW: u32 = 16_384;
const NEWER: u64 = 1024;
const WAIT_MS: i64 = 2000;
/// A jump as wide as this is another boot, however the times lie.
const BOOT: i32 = 1 << 24;
/// Serials of another boot in a row, older in time, that make the window follow them.
const FOREIGN: u32 = 64;

/// The serials of one node.
pub(super) struct Gaps {
    seen: Box<[u64]>,
    newest: Option<Stamp>,
    /// Holes not yet settled, oldest first; each holds at least one serial of the window.
    pending: VecDeque<Pending>,
    marked: u64,
    foreign: u32,
    lost: u64,
    boots: u64,
}

struct Pending {
    gap: Gap,
    noticed_ms: i64,
    marked: u64,
}

impl Default for Gaps {
    fn default() -> Self {
        Self {
            seen: vec![0; (WINDOW / 64) as usize].into_boxed_slice(),
            newest: None,
            pending: VecDeque::new(),
            marked: 0,
            foreign: 0,
            lost: 0,
            boots: 0,
        }
    }
}

impl Gaps {
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    pub(super) fn boots(&self) -> u64 {
        self.boots
    }

    /// The newest serial so far.
    pub(super) fn newest(&self) -> Option<Stamp> {
        self.newest
    }

    /// Goes on behind `newest`, as if all before it had come.
    pub(super) fn resume(&mut self, newest: Stamp) {
        self.start(newest);
        self.seen.fill(u64::MAX);
    }

    /// A record with this stamp was seen.
    pub(super) fn note(&mut self, stamp: Stamp, now: i64, reports: &mut Vec<Gap>) {
        self.marked += 1;
        let Some(newest) = self.newest else { return self.start(stamp) };
        let ahead = stamp.serial.wrapping_sub(newest.serial).cast_signed();
        let back_in_time = stamp.time < newest.time;
        match ahead {
            1..BOOT if ahead.unsigned_abs() <= WINDOW || !back_in_time => self.go_on(newest, stamp, now, reports),
            _ if (1 - WINDOW.cast_signed()..=0).contains(&ahead) => self.mark(stamp.serial),
            _ if ahead < 0 && !back_in_time || self.foreign >= FOREIGN => {
                self.finish(reports);
                self.boots += 1;
                self.start(stamp);
            }
            _ => self.foreign += 1,
        }
        if !self.pending.is_empty() {
            self.settle(now, reports);
        }
    }

    /// Counts the holes whose time has come.
    pub(super) fn settle(&mut self, now: i64, reports: &mut Vec<Gap>) {
        while let Some(front) = self.pending.front() {
            if self.marked - front.marked < NEWER || now - front.noticed_ms < WAIT_MS {
                return;
            }
            self.settle_front(reports);
        }
    }

    /// Counts every hole there is.
    pub(super) fn finish(&mut self, reports: &mut Vec<Gap>) {
        while !self.pending.is_empty() {
            self.settle_front(reports);
        }
    }

    fn start(&mut self, stamp: Stamp) {
        self.seen.fill(0);
        self.foreign = 0;
        self.newest = Some(stamp);
        self.mark(stamp.serial);
    }

    fn go_on(&mut self, newest: Stamp, stamp: Stamp, now: i64, reports: &mut Vec<Gap>) {
        self.foreign = 0;
        let steps = stamp.serial.wrapping_sub(newest.serial);
        self.leave_behind(stamp.serial, reports);
        if steps >= WINDOW {
            self.seen.fill(0);
        } else {
            (1..=steps).for_each(|step| self.unmark(newest.serial.wrapping_add(step)));
        }
        if steps > 1 {
            let (first, last) = (newest.serial.wrapping_add(1), stamp.serial.wrapping_sub(1));
            let gap = Gap { first, last, count: u64::from(steps - 1), after: newest.time, before: stamp.time };
            self.pending.push_back(Pending { gap, noticed_ms: now, marked: self.marked });
        }
        self.newest = Some(stamp);
        self.mark(stamp.serial);
    }

    /// Settles the holes that begin before the window that ends at `newest`: their marks are about to be overwritten.
    fn leave_behind(&mut self, newest: u32, reports: &mut Vec<Gap>) {
        while let Some(front) = self.pending.front() {
            if newest.wrapping_sub(front.gap.first) < WINDOW {
                return;
            }
            self.settle_front(reports);
        }
    }

    fn settle_front(&mut self, reports: &mut Vec<Gap>) {
        let (Some(Pending { mut gap, .. }), Some(newest)) = (self.pending.pop_front(), self.newest) else { return };
        // Of a hole wider than the window only the newer part can have been filled since.
        let oldest = newest.serial.wrapping_sub(WINDOW - 1);
        let cut = oldest.wrapping_sub(gap.first).cast_signed().clamp(0, i32::MAX).unsigned_abs();
        let width = gap.last.wrapping_sub(gap.first).wrapping_add(1);
        let cut = cut.min(width);
        let came = (cut..width).filter(|&at| self.is_marked(gap.first.wrapping_add(at))).count();
        gap.count = u64::from(width) - came as u64;
        if gap.count > 0 {
            self.lost += gap.count;
            report(gap, reports);
        }
    }

    fn mark(&mut self, serial: u32) {
        self.seen[(serial % WINDOW / 64) as usize] |= 1 << (serial % 64);
    }

    fn unmark(&mut self, serial: u32) {
        self.seen[(serial % WINDOW / 64) as usize] &= !(1 << (serial % 64));
    }

    fn is_marked(&self, serial: u32) -> bool {
        self.seen[(serial % WINDOW / 64) as usize] & (1 << (serial % 64)) != 0
    }
}

/// Reports wait for the caller; beyond this many they are melted into the last one.
const REPORTS: usize = 1024;

fn report(gap: Gap, reports: &mut Vec<Gap>) {
    let full = reports.len() >= REPORTS;
    match reports.last_mut() {
        Some(last) if full => {
            last.count += gap.count;
            (last.last, last.before) = (gap.last, gap.before);
        }
        _ => reports.push(gap),
    }
}
