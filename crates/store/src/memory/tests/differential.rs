//! Random documents, random searches: the embedded engine answers as the reference does.

use proptest::prelude::*;
use schema::search::value::order;
use schema::search::{Answer, Bucket, Key, Options, Outcome, Query, Scalar, Search, query_string};
use tempfile::TempDir;

use super::*;
use crate::embedded::{Engine, Options as EngineOptions};
use crate::memory::Matcher;

/// What two answers must have in common. Sums may differ in the last digits, since the order of adding is not the same;
/// percentiles come from a sketch and are within 1 %.
fn assert_alike(search: &Search, embedded: &Answer, reference: &Answer) -> Result<(), TestCaseError> {
    prop_assert_eq!(embedded.total, reference.total);
    let keys = |answer: &Answer| answer.hits.iter().map(|hit| (hit.id.clone(), hit.sort.clone())).collect::<Vec<_>>();
    prop_assert_eq!(keys(embedded), keys(reference));
    prop_assert_eq!(embedded.aggregations.len(), reference.aggregations.len());
    for ((name, a), (_, b)) in embedded.aggregations.iter().zip(&reference.aggregations) {
        alike(a, b).map_err(|reason| {
            TestCaseError::fail(format!(
                "{name}: {reason}\n{:#?}\nembedded {a:?}\nreference {b:?}",
                search.aggregations
            ))
        })?;
    }
    Ok(())
}

fn alike(a: &Outcome, b: &Outcome) -> Result<(), String> {
    match (a, b) {
        (
            Outcome::Buckets { buckets: a, other_count: a_other, after: a_after, .. },
            Outcome::Buckets { buckets: b, other_count: b_other, after: b_after, .. },
        ) => {
            let after_alike = match (a_after, b_after) {
                (Some(a), Some(b)) => a.iter().zip(b).all(|(a, b)| order(a, b).is_eq()),
                (a, b) => a.is_none() && b.is_none(),
            };
            if (a.len(), a_other) != (b.len(), b_other) || !after_alike {
                return Err(format!("{} buckets +{a_other}, not {} +{b_other}", a.len(), b.len()));
            }
            a.iter().zip(b).try_for_each(|(a, b)| alike_buckets(a, b))
        }
        (Outcome::Single(a), Outcome::Single(b)) => alike_buckets(a, b),
        (Outcome::Number(a), Outcome::Number(b)) => near(*a, *b, 1e-9),
        (
            Outcome::Stats { count: a_count, sum: a_sum, min: a_min, max: a_max, sum_of_squares: a_squares },
            Outcome::Stats { count, sum, min, max, sum_of_squares },
        ) => {
            if a_count != count {
                return Err(format!("count {a_count}, not {count}"));
            }
            near(Some(*a_sum), Some(*sum), 1e-9)?;
            near(*a_min, *min, 0.0)?;
            near(*a_max, *max, 0.0)?;
            near(*a_squares, *sum_of_squares, 1e-9)
        }
        (Outcome::Percentiles(a), Outcome::Percentiles(b)) => {
            a.iter().zip(b).try_for_each(|((_, a), (_, b))| near(*a, *b, 0.011))
        }
        (Outcome::Hits { total: a_total, hits: a }, Outcome::Hits { total, hits: b }) => {
            let ids = |hits: &[schema::search::Hit]| hits.iter().map(|hit| hit.sort.clone()).collect::<Vec<_>>();
            if (a_total, ids(a)) == (total, ids(b)) { Ok(()) } else { Err("other hits".to_owned()) }
        }
        _ => Err("another kind of result".to_owned()),
    }
}

fn alike_buckets(a: &Bucket, b: &Bucket) -> Result<(), String> {
    if !same_key(&a.key, &b.key) || a.count != b.count {
        return Err(format!("bucket {:?} = {}, not {:?} = {}", a.key, a.count, b.key, b.count));
    }
    a.inner.iter().zip(&b.inner).try_for_each(|((_, a), (_, b))| alike(a, b))
}

/// 22 and 22.0 are one key, and either may stand for both.
fn same_key(a: &Key, b: &Key) -> bool {
    match (a, b) {
        (Key::Value(a), Key::Value(b)) => order(a, b).is_eq(),
        (Key::Composite(a), Key::Composite(b)) => {
            a.iter().zip(b).all(|((a_name, a), (b_name, b))| a_name == b_name && order(a, b).is_eq())
        }
        (a, b) => a == b,
    }
}

