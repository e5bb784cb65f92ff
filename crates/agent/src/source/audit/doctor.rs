//! What is right and wrong with kernel audit on this machine, and what to do about it.
//!
//! Looks, never changes: it asks for the status, opens no registration and adds no rule.

use std::collections::BTreeSet;
use std::path::Path;

use audit::netlink::Status;
use audit::rule::{self, Rule};

use super::kernel::{Kernel, Live};
use super::load::{self, Wanted};
use super::rights;
use super::rules::{self, Found};
use super::{Config, Ownership, Rules};
use crate::sys::connector::Connector;
use crate::sys::netlink::{Group, Socket};
use crate::sys::proc::Proc;

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What was looked at.
    pub name: &'static str,
    /// How it stands.
    pub state: State,
    /// What was seen.
    pub what: String,
    /// What to do, empty where nothing is to be done.
    pub advice: String,
}

/// How a thing stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// As it should be.
    Ok,
    /// Works, but not as well as it could.
    Warn,
    /// Something will not work.
    Bad,
}

impl State {
    /// The word for tables and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

impl Finding {
    fn new(name: &'static str, state: State, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, state, what: what.into(), advice: advice.into() }
    }
}

/// Looks at everything that the audit source depends on.
#[must_use]
pub fn doctor(config: &Config, rules: &Rules, state_dir: &Path) -> Vec<Finding> {
    let proc = Proc::default();
    let capabilities = proc.own_capabilities().unwrap_or(0);
    let kernel = Live::open(None).map_err(|error| error.to_string());
    let status = kernel.and_then(|mut kernel| {
        let status = kernel.status().map_err(|error| super::control::chain(&error))?;
        Ok((status, kernel.rules().unwrap_or_default()))
    });
    let mut findings = capability_findings(capabilities);
    findings.extend(namespaces(&proc));
    match &status {
        Ok((status, loaded)) => {
            findings.push(owner(status, &proc));
            findings.push(enabled(status));
            findings.push(losses(status));
            let wanted = rules::load(&rules.paths(), status.features);
            findings.extend(rule_findings(&wanted, loaded, rules.ownership));
        }
        Err(why) => findings.push(Finding::new(
            "audit socket",
            State::Bad,
            why.clone(),
            "run as root, or with CAP_AUDIT_CONTROL and CAP_AUDIT_READ in the host's namespaces",
        )),
    }
    findings.push(readers(&proc));
    findings.push(boot_options(&proc.boot_options()));
    findings.push(buffer(config.receive_buffer()));
    findings.push(process_events());
    findings.push(last_losses(&crate::last_losses::read(state_dir)));
    findings
}

fn owner(status: &Status, proc: &Proc) -> Finding {
    let name = "audit socket";
    match status.pid {
        0 => Finding::new(name, State::Ok, "nobody owns it", ""),
        pid if pid == std::process::id() => Finding::new(name, State::Ok, "we own it", ""),
        pid => {
            let what = format!("{} owns it; we would read the multicast copy", proc.describe(pid));
            let advice =
                "if that is another auditng, this is as it should be; to own the socket, stop the other program";
            Finding::new(name, State::Warn, what, advice)
        }
    }
}

/// Other programs that read the copy log everything a second time.
fn readers(proc: &Proc) -> Finding {
    let name = "audit readers";
    let sockets = proc.audit_sockets();
    let inodes: BTreeSet<u64> =
        sockets.iter().filter(|socket| socket.groups & 1 != 0).map(|socket| socket.inode).collect();
    if inodes.is_empty() {
        return Finding::new(name, State::Ok, "nobody reads the multicast copy", "");
    }
    let holders: Vec<String> = proc.holders(&inodes).into_iter().map(|pid| proc.describe(pid)).collect();
    let drops: u64 = sockets.iter().filter(|socket| inodes.contains(&socket.inode)).map(|socket| socket.drops).sum();
    let missed = if drops > 0 { format!("; {drops} records could not be delivered there") } else { String::new() };
    let who = if holders.is_empty() { "somebody in another namespace".to_owned() } else { holders.join(", ") };
    let what = format!("{who} also reads audit records{missed}");
    let advice = "journald logs them a second time unless systemd-journald-audit.socket is masked";
    Finding::new(name, State::Warn, what, advice)
}

fn enabled(status: &Status) -> Finding {
    let name = "audit enabled";
    match status.enabled {
        0 => Finding::new(name, State::Ok, "off (enabled 0); we switch it on while we run", ""),
        1 => Finding::new(name, State::Ok, "on (enabled 1)", ""),
        _ => {
            let advice = "rules and settings can be changed only after a reboot";
            Finding::new(name, State::Warn, "on and locked (enabled 2)", advice)
        }
    }
}

fn losses(status: &Status) -> Finding {
    let name = "audit losses";
    let waited = status.backlog_wait_time_actual.unwrap_or(0);
    let what = format!(
        "{} records lost since boot, {} of {} waiting, programs waited {waited} jiffies",
        status.lost, status.backlog, status.backlog_limit
    );
    if status.lost == 0 {
        return Finding::new(name, State::Ok, what, "");
    }
    Finding::new(name, State::Warn, what, "raise source.audit.backlog_limit, or watch fewer calls")
}

/// The kernel's rules against the files, and what is wrong with those.
fn rule_findings(wanted: &Found, loaded: &[Vec<u8>], ownership: Ownership) -> Vec<Finding> {
    let name = "audit rules";
    let there: Vec<Rule> = loaded.iter().filter_map(|bytes| rule::decode(bytes).ok()).collect();
    let is_there = |rule: &&Rule| there.iter().any(|other| other.is_same(rule));
    let present: Vec<&Rule> = wanted.rules.iter().filter(is_there).collect();
    // Whatever is there and wanted is taken for ours here: nobody but a running agent knows better.
    let owned = present.iter().map(|rule| rule.canonical_bytes()).collect();
    let change = load::Change::new(&there, &Wanted { first: &[], rules: &wanted.rules, ownership }, &owned);
    let foreign =
        load::compare(&there, &Wanted { first: &[], rules: &wanted.rules, ownership: Ownership::Own }, &owned);
    let what = format!("{} of {} rules are loaded", present.len(), wanted.rules.len());
    let missing = wanted.rules.len() - present.len() - change.waiting.len();
    let some_missing = !present.is_empty() && missing > 0;
    let mut findings = vec![match some_missing {
        false => Finding::new(name, State::Ok, what, ""),
        true => Finding::new(
            name,
            State::Warn,
            format!("{what}; {missing} are missing"),
            "see why in the agent's log, or `auditng audit-rules diff`",
        ),
    }];
    if let Some(text) = load::say_foreign(&foreign.foreign, rules::machine()) {
        let advice = "rules.ownership = \"all\" makes your files the whole truth";
        findings.push(Finding::new(name, State::Ok, text, advice));
    }
    if !change.waiting.is_empty() {
        let rules: Vec<String> = change.waiting.iter().take(SHOWN).map(|rule| rule.text(rules::machine())).collect();
        let what = format!("{} rules name folders that do not exist here: {}", change.waiting.len(), rules.join("; "));
        findings.push(Finding::new(name, State::Ok, what, "they are loaded when the folder is made"));
    }
    for problem in &wanted.problems {
        findings.push(Finding::new(name, State::Bad, problem.clone(), "correct the line; the other rules load"));
    }
    // Folders that are missing were told above.
    let doubtful: Vec<&String> = wanted.doubtful.iter().filter(|text| !text.contains(MISSING_FOLDER)).collect();
    if let Some(first) = doubtful.first() {
        let what = format!("{} rules are doubtful, such as {first}", doubtful.len());
        findings.push(Finding::new(name, State::Warn, what, "`auditng audit-rules check` shows all of them"));
    }
    findings.extend(wanted.remarks.iter().map(|remark| Finding::new(name, State::Ok, remark.clone(), "")));
    findings
}

/// How `audit::rule::check` says it.
const MISSING_FOLDER: &str = "this directory does not exist";

/// Rules that are named one by one.
const SHOWN: usize = 3;

fn process_events() -> Finding {
    let name = "process events";
    match Connector::open() {
        Ok(_) => Finding::new(name, State::Ok, "the kernel tells of every fork, exec and exit", ""),
        Err(error) => {
            let advice = "without them short-lived processes are known from their own events only";
            Finding::new(name, State::Warn, super::control::chain(&error), advice)
        }
    }
}

/// What the agent of this state folder lost last.
fn last_losses(lines: &[String]) -> Finding {
    let name = "last losses";
    if lines.is_empty() {
        return Finding::new(name, State::Ok, "none", "");
    }
    let newest: Vec<&str> = lines.iter().rev().take(SHOWN).map(String::as_str).collect();
    Finding::new(name, State::Warn, newest.join("; "), "docs/losses.md says what each reason means and what to do")
}

fn boot_options(options: &[String]) -> Finding {
    let name = "boot options";
    let has = |option: &str| options.iter().any(|word| word == option || word.starts_with(&format!("{option}=")));
    if options.iter().any(|word| word == "audit=0" || word == "audit=off") {
        return Finding::new(
            name,
            State::Bad,
            "audit=0 switches audit off until the next boot",
            "remove it and reboot",
        );
    }
    let on = options.iter().any(|word| word == "audit=1" || word == "audit=on");
    if on && has("audit_backlog_limit") {
        return Finding::new(name, State::Ok, "audit=1 and audit_backlog_limit are set", "");
    }
    let what = "booted without audit=1 and audit_backlog_limit: programs started before us make no records, and records \
                that cannot be delivered are dropped without being counted by the kernel (we count the gaps)";
    Finding::new(name, State::Warn, what, "add audit=1 audit_backlog_limit=8192 to the kernel command line")
}

/// Number in linux/capability.h, name, what is lost without it, and whether nothing works then.
const CAPABILITIES: [(u32, &str, &str, State); 4] = [
    (30, "CAP_AUDIT_CONTROL", "no socket of our own, no rules, no loss counter", State::Bad),
    (37, "CAP_AUDIT_READ", "no multicast copy when another program owns the socket", State::Warn),
    (12, "CAP_NET_ADMIN", "the receive buffer is limited by net.core.rmem_max", State::Warn),
    (
        19,
        "CAP_SYS_PTRACE",
        "executables and directories of other users' processes are read from events only",
        State::Warn,
    ),
];

fn capability_findings(mask: u64) -> Vec<Finding> {
    let missing: Vec<_> = CAPABILITIES.iter().filter(|(bit, ..)| mask & 1 << bit == 0).collect();
    if missing.is_empty() {
        return vec![Finding::new("capabilities", State::Ok, "all that audit needs", "")];
    }
    let finding = |(_, name, lost, state): &&(u32, &str, &str, State)| {
        Finding::new("capabilities", *state, format!("{name} is missing: {lost}"), format!("run as root or add {name}"))
    };
    missing.iter().map(finding).collect()
}

fn namespaces(proc: &Proc) -> Vec<Finding> {
    let name = "namespaces";
    let lacks = |lack: &String| lack.contains("namespace");
    let socket = rights::for_control(proc).filter(lacks).map(|lack| (State::Bad, lack));
    let copy = rights::for_copy(proc).filter(lacks).map(|lack| (State::Warn, format!("no multicast copy: {lack}")));
    let findings: Vec<Finding> =
        socket.into_iter().chain(copy).map(|(state, lack)| Finding::new(name, state, lack, "start it so")).collect();
    if findings.is_empty() { vec![Finding::new(name, State::Ok, "the host's", "")] } else { findings }
}

fn buffer(wanted: usize) -> Finding {
    let name = "receive buffer";
    let granted = Socket::open(Group::None).and_then(|socket| socket.set_receive_buffer(wanted));
    match granted {
        Ok(granted) if granted.bytes >= wanted => {
            Finding::new(name, State::Ok, format!("{} bytes granted", granted.bytes), "")
        }
        Ok(granted) => {
            let what = format!("{} bytes granted of {wanted}", granted.bytes);
            Finding::new(name, State::Warn, what, "add CAP_NET_ADMIN, or raise net.core.rmem_max")
        }
        Err(error) => Finding::new(name, State::Bad, format!("no audit socket: {error}"), "use a kernel with audit"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> State {
        boot_options(&text.split(' ').map(str::to_owned).collect::<Vec<_>>()).state
    }

    #[test]
    fn boot_options_decide() {
        assert_eq!(options("quiet audit=1 audit_backlog_limit=8192"), State::Ok);
        assert_eq!(options("quiet audit=1"), State::Warn);
        assert_eq!(options("quiet"), State::Warn);
        assert_eq!(options("audit=0"), State::Bad);
    }

    #[test]
    fn each_missing_capability_is_named_with_what_is_lost() {
        assert_eq!(capability_findings(u64::MAX).len(), 1);
        let none = capability_findings(0);
        assert_eq!(none.len(), CAPABILITIES.len());
        assert!(none.iter().all(|finding| finding.what.contains("CAP_") && !finding.advice.is_empty()));
        let without_control = capability_findings(!(1 << 30));
        assert_eq!((without_control.len(), without_control[0].state), (1, State::Bad));
    }

    #[test]
    fn rules_are_compared_with_the_files_and_what_is_wrong_with_those_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.rules");
        let text = "-a always,exit -F arch=b64 -S execve -k a\n-a always,exit -F arch=b64 -S execve -k b\n\
                    -a always,exit -F arch=b64 -S openat -F dir=/nonexistent/x -k c\n-a always,exit -F uid=nobody-here -k d\n";
        std::fs::write(&file, text).unwrap();
        let wanted = rules::load(&[file], None);
        let other = rule::check("-a never,exit -F arch=b64 -S getppid -k other", &rule::Host::bare(rules::machine()));
        let mut loaded = vec![rule::encode(other.rules().next().unwrap())];
        loaded.push(rule::encode(&wanted.rules[0]));
        let said: Vec<(State, String)> =
            rule_findings(&wanted, &loaded, Ownership::Own).into_iter().map(|one| (one.state, one.what)).collect();
        let has = |state: State, words: &str| said.iter().any(|(is, what)| *is == state && what.contains(words));
        assert!(has(State::Warn, "1 of 3 rules are loaded; 1 are missing"), "{said:?}");
        assert!(has(State::Ok, "1 rules of others stay; 1 of them decide before"), "{said:?}");
        assert!(has(State::Ok, "name folders that do not exist here"), "{said:?}");
        assert!(has(State::Bad, "nobody-here"), "{said:?}");
        assert!(has(State::Warn, "doubtful"), "no 32-bit twin: {said:?}");
    }

    #[test]
    fn the_newest_losses_are_shown() {
        let lines: Vec<String> = (0..5).map(|at| format!("time kernel serial-gap {at} events")).collect();
        let finding = last_losses(&lines);
        assert!(finding.state == State::Warn && finding.what.starts_with("time kernel serial-gap 4 events; "));
        assert_eq!(last_losses(&[]).state, State::Ok);
    }

    #[test]
    fn an_owner_is_named() {
        let proc = Proc::default();
        let status = |pid| Status { pid, ..Status::default() };
        assert_eq!(owner(&status(0), &proc).state, State::Ok);
        assert_eq!(owner(&status(std::process::id()), &proc).state, State::Ok);
        let other = owner(&status(1), &proc);
        assert_eq!(other.state, State::Warn);
        assert!(other.what.contains("(pid 1)"), "{}", other.what);
    }

    #[test]
    fn everything_is_looked_at_without_a_panic() {
        let names: BTreeSet<&str> = doctor(&Config::default(), &Rules::default(), Path::new("/nonexistent"))
            .iter()
            .map(|finding| finding.name)
            .collect();
        for name in [
            "process events",
            "last losses",
            "audit socket",
            "audit readers",
            "boot options",
            "capabilities",
            "namespaces",
            "receive buffer",
        ] {
            assert!(names.contains(name), "{name}");
        }
    }
}
