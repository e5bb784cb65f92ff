//! Buckets: documents grouped by value, and what is computed inside each group.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use roaring::RoaringBitmap;
use schema::Timestamp;
use schema::field::Kind;
use schema::search::value::{order, whole};
use schema::search::{
    Aggregation, Bucket, BucketRange, DateHistogram, FieldRef, Key as AnswerKey, Named, Outcome, Query, Scalar,
};

use super::dates::Dates;
use super::metric::Accumulator;
use super::terms::TermGroups;
use super::{Limits, Pass};
use tantivy::columnar::ColumnIndex;

use crate::SearchError;
use crate::embedded::hits::Best;
use crate::embedded::segment::{self, STRIDE, Values};
use crate::embedded::{query, search, values};

/// A value as the key of a map: numbers that are equal are one key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Key {
    Null,
    Bool(bool),
    Long(i64),
    /// Bits of a double that is no whole number.
    Double(u64),
    Date(i64),
    Ip(IpAddr),
    Text(String),
}

impl Key {
    /// The value again, for a field of this kind.
    pub(super) fn into_scalar(self, kind: Kind) -> Scalar {
        match self {
            Self::Null => Scalar::Null,
            Self::Bool(value) => Scalar::Bool(value),
            #[expect(clippy::cast_precision_loss, reason = "it was a double before")]
            Self::Long(number) if kind == Kind::Double => Scalar::Double(number as f64),
            Self::Long(number) => Scalar::Long(number),
            Self::Double(bits) => Scalar::Double(f64::from_bits(bits)),
            Self::Date(ms) => Scalar::Date(Timestamp::from_millis(ms)),
            Self::Ip(address) => Scalar::Ip(address),
            Self::Text(text) => Scalar::Text(text),
        }
    }

    pub(super) fn of(value: &Scalar) -> Self {
        match value {
            Scalar::Null => Self::Null,
            Scalar::Bool(value) => Self::Bool(*value),
            Scalar::Long(number) => Self::Long(*number),
            Scalar::Double(number) => whole(*number).map_or(Self::Double(number.to_bits()), Self::Long),
            Scalar::Date(time) => Self::Date(time.millis()),
            Scalar::Ip(address) => Self::Ip(*address),
            Scalar::Text(text) => Self::Text(text.clone()),
        }
    }
}

/// An aggregation being computed.
pub(super) enum Collector {
    Terms(TermGroups),
    Dates {
        groups: BTreeMap<i64, Group>,
        dates: Dates,
    },
    Histogram {
        groups: BTreeMap<i64, Group>,
    },
    /// `range`, `filters`: one group for each.
    Listed(Vec<Group>),
    /// `filter`, `missing`.
    Single(Group),
    Composite {
        groups: HashMap<Vec<Key>, (Vec<Scalar>, Group)>,
        dates: Vec<Option<Dates>>,
    },
    Hits {
        best: Option<Best>,
        total: u64,
    },
    Metric(Accumulator),
}

/// Documents with something in common.
pub(super) struct Group {
    pub(super) count: u64,
    inner: Vec<Collector>,
}

impl Group {
    pub(super) fn new(inner: &[Named]) -> Result<Self, SearchError> {
        Ok(Self { count: 0, inner: inner.iter().map(Collector::new).collect::<Result<_, _>>()? })
    }

    pub(super) fn collect(&mut self, inner: &[Named], docs: &[u32], pass: &mut Pass<'_>) -> Result<(), SearchError> {
        self.count += docs.len() as u64;
        for (collector, named) in self.inner.iter_mut().zip(inner) {
            collector.collect(named, docs, pass)?;
        }
        Ok(())
    }

    pub(super) fn finish(self, key: AnswerKey, inner: &[Named], limits: &mut Limits) -> Result<Bucket, SearchError> {
        let mut outcomes = Vec::with_capacity(inner.len());
        for (collector, named) in self.inner.into_iter().zip(inner) {
            outcomes.push((named.name.clone(), collector.finish(named, limits)?));
        }
        Ok(Bucket { key, count: self.count, inner: outcomes })
    }
}

