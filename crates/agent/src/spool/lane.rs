//! One lane: its segments in order, how far they are read, and what is under way.
//!
//! Events have consecutive counters, so everything between where the cursor expects the next one and where it finds it is
//! lost; that is how damage, deleted segments and torn tails become a [`Loss`] with exact counters.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use schema::loss::{LostRange, Unit};
use schema::{Lane as Name, Loss, Timestamp};

use super::disk::{Disk, join};
use super::mark::Position;
use super::segment::{FRAME_LEN, Frame, HEADER_LEN, Origin, find_frame};

/// A segment file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) origin: Origin,
    /// Counter of its first event.
    pub(super) first: u64,
    /// Counter after its last event.
    pub(super) end: u64,
    /// Durable bytes; nothing behind them is looked at.
    pub(super) len: u64,
    /// Oldest and newest event time, as far as known.
    pub(super) times: Option<(Timestamp, Timestamp)>,
    /// Ends in bytes that are no frame: how many events those were is unknown.
    pub(super) torn: bool,
}

/// One lane.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) name: Name,
    pub(super) segments: VecDeque<Segment>,
    /// The last segment is open for writing.
    pub(super) writing: bool,
    cursor: Cursor,
    outstanding: Outstanding,
}

/// Where reading goes on.
#[derive(Debug, Default)]
struct Cursor {
    /// Index in the segments; one past the last when all are read and closed.
    segment: usize,
    /// In that segment; 0: not entered yet.
    offset: u64,
    expected: Position,
}

/// A frame that was read.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) frame: Frame,
    pub(super) payload: Vec<u8>,
}

impl Segment {
    pub(super) fn end_position(&self) -> Position {
        Position { epoch: self.origin.epoch, counter: self.end }
    }

    pub(super) fn widen(&mut self, frame: &Frame) {
        let (since, until) = self.times.unwrap_or((frame.first_time, frame.last_time));
        self.times = Some((since.min(frame.first_time), until.max(frame.last_time)));
    }
}

impl Lane {
    /// A lane whose events before `expected` are delivered.
    pub(super) fn new(name: Name, segments: VecDeque<Segment>, expected: Position) -> Self {
        let cursor = Cursor { segment: 0, offset: 0, expected };
        Self { name, segments, writing: false, cursor, outstanding: Outstanding::default() }
    }

