//! Why a path is watched, or is not: every policy's answer, found by trying its patterns one by one.

use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::container::ContainerFacts;
use super::glob::Pattern;
use super::set::{Matched, Policies};
use super::{Classes, Guard, Policy, Scope};

/// Every policy's answer about one path, for `auditng fim status --explain PATH`. Printing it gives lines for people.
#[derive(Clone, PartialEq, Debug)]
pub struct Explanation {
    /// The path.
    pub path: PathBuf,
    /// The answers, those that watch it first and each group with the severest first.
    pub answers: Vec<Answer>,
}

/// One policy's answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// Whose.
    pub policy: Arc<Policy>,
    /// The pattern of `paths` that stands for the path, as written.
    pub pattern: Option<Box<str>>,
    /// The answer.
    pub why: Why,
}

/// Why, or why not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// It watches it.
    Watched,
    /// No pattern of `paths` stands for it.
    NoPattern,
    /// This pattern of `exclude` does.
    Excluded(Box<str>),
    /// This pattern of `[fim].exclude` does.
    ExcludedFromAll(Box<str>),
    /// None of `include_regex` is found in it.
    NoRegex,
    /// This one of `exclude_regex` is.
    ExcludedByRegex(Box<str>),
    /// It lies on a file system of this type.
    Fstype(Box<str>),
    /// It is about containers, and the path is the host's, or the other way round, or another container's.
    OtherScope,
}

impl Policies {
    /// Why this path (absolute, canonical) of the host is watched, or is not.
    #[must_use]
    pub fn explain(&self, path: &Path) -> Explanation {
        self.explain_for(path, |policy| policy.scope == Scope::Host)
    }

    /// The same for a path as this container sees it.
    #[must_use]
    pub fn explain_inside(&self, path: &Path, container: &ContainerFacts) -> Explanation {
        self.explain_for(path, |policy| policy.scope.fits(container))
    }

    fn explain_for(&self, path: &Path, scope: impl Fn(&Policy) -> bool) -> Explanation {
        let answer = |(at, policy): (usize, &Arc<Policy>)| {
            let matched = self.matched(at);
            let pattern = first(&matched.include, path);
            let why = if scope(policy) { self.why(matched, path, pattern.is_some()) } else { Why::OtherScope };
            Answer { policy: Arc::clone(policy), pattern, why }
        };
        let mut answers: Vec<_> = self.all().iter().enumerate().map(answer).collect();
        answers.sort_by_key(|answer| answer.why != Why::Watched);
        Explanation { path: path.to_owned(), answers }
    }

    fn why(&self, matched: &Matched, path: &Path, included: bool) -> Why {
        let bytes = path.as_os_str().as_bytes();
        let kind = self.mounts().of(path);
        if !included {
            Why::NoPattern
        } else if let Some(pattern) = first(&self.exclude, path) {
            Why::ExcludedFromAll(pattern)
        } else if let Some(pattern) = first(&matched.exclude, path) {
            Why::Excluded(pattern)
        } else if let Some(refusal) = matched.exclude_regex.iter().find(|refusal| refusal.regex.is_match(bytes)) {
            Why::ExcludedByRegex(refusal.regex.as_str().into())
        } else if !matched.regexes_let(bytes) {
            Why::NoRegex
        } else if !matched.fstypes.fit(kind) {
            Why::Fstype(kind.into())
        } else {
            Why::Watched
        }
    }
}

fn first(patterns: &[Pattern], path: &Path) -> Option<Box<str>> {
    patterns.iter().find(|pattern| pattern.fits(path.as_os_str().as_bytes())).map(|pattern| pattern.text.clone())
}

impl Explanation {
    /// Those that watch it, the severest first.
    pub fn watching(&self) -> impl Iterator<Item = &Answer> {
        self.answers.iter().filter(|answer| answer.why == Why::Watched)
    }
}

impl fmt::Display for Explanation {
    /// The path comes from a command line and is escaped. Policies that have nothing to do with it are only counted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let watched = self.watching().count();
        match watched {
            0 => writeln!(f, "{:?} is not watched", self.path)?,
            1 => writeln!(f, "{:?} is watched by 1 policy", self.path)?,
            n => writeln!(f, "{:?} is watched by {n} policies", self.path)?,
        }
        let about = |why: &Why| !matches!(why, Why::NoPattern | Why::OtherScope);
        for answer in self.answers.iter().filter(|answer| about(&answer.why)) {
            writeln!(f, "  {answer}")?;
        }
        let others = self.answers.iter().filter(|answer| !about(&answer.why)).count();
        if others > 0 { writeln!(f, "  {others} other policies do not name it") } else { Ok(()) }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Policy { id, severity, classes, guard, .. } = &*self.policy;
        write!(f, "{id} ({}): ", severity.name())?;
        if let Some(pattern) = &self.pattern {
            write!(f, "paths {pattern:?}, ")?;
        }
        match &self.why {
            Why::Watched => write!(f, "watched for {}", words(*classes))?,
            Why::NoPattern => f.write_str("no pattern stands for it")?,
            Why::Excluded(pattern) => write!(f, "excluded by its exclude {pattern:?}")?,
            Why::ExcludedFromAll(pattern) => write!(f, "excluded by [fim] exclude {pattern:?}")?,
            Why::NoRegex => f.write_str("none of its include_regex is found in it")?,
            Why::ExcludedByRegex(regex) => write!(f, "excluded by its exclude_regex {regex:?}")?,
            Why::Fstype(kind) => write!(f, "on a file system of type {kind:?}, which its fstype does not take")?,
            Why::OtherScope => f.write_str("about other files: scope")?,
        }
        if self.why == Why::Watched && *guard == Guard::Hold { f.write_str("; openers are held") } else { Ok(()) }
    }
}

fn words(classes: Classes) -> String {
    classes.names().collect::<Vec<_>>().join(" ")
}
