//! File integrity monitoring as a source: which file changed, by whom, what it was before.
//!
//! ```text
//! kernel -> collectors --Evidence--> fim-judge --Change--> event -> context, filters -> Sink
//!                audit source --^        ^  |
//!                      fim-scan --Change-+  +--> baseline (last seen, approved, signed)
//! ```
//!
//! `fim-judge` takes what collectors, audit records and scans tell, has it judged ([`fim::judge`]) and hands the events over.
//! `fim-scan` looks at files at the lowest priority: everything at a host's first run, then what changed while nobody watched,
//! on schedule, where events were lost, and when asked. Collectors have their own threads, and `fim-control` answers the command line.
//!
//! Promises: collectors run before anything is looked at; what is lost is told and scanned again; a baseline that fails its check is
//! told as an alert and never overwritten; a source without rights says what it cannot see and scans what it can. Does not know the
//! spool, rules or searches.

mod aids;
mod boxes;
mod control;
pub mod doctor;
pub mod event;
mod held;
mod identity;
mod memory;
pub mod notice;
mod out;
pub mod replay;
mod scans;
mod shared;
mod shelf;
mod stale;
pub mod told;
mod watch;
mod witness;

use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use fim::collect::{self, Collectors};
use fim::config::{Config, Mode, Problems, Queue};
use fim::judge::{Judge, Limits};
use fim::policy::application::Table;
use fim::policy::{Gate, Ground, Live as HostGround, Policies};
use schema::Timestamp;

use crate::clock::Clock;
use crate::enrich::Context;
use crate::filter::{Chain, Filter, Outlet};
use crate::health::{Health, State};
use crate::intake::{Running, Sink, Source, Stop};

use boxes::Boxes;
use control::Desk;
use memory::Memory;
use out::Out;
use scans::Scans;
use shared::{Jobs, Known, Shared};
use shelf::Shelf;
use watch::{Figures, Watch, first_job, open_baseline};
pub use witness::Witness;

/// Changes that a scan may be ahead of the judge.
const FOUND: usize = 1_024;

/// The source; see the [module](self).
pub struct Fim {
    config: Config,
    context: Context,
    witness: Arc<Witness>,
    filters: Vec<Filter>,
    clock: Clock,
    agent: String,
    /// Where this agent itself writes.
    own: Vec<PathBuf>,
}

impl Fim {
    /// A source that has not started. `agent` signs the baseline.
    #[must_use]
    pub fn new(config: Config, context: Context, agent: impl Into<String>, clock: Clock) -> Self {
        let (witness, filters, own) = (Arc::default(), Vec::new(), Vec::new());
        Self { config, context, witness, filters, clock, agent: agent.into(), own }
    }

    /// With what audit records tell.
    #[must_use]
    pub fn hearing(self, witness: Arc<Witness>) -> Self {
        Self { witness, ..self }
    }

    /// With filters on what it hands over.
    #[must_use]
    pub fn filtered(self, filters: Vec<Filter>) -> Self {
        Self { filters, ..self }
    }

    /// These folders are written by ourselves and never watched.
    #[must_use]
    pub fn sparing(mut self, own: impl IntoIterator<Item = PathBuf>) -> Self {
        self.own.extend(own);
        self
    }

    fn launch(self, sink: Arc<dyn Sink>, health: &Arc<Health>) -> Result<Running, String> {
        let ground = HostGround::host();
        let config = effective(self.config, &self.own)?;
        let policies = Arc::new(read(&config, &ground).map_err(|problems| problems.to_string())?);
        let clock = self.clock;
        let (stop, jobs) = (Arc::new(Stop::default()), Jobs::default());
        let source = health.source("fim");
        let known = Mutex::new(Known::default());
        let shared = Arc::new(Shared {
            config,
            policies: Mutex::new(Arc::clone(&policies)),
            clock: clock.clone(),
            stop: Arc::clone(&stop),
            source,
            jobs,
            urgent: Jobs::default(),
            under_way: Mutex::default(),
            known,
        });
        let boxes = Arc::new(Boxes(self.context.clone()));
        let gate = Arc::new(Gate::new(Arc::clone(&policies), Table::read(&policies, &ground), Arc::clone(&boxes) as _));
        // The process table hears of everybody before the first event comes.
        self.context.listen();
        self.witness.listen(Arc::clone(&policies));
        let options = options(&shared.config, Arc::clone(&gate), clock.clone());
        let identity = Arc::new(identity::Table(self.context.clone()));
        let (collectors, coverage) = Collectors::open(Arc::clone(&policies), options, identity);
        shared.known().coverage = coverage;
        let now = shared.now();
        let (baseline, refused) = open_baseline(&shared, &self.agent, now).map_err(|error| error.to_string())?;
        let first = first_job(&baseline, &shared.config, now);
        let starting = first.as_ref().map(|_| now);
        first.into_iter().for_each(|job| shared.jobs.add(job));
        let memory = Memory::new(baseline);
        let filters = Chain::new(&self.filters, Vec::new(), health);
        let (tell, found) = sync_channel(FOUND);
        let shelf = Shelf::open(&shared);
        let texts = shelf.clone().map(|shelf| Box::new(shelf) as Box<dyn fim::content::Texts + Send>);
        let lists = policies.all().iter().any(|policy| policy.restricted() || !policy.rotation.is_empty());
        let aids = aids::aids(&self.context, clock.clone(), &gate, boxes, texts);
        let judge = Judge::new(policies, limits(&shared.config)).with(aids);
        let stopping = Arc::clone(&stop);
        let outlet = Outlet::new(filters, sink, health, move || stopping.is_set());
        let out = Out::new(self.context.clone(), outlet, health);
        let who = out.shares();
        let watch = Watch {
            shared: Arc::clone(&shared),
            context: self.context,
            shelf,
            collectors,
            judge,
            memory: memory.clone(),
            look: fim::look::Live::new(),
            out,
            found,
            held: held::Held::default(),
            witness: self.witness,
            lists,
            gate,
            stage: health.stage("fim"),
            figures: Figures::of(health),
            starting,
            refused,
            committed: now,
            stale: stale::Stale::new(now),
            overflowed: 0,
            listed: (Timestamp::default(), Vec::new()),
            looked: Timestamp::default(),
            containers: std::collections::BTreeMap::new(),
        };
        let scans = Scans { shared: Arc::clone(&shared), memory, tell };
        let urgent = scans.clone();
        let folder = shared.config.state_dir.clone();
        let desk = Desk::open(scans.clone(), who).map_err(|error| {
            shared.degraded("control", format!("the command line cannot ask this agent: {error}"));
        });
        let mut threads = vec![
            spawn("fim-judge", move || watch.run()).map_err(|error| error.to_string())?,
            spawn("fim-scan", move || scans.run()).map_err(|error| error.to_string())?,
            spawn("fim-scan-now", move || urgent.run_now()).map_err(|error| error.to_string())?,
        ];
        let mut asked = false;
        if let Ok(desk) = desk {
            threads.push(spawn("fim-control", move || desk.run()).map_err(|error| error.to_string())?);
            asked = true;
        }
        Ok(Running::new(
            move || {
                shared.end();
                if asked {
                    control::wake(&folder);
                }
            },
            threads,
        ))
    }
}

