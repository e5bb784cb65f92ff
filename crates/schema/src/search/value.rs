//! What an event's value counts as when it is searched, sorted or counted, the same in every engine.
//!
//! The catalogue's kind decides. A number in a keyword field is its text; `22.0` in a field of whole numbers is 22; a text
//! in a number field, or one that is no address in an address field, is kept in the document but is no value here. Names
//! outside the catalogue and keys of flattened fields have no kind: their values count as what they are.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

use super::Scalar;
use super::date_math::{Fill, Reader, Zone};
use crate::Timestamp;
use crate::event::Value;
use crate::field::{self, Field, Kind};

/// A value as it is searched.
#[derive(Clone, PartialEq, Debug)]
pub enum Plain<'a> {
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// Any other number.
    Double(f64),
    /// A point in time.
    Date(Timestamp),
    /// An address; IPv4 inside IPv6 is IPv4.
    Ip(IpAddr),
    /// A text.
    Text(Cow<'a, str>),
}

impl<'a> Plain<'a> {
    /// What a value of this field counts as; `None`: it is no value.
    #[must_use]
    pub fn of(field: Field, value: Value<'a>) -> Option<Self> {
        if is_dynamic(field) {
            return natural(value);
        }
        match field.kind() {
            Kind::Keyword | Kind::Path | Kind::Text | Kind::Stored => text(value).map(Self::Text),
            Kind::Long => long(value).map(Self::Long),
            Kind::Double => double(value).map(Self::Double),
            Kind::Bool => match value {
                Value::Bool(value) => Some(Self::Bool(value)),
                _ => None,
            },
            Kind::Date => date(value).map(Self::Date),
            Kind::Ip => match value {
                Value::Text(text) => text.parse::<IpAddr>().ok().map(|address| Self::Ip(address.to_canonical())),
                _ => None,
            },
            Kind::Flattened | Kind::Structured => None,
        }
    }

    /// As a value of an answer.
    #[must_use]
    pub fn to_scalar(&self) -> Scalar {
        match self {
            Self::Bool(value) => Scalar::Bool(*value),
            Self::Long(value) => Scalar::Long(*value),
            Self::Double(value) => Scalar::Double(*value),
            Self::Date(value) => Scalar::Date(*value),
            Self::Ip(value) => Scalar::Ip(*value),
            Self::Text(value) => Scalar::Text(value.clone().into_owned()),
        }
    }
}

/// Whether values of this field are of no kind: names outside the catalogue, keys of flattened fields.
#[must_use]
pub fn is_dynamic(field: Field) -> bool {
    field == field::OTHER || field.kind() == Kind::Flattened
}

/// Whether a field has this value: `exists`. Absent, `null`, `[]`, `{}` and what does not fit the kind are no values.
#[must_use]
pub fn is_present(field: Field, value: Value<'_>) -> bool {
    match (field.kind(), value) {
        (Kind::Structured, Value::Json(json)) => !matches!(json, "[]" | "{}"),
        (Kind::Structured, value) => value != Value::Null,
        _ => Plain::of(field, value).is_some(),
    }
}

