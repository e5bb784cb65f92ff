use schema::search::{
    Aggregation, Bucket, CalendarUnit, DateHistogram, FieldRef, Interval, Key, Metric, Named, OrderBy, Outcome, Query,
    Scalar, Search, Sort, Terms,
};
use schema::{EventId, Stream};

use super::*;

fn field(name: &str) -> FieldRef {
    FieldRef::resolve(name)
}

/// Ten events, one a minute from 2026-10-25T00:00Z; pid 0..9, users root and admin by turns, the last without a user.
fn ten() -> Memory {
    memory((0..10).map(|n| {
        let user = if n == 9 { String::new() } else { format!(r#","user":{{"name":"{}"}}"#, ["root", "admin"][n % 2]) };
        let id = format!("0000000000aa-00000001-{n:012x}");
        let document = format!(
            r#"{{"@timestamp":"2026-10-25T00:{n:02}:00.000Z","event":{{"id":"{id}","dataset":"auditng.audit"}},"process":{{"pid":{n},"args":["a","b{n}"]}}{user}}}"#
        );
        Event::from_json(&document).unwrap()
    }))
}

fn pids(memory: &Memory, search: &Search) -> Vec<i64> {
    let answer = memory.search(search, &context()).unwrap();
    answer.hits.iter().map(|hit| hit.event.long(schema::field::PROCESS_PID).unwrap()).collect()
}

fn sorted(name: &str, descending: bool, missing_first: bool) -> Vec<Sort> {
    vec![Sort { field: field(name), descending, missing_first }]
}

#[test]
fn newest_first_and_other_orders() {
    let memory = ten();
    assert_eq!(pids(&memory, &Search { size: 3, ..Search::default() }), [9, 8, 7]);
    assert_eq!(
        pids(&memory, &Search { size: 3, skip: 2, sort: sorted("process.pid", false, false), ..Search::default() }),
        [2, 3, 4]
    );
    // Users descending, so root first; ties by id descending; who has none comes last or first.
    let by_user = |missing_first| Search { sort: sorted("user.name", true, missing_first), ..Search::default() };
    assert_eq!(pids(&memory, &by_user(false)), [8, 6, 4, 2, 0, 7, 5, 3, 1, 9]);
    assert_eq!(pids(&memory, &by_user(true)), [9, 8, 6, 4, 2, 0, 7, 5, 3, 1]);
    // Of several values the smallest counts upwards, the largest downwards.
    assert_eq!(
        pids(&memory, &Search { size: 2, sort: sorted("process.args", false, false), ..Search::default() }),
        [9, 8]
    );
    assert_eq!(
        pids(&memory, &Search { size: 2, sort: sorted("process.args", true, false), ..Search::default() }),
        [9, 8]
    );
}

#[test]
fn totals_streams_and_times() {
    let memory = ten();
    let search = |search: Search| memory.search(&search, &context()).unwrap();
    let total = |track_total| search(Search { track_total, ..Search::default() }).total;
    assert_eq!((total(u64::MAX).value, total(u64::MAX).at_least), (10, false));
    assert_eq!((total(3).value, total(3).at_least), (3, true));
    assert_eq!(search(Search { streams: vec![Stream::Fim], ..Search::default() }).total.value, 0);
    assert_eq!(search(Search { streams: vec![Stream::Fim, Stream::Audit], ..Search::default() }).total.value, 10);
    let minute = |n: i64| Some(Timestamp::from_millis(testkit::random::START + n * 60_000));
    assert_eq!(pids(&memory, &Search { from_time: minute(2), to_time: minute(4), ..Search::default() }), [3, 2]);
    let too_far = Search { size: 9999, skip: 2, ..Search::default() };
    assert!(matches!(memory.search(&too_far, &context()), Err(crate::SearchError::Refused { .. })));
}

#[test]
fn pages_join_without_gap_or_repeat() {
    let memory = ten();
    for sort in [Vec::new(), sorted("user.name", false, true), sorted("process.args", true, false)] {
        let all = pids(&memory, &Search { sort: sort.clone(), ..Search::default() });
        let (mut paged, mut search_after) = (Vec::new(), None);
        loop {
            let search = Search { sort: sort.clone(), size: 3, search_after, ..Search::default() };
            let answer = memory.search(&search, &context()).unwrap();
            let Some(last) = answer.hits.last() else { break };
            search_after = Some(last.sort.clone());
            paged.extend(pids(&memory, &search));
        }
        assert_eq!(paged, all);
    }
    let short = Search { search_after: Some(vec![Scalar::Null]), ..Search::default() };
    assert!(matches!(memory.search(&short, &context()), Err(crate::SearchError::Refused { .. })));
}

#[test]
fn ids_redelivery_and_scan() {
    let memory = ten();
    let id: EventId = "0000000000aa-00000001-000000000003".parse().unwrap();
    assert_eq!(memory.get(&[id], &context()).unwrap().len(), 1);
    memory.append(&accepted([Event::default()])).unwrap();
    assert_eq!(memory.committed_through(), IngestSeq(10), "sequence 1 was taken before");
    let mut seen = 0;
    memory
        .scan(&Search::default(), &context(), &mut |batch| {
            seen += batch.len();
            true
        })
        .unwrap();
    assert_eq!(seen, 10);
    assert_eq!(memory.windows()[0].events, 10);
    assert!(memory.fields(&[]).contains(&"process.args".to_owned()));
    assert!(memory.fields(&[Stream::Fim]).is_empty());
}

#[test]
fn bounds_end_a_search() {
    let memory = ten();
    let past = Context::until(Instant::now());
    assert!(matches!(memory.search(&Search::default(), &past), Err(crate::SearchError::Timeout)));
    let cancelled = context();
    cancelled.cancel.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(memory.search(&Search::default(), &cancelled), Err(crate::SearchError::Cancelled)));
    let few = Context { max_buckets: 9, ..context() };
    let search = Search {
        aggregations: vec![named(Aggregation::Terms(Terms::top(field("process.pid"), 10)))],
        ..Search::default()
    };
    assert!(matches!(memory.search(&search, &few), Err(crate::SearchError::TooLarge(_))));
}

fn named(aggregation: Aggregation) -> Named {
    Named { name: "a".to_owned(), aggregation, inner: Vec::new() }
}

fn result(memory: &Memory, named: Named) -> Outcome {
    let search = Search { aggregations: vec![named], size: 0, ..Search::default() };
    memory.search(&search, &context()).unwrap().aggregations.remove(0).1
}

/// Keys and counts in few words.
fn brief(outcome: &Outcome) -> String {
    let key = |bucket: &Bucket| match &bucket.key {
        Key::Value(Scalar::Text(text)) | Key::Name(text) => text.clone(),
        Key::Value(Scalar::Date(time)) => time.to_string()[11..16].to_owned(),
        Key::Value(Scalar::Long(number)) => number.to_string(),
        Key::Value(value) => format!("{value:?}"),
        Key::Range { name, .. } => name.clone(),
        Key::Composite(values) => {
            values.iter().map(|(_, value)| super::super::values::text(value)).collect::<Vec<_>>().join("+")
        }
        Key::Only => String::new(),
    };
    match outcome {
        Outcome::Buckets { buckets, other_count, .. } => {
            let list: Vec<String> = buckets.iter().map(|bucket| format!("{}={}", key(bucket), bucket.count)).collect();
            format!("{} +{other_count}", list.join(" "))
        }
        Outcome::Single(bucket) => bucket.count.to_string(),
        Outcome::Hits { total, hits } => format!("{} of {total}", hits.len()),
        other => format!("{other:?}"),
    }
}

#[test]
fn buckets_by_value() {
    let memory = ten();
    let top = |name: &str, size| Terms::top(field(name), size);
    let terms = |terms: Terms| brief(&result(&memory, named(Aggregation::Terms(terms))));
    assert_eq!(terms(top("user.name", 10)), "root=5 admin=4 +0");
    assert_eq!(terms(top("user.name", 1)), "root=5 +4");
    assert_eq!(
        terms(Terms { missing: Some(Scalar::Text("-".to_owned())), ..top("user.name", 10) }),
        "root=5 admin=4 -=1 +0"
    );
    assert_eq!(terms(Terms { min_doc_count: 5, ..top("user.name", 10) }), "root=5 +4");
    assert_eq!(terms(top("process.args", 2)), "a=10 b0=1 +9");
    assert_eq!(
        terms(Terms { include: Some("b[0-4]".to_owned()), exclude: Some("b3".to_owned()), ..top("process.args", 9) }),
        "b0=1 b1=1 b2=1 b4=1 +0"
    );
    let by = |by, descending| Terms { order: vec![schema::search::Order { by, descending }], ..top("user.name", 10) };
    assert_eq!(terms(by(OrderBy::Key, false)), "admin=4 root=5 +0");
    let inner = Named { name: "m".to_owned(), ..named(Aggregation::Metric(Metric::Max(field("process.pid")))) };
    let by_metric = Aggregation::Terms(by(OrderBy::Metric("m".to_owned(), String::new()), false));
    assert_eq!(brief(&result(&memory, Named { inner: vec![inner], ..named(by_metric) })), "admin=4 root=5 +0");
    assert_eq!(brief(&result(&memory, named(Aggregation::Missing { field: field("user.name") }))), "1");
}

#[test]
fn buckets_by_step() {
    let memory = ten();
    let dates = DateHistogram {
        field: field("@timestamp"),
        interval: Interval::Fixed(240_000),
        time_zone: None,
        offset_ms: 0,
        min_doc_count: 0,
        extended_bounds: Some((
            Timestamp::from_millis(testkit::random::START),
            Timestamp::from_millis(testkit::random::START + 720_000),
        )),
    };
    let count = |dates: &DateHistogram| brief(&result(&memory, named(Aggregation::DateHistogram(dates.clone()))));
    assert_eq!(count(&dates), "00:00=4 00:04=4 00:08=2 00:12=0 +0");
    assert_eq!(count(&DateHistogram { min_doc_count: 3, ..dates.clone() }), "00:00=4 00:04=4 +0");
    assert_eq!(
        count(&DateHistogram { offset_ms: 60_000, extended_bounds: None, ..dates.clone() }),
        "23:57=1 00:01=4 00:05=4 00:09=1 +0"
    );
    let berlin = Some("Europe/Berlin".to_owned());
    let day = Interval::Calendar(CalendarUnit::Day);
    assert_eq!(
        count(&DateHistogram { interval: day, time_zone: berlin, extended_bounds: None, ..dates }),
        "22:00=10 +0"
    );
    let histogram =
        Aggregation::Histogram { field: field("process.pid"), interval: 4.0, offset: 1.0, min_doc_count: 1 };
    assert_eq!(
        brief(&result(&memory, named(histogram))),
        "Double(-3.0)=1 Double(1.0)=4 Double(5.0)=4 Double(9.0)=1 +0"
    );
    let range = |from: Option<i64>, to: Option<i64>| schema::search::BucketRange {
        key: None,
        from: from.map(Scalar::Long),
        to: to.map(Scalar::Long),
    };
    let ranges = Aggregation::Range {
        field: field("process.pid"),
        ranges: vec![range(None, Some(5)), range(Some(3), Some(6)), range(Some(9), None)],
    };
    assert_eq!(brief(&result(&memory, named(ranges))), "*-5.0=5 3.0-6.0=3 9.0-*=1 +0");
}

#[test]
fn buckets_by_query_and_combination() {
    let memory = ten();
    let root =
        Query::Term { field: field("user.name"), value: Scalar::Text("root".to_owned()), case_insensitive: false };
    assert_eq!(brief(&result(&memory, named(Aggregation::Filter(root.clone())))), "5");
    let filters = vec![("all".to_owned(), Query::MatchAll), ("root".to_owned(), root.clone())];
    assert_eq!(
        brief(&result(&memory, named(Aggregation::Filters { filters, other: Some("rest".to_owned()) }))),
        "all=10 root=5 rest=0 +0"
    );
    let sources = vec![
        ("user".to_owned(), Aggregation::Terms(Terms::top(field("user.name"), 1)), true),
        (
            "step".to_owned(),
            Aggregation::Histogram { field: field("process.pid"), interval: 5.0, offset: 0.0, min_doc_count: 0 },
            false,
        ),
    ];
    let page = |after| named(Aggregation::Composite { sources: sources.clone(), size: 3, after });
    let first = result(&memory, page(None));
    assert_eq!(brief(&first), "root+0=3 root+5=2 admin+0=2 +0");
    let Outcome::Buckets { after, .. } = first else { panic!("{first:?}") };
    assert_eq!(brief(&result(&memory, page(after))), "admin+5=2 +0");
    assert_eq!(brief(&result(&memory, named(Aggregation::TopHits { size: 2, sort: Vec::new() }))), "2 of 10");
}

#[test]
fn metrics() {
    let memory = ten();
    let metric =
        |metric: fn(FieldRef) -> Metric, name: &str| result(&memory, named(Aggregation::Metric(metric(field(name)))));
    let number = |number: f64| Outcome::Number(Some(number));
    assert_eq!(metric(Metric::Avg, "process.pid"), number(4.5));
    assert_eq!(metric(Metric::Sum, "process.pid"), number(45.0));
    assert_eq!(metric(Metric::Sum, "no.such"), number(0.0));
    assert_eq!(metric(Metric::Avg, "no.such"), Outcome::Number(None));
    assert_eq!(metric(Metric::Min, "@timestamp"), number(1_792_886_400_000.0));
    assert_eq!(metric(Metric::ValueCount, "process.args"), number(20.0));
    assert_eq!(metric(|field| Metric::Cardinality(field, 5), "process.args"), number(11.0));
    let percents = |field| Metric::Percentiles(field, vec![0.0, 50.0, 90.0, 100.0]);
    let values = vec![(0.0, Some(0.0)), (50.0, Some(4.0)), (90.0, Some(8.0)), (100.0, Some(9.0))];
    assert_eq!(metric(percents, "process.pid"), Outcome::Percentiles(values));
    let stats = Outcome::Stats { count: 10, sum: 45.0, min: Some(0.0), max: Some(9.0), sum_of_squares: Some(285.0) };
    assert_eq!(metric(Metric::ExtendedStats, "process.pid"), stats);
}
