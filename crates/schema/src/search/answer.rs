//! What a search gives back: one shape for all engines.

use super::query::Scalar;
use crate::{Event, IngestSeq, Stream, Timestamp};

/// The answer to a [`super::Search`].
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Answer {
    /// How many events match.
    pub total: Total,
    /// The first of them.
    pub hits: Vec<Hit>,
    /// Results of the aggregations, in the order and under the names of the search.
    pub aggregations: Vec<(String, Outcome)>,
    /// Everything accepted up to here was searched.
    pub searchable_through: IngestSeq,
    /// What was searched.
    pub windows: Windows,
    /// The deadline came first; what is here is what was found until then.
    pub timed_out: bool,
}

/// How many events match.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Total {
    /// The number ...
    pub value: u64,
    /// ... or at least that many.
    pub at_least: bool,
}

/// A matching event.
#[derive(Clone, PartialEq, Debug)]
pub struct Hit {
    /// `event.id`.
    pub id: String,
    /// Where it lies.
    pub stream: Stream,
    /// Its ingest order.
    pub seq: IngestSeq,
    /// The whole event.
    pub event: Event,
    /// Its sort values, for `search_after`: one for each key of the order, `event.id` last.
    pub sort: Vec<Scalar>,
}

/// The result of one aggregation.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// Buckets in the order asked for.
    Buckets {
        /// The buckets.
        buckets: Vec<Bucket>,
        /// Events in buckets that were left out by `size`.
        other_count: u64,
        /// Largest possible error of a count; 0: exact.
        error_bound: u64,
        /// `composite`: the key to go on after.
        after: Option<Vec<Scalar>>,
    },
    /// One bucket (`filter`, `missing`).
    Single(Box<Bucket>),
    /// A number, `None` where no event had a value.
    Number(Option<f64>),
    /// Count, min, max, avg, sum, and with `extended` sum of squares, variance and standard deviation (population).
    Stats {
        /// Number of values.
        count: u64,
        /// Sum of the values.
        sum: f64,
        /// Smallest, if any.
        min: Option<f64>,
        /// Largest, if any.
        max: Option<f64>,
        /// Sum of the squares; `None` for plain stats.
        sum_of_squares: Option<f64>,
    },
    /// Percent and value; `None` where no event had a value.
    Percentiles(Vec<(f64, Option<f64>)>),
    /// `top_hits`.
    Hits {
        /// How many events the bucket has.
        total: u64,
        /// The first of them.
        hits: Vec<Hit>,
    },
}

/// One bucket.
#[derive(Clone, PartialEq, Debug)]
pub struct Bucket {
    /// What its events have in common.
    pub key: Key,
    /// How many they are.
    pub count: u64,
    /// Results inside it.
    pub inner: Vec<(String, Outcome)>,
}

/// The key of a bucket.
#[derive(Clone, PartialEq, Debug)]
pub enum Key {
    /// A value; dates as [`Scalar::Date`].
    Value(Scalar),
    /// A range with its name.
    Range {
        /// The key given, or `from-to`.
        name: String,
        /// Lower bound.
        from: Option<Scalar>,
        /// Upper bound.
        to: Option<Scalar>,
    },
    /// The name of a filter; empty where anonymous.
    Name(String),
    /// One value for each source of a composite.
    Composite(Vec<(String, Scalar)>),
    /// The only bucket of its aggregation.
    Only,
}

/// How much of the store was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Windows {
    /// Searched.
    pub searched: usize,
    /// Left out, since their time cannot match.
    pub pruned: usize,
    /// Could not be read; the answer lacks their events.
    pub failed: Vec<FailedWindow>,
}

/// A window that could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FailedWindow {
    /// Stream and folder name.
    pub name: String,
    /// Why.
    pub reason: String,
}

impl Outcome {
    /// The number by which buckets are ordered: a metric's only one (`which` empty or `value`), one of several by name
    /// (`max`, `99.0`), or `None` where there is none.
    #[must_use]
    pub fn number(&self, which: &str) -> Option<f64> {
        match self {
            Self::Number(number) => *number,
            Self::Percentiles(values) => {
                let wanted: f64 = which.parse().ok()?;
                values.iter().find(|(percent, _)| *percent == wanted).and_then(|(_, value)| *value)
            }
            Self::Stats { count, sum, min, max, sum_of_squares } => {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a mean of more than 2^53 values is a mean all the same"
                )]
                let n = *count as f64;
                let variance = || sum_of_squares.map(|squares| ((squares - sum * sum / n) / n).max(0.0));
                match which {
                    "count" => Some(n),
                    "sum" => Some(*sum),
                    "min" => *min,
                    "max" => *max,
                    "sum_of_squares" => *sum_of_squares,
                    _ if *count == 0 => None,
                    "avg" => Some(sum / n),
                    "variance" => variance(),
                    "std_deviation" => variance().map(f64::sqrt),
                    _ => None,
                }
            }
            Self::Buckets { .. } | Self::Single(_) | Self::Hits { .. } => None,
        }
    }
}

impl Bucket {
    /// The result of an inner aggregation.
    #[must_use]
    pub fn inner(&self, name: &str) -> Option<&Outcome> {
        self.inner.iter().find(|(inner, _)| inner == name).map(|(_, outcome)| outcome)
    }
}

impl Answer {
    /// The result of an aggregation.
    #[must_use]
    pub fn aggregation(&self, name: &str) -> Option<&Outcome> {
        self.aggregations.iter().find(|(named, _)| named == name).map(|(_, outcome)| outcome)
    }

    /// When the newest hit happened.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.hits.iter().filter_map(|hit| hit.event.time()).max()
    }
}
