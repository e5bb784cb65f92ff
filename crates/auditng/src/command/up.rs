//! `auditng up`: the whole house in one process. The agent ships to its own server over loopback: no special path.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use agent::config::Config;
use agent::health::{SourceReport, State};
use agent::{Agent, Handle, StartError};
use anyhow::Context as _;
use server::Running;

use super::print;
use super::serve::{STOP_WITHIN, Signals, introduction, log_to_stderr, settings, start};
use crate::cli::Up;
use crate::exit::{Code, Failure, OrExit as _, Outcome};
use crate::table::visible;

/// A source that has not said by then whether it runs is shown as it stands.
const SETTLE: Duration = Duration::from_secs(3);
/// Of the time to stop, the server keeps at least so much for its own.
const FOR_THE_SERVER: Duration = Duration::from_millis(800);

pub(crate) fn run(arguments: &Up) -> Outcome {
    log_to_stderr();
    let folder = arguments.place.folder();
    let config = settings(arguments.config.as_deref(), &folder, &arguments.listen, arguments.insecure_http)?;
    let agent_config = agent_settings(arguments.agent_config.as_deref(), &folder)?;
    let signals = Signals::new()?;
    let server = start(config)?;
    let agent = if arguments.no_agent { None } else { Some(start_agent(agent_config, &server)?) };
    print(
        (introduction(&server) + &sources(agent.as_ref()) + &format!("data      {}\n", folder.display())).as_bytes(),
    )?;
    signals.wait();
    stop(server, agent)
}

fn agent_settings(file: Option<&Path>, folder: &Path) -> Result<Config, Failure> {
    let mut config = match file {
        None => Config::default(),
        Some(path) => {
            let name = || path.display().to_string();
            let text =
                fs::read_to_string(path).with_context(|| format!("cannot read {}", name())).or_exit(Code::Input)?;
            Config::read(&text).with_context(name).or_exit(Code::Usage)?
        }
    };
    config.state_dir = folder.join("agent");
    if config.fim.state_dir == fim::config::Config::default().state_dir {
        config.fim.state_dir = folder.join("fim");
    }
    Ok(config)
}

fn start_agent(mut config: Config, server: &Running) -> Result<Handle, Failure> {
    config.ship.urls = vec![server.url.clone()];
    Agent::start(&config, Some(server.agent_token.clone())).map_err(|error| {
        let code = match error {
            StartError::StateDir { .. } => Code::Input,
            StartError::Busy { .. } => Code::Refused,
            StartError::Spool(_) | StartError::Thread(_) => Code::Internal,
        };
        Failure { code, error: error.into() }
    })
}

/// A line for each source: on or off, and why.
fn sources(agent: Option<&Handle>) -> String {
    let Some(agent) = agent else { return "sources   none (--no-agent)\n".to_owned() };
    let line = |source: &SourceReport| {
        let state = match source.state {
            State::On => "on",
            State::Off => "off",
            State::Degraded => "degraded",
        };
        let reason = if source.reason.is_empty() { String::new() } else { format!(": {}", visible(&source.reason)) };
        format!("source    {} {state}{reason}\n", source.name)
    };
    settled(agent).iter().map(line).collect()
}

/// The sources once each has said how it is, or the time is up.
fn settled(agent: &Handle) -> Vec<SourceReport> {
    let deadline = Instant::now() + SETTLE;
    let pause = agent::intake::Stop::default();
    loop {
        let sources = agent.health().snapshot().sources;
        let waiting = sources.iter().any(|source| source.reason == agent::health::NOT_STARTED);
        if !waiting || Instant::now() >= deadline {
            return sources;
        }
        pause.wait(Duration::from_millis(20));
    }
}

/// Sources first, then what they handed over, then the server.
fn stop(server: Running, agent: Option<Handle>) -> Outcome {
    let deadline = Instant::now() + STOP_WITHIN;
    let clean = agent.is_none_or(|agent| agent.stop(deadline - FOR_THE_SERVER));
    server.stop(deadline.saturating_duration_since(Instant::now())).or_exit(Code::Internal)?;
    if !clean {
        tracing::warn!("not everything was shipped in time; it is in the spool and goes with the next start");
    }
    Ok(Code::Done)
}
