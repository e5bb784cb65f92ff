//! What to compute over the matching events.

use std::cmp::Ordering;

use super::query::{FieldRef, Query, Scalar};
use crate::Timestamp;

/// An aggregation with its name in the answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Named {
    /// The caller's name for it.
    pub name: String,
    /// What to compute.
    pub aggregation: Aggregation,
    /// What to compute inside each bucket; metrics have none.
    pub inner: Vec<Self>,
}

/// The kinds of aggregation. What Elasticsearch has beyond these is refused by name when a search is parsed.
#[derive(Clone, PartialEq, Debug)]
pub enum Aggregation {
    /// A bucket for each value of a field.
    Terms(Terms),
    /// A bucket for each interval of time.
    DateHistogram(DateHistogram),
    /// A bucket for each interval of a number.
    Histogram {
        /// Whose value.
        field: FieldRef,
        /// Width of a bucket, greater than 0.
        interval: f64,
        /// Where bucket 0 begins.
        offset: f64,
        /// Leave out buckets with fewer.
        min_doc_count: u64,
    },
    /// A bucket for each range given; ranges may overlap. The lower bound belongs to the range, the upper does not.
    Range {
        /// Whose value.
        field: FieldRef,
        /// The ranges in the order of the answer.
        ranges: Vec<BucketRange>,
    },
    /// One bucket: what also matches this.
    Filter(Query),
    /// A bucket for each query.
    Filters {
        /// Name and query; the name is empty where they are anonymous.
        filters: Vec<(String, Query)>,
        /// Name of the bucket for what matches none of them.
        other: Option<String>,
    },
    /// One bucket: events without the field.
    Missing {
        /// The field.
        field: FieldRef,
    },
    /// Buckets over all combinations of several sources in key order, a page at a time.
    Composite {
        /// Name, source ([`Aggregation::Terms`], [`Aggregation::DateHistogram`] or [`Aggregation::Histogram`]), descending.
        sources: Vec<(String, Aggregation, bool)>,
        /// Buckets a page, at most 10,000.
        size: usize,
        /// The key of the last bucket of the page before.
        after: Option<Vec<Scalar>>,
    },
    /// The first events of each bucket.
    TopHits {
        /// How many, at most 100.
        size: usize,
        /// In which order; empty: newest first.
        sort: Vec<super::Sort>,
    },
    /// A number.
    Metric(Metric),
}

/// A bucket for each value.
#[derive(Clone, PartialEq, Debug)]
pub struct Terms {
    /// Whose value.
    pub field: FieldRef,
    /// How many buckets, at most 65,535.
    pub size: usize,
    /// Which come first. Ties are broken by key, ascending.
    pub order: Vec<Order>,
    /// Leave out buckets with fewer.
    pub min_doc_count: u64,
    /// The value that stands for an absent one.
    pub missing: Option<Scalar>,
    /// Only values that match this regular expression.
    pub include: Option<String>,
    /// No values that match this regular expression.
    pub exclude: Option<String>,
}

impl Terms {
    /// The most frequent values.
    #[must_use]
    pub fn top(field: FieldRef, size: usize) -> Self {
        let order = vec![Order { by: OrderBy::Count, descending: true }];
        Self { field, size, order, min_doc_count: 1, missing: None, include: None, exclude: None }
    }
}

/// One key of the order of buckets.
#[derive(Clone, PartialEq, Debug)]
pub struct Order {
    /// By what.
    pub by: OrderBy,
    /// Largest first.
    pub descending: bool,
}

/// What buckets are ordered by.
#[derive(Clone, PartialEq, Debug)]
pub enum OrderBy {
    /// Number of events.
    Count,
    /// The key.
    Key,
    /// A metric inside the bucket: its name, and which of its values (`avg`, `99.0`), empty for its only one.
    Metric(String, String),
}

/// A bucket for each interval of time.
#[derive(Clone, PartialEq, Debug)]
pub struct DateHistogram {
    /// Whose value.
    pub field: FieldRef,
    /// Width of a bucket.
    pub interval: Interval,
    /// IANA name of the zone in which calendar days begin; `None`: UTC.
    pub time_zone: Option<String>,
    /// Where buckets begin, in ms from the interval's own start.
    pub offset_ms: i64,
    /// Leave out buckets with fewer; 0 fills the holes between the first and the last.
    pub min_doc_count: u64,
    /// Buckets reach at least from here to there.
    pub extended_bounds: Option<(Timestamp, Timestamp)>,
}

/// Width of a bucket of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interval {
    /// So many milliseconds, at least 1.
    Fixed(i64),
    /// A unit of the calendar, whose length changes.
    Calendar(CalendarUnit),
}

/// Units of the calendar; weeks begin on Monday.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CalendarUnit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// A range with its key.
#[derive(Clone, PartialEq, Debug)]
pub struct BucketRange {
    /// The key in the answer; `None`: made from the bounds.
    pub key: Option<String>,
    /// Lower bound, included.
    pub from: Option<Scalar>,
    /// Upper bound, excluded.
    pub to: Option<Scalar>,
}

impl BucketRange {
    /// The key in the answer: the one given, or `from-to` with `*` for an open side.
    #[must_use]
    pub fn name(&self) -> String {
        let bound = |bound: &Option<Scalar>| match bound {
            None | Some(Scalar::Null) => "*".to_owned(),
            // Elasticsearch writes bounds as doubles.
            Some(Scalar::Long(number)) => format!("{number}.0"),
            Some(Scalar::Double(number)) => format!("{number:?}"),
            Some(Scalar::Bool(value)) => value.to_string(),
            Some(Scalar::Date(time)) => time.to_string(),
            Some(Scalar::Ip(address)) => address.to_string(),
            Some(Scalar::Text(text)) => text.clone(),
        };
        self.key.clone().unwrap_or_else(|| format!("{}-{}", bound(&self.from), bound(&self.to)))
    }

    /// Whether a value lies in the range.
    #[must_use]
    pub fn holds(&self, value: &Scalar) -> bool {
        let from =
            self.from.as_ref().is_none_or(|from| super::value::compare(value, from).is_some_and(Ordering::is_ge));
        from && self.to.as_ref().is_none_or(|to| super::value::compare(value, to).is_some_and(Ordering::is_lt))
    }
}

/// Numbers over a field.
#[derive(Clone, PartialEq, Debug)]
pub enum Metric {
    /// Mean.
    Avg(FieldRef),
    /// Sum.
    Sum(FieldRef),
    /// Smallest.
    Min(FieldRef),
    /// Largest.
    Max(FieldRef),
    /// Number of values.
    ValueCount(FieldRef),
    /// Count, min, max, avg, sum.
    Stats(FieldRef),
    /// Those, and sum of squares, variance, standard deviation.
    ExtendedStats(FieldRef),
    /// Values below which so many percent lie; relative error at most 1 %.
    Percentiles(FieldRef, Vec<f64>),
    /// Number of different values: exact up to the threshold, within 5 % beyond.
    Cardinality(FieldRef, u64),
}
