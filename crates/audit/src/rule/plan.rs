//! From the rules that the kernel has to the rules that are wanted, without a moment in which a call that is recorded
//! before and after goes unrecorded.
//!
//! The kernel can only append, prepend and delete, refuses a second copy of a rule, and lets the first match decide.
//! So:
//!
//! 1. stale `never` rules go first: that can only record more;
//! 2. the longest run of wanted rules that is already in the kernel in this order stays in place;
//! 3. the others are appended in their order. One that is in the kernel at a wrong place must be deleted before; if
//!    it is an `always` rule, a temporary rule at the front covers its calls meanwhile (key [`COVER_KEY`]);
//! 4. stale `always` rules go when all that is wanted is in, the cover goes last.
//!
//! What is recorded too much in between is recorded; nothing is recorded too little. A plan for a kernel that has
//! what is wanted is empty.

use super::bytes::encode_at;
use super::{Action, Field, FieldId, List, Mask, Operator, Rule, Value};

/// The key of the rule that covers for others while they move. One that is found in the kernel was left by a crash
/// and goes.
pub const COVER_KEY: &str = "auditng-cover";

/// One change of the kernel's rules.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Add at the end of its list.
    Append(Rule),
    /// Add at the front of its list.
    Prepend(Rule),
    /// Delete.
    Delete(Rule),
}

impl Step {
    /// The rule.
    #[must_use]
    pub fn rule(&self) -> &Rule {
        match self {
            Self::Append(rule) | Self::Prepend(rule) | Self::Delete(rule) => rule,
        }
    }

    /// The bytes for [`crate::netlink::Request::AddRule`] or `DeleteRule`.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        encode_at(self.rule(), matches!(self, Self::Prepend(_)))
    }
}

impl Rule {
    /// Whether the kernel takes both for the same rule.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.list == other.list
            && self.action == other.action
            && self.fields == other.fields
            && self.calls.canonical() == other.calls.canonical()
    }
}

/// The steps from `kernel` to `wanted`. Rules of the kernel that are not `owned` and not wanted stay untouched; one
/// that is wanted and not owned counts as there.
#[must_use]
pub fn plan(kernel: &[Rule], wanted: &[Rule], owned: &dyn Fn(&Rule) -> bool) -> Vec<Step> {
    List::ALL.into_iter().flat_map(|list| Move::new(list, kernel, wanted, owned).steps()).collect()
}

/// The part of a plan that one list needs.
struct Move<'a> {
    list: List,
    stale: Vec<&'a Rule>,
    /// Wanted from the first that is not in place on, and whether the kernel has it.
    rest: Vec<(&'a Rule, bool)>,
    left_cover: Option<&'a Rule>,
}

impl<'a> Move<'a> {
    fn new(list: List, kernel: &'a [Rule], wanted: &'a [Rule], owned: &dyn Fn(&Rule) -> bool) -> Self {
        let (covers, kernel): (Vec<_>, Vec<_>) =
            kernel.iter().filter(|rule| rule.list == list).partition(|rule| is_cover(rule));
        let (ours, theirs): (Vec<_>, Vec<_>) = kernel.into_iter().partition(|rule| owned(rule));
        let wanted = distinct(wanted.iter().filter(|rule| rule.list == list && !contains(&theirs, rule)));
        let mut unseen = ours.as_slice();
        let kept = wanted.iter().take_while(|rule| skip_to(&mut unseen, rule)).count();
        let rest = wanted.iter().skip(kept).map(|rule| (*rule, contains(&ours, rule))).collect();
        let stale = ours.into_iter().filter(|rule| !contains(&wanted, rule)).collect();
        Self { list, stale, rest, left_cover: covers.first().copied() }
    }

