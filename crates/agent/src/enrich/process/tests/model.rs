//! Random worlds of processes against an exact account of who lived when and where.
//!
//! The world forks, execs, moves processes into containers, ends them and gives their pids away again. The table hears of it
//! late: messages in batches, records up to seconds after, with the kernel's coarse clock, and a `/proc` that already shows
//! another moment. Never may an event get the life of another process, or another container. Pids rest for 20 ms before
//! they come back: what the coarse clock cannot tell apart, nobody can.

use std::collections::{HashMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::sys::connector::Happening;

const PIDS: u32 = 20;
const REST_MS: i64 = 20;

#[derive(Clone, Debug)]
struct Process {
    pid: u32,
    ppid: u32,
    comm: &'static str,
    container: Option<usize>,
    start_ms: i64,
    /// After it the process is a zombie nowhere: gone from `/proc` at once.
    ended_ms: Option<i64>,
}

#[derive(Clone, Debug)]
struct Record {
    who: usize,
    facts: Facts,
    /// Where it was then.
    container: Option<usize>,
    due_ms: i64,
}

struct World {
    stand: Stand,
    now_ms: i64,
    all: Vec<Process>,
    messages: VecDeque<(i64, Happening)>,
    records: Vec<Record>,
    next_pid: u32,
}

fn id(container: usize) -> String {
    format!("{:064x}", container + 1)
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            stand: Stand::new(),
            now_ms: 10_000,
            all: Vec::new(),
            messages: VecDeque::new(),
            records: Vec::new(),
            next_pid: 2,
        };
        world.add(1, 0, "init", None, 10);
        world
    }

    fn add(&mut self, pid: u32, ppid: u32, comm: &'static str, container: Option<usize>, start_ms: i64) -> usize {
        self.all.push(Process { pid, ppid, comm, container, start_ms, ended_ms: None });
        self.show(self.all.len() - 1);
        self.all.len() - 1
    }

    fn show(&self, who: usize) {
        let process = &self.all[who];
        let cgroup = process.container.map_or("/user.slice".to_owned(), |at| format!("/docker/{}", id(at)));
        let ticks = u64::try_from(process.start_ms / 10).unwrap();
        self.stand.process(process.pid, process.ppid, process.comm, ticks, &cgroup);
    }

    fn living(&self) -> Vec<usize> {
        (0..self.all.len()).filter(|&who| self.all[who].ended_ms.is_none()).collect()
    }

    fn pick(&self, dice: u32) -> usize {
        let living = self.living();
        living[dice as usize % living.len()]
    }

    fn tell(&mut self, what: Happening) {
        self.messages.push_back((self.now_ms * MS, what));
    }

    fn free_pid(&mut self) -> Option<u32> {
        for _ in 0..PIDS {
            self.next_pid = if self.next_pid >= PIDS { 2 } else { self.next_pid + 1 };
            let pid = self.next_pid;
            let busy = self.all.iter().any(|process| {
                process.pid == pid && process.ended_ms.is_none_or(|ended| ended + REST_MS > self.now_ms)
            });
            if !busy {
                return Some(pid);
            }
        }
        None
    }

    fn fork(&mut self, parent: usize) -> Option<usize> {
        let pid = self.free_pid()?;
        let Process { pid: ppid, comm, container, .. } = self.all[parent].clone();
        let child = self.add(pid, ppid, comm, container, self.now_ms);
        self.tell(Happening::Fork { parent: ppid, pid });
        Some(child)
    }

    fn exec(&mut self, who: usize, comm: &'static str) {
        self.record(who, true, comm);
        self.all[who].comm = comm;
        self.show(who);
        self.tell(Happening::Exec { pid: self.all[who].pid });
    }

    fn exit(&mut self, who: usize) {
        let pid = self.all[who].pid;
        if pid == 1 {
            return;
        }
        self.all[who].ended_ms = Some(self.now_ms);
        self.stand.gone(pid);
        self.tell(Happening::Exit { pid, first: true, status: 0 });
        for orphan in self.living() {
            if self.all[orphan].ppid == pid {
                self.all[orphan].ppid = 1;
                self.show(orphan);
            }
        }
    }

    /// Where a runtime puts it; the record of the exec says how it was before.
    fn contain(&mut self, host: usize, container: usize) {
        if self.all[host].container.is_some() {
            return;
        }
        self.exec(host, "runc");
        let Some(child) = self.fork(host) else { return };
        self.now_ms += 1;
        self.all[child].container = Some(container);
        self.show(child);
        self.exec(child, "app");
    }

    fn record(&mut self, who: usize, exec: bool, comm: &'static str) {
        let process = &self.all[who];
        // The coarse clock is up to 10 ms behind, and never before the process began by more than that.
        let coarse = self.now_ms - self.now_ms * 7 % 10;
        let facts = Facts { is_exec: exec, ..seen(process.pid, process.ppid, comm, coarse) };
        let container = process.container;
        let due_ms = self.now_ms + i64::from(process.pid) * 37 % 5000;
        self.records.push(Record { who, facts, container, due_ms });
    }

    fn step(&mut self, op: u8, dice: u32) {
        let who = self.pick(dice);
        match op {
            0..=9 => self.now_ms += i64::from(dice % 40),
            10..=19 => drop(self.fork(who)),
            20..=25 => self.exec(who, ["sh", "ls", "cat"][dice as usize / 7 % 3]),
            26..=33 => self.exit(who),
            34..=36 => self.contain(who, dice as usize / 5 % 3),
            37..=39 => {
                self.tell(Happening::Thread { pid: self.all[who].pid });
                self.tell(Happening::Exit { pid: self.all[who].pid, first: false, status: 0 });
            }
            _ => self.record(who, false, self.all[who].comm),
        }
    }
}

