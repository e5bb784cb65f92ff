//! Sizes and durations as people write them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A size: `"64MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(pub u64);

/// A duration: `"200ms"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

/// Largest first, so that writing finds the shortest form.
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const SPANS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A text that is no size or duration.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is no {what}")]
pub struct BadUnit {
    text: String,
    what: &'static str,
}

impl TryFrom<String> for Bytes {
    type Error = BadUnit;

    fn try_from(text: String) -> Result<Self, BadUnit> {
        parse(&text, &SIZES).map(Self).ok_or(BadUnit { text, what: "size like \"512B\", \"64MiB\" or \"1GiB\"" })
    }
}

impl From<Bytes> for String {
    fn from(Bytes(bytes): Bytes) -> Self {
        print(bytes, &SIZES)
    }
}

impl TryFrom<String> for Span {
    type Error = BadUnit;

    fn try_from(text: String) -> Result<Self, BadUnit> {
        let ms = parse(&text, &SPANS);
        let what = "duration like \"200ms\", \"30s\", \"10m\", \"12h\" or \"30d\"";
        ms.map(|ms| Self(Duration::from_millis(ms))).ok_or(BadUnit { text, what })
    }
}

impl From<Span> for String {
    fn from(Span(span): Span) -> Self {
        print(u64::try_from(span.as_millis()).unwrap_or(u64::MAX), &SPANS)
    }
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn print(value: u64, units: &[(&str, u64)]) -> String {
    let fits = units.iter().find(|(_, factor)| value.is_multiple_of(*factor) && value > 0);
    let (name, factor) = fits.or(units.last()).copied().unwrap_or(("", 1));
    format!("{}{name}", value / factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sizes_and_spans_are_read_back(value in 0..u64::MAX / 2) {
            prop_assert_eq!(Bytes::try_from(String::from(Bytes(value))).unwrap(), Bytes(value));
            let span = Span(Duration::from_millis(value));
            prop_assert_eq!(Span::try_from(String::from(span)).unwrap(), span);
        }
    }

    #[test]
    fn forms() {
        let size = |text: &str| Bytes::try_from(text.to_owned()).ok().map(|bytes| bytes.0);
        assert_eq!(size("64MiB"), Some(64 << 20));
        assert_eq!(size("0B"), Some(0));
        for text in ["", "64", "MiB", "64MB", "-1B", "1.5GiB", "99999999999GiB", "64 MiB"] {
            assert_eq!(size(text), None, "{text}");
        }
        let span = |text: &str| Span::try_from(text.to_owned()).ok().map(|span| span.0);
        assert_eq!(span("200ms"), Some(Duration::from_millis(200)));
        assert_eq!(span("2m"), Some(Duration::from_secs(120)));
        assert_eq!(span("2"), None);
        assert_eq!(String::from(Bytes(512 << 20)), "512MiB");
        assert_eq!(String::from(Bytes(0)), "0B");
    }
}
