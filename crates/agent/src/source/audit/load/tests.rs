use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::kernel::fake::{Fake, bytes, rule};
use super::super::state::State;
use super::*;

fn never(name: u8) -> Rule {
    Rule { action: Action::Never, ..rule(name) }
}

fn bring_to(fake: &Fake, rules: &[Rule], owned: &[u8]) -> Outcome {
    let wanted = Wanted { first: &[], rules, ownership: Ownership::Own };
    let owned = owned.iter().map(|name| bytes(*name)).collect();
    bring(&mut fake.clone(), &wanted, &owned, false, |_, _| ()).unwrap()
}

fn there(fake: &Fake) -> Vec<Vec<u8>> {
    fake.0.borrow().rules.clone()
}

fn with(rules: &[Rule]) -> Fake {
    let fake = Fake::default();
    fake.0.borrow_mut().rules = rules.iter().map(Rule::canonical_bytes).collect();
    fake
}

#[test]
fn a77_a_second_load_makes_no_change() {
    let fake = Fake::default();
    let rules = [rule(1), rule(2), never(3)];
    assert_eq!(bring_to(&fake, &rules, &[]).changes, 3);
    let outcome = bring_to(&fake, &rules, &[1, 2]);
    assert_eq!((outcome.changes, outcome.is_whole(), fake.0.borrow().changes), (0, true, 3));
}

#[test]
fn a76_one_changed_rule_is_there_before_the_old_one_goes() {
    let fake = with(&[rule(1), rule(2), rule(3)]);
    let outcome = bring_to(&fake, &[rule(1), rule(2), rule(4)], &[1, 2, 3]);
    assert_eq!((outcome.changes, outcome.is_whole()), (2, true));
    assert_eq!(there(&fake), [bytes(1), bytes(2), bytes(4)]);
}

#[test]
fn a76_another_order_is_reached_under_a_cover_that_goes_again() {
    let fake = with(&[rule(1), rule(2), rule(3)]);
    let mut steps = Vec::new();
    let rules = [rule(3), rule(1), rule(2)];
    let wanted = Wanted { first: &[], rules: &rules, ownership: Ownership::Own };
    let owned = [1, 2, 3].map(bytes).into();
    let outcome = bring(&mut fake.clone(), &wanted, &owned, false, |_, planned| steps = planned.to_vec()).unwrap();
    assert!(outcome.is_whole(), "{outcome:?}");
    assert!(matches!(&steps[0], Step::Prepend(cover) if is_cover(cover)), "{steps:?}");
    assert_eq!(there(&fake), rules.map(|rule| rule.canonical_bytes()));
}

#[test]
fn a78_rules_of_others_stay_and_their_place_is_told() {
    let fake = with(&[never(7), rule(1), rule(8)]);
    let outcome = bring_to(&fake, &[rule(1), rule(2)], &[1]);
    assert_eq!(there(&fake), [never(7), rule(1), rule(8), rule(2)].map(|rule| rule.canonical_bytes()));
    assert!(outcome.is_whole(), "{outcome:?}");
    assert_eq!(outcome.foreign, [Foreign { rule: never(7), before: 2 }, Foreign { rule: rule(8), before: 1 }]);
    let said = say_foreign(&outcome.foreign, audit::table::arch::X86_64).unwrap();
    assert!(said.contains("2 of them decide before") && said.contains("never,exit"), "{said}");
    assert_eq!(say_foreign(&[], 0), None);
}

#[test]
fn the_files_can_be_the_whole_truth() {
    let fake = with(&[rule(7), rule(1), rule(8)]);
    let rules = [rule(1), rule(2)];
    let wanted = Wanted { first: &[], rules: &rules, ownership: Ownership::All };
    let outcome = bring(&mut fake.clone(), &wanted, &HashSet::new(), false, |_, _| ()).unwrap();
    assert!(outcome.is_whole() && outcome.foreign.is_empty(), "{outcome:?}");
    assert_eq!(there(&fake), [bytes(1), bytes(2)]);
}

#[test]
fn a79_a_locked_kernel_is_compared_and_a_needed_change_says_reboot() {
    let fake = with(&[rule(1)]);
    fake.0.borrow_mut().status.enabled = 2;
    let load = |rules: &[Rule]| {
        let wanted = Wanted { first: &[], rules, ownership: Ownership::Own };
        bring(&mut fake.clone(), &wanted, &[bytes(1)].into(), true, |_, _| panic!("nothing may be begun"))
    };
    assert!(load(&[rule(1)]).unwrap().is_whole());
    let error = load(&[rule(1), rule(2)]).unwrap_err();
    assert!(matches!(error, LoadError::Locked { changes: 1 }) && error.to_string().contains("reboot"), "{error}");
    assert_eq!(fake.0.borrow().changes, 0);
}

