//! `auditng replay`: recorded logs in at the same door as live ones.

mod destination;
mod identity;
mod source;

use std::time::Instant;

use audit::pipeline::Counters;
use indicatif::ProgressBar;
use serde_json::json;

use crate::cli::Replay;
use crate::exit::{Code, Failure, Outcome};
use crate::{input, usage};
use destination::Destination;
use source::Source;

/// Read at a time; memory does not grow with the input.
const CHUNK_BYTES: usize = 256 << 10;

pub(crate) fn run(arguments: &Replay) -> Outcome {
    let started = Instant::now();
    let progress = input::progress(&arguments.files);
    let mut total = Counters::default();
    let mut broken = None;
    let mut destination = Destination::open(arguments)?;
    for path in &arguments.files {
        let counters = match Source::open(path, arguments, &progress) {
            Ok(source) => replay(source, &mut destination, &progress, &mut broken)?,
            Err(failure) => {
                note(&progress, &failure);
                broken = Some(failure);
                continue;
            }
        };
        add(&mut total, &counters);
    }
    destination.finish()?;
    progress.finish_and_clear();
    if arguments.stats {
        stats(&total, started);
    }
    // What could be read was used; what could not decides the exit code.
    match broken {
        Some(failure) if arguments.files.len() > 1 => {
            Err(Failure { error: failure.error.context("not every input was read whole"), ..failure })
        }
        Some(failure) => Err(failure),
        None => Ok(Code::Done),
    }
}

/// One input to its end, or to where it breaks off.
fn replay(
    mut source: Source,
    destination: &mut Destination,
    progress: &ProgressBar,
    broken: &mut Option<Failure>,
) -> Result<Counters, Failure> {
    destination.begin(source.identity(destination.salt()))?;
    loop {
        match source.read() {
            Ok(true) => source.decode(destination)?,
            Ok(false) => break,
            Err(error) => {
                let failure = Failure { code: Code::Input, error: error.into() };
                note(progress, &failure);
                *broken = Some(failure);
                break;
            }
        }
    }
    source.finish(destination)?;
    if let Some(said) = source.detection() {
        progress.suspend(|| say(&said));
    }
    Ok(source.counters())
}

fn add(total: &mut Counters, counters: &Counters) {
    total.records += counters.records;
    total.events += counters.events;
    total.unparsed += counters.unparsed;
    total.incomplete += counters.incomplete;
    total.lost += counters.lost;
    total.late += counters.late;
    total.foreign += counters.foreign;
    total.bytes += counters.bytes;
}

fn stats(total: &Counters, started: Instant) {
    let cpu_seconds = usage::cpu_time().as_secs_f64();
    let line = json!({
        "records": total.records, "events": total.events, "unparsed": total.unparsed, "incomplete": total.incomplete,
        "lost": total.lost, "late": total.late, "foreign": total.foreign, "seconds": started.elapsed().as_secs_f64(), "cpu_seconds": cpu_seconds,
        "records_per_cpu_second": usage::per_second(total.records, cpu_seconds), "peak_rss_bytes": usage::peak_rss_bytes(),
    });
    say(&line.to_string());
}

/// Says what went wrong while others go on.
fn note(progress: &ProgressBar, failure: &Failure) {
    progress.suspend(|| say(&format!("auditng: {:#}", failure.error)));
}

#[expect(clippy::print_stderr, reason = "standard output belongs to the events")]
fn say(line: &str) {
    eprintln!("{line}");
}
