//! What every live test stands on: the kernel as it was found, a folder, a running source, and its events.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use agent::clock::Clock;
use agent::enrich;
use agent::filter::Filter;
use agent::health::{Health, State};
use agent::intake::{Refused, Running, Sink, Source};
use agent::source::audit::kernel::{Kernel, Live};
use agent::source::audit::state::Values;
use agent::source::audit::{Audit, Config, Rules};
use agent::sys::proc::Proc;
use agent::sys::wake::Wake;
use audit::netlink::Status;
use schema::{Event, Field, Lane, Value, field};

/// A test that waits longer than this has failed; a busy machine needs most of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// In place of rules: those that are built in.
pub(crate) const BUILT_IN: &[&str] = &["built-in"];

/// Why live tests cannot run here.
pub(crate) fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        let euid = rustix::process::geteuid().as_raw();
        return Some(format!("needs root (CAP_AUDIT_CONTROL); euid is {euid}"));
    }
    let status = match Live::open(None).map(|mut kernel| kernel.status()) {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => return Some(format!("{error}: {}", error.source)),
        Err(error) => return Some(format!("this kernel has no audit: {error}")),
    };
    if status.pid != 0 {
        return Some(format!("{} owns the audit socket", Proc::default().describe(status.pid)));
    }
    status.locked().then(|| "audit is locked until the next boot (enabled 2)".to_owned())
}

/// The kernel's rules and the values that a source may change.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Found {
    pub(crate) values: Values,
    pub(crate) pid: u32,
    pub(crate) rules: Vec<Vec<u8>>,
}

pub(crate) fn status() -> Status {
    Live::open(None).unwrap().status().unwrap()
}

pub(crate) fn found() -> Found {
    let mut kernel = Live::open(None).unwrap();
    let status = kernel.status().unwrap();
    Found { values: Values::of(&status), pid: status.pid, rules: kernel.rules().unwrap() }
}

/// A folder and the kernel's state to go back to.
pub(crate) struct Stand {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) found: Found,
}

impl Stand {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("auditng-test").tempdir().unwrap(), found: found() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A folder below, for what is watched.
    pub(crate) fn watched(&self) -> PathBuf {
        let path = self.path("watched");
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state/audit.state")
    }

    /// A rule file; `{}` in a rule is the watched folder.
    pub(crate) fn rules(&self, rules: &[&str]) -> PathBuf {
        let text = rules.join("\n").replace("{}", &self.watched().to_string_lossy());
        let path = self.path("test.rules");
        std::fs::write(&path, text + "\n").unwrap();
        path
    }

    /// A source in this process, with these rules.
    pub(crate) fn source(&self, rules: &[&str]) -> Started {
        self.source_with(rules, Config::default(), Arc::new(Collect::default()))
    }

    pub(crate) fn source_with(&self, rules: &[&str], config: Config, sink: Arc<Collect>) -> Started {
        let files = if rules == BUILT_IN { Vec::new() } else { vec![self.rules(rules)] };
        self.start(Rules { files, ..Rules::default() }, config, sink, Vec::new())
    }

    pub(crate) fn source_filtered(
        &self,
        rules: &[&str],
        config: Config,
        sink: Arc<Collect>,
        filters: Vec<Filter>,
    ) -> Started {
        self.start(Rules { files: vec![self.rules(rules)], ..Rules::default() }, config, sink, filters)
    }

    pub(crate) fn source_of(&self, rules: Rules) -> Started {
        self.start(rules, Config::default(), Arc::new(Collect::default()), Vec::new())
    }

    /// A source that knows other runtimes than the usual ones.
    pub(crate) fn source_among(&self, rules: &[&str], context: enrich::Config, sink: Arc<Collect>) -> Started {
        let rules = Rules { files: vec![self.rules(rules)], ..Rules::default() };
        // Enough room for a machine that is busy with other things: these tests are not about loss.
        let room = agent::config::Bytes(128 << 20);
        let config = Config { rcvbuf: room, queue_bytes: room, backlog_limit: 1 << 20, ..Config::default() };
        self.launch(rules, config, sink, |audit| audit.with_context(context))
    }

    fn start(&self, rules: Rules, config: Config, sink: Arc<Collect>, filters: Vec<Filter>) -> Started {
        self.launch(rules, config, sink, |audit| audit.filtered(filters))
    }

    fn launch(&self, rules: Rules, config: Config, sink: Arc<Collect>, with: impl FnOnce(Audit) -> Audit) -> Started {
        let health = Arc::new(Health::default());
        let source = with(Audit::new(config, rules, self.state(), Clock::system()));
        let running = Box::new(source).start(Arc::clone(&sink) as Arc<dyn Sink>, Arc::clone(&health));
        Started { running: Some(running), sink, health }
    }
}

/// Whatever the test did, the kernel is as it was found.
impl Drop for Stand {
    fn drop(&mut self) {
        let mut kernel = Live::open(None).unwrap();
        for rule in kernel.rules().unwrap_or_default() {
            if !self.found.rules.contains(&rule) {
                kernel.delete_rule(&rule).unwrap();
            }
        }
        let there = Values::of(&kernel.status().unwrap());
        if let Some(change) = self.found.values.unlike(there).request() {
            kernel.set(change).unwrap();
        }
    }
}

