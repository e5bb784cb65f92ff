//! Recorded logs give the events that they hold, in every form.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;

use serde_json::Value as Json;

use crate::program::{Ran, run, run_with};

fn replay(file: &Path) -> (Vec<Json>, Json) {
    let ran =
        run([OsStr::new("replay"), file.as_os_str(), OsStr::new("--out"), OsStr::new("ndjson"), OsStr::new("--stats")]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let stats = ran.err.lines().find(|line| line.starts_with('{')).expect("a line of stats");
    (ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), serde_json::from_str(stats).unwrap())
}

fn check(recording: &str, records: u64, events: u64) {
    let Some(file) = testkit::recording(recording) else { return };
    let (documents, stats) = replay(&file);
    assert_eq!(documents.len() as u64, events, "{stats}");
    for (name, expected) in [("records", records), ("events", events), ("unparsed", 0), ("incomplete", 0), ("lost", 0)]
    {
        assert_eq!(stats[name], expected, "{name}: {stats}");
    }
    for name in ["seconds", "cpu_seconds", "records_per_cpu_second", "peak_rss_bytes"] {
        assert!(stats[name].as_f64().is_some_and(|value| value > 0.0), "{name}: {stats}");
    }
    let mut serials = HashMap::new();
    for document in &documents {
        *serials.entry(document["event"]["sequence"].as_u64().unwrap()).or_insert(0) += 1;
    }
    assert!(serials.values().all(|count| *count == 1), "a serial has two events");
}

#[test]
fn a_raw_log() {
    check("audit/real/host.log.zst", 175_955, 43_073);
}

#[test]
fn an_enriched_log() {
    check("audit/real/host-enriched.log.zst", 42_193, 10_465);
}

#[test]
fn captured_netlink_messages() {
    check("audit/real/host.netlink.zst", 52_553, 10_449);
}

/// Replays bytes given on standard input.
fn replay_bytes(bytes: &[u8], more: &[&str]) -> Ran {
    let arguments = ["replay", "-", "--out", "ndjson", "--stats"];
    run_with(arguments.iter().chain(more), bytes)
}

#[test]
fn what_an_input_was_taken_for_is_said_unless_it_was_asked_for() {
    let raw = b"type=USER msg=audit(1700000000.123:7): pid=1 uid=0 msg='op=a res=success'\r\n";
    let go_audit = br#"{"sequence":7,"timestamp":"1700000000.123","messages":[{"type":1307,"data":"cwd=\"/\""}],"container_id":0}"#;
    let journal = b"__CURSOR=a\n_AUDIT_TYPE=1307\n_AUDIT_ID=7\n_SOURCE_REALTIME_TIMESTAMP=1700000000123000\n\
                    MESSAGE=CWD cwd=\"/\"\n\n__CURSOR=b\nMESSAGE=hello\n\n";
    let ours = br#"{"@timestamp":"2023-11-14T22:13:20.123Z","event":{"sequence":7}}"#;
    for (bytes, said) in [
        (&raw[..], "auditng: -: audit records"),
        (go_audit, "auditng: -: events of go-audit"),
        (journal, "auditng: -: journal entries (journalctl -o export)"),
        (ours, "auditng: -: events of our own"),
        (b"hello\n", "auditng: -: nothing recognised: read as lines; --format says what it is"),
    ] {
        let ran = replay_bytes(bytes, &[]);
        assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 1), "{}", ran.err);
        assert!(ran.err.lines().any(|line| line == said), "{said}: {}", ran.err);
    }
    for (bytes, format) in [(&raw[..], "raw"), (&raw[..], "enriched"), (go_audit, "go-audit"), (journal, "raw")] {
        let ran = replay_bytes(bytes, &["--format", format]);
        assert_eq!(ran.out.lines().count(), 1, "{}", ran.err);
        assert!(ran.err.starts_with('{') && ran.out.contains("\"sequence\":7"), "{}{}", ran.out, ran.err);
    }
    let stats: Json = serde_json::from_str(replay_bytes(journal, &["--format", "raw"]).err.trim()).unwrap();
    assert_eq!((&stats["events"], &stats["foreign"]), (&Json::from(1), &Json::from(1)));
}