impl Collector {
    pub(super) fn new(named: &Named) -> Result<Self, SearchError> {
        let inner = named.inner.as_slice();
        let groups = |many: usize| (0..many).map(|_| Group::new(inner)).collect::<Result<Vec<_>, _>>();
        Ok(match &named.aggregation {
            Aggregation::Terms(terms) => Self::Terms(TermGroups::new(terms)?),
            Aggregation::DateHistogram(spec) => Self::Dates { groups: BTreeMap::new(), dates: Dates::new(spec)? },
            Aggregation::Histogram { .. } => Self::Histogram { groups: BTreeMap::new() },
            Aggregation::Range { ranges, .. } => Self::Listed(groups(ranges.len())?),
            Aggregation::Filters { filters, other } => {
                Self::Listed(groups(filters.len() + usize::from(other.is_some()))?)
            }
            Aggregation::Filter(_) | Aggregation::Missing { .. } => Self::Single(Group::new(inner)?),
            Aggregation::Composite { sources, .. } => {
                let dates = |source: &(String, Aggregation, bool)| match &source.1 {
                    Aggregation::DateHistogram(spec) => Dates::new(spec).map(Some),
                    _ => Ok(None),
                };
                Self::Composite { groups: HashMap::new(), dates: sources.iter().map(dates).collect::<Result<_, _>>()? }
            }
            Aggregation::TopHits { size, sort } => Self::Hits { best: Some(Best::new(sort, None, *size)), total: 0 },
            Aggregation::Metric(metric) => Self::Metric(Accumulator::new(metric)),
        })
    }

    pub(super) fn collect(&mut self, named: &Named, docs: &[u32], pass: &mut Pass<'_>) -> Result<(), SearchError> {
        let inner = named.inner.as_slice();
        match (self, &named.aggregation) {
            (Self::Terms(groups), Aggregation::Terms(terms)) => groups.collect(terms, inner, docs, pass),
            (Self::Dates { groups, dates }, Aggregation::DateHistogram(spec)) => {
                let mut runs = Runs::default();
                for_each_whole(&spec.field, docs, pass, |doc, ms| runs.push(dates.key(ms), doc))?;
                collect_runs(groups, &runs, inner, pass)
            }
            (Self::Histogram { groups }, Aggregation::Histogram { field, interval, offset, .. }) => {
                let mut runs = Runs::default();
                for_each_number(field, docs, pass, |doc, value| {
                    let number = values::number(value);
                    runs.push((!number.is_nan()).then(|| step(number, *interval, *offset)), doc);
                })?;
                collect_runs(groups, &runs, inner, pass)
            }
            (Self::Listed(groups), Aggregation::Range { field, ranges }) => {
                collect_ranges(groups, field, ranges, inner, docs, pass)
            }
            (Self::Listed(groups), Aggregation::Filters { filters, other }) => {
                let within: RoaringBitmap = docs.iter().copied().collect();
                let mut rest = within.clone();
                for (group, (_, filter)) in groups.iter_mut().zip(filters) {
                    let found = query::matching(pass.segment, filter, &within, pass.context)?;
                    rest -= &found;
                    group.collect(inner, &found.iter().collect::<Vec<_>>(), pass)?;
                }
                match groups.last_mut().filter(|_| other.is_some()) {
                    Some(group) => group.collect(inner, &rest.iter().collect::<Vec<_>>(), pass),
                    None => Ok(()),
                }
            }
            (Self::Single(group), Aggregation::Filter(filter)) => collect_matching(group, filter, inner, docs, pass),
            (Self::Single(group), Aggregation::Missing { field }) => {
                let without = Query::Exists { name: field.name() }.negate();
                collect_matching(group, &without, inner, docs, pass)
            }
            (Self::Composite { groups, dates }, Aggregation::Composite { sources, after, .. }) => {
                collect_composite(groups, dates, sources, after.as_deref(), inner, docs, pass)
            }
            (Self::Hits { best: Some(best), total }, _) => {
                *total += docs.len() as u64;
                best.look(pass.segment, pass.stream, &docs.iter().copied().collect(), pass.context)
            }
            (Self::Metric(accumulator), Aggregation::Metric(metric)) => accumulator.collect(metric, docs, pass),
            // A collector is made for its own aggregation.
            _ => Ok(()),
        }
    }

