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
    fill(&ballast);
    let refused = (500..4000).step_by(500).find_map(|from| {
        let appended = engine.append(&events(from, from + 500));
        appended.and_then(|()| engine.commit()).err()
    });
    assert!(matches!(refused, Some(AppendError::Full { .. })), "{refused:?}");
    assert_eq!(engine.committed_through().0, 499);
    assert_eq!(total(&engine), 499);
    fs::remove_file(&ballast).unwrap();
    // As the server does: the same events again, then the next.
    engine.append(&events(500, 4000)).unwrap();
    engine.commit().unwrap();
    assert_eq!(orders(&engine), (1..4000).collect::<Vec<_>>());
    drop(engine);
    let engine = Engine::open(&disk.path().join("store"), Options::default()).unwrap();
    assert_eq!(orders(&engine), (1..4000).collect::<Vec<_>>());
    assert!(engine.windows().iter().all(|window| window.failed.is_none()));
}

fn fill(path: &Path) {
    use std::io::Write as _;
    let mut file = fs::File::create(path).unwrap();
    let block = vec![1_u8; 64 * 1024];
    while file.write_all(&block).is_ok() {}
    while file.write_all(&[1]).is_ok() {}
}
