//! Scenarios of spec section 4 that speak of the records beside a call: what their numbers mean.

use std::collections::BTreeMap;

use schema::field;
use serde_json::json;

use crate::support::{at, check, document, one, replay_each, syscall};

const STAMP: &str = "1700000000.123:42";

fn record(kind: &str, body: &str) -> String {
    format!("type={kind} msg=audit({STAMP}): {body}\n")
}

#[test]
fn a28_addresses_of_hosts_of_either_byte_order() {
    let with = |arch: &str, call: u32, saddr: &str| {
        let line = syscall(STAMP, call, "").replace("arch=c000003e", &format!("arch={arch}"));
        one(line + &record("SOCKADDR", &format!("saddr={saddr}")))
    };
    // The family is in the host's order, the port in the network's. s390x and ppc64 are big-endian, x86_64 and ppc64le not.
    for (arch, call, family) in
        [("80000016", 362, "0002"), ("80000015", 328, "0002"), ("c000003e", 42, "0200"), ("c0000015", 328, "0200")]
    {
        check(
            &with(arch, call, &format!("{family}01BB5DB8D8220000000000000000")),
            &[
                ("auditng.syscall.name", json!("connect")),
                ("destination.ip", json!("93.184.216.34")),
                ("destination.port", json!(443)),
                ("auditd.data.socket_family", json!("ipv4")),
            ],
        );
    }
    let unix = with("80000016", 362, "00012F72756E2F7800");
    check(&unix, &[("destination.path", json!("/run/x")), ("auditd.data.arch", json!("s390x"))]);
    // Scope ids are in the host's order too.
    let scoped = with("80000016", 362, "000A01BB00000000FE8000000000000000000000000000010000000200");
    check(&scoped, &[("destination.ip", json!("fe80::1")), ("destination.port", json!(443))]);
}

#[test]
fn a29_signals_and_answers_of_seccomp() {
    let seccomp = |sig: u32, code: &str| {
        one(record(
            "SECCOMP",
            &format!(
                "auid=1 uid=1 gid=1 ses=1 pid=9 comm=\"box\" exe=\"/box\" sig={sig} arch=c000003e syscall=101 compat=0 \
                 ip=0x7f code={code}"
            ),
        ))
    };
    for (sig, code, name, action) in [
        (0, "0x7ffc0000", json!(null), "log"),
        (31, "0x80000000", json!("SIGSYS"), "kill_process"),
        (31, "0x0", json!("SIGSYS"), "kill_thread"),
        (0, "0x50001", json!(null), "errno"),
        (31, "0x30000", json!("SIGSYS"), "trap"),
    ] {
        check(
            &seccomp(sig, code),
            &[
                ("auditng.meaning.code", json!(action)),
                ("auditng.meaning.sig", name),
                ("auditd.data.code", json!(code)),
                ("auditd.data.sig", json!(sig.to_string())),
                ("auditng.syscall.name", json!("ptrace")),
                ("auditd.summary.object.primary", json!("ptrace")),
                ("event.action", json!(["violated-seccomp-policy"])),
            ],
        );
    }
    check(&seccomp(0, "0x12340000"), &[("auditng.meaning", json!(null)), ("auditd.data.code", json!("0x12340000"))]);
    for (sig, name) in [(11, "SIGSEGV"), (31, "SIGSYS")] {
        let abend =
            record("ANOM_ABEND", &format!("auid=1 uid=0 gid=0 ses=1 pid=7 comm=\"x\" exe=\"/x\" sig={sig} res=1"));
        check(&one(abend), &[("auditng.meaning.sig", json!(name)), ("auditd.data.sig", json!(sig.to_string()))]);
    }
}

