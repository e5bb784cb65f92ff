//! `composite`: all combinations of several keys in order, a page at a time.

use std::cmp::Ordering;

use schema::search::value::order;
use schema::search::{Aggregation, DateHistogram, Key, Scalar};

use super::aggregate::{Group, date_keys, step, step_start, zone};
use super::values;
use crate::{Accepted, SearchError};

type Source = (String, Aggregation, bool);
type Page<'e> = (Vec<(Key, Group<'e>)>, Option<Vec<Scalar>>);

/// The groups after a key, and the key to go on after.
pub(super) fn page<'e>(
    sources: &[Source],
    size: usize,
    after: Option<&[Scalar]>,
    events: &[&'e Accepted],
) -> Result<Page<'e>, SearchError> {
    let mut pairs: Vec<(Vec<Scalar>, &'e Accepted)> = Vec::new();
    for &accepted in events {
        let keys = combinations(sources, accepted)?;
        pairs.extend(keys.into_iter().map(|key| (key, accepted)));
    }
    pairs.retain(|(key, _)| after.is_none_or(|after| compare(sources, key, after).is_gt()));
    // Stable, so that the events of a group stay in their order.
    pairs.sort_by(|a, b| compare(sources, &a.0, &b.0));
    let mut groups: Vec<(Vec<Scalar>, Group<'e>)> = Vec::new();
    for (key, accepted) in pairs {
        match groups.last_mut().filter(|(last, _)| compare(sources, last, &key).is_eq()) {
            Some((_, group)) => group.push(accepted),
            None => groups.push((key, vec![accepted])),
        }
    }
    groups.truncate(size);
    let after = groups.last().map(|(key, _)| key.clone());
    let named = |key: Vec<Scalar>| sources.iter().map(|(name, ..)| name.clone()).zip(key).collect();
    Ok((groups.into_iter().map(|(key, group)| (Key::Composite(named(key)), group)).collect(), after))
}

fn compare(sources: &[Source], a: &[Scalar], b: &[Scalar]) -> Ordering {
    let one = |((_, _, descending), (a, b)): (&Source, (&Scalar, &Scalar))| {
        if *descending { order(b, a) } else { order(a, b) }
    };
    sources.iter().zip(a.iter().zip(b)).map(one).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Each combination of an event's values once; none if a source has no value.
fn combinations(sources: &[Source], accepted: &Accepted) -> Result<Vec<Vec<Scalar>>, SearchError> {
    let mut combinations = vec![Vec::new()];
    for (_, source, _) in sources {
        let mut keys = source_keys(source, accepted)?;
        keys.sort_by(order);
        keys.dedup_by(|a, b| order(a, b).is_eq());
        let longer = |start: &Vec<Scalar>| {
            let with = |key: &Scalar| start.iter().chain([key]).cloned().collect::<Vec<_>>();
            keys.iter().map(with).collect::<Vec<_>>()
        };
        combinations = combinations.iter().flat_map(longer).collect();
    }
    Ok(combinations)
}

fn source_keys(source: &Aggregation, accepted: &Accepted) -> Result<Vec<Scalar>, SearchError> {
    match source {
        Aggregation::Terms(terms) => {
            let mut found = values::different(&accepted.event, &terms.field);
            if found.is_empty() {
                found.extend(terms.missing.clone());
            }
            Ok(found)
        }
        Aggregation::DateHistogram(DateHistogram { field, interval, offset_ms, .. }) => {
            let Aggregation::DateHistogram(spec) = source else { return Ok(Vec::new()) };
            let keys = date_keys(accepted, field, &zone(spec)?, *interval, *offset_ms);
            Ok(keys.into_iter().map(Scalar::Date).collect())
        }
        Aggregation::Histogram { field, interval, offset, .. } => {
            let start =
                |number: &f64| Scalar::Double(step_start(step(*number, *interval, *offset), *interval, *offset));
            Ok(values::numbers(&accepted.event, field).iter().map(start).collect())
        }
        _ => Err(SearchError::Refused {
            reason: "a composite has terms, date_histogram and histogram as sources".to_owned(),
        }),
    }
}
