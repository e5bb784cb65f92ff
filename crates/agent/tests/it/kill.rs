//! P1: the process dies by SIGKILL at any moment; what was durable is delivered once.
//!
//! The process is this test program itself, started again with [`ROLE`] in its environment.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::clock::Clock;
use agent::health::Health;
use agent::intake::Sink as _;
use agent::ship::{self, Target};
use agent::spool::{self, Spool, disk::Folder};
use schema::{AgentId, Event, Lane, Timestamp, field};
use testkit::eventually;

use crate::fake::{Reply, Server};

const ROLE: &str = "AUDITNG_TEST_KILLED_AGENT";
/// Lives and deaths; each at another point.
const LIVES: u32 = 20;

/// Not a test of its own: the victim, when the environment says so.
#[test]
fn victim() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (dir, url) = role.split_once('|').unwrap();
    run(Path::new(dir), url);
}

/// Puts events for ever and prints the ids of those that are durable.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn run(dir: &Path, url: &str) {
    let health = Arc::new(Health::default());
    let options =
        spool::Options { keep_free: 0, commit_interval: Duration::from_millis(3), ..spool::Options::default() };
    let disk = Box::new(Folder::new(dir));
    let spool = spool::open(disk, AgentId::from_bytes([9; 6]), options, Clock::system(), &health).unwrap();
    let Spool { writer, committer, reader, .. } = spool;
    std::thread::spawn(move || committer.run());
    let ship = ship::Options { urls: vec![url.to_owned()], target: Target::Auditng, ..ship::Options::default() };
    let _shipping = ship::start(reader, ship, Clock::system(), health).unwrap();
    loop {
        let mut ids = Vec::new();
        for lane in Lane::ALL.into_iter().cycle().take(30) {
            let mut event = Event::new(Timestamp::default());
            writer.put(&mut event, lane, Duration::from_secs(10)).unwrap();
            ids.push(event.str(field::EVENT_ID).unwrap().to_owned());
        }
        assert!(writer.flush(Duration::from_secs(10)));
        println!("durable {}", ids.join(" "));
    }
}

fn start(dir: &Path, url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["kill::victim", "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, format!("{}|{url}", dir.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn p1_killed_at_any_moment_nothing_durable_is_lost_or_doubled() {
    let server = Server::start(|_, request, state| Reply::ok(state.accept(request)));
    let dir = tempfile::tempdir().unwrap();
    let mut durable = BTreeSet::new();
    for life in 0..LIVES {
        let mut child = start(dir.path(), &server.url);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let end = Instant::now() + Duration::from_micros(u64::from(life) * 1_733 + 5_000);
        for line in lines.filter(|line| line.contains("durable ")) {
            let ids = line.split("durable ").nth(1).unwrap_or_default();
            durable.extend(ids.split(' ').map(str::to_owned));
            if Instant::now() >= end {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(durable.len() > 30 * LIVES as usize / 2);
    let mut child = start(dir.path(), &server.url);
    eventually("every durable event at the server", Duration::from_secs(60), || {
        let stored = server.state.stored();
        durable.iter().all(|id| stored.contains_key(id)).then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
}
