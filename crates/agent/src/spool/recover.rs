//! What is on disk when a spool opens.
//!
//! Start-up never refuses because of content and needs no repair by hand. Frame headers are walked (payloads are checked
//! when they are read for shipping); what cannot be read is stepped over and becomes a loss when shipping comes to it.
//! Counters go on in the same epoch only where that is proven: the `epoch` and `mark` files are whole, the spool lies
//! where it lay, no lane ends in bytes that nobody can count, and at least as much is there as the mark says was written.
//! Else a new epoch begins.

use std::collections::VecDeque;
use std::io;

use schema::loss::Unit;
use schema::{AgentId, Lane as Name, Loss, Timestamp};

use super::disk::{Disk, join, read_small};
use super::lane::{ASIDE, Lane, Lost, Segment, find_frame_on_disk, set_aside};
use super::mark::{EPOCH_LEN, Epoch, MARK_LEN, Mark, Position};
use super::segment::{BadHeader, FRAME_LEN, Frame, HEADER_LEN, Header, Origin};

/// Ending of segment files.
pub(super) const SUFFIX: &str = ".seg";
/// Files set aside in one lane; the oldest beyond that are removed.
const MOST_ASIDE: usize = 4;
/// Nothing behind this is looked at: segments end at 16 MiB, and a foreign file could be any size.
const MOST_BYTES: u64 = 64 << 20;

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) lanes: [Lane; 3],
    pub(super) mark: Mark,
    /// The epoch and the next counters, if they can go on.
    pub(super) epoch: Option<(Origin, [u64; 3])>,
    /// Largest epoch number seen anywhere, 0: none.
    pub(super) last_epoch: u32,
    /// Bytes of files that count but are never read here.
    pub(super) foreign_bytes: u64,
    /// What is known to be gone already.
    pub(super) losses: Vec<Loss>,
    /// What a person should know.
    pub(super) notes: Vec<String>,
}

/// Looks at everything. `agent` owns what does not say whose it is.
///
/// # Errors
/// The folder itself cannot be made or listed.
pub(super) fn recover(disk: &mut dyn Disk, agent: AgentId) -> io::Result<Found> {
    disk.make_folder("")?;
    let epoch_file = read_small(disk, "epoch", EPOCH_LEN + 1).ok().and_then(|bytes| Epoch::decode(&bytes));
    let mark_file = read_small(disk, "mark", MARK_LEN + 1).ok().and_then(|bytes| Mark::decode(&bytes));
    let mut folders = Vec::new();
    for name in Name::ALL {
        folders.push(LaneFolder::read(name, agent, epoch_file, disk)?);
    }
    let mut notes: Vec<String> = folders.iter_mut().flat_map(|folder| std::mem::take(&mut folder.notes)).collect();
    if mark_file.is_none() && folders.iter().any(|folder| !folder.segments.is_empty()) {
        notes.push("the mark cannot be read: what is in the spool is sent again".to_owned());
    }
    let mark = mark_file.unwrap_or_default();
    let mut losses: Vec<Loss> = folders.iter().filter(|folder| folder.tail_aside()).map(|_| uncounted()).collect();
    let mut epoch = None;
    if let (Some(file), Some(mark)) = (epoch_file, mark_file) {
        epoch = continued(disk, &file, &mark, &folders);
        losses.extend(missing(&file, &mark, &folders));
    }
    Ok(Found {
        mark,
        epoch,
        last_epoch: last_epoch(epoch_file.as_ref(), &mark, &folders),
        foreign_bytes: folders.iter().map(|folder| folder.foreign_bytes).sum(),
        lanes: lanes(folders, mark_file.as_ref()),
        losses,
        notes,
    })
}

fn last_epoch(epoch_file: Option<&Epoch>, mark: &Mark, folders: &[LaneFolder]) -> u32 {
    let segments = folders.iter().flat_map(|folder| &folder.segments).map(|segment| segment.origin.epoch);
    let marks = mark.lanes.iter().map(|lane| lane.epoch);
    segments.chain(marks).chain(epoch_file.map(|epoch| epoch.origin.epoch)).max().unwrap_or(0)
}

/// The next counters of the epoch in the `epoch` file, if they are certain.
fn continued(disk: &mut dyn Disk, epoch: &Epoch, mark: &Mark, folders: &[LaneFolder]) -> Option<(Origin, [u64; 3])> {
    let number = epoch.origin.epoch;
    if mark.epoch != number || disk.place() != epoch.place {
        return None;
    }
    let mut next = [0; 3];
    for (folder, next) in folders.iter().zip(&mut next) {
        *next = folder.next(number, mark);
        let torn = folder.segments.iter().any(|segment| segment.torn || segment.origin.epoch > number);
        if folder.uncertain || torn || *next < mark.written[folder.name as usize] {
            return None;
        }
    }
    Some((epoch.origin, next))
}

