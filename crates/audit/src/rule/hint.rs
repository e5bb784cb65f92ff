//! What rules cost and miss: seen only when all rules of a file are known.

use super::check::{Finding, Line, Severity};
use super::lex::Place;
use super::{Action, Field, FieldId, Host, List, Operator, PathKind, Rule, Setting, Statement};
use crate::netlink::Status;
use crate::table::{self, arch};

/// The highest error number that programs see.
const LAST_ERROR: u32 = 133;

/// Rules that are compared with each other: beyond that many (no kernel is well with them) only the first ones are,
/// since the work grows with the square.
const COMPARED: usize = 2_048;

/// All hints, each with the index of its line.
pub(super) fn all(lines: &[Line], host: &Host<'_>) -> Vec<(usize, Finding)> {
    let mut hints = Hints { found: Vec::new() };
    let rules: Vec<(usize, &Rule)> = added(lines).collect();
    for (at, rule) in &rules {
        hints.at(*at, lines, |text| hints_of_one(rule, host, text));
    }
    let compared = rules.get(..COMPARED).unwrap_or(&rules);
    for (order, (at, rule)) in compared.iter().enumerate() {
        let before = compared.get(..order).unwrap_or_default();
        hints.at(*at, lines, |text| repeated(rule, before, lines, text));
        let twin = Twin { rule, all: compared, host };
        hints.at(*at, lines, |text| twin.hint(text));
    }
    hints.watches(lines, &rules);
    hints.lock(lines);
    hints.found
}

fn added(lines: &[Line]) -> impl Iterator<Item = (usize, &Rule)> {
    lines.iter().enumerate().filter_map(|(at, line)| match &line.statement {
        Statement::Add { rule, prepend: false } => Some((at, rule)),
        _ => None,
    })
}

struct Hints {
    found: Vec<(usize, Finding)>,
}

impl Hints {
    fn at(&mut self, at: usize, lines: &[Line], hints: impl FnOnce(&str) -> Vec<Finding>) {
        let text = lines.get(at).map_or("", |line| line.text.as_str());
        self.found.extend(hints(text).into_iter().map(|hint| (at, hint)));
    }

    /// Watches are many in old rule sets: one hint for all of them.
    fn watches(&mut self, lines: &[Line], rules: &[(usize, &Rule)]) {
        let is_watch =
            |(at, _): &&(usize, &Rule)| lines.get(*at).is_some_and(|line| line.text.trim_start().starts_with("-w"));
        let mut watches = rules.iter().filter(is_watch);
        let Some((first, _)) = watches.next() else { return };
        let others = watches.count();
        let (count, hold) = if others == 0 {
            ("this watch".to_owned(), "holds")
        } else {
            (format!("this watch and {others} more"), "hold")
        };
        let message =
            format!("{count} {hold} for all system calls, and a watched directory is asked about at the end of each");
        let help = "write -a always,exit -F arch=b64 -S <the calls> -F path=... (or dir=) -F perm=...";
        self.at(*first, lines, |text| vec![finding(text, Severity::Hint, message, help)]);
    }

    fn lock(&mut self, lines: &[Line]) {
        let locks = |line: &Line| matches!(&line.statement, Statement::Set(all) if all.contains(&Setting::Enabled(2)));
        let Some(at) = lines.iter().position(locks) else { return };
        if lines[at + 1..].iter().any(|line| line.statement != Statement::Nothing) {
            let message = "-e 2 locks the kernel: what follows it is refused until the next boot".to_owned();
            self.at(at, lines, |text| vec![finding(text, Severity::Warning, message, "let it be the last line")]);
        }
    }
}

fn finding(text: &str, severity: Severity, message: String, help: &str) -> Finding {
    let indent = text.chars().take_while(|c| c.is_whitespace()).count();
    let width = text.trim().chars().count().max(1);
    let help = (!help.is_empty()).then(|| help.to_owned());
    Finding { place: Place { column: indent + 1, width }, severity, message, help }
}

