//! Puts a server together, keeps it tidy, and takes it apart again.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use elastic::response::Cluster;
use store::Store;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};

use crate::access::Exposure;
use crate::access::limits::Logins;
use crate::api::{self, Agents, App, Passwords, Searches, Tail};
use crate::baselines;
use crate::clock;
use crate::config::{Config, Link};
use crate::data_dir::DataDir;
use crate::ingest::wal::disk::Real;
use crate::ingest::{self, Ingest};
use crate::listen::{self, Connections};
use crate::state::{Role, State};

/// A server that could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Passwords and events would cross the network in the clear.
    #[error(
        "refusing to listen on {0} without TLS: listen on 127.0.0.1 and put a proxy with TLS in front, or say --insecure-http"
    )]
    Insecure(SocketAddr),
    /// Somebody else listens there, or it is no address of this host.
    #[error("cannot listen on {address}; choose another --listen")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A second process.
    #[error("{path} is in use by process {pid}: stop it, or choose another --data-dir")]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// Who holds it.
        pid: String,
    },
    /// Written by a newer program.
    #[error("{path} was written by a newer auditng (format {found}, this one knows {known}): use that version")]
    Newer {
        /// The data directory.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The data directory cannot be used.
    #[error("cannot use the data directory {path}")]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store, the state or the log did not open.
    #[error("cannot open {what}: {reason}")]
    Open {
        /// Which part.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

/// Starts servers.
#[derive(Debug)]
pub struct Server;

/// A server that listens, until [`Running::stop`] or until it is dropped.
pub struct Running {
    /// `http://127.0.0.1:9280`, without a slash at the end.
    pub url: String,
    /// A link that logs one person in as admin once, within 15 minutes.
    pub admin_link: Option<String>,
    /// A token that may only write events, valid as long as this server runs.
    pub agent_token: String,
    /// A token with role admin for the command line of the person who started this server: [`Config::cli_token`] if there is
    /// one, else a new one.
    pub cli_token: String,
    app: Arc<App>,
    data: DataDir,
    /// Gone once it has stopped.
    runtime: Option<Runtime>,
    stopping: watch::Sender<bool>,
    connections: Arc<Connections>,
    /// The threads that follow the log: live tail and baselines.
    followers: Vec<JoinHandle<()>>,
}

/// A server did not stop in time.
#[derive(Debug, thiserror::Error)]
#[error("the server did not stop within {0:?}; the next start goes on from the log")]
pub struct StopError(pub Duration);

/// How often holes, silent agents and sessions are looked at.
const TEND: Duration = Duration::from_secs(5);
/// How often the state is copied.
const BACK_UP: Duration = Duration::from_secs(86_400);
/// Where the one-time link lies for services.
const LINK_FILE: &str = "admin-link";

impl Server {
    /// Starts a server on its embedded store and returns once it listens.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(config: Config) -> Result<Running, StartError> {
        let retention = retention(&config);
        Self::start_with(config, |dir| {
            let options = store::embedded::Options { retention };
            let engine = store::embedded::Engine::open(&dir.join("store"), options);
            engine.map(|engine| Arc::new(engine) as Arc<dyn Store>).map_err(|error| error.to_string())
        })
    }

    /// Starts a server on another store, which is opened once the data directory is locked.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_with(
        config: Config,
        open: impl FnOnce(&std::path::Path) -> Result<Arc<dyn Store>, String>,
    ) -> Result<Running, StartError> {
        let exposure = Exposure::of(&config);
        if exposure == Exposure::Refused {
            return Err(StartError::Insecure(config.listen));
        }
        let data = DataDir::open(&config.data_dir)?;
        // Before the store: a busy port is the most common mistake, and should be told at once.
        let listener =
            listen::bind(config.listen).map_err(|source| StartError::Listen { address: config.listen, source })?;
        let address = listener.local_addr().map_err(|source| StartError::Listen { address: config.listen, source })?;
        let store = open(&data.path).map_err(|reason| StartError::Open { what: "the store", reason })?;
        let state = State::open(&data.join("state.db")).map_err(failed("the state"))?;
        let ingest = Ingest::open(ingest_options(&config, &data), Arc::clone(&store)).map_err(failed("the log"))?;
        let runtime = runtime().map_err(failed("the runtime"))?;
        let (stopping, stop) = watch::channel(false);
        let known_token = config.cli_token.clone();
        let app = Arc::new(app(config, exposure, &data, store, state, ingest, stop.clone()));
        let new_token = |name, role| app.state.internal_token(name, role).map_err(failed("the state"));
        let agent_token = new_token("agent", Role::Ingest)?.secret;
        let cli_token = match known_token.and_then(|text| app.state.adopt_token("cli", Role::Admin, &text)) {
            Some(known) => known.secret,
            None => new_token("cli", Role::Admin)?.secret,
        };
        let url = format!("http://{}", reachable(address));
        let admin_link = admin_link(&app, &data, &url)?;
        runtime
            .block_on(app.agents.load(&app.state))
            .map_err(|_| StartError::Open { what: "the state", reason: "the agents cannot be read".to_owned() })?;
        let followers = follow(&app, runtime.handle()).map_err(failed("a thread"))?;
        let connections = Arc::new(Connections::default());
        let router = api::router(Arc::clone(&app));
        runtime.spawn(listen::serve(listener, router, stop, Arc::clone(&connections), app.config.idle));
        runtime.spawn(tend(Arc::clone(&app)));
        tracing::info!(url, data_dir = %data.path.display(), "listening");
        Ok(Running {
            url,
            admin_link,
            agent_token,
            cli_token,
            app,
            data,
            runtime: Some(runtime),
            stopping,
            connections,
            followers,
        })
    }
}

