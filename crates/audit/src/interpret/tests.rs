use proptest::prelude::*;

use super::*;
use crate::table::{RecordType, arch};

fn check_on(arch: u32, call: &str, registers: [u64; 4], expect: &[(usize, &str)]) {
    let mut found = Vec::new();
    arguments(arch, call, registers, |at, text| found.push((at, text.to_owned())));
    let found: Vec<_> = found.iter().map(|(at, text)| (*at, text.as_str())).collect();
    assert_eq!(found, expect, "{call} {registers:x?}");
}

fn check(call: &str, registers: [u64; 4], expect: &[(usize, &str)]) {
    check_on(arch::X86_64, call, registers, expect);
}

#[test]
fn calls_are_sorted_and_exist() {
    assert!(call::CALLS.is_sorted_by(|(a, _), (b, _)| a < b));
    let known = |name: &str| {
        [arch::X86_64, arch::I386, arch::ARM, arch::MIPS]
            .into_iter()
            .any(|arch| table::syscall_number(arch, name).is_some())
    };
    for (name, _) in call::CALLS {
        assert!(known(name), "no table has {name}");
    }
}

#[test]
fn opening() {
    check("open", [0, 0x8_0000, 0, 0], &[(1, "O_RDONLY|O_CLOEXEC")]);
    check("open", [0, 0x42, 0o644, 0], &[(1, "O_RDWR|O_CREAT"), (2, "0644")]);
    check(
        "openat",
        [0xffff_ffff_ffff_ff9c, 0, 0x41_0002, 0o600],
        &[(0, "AT_FDCWD"), (2, "O_RDWR|O_TMPFILE"), (3, "0600")],
    );
    check("openat", [7, 0, 0, 0xdead], &[(2, "O_RDONLY")]);
    check_on(arch::AARCH64, "openat", [7, 0, 0x4000, 0], &[(2, "O_RDONLY|O_DIRECTORY")]);
}

#[test]
fn a_32_bit_register_holds_a_whole_int() {
    check_on(arch::I386, "openat", [0xffff_ff9c, 0, 0, 0], &[(0, "AT_FDCWD"), (2, "O_RDONLY")]);
}

#[test]
fn cloning_and_namespaces() {
    check("clone", [0x0120_0011, 0, 0, 0], &[(0, "CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD")]);
    check("unshare", [0x1000_0080, 0, 0, 0], &[(0, "CLONE_NEWTIME|CLONE_NEWUSER")]);
    check("setns", [3, 0x2000_0000, 0, 0], &[(1, "CLONE_NEWPID")]);
    check("setns", [3, 0, 0, 0], &[(1, "0")]);
}

#[test]
fn sockets() {
    check(
        "socket",
        [2, 0x8_0801, 6, 0],
        &[(0, "AF_INET"), (1, "SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC"), (2, "IPPROTO_TCP")],
    );
    check("socket", [16, 3, 9, 0], &[(0, "AF_NETLINK"), (1, "SOCK_RAW"), (2, "NETLINK_AUDIT")]);
    check("socket", [17, 3, 0x0300, 0], &[(0, "AF_PACKET"), (1, "SOCK_RAW"), (2, "ETH_P_ALL")]);
    check("setsockopt", [3, 1, 33, 0], &[(1, "SOL_SOCKET"), (2, "SO_RCVBUFFORCE")]);
    check("setsockopt", [3, 6, 1, 0], &[(1, "SOL_TCP"), (2, "TCP_NODELAY")]);
    check("sendto", [3, 0, 0, 0x4000], &[(3, "MSG_NOSIGNAL")]);
}

#[test]
fn privileges() {
    check("setuid", [0, 0, 0, 0], &[(0, "0")]);
    check("setresuid", [0xffff_ffff, 1000, 0xffff_ffff_ffff_ffff, 0], &[(0, "unset"), (1, "1000"), (2, "unset")]);
    check("prctl", [24, 21, 0, 0], &[(0, "PR_CAPBSET_DROP"), (1, "cap_sys_admin")]);
    check("ptrace", [16, 4711, 0, 0], &[(0, "PTRACE_ATTACH"), (1, "4711")]);
    check("kill", [0xffff_ffff, 9, 0, 0], &[(0, "-1"), (1, "SIGKILL")]);
    check("rt_sigaction", [11, 0, 0, 0], &[(0, "SIGSEGV")]);
    check("rt_tgsigqueueinfo", [5, 6, 15, 0], &[(0, "5"), (1, "6"), (2, "SIGTERM")]);
    check("timer_create", [1, 0, 0, 0], &[(0, "CLOCK_MONOTONIC")]);
    check("setpgid", [0, 7, 0, 0], &[(0, "0"), (1, "7")]);
}

