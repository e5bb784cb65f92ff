use super::*;
use crate::record::parse_line;

fn push(reassembler: &mut Reassembler, line: &str, ms: i64) {
    reassembler.push(&parse_line(line.as_bytes()).unwrap(), Timestamp::from_millis(ms));
}

fn closed(reassembler: &mut Reassembler) -> Vec<u32> {
    std::iter::from_fn(|| reassembler.next_closed()).map(|group| group.stamp().serial).collect()
}

/// (type, milliseconds that a group of it waits).
#[test]
fn each_kind_of_group_waits_its_time() {
    for (kind, wait) in
        [("SYSCALL", 2000), ("AVC", 2000), ("SECCOMP", 250), ("ANOM_ABEND", 250), ("KERNEL", 250), ("PROCTITLE", 100)]
    {
        let mut reassembler = Reassembler::new(Limits::default());
        push(&mut reassembler, &format!("type={kind} msg=audit(1.000:7): a=b"), 5000);
        reassembler.tick(Timestamp::from_millis(5000 + wait - 1));
        assert!(closed(&mut reassembler).is_empty(), "{kind}");
        reassembler.tick(Timestamp::from_millis(5000 + wait));
        assert_eq!(closed(&mut reassembler), [7], "{kind}");
    }
    for kind in ["USER", "USER_CMD", "DAEMON_START", "ANOM_LOGIN_FAILURES"] {
        let mut reassembler = Reassembler::new(Limits::default());
        push(&mut reassembler, &format!("type={kind} msg=audit(1.000:7): a=b"), 5000);
        assert_eq!(closed(&mut reassembler), [7], "{kind}");
    }
}

#[test]
fn a_group_that_turns_out_to_be_a_call_waits_longer() {
    let mut reassembler = Reassembler::new(Limits::default());
    push(&mut reassembler, "type=ANOM_PROMISCUOUS msg=audit(1.000:7): dev=a", 0);
    push(&mut reassembler, "type=SYSCALL msg=audit(1.000:7): syscall=1", 200);
    reassembler.tick(Timestamp::from_millis(2199));
    assert!(closed(&mut reassembler).is_empty());
    push(&mut reassembler, "type=PROCTITLE msg=audit(1.000:7): proctitle=\"a\"", 2199);
    reassembler.tick(Timestamp::from_millis(2299));
    assert_eq!(closed(&mut reassembler), [7]);
}

#[test]
fn a_title_closes_after_128_further_records() {
    let mut reassembler = Reassembler::new(Limits::default());
    push(&mut reassembler, "type=PROCTITLE msg=audit(1.000:7): proctitle=\"a\"", 0);
    for _ in 0..128 {
        push(&mut reassembler, "type=CWD msg=audit(2.000:8): cwd=\"/\"", 0);
    }
    assert!(closed(&mut reassembler).is_empty());
    push(&mut reassembler, "type=CWD msg=audit(2.000:8): cwd=\"/\"", 0);
    assert_eq!(closed(&mut reassembler), [7]);
}

#[test]
fn records_are_put_into_the_kernels_order() {
    let lines = [
        "type=PROCTITLE msg=audit(1.000:7): proctitle=\"a\"",
        "type=PATH msg=audit(1.000:7): item=1 name=\"b\"",
        "node=h type=SYSCALL msg=audit(1.000:7): syscall=1",
        "type=PATH msg=audit(1.000:7): item=0 name=\"a\"",
        "type=EXECVE msg=audit(1.000:7):  a9=\"x\"",
        "type=EXECVE msg=audit(1.000:7): argc=10 a0=\"x\"",
        "type=CWD msg=audit(1.000:7): cwd=\"/\"",
        "type=BPF msg=audit(1.000:7): op=LOAD",
    ];
    let expected = [7, 2, 5, 4, 6, 3, 1, 0].map(|at| lines[at]).join("\n");
    let mut reassembler = Reassembler::new(Limits::default());
    for line in lines {
        // One node for all, so that they are one event.
        push(&mut reassembler, line.trim_start_matches("node=h "), 0);
    }
    reassembler.finish();
    let group = reassembler.next_closed().unwrap();
    assert_eq!(str::from_utf8(group.text()).unwrap(), expected.replace("node=h ", ""));
    for part in group.parts() {
        assert!(part.line.ends_with(part.body) && part.body.contains(&b'='), "{part:?}");
    }
}

#[test]
fn the_node_is_known_wherever_its_record_lies() {
    let mut reassembler = Reassembler::new(Limits::default());
    push(&mut reassembler, "node=web 1 type=PROCTITLE msg=audit(1.000:7): proctitle=\"a\"", 0);
    push(&mut reassembler, "node=web 1 type=SYSCALL msg=audit(1.000:7): syscall=1", 0);
    reassembler.finish();
    assert_eq!(reassembler.next_closed().unwrap().node(), Some(&b"web 1"[..]));
}

#[test]
fn an_end_alone_does_not_hide_that_its_event_was_lost() {
    let mut reassembler = Reassembler::new(Limits::default());
    for line in ["CWD msg=audit(1.000:7): cwd=\"/\"", "EOE msg=audit(1.000:8): ", "CWD msg=audit(1.000:9): cwd=\"/\""] {
        push(&mut reassembler, &format!("type={line}"), 0);
    }
    reassembler.finish();
    assert_eq!(closed(&mut reassembler), [7, 9]);
    assert_eq!((reassembler.counters().lost, reassembler.counters().stray_eoe), (1, 1));
}

#[test]
fn keys_are_forgotten_after_4096_others() {
    let mut reassembler = Reassembler::new(Limits::default());
    let line = |serial: u32| format!("type=USER msg=audit(1.000:{serial}): op=a");
    push(&mut reassembler, &line(0), 0);
    push(&mut reassembler, &line(0), 0);
    assert_eq!(reassembler.counters().late, 1);
    (1..=4096).for_each(|serial| push(&mut reassembler, &line(serial), 0));
    push(&mut reassembler, &line(0), 0);
    assert_eq!(reassembler.counters().late, 1, "forgotten: an event of its own");
}
