//! A full disk: refused, nothing lost, and on it goes when there is room again.

use std::fs;
use std::path::Path;
use std::process::Command;

use store::embedded::{Engine, Options};
use store::{AppendError, Store as _};

use super::*;

/// A small file system of its own; `None` where that needs a privilege we lack.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("skipped: needs root to mount a tmpfs");
        }
        mounted.then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("could not unmount {}", self.path().display());
        }
    }
}

#[test]
fn refuses_while_full_and_goes_on_with_every_event() {
    let Some(disk) = SmallDisk::mount() else { return };
    let engine = Engine::open(&disk.path().join("store"), Options::default()).unwrap();
    engine.append(&events(1, 500)).unwrap();
    engine.commit().unwrap();
    let ballast = disk.path().join("ballast");
    let mut from = 500;
    for free_kib in [0, 16, 64, 200] {
        fill(&ballast, free_kib);
        let mut refused = None;
        while refused.is_none() && from < 3500 {
            // As the server does: what was refused is given again, with what came since.
            let appended = engine.append(&events(from - 250, from + 250));
            refused = appended.and_then(|()| engine.commit()).err();
            from += 250;
        }
        assert!(matches!(refused, Some(AppendError::Full { .. })), "{free_kib}: {refused:?}");
        let through = engine.committed_through().0;
        assert!(total(&engine) >= through, "{free_kib}");
        fs::remove_file(&ballast).unwrap();
        engine.append(&events(through + 1, from)).unwrap();
        engine.commit().unwrap();
        assert_each_once(&engine, from);
    }
    engine.append(&events(from, 4000)).unwrap();
    engine.commit().unwrap();
    assert_each_once(&engine, 4000);
    drop(engine);
    let engine = Engine::open(&disk.path().join("store"), Options::default()).unwrap();
    assert_each_once(&engine, 4000);
    assert!(engine.windows().iter().all(|window| window.failed.is_none()));
}

/// Leaves so much room.
fn fill(path: &Path, free_kib: u64) {
    use std::io::Write as _;
    let mut file = fs::File::create(path).unwrap();
    let block = vec![1_u8; 64 * 1024];
    while file.write_all(&block).is_ok() {}
    while file.write_all(&[1]).is_ok() {}
    let length = file.metadata().unwrap().len();
    file.set_len(length.saturating_sub(free_kib * 1024)).unwrap();
}
