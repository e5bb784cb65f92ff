//! From the lines of a bulk body to events: pure, the same when a body arrives and when the log is played again.
//!
//! A document that is no JSON is evidence: it becomes an event of stream `other` with its text in `event.original` and the
//! reason in `error.message`. An action line that cannot be read is an error of the whole body, since nobody could say
//! where the next item begins.
//!
//! The server adds `event.ingested`, `auditng.ingest_seq`, `event.id` where the sender gave none, and `@timestamp` where
//! there is none. What a document claims for the first two is dropped; an `event.id` that is not the item's `_id` moves to
//! `labels.event_id`. Nothing else changes.

use std::borrow::Cow;

use elastic::bulk::{Action, BadBody, Items};
use schema::{AgentId, Event, EventId, IngestSeq, Lane, Stream, Timestamp, Value, field};

/// Bounds of one body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Largest event in bytes; a larger one is refused.
    pub event_bytes: usize,
    /// Most items; with more the body is refused.
    pub items: usize,
    /// Alerts and anomalies are taken: the server itself made the body.
    pub alerts: bool,
}

/// One item of a body.
#[derive(Debug)]
pub struct Item<'a> {
    /// `create` or `index`; anything else is refused.
    pub action: Action,
    /// `_index` as sent.
    pub index: Option<Cow<'a, str>>,
    /// Who it is.
    pub id: Id<'a>,
    /// The event, without what the server adds; or why there is none.
    pub event: Result<Event, Refused>,
}

/// Who an item is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Id<'a> {
    /// One of our agents' events.
    Ours(EventId),
    /// The `_id` of somebody else's document.
    Foreign(Cow<'a, str>),
    /// None was sent: the server gives one.
    None,
}

/// An item that will never be taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Elasticsearch's name for it.
    pub kind: &'static str,
    /// In words.
    pub reason: Cow<'static, str>,
}

/// A body that is refused whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// An action line cannot be read.
    #[error(transparent)]
    Bad(#[from] BadBody),
    /// Too many items.
    #[error("the body has more than {0} items; send fewer at once")]
    TooMany(usize),
    /// Nothing in it.
    #[error("request body is required")]
    Empty,
    /// An agent sends events of another one.
    #[error("agent {sender} sent an event of agent {other}: an agent may only send its own")]
    Stranger {
        /// Who sends.
        sender: AgentId,
        /// Whose event it is.
        other: AgentId,
    },
}

/// Longest `_id`, as in Elasticsearch.
const MAX_ID: usize = 512;

/// Reads all items. `sender` is the agent that sends, `node` this server's own id.
///
/// # Errors
/// See [`BodyError`].
pub fn read(
    body: &[u8],
    limits: Limits,
    sender: Option<AgentId>,
    node: AgentId,
    received: Timestamp,
) -> Result<Vec<Item<'_>>, BodyError> {
    let mut items = Vec::new();
    if body.is_empty() {
        return Err(BodyError::Empty);
    }
    for item in Items::new(body) {
        let item = item?;
        if items.len() == limits.items {
            return Err(BodyError::TooMany(limits.items));
        }
        let id = identify(item.id);
        if let (Some(sender), Id::Ours(id)) = (sender, &id)
            && id.agent != sender
        {
            return Err(BodyError::Stranger { sender, other: id.agent });
        }
        let read = checked(item.action, item.document, &id, limits, node)
            .map(|document| event(document, &id, received))
            .and_then(|event| if limits.alerts { Ok(event) } else { allowed(event) });
        items.push(Item { action: item.action, index: item.index, id, event: read });
    }
    if items.is_empty() { Err(BodyError::Empty) } else { Ok(items) }
}

fn identify(id: Option<Cow<'_, str>>) -> Id<'_> {
    match id {
        None => Id::None,
        Some(id) if id.is_empty() => Id::None,
        Some(id) => id.parse().map_or(Id::Foreign(id), Id::Ours),
    }
}

/// What can be refused without reading the document.
fn checked<'a>(
    action: Action,
    document: Option<&'a [u8]>,
    id: &Id<'_>,
    limits: Limits,
    node: AgentId,
) -> Result<&'a [u8], Refused> {
    let refuse = |kind, reason| Err(Refused { kind, reason });
    if !matches!(action, Action::Create | Action::Index) {
        return refuse("illegal_argument_exception", "event streams are append-only".into());
    }
    match id {
        Id::Ours(id) if id.agent == node => {
            return refuse("illegal_argument_exception", "the id belongs to this server".into());
        }
        Id::Ours(id) if Lane::from_number(id.lane_number()).is_none() => {
            return refuse("illegal_argument_exception", format!("lane {} is not known", id.lane_number()).into());
        }
        Id::Foreign(id) if id.len() > MAX_ID => {
            return refuse("illegal_argument_exception", format!("_id is longer than {MAX_ID} bytes").into());
        }
        _ => {}
    }
    match document {
        Some(document) if document.len() <= limits.event_bytes => Ok(document),
        Some(document) => {
            let reason = format!("the event has {} bytes, at most {} are taken", document.len(), limits.event_bytes);
            refuse("document_parsing_exception", reason.into())
        }
        None => refuse("illegal_argument_exception", "the document is missing".into()),
    }
}

