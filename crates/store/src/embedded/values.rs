//! The values of documents as scalars, for sorts and aggregations.
//!
//! From columns where they are regular, from the rebuilt event where they are not. [`of_event`] says what counts as a value
//! of a field; everything else here must agree with it.

use std::collections::HashMap;

use roaring::RoaringBitmap;
use schema::field::{self, Kind};
use schema::search::value::Plain;
use schema::search::{FieldRef, Scalar};
use schema::{Event, Timestamp};
use tantivy::columnar::StrColumn;

use super::schema::Home;
use super::segment::{self, Segment, Values};
use super::source;
use crate::SearchError;

/// Values of several documents: `fields[f][d]` are those of field `f` of document `d`.
pub(super) struct Columns {
    pub(super) fields: Vec<Vec<Vec<Scalar>>>,
    /// `event.id` of each document, empty where there is none.
    pub(super) ids: Vec<String>,
}

/// Documents whose values of this field are not in columns.
pub(super) fn odd(segment: &Segment, field: &FieldRef) -> Result<RoaringBitmap, SearchError> {
    Ok(match field {
        FieldRef::Known(known) => {
            let mut odd = segment.odd(*known)?;
            match segment.fields().home(*known) {
                Home::Changed => odd |= segment.has(*known)?,
                Home::Dynamic => odd |= segment.odd(field::OTHER)?,
                Home::Here(_) if known.kind() == Kind::Text => odd |= segment.has(*known)?,
                Home::Here(_) => {}
            }
            odd
        }
        FieldRef::Keyed(known, _) => segment.odd(*known)?,
        FieldRef::Other(_) => segment.odd(field::OTHER)?,
    })
}

/// Values of these fields, and the ids.
pub(super) fn of_docs(segment: &Segment, fields: &[&FieldRef], docs: &[u32]) -> Result<Columns, SearchError> {
    let mut columns = Vec::with_capacity(fields.len());
    for field in fields {
        columns.push(of_field(segment, field, docs)?);
    }
    Ok(Columns { fields: columns, ids: ids(segment, docs)? })
}

/// Values of one field.
pub(super) fn of_field(segment: &Segment, field: &FieldRef, docs: &[u32]) -> Result<Vec<Vec<Scalar>>, SearchError> {
    let mut values = regular(segment, field, docs)?;
    let odd = odd(segment, field)?;
    if !odd.is_empty() {
        let places: Vec<usize> = (0..docs.len()).filter(|&at| odd.contains(docs[at])).collect();
        let odd_docs: Vec<u32> = places.iter().map(|&at| docs[at]).collect();
        for (event, at) in source::rebuild(segment, &odd_docs)?.iter().zip(places) {
            values[at] = of_event(event, field);
        }
    }
    Ok(values)
}

fn regular(segment: &Segment, field: &FieldRef, docs: &[u32]) -> Result<Vec<Vec<Scalar>>, SearchError> {
    if *field == FieldRef::Known(field::EVENT_ID) {
        let ids = ids(segment, docs)?;
        return Ok(ids.into_iter().map(|id| if id.is_empty() { Vec::new() } else { vec![Scalar::Text(id)] }).collect());
    }
    let Some((values, key)) = segment.place(field)? else { return Ok(vec![Vec::new(); docs.len()]) };
    Ok(match values {
        Values::Text(column) => texts(column, key, field.kind(), docs)?,
        Values::Long(column) if field.kind() == Kind::Date => {
            let date = |ms| Scalar::Date(Timestamp::from_millis(ms));
            docs.iter().map(|&doc| column.values_for_doc(doc).map(date).collect()).collect()
        }
        Values::Long(column) => {
            docs.iter().map(|&doc| column.values_for_doc(doc).map(Scalar::Long).collect()).collect()
        }
        Values::Double(column) => {
            docs.iter().map(|&doc| column.values_for_doc(doc).map(Scalar::Double).collect()).collect()
        }
        Values::Bool(column) => {
            docs.iter().map(|&doc| column.values_for_doc(doc).map(Scalar::Bool).collect()).collect()
        }
    })
}

fn texts(column: &StrColumn, key: Option<&str>, kind: Kind, docs: &[u32]) -> Result<Vec<Vec<Scalar>>, SearchError> {
    let range = match key {
        Some(key) => segment::ordinals(column, key)?,
        None => 0..u64::MAX,
    };
    let mut wanted: Vec<u64> =
        docs.iter().flat_map(|&doc| column.term_ords(doc)).filter(|ord| range.contains(ord)).collect();
    if wanted.is_empty() {
        return Ok(vec![Vec::new(); docs.len()]);
    }
    wanted.sort_unstable();
    wanted.dedup();
    let terms = segment::terms_at(column, &wanted)?;
    let scalars: HashMap<u64, Scalar> =
        wanted.into_iter().zip(terms.iter().map(|term| of_term(term, key, kind))).collect();
    let of_doc = |&doc: &u32| column.term_ords(doc).filter_map(|ord| scalars.get(&ord).cloned()).collect();
    Ok(docs.iter().map(of_doc).collect())
}

/// The scalar of a dictionary term.
pub(super) fn of_term(term: &str, key: Option<&str>, kind: Kind) -> Scalar {
    match (key, kind) {
        (Some(key), _) => {
            Plain::of(field::OTHER, segment::without_key(term, key)).map_or(Scalar::Null, |plain| plain.to_scalar())
        }
        (None, Kind::Ip) => term.parse().map_or(Scalar::Null, Scalar::Ip),
        (None, _) => Scalar::Text(term.to_owned()),
    }
}

/// Ids of documents, one agent's name read once.
pub(super) fn ids(segment: &Segment, docs: &[u32]) -> Result<Vec<String>, SearchError> {
    docs.iter().map(|&doc| segment.id_text(doc)).collect()
}

/// The values of a field in an event, as they are compared and counted.
pub(super) fn of_event(event: &Event, field: &FieldRef) -> Vec<Scalar> {
    let count = |field, value| Plain::of(field, value).map(|plain| plain.to_scalar());
    match field {
        FieldRef::Known(known) => event.all(*known).filter_map(|value| count(*known, value)).collect(),
        FieldRef::Keyed(known, key) => event.keyed(*known, key).filter_map(|value| count(*known, value)).collect(),
        FieldRef::Other(name) => {
            event.keyed(field::OTHER, name).filter_map(|value| count(field::OTHER, value)).collect()
        }
    }
}

/// A value as a number, for metrics: dates in ms, booleans 0 and 1, anything else NaN.
pub(super) fn number(value: &Scalar) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "metrics are doubles, as in Elasticsearch")]
    match value {
        Scalar::Long(number) => *number as f64,
        Scalar::Double(number) => *number,
        Scalar::Date(time) => time.millis() as f64,
        Scalar::Bool(value) => f64::from(u8::from(*value)),
        Scalar::Null | Scalar::Ip(_) | Scalar::Text(_) => f64::NAN,
    }
}
