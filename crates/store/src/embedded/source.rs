//! Events rebuilt from columns and blob.
//!
//! By column in batches: for each column the ordinals of all wanted documents are sorted and each dictionary block is
//! decoded once. That costs about 35 µs an event in batches of 50 and 2 µs in batches of 10,000, against 80 µs one by one.

use std::collections::HashMap;

use schema::event::Value;
use schema::field::{self, Field, Kind};
use schema::{Event, Timestamp};
use tantivy::schema::document::{DeserializeError, DocumentDeserialize, DocumentDeserializer, ReferenceValueLeaf};

use super::rest::{self, Record};
use super::schema::{Fields, Home, NUL};
use super::segment::{Segment, Values};
use super::split::{self, Parts};
use crate::SearchError;

/// Largest number of events that are rebuilt at once.
pub(super) const BATCH: usize = 10_000;

/// An event under construction.
struct Draft {
    event: Event,
    /// Blob of the rest.
    rest: String,
    /// Fields and keys whose column entries do not count, since the rest has all their values.
    in_rest: Vec<(Field, String)>,
    /// The rest has the whole document.
    exact: bool,
}

impl Draft {
    fn new(rest: String) -> Self {
        let mut draft = Self { event: Event::default(), rest: String::new(), in_rest: Vec::new(), exact: false };
        for record in rest::records(&rest) {
            match record {
                Record::Document(_) => draft.exact = true,
                Record::Entry { field, key, .. } => draft.in_rest.push((field, key.to_owned())),
            }
        }
        draft.rest = rest;
        draft
    }

    fn push(&mut self, field: Field, key: &str, value: Value<'_>) {
        if self.exact || self.in_rest.iter().any(|(other, name)| *other == field && name == key) {
            return;
        }
        rest::push(&mut self.event, field, key, value);
    }

    /// A name outside the window's catalogue; today's may have it.
    fn push_dynamic(&mut self, name: &str, value: Value<'_>) {
        if let Some(field) = Field::named(name) {
            let value = match value {
                Value::Text(text) if field.kind() == Kind::Date => {
                    Timestamp::parse_canonical(text).map_or(value, Value::Date)
                }
                value => value,
            };
            self.push(field, "", value);
        } else if let Some((field, key)) = Field::flattened(name) {
            self.push(field, key, value);
        } else {
            self.push(field::OTHER, name, value);
        }
    }

    fn finish(mut self) -> Event {
        for record in rest::records(&self.rest) {
            match record {
                // It was read from the same text when it came in.
                Record::Document(document) => self.event = Event::from_json(document).unwrap_or_default(),
                Record::Entry { field, key, value } => rest::push(&mut self.event, field, key, value),
            }
        }
        self.event
    }
}

/// Rebuilds the events of these documents, in their order.
pub(super) fn rebuild(segment: &Segment, docs: &[u32]) -> Result<Vec<Event>, SearchError> {
    let mut drafts = drafts(segment, docs)?;
    if drafts.iter().any(|draft| !draft.exact) {
        fill(segment, docs, &mut drafts)?;
    }
    Ok(drafts.into_iter().map(Draft::finish).collect())
}

fn drafts(segment: &Segment, docs: &[u32]) -> Result<Vec<Draft>, SearchError> {
    let blobs = segment.blobs(4)?;
    let draft = |&doc: &u32| Ok(Draft::new(blobs.get::<Blob>(doc)?.0));
    docs.iter().map(draft).collect()
}

/// The only stored field of a document.
struct Blob(String);

impl DocumentDeserialize for Blob {
    fn deserialize<'de, D: DocumentDeserializer<'de>>(mut stored: D) -> Result<Self, DeserializeError> {
        Ok(Self(stored.next_field::<String>()?.map(|(_, blob)| blob).unwrap_or_default()))
    }
}

fn fill(segment: &Segment, docs: &[u32], drafts: &mut [Draft]) -> Result<(), SearchError> {
    for field in Field::all() {
        if let Some(values) = segment.values(field)? {
            fill_column(values, docs, drafts, |draft, value| match (field.kind(), value) {
                (Kind::Flattened, Value::Text(term)) => {
                    let (key, value) = term.split_once(NUL).unwrap_or((term, ""));
                    draft.push(field, key, split::keyed_value(value));
                }
                (Kind::Date, Value::Long(ms)) => draft.push(field, "", Value::Date(Timestamp::from_millis(ms))),
                (_, value) => draft.push(field, "", value),
            })?;
        }
        if field == field::EVENT_ID {
            for (&doc, draft) in docs.iter().zip(&mut *drafts) {
                if let Some(id) = segment.id(doc)? {
                    prepend_id(draft, &id.to_string());
                }
            }
        }
    }
    if let Some(values) = segment.dynamic()? {
        fill_column(values, docs, drafts, |draft, value| {
            if let Value::Text(term) = value {
                let (name, value) = term.split_once(NUL).unwrap_or((term, ""));
                draft.push_dynamic(name, split::keyed_value(value));
            }
        })?;
    }
    Ok(())
}

