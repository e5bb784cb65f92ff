//! A stretch of time of one stream in its own folder: its name, what it holds, and its opened form.
//!
//! `store/<stream>/<bucket>-<part>/` with tantivy's files, `schema.json`, and `window.json` once it is sealed. Buckets are
//! `2026-11-24T08` (an hour), `2026-11-24` (a day) and `odd-2026-11-24` (events of any time that arrived on that day with a
//! time that cannot be right). The list of windows is what the folders say; there is no second database of them. What an
//! open window holds travels in the payload of its last commit, so it is never ahead of or behind the events.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use schema::field::TIMESTAMP;
use schema::search::value::Plain;
use schema::{Stream, Timestamp};
use serde::{Deserialize, Serialize};
use tantivy::Index;
use tantivy::directory::{Directory as _, META_LOCK};
use tantivy::index::{SegmentId, SegmentReader};

use super::schema::{FORMAT, Fields};
use super::segment::Segment;
use crate::Accepted;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// An event may be that much ahead of its arrival before its time is suspect.
const AHEAD_MS: i64 = HOUR_MS;
/// And that much behind.
const BEHIND_MS: i64 = 7 * DAY_MS;

/// Whether a time cannot be right for an event that arrived at `received`: over an hour ahead, over seven days behind,
/// or outside the years 1971 to 2200. Such an event is kept in a window of its own, found by its time, and flagged
/// `auditng.time_suspect` by whoever accepts it.
#[must_use]
pub fn is_suspect(time: Timestamp, received: Timestamp) -> bool {
    let (time, received) = (time.millis(), received.millis());
    !(received.saturating_sub(BEHIND_MS)..=received.saturating_add(AHEAD_MS)).contains(&time)
        || !(31_536_000_000..7_258_118_400_000).contains(&time)
}

/// How long a bucket is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Width {
    Hour,
    Day,
    /// A day of arrival, for odd times.
    Odd,
}

/// A stretch of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Bucket {
    pub(super) start: Timestamp,
    pub(super) width: Width,
}

/// Which window.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Name {
    pub(super) stream: Stream,
    pub(super) bucket: Bucket,
    pub(super) part: u32,
}

impl Bucket {
    /// The bucket of an event; `width` is what its day is divided into.
    pub(super) fn of(accepted: &Accepted, width: impl FnOnce(Timestamp) -> Width) -> Self {
        let time = accepted.event.time().filter(|&time| !is_suspect(time, accepted.received));
        let Some(time) = time else {
            return Self { start: floor(accepted.received, DAY_MS), width: Width::Odd };
        };
        let day = floor(time, DAY_MS);
        match width(day) {
            Width::Hour => Self { start: floor(time, HOUR_MS), width: Width::Hour },
            Width::Day | Width::Odd => Self { start: day, width: Width::Day },
        }
    }

    /// The day that it lies in.
    pub(super) fn day(self) -> Timestamp {
        floor(self.start, DAY_MS)
    }

    /// Where it ends.
    pub(super) fn end(self) -> Timestamp {
        let length = if self.width == Width::Hour { HOUR_MS } else { DAY_MS };
        Timestamp::from_millis(self.start.millis().saturating_add(length))
    }
}

fn floor(time: Timestamp, unit: i64) -> Timestamp {
    Timestamp::from_millis(time.millis().div_euclid(unit) * unit)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.bucket.start.to_string();
        let (date, hour) = (start.get(..10).unwrap_or(&start), start.get(11..13).unwrap_or("00"));
        match self.bucket.width {
            Width::Hour => write!(f, "{date}T{hour}-{}", self.part),
            Width::Day => write!(f, "{date}-{}", self.part),
            Width::Odd => write!(f, "odd-{date}-{}", self.part),
        }
    }
}

impl Name {
    /// Reads a folder name.
    pub(super) fn parse(stream: Stream, folder: &str) -> Option<Self> {
        let (odd, rest) = folder.strip_prefix("odd-").map_or((false, folder), |rest| (true, rest));
        let (time, part) = rest.rsplit_once('-')?;
        let (date, hour) = time.split_once('T').map_or((time, None), |(date, hour)| (date, Some(hour)));
        let width = match (odd, hour) {
            (true, None) => Width::Odd,
            (true, Some(_)) => return None,
            (false, None) => Width::Day,
            (false, Some(_)) => Width::Hour,
        };
        let start = Timestamp::parse_canonical(&format!("{date}T{}:00:00.000Z", hour.unwrap_or("00")))?;
        let name = Self { stream, bucket: Bucket { start, width }, part: part.parse().ok()? };
        (name.to_string() == folder).then_some(name)
    }
}

/// What a window holds.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) format: u32,
    /// Highest ingest order in it.
    pub(super) seq: u64,
    /// When it was committed, everything up to here was committed in all windows.
    pub(super) through: u64,
    pub(super) events: u64,
    /// Smallest and largest `@timestamp` in ms.
    pub(super) oldest: Option<i64>,
    pub(super) newest: Option<i64>,
    /// Newest arrival in ms.
    pub(super) arrival: i64,
    /// Some events have no time: bounds of time must be asked for even where the window lies inside them.
    pub(super) untimed: bool,
    pub(super) sealed: bool,
}

