//! P10 to P14: answers of every kind, and none of them loses an event or makes it come twice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::clock::Clock;
use agent::health::Health;
use agent::intake::Sink as _;
use agent::ship::{self, Target};
use agent::spool::{self, Committer, Limits, Spool, Writer, disk::Folder};
use schema::{AgentId, Event, Lane, Stream, Timestamp, field};
use testkit::eventually;

use crate::fake::{ELASTIC, Reply, Server, State};

const LONG: Duration = Duration::from_secs(30);

/// A spool in a folder, shipping to a server.
struct Pipe {
    writer: Writer,
    health: Arc<Health>,
    shipping: Option<ship::Handle>,
    committing: Option<std::thread::JoinHandle<()>>,
    dir: tempfile::TempDir,
    ids: BTreeSet<String>,
}

fn quick(url: &str) -> ship::Options {
    ship::Options {
        urls: vec![url.to_owned()],
        token: Some("ang_secret".to_owned()),
        backoff: (Duration::from_millis(1), Duration::from_millis(20)),
        refused_wait: Duration::from_millis(50),
        heartbeat: Duration::from_secs(3600),
        timeout: Duration::from_secs(5),
        ..ship::Options::default()
    }
}

impl Pipe {
    fn new(options: ship::Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = ship::Options { rejected: Some(dir.path().join("rejected")), ..options };
        let health = Arc::new(Health::default());
        let spool = open(dir.path(), &health);
        let Spool { writer, committer, reader, .. } = spool;
        let committing = Some(run(committer));
        let shipping = Some(ship::start(reader, options, Clock::system(), Arc::clone(&health)).unwrap());
        Self { writer, health, shipping, committing, dir, ids: BTreeSet::new() }
    }

    fn put(&mut self, lane: Lane, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for number in 0..count {
            let mut event = Event::new(Timestamp::from_millis(1_000));
            event.push_str(field::EVENT_DATASET, Stream::Audit.dataset());
            event.push_long(field::PROCESS_PID, i64::try_from(number).unwrap());
            self.writer.put(&mut event, lane, LONG).unwrap();
            ids.push(event.str(field::EVENT_ID).unwrap().to_owned());
        }
        self.ids.extend(ids.iter().cloned());
        ids
    }

    /// Waits until the mark has passed everything.
    fn wait_delivered(&self) {
        assert!(self.writer.flush(LONG));
        eventually("everything delivered", LONG, || {
            let stats = self.writer.stats();
            stats.lanes.iter().all(|lane| lane.first == lane.next).then_some(())
        });
    }

    fn assert_stored_once(&self, state: &State) {
        let stored = state.stored();
        for id in &self.ids {
            assert_eq!(stored.get(id), Some(&1), "{id}");
        }
    }

    fn reason(&self) -> String {
        self.health.source("ship").report().reason
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.writer.close();
        if let Some(thread) = self.committing.take() {
            thread.join().unwrap();
        }
        self.shipping.take().map(|shipping| shipping.stop(Instant::now() + Duration::from_secs(1)));
    }
}

fn open(dir: &std::path::Path, health: &Health) -> Spool {
    let options =
        spool::Options { keep_free: 0, commit_interval: Duration::from_millis(5), ..spool::Options::default() };
    let disk = Box::new(Folder::new(dir.join("spool")));
    spool::open(disk, AgentId::from_bytes([7; 6]), options, Clock::system(), health).unwrap()
}

fn run(committer: Committer) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || committer.run())
}

#[test]
fn events_arrive_once_with_our_headers() {
    let server = Server::start(|_, request, state| Reply::ok(state.accept(request)));
    let mut pipe = Pipe::new(quick(&server.url));
    pipe.put(Lane::Normal, 2_000);
    pipe.put(Lane::High, 3);
    pipe.wait_delivered();
    pipe.assert_stored_once(&server.state);
    let bulks = server.state.bulks();
    let first = &bulks[0];
    assert_eq!(first.header("content-encoding"), Some("zstd"));
    assert_eq!(first.header("authorization"), Some("Bearer ang_secret"));
    assert_eq!(first.header("x-auditng-agent"), Some("070707070707"));
    assert_eq!(first.header("x-auditng-nonce").map(str::len), Some(32));
    let epoch: u32 = first.header("x-auditng-epoch").unwrap().parse().unwrap();
    assert!(first.ids()[0].contains(&format!("{epoch:08x}")));
    assert!(first.header("x-auditng-watermark").unwrap().parse::<i64>().is_ok());
}