#[test]
fn a29_in_the_recording() {
    let Some(path) = testkit::recording("audit/real/host-enriched.log.zst") else { return };
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    replay_each(&testkit::unpacked(&path).expect("a recording is whole"), |event| {
        if matches!(event.str(field::AUDITD_MESSAGE_TYPE), Some("seccomp" | "anom_abend")) {
            *seen.entry(at(&document(event), "auditng.meaning").to_string()).or_default() += 1;
        }
    });
    assert_eq!(seen.values().sum::<u64>(), 4, "{seen:?}");
    assert_eq!(seen.get(r#"{"code":"log"}"#), Some(&1), "{seen:?}");
    assert_eq!(seen.get(r#"{"code":"kill_process","sig":"SIGSYS"}"#), Some(&1), "{seen:?}");
}

#[test]
fn a30_processes_that_a_call_acted_on() {
    let lines = [
        syscall(STAMP, 62, "").replace("a0=ffffff9c a1=7ff0", "a0=ffffffffffffffff a1=f"),
        record("OBJ_PID", "opid=100 oauid=-1 ouid=0 oses=-1 ocomm=6120FF0A"),
        record(
            "OBJ_PID",
            "opid=101 oauid=1000 ouid=33 oses=5 obj=unconfined ocomm=\"sleep\"\x1dOAUID=\"ada\" OUID=\"www\"",
        ),
    ];
    check(
        &one(lines.concat()),
        &[
            ("auditd.data.opid", json!(["100", "101"])),
            ("auditd.data.oauid", json!(["-1", "1000"])),
            ("auditd.data.ouid", json!(["0", "33"])),
            ("auditd.data.oses", json!(["-1", "5"])),
            ("auditd.data.ocomm", json!(["a \\xff\n", "sleep"])),
            ("auditng.escaped", json!(["auditd.data.ocomm", "auditd.summary.object.secondary"])),
            ("auditd.summary.object.primary", json!("100")),
            ("event.action", json!(["killed-pid"])),
            ("auditng.syscall.args", json!(["-1", "SIGTERM"])),
            // Nobody's login id is not the caller's.
            ("auditd.user.audit.id", json!("1000")),
        ],
    );
}

#[test]
fn a31_capabilities_by_name() {
    let capset =
        syscall(STAMP, 126, "") + &record("CAPSET", "pid=11 cap_pi=0 cap_pp=1c000200001 cap_pe=20000000000 cap_pa=400");
    check(
        &one(capset),
        &[
            (
                "process.thread.capabilities.permitted",
                json!(["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"]),
            ),
            // Of a kernel newer than the table.
            ("process.thread.capabilities.effective", json!(["41"])),
            ("auditng.meaning", json!({"cap_pa": "cap_net_bind_service"})),
            ("auditd.data.cap_pp", json!("1c000200001")),
            ("auditd.data.cap_pi", json!("0")),
        ],
    );
    let exec = [
        syscall(STAMP, 59, ""),
        record(
            "BPRM_FCAPS",
            "fver=3 fp=0000000000003000 fi=0 fe=1 old_pp=0 old_pi=0 old_pe=0 old_pa=c000000000 pp=3000 pi=0 pe=3000 pa=0 \
             frootid=100000",
        ),
        record("EXECVE", "argc=1 a0=\"ping\""),
        record("CWD", "cwd=\"/\""),
        record(
            "PATH",
            "item=0 name=\"/bin/ping\" inode=1 mode=0100755 nametype=NORMAL cap_fp=3000 cap_fi=0 cap_fe=1 cap_fver=3",
        ),
    ];
    check(
        &one(exec.concat()),
        &[
            ("process.thread.capabilities.effective", json!(["CAP_NET_ADMIN", "CAP_NET_RAW"])),
            ("process.thread.capabilities.permitted", json!(["CAP_NET_ADMIN", "CAP_NET_RAW"])),
            (
                "auditng.meaning",
                json!({"cap_fp": "cap_net_admin cap_net_raw", "fp": "cap_net_admin cap_net_raw", "old_pa": "cap_perfmon cap_bpf"}),
            ),
            ("auditd.data.frootid", json!("100000")),
        ],
    );
}

#[test]
fn a32_openat2_says_how_it_opened() {
    let with = |body: &str| one(syscall(STAMP, 437, "") + &record("OPENAT2", body));
    check(
        &with("oflag=012400000 mode=00 resolve=0x1"),
        &[
            ("auditng.syscall.args", json!(["AT_FDCWD", "O_RDONLY|O_NOFOLLOW|O_CLOEXEC|O_PATH", "RESOLVE_NO_XDEV"])),
            ("auditd.data.oflag", json!("012400000")),
            ("auditd.data.resolve", json!("0x1")),
            ("auditd.data.mode", json!("00")),
            ("event.type", json!(["info", "access"])),
        ],
    );
    check(
        &with("oflag=0101 mode=0640 resolve=0x18"),
        &[
            ("auditng.syscall.args", json!(["AT_FDCWD", "O_WRONLY|O_CREAT", "RESOLVE_BENEATH|RESOLVE_IN_ROOT"])),
            ("event.type", json!(["info", "change"])),
        ],
    );
    let arm = syscall(STAMP, 437, "").replace("arch=c000003e", "arch=c00000b7");
    check(
        &one(arm + &record("OPENAT2", "oflag=0100000 mode=00 resolve=0x0")),
        &[("auditng.syscall.args", json!(["AT_FDCWD", "O_RDONLY|O_NOFOLLOW"]))],
    );
}

#[test]
fn a33_programs_of_the_kernel_alone_or_with_their_call() {
    let alone = one(record("BPF", "prog-id=12 op=UNLOAD"));
    check(
        &alone,
        &[
            ("event.action", json!(["changed-bpf-program"])),
            ("auditd.summary.object.primary", json!("12")),
            ("auditd.summary.object.secondary", json!("UNLOAD")),
            ("auditng.audit.incomplete", json!(null)),
        ],
    );
    let loaded = one(record("BPF", "prog-id=12 op=LOAD") + &syscall(STAMP, 321, "").replace("a0=ffffff9c", "a0=5"));
    check(
        &loaded,
        &[
            ("event.action", json!(["changed-bpf-program"])),
            ("auditng.syscall.name", json!("bpf")),
            ("auditng.syscall.args", json!(["BPF_PROG_LOAD"])),
        ],
    );
}

#[test]
fn a33_what_a_ring_did() {
    let ring = |op: u32| {
        one([
            record("URINGOP", &format!("uring_op={op} success=yes exit=5 items=1 ppid=10 pid=11 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 key=\"u\"")),
            record("CWD", "cwd=\"/srv\""),
            record("PATH", "item=0 name=\"x\" inode=1 mode=0100644 nametype=NORMAL"),
        ]
        .concat())
    };
    check(
        &ring(18),
        &[
            ("event.action", json!(["open", "opened-file"])),
            ("event.category", json!(["file"])),
            ("event.outcome", json!("success")),
            ("auditng.meaning.uring_op", json!("IORING_OP_OPENAT")),
            ("user.id", json!("1000")),
            ("tags", json!(["u"])),
            // The record does not say which directory the path counts from.
            ("file.path", json!("x")),
            ("auditng.file.path_partial", json!(true)),
            ("auditng.audit.incomplete", json!(null)),
        ],
    );
    check(&ring(36), &[("event.action", json!(["deletion", "deleted"])), ("event.type", json!(["deletion"]))]);
    check(&ring(0), &[("event.action", json!(["io_uring"])), ("auditng.meaning.uring_op", json!("IORING_OP_NOP"))]);
    check(&ring(999), &[("event.action", json!(["io_uring"])), ("auditd.data.uring_op", json!("999"))]);
    // Done at once, inside the call that submitted it.
    let inside = record("URINGOP", "uring_op=18 success=yes exit=5 items=1") + &syscall(STAMP, 426, "");
    check(
        &one(inside),
        &[
            ("event.action", json!(["open", "opened-file"])),
            ("event.type", json!(["info"])),
            ("auditng.syscall.name", json!("io_uring_enter")),
        ],
    );
}

#[test]
fn a33_decisions_of_fanotify_old_and_new() {
    let with = |body: &str| one(record("FANOTIFY", body) + &syscall(STAMP, 257, ""));
    check(
        &with("resp=2"),
        &[("event.action", json!(["decided-file-access"])), ("auditng.meaning", json!({"resp": "FAN_DENY"}))],
    );
    check(
        &with("resp=1 fan_type=1 fan_info=3137 subj_trust=1 obj_trust=2"),
        &[(
            "auditng.meaning",
            json!({
                "resp": "FAN_ALLOW", "fan_type": "rule", "fan_info": "rule 12599", "subj_trust": "yes",
                "obj_trust": "unknown"
            }),
        )],
    );
    check(
        &with("resp=2 fan_type=0 fan_info=0 subj_trust=2 obj_trust=2"),
        &[("auditng.meaning.fan_type", json!("none")), ("auditng.meaning.fan_info", json!(null))],
    );
}

#[test]
fn a33_the_clock_steered_twice_in_one_event() {
    let lines = [
        record("TIME_ADJNTPVAL", "op=offset old=0 new=1000000"),
        record("TIME_ADJNTPVAL", "op=status old=64 new=1"),
        syscall(STAMP, 305, ""),
    ];
    check(
        &one(lines.concat()),
        &[
            ("auditd.data.op", json!(["offset", "status"])),
            ("auditd.data.old", json!(["0", "64"])),
            ("auditd.data.new", json!(["1000000", "1"])),
            ("auditng.meaning", json!({"old": "STA_UNSYNC", "new": "STA_PLL"})),
            ("event.action", json!(["changed-system-time"])),
        ],
    );
    let injected = one(record("TIME_INJOFFSET", "sec=-16 nsec=124887145") + &syscall(STAMP, 305, ""));
    check(&injected, &[("auditd.data.sec", json!("-16")), ("auditd.data.nsec", json!("124887145"))]);
}

#[test]
fn packet_filters_and_packets() {
    let changed = |body: &str| one(record("NETFILTER_CFG", body));
    check(
        &changed("table=filter:5 family=10 entries=4 op=nft_register_rule pid=20 subj=x comm=\"nft\""),
        &[
            ("auditng.meaning.family", json!("NFPROTO_IPV6")),
            ("auditd.data.op", json!("nft_register_rule")),
            ("auditd.summary.object.primary", json!("filter:5")),
            ("event.category", json!(["configuration"])),
        ],
    );
    check(&changed("table=nat family=2 entries=5"), &[("auditng.meaning.family", json!("NFPROTO_IPV4"))]);
    let old = one(record(
        "NETFILTER_PKT",
        "action=0 hook=1 len=84 inif=eth0 outif=? saddr=192.0.2.1 daddr=198.51.100.2 ipid=1 proto=1 icmptype=8 icmpcode=0",
    ));
    check(&old, &[("auditng.meaning", json!({"action": "NF_DROP", "proto": "IPPROTO_ICMP", "icmptype": "ICMP_ECHO"}))]);
    let packet =
        one(record("NETFILTER_PKT", "mark=0x1 saddr=192.0.2.1 daddr=198.51.100.2 proto=6 sport=40000 dport=22"));
    check(
        &packet,
        &[
            ("source.ip", json!("192.0.2.1")),
            ("destination.ip", json!("198.51.100.2")),
            ("destination.port", json!(22)),
            ("network.iana_number", json!("6")),
            ("auditng.meaning.proto", json!("IPPROTO_TCP")),
            ("related.ip", json!(["192.0.2.1", "198.51.100.2"])),
        ],
    );
}

#[test]
fn switches_have_words() {
    for (kind, body, meaning) in [
        ("CONFIG_CHANGE", "op=set audit_enabled=2 old=1 auid=0 ses=1 res=1", json!({"audit_enabled": "locked"})),
        ("CONFIG_CHANGE", "op=set audit_failure=2 old=1 auid=0 ses=1 res=1", json!({"audit_failure": "panic"})),
        ("CONFIG_CHANGE", "auid=0 ses=1 op=remove_rule key=\"a\" list=5 res=1", json!({"list": "exclude"})),
        ("MAC_STATUS", "enforcing=0 old_enforcing=1", json!({"enforcing": "permissive", "old_enforcing": "enforcing"})),
        ("LANDLOCK_ACCESS", "domain=195ba459b blockers=fs.refer path=\"/usr/bin\" dev=\"vda2\" ino=351", json!(null)),
    ] {
        check(&one(record(kind, body)), &[("auditng.meaning", meaning)]);
    }
    let landlock = one(record("LANDLOCK_ACCESS", "domain=195ba459b blockers=fs.make_reg,fs.refer path=\"/usr/bin\""));
    check(
        &landlock,
        &[
            ("event.action", json!(["violated-landlock-policy"])),
            ("auditd.summary.object.primary", json!("fs.make_reg,fs.refer")),
            ("auditd.summary.object.secondary", json!("/usr/bin")),
        ],
    );
}

#[test]
fn a_call_inside_socketcall_is_that_call() {
    let line = syscall(STAMP, 102, "").replace("arch=c000003e", "arch=40000003");
    let connect = [
        line.replace("a0=ffffff9c", "a0=3"),
        record("SOCKETCALL", "nargs=3 a0=5 a1=bfff0000 a2=10"),
        record("SOCKADDR", "saddr=020001BB5DB8D8220000000000000000"),
    ];
    check(
        &one(connect.concat()),
        &[
            ("auditng.syscall.name", json!("socketcall")),
            ("event.action", json!(["connection_attempted", "connected-to"])),
            ("destination.port", json!(443)),
            ("network.direction", json!("egress")),
            ("auditng.syscall.args", json!(["SYS_CONNECT"])),
        ],
    );
    let socket = line.replace("a0=ffffff9c", "a0=1") + &record("SOCKETCALL", "nargs=3 a0=2 a1=1 a2=6");
    check(&one(socket), &[("auditng.syscall.args", json!(["SYS_SOCKET", "AF_INET", "SOCK_STREAM", "IPPROTO_TCP"]))]);
    check(&one(syscall(STAMP, 2, "per=40000")), &[("auditng.meaning.per", json!("PER_LINUX|ADDR_NO_RANDOMIZE"))]);
}
