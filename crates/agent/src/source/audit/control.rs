//! Who owns the kernel's audit socket, and what the kernel lost: the decisions of `audit-control`.
//!
//! ```text
//! Off --begin--> Unicast     nobody owned the socket: we registered, set values, added rules
//!            \-> Multicast   somebody owns it, or we may only read: a copy, and the reason
//! Unicast --poll--> Unicast  forgotten by the kernel: registered again, and a loss for the time between
//!               \-> Multicast   somebody took the socket while we were forgotten
//! Multicast --poll, each 5 s--> Unicast   the owner left
//! ```
//!
//! Promises: a live owner is never asked to leave and never overwritten. Rules of others are not touched, and own ones are
//! known by their bytes. Every change is written to `audit.state` before it is made, so [`Control::end`], or after a SIGKILL
//! the next [`Control::begin`], puts back what was found. `lost` is read by difference and never reset.
//!
//! Does not: read records, open sockets or look at a clock.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use audit::netlink::{SetStatus, Status};
use audit::rule::{self, Action, Rule, Step};
use schema::Timestamp;
use schema::loss::Unit;
use tracing::{info, warn};

use super::kernel::{Kernel, KernelError};
use super::load::{self, LoadError, Outcome, Ownership, Wanted};
use super::rights;
use super::rules::machine;
use super::state::{State, StateFile, Values, WriteError};
use super::{Choice, Overload};
use crate::health::Counters;
use crate::sys::proc::Proc;

/// How often a reader of the copy asks whether the socket has become free.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// How often rules are tried whose folder did not exist.
const TRY_AGAIN_MS: i64 = 60_000;

/// What the source does now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Nothing is read.
    Off {
        /// The reason, for people.
        why: String,
    },
    /// We own the socket.
    Unicast,
    /// We read a copy and change nothing.
    Multicast {
        /// The reason, for people.
        why: String,
    },
}

/// What the kernel should look like while we own the socket.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Which socket is wanted.
    pub choice: Choice,
    /// Who waits when the kernel's queue is full.
    pub overload: Overload,
    /// Values to set.
    pub values: Values,
    /// Rules that go before all others: what we do ourselves is not audited.
    pub first: Vec<Rule>,
    /// The rules of the rule files, in order.
    pub rules: Vec<Rule>,
    /// Whose rules may be changed.
    pub ownership: Ownership,
    /// Lock the rules until the next boot once the kernel shows exactly what is wanted.
    pub lock: bool,
    /// The rules of the rule files stay when we end.
    pub keep_rules: bool,
    /// The socket was handed over by the program that we replaced: the kernel delivers to it already.
    pub inherited: bool,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Control<K> {
    kernel: K,
    plan: Plan,
    proc: Proc,
    pid: u32,
    file: StateFile,
    state: State,
    counters: Arc<Counters>,
    mode: Mode,
    /// What is wrong although we own the socket.
    notes: Vec<String>,
    /// What is good to know although nothing is wrong.
    remarks: Vec<String>,
    /// Rules whose folder does not exist yet.
    waiting: Vec<Rule>,
    last: Option<(Status, Timestamp)>,
    asked: Timestamp,
}

impl<K: Kernel> Control<K> {
    /// A source that is off.
    pub fn new(kernel: K, plan: Plan, proc: Proc, pid: u32, file: StateFile, counters: Arc<Counters>) -> Self {
        let state = State::new(&proc.boot_id().unwrap_or_default(), pid);
        let mode = Mode::Off { why: "not started".to_owned() };
        let (notes, remarks, waiting, asked) = (Vec::new(), Vec::new(), Vec::new(), Timestamp::default());
        Self { kernel, plan, proc, pid, file, state, counters, mode, notes, remarks, waiting, last: None, asked }
    }

    /// What we do now.
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// What is not as it should be although we own the socket: refused rules, a locked configuration.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What an operator should know although all is as it should be: rules of others and how they stand to ours.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Rules that wait for their folder to be made; they are tried again each minute.
    pub fn waiting(&self) -> &[Rule] {
        &self.waiting
    }

    /// The kernel records nothing, although we would read it.
    pub fn is_switched_off(&self) -> bool {
        let reads = matches!(self.mode, Mode::Unicast | Mode::Multicast { .. });
        reads && self.last.as_ref().is_some_and(|(status, _)| status.enabled == 0)
    }

