//! Which hits come first.
//!
//! Each segment gives its best `skip + size` documents by keys that mean something only inside it (numbers, ordinals of a
//! sorted dictionary); only these few are given real values and compared between segments. Events whose sort value is not
//! in a column are compared by real values from the start.

use std::cmp::Ordering;
use std::sync::Arc;

use roaring::RoaringBitmap;
use schema::field::{self, Kind};
use schema::search::{FieldRef, Scalar, Sort, value};
use tantivy::columnar::{Column, ColumnIndex, StrColumn, TermOrdHit};

use super::segment::{STRIDE, Segment, Values};
use super::values;
use crate::{Context, SearchError};

/// A document with its place in the order.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) segment: Arc<Segment>,
    pub(super) doc: u32,
    pub(super) stream: schema::Stream,
    /// Real values: one for each key, `event.id` last.
    pub(super) key: Vec<Scalar>,
}

/// The order of the hits and the best found so far.
pub(super) struct Best {
    sorts: Vec<Sort>,
    after: Option<Vec<Scalar>>,
    wanted: usize,
    found: Vec<Candidate>,
}

impl Best {
    pub(super) fn new(sorts: &[Sort], after: Option<Vec<Scalar>>, wanted: usize) -> Self {
        let newest = || vec![Sort { field: FieldRef::Known(field::TIMESTAMP), descending: true, missing_first: false }];
        let sorts = if sorts.is_empty() { newest() } else { sorts.to_vec() };
        Self { sorts, after, wanted, found: Vec::new() }
    }

    pub(super) fn into_found(self) -> Vec<Candidate> {
        self.found
    }

    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= self.wanted
    }

    /// Whether nothing that happened at or before `newest` (ms) can still come in, in an order by newest time first. Where
    /// events without a time come before all others, any window may hold one.
    pub(super) fn beats(&self, newest: Option<i64>) -> bool {
        let first = &self.sorts[0];
        let by_time = first.field == FieldRef::Known(field::TIMESTAMP) && first.descending && !first.missing_first;
        if self.wanted == 0 {
            return true;
        }
        let Some(worst) = self.found.last().filter(|_| by_time && self.is_full()) else { return false };
        match (&worst.key[0], newest) {
            (Scalar::Date(time), Some(newest)) => time.millis() > newest,
            _ => false,
        }
    }

    /// Looks at the matching documents of a segment.
    pub(super) fn look(
        &mut self,
        segment: &Arc<Segment>,
        stream: schema::Stream,
        docs: &RoaringBitmap,
        context: &Context,
    ) -> Result<(), SearchError> {
        if self.wanted == 0 || docs.is_empty() {
            return Ok(());
        }
        let odd = self.odd(segment)? & docs;
        let regular = docs - &odd;
        let chosen = match self.local(segment)? {
            Some(local) => local.best(self, segment, &regular, context)?,
            None => regular.iter().collect(),
        };
        self.merge(segment, stream, &chosen, context)?;
        self.merge(segment, stream, &odd.iter().collect::<Vec<_>>(), context)
    }

    fn odd(&self, segment: &Segment) -> Result<RoaringBitmap, SearchError> {
        let mut odd = segment.odd(field::EVENT_ID)?;
        for sort in &self.sorts {
            odd |= values::odd(segment, &sort.field)?;
        }
        Ok(odd)
    }

    /// Gives documents their real keys and keeps the best.
    fn merge(
        &mut self,
        segment: &Arc<Segment>,
        stream: schema::Stream,
        docs: &[u32],
        context: &Context,
    ) -> Result<(), SearchError> {
        let sorts = self.sorts.clone();
        let fields: Vec<&FieldRef> = sorts.iter().map(|sort| &sort.field).collect();
        for batch in docs.chunks(STRIDE) {
            context.check()?;
            let columns = values::of_docs(segment, &fields, batch)?;
            for (at, &doc) in batch.iter().enumerate() {
                let mut key: Vec<Scalar> = self
                    .sorts
                    .iter()
                    .zip(&columns.fields)
                    .map(|(sort, column)| one_of(&column[at], sort.descending))
                    .collect();
                key.push(Scalar::Text(columns.ids[at].clone()));
                if self.after.as_ref().is_none_or(|after| self.compare(&key, after) == Ordering::Greater) {
                    self.found.push(Candidate { segment: segment.clone(), doc, stream, key });
                }
            }
            self.trim();
        }
        Ok(())
    }

    fn trim(&mut self) {
        let mut found = std::mem::take(&mut self.found);
        found.sort_by(|a, b| self.compare(&a.key, &b.key));
        found.truncate(self.wanted);
        self.found = found;
    }

    fn compare(&self, a: &[Scalar], b: &[Scalar]) -> Ordering {
        for (at, sort) in self.sorts.iter().enumerate() {
            let order = match (a.get(at), b.get(at)) {
                (Some(a), Some(b)) => compare(a, b, sort.descending, sort.missing_first),
                _ => Ordering::Equal,
            };
            if order.is_ne() {
                return order;
            }
        }
        match (a.get(self.sorts.len()), b.get(self.sorts.len())) {
            (Some(a), Some(b)) => value::order(b, a),
            _ => Ordering::Equal,
        }
    }

    /// The fast way, where there is one sort key and it is a column.
    fn local<'a>(&self, segment: &'a Segment) -> Result<Option<Local<'a>>, SearchError> {
        let [sort] = self.sorts.as_slice() else { return Ok(None) };
        let FieldRef::Known(known) = sort.field else { return Ok(None) };
        let keys = match (segment.values(known)?, known.kind()) {
            (Some(Values::Long(column)), _) => Keys::Number(column),
            (Some(Values::Text(column)), Kind::Keyword | Kind::Path) if known != field::EVENT_ID => {
                Keys::Ordinal(column)
            }
            _ => return Ok(None),
        };
        Ok(Some(Local { keys, sort: sort.clone() }))
    }
}

