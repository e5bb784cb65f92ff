//! Goldens of our own: `testdata/<distro>-<kernel>-<what>.log` in, `.json` out, one document a line.
//!
//! `UPDATE_EXPECT=1 cargo test -p audit goldens` rewrites the `.json`; review the difference.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::support::replay_each;

fn logs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let entries = std::fs::read_dir(folder).expect("testdata lies beside src");
    let mut logs: Vec<PathBuf> = entries.map(|entry| entry.expect("readable folder").path()).collect();
    logs.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.sort();
    logs
}

#[test]
fn every_log_gives_its_golden() {
    let logs = logs();
    assert!(logs.len() >= 6, "{logs:?}");
    for log in logs {
        let mut seen = String::new();
        replay_each(&std::fs::read(&log).unwrap(), |event| {
            event.write_json(&mut seen);
            writeln!(seen).expect("a String takes all");
        });
        let golden = log.with_extension("json");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&golden, &seen).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        for (seen, expected) in seen.lines().zip(expected.lines()) {
            assert_eq!(seen, expected, "{}", log.display());
        }
        assert_eq!(seen.lines().count(), expected.lines().count(), "{}", log.display());
    }
}
