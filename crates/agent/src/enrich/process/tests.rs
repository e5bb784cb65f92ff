use std::fs;
use std::path::PathBuf;

use super::super::container::Roots;
use super::*;
use crate::sys::connector::Happening;
use schema::field;

mod churn;
mod hashes;
mod identify;
mod lives;
mod model;

const ID: &str = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";

/// A `/proc` made of files, with the wall clock at boot at 0: a tick is 10 ms of wall time.
struct Stand {
    folder: tempfile::TempDir,
}

impl Stand {
    fn new() -> Self {
        let stand = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(stand.folder.path().join("uptime"), "1000.00 1.00\n").unwrap();
        stand
    }

    fn table(&self) -> Table {
        let containers = Containers::new(Roots::below(self.folder.path()));
        let mut table = Table::new(Proc::at(self.folder.path()), containers, "host", "boot");
        table.set_clock(|| Timestamp::from_millis(1_000_000));
        table
    }

    fn of(&self, pid: u32) -> PathBuf {
        self.folder.path().join(pid.to_string())
    }

    fn process(&self, pid: u32, ppid: u32, comm: &str, ticks: u64, cgroup: &str) {
        fs::create_dir_all(self.of(pid)).unwrap();
        let stat = format!("{pid} ({comm}) S {ppid} 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {ticks} 0 0");
        fs::write(self.of(pid).join("stat"), stat).unwrap();
        fs::write(self.of(pid).join("cgroup"), format!("0::{cgroup}\n")).unwrap();
        fs::write(self.of(pid).join("cmdline"), format!("{comm}\0--flag\0")).unwrap();
    }

    fn gone(&self, pid: u32) {
        fs::remove_dir_all(self.of(pid)).unwrap();
    }
}

fn seen(pid: u32, ppid: u32, comm: &str, ms: i64) -> Facts {
    Facts {
        pid,
        ppid: Some(ppid),
        time: Timestamp::from_millis(ms),
        serial: ms,
        comm: Some(Text::plain(comm)),
        exe: Some(Text::plain(&format!("/bin/{comm}"))),
        ..Facts::default()
    }
}

fn exec(pid: u32, ppid: u32, comm: &str, ms: i64) -> Facts {
    Facts { is_exec: true, args: vec![Text::plain(comm)], ..seen(pid, ppid, comm, ms) }
}

fn event(table: &Table, key: Key, starts: bool) -> Event {
    let parent = table.life(key).unwrap().parent;
    given(table, Sight { key, parent, before_exec: false }, starts)
}

fn given(table: &Table, sight: Sight, starts: bool) -> Event {
    let mut event = Event::new(Timestamp::default());
    table.apply(sight, Present { starts, ..Present::default() }, &mut event);
    event
}

/// The life that an event belongs to.
fn observe(table: &mut Table, facts: &Facts) -> Key {
    table.observe(facts).key
}

#[test]
fn a_process_and_its_parents() {
    let stand = Stand::new();
    stand.process(1, 0, "init", 1, "/init.scope");
    stand.process(20, 1, "sshd", 50, "/system.slice/ssh.service");
    stand.process(30, 20, "sh", 100, "/system.slice/ssh.service");
    let mut table = stand.table();
    let key = observe(&mut table, &exec(30, 20, "ls", 2000));
    let event = event(&table, key, true);
    assert_eq!(event.str(field::PROCESS_PARENT_NAME), Some("sshd"));
    assert_eq!(event.str(field::PROCESS_PARENT_COMMAND_LINE), Some("sshd --flag"));
    assert_eq!(event.str(field::AUDITNG_SYSTEMD_UNIT), Some("ssh.service"));
    assert_eq!(event.get(field::PROCESS_START), Some(schema::Value::Date(Timestamp::from_millis(1000))));
    let schema::Value::Json(ancestry) = event.get(field::AUDITNG_PROCESS_ANCESTRY).unwrap() else {
        panic!("{event:?}")
    };
    let names: serde_json::Value = serde_json::from_str(ancestry).unwrap();
    assert_eq!((names[0]["name"].as_str(), names[1]["pid"].as_u64()), (Some("sshd"), Some(1)));
}

#[test]
fn the_entity_stays_over_an_exec() {
    let stand = Stand::new();
    stand.process(30, 1, "sh", 100, "/");
    let mut table = stand.table();
    let before = observe(&mut table, &seen(30, 1, "sh", 2000));
    let id = table.life(before).unwrap().entity_id();
    let after = observe(&mut table, &exec(30, 1, "ls", 2001));
    assert_eq!((before, table.life(after).unwrap().entity_id()), (after, id));
}

