//! Scans one tree and says what it cost: `scan KIND TREE STATE [HASHES [THREADS]]`.
//!
//! KIND: `baseline` (makes the state folder anew), `meta`, `full`, `rotating`. HASHES: `blake3`, `sha256`, `both` (default) or
//! `none`. With `-` for STATE nothing is kept: the walk alone.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a tool for measuring by hand"
)]

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use fim::baseline::{Baseline, Options};
use fim::change::ScanKind;
use fim::policy::{Classes, Hash, Policies, Policy};
use fim::scan::{Handle, Job, Pace};
use fim::seen::Seen;
use fim::{Change, Entry};
use schema::Timestamp;

/// Keeps nothing.
struct Nothing;

impl Seen for Nothing {
    fn get(&self, _: &Path) -> Option<Entry> {
        None
    }
    fn set(&mut self, _: &Path, _: Option<&Entry>) {}
    fn set_children<'a>(&mut self, _: &Path, _: &mut dyn Iterator<Item = (&'a std::ffi::OsStr, Option<&'a Entry>)>) {}
    fn moved(&mut self, _: &Path, _: &Path) {}
    fn below(&self, _: &Path, _: &mut dyn FnMut(&Path, &Entry)) {}
    fn names(&self, _: &Entry, _: &mut dyn FnMut(&Path)) {}
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (kind, tree, state) = (words[0].as_str(), PathBuf::from(&words[1]), &words[2]);
    let kind = match kind {
        "baseline" => ScanKind::Baseline,
        "full" => ScanKind::Full,
        "rotating" => ScanKind::Rotating,
        _ => ScanKind::Meta,
    };
    let hash: &[Hash] = match words.get(3).map(String::as_str) {
        Some("blake3") => &[Hash::Blake3],
        Some("sha256") => &[Hash::Sha256],
        Some("none") => &[],
        _ => &[Hash::Blake3, Hash::Sha256],
    };
    let policy = Policy {
        id: "tree".into(),
        classes: Classes::CHANGES,
        hash: hash.iter().copied().collect(),
        max_file_size: u64::MAX,
        ..Policy::default()
    };
    let policies = Policies::of_trees([(tree, policy)]);
    let threads = words.get(4).map_or(1, |word| word.parse().unwrap());
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap());
    let job = Job { pace: Pace { threads, ..Pace::default() }, ..Job::new(kind, &policies, now) };
    let begun = Instant::now();
    let mut told = 0_u64;
    let mut tell = |change: Change| {
        told += 1;
        if told <= 20 {
            println!("{} {}", change.action.name(), change.path.display());
        }
    };
    let handle = Handle::new();
    let (opened, summary) = if state == "-" {
        (begun.elapsed(), fim::scan::run(&job, &mut Nothing, &handle, &mut tell))
    } else {
        let options = Options::new(state);
        if kind == ScanKind::Baseline {
            drop(std::fs::remove_dir_all(state));
            drop(Baseline::create(&options, now).unwrap());
        }
        let mut baseline = Baseline::open(&options).unwrap();
        let opened = begun.elapsed();
        let summary = fim::scan::run(&job, &mut baseline, &handle, &mut tell);
        baseline.seal(now).unwrap();
        (opened, summary)
    };
    let usage = rustix_usage();
    println!(
        "{} entries, {} folders, {} bytes read, {} differences, {} unreadable; opened {:.2?}, scanned {:.2?}, all {:.2?}; {usage}",
        summary.entries,
        summary.folders,
        summary.hashed_bytes,
        summary.differences,
        summary.unreadable,
        opened,
        summary.duration,
        begun.elapsed()
    );
}

/// CPU seconds and the largest resident size, as the kernel tells of this process.
fn rustix_usage() -> String {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap() / 100.0;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().to_owned();
    format!("user {:.2} s, system {:.2} s, peak {peak}", ticks(11), ticks(12))
}
