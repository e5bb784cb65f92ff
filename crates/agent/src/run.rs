//! The agent as a whole: identity, spool, shipping, sources, and their orderly end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use schema::{AgentId, Event, Lane, Stream, Timestamp, field};

use crate::clock::Clock;
use crate::config::Config;
use crate::enrich::Context;
use crate::health::Health;
use crate::intake::{Kept, Running, Sink, Source, Stop, join_until};
use crate::source::audit::Audit;
use crate::source::fim::{Fim, Witness};
use crate::spool::{self, Spool, Stats, Writer, disk::Folder};
use crate::sys::proc::Proc;
use crate::{last_losses, ship, spool::disk};

/// Losses become events at most this long after they were noticed.
const SAY: Duration = Duration::from_secs(1);
/// Of the time to stop, sources get this share (in tenths); the rest is for the spool and the last request.
const SOURCES_TENTHS: u32 = 7;

/// The agent; see [`Agent::start`].
#[derive(Debug)]
pub struct Agent;

/// A running agent.
pub struct Handle {
    id: AgentId,
    notes: Vec<String>,
    health: Arc<Health>,
    writer: Writer,
    sources: Vec<Running>,
    committing: JoinHandle<()>,
    shipping: ship::Handle,
    saying: (Arc<Stop>, JoinHandle<()>),
    clock: Clock,
    _lock: File,
}

/// An agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state folder is of no use.
    #[error("cannot use the state folder {}", path.display())]
    StateDir {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another agent uses the same state.
    #[error("another agent{} uses {}", holder(*pid), path.display())]
    Busy {
        /// Which folder.
        path: PathBuf,
        /// Its process, as far as known.
        pid: Option<u32>,
    },
    /// The spool does not open.
    #[error("cannot open the spool")]
    Spool(#[from] spool::OpenError),
    /// The system gives no thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (pid {pid})"))
}

impl Agent {
    /// Starts the spool, shipping and this host's sources. A source that cannot run does not fail the agent: its state says
    /// why.
    ///
    /// # Errors
    /// The state folder cannot be used, or the system gives no threads.
    pub fn start(config: &Config, token: Option<String>) -> Result<Handle, StartError> {
        Self::go_on(config, token, Vec::new())
    }

    /// As [`Self::start`], where a predecessor handed over in place ([`crate::restart`]).
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn go_on(config: &Config, token: Option<String>, kept: Vec<Kept>) -> Result<Handle, StartError> {
        Self::begin(config, token, |id, health| sources(config, id, health, kept))
    }

    /// As [`Self::start`], with these sources instead.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(
        config: &Config,
        token: Option<String>,
        sources: Vec<Box<dyn Source>>,
    ) -> Result<Handle, StartError> {
        Self::begin(config, token, |_, _| Ok(sources))
    }

    fn begin(
        config: &Config,
        token: Option<String>,
        sources: impl FnOnce(AgentId, &Arc<Health>) -> Result<Vec<Box<dyn Source>>, StartError>,
    ) -> Result<Handle, StartError> {
        let lock = lock(&config.state_dir)?;
        let mut notes = Vec::new();
        let failed = |source| StartError::StateDir { path: config.state_dir.clone(), source };
        let id = identity(&config.state_dir, &mut notes).map_err(failed)?;
        let (clock, health) = (Clock::system(), Arc::new(Health::default()));
        let sources = sources(id, &health)?;
        let disk = Box::new(Folder::new(config.state_dir.join("spool")));
        let spool = spool::open(disk, id, config.spool.options(), clock.clone(), &health)?;
        let Spool { writer, committer, reader, notes: found } = spool;
        notes.extend(found);
        for note in &notes {
            tracing::warn!(note, "spool");
        }
        let committing = thread("spool", move || committer.run())?;
        let shipping = ship::start(reader, ship_options(config, token), clock.clone(), Arc::clone(&health));
        let shipping = shipping.map_err(StartError::Thread)?;
        let saying = say_losses(Arc::clone(&health), writer.clone(), clock.clone(), config.state_dir.clone())?;
        put(&writer, &status("agent-started", &notes.join("\n"), clock.wall()));
        let sink = |source: Box<dyn Source>| source.start(Arc::new(writer.clone()), Arc::clone(&health));
        let sources = sources.into_iter().map(sink).collect();
        Ok(Handle { id, notes, health, writer, sources, committing, shipping, saying, clock, _lock: lock })
    }
}

impl Handle {
    /// Who this agent is.
    #[must_use]
    pub fn id(&self) -> AgentId {
        self.id
    }

    /// What a person should know about the state that was found.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Counters and source states.
    #[must_use]
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// How full the spool is.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.writer.stats()
    }

    /// Where more sources may put events.
    #[must_use]
    pub fn sink(&self) -> Arc<dyn Sink> {
        Arc::new(self.writer.clone())
    }

    /// Ends in order: sources, what they handed over made durable, what is durable shipped as far as the time goes. True:
    /// everything ended by itself. What was not shipped is in the spool and goes with the next start.
    pub fn stop(self, deadline: Instant) -> bool {
        self.end(deadline, false).0
    }

    /// As [`Self::stop`], for a successor in this process that goes on at once: what sources changed in the kernel stays, and
    /// the sockets given are to be kept open.
    pub fn hand_over(self, deadline: Instant) -> (bool, Vec<Kept>) {
        self.end(deadline, true)
    }

    fn end(self, deadline: Instant, hand_over: bool) -> (bool, Vec<Kept>) {
        let left = deadline.saturating_duration_since(Instant::now());
        let sources_until = deadline - left * (10 - SOURCES_TENTHS) / 10;
        // All are asked before one is waited for.
        let mut kept = Vec::new();
        let leave = |source: Running| {
            let (draining, sockets) = source.hand_over();
            kept.extend(sockets);
            draining
        };
        let draining: Vec<_> = match hand_over {
            true => self.sources.into_iter().map(leave).collect(),
            false => self.sources.into_iter().map(Running::stop).collect(),
        };
        let mut clean = true;
        for source in draining {
            clean &= source.join(sources_until);
        }
        self.saying.0.set();
        clean &= join_until(self.saying.1, deadline);
        let said = if hand_over { "agent-restarting" } else { "agent-stopped" };
        put(&self.writer, &status(said, "", self.clock.wall()));
        self.writer.close();
        clean &= join_until(self.committing, deadline);
        (clean & self.shipping.stop(deadline), kept)
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("id", &self.id).field("notes", &self.notes).finish_non_exhaustive()
    }
}

