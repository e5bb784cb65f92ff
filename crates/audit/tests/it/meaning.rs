//! Scenarios of spec section 4 that speak of what an event says.

use serde_json::{Value, json};

use crate::support::{at, check, one, replay, syscall};

const STAMP: &str = "1700000000.123:42";

fn path(item: u32, name: &str, role: &str) -> String {
    format!(
        "type=PATH msg=audit({STAMP}): item={item} name={name} inode={item}7 dev=fe:00 mode=0100644 ouid=0 ogid=5 \
         rdev=00:00 nametype={role} cap_fp=0\n"
    )
}

fn cwd(directory: &str) -> String {
    format!("type=CWD msg=audit({STAMP}): cwd=\"{directory}\"\n")
}

/// An event of call `number` in `/srv` with these paths.
fn call(number: u32, paths: &[(&str, &str)]) -> Value {
    let paths: String = (0..).zip(paths).map(|(item, (name, role))| path(item, name, role)).collect();
    one([syscall(STAMP, number, "key=\"k\""), cwd("/srv"), paths].concat())
}

const OPENAT: u32 = 257;
const RENAME: u32 = 82;
const RENAMEAT: u32 = 264;
const MKDIR: u32 = 83;
const UNLINK: u32 = 87;
const CHMOD: u32 = 90;

#[test]
fn the_object_is_what_was_made_or_removed_else_the_last_used() {
    check(
        &call(OPENAT, &[("\"a\"", "PARENT"), ("\"a/b\"", "CREATE")]),
        &[
            ("file.path", json!("/srv/a/b")),
            ("file.name", json!("b")),
            ("file.directory", json!("/srv/a")),
            ("file.inode", json!("17")),
            ("file.device", json!("fe:00")),
            ("file.mode", json!("0644")),
            ("file.type", json!("file")),
            ("file.uid", json!("0")),
            ("file.gid", json!("5")),
            ("event.action", json!(["creation", "opened-file"])),
            ("event.type", json!(["creation"])),
            ("tags", json!(["k"])),
        ],
    );
    check(
        &call(UNLINK, &[("\"/tmp/\"", "PARENT"), ("\"/tmp/x\"", "DELETE")]),
        &[
            ("file.path", json!("/tmp/x")),
            ("event.type", json!(["deletion"])),
            ("event.action", json!(["deletion", "deleted"])),
        ],
    );
    check(&call(CHMOD, &[("\"x\"", "NORMAL")]), &[("file.path", json!("/srv/x")), ("event.type", json!(["change"]))]);
    check(
        &call(MKDIR, &[("\"/d\"", "PARENT"), ("\"/d/e\"", "CREATE")]),
        &[("event.action", json!(["creation", "created-directory"]))],
    );
}

#[test]
fn a_path_is_joined_to_its_directory_and_cleaned() {
    for (name, expected) in [
        ("\"./a//b/../c\"", "/srv/a/c"),
        ("\"../../../etc/passwd\"", "/etc/passwd"),
        ("\"/\"", "/"),
        ("\"/usr/\"", "/usr"),
        ("\"...\"", "/srv/..."),
        ("\"..\"", "/"),
    ] {
        let event = call(OPENAT, &[(name, "NORMAL")]);
        check(&event, &[("file.path", json!(expected)), ("auditng.file.path_partial", json!(null))]);
    }
}

#[test]
fn a_relative_path_of_a_real_descriptor_stays_partial() {
    let lines = [syscall(STAMP, OPENAT, ""), cwd("/srv"), path(0, "\"a/../b\"", "NORMAL")].concat();
    let event = one(lines.replace("a0=ffffff9c", "a0=7"));
    check(&event, &[("file.path", json!("a/../b")), ("auditng.file.path_partial", json!(true))]);
    let absolute =
        one([syscall(STAMP, OPENAT, "").replace("a0=ffffff9c", "a0=7"), path(0, "\"/b\"", "NORMAL")].concat());
    check(&absolute, &[("file.path", json!("/b")), ("auditng.file.path_partial", json!(null))]);
}