/// Alerts and anomalies are made by the server; whoever may send events must not be able to forge them.
fn allowed(event: Event) -> Result<Event, Refused> {
    match event.stream() {
        Stream::Alert | Stream::Anomaly => Err(Refused {
            kind: "illegal_argument_exception",
            reason: "streams alert and anomaly are written by the server only".into(),
        }),
        _ => Ok(event),
    }
}

fn event(document: &[u8], id: &Id<'_>, received: Timestamp) -> Event {
    let read = str::from_utf8(document)
        .map_err(|error| error.to_string())
        .and_then(|text| Event::from_json(text).map_err(|error| error.to_string()));
    match read {
        Ok(event) => without_claims(event, document, id),
        Err(reason) => evidence(document, &reason, received),
    }
}

fn evidence(document: &[u8], reason: &str, received: Timestamp) -> Event {
    let mut event = Event::new(received);
    event.push_str(field::ERROR_MESSAGE, reason);
    event.push_str(field::EVENT_DATASET, Stream::Other.dataset());
    event.push_bytes(field::EVENT_ORIGINAL, document);
    event
}

/// Takes away what only the server may say.
fn without_claims(event: Event, document: &[u8], id: &Id<'_>) -> Event {
    let named = event.get(field::EVENT_ID);
    let name_fits = match (id, named) {
        (_, None) => true,
        (Id::Ours(id), Some(Value::Text(name))) => name.parse() == Ok(*id),
        (Id::Foreign(id), Some(Value::Text(name))) => name == id,
        _ => false,
    };
    let claims = [field::EVENT_INGESTED, field::AUDITNG_INGEST_SEQ].iter().any(|&field| event.get(field).is_some());
    if name_fits && !claims {
        return event;
    }
    let Ok(mut json) = serde_json::from_slice::<serde_json::Value>(document) else { return event };
    remove(&mut json, field::EVENT_INGESTED.name());
    remove(&mut json, field::AUDITNG_INGEST_SEQ.name());
    let other = if name_fits { None } else { remove(&mut json, field::EVENT_ID.name()) };
    let Ok(mut event) = Event::from_json(&json.to_string()) else { return event };
    if let Some(other) = other {
        let other = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
        event.push_keyed(field::LABELS, "event_id", Value::Text(&other));
    }
    event
}

/// Removes the member at a dotted path, however the path is split into names.
fn remove(json: &mut serde_json::Value, path: &str) -> Option<serde_json::Value> {
    let object = json.as_object_mut()?;
    let direct = object.remove(path);
    let nested = object
        .iter_mut()
        .filter_map(|(name, inner)| remove(inner, path.strip_prefix(name.as_str())?.strip_prefix('.')?))
        .last();
    direct.or(nested)
}

/// The id under which an accepted item is known.
#[must_use]
pub fn name(id: &Id<'_>, node: AgentId, seq: IngestSeq) -> String {
    match id {
        Id::Ours(id) => id.to_string(),
        Id::Foreign(id) => id.clone().into_owned(),
        Id::None => own_id(node, seq).to_string(),
    }
}

/// The id that the server gives: its own agent id, and the sequence as counter. So it is the same when the log is played
/// again. Epoch 0, which no agent uses.
#[must_use]
pub const fn own_id(node: AgentId, seq: IngestSeq) -> EventId {
    EventId::new(node, 0, Lane::Normal, seq.0)
}

