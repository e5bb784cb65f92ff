//! Every form in which a log may come gives the same events (spec 1.4, AI1 to AI7). The forms are made here from the logs
//! under `testdata/`.

use audit::pipeline::Counters;
use audit::record::parse_line;
use audit::replay::{Decoder, Format, Options, detect};
use audit::table::RecordType;
use schema::{Event, Timestamp};
use serde_json::{Value, json};

use crate::support::{at, check, document};

/// The lines of our own logs, but for those behind prefixes or of several hosts.
fn log() -> Vec<String> {
    let mut lines = Vec::new();
    for name in ["exec", "file", "config", "network"] {
        let path = format!("{}/testdata/debian-6.18-{name}.log", env!("CARGO_MANIFEST_DIR"));
        lines.extend(std::fs::read_to_string(path).expect("testdata lies beside src").lines().map(str::to_owned));
    }
    lines
}

/// Events of an input in chunks of `size`, what it was taken for, and the counts.
fn read(input: &[u8], size: usize) -> (Vec<Value>, Format, Counters) {
    let reference = Timestamp::from_millis(1_800_000_000_000);
    let mut decoder = Decoder::new(Options { reference, ..Options::default() });
    let mut events = Vec::new();
    let mut each = |event: &mut Event| events.push(document(event));
    input.chunks(size).for_each(|chunk| decoder.feed(chunk, &mut each));
    decoder.finish(&mut each);
    (events, decoder.detection().expect("the input has ended").format, decoder.counters())
}

