//! `auditng fim status`

use fim::control::Request;

use super::baseline::spelled;
use super::place::Place;
use super::print;
use crate::cli::FimStatus;
use crate::exit::Outcome;

pub(super) fn run(arguments: &FimStatus) -> Outcome {
    let place = Place::of(&arguments.at)?;
    let request = match &arguments.explain {
        Some(path) => Request::Explain { path: spelled(std::slice::from_ref(path))?.remove(0) },
        None if arguments.as_toml => Request::AsToml,
        None if arguments.audit_rules => Request::AuditRules,
        None => Request::Status,
    };
    print::ask(&place, &request, arguments.at.format)
}