    /// What the reader of the copy lacks, if it is that.
    pub fn copy_lacks(&self) -> Option<String> {
        rights::for_copy(&self.proc)
    }

    /// The last status that the kernel told.
    pub fn status(&self) -> Option<&Status> {
        self.last.as_ref().map(|(status, _)| status)
    }

    /// The newest serial that a predecessor saw in this boot.
    pub fn last_serial_before(&self) -> Option<u32> {
        self.state.last_serial
    }

    /// The first decision.
    pub fn begin(&mut self, now: Timestamp) -> &Mode {
        if let Some(left) = self.file.load(&self.state.boot_id) {
            self.repair(&left);
        }
        self.mode = self.decide(now);
        if let Ok(status) = self.kernel.status() {
            self.last = Some((status, now));
        }
        self.announce();
        &self.mode
    }

    /// Each second: what was lost, and whether we still are who we were.
    pub fn poll(&mut self, now: Timestamp) -> &Mode {
        let before = self.mode.clone();
        let status = self.kernel.status();
        if let Ok(status) = &status {
            self.account(status, now);
        }
        match (&self.mode, status) {
            (Mode::Unicast, Ok(status)) if status.pid != self.pid => self.mode = self.forgotten(&status, now),
            (Mode::Unicast, _) => self.try_waiting(now),
            (Mode::Multicast { .. } | Mode::Off { .. }, _) => self.ask_again(now),
        }
        if let Ok(status) = self.kernel.status() {
            self.account(&status, now);
            self.last = Some((status, now));
        }
        if self.mode != before {
            self.announce();
        }
        &self.mode
    }

    /// Notes the newest serial, so that the next start can say what was missed meanwhile.
    pub fn saw(&mut self, serial: u32) {
        if self.mode == Mode::Unicast && self.state.last_serial != Some(serial) {
            self.state.last_serial = Some(serial);
            let saved = self.file.save_serial(&self.state.boot_id, serial);
            self.say_unsaved(saved);
        }
    }

    /// The quick end of recording, where we began it: audit is off again, and nothing new comes although the rules are still
    /// there (the kernel takes some 16 ms to delete one). False: audit was on before us and stays on.
    pub fn switch_off(&mut self) -> bool {
        if self.mode != Mode::Unicast {
            return false;
        }
        let Ok(status) = self.kernel.status() else { return false };
        let off = Values { enabled: self.state.restore(Values::of(&status)).enabled, ..Values::default() };
        self.set_values(off);
        off.enabled == Some(0)
    }

    /// Our rules go, and those that we took away come back. The kernel takes some 15 ms to delete one; what is not done when
    /// the process has to end is done by the next start.
    pub fn remove_rules(&mut self) {
        if self.mode != Mode::Unicast || self.is_locked() {
            return;
        }
        match self.state.found_rules().filter(|_| !self.plan.keep_rules) {
            Some(found) => self.bring_back(&found),
            None => self.delete_ours(),
        }
    }

    fn delete_ours(&mut self) {
        let kept = if self.plan.keep_rules { &self.plan.rules[..] } else { &[] };
        let kept: HashSet<Vec<u8>> = kept.iter().map(Rule::canonical_bytes).collect();
        let (staying, mut going): (Vec<Vec<u8>>, Vec<Vec<u8>>) =
            self.state.rules().partition(|rule| kept.contains(rule));
        // What excepts our own calls goes last.
        going.sort_by_key(|bytes| rule::decode(bytes).is_ok_and(|rule| rule.action == Action::Never));
        self.delete_all(&going);
        self.state.set_rules(staying.iter().map(Vec::as_slice));
        self.save();
    }

    fn bring_back(&mut self, found: &[Rule]) {
        let wanted = Wanted { first: &[], rules: found, ownership: Ownership::All };
        match load::bring(&mut self.kernel, &wanted, &HashSet::new(), false, |_, _| ()) {
            Ok(outcome) if outcome.is_whole() => {
                self.state.forget_found_rules();
                self.state.set_rules([]);
                self.save();
            }
            Ok(_) => self.note("not all rules that were there before us could be brought back".to_owned()),
            Err(error) => self.note(chain(&error)),
        }
    }

    fn is_locked(&mut self) -> bool {
        self.kernel.status().is_ok_and(|status| status.locked())
    }

