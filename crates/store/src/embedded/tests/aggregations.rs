//! Aggregations against counting by hand, over several windows, commits and shapes of values.
#![expect(clippy::cast_possible_truncation, reason = "small numbers made for the test")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use schema::field;
use schema::search::value::{Plain, order};
use schema::search::{
    Aggregation, Bucket, BucketRange, CalendarUnit, DateHistogram, FieldRef, Interval, Key, Metric, Named, Order,
    OrderBy, Outcome, Query, Scalar, Terms,
};

use super::*;

const DAY: i64 = 86_400_000;

fn any_event() -> impl Strategy<Value = Event> {
    let text = || select(vec!["a", "b", "c", "22", "", "x y"]);
    let time = prop_oneof![9 => (0..3 * DAY).prop_map(Some), 1 => Just(None)];
    let parts = (time, prop::option::of(text()), prop::collection::vec(text(), 0..3), prop::option::of(-3_i64..30));
    (parts, any::<u16>(), prop::option::weighted(0.1, text())).prop_map(|((time, name, args, pid), id, odd)| {
        let mut event = Event::default();
        if let Some(ms) = time {
            event.push_date(field::TIMESTAMP, Timestamp::from_millis(NOW - ms));
        }
        event.push_str(field::EVENT_ID, &format!("0000000000aa-00000001-{id:012x}"));
        if let Some(name) = name {
            event.push_str(field::PROCESS_NAME, name);
            event.push_keyed(field::LABELS, "team", schema::Value::Text(name));
        }
        args.iter().for_each(|arg| event.push_str(field::PROCESS_ARGS, arg));
        if let Some(pid) = pid {
            event.push_long(field::PROCESS_PID, pid);
            event.push_keyed(field::OTHER, "my.n", schema::Value::Long(pid));
        }
        if let Some(odd) = odd {
            // No value of a number field, a value over the length of a term, a number among texts.
            event.push_str(field::PROCESS_PID, odd);
            event.push_str(field::PROCESS_ARGS, &odd.repeat(9000));
            event.push_keyed(field::LABELS, "team", schema::Value::Long(22));
        }
        event
    })
}

fn named(aggregation: Aggregation) -> Named {
    Named { name: "x".to_owned(), aggregation, inner: Vec::new() }
}

fn outcome(engine: &Engine, aggregation: Named) -> Outcome {
    let search = Search { size: 0, aggregations: vec![aggregation], ..Search::default() };
    let answer = engine.search(&search, &context()).unwrap();
    answer.aggregations.into_iter().next().unwrap().1
}

fn buckets(engine: &Engine, aggregation: Named) -> Vec<Bucket> {
    match outcome(engine, aggregation) {
        Outcome::Buckets { buckets, error_bound: 0, .. } => buckets,
        other => panic!("{other:?}"),
    }
}

/// Values as the reference counts them.
fn values(event: &Event, field: &FieldRef) -> Vec<Scalar> {
    let plain = |field, value| Plain::of(field, value).map(|plain| plain.to_scalar());
    match field {
        FieldRef::Known(known) => event.all(*known).filter_map(|value| plain(*known, value)).collect(),
        FieldRef::Keyed(known, key) => event.keyed(*known, key).filter_map(|value| plain(*known, value)).collect(),
        FieldRef::Other(name) => {
            event.keyed(field::OTHER, name).filter_map(|value| plain(field::OTHER, value)).collect()
        }
    }
}

/// Value and number of events that have it, most frequent first, then by value.
fn counted(events: &[Event], field: &FieldRef) -> Vec<(Scalar, u64)> {
    let mut counts: Vec<(Scalar, u64)> = Vec::new();
    for event in events {
        let mut seen: Vec<Scalar> = Vec::new();
        for value in values(event, field) {
            if seen.iter().any(|other| order(other, &value).is_eq()) {
                continue;
            }
            match counts.iter_mut().find(|(other, _)| order(other, &value).is_eq()) {
                Some((_, count)) => *count += 1,
                None => counts.push((value.clone(), 1)),
            }
            seen.push(value);
        }
    }
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| order(&a.0, &b.0)));
    counts
}

