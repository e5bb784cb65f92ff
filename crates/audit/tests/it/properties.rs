//! Laws of spec A38: what a log says does not depend on how its lines happen to lie.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use crate::support::{at, replay, replay_each, syscall};

/// What an event says, whatever the order of its records and of equal values.
fn canonical(mut event: Value) -> String {
    fn sort(value: &mut Value) {
        match value {
            Value::Array(items) => {
                items.iter_mut().for_each(sort);
                items.sort_by_key(Value::to_string);
            }
            Value::Object(members) => members.values_mut().for_each(sort),
            _ => {}
        }
    }
    let lines = at(&event, "event.original").as_str().map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    if let Some(mut lines) = lines {
        lines.sort();
        event["event"]["original"] = Value::from(lines);
    }
    sort(&mut event);
    event.to_string()
}

fn canonical_set(input: &[u8]) -> BTreeMap<String, usize> {
    let mut set = BTreeMap::new();
    let (events, counters) = replay(input);
    assert_eq!(counters.unparsed, 0);
    for event in events {
        *set.entry(canonical(event)).or_default() += 1;
    }
    set
}

/// A log of our own: events of four to seven records, some interleaved.
fn log(events: u32) -> Vec<String> {
    let mut lines = Vec::new();
    for serial in 0..events {
        let stamp = format!("{}.{:03}:{}", 1000 + serial / 40, serial % 1000, serial + 1);
        lines.push(syscall(&stamp, 257, "key=\"k\"").trim_end().to_owned());
        lines.push(format!("type=CWD msg=audit({stamp}): cwd=\"/srv\""));
        for item in 0..=serial % 3 {
            lines.push(format!("type=PATH msg=audit({stamp}): item={item} name=\"f{item}\" inode=1 nametype=NORMAL"));
        }
        lines.push(format!("type=PROCTITLE msg=audit({stamp}): proctitle=\"cat\""));
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a38_order_within_64_records_does_not_matter(seed in prop::collection::vec(any::<u64>(), 64)) {
        let lines = log(200);
        let mut shuffled = lines.clone();
        for (block, chunk) in shuffled.chunks_mut(64).enumerate() {
            chunk.sort_by_cached_key(|line| {
                let mixed = line.bytes().fold(seed[block % seed.len()], |hash, byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
                });
                mixed ^ mixed >> 29
            });
        }
        prop_assert_eq!(canonical_set(lines.join("\n").as_bytes()), canonical_set(shuffled.join("\n").as_bytes()));
    }

    #[test]
    fn a38_ends_may_be_there_or_not(which in prop::collection::vec(any::<bool>(), 100)) {
        let plain = log(100);
        let mut ended = Vec::new();
        for line in &plain {
            ended.push(line.clone());
            let serial: usize = line.split([':', ')']).nth(1).unwrap().parse().unwrap();
            if line.starts_with("type=PROCTITLE") && which[serial - 1] {
                ended.push(format!("type=EOE msg={}: ", line.split(' ').nth(1).unwrap().trim_start_matches("msg=").trim_end_matches(':')));
            }
        }
        prop_assert_eq!(canonical_set(plain.join("\n").as_bytes()), canonical_set(ended.join("\n").as_bytes()));
    }

    #[test]
    fn chunks_do_not_matter(cuts in prop::collection::vec(1..2000_usize, 1..50)) {
        let input = log(400).join("\n");
        let (whole, counters) = replay(&input);
        let mut decoder = audit::replay::Decoder::new(audit::replay::Options::default());
        let mut events = Vec::new();
        let mut rest = input.as_bytes();
        for cut in cuts.iter().cycle() {
            let (chunk, behind) = rest.split_at((*cut).min(rest.len()));
            decoder.feed(chunk, &mut |event| events.push(crate::support::document(event)));
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        decoder.finish(&mut |event| events.push(crate::support::document(event)));
        prop_assert_eq!((events, decoder.counters()), (whole, counters));
    }
}

fn recording(name: &str) -> Option<Vec<u8>> {
    testkit::recording(name).map(|path| testkit::unpacked(&path).expect("a recording is whole"))
}

#[test]
fn a38_shuffled_recording() {
    let Some(input) = recording("audit/real/host-enriched.log.zst") else { return };
    let mut lines: Vec<&[u8]> = input.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
    lines.truncate(12_000);
    let plain = lines.join(&b'\n');
    for (block, chunk) in lines.chunks_mut(64).enumerate() {
        chunk.rotate_left(block % chunk.len());
        chunk.reverse();
    }
    assert!(canonical_set(&plain) == canonical_set(&lines.join(&b'\n')), "shuffled lines gave other events");
}

/// What the law says: all but the names and the raw lines.
fn without_names(event: &mut schema::Event) -> String {
    use schema::field;
    for name in [
        field::EVENT_ORIGINAL,
        field::USER_NAME,
        field::USER_GROUP_NAME,
        field::USER_EFFECTIVE_NAME,
        field::USER_EFFECTIVE_GROUP_NAME,
        field::USER_TARGET_NAME,
        field::USER_CHANGES_NAME,
        field::GROUP_NAME,
        field::FILE_OWNER,
        field::FILE_GROUP,
        field::RELATED_USER,
        field::AUDITD_USER_AUDIT_NAME,
        field::AUDITD_USER_SAVED_NAME,
        field::AUDITD_USER_SAVED_GROUP_NAME,
        field::AUDITD_USER_FILESYSTEM_NAME,
        field::AUDITD_USER_FILESYSTEM_GROUP_NAME,
        field::AUDITD_SUMMARY_ACTOR_PRIMARY,
        field::AUDITD_SUMMARY_ACTOR_SECONDARY,
    ] {
        event.remove(name);
    }
    event.to_json()
}

#[test]
fn a38_tails_add_names_only() {
    let Some(input) = recording("audit/real/host-enriched.log.zst") else { return };
    let cut = |line: &[u8]| line.split(|&byte| byte == 0x1d).next().unwrap_or_default().to_vec();
    let plain: Vec<u8> = input.split(|&byte| byte == b'\n').map(cut).collect::<Vec<_>>().join(&b'\n');
    let events = |input: &[u8]| {
        let mut events = Vec::new();
        replay_each(input, |event| events.push(without_names(event)));
        events
    };
    let (with, without) = (events(&input), events(&plain));
    assert_eq!(with.len(), without.len());
    if let Some((a, b)) = with.iter().zip(&without).find(|(a, b)| a != b) {
        panic!("{a}\n{b}");
    }
}

/// Text -> event -> records -> text: every field of every record is in `event.original`, and reading that again gives the
/// same event.
#[test]
fn a38_no_field_is_lost() {
    let Some(input) = recording("audit/real/host.netlink.zst") else { return };
    let mut checked = 0;
    replay_each(&input, |event| {
        let original = event.str(schema::field::EVENT_ORIGINAL).expect("kept by default").to_owned();
        if event.all(schema::field::AUDITNG_TRUNCATED).any(|name| name == schema::Value::Text("event.original")) {
            return;
        }
        // Its container is known from events before it.
        for name in [
            schema::field::CONTAINER_ID,
            schema::field::CONTAINER_NAME,
            schema::field::CONTAINER_RUNTIME,
            schema::field::AUDITNG_CONTAINER_SCOPE,
            schema::field::AUDITNG_CONTAINER_SOURCE,
        ] {
            event.remove(name);
        }
        let first = event.to_json();
        let (mut again, mut count) = (String::new(), 0);
        replay_each(original.as_bytes(), |event| (again, count) = (event.to_json(), count + 1));
        assert_eq!((again, count), (first, 1));
        checked += 1;
    });
    assert!(checked > 10_000);
}
