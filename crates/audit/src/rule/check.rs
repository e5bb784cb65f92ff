//! A rule file read as a whole: what it holds, and everything that is wrong with it.

use core::fmt;
use std::collections::{HashSet, VecDeque};

use super::lex::{self, Place};
use super::{Host, Rule, Setting, Statement, file, hint, parse};
use crate::netlink::SetStatus;

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The line is no rule, or the kernel refuses it.
    Error,
    /// It loads and does not do what it seems to say.
    Warning,
    /// It works and costs more, or sees less, than it need to.
    Hint,
}

impl Severity {
    /// The word that a problem starts with.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Hint => "hint",
        }
    }
}

/// Something wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// The file, if the rules came from several.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// How many characters it is about.
    pub width: usize,
    /// What.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The whole line.
    pub source: String,
}

/// The problem under its line, with carets: four to six lines of text without a line feed at the end.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let file = self.file.as_deref().unwrap_or("line");
        // A tab would put the carets elsewhere, a control character could do anything to a terminal.
        let source: String = self.source.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        writeln!(f, "{}: {}", self.severity.word(), self.message)?;
        writeln!(f, "{margin}--> {file}:{}:{}", self.line, self.column)?;
        writeln!(f, "{number} | {source}")?;
        write!(f, "{margin} | {}{}", " ".repeat(self.column.saturating_sub(1)), "^".repeat(self.width))?;
        match &self.help {
            Some(help) => write!(f, "\n{margin} = help: {help}"),
            None => Ok(()),
        }
    }
}

/// A line that says something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The file, if the rules came from several.
    pub file: Option<String>,
    /// Its number there, from 1.
    pub number: usize,
    /// As it is written.
    pub text: String,
    /// What it says.
    pub statement: Statement,
}

/// What a rule file holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// The lines without an error, in the order in which they take effect.
    pub lines: Vec<Line>,
    /// Everything wrong, in the order of the lines.
    pub problems: Vec<Problem>,
}

impl Report {
    /// The rules that lines add, in their order.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.lines.iter().filter_map(|line| match &line.statement {
            Statement::Add { rule, .. } => Some(rule),
            _ => None,
        })
    }

    /// The rules that are there when all lines have taken effect on an empty kernel, in its order: `-A` before the
    /// others of its list, what `-D` and `-d` delete gone, of two that are the same the first.
    #[must_use]
    pub fn wanted(&self) -> Vec<Rule> {
        let mut kernel = Kernel::default();
        for line in &self.lines {
            match &line.statement {
                Statement::Add { rule, prepend } => kernel.add(rule, *prepend),
                Statement::Delete(rule) if kernel.has(rule) => kernel.delete(|known| known.is_same(rule)),
                Statement::DeleteAll(None) => kernel = Kernel::default(),
                Statement::DeleteAll(Some(key)) => kernel.delete(|rule| rule.keys().any(|known| known == key)),
                Statement::Delete(_) | Statement::Set(_) | Statement::Nothing => {}
            }
        }
        kernel.rules.into()
    }

    /// The settings in their order.
    pub fn settings(&self) -> impl Iterator<Item = &Setting> {
        self.lines.iter().flat_map(|line| match &line.statement {
            Statement::Set(settings) => settings.as_slice(),
            _ => &[],
        })
    }

    /// The settings that are values of the kernel's status; of two the last.
    #[must_use]
    pub fn status(&self) -> SetStatus {
        let mut status = SetStatus::default();
        for setting in self.settings() {
            match setting {
                Setting::Enabled(value) => status.enabled = Some(*value),
                Setting::Failure(value) => status.failure = Some(*value),
                Setting::RateLimit(value) => status.rate_limit = Some(*value),
                Setting::BacklogLimit(value) => status.backlog_limit = Some(*value),
                Setting::BacklogWaitTime(value) => status.backlog_wait_time = Some(*value),
                Setting::ResetLost => status.reset_lost = true,
                Setting::ResetBacklogWaitTimeActual => status.reset_backlog_wait_time_actual = true,
                Setting::LoginuidImmutable
                | Setting::IgnoreErrors
                | Setting::ContinueOnErrors
                | Setting::Trim
                | Setting::Equivalent { .. }
                | Setting::Message(_) => {}
            }
        }
        status
    }

    /// The problems that are errors.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error)
    }
}

