//! An event taken apart into what tantivy keeps: cells for postings and columns, and the blob of the rest.
//!
//! **Promise:** [`super::source::assemble`] of what is made here equals the event. Which values are *regular*, so that
//! postings and columns alone answer every search for them, is decided here and nowhere else ([`Shape`]); every event with
//! an irregular value says so in `_odd`.

use schema::event::{Entry, Value};
use schema::field::{self, Field, Kind};
use schema::search::value::{Plain, is_present};
use schema::{Event, EventId};
use tantivy::schema::Field as Column;
use tantivy::schema::document::ReferenceValueLeaf;

use super::schema::{Fields, Home, MAX_KEY, MAX_TERM, NUL};
use super::{rest, words};
use crate::Accepted;

/// An event taken apart: all text of its cells in one buffer, the blob in another.
#[derive(Debug, Default)]
pub(super) struct Parts {
    text: String,
    rest: String,
    cells: Vec<(Column, Cell)>,
}

/// A value for postings, a column, or the blob.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell {
    /// Bytes `start..end` of the text.
    Text(u32, u32),
    U64(u64),
    I64(i64),
    F64(f64),
    Bool(bool),
    Rest,
}

/// How a value is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    /// Postings and columns say all.
    Regular,
    /// Searched by postings and column, with its written form in `_rest` (`22.0` in a field of whole numbers).
    Reformed,
    /// In `_rest`; `_has` says that it is there.
    Rest,
    /// In `_rest`, and no value for any search (a text in a number field).
    Hidden,
    /// In `_rest`; searches look at the event itself.
    Odd,
}

/// Takes events apart; its buffers are used again.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    parts: Parts,
    words: String,
    seen: words::Seen,
    tokens: String,
    /// Fields and keys all of whose values go to the rest.
    in_rest: Vec<(Field, String)>,
    has: Vec<Field>,
    odd: Vec<&'static str>,
}

impl Splitter {
    /// The event for a window with these fields.
    pub(super) fn split(&mut self, fields: &Fields, accepted: &Accepted) -> &Parts {
        let event = &accepted.event;
        let mut doc = std::mem::take(&mut self.parts);
        doc.clear();
        self.clear();
        for entry in event.entries() {
            self.place(fields, entry, &mut doc);
        }
        self.write_rest(event, &mut doc);
        self.write_marks(fields, &mut doc);
        doc.cells.push((fields.ingest, Cell::U64(accepted.seq.0)));
        self.parts = doc;
        &self.parts
    }

    fn clear(&mut self) {
        self.words.clear();
        self.seen.clear();
        self.in_rest.clear();
        self.has.clear();
        self.odd.clear();
    }

    fn place(&mut self, fields: &Fields, entry: Entry<'_>, doc: &mut Parts) {
        if entry.field == field::EVENT_ID && self.place_id(fields, entry.value, doc) {
            return;
        }
        let shape = match entry.field {
            field::OTHER => keyed(fields.dynamic, entry.key, entry.value, doc),
            known => match fields.home(known) {
                Home::Here(column) => self.place_known(column, entry, doc),
                // A window from before the field: what it would have been then.
                Home::Dynamic if known.kind() == Kind::Flattened => {
                    keyed(fields.dynamic, &format!("{}.{}", known.name(), entry.key), entry.value, doc)
                }
                Home::Dynamic => keyed(fields.dynamic, known.name(), entry.value, doc),
                Home::Changed if is_present(known, entry.value) => Shape::Rest,
                Home::Changed => Shape::Hidden,
            },
        };
        self.note(entry, shape);
        if entry.field.info().words && matches!(entry.field.kind(), Kind::Keyword | Kind::Path | Kind::Text) {
            self.note_words(entry.value);
        }
    }

    /// Our own ids lie in three columns. Any other, and a second one, is a keyword.
    fn place_id(&self, fields: &Fields, value: Value<'_>, doc: &mut Parts) -> bool {
        let Value::Text(text) = value else { return false };
        let first = !doc.cells.iter().any(|(column, _)| *column == fields.seq)
            && !self.in_rest.iter().any(|(field, _)| *field == field::EVENT_ID)
            && !matches!(fields.home(field::EVENT_ID), Home::Here(column) if doc.cells.iter().any(|cell| cell.0 == column));
        let Some(id) = text.parse::<EventId>().ok().filter(|_| first) else { return false };
        let agent = doc.keep(&text[..12]);
        doc.cells.push((fields.agent, agent));
        doc.cells.push((fields.epoch, Cell::U64(u64::from(id.epoch))));
        doc.cells.push((fields.seq, Cell::U64(id.sequence())));
        true
    }

