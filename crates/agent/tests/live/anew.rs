//! A source that is started anew in place: same process, same sockets, nothing missing.

use std::collections::BTreeMap;

use rustix::process::Signal;

use super::stand::{PATIENCE, Role, Stand, found, play, status, text};

const STORM: &str = "-a always,exit -F arch=b64 -S openat -F dir={} -k auditng-test-storm";
const OTHER: &str = "-a always,exit -F arch=b64 -S getxattr -F dir={} -k auditng-test-other";

#[derive(serde::Deserialize, Debug)]
struct Said {
    serials: Vec<u32>,
    storm: u64,
    lost: BTreeMap<String, u64>,
}

pub(crate) fn in_place() {
    let stand = Stand::new();
    let rules = text(&stand.rules(&[STORM]));
    let log = stand.path("log");
    let mut source = Role::start_ready("anew", &[&rules, &text(&stand.state()), &text(&log)]);
    let pid = source.pid();
    let (count, part) = (15_000, 300);
    let storm = Role::start("storm", &[&text(&stand.watched()), &count.to_string(), "3000"]);
    for turn in 0..5 {
        // A reload: other rules each time, without losing one that stays.
        if turn % 2 == 0 {
            stand.rules(&[STORM, OTHER])
        } else {
            stand.rules(&[STORM])
        };
        // Each life sees some of it, and the long storm blows over the change.
        play("storm", &[&text(&stand.watched()), &part.to_string(), "3000"]);
        source.signal(Signal::HUP);
        assert_eq!(source.line(), "ready\n");
        assert_eq!((status().pid, source.pid()), (pid, pid));
    }
    play("storm", &[&text(&stand.watched()), &part.to_string(), "3000"]);
    storm.finish();
    testkit::eventually("an empty backlog", PATIENCE, || (status().backlog == 0).then_some(()));
    source.signal(Signal::TERM);
    assert!(testkit::eventually("the end", PATIENCE, || source.0.try_wait().unwrap()).success());
    let lives: Vec<Said> =
        std::fs::read_to_string(&log).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lives.len(), 6);
    assert!(lives.iter().all(|life| life.storm > 0), "each life saw the storm");
    for life in &lives {
        assert!(life.lost.is_empty(), "{:?}", life.lost);
    }
    let mut serials: Vec<u32> = lives.iter().flat_map(|life| life.serials.iter().copied()).collect();
    let all = serials.len();
    serials.sort_unstable();
    serials.dedup();
    assert_eq!(serials.len(), all, "an event was given out by two lives");
    let span = serials[all - 1] - serials[0] + 1;
    assert_eq!(span as usize, all, "a serial is missing");
    // One more open each: a storm makes its file first.
    assert_eq!(lives.iter().map(|life| life.storm).sum::<u64>(), count + 1 + 6 * (part + 1));
    assert_eq!(found(), stand.found);
}