/// A running source and what it gave.
pub(crate) struct Started {
    running: Option<Running>,
    pub(crate) sink: Arc<Collect>,
    pub(crate) health: Arc<Health>,
}

impl Started {
    /// Asserts that the source owns the socket and all its rules were taken.
    pub(crate) fn on(self) -> Self {
        let report = self.health.source("audit").report();
        assert_eq!((report.state, report.reason.as_str()), (State::On, ""));
        self
    }

    pub(crate) fn lost(&self, stage: &'static str, reason: &str) -> u64 {
        self.health.stage(stage).report().lost.get(reason).copied().unwrap_or(0)
    }

    /// Stops and gives how long that took.
    pub(crate) fn stop(&mut self) -> Duration {
        let begin = Instant::now();
        if let Some(running) = self.running.take() {
            assert!(running.stop().join(begin + PATIENCE), "the source does not stop");
        }
        begin.elapsed()
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

/// A sink that keeps everything; `log` is also written to, as a spool would.
#[derive(Default)]
pub(crate) struct Collect {
    events: Mutex<Vec<Event>>,
    came: Condvar,
    log: Option<PathBuf>,
    /// Keeps only these.
    only: Option<fn(&Event) -> bool>,
    pause: Duration,
}

impl Sink for Collect {
    fn put(&self, event: &mut Event, _: Lane, _: Duration) -> Result<(), Refused> {
        if self.only.is_some_and(|keeps| !keeps(event)) {
            return Ok(());
        }
        if !self.pause.is_zero() {
            // A disk that takes its time.
            Wake::new().unwrap().wait(&[], self.pause).unwrap();
        }
        if let Some(log) = &self.log {
            std::fs::write(log, event.to_json()).unwrap();
        }
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(event));
        self.came.notify_all();
        Ok(())
    }
}

impl Collect {
    pub(crate) fn only(keeps: fn(&Event) -> bool) -> Self {
        Self { only: Some(keeps), ..Self::default() }
    }

    pub(crate) fn logging(log: PathBuf) -> Self {
        Self { log: Some(log), ..Self::default() }
    }

    /// Takes so long for each event.
    pub(crate) fn slow(pause: Duration) -> Self {
        Self { pause, ..Self::default() }
    }

    /// The first event that fits, now or later.
    pub(crate) fn wait(&self, what: &str, fits: impl Fn(&Event) -> bool) -> Event {
        let events = self.events.lock().unwrap();
        let absent = |events: &mut Vec<Event>| !events.iter().any(&fits);
        let (events, timeout) = self.came.wait_timeout_while(events, PATIENCE, absent).unwrap();
        let found = events.iter().find(|event| fits(event)).cloned();
        found.unwrap_or_else(|| panic!("{what}: not among {} events ({timeout:?})", events.len()))
    }

    /// How many fit by now, if there are so many at all.
    pub(crate) fn count(&self, least: usize, fits: impl Fn(&Event) -> bool) -> usize {
        let events = self.events.lock().unwrap();
        if events.len() < least { 0 } else { events.iter().filter(|event| fits(event)).count() }
    }

    pub(crate) fn all(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }
}

pub(crate) fn has(event: &Event, field: Field, word: &str) -> bool {
    event.all(field).any(|value| value == Value::Text(word))
}

pub(crate) fn tagged(event: &Event, key: &str) -> bool {
    has(event, field::TAGS, key)
}

pub(crate) fn texts(event: &Event, field: Field) -> Vec<String> {
    let text = |value: Value<'_>| match value {
        Value::Text(text) => Some(text.to_owned()),
        _ => None,
    };
    event.all(field).filter_map(text).collect()
}

/// This program in another role; killed when dropped.
pub(crate) struct Role(pub(crate) Child);

impl Role {
    pub(crate) fn start(name: &str, words: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--role", name]).args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// As [`Self::start`], below a program that changes what it may do and ends by starting it.
    pub(crate) fn start_below(wrapper: &[&str], name: &str, words: &[&str]) -> Self {
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).arg(std::env::current_exe().unwrap()).args(["--role", name]).args(words);
        Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// As [`Self::start`], and waits until it says `ready`.
    pub(crate) fn start_ready(name: &str, words: &[&str]) -> Self {
        let mut role = Self::start(name, words);
        assert_eq!(role.line(), "ready\n");
        role
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Reads its next line.
    pub(crate) fn line(&mut self) -> String {
        use std::io::{BufRead as _, BufReader};
        let mut line = String::new();
        // One byte at a time would be slow, but nothing follows a line before it is asked for.
        BufReader::with_capacity(1, self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line
    }

    /// Lets it finish by closing its input, and gives what it says.
    pub(crate) fn finish(mut self) -> String {
        use std::io::Read as _;
        drop(self.0.stdin.take());
        let mut said = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(self.0.wait().unwrap().success());
        said
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // It may have ended already, which is all that is wanted.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Runs this program in another role to its end.
pub(crate) fn play(name: &str, words: &[&str]) -> String {
    Role::start(name, words).finish()
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
