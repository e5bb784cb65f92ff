//! Recorded logs give the events that they hold, in every form.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;

use serde_json::Value as Json;

use crate::program::run;

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
