//! `auditng fim scan`

use fim::config::Bytes;
use fim::control::Request;

use super::baseline::spelled;
use super::place::Place;
use super::print;
use crate::cli::FimScan;
use crate::exit::{Code, Failure, Outcome};

pub(super) fn run(arguments: &FimScan) -> Outcome {
    let place = Place::of(&arguments.at)?;
    let rate = arguments.rate.as_ref().map(|text| {
        Bytes::try_from(text.clone())
            .map(|bytes| bytes.0)
            .map_err(|why| Failure::new(Code::Usage, format!("--rate {text}: {why}")))
    });
    let request = Request::Scan {
        full: arguments.full,
        policy: arguments.policy.clone(),
        paths: spelled(&arguments.paths)?,
        rate: rate.transpose()?,
    };
    print::ask(&place, &request, arguments.at.format)
}
