//! Tests against the running kernel: something is done to a file, something is told of it; and what happens when things go wrong.
//!
//! Needs root. Where that or a program is missing each test says `ignored` with the reason; `AUDITNG_LIVE=require` turns that into a
//! failure. Tests run one at a time, since marks see the whole machine. Mounts, loop devices and folders go when a test ends.
//!
//! Called with `--role NAME` this program is one of the processes that the tests need: collectors drop what their own process does.

#![expect(clippy::print_stdout, reason = "figures are for who runs the tests")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy does not see that this is one")]

#[path = "live/flow.rs"]
mod flow;
#[path = "live/guard.rs"]
mod guard;
#[path = "live/judged.rs"]
mod judged;
#[path = "live/logs.rs"]
mod logs;
#[path = "live/loss.rs"]
mod loss;
#[path = "live/mounts.rs"]
mod mounts;
#[path = "live/packages.rs"]
mod packages;
#[path = "live/persons.rs"]
mod persons;
#[path = "live/role.rs"]
mod role;
#[path = "live/scan.rs"]
mod scan;
#[path = "live/stand.rs"]
mod stand;
#[path = "live/storm.rs"]
mod storm;
#[path = "live/watches.rs"]
mod watches;

use std::process::ExitCode;

use testkit::live::Test;

