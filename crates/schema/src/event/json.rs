//! The JSON form of an event: nested objects in byte order of the names, and back.

mod layout;

use std::borrow::Cow;

use serde::de::{self, Deserialize as _, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Event, Exact, Raw, Slot, Span, Value};
use crate::Timestamp;
use crate::field::{self, Field, Kind};

/// A text that is not one JSON object.
#[derive(Debug, thiserror::Error)]
#[error("not a JSON object: {0}")]
pub struct BadDocument(#[from] serde_json::Error);

impl Event {
    /// The document as JSON text, without a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(self.text.len() + self.slots.len() * 24);
        self.write_json(&mut out);
        out
    }

    /// Appends the document as JSON text, without a line end.
    pub fn write_json(&self, out: &mut String) {
        match &self.exact {
            None => self.write_slots(&self.slots, out),
            Some(exact) if exact.slots >= self.slots.len() => out.push_str(&exact.document),
            Some(exact) => {
                let mut added = String::new();
                self.write_slots(&self.slots[exact.slots..], &mut added);
                out.push_str(&merged(&exact.document, &added));
            }
        }
    }

    fn write_slots(&self, slots: &[Slot], out: &mut String) {
        if slots.iter().any(|slot| slot.field == field::OTHER) {
            let mut named: Vec<(&str, &Slot)> = slots.iter().map(|slot| (self.sort_name(slot), slot)).collect();
            named.sort_by(|a, b| a.0.cmp(b.0).then_with(|| self.piece(a.1.key).cmp(self.piece(b.1.key))));
            Nesting::new(out).write(self, named.into_iter());
        } else {
            layout::write(self, slots, out);
        }
    }

    fn sort_name<'a>(&'a self, slot: &Slot) -> &'a str {
        if slot.field == field::OTHER { self.piece(slot.key) } else { slot.field.name() }
    }

    #[inline]
    pub(super) fn write_value(&self, raw: Raw, out: &mut String) {
        match raw {
            Raw::Text(text) => push_json_string(self.piece(text), out),
            Raw::Json(json) => out.push_str(self.piece(json)),
            Raw::Long(value) => push_long(value, out),
            Raw::Date(ms) => {
                out.push('"');
                Timestamp::from_millis(ms).write_canonical(out);
                out.push('"');
            }
            Raw::Null => out.push_str("null"),
            Raw::Bool(value) => out.push_str(if value { "true" } else { "false" }),
            Raw::Double(value) => {
                out.push_str(&serde_json::Number::from_f64(value).map_or_else(|| "null".to_owned(), |n| n.to_string()))
            }
        }
    }
}

/// Writes entries that come in name order as nested objects.
struct Nesting<'o, 'n> {
    out: &'o mut String,
    /// Dotted name of the innermost open object, empty at the top.
    open: &'n str,
    /// Nothing written yet in the innermost open object.
    first: bool,
}

impl<'o, 'n> Nesting<'o, 'n> {
    fn new(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, open: "", first: true }
    }

    fn write<'s>(mut self, event: &Event, slots: impl Iterator<Item = (&'n str, &'s Slot)>) {
        let mut slots = slots.peekable();
        while let Some((name, slot)) = slots.next() {
            let (parent, leaf) = name.rsplit_once('.').unwrap_or(("", name));
            if slot.field.kind() == Kind::Flattened {
                self.enter(name);
                self.name(event.piece(slot.key));
            } else {
                self.enter(parent);
                self.name(leaf);
            }
            let same = |next: &Slot| next.field == slot.field && event.piece(next.key) == event.piece(slot.key);
            let several = slots.peek().is_some_and(|(_, next)| same(next));
            let list = several || (slot.field.is_many() && !is_list(event, slot.value));
            if list {
                self.out.push('[');
            }
            event.write_value(slot.value, self.out);
            while let Some((_, next)) = slots.next_if(|(_, next)| same(next)) {
                self.out.push(',');
                event.write_value(next.value, self.out);
            }
            if list {
                self.out.push(']');
            }
        }
        self.enter("");
        self.out.push('}');
    }

    /// Closes and opens objects until `path` is the innermost one.
    fn enter(&mut self, path: &'n str) {
        while !within(path, self.open) {
            self.out.push('}');
            self.open = self.open.rsplit_once('.').map_or("", |(parent, _)| parent);
            self.first = false;
        }
        while self.open.len() < path.len() {
            let from = if self.open.is_empty() { 0 } else { self.open.len() + 1 };
            let to = path[from..].find('.').map_or(path.len(), |dot| from + dot);
            self.name(&path[from..to]);
            self.out.push('{');
            self.open = &path[..to];
            self.first = true;
        }
    }

    fn name(&mut self, name: &str) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        push_json_string(name, self.out);
        self.out.push(':');
    }
}

