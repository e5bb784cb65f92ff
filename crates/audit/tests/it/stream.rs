//! Scenarios of spec section 4 that speak of streams: order, time, nodes, loss, bounds.

use audit::normalize::NoNames;
use audit::pipeline::{Options, Pipeline};
use audit::reassemble::{Limits, Reassembler};
use audit::record::parse_line;
use schema::Timestamp;
use serde_json::{Value, json};

use crate::support::{at, check, replay, syscall};

fn serials(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| at(event, "event.sequence").as_u64().expect("every event here has a serial")).collect()
}

fn cwd(stamp: &str) -> String {
    format!("type=CWD msg=audit({stamp}): cwd=\"/\"\n")
}

fn title(stamp: &str) -> String {
    format!("type=PROCTITLE msg=audit({stamp}): proctitle=\"cat\"\n")
}

#[test]
fn a10_interleaved_events_are_each_whole() {
    let (a, b) = ("1.000:1", "1.000:2");
    let lines = [syscall(a, 2, ""), syscall(b, 2, ""), cwd(a), cwd(b), title(b), title(a)].concat();
    let (events, counters) = replay(lines);
    assert_eq!((events.len(), counters.incomplete, counters.lost), (2, 0, 0));
    for event in events {
        check(&event, &[("auditng.audit.types", json!(["SYSCALL", "CWD", "PROCTITLE"]))]);
    }
}

#[test]
fn a13_a_new_boot_is_no_loss() {
    let before = (1_500_000..1_500_050).map(|serial| syscall(&format!("100.000:{serial}"), 2, ""));
    let after = (1..50).map(|serial| syscall(&format!("200.000:{serial}"), 2, ""));
    let (events, counters) = replay(before.chain(after).collect::<String>());
    assert_eq!((events.len(), counters.lost), (99, 0));
}

#[test]
fn a13_a_stepped_clock_holds_and_splits_nothing() {
    for step in [3600, -3600_i64] {
        let stamp = |serial: i64| {
            let ms = 10_000_000 + serial * 10 + if serial >= 2000 { step * 1000 } else { 0 };
            format!("{}.{:03}:{serial}", ms / 1000, ms % 1000)
        };
        // Each event's records are two events apart, and none has a PROCTITLE: only time closes them.
        let lines: String = (0..4000).map(|serial| syscall(&stamp(serial + 2), 2, "") + &cwd(&stamp(serial))).collect();
        let mut seen = Vec::new();
        let mut decoder = audit::replay::Decoder::new(audit::replay::Options::default());
        decoder.feed(lines.as_bytes(), &mut |event| seen.push(event.to_json()));
        let while_running = seen.len();
        decoder.finish(&mut |event| seen.push(event.to_json()));
        assert_eq!(decoder.counters().late, 0, "step {step}");
        assert_eq!(seen.len(), 4002, "step {step}");
        // Two seconds of the steady clock are 2,880 records at most.
        assert!(while_running > 2000, "step {step}: only {while_running} events before the end");
    }
}

#[test]
fn a13_a_clock_stepped_inside_an_event_splits_it_by_its_key_only() {
    // The kernel stamps an event once; a log in which the times of one serial differ has two events.
    let lines = [
        syscall("1000.000:7", 2, "").replace("pid=11", "pid=7"),
        cwd("1000.000:7"),
        syscall("4600.000:7", 2, ""),
        cwd("4600.000:7"),
        title("4600.000:7"),
        title("1000.000:7"),
    ];
    let (events, counters) = replay(lines.concat());
    assert_eq!((events.len(), counters.lost, counters.late, counters.incomplete), (2, 0, 0, 0));
    for event in &events {
        check(event, &[("auditng.audit.types", json!(["SYSCALL", "CWD", "PROCTITLE"]))]);
    }
}

#[test]
fn a14_nodes_are_told_apart() {
    let line = |node: &str| format!("node={node} {}", syscall("1.000:7", 2, ""));
    let (events, counters) = replay([line("web 1"), line("web 2")].concat());
    assert_eq!((events.len(), counters.lost), (2, 0));
    let mut names: Vec<_> = events.iter().map(|event| at(event, "host.name").clone()).collect();
    names.sort_by_key(Value::to_string);
    assert_eq!(names, [json!("web 1"), json!("web 2")]);
}

#[test]
fn a15_without_eoe_and_proctitle_time_closes() {
    let mut reassembler = Reassembler::new(Limits::default());
    let line = syscall("5.000:1", 2, "");
    reassembler.push(&parse_line(line.trim_end().as_bytes()).unwrap(), Timestamp::from_millis(5000));
    reassembler.tick(Timestamp::from_millis(6999));
    assert!(reassembler.next_closed().is_none());
    reassembler.tick(Timestamp::from_millis(7000));
    assert!(reassembler.next_closed().is_some());
}

#[test]
fn a16_a_silent_live_stream_still_flushes() {
    let mut pipeline = Pipeline::new(&Options::default());
    let mut events = 0;
    let at = Timestamp::from_millis;
    for line in [syscall("5.000:1", 2, ""), title("5.000:1")] {
        pipeline.push(&parse_line(line.as_bytes()).unwrap(), at(10_000), &NoNames, &mut |_| events += 1);
    }
    pipeline.tick(at(10_099), &NoNames, &mut |_| events += 1);
    assert_eq!(events, 0);
    let mut flushed = 0;
    pipeline.tick(at(10_200), &NoNames, &mut |_| flushed += 1);
    assert_eq!(flushed, 1);
}

