//! All policies, compiled: what asks for a path is found by one walk over its components.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use regex::bytes::Regex;

use super::bits::Bits;
use super::container::ContainerFacts;
use super::glob::{Part, Pattern};
use super::ground::{Ground, Nowhere};
use super::mounts::{Fstypes, Mounts};
use super::trie::{Trie, Use};
use super::{Interest, Policy, Root, Scope, roots};
use crate::config::{Problem, Problems};
use crate::entry::Digest;

/// All policies, compiled. Numbers of policies are places in [`Policies::all`].
#[derive(Clone, Debug)]
pub struct Policies {
    list: Vec<Arc<Policy>>,
    matched: Vec<Matched>,
    pub(super) exclude: Vec<Pattern>,
    host: Trie,
    containers: Trie,
    roots: Vec<Root>,
    mounts: Mounts,
    /// Certain starts of patterns, and where they led.
    resolved: Vec<(PathBuf, PathBuf)>,
    links: Vec<PathBuf>,
    /// Certain starts of patterns that were not there.
    absent: Vec<PathBuf>,
    /// Those that were regular files: nothing is below them, whatever a pattern says.
    files: Vec<PathBuf>,
    remarks: Vec<Problem>,
    digest: Digest,
}

/// How a policy's paths are told.
#[derive(Clone, Debug, Default)]
pub(super) struct Matched {
    pub(super) include: Vec<Pattern>,
    pub(super) exclude: Vec<Pattern>,
    pub(super) include_regex: Vec<Regex>,
    pub(super) exclude_regex: Vec<Refusal>,
    pub(super) fstypes: Fstypes,
}

/// A regular expression whose paths are left out.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) regex: Regex,
    /// It looks at nothing behind what it finds, so what is below a path that it leaves out is left out too.
    pub(super) whole_trees: bool,
}

/// What [`Policies`] are made of.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) policies: Vec<(Policy, Matched)>,
    pub(super) exclude: Vec<Pattern>,
    pub(super) remarks: Vec<Problem>,
    pub(super) digest: Option<Digest>,
}

impl Default for Policies {
    fn default() -> Self {
        Self::compile(Parts::default(), &Nowhere)
    }
}

impl Policies {
    /// Policies for whole trees, each given by a folder; nothing is excluded. For tests and tools.
    #[must_use]
    pub fn of_trees(trees: impl IntoIterator<Item = (PathBuf, Policy)>) -> Self {
        let policies = trees.into_iter().map(|(path, policy)| {
            let parts = super::glob::components(path.as_os_str().as_bytes()).map(|name| Part::Literal(name.into()));
            let parts = parts.chain([Part::Tree]).collect();
            let text = format!("{}/", path.display()).into();
            (policy, Matched { include: vec![Pattern { text, parts }], ..Matched::default() })
        });
        Self::compile(Parts { policies: policies.collect(), ..Parts::default() }, &Nowhere)
    }

    /// Puts them together. Patterns that lead over symbolic links apply to where these lead too.
    pub(super) fn compile(mut parts: Parts, ground: &dyn Ground) -> Self {
        parts.policies.sort_by(|(a, _), (b, _)| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
        let mut starts = Vec::new();
        let mut canonical = |patterns: &mut Vec<Pattern>| {
            let more: Vec<_> = patterns.iter().flat_map(|pattern| follow(pattern, ground, &mut starts)).collect();
            patterns.extend(more);
        };
        canonical(&mut parts.exclude);
        for (_, matched) in parts.policies.iter_mut().filter(|(policy, _)| policy.scope == Scope::Host) {
            canonical(&mut matched.include);
            canonical(&mut matched.exclude);
        }
        starts.sort();
        starts.dedup();
        let mut links: Vec<_> = starts.iter().filter_map(|(from, to)| first_link(from, to, ground)).collect();
        links.sort();
        links.dedup();
        let files = starts.iter().map(|(_, to)| to).filter(|to| ground.identify(to).is_some()).cloned().collect();
        let absent =
            starts.iter().map(|(from, _)| from).filter(|from| ground.resolve(from).is_none()).cloned().collect();
        let (list, matched): (Vec<_>, Vec<_>) =
            parts.policies.into_iter().map(|(policy, matched)| (Arc::new(policy), matched)).unzip();
        let host = trie(&list, &matched, &parts.exclude, |scope| *scope == Scope::Host);
        let containers = trie(&list, &matched, &parts.exclude, |scope| *scope != Scope::Host);
        let mounts = if matched.iter().any(|matched| !matched.fstypes.any()) {
            Mounts::new(ground.mounts())
        } else {
            Mounts::default()
        };
        let mut all = Self {
            list,
            matched,
            exclude: parts.exclude,
            host,
            containers,
            roots: Vec::new(),
            mounts,
            resolved: starts,
            links,
            absent,
            files,
            remarks: parts.remarks,
            digest: parts.digest.unwrap_or(Digest([0; 32])),
        };
        all.roots = all.roots_where(|_| true);
        all
    }

    /// All of them, the severest first.
    #[must_use]
    pub fn all(&self) -> &[Arc<Policy>] {
        &self.list
    }

    /// The policy of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Policy>> {
        self.list.iter().find(|policy| &*policy.id == id)
    }