/// Whether the object `path` is `open` or lies inside it.
fn within(path: &str, open: &str) -> bool {
    path.strip_prefix(open).is_some_and(|rest| open.is_empty() || rest.is_empty() || rest.starts_with('.'))
}

fn is_list(event: &Event, raw: Raw) -> bool {
    matches!(raw, Raw::Json(json) if event.piece(json).starts_with('['))
}

fn push_long(value: i64, out: &mut String) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push('-');
    }
    out.push_str(str::from_utf8(&digits[at..]).unwrap_or_default());
}

/// Appends a JSON string literal.
pub fn push_json_string(text: &str, out: &mut String) {
    out.push('"');
    let mut clean = 0;
    while let Some(at) = next_special(text.as_bytes(), clean) {
        out.push_str(&text[clean..at]);
        clean = at + 1;
        match text.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            byte => out.push_str(&format!("\\u{byte:04x}")),
        }
    }
    out.push_str(&text[clean..]);
    out.push('"');
}

/// The next byte from `from` on that a JSON string cannot hold as it is; eight bytes at a step.
#[inline]
fn next_special(bytes: &[u8], from: usize) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES * 0x80;
    // The high bit of each byte of `word` that is below `limit`; true for no byte above 0x7f.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let (quote, slash) = (word ^ (ONES * 0x22), word ^ (ONES * 0x5c));
        // A borrow can mark a byte too many above the first hit, never below it.
        let hits = below(word, 0x20) | below(quote, 1) | below(slash, 1);
        if hits != 0 {
            return Some(at + hits.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    bytes.get(at..)?.iter().position(special).map(|offset| at + offset)
}

/// A foreign document with what was pushed since laid over it. Both are valid JSON objects: one was accepted by
/// [`Event::from_json`], the other written by us.
fn merged(document: &str, added: &str) -> String {
    fn lay(over: serde_json::Value, under: &mut serde_json::Value) {
        match (over, under) {
            (serde_json::Value::Object(over), serde_json::Value::Object(under)) => {
                for (name, value) in over {
                    lay(value, under.entry(name).or_insert(serde_json::Value::Null));
                }
            }
            (over, under) => *under = over,
        }
    }
    match (serde_json::from_str(document), serde_json::from_str(added)) {
        (Ok(mut document), Ok(added)) => {
            lay(added, &mut document);
            document.to_string()
        }
        _ => document.to_owned(),
    }
}

impl Event {
    /// Reads one JSON object.
    ///
    /// # Errors
    /// The text is not JSON, not an object, nested deeper than 128, or holds a number that no double can hold.
    pub fn from_json(document: &str) -> Result<Self, BadDocument> {
        let mut event = Self::default();
        event.read_json(document)?;
        Ok(event)
    }

    /// As [`Self::from_json`], into an event whose memory is used again. After an error the event is empty.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn read_json(&mut self, document: &str) -> Result<(), BadDocument> {
        self.clear();
        let mut reader = Reader { event: self, path: String::new(), exact: true, seen: Seen::default() };
        let mut json = serde_json::Deserializer::from_str(document);
        let read = reader.read_object_from(&mut json).and_then(|()| json.end());
        let exact = reader.exact;
        if let Err(error) = read {
            self.clear();
            return Err(error.into());
        }
        if !exact {
            self.exact = Some(Exact { document: document.trim().into(), slots: self.slots.len() });
        }
        Ok(())
    }
}

