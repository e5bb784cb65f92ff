//! Who owns the socket, and that the kernel is put back as it was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agent::health::State;
use agent::source::audit::doctor;
use agent::source::audit::{Config, Rules};
use agent::sys::proc::Proc;
use schema::field;

use super::stand::{BUILT_IN, Collect, PATIENCE, Role, Stand, found, has, play, status, tagged, text};

const STORM: &str = "-a always,exit -F arch=b64 -S openat -F dir={} -k auditng-test-storm";
const WATCH: &str = "-a always,exit -F arch=b64 -F dir={} -F perm=rwa -k auditng-test-file";

pub(crate) fn other_owner() {
    let stand = Stand::new();
    // Rules as another tool would have loaded them.
    let mut first = stand.source(&[STORM]).on();
    let rules = found().rules;
    first.stop();
    let mut kernel = agent::source::audit::kernel::Live::open(None).unwrap();
    for rule in rules.iter().filter(|rule| !rule.ends_with(b"auditng-self")) {
        agent::source::audit::kernel::Kernel::add_rule(&mut kernel, rule).unwrap();
    }
    let mut other = Role::start("owner", &[]);
    assert_eq!(other.line(), "registered\n");

    let mut started = stand.source(&[]);
    let report = started.health.source("audit").report();
    assert_eq!(report.state, State::Degraded);
    let name = Proc::default().describe(other.pid());
    assert!(report.reason.contains(&name), "{} should name {name}", report.reason);
    assert_eq!(status().pid, other.pid());
    let folder = text(&stand.watched());
    let storm = Role::start("storm", &[&folder, "9000", "1000"]);
    let copy = started.sink.wait("a copy", |event| tagged(event, "auditng-test-storm"));
    assert_eq!(copy.str(field::EVENT_PROVIDER), Some("multicast"));

    drop(other.0.stdin.take());
    testkit::eventually("the free socket is taken", PATIENCE, || (status().pid == std::process::id()).then_some(()));
    let owned =
        |event: &schema::Event| has(event, field::EVENT_PROVIDER, "unicast") && tagged(event, "auditng-test-storm");
    started.sink.wait("a record of our own socket", owned);
    storm.finish();
    started.stop();
    let mut serials: BTreeMap<i64, usize> = BTreeMap::new();
    let events = started.sink.all();
    for event in events.iter().filter(|event| tagged(event, "auditng-test-storm")) {
        *serials.entry(event.long(field::EVENT_SEQUENCE).unwrap()).or_default() += 1;
    }
    assert!(serials.values().all(|&times| times == 1), "a record that both sockets carried was doubled");
    assert_eq!(serials.len(), 9001, "an event is missing over the change of sockets");
}

pub(crate) fn asked() {
    let stand = Stand::new();
    let started = stand.source(&[STORM]).on();
    let mut other = Role::start("owner", &[]);
    assert_eq!(other.line(), "registered\n");
    assert_eq!(status().pid, std::process::id());
    play("storm", &[&text(&stand.watched()), "1", "0"]);
    started.sink.wait("a record after that", |event| tagged(event, "auditng-test-storm"));
}

pub(crate) fn restored_after_stop() {
    let stand = Stand::new();
    let mut started = stand.source(&[STORM, WATCH]).on();
    let owned = status();
    assert_eq!((owned.enabled, owned.backlog_limit, owned.backlog_wait_time), (1, 65_536, Some(0)));
    assert_eq!(owned.pid, std::process::id());
    assert!(found().rules.len() >= stand.found.rules.len() + 3, "two rules and our own exception");
    started.stop();
    assert_eq!(found(), stand.found);
}

pub(crate) fn restored_after_sigkill() {
    let stand = Stand::new();
    let rules = text(&stand.rules(&[STORM]));
    let mut killed = Role::start("source", &[&rules, &text(&stand.state()), "1048576"]);
    assert_eq!(killed.line(), "ready\n");
    drop(killed);
    assert_ne!(found(), stand.found, "the killed source left nothing: the test proves nothing");
    let mut next = stand.source(&[WATCH]).on();
    next.stop();
    assert_eq!(found(), stand.found);
}

pub(crate) fn built_in_rules() {
    let stand = Stand::new();
    let begin = std::time::Instant::now();
    let mut started = stand.source(BUILT_IN);
    let loading = begin.elapsed();
    let report = started.health.source("audit").report();
    assert_eq!(report.state, State::On, "{}", report.reason);
    let wanted = agent::source::audit::rules::load(&[], status().features).rules.len();
    let there = found().rules.len() - stand.found.rules.len();
    assert!(there > 50 && there <= wanted + 1, "{there} of {wanted}: {}", report.reason);
    let stopping = started.stop();
    // An agent that is told to stop has five seconds, of which its sources get two.
    assert!(
        loading.as_secs() < 5 && stopping.as_secs() < 5,
        "{there} rules: {loading:?} to load, {stopping:?} to stop"
    );
    assert_eq!(found(), stand.found);
}

pub(crate) fn no_loop() {
    let stand = Stand::new();
    let sink = Arc::new(Collect::logging(stand.watched().join("spool")));
    let mut started = stand.source_with(&[WATCH], Config::default(), sink).on();
    play("files", &[&text(&stand.watched())]);
    started.sink.wait("the others' deletion", |event| has(event, field::EVENT_ACTION, "deletion"));
    started.stop();
    let me = i64::from(std::process::id());
    let own = started.sink.all().into_iter().filter(|event| event.long(field::PROCESS_PID) == Some(me));
    let own: Vec<_> = own.filter(|event| tagged(event, "auditng-test-file")).collect();
    assert!(own.is_empty(), "{} events of our own files, such as {:?}", own.len(), own[0]);
}

pub(crate) fn stops_in_time() {
    let stand = Stand::new();
    let mut started = stand.source(&[STORM]).on();
    let storm = Role::start("storm", &[&text(&stand.watched()), "100000000", "0"]);
    started.sink.wait("the storm", |event| tagged(event, "auditng-test-storm"));
    let took = started.stop();
    drop(storm);
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(found(), stand.found);
}

pub(crate) fn doctor() {
    let stand = Stand::new();
    let mut other = Role::start("owner", &[]);
    assert_eq!(other.line(), "registered\n");
    let findings = doctor::doctor(&Config::default(), &Rules::default(), stand.folder.path());
    let socket = findings.iter().find(|finding| finding.name == "audit socket").unwrap();
    let name = Proc::default().describe(other.pid());
    assert!(socket.what.contains(&name), "{socket:?}");
    assert_eq!(socket.state, doctor::State::Warn);
    drop(other);
    drop(stand);
}