    pub(super) fn path(&self, segment: &Segment) -> String {
        join(self.name.name(), &segment.name)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len).sum()
    }

    /// Everything before this is delivered or lost.
    pub(super) fn position(&self) -> Position {
        self.outstanding.first().unwrap_or(self.cursor.expected)
    }

    /// The segment being written.
    pub(super) fn active(&mut self) -> Option<&mut Segment> {
        if self.writing { self.segments.back_mut() } else { None }
    }

    /// No new events will come into the last segment.
    pub(super) fn close(&mut self, disk: &mut dyn Disk) {
        if let (true, Some(segment)) = (self.writing, self.segments.back()) {
            disk.close(&self.path(segment));
        }
        self.writing = false;
    }

    /// Goes to the next whole frame header and returns it with its origin, saying on the way what is missing.
    pub(super) fn peek(&mut self, disk: &mut dyn Disk, losses: &mut Vec<Loss>) -> Option<(Frame, Origin)> {
        loop {
            let segment = self.segments.get(self.cursor.segment)?;
            if self.cursor.offset == 0 {
                self.enter();
                continue;
            }
            if self.cursor.offset >= segment.len {
                if !self.leave(losses) {
                    return None;
                }
                continue;
            }
            match self.header(disk) {
                Ok(Some(frame)) => {
                    if self.stands(&frame, losses) {
                        return Some((frame, self.segments[self.cursor.segment].origin));
                    }
                }
                Ok(None) => self.resynchronise(disk),
                Err(error) => self.set_aside(disk, &error, losses),
            }
        }
    }

    /// Reads the frame that [`Self::peek`] found. `None`: its payload was damaged and is now skipped.
    pub(super) fn take(&mut self, disk: &mut dyn Disk, frame: Frame, losses: &mut Vec<Loss>) -> Option<Taken> {
        let segment = self.segments.get(self.cursor.segment)?;
        let mut payload = vec![0; frame.payload_len as usize];
        match disk.read(&self.path(segment), self.cursor.offset + FRAME_LEN as u64, &mut payload) {
            Err(error) => {
                self.set_aside(disk, &error, losses);
                return None;
            }
            Ok(len) => payload.truncate(len),
        }
        self.cursor.offset += frame.total_len();
        if !frame.fits(&payload) {
            self.lost_to(frame.last() + 1, Some((frame.first_time, frame.last_time)), losses);
            return None;
        }
        self.cursor.expected.counter = frame.last() + 1;
        self.outstanding.insert(frame.epoch, frame.first, frame.last());
        Some(Taken { frame, payload })
    }

    /// These events are delivered.
    pub(super) fn acknowledge(&mut self, epoch: u32, first: u64, last: u64) {
        self.outstanding.remove(epoch, first, last);
    }

    /// Reads again from the first event that is not acknowledged.
    pub(super) fn rewind(&mut self) {
        self.cursor = Cursor { segment: 0, offset: 0, expected: self.position() };
        self.outstanding = Outstanding::default();
    }

    /// Steps over events that were never written. False: something before them is still to be read; the hole is then
    /// reported when reading comes to it.
    pub(super) fn skip(&mut self, frame: &Frame) -> bool {
        if let Some(segment) = self.segments.back_mut().filter(|segment| segment.origin.epoch == frame.epoch) {
            segment.end = segment.end.max(frame.last() + 1);
        }
        let all_read = match self.segments.get(self.cursor.segment) {
            None => true,
            Some(segment) => self.cursor.segment + 1 == self.segments.len() && self.cursor.offset >= segment.len,
        };
        if all_read {
            self.cursor.expected = Position { epoch: frame.epoch, counter: frame.last() + 1 };
        }
        all_read
    }

    /// How many segments at the front are delivered and closed.
    pub(super) fn finished(&self) -> usize {
        let position = self.position();
        let closed = self.segments.len() - usize::from(self.writing);
        let done = |(i, segment): &(usize, &Segment)| {
            let read = self.cursor.segment > *i || (self.cursor.segment == *i && self.cursor.offset >= segment.len);
            read && position >= segment.end_position() && !segment.torn
        };
        self.segments.iter().take(closed).enumerate().take_while(done).count()
    }

    /// Takes the oldest segment out of the list, whatever is in it, and says what was still to be read.
    pub(super) fn forget_oldest(&mut self) -> Option<(Segment, Option<Lost>)> {
        let segment = self.segments.pop_front()?;
        if self.segments.is_empty() {
            self.writing = false;
        }
        if self.cursor.segment > 0 {
            self.cursor.segment -= 1;
            return Some((segment, None));
        }
        self.cursor.offset = 0;
        let end = segment.end_position();
        let from = self.cursor.expected.max(Position { counter: segment.first, ..end });
        self.cursor.expected = self.cursor.expected.max(end);
        let lost = (from < end).then(|| Lost {
            origin: segment.origin,
            first: from.counter,
            last: end.counter - 1,
            times: segment.times,
        });
        Some((segment, lost))
    }

    fn enter(&mut self) {
        let segment = &self.segments[self.cursor.segment];
        let (epoch, expected) = (segment.origin.epoch, self.cursor.expected.epoch);
        // All of an older epoch is done.
        self.cursor.offset = if epoch < expected { segment.len } else { HEADER_LEN as u64 };
        if epoch > expected {
            self.cursor.expected = Position { epoch, counter: 0 };
        }
    }

    /// At the end of a segment: goes to the next one, or says that there is none.
    fn leave(&mut self, losses: &mut Vec<Loss>) -> bool {
        let at = self.cursor.segment;
        let last = at + 1 == self.segments.len();
        let Segment { end, times, torn, origin, .. } = self.segments[at];
        self.lost_to(end, times, losses);
        if torn {
            self.segments[at].torn = false;
            losses.push(unknown_loss(times));
            tracing::warn!(lane = %self.name, epoch = origin.epoch, "the end of a spool segment cannot be read");
        }
        if !last {
            self.cursor.segment += 1;
            self.cursor.offset = 0;
        }
        !last
    }

    fn header(&self, disk: &mut dyn Disk) -> io::Result<Option<Frame>> {
        let segment = &self.segments[self.cursor.segment];
        let mut bytes = [0; FRAME_LEN];
        let room = usize::try_from(segment.len - self.cursor.offset).unwrap_or(FRAME_LEN).min(FRAME_LEN);
        let len = disk.read(&self.path(segment), self.cursor.offset, &mut bytes[..room])?;
        let ours = |frame: &Frame| frame.epoch == segment.origin.epoch && frame.lane == self.name;
        Ok(Frame::decode(&bytes[..len]).filter(ours))
    }

    /// Whether the frame at the cursor is to be delivered; else steps over it.
    fn stands(&mut self, frame: &Frame, losses: &mut Vec<Loss>) -> bool {
        let segment = &self.segments[self.cursor.segment];
        let whole = self.cursor.offset + frame.total_len() <= segment.len;
        let end = segment.len;
        if frame.last() < self.cursor.expected.counter {
            self.cursor.offset = if whole { self.cursor.offset + frame.total_len() } else { end };
            return false;
        }
        let times = Some((frame.first_time, frame.last_time));
        self.lost_to(frame.first, times, losses);
        if !whole {
            self.lost_to(frame.last() + 1, times, losses);
            self.cursor.offset = end;
        }
        whole
    }

    /// Everything from where the cursor expects the next event up to `counter` is lost.
    fn lost_to(&mut self, counter: u64, times: Option<(Timestamp, Timestamp)>, losses: &mut Vec<Loss>) {
        let expected = self.cursor.expected;
        let Some(segment) = self.segments.get(self.cursor.segment) else { return };
        if counter <= expected.counter || segment.origin.epoch != expected.epoch {
            return;
        }
        let lost = Lost { origin: segment.origin, first: expected.counter, last: counter - 1, times };
        losses.push(lost.because(self.name, "corrupt"));
        self.cursor.expected.counter = counter;
    }

    /// Behind damage: looks for the next frame in the rest of the segment.
    fn resynchronise(&mut self, disk: &mut dyn Disk) {
        let segment = &self.segments[self.cursor.segment];
        let found = find_frame_on_disk(disk, &self.path(segment), self.cursor.offset + 1, segment.len);
        self.cursor.offset = found.unwrap_or(segment.len);
    }

    /// A segment that the medium does not give back any more: kept under another name, for whoever wants to look.
    fn set_aside(&mut self, disk: &mut dyn Disk, error: &io::Error, losses: &mut Vec<Loss>) {
        let at = self.cursor.segment;
        let (end, times) = (self.segments[at].end, self.segments[at].times);
        self.lost_to(end, times, losses);
        let path = self.path(&self.segments[at]);
        tracing::error!(path, %error, "a spool segment cannot be read and is set aside");
        if at + 1 == self.segments.len() {
            self.close(disk);
        }
        set_aside(disk, &path);
        self.segments.remove(at);
        self.cursor.offset = 0;
    }
}