/// The address under which this host itself reaches the server.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => address,
        IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
        IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, address.port())),
    }
}

fn failed<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> StartError {
    move |error| StartError::Open { what, reason: error.to_string() }
}

fn retention(config: &Config) -> store::embedded::Retention {
    let keep = |age| store::embedded::Keep { max_age: Some(age), max_bytes: None };
    let kept = &config.retention;
    let records = [schema::Stream::Alert, schema::Stream::Anomaly, schema::Stream::Health];
    let max_bytes = if kept.max_bytes > 0 {
        Some(kept.max_bytes)
    } else {
        // The directory may not exist yet; then there is nothing to bound until the next start.
        let existing = config.data_dir.ancestors().find(|dir| dir.is_dir());
        existing.and_then(crate::doctor::space).map(|(_, total)| total / 10 * 8)
    };
    store::embedded::Retention {
        default: keep(kept.max_age),
        streams: records.map(|stream| (stream, keep(kept.record_age))).into(),
        max_bytes,
    }
}

fn ingest_options(config: &Config, data: &DataDir) -> ingest::Options {
    ingest::Options {
        dir: data.join("wal"),
        node: data.node,
        ingest: config.ingest.clone(),
        wal: config.wal.clone(),
        disk: Arc::new(Real),
    }
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().thread_name("http").max_blocking_threads(128).enable_all().build()
}

fn app(
    config: Config,
    exposure: Exposure,
    data: &DataDir,
    store: Arc<dyn Store>,
    state: State,
    ingest: Ingest,
    stopping: watch::Receiver<bool>,
) -> App {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cluster = Cluster {
        name: format!("auditng-{}", data.node),
        cluster_name: "auditng".to_owned(),
        cluster_uuid: data.node.to_string(),
        version: config.compat.version.clone(),
    };
    App {
        exposure,
        started: clock::now(),
        begun: Instant::now(),
        store,
        ingest: Arc::new(ingest),
        state: Arc::new(state),
        agents: Agents::default(),
        searches: Arc::new(Searches::new(&config.search)),
        known: Arc::default(),
        exports: Arc::new(Semaphore::new(2)),
        passwords: Passwords::default(),
        readers: Arc::new(Semaphore::new(cores.max(2))),
        tail: Arc::new(Tail::default()),
        logins: Logins::default(),
        cluster,
        stopping,
        config,
    }
}

/// Makes the link if it is time for one, and leaves it in a private file for services whose output nobody sees.
fn admin_link(app: &App, data: &DataDir, url: &str) -> Result<Option<String>, StartError> {
    let wanted = match app.config.auth.link {
        Link::Always => true,
        Link::First => !app.state.has_admin(),
    };
    if !wanted {
        data.remove(LINK_FILE);
        return Ok(None);
    }
    let secret = app.state.add_link(Instant::now()).map_err(failed("the state"))?;
    let link = format!("{url}/ui/login#{secret}");
    data.write_private(LINK_FILE, &format!("{link}\n"))
        .map_err(|source| StartError::DataDir { path: data.path.clone(), source })?;
    Ok(Some(link))
}

