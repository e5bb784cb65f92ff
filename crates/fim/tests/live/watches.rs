//! inotify, where fanotify cannot be had.

use std::sync::Arc;

use fim::collect::{How, Mode, NoIdentity, Sight};
use fim::evidence::{Collector, Mask};
use fim::who::Reason;

use crate::stand::{Folder, Stand, options, paths, role, shell};

fn by_inotify(percent: u64, folder: Folder) -> Stand {
    let mut options = options();
    options.mode = Mode::Inotify;
    options.watches_percent = percent;
    Stand::with(folder, options, Arc::new(NoIdentity))
}

pub(crate) fn same_story() {
    let mut stand = by_inotify(80, Folder::new());
    assert_eq!(stand.coverage.iter().map(|one| one.how).collect::<Vec<_>>(), [How::Inotify], "{:?}", stand.coverage);
    let watched = stand.watched();
    assert!(role("trees", &[watched.to_str().unwrap(), "500"]).status().unwrap().success());
    let evidence = stand.settled();
    let made = paths(&evidence, Mask::CREATE, &watched);
    // Told once by the folder's watch, and perhaps again by the list that was made after it.
    assert_eq!(made.len(), 2000);
    assert!(evidence.iter().all(|one| one.collector == Collector::Inotify && one.who.reason == Some(Reason::NotTold)));

    shell(&stand.outside(), "mkdir -p tree/a/b; echo 1 > tree/a/b/f");
    let evidence = stand.after("mv ../outside/tree tree; mv tree wood");
    let moves: Vec<_> = evidence.iter().filter(|one| one.mask.has(Mask::RENAME)).collect();
    assert_eq!((moves[0].path.clone(), moves[0].old_path.clone()), (Some(watched.join("tree")), None));
    assert_eq!(
        (moves[1].path.clone(), moves[1].old_path.clone()),
        (Some(watched.join("wood")), Some(watched.join("tree")))
    );
    let evidence = stand.after("echo 2 > wood/a/b/f; mv wood/a/b/f ../outside/f");
    assert_eq!(paths(&evidence, Mask::MODIFY, &watched), ["wood/a/b/f"]);
    // A name that left waits a moment for its new one.
    let told = |sight: &Sight| match sight {
        Sight::Evidence(one) if one.mask.has(Mask::RENAME) => Some(one.clone()),
        _ => None,
    };
    let early = evidence.into_iter().find(|one| one.mask.has(Mask::RENAME));
    let left = early.unwrap_or_else(|| stand.until("the move", |sights| sights.iter().find_map(told)));
    assert_eq!((left.path.clone(), left.old_path.clone()), (None, Some(watched.join("wood/a/b/f"))));
}

pub(crate) fn f20_bound() {
    let folder = Folder::new();
    shell(&folder.path("watched"), "mkdir a b");
    // No watch at all may be had: 0 %.
    let stand = by_inotify(0, folder);
    assert_eq!(stand.coverage.iter().map(|one| one.how).collect::<Vec<_>>(), [How::ScanOnly]);
    assert!(stand.coverage[0].reason.contains("watches"), "{:?}", stand.coverage);
    drop(stand);

    // The kernel's own bound, put so low that it is reached.
    let setting = "/proc/sys/fs/inotify/max_user_watches";
    let before = std::fs::read_to_string(setting).unwrap();
    struct Back(&'static str, String);
    impl Drop for Back {
        fn drop(&mut self) {
            std::fs::write(self.0, self.1.trim()).unwrap();
        }
    }
    let _back = Back(setting, before);
    std::fs::write(setting, "200").unwrap();
    let mut stand = by_inotify(80, Folder::new());
    shell(&stand.watched(), "i=0; while [ $i -lt 400 ]; do mkdir d$i; i=$((i+1)); done");
    let told = stand.until("the coverage", |sights| {
        sights.iter().find_map(|sight| match sight {
            Sight::Coverage(coverage) => Some(coverage.clone()),
            _ => None,
        })
    });
    assert_eq!((told.root, told.how), (stand.watched(), How::Inotify));
    assert!(told.reason.contains("left to scans"), "{}", told.reason);
    assert!(stand.collectors.coverage().iter().any(|one| one.reason.contains("left to scans")));
    // What has a watch goes on.
    stand.settled();
    let evidence = stand.after("echo 1 > f");
    assert_eq!(paths(&evidence, Mask::CREATE, &stand.watched()), ["f"]);
}
