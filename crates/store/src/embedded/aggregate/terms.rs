//! `terms`: a group for each value.
//!
//! Inside a segment documents are counted by ordinal; only then are ordinals given their values and joined with those of
//! other segments. As long as only one segment has been counted and nothing is computed inside the groups, the values of
//! all but the first few need never be read ([`Counted`]).

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;
use std::sync::Arc;

use regex::Regex;
use schema::field::{self, Kind};
use schema::search::value::order;
use schema::search::{Bucket, FieldRef, Key as AnswerKey, Named, OrderBy, Outcome, Scalar, Terms, pattern};
use tantivy::columnar::{ColumnIndex, StrColumn};

use super::buckets::{Group, Key};
use super::{Limits, Pass};
use crate::SearchError;
use crate::embedded::segment::{self, STRIDE, Segment, Values};
use crate::embedded::values;

/// Dictionaries of up to so many values are decoded as a whole and kept for the segment.
const SMALL_DICTIONARY: usize = 4096;

/// The groups of a `terms` aggregation.
pub(super) struct TermGroups {
    groups: HashMap<Key, Group>,
    /// Counts of the only segment so far.
    counted: Option<Counted>,
    include: Option<Regex>,
    exclude: Option<Regex>,
}

/// Counts by ordinal, in order of the values.
struct Counted {
    segment: Arc<Segment>,
    counts: Vec<(u64, u64)>,
}

impl TermGroups {
    pub(super) fn new(terms: &Terms) -> Result<Self, SearchError> {
        let compiled = |text: &Option<String>| {
            let regex = text.as_ref().map(|text| pattern::regexp(text, false)).transpose();
            regex.map_err(|error| SearchError::Refused { reason: error.to_string() })
        };
        let (include, exclude) = (compiled(&terms.include)?, compiled(&terms.exclude)?);
        Ok(Self { groups: HashMap::new(), counted: None, include, exclude })
    }

    pub(super) fn collect(
        &mut self,
        terms: &Terms,
        inner: &[Named],
        docs: &[u32],
        pass: &mut Pass<'_>,
    ) -> Result<(), SearchError> {
        let odd = values::odd(pass.segment, &terms.field)?;
        if !odd.is_empty() || terms.missing.is_some() || terms.field == FieldRef::Known(field::EVENT_ID) {
            self.settle(terms, pass.limits)?;
            return self.by_value(terms, inner, docs, pass);
        }
        let segment = pass.segment.clone();
        match segment.place(&terms.field)? {
            Some((Values::Text(column), None))
                if inner.is_empty() && self.takes_all() && has_order_of_values(terms) =>
            {
                self.count(terms, column, docs, pass)
            }
            Some((Values::Text(column), key)) => {
                self.settle(terms, pass.limits)?;
                self.by_ordinal(terms, column, key, inner, docs, pass)
            }
            Some(_) => {
                self.settle(terms, pass.limits)?;
                self.by_value(terms, inner, docs, pass)
            }
            None => Ok(()),
        }
    }

    fn takes_all(&self) -> bool {
        self.include.is_none() && self.exclude.is_none()
    }

    fn count(
        &mut self,
        terms: &Terms,
        column: &StrColumn,
        docs: &[u32],
        pass: &mut Pass<'_>,
    ) -> Result<(), SearchError> {
        let counts = counts(column, 0..column.dictionary().num_terms() as u64, docs, pass)?;
        let counts: Vec<(u64, u64)> =
            (0..).zip(counts).filter(|(_, count)| *count > 0).map(|(ord, count)| (ord, u64::from(count))).collect();
        let first = self.counted.is_none() && self.groups.is_empty();
        self.settle(terms, pass.limits)?;
        pass.limits.bytes(counts.len() * size_of::<(u64, u64)>())?;
        self.counted = Some(Counted { segment: pass.segment.clone(), counts });
        if first { Ok(()) } else { self.settle(terms, pass.limits) }
    }

    /// Gives what was only counted its values.
    fn settle(&mut self, terms: &Terms, limits: &mut Limits) -> Result<(), SearchError> {
        let Some(Counted { segment, counts }) = self.counted.take() else { return Ok(()) };
        let Some((Values::Text(column), None)) = segment.place(&terms.field)? else { return Ok(()) };
        let ords: Vec<u64> = counts.iter().map(|(ord, _)| *ord).collect();
        for (term, (_, count)) in segment::terms_at(column, &ords)?.into_iter().zip(counts) {
            group_of(&mut self.groups, Key::Text(term), &[], limits)?.count += count;
        }
        Ok(())
    }

