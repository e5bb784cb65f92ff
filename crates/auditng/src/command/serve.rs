//! `auditng serve`: the server half. What `up` shares with it stands here too: settings, the file for the command line,
//! waiting for a signal.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use server::{Config, Running, Server, StartError};

use crate::cli::Serve;
use crate::exit::{Code, Failure, OrExit as _, Outcome};
use crate::remote::{CLI_FILE, CliFile};

/// Draining and stopping takes at most this long.
pub(super) const STOP_WITHIN: Duration = Duration::from_millis(4_800);

pub(crate) fn run(arguments: &Serve) -> Outcome {
    log_to_stderr();
    let config =
        settings(arguments.config.as_deref(), &arguments.place.folder(), &arguments.listen, arguments.insecure_http)?;
    let stop = Signals::new()?;
    let running = start(config)?;
    super::print(introduction(&running).as_bytes())?;
    stop.wait();
    running.stop(STOP_WITHIN).or_exit(Code::Internal)?;
    Ok(Code::Done)
}

/// The settings file, if any, with what was typed laid over it.
pub(super) fn settings(
    file: Option<&Path>,
    folder: &Path,
    listen: &str,
    insecure_http: bool,
) -> Result<Config, Failure> {
    let text = match file {
        Some(path) => {
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display())).or_exit(Code::Input)?
        }
        None => String::new(),
    };
    let name = || file.map_or_else(String::new, |path| path.display().to_string());
    let mut config = Config::parse(&text).with_context(name).or_exit(Code::Usage)?;
    config.data_dir = folder.to_owned();
    config.listen = address(listen)?;
    config.insecure_http |= insecure_http;
    Ok(config)
}

fn address(listen: &str) -> Result<SocketAddr, Failure> {
    let found = listen.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| {
        Failure::new(Code::Usage, format!("--listen {listen}: not an address with a port, such as 127.0.0.1:9280"))
    })
}

/// Starts the server and leaves `cli.json` for the command line.
pub(super) fn start(mut config: Config) -> Result<Running, Failure> {
    let folder = config.data_dir.clone();
    // A command that waits for this server to come back goes on with the token it has.
    config.cli_token =
        fs::read_to_string(folder.join(CLI_FILE)).ok().and_then(|text| CliFile::parse(&text)).map(|left| left.token);
    let running = Server::start(config).map_err(|error| {
        let code = match error {
            StartError::Insecure(_) => Code::Usage,
            StartError::DataDir { .. } => Code::Input,
            StartError::Listen { .. }
            | StartError::Locked { .. }
            | StartError::Newer { .. }
            | StartError::Open { .. } => Code::Refused,
        };
        Failure { code, error: error.into() }
    })?;
    let left = CliFile { url: running.url.clone(), token: running.cli_token.clone() };
    leave(&folder.join(CLI_FILE), &left).context("cannot leave cli.json in the data directory").or_exit(Code::Input)?;
    Ok(running)
}

/// Whole or not at all, and for its owner only.
fn leave(path: &Path, left: &CliFile) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let temporary = path.with_extension("json.new");
    if temporary.exists() {
        fs::remove_file(&temporary)?;
    }
    let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(serde_json::to_string(left)?.as_bytes())?;
    fs::rename(temporary, path)
}

/// What a person needs to go on.
pub(super) fn introduction(running: &Running) -> String {
    let mut text = format!("page      {}/ui/\n", running.url);
    match &running.admin_link {
        Some(link) => text.push_str(&format!("log in    {link}   (once, within 15 minutes)\n")),
        None => text.push_str("log in    with your user and password\n"),
    }
    text
}

/// SIGTERM and SIGINT, noticed from the moment this is made.
pub(super) struct Signals {
    runtime: tokio::runtime::Runtime,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().or_exit(Code::Internal)?;
        let guard = runtime.enter();
        let terminate = signal(SignalKind::terminate()).or_exit(Code::Internal)?;
        let interrupt = signal(SignalKind::interrupt()).or_exit(Code::Internal)?;
        drop(guard);
        Ok(Self { runtime, terminate, interrupt })
    }

    /// Blocks until one of them comes.
    pub(super) fn wait(mut self) {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
        });
    }
}

/// Logs go to standard error; `AUDITNG_LOG` chooses what (`info` by default).
pub(super) fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("AUDITNG_LOG").unwrap_or_else(|_| "info".into());
    let writer = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal());
    // A second subscriber is refused; the first one stays, which is what is wanted.
    drop(writer.try_init());
}