fn pairs(buckets: &[Bucket]) -> Vec<(Scalar, u64)> {
    let key = |bucket: &Bucket| match &bucket.key {
        Key::Value(value) => value.clone(),
        other => panic!("{other:?}"),
    };
    buckets.iter().map(|bucket| (key(bucket), bucket.count)).collect()
}

fn numbers(events: &[Event], field: &FieldRef) -> Vec<f64> {
    let number = |value: Scalar| match value {
        Scalar::Long(number) => Some(number as f64),
        Scalar::Double(number) => Some(number),
        _ => None,
    };
    events.iter().flat_map(|event| values(event, field)).filter_map(number).collect()
}

fn engine_with(events: &[Event], commits: usize, seal: bool) -> (TempDir, Engine) {
    let folder = TempDir::new().unwrap();
    let engine = open(&folder);
    let batch = accepted(1, events.to_vec());
    for part in batch.chunks(batch.len().div_ceil(commits)) {
        engine.append(part).unwrap();
        engine.commit().unwrap();
    }
    if seal {
        engine.seal_all().unwrap();
    }
    (folder, engine)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn counts_are_those_counted_by_hand(events in prop::collection::vec(any_event(), 1..80), commits in 1..4_usize, seal: bool) {
        let (_folder, engine) = engine_with(&events, commits, seal);
        for name in ["process.name", "process.args", "process.pid", "labels.team", "my.n"] {
            let field = FieldRef::resolve(name);
            let expect = counted(&events, &field);
            let terms = named(Aggregation::Terms(Terms::top(field.clone(), 1000)));
            prop_assert_eq!(pairs(&buckets(&engine, terms)), expect.clone(), "{}", name);
            let top = named(Aggregation::Terms(Terms::top(field.clone(), 2)));
            prop_assert_eq!(pairs(&buckets(&engine, top)), expect[..expect.len().min(2)].to_vec(), "{}", name);
            let mut nested = named(Aggregation::Terms(Terms::top(field.clone(), 1000)));
            nested.inner = vec![named(Aggregation::Terms(Terms::top(FieldRef::resolve("process.name"), 10)))];
            let inner = buckets(&engine, nested);
            prop_assert_eq!(pairs(&inner), expect.clone(), "{}", name);
            for bucket in &inner {
                let Key::Value(key) = &bucket.key else { panic!() };
                let within: Vec<Event> = events.iter().filter(|event| values(event, &field).iter().any(|value| order(value, key).is_eq())).cloned().collect();
                let Some(Outcome::Buckets { buckets, .. }) = bucket.inner("x") else { panic!() };
                prop_assert_eq!(pairs(buckets), counted(&within, &FieldRef::resolve("process.name")));
            }
            let cardinality = outcome(&engine, named(Aggregation::Metric(Metric::Cardinality(field.clone(), 3000))));
            prop_assert_eq!(cardinality, Outcome::Number(Some(expect.len() as f64)), "{}", name);
            let missing = outcome(&engine, named(Aggregation::Missing { field: field.clone() }));
            let Outcome::Single(missing) = missing else { panic!() };
            prop_assert_eq!(missing.count, events.iter().filter(|event| values(event, &field).is_empty()).count() as u64);
        }
    }

    #[test]
    fn numbers_are_those_computed_by_hand(events in prop::collection::vec(any_event(), 1..80), commits in 1..4_usize, seal: bool) {
        let (_folder, engine) = engine_with(&events, commits, seal);
        for name in ["process.pid", "my.n"] {
            let field = FieldRef::resolve(name);
            let mut numbers = numbers(&events, &field);
            numbers.sort_by(f64::total_cmp);
            let Outcome::Stats { count, sum, min, max, sum_of_squares } = outcome(&engine, named(Aggregation::Metric(Metric::ExtendedStats(field.clone())))) else { panic!() };
            prop_assert_eq!((count, sum, min, max), (numbers.len() as u64, numbers.iter().sum(), numbers.first().copied(), numbers.last().copied()));
            prop_assert_eq!(sum_of_squares, Some(numbers.iter().map(|n| n * n).sum::<f64>()));
            let percentiles = outcome(&engine, named(Aggregation::Metric(Metric::Percentiles(field.clone(), vec![0.0, 50.0, 99.0]))));
            let rank = |percent: f64| numbers.get(((percent / 100.0 * numbers.len() as f64).ceil() as usize).max(1) - 1).copied();
            let Outcome::Percentiles(percentiles) = percentiles else { panic!() };
            for (percent, value) in percentiles {
                match (value, rank(percent)) {
                    (Some(value), Some(expect)) => prop_assert!((value - expect).abs() <= expect.abs() * 0.01, "{} {}", value, expect),
                    (value, expect) => prop_assert_eq!(value, expect),
                }
            }
            let range = |from: Option<i64>, to: Option<i64>| BucketRange { key: None, from: from.map(Scalar::Long), to: to.map(Scalar::Long) };
            let ranges = vec![range(None, Some(5)), range(Some(0), Some(10)), range(Some(10), None)];
            let got: Vec<u64> = buckets(&engine, named(Aggregation::Range { field: field.clone(), ranges })).iter().map(|bucket| bucket.count).collect();
            let within = |from: f64, to: f64| events.iter().filter(|event| self::numbers(std::slice::from_ref(event), &field).iter().any(|n| (from..to).contains(n))).count() as u64;
            prop_assert_eq!(got, [within(f64::MIN, 5.0), within(0.0, 10.0), within(10.0, f64::MAX)]);
            let histogram = Aggregation::Histogram { field: field.clone(), interval: 5.0, offset: 1.0, min_doc_count: 1 };
            let mut expect: BTreeMap<i64, u64> = BTreeMap::new();
            for event in &events {
                let mut steps: Vec<i64> = self::numbers(std::slice::from_ref(event), &field).iter().map(|n| ((n - 1.0) / 5.0).floor() as i64).collect();
                steps.dedup();
                steps.iter().for_each(|step| *expect.entry(*step).or_default() += 1);
            }
            let expect: Vec<(Scalar, u64)> = expect.into_iter().map(|(step, count)| (Scalar::Double(step as f64 * 5.0 + 1.0), count)).collect();
            prop_assert_eq!(pairs(&buckets(&engine, named(histogram))), expect);
        }
    }

    #[test]
    fn days_hold_their_events_and_pages_of_a_composite_hold_all(events in prop::collection::vec(any_event(), 1..80), commits in 1..4_usize) {
        let (_folder, engine) = engine_with(&events, commits, false);
        let mut expect: BTreeMap<i64, u64> = BTreeMap::new();
        for time in events.iter().filter_map(Event::time) {
            *expect.entry(time.millis().div_euclid(DAY) * DAY).or_default() += 1;
        }
        let day = |zone: Option<&str>, interval| Aggregation::DateHistogram(DateHistogram {
            field: FieldRef::Known(field::TIMESTAMP), interval, time_zone: zone.map(str::to_owned), offset_ms: 0, min_doc_count: 1, extended_bounds: None,
        });
        let dated = |(ms, count): (&i64, &u64)| (Scalar::Date(Timestamp::from_millis(*ms)), *count);
        let expect: Vec<(Scalar, u64)> = expect.iter().map(dated).collect();
        prop_assert_eq!(pairs(&buckets(&engine, named(day(None, Interval::Fixed(DAY))))), expect.clone());
        prop_assert_eq!(pairs(&buckets(&engine, named(day(None, Interval::Calendar(CalendarUnit::Day))))), expect);

        let name = || Aggregation::Terms(Terms::top(FieldRef::resolve("process.name"), 10));
        let pid = || Aggregation::Terms(Terms::top(FieldRef::resolve("process.pid"), 10));
        let mut after = None;
        let mut pages: Vec<(Vec<Scalar>, u64)> = Vec::new();
        loop {
            let sources = vec![("name".to_owned(), name(), false), ("pid".to_owned(), pid(), true)];
            let composite = named(Aggregation::Composite { sources, size: 3, after: after.clone() });
            let Outcome::Buckets { buckets, after: next, .. } = outcome(&engine, composite) else { panic!() };
            prop_assert!(buckets.len() <= 3);
            for bucket in buckets {
                let Key::Composite(key) = bucket.key else { panic!() };
                pages.push((key.into_iter().map(|(_, value)| value).collect(), bucket.count));
            }
            if next.is_none() {
                break;
            }
            after = next;
        }
        let both = |event: &&Event| event.str(field::PROCESS_NAME).is_some() && event.all(field::PROCESS_PID).any(|pid| matches!(pid, schema::Value::Long(_)));
        prop_assert_eq!(pages.iter().map(|(_, count)| count).sum::<u64>(), events.iter().filter(both).count() as u64);
        let in_order = pages.windows(2).all(|pair| {
            let (a, b) = (&pair[0].0, &pair[1].0);
            order(&a[0], &b[0]).then_with(|| order(&b[1], &a[1])).is_lt()
        });
        prop_assert!(in_order, "{pages:?}");
    }
}

