//! Processes that the tests need, and the agent's source as one of them, so that it can be stopped and killed.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agent::clock::Clock;
use agent::enrich::{self, Context};
use agent::health::Health;
use agent::intake::{Refused, Sink, Source, Stop};
use agent::source::fim::Fim;
use agent::sys::proc::Proc;
use fim::config::{Config, Queue};
use schema::{Event, Lane};

use crate::stand::PATIENCE;

/// Plays one part until it is over.
pub(crate) fn play(name: &str, words: &[String]) {
    match (name, words) {
        ("many-files", [folder, count]) => many(Path::new(folder), count.parse().unwrap()),
        ("source", [folder]) => source(Path::new(folder), Queue::Unlimited),
        ("source", [folder, _]) => source(Path::new(folder), Queue::Limited),
        _ => panic!("no such role: {name} {words:?}"),
    }
}

fn many(folder: &Path, count: usize) {
    for at in 0..count {
        let inner = folder.join((at / 100).to_string());
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join(at.to_string()), "x").unwrap();
    }
}

/// The source over `FOLDER/tree`; events go to standard output, a line each.
fn source(folder: &Path, queue: Queue) {
    let text = format!("id = \"test\"\npaths = [\"{}/tree/\"]\nseverity = \"high\"\n", folder.display());
    let config = Config {
        state_dir: folder.join("state"),
        dir: folder.join("fim.d"),
        use_defaults: false,
        queue,
        policy: vec![fim::config::from_toml(&text).unwrap()],
        ..Config::default()
    };
    let (clock, health) = (Clock::system(), Arc::new(Health::default()));
    let context = Context::new(Proc::default(), clock.clone(), &enrich::Config::default(), None, &health).unwrap();
    let sink = Arc::new(Lines(Mutex::new(std::io::stdout())));
    let fim = Box::new(Fim::new(config, context, "test-agent", clock.clone()));
    let running = fim.start(Arc::clone(&sink) as Arc<dyn Sink>, Arc::clone(&health));
    let stop = Stop::default();
    // Until the test goes.
    while !stop.wait(Duration::from_millis(200)) {
        for loss in health.take_losses() {
            sink.put(&mut loss.to_event(clock.wall()), Lane::High, Duration::ZERO).unwrap();
        }
        if rustix::process::getppid().is_none_or(|parent| parent.is_init()) {
            break;
        }
    }
    let _ended = running.stop().join(Instant::now() + PATIENCE);
}

struct Lines(Mutex<std::io::Stdout>);

impl Sink for Lines {
    fn put(&self, event: &mut Event, _: Lane, _: Duration) -> Result<(), Refused> {
        writeln!(self.0.lock().unwrap(), "{}", event.to_json()).map_err(|_| Refused::Closed)
    }
}

/// The source in a process of its own.
pub(crate) struct Agent {
    child: Child,
    lines: Receiver<String>,
}

impl Agent {
    pub(crate) fn of(mut child: Child) -> Self {
        // The agent waits where the test is slow, as it does for a disk.
        let (tell, lines) = sync_channel(1 << 16);
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).all(|line| tell.send(line).is_ok()));
        Self { child, lines }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for an event with this text in it; gives it.
    pub(crate) fn until(&mut self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no event with {text}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits until so many files were told to be created, each by itself or in a summary; gives all lines.
    pub(crate) fn until_files(&mut self, count: usize) -> Vec<String> {
        let until = Instant::now() + 4 * PATIENCE;
        let (mut all, mut paths) = (Vec::new(), BTreeSet::new());
        while paths.len() < count {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let shown: Vec<_> = all.iter().filter(|line: &&String| !line.contains("\"created\"")).collect();
                panic!("{} of {count} files; {shown:?}", paths.len());
            };
            let event = Event::from_json(&line).unwrap();
            let is_file = event.str(schema::field::FILE_TYPE) == Some("file");
            if is_file && line.contains("\"created\"") {
                paths.insert(event.str(schema::field::FILE_PATH).unwrap().to_owned());
            }
            all.push(line);
        }
        all
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