    /// Where collectors and scans begin on the host, in the order of paths; none lies below another. A root may be a file, or a
    /// symbolic link that a pattern names: then it alone is meant. What is there may be gone, or not yet be there.
    #[must_use]
    pub fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// The same for those policies alone that are wanted: the guarded ones, for instance.
    #[must_use]
    pub fn roots_where(&self, wanted: impl Fn(&Policy) -> bool) -> Vec<Root> {
        let wanted = |policy: &Policy| policy.scope == Scope::Host && wanted(policy);
        let wanted = self.list.iter().zip(&self.matched).filter(|(policy, _)| wanted(policy));
        let starts = wanted.flat_map(|(_, matched)| &matched.include).filter_map(|pattern| self.start(pattern));
        let mut roots = roots::of(starts);
        roots.retain(|root| self.interest(&root.path) == Interest::Some || !self.of(&root.path).is_empty());
        roots
    }

    /// What a folder (absolute, canonical) is to us. `Nothing` is certain: no path below it is asked for by a policy of the host.
    #[must_use]
    pub fn interest(&self, folder: &Path) -> Interest {
        self.interest_in(&self.host, folder, |_| true)
    }

    /// The policies that ask for this object (absolute, canonical path on the host), the severest first; none: excluded.
    #[must_use]
    pub fn of(&self, path: &Path) -> Vec<Arc<Policy>> {
        self.of_in(&self.host, path, |_| true)
    }

    /// As [`Policies::interest`] for a folder as this container sees it.
    #[must_use]
    pub fn interest_inside(&self, folder: &Path, container: &ContainerFacts) -> Interest {
        self.interest_in(&self.containers, folder, |policy| policy.scope.fits(container))
    }

    /// As [`Policies::of`] for a path as this container sees it.
    #[must_use]
    pub fn of_inside(&self, path: &Path, container: &ContainerFacts) -> Vec<Arc<Policy>> {
        self.of_in(&self.containers, path, |policy| policy.scope.fits(container))
    }

    /// Whether any policy is about this container.
    #[must_use]
    pub fn ask_for(&self, container: &ContainerFacts) -> bool {
        self.list.iter().any(|policy| policy.scope.fits(container))
    }

    /// The policies whose audit rules have this key.
    pub fn of_audit_key<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Arc<Policy>> {
        self.list.iter().filter(move |policy| policy.audit_keys.iter().any(|have| &**have == key))
    }

    /// BLAKE3 of the effective settings: of every policy as it applies and of what is left out of all; the same for the same
    /// settings however they are written.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What is allowed and looks like a mistake.
    #[must_use]
    pub fn remarks(&self) -> &[Problem] {
        &self.remarks
    }

    /// Whether a path of the patterns leads elsewhere than when the policies were made, or to a folder where a file was: then they
    /// must be made anew.
    #[must_use]
    pub fn moved(&self, ground: &dyn Ground) -> bool {
        let is_file = |path: &Path| ground.identify(path).is_some();
        self.resolved.iter().any(|(from, to)| resolve(from, ground) != *to || is_file(to) != self.is_file(to))
    }

    /// Symbolic links on the way to what patterns name: when one of them changes, ask [`Policies::moved`].
    #[must_use]
    pub fn links(&self) -> &[PathBuf] {
        &self.links
    }

    /// Whether the certain start of a pattern was not there when the policies were made.
    pub(super) fn absent(&self, start: &Path) -> bool {
        self.absent.binary_search_by(|have| (**have).cmp(start)).is_ok()
    }

    fn is_file(&self, path: &Path) -> bool {
        self.files.iter().any(|file| file == path)
    }

    /// Where a pattern begins, and how far it reaches from there; `None`: it leads over a link, and the pattern for where that
    /// leads is beside it.
    pub(super) fn start(&self, pattern: &Pattern) -> Option<(PathBuf, roots::Reach)> {
        let (path, reach) = roots::start(pattern, &self.links)?;
        Some(if self.is_file(&path) { (path, roots::Reach::Itself) } else { (path, reach) })
    }

    pub(super) fn matched(&self, at: usize) -> &Matched {
        &self.matched[at]
    }

    pub(super) fn mounts(&self) -> &Mounts {
        &self.mounts
    }

    fn interest_in(&self, trie: &Trie, folder: &Path, scope: impl Fn(&Policy) -> bool) -> Interest {
        let Some(asked) = trie.ask(folder.as_os_str().as_bytes()) else { return Interest::Nothing };
        let wanted = |at: usize| {
            scope(&self.list[at]) && self.matched[at].below(folder.as_os_str().as_bytes()) && {
                let types = &self.matched[at].fstypes;
                types.any()
                    || types.fit(self.mounts.of(folder))
                    || self.mounts.below(folder).any(|kind| types.fit(kind))
            }
        };
        if asked.below.iter().any(wanted) { Interest::Some } else { Interest::Nothing }
    }

