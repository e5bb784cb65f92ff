//! When events do not come.

use std::time::{Duration, Instant};

use crate::role::Agent;
use crate::stand::{Stand, role, sh};

/// Files of the storm.
const FILES: usize = 20_000;
/// A reader that was stopped for so long has to say that it is late (it does after two seconds).
const STOPPED: Duration = Duration::from_secs(3);

fn storm(stand: &Stand) {
    let status = role(&["many-files", &stand.tree().to_string_lossy(), &FILES.to_string()]).status().unwrap();
    assert!(status.success());
}

pub(crate) fn f18_stopped() {
    let stand = Stand::new();
    let child =
        role(&["source", &stand.path("").to_string_lossy()]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut agent = Agent::of(child);
    agent.until("fim-scan");
    sh(&format!("kill -STOP {}", agent.pid()));
    let since = Instant::now();
    while since.elapsed() < STOPPED {
        storm(&stand);
    }
    sh(&format!("kill -CONT {}", agent.pid()));
    // The reader came late, which is said; every file is told.
    let said = agent.until_files(FILES);
    assert!(said.iter().any(|line| line.contains("\"late\"") || line.contains("kernel-queue")), "lateness is told");
}

pub(crate) fn f19_overflow() {
    let stand = Stand::new();
    let child = role(&["source", &stand.path("").to_string_lossy(), "limited"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut agent = Agent::of(child);
    agent.until("fim-scan");
    sh(&format!("kill -STOP {}", agent.pid()));
    storm(&stand);
    sh(&format!("kill -CONT {}", agent.pid()));
    let said = agent.until_files(FILES);
    assert!(said.iter().any(|line| line.contains("source-loss") && line.contains("kernel-queue")), "the loss is told");
    let targeted = |line: &String| line.contains("fim-scan") && line.contains("targeted");
    if !said.iter().any(targeted) {
        agent.until("targeted");
    }
}
