//! The other processes of a test: this program again, with `--role NAME WORDS...`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agent::clock::Clock;
use agent::health::Health;
use agent::intake::{Refused, Sink, Source};
use agent::restart;
use agent::source::audit::{Audit, Config, Rules};
use agent::sys::netlink::{Arena, Group, Received, Socket};
use agent::sys::signal::{Signal, Signals};
use agent::sys::wake::Wake;
use audit::netlink::{Request, SetStatus, encode};
use schema::{Event, Lane, field};

pub(crate) fn play(name: &str, words: &[String]) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match (name, &words[..]) {
        ("files", [folder]) => files(Path::new(folder)),
        ("connect", [address]) => drop(TcpStream::connect(address).unwrap()),
        ("storm", [folder, count, per_second]) => storm(Path::new(folder), number(count), number(per_second)),
        ("burst", [folder, calls]) => super::burst::work(Path::new(folder), number(calls)),
        ("beside", [agent, calls, rounds]) => super::beside::compare(Path::new(agent), number(calls), number(rounds)),
        ("execs", [folder, per_second, seconds]) => {
            super::pace::execs(Path::new(folder), number(per_second), number(seconds));
        }
        ("pace", [per_second, seconds]) => super::pace::pace(number(per_second), number(seconds)),
        ("owner", []) => owner(),
        ("probe", [folder]) => probe(Path::new(folder)),
        ("measure", [ops, per_second]) => measure(ops, per_second),
        ("state", [state]) => health(state),
        ("anew", [rules, state, log]) => anew(rules, state, Path::new(log)),
        ("source", [rules, state, rcvbuf]) => source(rules, state, number(rcvbuf)),
        other => panic!("no such role: {other:?}"),
    }
}

fn number(word: &str) -> usize {
    word.parse().unwrap()
}

pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

fn files(folder: &Path) {
    let (one, two) = (folder.join("one"), folder.join("two"));
    fs::write(&one, "x").unwrap();
    fs::read(&one).unwrap();
    fs::rename(&one, &two).unwrap();
    fs::remove_file(&two).unwrap();
}

/// Opens a file `count` times, `per_second` times a second (0: as fast as it goes). Says how many opens, in how many ms, and
/// the slowest one in ms.
fn storm(folder: &Path, count: usize, per_second: usize) {
    let path = folder.join("storm");
    fs::write(&path, "x").unwrap();
    let begin = Instant::now();
    let wake = Wake::new().unwrap();
    let mut slowest = Duration::ZERO;
    for done in 0..count {
        let due = Duration::from_secs_f64(if per_second == 0 { 0.0 } else { done as f64 / per_second as f64 });
        if let Some(early) = due.checked_sub(begin.elapsed()).filter(|early| *early > Duration::from_millis(1)) {
            wake.wait(&[], early).unwrap();
        }
        let before = Instant::now();
        File::open(&path).unwrap();
        slowest = slowest.max(before.elapsed());
    }
    say(&format!("{count} {} {}", begin.elapsed().as_millis(), slowest.as_millis()));
}

/// Makes a call each 100 us until its input ends, and each tenth time opens a file. Says how many calls and opens it made.
fn probe(folder: &Path) {
    let ended = Arc::new(AtomicU64::new(0));
    let teller = Arc::clone(&ended);
    std::thread::spawn(move || {
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        teller.store(1, Ordering::Relaxed);
    });
    fs::write(folder.join("file"), "x").unwrap();
    say("begun");
    let (mut calls, mut opens, begin) = (0_u32, 1, Instant::now());
    while ended.load(Ordering::Relaxed) == 0 {
        if Duration::from_micros(100) * calls > begin.elapsed() {
            std::thread::yield_now();
            continue;
        }
        assert!(rustix::process::getppid().is_some());
        calls += 1;
        if calls.is_multiple_of(10) {
            File::open(folder.join("file")).unwrap();
            opens += 1;
        }
    }
    say(&format!("{calls} {opens}"));
}

/// Asks to be registered as another tool would, says so, and reads until its input ends.
fn owner() {
    let socket = Socket::open(Group::None).unwrap();
    socket.set_receive_buffer(16 << 20).unwrap();
    let change = SetStatus { pid: Some(std::process::id()), enabled: Some(1), ..SetStatus::default() };
    socket.send(&encode(&Request::SetStatus(change), 1)).unwrap();
    say("registered");
    let mut arena = Arena::default();
    let wake = Wake::new().unwrap();
    let mut input = std::io::stdin();
    let ended = Arc::new(Wake::new().unwrap());
    let teller = Arc::clone(&ended);
    std::thread::spawn(move || {
        input.read_to_end(&mut Vec::new()).unwrap();
        teller.wake();
    });
    while ended.wait(&[&socket], Duration::from_secs(60)).is_ok_and(|ready| !ready.woken) {
        while matches!(socket.receive(&mut arena), Ok(Received::Frames(_) | Received::Congested)) {}
    }
    drop(wake);
}

/// What a source in another process saw, short enough for millions.
#[derive(Default)]
struct Tally(Mutex<(Vec<u32>, u64)>);

impl Sink for Tally {
    fn put(&self, event: &mut Event, _: Lane, _: Duration) -> Result<(), Refused> {
        let mut tally = self.0.lock().unwrap();
        if let Some(serial) = event.long(field::EVENT_SEQUENCE) {
            tally.0.push(u32::try_from(serial).unwrap());
        }
        tally.1 += u64::from(super::stand::tagged(event, "auditng-test-storm"));
        Ok(())
    }
}

