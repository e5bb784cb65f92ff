//! Writing groups durably, making room, moving the mark.
//!
//! Single-threaded and without a clock: whoever owns the [`Core`] says when. Every operation leaves the list of segments
//! and the disk in agreement, whatever the disk answers.

use std::collections::VecDeque;
use std::io;

use schema::loss::LostRange;
use schema::{EventId, Lane as Name, Loss};

use super::disk::{Disk, join, replace};
use super::lane::{Lane, Lost, Segment};
use super::mark::{Epoch, Mark, Position};
use super::pack::Packed;
use super::recover::{Found, SUFFIX};
use super::segment::{HEADER_LEN, Header, Origin};
use super::{Full, Options};

/// Even with less than `keep_free` left, the spool may hold this much, or nothing could be shipped at all.
const FLOOR: u64 = 4 << 20;
/// A delivered segment of this size is given back although it is still being written.
const WORTH_CLOSING: u64 = 1 << 20;
/// Names tried for a new segment; a name is taken only after a failed sync at the same counter.
const MOST_NAMES: u32 = 16;

/// Disk, segments and mark of a spool.
pub(super) struct Core {
    pub(super) disk: Box<dyn Disk>,
    options: Options,
    pub(super) origin: Origin,
    pub(super) lanes: [Lane; 3],
    /// As last written.
    mark: Mark,
    /// Next counter to be durable, by lane.
    pub(super) next: [u64; 3],
    foreign_bytes: u64,
    /// Bytes given back since free space fell below `keep_free`; the spool may write as many.
    credit: u64,
    /// Lost and not yet said.
    pub(super) losses: Vec<Loss>,
    /// Losses whose event is not durable yet: the mark waits for them.
    unsaid: Vec<Unsaid>,
    /// Somebody ended the reader's wait.
    pub(super) woken: bool,
    /// The epoch file is still to be written.
    epoch_due: bool,
}

/// A range of lost counters, and the loss event that names it, once there is one.
#[derive(Debug)]
struct Unsaid {
    range: LostRange,
    event: Option<EventId>,
}

/// Why groups could not be written. They are still whole; try again later.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stuck {
    /// No room, and nothing may be dropped for it.
    #[error("no room: the spool has reached its bytes, or the disk is full")]
    NoRoom,
    /// Two files in a row failed.
    #[error("the disk fails")]
    Failing(#[source] io::Error),
}

impl Core {
    pub(super) fn new(disk: Box<dyn Disk>, options: Options, origin: Origin, next: [u64; 3], found: Found) -> Self {
        Self {
            disk,
            options,
            origin,
            lanes: found.lanes,
            mark: found.mark,
            next,
            foreign_bytes: found.foreign_bytes,
            credit: 0,
            losses: found.losses,
            unsaid: Vec::new(),
            woken: false,
            epoch_due: false,
        }
    }

    /// Makes the groups at the front durable, as many as it can, and removes them from the queue.
    ///
    /// # Errors
    /// [`Stuck`]: what is still in the queue is not durable.
    pub(super) fn commit(&mut self, groups: &mut VecDeque<Packed>) -> Result<(), Stuck> {
        let mut stuck = None;
        for name in Name::ALL {
            let (mut mine, rest) = std::mem::take(groups).into_iter().partition(|group| group.frame.lane == name);
            *groups = rest;
            if let Err(error) = self.commit_lane(name, &mut mine) {
                stuck = Some(error);
                groups.extend(mine);
            }
        }
        stuck.map_or(Ok(()), Err)
    }

    fn commit_lane(&mut self, name: Name, groups: &mut VecDeque<Packed>) -> Result<(), Stuck> {
        let mut failed = false;
        while !groups.is_empty() {
            match self.write_some(name, groups) {
                Ok(count) => {
                    groups.drain(..count);
                    failed = false;
                }
                Err(Failure::NoRoom) if name == Name::Low && self.options.full == Full::Drop => self.refuse(groups),
                Err(Failure::NoRoom) => return Err(Stuck::NoRoom),
                Err(Failure::File(error)) if failed => return Err(Stuck::Failing(error)),
                Err(Failure::File(error)) => {
                    tracing::error!(lane = %name, %error, "a spool segment cannot be written; going on in a new one");
                    failed = true;
                }
            }
        }
        Ok(())
    }

