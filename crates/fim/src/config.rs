//! `[fim]` of the agent's file, and the files of its folder `fim.d`: as written, before anything is compiled.
//!
//! Every key with default, unit and reason is in `etc/agent.toml`. Unknown keys are errors, and everything that is wrong is
//! reported at once. What the words mean is checked when [`crate::Policies`] are made of them. Reads no file.
//!
//! ```
//! use fim::config::{Config, File};
//!
//! let file = File::read("[[fim.policy]]\nid = \"keys\"\npaths = [\"/etc/ssl/private/\"]\nseverity = \"high\"\n").unwrap();
//! assert_eq!(file.fim.policy[0].id, "keys");
//! let problems = File::read("[fim]\ncolour = 1\n[[fim.policy]]\nseverity = \"awful\"\n").unwrap_err();
//! assert_eq!(problems.0.len(), 2);
//! assert_eq!(Config::default().scan.every.0.as_secs(), 3600);
//! ```

mod problem;
mod unit;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::policy::{Attribute, Class, Guard, Hash, Response, Severity};
pub use problem::{Problem, Problems, from_toml};
pub use unit::{Bytes, Span};

/// `[fim]`. `Config::default()` is what an empty file gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which collector tells of changes.
    pub mode: Mode,
    /// Where the baseline lies.
    pub state_dir: PathBuf,
    /// Folder of further files (`*.toml`), taken in the order of their names; it need not be there.
    pub dir: PathBuf,
    /// The shipped policies apply too; one of our own with the same id takes the place of a shipped one.
    pub use_defaults: bool,
    /// Digests of contents, where a policy lists no others.
    pub hash: Vec<Hash>,
    /// Left out of every policy.
    pub exclude: Vec<String>,
    /// A change is judged after this much quiet ...
    pub debounce: Span,
    /// ... and at the latest after this.
    pub debounce_max: Span,
    /// An opener waits for an answer at most this long, then it is let through; a policy may say otherwise.
    pub perm_deadline: Span,
    /// How much waits in the kernel.
    pub queue: Queue,
    /// Room for the texts that differences are made with.
    pub diff_quota: Bytes,
    /// The audit rule that tells of `chattr`: a rule on ioctl, which costs every ioctl.
    pub audit_chattr: bool,
    /// When files are looked at without a change being told.
    pub scan: Scan,
    /// What was approved.
    pub baseline: Baseline,
    /// What is watched.
    pub policy: Vec<Policy>,
    /// What is watched by the words of others.
    pub import: Vec<Import>,
}

/// Which collector tells of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// fanotify where the kernel and our rights allow it, else inotify.
    #[default]
    Auto,
    /// fanotify or nothing.
    Fanotify,
    /// inotify: no process is named.
    Inotify,
    /// The kernel's audit records.
    Audit,
    /// Scans alone.
    Scan,
    /// Nothing at all.
    Off,
}

/// How much may wait in the kernel for `fim-read`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Queue {
    /// As much as comes; the memory counts for the agent's cgroup.
    #[default]
    Unlimited,
    /// As much as the kernel's own limit says (16,384 events); what does not fit is lost, said and repaired by a scan.
    Limited,
}

/// `[fim.scan]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scan {
    /// What changed while nobody watched.
    pub at_start: bool,
    /// Between passes over the metadata; what they say changed is read again.
    pub every: Span,
    /// Every byte is read again within this time.
    pub rehash_within: Span,
    /// Most bytes read in a second; 0B: as fast as it goes.
    pub rate: Bytes,
    /// Threads that read.
    pub threads: u8,
    /// Waits while more than so many percent of the time somebody waits for a disk (PSI `some avg10`); 0: never.
    pub pause_on_io_pressure: u8,
}

/// `[fim.baseline]`
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Baseline {
    /// Who keeps the counter that shows an older baseline put back.
    pub confirm: Confirm,
}

