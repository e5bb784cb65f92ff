//! The write-ahead log: what is fsynced here is accepted.
//!
//! Segments `<16 hex digits>.wal` of about 64 MiB hold frames, one for each bulk body with something new in it. A frame
//! keeps the body as it came (packed with zstd; bodies that came otherwise are packed), which of its items were accepted,
//! and the sequence of the first of them; the others follow without gaps. A segment is written by one process only: each
//! start begins a new one, so a torn tail stays where it is and is read as the end.
//!
//! ```text
//! segment: header 48 B | frame | frame ...
//! frame:   header 80 B | meta (bitmap of accepted items, caller) | payload (zstd)
//! ```
//!
//! * [`Writer`] appends; [`Writer::unsynced`] gives the files that the sync thread must fsync before anything is answered.
//! * After a failed fsync nothing that was written since the last good one counts: [`Writer::abandon`] begins a new
//!   segment with the same sequence again. A frame whose sequence a later segment claims is void, so it does not matter
//!   whether its bytes reached the disk. The same file is never fsynced twice in the hope that it works now.
//! * [`scan::Scan`] reads segments back; damaged bytes cost their frame and are named.

pub mod disk;
pub mod frame;
pub mod scan;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schema::{IngestSeq, Timestamp};

use disk::{Disk, SegmentFile};
use frame::{Frame, SEGMENT_HEADER, SegmentHeader};
use scan::{Found, Scan};

/// Where a frame lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Number of its segment.
    pub segment: u64,
    /// Byte at which it begins.
    pub offset: u64,
    /// Sequence of its first event.
    pub first: IngestSeq,
    /// How many events it accepted.
    pub accepted: u32,
    /// When it came.
    pub received: Timestamp,
}

impl Place {
    /// Sequence of its last event.
    #[must_use]
    pub const fn last(&self) -> IngestSeq {
        IngestSeq(self.first.0 + self.accepted as u64 - 1)
    }
}

/// One file of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Its number; the name is its hexadecimal form.
    pub number: u64,
    /// The sequence that its first frame has or would have.
    pub first: IngestSeq,
    /// Bytes in it.
    pub bytes: u64,
}

/// A stretch of the log that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hole {
    /// In which segment.
    pub segment: u64,
    /// From which byte on.
    pub offset: u64,
    /// First lost sequence, and the last one where it is known.
    pub first: IngestSeq,
    /// See above.
    pub last: Option<IngestSeq>,
}

/// What a log held when it was opened.
#[derive(Debug, Default)]
pub struct Recovered {
    /// All readable frames in order.
    pub places: Vec<Place>,
    /// What cannot be read.
    pub holes: Vec<Hole>,
    /// Files that are not ours or of a newer version; left alone.
    pub foreign: Vec<String>,
}

/// Appends to the log, and knows where everything in it lies.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    segment_bytes: u64,
    segments: Vec<Segment>,
    places: VecDeque<Place>,
    current: Arc<dyn SegmentFile>,
    /// Filled up and not fsynced yet.
    filled: Vec<Arc<dyn SegmentFile>>,
    next: IngestSeq,
    /// The current segment cannot be written to any more.
    broken: bool,
}