/// Without what a form may add or spell in its own way: the host, and the raw lines' beginnings.
fn plain(mut events: Vec<Value>) -> Vec<String> {
    for event in &mut events {
        let members = event.as_object_mut().expect("an event is an object");
        members.remove("host");
        let original = members["event"]["original"].as_str().expect("kept by default");
        let bodies: Vec<&str> = original.lines().map(|line| &line[line.find("audit(").unwrap_or(0)..]).collect();
        members["event"]["original"] = json!(bodies);
    }
    let mut texts: Vec<String> = events.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

fn expected() -> Vec<String> {
    let (events, format, counters) = read(log().join("\n").as_bytes(), usize::MAX);
    assert_eq!((format, counters.unparsed), (Format::Lines, 0));
    assert!(events.len() > 15, "{}", events.len());
    plain(events)
}

/// Type, milliseconds, serial and text of a line.
fn parts(line: &str) -> (u16, u64, u32, String) {
    let record = parse_line(line.as_bytes()).expect("our own log");
    let ms = u64::try_from(record.stamp.time.millis()).expect("after 1970");
    (record.kind, ms, record.stamp.serial, String::from_utf8(record.body().to_vec()).expect("text"))
}

/// All chunk sizes give the same, and the same as the plain log.
fn same(input: &[u8], format: Format) {
    for size in [13, 4096, usize::MAX] {
        let (events, found, counters) = read(input, size);
        assert_eq!((found, counters.unparsed), (format, 0), "{size}");
        assert_eq!(plain(events), expected(), "{size}");
    }
}

#[test]
fn ai1_ai2_with_a_node_crlf_and_without_a_last_line_end() {
    let lines: Vec<String> = log().iter().map(|line| format!("node=host-7 {line}")).collect();
    same(lines.join("\r\n").as_bytes(), Format::Lines);
    let (events, ..) = read(lines.join("\n").as_bytes(), usize::MAX);
    assert!(events.iter().all(|event| at(event, "host.name") == "host-7"));
    // RAW and ENRICHED lines mixed: the tail adds names only.
    let mixed: Vec<String> = log()
        .iter()
        .enumerate()
        .map(|(at, line)| if at % 2 == 0 { format!("{line}\x1dFOO=\"bar\"") } else { line.clone() })
        .collect();
    let (events, _, counters) = read(mixed.join("\n").as_bytes(), usize::MAX);
    assert_eq!((events.len(), counters.unparsed), (expected().len(), 0));
}

#[test]
fn ai3_ai4_behind_prefixes_of_every_kind() {
    for prefix in
        ["[   12.345678] audit: ", "[Mon Sep 21 14:00:01 2026] audit: ", "<5>[   12.3] audit: ", "kernel: audit: "]
    {
        let kernel = |line: &String| {
            let (kind, ms, serial, text) = parts(line);
            format!("{prefix}type={kind} audit({}.{:03}:{serial}): {text}", ms / 1000, ms % 1000)
        };
        same(log().iter().map(kernel).collect::<Vec<_>>().join("\n").as_bytes(), Format::Lines);
    }
    for prefix in [
        "Sep 21 14:00:01 web-1 audispd: ",
        "<13>1 2026-09-21T14:00:01Z web-1 audisp-syslog 7 - - ",
        "web-1 audisp-syslog[7]: ",
    ] {
        same(log().iter().map(|line| format!("{prefix}{line}\n")).collect::<String>().as_bytes(), Format::Lines);
    }
}

#[test]
fn ai2_ai4_the_tail_behind_rsyslogs_escape() {
    let record = "type=USER_CMD msg=audit(1700000000.123:42): pid=1 uid=0 auid=1000 ses=1 msg='cmd=\"id\" res=success'";
    for separator in ["#035", "\x1d"] {
        let line = format!("Sep 21 14:00:01 web-1 audisp-syslog: {record}{separator}UID=\"root\" AUID=\"ada\"");
        let (events, _, counters) = read(line.as_bytes(), usize::MAX);
        assert_eq!((events.len(), counters.unparsed), (1, 0));
        check(&events[0], &[("user.name", json!("root")), ("auditd.user.audit.name", json!("ada"))]);
    }
}

/// An entry as journald makes it of a record.
fn entry(line: &str) -> Vec<(&'static str, Vec<u8>)> {
    let (kind, ms, serial, text) = parts(line);
    let name = RecordType(kind).to_string();
    vec![
        ("__CURSOR", b"s=1;i=2".to_vec()),
        ("__REALTIME_TIMESTAMP", (ms * 1000 + 77_000).to_string().into_bytes()),
        ("_TRANSPORT", b"audit".to_vec()),
        ("_HOSTNAME", b"web-1".to_vec()),
        ("_AUDIT_TYPE", kind.to_string().into_bytes()),
        ("_AUDIT_TYPE_NAME", name.clone().into_bytes()),
        ("_AUDIT_ID", serial.to_string().into_bytes()),
        ("_SOURCE_REALTIME_TIMESTAMP", (ms * 1000).to_string().into_bytes()),
        ("_UID", b"0".to_vec()),
        ("MESSAGE", format!("{name} {text}").into_bytes()),
    ]
}

fn export(entries: &[Vec<(&str, Vec<u8>)>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        for (name, value) in entry {
            out.extend_from_slice(name.as_bytes());
            // Binary fields are allowed for any value.
            if *name == "MESSAGE" && at % 3 == 0 {
                out.push(b'\n');
                out.extend_from_slice(&(value.len() as u64).to_le_bytes());
            } else {
                out.push(b'=');
            }
            out.extend_from_slice(value);
            out.push(b'\n');
        }
        out.push(b'\n');
    }
    out
}

fn other_entry() -> Vec<(&'static str, Vec<u8>)> {
    vec![("__CURSOR", b"s=1;i=3".to_vec()), ("_TRANSPORT", b"syslog".to_vec()), ("MESSAGE", b"hello type=x".to_vec())]
}

#[test]
fn ai5_journal_export() {
    let mut entries: Vec<_> = log().iter().map(|line| entry(line)).collect();
    entries.insert(0, other_entry());
    entries.push(other_entry());
    let text = export(&entries);
    same(&text, Format::JournalExport);
    same(&text[..text.len() - 1], Format::JournalExport);
    let (events, _, counters) = read(&text, 4096);
    assert_eq!(counters.foreign, 2);
    assert!(events.iter().all(|event| at(event, "host.name") == "web-1"));
}

#[test]
fn ai5_journal_json() {
    let object = |entry: Vec<(&str, Vec<u8>)>| {
        let mut members = serde_json::Map::new();
        for (name, value) in entry {
            let value = match String::from_utf8(value) {
                // As journalctl writes what is no plain text: each byte a number.
                Ok(text) if name == "MESSAGE" && text.contains("proctitle") => json!(text.as_bytes()),
                Ok(text) => json!(text),
                Err(_) => unreachable!("our own log is text"),
            };
            members.insert(name.to_owned(), value);
        }
        Value::Object(members).to_string()
    };
    let lines: Vec<String> = log().iter().map(|line| object(entry(line))).collect();
    same(lines.join("\n").as_bytes(), Format::JournalJson);
    // journalctl -o json-sse and -o json-seq.
    same(lines.iter().map(|line| format!("data: {line}\n\n")).collect::<String>().as_bytes(), Format::JournalJson);
    same(lines.iter().map(|line| format!("\x1e{line}\n")).collect::<String>().as_bytes(), Format::JournalJson);

    // Messages longer than 4 KiB are left out unless journalctl is told `--all`.
    let left_out = r#"{"__REALTIME_TIMESTAMP":"1","_AUDIT_TYPE":"1309","_AUDIT_ID":"7","_SOURCE_REALTIME_TIMESTAMP":"1000","MESSAGE":null}"#;
    let (events, _, counters) = read([left_out, object(other_entry()).as_str(), "{cut"].join("\n").as_bytes(), 999);
    assert_eq!((events.len(), counters.unparsed, counters.foreign), (2, 2, 1));
    assert!(at(&events[0], "error.message").as_str().is_some_and(|text| text.contains("--all")), "{events:#?}");
    assert!(
        at(&events[0], "event.original")
            .as_str()
            .is_some_and(|text| text.starts_with("type=EXECVE msg=audit(0.001:7)"))
    );
    assert_eq!(at(&events[1], "event.original"), "{cut");
}

#[test]
fn ai5_a_journal_of_the_kernel_log_or_of_syslog() {
    let kernel = |line: &String| {
        let (kind, ms, serial, text) = parts(line);
        let message = format!("audit: type={kind} audit({}.{:03}:{serial}): {text}", ms / 1000, ms % 1000);
        vec![("__CURSOR", b"s".to_vec()), ("_TRANSPORT", b"kernel".to_vec()), ("MESSAGE", message.into_bytes())]
    };
    same(&export(&log().iter().map(kernel).collect::<Vec<_>>()), Format::JournalExport);
    let syslog = |line: &String| {
        vec![("__CURSOR", b"s".to_vec()), ("_TRANSPORT", b"syslog".to_vec()), ("MESSAGE", line.clone().into_bytes())]
    };
    same(&export(&log().iter().map(syslog).collect::<Vec<_>>()), Format::JournalExport);
}

#[test]
fn ai5_the_short_form_has_no_serials() {
    let lines = "Nov 14 22:13:20 web-1 audit[11]: SYSCALL arch=c000003e syscall=59 success=no exit=-2 pid=11 exe=\"/bin/sh\"\n\
                 Nov 14 22:13:20 web-1 audit: PROCTITLE proctitle=\"sh\"\n\
                 2023-11-14T22:13:21+0000 web-1 audit[1]: USER_LOGIN pid=1 uid=0 auid=0 ses=1 msg='op=login acct=\"a\" res=success'\n\
                 Nov 14 22:13:22 web-1 sshd[1]: hello\n";
    let (events, format, counters) = read(lines.as_bytes(), 10);
    assert_eq!((format, counters.records, counters.events, counters.unparsed), (Format::Lines, 3, 4, 1));
    assert_eq!((counters.incomplete, counters.lost), (3, 0));
    assert!(!detect(lines.as_bytes()).is_guess());
    check(
        &events[0],
        &[
            ("event.action", json!(["exec", "executed"])),
            ("auditng.audit.incomplete", json!(true)),
            ("event.sequence", json!(null)),
            // The last 14th of November before the input was written, the zone unknown.
            ("@timestamp", json!("2026-11-14T22:13:20.000Z")),
            ("auditng.time_suspect", json!(true)),
            ("auditng.errno", json!("ENOENT")),
        ],
    );
    check(&events[1], &[("process.title", json!("sh")), ("auditng.audit.incomplete", json!(true))]);
    check(
        &events[2],
        &[
            ("@timestamp", json!("2023-11-14T22:13:21.000Z")),
            ("auditng.time_suspect", json!(null)),
            ("user.effective.name", json!("a")),
        ],
    );
    check(&events[3], &[("event.original", json!("Nov 14 22:13:22 web-1 sshd[1]: hello"))]);
}

/// Objects as go-audit writes them, one an event, with what a variant adds.
fn objects(add: &dyn Fn(&mut Value)) -> String {
    let mut groups: Vec<(u32, Value)> = Vec::new();
    for line in log() {
        let (kind, ms, serial, text) = parts(&line);
        let message = json!({"type": kind, "data": text});
        match groups.iter_mut().find(|(known, _)| *known == serial) {
            Some((_, group)) => group["messages"].as_array_mut().expect("an array").push(message),
            None => groups.push((
                serial,
                json!({
                    "sequence": serial, "timestamp": format!("{}.{:03}", ms / 1000, ms % 1000), "messages": [message],
                    "uid_map": {"1000": "ada", "0": "root", "4294967295": "UNKNOWN_USER"},
                }),
            )),
        }
    }
    groups.iter_mut().for_each(|(_, group)| add(group));
    groups.iter().map(|(_, group)| format!("{group}\n")).collect()
}

#[test]
fn ai6_go_audit() {
    let (events, format, counters) = read(objects(&|_| {}).as_bytes(), 777);
    assert_eq!((format, counters.unparsed, counters.incomplete), (Format::GoAudit, 0, 0));
    assert_eq!(events.len(), expected().len());
    let exec = events.iter().find(|event| at(event, "event.sequence") == 101).expect("the first exec");
    check(
        exec,
        &[
            ("process.args", json!(["ls", "-l", "my dir"])),
            // Names are those of the input.
            ("user.name", json!("ada")),
            ("auditd.user.audit.name", json!("ada")),
            ("user.group.name", json!(null)),
            ("auditng.import.container_pid", json!(null)),
        ],
    );
    // Without the names it is what the log says.
    let bare = objects(&|group| drop(group.as_object_mut().map(|members| members.remove("uid_map"))));
    same(bare.as_bytes(), Format::GoAudit);
    let behind_syslog: String = bare.lines().map(|line| format!("Nov 14 22:13:20 h go-audit[7]: {line}\n")).collect();
    same(behind_syslog.as_bytes(), Format::GoAudit);
}

#[test]
fn ai6_go_audit_container_has_the_pid_of_a_runtime_and_no_container() {
    for pid in [-1, 0, 4711] {
        let (events, ..) = read(objects(&|group| group["container_id"] = json!(pid)).as_bytes(), 777);
        assert!(events.iter().all(|event| at(event, "auditng.import.container_pid") == pid));
        assert!(events.iter().all(|event| at(event, "container").is_null()));
    }
}

#[test]
fn ai6_containers_that_go_audit_found() {
    let id = "f00d".repeat(16);
    let with = objects(&|group| {
        group["messages"][0]["containers"] = json!({
            "id": id, "image": "web:1", "name": "web", "pod_uid": "u-1", "pod_name": "web-0", "pod_namespace": "shop"
        });
    });
    let (events, ..) = read(with.as_bytes(), 4096);
    for event in &events {
        check(
            event,
            &[
                ("container.id", json!(id)),
                ("container.image.name", json!("web:1")),
                ("container.name", json!("web")),
                ("orchestrator.resource.name", json!("web-0")),
                ("orchestrator.namespace", json!("shop")),
                ("auditng.container.scope", json!("container")),
                ("auditng.container.source", json!("go-audit")),
            ],
        );
    }
}

#[test]
fn ai6_broken_objects_are_kept() {
    let good =
        r#"{"sequence":7,"timestamp":"1700000000.123","messages":[{"type":1307,"data":"cwd=\"/\""}],"uid_map":{}}"#;
    let lines = [
        good,
        &good[..60],
        r#"{"sequence":8,"timestamp":"x","messages":[{"type":1307,"data":"cwd=\"/\""}]}"#,
        r#"{"sequence":9,"timestamp":"1700000000.123"}"#,
        r#"{"sequence":10,"timestamp":"1700000000.123","messages":[{"data":"x"}]}"#,
        "",
        "hello",
    ];
    let (events, format, counters) = read(lines.join("\n").as_bytes(), 9);
    assert_eq!((format, counters.records, counters.unparsed, events.len()), (Format::GoAudit, 1, 5, 6));
    assert!(events[1..].iter().all(|event| at(event, "error.message").is_string()), "{events:#?}");
}

/// AP11: a name that the input does not have is not there, whoever this machine knows under that id.
#[test]
fn ap11_no_name_comes_from_the_machine_that_replays() {
    let (events, ..) = read(log().join("\n").as_bytes(), usize::MAX);
    for event in events {
        for name in ["user.name", "user.effective.name", "file.owner", "auditd.user.audit.name", "user.group.name"] {
            let given = at(&event, "event.original").as_str().is_some_and(|text| text.contains("acct="));
            assert!(at(&event, name).is_null() || given, "{name} in {event:#}");
        }
    }
}

#[test]
fn forms_are_told_by_their_names() {
    for (input, format, reason) in [
        ("__CURSOR=a\nMESSAGE=b\n", Format::JournalExport, "journal entries (journalctl -o export)"),
        (r#"{"__CURSOR":"a","__REALTIME_TIMESTAMP":"1"}"#, Format::JournalJson, "journal entries (journalctl -o json)"),
        (r#"{"sequence":1,"timestamp":"1.000","messages":[]}"#, Format::GoAudit, "events of go-audit"),
        (
            "Nov 14 22:13:20 h audit[1]: CWD cwd=\"/\"",
            Format::Lines,
            "journalctl's short form: without serials each line is an event of its own, incomplete",
        ),
    ] {
        let detection = detect(input.as_bytes());
        assert_eq!((detection.format, detection.reason), (format, reason), "{input}");
    }
}