/// The order of values: booleans, numbers by value, times, addresses as IPv6 numbers, texts byte by byte. `Null` is first.
#[must_use]
pub fn order(a: &Scalar, b: &Scalar) -> Ordering {
    match (a, b) {
        (Scalar::Bool(a), Scalar::Bool(b)) => a.cmp(b),
        (Scalar::Long(a), Scalar::Long(b)) => a.cmp(b),
        // Adding 0.0 makes -0.0 the 0.0 that it equals.
        (Scalar::Double(a), Scalar::Double(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
        (Scalar::Long(a), Scalar::Double(b)) => order_mixed(*a, *b),
        (Scalar::Double(a), Scalar::Long(b)) => order_mixed(*b, *a).reverse(),
        (Scalar::Date(a), Scalar::Date(b)) => a.cmp(b),
        (Scalar::Ip(a), Scalar::Ip(b)) => mapped(*a).cmp(&mapped(*b)),
        (Scalar::Text(a), Scalar::Text(b)) => a.cmp(b),
        (a, b) => class(a).cmp(&class(b)),
    }
}

/// As [`order`], if the two can be compared at all.
#[must_use]
pub fn compare(a: &Scalar, b: &Scalar) -> Option<Ordering> {
    (class(a) == class(b)).then(|| order(a, b))
}

/// An address as an IPv6 number, IPv4 as `::ffff:a.b.c.d`.
#[must_use]
pub fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Whether an address lies in the network that shares its first `prefix` bits with `network`.
#[must_use]
pub fn in_network(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    let prefix = u32::from(prefix) + if network.is_ipv4() { 96 } else { 0 };
    let host_bits = 128_u32.saturating_sub(prefix);
    (mapped(address) ^ mapped(network)).checked_shr(host_bits).unwrap_or(0) == 0
}

/// A text as a number, if it is one in JSON's notation.
#[must_use]
pub fn number(text: &str) -> Option<Scalar> {
    let starts = text.strip_prefix('-').unwrap_or(text).bytes().next()?.is_ascii_digit();
    let plain = starts && text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if !plain {
        return None;
    }
    let long = text.parse().ok().map(Scalar::Long);
    long.or_else(|| text.parse().ok().filter(|double: &f64| double.is_finite()).map(Scalar::Double))
}

/// `double` as a whole number, if it is one.
#[must_use]
pub fn whole(double: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
    (double.fract() == 0.0 && (-LIMIT..LIMIT).contains(&double)).then_some(double as i64)
}

fn natural(value: Value<'_>) -> Option<Plain<'_>> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => Plain::Bool(value),
        Value::Long(value) => Plain::Long(value),
        Value::Double(value) => Plain::Double(value),
        Value::Date(time) => Plain::Text(time.to_string().into()),
        Value::Text(text) => Plain::Text(text.into()),
        Value::Json(json) => match number(json)? {
            Scalar::Double(value) => Plain::Double(value),
            _ => return None,
        },
    })
}

fn text(value: Value<'_>) -> Option<Cow<'_, str>> {
    Some(match value {
        Value::Text(text) => text.into(),
        Value::Bool(value) => if value { "true" } else { "false" }.into(),
        Value::Long(value) => value.to_string().into(),
        Value::Double(value) => serde_json::Number::from_f64(value)?.to_string().into(),
        Value::Date(time) => time.to_string().into(),
        Value::Json(json) => return number(json).map(|_| json.into()),
        Value::Null => return None,
    })
}

fn long(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Long(value) => Some(value),
        Value::Double(value) => whole(value),
        _ => None,
    }
}

fn double(value: Value<'_>) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "the nearest double is what a double field holds")]
        Value::Long(value) => Some(value as f64),
        Value::Double(value) => Some(value),
        Value::Json(json) => match number(json)? {
            Scalar::Double(value) => Some(value),
            _ => None,
        },
        _ => None,
    }
}

/// Foreign shippers write RFC 3339 with more or fewer digits, or epoch milliseconds.
fn date(value: Value<'_>) -> Option<Timestamp> {
    match value {
        Value::Date(time) => Some(time),
        Value::Long(ms) => Some(Timestamp::from_millis(ms)),
        Value::Text(text) if text.starts_with(|c: char| c.is_ascii_digit()) && !text.contains("||") => {
            Reader { now: Timestamp::default(), zone: &Zone::utc() }.read(text, Fill::Start).ok()
        }
        _ => None,
    }
}

fn order_mixed(a: i64, b: f64) -> Ordering {
    #[expect(clippy::cast_precision_loss, reason = "only where they still are equal is the rest looked at")]
    let rough = (a as f64).total_cmp(&(b + 0.0));
    match (rough, whole(b)) {
        (Ordering::Equal, Some(b)) => a.cmp(&b),
        (rough, _) => rough,
    }
}

