//! What this process lacks for audit, in one plain sentence with the capability or flag to add.

use crate::sys::proc::Proc;

/// Bits of linux/capability.h.
pub(super) const AUDIT_CONTROL: u32 = 30;
pub(super) const AUDIT_READ: u32 = 37;

/// Inode numbers of the initial namespaces, include/uapi/linux/nsfs.h and proc_ns.h.
const INITIAL_USER: u64 = 0xeffffffd;
const INITIAL_PID: u64 = 0xeffffffc;
/// The initial network namespace has a fixed number in new kernels only; in most older ones it was the first to be made.
const INITIAL_NET: [u64; 2] = [0xeffffff9, 0xf0000000];

/// Why the kernel refuses to talk about audit: its status, rules and registration.
pub(super) fn for_control(proc: &Proc) -> Option<String> {
    if is_elsewhere(proc, "user", INITIAL_USER) {
        return Some("not in the host's user namespace: audit is the host's alone".to_owned());
    }
    if lacks(proc, AUDIT_CONTROL) {
        return Some(
            "CAP_AUDIT_CONTROL is missing, so audit rules and losses are not ours to see: run as root or add it \
             (--cap-add AUDIT_CONTROL)"
                .to_owned(),
        );
    }
    is_elsewhere(proc, "pid", INITIAL_PID).then(|| {
        "not in the host's pid namespace, so the audit socket and rules are not ours: add --pid=host".to_owned()
    })
}

/// Why the copy of the records cannot be read, or stays empty.
pub(super) fn for_copy(proc: &Proc) -> Option<String> {
    if is_elsewhere(proc, "user", INITIAL_USER) {
        return Some("not in the host's user namespace".to_owned());
    }
    if lacks(proc, AUDIT_READ) {
        return Some("CAP_AUDIT_READ is missing: run as root or add it (--cap-add AUDIT_READ)".to_owned());
    }
    is_in_other_network(proc).then(|| "not in the host's network namespace: add --network=host".to_owned())
}

/// In the initial pid namespace process 1 is the host's, and tells the host's network namespace.
fn is_in_other_network(proc: &Proc) -> bool {
    let Some(own) = proc.own_namespace("net").filter(|own| !INITIAL_NET.contains(own)) else { return false };
    let first = proc.namespace(1, "net").filter(|_| !is_elsewhere(proc, "pid", INITIAL_PID));
    first.is_none_or(|first| first != own)
}

fn is_elsewhere(proc: &Proc, kind: &str, initial: u64) -> bool {
    proc.own_namespace(kind).is_some_and(|own| own != initial)
}

fn lacks(proc: &Proc, capability: u32) -> bool {
    proc.own_capabilities().is_some_and(|mask| mask & 1 << capability == 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Stand(tempfile::TempDir);

    impl Stand {
        fn new(capabilities: u64, user: u64, pid: u64, net: u64) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let ns = |of: &str| folder.path().join(of).join("ns");
            std::fs::create_dir_all(ns("self")).unwrap();
            std::fs::create_dir_all(ns("1")).unwrap();
            std::fs::write(folder.path().join("self/status"), format!("CapEff:\t{capabilities:016x}\n")).unwrap();
            for (kind, inode) in [("user", user), ("pid", pid), ("net", net)] {
                symlink(format!("{kind}:[{inode}]"), ns("self").join(kind)).unwrap();
            }
            symlink("net:[4026531992]", ns("1").join("net")).unwrap();
            Self(folder)
        }

        fn says(&self) -> (Option<String>, Option<String>) {
            let proc = Proc::at(self.0.path());
            (for_control(&proc), for_copy(&proc))
        }
    }

    #[test]
    fn a69_each_lack_is_one_sentence_with_what_to_add() {
        let check = |stand: Stand, control: &str, copy: &str| {
            let (says_control, says_copy) = stand.says();
            for (says, expect) in [(says_control, control), (says_copy, copy)] {
                match says {
                    Some(says) => assert!(!expect.is_empty() && says.contains(expect), "{says}"),
                    None => assert_eq!(expect, ""),
                }
            }
        };
        let (all, host) = (u64::MAX, 4_026_531_992);
        check(Stand::new(all, INITIAL_USER, INITIAL_PID, host), "", "");
        check(Stand::new(0, INITIAL_USER, INITIAL_PID, host), "--cap-add AUDIT_CONTROL", "--cap-add AUDIT_READ");
        check(Stand::new(all, 7, INITIAL_PID, host), "user namespace", "user namespace");
        check(Stand::new(all, INITIAL_USER, 7, INITIAL_NET[1]), "--pid=host", "");
        check(Stand::new(all, INITIAL_USER, INITIAL_PID, 7), "", "--network=host");
        check(Stand::new(all, INITIAL_USER, 7, 7), "--pid=host", "--network=host");
    }
}
