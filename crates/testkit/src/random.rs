//! Random documents and random searches that meet each other: few fields, few values, all kinds, and the edges where
//! engines differ (absent, empty, many, unicode, long, of the wrong kind).
//!
//! Searches are of the forms that parsers make, so that printing and parsing give them back; every engine must answer them
//! alike.
//!
//! ```
//! use proptest::strategy::{Strategy, ValueTree};
//! use proptest::test_runner::TestRunner;
//!
//! let mut runner = TestRunner::deterministic();
//! let event = testkit::random::event().new_tree(&mut runner).unwrap().current();
//! assert!(event.to_json().starts_with('{'));
//! ```

use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::select;
use schema::field::Kind;
use schema::search::{
    Aggregation, Bool, Bound, BucketRange, CalendarUnit, DateHistogram, FieldRef, Interval, Metric, Named, Order,
    OrderBy, Query, Range, Scalar, Search, Sort, Terms,
};
use schema::{Event, Timestamp};
use serde_json::{Value as Json, json};

/// 2026-10-25T00:00:00Z: an hour before the clocks of Europe go back.
pub const START: i64 = 1_792_886_400_000;
/// Times of the documents lie within four hours from [`START`].
pub const SPAN: i64 = 4 * 3_600_000;

/// Texts that documents hold and searches look for.
const WORDS: [&str; 14] = [
    "curl",
    "Curl",
    "cur",
    "crul",
    "/usr/bin/curl",
    "/etc/passwd",
    "curl -o /etc/passwd",
    "22",
    "22.0",
    "",
    "äß curl-7",
    "10.0.0.1",
    "a*b?",
    "quote\" and \\",
];
const ADDRESSES: [&str; 5] = ["10.0.0.1", "10.9.9.9", "192.168.0.1", "fe80::1", "::ffff:10.0.0.1"];
const NUMBERS: [i64; 6] = [22, 0, -1, 1, 7, 1000];

/// Fields with one column: to sort by and to count.
const COLUMNS: [&str; 12] = [
    "process.name",
    "file.path",
    "process.args",
    "process.pid",
    "source.ip",
    "related.ip",
    "auditng.audit.late",
    "event.start",
    "labels.team",
    "my.own",
    "my.number",
    "tags",
];
const NUMERIC: [&str; 4] = ["process.pid", "event.duration", "my.number", "event.start"];
const TEXTS: [&str; 2] = ["message", "process.command_line"];

fn column() -> impl Strategy<Value = FieldRef> {
    select(COLUMNS.to_vec()).prop_map(FieldRef::resolve)
}

fn any_field() -> impl Strategy<Value = FieldRef> {
    prop_oneof![5 => column(), 1 => select(TEXTS.to_vec()).prop_map(FieldRef::resolve)]
}

fn numeric() -> impl Strategy<Value = FieldRef> {
    select(NUMERIC.to_vec()).prop_map(FieldRef::resolve)
}

fn word() -> impl Strategy<Value = String> {
    select(WORDS.to_vec()).prop_map(str::to_owned)
}

fn time() -> impl Strategy<Value = Timestamp> {
    // Whole quarters of an hour, so that they meet the edges of buckets.
    prop_oneof![(0..SPAN).prop_map(|ms| START + ms), (0_i64..16).prop_map(|quarter| START + quarter * 900_000)]
        .prop_map(Timestamp::from_millis)
}

/// A JSON value that fits the field's kind, most of the time.
fn fitting(name: &str) -> BoxedStrategy<Json> {
    let fits = match FieldRef::resolve(name).kind() {
        Kind::Long => select(NUMBERS.to_vec()).prop_map(Json::from).boxed(),
        Kind::Bool => any::<bool>().prop_map(Json::from).boxed(),
        Kind::Date => time().prop_map(|time| time.to_string().into()).boxed(),
        Kind::Ip => select(ADDRESSES.to_vec()).prop_map(Json::from).boxed(),
        _ if name == "my.number" => prop_oneof![
            select(NUMBERS.to_vec()).prop_map(Json::from),
            select(vec![1.5, 22.0, -0.25]).prop_map(Json::from)
        ]
        .boxed(),
        _ => word().prop_map(Json::from).boxed(),
    };
    prop_oneof![12 => fits, 1 => odd()].boxed()
}

