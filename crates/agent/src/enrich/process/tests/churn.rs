//! A day of processes on a virtual clock: whatever comes, the tables stay within their bounds.
//!
//! `AUDITNG_CHURN=20000000 cargo test -p agent --lib churn` replays as many forks, execs and exits; without it a day has
//! fewer. Every thousandth message is lost, so ends are missed too, and pids come back as they do with `pid_max` 32,768.

use std::collections::{BTreeMap, HashSet};

use super::*;
use crate::sys::connector::Happening;

const DAY_NS: i64 = 86_400_000 * MS;

struct Churn {
    seed: u64,
    alive: Vec<u32>,
    busy: HashSet<u32>,
    next: u32,
}

impl Churn {
    fn new() -> Self {
        Self { seed: 0x2545_f491_4f6c_dd1d, alive: vec![1], busy: HashSet::from([1]), next: 1 }
    }

    fn dice(&mut self, below: usize) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        usize::try_from(self.seed % below as u64).unwrap()
    }

    fn pid(&mut self) -> u32 {
        loop {
            self.next = if self.next >= 32_767 { 300 } else { self.next + 1 };
            if self.busy.insert(self.next) {
                return self.next;
            }
        }
    }

    /// What happens next; `most` processes live at once.
    fn step(&mut self, most: usize) -> Vec<Happening> {
        let at = self.dice(self.alive.len());
        let pid = self.alive[at];
        match self.dice(8) {
            0..=2 if self.alive.len() < most => {
                let child = self.pid();
                self.alive.push(child);
                vec![Happening::Fork { parent: pid, pid: child }]
            }
            3 | 4 => vec![Happening::Exec { pid }],
            5 => vec![Happening::Thread { pid }, Happening::Exit { pid, first: false, status: 0 }],
            _ if pid == 1 => Vec::new(),
            _ => {
                self.alive.swap_remove(at);
                self.busy.remove(&pid);
                vec![Happening::Exit { pid, first: true, status: 0 }]
            }
        }
    }
}

/// All bounds, and that what is counted is what is there.
fn hold(table: &Table) {
    let limits = table.limits;
    assert!(table.living <= limits.live, "{} live", table.living);
    assert!(table.dead.len() <= limits.dead, "{} dead", table.dead.len());
    assert!(table.bytes() <= limits.bytes, "{} bytes", table.bytes());
    assert!(table.newest.len() <= table.len());
    assert!(table.idle.len() <= 2 * table.living + 1025 && table.suspects.len() <= 2 * table.living + 1025);
    assert!(table.containers.len() <= 4096, "{} containers", table.containers.len());
}

/// The sums kept on the way, added up anew.
fn add_up(table: &Table) {
    assert_eq!(table.living, table.all().filter(|life| life.lives()).count());
    assert!(table.len() <= table.living + table.dead.len());
    let (mut images, mut folders, mut creators) = (BTreeMap::new(), BTreeMap::new(), 0);
    for life in table.all() {
        for image in [Some(&life.image), life.earlier.as_ref().map(|(image, _)| image)].into_iter().flatten() {
            images.insert(Arc::as_ptr(image), image.bytes());
        }
        if let Some(cwd) = &life.cwd {
            folders.insert(Arc::as_ptr(cwd), cwd.len());
        }
        creators += if life.creator.is_some() { 48 } else { 0 };
    }
    images.remove(&Arc::as_ptr(&table.nobody));
    let strings: usize = images.values().sum::<usize>() + folders.values().sum::<usize>() + creators;
    assert_eq!(table.lives.strings(), strings);
}

fn day(limits: Limits, steps: usize, most: usize) -> Table {
    let stand = Stand::new();
    let mut table = stand.table().with_limits(limits);
    table.set_clocks(Timestamp::from_millis(0), 0);
    table.listen();
    let mut churn = Churn::new();
    let mut containers = 0_u64;
    for step in 0..steps {
        let now_ns = DAY_NS / i64::try_from(steps).unwrap() * i64::try_from(step).unwrap();
        let now = Timestamp::from_millis(now_ns / MS);
        let happenings = churn.step(most);
        for what in happenings.iter().filter(|_| step % 1000 != 7) {
            // Some start a container, whose first process is there when it is looked at.
            let contained = if let Happening::Exec { pid } = what { step % 40 == 3 && *pid != 1 } else { false };
            if let Happening::Exec { pid } = what
                && contained
            {
                containers += 1;
                let ticks = table.living(*pid).and_then(Life::ticks).unwrap_or(0);
                stand.process(*pid, 1, "app", ticks, &format!("/docker/{containers:064x}"));
            }
            table.happen(*what, now_ns);
            if let Happening::Exec { pid } = what {
                let args = vec![Text::plain(&"a".repeat(step % 300)), Text::plain(&step.to_string())];
                let program = format!("p{}", step % 5000);
                table.observe(&Facts { args, ..exec(*pid, 1, &program, now.millis()) });
                if contained {
                    stand.gone(*pid);
                }
            }
        }
        if step % 100 == 0 {
            table.set_clocks(now, now_ns);
            table.tick(now);
            table.containers.tick(now, &Proc::at("/nowhere"), &mut Vec::new());
        }
        if step % 997 == 0 {
            hold(&table);
        }
        if step % 50_000 == 0 {
            add_up(&table);
        }
    }
    assert!(containers > 100);
    hold(&table);
    add_up(&table);
    table
}

#[test]
fn churn_of_a_day_stays_within_small_bounds() {
    let limits = Limits { live: 1024, dead: 200, bytes: 1 << 20, ..Limits::default() };
    let table = day(limits, 60_000, 3000);
    let [living, dead] = table.evicted();
    assert!(living > 0 && dead > 0, "{living} {dead}");
}

#[test]
fn churn_of_a_day_stays_within_its_bounds() {
    let steps = std::env::var("AUDITNG_CHURN").ok().and_then(|steps| steps.parse().ok()).unwrap_or(100_000);
    let table = day(Limits::default(), steps, 20_000);
    println!(
        "{steps} steps: {} known, {} living, {} bytes, {:?} evicted, {} containers",
        table.len(),
        table.living,
        table.bytes(),
        table.evicted(),
        table.containers.len()
    );
}

/// What is forgotten at the bound is the longest silent without children.
#[test]
fn the_longest_silent_leaf_goes_first() {
    let stand = Stand::new();
    let limits = Limits { live: 4, ..Limits::default() };
    let mut table = stand.table().with_limits(limits);
    table.listen();
    let fork = |table: &mut Table, parent, pid, at: i64| table.happen(Happening::Fork { parent, pid }, at * MS);
    fork(&mut table, 0, 10, 100);
    fork(&mut table, 10, 11, 200);
    fork(&mut table, 0, 12, 300);
    fork(&mut table, 0, 13, 400);
    table.observe(&seen(11, 10, "x", 450));
    fork(&mut table, 0, 14, 500);
    let pids = |table: &Table| table.all().map(|life| life.pid).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(pids(&table), [10, 11, 13, 14].into(), "10 has a child, 11 was heard of");
    fork(&mut table, 0, 15, 600);
    assert_eq!(pids(&table), [10, 11, 14, 15].into());
    // Its only child gone, 10 is the one that was silent for the longest time.
    table.happen(Happening::Exit { pid: 11, first: true, status: 0 }, 700 * MS);
    fork(&mut table, 0, 16, 800);
    fork(&mut table, 0, 17, 900);
    assert_eq!(pids(&table), [11, 14, 15, 16, 17].into());
    assert_eq!(table.evicted(), [3, 0]);
}