#[test]
fn a23_rename_knows_both_names() {
    let replaced =
        [("\"a\"", "PARENT"), ("\"b\"", "PARENT"), ("\"a/x\"", "DELETE"), ("\"b/y\"", "DELETE"), ("\"b/y\"", "CREATE")];
    let plain = [("\"a\"", "PARENT"), ("\"b\"", "PARENT"), ("\"a/x\"", "DELETE"), ("\"b/y\"", "CREATE")];
    for paths in [&replaced[..], &plain] {
        check(
            &call(RENAME, paths),
            &[
                ("file.path", json!("/srv/b/y")),
                ("auditng.file.original.path", json!("/srv/a/x")),
                ("event.action", json!(["rename", "renamed"])),
            ],
        );
    }
    // a0 = AT_FDCWD for the old name, a2 = 0x80000 is a descriptor for the new one.
    check(
        &call(RENAMEAT, &plain),
        &[
            ("file.path", json!("b/y")),
            ("auditng.file.path_partial", json!(true)),
            ("auditng.file.original.path", json!("/srv/a/x")),
        ],
    );
}

#[test]
fn open_flags_tell_reading_from_writing() {
    check(&one(syscall(STAMP, OPENAT, "")), &[("auditng.syscall.args", json!(["AT_FDCWD", "O_RDONLY|O_CLOEXEC"]))]);
    for (flags, kind) in [("80000", "access"), ("1", "change"), ("2", "change"), ("241", "change")] {
        let event = one(syscall(STAMP, OPENAT, "").replace("a2=80000", &format!("a2={flags}")));
        check(&event, &[("event.type", json!(["info", kind])), ("event.action", json!(["open", "opened-file"]))]);
    }
    let openat2 =
        syscall(STAMP, 437, "") + &format!("type=OPENAT2 msg=audit({STAMP}): oflag=0102 mode=0600 resolve=0x1\n");
    check(
        &one(openat2),
        &[
            ("event.type", json!(["info", "change"])),
            ("auditd.data.resolve", json!("0x1")),
            ("auditng.syscall.args", json!(["AT_FDCWD", "O_RDWR|O_CREAT", "RESOLVE_NO_XDEV"])),
        ],
    );
}

#[test]
fn an_exec_says_what_ran_and_what_was_asked_for() {
    let lines = [
        syscall(STAMP, 59, "key=(null)"),
        format!("type=EXECVE msg=audit({STAMP}): argc=3 a0=\"./run\" a1=612062 a2=\"\"\n"),
        cwd("/srv"),
        path(0, "\"./run\"", "NORMAL"),
        path(1, "\"/bin/sh\"", "NORMAL"),
        format!("type=PROCTITLE msg=audit({STAMP}): proctitle=2F62696E2F7368002E2F72756E00\n"),
    ];
    check(
        &one(lines.concat()),
        &[
            ("process.args", json!(["./run", "a b", ""])),
            ("process.args_count", json!(3)),
            ("process.command_line", json!("./run a b ")),
            ("process.title", json!("/bin/sh ./run")),
            ("process.executable", json!("/usr/bin/cat")),
            ("process.name", json!("cat")),
            ("process.working_directory", json!("/srv")),
            ("process.pid", json!(11)),
            ("process.parent.pid", json!(10)),
            ("process.tty.name", json!("pts0")),
            ("auditng.process.invoked", json!("/srv/run")),
            ("file.path", json!("/srv/run")),
            ("event.category", json!(["process"])),
            ("event.type", json!(["start"])),
            ("auditd.data.argc", json!(null)),
            ("auditd.data.a0", json!("ffffff9c")),
            ("auditd.session", json!("2")),
            ("event.kind", json!("event")),
            ("event.dataset", json!("auditng.audit")),
            ("event.module", json!("auditd")),
            ("event.provider", json!("replay")),
            ("event.sequence", json!(42)),
        ],
    );
}

#[test]
fn a2_more_than_65536_arguments() {
    let mut lines = syscall(STAMP, 59, "") + &format!("type=EXECVE msg=audit({STAMP}): argc=70000");
    for at in 0..70_000 {
        if at % 500 == 499 {
            lines += &format!("\ntype=EXECVE msg=audit({STAMP}): ");
        }
        lines += &format!(" a{at}=\"x{at}\"");
    }
    let event = one(lines + "\n");
    let args = at(&event, "process.args").as_array().unwrap();
    assert_eq!((&args[0], args.last()), (&json!("x0"), Some(&json!("x69999"))));
    check(&event, &[("process.args_count", json!(70_000)), ("auditng.audit.incomplete", json!(null))]);
}