/// A source that says `ready`, runs until its input ends, and then says what it saw and lost.
fn source(rules: &str, state: &str, rcvbuf: usize) {
    let (tally, health) = (Arc::new(Tally::default()), Arc::new(Health::default()));
    let config = Config { rcvbuf: agent::config::Bytes(rcvbuf as u64), ..Config::default() };
    let rules = Rules { files: vec![rules.into()], ..Rules::default() };
    let audit = Audit::new(config, rules, state.into(), Clock::system());
    let running = Box::new(audit).start(Arc::clone(&tally) as Arc<dyn Sink>, Arc::clone(&health));
    say("ready");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    assert!(running.stop().join(Instant::now() + Duration::from_secs(20)));
    say(&tell(&tally, &health));
}

fn tell(tally: &Tally, health: &Health) -> String {
    let lost: BTreeMap<&str, u64> = health.snapshot().counters.iter().flat_map(|stage| stage.lost.clone()).collect();
    let tally = tally.0.lock().unwrap();
    serde_json::json!({ "serials": tally.0, "storm": tally.1, "lost": lost }).to_string()
}

/// A source that starts itself anew at SIGHUP and ends at SIGTERM, each time writing what it saw to a log.
fn anew(rules: &str, state: &str, log: &Path) {
    let signals = Signals::block().unwrap();
    let (tally, health) = (Arc::new(Tally::default()), Arc::new(Health::default()));
    let rules = Rules { files: vec![rules.into()], ..Rules::default() };
    let audit = Audit::new(Config::default(), rules, state.into(), Clock::system()).going_on(restart::inherited());
    let running = Box::new(audit).start(Arc::clone(&tally) as Arc<dyn Sink>, Arc::clone(&health));
    say("ready");
    let signal = signals.wait();
    let (draining, kept) = if signal == Signal::Anew { running.hand_over() } else { (running.stop(), Vec::new()) };
    assert!(draining.join(Instant::now() + Duration::from_secs(20)));
    let mut log = File::options().append(true).create(true).open(log).unwrap();
    writeln!(log, "{}", tell(&tally, &health)).unwrap();
    if signal == Signal::Anew {
        let (error, _) = restart::replace(&std::env::current_exe().unwrap(), kept);
        panic!("{error}");
    }
}

/// A source that says how it is doing, and ends.
fn health(state: &str) {
    let health = Arc::new(Health::default());
    let audit = Audit::new(Config::default(), Rules::default(), state.into(), Clock::system());
    let running = Box::new(audit).start(Arc::new(Tally::default()) as Arc<dyn Sink>, Arc::clone(&health));
    let report = health.source("audit").report();
    say(&serde_json::json!({ "state": report.state, "reason": report.reason }).to_string());
    assert!(running.stop().join(Instant::now() + Duration::from_secs(20)));
}

/// A sink that counts.
#[derive(Default)]
struct Count(AtomicU64);

impl Sink for Count {
    fn put(&self, _: &mut Event, _: Lane, _: Duration) -> Result<(), Refused> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// What the source costs: two storms of `ops` opens, each `per_second` a second; says the rate and the CPU of each thread.
/// Not a test: `cargo test --release -p agent --test live -- --role measure 500000 0`, as root.
fn measure(ops: &str, per_second: &str) {
    let folder = tempfile::Builder::new().prefix("auditng-test").tempdir().unwrap();
    let rules = folder.path().join("test.rules");
    let watched = folder.path().to_str().unwrap();
    let rule = format!("-a always,exit -F arch=b64 -S openat -F dir={watched} -k auditng-test-storm\n");
    fs::write(&rules, rule).unwrap();
    let (sink, health) = (Arc::new(Count::default()), Arc::new(Health::default()));
    let rules = Rules { files: vec![rules], ..Rules::default() };
    let audit = Audit::new(Config::default(), rules, folder.path().join("audit.state"), Clock::system());
    let running = Box::new(audit).start(Arc::clone(&sink) as Arc<dyn Sink>, Arc::clone(&health));
    let begin = Instant::now();
    let storms = [0, 1].map(|_| super::stand::Role::start("storm", &[watched, ops, per_second]));
    for storm in storms {
        say(storm.finish().trim());
    }
    testkit::eventually("an empty backlog", Duration::from_secs(60), || {
        let records = health.stage("netlink").report().passed;
        (super::stand::status().backlog == 0 && health.stage("decode").report().taken == records).then_some(())
    });
    let seconds = begin.elapsed().as_secs_f64();
    let cpu_ms: BTreeMap<String, u64> = threads();
    assert!(running.stop().join(Instant::now() + Duration::from_secs(20)));
    let records = health.stage("decode").report().taken;
    let busy: u64 = ["audit-recv", "audit-parse"].iter().filter_map(|name| cpu_ms.get(*name)).sum();
    let report = serde_json::json!({
        "records": records,
        "events": sink.0.load(Ordering::Relaxed),
        "records_per_second": records as f64 / seconds,
        "cpu_ms": cpu_ms,
        "cpu_us_per_record": busy as f64 * 1000.0 / records as f64,
        "health": health.snapshot(),
    });
    say(&serde_json::to_string_pretty(&report).unwrap());
}

/// User and system time of our threads by name, proc_pid_stat(5) fields 14 and 15.
fn threads() -> BTreeMap<String, u64> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let stat = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("stat")).ok()?;
        let (name, rest) = text.split_once('(')?.1.rsplit_once(')')?;
        let ticks = |field: usize| rest.split_whitespace().nth(field).and_then(|ticks| ticks.parse::<u64>().ok());
        Some((name.to_owned(), (ticks(11)? + ticks(12)?) * 10))
    };
    tasks.filter_map(stat).collect()
}