/// What the mark says was written and is neither delivered nor there.
fn missing(epoch: &Epoch, mark: &Mark, folders: &[LaneFolder]) -> Vec<Loss> {
    if mark.epoch != epoch.origin.epoch {
        return Vec::new();
    }
    let lost = |folder: &LaneFolder| {
        let (first, end) = (folder.next(mark.epoch, mark), mark.written[folder.name as usize]);
        // Bytes that nobody can count stand for themselves.
        let known = !folder.segments.last().is_some_and(|segment| segment.torn) && !folder.tail_aside();
        let lost = Lost { origin: epoch.origin, first, last: end.saturating_sub(1), times: None };
        (known && first < end).then(|| lost.because(folder.name, "corrupt"))
    };
    folders.iter().filter_map(lost).collect()
}

fn uncounted() -> Loss {
    let at = Timestamp::default();
    let (stage, reason, unit) = ("spool", "corrupt", Unit::Events);
    Loss { stage, reason, count: None, unit, window_start: at, window_end: at, range: None }
}

fn lanes(folders: Vec<LaneFolder>, mark: Option<&Mark>) -> [Lane; 3] {
    let mut folders = folders.into_iter();
    Name::ALL.map(|name| {
        let segments: VecDeque<Segment> = folders.next().map(|folder| folder.segments.into()).unwrap_or_default();
        let oldest = segments.front().map(|s| Position { epoch: s.origin.epoch, counter: s.first });
        // Without a mark nobody knows what stood before the oldest segment; it is not reported as lost.
        let expected = mark.map(|mark| mark.lanes[name as usize]).or(oldest).unwrap_or_default();
        Lane::new(name, segments, expected)
    })
}

struct LaneFolder {
    name: Name,
    agent: AgentId,
    known: Option<Epoch>,
    segments: Vec<Segment>,
    foreign_bytes: u64,
    /// Has files whose counters cannot be known: of a later version, or unreadable.
    uncertain: bool,
    /// Name of the last file that was set aside now.
    aside: Option<String>,
    notes: Vec<String>,
}

impl LaneFolder {
    fn read(name: Name, agent: AgentId, known: Option<Epoch>, disk: &mut dyn Disk) -> io::Result<Self> {
        let mut folder = Self {
            name,
            agent,
            known,
            segments: Vec::new(),
            foreign_bytes: 0,
            uncertain: false,
            aside: None,
            notes: Vec::new(),
        };
        disk.make_folder(name.name())?;
        let mut files = disk.list(name.name())?;
        files.sort();
        folder.thin_out_aside(disk, &files);
        for (file, len) in files {
            folder.file(disk, file, len);
        }
        folder.segments.sort_by(|a, b| (a.origin.epoch, a.first, &a.name).cmp(&(b.origin.epoch, b.first, &b.name)));
        folder.cut_overlaps();
        Ok(folder)
    }

    /// The counter after everything of this epoch that is here or delivered.
    fn next(&self, epoch: u32, mark: &Mark) -> u64 {
        let ours = self.segments.iter().filter(|segment| segment.origin.epoch == epoch);
        let delivered = mark.lanes[self.name as usize];
        let delivered = if delivered.epoch == epoch { delivered.counter } else { 0 };
        ours.map(|segment| segment.end).max().unwrap_or(0).max(delivered)
    }

    /// The newest file was set aside, so no later one shows by its counters what is missing.
    fn tail_aside(&self) -> bool {
        self.aside.as_ref().is_some_and(|file| self.segments.iter().all(|segment| segment.name < *file))
    }

    fn thin_out_aside(&self, disk: &mut dyn Disk, files: &[(String, u64)]) {
        let aside: Vec<&String> = files.iter().map(|(file, _)| file).filter(|file| file.ends_with(ASIDE)).collect();
        for file in aside.iter().take(aside.len().saturating_sub(MOST_ASIDE)) {
            remove(disk, &join(self.name.name(), file));
        }
    }

    fn file(&mut self, disk: &mut dyn Disk, file: String, len: u64) {
        if file.ends_with(SUFFIX) {
            return self.open(disk, file, len);
        }
        self.foreign_bytes += len;
        if !file.ends_with(ASIDE) {
            self.notes
                .push(format!("{} is none of the spool's files and is left alone", join(self.name.name(), &file)));
        }
    }

