//! Fills a store with generated events and measures it: events per CPU second, bytes per event, memory, searches.
//!
//! `cargo run --release -p store --example ingest -- [EVENTS] [--keep DIR]`
//!
//! CPU time of all threads for writing, of the asking thread for searches, so that a busy machine does not matter much.
//! Generating the events is measured apart and taken off.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a measuring program prints figures"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use schema::search::{Aggregation, DateHistogram, FieldRef, Interval, Metric, Named, Query, Scalar, Search, Terms};
use schema::{Event, EventId, IngestSeq, Timestamp, field};
use store::embedded::{Engine, Options};
use store::{Accepted, Context, Store};
use testkit::generate::Generator;

const SEED: u64 = 7;
/// 2026-11-24T08:00:00Z
const START: i64 = 1_795_507_200_000;
const BATCH: usize = 1000;
const RATE: u64 = 1000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (mut events, mut keep) = (1_000_000_u64, None);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--keep" => keep = args.next().map(PathBuf::from),
            number => events = number.replace('_', "").parse()?,
        }
    }
    let temporary = tempfile::tempdir()?;
    let folder = keep.unwrap_or_else(|| temporary.path().to_owned());
    println!("events {events} seed {SEED}");
    let generating = generating(events);
    let id = write(&folder, events, generating)?;
    ask(&folder, id)
}

fn generator() -> Generator {
    Generator::new(SEED, Timestamp::from_millis(START), RATE)
}

fn generating(events: u64) -> f64 {
    let before = cpu_of_process();
    let mut generator = generator();
    let mut event = Event::default();
    let mut bytes = 0;
    for n in 0..events {
        generator.fill(&mut event);
        if n < 1000 {
            bytes += event.to_json().len();
        }
    }
    println!("json_bytes_per_event {}", bytes / 1000);
    cpu_of_process() - before
}

fn write(folder: &std::path::Path, events: u64, generating: f64) -> Result<EventId, Box<dyn std::error::Error>> {
    let engine = Engine::open(folder, Options::default())?;
    let mut generator = generator();
    let empty = Accepted { seq: IngestSeq(0), received: Timestamp::default(), event: Event::default() };
    let mut batch: Vec<Accepted> = vec![empty; BATCH];
    let mut last = None;
    let mut seq = 0;
    let (wall, before) = (Instant::now(), cpu_of_process());
    while seq < events {
        let mut filled = 0;
        // The events' memory is used again, as it is where generating is measured.
        for accepted in batch.iter_mut().take(usize::try_from(events - seq)?) {
            seq += 1;
            filled += 1;
            last = Some(generator.fill(&mut accepted.event));
            accepted.seq = IngestSeq(seq);
            accepted.received = accepted.event.time().unwrap_or_default();
        }
        engine.append(&batch[..filled])?;
    }
    engine.commit()?;
    let cpu = cpu_of_process() - before - generating;
    let bytes: u64 = engine.windows().iter().map(|window| window.bytes).sum();
    println!("write_events_per_cpu_second {:.0} wall_seconds {:.1}", events as f64 / cpu, wall.elapsed().as_secs_f64());
    println!("bytes_per_event_open {:.1}", bytes as f64 / events as f64);
    let before = cpu_of_process();
    engine.seal_all()?;
    let sealing = cpu_of_process() - before;
    let bytes: u64 = engine.windows().iter().map(|window| window.bytes).sum();
    println!("seal_us_per_event {:.2}", sealing * 1e6 / events as f64);
    println!("write_and_seal_events_per_cpu_second {:.0}", events as f64 / (cpu + sealing));
    println!("bytes_per_event_sealed {:.1} windows {}", bytes as f64 / events as f64, engine.windows().len());
    println!("rebuild_errors {} peak_rss_mib {}", engine.rebuild_errors(), peak_rss_mib());
    Ok(last.ok_or("no events")?)
}