/// Values that fit few kinds.
fn odd() -> impl Strategy<Value = Json> {
    let long = format!("{}curl", "lorem ".repeat(1400));
    select(vec![
        json!(null),
        json!([]),
        json!({}),
        json!(true),
        json!(""),
        json!(22),
        json!(22.5),
        json!(u64::MAX),
        json!("not a date"),
        json!("2026-10-25T00:30:00+00:00"),
        json!(long),
        json!("x".repeat(300)),
        json!("\u{1f600} curl"),
    ])
}

fn values(name: &str) -> impl Strategy<Value = Json> + use<> {
    prop_oneof![3 => fitting(name), 1 => prop::collection::vec(fitting(name), 0..4).prop_map(Json::from)]
}

/// A document as JSON text, and what it is as an event. Ids repeat now and then; some documents have none, or no time.
pub fn event() -> impl Strategy<Value = Event> {
    let names = COLUMNS.iter().chain(&TEXTS).chain(&["event.duration", "labels.n"]);
    let leaves: Vec<_> =
        names.map(|&name| prop::option::weighted(0.5, values(name)).prop_map(move |value| (name, value))).collect();
    let when = prop_oneof![12 => time().prop_map(|time| Some(json!(time.to_string()))), 1 => Just(None)];
    let id = (0_u64..1000).prop_map(|n| format!("0000000000aa-00000001-{n:012x}"));
    let dataset = select(vec!["auditng.audit", "auditng.fim", "else"]);
    (leaves, when, id, dataset).prop_map(|(leaves, when, id, dataset)| {
        let mut document = json!({"event": {"id": id, "dataset": dataset}});
        for (name, value) in leaves.into_iter().chain([("@timestamp", when)]) {
            let Some(value) = value else { continue };
            let place = name.split('.').fold(&mut document, |at, part| &mut at[part]);
            *place = value;
        }
        // The text was made by serde_json, so it is a JSON object.
        Event::from_json(&document.to_string()).unwrap_or_default()
    })
}

/// A value to look for in a field.
fn wanted(field: &FieldRef) -> BoxedStrategy<Scalar> {
    match field.kind() {
        Kind::Long => select(NUMBERS.to_vec()).prop_map(Scalar::Long).boxed(),
        Kind::Double => {
            select(NUMBERS.to_vec()).prop_map(|n| Scalar::Double(f64::from(i32::try_from(n).unwrap_or(0)))).boxed()
        }
        Kind::Bool => any::<bool>().prop_map(Scalar::Bool).boxed(),
        Kind::Date => time().prop_map(Scalar::Date).boxed(),
        Kind::Ip => select(ADDRESSES.to_vec())
            .prop_map(|text| text.parse::<IpAddr>().map_or(Scalar::Null, |address| Scalar::Ip(address.to_canonical())))
            .boxed(),
        _ => word().prop_map(Scalar::Text).boxed(),
    }
}

fn bound(field: &FieldRef) -> impl Strategy<Value = Bound> + use<> {
    (wanted(field), any::<bool>()).prop_map(
        |(value, included)| {
            if included { Bound::Included(value) } else { Bound::Excluded(value) }
        },
    )
}

