//! From what is written to policies: every word is checked, and all that is wrong is said at once.

use std::collections::BTreeSet;
use std::path::Path;

use regex::bytes::{Regex, RegexBuilder};

use super::application::{self, Application};
use super::glob::Pattern;
use super::ground::Ground;
use super::mounts::Fstypes;
use super::set::{Matched, Parts, Policies, Refusal, unless_any};
use super::{Classes, DiffRule, Guard, Partial, Policy, Response, Scope, Selector, Window, digest, shipped};
use crate::config::{self, Config, Problem, Problems};

/// Policies at most; the sets of their numbers are walked for every event.
const MOST: usize = 1024;
/// Patterns at most, braces and recursion written out, over all policies.
const MOST_PATTERNS: usize = 65_536;
/// Deepest `recursion`.
const DEEPEST: u32 = 64;

impl Policies {
    /// The policies of a configuration with its files of `fim.d` and imports added, and the shipped ones if it wants them.
    ///
    /// # Errors
    /// Everything that is wrong: places name the policy by its id.
    pub fn read(config: &Config, ground: &dyn Ground) -> Result<Self, Problems> {
        let mut reader = Reader { config, ground, problems: Vec::new(), remarks: Vec::new(), patterns: 0 };
        let parts = reader.parts();
        reader.check_config();
        let remarks = std::mem::take(&mut reader.remarks);
        unless_any((), reader.problems)?;
        Ok(Self::compile(Parts { remarks, ..parts }, ground))
    }
}

struct Reader<'a> {
    config: &'a Config,
    ground: &'a dyn Ground,
    problems: Vec<Problem>,
    remarks: Vec<Problem>,
    /// So far.
    patterns: usize,
}

