//! Lives as the kernel's process events tell them.

use super::*;
use crate::sys::connector::Happening;

const OTHER: &str = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";

impl Stand {
    /// A table that listens, with init and two containers' first processes, 20 and 21.
    fn listening(&self) -> Table {
        self.process(1, 0, "init", 1, "/init.scope");
        self.process(20, 1, "sh", 50, &format!("/docker/{ID}"));
        self.process(21, 1, "sh", 50, &format!("/docker/{OTHER}"));
        let mut table = self.table();
        table.listen();
        table.scan_at(1000 * MS);
        table
    }
}

fn fork(table: &mut Table, parent: u32, pid: u32, ms: i64) {
    table.happen(Happening::Fork { parent, pid }, ms * MS);
}

fn run(table: &mut Table, pid: u32, ms: i64) {
    table.happen(Happening::Exec { pid }, ms * MS);
}

fn exit(table: &mut Table, pid: u32, status: u32, ms: i64) {
    table.happen(Happening::Exit { pid, first: true, status }, ms * MS);
}

fn of(table: &mut Table, facts: &Facts) -> Event {
    let sight = table.observe(facts);
    given(table, sight, true)
}

#[test]
fn a81_a_pid_reused_within_a_second_is_two_lives() {
    let stand = Stand::new();
    let mut table = stand.listening();
    for (parent, start) in [(20, 2000), (21, 2100), (20, 2200)] {
        fork(&mut table, parent, 30, start);
        run(&mut table, 30, start + 1);
        exit(&mut table, 30, 0, start + 2);
    }
    let mut entities = Vec::new();
    for (parent, at, container) in [(20, 2001, ID), (21, 2101, OTHER), (20, 2201, ID)] {
        let first = of(&mut table, &exec(30, parent, "true", at));
        let second = of(&mut table, &seen(30, parent, "true", at + 1));
        assert_eq!(first.str(field::CONTAINER_ID), Some(container), "{at}");
        assert_eq!(first.str(field::PROCESS_ENTITY_ID), second.str(field::PROCESS_ENTITY_ID));
        entities.push(first.str(field::PROCESS_ENTITY_ID).unwrap().to_owned());
    }
    entities.sort();
    entities.dedup();
    assert_eq!(entities.len(), 3);
}

#[test]
fn a82_an_event_5_s_after_the_exit_has_everything() {
    let stand = Stand::new();
    let mut table = stand.listening();
    fork(&mut table, 20, 30, 2000);
    run(&mut table, 30, 2001);
    table.observe(&Facts { cwd: Some(Text::plain("/srv")), ..exec(30, 20, "work", 2001) });
    exit(&mut table, 30, 0x300, 2003);
    table.tick(Timestamp::from_millis(7000));
    let late = Facts { comm: None, exe: None, ..seen(30, 20, "", 2002) };
    let event = of(&mut table, &late);
    assert_eq!(event.str(field::PROCESS_EXECUTABLE), Some("/bin/work"));
    assert_eq!(event.str(field::PROCESS_ARGS), Some("work"));
    assert_eq!(event.str(field::PROCESS_WORKING_DIRECTORY), Some("/srv"));
    assert_eq!(event.str(field::CONTAINER_ID), Some(ID));
    assert_eq!(event.str(field::AUDITNG_CONTAINER_SOURCE), Some("parent"));
    assert_eq!(event.long(field::PROCESS_EXIT_CODE), Some(3));
    assert_eq!(event.get(field::PROCESS_END), Some(schema::Value::Date(Timestamp::from_millis(2003))));
}

#[test]
fn a83_a_daemon_shows_its_creator_and_init() {
    let stand = Stand::new();
    let mut table = stand.listening();
    fork(&mut table, 1, 30, 2000);
    fork(&mut table, 30, 31, 2001);
    table.happen(Happening::Session { pid: 31 }, 2002 * MS);
    fork(&mut table, 31, 32, 2003);
    exit(&mut table, 31, 0, 2004);
    let before = of(&mut table, &seen(32, 31, "init", 2003));
    let after = of(&mut table, &seen(32, 1, "init", 2100));
    assert_eq!(
        (before.long(field::PROCESS_PARENT_PID), before.get(field::AUDITNG_PROCESS_CREATOR_PID)),
        (Some(31), None)
    );
    assert_eq!(
        (after.long(field::PROCESS_PARENT_PID), after.long(field::AUDITNG_PROCESS_CREATOR_PID)),
        (Some(1), Some(31))
    );
    assert_eq!(after.str(field::AUDITNG_PROCESS_CREATOR_ENTITY_ID), before.str(field::PROCESS_PARENT_ENTITY_ID));
    // A record that was late: its parent then was the creator.
    let late = of(&mut table, &seen(32, 31, "init", 2003));
    assert_eq!(late.str(field::PROCESS_PARENT_ENTITY_ID), before.str(field::PROCESS_PARENT_ENTITY_ID));
    // The creator is forgotten after a minute, who it was is not.
    table.tick(Timestamp::from_millis(70_000));
    let last = of(&mut table, &seen(32, 1, "init", 70_000));
    assert_eq!(last.long(field::AUDITNG_PROCESS_CREATOR_PID), Some(31));
    assert_eq!(last.long(field::PROCESS_SESSION_LEADER_PID), Some(31));
}