    /// After what was under way has been read: every value that we changed and nobody else since.
    pub fn restore_values(&mut self) {
        if self.mode != Mode::Unicast {
            return;
        }
        let Ok(status) = self.kernel.status() else { return };
        if status.locked() {
            info!("audit is locked until the next boot (enabled 2): rules and settings stay as they are");
            return;
        }
        self.set_values(self.state.restore(Values::of(&status)));
        (self.state.found, self.state.set) = (Values::default(), Values::default());
        self.save();
    }

    /// Last step: the socket is free again.
    pub fn end(&mut self) {
        if self.mode == Mode::Unicast
            && let Err(error) = self.kernel.release()
        {
            warn!(error = %chain(&error), "the audit registration could not be given up; it ends with the process");
        }
        self.mode = Mode::Off { why: "stopped".to_owned() };
    }

    fn decide(&mut self, now: Timestamp) -> Mode {
        self.asked = now;
        match self.plan.choice {
            Choice::Off => return Mode::Off { why: "source.audit.socket is \"off\"".to_owned() },
            Choice::Multicast => return Mode::Multicast { why: "source.audit.socket is \"multicast\"".to_owned() },
            Choice::Auto | Choice::Unicast => {}
        }
        match self.kernel.status() {
            Ok(status) => {
                self.last = Some((status, now));
                self.own_or_read(&status)
            }
            Err(error) if error.denied() => {
                let why = rights::for_control(&self.proc).unwrap_or_else(|| chain(&error));
                self.read_only(&why)
            }
            Err(error) => Mode::Off { why: chain(&error) },
        }
    }

    fn own_or_read(&mut self, status: &Status) -> Mode {
        if self.owned_by_other(status) {
            return self.read_only(&format!("{} owns the audit socket", self.proc.describe(status.pid)));
        }
        if let Err(error) = self.own(status) {
            return self.read_only(&chain(&error));
        }
        match self.kernel.status() {
            Ok(after) if after.pid == self.pid => Mode::Unicast,
            Ok(after) if after.pid == 0 => {
                self.read_only("the kernel refused to register us; in a container this needs the host's pid namespace")
            }
            Ok(after) => self.read_only(&format!("{} took the audit socket first", self.proc.describe(after.pid))),
            Err(error) => self.read_only(&chain(&error)),
        }
    }

    /// Somebody else owns the socket and lives. The kernel notices a dead owner only when it has a record to deliver, and
    /// names its pid until then; by then another process may have that pid, one without an audit socket.
    fn owned_by_other(&self, status: &Status) -> bool {
        let other = status.pid != 0 && status.pid != self.pid;
        other && self.proc.lives(status.pid) && self.proc.holds_audit_socket(status.pid) != Some(false)
    }

    /// A copy if that is allowed, else nothing.
    fn read_only(&self, why: &str) -> Mode {
        let why = why.to_owned();
        if self.plan.choice == Choice::Unicast { Mode::Off { why } } else { Mode::Multicast { why } }
    }

    /// Values, registration, rules, switch on; in this order, so that nothing is audited that nobody could read.
    fn own(&mut self, status: &Status) -> Result<(), KernelError> {
        self.notes.clear();
        self.remarks.clear();
        let there = Values::of(status);
        let switch = |values: Values| Values { enabled: values.enabled, ..Values::default() };
        let changes = if status.locked() { Values::default() } else { self.plan.values.unlike(there) };
        self.state.found = self.state.found.or(there.within(changes));
        self.state.set = changes.or(self.state.set);
        self.save();
        self.set_values(Values { enabled: None, ..changes });
        if !(self.plan.inherited && status.pid == self.pid) {
            self.kernel.register()?;
        }
        if self.kernel.status()?.pid != self.pid {
            return Ok(());
        }
        let wait = changes.or(there).backlog_wait_time;
        if self.plan.overload == Overload::Block && wait == Some(0) {
            self.note(
                "overload is \"block\", but backlog_wait_time is 0 in this kernel: programs do not wait; set \
                 source.audit.backlog_wait_time (15000 is 60 s where a second has 250 jiffies)"
                    .to_owned(),
            );
        }
        let whole = self.load_rules(status.locked());
        if !status.locked() {
            self.set_values(switch(changes));
            if self.plan.lock {
                self.lock(whole);
            }
        }
        Ok(())
    }