#[test]
fn a1_pieces_are_joined_before_the_hex_is_undone() {
    // The first cut lies inside a byte and inside a character, the second argument's pieces are quoted.
    let lines = [
        syscall(STAMP, 59, ""),
        format!("type=EXECVE msg=audit({STAMP}): argc=3 a0=\"x\" a1_len=8 a1[0]=C3A\n"),
        format!("type=EXECVE msg=audit({STAMP}):  a1[1]=97A7A a2_len=4 a2[0]=\"ab\" a2[1]=\"cd\"\n"),
    ];
    check(&one(lines.concat()), &[("process.args", json!(["x", "\u{e9}zz", "abcd"]))]);
}

#[test]
fn a37_the_title_is_never_trusted_over_the_arguments() {
    let lines = [
        syscall(STAMP, 59, ""),
        format!("type=EXECVE msg=audit({STAMP}): argc=4 a0=\"auditctl\" a1=\"-a\" a2=\"-F\" a3=\"arch=b64\"\n"),
        format!("type=PROCTITLE msg=audit({STAMP}): proctitle={}\n", "617564697463746C002D61002D46006172636800623634"),
    ];
    check(
        &one(lines.concat()),
        &[
            ("process.command_line", json!("auditctl -a -F arch=b64")),
            ("process.title", json!("auditctl -a -F arch b64")),
        ],
    );
    let cut =
        one(syscall(STAMP, 2, "") + &format!("type=PROCTITLE msg=audit({STAMP}): proctitle={}\n", "41".repeat(128)));
    check(&cut, &[("auditng.truncated", json!(["process.title"])), ("process.title", json!("A".repeat(128)))]);
}

#[test]
fn a26_outcomes() {
    for (result, exit, outcome, errno) in [
        ("success=yes", "3", "success", json!(null)),
        ("success=no", "-2", "failure", json!("ENOENT")),
        ("success=no", "-115", "unknown", json!("EINPROGRESS")),
        ("success=no", "-512", "unknown", json!("ERESTARTSYS")),
        ("success=no", "-516", "unknown", json!("ERESTART_RESTARTBLOCK")),
        ("", "0", "unknown", json!(null)),
    ] {
        let line = syscall(STAMP, 42, "").replace("success=yes exit=3", &format!("{result} exit={exit}"));
        check(&one(line), &[("event.outcome", json!(outcome)), ("auditng.errno", errno)]);
    }
    let pointer = one(syscall(STAMP, 9, "").replace("exit=3", "exit=140737488355328"));
    check(&pointer, &[("auditd.data.exit", json!("0x800000000000"))]);
    for (res, outcome) in
        [("success", "success"), ("failed", "failure"), ("1", "success"), ("0", "failure"), ("?", "unknown")]
    {
        let line = format!("type=USER_LOGIN msg=audit({STAMP}): pid=1 uid=0 auid=1 ses=1 msg='op=login res={res}'");
        check(&one(line), &[("event.outcome", json!(outcome))]);
    }
}

#[test]
fn a27_connections() {
    let with = |number: u32, hex: &str| {
        one(syscall(STAMP, number, "") + &format!("type=SOCKADDR msg=audit({STAMP}): saddr={hex}\n"))
    };
    check(
        &with(42, "020001BB5DB8D8220000000000000000"),
        &[
            ("destination.ip", json!("93.184.216.34")),
            ("destination.port", json!(443)),
            ("destination.address", json!("93.184.216.34")),
            ("network.direction", json!("egress")),
            ("network.type", json!("ipv4")),
            ("related.ip", json!(["93.184.216.34"])),
            ("event.category", json!(["network"])),
            ("event.type", json!(["connection", "start"])),
            ("event.action", json!(["connection_attempted", "connected-to"])),
            ("auditd.summary.object.type", json!("socket")),
            ("auditd.summary.object.primary", json!("93.184.216.34")),
            ("auditd.summary.object.secondary", json!("443")),
        ],
    );
    check(
        &with(43, "0A00C93A0000000020010DB800000000000000000000000100000000"),
        &[
            ("source.ip", json!("2001:db8::1")),
            ("network.direction", json!("ingress")),
            ("network.type", json!("ipv6")),
        ],
    );
    check(
        &with(42, "01002F72756E2F7800"),
        &[("destination.path", json!("/run/x")), ("network.transport", json!("unix"))],
    );
    check(&with(42, "0100006100620063"), &[("destination.path", json!("@a\0b\0c"))]);
    for odd in ["02", "020011", "0100", "00", "FFFF0000", "odd"] {
        check(&with(42, odd), &[("destination.ip", json!(null)), ("auditd.data.saddr", json!(odd))]);
    }
    check(&with(49, "020001BB5DB8D8220000000000000000"), &[("destination", json!(null)), ("source", json!(null))]);
}

