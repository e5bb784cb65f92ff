//! Recorded logs through our decoder and, in the same run, through a peer's: CPU seconds of whole processes.
//!
//! The input is a real recording many times over with serials and times shifted, plain and with the end-of-event records
//! that auditd leaves out. The peer is Debian's `laurel`, if it is installed.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::load::built;

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
    /// Runs of each; the best counts.
    #[arg(long, default_value_t = 5)]
    runs: u32,
}

impl Peers {
    pub(crate) fn run(&self) -> Result<()> {
        let recording = testkit::recording("audit/real/host.log.zst").context("the recording is what is measured")?;
        let program = built(self.program.as_deref())?;
        let text = String::from_utf8_lossy(&testkit::unpacked(&recording)?).into_owned();
        let folder = tempfile::tempdir()?;
        for (name, eoe) in [("without EOE", false), ("with EOE", true)] {
            let input = folder.path().join(format!("host-{eoe}.log"));
            let records = write_copies(&text, self.copies, eoe, &input)?;
            println!("{name}: {records} records, {} bytes", input.metadata()?.len());
            for (who, mut command) in contestants(&program, &input, folder.path())? {
                let mut best = f64::MAX;
                for _ in 0..self.runs {
                    best = best.min(cpu_seconds_of(&mut command, &input)?);
                }
                println!("  {who}: {best:.2} CPU s, {:.0} records per CPU second", to_f64(records) / best);
            }
        }
        Ok(())
    }
}

fn contestants(program: &Path, input: &Path, folder: &Path) -> Result<Vec<(&'static str, Command)>> {
    let mut ours = Command::new(program);
    ours.arg("replay").arg(input).args(["--format", "raw", "--out", "/dev/null"]);
    let mut bare = Command::new(program);
    bare.arg("replay").arg(input).args(["--format", "raw", "--out", "/dev/null", "--no-original"]);
    let mut all = vec![("auditng replay", ours), ("auditng replay --no-original", bare)];
    if Path::new("/usr/sbin/laurel").exists() {
        let config = folder.join("laurel.toml");
        let settings = "statusreport-period = 0\n[auditlog]\nfile = \"out.log\"\nsize = 10000000000\ngenerations = 1\n";
        fs::write(&config, format!("directory = \"{}\"\n{settings}", folder.display()))?;
        let mut peer = Command::new("/usr/sbin/laurel");
        peer.arg("-c").arg(config);
        all.push(("laurel (its own JSON)", peer));
    } else {
        println!("  laurel is not installed (apt install laurel): no peer in this run");
    }
    Ok(all)
}

/// CPU of one child, read from what the kernel has added up for waited-for children (steps of 10 ms).
fn cpu_seconds_of(command: &mut Command, input: &Path) -> Result<f64> {
    let before = children_seconds()?;
    let status = command.stdin(File::open(input)?).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(children_seconds()? - before)
}

fn children_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().context("no name in stat")?.split_whitespace().collect();
    Ok((fields[13].parse::<f64>()? + fields[14].parse::<f64>()?) / 100.0)
}

/// Writes the copies; with `eoe`, each event ends with its EOE record.
fn write_copies(text: &str, copies: u64, eoe: bool, to: &PathBuf) -> Result<u64> {
    let mut out = BufWriter::new(File::create(to)?);
    let mut records = 0;
    for copy in 0..copies {
        let mut open: Option<String> = None;
        for line in text.lines() {
            let Some((before, seconds, millis, serial, after)) = stamp(line) else { continue };
            let stamp = format!("{}.{millis}:{}", seconds + copy * SECONDS, serial + copy * EVENTS);
            if eoe && let Some(last) = open.replace(stamp.clone()).filter(|last| *last != stamp) {
                writeln!(out, "type=EOE msg=audit({last}): ")?;
                records += 1;
            }
            writeln!(out, "{before}msg=audit({stamp}){after}")?;
            records += 1;
        }
        if let Some(last) = open {
            writeln!(out, "type=EOE msg=audit({last}): ")?;
            records += 1;
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
