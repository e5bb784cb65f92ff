//! One fact about a host, flat and typed.
//!
//! An event is a list of entries (field, key, value). All its text lies in one buffer, so building an event costs two
//! allocations however many fields it has, and none when it is reused ([`Event::clear`]). Entries stay in the order in
//! which they were pushed; several entries of one field are its several values.
//!
//! * A known name is a [`Field`] of the catalogue.
//! * A [flattened](Kind::Flattened) field has a key: `labels.team` is (`labels`, `team`).
//! * Any other name is ([`field::OTHER`], the dotted name).
//!
//! Documents of foreign shippers may have forms that the flat one cannot give back (a scalar where the catalogue says
//! many, dots in names, `[]` where nothing can stand). Such an event keeps the accepted text beside its entries, so that
//! [`Event::to_json`] is always the document that came in, plus what was pushed since.
//!
//! What this does not do: validate. A text in a number field stays a text; the store sets it aside and says so.

mod json;

use std::fmt;

use crate::field::{self, Field, Kind};
use crate::{Stream, Timestamp};

pub use json::{BadDocument, push_json_string};

/// One fact about a host. See the [module](self).
#[derive(Clone, Default)]
pub struct Event {
    slots: Vec<Slot>,
    text: String,
    /// The accepted document where the flat form cannot give it back.
    exact: Option<Exact>,
}

#[derive(Clone)]
struct Exact {
    document: Box<str>,
    /// Entries from here on were pushed after the document was read.
    slots: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    field: Field,
    key: Span,
    value: Raw,
}

/// A piece of `Event::text`. An event's text is bounded by the document limit (1 MiB), far below 4 GiB.
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    len: u32,
}

#[derive(Clone, Copy)]
enum Raw {
    Null,
    Bool(bool),
    Long(i64),
    Double(f64),
    Date(i64),
    Text(Span),
    Json(Span),
}

/// A value of an event, borrowed from it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value<'a> {
    /// JSON `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number that fits 64 bits.
    Long(i64),
    /// Any other finite number.
    Double(f64),
    /// A point in time, canonical text outside.
    Date(Timestamp),
    /// A text. Addresses, ids and non-canonical dates are texts as well.
    Text(&'a str),
    /// JSON that stays as it is: structured fields, numbers beyond 64 bits, empty objects and lists.
    Json(&'a str),
}

/// One entry of an event.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Entry<'a> {
    /// The field, or [`field::OTHER`].
    pub field: Field,
    /// The key in a flattened field, the whole name under [`field::OTHER`], else empty.
    pub key: &'a str,
    /// The value.
    pub value: Value<'a>,
}

impl Event {
    /// An event that happened at `time` and says nothing else yet.
    #[must_use]
    pub fn new(time: Timestamp) -> Self {
        let mut event = Self::default();
        event.push_date(field::TIMESTAMP, time);
        event
    }

