//! Elasticsearch's search JSON, to and from [`schema::search`].
//!
//! Strict: each clause takes its options by name, and what is left over is refused with the path that leads to it
//! (`query.bool.must[1].terms`). Nothing is ignored but what provably changes no result here (`boost`: there is no
//! relevance; `shard_size`: counts are exact), and what a user may have expected of it is said in a note.
//!
//! What is not there: relevance, scripts, geo, nested documents, pipeline aggregations. They are refused by name.
//!
//! ```
//! use elastic::search;
//! use schema::Timestamp;
//! use schema::search::{Options, query_string};
//!
//! let options = Options::page(Timestamp::from_millis(0));
//! let parsed = search::query(r#"{"bool": {"must_not": {"term": {"process.name": "curl"}}}}"#, &options).unwrap();
//! assert_eq!(query_string::print(&parsed.query).unwrap(), "NOT process.name:curl");
//!
//! let refused = search::query(r#"{"terms": {"process.name": ["a"], "boost_mode": 1}}"#, &options).unwrap_err();
//! assert_eq!((refused.reason.as_str(), refused.path.as_str()), ("[terms] requires one field", "query.terms"));
//! ```

mod aggregation;
mod body;
mod full_text;
mod json;
mod metric;
mod print;
mod query;
mod reader;
mod simple;
mod sort;

use schema::search::{Named, Options, Parsed, Scalar, Sort};

use json::Json;
use reader::{At, Context};

pub use body::{Body, Source};
pub use print::{print_aggregations, print_query, print_search};

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
    let (json, context) = (read(json, "query")?, Context::new(options));
    let query = query::query(&At::new(&json, "query"), &context, 1)?;
    Ok(Parsed { query, notes: context.into_notes() })
}

/// Reads aggregations: `{"name": {"terms": {...}, "aggs": {...}}}`, and notes about them. Paths in errors begin with `aggs`.
///
/// # Errors
/// As [`query()`].
pub fn aggregations(json: &str, options: &Options<'_>) -> Result<(Vec<Named>, Vec<String>), BadSearch> {
    let (json, context) = (read(json, "aggs")?, Context::new(options));
    let named = aggregation::aggregations(&At::new(&json, "aggs"), &context, 1)?;
    Ok((named, context.into_notes()))
}

/// Reads a sort: `[{"@timestamp": "desc"}, "host.name"]`.
///
/// # Errors
/// As [`query()`].
pub fn sort(json: &str, options: &Options<'_>) -> Result<Vec<Sort>, BadSearch> {
    let (json, context) = (read(json, "sort")?, Context::new(options));
    sort::sort(&At::new(&json, "sort"), &context)
}

/// Reads the sort values of a hit, to go on after it: one for each key of the sort (empty: newest first), and the event's id.
///
/// # Errors
/// As [`query()`].
pub fn search_after(json: &str, sort: &[Sort]) -> Result<Vec<Scalar>, BadSearch> {
    let json = read(json, "search_after")?;
    sort::search_after(&At::new(&json, "search_after"), sort)
}

/// Reads the body of `_search`.
///
/// # Errors
/// As [`query()`].
pub fn body(json: &str, options: &Options<'_>) -> Result<Body, BadSearch> {
    let (json, context) = (read(json, "")?, Context::new(options));
    let (search, source) = body::body(&At::new(&json, ""), &context)?;
    Ok(Body { search, source, notes: context.into_notes() })
}

fn read(json: &str, path: &str) -> Result<Json, BadSearch> {
    Json::read(json).map_err(|reason| BadSearch { kind: "parsing_exception", reason, path: path.to_owned() })
}

#[cfg(test)]
mod tests;