    fn place_known(&mut self, column: Column, entry: Entry<'_>, doc: &mut Parts) -> Shape {
        let known = entry.field;
        if known.kind() == Kind::Flattened {
            return keyed(column, entry.key, entry.value, doc);
        }
        let Some(plain) = Plain::of(known, entry.value) else { return Shape::Hidden };
        let (cell, as_written) = match plain {
            Plain::Text(text) if known.kind() == Kind::Text => return self.place_text(column, &text, doc),
            Plain::Text(text) if text.len() > MAX_TERM => return Shape::Odd,
            Plain::Text(text) => (doc.keep(&text), matches!(entry.value, Value::Text(_))),
            Plain::Ip(address) => {
                let text = address.to_string();
                (doc.keep(&text), entry.value == Value::Text(&text))
            }
            Plain::Long(number) => (Cell::I64(number), matches!(entry.value, Value::Long(_))),
            Plain::Date(time) => (Cell::I64(time.millis()), matches!(entry.value, Value::Date(_))),
            Plain::Double(number) => (Cell::F64(number), matches!(entry.value, Value::Double(_))),
            Plain::Bool(value) => (Cell::Bool(value), true),
        };
        doc.cells.push((column, cell));
        if as_written { Shape::Regular } else { Shape::Reformed }
    }

    fn place_text(&mut self, column: Column, text: &str, doc: &mut Parts) -> Shape {
        self.tokens.clear();
        let hashed = words::push_tokens(text, &mut self.tokens);
        if !self.tokens.is_empty() {
            let cell = doc.keep(&self.tokens);
            doc.cells.push((column, cell));
        }
        if hashed { Shape::Odd } else { Shape::Rest }
    }

    fn note(&mut self, entry: Entry<'_>, shape: Shape) {
        if shape == Shape::Regular {
            return;
        }
        if !self.is_in_rest(entry) {
            self.in_rest.push((entry.field, entry.key.to_owned()));
        }
        match shape {
            Shape::Rest if !self.has.contains(&entry.field) => self.has.push(entry.field),
            Shape::Odd => self.mark_odd(odd_name(entry.field)),
            Shape::Rest | Shape::Regular | Shape::Reformed | Shape::Hidden => {}
        }
    }

    /// As the reference has it: texts and whole numbers of keyword, path and text fields.
    fn note_words(&mut self, value: Value<'_>) {
        let hashed = match value {
            Value::Text(text) => words::push_new_tokens(text, &mut self.words, &mut self.seen),
            Value::Long(number) => words::push_new_tokens(&number.to_string(), &mut self.words, &mut self.seen),
            Value::Null | Value::Bool(_) | Value::Double(_) | Value::Date(_) | Value::Json(_) => false,
        };
        if hashed {
            self.mark_odd(super::schema::WORDS);
        }
    }

    fn mark_odd(&mut self, name: &'static str) {
        if !self.odd.contains(&name) {
            self.odd.push(name);
        }
    }

    fn is_in_rest(&self, entry: Entry<'_>) -> bool {
        self.in_rest.iter().any(|(field, key)| *field == entry.field && key == entry.key)
    }

    fn write_rest(&self, event: &Event, doc: &mut Parts) {
        match event.exact() {
            Some((document, pushed)) => {
                rest::push_document(document, &mut doc.rest);
                for entry in event.entries().skip(pushed) {
                    rest::push_entry(entry.field, entry.key, entry.value, &mut doc.rest);
                }
            }
            None if self.in_rest.is_empty() => {}
            None => {
                for entry in event.entries().filter(|&entry| self.is_in_rest(entry)) {
                    rest::push_entry(entry.field, entry.key, entry.value, &mut doc.rest);
                }
            }
        }
    }

