//! What no filter may hide: changes of audit's own configuration, what is done to this agent, and what the agent says of
//! itself. A filter that would hide one of them is refused when it is read; and as a query may be narrower than the examples
//! here, such events are also let through whatever a filter says.

use audit::normalize::NoNames;
use audit::pipeline::{Options, Pipeline};
use audit::record;
use schema::loss::Unit;
use schema::matcher::Matcher;
use schema::{Event, Loss, Stream, Timestamp, Value, field};

/// Record types that tell of audit itself.
const TYPES: [&str; 8] = [
    "CONFIG_CHANGE",
    "FEATURE_CHANGE",
    "DAEMON_START",
    "DAEMON_END",
    "DAEMON_ABORT",
    "DAEMON_CONFIG",
    "DAEMON_RECONFIG",
    "EVENT_LISTENER",
];

/// Whether an event must pass. `pid` is our own.
pub(super) fn is_protected(event: &Event, pid: u32) -> bool {
    let of_audit = |value: Value<'_>| matches!(value, Value::Text(name) if TYPES.contains(&name));
    let is_us = |value: Value<'_>| match value {
        Value::Text(text) => text.parse() == Ok(pid),
        Value::Long(number) => number == i64::from(pid),
        _ => false,
    };
    event.stream() == Stream::Health
        || event.all(field::AUDITNG_AUDIT_TYPES).any(of_audit)
        || event.keyed(field::AUDITD_DATA, "opid").any(is_us)
}

/// What a filter with this query would hide, for people.
pub(super) fn hides(matcher: &Matcher) -> Option<&'static str> {
    let examples = [
        ("changes of the audit rules", rule_change()),
        ("audit being switched off", switched_off()),
        ("the end of this agent", stopped()),
        ("losses", lost()),
    ];
    examples.into_iter().find(|(_, events)| events.iter().any(|event| matcher.matches(event))).map(|(what, _)| what)
}

const RULE_CHANGE: [&str; 3] = [
    r#"type=CONFIG_CHANGE msg=audit(1.000:1): auid=0 ses=1 op=remove_rule key="exec" list=4 res=1"#,
    r#"type=SYSCALL msg=audit(1.000:1): arch=c000003e syscall=44 success=yes exit=1086 a0=4 a1=7ffd a2=43e a3=0 items=0 ppid=1 pid=900 auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=1 comm="auditctl" exe="/usr/sbin/auditctl" key=(null)"#,
    "type=PROCTITLE msg=audit(1.000:1): proctitle=617564697463746C002D44",
];

fn rule_change() -> Vec<Event> {
    let alone = RULE_CHANGE[0].replace("remove_rule", "add_rule");
    [events(&RULE_CHANGE), events(&[&alone])].concat()
}

fn switched_off() -> Vec<Event> {
    events(&["type=CONFIG_CHANGE msg=audit(1.000:2): op=set audit_enabled=0 old=1 auid=0 ses=1 res=1"])
}

fn events(lines: &[&str]) -> Vec<Event> {
    let mut pipeline = Pipeline::new(&Options::default());
    let mut events = Vec::new();
    for line in lines {
        let each = &mut |event: &mut Event| events.push(std::mem::take(event));
        if let Ok(record) = record::parse_line(line.as_bytes()) {
            pipeline.push(&record, Timestamp::default(), &NoNames, each);
        }
    }
    pipeline.finish(&NoNames, &mut |event| events.push(std::mem::take(event)));
    events
}

fn stopped() -> Vec<Event> {
    let mut event = Event::new(Timestamp::default());
    event.push_str(field::EVENT_ACTION, "agent-stopped");
    event.push_str(field::EVENT_DATASET, Stream::Health.dataset());
    event.push_str(field::EVENT_KIND, "event");
    vec![event]
}

fn lost() -> Vec<Event> {
    let at = Timestamp::default();
    let loss = Loss {
        stage: "kernel",
        reason: "kernel-lost",
        count: Some(1),
        unit: Unit::Records,
        window_start: at,
        window_end: at,
        range: None,
    };
    vec![loss.to_event(at)]
}
