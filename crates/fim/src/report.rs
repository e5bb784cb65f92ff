//! What was watched, compared and found in a time, for people, programs and assessors.
//!
//! [`Gather`] makes a [`Report`] of events as agents send them, wherever they come from; [`render`] makes text of it in one of
//! the [`Format`]s; [`Evidence`] adds what an assessor asks for, with a verdict for each requirement. Values in, text out: no
//! files, no clock, no network.
//!
//! Names come from hosts and are hostile. Everything that is printed goes through [`visible()`]; CSV cells start no formula and
//! HTML has no markup but our own.
//!
//! Bounds: [`MOST_LISTED`] deviations are listed for one host, the severest first; all are counted.

mod document;
mod events;
mod evidence;
mod html;
mod record;
mod text;
mod visible;

use schema::Timestamp;

use crate::policy::{Policy, Severity};

pub use events::Gather;
pub use evidence::{Evidence, Gap, Requirement, Verdict, WEEK_MS, largest_gap};
pub use visible::visible;

/// Deviations of one host that are listed; the others are only counted.
pub const MOST_LISTED: usize = 10_000;

/// How a report is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// For people.
    Text,
    /// One object.
    Json,
    /// One object a line, each with its `record`.
    Ndjson,
    /// One table, a `record` in the first column.
    Csv,
    /// One file that needs nothing else.
    Html,
}

/// What is known of a time. [`Gather`] fills it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    /// When it was made.
    pub made: Timestamp,
    /// The time that it speaks of: from here ...
    pub from: Timestamp,
    /// ... to here.
    pub to: Timestamp,
    /// Where its facts come from: a server's address, a state folder.
    pub source: String,
    /// By name. A host of which nothing is known is here too.
    pub hosts: Vec<Host>,
}

/// One host.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Its agent.
    pub agent: String,
    /// In the order of their ids.
    pub policies: Vec<Watched>,
    /// In the order of time; the last one before the report's time is among them.
    pub comparisons: Vec<Comparison>,
    /// Generations of the baseline, oldest first, also those before the report's time.
    pub approvals: Vec<Approval>,
    /// Changes in the report's time, the severest and newest first.
    pub deviations: Vec<Deviation>,
    /// Those among them beyond [`MOST_LISTED`].
    pub unlisted: u64,
    /// All by severity and by state.
    pub counts: Counts,
    /// Where and when nobody looked.
    pub holes: Vec<Hole>,
    /// What the server says of its baseline: `ok`, `rolled-back`, `forked`, `key-changed`, `gap`; empty: nobody was asked.
    pub chain: String,
}

/// How many deviations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Not approved and not expected, by [`Severity`] from informational to critical.
    pub open: [u64; 5],
    /// Approved by a later generation.
    pub approved: u64,
    /// Of a package, a rotation, or a declared window.
    pub expected: u64,
}

impl Counts {
    /// All open ones.
    #[must_use]
    pub fn all_open(&self) -> u64 {
        self.open.iter().sum()
    }
}

/// A policy with what it effectively asks for.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Watched {
    /// Its id.
    pub id: String,
    /// Digest of all policies that were in force with it.
    pub digest: String,
    /// How bad a change is.
    pub severity: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Name and value of each setting: roots, excludes, events, hashes.
    pub settings: Vec<(String, String)>,
    /// How many objects it covers; `None`: not said.
    pub files: Option<u64>,
    /// Since when these settings are known.
    pub since: Timestamp,
}

impl Watched {
    /// Growth is quiet, a change of old bytes is not.
    #[must_use]
    pub fn append_only(&self) -> bool {
        self.settings.iter().any(|(name, value)| name == "append_only" && value == "true")
    }
}

/// A scan that compared files with what was last seen.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Comparison {
    /// `meta full rotating targeted while-down baseline`.
    pub kind: String,
    /// Began.
    pub start: Timestamp,
    /// Ended.
    pub end: Timestamp,
    /// The generation that it compared with.
    pub generation: Option<u64>,
    /// Root hash of what was seen, in hex.
    pub root: String,
    /// Objects looked at.
    pub entries: u64,
    /// Bytes hashed.
    pub bytes: u64,
    /// Differences found.
    pub differences: u64,
    /// Objects that could not be read.
    pub unreadable: u64,
    /// It did not come to its end.
    pub broken: bool,
}

impl Comparison {
    /// It looked at everything that is watched, to its end, so it counts as the regular comparison.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.broken && matches!(self.kind.as_str(), "meta" | "full" | "while-down" | "baseline")
    }
}

