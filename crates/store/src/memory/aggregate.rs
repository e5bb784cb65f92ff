//! Aggregations, said plainly: group the events, then compute inside each group.

use std::collections::BTreeMap;

use schema::Timestamp;
use schema::search::date_math::Zone;
use schema::search::value::order;
use schema::search::{
    Aggregation, Bucket, DateHistogram, FieldRef, Interval, Key, Named, Order, OrderBy, Outcome, Query, Scalar, Terms,
    pattern,
};

use super::engine::{compile, sorted};
use super::values::{self, HitOrder};
use super::{composite, metric};
use crate::{Accepted, Context, SearchError};

/// What is left of the bounds of a search.
pub(super) struct Run<'c> {
    context: &'c Context,
    buckets: usize,
}

impl<'c> Run<'c> {
    pub(super) fn new(context: &'c Context) -> Self {
        Self { context, buckets: context.max_buckets }
    }

    /// Before so many more buckets are made.
    fn buckets(&mut self, more: usize) -> Result<(), SearchError> {
        self.context.check()?;
        let too_many = || SearchError::TooLarge(format!("more than {} buckets", self.context.max_buckets));
        self.buckets = self.buckets.checked_sub(more).ok_or_else(too_many)?;
        Ok(())
    }
}

/// Some of the events.
pub(super) type Group<'e> = Vec<&'e Accepted>;

/// The results over these events.
pub(super) fn outcomes(
    aggregations: &[Named],
    events: &[&Accepted],
    run: &mut Run<'_>,
) -> Result<Vec<(String, Outcome)>, SearchError> {
    aggregations.iter().map(|named| Ok((named.name.clone(), outcome(named, events, run)?))).collect()
}

fn outcome(named: &Named, events: &[&Accepted], run: &mut Run<'_>) -> Result<Outcome, SearchError> {
    let inner = named.inner.as_slice();
    match &named.aggregation {
        Aggregation::Terms(spec) => terms(spec, inner, events, run),
        Aggregation::DateHistogram(spec) => date_histogram(spec, inner, events, run),
        Aggregation::Histogram { field, interval, offset, min_doc_count } => {
            let key = |event: &Accepted| {
                let numbers = values::numbers(&event.event, field);
                numbers.iter().map(|number| step(*number, *interval, *offset)).collect()
            };
            let next = |step: i64| step.checked_add(1);
            let groups = filled(groups(events, key), *min_doc_count, None, next, run)?;
            let groups =
                groups.into_iter().map(|(key, group)| (Scalar::Double(step_start(key, *interval, *offset)), group));
            exact(buckets(groups.map(|(key, group)| (Key::Value(key), group)).collect(), inner, run)?)
        }
        Aggregation::Range { field, ranges } => {
            let within = |range: &schema::search::BucketRange| -> Group<'_> {
                let holds =
                    |accepted: &Accepted| values::of(&accepted.event, field).iter().any(|value| range.holds(value));
                events.iter().copied().filter(|accepted| holds(accepted)).collect()
            };
            let key = |range: &schema::search::BucketRange| Key::Range {
                name: range.name(),
                from: range.from.clone(),
                to: range.to.clone(),
            };
            exact(buckets(ranges.iter().map(|range| (key(range), within(range))).collect(), inner, run)?)
        }
        Aggregation::Filter(query) => single(matching(query, events)?, inner, run),
        Aggregation::Filters { filters, other } => {
            exact(filter_buckets(filters, other.as_deref(), inner, events, run)?)
        }
        Aggregation::Missing { field } => {
            let without = Query::Exists { name: field.name() }.negate();
            single(matching(&without, events)?, inner, run)
        }
        Aggregation::Composite { sources, size, after } => {
            let (groups, after) = composite::page(sources, *size, after.as_deref(), events)?;
            let buckets = buckets(groups, inner, run)?;
            Ok(Outcome::Buckets { buckets, other_count: 0, error_bound: 0, after })
        }
        Aggregation::TopHits { size, sort } => {
            let mut hits = sorted(events, &HitOrder::new(sort));
            hits.truncate(*size);
            Ok(Outcome::Hits { total: events.len() as u64, hits })
        }
        Aggregation::Metric(metric) => Ok(metric::outcome(metric, events)),
    }
}

fn exact(buckets: Vec<Bucket>) -> Result<Outcome, SearchError> {
    Ok(Outcome::Buckets { buckets, other_count: 0, error_bound: 0, after: None })
}

