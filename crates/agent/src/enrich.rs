//! Context of this host for every event: which life of which process, its parents, its container, the host itself.
//!
//! One [`Context`] serves all sources. [`Context::apply`] first learns from the event (any event that names a pid tells something about that process), then adds
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
use process::{Doubt, Facts, Switch, Table, Text};

/// What is known of this host, shared by all sources; a clone is another handle to the same. See the [module](self).
///
/// Whoever needs it says so with [`Context::begin`] and [`Context::end`]: the first begins to listen to the kernel, the last
/// keeps the living for the next start.
#[derive(Clone, Debug)]
pub struct Context(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    host: Host,
    table: Arc<Mutex<Table>>,
    ears: Mutex<Ears>,
    hashes: Mutex<Hashes>,
    proc: Proc,
    clock: Clock,
    config: process::Config,
    /// Where the living are kept over a restart.
    state: Option<PathBuf>,
    boot_id: String,
    source: Arc<health::Source>,
    counters: Arc<Counters>,
    figures: Mutex<Figures>,
}

/// How the kernel's process events come to us.
#[derive(Debug, Default)]
struct Ears {
    /// Opened, and nothing read yet: what happens meanwhile waits in the socket.
    connector: Option<Result<Connector, String>>,
    feed: Option<Feed>,
    /// Sources that began and have not ended.
    users: usize,
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

impl Context {
    /// A context that knows no process yet. `state` is a file that keeps the living over a restart.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn new(
        proc: Proc,
        clock: Clock,
        config: &Config,
        state: Option<PathBuf>,
        health: &Arc<Health>,
    ) -> std::io::Result<Self> {
        let host = Host::here();
        let containers = Containers::start(&config.container, config.users.ttl.0)?;
        let config = config.process.clone();
        let boot_id = proc.boot_id().unwrap_or_default();
        let mut table = Table::new(proc.clone(), containers, &host.id, &boot_id).with_limits(config.limits());
        table.set_clock(|| clock.wall());
        Ok(Self(Arc::new(Shared {
            host,
            table: Arc::new(Mutex::new(table)),
            ears: Mutex::default(),
            hashes: Mutex::new(Hashes::start(config.hashing())),
            proc,
            clock,
            config,
            state,
            boot_id,
            source: health.source("process"),
            counters: health.stage("process"),
            figures: Mutex::new(Figures::of(health)),
        })))
    }

    /// Listens to the kernel's process events, if it may; to be called before the first record is made. What happens until
    /// [`Self::begin`] waits.
    pub fn listen(&self) {
        let mut ears = lock(&self.0.ears);
        if ears.users == 0 && ears.connector.is_none() {
            ears.connector = Some(self.0.open());
        }
    }

    /// Takes in the process events that came since [`Self::listen`], and learns all processes that live now. Whoever is not
    /// the first finds that done.
    pub fn begin(&self) {
        let mut ears = lock(&self.0.ears);
        ears.users += 1;
        if ears.users == 1 {
            let connector = ears.connector.take().unwrap_or_else(|| self.0.open());
            ears.feed = self.0.begin(connector);
        }
    }

    /// Takes process events that came until now, so that events which are newer find their processes; to be called before
    /// each batch.
    pub fn drain(&self) {
        if let Some(feed) = &lock(&self.0.ears).feed {
            feed.drain();
        }
    }

    /// This user needs it no longer. With the last it stops listening and keeps the living for the next start.
    pub fn end(&self) {
        let mut ears = lock(&self.0.ears);
        ears.users = ears.users.saturating_sub(1);
        if ears.users == 0 {
            ears.feed = None;
            self.0.end();
        }
    }

    /// Forgets what is over; to be called a few times a second, by whoever uses it. What was learnt late is handed to `each`
    /// as events of their own, whole but for their id: an event that has left is never edited.
    pub fn tick(&self, now: Timestamp, each: &mut dyn FnMut(Event)) {
        let mut late = Vec::new();
        {
            let mut table = self.table();
            table.set_clock(|| self.0.clock.wall());
            table.tick(now);
            table.containers_mut().tick(now, &self.0.proc, &mut late);
            let mut hashes = lock(&self.0.hashes);
            lock(&self.0.figures).set(&table, &hashes);
            drop(table);
            hashes.tick(now, &mut late);
        }
        for mut event in late {
            self.0.host.apply(&mut event);
            each(event);
        }
    }

    /// Learns from the event, then adds to it.
    pub fn apply(&self, event: &mut Event) {
        let seen = Seen::of(event);
        if let Some(facts) = seen.facts {
            let mut table = self.table();
            if facts.is_exec && !facts.failed {
                announce(&mut table, &facts);
            }
            let sight = table.observe(&facts);
            table.apply(sight, seen.present, event);
            if seen.present.starts
                && !sight.before_exec
                && let Some(life) = table.life(sight.key)
            {
                lock(&self.0.hashes).apply(life, &self.0.proc, event);
            }
        }
        self.0.host.apply(event);
    }

