//! Plans, run on a model of the kernel.

use proptest::prelude::*;

use super::super::*;

/// A rule for some of four calls, and for one user or all.
fn simple(action: Action, calls: u32, uid: Option<u32>) -> Rule {
    let mut mask = Mask::NONE;
    (0..4).filter(|call| calls & 1 << call != 0).for_each(|call| assert!(mask.insert(call)));
    let condition = |uid| Field { id: FieldId(1), operator: Operator::Equal, value: Value::Number(uid) };
    Rule { list: List::Exit, action, calls: mask, fields: uid.map(condition).into_iter().collect() }
}

/// Whether a kernel with these rules records call `call` of user `uid`.
fn records(kernel: &[Rule], call: u32, uid: u32) -> bool {
    let matches = |rule: &&Rule| {
        let user = rule.field(FieldId(1)).is_none_or(|field| field.value == Value::Number(uid));
        rule.calls.contains(call) && user
    };
    kernel.iter().find(matches).is_some_and(|rule| rule.action == Action::Always)
}

fn recorded(kernel: &[Rule]) -> Vec<(u32, u32)> {
    let all = (0..4).flat_map(|call| (0..2).map(move |uid| (call, uid)));
    all.filter(|(call, uid)| records(kernel, *call, *uid)).collect()
}

/// What the kernel does with a step; it refuses a second copy and the deletion of what is not there.
fn apply(kernel: &mut Vec<Rule>, step: &Step) {
    let at = kernel.iter().position(|rule| rule.is_same(step.rule()));
    match (step, at) {
        (Step::Append(rule), None) => kernel.push(rule.clone()),
        (Step::Prepend(rule), None) => kernel.insert(0, rule.clone()),
        (Step::Delete(_), Some(at)) => {
            kernel.remove(at);
        }
        refused => panic!("the kernel refuses {refused:?}"),
    }
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let action = prop::sample::select(vec![Action::Never, Action::Always, Action::Always]);
    let rule =
        (action, 1u32..16, prop::option::of(0u32..2)).prop_map(|(action, calls, uid)| simple(action, calls, uid));
    prop::collection::vec(rule, 0..6).prop_map(|rules| {
        let mut out: Vec<Rule> = Vec::new();
        rules.into_iter().for_each(|rule| {
            if !out.contains(&rule) {
                out.push(rule);
            }
        });
        out
    })
}

fn shuffled() -> impl Strategy<Value = (Vec<Rule>, Vec<Rule>)> {
    (rules(), rules()).prop_flat_map(|(kernel, new)| {
        let mut wanted: Vec<Rule> = kernel.iter().take(4).cloned().collect();
        wanted.extend(new.into_iter().filter(|rule| !kernel.contains(rule)).take(3));
        (Just(kernel), Just(wanted).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn nothing_goes_unrecorded_on_the_way((before, wanted) in shuffled()) {
        let mut kernel = before.clone();
        let kept: Vec<_> = recorded(&before).into_iter().filter(|event| recorded(&wanted).contains(event)).collect();
        for step in plan(&before, &wanted, &|_| true) {
            apply(&mut kernel, &step);
            let now = recorded(&kernel);
            prop_assert!(kept.iter().all(|event| now.contains(event)), "after {:?}: {:?}", step, kernel);
        }
        prop_assert_eq!(&kernel, &wanted);
        prop_assert!(difference(&kernel, &wanted).is_none());
        prop_assert_eq!(plan(&kernel, &wanted, &|_| true), vec![]);
    }

    #[test]
    fn rules_of_others_stay((kernel, wanted) in shuffled(), others in rules()) {
        let others: Vec<_> = others.into_iter().filter(|rule| !kernel.contains(rule)).collect();
        let mut all: Vec<Rule> = others.iter().chain(&kernel).cloned().collect();
        let owned = |rule: &Rule| !others.contains(rule);
        for step in plan(&all.clone(), &wanted, &owned) {
            apply(&mut all, &step);
        }
        prop_assert!(others.iter().all(|rule| all.contains(rule)));
        prop_assert!(wanted.iter().all(|rule| all.contains(rule)));
        prop_assert_eq!(all.len(), others.len() + wanted.iter().filter(|rule| !others.contains(rule)).count());
    }

    #[test]
    fn a_plan_that_was_cut_is_finished_by_the_next((before, wanted) in shuffled(), cut in 0usize..8) {
        let mut kernel = before.clone();
        plan(&before, &wanted, &|_| true).iter().take(cut).for_each(|step| apply(&mut kernel, step));
        for step in plan(&kernel.clone(), &wanted, &|_| true) {
            apply(&mut kernel, &step);
        }
        prop_assert_eq!(kernel, wanted);
    }
}

#[test]
fn one_changed_rule_at_the_end_is_one_addition_and_one_deletion() {
    let (a, b, c) = (simple(Action::Always, 1, None), simple(Action::Always, 2, None), simple(Action::Always, 4, None));
    let steps = plan(&[a.clone(), b.clone()], &[a, c.clone()], &|_| true);
    assert_eq!(steps, [Step::Append(c), Step::Delete(b)]);
}

#[test]
fn rules_that_move_are_covered() {
    let (a, b) = (simple(Action::Always, 1, None), simple(Action::Always, 2, None));
    let steps = plan(&[a.clone(), b.clone()], &[b.clone(), a.clone()], &|_| true);
    let cover = steps[0].rule().clone();
    assert_eq!((cover.keys().next(), cover.calls), (Some(COVER_KEY.as_bytes()), a.calls));
    assert_eq!(steps, [Step::Prepend(cover.clone()), Step::Delete(a.clone()), Step::Append(a), Step::Delete(cover)]);
    assert_eq!(steps[0].bytes()[0], 0x14);
}

#[test]
fn what_is_missing_extra_and_moved() {
    let rules = [1, 2, 4, 8].map(|calls| simple(Action::Always, calls, None));
    let [a, b, c, d] = rules;
    let found = difference(&[a.clone(), b.clone(), d.clone()], &[b, a, c.clone()]);
    assert_eq!(found, Difference { missing: vec![c], extra: vec![d], reordered: vec![List::Exit] });
}
