//! The kernel's audit records as events.
//!
//! ```text
//! kernel --unicast or multicast--> audit-recv --byte queue--> audit-parse --> Sink
//!    ^------------- status, rules, values ------------------ audit-control
//! ```
//!
//! Three threads, no async. `audit-recv` does nothing but move datagrams into a bounded queue. `audit-parse` makes events of
//! them ([`audit::pipeline`]), adds what this host knows ([`crate::enrich`]) and hands them over. `audit-control` owns the
//! registration, polls the status each second and puts everything back at the end ([`control`]).
//!
//! Promises: a live owner of the socket is never pushed out; what the kernel, a socket or the queue could not keep is
//! counted with its reason in [`Health`]; rules, values and registration are put back at the end, or, after a SIGKILL, by
//! the next start. Does not: decide what is interesting, know the spool.
//!
//! ```no_run
//! use std::sync::Arc;
//! use agent::source::audit::{Audit, Config, Rules};
//! use agent::{clock::Clock, health::Health, intake::{Sink, Source}};
//!
//! fn watch(sink: Arc<dyn Sink>) {
//!     let state = "/var/lib/auditng-agent/audit.state".into();
//!     let audit = Audit::new(Config::default(), Rules::default(), state, Clock::system());
//!     let running = Box::new(audit).start(sink, Arc::new(Health::default()));
//!     running.stop();
//! }
//! ```

mod capture;
pub mod control;
pub mod doctor;
mod go_audit;
mod handover;
pub mod kernel;
pub mod load;
mod parse;
mod queue;
mod receive;
mod rights;
pub mod rules;
mod shared;
pub mod state;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use audit::reassemble::Limits;
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::clock::Clock;
use crate::config::{Bytes, Span};
use crate::enrich::{self, Context};
use crate::filter::{Chain, Filter};
use crate::health::{Health, State};
use crate::intake::{Kept, Running, Sink, Source};
use crate::source::fim::Witness;
use crate::sys::netlink::Socket;
use crate::sys::proc::Proc;

use control::{Control, Plan, chain};
use handover::Handover;
use kernel::{Kernel as _, Live};
pub use load::Ownership;
use parse::Parser;
use receive::Receiver;
use rules::Found;
use shared::{Inherited, Shared, supervise};
use state::{StateFile, Values};

/// The keys of `[source.audit]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which socket to read.
    pub socket: Choice,
    /// Bytes asked for the receive buffer; the kernel counts its own overhead too, so it grants twice this.
    pub rcvbuf: Bytes,
    /// Bytes of records that may wait between receiving and parsing.
    pub queue_bytes: Bytes,
    /// Who pays when records come faster than we read.
    pub overload: Overload,
    /// Records that may wait in the kernel.
    pub backlog_limit: u32,
    /// Jiffies that an audited program waits when the kernel's queue is full; absent: as `overload` says.
    pub backlog_wait_time: Option<u32>,
    /// Records per second that the kernel may make; absent: as found.
    pub rate_limit: Option<u32>,
    /// What the kernel does when it cannot log (0 nothing, 1 printk, 2 panic); absent: as found.
    pub failure: Option<u32>,
    /// Our own file and network calls make no records.
    pub self_exclude: bool,
    /// `event.original` holds the raw records.
    pub keep_original: bool,
    /// A file that all datagrams are written to, for a later replay; absent: none.
    pub capture: Option<PathBuf>,
    /// Most bytes of that file.
    pub capture_bytes: Bytes,
    /// How records are put together to events.
    pub reassemble: Reassemble,
}

/// The keys of `[source.audit.reassemble]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reassemble {
    /// Events that may be open at a time.
    pub groups: usize,
    /// Memory of open events.
    pub bytes: Bytes,
    /// An event whose end does not come is closed after this.
    pub timeout: Span,
    /// After the record that usually is the last one, so many others may come first ...
    pub grace_records: u64,
    /// ... or so long.
    pub grace: Span,
}

