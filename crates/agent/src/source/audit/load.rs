//! Brings the kernel's rules to what is wanted, without a moment in which a call that is recorded before and after is not.
//!
//! The steps are [`audit::rule::plan`]'s; here they are carried out, in this order:
//!
//! 1. a kernel that is locked (`-e 2`) and has all that is wanted is left alone; a needed change is [`LoadError::Locked`];
//! 2. rules that name a folder which does not exist wait: the kernel would refuse them, and nobody else has to move for them;
//!    where others would have to move for a new rule it is tried first, at the end, since the kernel may refuse it for reasons
//!    that only it knows;
//! 3. the steps are written to a journal before the first one, so that the next start knows what a crash interrupted;
//! 4. what one step does not get from the kernel is noted, and the others go on; only a cover that is refused ends the change
//!    before anything is moved;
//! 5. the kernel's rules are read back and compared.
//!
//! Promises: rules that are neither owned nor wanted stay where they are. A second change to the same rules makes no call that
//! changes anything. Deleting is slow: the kernel waits for all its processors after each rule (about 15 ms), adding is not.
//!
//! Does not: know rule files, or decide who owns the socket.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use audit::rule::{self, Action, Difference, FieldId, List, Rule, Step};
use serde::{Deserialize, Serialize};

use super::kernel::{Kernel, KernelError};
use super::rules::SELF_KEY;

/// Whose rules may be deleted and moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ownership {
    /// Only those that we loaded, known by their bytes.
    #[default]
    Own,
    /// All: the rule files are the whole truth.
    All,
}

/// What the kernel shall have.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Rules that stand before all others, those of other tools among them.
    pub first: &'a [Rule],
    /// The others in their order.
    pub rules: &'a [Rule],
    /// Whose rules may go.
    pub ownership: Ownership,
}

/// What a change did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Calls that changed something.
    pub changes: usize,
    /// What the kernel did not do, and why.
    pub refused: Vec<(Step, KernelError)>,
    /// Rules whose folder does not exist yet.
    pub waiting: Vec<Rule>,
    /// What is still different, by a look at the kernel afterwards. Rules that wait and rules of others are left out.
    pub difference: Difference,
    /// Rules of others, and how they stand to ours.
    pub foreign: Vec<Foreign>,
    /// The bytes of the rules that are ours and there afterwards.
    pub owned: Vec<Vec<u8>>,
}

/// A rule of another tool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Foreign {
    /// The rule.
    pub rule: Rule,
    /// How many of our rules in the same list stand behind it: it decides before them.
    pub before: usize,
}

/// Why the kernel's rules were not changed at all.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The kernel does not tell its rules.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Nothing can be changed until the next boot.
    #[error("the kernel's rules are locked until the next boot (enabled 2), and {changes} changes are needed: reboot")]
    Locked {
        /// How many.
        changes: usize,
    },
}

impl Outcome {
    /// Everything that is wanted is there, in order.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.refused.is_empty() && self.waiting.is_empty() && self.difference.is_none()
    }
}

/// Rules of the kernel: those that this version can read, with their bytes in the form of [`rule::canonical`]. One that it
/// cannot read is never ours and never touched.
#[derive(Debug, Default)]
pub struct Loaded {
    /// In the kernel's order.
    pub rules: Vec<Rule>,
    /// How many could not be read.
    pub unreadable: usize,
}

impl Loaded {
    /// Asks the kernel.
    ///
    /// # Errors
    /// It does not answer.
    pub fn read(kernel: &mut impl Kernel) -> Result<Self, KernelError> {
        let all = kernel.rules()?;
        let rules: Vec<Rule> = all.iter().filter_map(|bytes| rule::decode(bytes).ok()).collect();
        Ok(Self { unreadable: all.len() - rules.len(), rules })
    }
}

/// What is to be done, before it is done.
#[derive(Debug, Default)]
pub struct Change {
    /// The steps in their order.
    pub steps: Vec<Step>,
    /// Rules that are left out because their folder does not exist.
    pub waiting: Vec<Rule>,
}

impl Change {
    /// The change from `there` to `wanted`. `owned` holds the bytes of our rules.
    #[must_use]
    pub fn new(there: &[Rule], wanted: &Wanted<'_>, owned: &HashSet<Vec<u8>>) -> Self {
        Self::without(&HashSet::new(), there, wanted, owned)
    }