impl Reader<'_> {
    fn parts(&mut self) -> Parts {
        let own = self.config.policy.iter();
        let ids: BTreeSet<&str> = own.clone().map(|policy| policy.id.as_str()).collect();
        let shipped = if self.config.use_defaults { shipped::policies() } else { &[] };
        let shipped = shipped.iter().filter(|policy| !ids.contains(policy.id.as_str()));
        let all: Vec<_> = own.chain(shipped).map(|written| self.effective(written)).collect();
        self.check_ids();
        let policies: Vec<_> = all.iter().enumerate().map(|(at, written)| self.policy(at, written)).collect();
        let exclude = self.patterns("fim.exclude", &self.config.exclude, None);
        if policies.len() > MOST {
            self.wrong("fim.policy", format!("more than {MOST} policies"));
        }
        let digest = Some(digest::of(&all, &self.config.exclude));
        Parts { policies, exclude, remarks: Vec::new(), digest }
    }

    fn wrong(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::new(place, message));
    }

    fn check_ids(&mut self) {
        let mut seen = BTreeSet::new();
        for (at, policy) in self.config.policy.iter().enumerate() {
            if !is_id(&policy.id) {
                let what = "must be 1 to 64 letters, digits, \"-\", \"_\" or \".\", beginning with a letter or digit";
                self.wrong(format!("fim.policy[{at}].id"), format!("{:?} {what}", policy.id));
            } else if !seen.insert(policy.id.as_str()) {
                self.wrong(format!("fim.policy[{at}].id"), format!("{:?} is there twice", policy.id));
            }
        }
    }

    /// With the settings of `[fim]` where a policy has none of its own.
    fn effective(&self, written: &config::Policy) -> config::Policy {
        let mut policy = written.clone();
        policy.hash.get_or_insert_with(|| self.config.hash.clone());
        policy.perm_deadline.get_or_insert(self.config.perm_deadline);
        policy.max_file_size.get_or_insert(config::Policy::MAX_FILE_SIZE);
        policy.partial_hash.get_or_insert_default();
        policy.events.get_or_insert_with(|| changes().collect());
        policy
    }

    fn policy(&mut self, at: usize, written: &config::Policy) -> (Policy, Matched) {
        let place =
            if written.id.is_empty() { format!("fim.policy[{at}]") } else { format!("fim.policy \"{}\"", written.id) };
        let matched = self.matched(&place, written);
        let policy = Policy {
            id: written.id.as_str().into(),
            classes: written.events.iter().flatten().copied().collect(),
            severity: written.severity,
            tags: written.tags.iter().map(|tag| tag.as_str().into()).collect(),
            append_only: written.append_only,
            rotation: self.rotation(&place, written),
            scope: self.scope(&place, written),
            guard: written.guard,
            response: written.action,
            allow: self.applications(&format!("{place}.allow"), &written.allow),
            grey: self.applications(&format!("{place}.grey"), &written.grey),
            hash: written.hash.iter().flatten().copied().collect(),
            max_file_size: written.max_file_size.map_or(u64::MAX, |size| size.0),
            partial: written.partial_hash.map_or_else(Partial::default, Partial::from),
            attributes: written
                .attributes
                .as_ref()
                .map_or_else(Default::default, |list| list.iter().copied().collect()),
            diff: written.diff.as_ref().map(|diff| self.diff(&place, diff)),
            windows: self.windows(&place, &written.window),
            perm_deadline: written.perm_deadline.unwrap_or(self.config.perm_deadline).0,
            audit_keys: [written.id.clone(), format!("{}{}", super::AUDIT_KEY, written.id)]
                .into_iter()
                .chain(written.audit_keys.iter().cloned())
                .map(String::into_boxed_str)
                .collect(),
            written: written.clone(),
        };
        self.check_sense(&place, &policy);
        (policy, matched)
    }

    fn matched(&mut self, place: &str, written: &config::Policy) -> Matched {
        if written.paths.is_empty() {
            self.wrong(format!("{place}.paths"), "names nothing");
        }
        if written.recursion.is_some_and(|depth| depth > DEEPEST) {
            self.wrong(format!("{place}.recursion"), format!("is deeper than {DEEPEST}; absent means without bound"));
        }
        let recursion = written.recursion.filter(|depth| *depth <= DEEPEST);
        let include = self.patterns(&format!("{place}.paths"), &written.paths, recursion);
        for pattern in include.iter().filter(|pattern| !pattern.is_absolute()) {
            let what = format!("{:?} does not begin with \"/\"", pattern.text);
            self.problems.push(Problem::new(format!("{place}.paths"), what));
        }
        let fstypes = Fstypes::read(&written.fstype).unwrap_or_else(|what| {
            self.wrong(format!("{place}.fstype"), what);
            Fstypes::default()
        });
        Matched {
            include,
            exclude: self.patterns(&format!("{place}.exclude"), &written.exclude, None),
            include_regex: self.regexes(&format!("{place}.include_regex"), &written.include_regex),
            exclude_regex: self
                .regexes(&format!("{place}.exclude_regex"), &written.exclude_regex)
                .into_iter()
                .map(|regex| Refusal { whole_trees: looks_at_nothing_behind(&regex), regex })
                .collect(),
            fstypes,
        }
    }

    fn patterns(&mut self, place: &str, written: &[String], recursion: Option<u32>) -> Vec<Pattern> {
        let mut all = Vec::new();
        for (at, text) in written.iter().enumerate() {
            let read = Pattern::read(text).and_then(|list| self.bounded(list, recursion));
            match read {
                Ok(list) => all.extend(list),
                Err(what) => self.wrong(format!("{place}[{at}]"), format!("{text:?} {what}")),
            }
        }
        all
    }

    /// With recursion written out; over all policies there are at most [`MOST_PATTERNS`].
    fn bounded(&mut self, list: Vec<Pattern>, recursion: Option<u32>) -> Result<Vec<Pattern>, String> {
        let mut all = Vec::new();
        for one in list {
            match recursion {
                None => all.push(one),
                Some(depth) => all.extend(one.bounded(depth)?),
            }
            if self.patterns + all.len() > MOST_PATTERNS {
                return Err(format!(
                    "is too much: with braces and recursion written out there are more than {MOST_PATTERNS} patterns"
                ));
            }
        }
        self.patterns += all.len();
        Ok(all)
    }

    fn regexes(&mut self, place: &str, written: &[String]) -> Vec<Regex> {
        let mut all = Vec::new();
        for (at, text) in written.iter().enumerate() {
            match regex(text) {
                Ok(regex) => all.push(regex),
                Err(what) => self.wrong(format!("{place}[{at}]"), what),
            }
        }
        all
    }

    fn scope(&mut self, place: &str, written: &config::Policy) -> Scope {
        if written.containers.is_empty() {
            return Scope::Host;
        }
        if written.scope.is_some() {
            self.wrong(format!("{place}.scope"), "\"host\" and containers cannot both be");
        }
        let mut selectors = Vec::new();
        for (at, text) in written.containers.iter().enumerate() {
            match Selector::read(text) {
                Ok(selector) => selectors.push(selector),
                Err(what) => self.wrong(format!("{place}.containers[{at}]"), what),
            }
        }
        Scope::Containers(selectors)
    }

    fn applications(&mut self, place: &str, written: &[config::Application]) -> Vec<Application> {
        let mut all = Vec::new();
        for (at, one) in written.iter().enumerate() {
            match Application::read(one) {
                Ok(application) => {
                    if let Some(what) = application::weakness(&application) {
                        self.remarks.push(Problem::new(format!("{place}[{at}]"), what));
                    }
                    all.push(application);
                }
                Err(wrong) => {
                    self.problems.extend(
                        wrong.into_iter().map(|(key, what)| Problem::new(format!("{place}[{at}].{key}"), what)),
                    );
                }
            }
        }
        all
    }

    fn rotation(&mut self, place: &str, written: &config::Policy) -> Vec<std::path::PathBuf> {
        let Some(rotation) = &written.rotation else { return Vec::new() };
        if !written.append_only {
            self.wrong(format!("{place}.rotation"), "means nothing without append_only");
        }
        for path in rotation.by.iter().filter(|path| !path.is_absolute()) {
            self.problems.push(Problem::new(format!("{place}.rotation.by"), format!("{path:?} is no absolute path")));
        }
        rotation.by.iter().map(|path| self.ground.resolve(path).unwrap_or_else(|| path.clone())).collect()
    }

    fn diff(&mut self, place: &str, written: &config::Diff) -> DiffRule {
        DiffRule {
            max_file: written.max_file.0,
            max_diff: written.max_diff.0,
            private: written.private,
            never: super::Globs(self.patterns(&format!("{place}.diff.nodiff"), &written.nodiff, None)),
        }
    }

    fn windows(&mut self, place: &str, written: &[config::Window]) -> Vec<Window> {
        let mut all = Vec::new();
        let local = if written.is_empty() { jiff::tz::TimeZone::UTC } else { self.ground.zone() };
        for (at, window) in written.iter().enumerate() {
            match Window::read(window, &local) {
                Ok(window) => all.push(window),
                Err(wrong) => {
                    let wrong = wrong.into_iter();
                    self.problems
                        .extend(wrong.map(|(key, what)| Problem::new(format!("{place}.window[{at}].{key}"), what)));
                }
            }
        }
        all
    }

    /// What is right word by word and makes no sense together.
    fn check_sense(&mut self, place: &str, policy: &Policy) {
        let enforce = policy.response == Response::Enforce;
        if enforce && policy.guard != Guard::Hold {
            self.wrong(
                format!("{place}.action"),
                "\"enforce\" needs guard = \"hold\": nobody can be refused afterwards",
            );
        }
        if enforce && !policy.restricted() {
            self.wrong(format!("{place}.action"), "\"enforce\" without allow would refuse everybody");
        }
        if policy.classes == Classes::default() {
            self.wrong(format!("{place}.events"), "asks for nothing");
        }
        if policy.perm_deadline.is_zero() {
            self.wrong(format!("{place}.perm_deadline"), "must be more than nothing");
        }
        if policy.hash.is_empty() && policy.classes.has(Classes::MODIFY) {
            self.remarks.push(Problem::new(
                format!("{place}.hash"),
                "without a hash content that is changed and put back in size and time is not seen",
            ));
        }
        for tag in policy.tags.iter().filter(|tag| tag.is_empty() || tag.chars().any(char::is_control)) {
            self.problems.push(Problem::new(format!("{place}.tags"), format!("{tag:?} is no word")));
        }
    }

    fn check_config(&mut self) {
        let Config { debounce, debounce_max, perm_deadline, scan, .. } = self.config;
        let checks = [
            (debounce <= debounce_max, "fim.debounce", "must not be more than debounce_max"),
            (!perm_deadline.0.is_zero(), "fim.perm_deadline", "must be more than nothing"),
            (scan.every.0.as_secs() >= 1, "fim.scan.every", "must be at least 1s"),
            (scan.rehash_within.0 >= scan.every.0, "fim.scan.rehash_within", "must not be less than every"),
            (scan.threads > 0, "fim.scan.threads", "must be at least 1"),
            (scan.pause_on_io_pressure <= 100, "fim.scan.pause_on_io_pressure", "is a percentage"),
            (is_absolute(&self.config.state_dir), "fim.state_dir", "must be an absolute path"),
        ];
        let wrong = checks.into_iter().filter(|(right, ..)| !right);
        self.problems.extend(wrong.map(|(_, place, message)| Problem::new(place, message)));
    }
}

