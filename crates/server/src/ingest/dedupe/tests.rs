use std::collections::BTreeSet;

use super::*;
use proptest::prelude::*;
use schema::IngestSeq;

const AGENT: AgentId = AgentId::from_bytes([1, 2, 3, 4, 5, 6]);

fn id(epoch: u32, counter: u64) -> EventId {
    EventId::new(AGENT, epoch, Lane::Normal, counter)
}

fn range(first: u64, last: u64) -> LostRange {
    LostRange { agent: AGENT, epoch: 1, lane: Lane::Normal, first, last }
}

fn with(counters: impl IntoIterator<Item = u64>) -> Dedupe {
    let mut state = Dedupe::default();
    counters.into_iter().for_each(|counter| state.mark(id(1, counter)));
    state
}

#[test]
fn each_counter_is_new_once() {
    let mut state = with([0, 1, 2, 7]);
    for (counter, expect) in
        [(0, Verdict::Duplicate), (3, Verdict::New), (7, Verdict::Duplicate), (8, Verdict::New), (6, Verdict::New)]
    {
        assert_eq!(state.check(id(1, counter)), expect, "{counter}");
    }
    assert_eq!(state.open_holes(), 4);
    (3..7).for_each(|counter| state.mark(id(1, counter)));
    assert_eq!(state.open_holes(), 0);
    assert_eq!(state.check(id(1, 8)), Verdict::New);
    assert_eq!(state.check(EventId::new(AGENT, 1, Lane::High, 0)), Verdict::New);
}

#[test]
fn a_hole_is_reported_once_and_closed_by_what_comes_late() {
    let mut state = with([0, 1, 5, 9]);
    let start = Instant::now();
    let after = Duration::from_secs(20);
    assert!(state.overdue(start, after).is_empty());
    assert!(state.overdue(start + after / 2, after).is_empty());
    assert_eq!(state.overdue(start + after, after), [range(2, 4), range(6, 8)]);
    assert!(state.overdue(start + after * 3, after).is_empty());
    assert_eq!(state.check(id(1, 3)), Verdict::New);
    state.mark(id(1, 3));
    assert_eq!(state.check(id(1, 3)), Verdict::Duplicate);
    assert_eq!(state.check(id(1, 2)), Verdict::New);
    assert_eq!(state.check(id(1, 10)), Verdict::New);
}

#[test]
fn a_hole_made_during_the_wait_is_reported_within_two_waits() {
    let mut state = with([0, 2]);
    let (start, after) = (Instant::now(), Duration::from_secs(20));
    state.overdue(start, after);
    state.mark(id(1, 4));
    assert_eq!(state.overdue(start + after, after), [range(1, 1)]);
    assert_eq!(state.overdue(start + after * 2, after), [range(3, 3)]);
}

#[test]
fn what_the_agent_no_longer_has_is_missing() {
    let mut state = with([0, 1]);
    state.floor(AGENT, 1, Lane::Normal, 6);
    let (start, after) = (Instant::now(), Duration::from_secs(20));
    state.overdue(start, after);
    assert_eq!(state.overdue(start + after, after), [range(2, 5)]);
}

#[test]
fn explained_holes_are_no_holes() {
    let mut state = with([0, 5]);
    state.explain(range(1, 4));
    assert_eq!(state.open_holes(), 0);
    assert_eq!(state.check(id(1, 6)), Verdict::New);
    assert_eq!(state.check(id(1, 5)), Verdict::Duplicate);
    // Explained before anything beyond it came, and far too much of it.
    state.explain(range(8, u64::MAX));
    state.mark(id(1, 10));
    state.mark(id(1, 6));
    state.mark(id(1, 7));
    assert_eq!(state.check(id(1, 10)), Verdict::Duplicate);
    assert_eq!(state.check(id(1, 9)), Verdict::New);
    assert_eq!(state.open_holes(), 0);
}

#[test]
fn marks_are_taken_back() {
    let mut state = with(0..10);
    state.explain(range(10, 12));
    state.mark(id(1, 13));
    let before = state.clone();
    (14..20).for_each(|counter| state.mark(id(1, counter)));
    (14..20).for_each(|counter| state.unmark(id(1, counter)));
    assert_eq!(state, before);
    state.unmark(id(1, 5));
    for (counter, expect) in
        [(4, Verdict::Duplicate), (5, Verdict::New), (6, Verdict::Duplicate), (13, Verdict::Duplicate)]
    {
        assert_eq!(state.check(id(1, counter)), expect, "{counter}");
    }
    state.mark(id(1, 5));
    assert_eq!(state.check(id(1, 11)), Verdict::New);
    assert_eq!(state, before);
}

