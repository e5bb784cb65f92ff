//! Processes that the tests need.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Plays one part until it is over.
pub(crate) fn play(name: &str, words: &[String]) {
    match (name, words) {
        ("vfork-writers", [folder, count]) => writers(Path::new(folder), count.parse().unwrap()),
        ("write", [path]) => fs::write(path, "written\n").unwrap(),
        _ => panic!("no such role: {name} {words:?}"),
    }
}

/// Processes that write one file and exit at once.
fn writers(folder: &Path, count: usize) {
    let program = std::env::current_exe().unwrap();
    for at in 0..count {
        let status =
            Command::new(&program).args(["--role", "write"]).arg(folder.join(at.to_string())).status().unwrap();
        assert!(status.success());
    }
}
