//! The rules that the source loads: rule files as the kernel's bytes, and the exception for our own calls.
//!
//! The language is [`audit::rule`]'s; here stands what it asks of this machine (users, groups, paths, arch, features).
//! Settings in rule files (`-b`, `-e`, ...) are not taken: they have keys in our configuration, and a remark says so; `-D`
//! deletes nothing but what the files themselves said before, since whose rules may go is `rules.ownership`'s to say. What cannot be loaded is named with file, line and column, and the rest loads.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use audit::rule::{self, Host, PathKind, Report, Rule, Setting, Severity, Statement};
use audit::table::{arch, syscall_number};

use super::go_audit::{self, GoAudit};
use crate::filter::Raw;
use crate::sys::proc::read;

/// The built-in set by name and text, used where no files are named. The second one speaks of calls that only x86_64 has.
pub const BUILT_IN: [(&str, &str); 2] = [
    ("built-in/10-auditng.rules", include_str!("../../../../../etc/rules.d/10-auditng.rules")),
    ("built-in/11-auditng-x86_64.rules", include_str!("../../../../../etc/rules.d/11-auditng-x86_64.rules")),
];
/// A rule file is text written by people.
const MOST_BYTES: usize = 4 << 20;
/// Key of the rule that excepts our own calls.
pub(super) const SELF_KEY: &str = "auditng-self";

/// File and network calls: what spooling, looking into `/proc` and shipping consist of. An exec, ptrace, module or identity
/// call of the agent is none of them and stays audited.
const OWN_CALLS: [&str; 57] = [
    "accept",
    "accept4",
    "access",
    "bind",
    "chdir",
    "chmod",
    "chown",
    "close",
    "connect",
    "creat",
    "faccessat",
    "faccessat2",
    "fallocate",
    "fchmod",
    "fchmodat",
    "fchown",
    "fchownat",
    "fdatasync",
    "fsync",
    "ftruncate",
    "getdents64",
    "lchown",
    "link",
    "linkat",
    "listen",
    "lstat",
    "mkdir",
    "mkdirat",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "pread64",
    "pwrite64",
    "read",
    "readlink",
    "readlinkat",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "socket",
    "stat",
    "statx",
    "symlink",
    "symlinkat",
    "truncate",
    "unlink",
    "unlinkat",
    "utimensat",
    "write",
];

/// Rules as loaded, and what is wrong with the rest.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of the files.
    pub rules: Vec<Rule>,
    /// What could not be loaded, for people, one a line.
    pub problems: Vec<String>,
    /// What is good to know.
    pub remarks: Vec<String>,
    /// Rules that load and do less, or cost more, than they need to; for people, one a line.
    pub doubtful: Vec<String>,
    /// Filters of go-audit's configurations among the files.
    pub filters: Vec<Raw>,
    /// The bytes of the rules so far.
    known: HashSet<Vec<u8>>,
}

/// The rules of these files in the order given, or of the built-in set if there are none. A folder stands for its `*.rules`
/// in the order of augenrules, and `*.yaml` is a configuration of go-audit.
#[must_use]
pub fn load(files: &[PathBuf], features: Option<u32>) -> Found {
    with_host(features, |host| {
        let mut found = Found::default();
        for path in files {
            found.add(path, host);
        }
        if files.is_empty() {
            found.take("built-in", &rule::check_files(built_in(), host));
        }
        found
    })
}

impl Found {
    fn add(&mut self, path: &Path, host: &Host<'_>) {
        if !path.is_dir() {
            let name = path.display().to_string();
            match self.text(path) {
                Some(text) if go_audit::is_one(path) => self.take_go_audit(&name, &text, host),
                Some(text) => self.take(&name, &rule::check(&text, host)),
                None => {}
            }
            return;
        }
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "rules"));
        let texts: Vec<(String, String)> =
            names.filter_map(|path| Some((path.display().to_string(), self.text(&path)?))).collect();
        let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        self.take(&path.display().to_string(), &rule::check_files(&texts, host));
    }

    fn take_go_audit(&mut self, name: &str, text: &str, host: &Host<'_>) {
        let GoAudit { rules, filters, problems, remarks } = go_audit::read(name, text);
        self.problems.extend(problems);
        self.remarks.extend(remarks);
        self.filters.extend(filters);
        self.take(name, &rule::check(&rules, host));
    }

    fn text(&mut self, path: &Path) -> Option<String> {
        let name = path.display();
        match fs::metadata(path).and_then(|_| fs::read_to_string(path)) {
            Ok(text) if text.len() <= MOST_BYTES => return Some(text),
            Ok(_) => self.problems.push(format!("{name}: larger than {MOST_BYTES} bytes, not loaded")),
            Err(error) => self.problems.push(format!("{name}: {error}")),
        }
        None
    }

    fn take(&mut self, name: &str, report: &Report) {
        let (errors, doubtful): (Vec<_>, Vec<_>) =
            report.problems.iter().partition(|problem| problem.severity == Severity::Error);
        self.problems.extend(errors.into_iter().map(|problem| one_line(name, problem)));
        self.doubtful.extend(doubtful.into_iter().map(|problem| one_line(name, problem)));
        self.remarks.extend(ignored(name, report));
        for rule in report.wanted() {
            if self.known.insert(rule.canonical_bytes()) {
                self.rules.push(rule);
            }
        }
    }
}

