//! Builds the live tests of `fim` as released and lets role `storm` of them compare (`crates/fim/tests/live/storm.rs`).

use anyhow::Result;
use clap::Args;

use crate::workspace::run;

#[derive(Args)]
pub(crate) struct Storm {
    /// Files that are made, written, renamed and removed.
    #[arg(long, default_value_t = 100_000)]
    files: u64,
    /// Rounds of each reader; every one is shown.
    #[arg(long, default_value_t = 3)]
    rounds: u64,
}

impl Storm {
    pub(crate) fn run(&self) -> Result<()> {
        let (files, rounds) = (self.files.to_string(), self.rounds.to_string());
        let role = ["--", "--role", "storm", &files, &rounds];
        run("cargo", &[&["test", "--quiet", "--release", "--package", "fim", "--test", "live"][..], &role].concat())
    }
}