/// Adds what the server knows.
pub fn finish(event: &mut Event, id: &Id<'_>, node: AgentId, seq: IngestSeq, received: Timestamp) {
    if event.get(field::TIMESTAMP).is_none() {
        event.push_date(field::TIMESTAMP, received);
    }
    if event.get(field::EVENT_ID).is_none() {
        event.push_str(field::EVENT_ID, &name(id, node, seq));
    }
    let suspect = event.time().is_some_and(|time| store::embedded::is_suspect(time, received));
    if suspect && event.get(field::AUDITNG_TIME_SUSPECT).is_none() {
        event.push_bool(field::AUDITNG_TIME_SUSPECT, true);
    }
    event.push_date(field::EVENT_INGESTED, received);
    event.push_long(field::AUDITNG_INGEST_SEQ, i64::try_from(seq.0).unwrap_or(i64::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { event_bytes: 1000, items: 10, alerts: false };
    const NODE: AgentId = AgentId::from_bytes([9; 6]);
    const NOW: Timestamp = Timestamp::from_millis(1_795_507_200_000);
    const OURS: &str = "010203040506-00000001-100000000007";

    fn read_one(lines: &str) -> (Id<'static>, Result<String, Refused>) {
        let items = read(lines.as_bytes(), LIMITS, None, NODE, NOW).unwrap();
        assert_eq!(items.len(), 1);
        let item = items.into_iter().next().unwrap();
        let id = match item.id {
            Id::Foreign(id) => Id::Foreign(id.into_owned().into()),
            Id::Ours(id) => Id::Ours(id),
            Id::None => Id::None,
        };
        let event = item.event.map(|mut event| {
            finish(&mut event, &id, NODE, IngestSeq(5), NOW);
            event.to_json()
        });
        (id, event)
    }

    const STAMPED: &str = r#""ingested":"2026-11-24T08:00:00.000Z""#;

    #[test]
    fn our_events_get_what_the_server_knows() {
        let (id, event) = read_one(&format!(
            "{{\"create\":{{\"_id\":\"{OURS}\"}}}}\n{{\"@timestamp\":\"2026-11-24T07:00:00.000Z\",\"event\":{{\"id\":\"{OURS}\"}}}}\n"
        ));
        assert_eq!(id, Id::Ours(OURS.parse().unwrap()));
        assert_eq!(
            event.unwrap(),
            format!(
                r#"{{"@timestamp":"2026-11-24T07:00:00.000Z","auditng":{{"ingest_seq":5}},"event":{{"id":"{OURS}",{STAMPED}}}}}"#
            )
        );
    }

    #[test]
    fn foreign_documents_get_an_id() {
        let (id, event) = read_one("{\"index\":{}}\n{\"message\":\"x\"}\n");
        assert_eq!(id, Id::None);
        assert!(event.unwrap().contains(r#""id":"090909090909-00000000-100000000005""#));
        let (id, event) = read_one("{\"create\":{\"_id\":\"abc\"}}\n{\"message\":\"x\"}\n");
        assert_eq!(id, Id::Foreign("abc".into()));
        assert!(event.unwrap().contains(r#""id":"abc""#));
    }

    #[test]
    fn claims_are_dropped_however_they_are_written() {
        for document in [
            r#"{"auditng":{"ingest_seq":1},"event":{"ingested":"x","id":"evil"},"a":1}"#,
            r#"{"auditng.ingest_seq":1,"event.ingested":"x","event.id":"evil","a":1}"#,
        ] {
            let event = read_one(&format!("{{\"create\":{{}}}}\n{document}\n")).1.unwrap();
            assert!(event.contains(r#""ingest_seq":5"#) && event.contains(STAMPED), "{event}");
            assert!(event.contains(r#""id":"090909090909-00000000-100000000005""#), "{event}");
            assert!(event.contains(r#""labels":{"event_id":"evil"}"#), "{event}");
            assert!(!event.contains(r#""id":"evil""#) && event.contains(r#""a":1"#), "{event}");
        }
    }

    #[test]
    fn what_is_no_json_is_kept() {
        let mut body = b"{\"create\":{}}\n".to_vec();
        body.extend_from_slice(b"\xff\xfe not json\n");
        let items = read(&body, LIMITS, None, NODE, NOW).unwrap();
        let event = items[0].event.as_ref().unwrap();
        assert_eq!(event.str(field::EVENT_ORIGINAL), Some(r"\xff\xfe not json"));
        assert!(event.str(field::ERROR_MESSAGE).is_some());
        assert_eq!(event.stream(), Stream::Other);
    }

    #[test]
    fn items_are_refused_one_by_one() {
        let long = "x".repeat(1000);
        for lines in [
            "{\"delete\":{\"_id\":\"a\"}}\n".to_owned(),
            "{\"update\":{\"_id\":\"a\"}}\n{}\n".to_owned(),
            format!("{{\"create\":{{}}}}\n{{\"a\":\"{long}\"}}\n"),
            "{\"create\":{\"_id\":\"090909090909-00000001-000000000001\"}}\n{}\n".to_owned(),
            "{\"create\":{\"_id\":\"010203040506-00000001-f00000000001\"}}\n{}\n".to_owned(),
            "{\"create\":{}}\n{\"event\":{\"dataset\":\"auditng.alert\"}}\n".to_owned(),
        ] {
            assert!(read_one(&lines).1.is_err(), "{lines}");
        }
    }

    #[test]
    fn bodies_are_refused_whole() {
        let stranger = format!("{{\"create\":{{\"_id\":\"{OURS}\"}}}}\n{{}}\n");
        let sender = Some(AgentId::from_bytes([1; 6]));
        assert!(matches!(read(stranger.as_bytes(), LIMITS, sender, NODE, NOW), Err(BodyError::Stranger { .. })));
        let many = "{\"create\":{}}\n{}\n".repeat(11);
        assert!(matches!(read(many.as_bytes(), LIMITS, None, NODE, NOW), Err(BodyError::TooMany(10))));
        assert!(matches!(read(b"\n\n", LIMITS, None, NODE, NOW), Err(BodyError::Empty)));
        assert!(matches!(read(b"", LIMITS, None, NODE, NOW), Err(BodyError::Empty)));
        assert!(matches!(read(b"nonsense\n{}\n", LIMITS, None, NODE, NOW), Err(BodyError::Bad(_))));
    }
}
