//! Elasticsearch's search JSON -> [`schema::search`].

use schema::search::{Named, Options, Parsed, Scalar, Sort};

/// A search that is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason} (at {path})")]
pub struct BadSearch {
    /// Elasticsearch's name for it: `parsing_exception`, `illegal_argument_exception`.
    pub kind: &'static str,
    /// What is wrong and what to do.
    pub reason: String,
    /// Where in the JSON: `query.bool.must[1].terms`.
    pub path: String,
}

/// Reads a query: `{"bool": {...}}`. Paths in errors begin with `query`.
///
/// # Errors
/// Whatever is not known is refused by name; nothing is ignored.
pub fn query(json: &str, options: &Options<'_>) -> Result<Parsed, BadSearch> {
    let _ = (json, options);
    Err(BadSearch { kind: "parsing_exception", reason: String::new(), path: "query".to_owned() })
}

/// Reads aggregations: `{"name": {"terms": {...}, "aggs": {...}}}`, and notes about them. Paths in errors begin with `aggs`.
///
/// # Errors
/// As [`query`].
pub fn aggregations(json: &str, options: &Options<'_>) -> Result<(Vec<Named>, Vec<String>), BadSearch> {
    let _ = (json, options);
    Err(BadSearch { kind: "parsing_exception", reason: String::new(), path: "aggs".to_owned() })
}

/// Reads a sort: `[{"@timestamp": "desc"}, "host.name"]`.
///
/// # Errors
/// As [`query`].
pub fn sort(json: &str, options: &Options<'_>) -> Result<Vec<Sort>, BadSearch> {
    let _ = (json, options);
    Err(BadSearch { kind: "parsing_exception", reason: String::new(), path: "sort".to_owned() })
}

/// Reads the sort values of a hit, to go on after it: one for each key of the sort (empty: newest first), and the event's id.
///
/// # Errors
/// As [`query`].
pub fn search_after(json: &str, sort: &[Sort]) -> Result<Vec<Scalar>, BadSearch> {
    let _ = (json, sort);
    Err(BadSearch { kind: "parsing_exception", reason: String::new(), path: "search_after".to_owned() })
}