fn tests() -> Vec<Test> {
    fn nothing() -> Option<String> {
        None
    }
    vec![
        Test::new("f1_trees_made_at_once_are_told_whole_and_once", nothing, flow::f1_trees_made_at_once),
        Test::new("f2_a_populated_folder_moved_in", nothing, flow::f2_moved_in),
        Test::new("f3_a_renamed_parent_and_an_edit_below", nothing, flow::f3_renamed_parent),
        Test::new("f7_moves_over_the_border_name_both_sides", nothing, flow::f7_over_the_border),
        Test::new("f8_a_write_through_a_link_outside_names_the_watched_link", nothing, flow::f8_hard_link),
        Test::new("f9_a_file_made_without_a_name_has_its_real_one", nothing, flow::f9_tmpfile),
        Test::new("f14_truncate_by_path", nothing, flow::f14_truncate),
        Test::new("f15_made_and_removed_at_once", nothing, flow::f15_made_and_removed),
        Test::new("f31_links_and_proc_self_root_give_the_same_path", nothing, flow::f31_same_path),
        Test::new("f36_hostile_names", nothing, flow::f36_hostile_names),
        Test::new("f37_a_longer_name_is_another_folder", nothing, flow::f37_longer_name),
        Test::new("f38_an_excluded_folder_costs_no_open", stand::no_strace, flow::f38_excluded),
        Test::new("f41_own_writes_are_not_told", nothing, flow::f41_own_writes),
        Test::new("removed_trees_are_told_whole", nothing, flow::removed_tree),
        Test::new("opens_of_named_files", nothing, flow::accesses),
        Test::new("f16_every_event_has_a_who_or_a_reason", nothing, persons::f16_who_or_reason),
        Test::new("f17_a_pid_used_again_is_not_the_wrong_program", nothing, persons::f17_pid_used_again),
        Test::new("f18_a_stopped_reader_says_that_it_was_late", nothing, loss::f18_stopped),
        Test::new("f19_a_capped_queue_says_what_to_scan", nothing, loss::f19_kernel_queue_full),
        Test::new("f19_our_own_queue_says_what_to_scan", nothing, loss::f19_own_queue_full),
        Test::new("f20_inotify_at_its_bound_goes_on_and_says_so", nothing, watches::f20_bound),
        Test::new("inotify_tells_what_fanotify_tells", nothing, watches::same_story),
        Test::new("f23_refused_and_let_through", nothing, guard::f23_decided),
        Test::new("f24_openers_go_on_when_the_keeper_is_killed", nothing, guard::f24_killed),
        Test::new("f24_a_missed_deadline_lets_through_and_says_so", nothing, guard::f24_deadline),
        Test::new("a_replaced_file_is_held_again", nothing, guard::replaced),
        Test::new("an_opener_is_held_for_a_short_while", nothing, guard::latency),
        Test::new("f25_f26_f27_what_a_container_writes_is_told_at_the_merged_path", nothing, mounts::f25_overlay),
        Test::new("f28_a_tmpfs_in_a_container", nothing, mounts::f28_tmpfs_in_container),
        Test::new("f29_a_mount_over_a_watched_file", nothing, mounts::f29_mount_over),
        Test::new("f30_two_bind_mounts_one_story", nothing, mounts::f30_two_mounts),
        Test::new("f41_a_deleted_overlay_file_makes_no_storm", nothing, mounts::f41_no_storm),
        Test::new("f42_fuse_is_left_to_scans", stand::no_bindfs, mounts::f42_fuse),
        Test::new("f46_btrfs_subvolumes", stand::no_btrfs, mounts::f46_btrfs),
        Test::new("f46_xfs", stand::no_xfs, mounts::f46_xfs),
        Test::new("f10_a_store_into_a_map_that_is_kept_is_found_by_a_scan", stand::no_python, scan::f10_mapped),
        Test::new("f11_chattr_is_found_by_a_scan", nothing, scan::f11_chattr),
        Test::new("f11_file_setattr_is_found_by_a_scan", stand::no_python, scan::f11_file_setattr),
        Test::new("f12_each_attribute_is_named_by_a_scan", stand::no_attribute_programs, scan::f12_attributes),
        Test::new("f13_times_put_back_do_not_hide_a_write", nothing, scan::f13_times_put_back),
        Test::new("f39_nothing_makes_a_scan_hang", nothing, scan::f39_no_hang),
        Test::new("f42_fuse_is_scanned_and_labelled", stand::no_bindfs, scan::f42_labelled),
        Test::new("f43_a_raw_write_is_found_by_the_rotating_scan", nothing, scan::f43_raw_write),
        Test::new("f44_the_first_scan_of_usr_tells_nothing", nothing, scan::f44_first_run),
        Test::new("f46_xfs_is_scanned_as_ext4", stand::no_xfs, scan::f46_xfs),
        Test::new("a_new_mount_below_a_root_is_covered", nothing, mounts::new_mount),
        Test::new("f3_judged_an_edit_below_a_renamed_parent", nothing, judged::f3_renamed_parent),
        Test::new("f4_judged_a_temporary_renamed_over", nothing, judged::f4_replaced),
        Test::new("f5_judged_vim_in_both_backup_modes", stand::no_vim, judged::f5_vim),
        Test::new("f6_judged_exchanged_files", nothing, judged::f6_exchange),
        Test::new("f7_judged_moves_across_the_border", nothing, judged::f7_border),
        Test::new("f8_judged_a_write_through_a_link_outside", nothing, judged::f8_hard_link),
        Test::new("f9_judged_a_file_made_without_a_name", nothing, judged::f9_tmpfile),
        Test::new("f12_judged_every_attribute", stand::no_attribute_programs, judged::f12_attributes),
        Test::new("f14_judged_truncate_by_path", nothing, judged::f14_truncate),
        Test::new("f15_judged_made_and_removed_at_once", nothing, judged::f15_brief),
        Test::new("f33_judged_another_target", nothing, judged::f33_symlink),
        Test::new("f34_logs_grow_rotate_and_are_rewritten", stand::no_logrotate, logs::f34_logs),
        Test::new("f35_a_package_is_upgraded_and_edited", stand::no_dpkg_deb, packages::f35_upgrade),
        Test::new("f47_judged_a_difference_without_secrets", nothing, judged::f47_contents),
        Test::new("a_mount_can_be_unmounted_while_it_is_watched", nothing, mounts::unmounted),
    ]
}

fn main() -> ExitCode {
    testkit::live::main(role::play, stand::missing, tests())
}