fn class(scalar: &Scalar) -> u8 {
    match scalar {
        Scalar::Null => 0,
        Scalar::Bool(_) => 1,
        Scalar::Long(_) | Scalar::Double(_) => 2,
        Scalar::Date(_) => 3,
        Scalar::Ip(_) => 4,
        Scalar::Text(_) => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(field: Field, value: Value<'_>) -> Option<Scalar> {
        Plain::of(field, value).map(|plain| plain.to_scalar())
    }

    #[test]
    fn the_kind_decides() {
        let text = |text: &str| Some(Scalar::Text(text.to_owned()));
        for (field, value, expect) in [
            (field::PROCESS_NAME, Value::Long(22), text("22")),
            (field::PROCESS_NAME, Value::Double(1.5), text("1.5")),
            (field::PROCESS_NAME, Value::Bool(true), text("true")),
            (field::PROCESS_NAME, Value::Json("18446744073709551615"), text("18446744073709551615")),
            (field::PROCESS_NAME, Value::Json("[]"), None),
            (field::PROCESS_NAME, Value::Text(""), text("")),
            (field::PROCESS_PID, Value::Text("22"), None),
            (field::PROCESS_PID, Value::Double(22.0), Some(Scalar::Long(22))),
            (field::PROCESS_PID, Value::Double(22.5), None),
            (field::PROCESS_PID, Value::Json("18446744073709551615"), None),
            (field::SOURCE_IP, Value::Text("::ffff:1.2.3.4"), Some(Scalar::Ip("1.2.3.4".parse().unwrap()))),
            (field::SOURCE_IP, Value::Text("1.2.3"), None),
            (field::TIMESTAMP, Value::Text("1970-01-01T00:00:01.5Z"), Some(Scalar::Date(Timestamp::from_millis(1500)))),
            (field::TIMESTAMP, Value::Text("now"), None),
            (field::AUDITNG_AUDIT_LATE, Value::Text("true"), None),
            (field::OTHER, Value::Long(22), Some(Scalar::Long(22))),
            (field::LABELS, Value::Text("x"), text("x")),
            (field::PROCESS_NAME, Value::Null, None),
        ] {
            assert_eq!(of(field, value), expect, "{field:?} {value:?}");
        }
        assert!(is_present(field::AUDITD_PATHS, Value::Json("[1]")));
        assert!(!is_present(field::AUDITD_PATHS, Value::Json("[]")));
    }

    #[test]
    fn networks() {
        for (address, network, prefix, expect) in [
            ("10.1.2.3", "10.0.0.0", 8, true),
            ("11.1.2.3", "10.0.0.0", 8, false),
            ("1.2.3.4", "0.0.0.0", 0, true),
            ("::1", "0.0.0.0", 0, false),
            ("fe80::1", "fe80::", 10, true),
            ("1.2.3.4", "::", 0, true),
            ("1.2.3.4", "1.2.3.4", 32, true),
        ] {
            assert_eq!(
                in_network(address.parse().unwrap(), network.parse().unwrap(), prefix),
                expect,
                "{address} {network}/{prefix}"
            );
        }
    }

    #[test]
    fn numbers_in_texts() {
        for (text, expect) in [
            ("22", Some(Scalar::Long(22))),
            ("-1", Some(Scalar::Long(-1))),
            ("1e3", Some(Scalar::Double(1000.0))),
            ("9223372036854775808", Some(Scalar::Double(9_223_372_036_854_775_808.0))),
            ("1e999", None),
            ("inf", None),
            ("+1", None),
            ("", None),
            ("1-2", None),
        ] {
            assert_eq!(number(text), expect, "{text}");
        }
    }

    fn scalar() -> impl Strategy<Value = Scalar> {
        prop_oneof![
            any::<bool>().prop_map(Scalar::Bool),
            any::<i64>().prop_map(Scalar::Long),
            (-3_i64..3).prop_map(Scalar::Long),
            prop::sample::select(vec![0.0, -0.0, 0.5, -1.0, 1.0, 9_007_199_254_740_993.0, f64::MAX])
                .prop_map(Scalar::Double),
            any::<u32>().prop_map(|bits| Scalar::Ip(IpAddr::from(bits.to_be_bytes()))),
            ".{0,3}".prop_map(Scalar::Text),
        ]
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in scalar(), b in scalar(), c in scalar()) {
            prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
            if order(&a, &b).is_le() && order(&b, &c).is_le() {
                prop_assert!(order(&a, &c).is_le());
            }
        }
    }
}
