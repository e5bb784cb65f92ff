//! Deadlines, cancelling, bounds, and that what was appended is found in time.

use std::sync::atomic::Ordering;

use schema::search::{Aggregation, FieldRef, Named, Terms};
use store::embedded::{Engine, Options};
use store::{SearchError, Store as _};

use super::*;

fn filled(events_to: u64) -> (tempfile::TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path(), Options::default()).unwrap();
    engine.append(&events(1, events_to)).unwrap();
    engine.commit().unwrap();
    (folder, engine)
}

fn terms(field: &str) -> Named {
    let aggregation = Aggregation::Terms(Terms::top(FieldRef::resolve(field), 65_535));
    Named { name: field.to_owned(), aggregation, inner: Vec::new() }
}

#[test]
fn found_two_seconds_after_the_append_without_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path(), Options::default()).unwrap();
    // Nobody has searched yet, so the next commit by itself is ten seconds away.
    engine.append(&events(1, 100)).unwrap();
    let appended = Instant::now();
    testkit::eventually("two seconds have passed", Duration::from_secs(4), || {
        (appended.elapsed() >= Duration::from_secs(2)).then_some(())
    });
    assert_eq!(total(&engine), 99);
    assert_eq!(engine.searchable_through(), IngestSeq(99));
    // While somebody searches it happens without being asked for.
    engine.append(&events(100, 200)).unwrap();
    testkit::eventually("a commit", Duration::from_secs(8), || {
        (engine.committed_through() == IngestSeq(199)).then_some(())
    });
}

#[test]
fn a_search_stops_at_its_deadline_and_when_cancelled() {
    let (_folder, engine) = filled(2000);
    let past = Context::until(Instant::now());
    assert!(matches!(engine.search(&Search::default(), &past), Err(SearchError::Timeout)));
    let partial = Context { allow_partial: true, ..past };
    assert!(engine.search(&Search::default(), &partial).unwrap().timed_out);
    let cancelled = context();
    cancelled.cancel.store(true, Ordering::Relaxed);
    assert!(matches!(engine.search(&Search::default(), &cancelled), Err(SearchError::Cancelled)));
    assert!(matches!(engine.get(&[], &cancelled), Ok(events) if events.is_empty()));
}

#[test]
fn a_search_that_needs_too_much_says_so() {
    let (_folder, engine) = filled(3000);
    let search = Search { aggregations: vec![terms("event.id"), terms("message")], ..Search::default() };
    let few = Context { max_buckets: 100, ..context() };
    assert!(matches!(engine.search(&search, &few), Err(SearchError::TooLarge(_))));
    let little = Context { memory_bytes: 10_000, ..context() };
    assert!(matches!(engine.search(&search, &little), Err(SearchError::TooLarge(_))));
    let far = Search { skip: 9_990, size: 20, ..Search::default() };
    assert!(matches!(engine.search(&far, &context()), Err(SearchError::Refused { .. })));
    let stored =
        Query::Prefix { field: FieldRef::resolve("event.original"), value: "x".to_owned(), case_insensitive: false };
    let kept = Search { query: stored, ..Search::default() };
    assert!(matches!(engine.search(&kept, &context()), Err(SearchError::Refused { .. })));
}

#[test]
fn a_scan_ends_when_its_reader_has_enough() {
    let (_folder, engine) = filled(3000);
    let mut seen = 0;
    engine
        .scan(&Search::default(), &context(), &mut |batch| {
            seen += batch.len();
            true
        })
        .unwrap();
    assert_eq!(seen, 2999);
    let mut batches = 0;
    engine
        .scan(&Search::default(), &context(), &mut |_| {
            batches += 1;
            false
        })
        .unwrap();
    assert_eq!(batches, 1);
}
