//! `auditng fim report`: the facts from a server or from this host's own baseline, written by [`fim::report`].

mod fleet;
mod here;

use std::path::Path;

use fim::report::{Evidence, Format, render};
use schema::Timestamp;
use schema::search::date_math::{Fill, Reader, Zone};

use crate::cli::{FimEvidence, FimReport, ReportFormat};
use crate::command::print;
use crate::exit::{Code, Failure, OrExit as _, Outcome};
use crate::remote::{CLI_FILE, Server};

pub(super) fn run(arguments: &FimReport) -> Outcome {
    let now = super::local::now();
    let zone = Zone::utc();
    let reader = Reader { now, zone: &zone };
    let from = reader.read(&arguments.from, Fill::Start).or_exit(Code::Usage)?;
    let to = reader.read(&arguments.to, Fill::End).or_exit(Code::Usage)?.min(now);
    if from >= to {
        return Err(Failure::new(Code::Usage, format!("--from {from} is not before --to {to}")));
    }
    let report = if asks_server(arguments) {
        fleet::report(&Server::find(&arguments.server)?, (from, to), now)?
    } else {
        here::report(arguments, (from, to), now)?
    };
    let evidence = arguments.evidence.map(|evidence| match evidence {
        FimEvidence::Pci => Evidence::Pci,
        FimEvidence::Nist => Evidence::Nist,
    });
    let text = render(&report, evidence, format(arguments));
    match &arguments.out {
        Some(file) => write(file, &text)?,
        None => drop(print(text.as_bytes())?),
    }
    Ok(if report.is_clean(evidence) { Code::Done } else { Code::Findings })
}

/// A server is named or left its file; a state folder is not.
fn asks_server(arguments: &FimReport) -> bool {
    let at = &arguments.server;
    let named = at.url.is_some() || at.place.data_dir.is_some() || at.token_file.is_some();
    arguments.state_dir.is_none() && (named || at.place.folder().join(CLI_FILE).exists())
}

fn format(arguments: &FimReport) -> Format {
    let ending = arguments.out.as_deref().and_then(Path::extension).and_then(std::ffi::OsStr::to_str);
    match (arguments.format, ending) {
        (Some(ReportFormat::Text), _) => Format::Text,
        (Some(ReportFormat::Json), _) | (None, Some("json")) => Format::Json,
        (Some(ReportFormat::Ndjson), _) | (None, Some("ndjson")) => Format::Ndjson,
        (Some(ReportFormat::Csv), _) | (None, Some("csv")) => Format::Csv,
        (Some(ReportFormat::Html), _) | (None, Some("html" | "htm")) => Format::Html,
        (None, _) => Format::Text,
    }
}

/// A report names files that not everybody may know of.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |error: std::io::Error| Failure::new(Code::Input, format!("cannot write {}: {error}", file.display()));
    let mut options = std::fs::File::options();
    let mut opened = options.write(true).create(true).truncate(true).mode(0o600).open(file).map_err(failed)?;
    opened.write_all(text.as_bytes()).and_then(|()| opened.sync_all()).map_err(failed)
}

/// A time as the interface takes it.
fn millis(time: Timestamp) -> i64 {
    time.millis()
}
