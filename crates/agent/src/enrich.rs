//! Context of this host for every event: which life of which process, its parents, its container, the host itself.
//!
//! [`Enricher::apply`] first learns from the event (any event that names a pid tells something about that process), then adds
//! what the event does not say itself. The process table is fed by this same stream; `/proc` is the fall-back for what the
//! stream has not told, and only on the first sight of a process or when something does not fit.
//!
//! Promises: adds and never rewrites; what cannot be known stays empty or says `unknown` with the reason; memory is bounded
//! and evictions are counted. Parents' arguments and the ancestry are added to events that start a process, where they are
//! asked for; all others name the parent and its entity, by which the rest is found.

pub mod container;
pub mod host;
pub mod process;
pub mod user;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schema::{Event, Timestamp, Value, field};
use tracing::{info, warn};

use crate::clock::Clock;
use crate::health::{self, Counters, Figure, Health, State};
use crate::sys::connector::Connector;
use crate::sys::proc::Proc;

use container::Containers;
use host::Host;
use process::feed::Feed;
use process::hash::Hashes;
use process::{Facts, Switch, Table, Text};

/// Adds context to events; see the [module](self).
#[derive(Debug)]
pub struct Enricher {
    host: Host,
    table: Arc<Mutex<Table>>,
    /// Opened, and nothing read yet: what happens meanwhile waits in the socket.
    connector: Option<Result<Connector, String>>,
    feed: Option<Feed>,
    hashes: Hashes,
    proc: Proc,
    clock: Clock,
    config: process::Config,
    /// Where the living are kept over a restart.
    state: Option<PathBuf>,
    boot_id: String,
    source: Arc<health::Source>,
    counters: Arc<Counters>,
    /// Facts that came after the events they belong to, until the next tick.
    late: Vec<Event>,
    figures: Figures,
}

/// How much is asked and kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Config {
    /// `[container]`
    pub container: container::Config,
    /// `[users]`
    pub users: user::Config,
    /// `[process]`
    pub process: process::Config,
}

/// What the tables hold and forgot, for the health page.
#[derive(Debug)]
struct Figures {
    health: Arc<Health>,
    containers: Arc<Figure>,
    /// By way and result.
    lookups: BTreeMap<(&'static str, &'static str), Arc<Figure>>,
    processes: Arc<Figure>,
    bytes: Arc<Figure>,
    living_evicted: Arc<Figure>,
    dead_evicted: Arc<Figure>,
    hashes_evicted: Arc<Figure>,
    containers_evicted: Arc<Figure>,
}

impl Figures {
    fn of(health: &Arc<Health>) -> Self {
        Self {
            health: Arc::clone(health),
            containers: health.figure("auditng_container_table_entries"),
            lookups: BTreeMap::new(),
            processes: health.figure("auditng_process_table_entries"),
            bytes: health.figure("auditng_process_table_bytes"),
            living_evicted: health.figure("auditng_cache_evicted_total{cache=\"process\"}"),
            dead_evicted: health.figure("auditng_cache_evicted_total{cache=\"process-dead\"}"),
            hashes_evicted: health.figure("auditng_cache_evicted_total{cache=\"hash\"}"),
            containers_evicted: health.figure("auditng_cache_evicted_total{cache=\"container\"}"),
        }
    }

    fn set(&mut self, table: &Table, hashes: &Hashes) {
        self.containers.set(table.containers().len() as u64);
        for (via, result, count) in table.containers().lookups() {
            let made = || self.health.figure(lookup_name(via, result));
            self.lookups.entry((via, result)).or_insert_with(made).set(count);
        }
        let [living, dead] = table.evicted();
        self.processes.set(table.len() as u64);
        self.bytes.set(table.bytes() as u64);
        self.living_evicted.set(living);
        self.dead_evicted.set(dead);
        self.hashes_evicted.set(hashes.evicted());
        self.containers_evicted.set(table.containers().evicted());
    }
}

