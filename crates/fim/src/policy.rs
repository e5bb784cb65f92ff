//! Which files matter, to whom, and what is done about them.
//!
//! Policies are written in TOML ([`crate::config`]), checked ([`Policies::read`]) and compiled to one automaton over the
//! components of paths, so that [`Policies::of`] and [`Policies::interest`] walk a path once however many patterns there are.
//! All matching policies apply. What is excluded by one is excluded of that one, what `[fim].exclude` names of all.
//!
//! Pure: what must be known of the host is asked of a [`Ground`] when policies are made.

pub mod application;
pub mod audit_rules;
mod bits;
mod container;
mod digest;
pub mod explain;
mod gate;
mod glob;
mod ground;
mod mounts;
mod read;
mod roots;
mod set;
mod shipped;
pub mod toml;
mod trie;
mod window;
mod words;

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use schema::Timestamp;

pub use application::Application;
pub use container::{ContainerFacts, Containers, NoContainers, Selector};
pub use gate::Gate;
pub use ground::{Ground, Live, Nowhere};
pub use set::Policies;
pub use shipped::policies as shipped;
pub use window::Window;
pub use words::{Attribute, Attributes, Class, Classes, Digests, Guard, Hash, Response, Severity};

use crate::config;

/// Before a policy's id in the keys of its audit rules.
pub const AUDIT_KEY: &str = "auditng-fim:";

/// One policy, checked. `Policy::default()` watches nothing: its [`classes`](Self::classes) are empty.
#[derive(Clone, PartialEq, Debug)]
pub struct Policy {
    /// The probe's name in searches, labels and data sets.
    pub id: Box<str>,
    /// What is asked for.
    pub classes: Classes,
    /// How bad.
    pub severity: Severity,
    /// Words for reports and searches: `pci-dss-4.0:11.5.2`.
    pub tags: Vec<Box<str>>,
    /// Logs: growth is quiet, a change of old bytes is not.
    pub append_only: bool,
    /// Who moves logs away: executables, links resolved.
    pub rotation: Vec<PathBuf>,
    /// Whose files.
    pub scope: Scope,
    /// Whether openers are held while we look.
    pub guard: Guard,
    /// Whether what is not allowed is refused.
    pub response: Response,
    /// Who may; empty: nobody is asked (see [`Policy::restricted`]).
    pub allow: Vec<Application>,
    /// Who is between.
    pub grey: Vec<Application>,
    /// Digests of contents.
    pub hash: Digests,
    /// Largest file, in bytes, that is read whole; of a larger one [`Policy::partial`] is.
    pub max_file_size: u64,
    /// Which parts of a larger file are read.
    pub partial: Partial,
    /// What is compared.
    pub attributes: Attributes,
    /// Contents of text files are compared by line.
    pub diff: Option<DiffRule>,
    /// When changes are expected; asked by [`Policy::window`].
    pub windows: Vec<Window>,
    /// An opener waits at most this long.
    pub perm_deadline: Duration,
    /// Keys of audit rules whose records are this policy's: its id, `auditng-fim:ID`, and what is listed.
    pub audit_keys: Vec<Box<str>>,
    /// As written, with the defaults that apply: for reports and `status --as-toml`.
    pub written: config::Policy,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            id: Box::default(),
            classes: Classes::default(),
            severity: Severity::default(),
            tags: Vec::new(),
            append_only: false,
            rotation: Vec::new(),
            scope: Scope::default(),
            guard: Guard::default(),
            response: Response::default(),
            allow: Vec::new(),
            grey: Vec::new(),
            hash: [Hash::Blake3, Hash::Sha256].into_iter().collect(),
            max_file_size: config::Policy::MAX_FILE_SIZE.0,
            partial: Partial::default(),
            attributes: Attributes::ALL,
            diff: None,
            windows: Vec::new(),
            perm_deadline: Duration::from_millis(50),
            audit_keys: Vec::new(),
            written: config::Policy::default(),
        }
    }
}

impl Policy {
    /// Whether accesses are judged by who it is.
    #[must_use]
    pub fn restricted(&self) -> bool {
        !self.allow.is_empty() || !self.grey.is_empty()
    }

    /// The reason of the change window that is open at this moment, if one is.
    #[must_use]
    pub fn window(&self, now: Timestamp) -> Option<Arc<str>> {
        self.windows.iter().find(|window| window.open(now)).map(|window| Arc::clone(&window.reason))
    }
}

/// Whose files a policy is about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Scope {
    /// The host's.
    #[default]
    Host,
    /// Those of the containers that one of these fits; paths are as the container sees them.
    Containers(Vec<Selector>),
}

/// Which parts of a large file are read; bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Partial {
    /// From the start.
    pub head: u64,
    /// From the end.
    pub tail: u64,
    /// Places between, evenly spread.
    pub samples: u16,
    /// Bytes at each of them.
    pub sample: u64,
}

impl Default for Partial {
    fn default() -> Self {
        config::PartialHash::default().into()
    }
}

impl From<config::PartialHash> for Partial {
    fn from(config::PartialHash { head, tail, samples, sample }: config::PartialHash) -> Self {
        Self { head: head.0, tail: tail.0, samples, sample: sample.0 }
    }
}

/// How contents are compared by line; bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiffRule {
    /// Larger files are not compared.
    pub max_file: u64,
    /// Longer differences are cut.
    pub max_diff: u64,
    /// Also files that nobody but their owner may read.
    pub private: bool,
    /// What is never compared.
    pub never: Globs,
}

/// Whether a text is a pattern.
///
/// # Errors
/// What is wrong with it; goes on after the pattern: `"etc" begins with neither ...`.
pub fn check_pattern(text: &str) -> Result<(), String> {
    glob::Pattern::read(text).map(drop)
}

/// Whether a text is a pattern that `paths` may have: an absolute one.
///
/// # Errors
/// As [`check_pattern`].
pub fn check_path(text: &str) -> Result<(), String> {
    let patterns = glob::Pattern::read(text)?;
    if patterns.iter().all(glob::Pattern::is_absolute) { Ok(()) } else { Err("does not begin with \"/\"".to_owned()) }
}

/// Whether a text is a regular expression for paths.
///
/// # Errors
/// What is wrong with it.
pub fn check_regex(text: &str) -> Result<(), String> {
    read::regex(text).map(drop)
}

/// A list of patterns.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Globs(Vec<glob::Pattern>);

impl Globs {
    /// Whether one of them stands for this path.
    #[must_use]
    pub fn fit(&self, path: &Path) -> bool {
        self.0.iter().any(|pattern| pattern.fits(path.as_os_str().as_bytes()))
    }
}

/// A folder or file that something is to be watched in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Root {
    /// Absolute, without symbolic links.
    pub path: PathBuf,
    /// With all below, or only itself and what lies directly in it.
    pub recursive: bool,
}

/// What a folder is to us; cached per folder by collectors, so that what nobody asked for costs one look-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    /// Nothing in it and nothing below it.
    Nothing,
    /// Something in it may be asked for: ask with the whole path.
    Some,
}

#[cfg(test)]
mod tests;
