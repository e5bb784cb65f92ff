//! The fuzz targets' checks on the files kept for them, `fuzz/fim/seeds/<target>/`, without nightly or libFuzzer.

use std::path::Path;

#[path = "../../../fuzz/fim/src/lib.rs"]
#[expect(unreachable_pub, reason = "a crate of its own, which is read here as a module")]
mod checks;

/// Runs every file kept for one target.
fn each_seed(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/fim/seeds").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("readable folder").path()).collect();
    files.sort();
    assert!(files.len() >= 8, "{} seeds of {target}", files.len());
    for file in files {
        let bytes = std::fs::read(&file).expect("readable seed");
        assert!(std::panic::catch_unwind(|| check(&bytes)).is_ok(), "{}", file.display());
    }
}

#[test]
fn f60_seeds_of_every_fuzz_target() {
    each_seed("fanotify", checks::fanotify);
    each_seed("mountinfo", checks::mountinfo);
    each_seed("policy", checks::policy);
    each_seed("import", checks::import);
    each_seed("content", checks::content);
    each_seed("baseline", checks::baseline);
}
