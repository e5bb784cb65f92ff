//! Containers that are over before anybody could look: a reader that got no CPU for a while.

use super::super::super::process::{Facts as Told, Present, Table, Text};
use super::*;
use crate::sys::connector::Happening;

const INIT: &[u8; 16] = b"runc:[2:INIT]\0\0\0";
/// Of the processes' fork, in ns since boot; their ticks say the same.
const FORK: i64 = 1_000_500_000;

struct Stand {
    folder: tempfile::TempDir,
    table: Table,
}

impl Stand {
    /// A shim, and runc's process 30 as it waits in the container to become its program.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("uptime"), "1.00 1.00\n").unwrap();
        let containers = Containers::new(Roots::below(folder.path()));
        let mut table = Table::new(Proc::at(folder.path()), containers, "host", "boot");
        table.set_clock(|| at(1_000));
        let mut stand = Self { folder, table };
        stand.process(10, 1, "containerd-shim", "0::/system.slice/containerd.service\n");
        stand.table.listen();
        stand.table.scan();
        stand.process(30, 10, "runc:[2:INIT]", &String::from_utf8(lines(ID, "docker")).unwrap());
        stand.table.happen(Happening::Fork { parent: 10, pid: 30 }, FORK);
        stand
    }

    fn process(&self, pid: u32, ppid: u32, comm: &str, cgroup: &str) {
        let of = self.folder.path().join(pid.to_string());
        fs::create_dir_all(&of).unwrap();
        let stat = format!("{pid} ({comm}) S {ppid} 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0");
        fs::write(of.join("stat"), stat).unwrap();
        fs::write(of.join("cgroup"), cgroup).unwrap();
    }

    /// 30 becomes a program that starts 31 and ends, all before anybody reads `/proc` again.
    fn over(&mut self) {
        fs::remove_dir_all(self.folder.path().join("30")).unwrap();
        self.table.happen(Happening::Exec { pid: 30 }, FORK + 1_000_000);
        self.table.happen(Happening::Fork { parent: 30, pid: 31 }, FORK + 2_000_000);
        self.table.happen(Happening::Exec { pid: 31 }, FORK + 3_000_000);
        for pid in [31, 30] {
            self.table.happen(Happening::Exit { pid, first: true, status: 0 }, FORK + 4_000_000);
        }
    }

    /// The event of an exec, `ms` after boot.
    fn exec(&mut self, pid: u32, ppid: u32, comm: &str, ms: i64) -> Event {
        let facts = Told {
            pid,
            ppid: Some(ppid),
            time: at(ms),
            serial: ms,
            comm: Some(Text::plain(comm)),
            exe: Some(Text::plain(&format!("/bin/{comm}"))),
            args: vec![Text::plain(comm)],
            is_exec: true,
            ..Told::default()
        };
        let sight = self.table.observe(&facts);
        let mut event = Event::new(at(ms));
        self.table.apply(sight, Present::default(), &mut event);
        event
    }
}

#[test]
fn a85_a_container_that_ended_before_its_program_was_looked_at() {
    let mut stand = Stand::new();
    stand.table.happen(Happening::Comm { pid: 30, first: true, comm: *INIT }, FORK + 500_000);
    stand.over();
    let program = stand.exec(30, 10, "sh", 1_001);
    assert_eq!(program.str(field::CONTAINER_ID), Some(ID));
    let child = stand.exec(31, 30, "true", 1_003);
    assert_eq!(child.str(field::CONTAINER_ID), Some(ID));
    assert_eq!(child.str(field::AUDITNG_CONTAINER_SOURCE), Some("parent"));
}

/// A runtime inside the container may have moved its child into another one.
#[test]
fn a87_children_of_a_runtime_in_a_container_are_not_guessed() {
    let mut stand = Stand::new();
    stand.table.happen(Happening::Comm { pid: 30, first: true, comm: *INIT }, FORK + 500_000);
    stand.over();
    assert_eq!(stand.exec(30, 10, "runc", 1_001).str(field::CONTAINER_ID), Some(ID));
    let child = stand.exec(31, 30, "true", 1_003);
    assert_eq!(child.str(field::AUDITNG_CONTAINER_SCOPE), Some("unknown"));
}

/// Before its last stage runc may not have moved it yet, so what was read then proves nothing.
#[test]
fn a87_a_place_read_before_runcs_last_stage_is_no_proof() {
    let mut stand = Stand::new();
    stand.over();
    assert_eq!(stand.exec(30, 10, "sh", 1_001).str(field::AUDITNG_CONTAINER_SCOPE), Some("unknown"));
    assert_eq!(stand.exec(31, 30, "true", 1_003).str(field::AUDITNG_CONTAINER_SCOPE), Some("unknown"));
}
