use schema::search::{BucketRange, DateHistogram, FailedWindow, FieldRef, Interval, Terms, Windows};
use schema::{Event, Stream, field};

use super::*;

fn named(name: &str, aggregation: Aggregation, inner: Vec<Named>) -> Named {
    Named { name: name.to_owned(), aggregation, inner }
}

fn bucket(key: Key, count: u64, inner: Vec<(String, Outcome)>) -> Bucket {
    Bucket { key, count, inner }
}

fn buckets(buckets: Vec<Bucket>) -> Outcome {
    Outcome::Buckets { buckets, other_count: 7, error_bound: 0, after: None }
}

fn text(value: &str) -> Scalar {
    Scalar::Text(value.to_owned())
}

/// The result of one aggregation as JSON, and that it is JSON.
fn printed(named: Named, outcome: Outcome) -> String {
    let mut out = String::new();
    let outcomes = [(named.name.clone(), outcome)];
    push_aggregations(&mut out, &[named], &outcomes);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{out}: {error}"));
    assert!(json.is_object());
    out
}

fn pid() -> FieldRef {
    FieldRef::Known(field::PROCESS_PID)
}

#[test]
fn buckets_have_keys_of_their_kind() {
    let time = Scalar::Date(Timestamp::from_millis(1_795_507_200_000));
    let terms = |field| Aggregation::Terms(Terms::top(FieldRef::Known(field), 10));
    let histogram = Aggregation::DateHistogram(DateHistogram {
        field: FieldRef::Known(field::TIMESTAMP),
        interval: Interval::Fixed(1000),
        time_zone: None,
        offset_ms: 0,
        min_doc_count: 0,
        extended_bounds: None,
    });
    for (aggregation, key, expect) in [
        (
            terms(field::USER_NAME),
            Key::Value(text("ro\"ot")),
            r#"{"a":{"doc_count_error_upper_bound":0,"sum_other_doc_count":7,"buckets":[{"key":"ro\"ot","doc_count":3}]}}"#,
        ),
        (
            terms(field::AUDITNG_AUDIT_LATE),
            Key::Value(Scalar::Bool(true)),
            r#"{"a":{"doc_count_error_upper_bound":0,"sum_other_doc_count":7,"buckets":[{"key":1,"key_as_string":"true","doc_count":3}]}}"#,
        ),
        (
            histogram,
            Key::Value(time.clone()),
            r#"{"a":{"buckets":[{"key_as_string":"2026-11-24T08:00:00.000Z","key":1795507200000,"doc_count":3}]}}"#,
        ),
        (
            Aggregation::Histogram { field: pid(), interval: 5.0, offset: 0.0, min_doc_count: 0 },
            Key::Value(Scalar::Double(10.0)),
            r#"{"a":{"buckets":[{"key":10.0,"doc_count":3}]}}"#,
        ),
        (
            Aggregation::Range { field: pid(), ranges: Vec::<BucketRange>::new() },
            Key::Range { name: "*-5.0".to_owned(), from: None, to: Some(Scalar::Long(5)) },
            r#"{"a":{"buckets":[{"key":"*-5.0","to":5.0,"doc_count":3}]}}"#,
        ),
        (
            Aggregation::Range { field: pid(), ranges: Vec::new() },
            Key::Range { name: "x".to_owned(), from: Some(time.clone()), to: None },
            r#"{"a":{"buckets":[{"key":"x","from":1795507200000,"from_as_string":"2026-11-24T08:00:00.000Z","doc_count":3}]}}"#,
        ),
        (
            Aggregation::Filters { filters: vec![("x".to_owned(), schema::search::Query::MatchAll)], other: None },
            Key::Name("x".to_owned()),
            r#"{"a":{"buckets":{"x":{"doc_count":3}}}}"#,
        ),
        (
            Aggregation::Filters { filters: vec![(String::new(), schema::search::Query::MatchAll)], other: None },
            Key::Name(String::new()),
            r#"{"a":{"buckets":[{"doc_count":3}]}}"#,
        ),
    ] {
        assert_eq!(printed(named("a", aggregation, Vec::new()), buckets(vec![bucket(key, 3, Vec::new())])), expect);
    }
}

#[test]
fn composites_say_where_to_go_on() {
    let sources = vec![("u".to_owned(), Aggregation::Terms(Terms::top(FieldRef::Known(field::USER_NAME), 1)), false)];
    let key = Key::Composite(vec![("u".to_owned(), text("root"))]);
    let outcome = Outcome::Buckets {
        buckets: vec![bucket(key, 3, Vec::new())],
        other_count: 0,
        error_bound: 0,
        after: Some(vec![text("root")]),
    };
    let composite = Aggregation::Composite { sources, size: 1, after: None };
    assert_eq!(
        printed(named("a", composite, Vec::new()), outcome),
        r#"{"a":{"after_key":{"u":"root"},"buckets":[{"key":{"u":"root"},"doc_count":3}]}}"#
    );
}

