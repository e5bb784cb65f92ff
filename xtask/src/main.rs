//! Chores of the house: `cargo xtask <chore>`. `cargo test -p xtask` holds the house rules (`tidy`).
#![expect(clippy::print_stdout, reason = "a command line tool")]

mod aide;
mod browser;
mod burst;
mod demo;
mod load;
mod peers;
mod storm;
mod tables;
#[cfg(test)]
mod tidy;
mod workspace;

use anyhow::Result;
use clap::Parser;

/// Chores of the house.
#[derive(Parser)]
enum Chore {
    /// Rewrites the generated tables of crate `audit` from the kernel headers in $AUDITNG_KERNEL_HEADERS.
    Tables,
    /// Runs the tests against the live kernel, one at a time; AUDITNG_LIVE=require turns a skip into a failure.
    Live,
    /// Runs the page's end-to-end test in headless Chromium against a real server.
    E2e {
        /// Where screenshots go.
        #[arg(long, default_value = "target/e2e")]
        out: std::path::PathBuf,
    },
    /// Shows recorded logs on the page, without root.
    Demo {
        /// Where the page listens.
        #[arg(long, default_value = "127.0.0.1:9280")]
        listen: String,
    },
    /// Recorded logs through our decoder and a peer's, side by side.
    Peers(peers::Peers),
    /// A burst of execs and opens without audit, under auditd and under our agent, as root: who slows it down, what arrives.
    Burst(burst::Burst),
    /// A storm of file operations beside our collectors and beside inotifywait, as root: CPU, events, losses, who is named.
    Storm(storm::Storm),
    /// `auditng fim` beside AIDE over one tree: costs, and whether both say the same.
    Aide(aide::Aide),
    /// The whole path under load: generated events over HTTP into a server of its own, then searches; prints figures.
    Load(load::Load),
}

fn main() -> Result<()> {
    match Chore::parse() {
        Chore::Tables => tables::generate(&workspace::root()),
        Chore::Live => {
            for package in ["agent", "fim"] {
                workspace::run("cargo", &["test", "--package", package, "--test", "live", "--", "--test-threads=1"])?;
            }
            Ok(())
        }
        Chore::E2e { out } => browser::end_to_end(&out),
        Chore::Demo { listen } => demo::run(&listen),
        Chore::Peers(peers) => peers.run(),
        Chore::Burst(burst) => burst.run(),
        Chore::Aide(aide) => aide.run(),
        Chore::Load(load) => load.run(),
        Chore::Storm(storm) => storm.run(),
    }
}