impl Writer {
    /// Reads what is there, gives each whole frame to `visit` in order, and begins a new segment.
    ///
    /// `after` is the highest sequence that is known from elsewhere (store, snapshot): the log goes on beyond it.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn open(
        dir: &Path,
        disk: Arc<dyn Disk>,
        segment_bytes: u64,
        after: IngestSeq,
        mut visit: impl FnMut(&Place, &Frame),
    ) -> io::Result<(Self, Recovered)> {
        std::fs::create_dir_all(dir)?;
        let mut recovered = Recovered::default();
        let mut segments = list(dir, &mut recovered)?;
        let limits = limits(&segments);
        let mut next = IngestSeq(after.0 + 1);
        for (segment, limit) in segments.iter().zip(limits) {
            next = next.max(segment.first);
            read_segment(dir, segment, limit, &mut next, &mut recovered, &mut visit)?;
        }
        let number = segments.last().map_or(1, |segment| segment.number + 1);
        let current = begin(dir, &*disk, number, next)?;
        segments.push(Segment { number, first: next, bytes: SEGMENT_HEADER as u64 });
        let writer = Self {
            dir: dir.to_owned(),
            disk,
            segment_bytes,
            segments,
            places: recovered.places.iter().cloned().collect(),
            current,
            filled: Vec::new(),
            next,
            broken: false,
        };
        Ok((writer, recovered))
    }

    /// The sequence that the next event gets.
    #[must_use]
    pub const fn next(&self) -> IngestSeq {
        self.next
    }

    /// Writes a frame whose first event gets [`Self::next`]. It is not durable yet.
    ///
    /// # Errors
    /// The disk is full or fails; the log is as before.
    pub fn append(&mut self, frame: &Frame) -> io::Result<Place> {
        if self.broken || self.current_segment().bytes >= self.segment_bytes {
            self.roll()?;
        }
        let bytes = frame.write(self.next);
        let offset = self.current_segment().bytes;
        if let Err(error) = self.current.append(&bytes) {
            // What was written of it is cut off; where that fails too, the segment ends here.
            self.broken = self.current.cut(offset).is_err();
            return Err(error);
        }
        let place = Place {
            segment: self.current_segment().number,
            offset,
            first: self.next,
            accepted: frame.accepted_count(),
            received: frame.received,
        };
        self.current_segment_mut().bytes += bytes.len() as u64;
        self.next = IngestSeq(self.next.0 + u64::from(place.accepted));
        self.places.push_back(place.clone());
        Ok(place)
    }

    /// The files to fsync so that everything appended until now is durable.
    pub fn unsynced(&mut self) -> Vec<Arc<dyn SegmentFile>> {
        let mut files = std::mem::take(&mut self.filled);
        files.push(Arc::clone(&self.current));
        files
    }

    /// An fsync failed: what was appended after `durable` is void, and writing goes on in a new segment.
    ///
    /// # Errors
    /// No new segment can be begun; the next append tries again.
    pub fn abandon(&mut self, durable: IngestSeq) -> io::Result<()> {
        while self.places.back().is_some_and(|place| place.first > durable) {
            self.places.pop_back();
        }
        self.next = IngestSeq(durable.0 + 1);
        self.filled.clear();
        self.broken = true;
        self.roll()
    }

    fn roll(&mut self) -> io::Result<()> {
        let number = self.current_segment().number + 1;
        let file = begin(&self.dir, &*self.disk, number, self.next)?;
        let filled = std::mem::replace(&mut self.current, file);
        if !self.broken {
            self.filled.push(filled);
        }
        self.broken = false;
        self.segments.push(Segment { number, first: self.next, bytes: SEGMENT_HEADER as u64 });
        Ok(())
    }

    /// Deletes whole segments of which no event lies beyond `through`.
    ///
    /// # Errors
    /// A segment cannot be deleted; it stays and is tried again next time.
    pub fn trim(&mut self, through: IngestSeq) -> io::Result<()> {
        while self.segments.len() > 1 && self.segments[1].first.0 <= through.0 + 1 {
            std::fs::remove_file(path_of(&self.dir, self.segments[0].number))?;
            let gone = self.segments.remove(0).number;
            while self.places.front().is_some_and(|place| place.segment <= gone) {
                self.places.pop_front();
            }
        }
        Ok(())
    }

    /// Bytes of all segments.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// The oldest sequence that the log still has or will have.
    #[must_use]
    pub fn first(&self) -> IngestSeq {
        self.places.front().map_or(self.next, |place| place.first)
    }

    /// The first frame with an event at or beyond `seq`.
    #[must_use]
    pub fn place_of(&self, seq: IngestSeq) -> Option<Place> {
        let at = self.places.partition_point(|place| place.last() < seq);
        self.places.get(at).cloned()
    }

    /// The segments, oldest first.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    fn current_segment(&self) -> &Segment {
        &self.segments[self.segments.len() - 1]
    }

    fn current_segment_mut(&mut self) -> &mut Segment {
        let last = self.segments.len() - 1;
        &mut self.segments[last]
    }
}