    pub(super) fn finish(self, named: &Named, limits: &mut Limits) -> Result<Outcome, SearchError> {
        let inner = named.inner.as_slice();
        match (self, &named.aggregation) {
            (Self::Terms(groups), Aggregation::Terms(terms)) => groups.finish(terms, inner, limits),
            (Self::Dates { groups, dates }, Aggregation::DateHistogram(spec)) => {
                finish_dates(groups, &dates, spec, inner, limits)
            }
            (Self::Histogram { groups }, Aggregation::Histogram { interval, offset, min_doc_count, .. }) => {
                let next = |key: i64| key.checked_add(1);
                let key = |key| Scalar::Double(step_start(key, *interval, *offset));
                finish_sorted(groups, *min_doc_count, None, next, key, inner, limits)
            }
            (Self::Listed(groups), Aggregation::Range { ranges, .. }) => {
                limits.answered(groups.len())?;
                let keys = ranges.iter().map(range_key);
                let buckets = groups.into_iter().zip(keys).map(|(group, key)| group.finish(key, inner, limits));
                Ok(exact(buckets.collect::<Result<_, _>>()?))
            }
            (Self::Listed(groups), Aggregation::Filters { filters, other }) => {
                limits.answered(groups.len())?;
                let names = filters.iter().map(|(name, _)| name).chain(other).map(|name| AnswerKey::Name(name.clone()));
                let buckets = groups.into_iter().zip(names).map(|(group, key)| group.finish(key, inner, limits));
                Ok(exact(buckets.collect::<Result<_, _>>()?))
            }
            (Self::Single(group), _) => Ok(Outcome::Single(Box::new(group.finish(AnswerKey::Only, inner, limits)?))),
            (Self::Composite { groups, .. }, Aggregation::Composite { sources, size, .. }) => {
                finish_composite(groups, sources, *size, inner, limits)
            }
            (Self::Hits { best, total }, _) => {
                let found = best.map(Best::into_found).unwrap_or_default();
                Ok(Outcome::Hits { total, hits: search::hits(&found)? })
            }
            (Self::Metric(accumulator), Aggregation::Metric(metric)) => Ok(accumulator.outcome(metric)),
            _ => Ok(Outcome::Number(None)),
        }
    }
}

fn collect_matching(
    group: &mut Group,
    filter: &Query,
    inner: &[Named],
    docs: &[u32],
    pass: &mut Pass<'_>,
) -> Result<(), SearchError> {
    let within: RoaringBitmap = docs.iter().copied().collect();
    let found = query::matching(pass.segment, filter, &within, pass.context)?;
    group.collect(inner, &found.iter().collect::<Vec<_>>(), pass)
}

/// Each time or whole number of a field.
fn for_each_whole(
    field: &FieldRef,
    docs: &[u32],
    pass: &Pass<'_>,
    mut each: impl FnMut(u32, i64),
) -> Result<(), SearchError> {
    let odd = values::odd(pass.segment, field)?;
    if let (Some((Values::Long(column), None)), true) = (pass.segment.place(field)?, odd.is_empty()) {
        let mut block = vec![0_i64; STRIDE];
        for batch in docs.chunks(STRIDE) {
            pass.context.check()?;
            if matches!(column.index, ColumnIndex::Full) {
                segment::read(&*column.values, batch, &mut block[..batch.len()]);
                batch.iter().zip(&block).for_each(|(&doc, &value)| each(doc, value));
            } else {
                batch.iter().for_each(|&doc| column.values_for_doc(doc).for_each(|value| each(doc, value)));
            }
        }
        return Ok(());
    }
    for_each_number(field, docs, pass, |doc, value| {
        if let Some(value) = milliseconds(value) {
            each(doc, value);
        }
    })
}

