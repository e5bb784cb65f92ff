//! Results that are numbers.

use schema::Timestamp;
use schema::search::{Metric, Outcome};

use super::answer::{is_time, push_as_string, push_double};

/// Appends the members of a metric's result.
pub(super) fn push(out: &mut String, metric: &Metric, outcome: &Outcome) {
    match outcome {
        Outcome::Number(number) => push_single(out, metric, *number),
        Outcome::Stats { count, sum, min, max, sum_of_squares } => {
            let avg = (*count > 0).then(|| sum / as_double(*count));
            out.push_str(&format!(r#""count":{count}"#));
            for (name, value) in [("min", *min), ("max", *max), ("avg", avg), ("sum", Some(*sum))] {
                push_value(out, name, value, is_time(metric) && *count > 0);
            }
            if let Some(squares) = sum_of_squares {
                push_extended(out, *count, *sum, *squares);
            }
        }
        Outcome::Percentiles(values) => {
            out.push_str(r#""values":{"#);
            for (at, (percent, value)) in values.iter().enumerate() {
                let name = format!("{percent:?}");
                if at > 0 {
                    out.push(',');
                }
                push_member(out, &name, *value, is_time(metric));
            }
            out.push('}');
        }
        Outcome::Buckets { .. } | Outcome::Single(_) | Outcome::Hits { .. } => {}
    }
}

fn push_single(out: &mut String, metric: &Metric, number: Option<f64>) {
    match (metric, number.and_then(schema::search::value::whole)) {
        (Metric::ValueCount(_) | Metric::Cardinality(..), Some(count)) => {
            out.push_str(&format!(r#""value":{count}"#));
        }
        _ => push_member(out, "value", number, is_time(metric)),
    }
}

fn push_value(out: &mut String, name: &str, value: Option<f64>, time: bool) {
    out.push(',');
    push_member(out, name, value, time);
}

/// `"name":1.0`, and for a time `"name_as_string"` after it.
fn push_member(out: &mut String, name: &str, value: Option<f64>, time: bool) {
    out.push_str(&format!(r#""{name}":"#));
    let Some(value) = value else { return out.push_str("null") };
    push_double(out, value);
    if let (true, Some(ms)) = (time, schema::search::value::whole(value.trunc())) {
        out.push(',');
        push_as_string(out, name, Timestamp::from_millis(ms));
    }
}

/// Spread around the mean. The population's and the sample's, as Elasticsearch gives both.
fn push_extended(out: &mut String, count: u64, sum: f64, squares: f64) {
    let n = as_double(count);
    // Rounding may bring a sum of squares just below what it must be.
    let deviation = (squares - sum * sum / n).max(0.0);
    let population = (count > 0).then(|| deviation / n);
    let sampling = (count > 1).then(|| deviation / (n - 1.0));
    push_value(out, "sum_of_squares", (count > 0).then_some(squares), false);
    for (name, value) in [
        ("variance", population),
        ("variance_population", population),
        ("variance_sampling", sampling),
        ("std_deviation", population.map(f64::sqrt)),
        ("std_deviation_population", population.map(f64::sqrt)),
        ("std_deviation_sampling", sampling.map(f64::sqrt)),
    ] {
        push_value(out, name, value, false);
    }
    out.push_str(r#","std_deviation_bounds":{"#);
    let bounds = [("", population), ("_population", population), ("_sampling", sampling)];
    for (at, (suffix, variance)) in bounds.into_iter().enumerate() {
        let edge = |sign: f64| variance.map(|variance| sum / n + sign * 2.0 * variance.sqrt());
        if at > 0 {
            out.push(',');
        }
        push_member(out, &format!("upper{suffix}"), edge(1.0), false);
        push_value(out, &format!("lower{suffix}"), edge(-1.0), false);
    }
    out.push('}');
}

#[expect(clippy::cast_precision_loss, reason = "a mean of more than 2^53 values is a mean all the same")]
fn as_double(count: u64) -> f64 {
    count as f64
}