fn single(group: Group<'_>, inner: &[Named], run: &mut Run<'_>) -> Result<Outcome, SearchError> {
    Ok(Outcome::Single(Box::new(bucket(Key::Only, &group, inner, run)?)))
}

fn bucket(key: Key, group: &[&Accepted], inner: &[Named], run: &mut Run<'_>) -> Result<Bucket, SearchError> {
    Ok(Bucket { key, count: group.len() as u64, inner: outcomes(inner, group, run)? })
}

fn buckets(groups: Vec<(Key, Group<'_>)>, inner: &[Named], run: &mut Run<'_>) -> Result<Vec<Bucket>, SearchError> {
    run.buckets(groups.len())?;
    groups.into_iter().map(|(key, group)| bucket(key, &group, inner, run)).collect()
}

fn matching<'e>(query: &Query, events: &[&'e Accepted]) -> Result<Group<'e>, SearchError> {
    let matcher = compile(query)?;
    Ok(events.iter().copied().filter(|accepted| matcher.matches(&accepted.event)).collect())
}

fn filter_buckets(
    filters: &[(String, Query)],
    other: Option<&str>,
    inner: &[Named],
    events: &[&Accepted],
    run: &mut Run<'_>,
) -> Result<Vec<Bucket>, SearchError> {
    let mut groups = Vec::new();
    for (name, query) in filters {
        groups.push((Key::Name(name.clone()), matching(query, events)?));
    }
    if let Some(name) = other {
        let none = Query::any(filters.iter().map(|(_, query)| query.clone()).collect()).negate();
        groups.push((Key::Name(name.to_owned()), matching(&none, events)?));
    }
    buckets(groups, inner, run)
}

/// The events by key; an event with several keys is in several groups, in each once.
fn groups<'e, K: Ord>(events: &[&'e Accepted], keys: impl Fn(&Accepted) -> Vec<K>) -> BTreeMap<K, Group<'e>> {
    let mut groups: BTreeMap<K, Group<'e>> = BTreeMap::new();
    for &accepted in events {
        let mut keys = keys(accepted);
        keys.sort();
        keys.dedup();
        keys.into_iter().for_each(|key| groups.entry(key).or_default().push(accepted));
    }
    groups
}

/// A scalar that is ordered as values are.
#[derive(Debug)]
struct Ordered(Scalar);

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        order(&self.0, &other.0)
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

fn terms(spec: &Terms, inner: &[Named], events: &[&Accepted], run: &mut Run<'_>) -> Result<Outcome, SearchError> {
    let [include, exclude] =
        [&spec.include, &spec.exclude].map(|text| text.as_deref().map(|text| pattern::regexp(text, false)));
    let refused = |error: pattern::BadPattern| SearchError::Refused { reason: error.to_string() };
    let (include, exclude) = (include.transpose().map_err(refused)?, exclude.transpose().map_err(refused)?);
    let wanted = |value: &Scalar| {
        let text = values::text(value);
        include.as_ref().is_none_or(|regex| regex.is_match(&text))
            && !exclude.as_ref().is_some_and(|regex| regex.is_match(&text))
    };
    let keys = |accepted: &Accepted| {
        let mut found = values::of(&accepted.event, &spec.field);
        if found.is_empty() {
            found.extend(spec.missing.clone());
        }
        found.into_iter().filter(&wanted).map(Ordered).collect()
    };
    let groups = groups(events, keys);
    let all: usize = groups.values().map(Vec::len).sum();
    let enough = |group: &Group<'_>| group.len() as u64 >= spec.min_doc_count.max(1);
    let groups: Vec<(Key, Group<'_>)> =
        groups.into_iter().filter(|(_, group)| enough(group)).map(|(key, group)| (Key::Value(key.0), group)).collect();
    let mut run_all = Run { context: run.context, buckets: usize::MAX };
    let mut made = buckets(groups, inner, &mut run_all)?;
    made.sort_by(|a, b| compare_buckets(&spec.order, a, b));
    made.truncate(spec.size);
    run.buckets(made.len())?;
    let shown: u64 = made.iter().map(|bucket| bucket.count).sum();
    Ok(Outcome::Buckets { buckets: made, other_count: all as u64 - shown, error_bound: 0, after: None })
}

/// By the wanted keys, then by the bucket's key ascending; a bucket without a number comes last either way.
fn compare_buckets(wanted: &[Order], a: &Bucket, b: &Bucket) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    let by_key = || match (&a.key, &b.key) {
        (Key::Value(a), Key::Value(b)) => order(a, b),
        _ => Ordering::Equal,
    };
    let one = |wanted: &Order| {
        let found = match &wanted.by {
            OrderBy::Count => a.count.cmp(&b.count),
            OrderBy::Key => by_key(),
            OrderBy::Metric(name, which) => {
                let number = |bucket: &Bucket| bucket.inner(name).and_then(|outcome| outcome.number(which));
                match (number(a), number(b)) {
                    (Some(a), Some(b)) => a.total_cmp(&b),
                    (None, Some(_)) => return Ordering::Greater,
                    (Some(_), None) => return Ordering::Less,
                    (None, None) => Ordering::Equal,
                }
            }
        };
        if wanted.descending { found.reverse() } else { found }
    };
    wanted.iter().map(one).find(|order| order.is_ne()).unwrap_or_else(by_key)
}

