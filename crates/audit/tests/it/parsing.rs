//! Scenarios of spec section 4 that speak of one line or value.

use audit::record::{self, Malformed, Name, Place, name, parse_line};
use serde_json::json;

use crate::support::{at, check, one, replay, syscall};

const HEAD: &str = "msg=audit(1700000000.123:42):";

/// The fields of a line's body as `name=value`, decoded.
fn fields(body: &str) -> Vec<String> {
    let line = format!("type=1399 {HEAD} {body}");
    let record = parse_line(line.as_bytes()).expect("a header of its own making");
    let shown = |field: record::Field<'_>| {
        let place = match field.place {
            Place::Outer => "",
            Place::Inner => "'",
            Place::Tail => "^",
        };
        let value = field.value.decoded(field.name);
        format!("{place}{}={}", field.key.escape_ascii(), value.escape_ascii())
    };
    record.fields().map(shown).collect()
}

#[test]
fn a3_only_unquoted_even_upper_hex_of_text_fields_is_undone() {
    assert_eq!(
        fields(r#"name="DEADBEEF" name=C0FFEE name=C0FFE name=c0ffee"#),
        ["name=DEADBEEF", r"name=\xc0\xff\xee", "name=C0FFE", "name=c0ffee"]
    );
    assert_eq!(fields("a0=C0FFEE a1=C0FFEE inode=1234"), ["a0=C0FFEE", "a1=C0FFEE", "inode=1234"]);
}

#[test]
fn a4_absent_is_not_empty_and_not_quoted() {
    let line = format!("type=1399 {HEAD} key=(null) tty=(none) addr=? comm=\"(null)\" acct=\"\" op= id=1002");
    let record = parse_line(line.as_bytes()).unwrap();
    let seen: Vec<_> = record.fields().map(|field| (field.name, field.value.is_absent(), field.value.raw)).collect();
    assert_eq!(
        seen,
        [
            (name::KEY, true, &b"(null)"[..]),
            (name::TTY, true, b"(none)"),
            (name::ADDR, true, b"?"),
            (name::COMM, false, b"(null)"),
            (name::ACCT, false, b""),
            (name::OP, false, b""),
            (name::ID, false, b"1002"),
        ]
    );
}

#[test]
fn a5_words_belong_to_the_value_before_them() {
    assert_eq!(fields("op=adding user id=1001"), ["op=adding user", "id=1001"]);
    assert_eq!(
        fields(r#"pid=1 msg='op=adding user to group acct="webops" res=success'"#),
        ["pid=1", "'op=adding user to group", "'acct=webops", "'res=success"]
    );
}

#[test]
fn a5_a_quote_inside_a_message_degrades_to_text_and_is_kept() {
    let event = one(format!("type=USER {HEAD} pid=1 uid=0 msg='text=second 'quoted' msg addr=? res=success'"));
    check(&event, &[("auditd.data.text", json!("second 'quoted' msg")), ("event.outcome", json!("success"))]);
}

#[test]
fn a7_a_name_is_matched_whole() {
    let event = one(syscall("1.000:1", 59, "").replace(" uid=0", " uid=123456789"));
    check(&event, &[("user.id", json!("123456789")), ("auditd.user.audit.id", json!("1000"))]);
    assert_eq!(Name::of(b"xuid"), name::OTHER);
    let short = one(format!("type=USER_CMD {HEAD} auid=7 ouid=8 uid=1234567"));
    check(&short, &[("user.id", json!("1234567"))]);
}

#[test]
fn a8_enriched_names_are_taken_from_the_tail_only() {
    let line = syscall("1.000:1", 59, "key=(null)").trim_end().to_owned()
        + "\x1dARCH=x86_64 SYSCALL=execve AUID=\"unknown(1000)\" UID=\"root\" UID=\"again\" GID=\"wheel\" EUID=\"root\"\n";
    let event = one(line);
    check(
        &event,
        &[
            ("user.name", json!("root")),
            ("user.group.name", json!("wheel")),
            ("auditd.user.audit.id", json!("1000")),
            ("auditd.user.audit.name", json!(null)),
            ("auditd.data.ARCH", json!(null)),
        ],
    );
}

#[test]
fn a8_braces_and_a_separator_inside_a_quoted_value() {
    assert_eq!(
        fields("saddr=01\x1dSADDR={ saddr_fam=local path=/x y } UID=\"a\""),
        ["saddr=01", "^SADDR={ saddr_fam=local path=/x y }", "^UID=a"]
    );
    assert_eq!(
        fields("pid=1 msg='cwd=\"a\x1db\" res=success'\x1dUID=\"root\""),
        ["pid=1", r"'cwd=a\x1db", "'res=success", "^UID=root"]
    );
}

#[test]
fn a20_records_of_old_kernels() {
    assert_eq!(
        fields(
            r#"user pid=13015 uid=0 msg='PAM: accounting acct=root : exe="/usr/sbin/crond" (hostname=?, addr=?, terminal=cron res=success)'"#
        ),
        [
            "pid=13015",
            "uid=0",
            "'acct=root",
            "'exe=/usr/sbin/crond",
            "'hostname=?",
            "'addr=?",
            "'terminal=cron",
            "'res=success"
        ]
    );
    let login = one(format!("type=LOGIN {HEAD} login pid=13015 uid=0 old auid=4294967295 new auid=0"));
    check(
        &login,
        &[
            ("event.action", json!(["changed-login-id-to"])),
            ("user.effective.id", json!("0")),
            ("user.id", json!(null)),
            ("process.pid", json!(13015)),
        ],
    );
    let start = one(format!("type=DAEMON_START {HEAD} auditd start, ver=2.4.1 format=raw auid=4294967295 res=success"));
    check(&start, &[("auditd.data.op", json!("auditd start")), ("auditd.data.ver", json!("2.4.1"))]);
}

#[test]
fn a21_mandatory_access_control() {
    let selinux = one(format!(
        "type=AVC {HEAD} avc:  denied  {{ read write }} for  pid=13010 comm=\"pickup\" name=\"maildrop\" \
         scontext=system_u:system_r:postfix_pickup_t:s0 tcontext=system_u:object_r:spool_t:s0 tclass=dir permissive=0"
    ));
    check(
        &selinux,
        &[
            ("auditd.data.seresult", json!("denied")),
            ("auditd.data.seperms", json!("read write")),
            ("auditd.data.permissive", json!("0")),
            ("event.action", json!(["violated-selinux-policy"])),
            ("auditd.summary.object.secondary", json!("dir")),
        ],
    );
    let user = one(format!(
        "type=USER_AVC {HEAD} pid=1 uid=0 subj=unconfined msg='avc:  denied  {{ send_msg }} for msgtype=method_call \
         scontext=a:b:c exe=\"/usr/bin/dbus-daemon\"'"
    ));
    check(&user, &[("process.executable", json!("/usr/bin/dbus-daemon")), ("auditd.data.scontext", json!("a:b:c"))]);
    let apparmor = one(format!(
        "type=AVC {HEAD} apparmor=\"DENIED\" operation=\"open\" profile=\"/usr/sbin/x\" pid=5 requested_mask=\"r\""
    ));
    check(
        &apparmor,
        &[
            ("event.action", json!(["violated-apparmor-policy"])),
            ("auditd.summary.object.primary", json!("open")),
            ("auditd.summary.object.secondary", json!("r")),
        ],
    );
    let odd = one(format!("type=MAC_STATUS {HEAD} enforcing=1 subj==unconfined"));
    check(&odd, &[("auditd.user.selinux.user", json!("=unconfined"))]);
    let contexts = one(format!("type=MAC_TASK_CONTEXTS {HEAD} subj_selinux=a:b subj=?"));
    check(&contexts, &[("auditd.user.selinux", json!(null)), ("auditd.data.subj_selinux", json!("a:b"))]);
}

#[test]
fn a22_lines_cut_anywhere_are_never_lost() {
    let line =
        format!("type=USER_CMD {HEAD} pid=1 uid=0 auid=1000 ses=1 msg='cwd=\"/\" cmd=6964 terminal=? res=success'");
    for cut in 1..line.len() {
        let (events, counters) = replay(&line[..cut]);
        assert_eq!(events.len(), 1, "{}", &line[..cut]);
        assert_eq!(counters.records + counters.unparsed, 1);
        assert_eq!(at(&events[0], "event.original"), &json!(line[..cut]));
        assert_eq!(counters.unparsed == 1, at(&events[0], "error.message").is_string());
    }
}

#[test]
fn a22_odd_lines() {
    let body = "x".repeat(64 << 10);
    let lines = format!("type=USER {HEAD} text={body}\r\n\n\r\ntype=USER msg=audit(1.000:43): op=b\r\n");
    let (events, counters) = replay(lines);
    assert_eq!((events.len(), counters.unparsed), (2, 0));
    assert_eq!(at(&events[1], "auditd.data.op"), &json!("b"));
    assert_eq!(at(&events[0], "auditng.truncated"), &json!(["auditd.data.text"]));

    let nul = one(format!("type=USER {HEAD} op=a\0b id=1"));
    check(&nul, &[("auditd.data.op", json!("a\0b")), ("auditd.data.id", json!("1"))]);

    let comma = one("type=DAEMON_CONFIG msg=audit(1490239800.477:34) config changed, auid=0 pid=1512 res=success");
    check(&comma, &[("auditd.data.op", json!("config changed")), ("event.sequence", json!(34))]);
}

#[test]
fn a22_what_is_no_record_says_why() {
    for (line, why) in [
        ("type=UNKNOWN[1329] msg=?", Malformed::NoHeader),
        ("hello", Malformed::NoHeader),
        ("type=SYSCALL", Malformed::NoHeader),
        ("type=NO_SUCH_TYPE msg=audit(1.000:1): ", Malformed::UnknownType),
        ("type=99999 audit(1.000:1): ", Malformed::UnknownType),
        ("type=SYSCALL msg=audit(1.00:1): ", Malformed::BadStamp),
        ("type=SYSCALL msg=audit(1.000:4294967296): ", Malformed::BadStamp),
        ("type=SYSCALL msg=audit(999999999999999.000:1): ", Malformed::BadStamp),
    ] {
        assert_eq!(parse_line(line.as_bytes()), Err(why), "{line}");
        check(&one(line), &[("error.message", json!(why.to_string())), ("event.original", json!(line))]);
    }
}

#[test]
fn every_wrapping_gives_the_same_record() {
    for line in [
        "type=CWD msg=audit(1700000000.123:42):  cwd=\"/\"",
        "type=1307 audit(1700000000.123:42): cwd=\"/\"",
        "[ 12.3] audit: type=1307 audit(1700000000.123:42): cwd=\"/\"",
        "Nov 14 22:13:20 h kernel: audit: type=1307 audit(1700000000.123:42): cwd=\"/\"",
        "Nov 14 22:13:20 h audisp-syslog[7]: type=CWD msg=audit(1700000000.123:42): cwd=\"/\"",
        "node=a host type=CWD msg=audit(1700000000.123:42): cwd=\"/\"",
        "<13>1 2023 h audispd - - - node=a host type=CWD msg=audit(1700000000.123:42): cwd=\"/\"\r\n",
    ] {
        let record = parse_line(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!((record.kind, record.stamp.serial), (1307, 42), "{line}");
        assert_eq!(record.stamp.time.millis(), 1_700_000_000_123);
        assert_eq!(record.node, line.contains("node=").then_some(&b"a host"[..]), "{line}");
        assert_eq!(record.fields().count(), 1, "{line}");
    }
}

#[test]
fn a34_keys() {
    let old = one(syscall("1.000:1", 2, "key=65786563013634626974\""));
    check(&old, &[("tags", json!(["exec", "64bit"]))]);
    let blank = one(syscall("1.000:2", 2, "key=6D79206B6579"));
    check(&blank, &[("tags", json!(["my key"]))]);
    let plain = one(syscall("1.000:3", 2, "key=\"FACE\""));
    check(&plain, &[("tags", json!(["FACE"]))]);
}

#[test]
fn a36_a_type_that_no_table_knows() {
    for line in
        [format!("type=UNKNOWN[1399] {HEAD} new=1 odd=x"), "type=1399 audit(1700000000.123:42): new=1 odd=x".to_owned()]
    {
        check(
            &one(line),
            &[
                ("auditd.message_type", json!("unknown[1399]")),
                ("auditd.data.odd", json!("x")),
                ("auditd.data.new", json!("1")),
                ("auditng.audit.types", json!(["UNKNOWN[1399]"])),
            ],
        );
    }
}