#[test]
fn holes_are_filled_and_bounds_extended() {
    let at = |hour: i64| Event::new(Timestamp::from_millis(NOW + hour * 3_600_000));
    let (_folder, engine) = store(vec![at(0), at(3)]);
    let histogram = |min_doc_count| {
        named(Aggregation::DateHistogram(DateHistogram {
            field: FieldRef::Known(field::TIMESTAMP),
            interval: Interval::Fixed(3_600_000),
            time_zone: Some("Europe/Berlin".to_owned()),
            offset_ms: 0,
            min_doc_count,
            extended_bounds: Some((Timestamp::from_millis(NOW - 3_600_000), Timestamp::from_millis(NOW))),
        }))
    };
    let counts = |min| buckets(&engine, histogram(min)).iter().map(|bucket| bucket.count).collect::<Vec<_>>();
    assert_eq!(counts(0), [0, 1, 0, 0, 1]);
    assert_eq!(counts(1), [1, 1]);
}

#[test]
fn filters_top_hits_and_orders_by_a_metric() {
    let event = |n: i64, name: &str| {
        let mut event = Event::new(Timestamp::from_millis(NOW + n));
        event.push_str(field::EVENT_ID, &format!("0000000000aa-00000001-{n:012x}"));
        event.push_str(field::PROCESS_NAME, name);
        event.push_long(field::PROCESS_PID, n);
        event
    };
    let (_folder, engine) = store(vec![event(1, "a"), event(2, "a"), event(3, "b"), event(30, "c")]);
    let is = |name: &str| Query::Term {
        field: FieldRef::resolve("process.name"),
        value: Scalar::Text(name.to_owned()),
        case_insensitive: false,
    };
    let filters = Aggregation::Filters {
        filters: vec![("as".to_owned(), is("a")), ("none".to_owned(), is("x"))],
        other: Some("rest".to_owned()),
    };
    let got: Vec<(Key, u64)> =
        buckets(&engine, named(filters)).into_iter().map(|bucket| (bucket.key, bucket.count)).collect();
    let name = |name: &str| Key::Name(name.to_owned());
    assert_eq!(got, [(name("as"), 2), (name("none"), 0), (name("rest"), 2)]);

    let sum =
        Named { name: "sum".to_owned(), ..named(Aggregation::Metric(Metric::Sum(FieldRef::resolve("process.pid")))) };
    let hits = Named { name: "hits".to_owned(), ..named(Aggregation::TopHits { size: 1, sort: Vec::new() }) };
    let terms = Terms {
        order: vec![Order { by: OrderBy::Metric("sum".to_owned(), String::new()), descending: true }],
        ..Terms::top(FieldRef::resolve("process.name"), 2)
    };
    let found = buckets(&engine, Named { inner: vec![sum, hits], ..named(Aggregation::Terms(terms)) });
    assert_eq!(pairs(&found), [(Scalar::Text("c".to_owned()), 1), (Scalar::Text("a".to_owned()), 2)]);
    let Some(Outcome::Hits { total: 2, hits }) = found[1].inner("hits") else { panic!("{found:?}") };
    assert_eq!(hits.iter().map(|hit| hit.event.long(field::PROCESS_PID)).collect::<Vec<_>>(), [Some(2)]);

    let only = Terms {
        include: Some("[ab]".to_owned()),
        exclude: Some("b".to_owned()),
        missing: None,
        ..Terms::top(FieldRef::resolve("process.name"), 9)
    };
    assert_eq!(pairs(&buckets(&engine, named(Aggregation::Terms(only)))), [(Scalar::Text("a".to_owned()), 2)]);
}