impl Enricher {
    /// An enricher that knows no process yet.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn new(proc: Proc, clock: Clock, config: &Config, health: &Arc<Health>) -> std::io::Result<Self> {
        let host = Host::here();
        let containers = Containers::start(&config.container, config.users.ttl.0)?;
        let config = config.process.clone();
        let boot_id = proc.boot_id().unwrap_or_default();
        let mut table = Table::new(proc.clone(), containers, &host.id, &boot_id).with_limits(config.limits());
        table.set_clock(|| clock.wall());
        Ok(Self {
            host,
            table: Arc::new(Mutex::new(table)),
            connector: None,
            feed: None,
            hashes: Hashes::start(config.hashing()),
            proc,
            clock,
            config,
            state: None,
            boot_id,
            source: health.source("process"),
            counters: health.stage("process"),
            late: Vec::new(),
            figures: Figures::of(health),
        })
    }

    /// With a file that keeps the living over a restart.
    #[must_use]
    pub fn with_state(self, path: PathBuf) -> Self {
        Self { state: Some(path), ..self }
    }

    /// Listens to the kernel's process events, if it may; to be called before the first record is made.
    pub fn listen(&mut self) {
        self.connector = Some(match self.config.connector {
            Switch::Auto => Connector::open().map_err(|error| error.to_string()),
            Switch::Off => Err("process.connector is off".to_owned()),
        });
    }

    /// Takes in the process events that came since [`Self::listen`], and learns all processes that live now.
    pub fn begin(&mut self) {
        if self.connector.is_none() {
            self.listen();
        }
        let connector = self.connector.take().unwrap_or_else(|| Err(String::new()));
        if let Some(path) = &self.state {
            let mut table = self.table();
            if connector.is_ok() {
                table.listen();
            }
            let back = table.load(path, &self.boot_id);
            drop(table);
            info!(back, "processes known from the last run");
        }
        let (table, counters, clock) = (Arc::clone(&self.table), Arc::clone(&self.counters), self.clock.clone());
        let listening = connector.and_then(|connector| {
            Feed::start(connector, table, counters, clock)
                .map_err(|error| format!("no thread for process events: {error}"))
        });
        match listening {
            Ok(feed) => {
                self.feed = Some(feed);
                self.source.set(State::On, "");
            }
            Err(why) => {
                let state = if self.config.connector == Switch::Off { State::Off } else { State::Degraded };
                let why = format!("{why}; processes are known from records and /proc alone");
                warn!(why, "process events");
                self.source.set(state, why);
                self.table().stop_listening();
                self.table().scan();
            }
        }
    }

    /// Takes process events that came until now, so that events which are newer find their processes; to be called before
    /// each batch.
    pub fn drain(&mut self) {
        if let Some(feed) = &self.feed {
            feed.drain();
        }
    }

    /// Stops listening and keeps the living for the next start.
    pub fn end(&mut self) {
        self.feed = None;
        self.source.set(State::Off, "stopped");
        if let Some(path) = &self.state
            && let Err(error) = self.table().save(path, &self.boot_id)
        {
            warn!(%error, path = %path.display(), "the known processes cannot be kept");
        }
    }

    /// Forgets what is over; to be called a few times a second. What was learnt late is handed to `each` as events of their
    /// own, whole but for their id: an event that has left is never edited.
    pub fn tick(&mut self, now: Timestamp, each: &mut dyn FnMut(Event)) {
        {
            let mut table = lock(&self.table);
            table.set_clock(|| self.clock.wall());
            table.tick(now);
            table.containers_mut().tick(now, &self.proc, &mut self.late);
            self.figures.set(&table, &self.hashes);
        }
        self.hashes.tick(now, &mut self.late);
        for mut event in self.late.drain(..) {
            self.host.apply(&mut event);
            each(event);
        }
    }

    /// Learns from the event, then adds to it.
    pub fn apply(&mut self, event: &mut Event) {
        let seen = Seen::of(event);
        if let Some(facts) = seen.facts {
            let mut table = lock(&self.table);
            if facts.is_exec && !facts.failed {
                announce(&mut table, &facts);
            }
            let sight = table.observe(&facts);
            table.apply(sight, seen.present, event);
            if seen.present.starts
                && !sight.before_exec
                && let Some(life) = table.life(sight.key)
            {
                self.hashes.apply(life, &self.proc, event);
            }
        }
        self.host.apply(event);
    }

    /// `name (pid N)` for messages.
    #[must_use]
    pub fn describe(&self, pid: u32) -> String {
        self.proc.describe(pid)
    }

    /// The process table, for its figures.
    pub fn table(&self) -> MutexGuard<'_, Table> {
        lock(&self.table)
    }
}