/// A generation of the baseline: what somebody approved.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Approval {
    /// Its number.
    pub generation: u64,
    /// When.
    pub time: Timestamp,
    /// Root hash in hex.
    pub root: String,
    /// Root hash of the one before; empty: the first.
    pub previous: String,
    /// Public key in hex.
    pub key: String,
    /// Ed25519 signature in hex.
    pub signature: String,
    /// Why.
    pub reason: String,
    /// Who, where that is known.
    pub by: String,
    /// Only what lies at or below these; none: everything.
    pub paths: Vec<String>,
}

impl Approval {
    /// Whether this generation approves what was changed there.
    fn covers(&self, path: &str) -> bool {
        let below = |root: &String| {
            path.strip_prefix(root.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || root.ends_with('/'))
        };
        self.paths.is_empty() || self.paths.iter().any(below)
    }
}

/// What became of a deviation.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum State {
    /// Nobody approved it.
    #[default]
    Open,
    /// Approved by this generation, for this reason.
    Approved {
        /// Number of the generation.
        generation: u64,
        /// Its reason.
        reason: String,
    },
    /// A package, a rotation, a declared window: which.
    Expected(String),
}

impl State {
    /// `open`, `approved`, `expected`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved { .. } => "approved",
            Self::Expected(_) => "expected",
        }
    }
}

/// A change.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Deviation {
    /// The event.
    pub id: String,
    /// When it was seen or found.
    pub time: Timestamp,
    /// `updated`, `deleted` and so on.
    pub action: String,
    /// Which file.
    pub path: String,
    /// Where it was before.
    pub old_path: String,
    /// How bad.
    pub severity: Severity,
    /// Policies that it concerns.
    pub policies: Vec<String>,
    /// Names of attributes that differ.
    pub changed: Vec<String>,
    /// By whom: user and program; empty: unknown.
    pub who: String,
    /// `certain strong merged ambiguous unknown`.
    pub confidence: String,
    /// Why nobody is named.
    pub reason: String,
    /// It happened between these, where a scan found it.
    pub window: Option<(Timestamp, Timestamp)>,
    /// The container, by name or id.
    pub container: String,
    /// So many changes stand in this one.
    pub count: u64,
    /// What became of it.
    pub state: State,
}

/// A time or place that nobody looked at.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Hole {
    /// `unmarkable`, `scan-only`, `loss`, `agent-down` and the like.
    pub reason: String,
    /// Where; empty: all of the host.
    pub root: String,
    /// From when ...
    pub from: Timestamp,
    /// ... to when; `None`: it is still so.
    pub to: Option<Timestamp>,
    /// Events lost, where they could be counted.
    pub lost: Option<u64>,
    /// A scan has looked since.
    pub repaired: Option<Timestamp>,
    /// None at all: the place is covered live. Only while events are gathered.
    pub live: bool,
}

impl Report {
    /// Changes that nobody approved, on all hosts.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.hosts.iter().map(|host| host.counts.all_open()).sum()
    }

    /// Nothing is open, and with `evidence` each requirement is met: what exit code 0 says.
    #[must_use]
    pub fn is_clean(&self, evidence: Option<Evidence>) -> bool {
        let met = |evidence: Evidence| evidence.requirements(self).iter().all(|found| found.verdict == Verdict::Met);
        self.open() == 0 && evidence.is_none_or(met)
    }
}

/// What a policy says beyond its id, severity and tags, as written: `paths`, `exclude`, `append_only` and so on.
#[must_use]
pub fn settings(policy: &Policy) -> Vec<(String, String)> {
    let Ok(toml::Value::Table(table)) = toml::Value::try_from(&policy.written) else { return Vec::new() };
    let shown = |value: &toml::Value| match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let own = table.iter().filter(|(key, _)| !matches!(key.as_str(), "id" | "severity" | "tags"));
    own.map(|(key, value)| (key.clone(), shown(value))).collect()
}

/// The report as text.
#[must_use]
pub fn render(report: &Report, evidence: Option<Evidence>, format: Format) -> String {
    match format {
        Format::Text => text::write(&document::of(report, evidence)),
        Format::Html => html::write(&document::of(report, evidence)),
        Format::Json => record::json(report, evidence),
        Format::Ndjson => record::ndjson(report, evidence),
        Format::Csv => record::csv(report, evidence),
    }
}

#[cfg(test)]
mod tests;
