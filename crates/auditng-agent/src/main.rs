//! `auditng-agent`: the agent as a program of its own, for hosts that send to a server elsewhere.
//!
//! Reads the configuration, starts [`agent::Agent`], waits for SIGTERM or SIGINT and stops within five seconds. SIGHUP starts
//! the program anew in place ([`agent::restart`]): the same pid, a new configuration, a new binary if there is one, no hole.
//! Everything else is in the library, where tests reach it.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use agent::config::{Config, Problems};
use agent::sys::signal::{Signal, Signals};
use agent::{Agent, Handle, StartError, restart};
use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// From the signal to the end.
const STOP: Duration = Duration::from_secs(5);
/// From SIGHUP to the new program: what is not sent by then is in the spool. The kernel's records wait in socket buffers
/// meanwhile.
const HAND_OVER: Duration = Duration::from_secs(1);
/// Left over for the process to end after everything else had its time.
const SPARE: Duration = Duration::from_millis(500);

/// How the program ended, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Done = 0,
    Usage = 2,
    Unreadable = 3,
    Refused = 4,
    Internal = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error with the exit code that goes with it.
type Failure = (Exit, anyhow::Error);

#[derive(Parser)]
#[command(name = "auditng-agent", version, about = "Watches this host and sends its events to a server.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Watch this host until SIGTERM; SIGHUP starts anew with what the configuration file then says
    Run(Options),
    /// Read the configuration and say what is wrong with it, or how the agent would run
    Check(Options),
}

#[derive(Args)]
struct Options {
    /// Configuration file; without one, the defaults
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the spool and the agent's identity lie
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Where to send events; may be given several times, in order of preference
    #[arg(long, value_name = "URL")]
    server: Vec<String>,
    /// File with the token (role ingest)
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The token itself; not on the command line, where every user could read it
    #[arg(long, env = "AUDITNG_TOKEN", hide_env_values = true, hide = true)]
    token: Option<String>,
}

fn main() -> ExitCode {
    // Before any thread, so that all of them leave these signals to the one that waits for them.
    let signals = Signals::block();
    log();
    let result = match Cli::parse().command {
        Command::Run(options) => run(options, signals),
        Command::Check(options) => check(&options),
    };
    match result {
        Ok(()) => Exit::Done.into(),
        Err((exit, error)) => {
            eprint(&format!("auditng-agent: {error:#}"));
            exit.into()
        }
    }
}

fn log() {
    let filter = EnvFilter::try_from_env("AUDITNG_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    lines.with_ansi(std::io::stderr().is_terminal()).init();
}

fn run(options: Options, signals: std::io::Result<Signals>) -> Result<(), Failure> {
    let signals = signals.map_err(|error| (Exit::Internal, error.into()))?;
    // By its path: after an upgrade that is the new one.
    let program = std::env::current_exe().map_err(|error| (Exit::Internal, error.into()))?;
    let (mut config, mut token) = read(&options)?;
    let mut kept = restart::inherited();
    loop {
        let agent = Agent::go_on(&config, token.clone(), kept).map_err(|error| (exit_of(&error), error.into()))?;
        tracing::info!(agent = %agent.id(), servers = ?config.ship.urls, state = %config.state_dir.display(), "agent started");
        for source in agent.health().snapshot().sources {
            tracing::info!(source = source.name, state = ?source.state, reason = source.reason, "source");
        }
        let Some(next) = until_told(&options, signals) else {
            end(agent);
            return Ok(());
        };
        (config, token) = next;
        tracing::info!("starting anew in place");
        let (_, sockets) = agent.hand_over(Instant::now() + HAND_OVER);
        let (error, sockets) = restart::replace(&program, sockets);
        tracing::error!(%error, program = %program.display(), "the new program does not start; this one goes on");
        kept = sockets;
    }
}

/// Waits for a signal; `None`: to end. A configuration with errors is no reason to stop watching.
fn until_told(options: &Options, signals: Signals) -> Option<(Config, Option<String>)> {
    while signals.wait() == Signal::Anew {
        match read(options) {
            Ok(next) => return Some(next),
            Err((_, error)) => tracing::error!("SIGHUP changes nothing: {error:#}"),
        }
    }
    None
}

fn end(agent: Handle) {
    tracing::info!("stopping");
    let left = agent.stats();
    if !agent.stop(Instant::now() + STOP - SPARE) {
        tracing::warn!(
            bytes = left.bytes,
            "not everything was sent in time; it is in the spool and goes with the next start"
        );
    }
}

fn exit_of(error: &StartError) -> Exit {
    match error {
        StartError::StateDir { .. } | StartError::Spool(_) => Exit::Unreadable,
        StartError::Busy { .. } => Exit::Refused,
        StartError::Thread(_) => Exit::Internal,
    }
}

#[expect(clippy::print_stdout, reason = "the answer of the command")]
fn check(options: &Options) -> Result<(), Failure> {
    let (config, token) = read(options)?;
    println!("state    {}", config.state_dir.display());
    println!("servers  {}", config.ship.urls.join(", "));
    println!("token    {}", if token.is_some() { "given" } else { "none: servers refuse agents without one" });
    println!(
        "spool    {} at most, {} left free",
        String::from(config.spool.bytes),
        String::from(config.spool.keep_free)
    );
    println!("audit    socket {:?}, rules {:?}", config.source.audit.socket, config.rules.files);
    Ok(())
}

/// The configuration with what the command line says, and the token.
fn read(options: &Options) -> Result<(Config, Option<String>), Failure> {
    let mut config = match &options.config {
        None => Config::default(),
        Some(path) => Config::read(&text(path)?).map_err(|problems| (Exit::Usage, wrong(path, &problems)))?,
    };
    if let Some(state_dir) = &options.state_dir {
        config.state_dir.clone_from(state_dir);
    }
    if !options.server.is_empty() {
        let bad = options.server.iter().find(|url| !url.starts_with("http://") && !url.starts_with("https://"));
        if let Some(url) = bad {
            return Err((Exit::Usage, anyhow::anyhow!("--server {url}: a URL begins with http:// or https://")));
        }
        config.ship.urls.clone_from(&options.server);
    }
    let file =
        options.token_file.as_ref().or(Some(&config.ship.token_file)).filter(|path| !path.as_os_str().is_empty());
    let token = match (&options.token, file) {
        (Some(token), _) => Some(token.clone()),
        (None, Some(path)) => Some(text(path)?.trim().to_owned()),
        (None, None) => None,
    };
    Ok((config, token.filter(|token| !token.is_empty())))
}

fn text(path: &Path) -> Result<String, Failure> {
    let read = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    read.map_err(|error| (Exit::Unreadable, error))
}

fn wrong(path: &Path, problems: &Problems) -> anyhow::Error {
    let lines: Vec<String> =
        problems.0.iter().map(|problem| format!("  {}: {}", problem.place, problem.message)).collect();
    anyhow::anyhow!("{} has errors:\n{}", path.display(), lines.join("\n"))
}

#[expect(clippy::print_stderr, reason = "the one place where the program says why it ends")]
fn eprint(text: &str) {
    eprintln!("{text}");
}
