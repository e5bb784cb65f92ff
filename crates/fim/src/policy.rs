//! Which files matter, to whom, and what is done about them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What can happen to a file, as a policy asks for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Classes(pub u8);

impl Classes {
    /// A name was made.
    pub const CREATE: Self = Self(1);
    /// It was opened.
    pub const ACCESS: Self = Self(2);
    /// Its content changed.
    pub const MODIFY: Self = Self(4);
    /// A name went.
    pub const DELETE: Self = Self(8);
    /// A name changed.
    pub const MOVE: Self = Self(16);
    /// Its attributes changed.
    pub const ATTRIB: Self = Self(32);
    /// It was executed.
    pub const EXEC: Self = Self(64);
    /// All that changes a file.
    pub const CHANGES: Self = Self(1 | 4 | 8 | 16 | 32);

    /// The words.
    pub const NAMES: [(Self, &'static str); 7] = [
        (Self::CREATE, "create"),
        (Self::ACCESS, "access"),
        (Self::MODIFY, "modify"),
        (Self::DELETE, "delete"),
        (Self::MOVE, "move"),
        (Self::ATTRIB, "attrib"),
        (Self::EXEC, "exec"),
    ];

    /// Whether any of these is asked for.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// How bad a change is, in Sigma's words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Severity {
    /// Worth a line.
    Informational,
    /// Rarely a problem.
    Low,
    /// To be looked at.
    #[default]
    Medium,
    /// To be looked at today.
    High,
    /// To be looked at now.
    Critical,
}

impl Severity {
    /// The word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// `event.severity`: 0, 21, 47, 73, 99, the middle numbers that Elastic's rules use for these words.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Informational => 0,
            Self::Low => 21,
            Self::Medium => 47,
            Self::High => 73,
            Self::Critical => 99,
        }
    }
}

/// One policy, checked.
#[derive(Clone, PartialEq, Debug, Default)]
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

/// All policies, compiled.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    list: Vec<Arc<Policy>>,
    roots: Vec<Root>,
}

impl Policies {
    /// Policies for whole trees, each given by a folder.
    #[must_use]
    pub fn of_trees(trees: impl IntoIterator<Item = (PathBuf, Policy)>) -> Self {
        let (roots, list) =
            trees.into_iter().map(|(path, policy)| (Root { path, recursive: true }, Arc::new(policy))).unzip();
        Self { list, roots }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Arc<Policy>] {
        &self.list
    }

    /// Where collectors and scans begin; none lies below another.
    #[must_use]
    pub fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// What a folder (absolute, canonical) is to us.
    #[must_use]
    pub fn interest(&self, folder: &Path) -> Interest {
        let near = |root: &Root| folder.starts_with(&root.path) || root.path.starts_with(folder);
        if self.roots.iter().any(near) { Interest::Some } else { Interest::Nothing }
    }

    /// The policies that ask for this object (absolute, canonical path on the host), the severest first; none: excluded.
    #[must_use]
    pub fn of(&self, path: &Path) -> Vec<Arc<Policy>> {
        let all = self.roots.iter().zip(&self.list).filter(|(root, _)| path.starts_with(&root.path));
        let mut found: Vec<_> = all.map(|(_, policy)| Arc::clone(policy)).collect();
        found.sort_by_key(|policy| std::cmp::Reverse(policy.severity));
        found
    }
}