#[test]
fn a25_one_number_two_calls() {
    let line = syscall(STAMP, 20, "");
    check(&one(&line), &[("auditng.syscall.name", json!("writev"))]);
    check(&one(line.replace("arch=c000003e", "arch=40000003")), &[("auditng.syscall.name", json!("getpid"))]);
    let x32 = one(syscall(STAMP, 0x4000_0000 + 2, ""));
    check(&x32, &[("auditng.syscall.name", json!("open"))]);
    let unknown = one(syscall(STAMP, 99_999, ""));
    check(
        &unknown,
        &[
            ("auditd.data.syscall", json!("99999")),
            ("event.category", json!(["process"])),
            ("auditng.syscall.name", json!(null)),
        ],
    );
}

#[test]
fn identities_that_differ_are_said_and_nobody_is_absent() {
    let line = syscall(STAMP, 105, "subj=system_u:system_r:x_t:s0-s0:c0.c1023")
        .replace("auid=1000", "auid=4294967295")
        .replace("uid=0 gid=0 euid=0 suid=0 fsuid=0", "uid=1000 gid=1000 euid=0 suid=5 fsuid=0")
        .replace("ses=2", "ses=4294967295");
    check(
        &one(line),
        &[
            ("user.id", json!("1000")),
            ("user.effective.id", json!("0")),
            ("user.group.id", json!("1000")),
            ("user.effective.group.id", json!("0")),
            ("auditd.user.saved.id", json!("5")),
            ("auditd.user.filesystem.id", json!(null)),
            ("auditd.user.audit.id", json!(null)),
            ("auditd.session", json!(null)),
            ("auditd.user.selinux.domain", json!("x_t")),
            ("auditd.user.selinux.category", json!("c0.c1023")),
            ("event.action", json!(["uid_change", "changed-identity-of"])),
        ],
    );
}

#[test]
fn accounts_sessions_and_logins() {
    let user = |kind: &str, message: &str| {
        one(format!("type={kind} msg=audit({STAMP}): pid=9 uid=0 auid=1000 ses=3 subj=unconfined msg='{message}'"))
    };
    let login = user(
        "USER_LOGIN",
        "op=login acct=\"mallory\" exe=\"/usr/sbin/sshd\" hostname=evil.example addr=203.0.113.9 terminal=ssh res=failed",
    );
    check(
        &login,
        &[
            ("event.action", json!(["logged-in"])),
            ("event.category", json!(["authentication"])),
            ("event.type", json!(["start"])),
            ("event.outcome", json!("failure")),
            ("user.id", json!("1000")),
            ("user.effective.name", json!("mallory")),
            ("source.ip", json!("203.0.113.9")),
            ("source.domain", json!("evil.example")),
            ("related.ip", json!(["203.0.113.9"])),
            ("related.user", json!(["mallory"])),
            ("process.name", json!("sshd")),
            ("auditd.summary.how", json!("/usr/sbin/sshd")),
        ],
    );
    let added =
        user("ADD_USER", "op=adding user id=1001 exe=\"/usr/sbin/useradd\" hostname=? addr=? terminal=? res=success");
    check(
        &added,
        &[
            ("event.category", json!(["iam"])),
            ("event.type", json!(["user", "creation"])),
            ("user.target.id", json!("1001")),
            ("source", json!(null)),
            ("auditd.data.op", json!("adding user")),
        ],
    );
    let command = user("USER_CMD", "cwd=\"/root\" cmd=6964202D61 exe=\"/usr/bin/sudo\" terminal=pts/0 res=success");
    check(
        &command,
        &[
            ("auditd.data.cmd", json!("id -a")),
            ("auditd.summary.object.primary", json!("id -a")),
            ("process.working_directory", json!("/root")),
            ("user.id", json!("0")),
        ],
    );
    let session = user("USER_END", "op=PAM:session_close acct=\"root\" exe=\"/usr/bin/su\" res=success");
    check(&session, &[("event.category", json!(["session"])), ("event.type", json!(["end"]))]);
}

#[test]
fn a_message_cannot_pose_as_another_actor() {
    let line = format!(
        "type=USER_CMD msg=audit({STAMP}): pid=9 uid=1000 auid=1000 ses=3 msg='cmd=\"x\" uid=0 auid=0 pid=1 res=success'"
    );
    check(
        &one(line),
        &[("user.id", json!("1000")), ("auditd.user.audit.id", json!("1000")), ("process.pid", json!(9))],
    );
}

