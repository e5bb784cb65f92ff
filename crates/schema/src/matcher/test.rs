//! A test on one value, chosen by the field's kind when a query is compiled.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::net::IpAddr;

use crate::Field;
use crate::event::Value;
use crate::field::Kind;
use crate::search::value::{self, Plain, compare, in_network};
use crate::search::{Bound, FieldRef, Query, Range, Scalar, pattern, token};
use regex::Regex;

use super::Unsupported;

#[derive(Clone, Debug)]
pub(super) enum Test {
    /// The whole text.
    Text(OnText),
    /// One folded token of the text.
    Token(OnText),
    /// These folded tokens in this order side by side.
    SideBySide(Vec<String>),
    /// A value that is compared by its kind: numbers, dates, booleans, addresses.
    OneOf(Vec<Scalar>),
    Between(Bound, Bound),
    Network(IpAddr, u8),
    /// Values without a kind: texts compare as texts, numbers by value.
    Dynamic(OnText, OnNumber),
}

#[derive(Clone, Debug)]
pub(super) enum OnText {
    None,
    OneOf(HashSet<String>),
    Between(Bound, Bound),
    Prefix(String),
    Pattern(Regex),
    Fuzzy(String, u8),
}

#[derive(Clone, Debug)]
pub(super) enum OnNumber {
    None,
    OneOf(Vec<Scalar>),
    Between(Bound, Bound),
}

impl Test {
    /// The test that a leaf of a query asks for.
    pub(super) fn new(query: &Query, field: &FieldRef) -> Result<Self, Unsupported> {
        if matches!(field, FieldRef::Keyed(..) | FieldRef::Other(_)) || field.kind() == Kind::Flattened {
            return dynamic(query).ok_or_else(|| unsupported(query, field))?;
        }
        match field.kind() {
            Kind::Stored | Kind::Structured => {
                Err(Unsupported(format!("{} is kept and shown, not searched", field.name())))
            }
            Kind::Text => on_token(query).ok_or_else(|| unsupported(query, field))?,
            Kind::Keyword | Kind::Path => {
                let test = on_text(query, whole).ok_or_else(|| unsupported(query, field))?;
                Ok(Self::Text(test?))
            }
            Kind::Long | Kind::Double | Kind::Bool | Kind::Date | Kind::Ip | Kind::Flattened => {
                typed(query).ok_or_else(|| unsupported(query, field))
            }
        }
    }

    /// Whether this value of this field passes.
    pub(super) fn passes(&self, field: Field, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Text(test), Value::Text(text)) => test.passes(text),
            (Self::Token(test), Value::Text(text)) => test.passes_token(text),
            (Self::SideBySide(tokens), Value::Text(text)) => token::side_by_side(text, tokens),
            (_, value) => Plain::of(field, value).is_some_and(|plain| self.passes_plain(&plain)),
        }
    }

    fn passes_plain(&self, plain: &Plain<'_>) -> bool {
        match (self, plain) {
            (Self::Text(test) | Self::Dynamic(test, _), Plain::Text(text)) => test.passes(text),
            (Self::Token(test), Plain::Text(text)) => test.passes_token(text),
            (Self::SideBySide(tokens), Plain::Text(text)) => token::side_by_side(text, tokens),
            (Self::Dynamic(test, _), Plain::Bool(value)) => test.is(if *value { "true" } else { "false" }),
            (Self::Dynamic(_, test), plain) => test.passes(&plain.to_scalar()),
            (Self::Network(network, prefix), Plain::Ip(address)) => in_network(*address, *network, *prefix),
            (Self::OneOf(values), plain) => is_one_of(&plain.to_scalar(), values),
            (Self::Between(lower, upper), plain) => is_between(&plain.to_scalar(), lower, upper),
            _ => false,
        }
    }
}

impl OnText {
    fn passes(&self, text: &str) -> bool {
        match self {
            Self::None => false,
            Self::OneOf(values) => values.contains(text),
            Self::Between(lower, upper) => is_text_between(text, lower, upper),
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Pattern(regex) => regex.is_match(text),
            Self::Fuzzy(value, edits) => pattern::within_edits(text, value, *edits),
        }
    }

    fn passes_token(&self, text: &str) -> bool {
        let folded = token::fold(text);
        token::of(&folded).any(|token| self.passes(token))
    }

    /// Equality alone: the other tests are for texts.
    fn is(&self, text: &str) -> bool {
        matches!(self, Self::OneOf(values) if values.contains(text))
    }
}

impl OnNumber {
    fn passes(&self, number: &Scalar) -> bool {
        match self {
            Self::None => false,
            Self::OneOf(values) => is_one_of(number, values),
            Self::Between(lower, upper) => is_between(number, lower, upper),
        }
    }
}

type Compiled<T> = Option<Result<T, Unsupported>>;

