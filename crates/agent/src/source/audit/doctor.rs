//! What is right and wrong with kernel audit on this machine, and what to do about it.
//!
//! Looks, never changes: it asks for the status, opens no registration and adds no rule.

use std::collections::BTreeSet;

use audit::netlink::Status;

use super::control::canonical;
use super::kernel::{Kernel, Live};
use super::rules::{self, Found};
use super::{Config, Rules};
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
pub fn doctor(config: &Config, rules: &Rules) -> Vec<Finding> {
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
            findings.extend(rule_findings(&wanted, loaded));
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
    let who = if holders.is_empty() { "somebody in another namespace".to_owned() } else { holders.join(", ") };
    let what = format!("{who} also reads audit records");
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

fn rule_findings(wanted: &Found, loaded: &[Vec<u8>]) -> Vec<Finding> {
    let name = "audit rules";
    let there: Vec<Vec<u8>> = loaded.iter().map(|rule| canonical(rule)).collect();
    let present = wanted.rules.iter().filter(|rule| there.contains(&rule.canonical_bytes())).count();
    let foreign = there.len() - present;
    let what = format!("{present} of {} rules are loaded, and {foreign} of others", wanted.rules.len());
    let mut findings = vec![Finding::new(name, State::Ok, what, "")];
    for problem in &wanted.problems {
        findings.push(Finding::new(name, State::Bad, problem.clone(), "correct the line; the other rules load"));
    }
    findings
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

/// Inode numbers of the initial namespaces, include/linux/proc_ns.h.
const INITIAL: [(&str, u64, &str); 2] = [
    ("pid", 0xeffffffc, "unicast and rules need the host's pid namespace (--pid=host)"),
    ("user", 0xeffffffd, "audit needs the host's user namespace"),
];

fn namespaces(proc: &Proc) -> Vec<Finding> {
    let name = "namespaces";
    let foreign = INITIAL.iter().filter(|(kind, inode, _)| proc.own_namespace(kind).is_some_and(|own| own != *inode));
    let findings: Vec<Finding> = foreign
        .map(|(kind, _, advice)| Finding::new(name, State::Bad, format!("not in the host's {kind} namespace"), *advice))
        .collect();
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
        let names: BTreeSet<&str> =
            doctor(&Config::default(), &Rules::default()).iter().map(|finding| finding.name).collect();
        for name in ["audit socket", "audit readers", "boot options", "capabilities", "namespaces", "receive buffer"] {
            assert!(names.contains(name), "{name}");
        }
    }
}