#[test]
fn a_configuration_change_is_named_by_its_record_and_keeps_its_call() {
    let lines =
        format!("type=CONFIG_CHANGE msg=audit({STAMP}): auid=1000 ses=2 op=add_rule key=\"exec\" list=4 res=1\n")
            + &syscall(STAMP, 44, "key=(null)");
    check(
        &one(lines),
        &[
            ("auditd.message_type", json!("config_change")),
            ("event.action", json!(["changed-audit-configuration"])),
            ("event.category", json!(["process", "configuration"])),
            ("auditd.summary.object.primary", json!("add_rule")),
            ("auditng.syscall.name", json!("sendto")),
            ("process.executable", json!("/usr/bin/cat")),
            ("auditng.audit.types", json!(["CONFIG_CHANGE", "SYSCALL"])),
        ],
    );
}

#[test]
fn a33_values_of_one_name_are_all_kept() {
    let lines = [
        format!("type=TIME_ADJNTPVAL msg=audit({STAMP}): op=freq old=1 new=2\n"),
        format!("type=TIME_ADJNTPVAL msg=audit({STAMP}): op=tick old=3 new=2\n"),
        syscall(STAMP, 305, ""),
    ];
    check(
        &one(lines.concat()),
        &[
            ("auditd.data.op", json!(["freq", "tick"])),
            ("auditd.data.old", json!(["1", "3"])),
            ("event.action", json!(["changed-system-time"])),
        ],
    );
}

#[test]
fn a35_odd_programs() {
    for (comm, exe, shown_comm, shown_exe) in [
        ("\"a)b\"", "\"/memfd:x (deleted)\"", "a)b", "/memfd:x (deleted)"),
        ("6120620A", "2F746D702F78202864656C6574656429", "a b\n", "/tmp/x (deleted)"),
        ("\"sh\"", "\"/\"", "sh", "/"),
    ] {
        let line =
            syscall(STAMP, 59, "").replace("comm=\"cat\" exe=\"/usr/bin/cat\"", &format!("comm={comm} exe={exe}"));
        check(&one(line), &[("process.name", json!(shown_comm)), ("process.executable", json!(shown_exe))]);
    }
    let empty =
        [syscall(STAMP, 322, "").replace("a0=ffffff9c", "a0=5"), cwd("/srv"), path(0, "\"\"", "NORMAL")].concat();
    check(&one(empty), &[("file.path", json!("")), ("auditng.file.path_partial", json!(true))]);
}

#[test]
fn a6_bytes_that_are_not_utf8_are_escaped_and_marked() {
    let event = call(OPENAT, &[("2F746D702FFFFE", "CREATE")]);
    check(&event, &[("file.path", json!(r"/tmp/\xff\xfe")), ("auditd.paths", at(&event, "auditd.paths").clone())]);
    assert_eq!(at(&event, "auditd.paths")[0]["name"], json!(r"/tmp/\xff\xfe"));
    let marked = at(&event, "auditng.escaped").as_array().unwrap();
    for name in ["file.path", "file.name", "auditd.paths"] {
        assert!(marked.contains(&json!(name)), "{name} in {marked:?}");
    }
}

#[test]
fn an_anomaly_is_an_alert() {
    let line = format!(
        "type=ANOM_ABEND msg=audit({STAMP}): auid=1 uid=0 gid=0 ses=1 pid=7 comm=\"x\" exe=\"/x\" sig=11 res=1"
    );
    check(
        &one(line),
        &[
            ("event.kind", json!("alert")),
            ("event.category", json!(["process", "intrusion_detection"])),
            ("auditd.summary.how", json!("11")),
        ],
    );
}

#[test]
fn too_many_fields_or_paths_are_cut_and_said() {
    let many: String = (0..20_000).map(|at| format!(" n{at}=1")).collect();
    let (events, _) = replay(format!("type=USER msg=audit({STAMP}):{many}\n"));
    assert_eq!(at(&events[0], "auditng.truncated"), &json!(["auditd.data"]));
    let paths: String = (0..3000).map(|item| path(item, "\"/x\"", "NORMAL")).collect();
    let event = one(syscall(STAMP, OPENAT, "") + &paths);
    let truncated = at(&event, "auditng.truncated").as_array().unwrap();
    assert!(truncated.contains(&json!("auditd.paths")), "{truncated:?}");
    assert!(at(&event, "auditd.paths").as_array().unwrap().len() <= 1024);
}
