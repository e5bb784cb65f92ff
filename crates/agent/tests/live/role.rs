//! The other processes of a test: this program again, with `--role NAME WORDS...`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agent::clock::Clock;
use agent::health::Health;
use agent::intake::{Refused, Sink, Source};
use agent::source::audit::{Audit, Config, Rules};
use agent::sys::netlink::{Arena, Group, Received, Socket};
use agent::sys::wake::Wake;
use audit::netlink::{Request, SetStatus, encode};
use schema::{Event, Lane, field};

pub(crate) fn play(name: &str, words: &[String]) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match (name, &words[..]) {
        ("files", [folder]) => files(Path::new(folder)),
        ("connect", [address]) => drop(TcpStream::connect(address).unwrap()),
        ("storm", [folder, count, per_second]) => storm(Path::new(folder), number(count), number(per_second)),
        ("owner", []) => owner(),
        ("source", [rules, state, rcvbuf]) => source(rules, state, number(rcvbuf)),
        other => panic!("no such role: {other:?}"),
    }
}

fn number(word: &str) -> usize {
    word.parse().unwrap()
}

fn say(line: &str) {
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

/// Registers itself as another tool would, says so, and reads until its input ends.
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
    let config = Config { rcvbuf, ..Config::default() };
    let rules = Rules { files: vec![rules.into()], ..Rules::default() };
    let audit = Audit::new(config, rules, state.into(), Clock::system());
    let running = Box::new(audit).start(Arc::clone(&tally) as Arc<dyn Sink>, Arc::clone(&health));
    say("ready");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    assert!(running.stop().join(Instant::now() + Duration::from_secs(20)));
    let lost: BTreeMap<&str, u64> = health.snapshot().counters.iter().flat_map(|stage| stage.lost.clone()).collect();
    let tally = tally.0.lock().unwrap();
    say(&serde_json::json!({ "serials": tally.0, "storm": tally.1, "lost": lost }).to_string());
}
