//! The answer to a body, item by item: written as Elasticsearch writes it, read as Elasticsearch, OpenSearch or we wrote it.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Action, push_string};

/// The answer to one body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response<'a> {
    /// How long it took.
    pub took_ms: u64,
    /// One for each item, in the order sent.
    pub items: Vec<ItemResult<'a>>,
}

/// What became of one item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ItemResult<'a> {
    /// What was asked.
    pub action: Action,
    /// Where it lies or would lie.
    pub index: Cow<'a, str>,
    /// Its id, empty where there is none.
    pub id: Cow<'a, str>,
    /// 201 stored, 200 replaced, 409 there already, else refused.
    pub status: u16,
    /// `_seq_no` of what was stored.
    pub seq: Option<u64>,
    /// Why it was refused.
    pub refusal: Option<Refusal>,
}

/// Why an item was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Elasticsearch's name for it (`version_conflict_engine_exception`).
    pub kind: Cow<'static, str>,
    /// In words.
    pub reason: String,
}

/// What a shipper does about an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is there (stored now, or before).
    Delivered,
    /// Send it again later.
    Retry,
    /// It will never be taken: set it aside with the reason.
    Refused,
}

/// An answer that says nothing reliable about the items: none of them may be taken for delivered.
#[derive(Debug, thiserror::Error)]
pub enum BadResponse {
    /// Not JSON, or JSON of another form: a proxy's page, a cut connection.
    #[error("the answer to _bulk is not one (it begins {begins:?})")]
    Garbage {
        /// Its first characters.
        begins: String,
        /// What the JSON reader says.
        #[source]
        source: serde_json::Error,
    },
    /// More or fewer items than were sent.
    #[error("the answer to _bulk has {found} items for {sent} sent")]
    Count {
        /// Items in the answer.
        found: usize,
        /// Items in the body.
        sent: usize,
    },
    /// An item without a readable action or status.
    #[error("item {at} of the answer to _bulk has no action with a status")]
    Item {
        /// Which one, from 0.
        at: usize,
    },
}

impl<'a> ItemResult<'a> {
    /// Stored, durable, at this place in the order of acceptance.
    #[must_use]
    pub fn created(action: Action, index: impl Into<Cow<'a, str>>, id: impl Into<Cow<'a, str>>, seq: u64) -> Self {
        Self { action, index: index.into(), id: id.into(), status: 201, seq: Some(seq), refusal: None }
    }

    /// An event with this id is there already.
    #[must_use]
    pub fn duplicate(action: Action, index: impl Into<Cow<'a, str>>, id: impl Into<Cow<'a, str>>) -> Self {
        let id = id.into();
        let reason = format!("[{id}]: version conflict, document already exists (current version [1])");
        Self::refused(action, index, id, 409, "version_conflict_engine_exception", reason)
    }

    /// Not stored.
    #[must_use]
    pub fn refused(
        action: Action,
        index: impl Into<Cow<'a, str>>,
        id: impl Into<Cow<'a, str>>,
        status: u16,
        kind: &'static str,
        reason: impl Into<String>,
    ) -> Self {
        let refusal = Some(Refusal { kind: kind.into(), reason: reason.into() });
        Self { action, index: index.into(), id: id.into(), status, seq: None, refusal }
    }

    /// What a shipper does about it: 2xx and 409 are delivered, 429 and 5xx come again, the rest is refused for good.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self.status {
            200..=299 | 409 => Verdict::Delivered,
            429 | 500..=599 => Verdict::Retry,
            _ => Verdict::Refused,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"");
        out.extend_from_slice(self.action.name().as_bytes());
        out.extend_from_slice(b"\":{\"_index\":");
        push_string(out, &self.index);
        out.extend_from_slice(b",\"_id\":");
        push_string(out, &self.id);
        match &self.refusal {
            None => self.write_stored(out),
            Some(refusal) => {
                push_number(out, ",\"status\":", self.status.into());
                out.extend_from_slice(b",\"error\":{\"type\":");
                push_string(out, &refusal.kind);
                out.extend_from_slice(b",\"reason\":");
                push_string(out, &refusal.reason);
                out.push(b'}');
            }
        }
        out.extend_from_slice(b"}}");
    }

    fn write_stored(&self, out: &mut Vec<u8>) {
        let result = if self.status == 201 { "created" } else { "updated" };
        out.extend_from_slice(b",\"_version\":1,\"result\":\"");
        out.extend_from_slice(result.as_bytes());
        out.extend_from_slice(b"\",\"_shards\":{\"total\":1,\"successful\":1,\"failed\":0}");
        if let Some(seq) = self.seq {
            push_number(out, ",\"_seq_no\":", seq);
        }
        out.extend_from_slice(b",\"_primary_term\":1");
        push_number(out, ",\"status\":", self.status.into());
    }
}

