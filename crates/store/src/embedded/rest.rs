//! The blob for what has no column: records of `name, key, value` in the order of the event.
//!
//! ```text
//! record  = 'D' text             the accepted document, where the entries cannot give its form back
//!         | 'E' text text value  dotted field name (empty outside the catalogue), key, value
//! value   = 'n' | 'f' | 't' | 'l' text | 'd' text | 's' text | 'x' text | 'j' text
//! text    = length ':' bytes     length in decimal digits
//! ```
//! All values of a (name, key) lie here or none does, so their order is kept. The blob is itself a text, which tantivy
//! stores faster than bytes. What is no such record, after a fault of the medium, ends the decoding; the window's
//! checksums are the place to notice it.

use schema::event::Value;
use schema::field::{self, Field};
use schema::{Event, Timestamp};

/// A decoded record.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Record<'a> {
    Document(&'a str),
    Entry { field: Field, key: &'a str, value: Value<'a> },
}

pub(super) fn push_document(document: &str, out: &mut String) {
    out.push('D');
    push_text(document, out);
}

pub(super) fn push_entry(field: Field, key: &str, value: Value<'_>, out: &mut String) {
    out.push('E');
    push_text(field.name(), out);
    push_text(key, out);
    let mut tagged = |tag: char, text: &str| {
        out.push(tag);
        push_text(text, out);
    };
    match value {
        Value::Null => out.push('n'),
        Value::Bool(false) => out.push('f'),
        Value::Bool(true) => out.push('t'),
        Value::Long(number) => tagged('l', &number.to_string()),
        Value::Double(number) => tagged('d', &number.to_string()),
        Value::Date(time) => tagged('s', &time.millis().to_string()),
        Value::Text(text) => tagged('x', text),
        Value::Json(json) => tagged('j', json),
    }
}

fn push_text(text: &str, out: &mut String) {
    out.push_str(&text.len().to_string());
    out.push(':');
    out.push_str(text);
}

/// Reads records until the blob ends.
pub(super) fn records(blob: &str) -> Records<'_> {
    Records { rest: blob }
}

pub(super) struct Records<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        match self.tag()? {
            b'D' => Some(Record::Document(self.text()?)),
            b'E' => {
                let name = self.text()?;
                let key = self.text()?;
                let field = if name.is_empty() { Some(field::OTHER) } else { Field::named(name) };
                // A field that left the catalogue since lives on under its name.
                let key = if field.is_some() { key } else { name };
                Some(Record::Entry { field: field.unwrap_or(field::OTHER), key, value: self.value()? })
            }
            _ => None,
        }
    }
}

impl<'a> Records<'a> {
    fn tag(&mut self) -> Option<u8> {
        let tag = *self.rest.as_bytes().first()?;
        self.rest = self.rest.get(1..)?;
        Some(tag)
    }

    fn text(&mut self) -> Option<&'a str> {
        let (len, rest) = self.rest.split_once(':')?;
        let (text, rest) = rest.split_at_checked(len.parse().ok()?)?;
        self.rest = rest;
        Some(text)
    }

    fn value(&mut self) -> Option<Value<'a>> {
        Some(match self.tag()? {
            b'n' => Value::Null,
            b'f' => Value::Bool(false),
            b't' => Value::Bool(true),
            b'l' => Value::Long(self.text()?.parse().ok()?),
            b'd' => Value::Double(self.text()?.parse().ok()?),
            b's' => Value::Date(Timestamp::from_millis(self.text()?.parse().ok()?)),
            b'x' => Value::Text(self.text()?),
            b'j' => Value::Json(self.text()?),
            _ => return None,
        })
    }
}

/// Adds a value to an event as [`Event::from_json`] would have.
pub(super) fn push(event: &mut Event, field: Field, key: &str, value: Value<'_>) {
    if key.is_empty() && field != field::OTHER {
        match value {
            Value::Null => event.push_json(field, "null"),
            Value::Bool(value) => event.push_bool(field, value),
            Value::Long(value) => event.push_long(field, value),
            Value::Double(value) => event.push_double(field, value),
            Value::Date(value) => event.push_date(field, value),
            Value::Text(text) => event.push_str(field, text),
            Value::Json(json) => event.push_json(field, json),
        }
    } else {
        event.push_keyed(field, key, value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_come_back() {
        let values = [
            Value::Null,
            Value::Bool(true),
            Value::Bool(false),
            Value::Long(-5),
            Value::Double(-0.5),
            Value::Date(Timestamp::from_millis(7)),
            Value::Text("ä\0"),
            Value::Json("[1]"),
        ];
        let mut blob = String::new();
        push_document("{\"a\":1}", &mut blob);
        for value in values {
            push_entry(field::LABELS, "team", value, &mut blob);
        }
        let long = "x".repeat(300);
        push_entry(field::OTHER, &long, Value::Null, &mut blob);
        let mut back = records(&blob);
        assert_eq!(back.next(), Some(Record::Document("{\"a\":1}")));
        for value in values {
            assert_eq!(back.next(), Some(Record::Entry { field: field::LABELS, key: "team", value }));
        }
        assert_eq!(back.next(), Some(Record::Entry { field: field::OTHER, key: &long, value: Value::Null }));
        assert_eq!(back.next(), None);
    }

    proptest! {
        #[test]
        fn any_text_ends(blob in "([DE0-9:nfld]{0,20}|.{0,30})") {
            prop_assert!(records(&blob).count() <= blob.len());
        }
    }
}