    /// One value at a time, whatever they are.
    fn by_value(
        &mut self,
        terms: &Terms,
        inner: &[Named],
        docs: &[u32],
        pass: &mut Pass<'_>,
    ) -> Result<(), SearchError> {
        let mut by_key: HashMap<Key, Vec<u32>> = HashMap::new();
        for batch in docs.chunks(STRIDE) {
            pass.context.check()?;
            for (&doc, mut found) in batch.iter().zip(values::of_field(pass.segment, &terms.field, batch)?) {
                if found.is_empty() {
                    found.extend(terms.missing.clone());
                }
                for value in found.iter().filter(|value| self.is_wanted(value)) {
                    let docs = by_key.entry(Key::of(value)).or_default();
                    if docs.last() != Some(&doc) {
                        docs.push(doc);
                    }
                }
            }
        }
        for (key, docs) in by_key {
            group_of(&mut self.groups, key, inner, pass.limits)?.collect(inner, &docs, pass)?;
        }
        Ok(())
    }

    fn by_ordinal(
        &mut self,
        terms: &Terms,
        column: &StrColumn,
        key: Option<&str>,
        inner: &[Named],
        docs: &[u32],
        pass: &mut Pass<'_>,
    ) -> Result<(), SearchError> {
        let range = match key {
            Some(key) => segment::ordinals(column, key)?,
            None => 0..column.dictionary().num_terms() as u64,
        };
        let counts = counts(column, range.clone(), docs, pass)?;
        let sorted = if inner.is_empty() { Vec::new() } else { sorted(column, &range, &counts, docs, pass)? };
        let decoded = decoded(&terms.field, column, key, &range, &counts, pass)?;
        if key.is_some() && decoded.has_doubles() {
            // 22 and 22.0 are two ordinals and one value, and an event may have both.
            return self.by_value(terms, inner, docs, pass);
        }
        let mut start = 0;
        for (place, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let docs = start..start + count as usize;
            start = docs.end;
            let Some(value) = decoded.of(place).filter(|value| self.is_wanted(value)) else { continue };
            let group = group_of(&mut self.groups, Key::of(value), inner, pass.limits)?;
            match sorted.get(docs) {
                Some(docs) if !inner.is_empty() => group.collect(inner, docs, pass)?,
                _ => group.count += u64::from(count),
            }
        }
        Ok(())
    }

    fn is_wanted(&self, value: &Scalar) -> bool {
        if self.takes_all() {
            return true;
        }
        let text = match value {
            Scalar::Text(text) => text.clone(),
            Scalar::Long(number) => number.to_string(),
            Scalar::Double(number) => number.to_string(),
            Scalar::Bool(value) => value.to_string(),
            Scalar::Ip(address) => address.to_string(),
            Scalar::Date(time) => time.to_string(),
            Scalar::Null => return false,
        };
        self.include.as_ref().is_none_or(|regex| regex.is_match(&text))
            && !self.exclude.as_ref().is_some_and(|regex| regex.is_match(&text))
    }

    pub(super) fn finish(self, terms: &Terms, inner: &[Named], limits: &mut Limits) -> Result<Outcome, SearchError> {
        if let Some(counted) = self.counted {
            return counted.finish(terms, limits);
        }
        let all: u64 = self.groups.values().map(|group| group.count).sum();
        let kind = terms.field.kind();
        let least = terms.min_doc_count.max(1);
        let groups = self.groups.into_iter().filter(|(_, group)| group.count >= least);
        let mut groups: Vec<(Scalar, Group)> = groups.map(|(key, group)| (key.into_scalar(kind), group)).collect();
        if terms.order.iter().any(|order| matches!(order.by, OrderBy::Metric(..))) {
            // The order needs every group's metrics, so all are finished; their number is bounded by memory already.
            let mut free = Limits { buckets: usize::MAX, bytes: usize::MAX };
            let mut buckets = finished(groups, inner, &mut free)?;
            buckets.sort_by(|a, b| bucket_order(a, b, terms));
            buckets.truncate(terms.size);
            limits.answered(buckets.len())?;
            return Ok(outcome(buckets, all));
        }
        keep_first(&mut groups, terms.size, |a, b| count_order((&a.0, a.1.count), (&b.0, b.1.count), terms));
        limits.answered(groups.len())?;
        Ok(outcome(finished(groups, inner, limits)?, all))
    }
}

