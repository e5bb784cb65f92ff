//! What the agent costs at a steady pace of execs, and how long an event takes from the kernel to the disk. Not a test:
//! `cargo test --release -p agent --test live -- --role pace 1000 10`, as root.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::clock::Clock;
use agent::health::Health;
use agent::intake::Source as _;
use agent::source::audit::{Audit, Config, Rules};
use agent::spool::{self, Limits, Spool, disk::Folder};
use agent::sys::wake::Wake;
use schema::AgentId;

use super::burst::{EXECS, stat, workplace};
use super::role::say;
use super::stand::{PATIENCE, Role, Stand, found, text};

/// One worker: so many execs a second.
pub(crate) fn execs(folder: &Path, per_second: usize, seconds: usize) {
    let (program, wake, begin) = (folder.join("true"), Wake::new().unwrap(), Instant::now());
    for done in 0..per_second * seconds {
        let due = Duration::from_secs_f64(done as f64 / per_second as f64);
        if let Some(early) = due.checked_sub(begin.elapsed()).filter(|early| *early > Duration::from_millis(1)) {
            wake.wait(&[], early).unwrap();
        }
        assert!(Command::new(&program).status().unwrap().success());
    }
    say(&begin.elapsed().as_millis().to_string());
}

/// This process is the agent, but for shipping: source, enrichment and spool. Two workers make the execs.
pub(crate) fn pace(per_second: usize, seconds: usize) {
    let stand = Stand::new();
    let folder = workplace(&stand);
    let (clock, health) = (Clock::system(), Arc::new(Health::default()));
    let (disk, options) = (Box::new(Folder::new(stand.path("spool"))), spool::Options::default());
    let opened = spool::open(disk, AgentId::from_bytes([1; 6]), options, clock.clone(), &health).unwrap();
    let Spool { writer, committer, mut reader, .. } = opened;
    std::thread::spawn(move || committer.run());
    let rules = Rules { files: vec![stand.rules(&[EXECS])], ..Rules::default() };
    let audit = Audit::new(Config::default(), rules, stand.state(), clock.clone());
    let running = Box::new(audit).start(Arc::new(writer), health);
    let loaded = || found().rules.len() > stand.found.rules.len();
    testkit::eventually("the rule is loaded", PATIENCE, || loaded().then_some(()));
    let (begin, cpu_before) = (Instant::now(), cpu_ms());
    let pace = (per_second / 2).to_string();
    let worker = || Role::start("execs", &[&text(&folder), &pace, &seconds.to_string()]);
    let workers = [worker(), worker()];
    let (wanted, mut waits) = (per_second * seconds, Vec::new());
    while waits.len() < wanted {
        reader.wait(Duration::from_secs(1));
        while let Some(batch) = reader.next(&Limits::default()) {
            let now = clock.wall().millis();
            for part in &batch.parts {
                // As old as the oldest of its group: never too short.
                waits.resize(waits.len() + usize::from(part.count), now - part.first_time.millis());
            }
            reader.acknowledge(&batch);
        }
    }
    let (wall_ms, cpu) = (begin.elapsed().as_secs_f64() * 1000.0, cpu_ms() - cpu_before);
    let worked_ms = workers.map(|worker| worker.finish().trim().to_owned());
    assert!(running.stop().join(Instant::now() + PATIENCE));
    waits.sort_unstable();
    let at = |per_mille: usize| waits[(waits.len() - 1) * per_mille / 1000];
    let report = serde_json::json!({
        "events": waits.len(), "wall_ms": wall_ms, "workers_ms": worked_ms, "cpu_ms": cpu,
        "percent_of_a_core": cpu as f64 * 100.0 / wall_ms, "peak_rss_kib": peak_kib("self"),
        "kernel_to_disk_ms": { "p50": at(500), "p99": at(990), "max": at(1000) },
    });
    say(&report.to_string());
}

fn cpu_ms() -> u64 {
    (stat("self", 14) + stat("self", 15)) * 10
}

/// The largest memory that a process has had so far.
pub(crate) fn peak_kib(pid: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