    /// Groups of the lowest lane for which nothing else may give way.
    fn refuse(&mut self, groups: &mut VecDeque<Packed>) {
        for Packed { frame, .. } in groups.drain(..) {
            self.next[frame.lane as usize] = frame.last() + 1;
            if self.lanes[frame.lane as usize].skip(&frame) {
                let times = Some((frame.first_time, frame.last_time));
                let lost = Lost { origin: self.origin, first: frame.first, last: frame.last(), times };
                self.losses.push(lost.because(frame.lane, "full"));
            }
        }
    }

    /// Writes and syncs as many groups as fit one segment; none if room had to be made first.
    fn write_some(&mut self, name: Name, groups: &VecDeque<Packed>) -> Result<usize, Failure> {
        let (count, bytes) = self.fitting(name, groups);
        self.make_room(name, bytes)?;
        let written = self.try_write(name, groups, count);
        match written {
            Ok(()) => {
                self.credit = self.credit.saturating_sub(bytes);
                Ok(count)
            }
            Err(error) if is_full(&error) => {
                self.roll_back(name);
                if self.give_way(name) { Ok(0) } else { Err(Failure::NoRoom) }
            }
            Err(error) => {
                self.roll_back(name);
                self.lanes[name as usize].close(self.disk.as_mut());
                Err(Failure::File(error))
            }
        }
    }

    /// How many groups go into the active segment, or into a new one if not even the first fits.
    fn fitting(&mut self, name: Name, groups: &VecDeque<Packed>) -> (usize, u64) {
        let most = self.options.segment_bytes();
        let first = groups.front().map_or(0, |group| group.frame.total_len());
        let lane = &mut self.lanes[name as usize];
        let mut len = lane.active().map_or(HEADER_LEN as u64, |segment| segment.len);
        if len > HEADER_LEN as u64 && len + first > most {
            lane.close(self.disk.as_mut());
            len = HEADER_LEN as u64;
        }
        let start = len;
        let mut count = 0;
        for group in groups {
            if count > 0 && len + group.frame.total_len() > most {
                break;
            }
            len += group.frame.total_len();
            count += 1;
        }
        (count, len - start)
    }

    fn try_write(&mut self, name: Name, groups: &VecDeque<Packed>, count: usize) -> io::Result<()> {
        if self.lanes[name as usize].active().is_none()
            && let Some(group) = groups.front()
        {
            self.open_segment(name, group.frame.first)?;
        }
        let lane = &mut self.lanes[name as usize];
        let Some(segment) = lane.active() else { return Err(io::ErrorKind::NotFound.into()) };
        let path = join(name.name(), &segment.name);
        let mut bytes = Vec::with_capacity(groups.iter().take(count).map(|group| group.payload.len() + 64).sum());
        for group in groups.iter().take(count) {
            bytes.extend_from_slice(&group.frame.encode());
            bytes.extend_from_slice(&group.payload);
        }
        self.disk.append(&path, &bytes)?;
        // Also where the sync says "full": a file whose sync failed is never synced again.
        self.disk.sync(&path).map_err(io::Error::other)?;
        // Durable from here on: readers may see it.
        segment.len += bytes.len() as u64;
        for group in groups.iter().take(count) {
            segment.end = group.frame.last() + 1;
            segment.widen(&group.frame);
        }
        self.next[name as usize] = segment.end;
        Ok(())
    }

    /// A new segment; its header and its name are durable before anything is written to it.
    fn open_segment(&mut self, name: Name, first: u64) -> io::Result<()> {
        let header = Header { lane: name, origin: self.origin, first };
        let file = self.create(name, first)?;
        let path = join(name.name(), &file);
        let made = self
            .disk
            .append(&path, &header.encode())
            .and_then(|()| self.disk.sync(&path))
            .and_then(|()| self.disk.sync_folder(name.name()));
        if let Err(error) = made {
            self.disk.close(&path);
            self.try_remove(&path);
            return Err(error);
        }
        let (origin, len) = (self.origin, HEADER_LEN as u64);
        let lane = &mut self.lanes[name as usize];
        lane.segments.push_back(Segment { name: file, origin, first, end: first, len, times: None, torn: false });
        lane.writing = true;
        Ok(())
    }

    fn create(&mut self, name: Name, first: u64) -> io::Result<String> {
        let stem = format!("{:08x}-{first:011x}", self.origin.epoch);
        let mut attempt = 0;
        loop {
            let file = if attempt == 0 { format!("{stem}{SUFFIX}") } else { format!("{stem}-{attempt}{SUFFIX}") };
            match self.disk.create(&join(name.name(), &file)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < MOST_NAMES => attempt += 1,
                made => return made.map(|()| file),
            }
        }
    }

