//! Killed at any moment, the store comes back with every event once.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use store::Store as _;
use store::embedded::{Engine, Options};

use super::*;

const FOLDER: &str = "AUDITNG_TEST_CRASH_FOLDER";
const EVENTS: u64 = 30_000;

/// Not a test of its own: the process that is killed. It writes from where the store says it stands, as a server replays
/// its log, and tells each commit.
#[test]
fn writer_to_be_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let engine = Engine::open(Path::new(&folder), Options::default()).unwrap();
    let mut from = engine.committed_through().0 + 1;
    while from <= EVENTS {
        let to = (from + 250).min(EVENTS + 1);
        engine.append(&events(from, to)).unwrap();
        from = to;
        if from % 1000 < 250 {
            engine.commit().unwrap();
            writeln!(std::io::stderr(), "at {}", engine.committed_through().0).unwrap();
        }
        if from % 9000 < 250 {
            engine.seal_all().unwrap();
        }
    }
    engine.commit().unwrap();
    writeln!(std::io::stderr(), "done").unwrap();
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::writer_to_be_killed", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn every_event_once_whenever_the_writer_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = testkit::generate::Random(11);
    let mut committed = 0;
    for kills in 0..100 {
        let mut child = start(folder.path());
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // Some commits, then somewhere in the work that follows.
        let mut done = false;
        for _ in 0..=random.below(4) {
            match lines.next() {
                Some(Ok(line)) if line == "done" => done = true,
                Some(Ok(line)) => {
                    committed = line.strip_prefix("at ").and_then(|at| at.parse().ok()).unwrap_or(committed)
                }
                _ => break,
            }
        }
        let until = Instant::now() + Duration::from_millis(random.below(30));
        while !done && Instant::now() < until {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let engine = Engine::open(folder.path(), Options::default()).unwrap();
        let through = engine.committed_through().0;
        assert!(through >= committed, "kill {kills}: {through} after {committed} was promised");
        let orders = orders(&engine);
        assert!(orders.windows(2).all(|pair| pair[0] < pair[1]), "kill {kills}: an event twice");
        let promised: Vec<u64> = orders.iter().copied().filter(|&order| order <= through).collect();
        assert_eq!(promised.len() as u64, through, "kill {kills}: a promised event is missing");
        if through == EVENTS {
            assert_each_once(&engine, EVENTS + 1);
            return;
        }
    }
    panic!("the writer never came to its end");
}
