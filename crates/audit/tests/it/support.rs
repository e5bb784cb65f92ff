//! What the tests share: lines in, JSON documents out.

use audit::pipeline::Counters;
use audit::replay::{Decoder, Options};
use schema::Event;
use serde_json::Value;

/// Replays bytes, handing each event to `each`.
pub(crate) fn replay_each(input: &[u8], mut each: impl FnMut(&mut Event)) -> Counters {
    let mut decoder = Decoder::new(Options::default());
    decoder.feed(input, &mut each);
    decoder.finish(&mut each);
    decoder.counters()
}

/// Replays bytes into documents.
pub(crate) fn replay(input: impl AsRef<[u8]>) -> (Vec<Value>, Counters) {
    let mut documents = Vec::new();
    let counters = replay_each(input.as_ref(), |event| documents.push(document(event)));
    (documents, counters)
}

/// The one event of some lines.
pub(crate) fn one(lines: impl AsRef<[u8]>) -> Value {
    let (mut events, _) = replay(lines);
    assert_eq!(events.len(), 1, "{events:#?}");
    events.remove(0)
}

pub(crate) fn document(event: &Event) -> Value {
    serde_json::from_str(&event.to_json()).expect("to_json writes JSON")
}

/// A value by its dotted name; `null` if it is not there.
pub(crate) fn at<'a>(event: &'a Value, name: &str) -> &'a Value {
    static NULL: Value = Value::Null;
    name.split('.').try_fold(event, |value, step| value.get(step)).unwrap_or(&NULL)
}

/// A value as text, however it is written.
pub(crate) fn text(event: &Value, name: &str) -> String {
    match at(event, name) {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Values of one event that a test speaks of, each by its dotted name.
pub(crate) fn check(event: &Value, expected: &[(&str, Value)]) {
    for (name, value) in expected {
        assert_eq!(at(event, name), value, "{name} in {event:#}");
    }
}

/// A SYSCALL line; `rest` is appended.
pub(crate) fn syscall(stamp: &str, number: u32, rest: &str) -> String {
    format!(
        "type=SYSCALL msg=audit({stamp}): arch=c000003e syscall={number} success=yes exit=3 a0=ffffff9c a1=7ff0 a2=80000 \
         a3=0 items=1 ppid=10 pid=11 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=2 \
         comm=\"cat\" exe=\"/usr/bin/cat\" {rest}\n"
    )
}
