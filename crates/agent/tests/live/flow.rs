//! Everything that comes in is somewhere: passed, filtered or lost, at every stage and in every interval.

use std::sync::Arc;
use std::time::Duration;

use agent::config::Bytes;
use agent::filter::Filter;
use agent::health::{Snapshot, StageReport};
use agent::source::audit::{Config, Overload};
use schema::{Event, field};
use testkit::Deadline;

use super::stand::{Collect, PATIENCE, Role, Stand, play, status, tagged, text};

const STORM: &str = "-a always,exit -F arch=b64 -S openat -F dir={} -k auditng-test-storm";
const FILES: &str = "-a always,exit -F arch=b64 -F dir={} -F perm=wa -k auditng-test-file";
const EXECS: &str = "-a always,exit -F arch=b64 -S execve,execveat -k auditng-test-exec";

/// A reader slower than the programs: with `block` they wait for it, and nothing is lost.
pub(crate) fn block() {
    let stand = Stand::new();
    let config = Config {
        overload: Overload::Block,
        // The kernel gives a record up when the socket was full for half a second (unless booted with audit=1), however
        // long programs would wait: the reader must be slow and never stand still.
        rcvbuf: Bytes(256 << 10),
        queue_bytes: Bytes(16 << 10),
        backlog_limit: 100,
        backlog_wait_time: Some(1250),
        ..Config::default()
    };
    let sink = Arc::new(Collect::slow(Duration::from_millis(1)));
    let waited_before = status().backlog_wait_time_actual.unwrap();
    let mut started = stand.source_with(&[STORM], config, sink).on();
    let count = 3000;
    let said = play("storm", &[&text(&stand.watched()), &count.to_string(), "0"]);
    let numbers: Vec<u64> = said.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let waited = status().backlog_wait_time_actual.unwrap().wrapping_sub(waited_before);
    assert!(waited > 0, "nobody waited ({numbers:?}): the test proves nothing");
    let shown = || {
        let figures = started.health.snapshot().figures;
        let backlog_limit = figures.get("auditng_audit_backlog_limit_records").copied();
        (backlog_limit == Some(100) && figures.contains_key("auditng_audit_wait_seconds_total")).then_some(())
    };
    testkit::eventually("the wait is shown", PATIENCE, shown);
    let stormed = || started.sink.all().iter().filter(|event| tagged(event, "auditng-test-storm")).count();
    // One more open: the storm makes its file first.
    testkit::eventually("nothing under way", PATIENCE, || {
        let snapshot = started.health.snapshot();
        let idle = ["netlink", "decode", "filter"].iter().all(|name| under_way(stage(&snapshot, name)) == 0);
        (status().backlog == 0 && idle && stormed() + 3 > count).then_some(())
    });
    assert_eq!(stormed(), count + 1, "{:?}", started.health.snapshot().counters);
    for stage in started.health.snapshot().counters {
        // A report of congestion is a delay here: everything came.
        assert!(stage.lost.keys().all(|reason| *reason == "enobufs"), "{stage:?}");
    }
    started.stop();
    assert_eq!(super::stand::found(), stand.found);
}

fn stage<'a>(snapshot: &'a Snapshot, name: &str) -> &'a StageReport {
    snapshot.counters.iter().find(|stage| stage.stage == name).unwrap()
}

/// What a stage passed on, filtered or lost. Losses that are counted as reports say nothing of how much.
fn let_go(stage: &StageReport) -> u64 {
    let lost: u64 = stage.lost.iter().filter(|(reason, _)| **reason != "enobufs").map(|(_, count)| count).sum();
    stage.passed + stage.filtered + lost
}

/// What a stage took and has not let go yet.
fn under_way(stage: &StageReport) -> i64 {
    i64::try_from(stage.taken).unwrap() - i64::try_from(let_go(stage)).unwrap()
}