/// A test on one field that its kind has.
fn on_field(field: FieldRef) -> BoxedStrategy<Query> {
    let is_text = matches!(field.kind(), Kind::Keyword | Kind::Path | Kind::Text);
    let of = |field: &FieldRef| Just(field.clone());
    let term = (of(&field), wanted(&field), any::<bool>()).prop_map(move |(field, value, any_case)| Query::Term {
        field,
        value,
        case_insensitive: any_case && is_text,
    });
    let terms = (of(&field), prop::collection::vec(wanted(&field), 1..4))
        .prop_map(|(field, values)| Query::Terms { field, values });
    let exists = Just(Query::Exists { name: field.name() });
    let mut all: Vec<BoxedStrategy<Query>> = vec![term.boxed(), terms.boxed(), exists.boxed()];
    if field.kind() != Kind::Text {
        let open = || Just(Bound::Open);
        let sides = prop_oneof![(bound(&field), open()), (open(), bound(&field)), (bound(&field), bound(&field))];
        let range = (of(&field), sides).prop_map(|(field, (lower, upper))| Query::Range(Range { field, lower, upper }));
        all.push(range.boxed());
    }
    if field.kind() == Kind::Ip {
        let network = (of(&field), select(vec![("10.0.0.0", 8), ("10.0.0.0", 24), ("fe80::", 10), ("0.0.0.0", 0)]));
        all.push(
            network
                .prop_map(|(field, (network, prefix))| {
                    let network = network.parse().unwrap_or(IpAddr::from([0; 4]));
                    Query::Cidr { field, network, prefix }
                })
                .boxed(),
        );
    }
    if is_text {
        all.push(pattern(field.clone()).boxed());
    }
    if field.kind() == Kind::Text {
        let text = select(vec!["curl", "CURL -o", "etc passwd", "/etc/passwd", "7", "äß Curl"]).prop_map(str::to_owned);
        all.push(text.prop_map(move |text| Query::Phrase { field: Some(field.clone()), text }).boxed());
    }
    prop::strategy::Union::new(all).boxed()
}

fn pattern(field: FieldRef) -> impl Strategy<Value = Query> {
    let wildcards = vec!["*", "c*", "*curl*", "?url", "*/etc/*", "C?R*", r"a\*b\?", "*ß*", "22*"];
    let expressions = vec!["[a-z]+", "(curl|crul)", ".*passwd", "2+.*", "(?i)CURL", r"\d+\.?\d*", "a.b."];
    let field = Just(field);
    prop_oneof![
        (field.clone(), word(), any::<bool>()).prop_map(|(field, value, case_insensitive)| Query::Prefix {
            field,
            value,
            case_insensitive
        }),
        (field.clone(), select(wildcards), any::<bool>()).prop_map(|(field, pattern, case_insensitive)| {
            Query::Wildcard { field, pattern: pattern.to_owned(), case_insensitive }
        }),
        (field.clone(), select(expressions), any::<bool>()).prop_map(|(field, pattern, case_insensitive)| {
            Query::Regexp { field, pattern: pattern.to_owned(), case_insensitive }
        }),
        (field, select(vec!["curl", "crl", "22"]), 0_u8..3).prop_map(|(field, value, edits)| Query::Fuzzy {
            field,
            value: value.to_owned(),
            edits
        }),
    ]
}

fn leaf() -> impl Strategy<Value = Query> {
    let words = select(vec!["curl", "10.0.0.1", "/etc/passwd", "curl-7", "Curl -O"]).prop_map(str::to_owned);
    let tokens = select(vec!["cur*", "*url", "?tc", "pass*d", "2?"]).prop_map(str::to_owned);
    let objects = select(vec!["process", "labels", "my", "event", "@timestamp"]).prop_map(str::to_owned);
    let id = (0_u64..1000).prop_map(|n| format!("0000000000aa-00000001-{n:012x}"));
    prop_oneof![
        16 => any_field().prop_flat_map(on_field),
        1 => Just(Query::MatchAll),
        1 => Just(Query::MatchNone),
        2 => words.prop_map(|text| Query::Phrase { field: None, text }),
        1 => tokens.prop_map(|pattern| Query::AnyWildcard { pattern }),
        1 => objects.prop_map(|name| Query::Exists { name }),
        1 => prop::collection::vec(id, 1..20).prop_map(Query::Ids),
    ]
}

/// A query.
pub fn query() -> impl Strategy<Value = Query> {
    leaf().prop_recursive(3, 12, 4, |inner| {
        let some = || prop::collection::vec(inner.clone(), 0..3);
        (some(), some(), some(), prop::option::weighted(0.3, 0_usize..3)).prop_map(
            |(must, should, must_not, minimum)| {
                let minimum_should_match = minimum.map(|minimum| minimum.min(should.len()));
                Query::Bool(Box::new(Bool { must, should, must_not, minimum_should_match }))
            },
        )
    })
}

fn sort_key() -> impl Strategy<Value = Sort> {
    let field = prop_oneof![3 => column(), 1 => Just(FieldRef::resolve("@timestamp"))];
    (field, any::<bool>(), any::<bool>()).prop_map(|(field, descending, missing_first)| Sort {
        field,
        descending,
        missing_first,
    })
}

