//! The answer of a search in Elasticsearch's form.

use schema::Timestamp;
use schema::event::push_json_string;
use schema::field::Kind;
use schema::search::{Aggregation, Answer, Bucket, Hit, Key, Metric, Named, Outcome, Scalar, Search, Total};

use super::metric;

/// Appends the answer of `_search`.
pub fn push_search(out: &mut String, search: &Search, answer: &Answer, took_ms: u64) {
    let failed = answer.windows.failed.len();
    let total = (answer.windows.searched + answer.windows.pruned + failed).max(1);
    out.push_str(&format!(
        r#"{{"took":{took_ms},"timed_out":{},"_shards":{{"total":{total},"successful":{},"skipped":{},"failed":{failed}}},"hits":{{"#,
        answer.timed_out,
        total - failed,
        answer.windows.pruned
    ));
    if search.track_total > 0 {
        push_total(out, answer.total);
        out.push(',');
    }
    out.push_str(r#""max_score":null,"hits":["#);
    push_hits(out, &answer.hits);
    out.push_str("]}");
    if !search.aggregations.is_empty() {
        out.push_str(r#","aggregations":"#);
        push_aggregations(out, &search.aggregations, &answer.aggregations);
    }
    out.push('}');
}

fn push_total(out: &mut String, total: Total) {
    let relation = if total.at_least { "gte" } else { "eq" };
    out.push_str(&format!(r#""total":{{"value":{},"relation":"{relation}"}}"#, total.value));
}

fn push_hits(out: &mut String, hits: &[Hit]) {
    for (at, hit) in hits.iter().enumerate() {
        out.push_str(if at > 0 { r#",{"_index":"# } else { r#"{"_index":"# });
        push_json_string(&hit.stream.index(), out);
        out.push_str(r#","_id":"#);
        push_json_string(&hit.id, out);
        out.push_str(r#","_score":null,"_source":"#);
        hit.event.write_json(out);
        out.push_str(r#","sort":"#);
        push_scalars(out, &hit.sort);
        out.push('}');
    }
}

/// Appends the sort values of a hit as a list.
pub fn push_scalars(out: &mut String, scalars: &[Scalar]) {
    out.push('[');
    for (at, scalar) in scalars.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_scalar(out, scalar);
    }
    out.push(']');
}

/// Appends a value as JSON: dates as epoch milliseconds, addresses as text.
pub fn push_scalar(out: &mut String, scalar: &Scalar) {
    match scalar {
        Scalar::Null => out.push_str("null"),
        Scalar::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Scalar::Long(value) => out.push_str(&value.to_string()),
        Scalar::Double(value) => push_double(out, *value),
        Scalar::Date(time) => out.push_str(&time.millis().to_string()),
        Scalar::Ip(address) => push_json_string(&address.to_string(), out),
        Scalar::Text(text) => push_json_string(text, out),
    }
}

/// A number with a fraction, as Elasticsearch writes doubles; JSON has none for infinities, they are `null`.
pub(super) fn push_double(out: &mut String, value: f64) {
    match serde_json::Number::from_f64(value) {
        Some(number) => out.push_str(&number.to_string()),
        None => out.push_str("null"),
    }
}

/// Appends the object `aggregations`: results by name, each in the form of its kind. Results without a definition, and
/// definitions without a result, are left out.
pub fn push_aggregations(out: &mut String, aggregations: &[Named], outcomes: &[(String, Outcome)]) {
    out.push('{');
    push_members(out, aggregations, outcomes, true);
    out.push('}');
}

fn push_members(out: &mut String, aggregations: &[Named], outcomes: &[(String, Outcome)], mut first: bool) {
    for (name, outcome) in outcomes {
        let Some(named) = aggregations.iter().find(|named| named.name == *name) else { continue };
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        push_json_string(name, out);
        out.push(':');
        push_outcome(out, named, outcome);
    }
}

fn push_outcome(out: &mut String, named: &Named, outcome: &Outcome) {
    out.push('{');
    match (outcome, &named.aggregation) {
        (Outcome::Buckets { buckets, other_count, error_bound, after }, aggregation) => {
            if matches!(aggregation, Aggregation::Terms(_)) {
                out.push_str(&format!(
                    r#""doc_count_error_upper_bound":{error_bound},"sum_other_doc_count":{other_count},"#
                ));
            }
            if let (Some(after), Aggregation::Composite { sources, .. }) = (after, aggregation) {
                out.push_str(r#""after_key":"#);
                let names = sources.iter().map(|(name, ..)| name.as_str());
                push_object(out, names.zip(after));
                out.push(',');
            }
            push_buckets(out, named, buckets);
        }
        (Outcome::Single(bucket), _) => push_bucket_body(out, named, bucket, true),
        (Outcome::Hits { total, hits }, _) => {
            out.push_str(r#""hits":{"#);
            push_total(out, Total { value: *total, at_least: false });
            out.push_str(r#","max_score":null,"hits":["#);
            push_hits(out, hits);
            out.push_str("]}");
        }
        (outcome, Aggregation::Metric(metric)) => metric::push(out, metric, outcome),
        // A number for something that is no metric: no engine gives that.
        _ => {}
    }
    out.push('}');
}

fn push_buckets(out: &mut String, named: &Named, buckets: &[Bucket]) {
    let by_name = match &named.aggregation {
        Aggregation::Filters { filters, .. } => filters.iter().any(|(name, _)| !name.is_empty()),
        _ => false,
    };
    out.push_str(if by_name { r#""buckets":{"# } else { r#""buckets":["# });
    for (at, bucket) in buckets.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        if let (true, Key::Name(name)) = (by_name, &bucket.key) {
            push_json_string(name, out);
            out.push(':');
        }
        out.push('{');
        let first = !push_key(out, &bucket.key);
        push_bucket_body(out, named, bucket, first);
        out.push('}');
    }
    out.push(if by_name { '}' } else { ']' });
}

fn push_bucket_body(out: &mut String, named: &Named, bucket: &Bucket, first: bool) {
    out.push_str(if first { r#""doc_count":"# } else { r#","doc_count":"# });
    out.push_str(&bucket.count.to_string());
    push_members(out, &named.inner, &bucket.inner, false);
}

/// Appends the members that say what a bucket stands for; `false` if there are none.
fn push_key(out: &mut String, key: &Key) -> bool {
    match key {
        Key::Value(value) => push_key_value(out, value),
        Key::Range { name, from, to } => {
            out.push_str(r#""key":"#);
            push_json_string(name, out);
            push_bound(out, "from", from.as_ref());
            push_bound(out, "to", to.as_ref());
        }
        Key::Composite(values) => {
            out.push_str(r#""key":"#);
            push_object(out, values.iter().map(|(name, value)| (name.as_str(), value)));
        }
        Key::Name(_) | Key::Only => return false,
    }
    true
}

fn push_key_value(out: &mut String, value: &Scalar) {
    match value {
        Scalar::Date(time) => {
            push_as_string(out, "key", *time);
            out.push_str(&format!(r#","key":{}"#, time.millis()));
        }
        Scalar::Bool(value) => {
            out.push_str(&format!(r#""key":{},"key_as_string":"{value}""#, u8::from(*value)));
        }
        value => {
            out.push_str(r#""key":"#);
            push_scalar(out, value);
        }
    }
}

fn push_bound(out: &mut String, name: &str, bound: Option<&Scalar>) {
    let Some(bound) = bound else { return };
    out.push_str(&format!(r#","{name}":"#));
    match bound {
        #[expect(clippy::cast_precision_loss, reason = "Elasticsearch writes bounds as doubles")]
        Scalar::Long(value) => push_double(out, *value as f64),
        bound => push_scalar(out, bound),
    }
    if let Scalar::Date(time) = bound {
        out.push(',');
        push_as_string(out, name, *time);
    }
}

pub(super) fn push_as_string(out: &mut String, name: &str, time: Timestamp) {
    out.push_str(&format!(r#""{name}_as_string":"{time}""#));
}

fn push_object<'a>(out: &mut String, members: impl Iterator<Item = (&'a str, &'a Scalar)>) {
    out.push('{');
    for (at, (name, value)) in members.enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_json_string(name, out);
        out.push(':');
        push_scalar(out, value);
    }
    out.push('}');
}

/// Whether the values of a metric are times.
pub(super) fn is_time(metric: &Metric) -> bool {
    let field = match metric {
        Metric::Avg(field)
        | Metric::Sum(field)
        | Metric::Min(field)
        | Metric::Max(field)
        | Metric::Stats(field)
        | Metric::ExtendedStats(field)
        | Metric::Percentiles(field, _) => field,
        Metric::ValueCount(_) | Metric::Cardinality(..) => return false,
    };
    field.kind() == Kind::Date
}

#[cfg(test)]
mod tests;
