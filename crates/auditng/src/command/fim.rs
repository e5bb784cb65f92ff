//! `auditng fim`: file integrity from a terminal. Through the agent's socket where one runs, else with the baseline itself.

mod baseline;
mod desk;
mod local;
mod place;
mod print;
mod progress;
mod report;
mod scan;
mod status;
mod verify;

use crate::cli::{Fim, FimAction};
use crate::exit::{Code, Outcome};

pub(crate) fn run(arguments: &Fim) -> Outcome {
    match &arguments.action {
        FimAction::Baseline(arguments) => baseline::run(arguments),
        FimAction::Scan(arguments) => scan::run(arguments),
        FimAction::Verify(arguments) => verify::run(arguments),
        FimAction::Status(arguments) => status::run(arguments),
        FimAction::Report(arguments) => report::run(arguments),
    }
}

/// The exit code that an answer brought.
fn code(number: u8) -> Code {
    match number {
        0 => Code::Done,
        1 => Code::Findings,
        2 => Code::Usage,
        3 => Code::Input,
        4 => Code::Refused,
        _ => Code::Internal,
    }
}
