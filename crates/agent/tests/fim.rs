//! File integrity monitoring end to end on the running kernel: something is done to a file, an event is expected.
//!
//! Needs root. Where that is missing each test says `ignored` with the reason; `AUDITNG_LIVE=require` turns that into a failure.
//! Tests run one at a time, each on folders of its own; [`stand::Stand`] takes everything away again.
//!
//! Called with `--role NAME` this program is one of the processes that the tests need.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy does not see that this is one")]

#[path = "fim/audit.rs"]
mod audit;
#[path = "fim/boxes.rs"]
mod boxes;
#[path = "fim/changes.rs"]
mod changes;
#[path = "fim/desk.rs"]
mod desk;
#[path = "fim/down.rs"]
mod down;
#[path = "fim/guard.rs"]
mod guard;
#[path = "fim/loss.rs"]
mod loss;
#[path = "fim/role.rs"]
mod role;
#[path = "fim/stand.rs"]
mod stand;
#[path = "fim/who.rs"]
mod who;

use std::process::ExitCode;

use testkit::live::Test;

fn main() -> ExitCode {
    let trials = [
        ("f01_five_thousand_folders_at_once", changes::f01_many_folders as fn()),
        ("f04_a_temporary_renamed_over_is_one_replaced", changes::f04_replaced),
        ("f44_the_first_run_is_silent", changes::f44_first_run),
        ("f55_severity_tags_and_probe", changes::f55_policy),
        ("f18_a_stopped_reader_loses_nothing_silently", loss::f18_stopped),
        ("f19_a_full_queue_is_told_and_scanned", loss::f19_overflow),
        ("f21_what_changed_while_nobody_watched", down::f21_while_down),
        ("f22_a_baseline_that_was_edited_is_told", down::f22_refused),
        ("f23_only_the_allowed_program_reads", guard::f23_detect),
        ("f23_others_are_refused", guard::f23_enforce),
        ("f29_mounted_over_a_watched_file", changes::f29_mounted_over),
        ("f41_own_files_make_no_loop", changes::f41_no_loop),
        ("f49_fanotify_and_audit_are_one_event", audit::f49_merged),
        ("f50_audit_rules_alone", audit::f50_audit_alone),
        ("f52_audit_rule_that_the_kernel_dropped", audit::f52_dropped_rule),
        ("f25_to_f28_container_files", boxes::f25_to_f28),
        ("f58_the_command_line_asks_the_agent", desk::f58_socket),
        ("f16_writers_that_exit_at_once_are_known", who::f16_short_writers),
    ];
    let needs = |name: &str| match name {
        name if name.contains("container") => boxes::missing,
        name if name.contains("audit") => audit::missing,
        _ => || None,
    };
    let test = |(name, test): (&'static str, fn())| Test::new(name, needs(name), test);
    testkit::live::main(role::play, stand::missing, trials.into_iter().map(test).collect())
}