#[test]
fn a17_memory_is_bounded_without_any_end() {
    let limits = Limits::default();
    let mut reassembler = Reassembler::new(limits);
    let now = Timestamp::from_millis(1000);
    let template = syscall("1.000:SERIAL", 2, "");
    let (mut worst, mut groups) = (0, 0);
    // Ten million where that takes seconds.
    let records = if cfg!(debug_assertions) { 1_000_000_u32 } else { 10_000_000 };
    for serial in 0..records {
        let line = template.replacen("SERIAL", &serial.to_string(), 1);
        reassembler.push(&parse_line(line.as_bytes()).unwrap(), now);
        while let Some(group) = reassembler.next_closed() {
            groups += 1;
            reassembler.recycle(group);
        }
        if serial % 1024 == 0 {
            worst = worst.max(reassembler.open_bytes());
            assert!(reassembler.open_groups() <= limits.groups);
        }
    }
    assert!(worst <= limits.bytes, "{worst}");
    assert_eq!(groups + reassembler.open_groups() as u64, u64::from(records));
    assert_eq!(reassembler.counters().overflow, groups);
}

#[test]
fn one_endless_event_is_bounded_and_says_so() {
    let mut lines = syscall("1.000:1", 59, "");
    let piece = format!("type=EXECVE msg=audit(1.000:1): a1[0]={}\n", "41".repeat(3700));
    for _ in 0..1500 {
        lines.push_str(&piece);
    }
    lines.push_str(&title("1.000:1"));
    let (events, counters) = replay(lines);
    assert_eq!((events.len(), counters.records), (1, 1502));
    let truncated = at(&events[0], "auditng.truncated").as_array().unwrap();
    assert!(
        truncated.contains(&json!("process.args")) && truncated.contains(&json!("event.original")),
        "{truncated:?}"
    );
    check(&events[0], &[("process.title", json!("cat"))]);
    assert!(events[0].to_string().len() < 1 << 20);
}

#[test]
fn a18_a_record_after_the_end_is_late_and_a_stray_end_is_ignored() {
    let end = "type=EOE msg=audit(1.000:1): \n";
    let lines = [&syscall("1.000:1", 2, ""), end, &cwd("1.000:1"), end, "type=EOE msg=audit(1.000:2): \n"].concat();
    let (events, counters) = replay(lines);
    assert_eq!((events.len(), counters.late, counters.incomplete, counters.records), (2, 1, 0, 5));
    check(
        &events[1],
        &[("auditng.audit.late", json!(true)), ("event.sequence", json!(1)), ("process.working_directory", json!("/"))],
    );
}

#[test]
fn a19_supplements_without_their_call_are_incomplete() {
    let lines = "type=EXECVE msg=audit(1.000:1): argc=2 a0=\"ls\" a1=\"-l\"\n\
                 type=CWD msg=audit(1.000:1): cwd=\"/\"\n\
                 type=PATH msg=audit(1.000:1): item=0 name=\"/bin/ls\" nametype=NORMAL\n";
    let (events, counters) = replay(lines);
    assert_eq!(counters.incomplete, 1);
    check(&events[0], &[("auditng.audit.incomplete", json!(true)), ("process.args", json!(["ls", "-l"]))]);
    let (_, counters) = replay(syscall("1.000:1", 59, ""));
    assert_eq!(counters.incomplete, 1, "a done execve without EXECVE");
    let (_, counters) = replay(syscall("1.000:1", 59, "").replace("success=yes", "success=no"));
    assert_eq!(counters.incomplete, 0, "a failed execve has no EXECVE");
}

#[test]
fn a_gap_is_told_as_a_loss_with_its_window() {
    let line = |time: u64, serial: u32| syscall(&format!("{time}.000:{serial}"), 2, "");
    let mut decoder = audit::replay::Decoder::new(audit::replay::Options::default());
    decoder.feed([line(10, 5), line(12, 9)].concat().as_bytes(), &mut |_| {});
    decoder.finish(&mut |_| {});
    let losses: Vec<_> = decoder.losses().collect();
    assert_eq!(losses.len(), 1);
    assert_eq!((losses[0].count, losses[0].reason), (Some(3), "serial-gap"));
    assert_eq!((losses[0].window_start.millis(), losses[0].window_end.millis()), (10_000, 12_000));
    assert_eq!(decoder.counters().lost, 3);
}

#[test]
fn a_gap_counts_only_after_1024_newer_events_and_two_seconds() {
    let mut reassembler = Reassembler::new(Limits::default());
    let mut push = |time: i64, serial: u32| {
        let line = format!("type=USER msg=audit({}.000:{serial}): op=a", time / 1000);
        reassembler.push(&parse_line(line.as_bytes()).unwrap(), Timestamp::from_millis(time));
        reassembler.counters().lost
    };
    push(0, 0);
    (2..1500).for_each(|serial| assert_eq!(push(0, serial), 0, "no time passed"));
    assert_eq!(push(1999, 1500), 0);
    assert_eq!(push(2000, 1501), 1);
    push(2000, 1503);
    assert_eq!(push(9000, 1504), 1, "only two newer events");
    push(9000, 1502);
    (1505..4000).for_each(|serial| assert_eq!(push(20_000, serial), 1, "1502 came after all"));
}

#[test]
fn records_of_auditd_itself_have_serials_of_their_own() {
    let daemon = "type=DAEMON_START msg=audit(1.000:3735): op=start res=success\n";
    let (events, counters) = replay([daemon, &syscall("1.000:9", 2, ""), daemon].concat());
    assert_eq!((counters.lost, serials(&events).len()), (0, 3));
}
