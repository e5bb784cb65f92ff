//! Short words for building aggregations and for reading what they gave.

use schema::search::{
    Aggregation, Bucket, FieldRef, Hit, Key, Metric, Named, Order, OrderBy, Outcome, Query, Scalar, Terms,
};
use schema::{Event, Field, Timestamp, field};

pub(super) fn named(name: &str, aggregation: Aggregation, inner: Vec<Named>) -> Named {
    Named { name: name.to_owned(), aggregation, inner }
}

/// The most frequent values of a field.
pub(super) fn top(name: &str, field: Field, size: usize, inner: Vec<Named>) -> Named {
    named(name, Aggregation::Terms(Terms::top(FieldRef::Known(field), size)), inner)
}

/// Values of a field in the order of the metric `by` inside each, smallest first.
pub(super) fn ascending(name: &str, field: Field, size: usize, by: &str, inner: Vec<Named>) -> Named {
    let order = vec![Order { by: OrderBy::Metric(by.to_owned(), String::new()), descending: false }];
    let terms = Terms { order, ..Terms::top(FieldRef::Known(field), size) };
    named(name, Aggregation::Terms(terms), inner)
}

/// What also matches this.
pub(super) fn filter(name: &str, query: Query, inner: Vec<Named>) -> Named {
    named(name, Aggregation::Filter(query), inner)
}

pub(super) fn metric(name: &str, metric: Metric) -> Named {
    named(name, Aggregation::Metric(metric), Vec::new())
}

/// First and last time, as `first` and `last`.
pub(super) fn times() -> [Named; 2] {
    let time = || FieldRef::Known(field::TIMESTAMP);
    [metric("first", Metric::Min(time())), metric("last", Metric::Max(time()))]
}

/// The newest event, as `newest`.
pub(super) fn newest() -> Named {
    named("newest", Aggregation::TopHits { size: 1, sort: Vec::new() }, Vec::new())
}

/// The field has this value.
pub(super) fn is(field: Field, value: &str) -> Query {
    Query::Term { field: FieldRef::Known(field), value: Scalar::Text(value.to_owned()), case_insensitive: false }
}

/// The field has one of these values.
pub(super) fn one_of(field: Field, values: impl IntoIterator<Item = impl Into<String>>) -> Query {
    let values = values.into_iter().map(|value| Scalar::Text(value.into())).collect();
    Query::Terms { field: FieldRef::Known(field), values }
}

/// The field has a value.
pub(super) fn has(field: Field) -> Query {
    Query::Exists { name: field.name().to_owned() }
}

/// A program was executed, or should have been.
pub(super) fn execs() -> Query {
    one_of(field::EVENT_ACTION, ["exec", "executed"])
}

pub(super) fn failed() -> Query {
    is(field::EVENT_OUTCOME, "failure")
}

/// Buckets of an outcome, none where it has none.
pub(super) fn buckets(outcome: Option<&Outcome>) -> &[Bucket] {
    match outcome {
        Some(Outcome::Buckets { buckets, .. }) => buckets,
        _ => &[],
    }
}

/// Events in buckets that did not fit.
pub(super) fn other_count(outcome: Option<&Outcome>) -> u64 {
    match outcome {
        Some(Outcome::Buckets { other_count, .. }) => *other_count,
        _ => 0,
    }
}

/// The one bucket of a filter.
pub(super) fn single(outcome: Option<&Outcome>) -> Option<&Bucket> {
    match outcome {
        Some(Outcome::Single(bucket)) => Some(bucket),
        _ => None,
    }
}

/// How many events a filter inside a bucket found.
pub(super) fn count_in(bucket: &Bucket, name: &str) -> u64 {
    single(bucket.inner(name)).map_or(0, |bucket| bucket.count)
}

/// The text that the events of a bucket have in common.
pub(super) fn text_key(bucket: &Bucket) -> Option<&str> {
    match &bucket.key {
        Key::Value(Scalar::Text(text)) => Some(text),
        _ => None,
    }
}

/// The most frequent value inside a bucket.
pub(super) fn top_text(bucket: &Bucket, name: &str) -> Option<String> {
    buckets(bucket.inner(name)).first().and_then(text_key).map(str::to_owned)
}

/// A time that a metric inside a bucket gave.
pub(super) fn time_in(bucket: &Bucket, name: &str) -> Option<Timestamp> {
    let ms = bucket.inner(name)?.number("")?;
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit a double")]
    Some(Timestamp::from_millis(ms as i64))
}

/// A count that a metric gave.
pub(super) fn number(outcome: Option<&Outcome>) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    outcome.and_then(|outcome| outcome.number("")).map_or(0, |number| number as u64)
}

/// The event that [`newest`] found in a bucket.
pub(super) fn newest_in(bucket: &Bucket) -> Option<&Hit> {
    match bucket.inner("newest") {
        Some(Outcome::Hits { hits, .. }) => hits.first(),
        _ => None,
    }
}

pub(super) fn date(event: &Event, field: Field) -> Option<Timestamp> {
    match event.get(field)? {
        schema::Value::Date(time) => Some(time),
        _ => None,
    }
}
