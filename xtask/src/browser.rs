//! The page's end-to-end test: a real server, a real browser.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::workspace::{root, run};

/// Builds the program, hands it to the script in `ui/e2e`, and fails as that does. A missing browser or page is a visible
/// skip, and a failure where `AUDITNG_LIVE=require`.
pub(crate) fn end_to_end(out: &Path) -> Result<()> {
    let root = root();
    let require = testkit::live::required();
    let missing = [("/usr/bin/chromium", "Debian's chromium"), ("ui/dist/index.html", "the built page (make ui)")]
        .into_iter()
        .find(|(path, _)| !root.join(path).exists());
    if let Some((path, what)) = missing {
        ensure!(!require, "end-to-end test needs {what}, and there is no {path}");
        println!("end-to-end test ignored: needs {what}, and there is no {path}");
        return Ok(());
    }
    // The whole workspace, as the tests build it: the same features, nothing compiled twice.
    run("cargo", &["build", "--quiet", "--workspace", "--bins"])?;
    let status = Command::new("node")
        .arg("ui/e2e/run.mjs")
        .env("AUDITNG_BIN", root.join("target/debug/auditng"))
        .env("AUDITNG_E2E_OUT", root.join(out))
        .current_dir(&root)
        .status()
        .context("cannot start node")?;
    if !status.success() {
        bail!("the end-to-end test of the page failed ({status})");
    }
    Ok(())
}
