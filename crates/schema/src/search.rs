//! One search for everything that asks: page, command line, rules, dashboards, anomaly jobs.
//!
//! [`Search`] is the useful subset of the Elasticsearch query DSL and aggregations. It is built by the query string parser
//! (`query_string`), by `elastic::search` from JSON, or by hand; it is executed by any store engine; the [`Answer`] has one shape.
//! Parsed means checked: every field in it is resolved, every value has been read for the field's kind.
//!
//! **Invariant:** this module never looks at an event. What a node means is said here; the engines do it, and
//! `store::memory` is the reference.

mod aggregation;
mod answer;
pub mod date_math;
mod nearest;
mod options;
pub mod pattern;
mod query;
pub mod query_string;
pub mod read;
pub mod token;
pub mod value;

pub use aggregation::{
    Aggregation, BucketRange, CalendarUnit, DateHistogram, Interval, Metric, Named, Order, OrderBy, Terms,
};
pub use answer::{Answer, Bucket, FailedWindow, Hit, Key, Outcome, Total, Windows};
pub use options::{Operator, Options, Parsed, UnknownFields};
pub use query::{Bool, Bound, FieldRef, Query, Range, Scalar};

use crate::{Stream, Timestamp};

/// Deepest nesting of a query.
pub const MAX_DEPTH: usize = 30;
/// Most clauses in one query.
pub const MAX_CLAUSES: usize = 1024;
/// Most values in a `terms` query.
pub const MAX_TERMS: usize = 65_536;
/// Longest query string in bytes.
pub const MAX_QUERY_STRING: usize = 32 * 1024;
/// Most `from + size`; beyond it, page with `search_after`.
pub const MAX_WINDOW: usize = 10_000;

/// What somebody wants to know.
#[derive(Clone, PartialEq, Debug)]
pub struct Search {
    /// Which streams to look in; empty: all.
    pub streams: Vec<Stream>,
    /// Which events.
    pub query: Query,
    /// `@timestamp` at or after this ...
    pub from_time: Option<Timestamp>,
    /// ... and before this.
    pub to_time: Option<Timestamp>,
    /// Order of the hits; empty: newest first. `event.id` descending is always the last key, so the order is total.
    pub sort: Vec<Sort>,
    /// How many hits to return, 0 for none.
    pub size: usize,
    /// How many hits to skip.
    pub skip: usize,
    /// Only hits after the one that had these sort values ([`Hit::sort`]).
    pub search_after: Option<Vec<Scalar>>,
    /// Count exactly up to here, then say "at least".
    pub track_total: u64,
    /// What to compute over all matching events, by name.
    pub aggregations: Vec<Named>,
}

impl Default for Search {
    /// Newest 50 of everything.
    fn default() -> Self {
        Self {
            streams: Vec::new(),
            query: Query::MatchAll,
            from_time: None,
            to_time: None,
            sort: Vec::new(),
            size: 50,
            skip: 0,
            search_after: None,
            track_total: 10_000,
            aggregations: Vec::new(),
        }
    }
}

/// One key of the order.
#[derive(Clone, PartialEq, Debug)]
pub struct Sort {
    /// The column. Of several values the smallest counts in ascending order, the largest in descending.
    pub field: FieldRef,
    /// Largest first.
    pub descending: bool,
    /// Events without the field come first rather than last.
    pub missing_first: bool,
}