    fn write_marks(&self, fields: &Fields, doc: &mut Parts) {
        if !self.words.is_empty() {
            let cell = doc.keep(&self.words);
            doc.cells.push((fields.words, cell));
        }
        for field in &self.has {
            let cell = doc.keep(field.name());
            doc.cells.push((fields.has, cell));
        }
        for name in &self.odd {
            let cell = doc.keep(name);
            doc.cells.push((fields.odd, cell));
        }
        if !doc.rest.is_empty() {
            doc.cells.push((fields.rest, Cell::Rest));
        }
    }
}

/// Under which name `_odd` speaks of a field.
pub(super) fn odd_name(field: Field) -> &'static str {
    if field == field::OTHER { super::schema::DYN } else { field.name() }
}

/// Keeps a scalar under a key: `key NUL text`, and `NUL tag` behind the text of what is not a text.
fn keyed(column: Column, key: &str, value: Value<'_>, doc: &mut Parts) -> Shape {
    let Some(plain) = Plain::of(field::OTHER, value) else { return Shape::Hidden };
    if key.contains(NUL) || key.len() > MAX_KEY {
        return Shape::Odd;
    }
    let start = doc.text.len();
    doc.text.push_str(key);
    doc.text.push(NUL);
    let (fits, as_written) = match plain {
        Plain::Text(text) => {
            doc.text.push_str(&text);
            (!text.contains(NUL), matches!(value, Value::Text(_)))
        }
        Plain::Bool(value) => {
            doc.text.push_str(if value { "true\0b" } else { "false\0b" });
            (true, true)
        }
        Plain::Long(number) => {
            doc.text.push_str(&format!("{number}\0l"));
            (true, true)
        }
        Plain::Double(number) => {
            doc.text.push_str(&format!("{number}\0d"));
            (true, matches!(value, Value::Double(_)))
        }
        Plain::Date(_) | Plain::Ip(_) => (false, false),
    };
    if !fits || doc.text.len() - start > MAX_TERM {
        doc.text.truncate(start);
        return Shape::Odd;
    }
    let cell = Cell::Text(place(start), place(doc.text.len()));
    doc.cells.push((column, cell));
    if as_written { Shape::Regular } else { Shape::Reformed }
}

/// The value of an entry of a keyed column, behind its key.
pub(super) fn keyed_value(stored: &str) -> Value<'_> {
    match stored.split_once(NUL) {
        None => Value::Text(stored),
        Some((text, "b")) => Value::Bool(text == "true"),
        Some((text, "l")) => text.parse().map_or(Value::Text(text), Value::Long),
        Some((text, _)) => text.parse().map_or(Value::Text(text), Value::Double),
    }
}

/// Offsets into a document's text fit `u32`: documents are bounded by 1 MiB, keys and tokens repeat them a few times.
fn place(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

impl Parts {
    fn clear(&mut self) {
        self.text.clear();
        self.rest.clear();
        self.cells.clear();
    }

    fn keep(&mut self, text: &str) -> Cell {
        let start = place(self.text.len());
        self.text.push_str(text);
        Cell::Text(start, place(self.text.len()))
    }

    /// Bytes that it takes on a sheet.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + self.rest.len() + self.cells.len() * size_of::<(Column, Cell)>()
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The blob.
    pub(super) fn rest(&self) -> &str {
        &self.rest
    }

    pub(super) fn cells(&self) -> &[(Column, Cell)] {
        &self.cells
    }

    /// Cells with their values.
    pub(super) fn leaves(&self) -> impl Iterator<Item = (Column, ReferenceValueLeaf<'_>)> {
        self.cells.iter().map(|&(column, cell)| (column, cell.leaf(&self.text, &self.rest)))
    }
}

impl Cell {
    /// Its value in a document with this text and blob.
    pub(super) fn leaf<'a>(self, text: &'a str, rest: &'a str) -> ReferenceValueLeaf<'a> {
        match self {
            Self::Text(start, end) => ReferenceValueLeaf::Str(&text[start as usize..end as usize]),
            Self::U64(value) => ReferenceValueLeaf::U64(value),
            Self::I64(value) => ReferenceValueLeaf::I64(value),
            Self::F64(value) => ReferenceValueLeaf::F64(value),
            Self::Bool(value) => ReferenceValueLeaf::Bool(value),
            Self::Rest => ReferenceValueLeaf::Str(rest),
        }
    }
}