fn ask(folder: &std::path::Path, id: EventId) -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::open(folder, Options::default())?;
    let context = || Context::until(Instant::now() + Duration::from_secs(300));
    time("open_and_first_search", 1, || engine.search(&Search::default(), &context()).map(|answer| answer.hits.len()))?;
    time("id", 20, || engine.get(&[id], &context()).map(|events| events.len()))?;
    let count = |query: Query| Search { query, size: 0, track_total: u64::MAX, ..Search::default() };
    let newest = |query: Query| Search { query, ..Search::default() };
    let hour = Search {
        query: term("event.action", "exec"),
        from_time: Some(Timestamp::from_millis(START)),
        to_time: Some(Timestamp::from_millis(START + 600_000)),
        ..Search::default()
    };
    let wildcard = |pattern: &str| Query::Wildcard {
        field: FieldRef::resolve("file.path"),
        pattern: pattern.to_owned(),
        case_insensitive: false,
    };
    let searches = [
        ("host_newest_50", newest(term("host.name", "node-007.example"))),
        ("exec_41_percent_in_10_minutes_newest_50", hour),
        ("all_newest_50", newest(Query::MatchAll)),
        ("bare_word_newest_50", newest(phrase("4999"))),
        ("bare_phrase_newest_50", newest(phrase("--job 4999"))),
        ("wildcard_newest_50", newest(wildcard("*file-0123*"))),
        ("wildcard_count", count(wildcard("*/f00/*"))),
        ("histogram_by_action", aggregate(histogram(vec![terms("event.action", 10)]))),
        ("hosts_by_executable", aggregate(nested_terms())),
        ("terms_of_100k_paths", aggregate(terms("file.path", 10))),
        ("cardinality_of_paths", aggregate(metric(Metric::Cardinality(FieldRef::resolve("file.path"), 3000)))),
    ];
    for (name, search) in searches {
        time(name, 10, || engine.search(&search, &context()).map(|answer| answer.total.value as usize))?;
    }
    let (before, mut events, mut bytes) = (cpu_of_thread(), 0, 0);
    engine.scan(&Search::default(), &context(), &mut |batch| {
        events += batch.len();
        bytes += batch.iter().map(|event| event.to_json().len()).sum::<usize>();
        true
    })?;
    println!(
        "export_us_per_event {:.2} events {events} bytes {bytes}",
        (cpu_of_thread() - before) * 1e6 / events as f64
    );
    println!("peak_rss_mib {}", peak_rss_mib());
    Ok(())
}

fn time<E>(name: &str, times: u32, mut ask: impl FnMut() -> Result<usize, E>) -> Result<(), E> {
    let (before, wall) = (cpu_of_thread(), Instant::now());
    let mut found = 0;
    for _ in 0..times {
        found = ask()?;
    }
    let (cpu, wall) = (cpu_of_thread() - before, wall.elapsed().as_secs_f64());
    let times = f64::from(times);
    println!("{name} cpu_ms {:.2} wall_ms {:.2} found {found}", cpu * 1e3 / times, wall * 1e3 / times);
    Ok(())
}

fn term(field: &str, value: &str) -> Query {
    let value = Scalar::Text(value.to_owned());
    Query::Term { field: FieldRef::resolve(field), value, case_insensitive: false }
}

fn phrase(text: &str) -> Query {
    Query::Phrase { field: None, text: text.to_owned() }
}

fn aggregate(named: Named) -> Search {
    Search { size: 0, aggregations: vec![named], ..Search::default() }
}

fn terms(field: &str, size: usize) -> Named {
    let aggregation = Aggregation::Terms(Terms::top(FieldRef::resolve(field), size));
    Named { name: "terms".to_owned(), aggregation, inner: Vec::new() }
}

fn nested_terms() -> Named {
    Named { inner: vec![terms("process.executable", 10)], ..terms("host.name", 500) }
}

fn metric(metric: Metric) -> Named {
    Named { name: "metric".to_owned(), aggregation: Aggregation::Metric(metric), inner: Vec::new() }
}

fn histogram(inner: Vec<Named>) -> Named {
    let aggregation = Aggregation::DateHistogram(DateHistogram {
        field: FieldRef::Known(field::TIMESTAMP),
        interval: Interval::Fixed(60_000),
        time_zone: None,
        offset_ms: 0,
        min_doc_count: 0,
        extended_bounds: None,
    });
    Named { name: "over_time".to_owned(), aggregation, inner }
}

/// Seconds of all threads, also ended ones, in steps of 10 ms.
fn cpu_of_process() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Seconds of this thread, in nanoseconds.
fn cpu_of_thread() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn peak_rss_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}
