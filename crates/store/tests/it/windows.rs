//! Windows: absurd times, retention, pruning, damage.

use std::fs;

use schema::Stream;
use store::embedded::{Engine, Keep, Options, Retention};
use store::{SearchError, Store as _};

use super::*;

const DAY: i64 = 86_400_000;

fn at(seq: u64, time: Option<i64>, received: i64) -> Accepted {
    let mut accepted = event(seq);
    accepted.event.remove(field::TIMESTAMP);
    if let Some(time) = time {
        accepted.event.push_date(field::TIMESTAMP, Timestamp::from_millis(time));
    }
    accepted.received = Timestamp::from_millis(received);
    accepted
}

fn open(folder: &tempfile::TempDir) -> Engine {
    Engine::open(folder.path(), Options::default()).unwrap()
}

fn found(engine: &Engine, from: Option<i64>, to: Option<i64>) -> Vec<u64> {
    let time = |ms: Option<i64>| ms.map(Timestamp::from_millis);
    let search = Search { from_time: time(from), to_time: time(to), ..Search::default() };
    let answer = engine.search(&search, &context()).unwrap();
    let mut orders: Vec<u64> = answer.hits.iter().map(|hit| hit.seq.0).collect();
    orders.sort_unstable();
    orders
}

#[test]
fn events_of_any_time_are_kept_and_found_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    let year_2300 = 10_413_792_000_000;
    let times = [
        Some(0),
        Some(2_145_916_800_000),
        Some(year_2300),
        Some(NOW + DAY),
        Some(NOW - 10 * DAY),
        None,
        Some(i64::MAX),
        Some(i64::MIN),
        Some(NOW),
        Some(NOW - DAY),
    ];
    let batch: Vec<Accepted> = times.iter().zip(1..).map(|(&time, seq)| at(seq, time, NOW)).collect();
    engine.append(&batch).unwrap();
    engine.commit().unwrap();
    assert_eq!(found(&engine, None, None), (1..=10).collect::<Vec<_>>());
    assert_eq!(found(&engine, Some(-1), Some(1)), [1]);
    assert_eq!(found(&engine, Some(year_2300), Some(year_2300 + 1)), [3]);
    assert_eq!(found(&engine, Some(NOW), None), [2, 3, 4, 7, 9]);
    assert_eq!(found(&engine, None, Some(NOW)), [1, 5, 8, 10]);
    let names: Vec<String> = engine.windows().iter().map(|window| window.name.clone()).collect();
    assert!(names.contains(&"odd-2026-11-24-0".to_owned()) && names.contains(&"2026-11-24-0".to_owned()), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("2300") || name.contains("1970")), "{names:?}");
}

#[test]
fn only_windows_that_can_match_are_searched() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    let batch: Vec<Accepted> =
        (0..6).map(|day| at(3 * u64::try_from(day).unwrap() + 3, Some(NOW - day * DAY), NOW)).collect();
    engine.append(&batch).unwrap();
    engine.commit().unwrap();
    let time = |ms| Some(Timestamp::from_millis(ms));
    let search = Search { from_time: time(NOW - 2 * DAY), to_time: time(NOW), ..Search::default() };
    let answer = engine.search(&search, &context()).unwrap();
    assert_eq!((answer.total.value, answer.windows.searched, answer.windows.pruned), (2, 2, 4));
    let newest = Search { size: 1, track_total: 0, ..Search::default() };
    let answer = engine.search(&newest, &context()).unwrap();
    assert_eq!((answer.hits.len(), answer.windows.searched), (1, 1));
    assert!(answer.total.at_least);
}

#[test]
fn what_is_old_by_arrival_goes_and_a_running_search_keeps_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    let far_ahead = NOW + 400 * 365 * DAY;
    engine.append(&[at(3, Some(far_ahead), NOW - 40 * DAY), at(6, Some(NOW - 40 * DAY), NOW - 40 * DAY)]).unwrap();
    engine.append(&[at(9, Some(NOW), NOW)]).unwrap();
    engine.commit().unwrap();
    let mut deleted = Vec::new();
    let mut batches = 0;
    engine
        .scan(&Search::default(), &context(), &mut |_| {
            // In the middle of the scan: its windows are open, later ones may be gone already.
            if batches == 0 {
                deleted = engine.enforce_retention(Timestamp::from_millis(NOW));
            }
            batches += 1;
            true
        })
        .unwrap();
    assert_eq!(deleted.len(), 2);
    assert_eq!(found(&engine, None, None), [9]);
    assert_eq!(engine.enforce_retention(Timestamp::from_millis(NOW)), []);
    drop(engine);
    assert_eq!(found(&open(&folder), None, None), [9]);
    assert_eq!(fs::read_dir(folder.path().join("audit")).unwrap().count(), 1);
}

