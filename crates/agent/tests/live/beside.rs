//! The same burst of calls without audit, under auditd, and under our agent as a whole: who slows the workload down, what
//! reading costs, and what arrives. Not a test: `cargo xtask burst`, as root.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use agent::clock::Clock;
use agent::health::Health;
use agent::spool::{self, Limits, Packer, disk::Folder};
use rustix::process::{Pid, Signal, kill_process};
use schema::{AgentId, Event, Value, field};
use serde::Serialize;

use super::burst::{Done, EXECS, KEY, OPENS, burst, stat, workplace};
use super::pace::peak_kib;
use super::role::say;
use super::stand::{Stand, has, status, tagged, text};

/// A reader that is this long without work has read everything.
const QUIET: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(120);

/// Debian's auditd.conf but for where the log lies and that it is not rotated.
const AUDITD: &str = "local_events = yes\nwrite_logs = yes\nlog_format = ENRICHED\nflush = INCREMENTAL_ASYNC\nfreq = 50\n\
    max_log_file = 4000\nmax_log_file_action = IGNORE\npriority_boost = 4\nname_format = NONE\nspace_left = 75\n\
    space_left_action = IGNORE\nadmin_space_left = 50\nadmin_space_left_action = IGNORE\ndisk_full_action = IGNORE\n\
    disk_error_action = IGNORE\nq_depth = 2000\noverflow_action = IGNORE\nmax_restarts = 10\nend_of_event_timeout = 2\n";

/// Who reads.
#[derive(Clone, Copy)]
enum Reader {
    Nobody,
    /// With the limits of Debian's `audit.rules`: a full queue makes programs wait.
    Auditd,
    /// With this `overload`.
    Agent(&'static str),
}

/// What one round showed.
#[derive(Serialize, Default, Debug)]
struct Shown {
    reader: String,
    truth: u64,
    wall_ms: u64,
    cpu_ms: u64,
    reader_cpu_ms: u64,
    reader_peak_kib: u64,
    /// Events of the workload that arrived, and those of them without the record that bears the key.
    events: u64,
    headless: u64,
    /// The kernel's own count of records lost.
    kernel_lost: u64,
    /// As the agent's stream says it.
    reported: BTreeMap<String, u64>,
}

/// Everyone in turn, `rounds` times; says a line of JSON of each.
pub(crate) fn compare(agent: &Path, calls: usize, rounds: usize) {
    for _ in 0..rounds {
        for reader in [Reader::Nobody, Reader::Auditd, Reader::Agent("count"), Reader::Agent("block")] {
            say(&serde_json::to_string(&round(reader, agent, calls)).unwrap());
        }
    }
}

fn round(reader: Reader, agent: &Path, calls: usize) -> Shown {
    let stand = Stand::new();
    let folder = workplace(&stand);
    let lost_before = status().lost;
    let running = Running::start(reader, &stand, agent);
    let done = burst(&folder, calls);
    let mut shown = running.map_or_else(Shown::default, |running| running.finish());
    let Done { wall_ms, cpu_ms, .. } = done;
    shown.kernel_lost = u64::from(status().lost.wrapping_sub(lost_before));
    shown.reader = match reader {
        Reader::Nobody => "no audit".to_owned(),
        Reader::Auditd => "auditd".to_owned(),
        Reader::Agent(overload) => format!("agent, overload = {overload}"),
    };
    Shown { truth: done.calls(), wall_ms, cpu_ms, ..shown }
}

/// A reader as a process; killed when dropped.
struct Running {
    child: Child,
    cpu_before: u64,
    /// Its log or its spool.
    out: Out,
}

enum Out {
    Log(PathBuf),
    Spool(PathBuf),
}

impl Running {
    fn start(reader: Reader, stand: &Stand, agent: &Path) -> Option<Self> {
        let rules = stand.rules(&[OPENS, EXECS]);
        let (command, out) = match reader {
            Reader::Nobody => return None,
            Reader::Auditd => auditd(stand),
            Reader::Agent(overload) => our_agent(stand, agent, &rules, overload),
        };
        let child = ending_with_us(&command).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.unwrap();
        testkit::eventually("the reader owns the socket", PATIENCE, || (status().pid == child.id()).then_some(()));
        if matches!(reader, Reader::Auditd) {
            let limits = "-b 8192\n--backlog_wait_time 60000\n";
            fs::write(&rules, format!("{limits}{}", fs::read_to_string(&rules).unwrap())).unwrap();
            assert!(Command::new("auditctl").arg("-R").arg(&rules).stdout(Stdio::null()).status().unwrap().success());
        }
        let there = || super::stand::found().rules.len() >= stand.found.rules.len() + 2;
        testkit::eventually("the rules are loaded", PATIENCE, || there().then_some(()));
        let cpu_before = cpu_ms(&child);
        Some(Self { child, cpu_before, out })
    }