    /// The same, with rules that the kernel has refused left out.
    fn without(refused: &HashSet<Vec<u8>>, there: &[Rule], wanted: &Wanted<'_>, owned: &HashSet<Vec<u8>>) -> Self {
        let known: HashSet<Vec<u8>> = there.iter().map(Rule::canonical_bytes).collect();
        let is_there = |rule: &Rule| known.contains(&rule.canonical_bytes());
        let takeable = wanted.rules.iter().filter(|rule| !refused.contains(&rule.canonical_bytes()));
        let (waiting, rules): (Vec<Rule>, Vec<Rule>) =
            takeable.cloned().partition(|rule| !is_there(rule) && lacks_folder(rule));
        let is_first = |rule: &Rule| wanted.first.iter().any(|first| first.is_same(rule));
        // What already stands in front is no part of the order that the plan keeps.
        let movable: Vec<Rule> = there.iter().filter(|rule| !is_first(rule)).cloned().collect();
        let mine = |rule: &Rule| wanted.ownership == Ownership::All || owned.contains(&rule.canonical_bytes());
        let mut steps = rule::plan(&movable, &rules, &mine);
        let front = wanted.first.iter().rev().filter(|rule| !is_there(rule));
        steps.extend(front.cloned().map(Step::Prepend));
        Self { steps, waiting }
    }

    /// Rules that are there and have to be deleted and added again for the sake of the order.
    fn moves(&self) -> bool {
        let appended: HashSet<Vec<u8>> = self.added().map(Rule::canonical_bytes).collect();
        let moved = |step: &Step| matches!(step, Step::Delete(rule) if appended.contains(&rule.canonical_bytes()));
        self.steps.iter().any(moved)
    }

    fn added(&self) -> impl Iterator<Item = &Rule> {
        self.steps.iter().filter_map(|step| match step {
            Step::Append(rule) => Some(rule),
            Step::Prepend(_) | Step::Delete(_) => None,
        })
    }
}

/// The kernel refuses a rule on a folder that does not exist, or on a file or program in one.
fn lacks_folder(rule: &Rule) -> bool {
    let path = |id| rule.field(id).and_then(|field| field.value.text());
    let lacks = |folder: Option<&Path>| folder.is_some_and(|folder| !folder.exists());
    let of = |bytes| Path::new(std::ffi::OsStr::from_bytes(bytes));
    lacks(path(FieldId::DIR).map(of))
        || lacks(path(FieldId::PATH).and_then(|path| of(path).parent()))
        || lacks(path(FieldId::EXE).and_then(|path| of(path).parent()))
}

/// Carries a change out. `journal` is called with the steps before the first of them is made, and not at all if there are
/// none.
///
/// # Errors
/// The kernel does not tell its rules, or is locked and lacks some. Rules that it refuses are in the [`Outcome`].
pub fn bring<K: Kernel>(
    kernel: &mut K,
    wanted: &Wanted<'_>,
    owned: &HashSet<Vec<u8>>,
    locked: bool,
    journal: impl FnOnce(&[Rule], &[Step]),
) -> Result<Outcome, LoadError> {
    let there = Loaded::read(kernel)?.rules;
    let mut change = Change::new(&there, wanted, owned);
    if locked && !change.steps.is_empty() {
        return Err(LoadError::Locked { changes: change.steps.len() });
    }
    let (mut outcome, mut owned) = (Outcome::default(), owned.clone());
    if !change.steps.is_empty() {
        journal(&there, &change.steps);
        if change.moves() {
            change = try_first(kernel, &there, wanted, &change, &mut owned, &mut outcome)?;
        }
        owned.extend(carry_out(kernel, std::mem::take(&mut change.steps), &mut outcome));
    }
    outcome.waiting.extend(change.waiting);
    let after = Loaded::read(kernel)?.rules;
    look_back(&after, wanted, &owned, &mut outcome);
    Ok(outcome)
}

/// Adds the new rules at the end, and plans again with those that the kernel took.
fn try_first<K: Kernel>(
    kernel: &mut K,
    there: &[Rule],
    wanted: &Wanted<'_>,
    change: &Change,
    owned: &mut HashSet<Vec<u8>>,
    outcome: &mut Outcome,
) -> Result<Change, LoadError> {
    let known: HashSet<Vec<u8>> = there.iter().map(Rule::canonical_bytes).collect();
    let new = change.added().filter(|rule| !known.contains(&rule.canonical_bytes()));
    let steps: Vec<Step> = new.cloned().map(Step::Append).collect();
    owned.extend(carry_out(kernel, steps, outcome));
    let refused = outcome.refused.iter().map(|(step, _)| step.rule()).chain(&outcome.waiting);
    let refused: HashSet<Vec<u8>> = refused.map(Rule::canonical_bytes).collect();
    let there = Loaded::read(kernel)?.rules;
    Ok(Change::without(&refused, &there, wanted, owned))
}

/// Compares without changing anything: `difference`, `foreign` and `owned` of the outcome.
#[must_use]
pub fn compare(there: &[Rule], wanted: &Wanted<'_>, owned: &HashSet<Vec<u8>>) -> Outcome {
    let mut outcome = Outcome::default();
    look_back(there, wanted, owned, &mut outcome);
    outcome
}