impl Summary {
    pub(super) fn add(&mut self, mark: &Mark) {
        self.seq = self.seq.max(mark.seq);
        self.events += 1;
        self.arrival = self.arrival.max(mark.arrival);
        self.untimed |= mark.times.is_none();
        if let Some((oldest, newest)) = mark.times {
            self.oldest = Some(self.oldest.map_or(oldest, |time| time.min(oldest)));
            self.newest = Some(self.newest.map_or(newest, |time| time.max(newest)));
        }
    }
}

/// What a summary wants to know of one event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) seq: u64,
    arrival: i64,
    /// Smallest and largest `@timestamp` in ms.
    times: Option<(i64, i64)>,
}

impl Mark {
    pub(super) fn of(accepted: &Accepted) -> Self {
        let mut times: Option<(i64, i64)> = None;
        for time in accepted.event.all(TIMESTAMP).filter_map(|time| Plain::of(TIMESTAMP, time)) {
            let Plain::Date(time) = time else { continue };
            let time = time.millis();
            times = Some(times.map_or((time, time), |(oldest, newest)| (oldest.min(time), newest.max(time))));
        }
        Self { seq: accepted.seq.0, arrival: accepted.received.millis(), times }
    }
}

/// A window, opened or not.
pub(super) struct Window {
    pub(super) name: Name,
    pub(super) folder: PathBuf,
    /// Counts up with each use of any window; the least recently used are closed first.
    pub(super) used: AtomicU64,
    /// Retention has deleted it; a search that still has it on its list passes it over.
    gone: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    summary: Summary,
    bytes: u64,
    opened: Option<Arc<Opened>>,
    failed: Option<String>,
}

/// A window's segments at one commit.
pub(super) struct Opened {
    pub(super) segments: Vec<Arc<Segment>>,
    ids: Vec<SegmentId>,
    pub(super) summary: Summary,
}

impl Window {
    pub(super) fn new(name: Name, folder: PathBuf, summary: Summary) -> Self {
        let state = State { summary, bytes: folder_bytes(&folder), opened: None, failed: None };
        Self { name, folder, used: AtomicU64::new(0), gone: AtomicBool::new(false), state: Mutex::new(state) }
    }

    /// A window that cannot be read.
    pub(super) fn failed(name: Name, folder: PathBuf, reason: String) -> Self {
        let window = Self::new(name, folder, Summary::default());
        window.set_failed(reason);
        window
    }