/// Each value of a field, for histograms; a document comes as often as it has values in different buckets.
fn for_each_number(
    field: &FieldRef,
    docs: &[u32],
    pass: &Pass<'_>,
    mut each: impl FnMut(u32, &Scalar),
) -> Result<(), SearchError> {
    let odd = values::odd(pass.segment, field)?;
    let is_date = field.kind() == Kind::Date;
    let scalar = |value: i64| if is_date { Scalar::Date(Timestamp::from_millis(value)) } else { Scalar::Long(value) };
    let place = pass.segment.place(field)?;
    if let (Some((Values::Long(column), None)), true) = (place, odd.is_empty()) {
        let mut block = vec![0_i64; STRIDE];
        for batch in docs.chunks(STRIDE) {
            pass.context.check()?;
            if matches!(column.index, ColumnIndex::Full) {
                segment::read(&*column.values, batch, &mut block[..batch.len()]);
                batch.iter().zip(&block).for_each(|(&doc, &value)| each(doc, &scalar(value)));
            } else {
                batch.iter().for_each(|&doc| column.values_for_doc(doc).for_each(|value| each(doc, &scalar(value))));
            }
        }
        return Ok(());
    }
    for batch in docs.chunks(STRIDE) {
        pass.context.check()?;
        for (&doc, found) in batch.iter().zip(values::of_field(pass.segment, field, batch)?) {
            found.iter().for_each(|value| each(doc, value));
        }
    }
    Ok(())
}

fn milliseconds(value: &Scalar) -> Option<i64> {
    match value {
        Scalar::Date(time) => Some(time.millis()),
        Scalar::Long(number) => Some(*number),
        _ => None,
    }
}

/// Documents with their bucket, as they are read: neighbours mostly share it, so a stretch of them is one entry.
#[derive(Default)]
struct Runs {
    docs: Vec<u32>,
    /// Key, and where in `docs` the run ends.
    ends: Vec<(i64, usize)>,
}

impl Runs {
    /// Adds a document, which is not before the last one, to a bucket, or to none.
    fn push(&mut self, key: Option<i64>, doc: u32) {
        let Some(key) = key else { return };
        let at = self.docs.len();
        match self.ends.last_mut() {
            // Two values of a document in one bucket count once.
            Some((last, _)) if *last == key && self.docs.last() == Some(&doc) => return,
            Some((last, end)) if *last == key => *end = at + 1,
            _ => self.ends.push((key, at + 1)),
        }
        self.docs.push(doc);
    }

    /// The runs, those of a key side by side in the order of their documents.
    fn by_key(&self) -> Vec<(i64, &[u32])> {
        let mut start = 0;
        let run = |&(key, end): &(i64, usize)| (key, &self.docs[std::mem::replace(&mut start, end)..end]);
        let mut runs: Vec<(i64, &[u32])> = self.ends.iter().map(run).collect();
        // It is stable.
        runs.sort_by_key(|(key, _)| *key);
        runs
    }
}

fn collect_runs(
    groups: &mut BTreeMap<i64, Group>,
    runs: &Runs,
    inner: &[Named],
    pass: &mut Pass<'_>,
) -> Result<(), SearchError> {
    let mut joined: Vec<u32> = Vec::new();
    for runs in runs.by_key().chunk_by(|a, b| a.0 == b.0) {
        let (key, mut docs) = runs[0];
        if runs.len() > 1 {
            joined.clear();
            runs.iter().for_each(|(_, run)| joined.extend_from_slice(run));
            // A document with values in two buckets may have come back to the first.
            joined.dedup();
            docs = &joined;
        }
        if let std::collections::btree_map::Entry::Vacant(place) = groups.entry(key) {
            pass.limits.bucket(0)?;
            place.insert(Group::new(inner)?);
        }
        if let Some(group) = groups.get_mut(&key) {
            group.collect(inner, docs, pass)?;
        }
    }
    Ok(())
}