    fn of_in(&self, trie: &Trie, path: &Path, scope: impl Fn(&Policy) -> bool) -> Vec<Arc<Policy>> {
        let Some(asked) = trie.ask(path.as_os_str().as_bytes()) else { return Vec::new() };
        self.list_of(&asked.here, |at| {
            let matched = &self.matched[at];
            scope(&self.list[at])
                && matched.regexes_let(path.as_os_str().as_bytes())
                && (matched.fstypes.any() || matched.fstypes.fit(self.mounts.of(path)))
        })
    }

    fn list_of(&self, bits: &Bits, wanted: impl Fn(usize) -> bool) -> Vec<Arc<Policy>> {
        bits.iter().filter(|at| wanted(*at)).map(|at| Arc::clone(&self.list[at])).collect()
    }
}

impl Matched {
    /// Whether the regular expressions let a path through.
    pub(super) fn regexes_let(&self, path: &[u8]) -> bool {
        (self.include_regex.is_empty() || self.include_regex.iter().any(|regex| regex.is_match(path)))
            && !self.exclude_regex.iter().any(|refusal| refusal.regex.is_match(path))
    }

    /// Whether they may let something below a folder through.
    fn below(&self, folder: &[u8]) -> bool {
        let mut refusals = self.exclude_regex.iter().filter(|refusal| refusal.whole_trees).peekable();
        if refusals.peek().is_none() {
            return true;
        }
        let inside = [folder.strip_suffix(b"/").unwrap_or(folder), b"/"].concat();
        !refusals.any(|refusal| refusal.regex.is_match(&inside))
    }
}

fn trie(list: &[Arc<Policy>], matched: &[Matched], exclude: &[Pattern], scope: impl Fn(&Scope) -> bool) -> Trie {
    let mut trie = Trie::new(list.len());
    for (at, matched) in matched.iter().enumerate().filter(|(at, _)| scope(&list[*at].scope)) {
        matched.include.iter().for_each(|pattern| trie.add(pattern, Use::Include(at)));
        matched.exclude.iter().for_each(|pattern| trie.add(pattern, Use::Exclude(at)));
    }
    exclude.iter().for_each(|pattern| trie.add(pattern, Use::ExcludeAll));
    trie.finish();
    trie
}

/// The pattern for where the links in its certain part lead: of one object both its folder's place and its own target.
fn follow(pattern: &Pattern, ground: &dyn Ground, starts: &mut Vec<(PathBuf, PathBuf)>) -> Vec<Pattern> {
    let literal = pattern.literal();
    let Some((_, folder)) = literal.split_last() else { return Vec::new() };
    let mut found = Vec::new();
    let certain: &[&[Part]] = if pattern.is_literal() { &[folder, literal] } else { &[literal] };
    for start in certain {
        let written = path(start);
        let real = resolve(&written, ground);
        if real != written {
            let names = super::glob::components(real.as_os_str().as_bytes()).map(|name| Part::Literal(name.into()));
            let parts = names.chain(pattern.parts[start.len()..].iter().cloned()).collect();
            found.push(Pattern { text: pattern.text.clone(), parts });
        }
        starts.push((written, real));
    }
    found
}

/// The first link on a way that leads elsewhere.
fn first_link(from: &Path, to: &Path, ground: &dyn Ground) -> Option<PathBuf> {
    let leads = |at: &&Path| ground.resolve(at).is_some_and(|real| real != **at);
    if from == to { None } else { from.ancestors().filter(leads).last().map(Path::to_owned) }
}

/// A path without links as far as it is there; what is not there yet stays as written.
fn resolve(path: &Path, ground: &dyn Ground) -> PathBuf {
    let known = path.ancestors().find_map(|start| Some((start, ground.resolve(start)?)));
    let Some((start, real)) = known else { return path.to_owned() };
    path.strip_prefix(start).map_or_else(
        |_| path.to_owned(),
        |rest| if rest.as_os_str().is_empty() { real.clone() } else { real.join(rest) },
    )
}

/// The path that literal parts make.
pub(super) fn path(parts: &[Part]) -> PathBuf {
    let names = parts.iter().map(|part| if let Part::Literal(name) = part { &**name } else { &[] });
    let bytes = names.fold(Vec::new(), |bytes, name| [&bytes[..], b"/", name].concat());
    if bytes.is_empty() { PathBuf::from("/") } else { PathBuf::from(std::ffi::OsString::from_vec(bytes)) }
}

impl Scope {
    /// Whether it is about this container.
    #[must_use]
    pub fn fits(&self, container: &ContainerFacts) -> bool {
        match self {
            Self::Host => false,
            Self::Containers(selectors) => selectors.iter().any(|selector| selector.fits(container)),
        }
    }
}

/// All of these problems, unless there are none.
pub(super) fn unless_any<T>(value: T, problems: Vec<Problem>) -> Result<T, Problems> {
    if problems.is_empty() { Ok(value) } else { Err(Problems(problems)) }
}