fn is_absolute(path: &Path) -> bool {
    path.is_absolute()
}

fn changes() -> impl Iterator<Item = config::Class> {
    config::Class::ALL.into_iter().filter(|class| Classes::CHANGES.has(class.bit()))
}

/// It becomes a file's name, an audit key and a word in searches.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
}

/// Bytes where it can: with names that are no UTF-8 `.` must not stop.
pub(crate) fn regex(text: &str) -> Result<Regex, String> {
    let build =
        |unicode| RegexBuilder::new(text).unicode(unicode).dot_matches_new_line(true).size_limit(1 << 20).build();
    build(false).or_else(|_| build(true)).map_err(|error| {
        let said = error.to_string();
        format!("{text:?}: {}", said.lines().last().unwrap_or("no regular expression").trim_start_matches("error: "))
    })
}

/// Whether what it finds in a path it finds in every longer path too.
fn looks_at_nothing_behind(regex: &Regex) -> bool {
    use regex_syntax::hir::Look;
    let parsed = regex_syntax::ParserBuilder::new()
        .utf8(false)
        .unicode(false)
        .dot_matches_new_line(true)
        .build()
        .parse(regex.as_str());
    parsed.is_ok_and(|hir| hir.properties().look_set().iter().all(|look| look == Look::Start))
}
