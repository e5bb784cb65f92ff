//! Documents come back, are found, counted, kept over a restart, and deleted.

use proptest::prelude::*;
use schema::field;
use schema::search::{FieldRef, Query, Scalar};

use super::*;

fn event(ms: i64, name: &str) -> Event {
    let mut event = Event::new(Timestamp::from_millis(NOW + ms));
    event.push_str(field::EVENT_DATASET, "auditng.audit");
    event.push_str(field::EVENT_ID, &format!("0000000000aa-00000001-{:012x}", ms + 1000));
    event.push_str(field::PROCESS_NAME, name);
    event
}

fn term(field: &str, value: &str) -> Query {
    let value = Scalar::Text(value.to_owned());
    Query::Term { field: FieldRef::resolve(field), value, case_insensitive: false }
}

#[test]
fn an_event_is_found_and_whole() {
    let mut event = event(0, "curl");
    event.push_str(field::MESSAGE, "Failed password for root");
    event.push_json(field::AUDITD_PATHS, r#"[{"name":"/bin/true"}]"#);
    event.push_keyed(field::LABELS, "team", schema::Value::Text("web"));
    event.push_keyed(field::OTHER, "my.own", schema::Value::Long(5));
    let (_folder, engine) = store(vec![event.clone()]);
    for query in [
        term("process.name", "curl"),
        term("labels.team", "web"),
        term("my.own", "5"),
        term("message", "password"),
        Query::Phrase { field: None, text: "password for".to_owned() },
        Query::Phrase { field: Some(FieldRef::Known(field::MESSAGE)), text: "failed password".to_owned() },
        Query::Exists { name: "auditd.paths".to_owned() },
        Query::Exists { name: "my".to_owned() },
        term("event.id", "0000000000aa-00000001-0000000003e8"),
        Query::Ids(vec!["0000000000aa-00000001-0000000003e8".to_owned()]),
    ] {
        assert_eq!(found(&engine, &query), [event.to_json()], "{query:?}");
    }
    assert!(found(&engine, &term("process.name", "cur")).is_empty());
    let got = engine.get(&["0000000000aa-00000001-0000000003e8".parse().unwrap()], &context()).unwrap();
    assert_eq!(got, [event]);
    for name in ["process.name", "labels.team", "my.own", "message", "auditd.paths", "event.id", "@timestamp"] {
        assert!(engine.fields(&[]).contains(&name.to_owned()), "{name}");
    }
}

#[test]
fn the_newest_come_first_and_pages_do_not_repeat() {
    let ties = (0..100).map(|n| {
        let mut event = event(n, "x");
        event.remove(field::TIMESTAMP);
        event.push_date(field::TIMESTAMP, Timestamp::from_millis(NOW + n / 10));
        event
    });
    let (_folder, engine) = store(ties.collect());
    let mut search = Search { size: 7, ..Search::default() };
    let mut ids = Vec::new();
    loop {
        let answer = engine.search(&search, &context()).unwrap();
        assert_eq!(answer.total.value, 100);
        let Some(last) = answer.hits.last() else { break };
        ids.extend(answer.hits.iter().map(|hit| (hit.event.time(), hit.id.clone())));
        search.search_after = Some(last.sort.clone());
    }
    let mut sorted = ids.clone();
    sorted.sort_by(|a, b| b.cmp(a));
    sorted.dedup();
    assert_eq!(ids, sorted);
    assert_eq!(ids.len(), 100);
}

#[test]
fn pages_over_many_segments_lose_nothing() {
    // Ten events a millisecond in three segments, one after the other in time, more in each than is compared at once.
    let all: Vec<Event> = (0..30_000)
        .map(|n| {
            let mut event = event(n, "x");
            event.remove(field::TIMESTAMP);
            event.push_date(field::TIMESTAMP, Timestamp::from_millis(NOW + n / 10));
            event
        })
        .collect();
    let folder = TempDir::new().unwrap();
    let engine = open(&folder);
    for part in 0..3 {
        let dealt = all.iter().skip(part * 10_000).take(10_000).cloned();
        engine.append(&accepted(u64::try_from(part).unwrap() * 10_000 + 1, dealt)).unwrap();
        engine.commit().unwrap();
    }
    let mut search = Search { size: 499, ..Search::default() };
    let mut count = 0;
    loop {
        let answer = engine.search(&search, &context()).unwrap();
        count += answer.hits.len();
        assert!(answer.hits.len() == 499 || count == 30_000, "a short page after {count} events");
        let Some(last) = answer.hits.last() else { break };
        search.search_after = Some(last.sort.clone());
    }
    assert_eq!(count, 30_000);
}

#[test]
fn what_was_committed_survives_and_is_not_taken_twice() {
    let folder = TempDir::new().unwrap();
    let events = accepted(1, (0..50).map(|n| event(n, "x")));
    {
        let engine = open(&folder);
        engine.append(&events[..30]).unwrap();
        engine.commit().unwrap();
        engine.append(&events[20..40]).unwrap();
        assert_eq!(engine.committed_through(), IngestSeq(30));
    }
    let engine = open(&folder);
    assert_eq!(engine.committed_through(), IngestSeq(40));
    engine.append(&events).unwrap();
    engine.commit().unwrap();
    assert_eq!(found(&engine, &Query::MatchAll).len(), 50);
    engine.seal_all().unwrap();
    assert_eq!(found(&engine, &Query::MatchAll).len(), 50);
    assert!(engine.windows().iter().all(|window| window.sealed));
    engine.append(&accepted(51, [event(5, "late")])).unwrap();
    engine.commit().unwrap();
    assert_eq!(found(&engine, &Query::MatchAll).len(), 51);
    assert_eq!(engine.windows().len(), 2);
}

fn any_document() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("process".to_owned()),
        Just("pid".to_owned()),
        Just("name".to_owned()),
        Just("event".to_owned()),
        Just("action".to_owned()),
        Just("labels".to_owned()),
        Just("auditd".to_owned()),
        Just("data".to_owned()),
        Just("paths".to_owned()),
        Just("@timestamp".to_owned()),
        Just("message".to_owned()),
        Just("id".to_owned()),
        Just("source".to_owned()),
        Just("ip".to_owned()),
        "[a-c.]{0,3}",
        ".{0,4}",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<u64>().prop_map(serde_json::Value::from),
        (-1e15..1e15_f64).prop_map(serde_json::Value::from),
        (-5.0..5.0_f64).prop_map(|x| x.round().into()),
        ".{0,12}".prop_map(serde_json::Value::from),
        Just("::ffff:1.2.3.4".into()),
        Just("10.0.0.1".into()),
        Just("2026-11-24T09:00:00+01:00".into()),
        Just("a\u{0}b".into()),
        Just("0000000000aa-00000001-0000000003e8".into()),
        (8185_usize..8200).prop_map(|n| "x y".repeat(n / 3).into()),
    ];
    let value = leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    });
    value.prop_filter_map("objects only", |value| value.is_object().then(|| value.to_string()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_document_comes_back(documents in prop::collection::vec(any_document(), 1..40)) {
        let events: Vec<Event> = documents.iter().map(|document| Event::from_json(document).unwrap()).collect();
        let folder = TempDir::new().unwrap();
        let engine = open(&folder);
        // Every order is looked at by the self-check.
        let batch = events.iter().zip(1_u64..).map(|(event, n)| {
            Accepted { seq: IngestSeq(n * 256), received: now(), event: event.clone() }
        }).collect::<Vec<_>>();
        engine.append(&batch).unwrap();
        engine.commit().unwrap();
        prop_assert_eq!(engine.rebuild_errors(), 0);
        let mut back: Vec<(u64, Event)> = Vec::new();
        let answer = engine.search(&all(Query::MatchAll), &context()).unwrap();
        back.extend(answer.hits.into_iter().map(|hit| (hit.seq.0, hit.event)));
        back.sort_by_key(|(seq, _)| *seq);
        let back: Vec<Event> = back.into_iter().map(|(_, event)| event).collect();
        let value = |event: &Event| serde_json::from_str::<serde_json::Value>(&event.to_json()).unwrap();
        prop_assert_eq!(back.iter().map(value).collect::<Vec<_>>(), events.iter().map(value).collect::<Vec<_>>());
    }
}