    /// Who had this pid when somebody told of it at `at`, who may have been late by as much as `late_ms`.
    #[must_use]
    pub fn identify(&self, pid: u32, at: Timestamp, late_ms: i64) -> fim::Who {
        self.drain();
        let mut table = self.table();
        who(pid, table.identify(pid, at, late_ms))
    }

    /// The process with its parents, nearest first.
    #[must_use]
    pub fn ancestors(&self, pid: u32, at: Timestamp) -> Vec<process::Ancestor> {
        self.drain();
        self.table().ancestors(pid, at)
    }

    /// Adds to an event of a process that others already know by its pid and, if they could, its start: nothing is learnt
    /// from it, since it may come seconds after what it tells of. `late_ms` as in [`Self::identify`].
    pub fn apply_as(&self, who: &fim::Who, late_ms: i64, event: &mut Event) {
        let seen = Seen::of(event);
        let at = event.time().unwrap_or_default();
        if who.pid != 0 && who.confidence >= fim::who::Confidence::Merged {
            self.table().apply_as(who.pid, who.start_ns, (at, late_ms), seen.present, event);
        }
        self.0.host.apply(event);
    }

    /// What is known of the container with this id, or that this process is in, added to an event about something in it.
    /// False: nothing is known.
    pub fn apply_container(&self, id: &str, pid: u32, event: &mut Event) -> bool {
        let table = self.table();
        let known = table.containers().by_id(id);
        let known = known.or_else(|| match &table.living(pid)?.place.place {
            container::Place::Container(container) => Some(Arc::clone(container)),
            container::Place::Host(..) | container::Place::Unknown(_) => None,
        });
        known.iter().for_each(|known| container::Place::Container(Arc::clone(known)).apply(event, false));
        known.is_some()
    }

    /// The container with this id.
    #[must_use]
    pub fn container(&self, id: &str) -> Option<Arc<container::Container>> {
        self.table().containers().by_id(id)
    }

    /// The containers that run, each with a process in it.
    #[must_use]
    pub fn containers(&self) -> Vec<(Arc<container::Container>, u32)> {
        self.table().containers().running()
    }

    /// `name (pid N)` for messages.
    #[must_use]
    pub fn describe(&self, pid: u32) -> String {
        self.0.proc.describe(pid)
    }

    /// The process table, for its figures.
    pub fn table(&self) -> MutexGuard<'_, Table> {
        lock(&self.0.table)
    }
}

impl Shared {
    fn open(&self) -> Result<Connector, String> {
        match self.config.connector {
            Switch::Auto => Connector::open().map_err(|error| error.to_string()),
            Switch::Off => Err("process.connector is off".to_owned()),
        }
    }

    fn begin(&self, connector: Result<Connector, String>) -> Option<Feed> {
        if let Some(path) = &self.state {
            let mut table = lock(&self.table);
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
                self.source.set(State::On, "");
                Some(feed)
            }
            Err(why) => {
                let state = if self.config.connector == Switch::Off { State::Off } else { State::Degraded };
                let why = format!("{why}; processes are known from records and /proc alone");
                warn!(why, "process events");
                self.source.set(state, why);
                let mut table = lock(&self.table);
                table.stop_listening();
                table.scan();
                None
            }
        }
    }

    fn end(&self) {
        self.source.set(State::Off, "stopped");
        if let Some(path) = &self.state
            && let Err(error) = lock(&self.table).save(path, &self.boot_id)
        {
            warn!(%error, path = %path.display(), "the known processes cannot be kept");
        }
    }
}

/// What the table knows, in the words of file integrity monitoring.
fn who(pid: u32, known: Result<&process::Life, Doubt>) -> fim::Who {
    let nobody = |reason| fim::Who { pid, source: fim::who::Source::ProcessTable, ..fim::Who::unknown(reason) };
    match known {
        Ok(life) => fim::Who {
            pid,
            start_ns: Some(life.start_ns()),
            ppid: Some(life.ppid),
            exe: life.image.exe.as_ref().map(|exe| exe.bytes().into()),
            exe_id: life.file.as_ref().map(|file| file.place()).map(|(dev, inode)| fim::entry::FileId { dev, inode }),
            uid: life.uids.map(|[real, _]| real),
            euid: life.uids.map(|[_, effective]| effective),
            source: fim::who::Source::ProcessTable,
            confidence: fim::who::Confidence::Strong,
            ..fim::Who::default()
        },
        Err(Doubt::Nobody) => nobody(fim::who::Reason::ReaderLate),
        Err(Doubt::Loss) => nobody(fim::who::Reason::SourceLoss),
        Err(Doubt::Several) => fim::Who {
            pid,
            source: fim::who::Source::ProcessTable,
            confidence: fim::who::Confidence::Ambiguous,
            candidates: vec![pid],
            reason: Some(fim::who::Reason::ReaderLate),
            ..fim::Who::default()
        },
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

/// A thread that panicked leaves what it held whole: each change ends before the next.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
