//! Looking at the files: a scan on its own thread, while this one shows how far it is.

use std::path::PathBuf;
use std::time::Duration;

use fim::baseline::{Baseline, Scan};
use fim::change::ScanKind;
use fim::control::{Answer, Found};
use fim::scan::{self, Handle, Job, Pace, Summary};
use fim::{Change, Policies};
use schema::Timestamp;

use crate::command::fim::print::warn;
use crate::exit::{Code, Failure};

/// How often it is shown.
const SHOWN: Duration = Duration::from_millis(100);

/// Findings of logs that are kept of one scan; more are counted.
const LOGS: usize = 65_536;

/// What is looked at.
pub(super) struct Order<'a> {
    pub(super) kind: ScanKind,
    /// At or below these; none: everywhere.
    pub(super) within: &'a [PathBuf],
    pub(super) policy: Option<&'a str>,
    /// Bytes a second; `None`: as fast as it goes.
    pub(super) rate: Option<u64>,
    pub(super) threads: u8,
}

/// Looks and notes everything as seen. Gives back what the scan did, and what only it can say of logs.
pub(super) fn run(
    baseline: &mut Baseline,
    policies: &Policies,
    order: &Order<'_>,
    now: Timestamp,
    tell: &mut dyn FnMut(Answer),
) -> Result<(Scan, Vec<Found>), Failure> {
    let job = Job {
        within: order.within,
        policy: order.policy,
        generation: baseline.approved().map_or(0, |one| one.seal.generation),
        pace: Pace { rate: order.rate.unwrap_or(0), threads: order.threads, ..Pace::default() },
        ..Job::new(order.kind, policies, now)
    };
    let (handle, of) = (Handle::new(), baseline.entries());
    let mut logs = Vec::new();
    let mut note = |change: Change| {
        if logs.len() < LOGS {
            logs.extend(Found::of_log(&change));
        }
    };
    let summary = std::thread::scope(|scope| {
        let scan = scope.spawn(|| scan::run(&job, baseline, &handle, &mut note));
        while !scan.is_finished() {
            tell(Answer::Progress { entries: handle.entries(), bytes: handle.bytes(), of });
            std::thread::park_timeout(SHOWN);
        }
        scan.join()
    });
    let summary = summary.map_err(|_| Failure::new(Code::Internal, "the scan broke off"))?;
    unreadable(&summary);
    Ok((summary.record("command line", None), logs))
}

/// Rows that could not be read are said beside the answer: they are no differences.
fn unreadable(summary: &Summary) {
    use std::os::unix::ffi::OsStrExt as _;
    for row in &summary.unreadable_rows {
        warn(&format!("unreadable: {}: {}", row.reason, fim::name::text(row.path.as_os_str().as_bytes())));
    }
}
