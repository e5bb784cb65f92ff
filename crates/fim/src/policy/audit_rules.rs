//! Policies as kernel audit rules: a rule file in auditctl's words, for hosts where audit is what there is.
//!
//! A single file is a `path=` rule, which costs nothing. A tree is a `dir=` rule for the deepest folder that holds all of the
//! policy's trees below one folder of `/`: each such rule costs every system call of every program some 7 to 8 ns with the
//! explicit list of system calls that is written here (three times that without), so folders inside of each other are one
//! rule and more than [`CHEAP`] are warned of. Finer patterns are told apart when the records come. Logs that grow are no rules:
//! every line would be a record, and scans find what matters about them. Text alone: loading it is others' work.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::roots::Reach;
use super::{AUDIT_KEY, Classes, Policies, Policy, Scope};

/// So many folders are no cause for a warning.
pub const CHEAP: usize = 16;

/// What the rules are for.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The machine as `uname -m` says; of others than `x86_64` the system calls that only it has are left out.
    pub machine: &'a str,
    /// The rule that tells of `chattr`, which costs every ioctl (`fim.audit_chattr`).
    pub chattr: bool,
}

/// A rule file and what to say about it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// The file's text.
    pub text: String,
    /// Single files in it.
    pub files: usize,
    /// Folders in it; each is two rules where the machine runs programs of two sizes.
    pub folders: usize,
    /// What it costs, and what cannot be written.
    pub warnings: Vec<String>,
    /// What scans alone find: policy and folder or file.
    pub scans: Vec<(Box<str>, PathBuf)>,
    /// What has no rule because it, or its folder, was not there when the policies were made.
    pub absent: Vec<(Box<str>, PathBuf)>,
}

/// Rules for everything that the host's policies watch.
#[must_use]
pub fn text(policies: &Policies, options: &Options<'_>) -> Rules {
    let mut rules = Rules::default();
    let (mut files, mut folders) = (Wanted::new(), Wanted::new());
    for (at, policy) in policies.all().iter().enumerate().filter(|(_, policy)| policy.scope == Scope::Host) {
        let starts = policies.matched(at).include.iter().filter_map(|pattern| policies.start(pattern));
        let (literal, trees): (Vec<_>, Vec<_>) = starts.partition(|(_, reach)| *reach == Reach::Itself);
        let scanned = |path: PathBuf| (policy.id.clone(), path);
        if policy.append_only {
            rules.scans.extend(literal.into_iter().chain(trees).map(|(path, _)| scanned(path)));
            continue;
        }
        // The kernel refuses a file in a folder that is not there, and a folder that is not there.
        let there = |(path, _): &(PathBuf, Reach)| !path.parent().is_some_and(|folder| policies.absent(folder));
        let (literal, gone): (Vec<_>, Vec<_>) = literal.into_iter().partition(there);
        rules.absent.extend(gone.into_iter().map(|(path, _)| scanned(path)));
        literal.into_iter().for_each(|(path, _)| want(&mut files, path, policy));
        let (gone, trees): (Vec<_>, Vec<_>) = trees.into_iter().partition(|(path, _)| policies.absent(path));
        rules.absent.extend(gone.into_iter().map(|(path, _)| scanned(path)));
        let (top, below) = common(trees.into_iter().map(|(path, _)| path));
        rules.scans.extend(top.into_iter().map(scanned));
        match policy.written.audit_dirs {
            true => below.into_iter().for_each(|path| want(&mut folders, path, policy)),
            false => rules.scans.extend(below.into_iter().map(scanned)),
        }
    }
    let folders = outermost(folders);
    files.retain(|path, rule| covering(&folders, path, rule.perm).is_none());
    rules.scans.retain(|(_, path)| covering(&folders, path, Perm::default()).is_none());
    rules.absent.retain(|(_, path)| covering(&folders, path, Perm::default()).is_none());
    for list in [&mut rules.scans, &mut rules.absent] {
        list.sort();
        list.dedup();
    }
    rules.write(&files, &folders, options);
    rules
}

/// What a rule is about; the severest policy names it.
struct Rule {
    perm: Perm,
    policy: Box<str>,
}

type Wanted = BTreeMap<PathBuf, Rule>;

fn want(rules: &mut Wanted, path: PathBuf, policy: &Policy) {
    let perm = Perm::of(policy.classes);
    let rule = rules.entry(path).or_insert_with(|| Rule { perm, policy: policy.id.clone() });
    rule.perm = rule.perm.with(perm);
}

/// The letters of `perm=`, as bits of `rwxa`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Perm(u8);

impl Perm {
    const LETTERS: [(u8, char, Classes); 4] = [
        (1, 'r', Classes::ACCESS),
        (2, 'w', Classes(Classes::CREATE.0 | Classes::MODIFY.0 | Classes::DELETE.0 | Classes::MOVE.0)),
        (4, 'x', Classes::EXEC),
        (8, 'a', Classes::ATTRIB),
    ];

    fn of(classes: Classes) -> Self {
        Self::LETTERS.iter().filter(|(.., asked)| classes.has(*asked)).fold(Self(0), |all, (bit, ..)| Self(all.0 | bit))
    }

    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn holds(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn letters(self) -> String {
        Self::LETTERS.iter().filter(|(bit, ..)| self.0 & bit != 0).map(|(_, letter, _)| letter).collect()
    }
}

/// The deepest folders that hold these, one for each folder of `/`; and `/` itself, which no rule should be about.
fn common(paths: impl Iterator<Item = PathBuf>) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut by_first: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut top = Vec::new();
    for path in paths {
        let Some(first) = path.ancestors().filter(|at| at.parent().is_some()).last().map(Path::to_owned) else {
            top.push(path);
            continue;
        };
        let have = by_first.entry(first).or_insert_with(|| path.clone());
        let both = have.ancestors().find(|at| path.starts_with(at)).map(Path::to_owned);
        *have = both.unwrap_or(path);
    }
    (top, by_first.into_values().collect())
}