/// A program that makes containers says in its arguments which one.
fn announce(table: &mut Table, facts: &Facts) {
    if let Some(exe) = &facts.exe {
        table.containers_mut().announce(exe.as_str(), facts.args.iter().map(Text::as_str));
    }
}

/// The metric of one way and result. Its text is kept for good; there are fewer than a hundred pairs.
fn lookup_name(via: &str, result: &str) -> &'static str {
    format!("auditng_container_lookup_total{{via=\"{via}\",result=\"{result}\"}}").leak()
}

/// A thread that panicked leaves a table that is whole: each change ends before the next.
fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an event says of its process, and which of the fields that we would add it already has.
struct Seen {
    facts: Option<Facts>,
    present: process::Present,
}

impl Seen {
    /// One walk over the event's entries.
    fn of(event: &Event) -> Self {
        let mut facts = Facts::default();
        let mut present = process::Present::default();
        let mut child = None;
        for entry in event.entries() {
            match (entry.field, entry.value) {
                (field::TIMESTAMP, Value::Date(time)) => facts.time = time,
                (field::EVENT_SEQUENCE, Value::Long(serial)) => facts.serial = serial,
                (field::EVENT_ACTION, Value::Text(action)) => facts.note_action(action),
                (field::EVENT_TYPE, Value::Text("start")) => present.starts = true,
                (field::EVENT_TYPE, Value::Text("end")) => present.ends = true,
                (field::USER_ID, Value::Text(id)) => facts.uids[0] = id.parse().ok(),
                (field::USER_EFFECTIVE_ID, Value::Text(id)) => facts.uids[1] = id.parse().ok(),
                (field::AUDITNG_PROCESS_INVOKED, Value::Text(path)) => facts.invoked = Some(Text::plain(path)),
                (field::EVENT_OUTCOME, Value::Text(outcome)) => facts.failed = outcome == "failure",
                (field::PROCESS_PID, Value::Long(pid)) => facts.pid = u32::try_from(pid).unwrap_or(0),
                (field::PROCESS_PARENT_PID, Value::Long(ppid)) => facts.ppid = u32::try_from(ppid).ok(),
                (field::PROCESS_NAME, Value::Text(name)) => facts.comm = Some(Text::plain(name)),
                (field::PROCESS_EXECUTABLE, Value::Text(exe)) => facts.exe = Some(Text::plain(exe)),
                (field::PROCESS_WORKING_DIRECTORY, Value::Text(cwd)) => facts.cwd = Some(Text::plain(cwd)),
                (field::PROCESS_ARGS, Value::Text(arg)) => facts.args.push(Text::plain(arg)),
                (field::AUDITNG_ESCAPED, Value::Text(name)) => facts.note_escaped(name),
                (field::AUDITD_DATA, Value::Text(exit)) if entry.key == "exit" => child = exit.parse().ok(),
                (field::PROCESS_ENTITY_ID, _) => present.entity = true,
                (field::PROCESS_START, _) => present.start = true,
                (field::PROCESS_PARENT_NAME | field::PROCESS_PARENT_EXECUTABLE, _) => present.parent = true,
                (field::CONTAINER_ID | field::AUDITNG_CONTAINER_SCOPE, _) => present.container = true,
                _ => {}
            }
        }
        (present.name, present.executable) = (facts.comm.is_some(), facts.exe.is_some());
        (present.args, present.cwd) = (!facts.args.is_empty(), facts.cwd.is_some());
        present.ppid = facts.ppid.is_some();
        facts.uids[1] = facts.uids[1].or(facts.uids[0]);
        facts.child = child.filter(|_| facts.is_fork);
        Self { facts: (facts.pid != 0).then_some(facts), present }
    }
}

#[cfg(test)]
mod tests;