fn collect_ranges(
    groups: &mut [Group],
    field: &FieldRef,
    ranges: &[BucketRange],
    inner: &[Named],
    docs: &[u32],
    pass: &mut Pass<'_>,
) -> Result<(), SearchError> {
    let mut within: Vec<Vec<u32>> = vec![Vec::new(); ranges.len()];
    for_each_number(field, docs, pass, |doc, value| {
        for (range, docs) in ranges.iter().zip(&mut within) {
            if range.holds(value) && docs.last() != Some(&doc) {
                docs.push(doc);
            }
        }
    })?;
    for (group, docs) in groups.iter_mut().zip(&within) {
        group.collect(inner, docs, pass)?;
    }
    Ok(())
}

type Combined = HashMap<Vec<Key>, (Vec<Scalar>, Group)>;

fn collect_composite(
    groups: &mut Combined,
    dates: &mut [Option<Dates>],
    sources: &[(String, Aggregation, bool)],
    after: Option<&[Scalar]>,
    inner: &[Named],
    docs: &[u32],
    pass: &mut Pass<'_>,
) -> Result<(), SearchError> {
    let mut by_key: HashMap<Vec<Key>, (Vec<Scalar>, Vec<u32>)> = HashMap::new();
    for batch in docs.chunks(STRIDE) {
        pass.context.check()?;
        let mut columns = Vec::with_capacity(sources.len());
        for ((_, source, _), dates) in sources.iter().zip(&mut *dates) {
            columns.push(source_values(source, dates.as_mut(), batch, pass)?);
        }
        for (at, &doc) in batch.iter().enumerate() {
            for combination in combinations(&columns, at) {
                if after.is_some_and(|after| composite_order(&combination, after, sources).is_le()) {
                    continue;
                }
                let key = combination.iter().map(Key::of).collect();
                let (_, docs) = by_key.entry(key).or_insert_with(|| (combination, Vec::new()));
                if docs.last() != Some(&doc) {
                    docs.push(doc);
                }
            }
        }
    }
    for (key, (combination, docs)) in by_key {
        let (_, group) = match groups.entry(key) {
            Entry::Occupied(group) => group.into_mut(),
            Entry::Vacant(place) => {
                pass.limits.bucket(64 * combination.len())?;
                place.insert((combination, Group::new(inner)?))
            }
        };
        group.collect(inner, &docs, pass)?;
    }
    Ok(())
}

fn source_values(
    source: &Aggregation,
    dates: Option<&mut Dates>,
    docs: &[u32],
    pass: &Pass<'_>,
) -> Result<Vec<Vec<Scalar>>, SearchError> {
    match (source, dates) {
        (Aggregation::Terms(terms), _) => {
            let mut found = values::of_field(pass.segment, &terms.field, docs)?;
            if let Some(missing) = &terms.missing {
                found.iter_mut().filter(|values| values.is_empty()).for_each(|values| values.push(missing.clone()));
            }
            Ok(found)
        }
        (Aggregation::DateHistogram(spec), Some(dates)) => {
            let mut bucket = |value: &Scalar| {
                let key = milliseconds(value).and_then(|ms| dates.key(ms))?;
                Some(Scalar::Date(Timestamp::from_millis(key)))
            };
            let found = values::of_field(pass.segment, &spec.field, docs)?;
            Ok(found.iter().map(|values| values.iter().filter_map(&mut bucket).collect()).collect())
        }
        (Aggregation::Histogram { field, interval, offset, .. }, _) => {
            let bucket = |value: &Scalar| {
                let number = values::number(value);
                (!number.is_nan())
                    .then(|| Scalar::Double(step_start(step(number, *interval, *offset), *interval, *offset)))
            };
            let found = values::of_field(pass.segment, field, docs)?;
            Ok(found.iter().map(|values| values.iter().filter_map(bucket).collect()).collect())
        }
        _ => Err(SearchError::Refused {
            reason: "a composite has terms, date_histogram and histogram as sources".to_owned(),
        }),
    }
}

/// All combinations of a document's values, none if a source has no value.
fn combinations(columns: &[Vec<Vec<Scalar>>], at: usize) -> Vec<Vec<Scalar>> {
    columns.iter().fold(vec![Vec::new()], |made, column| {
        let extend = |start: &Vec<Scalar>| {
            let start = start.clone();
            column[at].iter().map(move |value| {
                let mut longer = start.clone();
                longer.push(value.clone());
                longer
            })
        };
        made.iter().flat_map(extend).collect()
    })
}

