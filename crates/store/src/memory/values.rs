//! The values of an event as they are sorted, counted and computed with.

use std::cmp::Ordering;

use schema::Event;
use schema::search::value::{Plain, order};
use schema::search::{FieldRef, Scalar, Sort};
use schema::{Field, field};

/// All values of a field in the order of the document.
pub(super) fn of(event: &Event, field: &FieldRef) -> Vec<Scalar> {
    let plain = |field: Field, value| Plain::of(field, value).map(|plain| plain.to_scalar());
    match field {
        FieldRef::Known(known) => event.all(*known).filter_map(|value| plain(*known, value)).collect(),
        FieldRef::Keyed(known, key) => event.keyed(*known, key).filter_map(|value| plain(*known, value)).collect(),
        FieldRef::Other(name) => {
            event.keyed(field::OTHER, name).filter_map(|value| plain(field::OTHER, value)).collect()
        }
    }
}

/// Each different value once, in order.
pub(super) fn different(event: &Event, field: &FieldRef) -> Vec<Scalar> {
    let mut values = of(event, field);
    values.sort_by(order);
    values.dedup_by(|a, b| order(a, b).is_eq());
    values
}

/// A value as a number: times in ms, booleans 0 and 1; texts and addresses are none.
#[expect(clippy::cast_precision_loss, reason = "metrics are doubles, as in Elasticsearch")]
pub(super) fn number(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Long(number) => Some(*number as f64),
        Scalar::Double(number) => Some(*number),
        Scalar::Date(time) => Some(time.millis() as f64),
        Scalar::Bool(value) => Some(f64::from(u8::from(*value))),
        Scalar::Null | Scalar::Ip(_) | Scalar::Text(_) => None,
    }
}

/// A value as the text that patterns are compared with.
pub(super) fn text(value: &Scalar) -> String {
    match value {
        Scalar::Null => String::new(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Long(number) => number.to_string(),
        Scalar::Double(number) => number.to_string(),
        Scalar::Date(time) => time.to_string(),
        Scalar::Ip(address) => address.to_string(),
        Scalar::Text(text) => text.clone(),
    }
}

/// The numbers among the values of a field.
pub(super) fn numbers(event: &Event, field: &FieldRef) -> Vec<f64> {
    of(event, field).iter().filter_map(number).collect()
}

/// The order of hits: the given keys (none: newest first), then `event.id` descending.
pub(super) struct HitOrder {
    sorts: Vec<Sort>,
}

impl HitOrder {
    pub(super) fn new(sorts: &[Sort]) -> Self {
        let newest = Sort { field: FieldRef::Known(field::TIMESTAMP), descending: true, missing_first: false };
        Self { sorts: if sorts.is_empty() { vec![newest] } else { sorts.to_vec() } }
    }

    /// Number of sort values of a hit.
    pub(super) fn width(&self) -> usize {
        self.sorts.len() + 1
    }

    /// The sort values of an event. Of several values the first in the order counts.
    pub(super) fn key(&self, event: &Event) -> Vec<Scalar> {
        let one = |sort: &Sort| {
            let values = of(event, &sort.field).into_iter();
            let one = if sort.descending { values.max_by(order) } else { values.min_by(order) };
            one.unwrap_or(Scalar::Null)
        };
        let id = event.str(field::EVENT_ID).unwrap_or_default().to_owned();
        self.sorts.iter().map(one).chain([Scalar::Text(id)]).collect()
    }

    pub(super) fn compare(&self, a: &[Scalar], b: &[Scalar]) -> Ordering {
        let by_keys = self.sorts.iter().zip(a.iter().zip(b)).map(|(sort, (a, b))| compare_one(sort, a, b));
        let by_id = a.last().zip(b.last()).map_or(Ordering::Equal, |(a, b)| order(b, a));
        by_keys.chain([by_id]).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

fn compare_one(sort: &Sort, a: &Scalar, b: &Scalar) -> Ordering {
    match (*a == Scalar::Null, *b == Scalar::Null) {
        (true, true) => Ordering::Equal,
        (true, false) if sort.missing_first => Ordering::Less,
        (true, false) => Ordering::Greater,
        (false, true) if sort.missing_first => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) if sort.descending => order(b, a),
        (false, false) => order(a, b),
    }
}