    /// Brings the kernel's rules to what is wanted; true: they are exactly that.
    fn load_rules(&mut self, locked: bool) -> bool {
        let Self { kernel, plan, state, file, .. } = self;
        let wanted = Wanted { first: &plan.first, rules: &plan.rules, ownership: plan.ownership };
        let owned: HashSet<Vec<u8>> = state.rules().collect();
        let mut saved = Ok(());
        if state.is_interrupted() {
            info!("a change of the audit rules was interrupted; it is finished now");
        }
        let outcome = load::bring(kernel, &wanted, &owned, locked, |there, steps| {
            state.begin_change(there, steps, plan.ownership);
            saved = file.save(state);
        });
        self.say_unsaved(saved);
        match outcome {
            Ok(outcome) => self.take_outcome(outcome, locked),
            Err(error @ LoadError::Locked { .. }) => {
                self.note(error.to_string());
                false
            }
            Err(error) => {
                self.note(chain(&error));
                false
            }
        }
    }

    fn take_outcome(&mut self, outcome: Outcome, locked: bool) -> bool {
        let whole = outcome.is_whole();
        let Outcome { changes, refused, waiting, difference, foreign, owned } = outcome;
        for (step, error) in refused {
            let what = if matches!(step, Step::Delete(_)) { "cannot be deleted" } else { "is not loaded" };
            self.note(format!("rule {:?} {what}: {}", step.rule().text(machine()), chain(&error)));
        }
        if !difference.is_none() && self.notes.is_empty() {
            let (missing, extra) = (difference.missing.len(), difference.extra.len());
            self.note(format!("the kernel shows other rules than wanted: {missing} are missing, {extra} too many"));
        }
        self.waiting = waiting;
        self.remarks.extend(load::say_foreign(&foreign, machine()));
        if locked {
            self.remarks.push("rules and settings are locked until the next boot (enabled 2)".to_owned());
        }
        if changes > 0 {
            self.state.end_change(&owned);
            self.save();
            info!(changes, "audit rules changed");
        }
        self.remarks.iter().for_each(|remark| info!(remark, "audit rules"));
        whole
    }

    /// The point of no return, only when the kernel was seen to have exactly what is wanted.
    fn lock(&mut self, whole: bool) {
        if !whole {
            return self
                .note("the rules are not locked, because the kernel does not have exactly those wanted".to_owned());
        }
        if let Err(error) = self.kernel.set(SetStatus { enabled: Some(2), ..SetStatus::default() }) {
            return self.note(chain(&error));
        }
        self.remarks.push("rules and settings are now locked until the next boot (rules.lock)".to_owned());
    }

    /// Folders that rules name may have been made since. A rule that is taken goes behind the others.
    fn try_waiting(&mut self, now: Timestamp) {
        let due = now.millis() - self.asked.millis() >= TRY_AGAIN_MS;
        if self.waiting.is_empty() || !due {
            return;
        }
        self.asked = now;
        let rules = std::mem::take(&mut self.waiting);
        let mut owned: Vec<Vec<u8>> = self.state.rules().collect();
        owned.extend(rules.iter().map(Rule::canonical_bytes));
        self.state.set_rules(owned.iter().map(Vec::as_slice));
        self.save();
        let (taken, waiting): (Vec<Rule>, Vec<Rule>) = rules.into_iter().partition(|rule| self.add(rule));
        owned.retain(|bytes| !waiting.iter().any(|waiting| waiting.canonical_bytes() == *bytes));
        self.waiting = waiting;
        self.state.set_rules(owned.iter().map(Vec::as_slice));
        self.save();
        taken.iter().for_each(|rule| info!(rule = rule.text(machine()), "audit rule loaded: its folder exists now"));
    }

    /// The kernel drops a watch with the folder that it is on. Such a rule of ours comes back at once, or waits for its folder.
    pub fn put_back(&mut self) {
        if self.mode != Mode::Unicast {
            return;
        }
        let Ok(there) = self.kernel.rules() else { return };
        let there: HashSet<Vec<u8>> = there.into_iter().collect();
        let gone = |rule: &&Rule| !there.contains(&rule.canonical_bytes()) && !self.waiting.contains(rule);
        let missing: Vec<Rule> = self.plan.rules.iter().filter(gone).cloned().collect();
        for rule in missing {
            if self.add(&rule) {
                info!(rule = rule.text(machine()), "audit rule loaded again: the kernel had dropped it");
            } else {
                self.waiting.push(rule);
            }
        }
    }