    /// Bytes behind the last good sync count as never written. If they cannot be cut off, recovery steps over them: the
    /// same counters stand in the next segment, or a gap does.
    fn roll_back(&mut self, name: Name) {
        let lane = &mut self.lanes[name as usize];
        let Some(segment) = lane.active() else { return };
        let (path, len) = (join(name.name(), &segment.name), segment.len);
        if let Err(error) = self.disk.truncate(&path, len) {
            tracing::warn!(path, %error, "cannot cut the unsynced end off a spool segment");
            lane.close(self.disk.as_mut());
        }
    }

    /// Room for `bytes` more in this lane, by giving back what is delivered, then by dropping.
    fn make_room(&mut self, name: Name, bytes: u64) -> Result<(), Failure> {
        while !self.has_room(bytes) {
            if self.options.full == Full::Block || !self.give_way(name) {
                self.tidy();
                return if self.has_room(bytes) { Ok(()) } else { Err(Failure::NoRoom) };
            }
        }
        Ok(())
    }

    fn has_room(&mut self, bytes: u64) -> bool {
        let after = self.bytes() + bytes;
        if after > self.options.bytes {
            return false;
        }
        let free = self.disk.free().unwrap_or(u64::MAX);
        if free.saturating_sub(bytes) >= self.options.keep_free {
            self.credit = 0;
            return true;
        }
        after <= FLOOR.min(self.options.bytes) || self.credit >= bytes
    }

    /// Gives bytes back for a write into lane `name`. False: nothing may go for it.
    fn give_way(&mut self, name: Name) -> bool {
        let before = self.bytes();
        self.tidy();
        if self.bytes() < before {
            return true;
        }
        if self.options.full == Full::Block {
            return false;
        }
        // A segment without events frees nothing that its successor would not take again.
        while let Some(victim) = self.victim(name) {
            let empty = self.lanes[victim as usize].segments.front().is_none_or(|s| s.len <= HEADER_LEN as u64);
            let gone = self.drop_oldest(victim);
            if !empty || !gone {
                return gone;
            }
        }
        false
    }

    /// Whose oldest segment goes first: `low`, then whoever of the others has more than its promised quarter, then the
    /// lane itself.
    fn victim(&self, name: Name) -> Option<Name> {
        let has = |lane: Name| !self.lanes[lane as usize].segments.is_empty();
        let quarter = self.options.bytes / 4;
        let over = |lane: Name| self.lanes[lane as usize].bytes() > quarter;
        if has(Name::Low) {
            return Some(Name::Low);
        }
        if name == Name::Low {
            return None;
        }
        [Name::Normal, Name::High].into_iter().find(|&lane| over(lane)).or(has(name).then_some(name))
    }

    /// Drops the oldest segment of a lane with whatever is in it. The mark is not moved before: if we die between here
    /// and the loss event, the next start finds the gap and reports it.
    fn drop_oldest(&mut self, name: Name) -> bool {
        let only = self.lanes[name as usize].segments.len() == 1;
        if only {
            self.lanes[name as usize].close(self.disk.as_mut());
        }
        let Some((segment, lost)) = self.lanes[name as usize].forget_oldest() else { return false };
        if let Some(lost) = lost {
            self.losses.push(lost.because(name, "full"));
        }
        self.give_back(name, &segment)
    }

    fn give_back(&mut self, name: Name, segment: &Segment) -> bool {
        self.credit = self.credit.saturating_add(segment.len);
        let removed = self.try_remove(&join(name.name(), &segment.name));
        if !removed {
            // It still takes room and nobody knows it any more until the next start.
            self.foreign_bytes += segment.len;
        }
        removed
    }

    fn try_remove(&mut self, path: &str) -> bool {
        match self.disk.remove(path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => {
                tracing::warn!(path, %error, "cannot remove a file of the spool");
                false
            }
        }
    }

