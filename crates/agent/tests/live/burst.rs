//! A burst of execs and opens, counted by those who do it: what arrived and what is said to be lost are together all of it.
//!
//! Two processes at once, one call in ten an exec. A record that the kernel's full queue refuses is counted in `kernel-lost`
//! and, if it is the event's first, nothing else of that event comes: one lost record, one lost event. A later one is
//! missing in an event that arrives. A record that our own queue drops leaves a gap in the serials or, again, an event with
//! something missing. So with one of the two bounds at a time the sum can be held against the truth exactly.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use agent::config::Bytes;
use agent::source::audit::Config;
use schema::{Event, field};
use serde::{Deserialize, Serialize};

use super::role::say;
use super::stand::{Collect, Role, Stand, Started, play, tagged, text, texts};

pub(crate) const OPENS: &str = "-a always,exit -F arch=b64 -S openat -F dir={} -k auditng-test-burst";
pub(crate) const EXECS: &str = "-a always,exit -F arch=b64 -S execve -F dir={} -k auditng-test-burst";
pub(crate) const KEY: &str = "auditng-test-burst";

/// What a worker did.
#[derive(Serialize, Deserialize, Clone, Copy, Default, Debug)]
pub(crate) struct Done {
    pub(crate) execs: u64,
    pub(crate) opens: u64,
    pub(crate) wall_ms: u64,
    /// User and system time, children included.
    pub(crate) cpu_ms: u64,
}

impl Done {
    pub(crate) fn calls(&self) -> u64 {
        self.execs + self.opens
    }
}

/// One worker: so many calls on files in `folder`, as fast as it goes.
pub(crate) fn work(folder: &Path, calls: usize) {
    let (program, file, begin) = (folder.join("true"), folder.join("file"), Instant::now());
    let mut done = Done::default();
    for call in 0..calls {
        if call % 10 == 0 {
            assert!(Command::new(&program).status().unwrap().success());
            done.execs += 1;
        } else {
            File::open(&file).unwrap();
            done.opens += 1;
        }
    }
    done.wall_ms = u64::try_from(begin.elapsed().as_millis()).unwrap();
    done.cpu_ms = [14, 15, 16, 17].map(|field| stat("self", field)).iter().sum::<u64>() * 10;
    say(&serde_json::to_string(&done).unwrap());
}

/// A number of `/proc/PID/stat`, counted as proc_pid_stat(5) does, from 1.
pub(crate) fn stat(pid: &str, field: usize) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let behind_name = text.rsplit_once(')').unwrap().1;
    behind_name.split_whitespace().nth(field - 3).unwrap().parse().unwrap()
}

/// Both workers; the longer time, the sum of all else.
pub(crate) fn burst(folder: &Path, calls: usize) -> Done {
    let worker = || Role::start("burst", &[&text(folder), &(calls / 2).to_string()]);
    let workers = [worker(), worker()];
    let mut sum = Done::default();
    for worker in workers {
        let done: Done = serde_json::from_str(&worker.finish()).unwrap();
        sum.execs += done.execs;
        sum.opens += done.opens;
        sum.cpu_ms += done.cpu_ms;
        sum.wall_ms = sum.wall_ms.max(done.wall_ms);
    }
    sum
}

/// The watched folder with a program and a file in it.
pub(crate) fn workplace(stand: &Stand) -> PathBuf {
    let folder = stand.watched();
    fs::copy("/bin/true", folder.join("true")).unwrap();
    fs::write(folder.join("file"), "x").unwrap();
    folder
}

const CALLS: usize = 20_000;

/// The kernel refuses: its queue holds few records, ours many.
pub(crate) fn kernel_queue_full() {
    let (seen, done) = run(Config { backlog_limit: 16, queue_bytes: Bytes(256 << 20), ..Config::default() });
    assert!(seen.lost("kernel-lost") > 0, "nothing was lost: the test proves nothing");
    assert_eq!((seen.lost("queue-full"), seen.lost("serial-gap"), seen.headless), (0, 0, 0), "{seen:?}");
    let refused = seen.lost("kernel-lost") - seen.missing_records();
    assert_eq!(seen.arrived() + refused, done.calls(), "{seen:?} {done:?}");
}