impl Default for Reassemble {
    fn default() -> Self {
        let Limits { groups, bytes, timeout_ms, grace_records, grace_ms, .. } = Limits::default();
        let span = |ms: i64| Span(Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        Self { groups, bytes: Bytes(bytes as u64), timeout: span(timeout_ms), grace_records, grace: span(grace_ms) }
    }
}

impl Reassemble {
    fn limits(&self) -> Limits {
        let ms = |span: Span| i64::try_from(span.0.as_millis()).unwrap_or(i64::MAX);
        Limits {
            groups: self.groups.max(1),
            bytes: usize::try_from(self.bytes.0).unwrap_or(usize::MAX),
            grace_records: self.grace_records,
            grace_ms: ms(self.grace),
            timeout_ms: ms(self.timeout),
            ..Limits::default()
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            socket: Choice::Auto,
            rcvbuf: Bytes(16 << 20),
            queue_bytes: Bytes(16 << 20),
            overload: Overload::Count,
            backlog_limit: 65_536,
            backlog_wait_time: None,
            rate_limit: None,
            failure: None,
            self_exclude: true,
            keep_original: true,
            capture: None,
            capture_bytes: Bytes(256 << 20),
            reassemble: Reassemble::default(),
        }
    }
}

/// Which socket to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// Own the unicast socket if nobody does, else read the multicast copy.
    #[default]
    Auto,
    /// Own the unicast socket or nothing.
    Unicast,
    /// Only ever read the copy.
    Multicast,
    /// Nothing.
    Off,
}

/// Who pays when records come faster than we read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overload {
    /// Audited programs never wait; what does not fit is lost and counted.
    #[default]
    Count,
    /// Audited programs wait as long as the kernel is set to; nothing is lost until then.
    Block,
}

/// The keys of `[rules]`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Rule files in auditctl syntax, in order; neither files nor a folder: the built-in set.
    pub files: Vec<PathBuf>,
    /// A folder of rule files, taken after those in the order of augenrules.
    pub dir: Option<PathBuf>,
    /// Whose rules may be changed.
    pub ownership: Ownership,
    /// Lock rules and settings until the next boot, once the kernel has exactly what is wanted.
    pub lock: bool,
    /// What becomes of our rules when we end.
    pub on_exit: OnExit,
}

impl Rules {
    /// Files and the folder in the order in which they are taken.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().chain(&self.dir).cloned().collect()
    }
}

/// What becomes of our rules when we end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExit {
    /// They go, and the kernel is as it was found.
    #[default]
    Remove,
    /// They stay for the next start.
    Keep,
}

/// The socket that a record came by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Origin {
    /// We own the socket.
    Unicast = 0,
    /// A copy.
    Multicast = 1,
}

impl Origin {
    fn of(number: u8) -> Self {
        if number == Self::Unicast as u8 { Self::Unicast } else { Self::Multicast }
    }

    /// `event.provider`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Multicast => "multicast",
        }
    }
}

/// The names of sockets that this source keeps open for a successor.
pub const KEPT: [&str; 2] = [shared::UNICAST, shared::MULTICAST];

/// The source; see the [module](self).
#[derive(Debug)]
pub struct Audit {
    config: Config,
    rules: Rules,
    filters: Vec<Filter>,
    inherited: Vec<Kept>,
    state_path: PathBuf,
    clock: Clock,
    proc: Proc,
    context: enrich::Config,
    shared: Option<Context>,
    witness: Option<Arc<Witness>>,
}

impl Audit {
    /// A source that has not started. `state_path` is where `audit.state` lies.
    #[must_use]
    pub fn new(config: Config, rules: Rules, state_path: PathBuf, clock: Clock) -> Self {
        let context = enrich::Config::default();
        Self {
            config,
            rules,
            filters: Vec::new(),
            inherited: Vec::new(),
            state_path,
            clock,
            proc: Proc::default(),
            context,
            shared: None,
            witness: None,
        }
    }

    /// With these bounds and places for what is known of processes and containers, where it keeps that for itself.
    #[must_use]
    pub fn with_context(self, context: enrich::Config) -> Self {
        Self { context, ..self }
    }

    /// With what other sources of this agent know, too.
    #[must_use]
    pub fn sharing(self, context: Context) -> Self {
        Self { shared: Some(context), ..self }
    }

    /// Showing its events to file integrity monitoring, too.
    #[must_use]
    pub fn telling(self, witness: Arc<Witness>) -> Self {
        Self { witness: Some(witness), ..self }
    }

    /// With filters on what it hands over.
    #[must_use]
    pub fn filtered(self, filters: Vec<Filter>) -> Self {
        Self { filters, ..self }
    }

