//! What receiving costs: `cargo bench -p server --bench ingest [-- EVENTS]` prints CPU time per event of
//!
//! 1. the receive path alone (unpack, read, dedupe, log, fsync; the store throws away),
//! 2. the way from HTTP to searchable in the embedded store, answers fsynced.
//!
//! Bodies of 500 generated events, zstd-1 as an agent sends them, made before the clock starts. CPU time is that of the
//! whole process, so the client's share is in it. The seed is fixed.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for a terminal")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use schema::search::{Answer, Search};
use schema::{AgentId, Event, EventId, IngestSeq, Stream, Timestamp, field};
use server::ingest::decode::Encoding;
use server::ingest::wal::disk::Real;
use server::ingest::{Ingest, Options, Received};
use server::{Config, Server};
use store::{Accepted, AppendError, Context, SearchError, Store, Window};
use testkit::generate::Generator;

const SEED: u64 = 1;
const EACH: usize = 500;

fn main() {
    let events = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(200_000);
    let (bodies, raw, packed) = bodies(events);
    println!(
        "{events} events, {} bodies, {} B raw and {} B packed an event",
        bodies.len(),
        raw / events,
        packed / events
    );
    receive_path(&bodies, events);
    end_to_end(&bodies, events);
}

fn bodies(events: usize) -> (Vec<Vec<u8>>, usize, usize) {
    let mut generator = Generator::new(SEED, Timestamp::from_millis(1_795_507_200_000), 5000);
    let (mut event, mut bodies, mut raw, mut packed) = (Event::default(), Vec::new(), 0, 0);
    for _ in 0..events.div_ceil(EACH) {
        let mut text = Vec::new();
        for _ in 0..EACH {
            let id = generator.fill(&mut event).to_string();
            elastic::bulk::write_create(&mut text, "logs-auditng.audit-default", &id, event.to_json().as_bytes());
        }
        let body = zstd::bulk::compress(&text, 1).unwrap();
        raw += text.len();
        packed += body.len();
        bodies.push(body);
    }
    (bodies, raw, packed)
}

/// User and system time of this process, in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn report(name: &str, events: usize, start: (f64, Instant)) {
    let (cpu, wall) = (cpu() - start.0, start.1.elapsed().as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "a number for people")]
    let events = events as f64;
    let each = cpu / events * 1e6;
    println!(
        "{name}: {each:.2} us CPU an event, {:.0} events a CPU second, {:.0} a second",
        events / cpu,
        events / wall
    );
}

fn receive_path(bodies: &[Vec<u8>], events: usize) {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::default();
    let options = Options {
        dir: dir.path().to_owned(),
        node: AgentId::from_bytes([9; 6]),
        ingest: config.ingest,
        wal: config.wal,
        disk: Arc::new(Real),
    };
    let ingest = Ingest::open(options, Arc::new(Nothing::default())).unwrap();
    let start = (cpu(), Instant::now());
    for bytes in bodies {
        let received = Timestamp::from_millis(1_795_507_200_000);
        let body = Received { bytes, encoding: Encoding::Zstd, caller: "bench", sender: None, origin: None, received };
        let submitted = ingest.receive(&body).unwrap();
        assert_eq!(submitted.accepted, EACH as u64);
        submitted.durable.blocking_recv().unwrap().unwrap();
    }
    report("receive path", events, start);
    ingest.stop(Instant::now() + Duration::from_secs(10));
}

fn end_to_end(bodies: &[Vec<u8>], events: usize) {
    let dir = tempfile::tempdir().unwrap();
    let config =
        Config { data_dir: dir.path().to_owned(), listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() };
    let running = Server::start(config).unwrap();
    let client: ureq::Agent = ureq::Agent::config_builder().build().into();
    let (url, auth) = (format!("{}/_bulk", running.url), format!("Bearer {}", running.agent_token));
    let start = (cpu(), Instant::now());
    for body in bodies {
        let request = client.post(&url).header("authorization", &auth).header("content-encoding", "zstd");
        let mut answer = request.content_type("application/x-ndjson").send(&body[..]).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert!(text.starts_with("{\"errors\":false"), "{text}");
    }
    report("to the answer", events, start);
    let store = running.store();
    while store.searchable_through().0 < events as u64 {
        std::thread::park_timeout(Duration::from_millis(20));
        store.commit().unwrap();
    }
    report("to searchable", events, start);
    let all = Search { size: 0, track_total: u64::MAX, streams: vec![Stream::Audit], ..Search::default() };
    let found = store.search(&all, &Context::until(Instant::now() + Duration::from_secs(30))).unwrap();
    assert_eq!(found.total.value, events as u64);
    let bytes: u64 = store.windows().iter().map(|window| window.bytes).sum();
    println!("store: {} B an event before merging", bytes / events as u64);
    running.stop(Duration::from_secs(30)).unwrap();
}

/// A store that takes everything and keeps nothing.
#[derive(Default)]
struct Nothing(AtomicU64);

impl Store for Nothing {
    fn append(&self, batch: &[Accepted]) -> Result<(), AppendError> {
        assert!(batch.iter().all(|accepted| accepted.event.get(field::EVENT_ID).is_some()));
        self.0.store(batch.last().map_or(0, |accepted| accepted.seq.0), Ordering::SeqCst);
        Ok(())
    }
    fn commit(&self) -> Result<(), AppendError> {
        Ok(())
    }
    fn committed_through(&self) -> IngestSeq {
        IngestSeq(self.0.load(Ordering::SeqCst))
    }
    fn searchable_through(&self) -> IngestSeq {
        self.committed_through()
    }
    fn search(&self, _: &Search, _: &Context) -> Result<Answer, SearchError> {
        Ok(Answer::default())
    }
    fn get(&self, _: &[EventId], _: &Context) -> Result<Vec<Event>, SearchError> {
        Ok(Vec::new())
    }
    fn scan(&self, _: &Search, _: &Context, _: &mut dyn FnMut(Vec<Event>) -> bool) -> Result<(), SearchError> {
        Ok(())
    }
    fn fields(&self, _: &[Stream]) -> Vec<String> {
        Vec::new()
    }
    fn windows(&self) -> Vec<Window> {
        Vec::new()
    }
    fn enforce_retention(&self, _: Timestamp) -> Vec<Window> {
        Vec::new()
    }
}
