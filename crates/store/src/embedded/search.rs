//! A search over windows: which are looked at, in which order, and when to stop.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use roaring::RoaringBitmap;
use schema::field::{self, Field, Kind};
use schema::search::{Answer, Bound, FailedWindow, FieldRef, Hit, MAX_WINDOW, Query, Range, Scalar, Search, Total};
use schema::{Event, EventId, IngestSeq, Stream, Timestamp};

use super::aggregate::Aggregator;
use super::hits::{Best, Candidate};
use super::segment::Segment;
use super::window::{Opened, Summary, Window};
use super::{Shared, query, source};
use crate::{Context, SearchError};

/// Keys of one flattened field, and names outside the catalogue, that `fields` lists for a segment.
const MOST_KEYS: usize = 1000;

pub(super) fn answer(shared: &Shared, search: &Search, context: &Context) -> Result<Answer, SearchError> {
    let wanted = search.skip.saturating_add(search.size);
    if wanted > MAX_WINDOW {
        return Err(SearchError::Refused {
            reason: format!("skip + size is {wanted}, at most {MAX_WINDOW}: page with search_after"),
        });
    }
    let width = search.sort.len().max(1) + 1;
    if let Some(after) = search.search_after.as_ref().filter(|after| after.len() != width) {
        return Err(SearchError::Refused {
            reason: format!("search_after takes {width} sort values, found {}", after.len()),
        });
    }
    query::compile(&search.query)?;
    let mut run = Run {
        shared,
        search,
        context,
        best: Best::new(&search.sort, search.search_after.clone(), wanted),
        aggregator: Aggregator::new(&search.aggregations, context)?,
        total: 0,
        answer: Answer { searchable_through: IngestSeq(shared.progress.committed()), ..Answer::default() },
    };
    match run.windows() {
        Err(SearchError::Timeout) if context.allow_partial => run.answer.timed_out = true,
        result => result?,
    }
    run.finish()
}

struct Run<'a> {
    shared: &'a Shared,
    search: &'a Search,
    context: &'a Context,
    best: Best,
    aggregator: Aggregator<'a>,
    total: u64,
    answer: Answer,
}

impl Run<'_> {
    fn windows(&mut self) -> Result<(), SearchError> {
        let mut windows = chosen(self.shared, &self.search.streams);
        // Newest first; a window without any time could be anywhere, so it comes before all.
        windows.sort_by_key(|window| std::cmp::Reverse(window.summary().newest.unwrap_or(i64::MAX)));
        for window in windows {
            let summary = window.summary();
            if window.failure().is_none()
                && (summary.events == 0 || !overlaps(&summary, self.search) || self.is_done(&summary))
            {
                self.answer.windows.pruned += 1;
                continue;
            }
            self.window(&window)?;
        }
        let failed = &self.answer.windows.failed;
        if failed.is_empty() || self.context.allow_partial { Ok(()) } else { Err(SearchError::Windows(failed.clone())) }
    }

    /// Whether no window that ends with this one's newest time can change the answer.
    fn is_done(&self, summary: &Summary) -> bool {
        self.aggregator.is_empty() && self.total > self.search.track_total && self.best.beats(summary.newest)
    }

    fn window(&mut self, window: &Arc<Window>) -> Result<(), SearchError> {
        let opened = match window.opened(self.shared.next_use()) {
            Ok(opened) => opened,
            Err(_) if window.is_gone() => {
                self.answer.windows.pruned += 1;
                return Ok(());
            }
            Err(reason) => {
                self.answer.windows.failed.push(FailedWindow { name: window.label(), reason });
                return Ok(());
            }
        };
        self.answer.windows.searched += 1;
        let query = timed(self.search, &opened.summary);
        for segment in &opened.segments {
            let docs = query::matching(segment, &query, &segment.all(), self.context)?;
            self.total += docs.len();
            self.best.look(segment, window.name.stream, &docs, self.context)?;
            self.aggregator.collect(segment, window.name.stream, &docs)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Answer, SearchError> {
        let mut answer = self.answer;
        let at_least = self.total > self.search.track_total;
        answer.total = Total { value: self.total.min(self.search.track_total), at_least };
        let found = self.best.into_found();
        answer.hits = hits(found.get(self.search.skip..).unwrap_or_default())?;
        answer.aggregations = self.aggregator.finish()?;
        Ok(answer)
    }
}

/// Windows of these streams.
fn chosen(shared: &Shared, streams: &[Stream]) -> Vec<Arc<Window>> {
    let wanted = |window: &&Arc<Window>| streams.is_empty() || streams.contains(&window.name.stream);
    shared.windows().values().filter(wanted).cloned().collect()
}

fn overlaps(summary: &Summary, search: &Search) -> bool {
    if search.from_time.is_none() && search.to_time.is_none() {
        return true;
    }
    let (Some(oldest), Some(newest)) = (summary.oldest, summary.newest) else { return false };
    search.from_time.is_none_or(|from| newest >= from.millis()) && search.to_time.is_none_or(|to| oldest < to.millis())
}

/// The query with the bounds of time, as far as the window does not lie inside them anyway.
fn timed(search: &Search, summary: &Summary) -> Query {
    let inside = !summary.untimed
        && search.from_time.is_none_or(|from| summary.oldest.is_some_and(|oldest| oldest >= from.millis()))
        && search.to_time.is_none_or(|to| summary.newest.is_some_and(|newest| newest < to.millis()));
    if inside || (search.from_time.is_none() && search.to_time.is_none()) {
        return search.query.clone();
    }
    let date = |time: Timestamp| Scalar::Date(time);
    let bounds = Query::Range(Range {
        field: FieldRef::Known(field::TIMESTAMP),
        lower: search.from_time.map_or(Bound::Open, |time| Bound::Included(date(time))),
        upper: search.to_time.map_or(Bound::Open, |time| Bound::Excluded(date(time))),
    });
    Query::all(vec![search.query.clone(), bounds])
}

/// Whole events for candidates, in their order; one pass for each segment.
pub(super) fn hits(candidates: &[Candidate]) -> Result<Vec<Hit>, SearchError> {
    let mut by_segment: HashMap<*const Segment, Vec<usize>> = HashMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        by_segment.entry(Arc::as_ptr(&candidate.segment)).or_default().push(at);
    }
    let mut hits: Vec<Option<Hit>> = vec![None; candidates.len()];
    for places in by_segment.values() {
        let segment = &candidates[places[0]].segment;
        let docs: Vec<u32> = places.iter().map(|&at| candidates[at].doc).collect();
        for (event, &at) in source::rebuild(segment, &docs)?.into_iter().zip(places) {
            hits[at] = Some(hit(&candidates[at], event)?);
        }
    }
    Ok(hits.into_iter().flatten().collect())
}