    /// Going on at once where a predecessor ended, with the sockets that it kept open.
    #[must_use]
    pub fn going_on(self, inherited: Vec<Kept>) -> Self {
        Self { inherited, ..self }
    }

    fn plan(&self, found: Found) -> Plan {
        let first = if self.config.self_exclude { rules::self_exclusion(std::process::id()) } else { Vec::new() };
        Plan {
            choice: self.config.socket,
            overload: self.config.overload,
            values: self.config.values(),
            first,
            rules: found.rules,
            ownership: self.rules.ownership,
            lock: self.rules.lock,
            keep_rules: self.rules.on_exit == OnExit::Keep,
            inherited: self.inherited.iter().any(|(name, _)| *name == shared::UNICAST),
        }
    }

    fn context(&self, health: &Arc<Health>) -> std::io::Result<Context> {
        let state = self.state_path.with_file_name("process.state");
        match &self.shared {
            Some(shared) => Ok(shared.clone()),
            None => Context::new(self.proc.clone(), self.clock.clone(), &self.context, Some(state), health),
        }
    }

    fn launch(mut self, sink: Arc<dyn Sink>, health: &Arc<Health>) -> std::io::Result<Running> {
        let mut kept = Inherited::default();
        let mut goes_on = false;
        for (name, fd) in &mut self.inherited {
            let place = if *name == shared::UNICAST { &mut kept.unicast } else { &mut kept.multicast };
            *place = fd.try_clone().map(Socket::from).ok();
            goes_on |= place.is_some();
        }
        let shared = Arc::new(Shared::new(self.config.clone(), self.clock.clone(), health, kept)?);
        let mut kernel = Live::open(Some(Arc::clone(&shared.data)))?;
        let features = kernel.status().ok().and_then(|status| status.features);
        let mut found = rules::load(&self.rules.paths(), features);
        found.remarks.iter().for_each(|remark| info!(remark, "audit rules"));
        let notes = std::mem::take(&mut found.problems);
        let filters = Chain::new(&self.filters, std::mem::take(&mut found.filters), health);
        let plan = self.plan(found);
        self.inherited.clear();
        let context = self.context(health)?;
        if self.config.socket != Choice::Off {
            // Before the first record, so that no process of a record began unheard.
            context.listen();
        }
        let counters = health.stage("kernel");
        let file = StateFile::at(&self.state_path);
        let mut control = Control::new(kernel, plan, self.proc.clone(), std::process::id(), file, counters);
        shared.note_problems(notes);
        control.begin(self.clock.wall());
        shared.follow(&control);
        if self.config.socket == Choice::Off {
            return Ok(Running::idle());
        }
        let parser = Parser::new(Arc::clone(&shared), context, filters, sink, health, control.last_serial_before());
        let receiver = Receiver::new(Arc::clone(&shared), health);
        let (stop, leave) = (Arc::clone(&shared), Arc::clone(&shared));
        let handover = Handover::at(&self.state_path);
        let parser = parser.with_handover(handover, goes_on).telling(self.witness.take());
        let threads = vec![
            spawn("audit-parse", move || parser.run())?,
            spawn("audit-recv", move || receiver.run())?,
            spawn("audit-control", move || supervise(control, &shared))?,
        ];
        Ok(Running::new(move || stop.stop.set(), threads).with_hand_over(move || leave.hand_over()))
    }
}

impl Config {
    /// The receive buffer in the kernel's own type, which ends at 2 GiB.
    fn receive_buffer(&self) -> usize {
        usize::try_from(self.rcvbuf.0).unwrap_or(usize::MAX).min(i32::MAX as usize)
    }

    fn values(&self) -> Values {
        let wait = match self.overload {
            Overload::Count => Some(0),
            Overload::Block => None,
        };
        Values {
            enabled: Some(1),
            failure: self.failure,
            rate_limit: self.rate_limit,
            backlog_limit: Some(self.backlog_limit),
            backlog_wait_time: self.backlog_wait_time.or(wait),
        }
    }
}

impl Source for Audit {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn start(self: Box<Self>, sink: Arc<dyn Sink>, health: Arc<Health>) -> Running {
        self.launch(sink, &health).unwrap_or_else(|error| {
            let why = format!("this kernel offers no audit here: {}", chain(&error));
            health.source("audit").set(State::Off, why);
            Running::idle()
        })
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}