#[test]
fn a87_the_parent_of_another_container_is_not_asked() {
    let stand = Stand::new();
    let mut table = stand.listening();
    // 30 was a shell of the one container, then of the other; its child is of the first.
    fork(&mut table, 20, 30, 2000);
    fork(&mut table, 30, 40, 2010);
    exit(&mut table, 30, 0, 2020);
    fork(&mut table, 21, 30, 2100);
    run(&mut table, 40, 2110);
    let event = of(&mut table, &exec(40, 30, "true", 2110));
    assert_eq!(event.str(field::CONTAINER_ID), Some(ID));
    // Of a child whose fork nobody saw, its parent's pid proves nothing.
    let unseen = of(&mut table, &exec(50, 30, "true", 2200));
    assert_eq!(unseen.get(field::CONTAINER_ID), None);
    assert_eq!(unseen.str(field::AUDITNG_CONTAINER_REASON), Some("pid-gone"));
}

#[test]
fn threads_are_no_processes_and_the_last_one_ends_it() {
    let stand = Stand::new();
    let mut table = stand.listening();
    fork(&mut table, 20, 30, 2000);
    table.happen(Happening::Thread { pid: 30 }, 2001 * MS);
    exit(&mut table, 30, 0, 2002);
    assert!(table.living(30).is_some(), "a thread runs on");
    table.happen(Happening::Exit { pid: 30, first: false, status: 0x100 }, 2003 * MS);
    assert!(table.living(30).is_none());
    let life = table.all().find(|life| life.pid == 30).unwrap();
    assert_eq!((life.ended_ns, life.status), (2003 * MS, Some(0x100)));
    // An exec by another thread: the first one ends before it, and the process goes on.
    fork(&mut table, 20, 31, 2000);
    table.happen(Happening::Thread { pid: 31 }, 2001 * MS);
    exit(&mut table, 31, 0, 2002);
    run(&mut table, 31, 2003);
    assert!(table.living(31).is_some());
    exit(&mut table, 31, 9, 2004);
    let event = of(&mut table, &seen(31, 20, "x", 2004));
    assert_eq!(event.long(field::AUDITNG_PROCESS_EXIT_SIGNAL), Some(9));
    assert_eq!(event.get(field::PROCESS_EXIT_CODE), None);
}

#[test]
fn an_event_from_before_the_exec_has_what_ran_then() {
    let stand = Stand::new();
    let mut table = stand.listening();
    fork(&mut table, 20, 30, 2000);
    run(&mut table, 30, 2100);
    table.observe(&exec(30, 20, "new", 2100));
    let old = Facts { comm: None, exe: None, ..seen(30, 20, "", 2050) };
    assert_eq!(of(&mut table, &old).str(field::PROCESS_NAME), Some("sh"));
    assert_eq!(of(&mut table, &seen(30, 20, "new", 2101)).str(field::PROCESS_ARGS), Some("new"));
}

#[test]
fn lost_messages_are_made_up_for_by_proc() {
    let stand = Stand::new();
    let mut table = stand.listening();
    fork(&mut table, 20, 30, 2000);
    fork(&mut table, 20, 31, 2000);
    stand.process(30, 20, "sh", 200, &format!("/docker/{ID}"));
    stand.process(32, 21, "new", 210, &format!("/docker/{OTHER}"));
    table.lost();
    table.catch_up(2500 * MS);
    assert!(table.living(30).is_some() && table.living(31).is_none());
    let event = of(&mut table, &seen(32, 21, "new", 2400));
    assert_eq!(event.str(field::CONTAINER_ID), Some(OTHER));
    // Who is gone did what it did before the gap; what happened in it may have been another one.
    let before = table.observe(&seen(31, 20, "sh", 2000)).key;
    assert_ne!(table.observe(&seen(31, 20, "sh", 2300)).key, before);
}

#[test]
fn what_was_known_comes_back_after_a_restart() {
    let stand = Stand::new();
    let path = stand.folder.path().join("process.state");
    let mut table = stand.listening();
    fork(&mut table, 1, 30, 2000);
    fork(&mut table, 30, 31, 2000);
    for pid in [30, 31] {
        stand.process(pid, 1, "daemon", 200, "/x.service");
        run(&mut table, pid, 2001);
        table.observe(&Facts { args: vec![Text::plain("--secret")], ..exec(pid, 30, "daemon", 2001) });
    }
    exit(&mut table, 30, 0, 2002);
    stand.gone(30);
    let known = of(&mut table, &seen(31, 1, "daemon", 2100));
    table.save(&path, "boot").unwrap();
    let mut next = stand.table();
    assert_eq!(next.load(&path, "another boot"), 0);
    assert!(next.is_empty());
    next.listen();
    assert_eq!(next.load(&path, "boot"), 4);
    next.scan_at(3000 * MS);
    let again = of(&mut next, &seen(31, 1, "daemon", 3000));
    for field in [
        field::PROCESS_ENTITY_ID,
        field::PROCESS_ARGS,
        field::AUDITNG_PROCESS_CREATOR_ENTITY_ID,
        field::PROCESS_PARENT_ENTITY_ID,
        field::PROCESS_ENTRY_LEADER_ENTRY_META_TYPE,
        field::AUDITNG_SYSTEMD_UNIT,
    ] {
        assert!(known.str(field).is_some(), "{field:?}");
        assert_eq!(again.str(field), known.str(field), "{field:?}");
    }
    // The pid came back meanwhile: nothing of what was known is true.
    stand.process(31, 1, "other", 900, "/");
    let mut last = stand.table();
    last.load(&path, "boot");
    assert!(last.living(31).is_none());
    fs::write(&path, b"{\"version\":1,\"boot_id\":\"boot\"}\n{broken\n").unwrap();
    assert_eq!(stand.table().load(&path, "boot"), 0);
}
