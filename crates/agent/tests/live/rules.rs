//! The kernel's rules: changed without a gap, left alone where they are not ours, read back as they were sent.

use std::collections::HashSet;
use std::path::PathBuf;

use agent::source::audit::kernel::{Kernel as _, Live};
use agent::source::audit::load::{self, Loaded, Outcome, Ownership, Wanted};
use agent::source::audit::rules::{self, with_host};
use audit::rule::{self, Rule};
use schema::field;

use super::stand::{PATIENCE, Role, Stand, status, text};

/// Rules of a text, `{}` stands for the watched folder.
fn rules_of(stand: &Stand, lines: &[&str]) -> Vec<Rule> {
    let text = lines.join("\n").replace("{}", &stand.watched().to_string_lossy());
    let report = with_host(status().features, |host| rule::check(&text, host));
    assert_eq!(report.errors().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
    report.wanted()
}

/// The form in which rules are compared.
fn bytes(rules: &[Rule]) -> Vec<Vec<u8>> {
    rules.iter().map(Rule::canonical_bytes).collect()
}

/// Loads as `audit-rules load` does, knowing what it loaded before.
struct Loader {
    kernel: Live,
    owned: HashSet<Vec<u8>>,
}

impl Loader {
    fn new() -> Self {
        Self { kernel: Live::open(None).unwrap(), owned: HashSet::new() }
    }

    fn load(&mut self, rules: &[Rule], ownership: Ownership) -> Outcome {
        let wanted = Wanted { first: &[], rules, ownership };
        let outcome = load::bring(&mut self.kernel, &wanted, &self.owned, false, |_, _| ()).unwrap();
        self.owned = outcome.owned.iter().cloned().collect();
        outcome
    }

    /// Those of ours in the kernel, in its order.
    fn there(&mut self) -> Vec<Rule> {
        let all = Loaded::read(&mut self.kernel).unwrap().rules;
        all.into_iter().filter(|rule| self.owned.contains(&rule.canonical_bytes())).collect()
    }
}

const CALLS: &str = "-a always,exit -F arch=b64 -S getppid -k auditng-test-calls";
const OPENS: &str = "-a always,exit -F arch=b64 -S openat -F dir={} -k auditng-test-opens";
const OTHER: &str = "-a always,exit -F arch=b64 -S setxattr -k auditng-test-other";

pub(crate) fn a76_no_gap() {
    let stand = Stand::new();
    let mut loader = Loader::new();
    let first = rules_of(&stand, &[CALLS, OPENS, OTHER]);
    let one_changed = rules_of(&stand, &[CALLS, OPENS, &OTHER.replace("setxattr", "getxattr")]);
    let keys_changed = rules_of(&stand, &[&CALLS.replace("-calls", "-kept"), &OPENS.replace("-opens", "-seen"), OTHER]);
    let reordered = rules_of(&stand, &[OTHER, OPENS, CALLS]);
    loader.load(&first, Ownership::Own);
    let mut started = stand.source(&[]);
    let mut probe = Role::start("probe", &[&text(&stand.watched())]);
    assert_eq!(probe.line(), "begun\n");
    let (mut changes, mut rounds) = (0, 0);
    while rounds < 12 {
        for rules in [&one_changed, &reordered, &keys_changed, &first] {
            let outcome = loader.load(rules, Ownership::Own);
            assert!(outcome.is_whole(), "{:?} {:?}", outcome.refused, outcome.difference);
            assert_eq!(bytes(&loader.there()), bytes(rules), "the order is the wanted one");
            changes += outcome.changes;
            rounds += 1;
        }
    }
    let pid = i64::from(probe.pid());
    let said = probe.finish();
    let made: Vec<usize> = said.split_whitespace().map(|word| word.parse().unwrap()).collect();
    // All records are there once the last one is: the kernel keeps their order.
    testkit::eventually("an empty backlog", PATIENCE, || (status().backlog == 0).then_some(()));
    started.stop();
    let events = started.sink.all();
    let of_probe = |call: &str| {
        let fits = |event: &&schema::Event| {
            event.long(field::PROCESS_PID) == Some(pid)
                && event.keyed(field::AUDITD_DATA, "syscall").any(|name| name == schema::Value::Text(call))
        };
        events.iter().filter(fits).count()
    };
    let watched = text(&stand.watched());
    let opens = events.iter().filter(|event| {
        event.long(field::PROCESS_PID) == Some(pid)
            && event.str(field::FILE_PATH).is_some_and(|path| path.starts_with(&watched))
    });
    assert!(made[0] > 1000, "the probe made only {} calls: the test proves little", made[0]);
    assert!(changes > 40, "{changes}");
    assert_eq!((of_probe("getppid"), opens.count()), (made[0], made[1]), "recorded and made");
    assert_eq!(started.lost("kernel", "serial-gap"), 0);
    loader.load(&[], Ownership::Own);
    assert_eq!(Live::open(None).unwrap().rules().unwrap(), stand.found.rules);
}

pub(crate) fn a77_second_load() {
    let stand = Stand::new();
    let mut loader = Loader::new();
    let wanted = rules::load(&[], status().features).rules;
    let begin = std::time::Instant::now();
    let first = loader.load(&wanted, Ownership::Own);
    let took = begin.elapsed();
    assert!(first.changes > 50 && first.refused.is_empty(), "{} {:?}", first.changes, first.refused);
    let second = loader.load(&wanted, Ownership::Own);
    assert_eq!((second.changes, second.refused.len()), (0, 0));
    // A successor that has forgotten what is its own changes nothing either.
    assert_eq!(Loader::new().load(&wanted, Ownership::Own).changes, 0);
    assert!(took.as_millis() < 2000, "{} rules took {took:?}", first.changes);
    drop(stand);
}

pub(crate) fn a78_rules_of_others() {
    let stand = Stand::new();
    let theirs = rules_of(&stand, &["-a never,exit -F arch=b64 -S getppid -F pid=1 -k auditng-test-theirs", OPENS]);
    let late = rules_of(&stand, &[&OTHER.replace("-other", "-late")]);
    let mut kernel = Live::open(None).unwrap();
    let mut add = |rules: &[Rule]| rules.iter().for_each(|rule| kernel.add_rule(&rule::encode(rule)).unwrap());
    add(&theirs);
    let mut loader = Loader::new();
    loader.load(&rules_of(&stand, &[CALLS]), Ownership::Own);
    add(&late);
    let outcome = loader.load(&rules_of(&stand, &[OTHER, CALLS]), Ownership::Own);
    assert!(outcome.is_whole(), "{:?} {:?}", outcome.refused, outcome.difference);
    let places: Vec<_> = outcome.foreign.iter().map(|one| (one.rule.canonical_bytes(), one.before)).collect();
    let place = |rule: &Rule, before| (rule.canonical_bytes(), before);
    assert_eq!(places, [place(&theirs[0], 2), place(&theirs[1], 2), place(&late[0], 2)]);
    loader.load(&[], Ownership::Own);
    let left = Loaded::read(&mut Live::open(None).unwrap()).unwrap().rules;
    let found: Vec<Rule> = stand.found.rules.iter().map(|bytes| rule::decode(bytes).unwrap()).collect();
    assert_eq!(bytes(&left), bytes(&[found, theirs, late].concat()));
}

/// A source whose files are the whole truth takes the rules of others away, and brings them back.
pub(crate) fn a78_the_whole_truth_and_back() {
    let stand = Stand::new();
    let theirs = rules_of(&stand, &[OTHER, CALLS]);
    let mut kernel = Live::open(None).unwrap();
    theirs.iter().for_each(|rule| kernel.add_rule(&rule::encode(rule)).unwrap());
    let found = kernel.rules().unwrap();
    let ours = agent::source::audit::Rules {
        files: vec![stand.rules(&[CALLS, OPENS])],
        ownership: Ownership::All,
        ..Default::default()
    };
    let mut started = stand.source_of(ours).on();
    let there = Loaded::read(&mut kernel).unwrap().rules;
    assert_eq!(bytes(&there[1..]), bytes(&rules_of(&stand, &[CALLS, OPENS])), "behind the exception for our own calls");
    started.stop();
    assert_eq!(kernel.rules().unwrap(), found);
}

/// Rules that no kernel takes, or not on this machine, by the error number.
const REFUSED: [(&str, i32); 0] = [];

pub(crate) fn goldens_read_back_equal() {
    let Some(folder) = testkit::recording("audit/go-libaudit/rule") else { return };
    let stand = Stand::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "rules"));
    files.sort();
    // Rules on folders that do not exist on this machine are not asked of the kernel.
    let (mut loaded, mut left_out) = (0, Vec::new());
    for file in files {
        let lines = std::fs::read_to_string(&file).unwrap();
        let user = |name: &str| Some(u32::try_from(name.len()).unwrap());
        let report = with_host(status().features, |host| {
            rule::check(&lines, &rule::Host { user: &user, group: &user, ..*host })
        });
        assert_eq!(report.errors().count(), 0, "{}: {:?}", file.display(), report.problems);
        let mut loader = Loader::new();
        let wanted = report.wanted();
        let outcome = loader.load(&wanted, Ownership::Own);
        let waits = |rule: &Rule| outcome.waiting.iter().any(|waiting| waiting.is_same(rule));
        for (step, error) in &outcome.refused {
            left_out.push((step.rule().text(rules::machine()), error.errno().unwrap_or(0)));
        }
        let refused = |rule: &Rule| outcome.refused.iter().any(|(step, _)| step.rule().is_same(rule));
        let expect: Vec<Rule> = wanted.iter().filter(|rule| !waits(rule) && !refused(rule)).cloned().collect();
        let there = loader.there();
        assert_eq!(bytes(&there), bytes(&expect), "{}", file.display());
        loaded += there.len();
        loader.load(&[], Ownership::Own);
    }
    assert_eq!(left_out, REFUSED.map(|(text, errno)| (text.to_owned(), errno)));
    assert!(loaded > 60, "{loaded}");
    assert_eq!(Live::open(None).unwrap().rules().unwrap(), stand.found.rules);
}