/// Where the next frame header stands in a file, from `from` on and before `len`. Reads in pieces, so that a file with
/// damage at many places is not read again from each of them to its end.
pub(super) fn find_frame_on_disk(disk: &mut dyn Disk, path: &str, mut from: u64, len: u64) -> Option<u64> {
    let mut piece = vec![0; SEARCH_PIECE];
    while from < len {
        let room = usize::try_from(len - from).unwrap_or(SEARCH_PIECE).min(SEARCH_PIECE);
        let read = disk.read(path, from, &mut piece[..room]).ok()?;
        if let Some(at) = find_frame(&piece[..read], 0) {
            return Some(from + at as u64);
        }
        // A header may begin in the last bytes of a piece.
        from += (read.checked_sub(FRAME_LEN - 1).filter(|&step| step > 0)?) as u64;
    }
    None
}

const SEARCH_PIECE: usize = 64 << 10;

/// Renames a file so that nobody reads it again.
pub(super) fn set_aside(disk: &mut dyn Disk, path: &str) {
    if let Err(error) = disk.rename(path, &format!("{path}{ASIDE}")) {
        tracing::warn!(path, %error, "cannot set the file aside");
    }
}

/// Ending of files that were set aside.
pub(super) const ASIDE: &str = ".unreadable";

/// Events that will not be delivered.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) origin: Origin,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) times: Option<(Timestamp, Timestamp)>,
}

impl Lost {
    pub(super) fn because(self, lane: Name, reason: &'static str) -> Loss {
        let (window_start, window_end) = self.times.unwrap_or_default();
        let Origin { agent, epoch, .. } = self.origin;
        let range = LostRange { agent, epoch, lane, first: self.first, last: self.last };
        let count = Some(self.last - self.first + 1);
        Loss { stage: "spool", reason, count, unit: Unit::Events, window_start, window_end, range: Some(range) }
    }
}

fn unknown_loss(times: Option<(Timestamp, Timestamp)>) -> Loss {
    let (window_start, window_end) = times.unwrap_or_default();
    Loss { stage: "spool", reason: "corrupt", count: None, unit: Unit::Events, window_start, window_end, range: None }
}

/// Ranges of counters that are read and not yet answered.
#[derive(Debug, Default)]
struct Outstanding(BTreeMap<(u32, u64), u64>);

impl Outstanding {
    fn first(&self) -> Option<Position> {
        self.0.keys().next().map(|&(epoch, counter)| Position { epoch, counter })
    }

    fn insert(&mut self, epoch: u32, first: u64, last: u64) {
        self.0.insert((epoch, first), last);
    }

    fn remove(&mut self, epoch: u32, first: u64, last: u64) {
        let touching: Vec<(u64, u64)> = self
            .0
            .range((epoch, 0)..=(epoch, last))
            .map(|(&(_, start), &end)| (start, end))
            .filter(|&(_, end)| end >= first)
            .collect();
        for (start, end) in touching {
            self.0.remove(&(epoch, start));
            if start < first {
                self.0.insert((epoch, start), first - 1);
            }
            if end > last {
                self.0.insert((epoch, last + 1), end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn outstanding_is_a_set_of_counters(steps in proptest::collection::vec((0..40_u64, 0..6_u64), 1..30)) {
            let mut ranges = Outstanding::default();
            ranges.insert(1, 0, 49);
            let mut set: BTreeSet<u64> = (0..50).collect();
            for (first, len) in steps {
                ranges.remove(1, first, first + len);
                (first..=first + len).for_each(|counter| {
                    set.remove(&counter);
                });
                let flat: BTreeSet<u64> = ranges.0.iter().flat_map(|(&(_, first), &last)| first..=last).collect();
                prop_assert_eq!(&flat, &set);
                prop_assert_eq!(ranges.first().map(|at| at.counter), set.first().copied());
            }
        }
    }
}