/// What became of each life of the world in the table.
#[derive(Default)]
struct Account {
    owner: HashMap<Key, usize>,
    lives: HashMap<usize, Key>,
    known: usize,
    events: usize,
}

impl Account {
    fn deliver(&mut self, table: &mut Table, world: &mut World, whole: bool) {
        let now_ms = world.now_ms;
        let (due, later) = std::mem::take(&mut world.records).into_iter().partition(|record| record.due_ms <= now_ms);
        world.records = later;
        let mut due: Vec<Record> = due;
        due.sort_by_key(|record| record.due_ms);
        for record in due {
            let sight = table.observe(&record.facts);
            let owner = *self.owner.entry(sight.key).or_insert(record.who);
            // What is known by its events alone says so, and two of the same pid look alike.
            let known = table.life(sight.key).unwrap().start != Start::Unknown;
            assert!(known || !whole);
            let owner = if known { owner } else { record.who };
            assert_eq!(
                owner,
                record.who,
                "{record:?} got the life of {:?}: {:?} {:?}",
                world.all[owner],
                table.life(sight.key),
                world.all.iter().filter(|p| p.pid == record.facts.pid).collect::<Vec<_>>()
            );
            let life = *self.lives.entry(record.who).or_insert(sight.key);
            assert!(!whole || life == sight.key, "{record:?} got a second life");
            let event = given(table, sight, false);
            let wanted = record.container.map(id);
            match event.str(field::AUDITNG_CONTAINER_SCOPE) {
                Some("container") => {
                    assert_eq!(
                        event.str(field::CONTAINER_ID),
                        wanted.as_deref(),
                        "{record:?} {:?}",
                        table.life(sight.key)
                    );
                    self.known += 1;
                }
                Some("host") => {
                    assert_eq!(wanted, None, "{record:?} {:?}", table.life(sight.key));
                    self.known += 1;
                }
                other => assert_eq!(other, Some("unknown")),
            }
            self.events += 1;
        }
    }
}

/// Runs a world; `lossy`: every so often a batch of messages is lost.
fn run(steps: &[(u8, u32)], lossy: bool) -> Account {
    let mut world = World::new();
    let mut table = world.stand.table();
    let mut account = Account::default();
    table.listen();
    table.scan_at(world.now_ms * MS);
    for (number, (op, dice)) in steps.iter().enumerate() {
        world.step(*op, *dice);
        let lost = lossy && number % 40 == 39;
        if number % 5 == 4 || lost {
            let messages = std::mem::take(&mut world.messages);
            if lost {
                table.lost();
                table.catch_up(world.now_ms * MS);
            } else {
                messages.into_iter().for_each(|(at_ns, what)| table.happen(what, at_ns));
            }
            account.deliver(&mut table, &mut world, !lossy);
        }
    }
    let messages = std::mem::take(&mut world.messages);
    messages.into_iter().for_each(|(at_ns, what)| table.happen(what, at_ns));
    world.now_ms += 5000;
    account.deliver(&mut table, &mut world, !lossy);
    let (living, known) = (world.living().len(), table.all().filter(|life| life.lives()).count());
    assert!(lossy || living == known, "{living} live, {known} known");
    account
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_event_gets_a_wrong_life_or_container(steps in prop::collection::vec((0_u8..60, any::<u32>()), 1..200)) {
        run(&steps, false);
    }

    #[test]
    fn nor_after_messages_were_lost(steps in prop::collection::vec((0_u8..60, any::<u32>()), 1..200)) {
        run(&steps, true);
    }
}

/// The property would hold for a table that knows nothing; it knows most.
#[test]
fn most_events_have_their_place() {
    let steps: Vec<(u8, u32)> = (0..3000_u32)
        .map(|number| {
            let dice = number.wrapping_mul(2_654_435_761) >> 7;
            (u8::try_from(dice % 60).unwrap(), dice / 60)
        })
        .collect();
    let account = run(&steps, false);
    assert!(account.events > 500 && account.known * 10 > account.events * 7, "{}/{}", account.known, account.events);
}