#[test]
fn mounts_modules_and_the_kernel() {
    check("mount", [0, 0, 0, 0x1001], &[(3, "MS_RDONLY|MS_BIND")]);
    check("quotactl", [0x8000_0801, 0, 0, 0], &[(0, "Q_SETQUOTA|GRPQUOTA")]);
    check("quotactl_fd", [3, 0x8000_0200, 0, 0], &[(1, "Q_QUOTAON|USRQUOTA")]);
    check("umount2", [0, 2, 0, 0], &[(1, "MNT_DETACH")]);
    check("finit_module", [3, 0, 2, 0], &[(2, "MODULE_INIT_IGNORE_VERMAGIC")]);
    check("bpf", [5, 0, 0, 0], &[(0, "BPF_PROG_LOAD")]);
    check("bpf", [0xfff, 0, 0, 0], &[(0, "0xfff")]);
    check("reboot", [0, 0, 0x4321_fedc, 0], &[(2, "LINUX_REBOOT_CMD_POWER_OFF")]);
    check("ioctl", [0, 0x5412, 0, 0], &[(1, "TIOCSTI")]);
}

#[test]
fn modes() {
    check("chmod", [0, 0o4755, 0, 0], &[(1, "4755")]);
    check("mknod", [0, 0o010_644, 0, 0], &[(1, "fifo,0644")]);
    assert_eq!((file_kind(0o040_755), permissions(0o040_755)), (Some("dir"), "0755".to_owned()));
}

#[test]
fn protections_of_memory() {
    check("mmap", [0, 4096, 7, 0x22], &[(2, "PROT_READ|PROT_WRITE|PROT_EXEC"), (3, "MAP_PRIVATE|MAP_ANONYMOUS")]);
    check("mprotect", [0, 4096, 0, 0], &[(2, "PROT_NONE")]);
}

#[test]
fn records_beside_the_call() {
    assert_eq!(open_flags(arch::X86_64, 0o12_400_000), "O_RDONLY|O_NOFOLLOW|O_CLOEXEC|O_PATH");
    assert_eq!(resolve(1), "RESOLVE_NO_XDEV");
    assert_eq!(resolve(0), "");
    assert_eq!(seccomp_action(0x7ffc_0000), Some("log"));
    assert_eq!(seccomp_action(0x8000_0000), Some("kill_process"));
    assert_eq!(seccomp_action(0x0005_0001), Some("errno"));
    assert_eq!(capabilities(1 << 21 | 1 << 40), "cap_sys_admin cap_checkpoint_restore");
    assert_eq!(capabilities(0), "none");
    assert_eq!(capabilities(1 << 41), "0x20000000000");
}

#[test]
fn fields_of_records() {
    let check = |record_type, name, value, expect: Option<&str>| {
        assert_eq!(field(record_type, name, value, arch::X86_64).as_deref(), expect, "{record_type} {name}={value}");
    };
    check(RecordType::SECCOMP, "code", "0x7ffc0000", Some("log"));
    check(RecordType::SECCOMP, "sig", "0", None);
    check(RecordType::ANOM_ABEND, "sig", "11", Some("SIGSEGV"));
    check(RecordType::CAPSET, "cap_pe", "0000010000000000", Some("cap_checkpoint_restore"));
    check(RecordType::BPRM_FCAPS, "fp", "0", Some("none"));
    check(RecordType::BPRM_FCAPS, "old_pp", "000000c000000000", Some("cap_perfmon cap_bpf"));
    check(RecordType::PATH, "mode", "0104755", Some("file,4755"));
    check(RecordType::OPENAT2, "oflag", "012400000", Some("O_RDONLY|O_NOFOLLOW|O_CLOEXEC|O_PATH"));
    check(RecordType::OPENAT2, "resolve", "0x1", Some("RESOLVE_NO_XDEV"));
    check(RecordType::OPENAT2, "resolve", "0x0", None);
    check(RecordType::FANOTIFY, "resp", "2", Some("FAN_DENY"));
    check(RecordType::NETFILTER_CFG, "family", "2", Some("NFPROTO_IPV4"));
    check(RecordType::CONFIG_CHANGE, "list", "4", Some("exit"));
    check(RecordType::SYSCALL, "sig", "11", None);
    check(RecordType::CAPSET, "cap_pe", "nonsense", None);
}

proptest! {
    #[test]
    fn any_register_may_hold_anything(at in 0..call::CALLS.len(), registers in any::<[u64; 4]>(), word in 0usize..4) {
        let arch = [arch::X86_64, arch::I386, arch::MIPS, 7][word];
        arguments(arch, call::CALLS[at].0, registers, |_, text| assert!(!text.is_empty()));
    }
}