/// A folder inside of another is that one's rule, unless it asks for more.
fn outermost(folders: Wanted) -> Wanted {
    let mut kept = Wanted::new();
    for (path, rule) in folders {
        if covering(&kept, &path, rule.perm).is_none() {
            kept.insert(path, rule);
        }
    }
    kept
}

fn covering<'a>(folders: &'a Wanted, path: &Path, perm: Perm) -> Option<&'a Rule> {
    path.ancestors().find_map(|at| folders.get(at).filter(|rule| rule.perm.holds(perm)))
}

/// System calls by the letter of `perm=` that they can fulfil. What names no file (ftruncate, a write) makes no record: the open
/// before it does.
fn calls(perm: Perm, wide: bool, machine: &str) -> Vec<&'static str> {
    const OPEN: [&str; 2] = ["openat", "openat2"];
    const OLD_OPEN: [&str; 1] = ["open"];
    const WRITE: [&str; 8] =
        ["truncate", "renameat", "renameat2", "linkat", "symlinkat", "unlinkat", "mkdirat", "mknodat"];
    const OLD_WRITE: [&str; 8] = ["creat", "rename", "link", "symlink", "unlink", "mkdir", "rmdir", "mknod"];
    const ATTRIB: [&str; 10] = [
        "fchmod",
        "fchmodat",
        "fchown",
        "fchownat",
        "setxattr",
        "lsetxattr",
        "fsetxattr",
        "removexattr",
        "lremovexattr",
        "fremovexattr",
    ];
    const OLD_ATTRIB: [&str; 3] = ["chmod", "chown", "lchown"];
    const NARROW: [&str; 4] = ["truncate64", "chown32", "lchown32", "fchown32"];
    let old = machine == "x86_64" || !wide;
    let (reads, writes, runs, attribs) = (perm.0 & 1 != 0, perm.0 & 2 != 0, perm.0 & 4 != 0, perm.0 & 8 != 0);
    let parts: [(bool, &[&'static str]); 8] = [
        (reads || writes, &OPEN),
        ((reads || writes) && old, &OLD_OPEN),
        (writes, &WRITE),
        (writes && old, &OLD_WRITE),
        (attribs, &ATTRIB),
        (attribs && old, &OLD_ATTRIB),
        ((writes || attribs) && !wide, &NARROW),
        (runs, &["execve", "execveat"]),
    ];
    parts.into_iter().filter(|(wanted, _)| *wanted).flat_map(|(_, calls)| calls.iter().copied()).collect()
}

impl Rules {
    fn write(&mut self, files: &Wanted, folders: &Wanted, options: &Options<'_>) {
        let mut text = String::from("# Made of file integrity policies: auditng fim status --audit-rules\n");
        if !files.is_empty() {
            text.push_str("\n# Single files: these cost nothing.\n");
        }
        for (path, rule) in files {
            let Some(quoted) = self.quoted(path, rule) else { continue };
            self.files += 1;
            let (perm, id) = (rule.perm.letters(), &rule.policy);
            let _infallible = writeln!(text, "-a always,exit -F path={quoted} -F perm={perm} -F key={AUDIT_KEY}{id}");
        }
        if !folders.is_empty() {
            text.push_str("\n# Folders: each of these costs every one of its system calls.\n");
        }
        for (path, rule) in folders {
            let Some(quoted) = self.quoted(path, rule) else { continue };
            self.folders += 1;
            for (arch, wide) in [("b64", true), ("b32", false)] {
                let calls = calls(rule.perm, wide, options.machine).join(",");
                let (perm, id) = (rule.perm.letters(), &rule.policy);
                let _infallible = writeln!(
                    text,
                    "-a always,exit -F arch={arch} -S {calls} -F dir={quoted} -F perm={perm} -F key={AUDIT_KEY}{id}"
                );
            }
        }
        if options.chattr {
            text.push_str("\n# chattr: the inode's flags, by ioctl FS_IOC_SETFLAGS; the record names no path.\n");
            for (arch, request) in [("b64", "0x40086602"), ("b32", "0x40046602")] {
                let _infallible =
                    writeln!(text, "-a always,exit -F arch={arch} -S ioctl -F a1={request} -F key={AUDIT_KEY}chattr");
            }
        }
        self.text = text;
        if self.folders > CHEAP {
            self.warnings.push(format!(
                "{} folders: each costs every listed system call of every program some 7 to 8 ns, whether it touches them or not \
                 (50 of them: an open and close of 720 ns takes 1,185); name single files, or put audit_dirs = false into policies \
                 that scans may cover alone",
                self.folders
            ));
        }
    }

    /// A path as a rule file has it.
    fn quoted(&mut self, path: &Path, rule: &Rule) -> Option<String> {
        let plain = |c: char| c.is_alphanumeric() || "/._-+@,:%~#".contains(c);
        match std::str::from_utf8(path.as_os_str().as_bytes()) {
            Ok(text) if text.chars().all(plain) => Some(text.to_owned()),
            Ok(text) if !text.contains(|c: char| c == '\'' || c.is_control()) => Some(format!("'{text}'")),
            _ => {
                self.warnings.push(format!("{path:?} cannot be written in a rule file: scans alone find its changes"));
                self.scans.push((rule.policy.clone(), path.to_owned()));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