fn hit(candidate: &Candidate, event: Event) -> Result<Hit, SearchError> {
    Ok(Hit {
        id: event.str(field::EVENT_ID).unwrap_or_default().to_owned(),
        stream: candidate.stream,
        seq: candidate.segment.seq(candidate.doc)?,
        event,
        sort: candidate.key.clone(),
    })
}

pub(super) fn get(shared: &Shared, ids: &[EventId], context: &Context) -> Result<Vec<Event>, SearchError> {
    let mut events = Vec::with_capacity(ids.len());
    for window in chosen(shared, &[]) {
        if events.len() >= ids.len() {
            break;
        }
        for segment in &readable(shared, &window, context)?.map(|opened| opened.segments.clone()).unwrap_or_default() {
            let mut docs = RoaringBitmap::new();
            for (at, &id) in ids.iter().enumerate() {
                if at.is_multiple_of(256) {
                    context.check()?;
                }
                docs |= segment.find(id)?;
            }
            events.extend(source::rebuild(segment, &docs.iter().collect::<Vec<_>>())?);
        }
    }
    Ok(events)
}

pub(super) fn scan(
    shared: &Shared,
    search: &Search,
    context: &Context,
    sink: &mut dyn FnMut(Vec<Event>) -> bool,
) -> Result<(), SearchError> {
    query::compile(&search.query)?;
    let mut windows = chosen(shared, &search.streams);
    windows.sort_by_key(|window| window.summary().oldest.unwrap_or(i64::MIN));
    for window in windows {
        let Some(opened) = readable(shared, &window, context)? else { continue };
        if !overlaps(&opened.summary, search) {
            continue;
        }
        let query = timed(search, &opened.summary);
        for segment in &opened.segments {
            let docs: Vec<u32> = query::matching(segment, &query, &segment.all(), context)?.iter().collect();
            for batch in docs.chunks(source::BATCH) {
                context.check()?;
                if !sink(source::rebuild(segment, batch)?) {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// The opened window; `None` if it cannot be read and that is allowed.
fn readable(shared: &Shared, window: &Arc<Window>, context: &Context) -> Result<Option<Arc<Opened>>, SearchError> {
    match window.opened(shared.next_use()) {
        Ok(opened) => Ok(Some(opened)),
        Err(_) if context.allow_partial || window.is_gone() => Ok(None),
        Err(reason) => Err(SearchError::Windows(vec![FailedWindow { name: window.label(), reason }])),
    }
}

pub(super) fn fields(shared: &Shared, streams: &[Stream]) -> Vec<String> {
    let mut names = BTreeSet::new();
    for window in chosen(shared, streams) {
        let Ok(opened) = window.opened(shared.next_use()) else { continue };
        for segment in &opened.segments {
            match segment.names(|| names_in(segment)) {
                Ok(found) => names.extend(found.iter().cloned()),
                Err(error) => tracing::warn!(window = window.label(), %error, "could not list fields"),
            }
        }
    }
    names.into_iter().collect()
}

fn names_in(segment: &Segment) -> Result<Vec<String>, SearchError> {
    let mut names = Vec::new();
    for known in Field::all() {
        match segment.values(known)? {
            Some(values) if known.kind() == Kind::Flattened => {
                let keys = Segment::keys(values, "", MOST_KEYS)?;
                names.extend(keys.into_iter().map(|key| format!("{}.{key}", known.name())));
            }
            Some(_) => names.push(known.name().to_owned()),
            None if !segment.has(known)?.is_empty() || !segment.odd(known)?.is_empty() => {
                names.push(known.name().to_owned())
            }
            None => {}
        }
    }
    if !segment.with_own_id()?.is_empty() {
        names.push(field::EVENT_ID.name().to_owned());
    }
    if let Some(values) = segment.dynamic()? {
        names.extend(Segment::keys(values, "", MOST_KEYS)?);
    }
    Ok(names)
}