impl Counted {
    fn finish(self, terms: &Terms, limits: &mut Limits) -> Result<Outcome, SearchError> {
        let Some((Values::Text(column), None)) = self.segment.place(&terms.field)? else {
            return Ok(outcome(Vec::new(), 0));
        };
        let all = self.counts.iter().map(|(_, count)| count).sum();
        let mut counts = self.counts;
        counts.retain(|&(_, count)| count >= terms.min_doc_count);
        keep_first(&mut counts, terms.size, |a, b| ordinal_order(*a, *b, terms));
        limits.answered(counts.len())?;
        let mut ords: Vec<u64> = counts.iter().map(|(ord, _)| *ord).collect();
        ords.sort_unstable();
        let values: HashMap<u64, String> = ords.iter().copied().zip(segment::terms_at(column, &ords)?).collect();
        let bucket = |(ord, count): &(u64, u64)| {
            let value = Scalar::Text(values.get(ord).cloned().unwrap_or_default());
            Bucket { key: AnswerKey::Value(value), count: *count, inner: Vec::new() }
        };
        Ok(outcome(counts.iter().map(bucket).collect(), all))
    }
}

/// Whether the order of ordinals is the order of the values.
fn has_order_of_values(terms: &Terms) -> bool {
    matches!(terms.field.kind(), Kind::Keyword | Kind::Path)
        && !terms.order.iter().any(|order| matches!(order.by, OrderBy::Metric(..)))
}

/// Values by their place in a range of ordinals.
enum Decoded {
    Whole(Rc<[Scalar]>),
    Counted(HashMap<usize, Scalar>),
}

impl Decoded {
    fn has_doubles(&self) -> bool {
        let is_double = |value: &Scalar| matches!(value, Scalar::Double(_));
        match self {
            Self::Whole(values) => values.iter().any(is_double),
            Self::Counted(values) => values.values().any(is_double),
        }
    }

    fn of(&self, place: usize) -> Option<&Scalar> {
        match self {
            Self::Whole(values) => values.get(place),
            Self::Counted(values) => values.get(&place),
        }
    }
}

fn decoded(
    field: &FieldRef,
    column: &StrColumn,
    key: Option<&str>,
    range: &std::ops::Range<u64>,
    counts: &[u32],
    pass: &mut Pass<'_>,
) -> Result<Decoded, SearchError> {
    let value = |term: &String| values::of_term(term, key, field.kind());
    if counts.len() <= SMALL_DICTIONARY {
        if let Some(values) = pass.decoded.get(field) {
            return Ok(Decoded::Whole(values.clone()));
        }
        let ords: Vec<u64> = range.clone().collect();
        let values: Rc<[Scalar]> = segment::terms_at(column, &ords)?.iter().map(value).collect();
        pass.decoded.insert(field.clone(), values.clone());
        return Ok(Decoded::Whole(values));
    }
    let places: Vec<usize> = (0..counts.len()).filter(|&place| counts[place] > 0).collect();
    let ords: Vec<u64> = places.iter().map(|&place| range.start + place as u64).collect();
    let values = segment::terms_at(column, &ords)?;
    Ok(Decoded::Counted(places.into_iter().zip(values.iter().map(value)).collect()))
}

/// How many of the documents have each value; a value that comes twice in a document counts once.
fn counts(
    column: &StrColumn,
    range: std::ops::Range<u64>,
    docs: &[u32],
    pass: &Pass<'_>,
) -> Result<Vec<u32>, SearchError> {
    let mut counts = vec![0_u32; usize::try_from(range.end - range.start).unwrap_or(0)];
    for_each_ordinal(column, docs, pass, |_, ord| {
        if let Some(count) = place(&range, ord).and_then(|place| counts.get_mut(place)) {
            *count += 1;
        }
    })?;
    Ok(counts)
}

/// The documents ordered by value (a counting sort), those of a value in their order.
fn sorted(
    column: &StrColumn,
    range: &std::ops::Range<u64>,
    counts: &[u32],
    docs: &[u32],
    pass: &Pass<'_>,
) -> Result<Vec<u32>, SearchError> {
    let mut next = Vec::with_capacity(counts.len());
    let mut sum = 0_usize;
    for &count in counts {
        next.push(sum);
        sum += count as usize;
    }
    let mut sorted = vec![0_u32; sum];
    for_each_ordinal(column, docs, pass, |doc, ord| {
        if let Some(place) = place(range, ord) {
            sorted[next[place]] = doc;
            next[place] += 1;
        }
    })?;
    Ok(sorted)
}

fn place(range: &std::ops::Range<u64>, ord: u64) -> Option<usize> {
    range.contains(&ord).then(|| usize::try_from(ord - range.start).ok()).flatten()
}

