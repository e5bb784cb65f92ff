//! What every test stands on: folders, policies, a running source, and its events.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use agent::clock::Clock;
use agent::enrich::{self, Context};
use agent::health::{Health, State};
use agent::intake::{Refused, Running, Sink, Source};
use agent::source::fim::Fim;
use agent::sys::proc::Proc;
use fim::config::{Config, Policy};
use schema::{Event, Field, Lane, Value, field};

/// A test that waits longer than this has failed; a busy machine needs most of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Why these tests cannot run here.
pub(crate) fn missing() -> Option<String> {
    let euid = rustix::process::geteuid();
    (!euid.is_root()).then(|| format!("needs root (CAP_SYS_ADMIN); euid is {}", euid.as_raw()))
}

/// Folders that go away again.
pub(crate) struct Stand {
    folder: tempfile::TempDir,
}

impl Stand {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("auditng-fim-test").tempdir().unwrap();
        let stand = Self { folder };
        std::fs::create_dir(stand.tree()).unwrap();
        stand
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// What is watched.
    pub(crate) fn tree(&self) -> PathBuf {
        self.path("tree")
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.tree().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A policy `test` over the tree, severity high, and nothing else.
    pub(crate) fn config(&self) -> Config {
        let policy = format!(
            "id = \"test\"\npaths = [\"{}/\"]\nseverity = \"high\"\ntags = [\"pci-dss-4.0:11.5.2\"]\n",
            self.tree().display()
        );
        self.config_of(&[&policy])
    }

    /// These policies, as TOML, and nothing else.
    pub(crate) fn config_of(&self, policies: &[&str]) -> Config {
        let read = |text: &&str| -> Policy { fim::config::from_toml(text).unwrap() };
        Config {
            state_dir: self.path("state"),
            dir: self.path("fim.d"),
            use_defaults: false,
            policy: policies.iter().map(read).collect(),
            ..Config::default()
        }
    }

    /// A source with these settings, its first look at everything done.
    pub(crate) fn start(&self, config: Config) -> Started {
        let started = self.begin(config);
        started.sink.wait("the first scan", |event| is(event, field::EVENT_ACTION, "fim-scan"));
        started
    }

    pub(crate) fn begin(&self, config: Config) -> Started {
        self.begin_among(config, &enrich::Config::default())
    }

    /// A source that knows other container engines than the usual ones.
    pub(crate) fn begin_among(&self, config: Config, among: &enrich::Config) -> Started {
        let (clock, health) = (Clock::system(), &Arc::new(Health::default()));
        let context = Context::new(Proc::default(), clock.clone(), among, None, health).unwrap();
        let sink = Arc::new(Collect::default());
        let source = Fim::new(config, context, "test-agent", clock);
        let running = Box::new(source).start(Arc::clone(&sink) as Arc<dyn Sink>, Arc::clone(health));
        Started { running: Some(running), sink, health: Arc::clone(health) }
    }
}

/// A running source and what it gave.
pub(crate) struct Started {
    running: Option<Running>,
    pub(crate) sink: Arc<Collect>,
    pub(crate) health: Arc<Health>,
}

impl Started {
    /// Asserts that everything is covered as well as it can be.
    pub(crate) fn on(self) -> Self {
        let report = self.health.source("fim").report();
        assert_eq!((report.state, report.reason.as_str()), (State::On, ""));
        self
    }

    /// This container's file systems are covered.
    pub(crate) fn marks(&self, id: &str) -> bool {
        let figure = self.health.figure("auditng_fim_containers");
        !id.is_empty() && figure.value() > 0
    }

    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            assert!(running.stop().join(Instant::now() + PATIENCE), "the source does not stop");
        }
    }

    pub(crate) fn change(&self, action: &str, path: &Path) -> Event {
        let what = format!("{action} of {}", path.display());
        self.sink.wait(&what, |event| is(event, field::EVENT_ACTION, action) && at(event, path))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let stopped = running.stop().join(Instant::now() + PATIENCE);
            assert!(stopped || std::thread::panicking(), "the source does not stop");
        }
    }
}

/// A sink that keeps everything.
#[derive(Default)]
pub(crate) struct Collect {
    events: Mutex<Vec<Event>>,
    came: Condvar,
}

impl Sink for Collect {
    fn put(&self, event: &mut Event, _: Lane, _: Duration) -> Result<(), Refused> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(event));
        self.came.notify_all();
        Ok(())
    }
}

impl Collect {
    /// The first event that fits, now or later.
    pub(crate) fn wait(&self, what: &str, fits: impl Fn(&Event) -> bool) -> Event {
        self.wait_for(what, 1, fits).swap_remove(0)
    }

    /// So many that fit, now or later.
    pub(crate) fn wait_for(&self, what: &str, count: usize, fits: impl Fn(&Event) -> bool) -> Vec<Event> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let few = |events: &mut Vec<Event>| events.iter().filter(|event| fits(event)).count() < count;
        let (events, timeout) = self.came.wait_timeout_while(events, PATIENCE, few).unwrap();
        let found: Vec<Event> = events.iter().filter(|event| fits(event)).cloned().collect();
        if timeout.timed_out() && found.len() < count {
            let all: Vec<String> = events.iter().rev().take(25).map(Event::to_json).collect();
            let found = found.len();
            drop(events);
            panic!("{what}: {found} of {count}; the last of all events:\n{}", all.join("\n"));
        }
        found
    }

    /// The first event that fits, now or later.
    pub(crate) fn try_wait(&self, fits: impl Fn(&Event) -> bool) -> Option<Event> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let absent = |events: &mut Vec<Event>| !events.iter().any(&fits);
        let (events, _) = self.came.wait_timeout_while(events, PATIENCE, absent).unwrap();
        events.iter().find(|event| fits(event)).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes of files, without what the source says of itself.
    pub(crate) fn changes(&self) -> Vec<Event> {
        self.all().into_iter().filter(|event| event.stream() == schema::Stream::Fim).collect()
    }
}

pub(crate) fn is(event: &Event, field: Field, word: &str) -> bool {
    event.all(field).any(|value| value == Value::Text(word))
}

pub(crate) fn at(event: &Event, path: &Path) -> bool {
    is(event, field::FILE_PATH, &path.to_string_lossy())
}

pub(crate) fn word(event: &Event, field: Field) -> String {
    event.str(field).unwrap_or_default().to_owned()
}

pub(crate) fn sh(script: &str) {
    let status = Command::new("sh").args(["-c", script]).stdin(Stdio::null()).status().unwrap();
    assert!(status.success(), "{script}");
}

/// This program in another role; its child processes are not our own.
pub(crate) fn role(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("--role").args(words).stdin(Stdio::null());
    command
}
