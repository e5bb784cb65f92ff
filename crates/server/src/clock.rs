//! The one place where the server reads the wall clock; everything else is told what time it is.

use schema::Timestamp;

/// Now. Before 1970 counts as 1970.
#[expect(clippy::disallowed_methods, reason = "this is the edge that reads the clock")]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