#[test]
fn p10_elasticsearch_gets_gzip_and_nothing_of_ours() {
    let server = Server::introducing(ELASTIC, |_, request, state| Reply::ok(state.accept(request)));
    let mut pipe = Pipe::new(quick(&server.url));
    pipe.put(Lane::Normal, 700);
    pipe.wait_delivered();
    pipe.assert_stored_once(&server.state);
    for request in server.state.requests().iter() {
        assert!(request.headers.keys().all(|name| !name.starts_with("x-auditng")), "{:?}", request.headers);
        assert_ne!(request.path, "/agent/heartbeat");
    }
    let bulks = server.state.bulks();
    assert_eq!(bulks[0].header("content-encoding"), Some("gzip"));
    assert_eq!(bulks[0].header("content-type"), Some("application/x-ndjson"));
    assert!(bulks[0].body.starts_with(br#"{"create":{"_index":"logs-auditng.audit-default","_id":"#));
}

#[test]
fn a_told_target_is_not_asked() {
    let server = Server::start(|_, request, state| Reply::ok(state.accept(request)));
    let mut pipe = Pipe::new(ship::Options { target: Target::Opensearch, ..quick(&server.url) });
    pipe.put(Lane::Normal, 1);
    pipe.wait_delivered();
    assert!(server.state.requests().iter().all(|request| request.path == "/_bulk"));
}

#[test]
fn p11_one_poisonous_event_goes_aside_and_the_others_pass() {
    let server = Server::start(|_, request, state| {
        Reply::ok(state.answer(request, |id| if id.ends_with("-100000000bb8") { 400 } else { 201 }))
    });
    let mut pipe = Pipe::new(quick(&server.url));
    let ids = pipe.put(Lane::Normal, 10_000);
    pipe.wait_delivered();
    assert!(pipe.ids.remove(&ids[3_000]));
    pipe.assert_stored_once(&server.state);
    let sent = server.state.bulks().iter().flat_map(|request| request.ids()).filter(|id| *id == ids[3_000]).count();
    assert_eq!(sent, 1, "no repeat");
    let aside = std::fs::read_to_string(pipe.dir.path().join("rejected/rejected.ndjson")).unwrap();
    assert_eq!(aside.lines().count(), 1);
    assert!(
        aside.contains("as scripted") && aside.contains(&ids[3_000]) && aside.contains("\"status\":400"),
        "{aside}"
    );
    // The loss is an event of its own and names the counter.
    let loss = eventually("the loss event", LONG, || {
        let bodies: Vec<u8> = server.state.bulks().into_iter().flat_map(|request| request.body).collect();
        let text = String::from_utf8(bodies).unwrap();
        text.lines().find(|line| line.contains("source-loss")).map(str::to_owned)
    });
    assert!(loss.contains(r#""first":3000,"lane":"normal","last":3000,"reason":"rejected","stage":"ship""#), "{loss}");
}

#[test]
fn p12_exactly_the_items_of_429_and_503_come_again() {
    let server = Server::start(|n, request, state| {
        let status = |id: &str| match (n, u8::from_str_radix(&id[33..], 16).unwrap() % 5) {
            (0, 1) => 409,
            (0, 2) => 400,
            (0, 3) => 429,
            (0, 4) => 503,
            _ => 201,
        };
        Reply::ok(state.answer(request, status))
    });
    let mut pipe = Pipe::new(quick(&server.url));
    let ids = pipe.put(Lane::Normal, 16);
    pipe.wait_delivered();
    let bulks = server.state.bulks();
    let first: BTreeSet<String> = bulks[0].ids().into_iter().collect();
    let again: BTreeSet<String> =
        bulks[1..].iter().flat_map(|request| request.ids()).filter(|id| first.contains(id)).collect();
    let due = |id: &&String| [3, 4].contains(&(u8::from_str_radix(&id[33..], 16).unwrap() % 5)) && first.contains(*id);
    assert_eq!(again, ids.iter().filter(due).cloned().collect());
}

/// Answers badly at first and well from the `good`-th body on.
fn bad_at_first(good: usize, bad: impl Fn(&[u8]) -> Reply + Send + Sync + 'static) {
    let server = Server::start(move |n, request, state| {
        if n >= good {
            return Reply::ok(state.accept(request));
        }
        let mut items = Vec::new();
        elastic::bulk::Response { took_ms: 0, items: Vec::new() }.write(&mut items);
        bad(&items)
    });
    let mut pipe = Pipe::new(quick(&server.url));
    pipe.put(Lane::Normal, 300);
    pipe.wait_delivered();
    pipe.assert_stored_once(&server.state);
    assert_eq!(pipe.health.stage("ship").report().lost.len(), 0);
    eventually("shipping is well again", LONG, || pipe.reason().is_empty().then_some(()));
}

#[test]
fn p12_a_cut_answer_counts_for_nothing() {
    bad_at_first(3, |_| Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{\"items\":[".to_vec()));
    bad_at_first(3, |_| Reply::Raw(b"HTTP/1.1 20".to_vec()));
    bad_at_first(3, |_| Reply::HangUp);
}

#[test]
fn p12_a_page_instead_of_an_answer_counts_for_nothing() {
    bad_at_first(2, |_| Reply::ok("<html>please log in</html>"));
    bad_at_first(2, |_| Reply::ok(""));
    bad_at_first(2, |_| Reply::ok("{\"items\":[{\"create\":{}}]}"));
}

#[test]
fn p12_too_few_items_count_for_nothing() {
    bad_at_first(2, |empty| Reply::ok(empty));
}

#[test]
fn p12_statuses_for_the_whole_body_are_waited_out() {
    for status in [429, 500, 502, 503, 408] {
        bad_at_first(2, move |_| Reply::status(status));
    }
    for status in [401, 403, 404, 301, 415] {
        bad_at_first(2, move |_| Reply::status(status));
    }
}

#[test]
fn p12_chunks_and_continues_are_read() {
    let server = Server::start(|_, request, state| Reply::Chunked(state.accept(request)));
    let mut pipe = Pipe::new(quick(&server.url));
    pipe.put(Lane::Normal, 300);
    pipe.wait_delivered();
    pipe.assert_stored_once(&server.state);
}

#[test]
fn p12_too_large_a_body_is_halved() {
    let server =
        Server::start(
            |_, request, state| {
                if request.ids().len() > 10 { Reply::status(413) } else { Reply::ok(state.accept(request)) }
            },
        );
    let mut pipe = Pipe::new(quick(&server.url));
    pipe.put(Lane::Normal, 500);
    pipe.wait_delivered();
    pipe.assert_stored_once(&server.state);
}

#[test]
fn p12_an_event_too_large_alone_goes_aside() {
    let server = Server::start(|_, request, state| {
        let poison = request.ids().iter().any(|id| id.ends_with("-100000000005"));
        if poison { Reply::status(413) } else { Reply::ok(state.accept(request)) }
    });
    let mut pipe = Pipe::new(quick(&server.url));
    let ids = pipe.put(Lane::Normal, 20);
    pipe.wait_delivered();
    pipe.ids.remove(&ids[5]);
    pipe.assert_stored_once(&server.state);
    assert_eq!(pipe.health.stage("ship").report().lost["rejected"], 1);
}

#[test]
fn p5_a_refused_nonce_means_new_ids_and_no_loss() {
    let server = Server::start(|n, request, state| {
        let first = state.bulks()[0].header("x-auditng-epoch").map(str::to_owned);
        if n == 0 || request.header("x-auditng-epoch").map(str::to_owned) == first {
            return Reply::status(409);
        }
        Reply::ok(state.accept(request))
    });
    let mut pipe = Pipe::new(quick(&server.url));
    pipe.put(Lane::Normal, 300);
    let all: BTreeSet<i64> = (0..300).collect();
    eventually("all events under new ids", LONG, || {
        let bulks = server.state.bulks();
        let stored = server.state.stored().keys().cloned().collect::<BTreeSet<_>>();
        let mut pids = BTreeSet::new();
        for request in &bulks {
            for item in elastic::bulk::Items::new(&request.body).map(Result::unwrap) {
                if stored.contains(&*item.id.unwrap()) {
                    let event = Event::from_json(str::from_utf8(item.document.unwrap()).unwrap()).unwrap();
                    pids.extend(event.long(field::PROCESS_PID));
                }
            }
        }
        (pids == all && stored.len() == 300).then_some(())
    });
}

#[test]
fn p13_a_server_away_for_a_while_gets_everything_and_high_first() {
    let server =
        Server::start(|n, request, state| if n < 20 { Reply::status(503) } else { Reply::ok(state.accept(request)) });
    let small = ship::Options { limits: Limits { events: 300, bytes: 1 << 20 }, ..quick(&server.url) };
    let mut pipe = Pipe::new(small);
    pipe.put(Lane::Low, 5_000);
    let urgent = pipe.put(Lane::High, 10);
    pipe.wait_delivered();
    pipe.assert_stored_once(&server.state);
    let bodies = server.state.bulks();
    let place = bodies.iter().position(|request| request.ids().contains(&urgent[9])).unwrap();
    // Behind the 20 that were refused: what was under way may go first, the rest of `low` may not.
    assert!(place < 24, "high came in body {place} of {}", bodies.len());
}

#[test]
fn p14_retry_after_is_kept() {
    let server = Server::start(|n, request, state| {
        if n > 0 {
            return Reply::ok(state.accept(request));
        }
        Reply::Status(429, vec![("retry-after", "1".to_owned())], b"{}".to_vec())
    });
    let mut pipe = Pipe::new(ship::Options { heartbeat: Duration::from_millis(100), ..quick(&server.url) });
    pipe.put(Lane::Normal, 10);
    pipe.wait_delivered();
    let requests = server.state.requests();
    let at = requests.iter().position(|request| request.path == "/_bulk").unwrap();
    let wait = requests[at + 1].at - requests[at].at;
    assert!(
        wait >= Duration::from_secs(1) && wait < Duration::from_secs(5),
        "{wait:?}, no heartbeat in between either"
    );
}

#[test]
fn another_server_takes_over() {
    let server = Server::start(|_, request, state| Reply::ok(state.accept(request)));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let urls = vec![format!("http://{nobody}"), server.url.clone()];
    let mut pipe = Pipe::new(ship::Options { urls, ..quick("") });
    pipe.put(Lane::Normal, 10);
    pipe.wait_delivered();
    pipe.assert_stored_once(&server.state);
}

#[test]
fn heartbeats_say_how_the_agent_is() {
    let server = Server::start(|_, _, _| Reply::status(503));
    let mut pipe = Pipe::new(ship::Options { heartbeat: Duration::from_millis(50), ..quick(&server.url) });
    pipe.put(Lane::Normal, 10);
    let beat = eventually("a heartbeat beside a full queue", LONG, || {
        let requests = server.state.requests();
        let beats = requests.iter().filter(|request| request.path == "/agent/heartbeat");
        beats
            .map(|request| serde_json::from_slice::<serde_json::Value>(&request.body).unwrap())
            .find(|beat| beat["spool"]["normal"]["next"] == 10)
    });
    assert_eq!(beat["agent"], "070707070707");
    assert!(beat["counters"].as_array().unwrap().iter().any(|stage| stage["stage"] == "spool"));
    assert!(beat["sources"].as_array().unwrap().iter().any(|source| source["name"] == "ship"));
}

#[test]
fn stopping_ships_what_is_there_and_does_not_hang() {
    let server = Server::start(|_, request, state| Reply::ok(state.accept(request)));
    let mut pipe = Pipe::new(quick(&server.url));
    pipe.put(Lane::Normal, 5_000);
    pipe.writer.close();
    pipe.committing.take().unwrap().join().unwrap();
    assert!(pipe.shipping.take().unwrap().stop(Instant::now() + LONG));
    pipe.assert_stored_once(&server.state);

    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut pipe = Pipe::new(quick(&format!("http://{away}")));
    pipe.put(Lane::Normal, 10);
    let begun = Instant::now();
    assert!(pipe.shipping.take().unwrap().stop(Instant::now() + Duration::from_secs(5)));
    assert!(begun.elapsed() < Duration::from_secs(5), "it sees by itself that nobody is there");
}
