//! A store in memory.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use schema::search::{Answer, Hit, MAX_WINDOW, Search, Total, Windows};
use schema::{Event, EventId, IngestSeq, Stream, Timestamp, field};

use super::Matcher;
use super::aggregate::{self, Run};
use super::values::HitOrder;
use crate::{Accepted, AppendError, Context, SearchError, Store, Window};

/// How many events are looked at between two looks at deadline and cancellation.
const STRIDE: usize = 1024;

/// A store that keeps its events in memory, in the order of acceptance, and looks at each of them for every search.
#[derive(Debug, Default)]
pub struct Memory {
    events: Mutex<Vec<Accepted>>,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A panic elsewhere cannot leave a half-made list: events are only pushed.
    fn events(&self) -> MutexGuard<'_, Vec<Accepted>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn append(&self, batch: &[Accepted]) -> Result<(), AppendError> {
        let mut events = self.events();
        for accepted in batch {
            if events.last().is_none_or(|last| last.seq < accepted.seq) {
                events.push(accepted.clone());
            }
        }
        Ok(())
    }

    fn commit(&self) -> Result<(), AppendError> {
        Ok(())
    }

    fn committed_through(&self) -> IngestSeq {
        self.events().last().map_or(IngestSeq(0), |last| last.seq)
    }

    fn searchable_through(&self) -> IngestSeq {
        self.committed_through()
    }

    fn search(&self, search: &Search, context: &Context) -> Result<Answer, SearchError> {
        let wanted = search.skip.saturating_add(search.size);
        if wanted > MAX_WINDOW {
            let reason = format!("skip + size is {wanted}, at most {MAX_WINDOW}: page with search_after");
            return Err(SearchError::Refused { reason });
        }
        let events = self.events();
        let matching = matching(&events, search, context)?;
        let count = matching.len() as u64;
        let hits = hits(&matching, search)?;
        let mut run = Run::new(context);
        let aggregations = aggregate::outcomes(&search.aggregations, &matching, &mut run)?;
        Ok(Answer {
            total: Total { value: count.min(search.track_total), at_least: count > search.track_total },
            hits,
            aggregations,
            searchable_through: events.last().map_or(IngestSeq(0), |last| last.seq),
            windows: Windows { searched: 1, ..Windows::default() },
            timed_out: false,
        })
    }

    fn get(&self, ids: &[EventId], context: &Context) -> Result<Vec<Event>, SearchError> {
        let ids: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
        let mut found = Vec::new();
        for (at, accepted) in self.events().iter().enumerate() {
            if at.is_multiple_of(STRIDE) {
                context.check()?;
            }
            if accepted.event.str(field::EVENT_ID).is_some_and(|id| ids.contains(id)) {
                found.push(accepted.event.clone());
            }
        }
        Ok(found)
    }

    fn scan(
        &self,
        search: &Search,
        context: &Context,
        sink: &mut dyn FnMut(Vec<Event>) -> bool,
    ) -> Result<(), SearchError> {
        let batches: Vec<Vec<Event>> = {
            let events = self.events();
            let matching = matching(&events, search, context)?;
            matching.chunks(10_000).map(|batch| batch.iter().map(|accepted| accepted.event.clone()).collect()).collect()
        };
        for batch in batches {
            context.check()?;
            if !sink(batch) {
                break;
            }
        }
        Ok(())
    }

    fn fields(&self, streams: &[Stream]) -> Vec<String> {
        let mut names = BTreeSet::new();
        for accepted in self.events().iter().filter(|accepted| is_in(accepted, streams)) {
            names.extend(accepted.event.entries().map(|entry| entry.name()));
        }
        names.into_iter().collect()
    }

    fn windows(&self) -> Vec<Window> {
        let events = self.events();
        let window = |stream: Stream| {
            let mut window = Window {
                stream,
                name: "memory".to_owned(),
                events: 0,
                bytes: 0,
                oldest: None,
                newest: None,
                sealed: false,
                failed: None,
            };
            for accepted in events.iter().filter(|accepted| accepted.event.stream() == stream) {
                let time = accepted.event.time();
                window.events += 1;
                window.oldest = window.oldest.into_iter().chain(time).min();
                window.newest = window.newest.max(time);
            }
            window
        };
        Stream::ALL.into_iter().map(window).filter(|window| window.events > 0).collect()
    }

    /// Memory has no retention: whoever uses it decides how much to append.
    fn enforce_retention(&self, _now: Timestamp) -> Vec<Window> {
        Vec::new()
    }
}

/// The events that a search is about, oldest accepted first.
fn matching<'e>(events: &'e [Accepted], search: &Search, context: &Context) -> Result<Vec<&'e Accepted>, SearchError> {
    let matcher = compile(&search.query)?;
    let mut found = Vec::new();
    for (at, accepted) in events.iter().enumerate() {
        if at.is_multiple_of(STRIDE) {
            context.check()?;
        }
        let event = &accepted.event;
        if is_in(accepted, &search.streams) && in_time(event, search) && matcher.matches(event) {
            found.push(accepted);
        }
    }
    Ok(found)
}

pub(super) fn compile(query: &schema::search::Query) -> Result<Matcher, SearchError> {
    Matcher::new(query).map_err(|error| SearchError::Refused { reason: error.to_string() })
}

fn is_in(accepted: &Accepted, streams: &[Stream]) -> bool {
    streams.is_empty() || streams.contains(&accepted.event.stream())
}

/// Within the bounds of `@timestamp`; an event without one is in no range.
fn in_time(event: &Event, search: &Search) -> bool {
    if search.from_time.is_none() && search.to_time.is_none() {
        return true;
    }
    let times = super::values::of(event, &schema::search::FieldRef::Known(field::TIMESTAMP));
    times.iter().any(|time| match time {
        schema::search::Scalar::Date(time) => {
            search.from_time.is_none_or(|from| *time >= from) && search.to_time.is_none_or(|to| *time < to)
        }
        _ => false,
    })
}

fn hits(matching: &[&Accepted], search: &Search) -> Result<Vec<Hit>, SearchError> {
    let order = HitOrder::new(&search.sort);
    let mut hits = sorted(matching, &order);
    if let Some(after) = &search.search_after {
        if after.len() != order.width() {
            let reason = format!("search_after takes {} sort values, found {}", order.width(), after.len());
            return Err(SearchError::Refused { reason });
        }
        hits.retain(|hit| order.compare(&hit.sort, after).is_gt());
    }
    Ok(hits.into_iter().skip(search.skip).take(search.size).collect())
}

/// All of these events as hits in their order.
pub(super) fn sorted(events: &[&Accepted], order: &HitOrder) -> Vec<Hit> {
    let hit = |accepted: &&Accepted| Hit {
        id: accepted.event.str(field::EVENT_ID).unwrap_or_default().to_owned(),
        stream: accepted.event.stream(),
        seq: accepted.seq,
        event: accepted.event.clone(),
        sort: order.key(&accepted.event),
    };
    let mut hits: Vec<Hit> = events.iter().map(hit).collect();
    hits.sort_by(|a, b| order.compare(&a.sort, &b.sort));
    hits
}