#[test]
fn metrics() {
    let time = FieldRef::Known(field::TIMESTAMP);
    let stats = |extended: bool, count| Outcome::Stats {
        count,
        sum: if count > 0 { 10.0 } else { 0.0 },
        min: (count > 0).then_some(4.0),
        max: (count > 0).then_some(6.0),
        sum_of_squares: extended.then_some(if count > 0 { 52.0 } else { 0.0 }),
    };
    for (metric, outcome, expect) in [
        (Metric::Avg(pid()), Outcome::Number(Some(5.0)), r#"{"a":{"value":5.0}}"#),
        (Metric::Avg(pid()), Outcome::Number(None), r#"{"a":{"value":null}}"#),
        (Metric::Cardinality(pid(), 10), Outcome::Number(Some(5.0)), r#"{"a":{"value":5}}"#),
        (
            Metric::Max(time),
            Outcome::Number(Some(1_795_507_200_000.0)),
            r#"{"a":{"value":1795507200000.0,"value_as_string":"2026-11-24T08:00:00.000Z"}}"#,
        ),
        (Metric::Stats(pid()), stats(false, 2), r#"{"a":{"count":2,"min":4.0,"max":6.0,"avg":5.0,"sum":10.0}}"#),
        (Metric::Stats(pid()), stats(false, 0), r#"{"a":{"count":0,"min":null,"max":null,"avg":null,"sum":0.0}}"#),
        (
            Metric::Percentiles(pid(), vec![50.0, 99.9]),
            Outcome::Percentiles(vec![(50.0, Some(1.0)), (99.9, None)]),
            r#"{"a":{"values":{"50.0":1.0,"99.9":null}}}"#,
        ),
        (
            Metric::ExtendedStats(pid()),
            stats(true, 2),
            r#"{"a":{"count":2,"min":4.0,"max":6.0,"avg":5.0,"sum":10.0,"sum_of_squares":52.0,"variance":1.0,"variance_population":1.0,"variance_sampling":2.0,"std_deviation":1.0,"std_deviation_population":1.0,"std_deviation_sampling":1.4142135623730951,"std_deviation_bounds":{"upper":7.0,"lower":3.0,"upper_population":7.0,"lower_population":3.0,"upper_sampling":7.82842712474619,"lower_sampling":2.1715728752538097}}}"#,
        ),
    ] {
        assert_eq!(printed(named("a", Aggregation::Metric(metric), Vec::new()), outcome), expect);
    }
    printed(named("a", Aggregation::Metric(Metric::ExtendedStats(pid())), Vec::new()), stats(true, 0));
}

#[test]
fn results_inside_buckets_and_hits() {
    let inner = named("m", Aggregation::Metric(Metric::ValueCount(pid())), Vec::new());
    let outcome = Outcome::Single(Box::new(bucket(Key::Only, 2, vec![("m".to_owned(), Outcome::Number(Some(2.0)))])));
    let missing = Aggregation::Missing { field: pid() };
    assert_eq!(printed(named("a", missing, vec![inner]), outcome), r#"{"a":{"doc_count":2,"m":{"value":2}}}"#);

    let mut event = Event::new(Timestamp::from_millis(0));
    event.push_long(field::PROCESS_PID, 1);
    let hit = Hit {
        id: "x".to_owned(),
        stream: Stream::Audit,
        seq: schema::IngestSeq(1),
        event,
        sort: vec![Scalar::Date(Timestamp::from_millis(0)), text("x")],
    };
    let search = Search::default();
    let windows =
        Windows { searched: 2, pruned: 1, failed: vec![FailedWindow { name: "w".to_owned(), reason: "r".to_owned() }] };
    let answer = Answer { total: Total { value: 1, at_least: true }, hits: vec![hit], windows, ..Answer::default() };
    let mut out = String::new();
    push_search(&mut out, &search, &answer, 5);
    assert_eq!(
        out,
        r#"{"took":5,"timed_out":false,"_shards":{"total":4,"successful":3,"skipped":1,"failed":1},"hits":{"total":{"value":1,"relation":"gte"},"max_score":null,"hits":[{"_index":"logs-auditng.audit-default","_id":"x","_score":null,"_source":{"@timestamp":"1970-01-01T00:00:00.000Z","process":{"pid":1}},"sort":[0,"x"]}]}}"#
    );
}
