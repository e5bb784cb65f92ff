//! Numbers over a field, computed exactly.

use schema::search::value::order;
use schema::search::{FieldRef, Metric, Outcome};

use super::values;
use crate::Accepted;

pub(super) fn outcome(metric: &Metric, events: &[&Accepted]) -> Outcome {
    match metric {
        Metric::Avg(field) => {
            let numbers = numbers(field, events);
            Outcome::Number((!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / as_double(numbers.len())))
        }
        // A sum of nothing is 0, not absent.
        Metric::Sum(field) => {
            Outcome::Number(Some(numbers(field, events).iter().fold(0.0, |sum, number| sum + number)))
        }
        Metric::Min(field) => Outcome::Number(numbers(field, events).into_iter().reduce(f64::min)),
        Metric::Max(field) => Outcome::Number(numbers(field, events).into_iter().reduce(f64::max)),
        Metric::ValueCount(field) => {
            let count = events.iter().map(|accepted| values::of(&accepted.event, field).len()).sum();
            Outcome::Number(Some(as_double(count)))
        }
        Metric::Stats(field) => stats(&numbers(field, events), false),
        Metric::ExtendedStats(field) => stats(&numbers(field, events), true),
        Metric::Percentiles(field, percents) => {
            let mut numbers = numbers(field, events);
            numbers.sort_by(f64::total_cmp);
            Outcome::Percentiles(percents.iter().map(|percent| (*percent, percentile(&numbers, *percent))).collect())
        }
        Metric::Cardinality(field, _) => {
            let mut found: Vec<_> = events.iter().flat_map(|accepted| values::of(&accepted.event, field)).collect();
            found.sort_by(order);
            found.dedup_by(|a, b| order(a, b).is_eq());
            Outcome::Number(Some(as_double(found.len())))
        }
    }
}

fn numbers(field: &FieldRef, events: &[&Accepted]) -> Vec<f64> {
    events.iter().flat_map(|accepted| values::numbers(&accepted.event, field)).collect()
}

fn stats(numbers: &[f64], extended: bool) -> Outcome {
    Outcome::Stats {
        count: numbers.len() as u64,
        sum: numbers.iter().fold(0.0, |sum, number| sum + number),
        min: numbers.iter().copied().reduce(f64::min),
        max: numbers.iter().copied().reduce(f64::max),
        sum_of_squares: extended.then(|| numbers.iter().fold(0.0, |sum, number| sum + number * number)),
    }
}

/// Nearest rank: the smallest value that at least so many percent do not exceed.
fn percentile(sorted: &[f64], percent: f64) -> Option<f64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank within the count")]
    let rank = (percent / 100.0 * as_double(sorted.len())).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

#[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
fn as_double(count: usize) -> f64 {
    count as f64
}