#[test]
fn over_its_bytes_the_oldest_windows_go_and_the_newest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep { max_age: None, max_bytes: Some(1) };
    let retention = Retention { default: keep, streams: [(Stream::Audit, keep)].into(), max_bytes: None };
    let engine = Engine::open(folder.path(), Options { retention }).unwrap();
    let batch: Vec<Accepted> =
        (0..5_i64).map(|day| at(3 * u64::try_from(day).unwrap() + 3, Some(NOW + day * DAY), NOW + day * DAY)).collect();
    engine.append(&batch).unwrap();
    engine.commit().unwrap();
    let deleted = engine.enforce_retention(Timestamp::from_millis(NOW + 5 * DAY));
    assert_eq!(
        deleted.iter().map(|window| window.name.as_str()).collect::<Vec<_>>(),
        ["2026-11-24-0", "2026-11-25-0", "2026-11-26-0", "2026-11-27-0"]
    );
    assert_eq!(total(&engine), 1);
}

#[test]
fn a_damaged_window_is_named_and_the_others_answer() {
    let folder = tempfile::tempdir().unwrap();
    {
        let engine = open(&folder);
        engine.append(&[at(3, Some(NOW), NOW), at(6, Some(NOW + DAY), NOW + DAY)]).unwrap();
        engine.seal_all().unwrap();
    }
    let window = folder.path().join("audit/2026-11-24-0");
    let columns = fs::read_dir(&window).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        (path.extension().is_some_and(|extension| extension == "fast")).then_some(path)
    });
    fs::remove_file(columns.unwrap()).unwrap();
    let engine = open(&folder);
    assert!(
        matches!(engine.search(&Search::default(), &context()), Err(SearchError::Windows(failed)) if failed[0].name == "audit/2026-11-24-0")
    );
    let answer = engine.search(&Search::default(), &Context { allow_partial: true, ..context() }).unwrap();
    assert_eq!((answer.total.value, answer.windows.failed.len()), (1, 1));
    fs::write(window.join("window.json"), "{}").unwrap();
    let engine = open(&folder);
    assert!(engine.windows().iter().any(|window| window.failed.is_some()));
    engine.append(&[at(9, Some(NOW), NOW)]).unwrap();
    engine.commit().unwrap();
    let answer = engine.search(&Search::default(), &Context { allow_partial: true, ..context() }).unwrap();
    assert_eq!(answer.total.value, 2);
}

#[test]
fn a_folder_left_by_a_crash_does_not_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["audit/2026-11-24-0", "audit/2026-11-23-0.deleted", "audit/foreign"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    let engine = open(&folder);
    assert!(engine.windows().is_empty());
    engine.append(&events(1, 10)).unwrap();
    engine.commit().unwrap();
    assert_eq!(total(&engine), 9);
}

#[test]
fn a_sealed_window_has_the_files_of_one_segment_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    for from in (1..1200).step_by(60) {
        // Every eighth commit starts a merge; the last is running when the window is sealed.
        engine.append(&(from..from + 60).map(|seq| at(seq * 3, Some(NOW), NOW)).collect::<Vec<_>>()).unwrap();
        engine.commit().unwrap();
    }
    engine.seal_all().unwrap();
    let window = folder.path().join("audit/2026-11-24-0");
    let names = fs::read_dir(window).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let segments: std::collections::BTreeSet<String> = names
        .filter_map(|name| name.split_once('.').map(|(stem, _)| stem.to_owned()))
        .filter(|stem| stem.len() == 32)
        .collect();
    assert_eq!(segments.len(), 1);
    assert_eq!(total(&engine), 1200);
}
