//! The embedded engine finds what the reference finds: random documents, random queries.

use proptest::prelude::*;
use proptest::sample::select;
use schema::field::Kind;
use schema::search::{Bool, Bound, FieldRef, Query, Range, Scalar};
use serde_json::{Value as Json, json};

use super::*;

/// Few values, so that searches meet them.
const WORDS: [&str; 10] =
    ["curl", "Curl", "cur", "curl -o /etc/passwd", "/usr/bin/curl", "22", "22.0", "", "äß curl-7", "10.0.0.1"];

const FIELDS: [&str; 14] = [
    "process.name",
    "process.executable",
    "process.args",
    "process.pid",
    "message",
    "source.ip",
    "labels.team",
    "labels.n",
    "my.own",
    "my",
    "auditng.audit.late",
    "@timestamp",
    "event.id",
    "event.created",
];

fn any_value() -> impl Strategy<Value = Json> {
    let long = "lorem ".repeat(1400);
    let token = "x".repeat(300);
    prop_oneof![
        8 => select(WORDS.to_vec()).prop_map(Json::from),
        3 => select(vec![json!(22), json!(22.0), json!(-1), json!(1.5), json!(i64::MAX), json!(u64::MAX)]),
        1 => select(vec![json!(true), json!(false), json!(null), json!([]), json!({}), json!("true")]),
        2 => select(vec!["10.0.0.1", "::ffff:10.0.0.1", "fe80::1", "10.9.9.9", "10.0.0"]).prop_map(Json::from),
        1 => select(vec![format!("{long}curl"), format!("{token} curl"), token.clone(), "a\u{0}b".to_owned()]).prop_map(Json::from),
        1 => (0_i64..100_000).prop_map(|ms| Timestamp::from_millis(NOW + ms).to_string().into()),
        1 => Just(json!("2026-11-24T08:00:01Z")),
    ]
}

fn any_values() -> impl Strategy<Value = Json> {
    prop_oneof![4 => any_value(), 1 => prop::collection::vec(any_value(), 0..4).prop_map(Json::from)]
}

fn any_event() -> impl Strategy<Value = Event> {
    let leaf = |name: &'static str| prop::option::weighted(0.6, any_values()).prop_map(move |value| (name, value));
    let leaves: Vec<_> = [
        "process.name",
        "process.executable",
        "process.args",
        "process.pid",
        "message",
        "source.ip",
        "labels.team",
        "labels.n",
        "my.own",
        "my.other",
        "auditng.audit.late",
        "event.created",
    ]
    .into_iter()
    .map(leaf)
    .collect();
    let time = prop_oneof![8 => (0_i64..60_000).prop_map(|ms| Some(json!(Timestamp::from_millis(NOW + ms).to_string()))),
        1 => Just(Some(json!("1999-01-01T00:00:00Z"))), 1 => Just(None), 1 => Just(Some(json!("nonsense")))];
    let id = prop_oneof![4 => (0_u64..30).prop_map(|n| format!("0000000000aa-00000001-{n:012x}")), 1 => Just("foreign".to_owned())];
    (leaves, time, id).prop_map(|(leaves, time, id)| {
        let mut document = json!({"event": {"id": id}});
        for (name, value) in leaves.into_iter().chain([("@timestamp", time)]) {
            let Some(value) = value else { continue };
            let mut at = &mut document;
            for part in name.split('.') {
                at = &mut at[part];
            }
            *at = value;
        }
        Event::from_json(&document.to_string()).unwrap()
    })
}

fn scalar_of(kind: Kind, text: &str, number: i64) -> Scalar {
    match kind {
        Kind::Long => Scalar::Long(number),
        Kind::Double => Scalar::Double(number as f64),
        Kind::Bool => Scalar::Bool(number % 2 == 0),
        Kind::Date => Scalar::Date(Timestamp::from_millis(NOW + number * 1000)),
        Kind::Ip => Scalar::Ip(text.parse().unwrap_or_else(|_| "10.0.0.1".parse().unwrap())),
        _ => Scalar::Text(text.to_owned()),
    }
}

fn any_leaf() -> impl Strategy<Value = Query> {
    let parts =
        (select(FIELDS.to_vec()), select(WORDS.to_vec()), select(WORDS.to_vec()), select(vec![22_i64, -1, 1, 0, 30]));
    (parts, 0..11_u8, any::<bool>()).prop_filter_map(
        "what no engine answers",
        |((name, text, other, number), which, flag)| {
            let field = FieldRef::resolve(name);
            let kind = field.kind();
            let value = scalar_of(kind, text, number);
            let query = match which {
                0 => Query::Term { field, value, case_insensitive: flag },
                1 => Query::Terms { field, values: vec![value, scalar_of(kind, other, number + 1)] },
                2 => Query::Range(Range {
                    field,
                    lower: if flag { Bound::Included(value) } else { Bound::Excluded(value) },
                    upper: if other.len() > 3 {
                        Bound::Open
                    } else {
                        Bound::Included(scalar_of(kind, other, number + 20))
                    },
                }),
                3 => Query::Prefix { field, value: text.to_owned(), case_insensitive: flag },
                4 => Query::Wildcard { field, pattern: format!("*{text}?{other}*"), case_insensitive: flag },
                5 => Query::Wildcard { field, pattern: format!("{text}*"), case_insensitive: flag },
                6 => Query::Fuzzy { field, value: text.to_owned(), edits: u8::from(flag) + 1 },
                7 => Query::Exists { name: name.to_owned() },
                8 => Query::Phrase { field: if flag { None } else { Some(field) }, text: text.to_owned() },
                9 => Query::AnyWildcard { pattern: format!("{}*", text.chars().take(2).collect::<String>()) },
                _ => Query::Cidr { field, network: "10.0.0.0".parse().unwrap(), prefix: if flag { 8 } else { 24 } },
            };
            Matcher::new(&query).ok().map(|_| query)
        },
    )
}

fn any_query() -> impl Strategy<Value = Query> {
    let leaf = prop_oneof![
        20 => any_leaf(),
        1 => Just(Query::MatchAll), 1 => Just(Query::MatchNone),
        1 => Just(Query::Ids(vec!["foreign".to_owned(), "0000000000aa-00000001-000000000001".to_owned()])),
        1 => Just(Query::Exists { name: "process".to_owned() }), 1 => Just(Query::Exists { name: "labels".to_owned() }),
        1 => Just(Query::Regexp { field: FieldRef::resolve("my.own"), pattern: "[c-x]+".to_owned(), case_insensitive: false }),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let some = || prop::collection::vec(inner.clone(), 0..3);
        (some(), some(), some(), prop::option::weighted(0.3, 0..3_usize)).prop_map(
            |(must, should, must_not, minimum_should_match)| {
                Query::Bool(Box::new(Bool { must, should, must_not, minimum_should_match }))
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn finds_what_the_reference_finds(
        events in prop::collection::vec(any_event(), 1..60),
        queries in prop::collection::vec(any_query(), 40),
        commits in 1..4_usize,
        seal: bool,
    ) {
        let folder = TempDir::new().unwrap();
        let engine = open(&folder);
        let batch = accepted(1, events.clone());
        for part in batch.chunks(batch.len().div_ceil(commits)) {
            engine.append(part).unwrap();
            engine.commit().unwrap();
        }
        if seal {
            engine.seal_all().unwrap();
        }
        for query in &queries {
            prop_assert_eq!(found(&engine, query), expected(&events, query), "{:?}", query);
        }
    }
}