fn near(a: Option<f64>, b: Option<f64>, relative: f64) -> Result<(), String> {
    let close = match (a, b) {
        (Some(a), Some(b)) => a == b || (a - b).abs() <= relative * a.abs().max(b.abs()),
        (a, b) => a == b,
    };
    if close { Ok(()) } else { Err(format!("{a:?}, not {b:?}")) }
}

/// Ids must differ: an event with the id of another is a redelivery, which engines may notice or not.
fn with_own_ids(events: Vec<Event>) -> Vec<Event> {
    let mut seen = std::collections::HashSet::new();
    events.into_iter().filter(|event| seen.insert(event.str(schema::field::EVENT_ID).map(str::to_owned))).collect()
}

fn events(most: usize) -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(testkit::random::event(), 1..most).prop_map(with_own_ids)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn the_embedded_engine_answers_as_the_reference(
        events in events(60),
        searches in prop::collection::vec(testkit::random::search(), 80),
        parts in 1_usize..4,
    ) {
        let folder = TempDir::new().unwrap();
        let engine = Engine::open(folder.path(), EngineOptions::default()).unwrap();
        let batch = accepted(events.clone());
        for part in batch.chunks(batch.len().div_ceil(parts)) {
            engine.append(part).unwrap();
            engine.commit().unwrap();
        }
        let reference = memory(events);
        for search in &searches {
            let (a, b) = (engine.search(search, &context()), reference.search(search, &context()));
            match (a, b) {
                (Ok(a), Ok(b)) => assert_alike(search, &a, &b)?,
                (a, b) => prop_assert_eq!(a.is_ok(), b.is_ok(), "{:?}: {:?} {:?}", search, a.err(), b.err()),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_filter_and_its_negation_split_the_set(events in events(30), query in testkit::random::query()) {
        let (matcher, negated) = (Matcher::new(&query).unwrap(), Matcher::new(&query.clone().negate()).unwrap());
        for event in &events {
            prop_assert_ne!(matcher.matches(event), negated.matches(event));
        }
    }

    #[test]
    fn the_text_of_a_query_matches_the_same_events(events in events(30), query in testkit::random::query()) {
        let options = Options { unknown_fields: schema::search::UnknownFields::Note, ..Options::page(Timestamp::default()) };
        if let Some(text) = query_string::print(&query) {
            let again = query_string::parse(&text, &options);
            prop_assert!(again.is_ok(), "{}: {:?}", text, again);
            let again = again.map_or(Query::MatchNone, |parsed| parsed.query);
            let (matcher, again) = (Matcher::new(&query).unwrap(), Matcher::new(&again).unwrap());
            for event in &events {
                prop_assert_eq!(matcher.matches(event), again.matches(event), "{} {:?}", text, event);
            }
        }
    }

    #[test]
    fn pages_are_the_whole(events in events(40), search in testkit::random::search(), size in 1_usize..7) {
        let memory = memory(events);
        let base = Search { size, skip: 0, aggregations: Vec::new(), ..search };
        let whole = memory.search(&Search { size: 1000, ..base.clone() }, &context()).unwrap();
        let mut paged: Vec<Vec<Scalar>> = Vec::new();
        loop {
            let search = Search { search_after: paged.last().cloned(), ..base.clone() };
            let page = memory.search(&search, &context()).unwrap();
            if page.hits.is_empty() {
                break;
            }
            paged.extend(page.hits.into_iter().map(|hit| hit.sort));
        }
        prop_assert_eq!(paged, whole.hits.into_iter().map(|hit| hit.sort).collect::<Vec<_>>());
    }
}

#[test]
fn everything_is_in_some_bucket_or_counted_as_other() {
    // A law of `terms` that no engine may break: shown + other = all values of all matching documents.
    let memory = memory([Event::from_json(r#"{"tags":["a","b","a"]}"#).unwrap()]);
    let search = Search {
        query: Query::MatchAll,
        aggregations: vec![schema::search::Named {
            name: "t".to_owned(),
            aggregation: schema::search::Aggregation::Terms(schema::search::Terms::top(
                schema::search::FieldRef::resolve("tags"),
                1,
            )),
            inner: Vec::new(),
        }],
        ..Search::default()
    };
    let answer = memory.search(&search, &context()).unwrap();
    let Some(Outcome::Buckets { buckets, other_count, .. }) = answer.aggregation("t") else { panic!("{answer:?}") };
    assert_eq!((buckets[0].count, *other_count), (1, 1));
}