    fn open(&mut self, disk: &mut dyn Disk, file: String, len: u64) {
        let path = join(self.name.name(), &file);
        let mut bytes = [0; HEADER_LEN];
        let header = match disk.read(&path, 0, &mut bytes) {
            Ok(read) => Header::decode(&bytes[..read]),
            Err(error) => return self.give_up(disk, &path, file, &error.to_string()),
        };
        match header {
            Err(BadHeader::Newer(version)) => {
                self.notes.push(format!("{path} has version {version}, which this program cannot read; it is kept"));
                self.foreign_bytes += len;
                self.uncertain = true;
            }
            // Nothing was committed to it: the header is synced before the first frame.
            Err(BadHeader::Short) => remove(disk, &path),
            Err(BadHeader::Damaged) => self.walk(disk, None, file, len.min(MOST_BYTES)),
            Ok(header) if header.lane != self.name => {
                self.give_up(disk, &path, file, &format!("it belongs to lane {}", header.lane));
            }
            Ok(header) => self.walk(disk, Some(header), file, len.min(MOST_BYTES)),
        }
    }

    fn give_up(&mut self, disk: &mut dyn Disk, path: &str, file: String, why: &str) {
        self.notes.push(format!("{path} is set aside: {why}"));
        set_aside(disk, path);
        self.aside = Some(file);
        self.uncertain = true;
    }

    /// Goes over the frame headers of one segment.
    fn walk(&mut self, disk: &mut dyn Disk, header: Option<Header>, file: String, len: u64) {
        let path = join(self.name.name(), &file);
        let mut walk = Walk { disk: &mut *disk, path: &path, len, lane: self.name, at: HEADER_LEN as u64 };
        let frame = walk.next();
        let header = header.or_else(|| self.guess(frame.as_ref().map(|(_, frame)| frame)));
        let Some(header) = header else {
            return self.give_up(disk, &path, file, "neither a header nor a frame can be read");
        };
        if frame.is_none() && len <= HEADER_LEN as u64 {
            return remove(disk, &path);
        }
        let Header { origin, first, .. } = header;
        let mut segment = Segment { name: file, origin, first, end: first, len, times: None, torn: false };
        let mut good_to = HEADER_LEN as u64;
        let mut frames = frame;
        while let Some((at, frame)) = frames {
            if frame.epoch == origin.epoch {
                segment.end = segment.end.max(frame.last() + 1);
                segment.widen(&frame);
            }
            good_to = at + frame.total_len();
            walk.at = good_to;
            frames = walk.next();
        }
        // Bytes behind the last frame that are not even a header: nobody knows how many events they were.
        segment.torn = good_to < len;
        self.segments.push(segment);
    }

    /// What the damaged header of a segment said, from its first frame.
    fn guess(&mut self, frame: Option<&Frame>) -> Option<Header> {
        let frame = frame?;
        self.notes.push(format!("a segment header of lane {} is damaged; its frames are used", self.name));
        let known = self.known.map(|epoch| epoch.origin).filter(|origin| origin.epoch == frame.epoch);
        let origin = known.unwrap_or(Origin { agent: self.agent, epoch: frame.epoch, nonce: [0; 16] });
        Some(Header { lane: self.name, origin, first: frame.first })
    }

    /// A segment that was given up after a failed sync may hold a tail that its successor holds again; and whatever
    /// stands torn at its end, the counters that follow are known.
    fn cut_overlaps(&mut self) {
        for at in 1..self.segments.len() {
            let (epoch, first) = (self.segments[at].origin.epoch, self.segments[at].first);
            let before = &mut self.segments[at - 1];
            if before.origin.epoch == epoch {
                before.torn = false;
                before.end = before.end.min(first);
            }
        }
    }
}

/// Finds frame headers one after the other, over damage if need be.
struct Walk<'a> {
    disk: &'a mut dyn Disk,
    path: &'a str,
    len: u64,
    lane: Name,
    at: u64,
}

impl Walk<'_> {
    /// The next frame header at or behind `at`, with its place.
    fn next(&mut self) -> Option<(u64, Frame)> {
        let mut at = Some(self.at);
        while let Some(here) = at.filter(|&here| here < self.len) {
            let mut bytes = [0; FRAME_LEN];
            let read = self.disk.read(self.path, here, &mut bytes).ok()?;
            match Frame::decode(&bytes[..read]).filter(|frame| frame.lane == self.lane) {
                Some(frame) => return Some((here, frame)),
                None => at = find_frame_on_disk(self.disk, self.path, here + 1, self.len),
            }
        }
        None
    }
}

fn remove(disk: &mut dyn Disk, path: &str) {
    if let Err(error) = disk.remove(path) {
        tracing::warn!(path, %error, "cannot remove a file of the spool");
    }
}
