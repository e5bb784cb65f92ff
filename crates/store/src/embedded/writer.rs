//! Events into windows: one tantivy writer for each open window, commits, recovery, sealing.
//!
//! * An event's document is kept in memory until the commit that makes it durable. So a writer that fails (full disk, broken medium) is
//!   thrown away, opened again at its last commit, and given its documents again; nothing has to be asked for twice.
//! * Each commit's payload says which ingest order the window has reached. Events reach a bucket in ingest order and a
//!   part is closed before the next begins, so an event at or below the highest order committed in its bucket is there.
//! * The first window of a day decides whether the day is cut into hours. An event so finds the same bucket after a crash.
//!
//! Bounds: [`MOST_WRITERS`] open writers, the least recently used is closed; [`MOST_PENDING_BYTES`] of uncommitted events,
//! then the append commits first, and refuses if it cannot.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use schema::{Stream, Timestamp};
use tantivy::indexer::{IndexWriter, IndexWriterOptions, NoMergePolicy, UserOperation};
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::{Index, IndexSettings};

use super::merge::{self, Levels};
use super::schema::{FORMAT, Fields};
use super::sheet::{Doc, FULL, Sheet};
use super::split::{Parts, Splitter};
use super::window::{self, Bucket, Mark, Name, Summary, Width, Window};
use super::{Shared, source};
use crate::{Accepted, AppendError};

/// Open writers over all streams.
const MOST_WRITERS: usize = 8;
/// Uncommitted events in memory. Small commits cost: each writes its dictionaries, and each is merged more often.
const MOST_PENDING_BYTES: usize = 192 << 20;
/// One event in so many is rebuilt and compared before it is written.
const CHECK_EVERY: u64 = 256;
/// A writer that failed so often in a row has its window set aside.
const MOST_FAILURES: u32 = 3;
/// A day is cut into hours if the day before had more events than 100 a second.
const EVENTS_FOR_HOURS: u64 = 100 * 86_400;
/// A window takes late events for so long after its end.
const GRACE: Duration = Duration::from_secs(600);
/// How long a commit waits for merges when a window has too many segments.
const MERGE_PATIENCE: Duration = Duration::from_secs(60);

/// All open writers. One lock guards them; a commit holds it.
pub(super) struct Writers {
    open: Vec<Writer>,
    /// How a day is cut, where it is decided.
    widths: HashMap<(Stream, Timestamp), Width>,
    /// Windows being joined to one segment; they take nothing more.
    sealing: HashSet<Name>,
    splitter: Splitter,
    /// Everything up to here was taken.
    appended: u64,
    /// Newest arrival or time told; what the grace of windows is counted from.
    now: Timestamp,
    uses: u64,
}

struct Writer {
    window: Arc<Window>,
    index: Index,
    /// `None` only while it is opened again, or after that failed.
    writer: Option<IndexWriter<Doc>>,
    fields: Arc<Fields>,
    /// Of committed and pending events together.
    summary: Summary,
    /// Of events that no commit holds yet, in their order.
    pending: Vec<Mark>,
    /// Their documents, but for the last ones, which are still on the open sheet.
    docs: Vec<Doc>,
    sheet: Sheet,
    pending_bytes: usize,
    /// Events of the bucket at or below this order are committed, here or in an earlier part.
    floor: u64,
    failures: u32,
    /// A commit is on disk that searches do not see yet, since it could not be opened.
    unseen: bool,
    used: u64,
}

impl Writers {
    pub(super) fn new(windows: &BTreeMap<Name, Arc<Window>>, through: u64) -> Self {
        let mut widths = HashMap::new();
        for name in windows.keys().filter(|name| name.bucket.width != Width::Odd) {
            widths.insert((name.stream, name.bucket.day()), name.bucket.width);
        }
        Self {
            open: Vec::new(),
            widths,
            sealing: HashSet::new(),
            splitter: Splitter::default(),
            appended: through,
            now: Timestamp::default(),
            uses: 0,
        }
    }

    pub(super) fn appended(&self) -> u64 {
        self.appended
    }