#[test]
fn rules_in_front_stay_in_front_and_move_nothing() {
    let fake = with(&[rule(7), rule(1)]);
    let (first, rules) = ([never(5), never(6)], [rule(1)]);
    let wanted = Wanted { first: &first, rules: &rules, ownership: Ownership::Own };
    let outcome = bring(&mut fake.clone(), &wanted, &[bytes(1)].into(), false, |_, _| ()).unwrap();
    assert_eq!(outcome.changes, 2);
    assert_eq!(there(&fake), [never(5), never(6), rule(7), rule(1)].map(|rule| rule.canonical_bytes()));
}

#[test]
fn a_rule_on_a_folder_that_is_missing_moves_nobody() {
    let host = rule::Host::bare(audit::table::arch::X86_64);
    let report = rule::check("-a always,exit -S 9 -F dir=/nonexistent/auditng -k x", &host);
    let missing = report.rules().next().unwrap().clone();
    let fake = with(&[rule(1), rule(2)]);
    let outcome = bring_to(&fake, &[rule(1), missing.clone(), rule(2)], &[1, 2]);
    assert_eq!((outcome.changes, outcome.waiting, outcome.difference.is_none()), (0, vec![missing], true));
}

#[test]
fn a_rule_that_the_kernel_refuses_moves_nobody() {
    let fake = with(&[rule(1), rule(3)]);
    fake.0.borrow_mut().refused_rule = Some(bytes(2));
    fake.0.borrow_mut().absent_folder = Some(bytes(4));
    let outcome = bring_to(&fake, &[rule(1), rule(2), rule(4), rule(3)], &[1, 3]);
    assert_eq!((outcome.changes, outcome.refused.len(), outcome.waiting.len()), (0, 1, 1));
    assert_eq!(there(&fake), [bytes(1), bytes(3)]);
    assert!(!outcome.is_whole());
}

#[test]
fn a_new_rule_in_the_middle_gets_its_place() {
    let fake = with(&[rule(1), rule(3)]);
    let outcome = bring_to(&fake, &[rule(1), rule(2), rule(3)], &[1, 3]);
    assert!(outcome.is_whole(), "{:?}", outcome.difference);
    assert_eq!(there(&fake), [bytes(1), bytes(2), bytes(3)]);
}

/// Killed after each number of steps: the next load ends with what was wanted, and knows what is its own.
#[test]
fn a_change_that_was_interrupted_anywhere_is_finished_by_the_next() {
    let before = [rule(1), never(2), rule(3), rule(4)];
    let after = [rule(4), rule(5), rule(3), never(6)];
    let wanted = Wanted { first: &[never(9)], rules: &after, ownership: Ownership::Own };
    for killed_after in 0.. {
        let fake = with(&[rule(8)].iter().chain(&before).cloned().collect::<Vec<_>>());
        fake.0.borrow_mut().left = Some(killed_after);
        let mut state = State::new("boot", 1);
        let bytes: Vec<Vec<u8>> = before.iter().map(Rule::canonical_bytes).collect();
        state.set_rules(bytes.iter().map(Vec::as_slice));
        let owned = state.rules().collect();
        let first = catch_unwind(AssertUnwindSafe(|| {
            bring(&mut fake.clone(), &wanted, &owned, false, |there, steps| {
                state.begin_change(there, steps, Ownership::Own);
            })
        }));
        fake.0.borrow_mut().left = None;
        let Err(_killed) = first else {
            assert!(killed_after > 8, "{killed_after}");
            return;
        };
        assert!(state.is_interrupted());
        let owned = state.rules().collect();
        let outcome = bring(&mut fake.clone(), &wanted, &owned, false, |_, _| ()).unwrap();
        state.end_change(&outcome.owned);
        assert!(outcome.is_whole(), "after {killed_after}: {outcome:?}");
        let expect = [never(9), rule(8)].iter().chain(&after).map(Rule::canonical_bytes).collect::<Vec<_>>();
        assert_eq!(there(&fake), expect, "after {killed_after}");
        assert_eq!(state.rules().count(), 5, "after {killed_after}");
    }
}