/// Our own id is always the first value of `event.id`.
fn prepend_id(draft: &mut Draft, id: &str) {
    let others: Vec<String> = draft
        .event
        .all(field::EVENT_ID)
        .filter_map(|value| match value {
            Value::Text(text) => Some(text.to_owned()),
            _ => None,
        })
        .collect();
    draft.event.remove(field::EVENT_ID);
    draft.push(field::EVENT_ID, "", Value::Text(id));
    for other in others {
        draft.push(field::EVENT_ID, "", Value::Text(&other));
    }
}

fn fill_column(
    values: &Values,
    docs: &[u32],
    drafts: &mut [Draft],
    mut push: impl FnMut(&mut Draft, Value<'_>),
) -> Result<(), SearchError> {
    match values {
        Values::Text(column) => {
            let mut wanted: Vec<u64> = docs.iter().flat_map(|&doc| column.term_ords(doc)).collect();
            if wanted.is_empty() {
                return Ok(());
            }
            wanted.sort_unstable();
            wanted.dedup();
            let terms = super::segment::terms_at(column, &wanted)?;
            let places: HashMap<u64, usize> = wanted.iter().enumerate().map(|(at, &ord)| (ord, at)).collect();
            for (&doc, draft) in docs.iter().zip(drafts) {
                for ord in column.term_ords(doc) {
                    let term = places.get(&ord).and_then(|&at| terms.get(at));
                    let term =
                        term.ok_or_else(|| SearchError::Failed("a column points beyond its dictionary".into()))?;
                    push(draft, Value::Text(term));
                }
            }
        }
        Values::Long(column) => {
            for (&doc, draft) in docs.iter().zip(drafts) {
                column.values_for_doc(doc).for_each(|value| push(draft, Value::Long(value)));
            }
        }
        Values::Double(column) => {
            for (&doc, draft) in docs.iter().zip(drafts) {
                column.values_for_doc(doc).for_each(|value| push(draft, Value::Double(value)));
            }
        }
        Values::Bool(column) => {
            for (&doc, draft) in docs.iter().zip(drafts) {
                column.values_for_doc(doc).for_each(|value| push(draft, Value::Bool(value)));
            }
        }
    }
    Ok(())
}

/// Rebuilds an event from what was split, before it is written: the self-check of the writer.
pub(super) fn assemble(fields: &Fields, parts: &Parts) -> Event {
    let mut draft = Draft::new(parts.rest().to_owned());
    let by_column: HashMap<_, _> = Field::all()
        .filter_map(|field| match fields.home(field) {
            Home::Here(column) => Some((column, field)),
            Home::Dynamic | Home::Changed => None,
        })
        .collect();
    let mut id = String::new();
    for (column, leaf) in parts.leaves() {
        if column == fields.agent {
            id = format!("{}-", text_of(&leaf));
        } else if column == fields.epoch {
            id.push_str(&format!("{:08x}-", number_of(&leaf)));
        } else if column == fields.seq {
            id.push_str(&format!("{:012x}", number_of(&leaf)));
            draft.push(field::EVENT_ID, "", Value::Text(&id));
        } else if column == fields.dynamic {
            let (name, value) = text_of(&leaf).split_once(NUL).unwrap_or_default();
            draft.push_dynamic(name, split::keyed_value(value));
        } else if let Some(&field) = by_column.get(&column) {
            push_leaf(&mut draft, field, &leaf);
        }
    }
    draft.finish()
}

fn push_leaf(draft: &mut Draft, field: Field, leaf: &ReferenceValueLeaf<'_>) {
    match (field.kind(), leaf) {
        (Kind::Flattened, ReferenceValueLeaf::Str(term)) => {
            let (key, value) = term.split_once(NUL).unwrap_or_default();
            draft.push(field, key, split::keyed_value(value));
        }
        (Kind::Text, _) => {}
        (_, ReferenceValueLeaf::Str(text)) => draft.push(field, "", Value::Text(text)),
        (Kind::Date, ReferenceValueLeaf::I64(ms)) => draft.push(field, "", Value::Date(Timestamp::from_millis(*ms))),
        (_, ReferenceValueLeaf::I64(number)) => draft.push(field, "", Value::Long(*number)),
        (_, ReferenceValueLeaf::F64(number)) => draft.push(field, "", Value::Double(*number)),
        (_, ReferenceValueLeaf::Bool(value)) => draft.push(field, "", Value::Bool(*value)),
        _ => {}
    }
}

fn text_of<'a>(leaf: &ReferenceValueLeaf<'a>) -> &'a str {
    match leaf {
        ReferenceValueLeaf::Str(text) => text,
        _ => "",
    }
}

fn number_of(leaf: &ReferenceValueLeaf<'_>) -> u64 {
    match leaf {
        ReferenceValueLeaf::U64(number) => *number,
        _ => 0,
    }
}