pub(super) fn zone(spec: &DateHistogram) -> Result<Zone, SearchError> {
    let named = spec.time_zone.as_deref().map_or_else(|| Ok(Zone::utc()), Zone::named);
    named.map_err(|error| SearchError::Refused { reason: error.to_string() })
}

fn date_histogram(
    spec: &DateHistogram,
    inner: &[Named],
    events: &[&Accepted],
    run: &mut Run<'_>,
) -> Result<Outcome, SearchError> {
    let zone = zone(spec)?;
    let (interval, offset) = (spec.interval, spec.offset_ms);
    let keys = |accepted: &Accepted| date_keys(accepted, &spec.field, &zone, interval, offset);
    let bounds = spec
        .extended_bounds
        .and_then(|(from, to)| Some((zone.bucket(from, interval, offset)?, zone.bucket(to, interval, offset)?)));
    let next = |key: Timestamp| zone.next_bucket(key, interval, offset);
    let groups = filled(groups(events, keys), spec.min_doc_count, bounds, next, run)?;
    let groups = groups.into_iter().map(|(key, group)| (Key::Value(Scalar::Date(key)), group)).collect();
    exact(buckets(groups, inner, run)?)
}

/// The buckets of an event's times.
pub(super) fn date_keys(
    accepted: &Accepted,
    field: &FieldRef,
    zone: &Zone,
    interval: Interval,
    offset_ms: i64,
) -> Vec<Timestamp> {
    let time = |value: Scalar| match value {
        Scalar::Date(time) => Some(time),
        Scalar::Long(ms) => Some(Timestamp::from_millis(ms)),
        _ => None,
    };
    let times = values::of(&accepted.event, field).into_iter().filter_map(time);
    times.filter_map(|time| zone.bucket(time, interval, offset_ms)).collect()
}

/// Leaves out small groups, or with a minimum of 0 adds the empty ones between the first and the last.
fn filled<'e, K: Ord + Copy>(
    mut groups: BTreeMap<K, Group<'e>>,
    min_doc_count: u64,
    bounds: Option<(K, K)>,
    next: impl Fn(K) -> Option<K>,
    run: &mut Run<'_>,
) -> Result<BTreeMap<K, Group<'e>>, SearchError> {
    groups.retain(|_, group| group.len() as u64 >= min_doc_count);
    if min_doc_count > 0 {
        return Ok(groups);
    }
    let first = groups.keys().next().copied().into_iter().chain(bounds.map(|bounds| bounds.0)).min();
    let last = groups.keys().next_back().copied().into_iter().chain(bounds.map(|bounds| bounds.1)).max();
    let mut at = first;
    let mut budget = Run { context: run.context, buckets: run.buckets };
    while let (Some(key), Some(last)) = (at, last) {
        if key > last {
            break;
        }
        budget.buckets(1)?;
        groups.entry(key).or_default();
        at = next(key);
    }
    Ok(groups)
}

/// Number of a histogram's bucket. Beyond 64 bits all are one.
pub(super) fn step(value: f64, interval: f64, offset: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, see above")]
    let step = ((value - offset) / interval).floor() as i64;
    step
}

pub(super) fn step_start(step: i64, interval: f64, offset: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "keys are doubles")]
    let start = step as f64 * interval + offset;
    start
}