    /// Moves the clock of the grace periods.
    pub(super) fn tell_time(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    pub(super) fn has_pending(&self) -> bool {
        self.open.iter().any(|writer| writer.behind().is_some())
    }

    fn pending_bytes(&self) -> usize {
        self.open.iter().map(|writer| writer.pending_bytes).sum()
    }

    /// Everything up to here is committed.
    pub(super) fn committed(&self) -> u64 {
        self.open.iter().filter_map(Writer::behind).min().unwrap_or(self.appended)
    }

    /// Takes a batch; what was taken before is passed over.
    pub(super) fn append(&mut self, shared: &Shared, batch: &[Accepted]) -> Result<(), AppendError> {
        let mut pending_bytes = self.pending_bytes();
        for accepted in batch {
            if accepted.seq.0 <= self.appended {
                continue;
            }
            if pending_bytes >= MOST_PENDING_BYTES {
                self.commit(shared)?;
                pending_bytes = 0;
            }
            self.now = self.now.max(accepted.received);
            let at = self.writer_for(shared, accepted)?;
            let writer = &mut self.open[at];
            if accepted.seq.0 > writer.floor {
                let before = writer.pending_bytes;
                writer.add(shared, &mut self.splitter, accepted);
                pending_bytes += writer.pending_bytes.saturating_sub(before);
            }
            // Kept from here on, whatever the index says: given again, it is passed over.
            self.appended = accepted.seq.0;
            if writer.sheet.is_full() && writer.hand_over().is_err() {
                writer.recover(shared)?;
            }
        }
        for at in 0..self.open.len() {
            if self.open[at].hand_over().is_err() {
                self.open[at].recover(shared)?;
            }
        }
        Ok(())
    }

    fn writer_for(&mut self, shared: &Shared, accepted: &Accepted) -> Result<usize, AppendError> {
        let stream = accepted.event.stream();
        let bucket = Bucket::of(accepted, |day| self.width_of(shared, stream, day));
        self.uses += 1;
        let found = self.open.iter().position(|writer| {
            let name = writer.window.name;
            name.stream == stream && name.bucket == bucket
        });
        if let Some(at) = found {
            self.open[at].used = self.uses;
            if !self.open[at].is_full(shared) {
                return Ok(at);
            }
            self.commit_one(shared, at)?;
            self.open.swap_remove(at).close();
        }
        if self.open.len() >= MOST_WRITERS {
            self.close_oldest(shared)?;
        }
        let writer = Writer::open(shared, stream, bucket, &self.sealing, self.uses)?;
        self.open.push(writer);
        Ok(self.open.len() - 1)
    }

    fn width_of(&mut self, shared: &Shared, stream: Stream, day: Timestamp) -> Width {
        *self.widths.entry((stream, day)).or_insert_with(|| {
            let before = Timestamp::from_millis(day.millis() - 86_400_000);
            let of_yesterday =
                |window: &&Arc<Window>| window.name.stream == stream && window.name.bucket.day() == before;
            let events: u64 =
                shared.windows().values().filter(of_yesterday).map(|window| window.summary().events).sum();
            if events > EVENTS_FOR_HOURS { Width::Hour } else { Width::Day }
        })
    }

    fn close_oldest(&mut self, shared: &Shared) -> Result<(), AppendError> {
        let oldest = self.open.iter().enumerate().min_by_key(|(_, writer)| writer.used).map(|(at, _)| at);
        let Some(at) = oldest else { return Ok(()) };
        self.commit_one(shared, at)?;
        self.open.swap_remove(at).close();
        Ok(())
    }

    /// Commits all windows that have something new.
    pub(super) fn commit(&mut self, shared: &Shared) -> Result<(), AppendError> {
        for at in 0..self.open.len() {
            self.commit_one(shared, at)?;
        }
        Ok(())
    }

    fn commit_one(&mut self, shared: &Shared, at: usize) -> Result<(), AppendError> {
        let others = self.open.iter().enumerate().filter(|(other, _)| *other != at);
        let through = others.filter_map(|(_, writer)| writer.behind()).min().unwrap_or(self.appended);
        let writer = &mut self.open[at];
        if writer.behind().is_none() {
            return Ok(());
        }
        if let Err(reason) = writer.try_commit(through) {
            tracing::warn!(window = writer.window.label(), reason, "commit failed, writing again");
            writer.recover(shared)?;
            if let Err(reason) = writer.try_commit(through) {
                // After a failed commit tantivy's writer has lost its documents and would commit without them.
                finish(writer.writer.take());
                return Err(writer.give_up(shared, &reason));
            }
        }
        Ok(())
    }

    /// Takes out writers whose window is over, ready to be sealed.
    pub(super) fn take_finished(&mut self, shared: &Shared) -> Vec<Sealing> {
        let over = |name: &Name, now: Timestamp| {
            let grace = i64::try_from(GRACE.as_millis()).unwrap_or(0);
            name.bucket.end().millis().saturating_add(grace) <= now.millis()
        };
        let mut finished = Vec::new();
        let now = self.now;
        for window in shared.windows().values() {
            let name = window.name;
            let summary = window.summary();
            let later_part = || {
                shared
                    .windows()
                    .keys()
                    .any(|other| (other.stream, other.bucket) == (name.stream, name.bucket) && other.part > name.part)
            };
            let due = over(&name, now) || later_part() || shared.is_full(&summary, window);
            if summary.sealed || !due || window.failure().is_some() || self.sealing.contains(&name) {
                continue;
            }
            let writer = match self.open.iter().position(|writer| writer.window.name == name) {
                Some(at) if self.commit_one(shared, at).is_ok() => self.open.swap_remove(at).writer,
                Some(_) => continue,
                None => None,
            };
            self.sealing.insert(name);
            finished.push(Sealing { window: window.clone(), writer });
        }
        finished
    }

    pub(super) fn sealed(&mut self, name: &Name) {
        self.sealing.remove(name);
    }

    /// Whether a window may be deleted now.
    pub(super) fn is_busy(&self, name: &Name) -> bool {
        self.sealing.contains(name)
            || self.open.iter().any(|writer| writer.window.name == *name && !writer.pending.is_empty())
    }

    /// Forgets the writer of a window that goes.
    pub(super) fn drop_writer(&mut self, name: &Name) {
        self.open.retain(|writer| writer.window.name != *name);
    }
}

impl Writer {
    fn open(
        shared: &Shared,
        stream: Stream,
        bucket: Bucket,
        sealing: &HashSet<Name>,
        used: u64,
    ) -> Result<Self, AppendError> {
        let parts: Vec<Arc<Window>> = {
            let windows = shared.windows();
            let of_bucket =
                windows.values().filter(|window| (window.name.stream, window.name.bucket) == (stream, bucket));
            of_bucket.cloned().collect()
        };
        let floor = parts.iter().map(|part| part.summary().seq).max().unwrap_or(0);
        let last = parts.last().filter(|last| {
            let summary = last.summary();
            !summary.sealed
                && last.failure().is_none()
                && !sealing.contains(&last.name)
                && !shared.is_full(&summary, last)
        });
        let window = match last {
            Some(window) => window.clone(),
            None => {
                let part = parts.last().map_or(0, |last| last.name.part + 1);
                create(shared, Name { stream, bucket, part })?
            }
        };
        let failed = |reason: String| shared.failure(&window.folder, reason);
        let index = window::open_index(&window.folder).map_err(failed)?;
        let fields = Fields::read(&window.folder, &index.schema()).map_err(|error| failed(error.to_string()))?;
        let writer = start(&index, stream, false).map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            summary: window.summary(),
            window,
            index,
            writer: Some(writer),
            fields: Arc::new(fields),
            pending: Vec::new(),
            docs: Vec::new(),
            sheet: Sheet::default(),
            pending_bytes: 0,
            floor,
            failures: 0,
            unseen: false,
            used,
        })
    }

    fn close(self) {
        finish(self.writer);
    }

    fn is_full(&self, shared: &Shared) -> bool {
        shared.is_full(&self.summary, &self.window)
    }

    /// Makes an event's document, which is kept until its commit.
    fn add(&mut self, shared: &Shared, splitter: &mut Splitter, accepted: &Accepted) {
        let parts = splitter.split(&self.fields, accepted);
        if accepted.seq.0.is_multiple_of(CHECK_EVERY) {
            self.check(&shared.rebuild_errors, parts, accepted);
        }
        let mark = Mark::of(accepted);
        self.summary.add(&mark);
        self.pending_bytes += parts.bytes();
        self.pending.push(mark);
        self.sheet.push(parts);
    }

    /// Rebuilds what was split and compares. A difference is a fault of ours: it is counted and named, the event is kept.
    fn check(&self, errors: &AtomicU64, parts: &Parts, accepted: &Accepted) {
        if source::assemble(&self.fields, parts) != accepted.event {
            errors.fetch_add(1, Ordering::Relaxed);
            tracing::error!(seq = accepted.seq.0, "an event would not be rebuilt as it was accepted");
        }
    }

    /// Gives tantivy what is on the open sheet.
    fn hand_over(&mut self) -> Result<(), String> {
        let from = self.docs.len();
        self.sheet.seal(&mut self.docs);
        self.index_docs(from)
    }

    /// Gives tantivy the documents from one on.
    fn index_docs(&mut self, from: usize) -> Result<(), String> {
        let Some(writer) = &self.writer else {
            return Err("the window's writer could not be opened again".to_owned());
        };
        for docs in self.docs[from..].chunks(FULL) {
            writer.run(docs.iter().cloned().map(UserOperation::Add)).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn writer(&mut self) -> Result<&mut IndexWriter<Doc>, String> {
        self.writer.as_mut().ok_or_else(|| "the window's writer could not be opened again".to_owned())
    }

    /// Up to which order everything of this window is durable and seen; `None`: all of it is.
    fn behind(&self) -> Option<u64> {
        let pending = self.pending.first().map(|first| first.seq.saturating_sub(1));
        pending.into_iter().chain(self.unseen.then(|| self.window.summary().seq)).min()
    }

    fn try_commit(&mut self, through: u64) -> Result<(), String> {
        let text = |error: tantivy::TantivyError| error.to_string();
        if self.pending.is_empty() {
            return self.show();
        }
        self.hand_over()?;
        self.summary.through = through;
        let payload = serde_json::to_string(&self.summary).map_err(|error| error.to_string())?;
        let mut prepared = self.writer()?.prepare_commit().map_err(text)?;
        prepared.set_payload(&payload);
        prepared.commit().map_err(text)?;
        self.pending.clear();
        self.docs.clear();
        self.pending_bytes = 0;
        self.floor = self.summary.seq;
        self.failures = 0;
        self.unseen = true;
        self.wait_for_merges();
        self.show()
    }

    /// Lets searches see the last commit.
    fn show(&mut self) -> Result<(), String> {
        self.window.refresh(&self.index, self.summary.clone())?;
        self.unseen = false;
        Ok(())
    }

    /// Keeps the number of segments of an open window bounded.
    fn wait_for_merges(&self) {
        let deadline = Instant::now() + MERGE_PATIENCE;
        while Instant::now() < deadline {
            match self.index.searchable_segment_ids() {
                Ok(ids) if ids.len() > merge::MOST_SEGMENTS => std::thread::park_timeout(Duration::from_millis(5)),
                _ => return,
            }
        }
    }

    /// Starts again at the last commit and gives it the pending documents once more.
    fn recover(&mut self, shared: &Shared) -> Result<(), AppendError> {
        self.failures += 1;
        self.restart().map_err(|reason| {
            // Half of the pending events may be in it: the next try begins anew.
            finish(self.writer.take());
            self.give_up(shared, &reason)
        })
    }

    fn restart(&mut self) -> Result<(), String> {
        self.sheet.seal(&mut self.docs);
        self.reopen()?;
        let committed = window::committed_summary(&self.window.folder)?;
        let done = self.pending.partition_point(|mark| mark.seq <= committed.seq);
        self.pending.drain(..done);
        self.docs.drain(..done);
        self.floor = self.floor.max(committed.seq);
        self.summary = committed;
        self.unseen = true;
        self.show()?;
        self.pending.iter().for_each(|mark| self.summary.add(mark));
        self.index_docs(0)
    }

    fn reopen(&mut self) -> Result<(), String> {
        // The old writer holds the folder's lock: it goes before a new one takes it.
        finish(self.writer.take());
        self.index = window::open_index(&self.window.folder)?;
        let writer = start(&self.index, self.window.name.stream, false).map_err(|error| error.to_string())?;
        self.writer = Some(writer);
        Ok(())
    }

    /// What to tell the caller. A full disk is nobody's fault; a window that fails again and again is set aside.
    fn give_up(&mut self, shared: &Shared, reason: &str) -> AppendError {
        let error = shared.failure(&self.window.folder, reason.to_owned());
        if matches!(error, AppendError::Failed(_)) && self.failures >= MOST_FAILURES {
            tracing::error!(window = self.window.label(), reason, "window set aside");
            self.window.set_failed(format!("set aside after {} failures: {reason}", self.failures));
        }
        error
    }
}

/// A window that is over, on its way to one segment.
pub(super) struct Sealing {
    window: Arc<Window>,
    /// The writer that the window had until now, its merges perhaps still running.
    writer: Option<IndexWriter<Doc>>,
}

impl Sealing {
    pub(super) fn name(&self) -> Name {
        self.window.name
    }

    /// Joins the segments and writes `window.json`. Runs without any lock: nothing else writes here.
    pub(super) fn run(mut self) -> Result<(), String> {
        finish(self.writer.take());
        let text = |error: tantivy::TantivyError| error.to_string();
        let folder = &self.window.folder;
        let mut summary = window::committed_summary(folder)?;
        let index = window::open_index(folder)?;
        let mut writer = start(&index, self.window.name.stream, true).map_err(text)?;
        let ids = index.searchable_segment_ids().map_err(text)?;
        if ids.len() > 1 {
            writer.merge(&ids).wait().map_err(text)?;
        }
        writer.garbage_collect_files().wait().map_err(text)?;
        writer.wait_merging_threads().map_err(text)?;
        sweep(folder, &index);
        summary.sealed = true;
        let json = serde_json::to_vec(&summary).map_err(|error| error.to_string())?;
        window::write_durably(&folder.join("window.json"), &json).map_err(|error| error.to_string())?;
        self.window.refresh(&index, summary)
    }
}

/// Lets running merges end before the writer goes. Merges that outlive their writer would leave files that nobody lists.
fn finish(writer: Option<IndexWriter<Doc>>) {
    if let Some(error) = writer.and_then(|writer| writer.wait_merging_threads().err()) {
        // What was committed is not concerned; what was not is written again or is in the log.
        tracing::debug!(%error, "a window's writer ended with an error");
    }
}

/// Removes files of segments that the index does not have: what a merge leaves behind that was cut off.
fn sweep(folder: &Path, index: &Index) {
    let (Ok(ids), Ok(files)) = (index.searchable_segment_ids(), fs::read_dir(folder)) else { return };
    let known: HashSet<String> = ids.iter().map(|id| id.uuid_string()).collect();
    for path in files.flatten().map(|file| file.path()) {
        let stem =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('.').next()).unwrap_or("");
        let of_segment = stem.len() == 32 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
        if of_segment && !known.contains(stem) {
            tracing::info!(file = %path.display(), "removing what a merge left behind");
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(file = %path.display(), %error, "could not remove it");
            }
        }
    }
}

