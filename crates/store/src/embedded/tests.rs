//! The engine as a whole, through the trait.

mod aggregations;
mod basics;
mod differential;

use std::time::{Duration, Instant};

use schema::search::{Query, Search};
use schema::{Event, IngestSeq, Timestamp};
use tempfile::TempDir;

use super::{Engine, Options};
use crate::memory::Matcher;
use crate::{Accepted, Context, Store as _};

/// 2026-11-24T08:00:00Z
const NOW: i64 = 1_795_507_200_000;

fn context() -> Context {
    Context::until(Instant::now() + Duration::from_secs(60))
}

fn open(folder: &TempDir) -> Engine {
    Engine::open(folder.path(), Options::default()).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_millis(NOW)
}

/// Gives events the next orders, all arrived now.
fn accepted(from: u64, events: impl IntoIterator<Item = Event>) -> Vec<Accepted> {
    (from..).zip(events).map(|(seq, event)| Accepted { seq: IngestSeq(seq), received: now(), event }).collect()
}

fn store(events: Vec<Event>) -> (TempDir, Engine) {
    let folder = TempDir::new().unwrap();
    let engine = open(&folder);
    engine.append(&accepted(1, events)).unwrap();
    engine.commit().unwrap();
    (folder, engine)
}

fn all(query: Query) -> Search {
    Search { query, size: 10_000, track_total: u64::MAX, ..Search::default() }
}

/// The JSON of everything that a query finds, sorted.
fn found(engine: &Engine, query: &Query) -> Vec<String> {
    let answer = engine.search(&all(query.clone()), &context()).unwrap();
    let mut found: Vec<String> = answer.hits.iter().map(|hit| hit.event.to_json()).collect();
    found.sort();
    assert_eq!(answer.total.value, found.len() as u64);
    found
}

fn expected(events: &[Event], query: &Query) -> Vec<String> {
    let matcher = Matcher::new(query).unwrap();
    let mut expected: Vec<String> = events.iter().filter(|event| matcher.matches(event)).map(Event::to_json).collect();
    expected.sort();
    expected
}
