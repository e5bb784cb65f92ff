//! What people ask of a baseline from a command line, and what they are answered: one JSON value a line, over the agent's local
//! socket where an agent runs, else made in the command line itself. Both use the functions here, so both say the same.
//!
//! ```text
//! one Request, then any number of Answers, the last of them Answer::Done
//! ```
//!
//! Names of files are spelled by [`crate::name::text`]: every text here can be shown on a terminal as it is. What a request names
//! is hostile too; [`Request::read`] bounds it.

mod answer;
mod found;

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use answer::{answer, approve, explain, in_order, open, status};
pub use found::{Found, Part};

use crate::baseline::{Generation, Problem, Scan, Seal};
use crate::entry::Digest;
use crate::name;

/// Name of the socket in the state folder, mode 0600.
pub const SOCKET: &str = "control.sock";

/// Longest request, in bytes.
pub const REQUEST: usize = 256 << 10;

/// Longest line of an answer, in bytes; a row beyond it is cut by whoever makes it.
pub const LINE: usize = 4 << 20;

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Make a baseline, or compare with the one there is; with `update` approve what is found.
    Baseline {
        /// Approve.
        #[serde(default)]
        update: bool,
        /// Only at or below these; none: everything.
        #[serde(default)]
        paths: Vec<String>,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// The generations: an [`Answer::Generation`] for each.
    Generations,
    /// Everything that was last seen: an [`Answer::Entry`] for each.
    Export,
    /// Look at the files and compare: an [`Answer::Found`] for each open deviation.
    Scan {
        /// Read every byte, or what its metadata says changed.
        #[serde(default)]
        full: bool,
        /// Only what this policy asks for.
        #[serde(default)]
        policy: Option<String>,
        /// Only at or below these; none: everything.
        #[serde(default)]
        paths: Vec<String>,
        /// Most bytes read in a second; `None`: as configured.
        #[serde(default)]
        rate: Option<u64>,
    },
    /// Check signatures, tree, chain and counter: an [`Answer::Verified`].
    Verify {
        /// One generation alone.
        #[serde(default)]
        generation: Option<u64>,
        /// A root that somebody noted elsewhere.
        #[serde(default)]
        expect_root: Option<Digest>,
    },
    /// How it stands: an [`Answer::Status`].
    Status,
    /// What applies to a path, and what is known of it: an [`Answer::Explained`].
    Explain {
        /// Absolute.
        path: String,
    },
    /// The policies as one would write them: an [`Answer::Text`].
    AsToml,
    /// The policies as audit rules: an [`Answer::Text`].
    AuditRules,
}

impl Request {
    /// Reads one line.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(line: &[u8]) -> Result<Self, String> {
        if line.len() > REQUEST {
            return Err(format!("a request has at most {REQUEST} bytes"));
        }
        serde_json::from_slice(line).map_err(|error| format!("it is no request: {error}"))
    }
}

/// Paths as bytes.
///
/// # Errors
/// The first that is not absolute or not spelled as names are.
pub fn paths(given: &[String]) -> Result<Vec<PathBuf>, String> {
    let read = |text: &String| {
        let path = PathBuf::from(std::ffi::OsString::from_vec(name::bytes(text)?));
        path.is_absolute().then_some(path)
    };
    given.iter().map(|text| read(text).ok_or_else(|| format!("{text} is no absolute path"))).collect()
}

/// One line of what is answered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Answer {
    /// It goes on; at most some ten a second.
    Progress {
        /// Objects looked at so far.
        entries: u64,
        /// Bytes read so far.
        bytes: u64,
        /// Objects that are known, so about as many are expected; 0: nobody knows.
        of: u64,
    },
    /// One difference.
    Found(Box<Found>),
    /// One generation.
    Generation(Box<Generation>),
    /// One entry, as [`crate::baseline::Exported`].
    Entry(serde_json::Value),
    /// What a scan did.
    Scanned(Box<Scan>),
    /// What a check found.
    Verified(Box<Verification>),
    /// How it stands.
    Status(Box<Status>),
    /// What is known of a path.
    Explained(Box<Explained>),
    /// Text to print as it is.
    Text {
        /// The lines.
        text: String,
    },
    /// The last one.
    Done {
        /// Exit code of the command.
        code: u8,
        /// One line for people; may be empty.
        message: String,
    },
}

/// What a check found.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Verification {
    /// Nothing: all agree.
    pub problems: Vec<Problem>,
    /// The same for people.
    pub said: Vec<String>,
    /// The last generation, or the one that was asked for.
    pub generation: Option<Generation>,
    /// The last seal over what was seen.
    pub seal: Option<Seal>,
    /// Public half of the key, 64 hex digits.
    pub public_key: String,
    /// Entries in the tree.
    pub entries: u64,
    /// Open deviations.
    pub deviations: u64,
}

/// How it stands.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// An agent answered.
    pub agent: bool,
    /// Which collectors run: `fanotify inotify audit scan`.
    pub mode: String,
    /// The last generation; `None`: nothing is approved.
    pub generation: Option<Generation>,
    /// The last seal over what was seen.
    pub seal: Option<Seal>,
    /// Entries known.
    pub entries: u64,
    /// Open deviations by severity.
    pub open: BTreeMap<String, u64>,
    /// Policies by id.
    pub policies: Vec<PolicyStatus>,
    /// Roots and how they are covered.
    pub roots: Vec<RootStatus>,
    /// The last scan of each kind.
    pub scans: Vec<Scan>,
    /// Losses and whether they were repaired.
    pub losses: Vec<Loss>,
    /// Changes by how sure it is who did them.
    pub who: BTreeMap<String, u64>,
    /// Anything else that is to be said; each makes the status degraded.
    pub degraded: Vec<String>,
    /// Things that are never seen live here, whatever is configured.
    pub blind: Vec<String>,
}

/// One policy.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyStatus {
    /// Its id.
    pub id: String,
    /// Its severity.
    pub severity: String,
    /// Its classes.
    pub events: Vec<String>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// One root.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RootStatus {
    /// Where.
    pub path: String,
    /// `live`, `scan-only`, `missing`, `unreadable`.
    pub covered: String,
    /// Why not live.
    pub reason: String,
}

/// One loss.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Loss {
    /// When, milliseconds since 1970.
    pub time_ms: i64,
    /// Where.
    pub root: String,
    /// How many; 0: unknown.
    pub count: u64,
    /// Why.
    pub reason: String,
    /// A scan has looked at what it concerned.
    pub repaired: bool,
}

/// What is known of a path.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Explained {
    /// The path.
    pub path: String,
    /// The policies that ask for it, the severest first.
    pub policies: Vec<PolicyStatus>,
    /// Why it is watched, or not, in words.
    pub why: String,
    /// What was last seen, as [`crate::baseline::Exported`].
    pub seen: Option<serde_json::Value>,
    /// What is approved where it is another.
    pub deviation: Option<Box<Found>>,
    /// Other names of the same inode.
    pub names: Vec<String>,
}
