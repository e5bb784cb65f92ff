//! From a server: every host that it knows, with the events that tell of its files.

use fim::report::{Gather, Report};
use schema::{Event, Timestamp};
use serde_json::Value as Json;

use super::millis;
use crate::exit::{Code, Failure};
use crate::remote::Server;

/// Scans and coverage are read from so long before the report's time on: the last comparison before it, and what was told of a
/// place then.
const BEFORE_MS: i64 = 35 * 86_400_000;

/// Told at each start and each approval, so those of all time are few.
const EVER: &str = "event.action:(fim-policy OR fim-baseline) NOT event.dataset:auditng.alert";
/// What tells of watching.
const NOTICES: &str = "event.action:(fim-scan OR fim-coverage OR fim-scan-stale OR agent-silent) OR (event.action:source-loss auditng.loss.stage:fim*)";

pub(super) fn report(server: &Server, (from, to): (Timestamp, Timestamp), now: Timestamp) -> Result<Report, Failure> {
    let mut gather = Gather::new(from, to);
    for agent in list(&server.get("/api/agents")?, None) {
        gather.host(host_of(agent, "name"), text(agent, "id"), "");
    }
    for baseline in list(&server.get("/api/v1/fim/baselines")?, Some("baselines")) {
        gather.host(host_of(baseline, "host"), text(baseline, "agent"), text(baseline, "standing"));
    }
    let until = millis(to).saturating_add(1);
    take(server, EVER, "health,fim", (None, until), &mut gather)?;
    take(server, NOTICES, "health,fim", (Some(millis(from) - BEFORE_MS), until), &mut gather)?;
    take(server, "", "fim", (Some(millis(from)), until), &mut gather)?;
    Ok(gather.finish(now, &server.url))
}

fn list<'a>(answer: &'a Json, name: Option<&str>) -> impl Iterator<Item = &'a Json> {
    let list = name.map_or(answer, |name| &answer[name]);
    list.as_array().into_iter().flatten()
}

fn text<'a>(of: &'a Json, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_default()
}

/// The name, or the id where there is none.
fn host_of<'a>(of: &'a Json, name: &str) -> &'a str {
    [name, "id", "agent"].iter().map(|name| text(of, name)).find(|text| !text.is_empty()).unwrap_or("unknown host")
}

/// Takes all events of a query.
fn take(
    server: &Server,
    query: &str,
    streams: &str,
    (from, to): (Option<i64>, i64),
    gather: &mut Gather,
) -> Result<(), Failure> {
    let from = from.map_or_else(String::new, |from| format!("&from={from}"));
    let path = format!("/api/export?format=ndjson&streams={streams}&query={}{from}&to={to}", encoded(query));
    for line in server.read(&path)?.lines() {
        let event = Event::from_json(line).map_err(|error| {
            Failure::new(Code::Refused, format!("{} gave an event that is none: {error}", server.url))
        })?;
        gather.take(&event);
    }
    Ok(())
}

/// For the query of a URL.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let byte = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_stand_in_urls() {
        assert_eq!(encoded("a:(b OR c)*&=\u{e9}"), "a%3A%28b%20OR%20c%29%2A%26%3D%C3%A9");
    }

    #[test]
    fn hosts_have_some_name() {
        assert_eq!(host_of(&serde_json::json!({"name": "", "id": "ab"}), "name"), "ab");
        assert_eq!(host_of(&serde_json::json!({}), "name"), "unknown host");
    }
}