/// A few seconds of mixed load, with a queue that is too small for it and filters on what comes out.
pub(crate) fn sums() {
    let stand = Stand::new();
    let filter = |name: &str, query: &str, action: &str| Filter {
        name: name.to_owned(),
        query: query.to_owned(),
        action: action.parse().unwrap(),
        by: Vec::new(),
    };
    let filters = [
        filter("storm", "tags:auditng-test-storm", "sample(1/10)"),
        filter("files", "tags:auditng-test-file", "keep_first(10) per process"),
        filter("execs", "tags:auditng-test-exec AND event.action:exec", "rate_limit(5/s)"),
    ];
    // A reader that pauses finds its queue too small.
    let config = Config { queue_bytes: Bytes(96 << 10), ..Config::default() };
    let sink = Arc::new(Collect::slow(Duration::from_millis(2)));
    let mut started = stand.source_filtered(&[EXECS, STORM, FILES], config, sink, filters.into());
    let folder = text(&stand.watched());
    let storms = [0, 1].map(|_| Role::start("storm", &[&folder, "6000", "3000"]));
    let deadline = Deadline::after(Duration::from_secs(3));
    let mut intervals = 0;
    let mut before = started.health.snapshot();
    while !deadline.passed() {
        play("files", &[&folder]);
        let after = started.health.snapshot();
        for name in ["netlink", "decode", "filter"] {
            // Numbers that are read one after the other while they run: what was let go by the first look had been taken by
            // the second one, and what the first look had taken was let go by then, but for one batch.
            let (first, second) = (stage(&before, name), stage(&after, name));
            assert!(let_go(first) <= second.taken, "{name}, interval {intervals}: {first:?} {second:?}");
            assert!(first.taken <= let_go(second) + 4096, "{name}, interval {intervals}: {first:?} {second:?}");
        }
        before = after;
        intervals += 1;
    }
    storms.into_iter().for_each(|storm| drop(storm.finish()));
    testkit::eventually("an empty backlog", PATIENCE, || (status().backlog == 0).then_some(()));
    started.stop();
    let snapshot = started.health.snapshot();
    for name in ["netlink", "decode", "reassemble", "filter"] {
        assert_eq!(under_way(stage(&snapshot, name)), 0, "{:?}", stage(&snapshot, name));
    }
    assert!(intervals > 3);
    // What one stage lets go the next one takes.
    let (netlink, decode) = (stage(&snapshot, "netlink"), stage(&snapshot, "decode"));
    assert_eq!(netlink.passed, decode.taken);
    let (reassemble, filter) = (stage(&snapshot, "reassemble"), stage(&snapshot, "filter"));
    assert!(netlink.lost.contains_key("queue-full"), "{netlink:?}: nothing was lost, the test proves little");
    assert!(filter.filtered > 0 && filter.lost.contains_key("rate-limit"), "{filter:?}");
    assert!(filter.taken >= reassemble.passed, "{filter:?} {reassemble:?}");
    let came = started.sink.all();
    assert_eq!(came.len() as u64, filter.passed);
    let sampled = |event: &&Event| event.long(field::AUDITNG_FILTER_SAMPLE) == Some(10);
    assert!(came.iter().filter(sampled).count() > 0);
    let named = |name: &str| snapshot.figures[format!("auditng_filtered_events_total{{filter=\"{name}\"}}").as_str()];
    let by_name = named("storm") + named("files") + named("execs");
    assert_eq!(by_name, filter.filtered + filter.lost["rate-limit"]);
}

/// What is captured is replayed to the same events.
pub(crate) fn capture() {
    let stand = Stand::new();
    let path = stand.path("capture");
    let config = Config { capture: Some(path.clone()), ..Config::default() };
    let mut started = stand.source_with(&[STORM], config, Arc::new(Collect::default())).on();
    play("storm", &[&text(&stand.watched()), "50", "0"]);
    started.sink.wait("the storm", |event| tagged(event, "auditng-test-storm"));
    started.stop();
    let live: Vec<Option<i64>> = started.sink.all().iter().map(|event| event.long(field::EVENT_SEQUENCE)).collect();
    let bytes = std::fs::read(&path).unwrap();
    let options = audit::pipeline::Options::default();
    let mut pipeline = audit::pipeline::Pipeline::new(&options);
    let mut replayed = Vec::new();
    let names = audit::normalize::NoNames;
    for datagram in audit::netlink::capture::Frames::new(&bytes) {
        let audit::netlink::Frame::Record(kind, text) = audit::netlink::decode(datagram.unwrap()).unwrap() else {
            continue;
        };
        let record = audit::record::parse(kind, text).unwrap();
        let time = record.stamp.time;
        pipeline.push(&record, time, &names, &mut |event| replayed.push(event.long(field::EVENT_SEQUENCE)));
    }
    pipeline.finish(&names, &mut |event| replayed.push(event.long(field::EVENT_SEQUENCE)));
    let sorted = |mut serials: Vec<Option<i64>>| {
        serials.sort_unstable();
        serials.dedup();
        serials
    };
    assert_eq!(sorted(replayed), sorted(live.into_iter().filter(Option::is_some).collect()));
}
