use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::field;

/// Reads the document and checks that it comes back as the same JSON value.
fn round_trip(document: &Json) -> Event {
    let event = Event::from_json(&document.to_string()).unwrap();
    let back: Json = serde_json::from_str(&event.to_json()).unwrap();
    assert_eq!(&back, document, "entries: {:?}", event.entries().collect::<Vec<_>>());
    event
}

#[test]
fn our_own_form_needs_no_copy_of_the_document() {
    let event = round_trip(&json!({
        "@timestamp": "2026-11-24T08:00:00.000Z",
        "event": {"action": ["exec", "executed"], "sequence": 4711},
        "process": {"pid": 1, "args": ["a", "b"], "parent": {"pid": 0}},
        "auditd": {"data": {"a0": "7ffe", "syscall": "execve"}, "paths": [{"name": "/bin/true"}]},
        "labels": {"team.name": "web", "many": ["a", "b"]},
        "source": {"ip": "10.0.0.1", "port": 22},
    }));
    assert!(event.exact().is_none());
    assert_eq!(event.long(field::PROCESS_PARENT_PID), Some(0));
    assert_eq!(event.all(field::EVENT_ACTION).count(), 2);
    assert_eq!(event.keyed(field::AUDITD_DATA, "syscall").next(), Some(Value::Text("execve")));
    assert_eq!(event.time().map(Timestamp::millis), Some(1_795_507_200_000));
}

#[test]
fn foreign_forms_come_back_too() {
    for document in [
        json!({}),
        json!({"a": null, "b": [], "c": {}, "d": "", "e": 1.0, "f": 9_223_372_036_854_775_808_u64}),
        json!({"a": [[1], [2, [3]]], "b": [{"c": 1}], "c": [null], "d": [[]], "e": [{}]}),
        json!({"a.b": 1, "a": {"c": 2}}),
        json!({"": 1, "a": {"": {"": 2}}}),
        json!({"event": {"action": "scalar", "kind": ["list"]}, "tags": []}),
        json!({"process": {"pid": "text", "name": {"inner": 1}}, "event": 5}),
        json!({"labels": "no object", "auditd": {"data": {}, "paths": {}}, "container": {"labels": null}}),
        json!({"labels": {"deep": {"er": 1}, "list": ["x"], "mixed": [1, {"a": 1}], "": 1}}),
        json!({"@timestamp": "2026-11-24T09:00:00+01:00"}),
        json!({"process": {"aaa": 1, "pid": 1, "zzz": 1}, "zzz": {"a": 1}, "aaa": [1, "x", true]}),
    ] {
        round_trip(&document);
    }
}

#[test]
fn a_name_that_comes_twice_has_its_last_value() {
    let event = Event::from_json(r#"{"tags":["a","b"],"process":{"pid":1},"tags":["c"],"x":1,"x":2}"#).unwrap();
    assert_eq!(event.all(field::TAGS).collect::<Vec<_>>(), [Value::Text("c")]);
    assert_eq!(event.keyed(field::OTHER, "x").collect::<Vec<_>>(), [Value::Long(2)]);
}

#[test]
fn what_is_pushed_after_reading_lies_over_the_document() {
    let mut event = Event::from_json(r#"{"event.kind":"x","event":{"action":"scalar"}}"#).unwrap();
    event.push_long(field::AUDITNG_INGEST_SEQ, 9);
    event.push_str(field::EVENT_ID, "id");
    let back: Json = serde_json::from_str(&event.to_json()).unwrap();
    assert_eq!(
        back,
        json!({"event.kind": "x", "event": {"action": "scalar", "id": "id"}, "auditng": {"ingest_seq": 9}})
    );
}

#[test]
fn not_an_object() {
    for text in ["", "[]", "1", "{", "{}x", "{\"a\":1e400}", "\u{0}", r#"{"a":"\ud800"}"#] {
        assert!(Event::from_json(text).is_err(), "{text}");
    }
    let deep = format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert!(Event::from_json(&deep).is_err());
}

#[test]
fn bytes_that_are_not_text_stay_readable_and_reversible() {
    let mut event = Event::new(Timestamp::default());
    event.push_bytes(field::FILE_PATH, b"/tmp/\\x41-\xff\xfe");
    assert_eq!(event.str(field::FILE_PATH), Some("/tmp/\\\\x41-\\xff\\xfe"));
    assert_eq!(event.str(field::AUDITNG_ESCAPED), Some("file.path"));
}

fn any_json() -> impl Strategy<Value = Json> {
    let name = prop_oneof![
        Just("process".to_owned()),
        Just("pid".to_owned()),
        Just("event".to_owned()),
        Just("action".to_owned()),
        Just("labels".to_owned()),
        Just("auditd".to_owned()),
        Just("data".to_owned()),
        Just("paths".to_owned()),
        Just("@timestamp".to_owned()),
        "[a-c.]{0,3}",
        ".{0,4}",
    ];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-1e15..1e15_f64).prop_map(Json::from),
        ".{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_document_comes_back(document in any_json().prop_filter("objects only", Json::is_object)) {
        round_trip(&document);
    }

    #[test]
    fn escaping_is_reversible(bytes: Vec<u8>) {
        prop_assert_eq!(unescape(&escape(&bytes)), bytes);
    }

    #[test]
    fn any_text_is_refused_or_read(text in ".{0,64}") {
        if let Ok(event) = Event::from_json(&text) {
            prop_assert!(serde_json::from_str::<Json>(&event.to_json()).is_ok());
        }
    }
}
