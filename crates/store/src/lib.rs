//! Where events rest and are found again.
//!
//! One trait, [`Store`], and engines behind it that answer the same [`Search`] alike: `embedded` (tantivy, windows of
//! time, the default) and `memory` (evaluates the search event by event: the reference in tests, the filter of the live
//! tail). What an event means, who may see it and how it is served is not known here.
//!
//! **Durability.** The store is not the record: the server's write-ahead log is, until [`Store::committed_through`] has
//! passed an event. After a crash the log is played again from there, and [`Store::append`] knows what it already holds:
//! every event is indexed exactly once.
#![warn(missing_docs)]

pub mod embedded;
pub mod memory;
pub mod sql;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use schema::search::{Answer, Search};
use schema::{Event, EventId, IngestSeq, Stream, Timestamp};

/// An event as the server accepted it.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Its place in the order of acceptance.
    pub seq: IngestSeq,
    /// When it was accepted.
    pub received: Timestamp,
    /// The event, `event.id` included.
    pub event: Event,
}

/// Events at rest. All calls block; the server makes them on a pool. Engines are shared between threads.
pub trait Store: Send + Sync {
    /// Takes events in the order of their sequence; what was already taken (by sequence) is passed over. They become
    /// searchable within 2 s and durable when [`Self::committed_through`] passes them.
    ///
    /// # Errors
    /// The engine cannot write (full disk, failed medium). Nothing of the batch may be taken for durable; the caller
    /// keeps it and tries again.
    fn append(&self, batch: &[Accepted]) -> Result<(), AppendError>;

    /// Makes all that was appended searchable and durable now.
    ///
    /// # Errors
    /// As [`Self::append`].
    fn commit(&self) -> Result<(), AppendError>;

    /// Everything up to here survives a crash: the log before it is no longer needed.
    fn committed_through(&self) -> IngestSeq;

    /// Everything up to here is found by a search that starts now.
    fn searchable_through(&self) -> IngestSeq;

    /// Answers a search.
    ///
    /// # Errors
    /// See [`SearchError`]. A window that cannot be read is an error unless the context allows a partial answer.
    fn search(&self, search: &Search, context: &Context) -> Result<Answer, SearchError>;

    /// The events with these ids, in no particular order; what is not there is left out.
    ///
    /// # Errors
    /// As [`Self::search`].
    fn get(&self, ids: &[EventId], context: &Context) -> Result<Vec<Event>, SearchError>;

    /// Gives every matching event to `sink`, oldest window first, in batches; `sink` says whether to go on.
    ///
    /// # Errors
    /// As [`Self::search`].
    fn scan(
        &self,
        search: &Search,
        context: &Context,
        sink: &mut dyn FnMut(Vec<Event>) -> bool,
    ) -> Result<(), SearchError>;

    /// Dotted names of all fields that any event of these streams has (empty: all streams).
    fn fields(&self, streams: &[Stream]) -> Vec<String>;

    /// What lies where.
    fn windows(&self) -> Vec<Window>;

    /// Deletes what retention says and returns what it deleted.
    fn enforce_retention(&self, now: Timestamp) -> Vec<Window>;
}

/// A stretch of time of one stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    /// Whose events.
    pub stream: Stream,
    /// Name of its folder.
    pub name: String,
    /// Events in it.
    pub events: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Oldest `@timestamp` in it.
    pub oldest: Option<Timestamp>,
    /// Newest `@timestamp` in it.
    pub newest: Option<Timestamp>,
    /// Takes no more events.
    pub sealed: bool,
    /// Why it cannot be read, if it cannot.
    pub failed: Option<String>,
}

/// Bounds of one search.
#[derive(Clone, Debug)]
pub struct Context {
    /// Stop here.
    pub deadline: Instant,
    /// Memory for this search, in bytes.
    pub memory_bytes: usize,
    /// Most buckets over all aggregations.
    pub max_buckets: usize,
    /// Answer with what could be read.
    pub allow_partial: bool,
    /// Set to stop at once.
    pub cancel: Arc<AtomicBool>,
}

impl Context {
    /// The usual bounds: 256 MiB, 65,536 buckets, no partial answers.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            memory_bytes: 256 << 20,
            max_buckets: 65_536,
            allow_partial: false,
            cancel: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Whether to stop, and why. Cheap enough for every few thousand documents.
    ///
    /// # Errors
    /// [`SearchError::Cancelled`] or [`SearchError::Timeout`].
    pub fn check(&self) -> Result<(), SearchError> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(SearchError::Cancelled);
        }
        if Instant::now() >= self.deadline {
            return Err(SearchError::Timeout);
        }
        Ok(())
    }
}

/// Events could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The disk is full, or over the configured reserve.
    #[error("the store's disk is full at {path}")]
    Full {
        /// Where.
        path: String,
    },
    /// The medium or the engine failed.
    #[error("the store cannot write: {0}")]
    Failed(String),
}

/// A search could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The search asks for something that this engine refuses, with the place in the search.
    #[error("{reason}")]
    Refused {
        /// What, and what to do instead.
        reason: String,
    },
    /// The deadline passed.
    #[error("the search did not finish in time; narrow the time range or the query")]
    Timeout,
    /// The caller is gone.
    #[error("the search was cancelled")]
    Cancelled,
    /// A bound of memory or buckets was reached.
    #[error("the search needs too much: {0}")]
    TooLarge(String),
    /// Windows could not be read.
    #[error("{} of the store's windows could not be read, first {}: {}", .0.len(), .0[0].name, .0[0].reason)]
    Windows(Vec<schema::search::FailedWindow>),
    /// The engine failed.
    #[error("the store cannot be read: {0}")]
    Failed(String),
}
