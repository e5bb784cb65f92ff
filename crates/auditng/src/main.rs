//! The program `auditng`: everything on one machine (`up`), the server half (`serve`), recorded logs (`replay`), and the
//! questions people ask from a terminal.
//!
//! [`cli`] says what can be typed, [`command`] does it, [`exit`] says how it ended. Nothing here decides anything about
//! events; that is what the crates below are for.

mod cli;
mod command;
mod exit;
mod input;
mod remote;
mod table;
mod usage;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = match cli::Cli::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error),
    };
    exit::code(command::run(arguments))
}
