//! What happens while nobody watches.

use schema::field;

use crate::stand::{Stand, is, sh, word};

pub(crate) fn f21_while_down() {
    let stand = Stand::new();
    let changed = stand.file("changed", "old\n");
    let gone = stand.file("gone", "old\n");
    let mut started = stand.start(stand.config()).on();
    started.stop();
    sh(&format!("cd {} && echo new >>changed && rm gone && echo x >made", stand.tree().display()));
    let started = stand.start(stand.config()).on();
    for (action, path) in [("updated", &changed), ("deleted", &gone), ("created", &stand.tree().join("made"))] {
        let event = started.change(action, path);
        assert_eq!(word(&event, field::AUDITNG_FIM_CAUSE), "while-down");
        assert_eq!(word(&event, field::AUDITNG_FIM_WHO_REASON), "found_by_scan");
        assert!(
            event.get(field::AUDITNG_FIM_WINDOW_START).is_some() && event.get(field::AUDITNG_FIM_WINDOW_END).is_some()
        );
    }
    assert_eq!(started.sink.changes().len(), 3);
}

pub(crate) fn f22_refused() {
    let stand = Stand::new();
    let path = stand.file("x", "old\n");
    let mut started = stand.start(stand.config()).on();
    started.stop();
    // A byte of a record, where all of them are.
    let database = stand.path("state").join(fim::baseline::FILE);
    let mut bytes = std::fs::read(&database).unwrap();
    let at = bytes.windows(4).position(|name| name == b"tree").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&database, &bytes).unwrap();
    let started = stand.start(stand.config());
    let refused =
        |event: &schema::Event| is(event, field::EVENT_ACTION, "fim-baseline") && is(event, field::EVENT_KIND, "alert");
    let event = started.sink.wait("an alert", refused);
    assert_eq!(
        (word(&event, field::AUDITNG_FIM_BASELINE_STATE).as_str(), event.long(field::EVENT_SEVERITY)),
        ("refused", Some(99))
    );
    // The old one is kept, and what happens is told by a fresh one that nobody approved.
    assert!(std::path::Path::new(&word(&event, field::FILE_PATH)).exists(), "{}", event.to_json());
    sh(&format!("echo new >>{}", path.display()));
    started.change("updated", &path);
    let approved = |event: &schema::Event| is(event, field::AUDITNG_FIM_BASELINE_STATE, "approved");
    assert!(!started.sink.all().iter().any(approved));
}