fn follow(app: &Arc<App>, runtime: &tokio::runtime::Handle) -> io::Result<Vec<JoinHandle<()>>> {
    let (tail, hot) = (Arc::clone(&app.tail), app.ingest.hot());
    let tail = std::thread::Builder::new().name("tail".to_owned()).spawn(move || tail.follow(&hot))?;
    let follower = baselines::Follower {
        ingest: Arc::clone(&app.ingest),
        store: Arc::clone(&app.store),
        state: Arc::clone(&app.state),
        runtime: runtime.clone(),
        stopping: app.stopping.clone(),
    };
    let baselines = std::thread::Builder::new().name("baselines".to_owned()).spawn(move || follower.follow())?;
    Ok(vec![tail, baselines])
}

/// Looks after holes, agents and sessions until the server stops.
async fn tend(app: Arc<App>) {
    let mut stopping = app.stopping.clone();
    let mut copied = Instant::now();
    let mut kept = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(TEND) => {}
            () = listen::stopped(&mut stopping) => return,
        }
        look_around(&app).await;
        if kept.elapsed() >= Duration::from_secs(60) {
            kept = Instant::now();
            keep(&app).await;
        }
        if copied.elapsed() >= BACK_UP {
            copied = Instant::now();
            if let Err(error) = app.state.back_up().await {
                tracing::warn!(%error, "state.db could not be copied");
            }
        }
    }
}

async fn look_around(app: &Arc<App>) {
    let app = Arc::clone(app);
    let look = move || {
        let now = clock::now();
        app.ingest.tend(now);
        let events = app.agents.notice(app.config.agents.heartbeat, Instant::now(), now);
        drop(app.ingest.store_own(&events, now));
    };
    if let Err(error) = tokio::task::spawn_blocking(look).await {
        tracing::error!(%error, "housekeeping died");
    }
}

async fn keep(app: &App) {
    let auth = &app.config.auth;
    if let Err(error) = app.state.tidy_sessions(clock::now(), auth.session_idle, auth.session_max).await {
        tracing::warn!(%error, "sessions could not be tidied");
    }
    if let Err(error) = app.agents.keep(&app.state).await {
        tracing::warn!(?error, "what agents said could not be kept");
    }
}

impl Running {
    /// The store, for readers in the same process.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.app.store)
    }

    /// Where the data lies.
    #[must_use]
    pub fn data_dir(&self) -> &std::path::Path {
        &self.data.path
    }

    /// Takes nothing new, finishes what is under way, syncs and commits; gives up after `deadline`.
    ///
    /// # Errors
    /// What was not finished in time; nothing acknowledged is lost, the next start goes on from the log.
    pub fn stop(mut self, deadline: Duration) -> Result<(), StopError> {
        if self.shut(deadline) { Ok(()) } else { Err(StopError(deadline)) }
    }

    fn shut(&mut self, deadline: Duration) -> bool {
        let Some(runtime) = self.runtime.take() else { return true };
        let until = Instant::now() + deadline;
        self.stopping.send_replace(true);
        // Answers under way get a part of the time; the rest belongs to the log and the store.
        runtime.block_on(async {
            if tokio::time::timeout(deadline / 3, self.connections.closed()).await.is_err() {
                tracing::warn!("some connections did not end in time");
            }
            keep(&self.app).await;
        });
        let in_time = self.app.ingest.stop(until);
        for follower in std::mem::take(&mut self.followers).into_iter().filter(|_| in_time) {
            drop(follower.join());
        }
        self.app.state.close();
        self.data.remove(LINK_FILE);
        runtime.shutdown_timeout(until.saturating_duration_since(Instant::now()).min(Duration::from_millis(500)));
        tracing::info!(in_time, "stopped");
        in_time
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shut(DROP_DEADLINE);
    }
}

/// A server that is dropped rather than stopped has this long.
const DROP_DEADLINE: Duration = Duration::from_secs(5);