    /// Empties the event and keeps its memory.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.text.clear();
        self.exact = None;
    }

    /// Adds a text.
    pub fn push_str(&mut self, field: Field, value: &str) {
        let value = Raw::Text(self.keep(value));
        self.push(field, Span::default(), value);
    }

    /// Adds a number.
    pub fn push_long(&mut self, field: Field, value: i64) {
        self.push(field, Span::default(), Raw::Long(value));
    }

    /// Adds a number; JSON has no form for NaN and infinities, they become `null`.
    pub fn push_double(&mut self, field: Field, value: f64) {
        self.push(field, Span::default(), if value.is_finite() { Raw::Double(value) } else { Raw::Null });
    }

    /// Adds a boolean.
    pub fn push_bool(&mut self, field: Field, value: bool) {
        self.push(field, Span::default(), Raw::Bool(value));
    }

    /// Adds a point in time.
    pub fn push_date(&mut self, field: Field, value: Timestamp) {
        self.push(field, Span::default(), Raw::Date(value.millis()));
    }

    /// Adds JSON as it stands. The caller promises that `json` is one valid JSON value.
    pub fn push_json(&mut self, field: Field, json: &str) {
        let value = Raw::Json(self.keep(json));
        self.push(field, Span::default(), value);
    }

    /// Adds any value under a key of a flattened field, or under a name outside the catalogue ([`field::OTHER`]).
    pub fn push_keyed(&mut self, field: Field, key: &str, value: Value<'_>) {
        let key = self.keep(key);
        let value = self.keep_value(value);
        self.push(field, key, value);
    }

    /// Adds bytes that should be a text. What is not UTF-8 is kept readable: each such byte as `\xNN`, each backslash
    /// doubled, and the field's name in `auditng.escaped` so that [`unescape`] can undo it.
    pub fn push_bytes(&mut self, field: Field, value: &[u8]) {
        match str::from_utf8(value) {
            Ok(text) => self.push_str(field, text),
            Err(_) => {
                self.push_str(field, &escape(value));
                self.mark_escaped(field.name());
            }
        }
    }

    /// Notes that the values of the field `name` are in the escaped form of [`escape`].
    pub fn mark_escaped(&mut self, name: &str) {
        if !self.all(field::AUDITNG_ESCAPED).any(|value| value == Value::Text(name)) {
            self.push_str(field::AUDITNG_ESCAPED, name);
        }
    }

    /// Removes all values of a field; its text stays in the buffer until [`Self::clear`].
    pub fn remove(&mut self, field: Field) {
        self.slots.retain(|slot| slot.field != field);
    }

    /// All entries in the order in which they were pushed.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> + Clone {
        self.slots.iter().map(|slot| self.entry(slot))
    }

    /// The first value of a field.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<Value<'_>> {
        self.slots.iter().find(|slot| slot.field == field).map(|slot| self.value(slot.value))
    }

    /// The first value of a field if it is a text.
    #[must_use]
    pub fn str(&self, field: Field) -> Option<&str> {
        match self.get(field)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The first value of a field if it is a whole number.
    #[must_use]
    pub fn long(&self, field: Field) -> Option<i64> {
        match self.get(field)? {
            Value::Long(number) => Some(number),
            _ => None,
        }
    }

    /// All values of a field.
    pub fn all(&self, field: Field) -> impl Iterator<Item = Value<'_>> {
        self.slots.iter().filter(move |slot| slot.field == field).map(|slot| self.value(slot.value))
    }

    /// All values under a key of a flattened field, or of a name under [`field::OTHER`].
    pub fn keyed<'a>(&'a self, field: Field, key: &'a str) -> impl Iterator<Item = Value<'a>> {
        self.entries().filter(move |entry| entry.field == field && entry.key == key).map(|entry| entry.value)
    }

    /// When it happened: `@timestamp`.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        match self.get(field::TIMESTAMP)? {
            Value::Date(time) => Some(time),
            _ => None,
        }
    }

    /// The stream that its `event.dataset` names.
    #[must_use]
    pub fn stream(&self) -> Stream {
        self.str(field::EVENT_DATASET).map_or(Stream::Other, Stream::of_dataset)
    }

    /// The accepted document, if the entries alone cannot give it back; entries from the returned place on were pushed
    /// after it was read.
    #[must_use]
    pub fn exact(&self) -> Option<(&str, usize)> {
        self.exact.as_ref().map(|exact| (&*exact.document, exact.slots))
    }

    fn push(&mut self, field: Field, key: Span, value: Raw) {
        self.slots.push(Slot { field, key, value });
    }

    fn keep(&mut self, text: &str) -> Span {
        let span = Span { start: offset(self.text.len()), len: offset(text.len()) };
        self.text.push_str(text);
        span
    }

    fn keep_value(&mut self, value: Value<'_>) -> Raw {
        match value {
            Value::Null => Raw::Null,
            Value::Bool(value) => Raw::Bool(value),
            Value::Long(value) => Raw::Long(value),
            Value::Double(value) => Raw::Double(value),
            Value::Date(value) => Raw::Date(value.millis()),
            Value::Text(text) => Raw::Text(self.keep(text)),
            Value::Json(json) => Raw::Json(self.keep(json)),
        }
    }

    fn piece(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.start as usize + span.len as usize]
    }

    fn value(&self, raw: Raw) -> Value<'_> {
        match raw {
            Raw::Null => Value::Null,
            Raw::Bool(value) => Value::Bool(value),
            Raw::Long(value) => Value::Long(value),
            Raw::Double(value) => Value::Double(value),
            Raw::Date(value) => Value::Date(Timestamp::from_millis(value)),
            Raw::Text(span) => Value::Text(self.piece(span)),
            Raw::Json(span) => Value::Json(self.piece(span)),
        }
    }

    fn entry(&self, slot: &Slot) -> Entry<'_> {
        Entry { field: slot.field, key: self.piece(slot.key), value: self.value(slot.value) }
    }
}

impl Entry<'_> {
    /// The whole dotted name.
    #[must_use]
    pub fn name(&self) -> String {
        match self.field {
            field::OTHER => self.key.to_owned(),
            field if field.kind() == Kind::Flattened => format!("{}.{}", field.name(), self.key),
            field => field.name().to_owned(),
        }
    }
}

/// Equal documents: [`Event::to_json`] is the same.
impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.to_json() == other.to_json()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

/// The readable form of bytes that are not UTF-8: such bytes as `\xNN`, backslashes doubled.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for (i, part) in chunk.valid().split('\\').enumerate() {
            if i > 0 {
                out.push_str("\\\\");
            }
            out.push_str(part);
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// The bytes that [`escape`] was given.
#[must_use]
pub fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'\\', [b'\\', after @ ..]) => {
                out.push(b'\\');
                rest = after;
            }
            (b'\\', [b'x', high, low, after @ ..]) => {
                let digit = |d: u8| char::from(d).to_digit(16).and_then(|d| u8::try_from(d).ok());
                match (digit(*high), digit(*low)) {
                    (Some(high), Some(low)) => {
                        out.push(high << 4 | low);
                        rest = after;
                    }
                    _ => out.push(byte),
                }
            }
            _ => out.push(byte),
        }
    }
    out
}

/// Offsets fit `u32`: see [`Span`]. Beyond it the text is cut short rather than wrapped.
fn offset(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
