//! Recorded logs through server and page, without root.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use testkit::eventually;

use crate::workspace::root;

/// Starts a release server on a data folder of its own, replays what recordings there are, and stays until the server ends.
pub(crate) fn run(listen: &str) -> Result<()> {
    let program = root().join("target/release/auditng");
    ensure!(program.exists(), "no {}: run `make demo`, or cargo build --release -p auditng", program.display());
    let data = tempfile::Builder::new().prefix("auditng-demo-").tempdir()?;
    let folder = data.path().join("data");
    let mut server =
        Command::new(&program).arg("serve").arg("--data-dir").arg(&folder).args(["--listen", listen]).spawn()?;
    wait_for(&mut server, &folder.join("cli.json"));
    let logs = recordings()?;
    println!("demo      replaying {} recorded logs", logs.len());
    let status = Command::new(&program).arg("replay").args(&logs).arg("--data-dir").arg(&folder).status()?;
    ensure!(status.success(), "the replay ended with {status}");
    println!(
        "demo      ready; open the link above, choose a wide time range; Ctrl-C stops and removes {}",
        data.path().display()
    );
    server.wait()?;
    Ok(())
}

fn wait_for(server: &mut Child, file: &std::path::Path) {
    eventually("the server starts", Duration::from_secs(30), || {
        (file.exists() || server.try_wait().is_ok_and(|ended| ended.is_some())).then_some(())
    });
}

/// Real recordings where they are, else our own small ones.
fn recordings() -> Result<Vec<PathBuf>> {
    let real = testkit::data_dir().map(|data| data.join("audit/real"));
    let folder = real.filter(|folder| folder.is_dir()).unwrap_or_else(|| root().join("crates/audit/testdata"));
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let is_log = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "log" || extension == "zst");
    let mut logs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_log).collect();
    logs.sort();
    Ok(logs)
}