/// What the kernel shows afterwards against what was wanted.
fn look_back(after: &[Rule], wanted: &Wanted<'_>, owned: &HashSet<Vec<u8>>, outcome: &mut Outcome) {
    let ours = |rule: &Rule| owned.contains(&rule.canonical_bytes());
    outcome.owned = after.iter().map(Rule::canonical_bytes).filter(|bytes| owned.contains(bytes)).collect();
    outcome.foreign = foreign(after, wanted, &ours);
    let all = wanted.ownership == Ownership::All;
    let counted: Vec<Rule> =
        after.iter().filter(|rule| all || is_wanted(wanted, rule) || ours(rule)).cloned().collect();
    let rules: Vec<Rule> = wanted.first.iter().chain(wanted.rules).cloned().collect();
    let mut difference = rule::difference(&counted, &rules);
    let waits = |rule: &Rule| outcome.waiting.iter().any(|waiting| waiting.is_same(rule));
    difference.missing.retain(|rule| !waits(rule));
    // The place of a wanted rule that another tool loaded is not ours to change.
    let borrowed = |list: List| after.iter().any(|rule| rule.list == list && is_wanted(wanted, rule) && !ours(rule));
    difference.reordered.retain(|list| all || !borrowed(*list));
    outcome.difference = difference;
}

fn is_wanted(wanted: &Wanted<'_>, rule: &Rule) -> bool {
    wanted.first.iter().chain(wanted.rules).any(|wanted| wanted.is_same(rule))
}

/// Gives the bytes of the rules that it added.
fn carry_out<K: Kernel>(kernel: &mut K, steps: Vec<Step>, outcome: &mut Outcome) -> Vec<Vec<u8>> {
    let mut added = Vec::new();
    for step in steps {
        let result = match &step {
            Step::Append(_) | Step::Prepend(_) => kernel.add_rule(&step.bytes()),
            Step::Delete(_) => kernel.delete_rule(&step.rule().canonical_bytes()),
        };
        match (result, &step) {
            (Ok(()), Step::Delete(_)) => outcome.changes += 1,
            (Ok(()), Step::Append(rule) | Step::Prepend(rule)) => {
                outcome.changes += 1;
                added.push(rule.canonical_bytes());
            }
            // Somebody else was quicker; the kernel has what is wanted.
            (Err(error), Step::Delete(_)) if error.errno() == Some(libc::ENOENT) => {}
            (Err(error), Step::Append(_) | Step::Prepend(_)) if error.errno() == Some(libc::EEXIST) => {}
            (Err(error), Step::Append(rule)) if error.errno() == Some(libc::ENOENT) => {
                outcome.waiting.push(rule.clone())
            }
            (Err(error), _) => {
                let ends = is_cover(step.rule()) && matches!(step, Step::Prepend(_));
                outcome.refused.push((step, error));
                if ends {
                    return added;
                }
            }
        }
    }
    added
}

fn is_cover(rule: &Rule) -> bool {
    rule.keys().any(|key| key == rule::COVER_KEY.as_bytes())
}

fn foreign(there: &[Rule], wanted: &Wanted<'_>, ours: &dyn Fn(&Rule) -> bool) -> Vec<Foreign> {
    let of_another = |rule: &&Rule| !ours(rule) && !is_wanted(wanted, rule) && !is_self_exclusion(rule);
    let behind = |at: usize, rule: &Rule| {
        there[at + 1..].iter().filter(|other| other.list == rule.list && is_wanted(wanted, other)).count()
    };
    let each = there.iter().enumerate().filter(|(_, rule)| of_another(rule));
    each.map(|(at, rule)| Foreign { rule: rule.clone(), before: behind(at, rule) }).collect()
}

/// The exception for the calls of a running agent.
fn is_self_exclusion(rule: &Rule) -> bool {
    rule.action == Action::Never && rule.keys().any(|key| key == SELF_KEY.as_bytes())
}

/// Rules of others in one sentence for people; `None` if there are none.
#[must_use]
pub fn say_foreign(foreign: &[Foreign], machine: u32) -> Option<String> {
    let ahead: Vec<&Foreign> = foreign.iter().filter(|foreign| foreign.before > 0).collect();
    let hides = ahead.iter().find(|foreign| foreign.rule.action == Action::Never);
    match (foreign.len(), ahead.len(), hides) {
        (0, ..) => None,
        (all, 0, _) => Some(format!("{all} rules of others stay, all behind ours")),
        (all, ahead, None) => Some(format!("{all} rules of others stay; {ahead} of them decide before rules of ours")),
        (all, ahead, Some(hides)) => Some(format!(
            "{all} rules of others stay; {ahead} of them decide before rules of ours, and what `{}` matches is not recorded",
            hides.rule.text(machine)
        )),
    }
}

#[cfg(test)]
mod tests;