impl<'a> Response<'a> {
    /// Whether any item is not 2xx, which is what `errors` says on the wire.
    #[must_use]
    pub fn errors(&self) -> bool {
        self.items.iter().any(|item| !(200..300).contains(&item.status))
    }

    /// Appends the answer as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.items.len() * 220 + 64);
        // Fluent Bit looks for the very text `"errors":false` near the beginning.
        out.extend_from_slice(if self.errors() { b"{\"errors\":true" } else { b"{\"errors\":false" });
        push_number(out, ",\"took\":", self.took_ms);
        out.extend_from_slice(b",\"items\":[");
        for (at, item) in self.items.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            item.write(out);
        }
        out.extend_from_slice(b"]}");
    }

    /// Reads the answer to a body of `sent` items. What it does not need (shards, versions, causes) is passed over.
    ///
    /// # Errors
    /// See [`BadResponse`]: whatever the HTTP status was, nothing of the body may then be taken for delivered.
    pub fn parse(answer: &'a [u8], sent: usize) -> Result<Self, BadResponse> {
        let raw: RawResponse<'_> = serde_json::from_slice(answer).map_err(|source| BadResponse::Garbage {
            begins: String::from_utf8_lossy(&answer[..answer.len().min(80)]).into_owned(),
            source,
        })?;
        if raw.items.len() != sent {
            return Err(BadResponse::Count { found: raw.items.len(), sent });
        }
        let items = raw.items.iter().enumerate();
        let items =
            items.map(|(at, item)| read_item(item).ok_or(BadResponse::Item { at })).collect::<Result<_, _>>()?;
        Ok(Self { took_ms: raw.took, items })
    }
}

#[derive(Deserialize)]
struct RawResponse<'a> {
    #[serde(default)]
    took: u64,
    #[serde(borrow)]
    items: Vec<RawItem<'a>>,
}

/// One key, the action; the others are never there, and `None`.
#[derive(Deserialize)]
struct RawItem<'a> {
    #[serde(borrow)]
    create: Option<RawResult<'a>>,
    #[serde(borrow)]
    index: Option<RawResult<'a>>,
    #[serde(borrow)]
    update: Option<RawResult<'a>>,
    #[serde(borrow)]
    delete: Option<RawResult<'a>>,
}

#[derive(Deserialize)]
struct RawResult<'a> {
    #[serde(borrow, default, rename = "_index")]
    index: Cow<'a, str>,
    #[serde(borrow, default, rename = "_id")]
    id: Option<Cow<'a, str>>,
    status: u16,
    #[serde(default, rename = "_seq_no")]
    seq: Option<u64>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

fn read_item<'a>(item: &RawItem<'a>) -> Option<ItemResult<'a>> {
    let (action, result) = [
        (Action::Create, &item.create),
        (Action::Index, &item.index),
        (Action::Update, &item.update),
        (Action::Delete, &item.delete),
    ]
    .into_iter()
    .find_map(|(action, result)| Some((action, result.as_ref()?)))?;
    Some(ItemResult {
        action,
        index: result.index.clone(),
        id: result.id.clone().unwrap_or_default(),
        status: result.status,
        seq: result.seq,
        refusal: result.error.map(read_refusal),
    })
}

/// An error is an object with type and reason; older servers and proxies write a text.
fn read_refusal(raw: &RawValue) -> Refusal {
    #[derive(Deserialize)]
    struct Error {
        #[serde(rename = "type", default)]
        kind: String,
        #[serde(default)]
        reason: Option<String>,
    }
    match serde_json::from_str::<Error>(raw.get()) {
        Ok(error) => Refusal { kind: error.kind.into(), reason: error.reason.unwrap_or_default() },
        Err(_) => {
            let text = serde_json::from_str::<String>(raw.get()).unwrap_or_else(|_| raw.get().to_owned());
            Refusal { kind: "".into(), reason: text }
        }
    }
}

fn push_number(out: &mut Vec<u8>, before: &str, number: u64) {
    let mut text = String::with_capacity(before.len() + 20);
    // Writing to a `String` cannot fail.
    if write!(text, "{before}{number}").is_ok() {
        out.extend_from_slice(text.as_bytes());
    }
}
