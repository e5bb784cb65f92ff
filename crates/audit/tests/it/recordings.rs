//! The recordings that lie beside a checkout. Expected numbers: spec/audit.md section 6.

use std::collections::BTreeMap;

use audit::replay::{Decoder, Format, Options};
use serde_json::{Value, json};

use crate::support::{at, check, document, replay, replay_each, text};

/// What a recording must give.
struct Expected {
    name: &'static str,
    records: u64,
    events: u64,
    format: Format,
}

const RECORDINGS: [Expected; 3] = [
    Expected { name: "audit/real/host.log.zst", records: 175_955, events: 43_073, format: Format::Lines },
    Expected { name: "audit/real/host-enriched.log.zst", records: 42_193, events: 10_465, format: Format::Lines },
    Expected { name: "audit/real/host.netlink.zst", records: 52_553, events: 10_449, format: Format::Netlink },
];

fn recording(name: &str) -> Option<Vec<u8>> {
    testkit::recording(name).map(|path| testkit::unpacked(&path).expect("a recording is whole"))
}

/// Events of a recording that `wanted` picks by serial.
fn picked(name: &str, wanted: impl Fn(i64) -> bool) -> Option<Vec<Value>> {
    let mut picked = Vec::new();
    replay_each(&recording(name)?, |event| {
        if event.long(schema::field::EVENT_SEQUENCE).is_some_and(&wanted) {
            picked.push(document(event));
        }
    });
    Some(picked)
}

fn host(serial: i64) -> Option<Value> {
    let mut events = picked("audit/real/host.log.zst", |other| other == serial)?;
    assert_eq!(events.len(), 1);
    events.pop()
}

#[test]
fn every_record_is_in_exactly_one_event_and_nothing_is_lost() {
    for expected in RECORDINGS {
        let Some(input) = recording(expected.name) else { return };
        let mut decoder = Decoder::new(Options::default());
        let mut records = 0;
        let mut each =
            |event: &mut schema::Event| records += event.all(schema::field::AUDITNG_AUDIT_TYPES).count() as u64;
        // Chunks that fit no line or frame.
        input.chunks(10_007).for_each(|chunk| decoder.feed(chunk, &mut each));
        decoder.finish(&mut each);
        let counters = decoder.counters();
        let seen =
            (counters.records, counters.events, counters.unparsed, counters.incomplete, counters.lost, counters.late);
        assert_eq!(seen, (expected.records, expected.events, 0, 0, 0, 0), "{}", expected.name);
        assert_eq!(decoder.detection().map(|detection| detection.format), Some(expected.format));
        let ends = if expected.format == Format::Netlink { 10_421 } else { 0 };
        assert_eq!(records + ends, expected.records);
    }
}

#[test]
fn host_log_outcomes_and_kinds_are_as_counted_by_hand() {
    let Some(input) = recording("audit/real/host.log.zst") else { return };
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut arguments = 0;
    replay_each(&input, |event| {
        let mut count = |what: String| *counts.entry(what).or_default() += 1;
        if event.str(schema::field::AUDITNG_SYSCALL_NAME).is_some() {
            count(format!("outcome {}", event.str(schema::field::EVENT_OUTCOME).unwrap_or("none")));
        }
        if let Some(errno) = event.str(schema::field::AUDITNG_ERRNO) {
            count(format!("errno {errno}"));
        }
        let args = event.all(schema::field::PROCESS_ARGS).count();
        arguments += args;
        if args > 0 {
            count("with arguments".to_owned());
        }
        if event.all(schema::field::AUDITNG_TRUNCATED).any(|value| value == schema::Value::Text("process.title")) {
            count("title cut".to_owned());
        }
    });
    let count = |what: &str| counts.get(what).copied().unwrap_or(0);
    // A26: 18,502 calls failed, one of them with EINPROGRESS. Four SECCOMP records and auditd say nothing.
    assert_eq!((count("outcome success"), count("outcome failure"), count("errno ENOENT")), (24_537, 18_501, 18_377));
    // A37.
    assert_eq!(count("title cut"), 14_659);
    assert_eq!((count("with arguments"), arguments), (929, 6689));
}

#[test]
fn a1_arguments_in_pieces_over_33_records() {
    for serial in [1_607_342, 1_607_534] {
        let Some(event) = host(serial) else { return };
        assert_eq!(at(&event, "auditng.audit.types").as_array().map(Vec::len), Some(39));
        let args: Vec<_> =
            at(&event, "process.args").as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
        assert_eq!((args.len(), args[0], args[3]), (4, "true", "end"));
        // 100,000 A and 20,000 B, of which 64 KiB are kept: 48 KiB of the beginning, 16 KiB of the end.
        assert!(args[1].trim_end_matches('…').bytes().all(|byte| byte == b'A'));
        assert!(args[2].trim_start_matches('…').bytes().all(|byte| byte == b'B'));
        let kept: usize = args.iter().map(|arg| arg.replace('…', "").len()).sum();
        assert_eq!(kept, 64 << 10);
        assert!(at(&event, "auditng.truncated").as_array().unwrap().contains(&json!("process.args")));
    }
}