/// Reads the frame at a place.
///
/// # Errors
/// The file cannot be read, or the frame is damaged by now.
pub fn read(dir: &Path, place: &Place) -> io::Result<Frame> {
    let file = std::fs::File::open(path_of(dir, place.segment))?;
    let end = file.metadata()?.len();
    match Scan::at(&file, place.offset, end).next()? {
        Some(Found::Frame { frame, .. }) => Ok(frame),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a frame of the log is damaged")),
    }
}

fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016x}.wal"))
}

fn begin(dir: &Path, disk: &dyn Disk, number: u64, first: IngestSeq) -> io::Result<Arc<dyn SegmentFile>> {
    let file = disk.create(&path_of(dir, number))?;
    file.append(&SegmentHeader { number, first }.write())?;
    file.sync()?;
    disk.sync_dir(dir)?;
    Ok(file)
}

/// Our segments in the folder by number.
fn list(dir: &Path, recovered: &mut Recovered) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".wal") else { continue };
        let number = (stem.len() == 16).then(|| u64::from_str_radix(stem, 16).ok()).flatten();
        match number {
            Some(number) => segments.push(inspect(&entry.path(), number)?),
            None => recovered.foreign.push(name),
        }
    }
    segments.sort_by_key(|segment| segment.number);
    Ok(segments)
}

/// A segment whose header is damaged still gives its frames: they carry their own sequence.
fn inspect(path: &Path, number: u64) -> io::Result<Segment> {
    let file = std::fs::File::open(path)?;
    let bytes = file.metadata()?.len();
    let first = match SegmentHeader::read_from(&file)? {
        Some(header) => header.first,
        None => first_frame(&file, bytes)?.unwrap_or_default(),
    };
    Ok(Segment { number, first, bytes })
}

fn first_frame(file: &std::fs::File, end: u64) -> io::Result<Option<IngestSeq>> {
    let mut scan = Scan::at(file, SEGMENT_HEADER as u64, end);
    while let Some(found) = scan.next()? {
        if let Found::Frame { place, .. } = found {
            return Ok(Some(place.first));
        }
    }
    Ok(None)
}

/// For each segment the sequence from which on its frames are void, because a later segment claims it.
fn limits(segments: &[Segment]) -> Vec<IngestSeq> {
    let mut limits = vec![IngestSeq(u64::MAX); segments.len()];
    let mut lowest = IngestSeq(u64::MAX);
    for at in (0..segments.len()).rev() {
        limits[at] = lowest;
        // 0: nothing is known of it.
        if segments[at].first.0 > 0 {
            lowest = lowest.min(segments[at].first);
        }
    }
    limits
}

fn read_segment(
    dir: &Path,
    segment: &Segment,
    limit: IngestSeq,
    next: &mut IngestSeq,
    recovered: &mut Recovered,
    visit: &mut impl FnMut(&Place, &Frame),
) -> io::Result<()> {
    let file = std::fs::File::open(path_of(dir, segment.number))?;
    let mut scan = Scan::at(&file, SEGMENT_HEADER as u64, segment.bytes);
    let mut open_hole: Option<Hole> = None;
    while let Some(found) = scan.next()? {
        match found {
            Found::Frame { mut place, frame } if place.first < limit => {
                place.segment = segment.number;
                if let Some(mut hole) = open_hole.take() {
                    hole.last = Some(IngestSeq(place.first.0.saturating_sub(1)));
                    recovered.holes.push(hole);
                }
                *next = (*next).max(IngestSeq(place.last().0 + 1));
                visit(&place, &frame);
                recovered.places.push(place);
            }
            Found::Frame { .. } => {}
            Found::Damaged { offset, known: Some((first, last)) } if first < limit => {
                *next = (*next).max(IngestSeq(last.0 + 1));
                recovered.holes.push(Hole { segment: segment.number, offset, first, last: Some(last) });
            }
            Found::Damaged { known: Some(_), .. } => {}
            Found::Damaged { offset, known: None } => {
                open_hole.get_or_insert(Hole { segment: segment.number, offset, first: *next, last: None });
            }
        }
    }
    if let Some(mut hole) = open_hole {
        // A later segment says how far this one went.
        hole.last = (limit.0 != u64::MAX).then(|| IngestSeq(limit.0.saturating_sub(1)));
        if hole.last.is_none_or(|last| last >= hole.first) {
            recovered.holes.push(hole);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
