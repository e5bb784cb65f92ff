//! Texts read as values of a field's kind.

use std::net::IpAddr;

use super::date_math::Fill;
use super::{Bound, FieldRef, Options, Query, Range, Scalar, value};
use crate::field::Kind;

/// A value that does not fit its field.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct BadValue {
    /// What is wrong.
    pub message: String,
    /// What could stand there.
    pub expected: Vec<&'static str>,
    /// What to do.
    pub advice: Option<String>,
}

impl BadValue {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), expected: Vec::new(), advice: None }
    }

    pub(super) fn expected(mut self, expected: &'static str) -> Self {
        self.expected.push(expected);
        self
    }

    pub(super) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// The query that a field has this value: a network where the text is one, and a range where a date stands for more than a
/// moment (`2026-11-24` for the day).
///
/// # Errors
/// The text cannot be read for the field's kind.
pub fn equal(field: &FieldRef, text: &str, options: &Options<'_>) -> Result<Query, BadValue> {
    let kind = field.kind();
    if kind == Kind::Ip
        && let Some((address, prefix)) = text.split_once('/')
    {
        let (network, prefix) = network(address, prefix).ok_or_else(|| {
            BadValue::new(format!("{text} is not a network")).expected("address/bits, as in 10.0.0.0/8")
        })?;
        return Ok(Query::Cidr { field: field.clone(), network, prefix });
    }
    let value = scalar(field, text, Fill::Start, options)?;
    if kind == Kind::Date {
        let last = scalar(field, text, Fill::End, options)?;
        if last != value {
            let (lower, upper) = (Bound::Included(value), Bound::Included(last));
            return Ok(Query::Range(Range { field: field.clone(), lower, upper }));
        }
    }
    Ok(Query::Term { field: field.clone(), value, case_insensitive: false })
}

fn network(address: &str, prefix: &str) -> Option<(IpAddr, u8)> {
    let address: IpAddr = address.parse().ok()?;
    let prefix: u8 = prefix.parse().ok()?;
    (prefix <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, prefix))
}

/// A text as a value of the field's kind.
///
/// # Errors
/// It cannot be read as one.
pub fn scalar(field: &FieldRef, text: &str, fill: Fill, options: &Options<'_>) -> Result<Scalar, BadValue> {
    let kind = field.kind();
    let number = || value::number(text.strip_prefix('+').unwrap_or(text));
    let read = match kind {
        Kind::Keyword | Kind::Path | Kind::Text | Kind::Stored | Kind::Flattened | Kind::Structured => {
            Some(Scalar::Text(text.to_owned()))
        }
        Kind::Long => number().and_then(|number| match number {
            Scalar::Double(double) => value::whole(double).map(Scalar::Long),
            long => Some(long),
        }),
        Kind::Double => number().map(|number| match number {
            #[expect(clippy::cast_precision_loss, reason = "the nearest double is what a double field holds")]
            Scalar::Long(long) => Scalar::Double(long as f64),
            double => double,
        }),
        Kind::Bool => text.parse().ok().map(Scalar::Bool),
        Kind::Ip => text.parse().ok().map(|address: IpAddr| Scalar::Ip(address.to_canonical())),
        Kind::Date => return date(field, text, fill, options),
    };
    read.ok_or_else(|| {
        BadValue::new(format!("{} holds {}, and {text:?} is none", field.name(), plural(kind))).expected(singular(kind))
    })
}

fn date(field: &FieldRef, text: &str, fill: Fill, options: &Options<'_>) -> Result<Scalar, BadValue> {
    options.dates().read(text, fill).map(Scalar::Date).map_err(|bad| {
        BadValue::new(format!("{} holds times, and {text:?} is none: {}", field.name(), bad.reason))
            .expected(singular(Kind::Date))
            .advice("write now-1h, 2026-11-24, 2026-11-24T08:00:00Z or epoch milliseconds")
    })
}

pub(super) fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Long => "whole numbers",
        Kind::Double => "numbers",
        Kind::Bool => "true or false",
        Kind::Date => "times",
        Kind::Ip => "addresses",
        _ => "texts",
    }
}

pub(super) fn singular(kind: Kind) -> &'static str {
    match kind {
        Kind::Long => "a whole number",
        Kind::Double => "a number",
        Kind::Bool => "true or false",
        Kind::Date => "a time",
        Kind::Ip => "an address",
        _ => "a text",
    }
}