/// Tests on the whole of a text; `adapt` brings the query's words into the form of what they are compared with.
fn on_text(query: &Query, adapt: fn(&str) -> Cow<'_, str>) -> Compiled<OnText> {
    let compiled = |regex: Result<Regex, pattern::BadPattern>| {
        Some(regex.map(OnText::Pattern).map_err(|error| Unsupported(error.to_string())))
    };
    let exact = match query {
        Query::Term { value, case_insensitive: false, .. } => {
            OnText::OneOf(adapted(std::slice::from_ref(value), adapt))
        }
        Query::Terms { values, .. } => OnText::OneOf(adapted(values, adapt)),
        Query::Term { value: Scalar::Text(text), .. } => return compiled(pattern::literal_any_case(&adapt(text))),
        Query::Range(Range { lower, upper, .. }) => OnText::Between(lower.clone(), upper.clone()),
        Query::Prefix { value, case_insensitive: false, .. } => OnText::Prefix(adapt(value).into_owned()),
        Query::Prefix { value, .. } => return compiled(pattern::prefix_any_case(&adapt(value))),
        Query::Wildcard { pattern, case_insensitive, .. } => {
            return compiled(pattern::wildcard(&adapt(pattern), *case_insensitive));
        }
        Query::Regexp { pattern, case_insensitive, .. } => {
            return compiled(pattern::regexp(pattern, *case_insensitive));
        }
        Query::Fuzzy { value, edits, .. } => OnText::Fuzzy(adapt(value).into_owned(), *edits),
        _ => return None,
    };
    Some(Ok(exact))
}

fn whole(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

fn adapted(values: &[Scalar], adapt: fn(&str) -> Cow<'_, str>) -> HashSet<String> {
    let texts = values.iter().filter_map(|value| match value {
        Scalar::Text(text) => Some(adapt(text).into_owned()),
        _ => None,
    });
    texts.collect()
}

fn on_token(query: &Query) -> Compiled<Test> {
    match query {
        Query::Phrase { text, .. } => {
            Some(Ok(Test::SideBySide(token::of(&token::fold(text)).map(str::to_owned).collect())))
        }
        // Bytes of single tokens have no order that anybody means.
        Query::Range(_) => None,
        query => Some(on_text(query, token::fold)?.map(Test::Token)),
    }
}

/// Tests on values that are no texts.
fn typed(query: &Query) -> Option<Test> {
    Some(match query {
        Query::Term { value, .. } => Test::OneOf(vec![value.clone()]),
        Query::Terms { values, .. } => Test::OneOf(values.clone()),
        Query::Range(Range { lower, upper, .. }) => Test::Between(lower.clone(), upper.clone()),
        Query::Cidr { network, prefix, .. } => Test::Network(*network, *prefix),
        _ => return None,
    })
}

/// Tests on values without a kind. If all bounds of a range are numbers it is one of numbers, else one of texts.
fn dynamic(query: &Query) -> Compiled<Test> {
    let numbers = |values: &[Scalar]| OnNumber::OneOf(values.iter().filter_map(as_number).collect());
    let on_number = match query {
        Query::Term { value, case_insensitive: false, .. } => numbers(std::slice::from_ref(value)),
        Query::Terms { values, .. } => numbers(values),
        Query::Range(Range { lower, upper, .. }) => match (as_numeric(lower), as_numeric(upper)) {
            (Some(lower), Some(upper)) => {
                return Some(Ok(Test::Dynamic(OnText::None, OnNumber::Between(lower, upper))));
            }
            _ => OnNumber::None,
        },
        _ => OnNumber::None,
    };
    Some(on_text(query, whole)?.map(|on_text| Test::Dynamic(on_text, on_number)))
}

fn as_number(value: &Scalar) -> Option<Scalar> {
    match value {
        Scalar::Text(text) => value::number(text),
        Scalar::Long(_) | Scalar::Double(_) => Some(value.clone()),
        Scalar::Null | Scalar::Bool(_) | Scalar::Date(_) | Scalar::Ip(_) => None,
    }
}

fn as_numeric(bound: &Bound) -> Option<Bound> {
    Some(match bound {
        Bound::Open => Bound::Open,
        Bound::Included(value) => Bound::Included(as_number(value)?),
        Bound::Excluded(value) => Bound::Excluded(as_number(value)?),
    })
}

fn is_one_of(value: &Scalar, values: &[Scalar]) -> bool {
    values.iter().any(|one| compare(value, one) == Some(Ordering::Equal))
}

fn is_between(value: &Scalar, lower: &Bound, upper: &Bound) -> bool {
    between(lower, upper, |bound| compare(value, bound))
}

fn is_text_between(text: &str, lower: &Bound, upper: &Bound) -> bool {
    between(lower, upper, |bound| match bound {
        Scalar::Text(bound) => Some(text.cmp(bound)),
        _ => None,
    })
}

/// Whether a value, whose order to a bound is given, lies between them; what cannot be compared lies outside.
fn between(lower: &Bound, upper: &Bound, order: impl Fn(&Scalar) -> Option<Ordering>) -> bool {
    let above = match lower {
        Bound::Open => true,
        Bound::Included(bound) => order(bound).is_some_and(Ordering::is_ge),
        Bound::Excluded(bound) => order(bound).is_some_and(Ordering::is_gt),
    };
    above
        && match upper {
            Bound::Open => true,
            Bound::Included(bound) => order(bound).is_some_and(Ordering::is_le),
            Bound::Excluded(bound) => order(bound).is_some_and(Ordering::is_lt),
        }
}

fn unsupported(query: &Query, field: &FieldRef) -> Unsupported {
    let test = match query {
        Query::Prefix { .. } => "a prefix",
        Query::Wildcard { .. } => "a wildcard",
        Query::Regexp { .. } => "a regular expression",
        Query::Fuzzy { .. } => "a fuzzy search",
        Query::Phrase { .. } => "a phrase",
        Query::Range(_) => "a range",
        Query::Cidr { .. } => "a network",
        _ => "this search",
    };
    Unsupported(format!("{test} does not apply to {}, which is of kind {:?}", field.name(), field.kind()))
}