fn sort() -> impl Strategy<Value = Vec<Sort>> {
    prop::collection::vec(sort_key(), 0..3)
}

fn metric() -> impl Strategy<Value = Metric> {
    let percents = select(vec![vec![50.0], vec![1.0, 50.0, 99.9], vec![0.0, 100.0]]);
    prop_oneof![
        numeric().prop_map(Metric::Avg),
        numeric().prop_map(Metric::Sum),
        numeric().prop_map(Metric::Min),
        numeric().prop_map(Metric::Max),
        numeric().prop_map(Metric::Stats),
        numeric().prop_map(Metric::ExtendedStats),
        (numeric(), percents).prop_map(|(field, percents)| Metric::Percentiles(field, percents)),
        column().prop_map(Metric::ValueCount),
        column().prop_map(|field| Metric::Cardinality(field, 3000)),
    ]
}

fn date_histogram() -> impl Strategy<Value = DateHistogram> {
    let unit = select(vec![
        CalendarUnit::Minute,
        CalendarUnit::Hour,
        CalendarUnit::Day,
        CalendarUnit::Week,
        CalendarUnit::Month,
    ]);
    let interval = prop_oneof![
        select(vec![60_000, 900_000, 3_600_000, 43_200_000]).prop_map(Interval::Fixed),
        unit.prop_map(Interval::Calendar)
    ];
    let zone = prop::option::of(select(vec!["Europe/Berlin", "Asia/Kathmandu", "+01:00"]).prop_map(str::to_owned));
    let field = select(vec!["@timestamp", "event.start"]).prop_map(FieldRef::resolve);
    let bounds = prop::option::weighted(0.3, (time(), time()).prop_map(|(a, b)| (a.min(b), a.max(b))));
    (field, interval, zone, select(vec![0, 0, 600_000, -600_000]), 0_u64..3, bounds).prop_map(
        |(field, interval, time_zone, offset_ms, min_doc_count, extended_bounds)| DateHistogram {
            field,
            interval,
            time_zone,
            offset_ms,
            min_doc_count,
            extended_bounds,
        },
    )
}

fn histogram() -> impl Strategy<Value = Aggregation> {
    let field = select(vec!["process.pid", "my.number"]).prop_map(FieldRef::resolve);
    (field, select(vec![1.0, 10.0, 2.5]), select(vec![0.0, 0.5]), 0_u64..2).prop_map(
        |(field, interval, offset, min_doc_count)| Aggregation::Histogram { field, interval, offset, min_doc_count },
    )
}

fn ranges() -> impl Strategy<Value = Aggregation> {
    select(vec!["process.pid", "source.ip", "event.start"]).prop_map(FieldRef::resolve).prop_flat_map(|field| {
        let side = || prop::option::of(wanted(&field));
        let key = prop::option::weighted(0.3, Just("named".to_owned()));
        let range = (key, side(), side()).prop_map(|(key, from, to)| BucketRange { key, from, to });
        (Just(field.clone()), prop::collection::vec(range, 1..4))
            .prop_map(|(field, ranges)| Aggregation::Range { field, ranges })
    })
}

fn filters() -> impl Strategy<Value = Aggregation> {
    (prop::collection::vec(query(), 1..3), any::<bool>(), any::<bool>()).prop_map(|(queries, named, other)| {
        let name = |at: usize| if named { format!("f{at}") } else { String::new() };
        let filters = queries.into_iter().enumerate().map(|(at, query)| (name(at), query)).collect();
        Aggregation::Filters { filters, other: other.then(|| if named { "other" } else { "" }.to_owned()) }
    })
}