/// Each value of each document once.
fn for_each_ordinal(
    column: &StrColumn,
    docs: &[u32],
    pass: &Pass<'_>,
    mut each: impl FnMut(u32, u64),
) -> Result<(), SearchError> {
    let ords = column.ords();
    let mut block = vec![0_u64; STRIDE];
    let mut several: Vec<u64> = Vec::new();
    for batch in docs.chunks(STRIDE) {
        pass.context.check()?;
        match &ords.index {
            ColumnIndex::Full => {
                segment::read(&*ords.values, batch, &mut block[..batch.len()]);
                batch.iter().zip(&block).for_each(|(&doc, &ord)| each(doc, ord));
            }
            ColumnIndex::Multivalued(_) => {
                for &doc in batch {
                    several.clear();
                    several.extend(ords.values_for_doc(doc));
                    several.sort_unstable();
                    several.dedup();
                    several.iter().for_each(|&ord| each(doc, ord));
                }
            }
            _ => batch.iter().for_each(|&doc| ords.values_for_doc(doc).for_each(|ord| each(doc, ord))),
        }
    }
    Ok(())
}

fn group_of<'g>(
    groups: &'g mut HashMap<Key, Group>,
    key: Key,
    inner: &[Named],
    limits: &mut Limits,
) -> Result<&'g mut Group, SearchError> {
    Ok(match groups.entry(key) {
        Entry::Occupied(group) => group.into_mut(),
        Entry::Vacant(place) => {
            limits.bucket(if let Key::Text(text) = place.key() { text.len() } else { 0 })?;
            place.insert(Group::new(inner)?)
        }
    })
}

/// The first so many in order.
fn keep_first<T>(list: &mut Vec<T>, size: usize, compare: impl Fn(&T, &T) -> Ordering) {
    if size > 0 && list.len() > size {
        list.select_nth_unstable_by(size - 1, &compare);
    }
    list.truncate(size);
    list.sort_by(&compare);
}

fn finished(groups: Vec<(Scalar, Group)>, inner: &[Named], limits: &mut Limits) -> Result<Vec<Bucket>, SearchError> {
    groups.into_iter().map(|(key, group)| group.finish(AnswerKey::Value(key), inner, limits)).collect()
}

fn outcome(buckets: Vec<Bucket>, all: u64) -> Outcome {
    let shown: u64 = buckets.iter().map(|bucket| bucket.count).sum();
    Outcome::Buckets { buckets, other_count: all.saturating_sub(shown), error_bound: 0, after: None }
}

fn directed(order: Ordering, descending: bool) -> Ordering {
    if descending { order.reverse() } else { order }
}

fn count_order(a: (&Scalar, u64), b: (&Scalar, u64), terms: &Terms) -> Ordering {
    let keys = terms.order.iter().map(|wanted| match wanted.by {
        OrderBy::Count => directed(a.1.cmp(&b.1), wanted.descending),
        OrderBy::Key | OrderBy::Metric(..) => directed(order(a.0, b.0), wanted.descending),
    });
    keys.fold(Ordering::Equal, Ordering::then).then_with(|| order(a.0, b.0))
}

fn ordinal_order(a: (u64, u64), b: (u64, u64), terms: &Terms) -> Ordering {
    let keys = terms.order.iter().map(|wanted| match wanted.by {
        OrderBy::Count => directed(a.1.cmp(&b.1), wanted.descending),
        OrderBy::Key | OrderBy::Metric(..) => directed(a.0.cmp(&b.0), wanted.descending),
    });
    keys.fold(Ordering::Equal, Ordering::then).then(a.0.cmp(&b.0))
}

fn bucket_order(a: &Bucket, b: &Bucket, terms: &Terms) -> Ordering {
    let key = |bucket: &Bucket| match &bucket.key {
        AnswerKey::Value(value) => value.clone(),
        _ => Scalar::Null,
    };
    for wanted in &terms.order {
        let found = match &wanted.by {
            OrderBy::Count => a.count.cmp(&b.count),
            OrderBy::Key => order(&key(a), &key(b)),
            OrderBy::Metric(name, which) => {
                let number = |bucket: &Bucket| bucket.inner(name).and_then(|outcome| outcome.number(which));
                match (number(a), number(b)) {
                    (Some(a), Some(b)) => a.total_cmp(&b),
                    // Without a number last, whatever the direction.
                    (None, Some(_)) => return Ordering::Greater,
                    (Some(_), None) => return Ordering::Less,
                    (None, None) => Ordering::Equal,
                }
            }
        };
        let found = if wanted.descending { found.reverse() } else { found };
        if found.is_ne() {
            return found;
        }
    }
    order(&key(a), &key(b))
}