/// Who keeps the baseline's counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// The server, which root on this host cannot change.
    #[default]
    Server,
    /// Nobody but this host.
    Local,
}

/// `[[fim.policy]]`, as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The probe's name in searches, labels and data sets.
    pub id: String,
    /// Absolute patterns.
    pub paths: Vec<String>,
    /// Patterns of what is left out of this policy, absolute or from `**/` on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// If there are any, one of them must be found in the path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include_regex: Vec<String>,
    /// None of them may be found in the path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude_regex: Vec<String>,
    /// Only on file systems of these types; with `!` before it: not on those.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fstype: Vec<String>,
    /// So many folders deep is `**`; absent: as deep as there are folders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recursion: Option<u32>,
    /// `host`, where no containers are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Host>,
    /// Paths are those inside of the containers that one of these fits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<String>,
    /// What is asked for; absent: all that changes a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<Class>>,
    /// Whether openers are held while we look.
    pub guard: Guard,
    /// Whether what is not allowed is refused.
    pub action: Response,
    /// Who may.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Application>,
    /// Who is between: editors, pagers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grey: Vec<Application>,
    /// How bad.
    pub severity: Severity,
    /// For reports and searches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Growth is quiet, a change of old bytes is not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub append_only: bool,
    /// Who moves logs away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// Digests of contents; absent: as `fim.hash` says; `[]`: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<Vec<Hash>>,
    /// Larger files are read in part; absent: 1GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_file_size: Option<Bytes>,
    /// Which parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_hash: Option<PartialHash>,
    /// What is compared; absent: everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Vec<Attribute>>,
    /// Contents of text files are compared by line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Diff>,
    /// When changes are expected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub window: Vec<Window>,
    /// An opener waits at most this long; absent: as `fim.perm_deadline` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perm_deadline: Option<Span>,
    /// Keys of audit rules whose records are this policy's too, beside its id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audit_keys: Vec<String>,
    /// As audit rules its folders are rules too, each of which costs every system call; false: only its single files are, which
    /// cost nothing, and the rest is found by scans.
    #[serde(skip_serializing_if = "Clone::clone")]
    pub audit_dirs: bool,
}

/// The only scope that has no selectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Host {
    /// Paths are the host's.
    #[default]
    Host,
}

/// An entry of a list of applications: all keys that are given must fit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Application {
    /// The executable: the file under this path, not its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<PathBuf>,
    /// SHA-256 of its content, 64 digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Name or number of the effective user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A container selector, as in a policy's `containers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// A systemd unit; `*` and `?` allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// Who moves logs away.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Executables.
    pub by: Vec<PathBuf>,
}

/// Which parts of a large file are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PartialHash {
    /// From the start.
    pub head: Bytes,
    /// From the end.
    pub tail: Bytes,
    /// Places between, evenly spread.
    pub samples: u16,
    /// Bytes at each of them.
    pub sample: Bytes,
}

/// How contents are compared by line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Diff {
    /// Larger files are not compared.
    pub max_file: Bytes,
    /// Longer differences are cut.
    pub max_diff: Bytes,
    /// Also files that nobody but their owner may read.
    pub private: bool,
    /// Patterns of what is never compared.
    pub nodiff: Vec<String>,
}

/// When changes are expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// `mon` to `sun`, or dates `2026-11-24`; none: every day. A window over midnight belongs to the day on which it begins.
    #[serde(default)]
    pub days: Vec<String>,
    /// `22:00`
    pub from: String,
    /// `04:00`, not included.
    pub to: String,
    /// Why.
    pub reason: String,
    /// Whose clock.
    #[serde(default)]
    pub zone: Zone,
}

/// Whose clock a change window goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Zone {
    /// The same moment everywhere.
    #[default]
    Utc,
    /// As this host's clock on the wall.
    Local,
}

/// `[[fim.import]]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// Whose words they are.
    pub format: Format,
    /// Where.
    pub file: PathBuf,
}

/// Whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `file_paths` of osquery's configuration.
    Osquery,
    /// Auditbeat's module `file_integrity`.
    Auditbeat,
    /// `<syscheck>` of Wazuh's agent.
    Wazuh,
    /// Watches of a rule file of auditctl.
    AuditRules,
    /// One pattern a line.
    Paths,
}

/// A file of `fim.d`: more of what `[fim]` has.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct File {
    /// `[fim]`
    pub fim: More,
}

/// What a file of `fim.d` may add.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct More {
    /// Left out of every policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// What is watched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policy: Vec<Policy>,
    /// What is watched by the words of others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub import: Vec<Import>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            state_dir: "/var/lib/auditng/fim".into(),
            dir: "/etc/auditng/fim.d".into(),
            use_defaults: true,
            hash: vec![Hash::Blake3, Hash::Sha256],
            exclude: ["/proc/**", "/sys/**", "/dev/**", "/run/**", "/var/lib/auditng/**"].map(str::to_owned).into(),
            debounce: Span(Duration::from_millis(300)),
            debounce_max: Span(Duration::from_secs(3)),
            perm_deadline: Span(Duration::from_millis(50)),
            queue: Queue::default(),
            diff_quota: Bytes(64 << 20),
            audit_chattr: false,
            scan: Scan::default(),
            baseline: Baseline::default(),
            policy: Vec::new(),
            import: Vec::new(),
        }
    }
}

impl Default for Scan {
    fn default() -> Self {
        Self {
            at_start: true,
            every: Span(Duration::from_secs(3600)),
            rehash_within: Span(Duration::from_secs(7 * 86_400)),
            rate: Bytes(100 << 20),
            threads: 1,
            pause_on_io_pressure: 20,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            id: String::new(),
            paths: Vec::new(),
            exclude: Vec::new(),
            include_regex: Vec::new(),
            exclude_regex: Vec::new(),
            fstype: Vec::new(),
            recursion: None,
            scope: None,
            containers: Vec::new(),
            events: None,
            guard: Guard::default(),
            action: Response::default(),
            allow: Vec::new(),
            grey: Vec::new(),
            severity: Severity::default(),
            tags: Vec::new(),
            append_only: false,
            rotation: None,
            hash: None,
            max_file_size: None,
            partial_hash: None,
            attributes: None,
            diff: None,
            window: Vec::new(),
            perm_deadline: None,
            audit_keys: Vec::new(),
            audit_dirs: true,
        }
    }
}

impl Default for PartialHash {
    fn default() -> Self {
        Self { head: Bytes(1 << 20), tail: Bytes(1 << 20), samples: 64, sample: Bytes(64 << 10) }
    }
}

impl Default for Diff {
    fn default() -> Self {
        Self { max_file: Bytes(1 << 20), max_diff: Bytes(16 << 10), private: false, nodiff: Vec::new() }
    }
}

impl Policy {
    /// Largest file that is read whole, where a policy does not say.
    pub const MAX_FILE_SIZE: Bytes = Bytes(1 << 30);
}

impl File {
    /// Reads a file's text.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(text: &str) -> Result<Self, Problems> {
        from_toml(text)
    }
}

impl Config {
    /// Adds the files of `fim.d`, each by its name and text, in the order given.
    ///
    /// # Errors
    /// Everything that is wrong with all of them; places begin with the file's name.
    pub fn add_files<'a>(&mut self, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), Problems> {
        let mut problems = Vec::new();
        for (name, text) in files {
            match File::read(text) {
                Ok(File { fim: More { exclude, policy, import } }) => {
                    self.exclude.extend(exclude);
                    self.policy.extend(policy);
                    self.import.extend(import);
                }
                Err(Problems(found)) => problems.extend(
                    found
                        .into_iter()
                        .map(|Problem { place, message }| Problem::new(format!("{name}: {place}"), message)),
                ),
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
    }
}
