//! Who did it.

use std::collections::BTreeMap;

use schema::field;

use crate::stand::{Stand, is, sh, word};

/// Writers of the storm.
const WRITERS: usize = 5_000;

#[expect(clippy::print_stdout, reason = "the figures of the run")]
pub(crate) fn f16_short_writers() {
    let stand = Stand::new();
    let started = stand.start(stand.config()).on();
    // A process for each, which runs the shell's own program, writes and is gone.
    sh(&format!(
        "cd {} && i=0; while [ $i -lt {WRITERS} ]; do ( echo x >$i ); i=$((i+1)); done",
        stand.tree().display()
    ));
    let created = |event: &schema::Event| is(event, field::EVENT_ACTION, "created");
    let events = started.sink.wait_for("every file", WRITERS, created);
    let mut by = BTreeMap::new();
    let shell = std::fs::canonicalize("/bin/sh").unwrap().to_string_lossy().into_owned();
    for event in &events {
        let confidence = word(event, field::AUDITNG_FIM_WHO_CONFIDENCE);
        let reason = word(event, field::AUDITNG_FIM_WHO_REASON);
        let known = matches!(confidence.as_str(), "certain" | "strong");
        if known {
            assert!(event.get(field::PROCESS_PID).is_some(), "{}", event.to_json());
            assert_eq!(word(event, field::PROCESS_EXECUTABLE), shell, "{}", event.to_json());
            assert_eq!(word(event, field::USER_ID), "0");
        } else {
            assert!(!reason.is_empty(), "{}", event.to_json());
        }
        *by.entry((confidence, reason)).or_insert(0) += 1;
    }
    println!("f16: {by:?}");
    let known: usize =
        by.iter().filter(|((how, _), _)| matches!(how.as_str(), "certain" | "strong")).map(|(_, count)| count).sum();
    assert!(known * 1000 >= WRITERS * 999, "{by:?}");
}
