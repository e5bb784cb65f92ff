//! P3 and P4: whatever is done to the files, the spool opens, loses little, and says how much.

use super::*;
use crate::spool::segment::{FRAME_LEN, HEADER_LEN};

/// Three frames of ten events in one segment, nothing delivered.
fn three_frames() -> Bench {
    let mut bench = Bench::new(Options { batch_events: 10, ..small() });
    bench.put(Lane::Normal, 30);
    bench.commit();
    bench
}

fn damaged(prepared: &Bench, change: impl FnOnce(&Memory)) -> Bench {
    let disk = Memory::new();
    for path in prepared.disk.paths() {
        disk.put(&path, &prepared.disk.bytes(&path));
    }
    change(&disk);
    let mut bench = Bench::on(disk, prepared.options.clone());
    bench.accepted.clone_from(&prepared.accepted);
    bench.made = prepared.made;
    bench
}

/// What must hold after any single fault: new events pass, nothing is delivered as something else, and all that is
/// missing is reported.
fn assert_harmless(bench: &mut Bench, most_lost: u64, what: &str) {
    bench.put(Lane::Normal, 5);
    bench.drain();
    bench.delivered.assert_same(&bench.accepted);
    let missing: Vec<_> = bench.accepted.keys().filter(|id| !bench.delivered.numbers.contains_key(id)).collect();
    assert!(missing.len() as u64 <= most_lost, "{what}: {} events missing", missing.len());
    if bench.delivered.uncounted == 0 {
        bench.assert_complete();
        assert_eq!(bench.lost(), missing.len() as u64, "{what}: reported is not what is missing");
    }
    bench.restart(Survives::Synced);
    bench.put(Lane::Normal, 1);
    assert_eq!(bench.drain(), 1, "{what}: after another restart");
}

#[test]
fn p3_a_flipped_byte_costs_at_most_its_frame() {
    let prepared = three_frames();
    for path in prepared.disk.paths() {
        let whole = prepared.disk.bytes(&path);
        for at in 0..whole.len() {
            let mut bench = damaged(&prepared, |disk| {
                let mut bytes = whole.clone();
                bytes[at] ^= 0x20;
                disk.put(&path, &bytes);
            });
            let most_lost = if path.ends_with(".seg") && at >= HEADER_LEN { 10 } else { 0 };
            assert_harmless(&mut bench, most_lost, &format!("{path} byte {at}"));
        }
    }
}

#[test]
fn p4_a_segment_cut_anywhere_keeps_its_whole_frames() {
    let prepared = three_frames();
    let path = prepared.segments(Lane::Normal).remove(0);
    let whole = prepared.disk.bytes(&path);
    let first_end = HEADER_LEN + FRAME_LEN + payload_len(&whole);
    for len in 0..whole.len() {
        let mut bench = damaged(&prepared, |disk| disk.put(&path, &whole[..len]));
        let most_lost = if len >= first_end { 20 } else { 30 };
        assert_harmless(&mut bench, most_lost, &format!("cut at {len}"));
    }
}

fn payload_len(segment: &[u8]) -> usize {
    segment::Frame::decode(&segment[HEADER_LEN..]).unwrap().payload_len as usize
}

#[test]
fn p4_zeros_instead_of_a_segment() {
    let prepared = three_frames();
    let path = prepared.segments(Lane::Normal).remove(0);
    let len = prepared.disk.bytes(&path).len();
    let mut bench = damaged(&prepared, |disk| disk.put(&path, &vec![0; len]));
    assert!(bench.notes.iter().any(|note| note.contains(&path)), "{:?}", bench.notes);
    assert_harmless(&mut bench, 30, "zeros");
    assert!(bench.delivered.uncounted > 0 || bench.lost() == 30);
    assert!(bench.disk.paths().contains(&format!("{path}.unreadable")), "kept for whoever wants to look");
}

/// Three segments of one lane.
fn three_segments() -> Bench {
    let mut bench = Bench::new(Options { batch_events: 10, ..small() });
    while bench.segments(Lane::Normal).len() < 3 {
        bench.put_noise(Lane::Normal, 10, 3_000);
        bench.commit();
    }
    bench
}

#[test]
fn p4_swapped_segments_come_in_the_right_order() {
    let prepared = three_segments();
    let paths = prepared.segments(Lane::Normal);
    let mut bench = damaged(&prepared, |disk| {
        let (a, b) = (disk.bytes(&paths[0]), disk.bytes(&paths[1]));
        disk.put(&paths[0], &b);
        disk.put(&paths[1], &a);
    });
    assert_harmless(&mut bench, 0, "swapped");
}

#[test]
fn p4_a_deleted_segment_is_reported_exactly() {
    let prepared = three_segments();
    for path in prepared.segments(Lane::Normal) {
        let mut bench = damaged(&prepared, |disk| disk.take(&path));
        bench.put(Lane::Normal, 1);
        bench.drain();
        bench.assert_complete();
        let missing = bench.accepted.len() - bench.delivered.numbers.len();
        assert!(missing > 0);
        assert_eq!(bench.lost(), missing as u64, "{path}");
    }
}