/// Walks a JSON object and pushes its leaves.
struct Reader<'e> {
    event: &'e mut Event,
    /// Dotted name of the place in the document.
    path: String,
    /// The flat form gives the document back.
    exact: bool,
    seen: Seen,
}

/// Which catalogue fields were met: a name that comes twice in a document replaces its first value, as in most parsers.
#[derive(Default)]
struct Seen([u64; 8]);

impl Seen {
    fn again(&mut self, field: Field) -> bool {
        let Some(word) = self.0.get_mut(field.index() / 64) else { return false };
        let bit = 1 << (field.index() % 64);
        let again = *word & bit != 0;
        *word |= bit;
        again
    }
}

/// Where the leaf at the current path goes.
#[derive(Clone, Copy)]
struct Target {
    field: Field,
    key: Span,
}

impl Reader<'_> {
    fn read_object_from<'de, D: de::Deserializer<'de>>(&mut self, json: D) -> Result<(), D::Error> {
        struct Top<'r, 'e>(&'r mut Reader<'e>);
        impl<'de> Visitor<'de> for Top<'_, '_> {
            type Value = ();
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
                self.0.read_members(map)
            }
        }
        json.deserialize_map(Top(self))
    }

    fn read_members<'de, A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        let outer = self.path.len();
        let mut empty = true;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            empty = false;
            // A dot, or an empty name, would be read back as another nesting.
            self.exact &= !name.is_empty() && !name.contains('.');
            if outer > 0 {
                self.path.push('.');
            }
            self.path.push_str(&name);
            self.read_member(&mut map)?;
            self.path.truncate(outer);
        }
        if empty && outer > 0 {
            let target = self.target();
            self.leaf(target, Value::Json("{}"));
        }
        // An empty document needs no entry: `{}` is what no entries give.
        Ok(())
    }

    fn read_member<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        match Field::named(&self.path) {
            Some(field) if field.kind() == Kind::Structured => {
                let json = map.next_value::<&RawValue>()?;
                let target = self.target();
                self.leaf(target, Value::Json(json.get()));
                Ok(())
            }
            Some(field) if field.kind() == Kind::Flattened => map.next_value_seed(Labels { reader: self, field }),
            _ => map.next_value_seed(Node { reader: self }),
        }
    }

    fn target(&mut self) -> Target {
        if let Some(field) = Field::named(&self.path) {
            if self.seen.again(field) {
                self.event.remove(field);
                self.exact = false;
            }
            return Target { field, key: Span::default() };
        }
        if let Some((field, key)) = Field::flattened(&self.path) {
            self.exact = false;
            let key = self.event.keep(key);
            return Target { field, key };
        }
        let key = self.event.keep(&self.path);
        let path = &self.path;
        if self.event.slots.iter().any(|slot| slot.field == field::OTHER && self.event.piece(slot.key) == path) {
            let event = &mut *self.event;
            let text = &event.text;
            let piece = |span: Span| &text[span.start as usize..(span.start + span.len) as usize];
            event.slots.retain(|slot| slot.field != field::OTHER || piece(slot.key) != path);
            self.exact = false;
        }
        Target { field: field::OTHER, key }
    }

    fn leaf(&mut self, target: Target, value: Value<'_>) {
        let value = match value {
            Value::Text(text) if target.field.kind() == Kind::Date => {
                Timestamp::parse_canonical(text).map_or(value, Value::Date)
            }
            value => value,
        };
        let raw = self.event.keep_value(value);
        self.event.push(target.field, target.key, raw);
    }

    fn scalar(&mut self, value: Value<'_>) {
        let target = self.target();
        self.exact &= !target.field.is_many();
        self.leaf(target, value);
    }
}