fn hints_of_one(rule: &Rule, host: &Host<'_>, text: &str) -> Vec<Finding> {
    let features = missing_feature(rule, host)
        .map(|message| finding(text, Severity::Error, message, "it would load on a newer kernel"));
    let hints = [
        foreign(rule, host).map(|message| finding(text, Severity::Warning, message, "")),
        numbers_without_arch(rule, host).map(|message| {
            finding(text, Severity::Warning, message, "write one rule with -F arch=b64 and one with b32")
        }),
        every_call(rule).map(|message| {
            finding(text, Severity::Warning, message, "name the calls with -S, or the files with -F path or dir")
        }),
        positive_error(rule).map(|(message, help)| finding(text, Severity::Warning, message, &help)),
        path_kind(rule, host).map(|(message, help)| finding(text, Severity::Warning, message, help)),
        every_open(rule).map(|message| {
            finding(
                text,
                Severity::Hint,
                message,
                "add -F a2&3 (openat for writing), -F exit=-EACCES, -F dir= or -F success=0",
            )
        }),
    ];
    features.into_iter().chain(hints.into_iter().flatten()).collect()
}

/// Feature bits are those of `AUDIT_FEATURE_BITMAP_*`.
fn missing_feature(rule: &Rule, host: &Host<'_>) -> Option<String> {
    let features = host.features?;
    let lacks = |bit: u32| features & bit == 0;
    let other_than_type = |field: &Field| !matches!(field.id, FieldId::MSGTYPE | FieldId::KEY);
    let what = if rule.list == List::Filesystem && lacks(Status::FEATURE_FILTER_FS) {
        ("the filesystem list", Status::FEATURE_FILTER_FS)
    } else if rule.field(FieldId::EXE).is_some() && lacks(Status::FEATURE_EXECUTABLE_PATH) {
        ("field `exe`", Status::FEATURE_EXECUTABLE_PATH)
    } else if rule.field(FieldId::SESSIONID).is_some() && lacks(Status::FEATURE_SESSIONID) {
        ("field `sessionid`", Status::FEATURE_SESSIONID)
    } else if rule.list == List::Exclude
        && rule.fields.iter().any(other_than_type)
        && lacks(Status::FEATURE_EXCLUDE_EXTEND)
    {
        ("fields other than `msgtype` in the exclude list", Status::FEATURE_EXCLUDE_EXTEND)
    } else {
        return None;
    };
    Some(format!("this kernel does not know {}: feature bit {:#x} is missing", what.0, what.1))
}

fn foreign(rule: &Rule, host: &Host<'_>) -> Option<String> {
    let word = rule.arch()?;
    let own = word == host.machine || arch::twin_32(host.machine) == Some(word);
    let (theirs, here) = (table::arch_name(word)?, table::arch_name(host.machine)?);
    (!own).then(|| format!("this rule is for {theirs} and never fires on {here}"))
}

/// A number is another call on the other arch of the same machine.
fn numbers_without_arch(rule: &Rule, host: &Host<'_>) -> Option<String> {
    let named = rule.list == List::Exit && !rule.calls.is_all() && !rule.calls.is_none();
    let twin = table::arch_name(arch::twin_32(host.machine)?)?;
    (named && rule.field(FieldId::ARCH).is_none()).then(|| {
        format!(
            "without -F arch the call numbers of this rule hold for {twin} programs too, where they are other calls"
        )
    })
}

/// Conditions that the kernel looks up by file, so that the rule costs little elsewhere.
fn is_on_a_file(rule: &Rule) -> bool {
    [FieldId::PATH, FieldId::DIR, FieldId::INODE].into_iter().any(|id| rule.field(id).is_some())
}

fn every_call(rule: &Rule) -> Option<String> {
    let selective = is_on_a_file(rule) || rule.field(FieldId::PERM).is_some();
    let costly = rule.list == List::Exit && rule.action == Action::Always && rule.calls.is_all() && !selective;
    costly.then(|| "this rule is asked, and may record, at the end of every system call of every program".to_owned())
}

fn positive_error(rule: &Rule) -> Option<(String, String)> {
    let field = rule.field(FieldId::EXIT)?;
    let number = field.value.number().filter(|number| (1..=LAST_ERROR).contains(number))?;
    let name = table::errno_name(i64::from(number))?;
    let equality = field.operator == Operator::Equal;
    equality.then(|| {
        (format!("errors are negative: exit={number} is a result, not {name}"), format!("write -F exit=-{name}"))
    })
}

