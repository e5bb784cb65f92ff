//! What the readers of searches (query string, JSON) need to know besides the text.

use super::date_math::{Reader, Zone};
use super::{FieldRef, Query};
use crate::Timestamp;
use crate::field::Field;

/// How clauses that stand side by side are joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// All must match: page, command line, rules, dashboards.
    And,
    /// One is enough: the Elasticsearch API, unless its `default_operator` says otherwise.
    Or,
}

/// What becomes of a field that nobody has heard of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnknownFields {
    /// A problem, with the nearest names: where a person types.
    Refuse,
    /// It matches nothing, and a note says so: rules, dashboards, the Elasticsearch API.
    Note,
}

/// How names and values in a search are read.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// How clauses that stand side by side are joined.
    pub default_operator: Operator,
    /// What becomes of unknown fields.
    pub unknown_fields: UnknownFields,
    /// What `now` means, fixed once for a search.
    pub now: Timestamp,
    /// The zone of dates that name none.
    pub time_zone: Zone,
    /// Names beyond the catalogue that events are known to have.
    pub known: &'a [String],
}

impl Options<'_> {
    /// For people: a space means AND, unknown fields are refused, UTC.
    #[must_use]
    pub fn page(now: Timestamp) -> Self {
        Self {
            default_operator: Operator::And,
            unknown_fields: UnknownFields::Refuse,
            now,
            time_zone: Zone::utc(),
            known: &[],
        }
    }

    /// For programs: a space means OR, unknown fields are noted, UTC.
    #[must_use]
    pub fn api(now: Timestamp) -> Self {
        Self { default_operator: Operator::Or, unknown_fields: UnknownFields::Note, ..Self::page(now) }
    }

    /// Reads dates as this search does.
    #[must_use]
    pub fn dates(&self) -> Reader<'_> {
        Reader { now: self.now, zone: &self.time_zone }
    }

    /// Whether events can have this field. `auditng.*` is ours and may grow.
    #[must_use]
    pub fn knows(&self, field: &FieldRef) -> bool {
        match field {
            FieldRef::Known(_) | FieldRef::Keyed(..) => true,
            FieldRef::Other(name) => name.starts_with("auditng.") || self.known.iter().any(|known| known == name),
        }
    }

    /// Whether a name is a field or an object that has fields.
    #[must_use]
    pub fn knows_object(&self, name: &str) -> bool {
        let inside = |field: &str| field.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        self.knows(&FieldRef::resolve(name))
            || Field::all().any(|field| inside(field.name()))
            || self.known.iter().any(|known| inside(known))
    }

    /// Up to three known names that are most like this one, best first.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Vec<String> {
        super::nearest::names(name, self.known)
    }
}

/// A query that was read, and what its reader wants to say about it.
#[derive(Clone, PartialEq, Debug)]
pub struct Parsed {
    /// Which events.
    pub query: Query,
    /// What was accepted without effect, or may surprise: unknown fields, boosts.
    pub notes: Vec<String>,
}