#[test]
fn four_epochs_are_kept_and_older_ones_asked_for() {
    let mut state = Dedupe::default();
    (1..=5).for_each(|epoch| state.mark(id(epoch, 0)));
    assert_eq!(state.check(id(1, 0)), Verdict::Ask);
    assert_eq!(state.check(id(2, 0)), Verdict::Duplicate);
    assert_eq!(state.check(id(0, 0)), Verdict::Ask);
    assert_eq!(state.check(id(6, 0)), Verdict::New);
    let mut late = Dedupe::default();
    (2..=5).for_each(|epoch| late.mark(id(epoch, 0)));
    late.mark(id(1, 0));
    assert_eq!(late.check(id(1, 0)), Verdict::Ask);
}

#[test]
fn a_lost_state_asks() {
    let mut state = Dedupe::default();
    state.forget();
    assert_eq!(state.check(id(1, 0)), Verdict::Ask);
    state.mark(id(1, 0));
    assert_eq!(state.check(id(1, 0)), Verdict::Duplicate);
    assert_eq!(state.check(id(1, 1)), Verdict::Ask);
}

#[test]
fn one_epoch_has_one_nonce() {
    let mut state = Dedupe::default();
    assert_eq!(state.admit(AGENT, 1, 7), Ok(()));
    assert_eq!(state.admit(AGENT, 1, 7), Ok(()));
    assert_eq!(state.admit(AGENT, 1, 8), Err(NonceConflict { agent: AGENT, epoch: 1 }));
    assert_eq!(state.admit(AGENT, 2, 8), Ok(()));
}

#[test]
fn too_much_beyond_a_hole_waits() {
    let mut state = Dedupe::default();
    (0..MAX_BEYOND).for_each(|n| state.mark(id(1, n + 1)));
    assert_eq!(state.check(id(1, MAX_BEYOND + 5)), Verdict::Full);
    assert_eq!(state.check(id(1, 0)), Verdict::New);
}

#[test]
fn holes_are_bounded() {
    let mut state = Dedupe::default();
    for n in 0..MAX_ABSENT as u64 + 10 {
        state.explain(range(n * 2, n * 2));
        state.mark(id(1, n * 2 + 1));
    }
    assert_eq!(state.check(id(1, 0)), Verdict::Duplicate, "the oldest hole is final");
    assert_eq!(state.check(id(1, MAX_ABSENT as u64 * 2)), Verdict::New);
}

#[derive(Clone, Debug)]
enum Step {
    Mark(u64),
    Unmark(u64),
    Explain(u64, u64),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u64..80).prop_map(Step::Mark),
        1 => (0_u64..80).prop_map(Step::Unmark),
        1 => (0_u64..80, 0_u64..20).prop_map(|(first, len)| Step::Explain(first, first + len)),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    /// Whatever is marked, taken back, explained and written down: exactly the marked counters are duplicates.
    #[test]
    fn agrees_with_a_set(steps in proptest::collection::vec(step(), 0..200)) {
        let mut state = Dedupe::default();
        let mut there = BTreeSet::new();
        for step in steps {
            match step {
                Step::Mark(counter) => {
                    state.mark(id(1, counter));
                    there.insert(counter);
                }
                Step::Unmark(counter) => if there.remove(&counter) { state.unmark(id(1, counter)) },
                Step::Explain(first, last) => state.explain(range(first, last)),
                Step::Reopen => {
                    let (read, as_of) = snapshot::read(&snapshot::write(&state, IngestSeq(9))).unwrap();
                    prop_assert_eq!(&read, &state);
                    prop_assert_eq!(as_of, IngestSeq(9));
                    state = read;
                }
            }
            for counter in 0..100 {
                let expect = if there.contains(&counter) { Verdict::Duplicate } else { Verdict::New };
                prop_assert_eq!(state.check(id(1, counter)), expect, "{}", counter);
            }
        }
    }

    #[test]
    fn damaged_snapshots_are_refused(at in 0_usize..200, bit in 0_u8..8) {
        let mut bytes = snapshot::write(&with([0, 1, 5]), IngestSeq(3));
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        prop_assert!(snapshot::read(&bytes).is_err());
    }
}
