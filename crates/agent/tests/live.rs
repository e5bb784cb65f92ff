//! Tests against the running kernel: one system call done, one event expected; and what happens when things go wrong.
//!
//! Needs root and a free audit socket. Where that is missing each test says `ignored` with the reason;
//! `AUDITNG_LIVE=require` turns that into a failure. Tests run one at a time, since only one process can own the socket.
//! Rules carry keys that start with `auditng-test`; whatever a test leaves in the kernel is put back by [`stand::Stand`].
//!
//! Called with `--role NAME` this program is one of the processes that the tests need: a source, an owner, a workload.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy does not see that this is one")]

#[path = "live/anew.rs"]
mod anew;
#[path = "live/beside.rs"]
mod beside;
#[path = "live/boxes.rs"]
mod boxes;
#[path = "live/burst.rs"]
mod burst;
#[path = "live/container.rs"]
mod container;
#[path = "live/daemon.rs"]
mod daemon;
#[path = "live/flow.rs"]
mod flow;
#[path = "live/loss.rs"]
mod loss;
#[path = "live/owner.rs"]
mod owner;
#[path = "live/pace.rs"]
mod pace;
#[path = "live/pod.rs"]
mod pod;
#[path = "live/role.rs"]
mod role;
#[path = "live/rules.rs"]
mod rules;
#[path = "live/seen.rs"]
mod seen;
#[path = "live/stand.rs"]
mod stand;

use std::process::ExitCode;

use testkit::live::Test;

fn main() -> ExitCode {
    let trials = [
        ("exec_is_seen_with_everything", seen::exec as fn()),
        ("file_create_open_rename_unlink", seen::files),
        ("connect", seen::connect),
        ("setuid", seen::setuid),
        ("a85_container_of_a_thousand_short_processes", container::a85_short_lives),
        ("a90_containers_of_podman_and_containerd", container::a90_few),
        ("a91_container_of_a_real_pod", pod::a91_pod),
        ("a93_container_runtime_that_hangs", container::a93_hanging),
        ("a94_container_users", container::a94_users),
        ("a95_container_with_a_trap_for_a_file", container::a95_trap),
        ("a62_tiny_buffer_counts_what_it_lost", loss::tiny_buffer),
        ("a63_stopped_reader_stalls_nobody_and_counts", loss::stopped_reader),
        ("a64_programs_wait_and_nothing_is_lost", flow::block),
        ("a65_what_is_taken_is_passed_filtered_or_lost", flow::sums),
        ("captured_datagrams_replay_to_the_same_events", flow::capture),
        ("a65_burst_and_the_kernels_queue_full", burst::kernel_queue_full),
        ("a65_burst_and_our_queue_full", burst::own_queue_full),
        ("a60_a61_other_owner_is_left_alone_and_followed", owner::other_owner),
        ("a61_who_asks_for_our_socket_does_not_get_it", owner::asked),
        ("a60_a61_auditd_first_then_killed", daemon::auditd_first),
        ("a61_auditd_later_does_not_get_our_socket", daemon::auditd_later),
        ("a60_the_second_of_two_agents_reads_along_and_follows", daemon::two_agents),
        ("forgotten_by_the_kernel_and_registered_again", daemon::forgotten),
        ("switched_off_by_another_is_told", daemon::switched_off),
        ("a69_without_rights_one_sentence_says_what_to_add", daemon::without_rights),
        ("a69_without_the_subsystem_it_says_so", daemon::without_audit),
        ("a66_started_anew_in_place_nothing_is_missing", anew::in_place),
        ("a66_restored_after_stop", owner::restored_after_stop),
        ("a66_restored_after_sigkill_and_next_start", owner::restored_after_sigkill),
        ("built_in_rules_are_all_taken", owner::built_in_rules),
        ("a67_no_events_of_our_own_files", owner::no_loop),
        ("a76_no_call_goes_unrecorded_while_rules_change", rules::a76_no_gap),
        ("a77_a_second_load_changes_nothing", rules::a77_second_load),
        ("a78_rules_of_others_stay_in_their_place", rules::a78_rules_of_others),
        ("a78_the_whole_truth_and_back", rules::a78_the_whole_truth_and_back),
        ("rule_goldens_are_read_back_equal", rules::goldens_read_back_equal),
        ("stops_within_5_s_under_load", owner::stops_in_time),
        ("doctor_names_the_owner", owner::doctor),
    ];
    let needs = |name: &str| match name {
        name if name.contains("container") => boxes::missing,
        name if name.contains("auditd") => daemon::no_auditd,
        name if name.contains("subsystem") => daemon::no_python,
        _ => || None,
    };
    let test = |(name, test): (&'static str, fn())| Test::new(name, needs(name), test);
    let mut tests: Vec<Test> = trials.into_iter().map(test).collect();
    tests.push(Test { long: true, ..test(("a90_containers_by_the_hundred", container::a90_many)) });
    testkit::live::main(role::play, stand::missing, tests)
}