/// Of several values the smallest counts in ascending order, the largest in descending.
fn one_of(values: &[Scalar], descending: bool) -> Scalar {
    let best = if descending {
        values.iter().max_by(|a, b| value::order(a, b))
    } else {
        values.iter().min_by(|a, b| value::order(a, b))
    };
    best.cloned().unwrap_or(Scalar::Null)
}

fn compare(a: &Scalar, b: &Scalar, descending: bool, missing_first: bool) -> Ordering {
    match (a == &Scalar::Null, b == &Scalar::Null) {
        (true, true) => Ordering::Equal,
        (true, false) => {
            if missing_first {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (false, true) => {
            if missing_first {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (false, false) => {
            let order = value::order(a, b);
            if descending { order.reverse() } else { order }
        }
    }
}

/// One sort key inside a segment.
struct Local<'a> {
    keys: Keys<'a>,
    sort: Sort,
}

enum Keys<'a> {
    Number(&'a Column<i64>),
    Ordinal(&'a StrColumn),
}

/// What a document's key must not be worse than, in the segment's own keys.
#[derive(Clone, Copy)]
struct Edge {
    key: i64,
    /// Documents with just this key may still count.
    inclusive: bool,
}

impl Local<'_> {
    /// The best documents; ties at the edge are all kept, up to what can be compared by id here.
    fn best(
        &self,
        best: &Best,
        segment: &Segment,
        docs: &RoaringBitmap,
        context: &Context,
    ) -> Result<Vec<u32>, SearchError> {
        let start = match best.after.as_ref().and_then(|after| after.first()) {
            Some(after) => match self.edge(after)? {
                Some(edge) => Some(edge),
                // After an event without a value: only the general way knows what follows.
                None => return Ok(docs.iter().collect()),
            },
            None => None,
        };
        let limit = match best.found.last().filter(|_| best.is_full()) {
            Some(worst) => self.edge(&worst.key[0])?,
            None => None,
        };
        let mut chosen: Vec<(i64, u32)> = Vec::new();
        // They share the key of the event to go on after; only their ids, compared later, tell which of them follow it.
        // So they never count as chosen: a cut that counted them would leave a page short, and other segments would fill
        // it with worse documents.
        let mut beside: Vec<u32> = Vec::new();
        let mut worst: Option<i64> = None;
        let mut keys = Vec::new();
        let mut batch = Vec::with_capacity(STRIDE);
        let mut docs = docs.iter();
        loop {
            context.check()?;
            batch.clear();
            batch.extend(docs.by_ref().take(STRIDE));
            if batch.is_empty() {
                break;
            }
            self.ranks(&batch, &mut keys);
            for (&doc, &key) in batch.iter().zip(&keys) {
                if worst.is_some_and(|worst| key > worst) || !self.within(key, start, limit) {
                    continue;
                }
                if start.is_some_and(|start| key == start.key) {
                    beside.push(doc);
                } else {
                    chosen.push((key, doc));
                }
            }
            if chosen.len() > 4 * best.wanted + STRIDE {
                worst = Some(self.cut(best.wanted, segment, &mut chosen)?);
            }
        }
        if chosen.len() > best.wanted {
            self.cut(best.wanted, segment, &mut chosen)?;
        }
        beside.extend(chosen.into_iter().map(|(_, doc)| doc));
        Ok(beside)
    }

    /// Keys as ranks: smaller is better.
    fn ranks(&self, docs: &[u32], out: &mut Vec<i64>) {
        out.clear();
        let missing = if self.sort.missing_first { i64::MIN } else { i64::MAX };
        let descending = self.sort.descending;
        match self.keys {
            Keys::Number(column) => ranks(column, docs, descending, missing, out, |value| value),
            Keys::Ordinal(column) => {
                ranks(column.ords(), docs, descending, missing, out, |ord| i64::try_from(ord).unwrap_or(i64::MAX));
            }
        }
    }

    /// A real value as a rank of this segment; `None` for the absent value.
    fn edge(&self, value: &Scalar) -> Result<Option<Edge>, SearchError> {
        let rank = |key: i64| if self.sort.descending { !key } else { key };
        Ok(match (&self.keys, value) {
            (Keys::Number(_), Scalar::Long(number)) => Some(Edge { key: rank(*number), inclusive: true }),
            (Keys::Number(_), Scalar::Date(time)) => Some(Edge { key: rank(time.millis()), inclusive: true }),
            (Keys::Ordinal(column), Scalar::Text(text)) => {
                let place = |ord: u64| i64::try_from(ord).unwrap_or(i64::MAX);
                Some(match column.dictionary().term_ord_or_next(text.as_bytes())? {
                    TermOrdHit::Exact(ord) => Edge { key: rank(place(ord)), inclusive: true },
                    // Between two terms: what is before `ord` is smaller than the value.
                    TermOrdHit::Next(ord) if self.sort.descending => {
                        Edge { key: rank(place(ord) - 1), inclusive: true }
                    }
                    TermOrdHit::Next(ord) => Edge { key: place(ord), inclusive: true },
                })
            }
            _ => None,
        })
    }

    fn within(&self, key: i64, start: Option<Edge>, limit: Option<Edge>) -> bool {
        let begun = start.is_none_or(|start| key > start.key || (start.inclusive && key == start.key));
        let before = limit.is_none_or(|limit| key < limit.key || (limit.inclusive && key == limit.key));
        begun && before
    }

    /// Keeps the best so many, ties decided by id, and returns the worst key left.
    fn cut(&self, wanted: usize, segment: &Segment, chosen: &mut Vec<(i64, u32)>) -> Result<i64, SearchError> {
        let at = wanted.saturating_sub(1).min(chosen.len().saturating_sub(1));
        let (_, &mut (edge, _), _) = chosen.select_nth_unstable_by_key(at, |&(key, _)| key);
        let mut better: Vec<(i64, u32)> = chosen.iter().copied().filter(|&(key, _)| key < edge).collect();
        let mut ties: Vec<u32> = chosen.iter().filter(|&&(key, _)| key == edge).map(|&(_, doc)| doc).collect();
        let room = wanted - better.len().min(wanted);
        if ties.len() > room {
            ties = largest_ids(segment, ties, room)?;
        }
        better.extend(ties.into_iter().map(|doc| (edge, doc)));
        *chosen = better;
        Ok(edge)
    }
}

/// The documents with the largest ids.
fn largest_ids(segment: &Segment, docs: Vec<u32>, wanted: usize) -> Result<Vec<u32>, SearchError> {
    let mut named = Vec::with_capacity(docs.len());
    for (doc, id) in docs.iter().zip(values::ids(segment, &docs)?) {
        named.push((id, *doc));
    }
    named.sort_unstable_by(|a, b| b.0.cmp(&a.0));
    named.truncate(wanted);
    Ok(named.into_iter().map(|(_, doc)| doc).collect())
}

fn ranks<T: Copy + PartialOrd + std::fmt::Debug + Send + Sync + Default + 'static>(
    column: &Column<T>,
    docs: &[u32],
    descending: bool,
    missing: i64,
    out: &mut Vec<i64>,
    number: impl Fn(T) -> i64,
) {
    let rank = |value: T| if descending { !number(value) } else { number(value) };
    if matches!(column.index, ColumnIndex::Full) {
        let mut values = vec![T::default(); docs.len()];
        column.values.get_vals(docs, &mut values);
        out.extend(values.into_iter().map(rank));
    } else {
        out.extend(docs.iter().map(|&doc| column.values_for_doc(doc).map(rank).min().unwrap_or(missing)));
    }
}