fn start(index: &Index, stream: Stream, sealing: bool) -> tantivy::Result<IndexWriter<Doc>> {
    let memory = if stream == Stream::Audit && !sealing { 96 << 20 } else { 16 << 20 };
    let options = IndexWriterOptions::builder()
        .num_worker_threads(1)
        .num_merge_threads(1)
        .memory_budget_per_thread(memory)
        .build();
    let writer = index.writer_with_options(options)?;
    writer.set_merge_policy(if sealing { Box::new(NoMergePolicy) } else { Box::new(Levels) });
    Ok(writer)
}

fn create(shared: &Shared, name: Name) -> Result<Arc<Window>, AppendError> {
    let folder = shared.root.join(name.stream.name()).join(name.to_string());
    let made = make_folder(&folder);
    made.map_err(|reason| shared.failure(&folder, reason))?;
    let summary = Summary { format: FORMAT, ..Summary::default() };
    let window = Arc::new(Window::new(name, folder, summary));
    shared.windows_mut().insert(name, window.clone());
    Ok(window)
}

fn make_folder(folder: &Path) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    fs::create_dir_all(folder).map_err(text)?;
    super::schema::write(folder).map_err(text)?;
    let settings = IndexSettings {
        docstore_compression: Compressor::Zstd(ZstdCompressor { compression_level: Some(3) }),
        docstore_compress_dedicated_thread: false,
        docstore_blocksize: 32 * 1024,
        ..IndexSettings::default()
    };
    let builder = Index::builder().schema(super::schema::build()).settings(settings);
    builder.create_in_dir(folder).map_err(|error| error.to_string())?;
    folder.parent().map_or(Ok(()), window::sync_folder).map_err(text)
}
