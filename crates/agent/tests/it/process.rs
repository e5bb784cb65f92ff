//! The process table on this machine's own processes. Without the right to process events each test says why it is skipped.

use std::collections::HashMap;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agent::clock::Clock;
use agent::enrich::container::{Containers, Roots};
use agent::enrich::process::feed::Feed;
use agent::enrich::process::{Life, Limits, Table};
use agent::health::Health;
use agent::sys::connector::Connector;
use agent::sys::proc::Proc;

/// A table that listens, or why it cannot.
struct Listening {
    feed: Feed,
    table: Arc<Mutex<Table>>,
    health: Arc<Health>,
}

impl Listening {
    #[expect(clippy::print_stdout, reason = "whoever reads the log learns why nothing was tested")]
    fn start() -> Option<Self> {
        let connector = match Connector::open() {
            Ok(connector) => connector,
            Err(error) => {
                println!("skipped: {error}");
                return None;
            }
        };
        let (proc, clock, health) = (Proc::default(), Clock::system(), Arc::new(Health::default()));
        let limits = Limits { dead: 65_536, ..Limits::default() };
        let table = Table::new(proc, Containers::new(Roots::default()), "host", "boot").with_limits(limits);
        let table = Arc::new(Mutex::new(table));
        let feed = Feed::start(connector, Arc::clone(&table), health.stage("process"), clock).unwrap();
        Some(Self { feed, table, health })
    }

    /// CPU of the thread that takes the messages, in ticks of 10 ms.
    fn ticks() -> u64 {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
        let stat = stats.into_iter().find(|stat| stat.contains("(proc-events)")).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    fn taken(&self) -> u64 {
        self.health.stage("process").report().taken
    }

    fn lost(&self) -> u64 {
        self.health.stage("process").report().lost.values().sum()
    }
}

#[test]
fn a80_each_of_10000_has_start_end_parent_and_session() {
    let Some(it) = Listening::start() else { return };
    let script = "i=0; while [ $i -lt 10000 ]; do /bin/true; i=$((i+1)); done";
    let begin = Instant::now();
    let mut shell = Command::new("/bin/sh").args(["-c", script]).stdin(Stdio::null()).spawn().unwrap();
    let pid = shell.id();
    assert!(shell.wait().unwrap().success());
    let took = begin.elapsed();
    it.feed.drain();
    let table = it.table.lock().unwrap();
    let shell = table.all().find(|life| life.pid == pid && life.ppid == std::process::id()).unwrap();
    let shell_entity = shell.entity_id();
    let children: Vec<_> = table.all().filter(|life| life.ppid == pid && life.parent.is_some()).collect();
    let mut entities = HashMap::new();
    let (mut named, mut placed) = (0, 0);
    for child in &children {
        assert_eq!(table.life(child.parent.unwrap()).map(|parent| parent.entity_id()), Some(shell_entity.clone()));
        assert!(!child.lives() && child.status == Some(0), "{child:?}");
        assert_eq!(child.session, shell.session);
        assert_eq!(entities.insert(child.entity_id(), child.pid), None, "an entity twice");
        named += usize::from(child.image.comm.as_str() == "true");
        placed += usize::from(!child.place.inherited);
    }
    let ms = Listening::ticks() * 10;
    println!(
        "10000 in {took:?}, {ms} ms of CPU for {} messages: {named} names and {placed} places read while they lived; lost {}",
        it.taken(),
        it.lost()
    );
    assert_eq!((children.len(), it.lost()), (10_000, 0));
}

/// The figures are printed; a busy machine must not fail the test.
#[test]
fn a84_2000_processes_are_known_at_the_start() {
    let script = "i=0; while [ $i -lt 2000 ]; do sleep 600 & i=$((i+1)); done; echo ready; wait";
    let mut shell = Command::new("/bin/sh");
    let mut shell = shell.args(["-c", script]).process_group(0).stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = [0; 5];
    shell.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    let mut table = Table::new(Proc::default(), Containers::new(Roots::default()), "host", "boot");
    let cpu = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
    };
    let (begin, used) = (Instant::now(), cpu());
    table.scan();
    println!("{} known in {:?}, {:?} of CPU", table.len(), begin.elapsed(), cpu() - used);
    let group = rustix::process::Pid::from_child(&shell);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    shell.wait().unwrap();
    let sleeping = table.all().filter(|life| life.ppid == shell.id());
    let whole = |life: &&Life| {
        life.image.comm.as_str() == "sleep" && life.image.args.len() == 2 && life.parent.is_some() && life.is_existing()
    };
    assert_eq!(sleeping.filter(whole).count(), 2000);
}
