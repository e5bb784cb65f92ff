//! What became of files.

use std::collections::BTreeMap;

use schema::field;

use crate::stand::{Stand, at, is, sh, word};

pub(crate) fn f01_many_folders() {
    let stand = Stand::new();
    let started = stand.start(stand.config());
    let tree = stand.tree();
    sh(&format!(
        "cd {} && i=0; while [ $i -lt 1000 ]; do mkdir -p $i/b/c && echo x >$i/b/c/f & i=$((i+1)); [ $((i%100)) = 0 ] && wait; done; wait",
        tree.display()
    ));
    let created = |event: &schema::Event| is(event, field::EVENT_ACTION, "created");
    started.sink.wait_for("every folder and file", 4000, created);
    let mut seen = BTreeMap::new();
    for event in started.sink.changes().iter().filter(|event| created(event)) {
        *seen.entry(word(event, field::FILE_PATH)).or_insert(0) += 1;
    }
    let twice: Vec<_> = seen.iter().filter(|(_, count)| **count > 1).take(5).collect();
    assert_eq!((seen.len(), twice), (4000, Vec::new()));
}

pub(crate) fn f04_replaced() {
    let stand = Stand::new();
    let path = stand.file("x", "old\n");
    let started = stand.start(stand.config()).on();
    sh(&format!("cd {} && echo new >.x.tmp && mv .x.tmp x", stand.tree().display()));
    let event = started.change("replaced", &path);
    let side = |field, key| event.keyed(field, key).map(|value| format!("{value:?}")).next().unwrap_or_default();
    for key in ["inode", "sha256"] {
        let (before, after) = (side(field::AUDITNG_FIM_BEFORE, key), side(field::AUDITNG_FIM_AFTER, key));
        assert!(!before.is_empty() && !after.is_empty() && before != after, "{key}: {before} {after}");
    }
    assert_eq!(started.sink.changes().iter().filter(|event| at(event, &path)).count(), 1);
    assert!(is(&event, field::EVENT_KIND, "alert"), "{}", event.to_json());
}

pub(crate) fn f29_mounted_over() {
    let stand = Stand::new();
    let path = stand.file("passwd", "root\n");
    let other = stand.path("other");
    std::fs::write(&other, "toor\n").unwrap();
    let started = stand.start(stand.config()).on();
    sh(&format!("mount --bind {} {}", other.display(), path.display()));
    let mounted = started.sink.try_wait(|event| is(event, field::EVENT_ACTION, "mounted_over") && at(event, &path));
    sh(&format!("umount {}", path.display()));
    let event = mounted.unwrap_or_else(|| panic!("no event of the mount"));
    assert!(event.get(field::PROCESS_PID).is_some() && is(&event, field::EVENT_KIND, "alert"), "{}", event.to_json());
    started.change("unmounted", &path);
}

/// Its own state on the watched file system, inside of the watched tree.
pub(crate) fn f41_no_loop() {
    let stand = Stand::new();
    let path = stand.file("x", "old\n");
    let mut config = stand.config();
    config.state_dir = stand.tree().join("state");
    let started = stand.start(config).on();
    sh(&format!("echo new >>{}", path.display()));
    started.change("updated", &path);
    // Another change takes longer than any loop needs to begin.
    sh(&format!("echo newer >>{}", path.display()));
    let twice = |event: &schema::Event| is(event, field::EVENT_ACTION, "updated") && at(event, &path);
    started.sink.wait_for("the second change", 2, twice);
    assert_eq!(
        started.sink.changes().len(),
        2,
        "{:?}",
        started.sink.changes().iter().map(|event| word(event, field::FILE_PATH)).collect::<Vec<_>>()
    );
}

pub(crate) fn f44_first_run() {
    let stand = Stand::new();
    (0..2000).for_each(|at| drop(stand.file(&format!("{}/{at}", at % 40), "x")));
    let started = stand.start(stand.config()).on();
    let baseline = started.sink.wait("a baseline", |event| is(event, field::EVENT_ACTION, "fim-baseline"));
    assert_eq!(baseline.long(field::AUDITNG_FIM_GENERATION), Some(1));
    assert_eq!(word(&baseline, field::AUDITNG_FIM_BASELINE_ROOT).len(), 64);
    assert_eq!(word(&baseline, field::AUDITNG_FIM_BASELINE_KEY).len(), 64);
    let scan = started.sink.wait("a scan", |event| is(event, field::EVENT_ACTION, "fim-scan"));
    assert_eq!(word(&scan, field::AUDITNG_FIM_SCAN_KIND), "baseline");
    assert!(scan.long(field::AUDITNG_FIM_SCAN_ENTRIES) >= Some(2041), "{}", scan.to_json());
    assert_eq!(started.sink.changes(), []);
}

pub(crate) fn f55_policy() {
    let stand = Stand::new();
    let path = stand.file("x", "old\n");
    let started = stand.start(stand.config()).on();
    sh(&format!("echo new >>{}", path.display()));
    let event = started.change("updated", &path);
    assert_eq!(word(&event, field::AUDITNG_FIM_POLICY), "test");
    assert_eq!(
        (word(&event, field::AUDITNG_FIM_SEVERITY).as_str(), event.long(field::EVENT_SEVERITY)),
        ("high", Some(73))
    );
    assert!(is(&event, field::TAGS, "pci-dss-4.0:11.5.2"));
}
