//! Media types and headers that Elasticsearch's clients insist on.
//!
//! A client of version 8 or 9 sends `application/vnd.elasticsearch+json; compatible-with=8` and wants it back; older ones,
//! OpenSearch's and curl send `application/json`.

/// On every 2xx: `elasticsearch-py` and Logstash 7.16 or later refuse a server without it.
pub const PRODUCT_HEADER: (&str, &str) = ("X-Elastic-Product", "Elasticsearch");

/// Plain JSON.
pub const JSON: &str = "application/json";
/// Newline-delimited JSON, the body of `_bulk`.
pub const NDJSON: &str = "application/x-ndjson";

/// Oldest and newest `compatible-with` that is answered in kind.
const COMPATIBLE: std::ops::RangeInclusive<u8> = 7..=9;

/// The `Content-Type` of an answer for a request with these headers: what `Accept` asks for if it is one of
/// Elasticsearch's own types, else what the request itself was sent as, else plain JSON.
#[must_use]
pub fn of_answer(accept: Option<&str>, content_type: Option<&str>) -> String {
    let version = |header: Option<&str>| header?.split(',').find_map(compatible_with);
    match version(accept).or_else(|| accept.is_none_or(any_type).then(|| version(content_type)).flatten()) {
        Some(version) => format!("application/vnd.elasticsearch+json;compatible-with={version}"),
        None => JSON.to_owned(),
    }
}

/// Whether a body of this type can be a bulk body. Absent is taken, as curl users forget it and the body says it anyway;
/// form types are refused, because a browser sends those across sites without asking.
#[must_use]
pub fn is_bulk(content_type: Option<&str>) -> bool {
    let Some(essence) = content_type.map(essence) else { return true };
    essence == JSON
        || essence == NDJSON
        || essence == "application/vnd.elasticsearch+json"
        || essence == "application/vnd.elasticsearch+x-ndjson"
}

fn any_type(accept: &str) -> bool {
    essence(accept) == "*/*"
}

fn essence(header: &str) -> String {
    header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The version of `application/vnd.elasticsearch+json; compatible-with=N`.
fn compatible_with(header: &str) -> Option<u8> {
    let mut parts = header.split(';').map(|part| part.trim().to_ascii_lowercase());
    let own = parts.next()?.starts_with("application/vnd.elasticsearch+");
    let version = parts.find_map(|part| part.strip_prefix("compatible-with=")?.parse().ok())?;
    (own && COMPATIBLE.contains(&version)).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_their_own_type_back() {
        let own = "application/vnd.elasticsearch+json;compatible-with=8";
        for (accept, content_type, expect) in [
            (Some("application/vnd.elasticsearch+json; compatible-with=8"), None, own),
            (None, Some("application/vnd.elasticsearch+x-ndjson;compatible-with=8"), own),
            (Some("*/*"), Some("application/vnd.elasticsearch+json; compatible-with=8"), own),
            (Some("application/json"), Some("application/vnd.elasticsearch+json; compatible-with=8"), JSON),
            (Some("application/vnd.elasticsearch+json; compatible-with=77"), None, JSON),
            (Some("text/html, application/vnd.elasticsearch+json;compatible-with=8"), None, own),
            (None, None, JSON),
            (Some(";;="), Some(";"), JSON),
        ] {
            assert_eq!(of_answer(accept, content_type), expect, "{accept:?} {content_type:?}");
        }
    }

    #[test]
    fn bulk_bodies_are_json() {
        for yes in [
            None,
            Some("application/x-ndjson"),
            Some("Application/JSON; charset=utf-8"),
            Some("application/vnd.elasticsearch+x-ndjson; compatible-with=9"),
        ] {
            assert!(is_bulk(yes), "{yes:?}");
        }
        for no in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
            assert!(!is_bulk(Some(no)), "{no}");
        }
    }
}