/// A value at the reader's path.
struct Node<'r, 'e> {
    reader: &'r mut Reader<'e>,
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.reader.scalar(Value::Null);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.reader.scalar(Value::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.reader.scalar(Value::Long(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.reader.scalar(Value::Long(value)),
            Err(_) => self.reader.scalar(Value::Json(&value.to_string())),
        }
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.reader.scalar(Value::Double(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.reader.scalar(Value::Text(value));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.reader.read_members(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let target = self.reader.target();
        let mut count = 0;
        while list.next_element_seed(Element { reader: self.reader, target })?.is_some() {
            count += 1;
        }
        match count {
            0 => self.reader.leaf(target, Value::Json("[]")),
            1 => self.reader.exact &= target.field.is_many(),
            _ => self.reader.exact &= target.field.is_many() || target.field == field::OTHER,
        }
        Ok(())
    }
}

/// An element of a list: a scalar is one more value; a list or object inside is kept as JSON.
struct Element<'r, 'e> {
    reader: &'r mut Reader<'e>,
    target: Target,
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        let raw = <&RawValue>::deserialize(json)?.get();
        let value = scalar_of(raw).map_err(de::Error::custom)?;
        // A list in a list as the only element would be taken for the list itself.
        self.reader.exact &= !matches!(value, Scalar::Json(json) if json.starts_with('['));
        self.reader.leaf(self.target, value.as_value());
        Ok(())
    }
}

/// A flattened object: its keys are taken as they are, objects and lists inside are kept as JSON.
struct Labels<'r, 'e> {
    reader: &'r mut Reader<'e>,
    field: Field,
}

impl<'de> DeserializeSeed<'de> for Labels<'_, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Labels<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an object for {}", self.field.name())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { reader, field } = self;
        if reader.seen.again(field) {
            reader.event.remove(field);
            reader.exact = false;
        }
        let mut empty = true;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            empty = false;
            let key = reader.event.keep(&name);
            let twice =
                reader.event.slots.iter().any(|slot| slot.field == field && reader.event.piece(slot.key) == name);
            reader.exact &= !twice && !name.is_empty();
            let raw = map.next_value::<&RawValue>()?.get();
            let target = Target { field, key };
            match list_of_scalars(raw) {
                Some(values) if values.len() > 1 => {
                    values.iter().for_each(|value| reader.leaf(target, value.as_value()));
                }
                _ => reader.leaf(target, scalar_of(raw).map_err(de::Error::custom)?.as_value()),
            }
        }
        // `{}` has no key to stand under; only the document can say it.
        reader.exact &= !empty;
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.reader.exact = false;
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<de::IgnoredAny>()?.is_some() {}
        self.visit_unit()?;
        Ok(())
    }
}

/// A JSON value cut out of a document, scalars decoded.
enum Scalar<'a> {
    Null,
    Bool(bool),
    Long(i64),
    Double(f64),
    Text(Cow<'a, str>),
    Json(&'a str),
}

impl Scalar<'_> {
    fn as_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Long(value) => Value::Long(*value),
            Self::Double(value) => Value::Double(*value),
            Self::Text(text) => Value::Text(text),
            Self::Json(json) => Value::Json(json),
        }
    }
}

fn scalar_of(raw: &str) -> serde_json::Result<Scalar<'_>> {
    Ok(match raw.as_bytes().first() {
        Some(b'n') => Scalar::Null,
        Some(b't') => Scalar::Bool(true),
        Some(b'f') => Scalar::Bool(false),
        Some(b'"') => {
            let text = &raw[1..raw.len() - 1];
            Scalar::Text(if text.contains('\\') { Cow::Owned(serde_json::from_str(raw)?) } else { Cow::Borrowed(text) })
        }
        Some(b'{' | b'[') => Scalar::Json(raw),
        _ => match raw.parse() {
            Ok(long) => Scalar::Long(long),
            Err(_) if raw.bytes().all(|b| b.is_ascii_digit() || b == b'-') => Scalar::Json(raw),
            Err(_) => Scalar::Double(serde_json::from_str(raw)?),
        },
    })
}

fn list_of_scalars(raw: &str) -> Option<Vec<Scalar<'_>>> {
    if !raw.starts_with('[') {
        return None;
    }
    let parts: Vec<&RawValue> = serde_json::from_str(raw).ok()?;
    let scalars: Option<Vec<_>> = parts.iter().map(|part| scalar_of(part.get()).ok()).collect();
    scalars.filter(|values| !values.iter().any(|value| matches!(value, Scalar::Json(_))))
}