    fn finish(mut self) -> Shown {
        let mut last = (cpu_ms(&self.child), std::time::Instant::now());
        testkit::eventually("everything is read", PATIENCE, || {
            let now = cpu_ms(&self.child);
            if now > last.0 || status().backlog > 0 {
                last = (now, std::time::Instant::now());
            }
            (last.1.elapsed() > QUIET).then_some(())
        });
        let mut shown = Shown {
            reader_cpu_ms: last.0 - self.cpu_before,
            reader_peak_kib: peak_kib(&self.child.id().to_string()),
            ..Shown::default()
        };
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap();
        match &self.out {
            Out::Log(path) => {
                let log = fs::read(path).unwrap();
                let lines = log.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"type=SYSCALL "));
                let ours = |line: &&[u8]| memchr::memmem::find(line, KEY.as_bytes()).is_some();
                shown.events = lines.filter(ours).count() as u64;
            }
            Out::Spool(path) => read_spool(path, &mut shown),
        }
        shown
    }
}

/// A comparison that is killed must not leave a reader behind that owns the socket.
fn ending_with_us(command: &Command) -> Command {
    let mut held = Command::new("setpriv");
    held.args(["--pdeathsig", "TERM"]).arg(command.get_program()).args(command.get_args());
    held
}

fn auditd(stand: &Stand) -> (Command, Out) {
    let folder = stand.path("auditd");
    let log = folder.join("audit.log");
    fs::create_dir_all(folder.join("plugins")).unwrap();
    let plugins = text(&folder.join("plugins"));
    fs::write(folder.join("auditd.conf"), format!("log_file = {}\nplugin_dir = {plugins}\n{AUDITD}", text(&log)))
        .unwrap();
    let mut command = Command::new("auditd");
    command.args(["-n", "-s", "enable", "-c"]).arg(folder);
    (command, Out::Log(log))
}

fn our_agent(stand: &Stand, program: &Path, rules: &Path, overload: &str) -> (Command, Out) {
    let state = stand.path("agent");
    let config = stand.path("agent.toml");
    // Nobody listens there: everything stays in the spool.
    let ship = "[ship]\nurls = [\"http://127.0.0.1:9\"]\n[spool]\nbytes = \"4GiB\"\n";
    let audit = format!("[source.audit]\noverload = \"{overload}\"\n[rules]\nfiles = [\"{}\"]\n", text(rules));
    fs::write(&config, format!("state_dir = \"{}\"\n{ship}{audit}", text(&state))).unwrap();
    let mut command = Command::new(program);
    command.arg("run").arg("--config").arg(config);
    (command, Out::Spool(state.join("spool")))
}

fn cpu_ms(child: &Child) -> u64 {
    let pid = child.id().to_string();
    (stat(&pid, 14) + stat(&pid, 15)) * 10
}

/// Counts what lies in the spool.
fn read_spool(folder: &Path, shown: &mut Shown) {
    let disk = Box::new(Folder::new(folder));
    let options = spool::Options { bytes: 4 << 30, keep_free: 0, ..spool::Options::default() };
    let health = Health::default();
    let mut spool = spool::open(disk, AgentId::from_bytes([1; 6]), options, Clock::system(), &health).unwrap();
    let (mut packer, mut event) = (Packer::new().unwrap(), Event::default());
    while let Some(batch) = spool.reader.next(&Limits::default()) {
        for part in &batch.parts {
            let lines = packer.unpack(&part.payload, part.raw_len).unwrap();
            // Each event has two lines: what to do with it, and itself.
            for line in String::from_utf8(lines).unwrap().lines().skip(1).step_by(2) {
                event.read_json(line).unwrap();
                count(&event, shown);
            }
        }
        spool.reader.acknowledge(&batch);
    }
}

fn count(event: &Event, shown: &mut Shown) {
    if tagged(event, KEY) {
        shown.events += 1;
    } else if event.get(field::AUDITNG_AUDIT_INCOMPLETE) == Some(Value::Bool(true))
        && !has(event, field::AUDITNG_AUDIT_TYPES, "SYSCALL")
    {
        shown.events += 1;
        shown.headless += 1;
    } else if let Some(reason) = event.str(field::AUDITNG_LOSS_REASON) {
        let count = event.long(field::AUDITNG_LOSS_COUNT).and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        *shown.reported.entry(reason.to_owned()).or_default() += count;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