/// The rules that keep the process `pid` out of the records of its own file and network calls.
#[must_use]
pub fn self_exclusion(pid: u32) -> Vec<Rule> {
    with_host(None, |host| {
        let known = OWN_CALLS.iter().filter(|name| syscall_number(host.machine, name).is_some());
        let calls: Vec<&str> = known.copied().collect();
        let bits = if host.machine & 0x8000_0000 == 0 { "b32" } else { "b64" };
        let line = format!("-A exit,never -F arch={bits} -S {} -F pid={pid} -F key={SELF_KEY}", calls.join(","));
        rule::check(&line, host).wanted()
    })
}

/// Lines that say something which we do not take from rule files.
fn ignored(name: &str, report: &Report) -> Option<String> {
    let taken = |line: &&rule::Line| match &line.statement {
        Statement::Set(settings) => settings.iter().any(is_ours_to_set),
        _ => false,
    };
    let lines: Vec<&str> = report.lines.iter().filter(taken).map(|line| line.text.trim()).collect();
    let what = "not taken from rule files: source.audit and rules.lock have keys for that";
    (!lines.is_empty()).then(|| format!("{name}: {} {what}", lines.join(", ")))
}

fn is_ours_to_set(setting: &Setting) -> bool {
    matches!(
        setting,
        Setting::Enabled(_)
            | Setting::Failure(_)
            | Setting::RateLimit(_)
            | Setting::BacklogLimit(_)
            | Setting::BacklogWaitTime(_)
            | Setting::LoginuidImmutable
    )
}

/// `file:line:column: message (help)`.
fn one_line(name: &str, problem: &rule::Problem) -> String {
    let file = problem.file.as_deref().unwrap_or(name);
    let mut text = format!("{file}:{}:{}: {}", problem.line, problem.column, problem.message);
    if let Some(help) = &problem.help {
        write!(text, " ({help})").unwrap_or_else(|_| unreachable!("a String takes every text"));
    }
    text
}

/// The built-in set as far as it fits this machine: name and text of each file.
#[must_use]
pub fn built_in() -> &'static [(&'static str, &'static str)] {
    if machine() == arch::X86_64 { &BUILT_IN } else { &BUILT_IN[..1] }
}

/// Arch word of this machine.
#[must_use]
pub fn machine() -> u32 {
    let uname = rustix::system::uname();
    uname.machine().to_str().ok().and_then(arch::of_machine).unwrap_or(arch::X86_64)
}

/// Answers what rules ask of this machine: users, groups, paths, arch.
pub fn with_host<T>(features: Option<u32>, ask: impl FnOnce(&Host<'_>) -> T) -> T {
    let (users, groups) = (ids("/etc/passwd"), ids("/etc/group"));
    let id = |ids: &[(String, u32)], name: &str| ids.iter().find(|(known, _)| known == name).map(|(_, id)| *id);
    let user = |name: &str| id(&users, name);
    let group = |name: &str| id(&groups, name);
    ask(&Host { machine: machine(), features, user: &user, group: &group, path: &kind_of })
}

fn kind_of(path: &[u8]) -> PathKind {
    match fs::metadata(Path::new(std::ffi::OsStr::from_bytes(path))) {
        Ok(metadata) if metadata.is_dir() => PathKind::Directory,
        Ok(_) => PathKind::File,
        Err(_) => PathKind::Missing,
    }
}

/// `name:password:id:...`
fn ids(path: &str) -> Vec<(String, u32)> {
    let text = read(Path::new(path), 16 << 20).unwrap_or_default();
    let line = |line: &str| {
        let mut fields = line.split(':');
        Some((fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?))
    };
    String::from_utf8_lossy(&text).lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_rules_compile_and_are_many() {
        let found = load(&[], None);
        assert_eq!(found.problems, [""; 0]);
        assert!(found.rules.len() > 10, "{}", found.rules.len());
    }

    #[test]
    fn files_in_the_order_given_and_folders_in_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, key: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, format!("-a always,exit -F arch=b64 -S execve -k {key}\n")).unwrap();
            path
        };
        write("d/10-b.rules", "ten");
        write("d/9-a.rules", "nine");
        write("d/other.txt", "no");
        let files = [write("z.rules", "z"), folder.path().join("d"), write("a.conf", "a"), write("again", "z")];
        let found = load(&files, None);
        let keys: Vec<String> =
            found.rules.iter().map(|rule| String::from_utf8_lossy(rule.keys().next().unwrap()).into_owned()).collect();
        assert_eq!(
            (keys, found.problems),
            (vec!["z".to_owned(), "nine".to_owned(), "ten".to_owned(), "a".to_owned()], vec![])
        );
    }

    #[test]
    fn our_own_calls_are_excepted_and_an_exec_is_not() {
        let rules = self_exclusion(4711);
        assert_eq!(rules.len(), 1);
        let text = rules[0].text(machine());
        assert!(text.contains("never") && text.contains("pid=4711") && text.contains("openat"), "{text}");
        for audited in ["execve", "ptrace", "setuid", "init_module", "mount"] {
            assert!(!text.contains(audited), "{text}");
        }
    }

    #[test]
    fn a_bad_line_is_named_and_the_rest_loads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.rules");
        fs::write(&path, "-a always,exit -S nonsense -k a\n-a always,exit -F arch=b64 -S execve -k b\n").unwrap();
        let found = load(&[path, folder.path().join("absent")], None);
        assert_eq!(found.rules.len(), 1);
        assert_eq!(found.problems.len(), 2);
        assert!(found.problems.iter().any(|problem| problem.contains("x.rules:1:")), "{:?}", found.problems);
        assert!(found.problems.iter().any(|problem| problem.contains("absent")), "{:?}", found.problems);
    }
}