#[test]
fn p4_foreign_files_and_newer_segments_stay() {
    let prepared = three_segments();
    let paths = prepared.segments(Lane::Normal);
    let mut newer = prepared.disk.bytes(&paths[2]);
    newer[8] = 99;
    let crc = crc32fast::hash(&newer[..HEADER_LEN - 4]).to_le_bytes();
    newer[HEADER_LEN - 4..HEADER_LEN].copy_from_slice(&crc);
    let mut bench = damaged(&prepared, |disk| {
        disk.put(&paths[2], &newer);
        disk.put("normal/notes.txt", b"mine");
    });
    for name in [&paths[2], "normal/notes.txt"] {
        assert!(bench.notes.iter().any(|note| note.contains(name)), "{name}: {:?}", bench.notes);
    }
    bench.put(Lane::Normal, 5);
    bench.drain();
    bench.hand.advance(Duration::from_secs(5));
    bench.commit();
    assert_eq!(bench.disk.bytes(&paths[2]), newer);
    assert_eq!(bench.disk.bytes("normal/notes.txt"), b"mine");
    bench.delivered.assert_same(&bench.accepted);
}

#[test]
fn a_segment_that_the_medium_refuses_is_set_aside() {
    let mut bench = three_segments();
    let path = bench.segments(Lane::Normal).remove(1);
    bench.disk.make_unreadable(&path);
    bench.drain();
    bench.assert_complete();
    assert!(bench.lost() > 0);
    assert!(bench.disk.paths().contains(&format!("{path}.unreadable")));

    let mut bench = three_segments();
    let path = bench.segments(Lane::Normal).remove(1);
    bench.disk.make_unreadable(&path);
    bench.restart(Survives::Synced);
    bench.drain();
    bench.assert_complete();
    assert!(bench.lost() > 0);
}

#[test]
fn files_set_aside_do_not_pile_up() {
    let mut bench = three_frames();
    for number in 0..10 {
        bench.disk.put(&format!("low/{number}.seg"), &[0; 100]);
        bench.reopen();
    }
    let aside = bench.disk.paths().iter().filter(|path| path.ends_with(".unreadable")).count();
    assert!(aside <= 5, "{aside}");
}

#[test]
fn a_failed_sync_closes_the_segment_and_loses_nothing() {
    for survives in [Survives::Written, Survives::Synced] {
        let mut bench = Bench::new(small());
        bench.put(Lane::Normal, 10);
        bench.commit();
        bench.disk.fail(Operation::Sync, 1);
        bench.put(Lane::Normal, 10);
        bench.commit();
        assert_eq!(bench.segments(Lane::Normal).len(), 2);
        bench.restart(survives);
        bench.put(Lane::Normal, 1);
        bench.drain();
        bench.assert_complete();
        assert_eq!((bench.lost(), bench.delivered.uncounted, bench.delivered.numbers.len()), (0, 0, 21));
    }
}

#[test]
fn a_failing_disk_keeps_events_in_memory_until_it_works() {
    let mut bench = Bench::new(small());
    bench.put(Lane::Normal, 10);
    bench.commit();
    bench.disk.fail(Operation::Append, 1_000);
    bench.put(Lane::Normal, 10);
    bench.commit();
    let source = bench.health.source("spool");
    let state = || serde_json::to_string(&source.report()).unwrap();
    assert!(state().contains("degraded"), "{}", state());
    bench.disk.fail(Operation::Append, 0);
    bench.commit();
    assert!(state().contains(r#""on""#), "{}", state());
    assert_eq!(bench.drain(), 20);
    bench.assert_complete();
    assert_eq!(bench.lost(), 0);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 200, ..Default::default() })]

    #[test]
    fn it_opens_whatever_the_files_hold(
        segment in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400),
        keep in 0..400_usize,
        mark in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..100),
        epoch in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
    ) {
        // A good beginning takes the noise further in than noise alone would come.
        let prepared = three_frames();
        let path = prepared.segments(Lane::Normal).remove(0);
        let mut bytes = prepared.disk.bytes(&path);
        bytes.truncate(keep);
        bytes.extend(&segment);
        let disk = Memory::new();
        disk.put(&path, &bytes);
        disk.put("low/00000001-00000000000.seg", &segment);
        disk.put("mark", &mark);
        disk.put("epoch", &epoch);
        // With every trace of the old epoch gone, only the clock (and the nonce) tells the new one apart.
        let mut bench = Bench::on_at(disk, prepared.options.clone(), 1_700_000_001_000);
        bench.accepted.clone_from(&prepared.accepted);
        bench.made = prepared.made;
        bench.put(Lane::Normal, 1);
        proptest::prop_assert!(bench.drain() >= 1);
        bench.delivered.assert_same(&bench.accepted);
    }
}