    /// False: it still waits. A rule that the kernel refuses for another reason is noted and tried no more.
    fn add(&mut self, rule: &Rule) -> bool {
        match self.kernel.add_rule(&rule::encode(rule)) {
            Ok(()) => true,
            Err(error) if error.errno() == Some(libc::ENOENT) => false,
            Err(error) => {
                self.note(format!("rule {:?} is not loaded: {}", rule.text(machine()), chain(&error)));
                true
            }
        }
    }

    fn delete_all(&mut self, rules: &[Vec<u8>]) {
        for rule in rules {
            match self.kernel.delete_rule(rule) {
                Err(error) if error.errno() != Some(libc::ENOENT) => {
                    self.note(format!("a rule of ours could not be deleted: {}", chain(&error)));
                }
                Ok(()) | Err(_) => {}
            }
        }
    }

    fn set_values(&mut self, values: Values) {
        let Some(change) = values.request() else { return };
        if let Err(error) = self.kernel.set(change) {
            self.note(chain(&error));
        }
    }

    /// A predecessor of this boot was killed: what it changed is ours to put back. If it (or another agent with the same
    /// folder) still owns the socket, hands off.
    fn repair(&mut self, left: &State) {
        let Ok(status) = self.kernel.status() else { return };
        if self.owned_by_other(&status) {
            return;
        }
        self.state.adopt(left, Values::of(&status));
        if left.pid != self.pid && self.state.rules().next().is_some() || self.state.found != Values::default() {
            info!(predecessor = left.pid, "found what a killed predecessor left in the kernel; it will be put back");
        }
    }

    /// The kernel no longer delivers to us. Nobody else: register again. Somebody else: read the copy.
    fn forgotten(&mut self, status: &Status, now: Timestamp) -> Mode {
        let since = self.last.map_or(now, |(_, at)| at);
        self.counters.lost_between("forgotten", Unit::Reports, 1, (since, now));
        warn!("the kernel no longer delivers audit records to us; registering again");
        self.asked = now;
        self.own_or_read(status)
    }

    fn ask_again(&mut self, now: Timestamp) {
        let due = now.millis() - self.asked.millis() >= i64::try_from(ASK_AGAIN.as_millis()).unwrap_or(i64::MAX);
        if due && matches!(self.plan.choice, Choice::Auto | Choice::Unicast) {
            self.mode = self.decide(now);
        }
    }

    /// Records that the kernel could not keep since the last look. `lost` wraps, so it is read by difference.
    fn account(&mut self, status: &Status, now: Timestamp) {
        let Some((before, since)) = &mut self.last else { return };
        let (lost, since) = (status.lost.wrapping_sub(before.lost), *since);
        before.lost = status.lost;
        // A smaller counter is somebody's reset (auditctl --reset-lost), not a wrap: four billion losses take hours.
        if lost > 0 && lost < u32::MAX / 2 {
            self.counters.lost_between("kernel-lost", Unit::Records, u64::from(lost), (since, now));
        }
    }

    fn announce(&self) {
        match &self.mode {
            Mode::Unicast => info!(overload = ?self.plan.overload, "own the audit socket"),
            Mode::Multicast { why } => warn!(
                why,
                "read the multicast copy of audit records: rules are not ours, and the copy's losses are counted by gaps only"
            ),
            Mode::Off { why } => warn!(why, "no audit records"),
        }
    }

    fn note(&mut self, note: String) {
        warn!(note, "audit configuration");
        self.notes.push(note);
    }

    fn save(&mut self) {
        let saved = self.file.save(&self.state);
        self.say_unsaved(saved);
    }

    fn say_unsaved(&mut self, saved: Result<(), WriteError>) {
        let Err(error) = saved else { return };
        let note = format!("{}: after a crash the kernel's audit settings would stay as they are", chain(&error));
        if !self.notes.contains(&note) {
            self.note(note);
        }
    }
}

/// The form in which rules are compared: what the kernel gives back, without padding. It forgets the prepend flag and the
/// bits of syscall classes, which it has expanded. A rule that this version cannot read is compared as it is.
#[must_use]
pub fn canonical(rule: &[u8]) -> Vec<u8> {
    rule::canonical(rule).unwrap_or_else(|_| rule.to_vec())
}

/// An error with its causes on one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests;
