//! P7 to P9: at a bound, the lowest lane goes first, and the numbers add up.

use super::*;

fn produced_is_delivered_and_reported(bench: &mut Bench) {
    bench.drain();
    bench.assert_complete();
    let delivered = bench.delivered.numbers.len() as u64;
    assert_eq!(delivered + bench.lost(), bench.made, "delivered {delivered}, reported {}", bench.lost());
}

#[test]
fn p7_over_the_cap_low_goes_first_and_high_survives() {
    let mut bench = Bench::new(Options { bytes: 2 << 20, ..small() });
    for _ in 0..60 {
        bench.put_noise(Lane::Low, 20, 1_500);
        bench.put_noise(Lane::Normal, 10, 1_500);
        bench.put_noise(Lane::High, 5, 1_500);
        bench.commit();
        assert!(bench.writer.stats().bytes <= 2 << 20);
    }
    produced_is_delivered_and_reported(&mut bench);
    let lost = |lane| bench.delivered.lost.iter().filter(|range| range.lane == lane).count();
    assert!(lost(Lane::Low) > 0);
    assert_eq!(lost(Lane::High), 0);
    let report = bench.health.stage("spool").report();
    assert_eq!(report.lost["full"], bench.lost());
}

#[test]
fn p7_a_promised_quarter_is_kept_for_normal() {
    let mut bench = Bench::new(Options { bytes: 2 << 20, ..small() });
    bench.put_noise(Lane::Normal, 100, 3_000);
    bench.commit();
    for _ in 0..60 {
        bench.put_noise(Lane::High, 20, 3_000);
        bench.commit();
    }
    produced_is_delivered_and_reported(&mut bench);
    let lost = |lane| bench.delivered.lost.iter().filter(|range| range.lane == lane).count();
    assert_eq!(lost(Lane::Normal), 0);
    assert!(lost(Lane::High) > 0);
}

#[test]
fn a_low_event_never_pushes_out_a_higher_one() {
    let mut bench = Bench::new(Options { bytes: 1 << 20, ..small() });
    while bench.writer.stats().bytes < 950 << 10 {
        bench.put_noise(Lane::Normal, 5, 3_000);
        bench.commit();
    }
    bench.put_noise(Lane::Low, 100, 3_000);
    bench.commit();
    bench.put_noise(Lane::Low, 100, 3_000);
    bench.commit();
    produced_is_delivered_and_reported(&mut bench);
    assert!(bench.delivered.lost.iter().all(|range| range.lane == Lane::Low));
    assert!(bench.lost() > 100);
}

#[test]
fn p8_a_full_disk_drops_and_goes_on_when_there_is_room() {
    let mut bench = Bench::new(Options { bytes: 8 << 20, ..small() });
    bench.disk.set_capacity(Some(1 << 20));
    for round in 0..80 {
        if round == 60 {
            bench.disk.set_capacity(None);
        }
        bench.put_noise(Lane::Normal, 10, 3_000);
        bench.put_noise(Lane::High, 1, 3_000);
        bench.commit();
    }
    produced_is_delivered_and_reported(&mut bench);
    assert!(bench.lost() > 0);
}

#[test]
fn p8_with_a_crash_while_full() {
    let mut bench = Bench::new(Options { bytes: 8 << 20, ..small() });
    bench.disk.set_capacity(Some(600 << 10));
    for round in 0..60 {
        bench.put_noise(Lane::Normal, 10, 3_000);
        bench.commit();
        assert_eq!(bench.writer.stats().waiting_bytes, 0);
        if round % 20 == 10 {
            bench.restart(Survives::Synced);
        }
    }
    bench.disk.set_capacity(None);
    bench.drain();
    bench.assert_complete();
}

#[test]
fn free_space_of_others_is_not_taken() {
    let mut bench = Bench::new(Options { bytes: 64 << 20, keep_free: 2 << 20, ..small() });
    bench.disk.set_capacity(Some(10 << 20));
    for _ in 0..100 {
        bench.put_noise(Lane::Normal, 100, 3_000);
        bench.commit();
    }
    // What is below the floor of 4 MiB may be used in any case; here 8 MiB are ours to use.
    let free = bench.disk.clone().free().unwrap();
    assert!(free >= 2 << 20, "{free}");
    produced_is_delivered_and_reported(&mut bench);
    assert!(bench.lost() > 0);
}

#[test]
fn p9_block_drops_nothing_and_refuses() {
    let mut bench = Bench::new(Options { full: Full::Block, memory: 1 << 20, ..small() });
    let mut refused = 0;
    for _ in 0..100 {
        for _ in 0..20 {
            refused += u64::from(bench.try_put(Lane::Normal, 3_000) == Err(Refused::Full));
        }
        bench.commit();
    }
    assert!(refused > 0);
    assert_eq!(bench.drain(), bench.made);
    assert_eq!(bench.lost(), 0);
    bench.assert_complete();
    // With room again, it takes again.
    bench.hand.advance(Duration::from_secs(2));
    bench.commit();
    bench.put(Lane::Normal, 10);
    assert_eq!(bench.drain(), 10);
}

#[test]
fn memory_is_bounded_and_kept_for_the_higher_lanes() {
    let mut bench = Bench::new(Options { memory: 1 << 20, ..small() });
    let mut fill = |lane| {
        while bench.try_put(lane, 1_000).is_ok() {}
        bench.writer.stats().waiting_bytes
    };
    let (low, normal, high) = (fill(Lane::Low), fill(Lane::Normal), fill(Lane::High));
    assert!(low >= 512 << 10 && normal > low + (200 << 10) && high > normal + (200 << 10));
    assert!(high < (1 << 20) + (4 << 10), "{high}");
}
