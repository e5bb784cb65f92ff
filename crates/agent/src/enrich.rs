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
use std::sync::Arc;

use schema::{Event, Timestamp, Value, field};

use crate::clock::Clock;
use crate::health::{Figure, Health};
use crate::sys::proc::Proc;

use container::Containers;
use host::Host;
use process::{Facts, Table, Text};

/// Adds context to events; see the [module](self).
#[derive(Debug)]
pub struct Enricher {
    host: Host,
    table: Table,
    proc: Proc,
    clock: Clock,
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
}

/// What the tables hold and forgot, for the health page.
#[derive(Debug)]
struct Figures {
    health: Arc<Health>,
    containers: Arc<Figure>,
    /// By way and result.
    lookups: BTreeMap<(&'static str, &'static str), Arc<Figure>>,
    processes: Arc<Figure>,
    processes_evicted: Arc<Figure>,
    containers_evicted: Arc<Figure>,
}

impl Figures {
    fn of(health: &Arc<Health>) -> Self {
        Self {
            health: Arc::clone(health),
            containers: health.figure("auditng_container_table_entries"),
            lookups: BTreeMap::new(),
            processes: health.figure("auditng_process_table_entries"),
            processes_evicted: health.figure("auditng_cache_evicted_total{cache=\"process\"}"),
            containers_evicted: health.figure("auditng_cache_evicted_total{cache=\"container\"}"),
        }
    }

    fn set(&mut self, table: &Table) {
        self.containers.set(table.containers().len() as u64);
        for (via, result, count) in table.containers().lookups() {
            let made = || self.health.figure(lookup_name(via, result));
            self.lookups.entry((via, result)).or_insert_with(made).set(count);
        }
        self.processes.set(table.len() as u64);
        self.processes_evicted.set(table.evicted());
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
        let boot_id = proc.boot_id().unwrap_or_default();
        let mut table = Table::new(proc.clone(), containers, &host.id, &boot_id);
        table.set_clock(clock.wall());
        Ok(Self { host, table, proc, clock, late: Vec::new(), figures: Figures::of(health) })
    }

    /// Learns all processes that live now.
    pub fn scan(&mut self) {
        self.table.scan(self.clock.wall());
    }

    /// Forgets what is over; to be called a few times a second. What was learnt late is handed to `each` as events of their
    /// own, whole but for their id: an event that has left is never edited.
    pub fn tick(&mut self, now: Timestamp, each: &mut dyn FnMut(Event)) {
        self.table.tick(now);
        self.table.containers_mut().tick(now, &self.proc, &mut self.late);
        self.figures.set(&self.table);
        for mut event in self.late.drain(..) {
            self.host.apply(&mut event);
            each(event);
        }
    }

    /// Learns from the event, then adds to it.
    pub fn apply(&mut self, event: &mut Event) {
        let seen = Seen::of(event);
        if let Some(facts) = seen.facts {
            let present = seen.present;
            if facts.is_exec && !facts.failed {
                self.announce(&facts);
            }
            let life = self.table.observe(&facts);
            self.table.apply(life, present, event);
        }
        self.host.apply(event);
    }

    /// A program that makes containers says in its arguments which one.
    fn announce(&mut self, facts: &Facts) {
        if let Some(exe) = &facts.exe {
            self.table.containers_mut().announce(exe.as_str(), facts.args.iter().map(Text::as_str));
        }
    }

    /// `name (pid N)` for messages.
    #[must_use]
    pub fn describe(&self, pid: u32) -> String {
        self.proc.describe(pid)
    }

    /// The process table, for its figures.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }
}

/// The metric of one way and result. Its text is kept for good; there are fewer than a hundred pairs.
fn lookup_name(via: &str, result: &str) -> &'static str {
    format!("auditng_container_lookup_total{{via=\"{via}\",result=\"{result}\"}}").leak()
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
        facts.child = child.filter(|_| facts.is_fork);
        Self { facts: (facts.pid != 0).then_some(facts), present }
    }
}

#[cfg(test)]
mod tests;