#[test]
fn a_pid_that_came_back_is_another_life() {
    let stand = Stand::new();
    stand.process(30, 1, "one", 100, "/");
    let mut table = stand.table();
    let first = observe(&mut table, &exec(30, 1, "one", 2000));
    stand.process(30, 1, "two", 5000, "/");
    let second = observe(&mut table, &exec(30, 1, "two", 50_100));
    assert_ne!(first, second);
    // An event of the first one that was late: its own life, by its time.
    assert_eq!(observe(&mut table, &seen(30, 1, "one", 2500)), first);
    assert_eq!(observe(&mut table, &seen(30, 1, "two", 50_200)), second);
}

#[test]
fn an_event_after_the_exit_still_finds_its_process() {
    let stand = Stand::new();
    stand.process(30, 1, "one", 100, "/docker/x");
    let mut table = stand.table();
    let key = observe(&mut table, &exec(30, 1, "one", 2000));
    observe(&mut table, &Facts { is_end: true, ..seen(30, 1, "one", 3000) });
    stand.gone(30);
    assert_eq!(observe(&mut table, &seen(30, 1, "one", 2900)), key);
    table.tick(Timestamp::from_millis(62_000));
    assert!(table.life(key).is_some());
    table.tick(Timestamp::from_millis(64_000));
    assert!(table.life(key).is_none());
}

#[test]
fn a_process_already_gone_has_an_entity_of_its_own() {
    let stand = Stand::new();
    let mut table = stand.table();
    let key = observe(&mut table, &exec(77, 1, "true", 2000));
    let got = event(&table, key, true);
    assert_eq!(got.get(field::AUDITNG_PROCESS_START_KNOWN), Some(schema::Value::Bool(false)));
    assert_eq!(got.get(field::PROCESS_START), None);
    assert_eq!(got.str(field::AUDITNG_CONTAINER_REASON), Some("pid-gone"));
    let other = observe(&mut table, &exec(77, 1, "true", 90_000));
    assert_ne!(table.life(key).unwrap().entity_id(), table.life(other).unwrap().entity_id());
}

/// Its parent's pid is no proof: only a fork that was seen is.
#[test]
fn a87_nothing_is_guessed_without_a_fork() {
    let stand = Stand::new();
    stand.process(20, 1, "sh", 50, &format!("/docker/{ID}"));
    let mut table = stand.table();
    let child = observe(&mut table, &exec(30, 20, "true", 2000));
    let got = event(&table, child, true);
    assert_eq!(got.get(field::CONTAINER_ID), None);
    assert_eq!(got.str(field::AUDITNG_CONTAINER_SCOPE), Some("unknown"));
    assert_eq!(got.str(field::AUDITNG_CONTAINER_REASON), Some("pid-gone"));
    assert_eq!(got.str(field::PROCESS_PARENT_NAME), Some("sh"));
}

#[test]
fn nothing_is_guessed_from_a_runtime() {
    let stand = Stand::new();
    stand.process(20, 1, "runc", 50, "/system.slice");
    let mut table = stand.table();
    let child = observe(&mut table, &exec(30, 20, "app", 2000));
    assert_eq!(event(&table, child, true).str(field::AUDITNG_CONTAINER_SCOPE), Some("unknown"));
}

#[test]
fn an_exec_inside_a_new_cgroup_moves_the_process() {
    let stand = Stand::new();
    stand.process(30, 20, "runc:[2:INIT]", 100, "/system.slice");
    let mut table = stand.table();
    let key = observe(&mut table, &exec(30, 20, "runc:[2:INIT]", 2000));
    stand.process(30, 20, "app", 100, &format!("/docker/{ID}"));
    let after = observe(&mut table, &exec(30, 20, "app", 2001));
    assert_eq!(key, after);
    assert!(table.life(key).unwrap().container().is_some());
}

#[test]
fn an_orphan_shows_both_parents() {
    let stand = Stand::new();
    stand.process(1, 0, "init", 1, "/");
    stand.process(20, 1, "sh", 50, "/");
    stand.process(30, 20, "daemon", 100, "/");
    let mut table = stand.table();
    observe(&mut table, &seen(30, 20, "daemon", 2000));
    stand.process(30, 1, "daemon", 100, "/");
    let key = observe(&mut table, &seen(30, 1, "daemon", 3000));
    let got = event(&table, key, false);
    assert_eq!(got.str(field::PROCESS_PARENT_NAME), Some("init"));
    assert_eq!(got.long(field::AUDITNG_PROCESS_CREATOR_PID), Some(20));
}