fn path_kind(rule: &Rule, host: &Host<'_>) -> Option<(String, &'static str)> {
    let path_of = |id| rule.field(id).and_then(|field| field.value.text());
    if let Some(dir) = path_of(FieldId::DIR) {
        return match (host.path)(dir) {
            PathKind::Missing => Some(("this directory does not exist: the kernel refuses the rule".to_owned(), "")),
            PathKind::File | PathKind::Directory => None,
        };
    }
    let is_directory = (host.path)(path_of(FieldId::PATH)?) == PathKind::Directory;
    is_directory
        .then(|| ("this path is a directory: only it is watched, not what is in it".to_owned(), "write -F dir="))
}

fn every_open(rule: &Rule) -> Option<String> {
    let machine = rule.arch()?;
    let opens = ["open", "openat", "openat2"].into_iter().filter_map(|name| table::syscall_number(machine, name));
    let narrow = [FieldId(201), FieldId::A2, FieldId::EXIT, FieldId::SUCCESS, FieldId::PERM, FieldId::EXE];
    let narrowed = is_on_a_file(rule) || narrow.into_iter().any(|id| rule.field(id).is_some());
    let costly = rule.list == List::Exit && rule.action == Action::Always && !rule.calls.is_all() && !narrowed;
    let named = opens.into_iter().any(|number| rule.calls.contains(number));
    (costly && named)
        .then(|| "this rule records every file that anyone opens, which makes an open eight times as dear".to_owned())
}

fn repeated(rule: &Rule, before: &[(usize, &Rule)], lines: &[Line], text: &str) -> Vec<Finding> {
    let place = |at: usize| {
        let line = &lines[at];
        line.file.as_ref().map_or_else(|| format!("line {}", line.number), |file| format!("{file}:{}", line.number))
    };
    if let Some((at, _)) = before.iter().find(|(_, earlier)| earlier.is_same(rule)) {
        let message = format!("the same rule stands at {}: the kernel refuses the second", place(*at));
        return vec![finding(text, Severity::Warning, message, "")];
    }
    match before.iter().find(|(_, earlier)| shadows(earlier, rule)) {
        Some((at, earlier)) => {
            let message = format!("this rule never decides: {} matches all that it matches", place(*at));
            let suppressed = earlier.action == Action::Never && rule.action == Action::Always;
            let help = if suppressed { "put it before that one" } else { "" };
            vec![finding(text, Severity::Warning, message, help)]
        }
        None => Vec::new(),
    }
}

/// Whether `earlier` matches everything that `later` matches. Only what is plain: the same conditions or fewer.
fn shadows(earlier: &Rule, later: &Rule) -> bool {
    let mut conditions = earlier.fields.iter().filter(|field| field.id != FieldId::KEY);
    earlier.list == later.list
        && earlier.calls.covers(&later.calls)
        && conditions.all(|condition| later.fields.contains(condition))
}

/// A rule for 64-bit calls, and whether anything looks at the 32-bit ones.
struct Twin<'a> {
    rule: &'a Rule,
    all: &'a [(usize, &'a Rule)],
    host: &'a Host<'a>,
}

impl Twin<'_> {
    fn hint(&self, text: &str) -> Vec<Finding> {
        let Some(twin) = arch::twin_32(self.host.machine) else { return Vec::new() };
        let recorded = self.rule.action == Action::Always && self.rule.list == List::Exit;
        let alone = recorded
            && self.rule.arch() == Some(self.host.machine)
            && !self.all.iter().any(|(_, other)| other.arch() == Some(twin) && self.shares_a_key(other));
        if !alone {
            return Vec::new();
        }
        let message = "32-bit programs are not seen: there is no rule with -F arch=b32 and the same key".to_owned();
        vec![finding(text, Severity::Hint, message, "add the same rule with -F arch=b32")]
    }

    fn shares_a_key(&self, other: &Rule) -> bool {
        let none = self.rule.keys().next().is_none() && other.keys().next().is_none();
        none || self.rule.keys().any(|key| other.keys().any(|known| known == key))
    }
}