#[test]
fn a2_many_arguments_over_two_records() {
    let Some(event) = host(1_607_345) else { return };
    let args = at(&event, "process.args").as_array().unwrap();
    assert_eq!((args.len(), &args[411], at(&event, "process.args_count")), (599, &json!("arg-411 sp"), &json!(599)));
}

#[test]
fn a6_names_that_are_not_utf8_survive() {
    let Some(input) = recording("audit/real/host.log.zst") else { return };
    let mut escaped = 0;
    replay_each(&input, |event| {
        let marked =
            |name: &str| event.all(schema::field::AUDITNG_ESCAPED).any(|value| value == schema::Value::Text(name));
        if marked("auditd.paths") || marked("process.name") {
            escaped += 1;
            let again = schema::Event::from_json(&event.to_json()).expect("our own document");
            assert_eq!(again.to_json(), event.to_json());
        }
        if marked("file.path") {
            let path = event.str(schema::field::FILE_PATH).expect("a marked field is there");
            assert!(path.contains(r"\xff\xfe"), "{path}");
            assert!(schema::event::unescape(path).windows(2).any(|pair| pair == [0xff, 0xfe]));
        }
    });
    assert!(escaped >= 12, "{escaped}");
}

#[test]
fn a9_seccomp_and_abstract_sockets_are_read_from_the_raw_part() {
    let Some(input) = recording("audit/real/host-enriched.log.zst") else { return };
    let (mut seccomp, mut abstracts) = (0, 0);
    replay_each(&input, |event| {
        if event.str(schema::field::AUDITD_MESSAGE_TYPE) == Some("seccomp") {
            seccomp += 1;
            assert_eq!(event.str(schema::field::AUDITNG_SYSCALL_NAME), Some("getppid"));
        }
        if event.str(schema::field::DESTINATION_PATH) == Some("@abs\0tract") {
            abstracts += 1;
        }
    });
    assert_eq!(seccomp, 2);
    assert!(abstracts > 0);
}

#[test]
fn a10_interleaved_in_the_recording() {
    let Some(events) = picked("audit/real/host.log.zst", |serial| matches!(serial, 1_600_379 | 1_600_380)) else {
        return;
    };
    assert_eq!(events.len(), 2);
    for event in events {
        let types = at(&event, "auditng.audit.types").as_array().expect("an event has records");
        assert_eq!((types.first(), types.last()), (Some(&json!("SYSCALL")), Some(&json!("PROCTITLE"))));
    }
}

/// A stream of go-libaudit: its events with their number of records, in the order of their serials, and what was lost.
fn stream(name: &str, lost: u64, expected: [(u64, usize); 5]) {
    let Some(path) = testkit::recording(&format!("audit/go-libaudit/testdata/{name}")) else { return };
    let (events, counters) = replay(std::fs::read(path).expect("a readable stream"));
    let mut seen: Vec<_> = events
        .iter()
        .map(|event| {
            let types = at(event, "auditng.audit.types").as_array().expect("an event has records");
            (at(event, "event.sequence").as_u64().expect("a serial"), types.len())
        })
        .collect();
    let mut expected = expected.to_vec();
    seen.sort_unstable();
    expected.sort_unstable();
    assert_eq!((seen, counters.lost), (expected, lost), "{name}");
}

#[test]
fn a11_disorder_loses_nothing() {
    stream("out_of_order.log", 0, [(58, 2), (59, 5), (60, 5), (61, 4), (62, 1)]);
    stream("normal.log", 0, [(58, 2), (59, 5), (60, 5), (61, 4), (62, 1)]);
}

#[test]
fn a12_a_gap_is_counted_and_a_wrap_is_none() {
    stream("lost_messages.log", 9, [(49, 2), (59, 5), (60, 5), (61, 4), (62, 1)]);
    stream("rollover.log", 0, [(4_294_967_294, 1), (4_294_967_295, 1), (0, 1), (1, 1), (2, 1)]);
}

#[test]
fn a23_paths_missing_one_or_many() {
    let Some(missing) = host(1_604_276) else { return };
    check(&missing, &[("auditd.paths", json!(null)), ("file", json!(null)), ("auditng.audit.incomplete", json!(null))]);
    let Some(input) = recording("audit/real/host.log.zst") else { return };
    let mut renames = BTreeMap::new();
    replay_each(&input, |event| {
        let renamed = event.str(schema::field::EVENT_ACTION) == Some("rename");
        if renamed && event.str(schema::field::EVENT_OUTCOME) == Some("success") {
            let event = document(event);
            let roles: Vec<_> =
                at(&event, "auditd.paths").as_array().unwrap().iter().map(|path| text(path, "nametype")).collect();
            assert!(
                at(&event, "file.path").is_string() && at(&event, "auditng.file.original.path").is_string(),
                "{event:#}"
            );
            assert_ne!(at(&event, "file.path"), at(&event, "auditng.file.original.path"));
            *renames.entry(format!("{} {}", text(&event, "auditng.syscall.name"), roles.join(" "))).or_insert(0) += 1;
        }
    });
    assert_eq!(renames.get("rename PARENT PARENT DELETE CREATE"), Some(&36), "{renames:?}");
    assert_eq!(renames.get("rename PARENT PARENT DELETE DELETE CREATE"), Some(&29), "{renames:?}");
}

