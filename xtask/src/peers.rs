//! Recorded logs through our decoder and, in the same run, through those of others: CPU seconds and peak memory of whole
//! processes.
//!
//! The input is a real recording many times over with serials and times shifted, plain and with the end-of-event records
//! that auditd leaves out. Who takes part: [`contestant`].

mod contestant;

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use crate::load::built;
use contestant::Contestant;

/// Events in the recording; a copy's serials are shifted by so many.
const EVENTS: u64 = 43_073;
/// A copy's times are shifted by so many seconds.
const SECONDS: u64 = 12;

#[derive(Args)]
pub(crate) struct Peers {
    /// How many copies of the recording.
    #[arg(long, default_value_t = 20)]
    copies: u64,
    /// A built program to measure, in place of building one.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// A folder with the source of go-audit, which is no library and cannot be fetched as one.
    #[arg(long, value_name = "FOLDER")]
    go_audit: Option<PathBuf>,
    /// Also ausearch, which takes minutes.
    #[arg(long)]
    ausearch: bool,
    /// Runs of each; the best counts.
    #[arg(long, default_value_t = 5)]
    runs: u32,
}

impl Peers {
    pub(crate) fn run(&self) -> Result<()> {
        let recording = testkit::recording("audit/real/host.log.zst").context("the recording is what is measured")?;
        let program = built(self.program.as_deref())?;
        let peers = contestant::Peers::build(self.go_audit.clone())?;
        let text = String::from_utf8_lossy(&testkit::unpacked(&recording)?).into_owned();
        let folder = tempfile::tempdir()?;
        for (name, eoe) in [("without EOE", false), ("with EOE", true)] {
            let input = folder.path().join(format!("host-{eoe}.log"));
            let records = write_copies(&text, self.copies, eoe, &input)?;
            println!("{name}: {records} records, {} bytes", input.metadata()?.len());
            println!("| program | CPU s | records per CPU second | peak RSS | it says |");
            println!("|---|---|---|---|---|");
            let mut contestants = peers.contestants(&program, &input, folder.path(), self.ausearch)?;
            let mut best: Vec<Cost> = contestants.iter().map(|_| Cost::default()).collect();
            // In turn, so that a busy minute of the machine falls on all of them.
            for _ in 0..self.runs {
                for (contestant, best) in contestants.iter_mut().zip(&mut best) {
                    best.better(cost_of(contestant, &input)?);
                }
            }
            for (Contestant { name, .. }, Cost { cpu_seconds, peak_kib, said }) in contestants.iter().zip(&best) {
                let rate = to_f64(records) / cpu_seconds;
                println!("| {name} | {cpu_seconds:.2} | {rate:.0} | {:.1} MB | {said} |", peak_kib / 1000.0);
            }
        }
        Ok(())
    }
}

/// What one run took.
#[derive(Default)]
struct Cost {
    cpu_seconds: f64,
    peak_kib: f64,
    said: String,
}

impl Cost {
    fn better(&mut self, other: Self) {
        if self.said.is_empty() || other.cpu_seconds < self.cpu_seconds {
            *self = other;
        }
    }
}

/// CPU and memory of a whole process, as GNU time has them from the kernel (steps of 10 ms).
fn cost_of(contestant: &Contestant, input: &Path) -> Result<Cost> {
    let report = tempfile::NamedTempFile::new()?;
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["-f", "%U %S %M", "-o"]).arg(report.path());
    timed.arg(contestant.command.get_program()).args(contestant.command.get_args());
    let output = timed.stdin(File::open(input)?).output().context("/usr/bin/time is needed (apt install time)")?;
    ensure!(output.status.success(), "{}: {}", contestant.name, String::from_utf8_lossy(&output.stderr));
    let report = fs::read_to_string(report.path())?;
    let numbers: Vec<f64> = report.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [user, system, peak_kib] = numbers[..] else { bail!("{} ended with {report}", contestant.name) };
    let said = match &contestant.lines {
        Some(path) => {
            let events = fs::read(path)?.split(|&byte| byte == b'\n').count() - 1;
            fs::remove_file(path)?;
            format!("{events} events")
        }
        None => said(&output.stdout).or_else(|| said(&output.stderr)).unwrap_or_else(|| "-".to_owned()),
    };
    Ok(Cost { cpu_seconds: user + system, peak_kib, said })
}

/// One short line with the counts.
fn said(output: &[u8]) -> Option<String> {
    let line = str::from_utf8(output).ok()?.trim();
    if let Ok(stats) = serde_json::from_str::<serde_json::Value>(line) {
        return Some(format!("{} records, {} events, {} lost", stats["records"], stats["events"], stats["lost"]));
    }
    (!line.is_empty() && line.len() < 100).then(|| line.to_owned())
}

/// Writes the copies; with `eoe`, each event ends with its EOE record.
fn write_copies(text: &str, copies: u64, eoe: bool, to: &PathBuf) -> Result<u64> {
    let mut out = BufWriter::new(File::create(to)?);
    let mut records = 0;
    for copy in 0..copies {
        for line in text.lines() {
            let Some((before, seconds, millis, serial, after)) = stamp(line) else { continue };
            let stamp = format!("{}.{millis}:{}", seconds + copy * SECONDS, serial + copy * EVENTS);
            writeln!(out, "{before}msg=audit({stamp}){after}")?;
            records += 1;
            // What the kernel writes last but for the end itself.
            if eoe && line.starts_with("type=PROCTITLE ") {
                writeln!(out, "type=EOE msg=audit({stamp}): ")?;
                records += 1;
            }
        }
    }
    out.flush()?;
    Ok(records)
}

/// Text before the stamp, seconds, milliseconds, serial, text behind.
fn stamp(line: &str) -> Option<(&str, u64, &str, u64, &str)> {
    let (before, rest) = line.split_once("msg=audit(")?;
    let (stamp, after) = rest.split_once(')')?;
    let (time, serial) = stamp.split_once(':')?;
    let (seconds, millis) = time.split_once('.')?;
    Some((before, seconds.parse().ok()?, millis, serial.parse().ok()?, after))
}

fn to_f64(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
