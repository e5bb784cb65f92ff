//! What file integrity monitoring says of itself: scans, coverage, baselines, policies. Pure.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use fim::policy::Severity;
use schema::{Event, Stream, Timestamp, Value, field};

/// One scan, ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scanned {
    /// `baseline meta full rotating targeted while-down`.
    pub kind: &'static str,
    /// Why, for people.
    pub why: String,
    /// It began ...
    pub from: Timestamp,
    /// ... and ended.
    pub to: Timestamp,
    /// Of the approved baseline that it was compared with.
    pub generation: Option<u64>,
    /// Its root.
    pub root: String,
    /// Objects looked at.
    pub entries: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What differed.
    pub differences: u64,
    /// What was left out by a rule.
    pub skipped: u64,
    /// What could not be read.
    pub unreadable: u64,
    /// It covered everything that policies ask for, to its end.
    pub whole: bool,
}

/// A generation of the baseline.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Generation {
    /// Its number.
    pub number: u64,
    /// When it was made.
    pub made: Timestamp,
    /// Root of its tree, hex.
    pub root: String,
    /// Root of the one before, hex; empty: the first.
    pub previous: String,
    /// Ed25519 over all that, hex.
    pub signature: String,
    /// The public key, hex.
    pub key: String,
    /// Digest of the policies, hex.
    pub policies: String,
    /// Who approved it, why.
    pub reason: String,
    /// Objects in it.
    pub entries: u64,
}

/// `fim-scan`
#[must_use]
pub fn scan(scanned: &Scanned) -> Event {
    let mut event = about("fim-scan", scanned.to);
    event.push_date(field::EVENT_START, scanned.from);
    event.push_date(field::EVENT_END, scanned.to);
    event.push_str(field::EVENT_OUTCOME, if scanned.whole { "success" } else { "failure" });
    event.push_str(field::AUDITNG_FIM_SCAN_KIND, scanned.kind);
    if !scanned.why.is_empty() {
        event.push_str(field::AUDITNG_FIM_REASON, &scanned.why);
    }
    if let Some(generation) = scanned.generation {
        event.push_long(field::AUDITNG_FIM_GENERATION, signed(generation));
        event.push_str(field::AUDITNG_FIM_BASELINE_ROOT, &scanned.root);
    }
    for (field, count) in [
        (field::AUDITNG_FIM_SCAN_ENTRIES, scanned.entries),
        (field::AUDITNG_FIM_SCAN_BYTES, scanned.bytes),
        (field::AUDITNG_FIM_SCAN_DIFFERENCES, scanned.differences),
        (field::AUDITNG_FIM_SCAN_SKIPPED, scanned.skipped),
        (field::AUDITNG_FIM_SCAN_UNREADABLE, scanned.unreadable),
    ] {
        event.push_long(field, signed(count));
    }
    event
}

/// `fim-scan-stale`: what was to be compared was not, since `since`.
#[must_use]
pub fn stale(now: Timestamp, since: Timestamp, why: &str) -> Event {
    let mut event = about("fim-scan-stale", now);
    event.push_date(field::AUDITNG_FIM_WINDOW_START, since);
    event.push_str(field::AUDITNG_FIM_REASON, why);
    event
}

/// `fim-coverage`: how a root is covered from now on. `how`: `fanotify inotify audit scan-only`.
#[must_use]
pub fn coverage(now: Timestamp, root: &Path, how: &str, reason: &str) -> Event {
    let mut event = about("fim-coverage", now);
    event.push_bytes(field::AUDITNG_FIM_ROOT, root.as_os_str().as_bytes());
    event.push_str(field::AUDITNG_FIM_SOURCE, how);
    if !reason.is_empty() {
        event.push_str(field::AUDITNG_FIM_REASON, reason);
    }
    event
}

/// `fim-baseline`: the generation in force, told at each start and at each approval, so that it is known outside of this host.
/// `within`: only what lies at or below these was approved.
#[must_use]
pub fn baseline(now: Timestamp, state: &str, generation: &Generation, within: &[PathBuf]) -> Event {
    let mut event = about("fim-baseline", now);
    event.push_date(field::EVENT_CREATED, generation.made);
    event.push_str(field::AUDITNG_FIM_BASELINE_STATE, state);
    event.push_long(field::AUDITNG_FIM_GENERATION, signed(generation.number));
    event.push_long(field::AUDITNG_FIM_SCAN_ENTRIES, signed(generation.entries));
    for (field, text) in [
        (field::AUDITNG_FIM_BASELINE_ROOT, &generation.root),
        (field::AUDITNG_FIM_BASELINE_PREVIOUS, &generation.previous),
        (field::AUDITNG_FIM_BASELINE_SIGNATURE, &generation.signature),
        (field::AUDITNG_FIM_BASELINE_KEY, &generation.key),
        (field::AUDITNG_FIM_BASELINE_POLICIES, &generation.policies),
        (field::AUDITNG_FIM_REASON, &generation.reason),
    ] {
        if !text.is_empty() {
            event.push_str(field, text);
        }
    }
    within.iter().for_each(|path| event.push_bytes(field::AUDITNG_FIM_NAMES, path.as_os_str().as_bytes()));
    event
}

/// `fim-baseline` as an alert: the one that lies there is not what it should be.
#[must_use]
pub fn refused(now: Timestamp, why: &str, aside: &Path) -> Event {
    let mut event = about("fim-baseline", now);
    alert(&mut event);
    event.push_str(field::AUDITNG_FIM_BASELINE_STATE, "refused");
    event.push_str(field::AUDITNG_FIM_REASON, why);
    event.push_bytes(field::FILE_PATH, aside.as_os_str().as_bytes());
    event
}

/// `fim-coverage` as an alert: somebody took something away that we watch with.
#[must_use]
pub fn blinded(now: Timestamp, root: &Path, how: &str, reason: &str) -> Event {
    let mut event = coverage(now, root, how, reason);
    alert(&mut event);
    event
}

/// `fim-policy`: a policy as it is in force.
#[must_use]
pub fn policy(now: Timestamp, policy: &fim::Policy, digest: &str, settings: &[(String, String)]) -> Event {
    let mut event = about("fim-policy", now);
    event.push_str(field::AUDITNG_FIM_POLICY, &policy.id);
    event.push_str(field::AUDITNG_FIM_SEVERITY, policy.severity.name());
    policy.tags.iter().for_each(|tag| event.push_str(field::TAGS, tag));
    event.push_str(field::AUDITNG_FIM_BASELINE_POLICIES, digest);
    for (key, value) in settings {
        event.push_keyed(field::AUDITNG_FIM_SETTINGS, key, Value::Text(value));
    }
    event
}

fn about(action: &str, now: Timestamp) -> Event {
    let mut event = Event::new(now);
    event.push_str(field::EVENT_ACTION, action);
    event.push_str(field::EVENT_DATASET, Stream::Health.dataset());
    event.push_str(field::EVENT_KIND, "state");
    event
}

fn alert(event: &mut Event) {
    event.remove(field::EVENT_KIND);
    event.push_str(field::EVENT_KIND, "alert");
    event.push_long(field::EVENT_SEVERITY, Severity::Critical.number());
    event.push_str(field::AUDITNG_FIM_SEVERITY, Severity::Critical.name());
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