#[test]
fn go_audits_json_packed_or_not_gives_the_same_events() {
    let object = |serial: u32| {
        format!(
            "{{\"sequence\":{serial},\"timestamp\":\"1700000000.123\",\"messages\":[{{\"type\":1300,\"data\":\"arch=c000003e \
             syscall=59 success=no exit=-2 pid=5 auid=1000 uid=1000\"}}],\"uid_map\":{{\"1000\":\"ada\"}},\"container_id\":4711}}\n"
        )
    };
    let text: String = (1..2000).map(object).collect();
    let plain = replay_bytes(text.as_bytes(), &[]);
    let zstd = replay_bytes(&zstd::encode_all(text.as_bytes(), 1).unwrap(), &[]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
    let gzip = replay_bytes(&gzip.finish().unwrap(), &[]);
    assert_eq!(plain.out.lines().count(), 1999, "{}", plain.err);
    assert!(plain.out == zstd.out && plain.out == gzip.out);
    let first: Json = serde_json::from_str(plain.out.lines().next().unwrap()).unwrap();
    assert_eq!(first["auditng"]["import"]["container_pid"], 4711);
    assert_eq!((&first["user"]["name"], &first["container"]), (&Json::from("ada"), &Json::Null));
}

#[test]
fn a6_events_of_our_own_come_back_byte_for_byte() {
    let log = b"type=SYSCALL msg=audit(1700000000.123:7): arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=7f a2=0 \
                pid=5 comm=FFFE exe=\"/x\"\ntype=PATH msg=audit(1700000000.123:7): item=0 name=2F746D702FFFFE nametype=NORMAL\n\xff\n";
    let first = replay_bytes(log, &[]);
    assert_eq!(first.out.lines().count(), 2, "{}", first.err);
    assert!(first.out.contains(r"/tmp/\\xff\\xfe") && first.out.contains("auditd.paths"), "{}", first.out);
    let again = replay_bytes(first.out.as_bytes(), &[]);
    assert_eq!((again.code, &again.out), (Some(0), &first.out), "{}", again.err);
}

/// Records of a real host, and a policy for the key of its rule about files: each change says that nobody looked, and what has no
/// name in the records gets none.
#[test]
fn f51_recorded_records_as_changes_of_files() {
    let Some(log) = testkit::recording("audit/real/host.log.zst") else { return };
    let dir = tempfile::tempdir().unwrap();
    let policies = dir.path().join("files.toml");
    let text = "[[fim.policy]]\nid = \"recorded\"\npaths = [\"/**\"]\naudit_keys = [\"files\"]\nseverity = \"low\"\n";
    std::fs::write(&policies, text).unwrap();
    let words = ["replay", "--out", "ndjson", "--fim-policies"].map(OsStr::new);
    let ran = run(words.into_iter().chain([policies.as_os_str(), log.as_os_str()]));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    // Without quotes the kernel says that there is no name; in quotes it is one, and somebody here used it.
    let text = zstd::decode_all(std::fs::File::open(&log).unwrap()).unwrap();
    let text = String::from_utf8_lossy(&text);
    let serial = |line: &str| line.split_once("):")?.0.rsplit(':').next()?.parse::<u64>().ok();
    let named: Vec<u64> = text.lines().filter(|line| line.contains("name=\"(null)")).filter_map(serial).collect();
    assert!(text.lines().any(|line| line.contains("name=(null)")));
    let mut by_action = std::collections::BTreeMap::new();
    for line in ran.out.lines() {
        let event: Json = serde_json::from_str(line).unwrap();
        if event["event"]["dataset"] != "auditng.fim" {
            continue;
        }
        assert_eq!(event["auditng"]["fim"]["verified"], false, "{line}");
        assert_eq!(event["auditng"]["fim"]["policy"][0], "recorded", "{line}");
        let path = event["file"]["path"].as_str().unwrap();
        let is_named = || event["event"]["sequence"].as_u64().is_some_and(|serial| named.contains(&serial));
        assert!(path.starts_with('/') && (!path.contains("(null)") || is_named()), "{line}");
        assert_eq!(event["auditng"]["fim"]["who"]["confidence"], "merged", "{line}");
        assert!(event["process"]["pid"].as_u64().is_some_and(|pid| pid > 0), "{line}");
        *by_action.entry(event["event"]["action"][0].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    for action in ["created", "deleted", "moved", "opened"] {
        assert!(by_action.get(action).is_some_and(|count| *count > 10), "{action}: {by_action:?}");
    }
}