#[test]
fn a_fork_that_was_seen_gives_the_child_what_its_parent_has() {
    let stand = Stand::new();
    stand.process(20, 1, "sh", 50, &format!("/docker/{ID}"));
    let mut table = stand.table();
    observe(&mut table, &Facts { is_fork: true, child: Some(30), ..seen(20, 1, "sh", 2000) });
    let key = observe(&mut table, &seen(30, 20, "sh", 2001));
    assert_eq!(event(&table, key, false).str(field::CONTAINER_ID), Some(ID));
    assert_eq!(table.len(), 2);
}

#[test]
fn the_scan_learns_everyone_once() {
    let stand = Stand::new();
    for pid in 1..50 {
        stand.process(pid, pid - 1, "p", u64::from(pid), "/");
    }
    let mut table = stand.table();
    table.scan();
    table.scan();
    assert_eq!(table.len(), 49);
}

#[test]
fn a_pause_between_the_looks_at_the_clocks_moves_no_date() {
    let stand = Stand::new();
    let mut table = stand.table();
    let paused = std::cell::Cell::new(false);
    table.set_clock(|| {
        if !paused.replace(true) {
            fs::write(stand.folder.path().join("uptime"), "1000.09 1.00\n").unwrap();
        }
        Timestamp::from_millis(1_000_090)
    });
    assert_eq!((paused.get(), table.timeline.boot_ns(1_000_000)), (true, 1_000_000 * MS));
}

#[test]
fn a_process_that_the_scan_met_before_its_fork_was_told_is_where_its_parent_is() {
    let stand = Stand::new();
    stand.process(9, 1, "sh", 10, "/system.slice/x.service");
    stand.process(30, 9, "sh", 500, "/");
    fs::remove_file(stand.of(30).join("cgroup")).unwrap();
    let mut table = stand.table();
    table.listen();
    table.scan();
    fs::remove_dir_all(stand.of(30)).unwrap();
    table.happen(Happening::Fork { parent: 9, pid: 30 }, 5_003 * MS);
    let seen = table.observe(&Facts { pid: 30, time: Timestamp::from_millis(5_010), ..Facts::default() });
    assert!(matches!(table.life(seen.key).unwrap().place.place, Place::Host(..)));
}

#[test]
fn the_living_that_died_unseen_are_forgotten() {
    let stand = Stand::new();
    stand.process(30, 1, "one", 100, "/");
    let mut table = stand.table();
    let key = observe(&mut table, &seen(30, 1, "one", 2000));
    stand.gone(30);
    table.tick(Timestamp::from_millis(70_000));
    table.tick(Timestamp::from_millis(140_000));
    assert!(table.life(key).is_none() && table.is_empty());
}

#[test]
fn lives_and_bytes_are_bounded() {
    let stand = Stand::new();
    let limits = Limits { live: 60, dead: 40, ..Limits::default() };
    let mut table = stand.table().with_limits(limits);
    for pid in 1..1000 {
        observe(&mut table, &exec(pid, 0, "x", i64::from(pid)));
    }
    // All are gone by the time they are seen.
    assert_eq!((table.len(), table.evicted()), (40, [0, 959]));
    let mut table = stand.table().with_limits(Limits { bytes: 64 << 10, ..limits });
    for pid in 1..1000 {
        observe(
            &mut table,
            &Facts { args: vec![Text::plain(&"a".repeat(1000)); 3], ..exec(pid, 0, "x", i64::from(pid)) },
        );
    }
    assert!(table.len() > 10 && table.lives.bytes() <= 64 << 10);
    assert!(table.idle.len() < 3000 && table.dead.len() < 3000);
}

#[test]
fn arguments_are_cut_and_that_is_said() {
    let stand = Stand::new();
    let mut table = stand.table();
    observe(&mut table, &Facts { args: vec![Text::plain(&"a".repeat(600)); 3], ..exec(30, 1, "x", 2000) });
    let key = observe(&mut table, &seen(30, 1, "x", 2001));
    let got = event(&table, key, false);
    assert_eq!(got.all(field::PROCESS_ARGS).count(), 1);
    assert_eq!(got.str(field::AUDITNG_TRUNCATED), Some("process.args"));
}
