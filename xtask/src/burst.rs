//! Builds the agent and the live tests as released and lets role `beside` of the latter compare
//! (`crates/agent/tests/live/beside.rs`).

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::workspace::{root, run};

#[derive(Args)]
pub(crate) struct Burst {
    /// Calls in a burst, one in ten an exec.
    #[arg(long, default_value_t = 200_000)]
    calls: u64,
    /// Rounds of each; every one is shown.
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// A built auditng-agent, in place of building one.
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
}

impl Burst {
    pub(crate) fn run(&self) -> Result<()> {
        let agent = match &self.agent {
            Some(agent) => agent.clone(),
            None => {
                run("cargo", &["build", "--quiet", "--release", "--package", "auditng-agent"])?;
                root().join("target/release/auditng-agent")
            }
        };
        let (agent, calls, rounds) = (agent.display().to_string(), self.calls.to_string(), self.rounds.to_string());
        let role = ["--", "--role", "beside", &agent, &calls, &rounds];
        run("cargo", &[&["test", "--quiet", "--release", "--package", "agent", "--test", "live"][..], &role].concat())
    }
}