/// The rules of a kernel.
#[derive(Default)]
struct Kernel {
    rules: VecDeque<Rule>,
    /// Their bytes, so that a second copy is found without looking at all of them.
    known: HashSet<Vec<u8>>,
}

impl Kernel {
    fn add(&mut self, rule: &Rule, prepend: bool) {
        if !self.known.insert(rule.canonical_bytes()) {
            return;
        }
        if prepend { self.rules.push_front(rule.clone()) } else { self.rules.push_back(rule.clone()) }
    }

    fn has(&self, rule: &Rule) -> bool {
        self.known.contains(&rule.canonical_bytes())
    }

    fn delete(&mut self, gone: impl Fn(&Rule) -> bool) {
        let known = &mut self.known;
        self.rules.retain(|rule| {
            let gone = gone(rule);
            if gone {
                known.remove(&rule.canonical_bytes());
            }
            !gone
        });
    }
}

/// A problem before it knows its line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Finding {
    pub(super) place: Place,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// Reads one rule file. Cost is linear in its length; a line of any length is read.
#[must_use]
pub fn check(text: &str, host: &Host<'_>) -> Report {
    let lines = text.lines().zip(1..).map(|(text, number)| Source { file: None, number, text });
    check_lines(lines, host)
}

/// Reads the rule files of a directory, given by name and text, in the order in which `augenrules` puts them
/// together.
#[must_use]
pub fn check_files<'a>(files: &[(&'a str, &'a str)], host: &Host<'_>) -> Report {
    check_merged(&file::merge(files), host)
}

/// Reads rule files that somebody named, by name and text, in the order given. Settings move as in [`check_files`].
#[must_use]
pub fn check_given<'a>(files: &[(&'a str, &'a str)], host: &Host<'_>) -> Report {
    check_merged(&file::merge_given(files), host)
}

fn check_merged(merged: &file::Merged<'_>, host: &Host<'_>) -> Report {
    let lines = merged.lines.iter().map(|line| Source { file: Some(line.file), number: line.number, text: line.text });
    check_lines(lines, host)
}

#[derive(Clone, Copy)]
struct Source<'a> {
    file: Option<&'a str>,
    number: usize,
    text: &'a str,
}

fn check_lines<'a>(sources: impl Iterator<Item = Source<'a>>, host: &Host<'_>) -> Report {
    let mut report = Report::default();
    for source in sources {
        let mut findings = Vec::new();
        if let Some(statement) = read(source.text, host, &mut findings) {
            report.lines.push(Line {
                file: source.file.map(str::to_owned),
                number: source.number,
                text: source.text.to_owned(),
                statement,
            });
        }
        report.problems.extend(findings.into_iter().map(|finding| problem(source, finding)));
    }
    add_hints(&mut report, host);
    report
}

fn read(text: &str, host: &Host<'_>, findings: &mut Vec<Finding>) -> Option<Statement> {
    if text.trim_start().starts_with('#') {
        return None;
    }
    match lex::words(text) {
        Ok(words) if words.is_empty() => None,
        Ok(words) => parse::statement(&words, host, findings),
        Err(broken) => {
            let (place, message) = (broken.place, broken.why.to_owned());
            findings.push(Finding { place, severity: Severity::Error, message, help: None });
            None
        }
    }
}

fn problem(source: Source<'_>, finding: Finding) -> Problem {
    Problem {
        severity: finding.severity,
        file: source.file.map(str::to_owned),
        line: source.number,
        column: finding.place.column,
        width: finding.place.width,
        message: finding.message,
        help: finding.help,
        source: source.text.to_owned(),
    }
}

/// What is only seen when all rules are known. A rule that this kernel refuses leaves the report.
fn add_hints(report: &mut Report, host: &Host<'_>) {
    let hints = hint::all(&report.lines, host);
    let mut refused = HashSet::new();
    for (at, hint) in hints {
        let line = &report.lines[at];
        let source = Source { file: line.file.as_deref(), number: line.number, text: &line.text };
        if hint.severity == Severity::Error {
            refused.insert(at);
        }
        report.problems.push(problem(source, hint));
    }
    let mut at = 0;
    report.lines.retain(|_| {
        at += 1;
        !refused.contains(&(at - 1))
    });
    report.problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
}