impl Source for Fim {
    fn name(&self) -> &'static str {
        "fim"
    }

    fn start(self: Box<Self>, sink: Arc<dyn Sink>, health: Arc<Health>) -> Running {
        if self.config.mode == Mode::Off {
            health.source("fim").set(State::Off, "fim.mode is off");
            return Running::idle();
        }
        self.launch(sink, &health).unwrap_or_else(|why| {
            health.source("fim").set(State::Off, why);
            Running::idle()
        })
    }
}

/// The configuration with the files of `fim.d`, and without what we write ourselves.
///
/// # Errors
/// What is wrong with these files.
pub fn effective(mut config: Config, own: &[PathBuf]) -> Result<Config, String> {
    let files = in_folder(&config.dir)?;
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    config.add_files(files).map_err(|problems| problems.to_string())?;
    let complaints = fim::import::add(&mut config, &mut |path| std::fs::read(path));
    let (inert, wrong): (Vec<_>, Vec<_>) =
        complaints.into_iter().partition(|complaint| complaint.kind == fim::import::Kind::Inert);
    inert.iter().for_each(|complaint| tracing::warn!(%complaint, "fim import"));
    if !wrong.is_empty() {
        return Err(wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
    let state = std::iter::once(&config.state_dir).chain(own);
    let state: Vec<String> =
        state.filter_map(|folder| absolute(folder)?.to_str().map(|folder| format!("{folder}/**"))).collect();
    config.exclude.extend(state);
    Ok(config)
}

/// The policies of a configuration as [`effective`] gives it, with its imports.
///
/// # Errors
/// Everything that is wrong.
pub fn read(config: &Config, ground: &dyn Ground) -> Result<Policies, Problems> {
    Policies::read(config, ground)
}

fn absolute(folder: &std::path::Path) -> Option<PathBuf> {
    std::fs::canonicalize(folder).ok().or_else(|| std::path::absolute(folder).ok())
}

/// Names and texts of `*.toml`, in the order of their names; a folder that is not there has none.
fn in_folder(folder: &std::path::Path) -> Result<Vec<(String, String)>, String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let read = |path: &PathBuf| match std::fs::read_to_string(path) {
        Ok(text) => Ok((path.display().to_string(), text)),
        Err(error) => Err(format!("{}: {error}", path.display())),
    };
    paths.iter().map(read).collect()
}

fn options(config: &Config, decide: Arc<Gate>, clock: Clock) -> collect::Options {
    let mode = match config.mode {
        Mode::Auto => collect::Mode::Auto,
        Mode::Fanotify => collect::Mode::Fanotify,
        Mode::Inotify => collect::Mode::Inotify,
        Mode::Audit | Mode::Scan | Mode::Off => collect::Mode::Scan,
    };
    collect::Options {
        mode,
        capped_queue: config.queue == Queue::Limited,
        perm_deadline: config.perm_deadline.0,
        decide,
        ..collect::Options::new(Arc::new(move || clock.wall()))
    }
}

fn limits(config: &Config) -> Limits {
    let ms = |span: fim::config::Span| i64::try_from(span.0.as_millis()).unwrap_or(i64::MAX);
    Limits { debounce_ms: ms(config.debounce), debounce_max_ms: ms(config.debounce_max), ..Limits::default() }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}
