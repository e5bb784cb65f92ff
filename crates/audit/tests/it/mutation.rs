//! Foreign bytes: whatever comes in, nothing panics, nothing is lost, nothing takes quadratic time. The fuzz targets under
//! `fuzz/` look further; this runs with every test.

use audit::record::parse_line;
use proptest::prelude::*;

use crate::support::{replay_each, syscall};

const SEEDS: [&str; 8] = [
    "type=PATH msg=audit(1.000:1): item=0 name=2F746D702FFFFE inode=1 dev=fe:00 mode=0100644 ouid=0 nametype=CREATE\x1dOUID=\"root\"",
    "type=EXECVE msg=audit(1.000:1): argc=3 a0=\"x\" a1_len=8 a1[0]=C3A a1[1]=97A7A a2=\"ab\"",
    "type=USER_LOGIN msg=audit(1.000:1): pid=1 uid=0 msg='op=login acct=\"a b\" (hostname=?, addr=1.2.3.4, res=failed)'\x1dUID=\"root\"",
    "type=AVC msg=audit(1.000:1): avc:  denied  { read write } for  pid=1 comm=\"x\" scontext=a:b:c:d:e:f tclass=dir",
    "type=SOCKADDR msg=audit(1.000:1): saddr=0A00C93A0000000020010DB800000000000000000000000100000000\x1dSADDR={ saddr_fam=inet6 }",
    "type=LOGIN msg=audit(1.000:1): login pid=1 uid=0 old auid=4294967295 new auid=0",
    "node=a b type=1300 audit(1.000:1): arch=c000003e syscall=59 success=yes exit=-2 key=65786563013634626974\"",
    "audit: type=1307 audit(1.000:1): cwd=\"/a\" msg='msg='msg='",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutated_lines_become_one_event_each(
        seed in 0..SEEDS.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 0..8),
    ) {
        let mut line = SEEDS[seed].as_bytes().to_vec();
        for (at, edit, byte) in edits {
            let at = at.index(line.len() + 1);
            match edit {
                0 => line.insert(at, byte),
                1 => line.truncate(at),
                2 if at < line.len() => line[at] = byte,
                _ if at < line.len() => {
                    let piece = line[at..].to_vec();
                    line.extend_from_slice(&piece);
                }
                _ => {}
            }
        }
        line.retain(|byte| *byte != b'\n');
        if let Ok(record) = parse_line(&line) {
            prop_assert!(record.fields().all(|field| field.key.len() + field.value.raw.len() <= line.len()));
        }
        let mut events = 0;
        let counters = replay_each(&line, |event| {
            events += 1;
            assert!(serde_json::from_str::<serde_json::Value>(&event.to_json()).is_ok());
        });
        // A stray EOE has no event of its own; blank lines are no input; some first bytes look like a capture.
        prop_assert_eq!(events, counters.events);
        prop_assert!(counters.records + counters.unparsed <= 1 + u64::from(line.len() > 4));
    }

    #[test]
    fn a24_any_bytes_are_read_to_the_end(input in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut events = 0;
        let counters = replay_each(&input, |_| events += 1);
        prop_assert_eq!(events, counters.events);
    }
}

/// Lines that would take minutes if any step of the scanner looked back or ahead over the whole rest.
#[test]
fn a24_long_hostile_lines_take_linear_time() {
    for piece in ["a=\"", "a=\" ", "msg='", "a ", "\x1d", "(a=,) ", "{", "=", "a={ ", "old ", "a=b c ", "\"", "'\x1d"] {
        let line = format!("type=USER msg=audit(1.000:1): {}", piece.repeat((900 << 10) / piece.len()));
        let counters = replay_each(line.as_bytes(), |_| {});
        assert_eq!((counters.records, counters.events), (1, 1), "{piece:?}");
    }
}

#[test]
fn a24_a_group_in_reverse_order_takes_linear_time() {
    let line = |kind: &str, at: u32| format!("type={kind} msg=audit(1.000:1): item={at} name=\"x\"\n");
    let lines: String =
        (0..30_000).map(|at| line("PATH", 30_000 - at)).collect::<String>() + &syscall("1.000:1", 2, "");
    let counters = replay_each(lines.as_bytes(), |_| {});
    assert_eq!((counters.records, counters.events), (30_001, 1));
}