#[test]
fn a25_calls_of_the_32_bit_table() {
    let Some(input) = recording("audit/real/host.log.zst") else { return };
    let mut calls = BTreeMap::new();
    replay_each(&input, |event| {
        if event.keyed(schema::field::AUDITD_DATA, "arch").any(|arch| arch == schema::Value::Text("i386")) {
            *calls.entry(event.str(schema::field::AUDITNG_SYSCALL_NAME).unwrap_or("none").to_owned()).or_insert(0) += 1;
        }
    });
    let expected = ["close", "getpid", "getuid", "open", "time", "unlink"].map(|name| (name.to_owned(), 2));
    assert_eq!(calls, BTreeMap::from(expected));
}

#[test]
fn a27_every_socket_address_has_a_fixed_result() {
    let Some(input) = recording("audit/real/host.log.zst") else { return };
    let mut families: BTreeMap<String, u64> = BTreeMap::new();
    let mut cut = 0;
    replay_each(&input, |event| {
        if event.keyed(schema::field::AUDITD_DATA, "saddr").next().is_none() {
            return;
        }
        let family = event.keyed(schema::field::AUDITD_DATA, "socket_family").next();
        let family = match family {
            Some(schema::Value::Text(family)) => family.to_owned(),
            _ => "none".to_owned(),
        };
        cut += u64::from(family == "ipv4" && event.keyed(schema::field::AUDITD_DATA, "socket_addr").next().is_none());
        *families.entry(family).or_default() += 1;
    });
    assert_eq!(families.values().sum::<u64>(), 360);
    assert_eq!((families.get("ipv4"), cut, families.get("none")), (Some(&205), 2, Some(&2)), "{families:?}");
}

#[test]
fn a68_the_netlink_capture_holds_the_login() {
    let Some(input) = recording("audit/real/host.netlink.zst") else { return };
    let mut logins = 0;
    replay_each(&input, |event| {
        if event.str(schema::field::AUDITD_MESSAGE_TYPE) == Some("login") {
            logins += 1;
            let original = event.str(schema::field::EVENT_ORIGINAL).unwrap_or_default();
            assert!(original.starts_with("type=LOGIN msg=audit("), "{original}");
        }
    });
    assert_eq!(logins, 1);
}

/// How a failed execve looks: its name was asked for, nothing ran.
#[test]
fn execs_have_one_two_or_three_paths() {
    let Some(input) = recording("audit/real/host.log.zst") else { return };
    let mut by_paths: BTreeMap<usize, u64> = BTreeMap::new();
    replay_each(&input, |event| {
        if event.str(schema::field::EVENT_ACTION) == Some("exec") {
            let event = document(event);
            let paths = at(&event, "auditd.paths").as_array().map_or(0, Vec::len);
            *by_paths.entry(paths).or_default() += 1;
            if paths > 0 && at(&event, "auditd.paths.0.name").is_string() {
                assert!(at(&event, "auditng.process.invoked").is_string());
            }
        }
    });
    assert!([1, 2, 3].iter().all(|count| by_paths.contains_key(count)), "{by_paths:?}");
}

#[test]
fn a92_containers_are_told_from_the_command_lines_of_runtimes() {
    let Some(input) = recording("audit/real/host.log.zst") else { return };
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut busybox = 0;
    replay_each(&input, |event| {
        let inside = event.str(schema::field::CONTAINER_ID).is_some();
        busybox += u64::from(event.str(schema::field::PROCESS_EXECUTABLE) == Some("/bin/busybox"));
        if inside {
            let event = document(event);
            check(
                &event,
                &[
                    ("process.executable", json!("/bin/busybox")),
                    ("auditng.container.source", json!("argv")),
                    ("auditng.container.scope", json!("container")),
                    ("container.runtime", json!("podman")),
                ],
            );
            *seen.entry(format!("{} {}", text(&event, "container.id"), text(&event, "container.name"))).or_default() +=
                1;
        }
    });
    let expected = [
        ("3c27334e820a9672c1b3037f18e91793956c5d70dad8b0705822e1ea0be66644 web1".to_owned(), 9),
        ("507b79b561159b0ce11f6333a7bd22d01c3af1b1a5d3a508cb54ad923545fb01 web2".to_owned(), 9),
    ];
    assert_eq!((seen, busybox), (BTreeMap::from(expected), 18));
}