    /// Gives back segments that are delivered, the mark first. Where even the mark finds no room, the segments go and
    /// the mark is written right behind them.
    pub(super) fn tidy(&mut self) {
        for lane in &mut self.lanes {
            let position = lane.position();
            if lane.active().is_some_and(|s| s.len > WORTH_CLOSING && position >= s.end_position()) {
                lane.close(self.disk.as_mut());
            }
        }
        if self.lanes.iter().all(|lane| lane.finished() == 0) {
            return;
        }
        match self.write_mark() {
            Ok(()) => self.remove_finished(),
            Err(error) if is_full(&error) => {
                self.remove_finished();
                if let Err(error) = self.write_mark() {
                    tracing::warn!(%error, "the spool's mark cannot be written");
                }
            }
            Err(error) => tracing::warn!(%error, "the spool's mark cannot be written; delivered segments are kept"),
        }
    }

    fn remove_finished(&mut self) {
        for name in Name::ALL {
            for _ in 0..self.lanes[name as usize].finished() {
                if let Some((segment, _)) = self.lanes[name as usize].forget_oldest() {
                    self.give_back(name, &segment);
                }
            }
        }
    }

    /// Hands over losses to be said. Until their events are durable the mark stays before them, so that a crash in
    /// between finds the hole again.
    pub(super) fn take_losses(&mut self) -> Vec<Loss> {
        let losses = std::mem::take(&mut self.losses);
        self.unsaid.extend(losses.iter().filter_map(|loss| loss.range).map(|range| Unsaid { range, event: None }));
        losses
    }

    /// The event with this id names `range`.
    pub(super) fn said(&mut self, range: LostRange, event: Option<EventId>) {
        let of = |r: LostRange| (r.agent, r.epoch, r.lane);
        let within = |r: LostRange| of(r) == of(range) && (range.first..=range.last).contains(&r.first);
        for unsaid in self.unsaid.iter_mut().filter(|unsaid| within(unsaid.range)) {
            unsaid.event = event;
        }
        // Without an event nothing will ever become durable; the mark need not wait for it.
        self.unsaid.retain(|unsaid| event.is_some() || !within(unsaid.range));
    }

    /// How far the mark of each lane may go.
    fn positions(&mut self) -> [Position; 3] {
        let (epoch, durable) = (self.origin.epoch, self.next[Name::High as usize]);
        // A new epoch begins only when everything of the old one is durable.
        let waits = |event: EventId| event.epoch == epoch && event.counter() >= durable;
        self.unsaid.retain(|unsaid| unsaid.event.is_none_or(waits));
        let mut positions = [0, 1, 2].map(|i| self.lanes[i].position());
        let unsaid = self.unsaid.iter().map(|unsaid| unsaid.range);
        for range in self.losses.iter().filter_map(|loss| loss.range).chain(unsaid) {
            let at = &mut positions[range.lane as usize];
            *at = (*at).min(Position { epoch: range.epoch, counter: range.first });
        }
        positions
    }

    /// Writes the mark if it would say anything new.
    ///
    /// # Errors
    /// As the disk says; the old mark is then still there.
    pub(super) fn write_mark(&mut self) -> io::Result<()> {
        self.write_epoch()?;
        let lanes = self.positions();
        let Mark { generation, .. } = self.mark;
        let mark = Mark { generation, epoch: self.origin.epoch, lanes, written: self.next };
        if mark == self.mark {
            return Ok(());
        }
        let mark = Mark { generation: generation + 1, ..mark };
        replace(self.disk.as_mut(), "", "mark", &mark.encode())?;
        self.mark = mark;
        Ok(())
    }

    /// Begins to count anew as `origin`: what is there keeps its ids, what comes gets new ones. The epoch file is written
    /// now or, with a full disk, as soon as it can be; until then a restart begins yet another epoch.
    pub(super) fn begin_epoch(&mut self, origin: Origin) {
        for lane in &mut self.lanes {
            lane.close(self.disk.as_mut());
        }
        (self.origin, self.next, self.epoch_due) = (origin, [0; 3], true);
        if let Err(error) = self.write_mark() {
            tracing::warn!(%error, "the spool's epoch cannot be written down yet");
        }
    }

    fn write_epoch(&mut self) -> io::Result<()> {
        let (origin, place) = (self.origin, self.disk.place());
        if self.epoch_due {
            replace(self.disk.as_mut(), "", "epoch", &Epoch { origin, place }.encode())?;
            self.epoch_due = false;
        }
        Ok(())
    }

    /// Bytes of the spool, foreign files in its folders included.
    pub(super) fn bytes(&self) -> u64 {
        self.foreign_bytes + self.lanes.iter().map(Lane::bytes).sum::<u64>()
    }
}

enum Failure {
    NoRoom,
    File(io::Error),
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