/// Our queue is full: it holds few records, the kernel's many.
pub(crate) fn own_queue_full() {
    let (seen, done) = run(Config { queue_bytes: Bytes(64 << 10), ..Config::default() });
    assert!(seen.lost("queue-full") > 0, "nothing was lost: the test proves nothing");
    assert_eq!(seen.lost("kernel-lost"), 0, "{seen:?}");
    assert_eq!(seen.arrived() + seen.lost("serial-gap"), done.calls(), "{seen:?} {done:?}");
}

/// What arrived from the first call to the last.
#[derive(Debug, Default)]
struct Seen {
    /// How many events with our key had how many records, EOE not counted, by what they are about.
    whole: BTreeMap<(bool, u64), u64>,
    /// Events without their SYSCALL record, and so without a key.
    headless: u64,
    /// Records, EOE included.
    records: u64,
    lost: BTreeMap<&'static str, u64>,
}

impl Seen {
    fn take(&mut self, event: &Event) {
        let types = texts(event, field::AUDITNG_AUDIT_TYPES);
        let has = |name: &str| types.iter().any(|kind| kind == name);
        if tagged(event, KEY) {
            let is_exec = event.str(field::AUDITNG_SYSCALL_NAME) == Some("execve");
            *self.whole.entry((is_exec, types.len() as u64)).or_default() += 1;
        } else if !has("SYSCALL") && ["BPRM_FCAPS", "EXECVE", "CWD", "PATH", "PROCTITLE"].into_iter().any(has) {
            self.headless += 1;
        }
    }

    fn arrived(&self) -> u64 {
        self.whole.values().sum::<u64>() + self.headless
    }

    fn lost(&self, reason: &str) -> u64 {
        self.lost.get(reason).copied().unwrap_or(0)
    }

    /// Records that should be in the events that arrived, EOE included, and are not. Nearly all events are whole, so the most
    /// frequent number of records is the right one; a file that is created has one more.
    fn missing_records(&self) -> u64 {
        let usual = |exec: bool| {
            let of_kind = self.whole.iter().filter(|((is_exec, _), _)| *is_exec == exec);
            of_kind.max_by_key(|(_, events)| **events).map_or(0, |((_, records), _)| *records)
        };
        let usual = [usual(false), usual(true)];
        let expected =
            |(&(exec, records), events): (&(bool, u64), &u64)| (records.max(usual[usize::from(exec)]) + 1) * events;
        self.whole.iter().map(expected).sum::<u64>() - self.records
    }
}

/// Calls that come slowly behind the burst: all of them arrive and show what is missing before them.
const AFTER: u64 = 2000;

fn run(config: Config) -> (Seen, Done) {
    let stand = Stand::new();
    let folder = workplace(&stand);
    let mut started = stand.source_with(&[OPENS, EXECS], config, Arc::new(Collect::default())).on();
    mark(&started, &folder, "before");
    let before = (started.health.stage("decode").report().taken, started.sink.all().len());
    let mut done = burst(&folder, CALLS);
    play("storm", &[&text(&folder), &AFTER.to_string(), "2000"]);
    mark(&started, &folder, "after");
    // It makes its file first.
    (done.opens, done.execs) = (done.opens + AFTER + 1, done.execs + 1);
    let records = started.health.stage("decode").report().taken - before.0;
    started.stop();
    let lost = started.health.snapshot().counters.into_iter().flat_map(|stage| stage.lost).collect();
    let mut seen = Seen { records, lost, ..Seen::default() };
    started.sink.all().iter().skip(before.1).for_each(|event| seen.take(event));
    (seen, done)
}

/// One more exec; when it has arrived, so has everything before it.
fn mark(started: &Started, folder: &Path, name: &str) {
    assert!(Command::new(folder.join("true")).arg(name).status().unwrap().success());
    started.sink.wait(name, |event| texts(event, field::PROCESS_ARGS).iter().any(|arg| arg == name));
}
