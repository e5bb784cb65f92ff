//! The store as its users see it: crashes, full disks, retention, deadlines.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests: a failure ends them, a skip is told")]

mod crash;
mod full_disk;
mod promise;
mod windows;

use std::time::{Duration, Instant};

use schema::search::{Query, Search};
use schema::{Event, IngestSeq, Timestamp, field};
use store::{Accepted, Context, Store};

/// 2026-11-24T08:00:00Z
const NOW: i64 = 1_795_507_200_000;

fn context() -> Context {
    Context::until(Instant::now() + Duration::from_secs(60))
}

/// The event that was given the order `seq`; always the same.
fn event(seq: u64) -> Accepted {
    let streams = ["auditng.audit", "auditng.fim", "auditng.health"];
    let mut event = Event::new(Timestamp::from_millis(NOW + i64::try_from(seq).unwrap() * 700));
    event.push_str(field::EVENT_DATASET, streams[usize::try_from(seq % 3).unwrap()]);
    event.push_str(field::EVENT_ID, &format!("0000000000aa-00000001-{seq:012x}"));
    event.push_str(field::PROCESS_NAME, &format!("tool-{}", seq % 7));
    event.push_str(field::MESSAGE, &format!("message number {seq}"));
    Accepted { seq: IngestSeq(seq), received: Timestamp::from_millis(NOW + 60_000), event }
}

fn events(from: u64, to: u64) -> Vec<Accepted> {
    (from..to).map(event).collect()
}

/// The orders of all events in the store, sorted.
fn orders(store: &dyn Store) -> Vec<u64> {
    let mut orders = Vec::new();
    let mut search = Search { query: Query::MatchAll, size: 10_000, ..Search::default() };
    loop {
        let answer = store.search(&search, &context()).unwrap();
        orders.extend(answer.hits.iter().map(|hit| hit.seq.0));
        match answer.hits.last() {
            Some(last) => search.search_after = Some(last.sort.clone()),
            None => break,
        }
    }
    orders.sort_unstable();
    orders
}

fn total(store: &dyn Store) -> u64 {
    let search = Search { size: 0, track_total: u64::MAX, ..Search::default() };
    store.search(&search, &context()).unwrap().total.value
}

/// Whether the store holds exactly the orders `1..to`, each once. Says which are wrong, not all.
fn assert_each_once(store: &dyn Store, to: u64) {
    let orders = orders(store);
    let mut expected = 1..to;
    let wrong: Vec<u64> = orders.iter().copied().filter(|&order| expected.next() != Some(order)).take(5).collect();
    assert!(wrong.is_empty() && orders.len() as u64 == to - 1, "{} orders, wrong from {wrong:?} on", orders.len());
}