fn composite() -> impl Strategy<Value = Aggregation> {
    let terms = (column(), any::<bool>()).prop_map(|(field, descending)| {
        let order = vec![Order { by: OrderBy::Key, descending }];
        (Aggregation::Terms(Terms { order, ..Terms::top(field, 1) }), descending)
    });
    let dates = (date_histogram(), any::<bool>()).prop_map(|(histogram, descending)| {
        let plain = DateHistogram { min_doc_count: 0, extended_bounds: None, ..histogram };
        (Aggregation::DateHistogram(plain), descending)
    });
    let numbers = (histogram(), any::<bool>());
    let source = prop_oneof![2 => terms, 1 => dates, 1 => numbers];
    (prop::collection::vec(source, 1..4), 1_usize..20).prop_map(|(sources, size)| {
        let named = |(at, (source, descending)): (usize, (Aggregation, bool))| (format!("s{at}"), source, descending);
        Aggregation::Composite { sources: sources.into_iter().enumerate().map(named).collect(), size, after: None }
    })
}

/// `terms`, now and then ordered by a metric inside.
fn terms() -> impl Strategy<Value = (Aggregation, Vec<Named>)> {
    let include = prop::option::weighted(0.2, select(vec!["[a-z].*", "22|curl"]).prop_map(str::to_owned));
    (column(), 1_usize..12, select(vec!["count", "key", "metric"]), any::<bool>(), any::<bool>(), 1_u64..3, include)
        .prop_flat_map(|(field, size, by, descending, missing, min_doc_count, include)| {
            let is_text = matches!(field.kind(), Kind::Keyword | Kind::Path);
            let missing = if missing { wanted(&field).prop_map(Some).boxed() } else { Just(None).boxed() };
            let inner = if by == "metric" {
                numeric().prop_map(|field| vec![named("m", Aggregation::Metric(Metric::Max(field)))]).boxed()
            } else {
                Just(Vec::new()).boxed()
            };
            (missing, inner).prop_map(move |(missing, inner)| {
                let by = match by {
                    "count" => OrderBy::Count,
                    "key" => OrderBy::Key,
                    _ => OrderBy::Metric("m".to_owned(), String::new()),
                };
                let terms = Terms {
                    field: field.clone(),
                    size,
                    order: vec![Order { by, descending }],
                    min_doc_count,
                    missing,
                    include: include.clone().filter(|_| is_text),
                    exclude: None,
                };
                (Aggregation::Terms(terms), inner)
            })
        })
}

fn named(name: &str, aggregation: Aggregation) -> Named {
    Named { name: name.to_owned(), aggregation, inner: Vec::new() }
}

fn aggregation() -> impl Strategy<Value = Named> {
    let alone = prop_oneof![
        metric().prop_map(Aggregation::Metric),
        (0_usize..4, sort()).prop_map(|(size, sort)| Aggregation::TopHits { size, sort }),
    ];
    let leaf = alone.prop_map(|aggregation| named("x", aggregation)).boxed();
    leaf.prop_recursive(2, 6, 2, |inner| {
        let plain = |aggregation| (aggregation, Vec::new());
        let kind = prop_oneof![
            3 => terms(),
            2 => date_histogram().prop_map(move |histogram| plain(Aggregation::DateHistogram(histogram))),
            1 => histogram().prop_map(plain),
            1 => ranges().prop_map(plain),
            1 => query().prop_map(move |query| plain(Aggregation::Filter(query))),
            1 => filters().prop_map(plain),
            1 => column().prop_map(move |field| plain(Aggregation::Missing { field })),
            1 => composite().prop_map(plain),
        ];
        (kind, prop::option::of(inner)).prop_map(|((aggregation, mut within), inner)| {
            within.extend(inner);
            Named { name: "x".to_owned(), aggregation, inner: within }
        })
    })
}

/// Up to two aggregations with what is inside them.
pub fn aggregations() -> impl Strategy<Value = Vec<Named>> {
    prop::collection::vec(aggregation(), 0..3).prop_map(|mut aggregations| {
        for (at, named) in aggregations.iter_mut().enumerate() {
            named.name = format!("a{at}");
        }
        aggregations
    })
}

/// A whole search over all streams, without bounds of time.
pub fn search() -> impl Strategy<Value = Search> {
    (query(), aggregations(), sort(), 0_usize..20, 0_usize..5, select(vec![0, 3, u64::MAX])).prop_map(
        |(query, aggregations, sort, size, skip, track_total)| Search {
            query,
            aggregations,
            sort,
            size,
            skip,
            track_total,
            ..Search::default()
        },
    )
}