    /// Finds what a folder holds, without opening its columns.
    pub(super) fn found(name: Name, folder: PathBuf) -> Self {
        match read_summary(&folder) {
            Ok(summary) => Self::new(name, folder, summary),
            Err(reason) => Self::failed(name, folder, reason),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic elsewhere leaves a state that is still true: every change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn summary(&self) -> Summary {
        self.state().summary.clone()
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.state().failed.clone()
    }

    pub(super) fn set_failed(&self, reason: String) {
        let mut state = self.state();
        state.failed = Some(reason);
        state.opened = None;
    }

    pub(super) fn is_opened(&self) -> bool {
        self.state().opened.is_some()
    }

    /// Marks it as deleted, or not after all.
    pub(super) fn set_gone(&self, gone: bool) {
        self.gone.store(gone, Ordering::Release);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Lets go of the opened form; searches that hold it go on.
    pub(super) fn close(&self) {
        self.state().opened = None;
    }

    /// The window's segments as of its last commit.
    pub(super) fn opened(&self, now: u64) -> Result<Arc<Opened>, String> {
        self.used.store(now, Ordering::Relaxed);
        let mut state = self.state();
        if let Some(reason) = &state.failed {
            return Err(reason.clone());
        }
        if let Some(opened) = &state.opened {
            return Ok(opened.clone());
        }
        let index = open_index(&self.folder)?;
        let opened = open(&index, &self.folder, &state.summary, None)?;
        state.opened = Some(opened.clone());
        Ok(opened)
    }

    /// Takes over what a writer has committed.
    pub(super) fn refresh(&self, index: &Index, summary: Summary) -> Result<(), String> {
        let before = self.state().opened.clone();
        let opened = open(index, &self.folder, &summary, before.as_deref())?;
        let bytes = folder_bytes(&self.folder);
        let mut state = self.state();
        state.opened = Some(opened);
        state.summary = summary;
        state.bytes = bytes;
        Ok(())
    }

    /// What the world may know of it.
    pub(super) fn describe(&self) -> crate::Window {
        let state = self.state();
        crate::Window {
            stream: self.name.stream,
            name: self.name.to_string(),
            events: state.summary.events,
            bytes: state.bytes,
            oldest: state.summary.oldest.map(Timestamp::from_millis),
            newest: state.summary.newest.map(Timestamp::from_millis),
            sealed: state.summary.sealed,
            failed: state.failed.clone(),
        }
    }

    /// Stream and folder name.
    pub(super) fn label(&self) -> String {
        format!("{}/{}", self.name.stream, self.name)
    }
}

/// Opens an existing index.
pub(super) fn open_index(folder: &Path) -> Result<Index, String> {
    let index = Index::open_in_dir(folder).map_err(|error| error.to_string())?;
    super::schema::register(&index);
    Ok(index)
}

fn open(index: &Index, folder: &Path, summary: &Summary, before: Option<&Opened>) -> Result<Arc<Opened>, String> {
    let text = |error: &dyn fmt::Display| error.to_string();
    let fields = Arc::new(Fields::read(folder, &index.schema()).map_err(|error| text(&error))?);
    // Against the writer, which deletes files of merged segments.
    let lock = index.directory().acquire_lock(&META_LOCK).map_err(|error| text(&error))?;
    let mut segments = Vec::new();
    let mut ids = Vec::new();
    for segment in index.searchable_segments().map_err(|error| text(&error))? {
        let id = segment.id();
        let known =
            before.and_then(|before| before.ids.iter().position(|&other| other == id).map(|at| &before.segments[at]));
        segments.push(match known {
            Some(known) => known.clone(),
            None => {
                let reader = SegmentReader::open(&segment).map_err(|error| text(&error))?;
                Arc::new(Segment::new(reader, fields.clone()))
            }
        });
        ids.push(id);
    }
    drop(lock);
    Ok(Arc::new(Opened { segments, ids, summary: summary.clone() }))
}

fn read_summary(folder: &Path) -> Result<Summary, String> {
    let summary = match fs::read(folder.join("window.json")) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| format!("window.json is damaged: {error}"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => committed_summary(folder)?,
        Err(error) => return Err(format!("cannot read window.json: {error}")),
    };
    if summary.format > FORMAT {
        return Err(format!("its format {} is newer than this build's {FORMAT}", summary.format));
    }
    Ok(summary)
}

/// What the last commit of an index says.
pub(super) fn committed_summary(folder: &Path) -> Result<Summary, String> {
    let index = Index::open_in_dir(folder).map_err(|error| error.to_string())?;
    let payload = index.load_metas().map_err(|error| error.to_string())?.payload;
    let Some(payload) = payload else { return Ok(Summary { format: FORMAT, ..Summary::default() }) };
    serde_json::from_str(&payload).map_err(|error| format!("the commit's payload is damaged: {error}"))
}

/// Writes a file so that after a crash it is there whole or not at all.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, bytes)?;
    File::open(&temporary)?.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Makes names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|data| data.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(folder: &str) -> Option<Name> {
        Name::parse(Stream::Audit, folder)
    }

    #[test]
    fn names_are_read_back_and_nothing_else_is() {
        for folder in ["2026-11-24T08-0", "2026-11-24-12", "odd-2026-11-24-3"] {
            assert_eq!(name(folder).map(|name| name.to_string()).as_deref(), Some(folder));
        }
        for folder in
            ["", "2026-11-24", "2026-11-24T08", "2026-11-24T8-0", "2026-11-24-00", "odd-2026-11-24T08-0", "x.deleted"]
        {
            assert_eq!(name(folder), None, "{folder}");
        }
    }

    #[test]
    fn absurd_times_are_suspect() {
        let now = Timestamp::from_millis(1_795_507_200_000);
        let at = |ms: i64| Timestamp::from_millis(now.millis() + ms);
        assert!(!is_suspect(now, now) && !is_suspect(at(HOUR_MS), now) && !is_suspect(at(-7 * DAY_MS), now));
        assert!(is_suspect(at(HOUR_MS + 1), now) && is_suspect(at(-7 * DAY_MS - 1), now));
        for ms in [0, i64::MIN, i64::MAX] {
            let time = Timestamp::from_millis(ms);
            assert!(is_suspect(time, now) && is_suspect(time, time));
        }
    }

    #[test]
    fn buckets_hold_their_time() {
        let day = Timestamp::parse_canonical("2026-11-24T00:00:00.000Z").unwrap();
        let late = Timestamp::parse_canonical("2026-11-24T23:59:59.999Z").unwrap();
        let accepted =
            |time, received| Accepted { seq: schema::IngestSeq(1), received, event: schema::Event::new(time) };
        let bucket = Bucket::of(&accepted(late, late), |_| Width::Day);
        assert_eq!((bucket.start, bucket.end().millis()), (day, late.millis() + 1));
        let bucket = Bucket::of(&accepted(late, late), |_| Width::Hour);
        assert_eq!((bucket.day(), bucket.end().millis()), (day, late.millis() + 1));
        let bucket = Bucket::of(&accepted(Timestamp::from_millis(5), late), |_| Width::Hour);
        assert_eq!(bucket, Bucket { start: day, width: Width::Odd });
    }
}
