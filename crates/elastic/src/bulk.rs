//! `POST /_bulk`: newline-delimited JSON, an action line and a document line in turns, and the answer, item by item.
//!
//! The reader borrows everything from the body and looks only at action lines: a document that is no JSON is somebody
//! else's evidence, not an error here. An action line that cannot be read is an error of the whole body, as in
//! Elasticsearch, since nobody could say where the next item begins.
//!
//! ```
//! use elastic::bulk::{Action, Items, write_create};
//!
//! let mut body = Vec::new();
//! write_create(&mut body, "logs-auditng.audit-default", "a-1", br#"{"message":"hello"}"#);
//! let items: Vec<_> = Items::new(&body).collect::<Result<_, _>>().unwrap();
//! assert_eq!(items[0].action, Action::Create);
//! assert_eq!(items[0].id.as_deref(), Some("a-1"));
//! assert_eq!(items[0].document, Some(&br#"{"message":"hello"}"#[..]));
//! ```

mod items;
mod response;

pub use items::{BadBody, Item, Items};
pub use response::{BadResponse, ItemResult, Refusal, Response, Verdict};

use std::fmt;

/// What an item asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Store, unless the id is there already.
    Create,
    /// Store, replace what is there.
    Index,
    /// Change what is there.
    Update,
    /// Remove what is there; has no document line.
    Delete,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 4] = [Self::Create, Self::Index, Self::Update, Self::Delete];

    /// The word on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Index => "index",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// The action with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Appends one `create` item to a body. Line ends inside the document can only be white space between JSON tokens; they
/// become spaces, so that a document never spills into the next item.
pub fn write_create(out: &mut Vec<u8>, index: &str, id: &str, document: &[u8]) {
    out.reserve(document.len() + index.len() + id.len() + 40);
    out.extend_from_slice(br#"{"create":{"_index":"#);
    push_string(out, index);
    out.extend_from_slice(br#","_id":"#);
    push_string(out, id);
    out.extend_from_slice(b"}}\n");
    let from = out.len();
    out.extend_from_slice(document);
    if memchr::memchr2(b'\n', b'\r', &out[from..]).is_some() {
        out[from..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    }
    out.push(b'\n');
}

/// Appends a JSON string literal.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        let mut quoted = String::with_capacity(text.len() + 8);
        schema::event::push_json_string(text, &mut quoted);
        out.extend_from_slice(quoted.as_bytes());
    }
}

#[cfg(test)]
mod tests;
