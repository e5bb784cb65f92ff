//! Which events: the query nodes.

use std::net::IpAddr;

use crate::Timestamp;
use crate::field::{self, Field, Kind};

/// A field that a query names, resolved against the catalogue.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum FieldRef {
    /// A field of the catalogue.
    Known(Field),
    /// A key of a flattened field.
    Keyed(Field, String),
    /// A dotted name outside the catalogue.
    Other(String),
}

impl FieldRef {
    /// Resolves a dotted name: catalogue, flattened field, alias, else [`Self::Other`].
    #[must_use]
    pub fn resolve(name: &str) -> Self {
        if let Some(field) = Field::named(name) {
            return Self::Known(field);
        }
        if let Some((field, key)) = Field::flattened(name) {
            return Self::Keyed(field, key.to_owned());
        }
        let alias = field::ALIASES.iter().find(|(alias, _)| *alias == name);
        alias.map_or_else(|| Self::Other(name.to_owned()), |&(_, field)| Self::Known(field))
    }

    /// The dotted name.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Known(field) => field.name().to_owned(),
            Self::Keyed(field, key) => format!("{}.{key}", field.name()),
            Self::Other(name) => name.clone(),
        }
    }

    /// The kind of its values; keyed and other names hold keywords (numbers among them are compared by value).
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Known(field) => field.kind(),
            Self::Keyed(..) | Self::Other(_) => Kind::Keyword,
        }
    }
}

/// A value in a query or an answer.
#[derive(Clone, PartialEq, PartialOrd, Debug)]
pub enum Scalar {
    /// No value (in sort values of events without the field).
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// Any other number.
    Double(f64),
    /// A point in time.
    Date(Timestamp),
    /// An address.
    Ip(IpAddr),
    /// A text.
    Text(String),
}

/// A bound of a range.
#[derive(Clone, PartialEq, Debug)]
pub enum Bound {
    /// No bound.
    Open,
    /// The value itself belongs to the range.
    Included(Scalar),
    /// The value itself does not.
    Excluded(Scalar),
}

/// Values between two bounds, compared by the field's kind; keywords byte by byte.
#[derive(Clone, PartialEq, Debug)]
pub struct Range {
    /// Whose value.
    pub field: FieldRef,
    /// Lower bound.
    pub lower: Bound,
    /// Upper bound.
    pub upper: Bound,
}

/// Clauses joined. As in Elasticsearch, `should` counts only if there is neither `must` nor `filter`, unless
/// `minimum_should_match` says otherwise; only `must_not` means everything else; nothing at all means everything.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Bool {
    /// All of these (`filter` is the same: there is no relevance).
    pub must: Vec<Query>,
    /// Some of these.
    pub should: Vec<Query>,
    /// None of these.
    pub must_not: Vec<Query>,
    /// How many of `should`, resolved to a number; `None`: the default rule above.
    pub minimum_should_match: Option<usize>,
}

/// Which events. A test on a field with several values holds if any value passes; a field that is absent passes none.
#[derive(Clone, PartialEq, Debug)]
pub enum Query {
    /// All.
    MatchAll,
    /// None.
    MatchNone,
    /// The value itself. Text fields: one token.
    Term {
        /// Whose value.
        field: FieldRef,
        /// The value, of the field's kind.
        value: Scalar,
        /// Compare by Unicode simple case folding.
        case_insensitive: bool,
    },
    /// Any of these values.
    Terms {
        /// Whose value.
        field: FieldRef,
        /// The values, of the field's kind.
        values: Vec<Scalar>,
    },
    /// An address inside a network (`10.0.0.0/8`).
    Cidr {
        /// Whose value.
        field: FieldRef,
        /// Any address of the network.
        network: IpAddr,
        /// Length of the network part in bits.
        prefix: u8,
    },
    /// Between bounds.
    Range(Range),
    /// Begins with.
    Prefix {
        /// Whose value.
        field: FieldRef,
        /// The beginning.
        value: String,
        /// Compare by Unicode simple case folding.
        case_insensitive: bool,
    },
    /// `*` any run, `?` any character, `\` takes the next one literally; the whole value (text: a token) must match.
    Wildcard {
        /// Whose value.
        field: FieldRef,
        /// The pattern.
        pattern: String,
        /// Compare by Unicode simple case folding.
        case_insensitive: bool,
    },
    /// A regular expression in the syntax of the `regex` crate; the whole value (text: a token) must match.
    Regexp {
        /// Whose value.
        field: FieldRef,
        /// The expression.
        pattern: String,
        /// Compare by Unicode simple case folding.
        case_insensitive: bool,
    },
    /// Within some edits (insert, delete, replace, swap of neighbours) of the value.
    Fuzzy {
        /// Whose value.
        field: FieldRef,
        /// The value.
        value: String,
        /// At most this many edits, 0-2.
        edits: u8,
    },
    /// Has a value; the empty string is one. A name that is a prefix of others (`process`) holds if any of them does.
    Exists {
        /// Dotted name of a field or object.
        name: String,
    },
    /// These events.
    Ids(Vec<String>),
    /// These words: on a text field its tokens in this order side by side; without a field, some one value of a field
    /// flagged `words` holds the text at token borders (a token is a run of letters and digits, compared in lower case).
    Phrase {
        /// Where; `None`: anywhere.
        field: Option<FieldRef>,
        /// The words as typed.
        text: String,
    },
    /// A wildcard over the tokens of all fields flagged `words`.
    AnyWildcard {
        /// The pattern, as in [`Query::Wildcard`], compared in lower case.
        pattern: String,
    },
    /// Clauses joined.
    Bool(Box<Bool>),
}

impl Query {
    /// All of these.
    #[must_use]
    pub fn all(mut must: Vec<Self>) -> Self {
        match must.len() {
            0 => Self::MatchAll,
            1 => must.swap_remove(0),
            _ => Self::Bool(Box::new(Bool { must, ..Bool::default() })),
        }
    }

    /// Any of these.
    #[must_use]
    pub fn any(mut should: Vec<Self>) -> Self {
        match should.len() {
            0 => Self::MatchNone,
            1 => should.swap_remove(0),
            _ => Self::Bool(Box::new(Bool { should, minimum_should_match: Some(1), ..Bool::default() })),
        }
    }

    /// Everything but this.
    #[must_use]
    pub fn negate(self) -> Self {
        Self::Bool(Box::new(Bool { must_not: vec![self], ..Bool::default() }))
    }
}