    fn steps(self) -> Vec<Step> {
        let (never, always): (Vec<&Rule>, Vec<&Rule>) =
            self.stale.iter().partition(|rule| rule.action == Action::Never);
        let delete = |rules: Vec<&Rule>| rules.into_iter().cloned().map(Step::Delete).collect::<Vec<_>>();
        let mut steps = delete(never);
        let cover = self.cover();
        let left_fits = self.left_cover.zip(cover.as_ref()).is_some_and(|(left, cover)| left.is_same(cover));
        if !left_fits {
            steps.extend(cover.iter().cloned().map(Step::Prepend));
        }
        for (rule, in_kernel) in &self.rest {
            if *in_kernel {
                steps.push(Step::Delete((*rule).clone()));
            }
            steps.push(Step::Append((*rule).clone()));
        }
        steps.extend(delete(always));
        steps.extend(cover.map(Step::Delete));
        if !left_fits {
            steps.extend(self.left_cover.cloned().map(Step::Delete));
        }
        steps
    }

    /// A rule for the calls of all `always` rules that have to move. The exclude and filesystem lists record nothing.
    fn cover(&self) -> Option<Rule> {
        let moving = |(rule, in_kernel): &&(&Rule, bool)| *in_kernel && rule.action == Action::Always;
        let moved: Vec<&Rule> = self.rest.iter().filter(moving).map(|(rule, _)| *rule).collect();
        if moved.is_empty() || matches!(self.list, List::Exclude | List::Filesystem) {
            return None;
        }
        let equal = |id, value| Field { id, operator: Operator::Equal, value };
        let one_arch = moved[0].arch().filter(|arch| moved.iter().all(|rule| rule.arch() == Some(*arch)));
        let mut fields: Vec<_> = one_arch.into_iter().map(|arch| equal(FieldId::ARCH, Value::Number(arch))).collect();
        fields.push(equal(FieldId::KEY, Value::Text(COVER_KEY.into())));
        let calls = moved.iter().fold(Mask::NONE, |calls, rule| calls.union(&rule.calls));
        Some(Rule { list: self.list, action: Action::Always, calls, fields })
    }
}

fn is_cover(rule: &Rule) -> bool {
    rule.keys().any(|key| key == COVER_KEY.as_bytes())
}

fn contains(rules: &[&Rule], rule: &Rule) -> bool {
    rules.iter().any(|known| known.is_same(rule))
}

fn distinct<'a>(rules: impl Iterator<Item = &'a Rule>) -> Vec<&'a Rule> {
    let mut out: Vec<&Rule> = Vec::new();
    for rule in rules {
        if !contains(&out, rule) {
            out.push(rule);
        }
    }
    out
}

/// Moves `unseen` behind `rule`, if `rule` is in it.
fn skip_to(unseen: &mut &[&Rule], rule: &Rule) -> bool {
    match unseen.iter().position(|known| known.is_same(rule)) {
        Some(at) => {
            *unseen = &unseen[at + 1..];
            true
        }
        None => false,
    }
}

/// How two sets of rules differ.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Difference {
    /// Wanted and not in the kernel.
    pub missing: Vec<Rule>,
    /// In the kernel and not wanted.
    pub extra: Vec<Rule>,
    /// Lists whose common rules stand in another order.
    pub reordered: Vec<List>,
}

impl Difference {
    /// Whether both are the same.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares the rules of the kernel with those wanted.
#[must_use]
pub fn difference(kernel: &[Rule], wanted: &[Rule]) -> Difference {
    let (kernel, wanted): (Vec<_>, Vec<_>) = (kernel.iter().collect(), distinct(wanted.iter()));
    let without = |rules: &[&Rule], others: &[&Rule]| {
        rules.iter().filter(|rule| !contains(others, rule)).map(|rule| (*rule).clone()).collect::<Vec<_>>()
    };
    let common = |list: List, rules: &[&Rule], others: &[&Rule]| {
        let kept = rules.iter().filter(|rule| rule.list == list && contains(others, rule));
        kept.map(|rule| rule.canonical_bytes()).collect::<Vec<_>>()
    };
    let moved = |list: &List| common(*list, &kernel, &wanted) != common(*list, &wanted, &kernel);
    Difference {
        missing: without(&wanted, &kernel),
        extra: without(&kernel, &wanted),
        reordered: List::ALL.into_iter().filter(moved).collect(),
    }
}