fn composite_order(a: &[Scalar], b: &[Scalar], sources: &[(String, Aggregation, bool)]) -> std::cmp::Ordering {
    for ((a, b), (_, _, descending)) in a.iter().zip(b).zip(sources) {
        let found = if *descending { order(b, a) } else { order(a, b) };
        if found.is_ne() {
            return found;
        }
    }
    std::cmp::Ordering::Equal
}

fn finish_composite(
    groups: Combined,
    sources: &[(String, Aggregation, bool)],
    size: usize,
    inner: &[Named],
    limits: &mut Limits,
) -> Result<Outcome, SearchError> {
    let mut found: Vec<(Vec<Scalar>, Group)> = groups.into_values().collect();
    found.sort_by(|a, b| composite_order(&a.0, &b.0, sources));
    found.truncate(size);
    limits.answered(found.len())?;
    let after = found.last().map(|(key, _)| key.clone());
    let mut buckets = Vec::with_capacity(found.len());
    for (key, group) in found {
        let named = sources.iter().map(|(name, _, _)| name.clone()).zip(key).collect();
        buckets.push(group.finish(AnswerKey::Composite(named), inner, limits)?);
    }
    Ok(Outcome::Buckets { buckets, other_count: 0, error_bound: 0, after })
}

fn finish_dates(
    groups: BTreeMap<i64, Group>,
    dates: &Dates,
    spec: &DateHistogram,
    inner: &[Named],
    limits: &mut Limits,
) -> Result<Outcome, SearchError> {
    let mut edges = Dates::new(spec)?;
    let bounds = spec.extended_bounds.and_then(|(from, to)| Some((edges.key(from.millis())?, edges.key(to.millis())?)));
    let key = |key| Scalar::Date(Timestamp::from_millis(key));
    finish_sorted(groups, spec.min_doc_count, bounds, |key| dates.next(key), key, inner, limits)
}

/// Buckets in key order; with a minimum of 0 the holes are filled.
fn finish_sorted(
    mut groups: BTreeMap<i64, Group>,
    min_doc_count: u64,
    bounds: Option<(i64, i64)>,
    next: impl Fn(i64) -> Option<i64>,
    value: impl Fn(i64) -> Scalar,
    inner: &[Named],
    limits: &mut Limits,
) -> Result<Outcome, SearchError> {
    if min_doc_count == 0 {
        let first = groups.keys().next().copied().into_iter().chain(bounds.map(|bounds| bounds.0)).min();
        let last = groups.keys().next_back().copied().into_iter().chain(bounds.map(|bounds| bounds.1)).max();
        let mut at = first;
        while let (Some(key), Some(last)) = (at, last) {
            if key > last {
                break;
            }
            if let std::collections::btree_map::Entry::Vacant(place) = groups.entry(key) {
                limits.bucket(0)?;
                place.insert(Group::new(inner)?);
            }
            at = next(key);
        }
    }
    groups.retain(|_, group| group.count >= min_doc_count);
    limits.answered(groups.len())?;
    let mut buckets = Vec::with_capacity(groups.len());
    for (key, group) in groups {
        buckets.push(group.finish(AnswerKey::Value(value(key)), inner, limits)?);
    }
    Ok(exact(buckets))
}

fn exact(buckets: Vec<Bucket>) -> Outcome {
    Outcome::Buckets { buckets, other_count: 0, error_bound: 0, after: None }
}

fn range_key(range: &BucketRange) -> AnswerKey {
    AnswerKey::Range { name: range.name(), from: range.from.clone(), to: range.to.clone() }
}

/// Number of a bucket of a histogram. Beyond 64 bits buckets are one.
fn step(value: f64, interval: f64, offset: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, see above")]
    let step = ((value - offset) / interval).floor() as i64;
    step
}

fn step_start(step: i64, interval: f64, offset: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "keys are doubles")]
    let start = step as f64 * interval + offset;
    start
}
