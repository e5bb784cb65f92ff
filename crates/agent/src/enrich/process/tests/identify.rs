use super::*;

const S: i64 = 1_000_000_000;

fn table(stand: &Stand) -> Table {
    let mut table = stand.table();
    table.listen();
    table
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

#[test]
fn who_is_gone_is_still_known() {
    let stand = Stand::new();
    stand.process(7, 1, "cat", 100, "/");
    let mut table = table(&stand);
    table.happen(Happening::Fork { parent: 7, pid: 30 }, 5 * S);
    table.happen(Happening::Exit { pid: 30, first: true, status: 0 }, 5 * S + 1000);
    let life = table.identify(30, at(6), 2000).unwrap();
    assert_eq!((life.pid, life.ppid), (30, 7));
    assert_eq!(table.identify(30, at(60), 2000).unwrap_err(), Doubt::Nobody);
    assert_eq!(table.identify(31, at(6), 2000).unwrap_err(), Doubt::Nobody);
}

#[test]
fn f17_a_pid_that_came_back_is_nobody() {
    let stand = Stand::new();
    let mut table = table(&stand);
    table.happen(Happening::Fork { parent: 1, pid: 30 }, 5 * S);
    table.happen(Happening::Exit { pid: 30, first: true, status: 0 }, 6 * S);
    table.happen(Happening::Fork { parent: 1, pid: 30 }, 6 * S + 1000);
    assert_eq!(table.identify(30, at(7), 2000).unwrap_err(), Doubt::Several);
    // Later it is clear again, and so it was before.
    assert_eq!(table.identify(30, at(9), 2000).map(Life::start_ns), Ok(6 * S + 1000));
    assert_eq!(table.identify(30, at(5), 2000).map(Life::start_ns), Ok(5 * S));
}

#[test]
fn a_hole_in_the_messages_makes_nobody_sure() {
    let stand = Stand::new();
    stand.process(30, 1, "cat", 500, "/");
    let mut table = table(&stand);
    table.happen(Happening::Fork { parent: 1, pid: 30 }, 5 * S);
    table.lost();
    assert_eq!(table.identify(30, at(6), 500).unwrap_err(), Doubt::Loss);
    table.catch_up(8 * S);
    assert_eq!(table.identify(30, at(8), 500).unwrap_err(), Doubt::Loss);
    assert!(table.identify(30, at(10), 500).is_ok());
    table.stop_listening();
    assert_eq!(table.identify(30, at(10), 500).unwrap_err(), Doubt::Loss);
}
