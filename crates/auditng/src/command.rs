//! Does what was typed.

mod audit_rules;
mod doctor;
mod fim;
mod replay;
mod search;
mod serve;
mod sql;
mod up;

use std::io::{self, Write as _};

use clap::CommandFactory as _;

use crate::cli::{Cli, Command, Completions};
use crate::exit::{Code, OrExit as _, Outcome};

/// Runs one command.
pub(crate) fn run(cli: Cli) -> Outcome {
    match cli.command {
        Command::Up(arguments) => up::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Search(arguments) => search::run(&arguments),
        Command::Sql(arguments) => sql::run(&arguments),
        Command::AuditRules(arguments) => audit_rules::run(&arguments),
        Command::Fim(arguments) => fim::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Completions(arguments) => completions(&arguments),
    }
}

fn completions(arguments: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "auditng", &mut script);
    print(&script)
}

/// Writes to standard output. A reader that went away (`| head`) is not an error.
pub(crate) fn print(bytes: &[u8]) -> Outcome {
    match io::stdout().lock().write_all(bytes) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Code::Done),
        written => written.or_exit(Code::Input).map(|()| Code::Done),
    }
}