/// This host's sources. What they know of processes and containers is one and the same.
fn sources(
    config: &Config,
    id: AgentId,
    health: &Arc<Health>,
    kept: Vec<Kept>,
) -> Result<Vec<Box<dyn Source>>, StartError> {
    let state = |name: &str| config.state_dir.join(name);
    let (clock, known) = (Clock::system(), Some(state("process.state")));
    let context = Context::new(Proc::default(), clock.clone(), &config.context(), known, health);
    let context = context.map_err(StartError::Thread)?;
    let witness = Arc::new(Witness::default());
    let audit = Audit::new(config.source.audit.clone(), config.rules.clone(), state("audit.state"), clock.clone());
    let audit = audit.sharing(context.clone()).telling(Arc::clone(&witness)).going_on(kept);
    let fim = Fim::new(config.fim.clone(), context, id.to_string(), clock).hearing(witness);
    let fim = fim.sparing([config.state_dir.clone()]).filtered(config.filter.clone());
    Ok(vec![Box::new(audit.filtered(config.filter.clone())), Box::new(fim)])
}

fn ship_options(config: &Config, token: Option<String>) -> ship::Options {
    let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    ship::Options {
        rejected: Some(config.state_dir.join("rejected")),
        name: if config.name.is_empty() { host() } else { config.name.clone() },
        config_hash: format!("{:08x}", crc32fast::hash(format!("{config:?}").as_bytes())),
        ..config.ship.options(token)
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(StartError::Thread)
}

/// The thread that makes events of losses.
fn say_losses(
    health: Arc<Health>,
    writer: Writer,
    clock: Clock,
    state_dir: PathBuf,
) -> Result<(Arc<Stop>, JoinHandle<()>), StartError> {
    let stop = Arc::new(Stop::default());
    let stopped = Arc::clone(&stop);
    let run = move || {
        loop {
            let last = stopped.wait(SAY);
            let losses = health.take_losses();
            losses.iter().for_each(|loss| put(&writer, &loss.to_event(clock.wall())));
            if !losses.is_empty() {
                last_losses::note(&state_dir, &losses, clock.wall());
            }
            if last {
                return;
            }
        }
    };
    Ok((stop, thread("health", run)?))
}

fn put(writer: &Writer, event: &Event) {
    if let Err(error) = writer.put(&mut event.clone(), Lane::High, Duration::from_secs(1)) {
        tracing::error!(%error, ?event, "an event of the agent itself is lost");
    }
}

/// An event about the agent itself.
fn status(action: &str, message: &str, now: Timestamp) -> Event {
    let mut event = Event::new(now);
    event.push_str(field::AGENT_VERSION, env!("CARGO_PKG_VERSION"));
    event.push_str(field::EVENT_ACTION, action);
    event.push_str(field::EVENT_DATASET, Stream::Health.dataset());
    event.push_str(field::EVENT_KIND, "event");
    event.push_str(field::HOST_NAME, &rustix::system::uname().nodename().to_string_lossy());
    if !message.is_empty() {
        event.push_str(field::MESSAGE, message);
    }
    event
}

/// One agent per state folder.
fn lock(state_dir: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::StateDir { path: state_dir.to_owned(), source };
    fs::create_dir_all(state_dir).map_err(failed)?;
    let path = state_dir.join("LOCK");
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = open.map_err(failed)?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut pid = String::new();
        let pid = file.read_to_string(&mut pid).ok().and_then(|_| pid.trim().parse().ok());
        return Err(StartError::Busy { path: state_dir.to_owned(), pid });
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(file)
}

/// The agent's id: drawn once, kept in the file `agent`.
fn identity(state_dir: &Path, notes: &mut Vec<String>) -> io::Result<AgentId> {
    let path = state_dir.join("agent");
    match fs::read_to_string(&path) {
        Ok(text) => {
            if let Ok(id) = text.trim().parse() {
                return Ok(id);
            }
            notes.push(format!("{} holds no agent id; this host gets a new one", path.display()));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let id = AgentId::from_bytes(bytes);
    disk::replace(&mut Folder::new(state_dir), "", "agent", format!("{id}\n").as_bytes())?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_drawn_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut notes = Vec::new();
        let id = identity(dir.path(), &mut notes).unwrap();
        assert_eq!(identity(dir.path(), &mut notes).unwrap(), id);
        assert!(notes.is_empty());
        fs::write(dir.path().join("agent"), "junk").unwrap();
        assert_ne!(identity(dir.path(), &mut notes).unwrap(), id);
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn a_second_agent_is_told_who_the_first_is() {
        let dir = tempfile::tempdir().unwrap();
        let first = lock(dir.path()).unwrap();
        let error = lock(dir.path()).unwrap_err();
        assert!(error.to_string().contains(&format!("pid {}", std::process::id())), "{error}");
        drop(first);
        assert!(lock(dir.path()).is_ok());
    }
}
