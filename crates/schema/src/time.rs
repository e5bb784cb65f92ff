//! A point in time: milliseconds since 1970-01-01T00:00:00Z, which is the resolution of ECS `@timestamp` in the store and
//! of the kernel's audit records.
//!
//! Formatting and parsing of the one canonical form `2026-11-24T08:01:30.000Z` are written out here because they stand on
//! the path of every event; all other forms, zones and date math go through `jiff` in [`crate::search`].

use std::fmt;

/// Milliseconds since the Unix epoch, negative before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

/// Length of the canonical text form for the years 0000 to 9999.
pub const CANONICAL_LEN: usize = 24;

const MS_PER_DAY: i64 = 86_400_000;

impl Timestamp {
    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Reads the canonical form only, `YYYY-MM-DDTHH:MM:SS.mmmZ`; anything else, valid date or not, is `None`.
    /// What it accepts, [`fmt::Display`] gives back byte for byte.
    #[must_use]
    pub fn parse_canonical(text: &str) -> Option<Self> {
        let b: &[u8; CANONICAL_LEN] = text.as_bytes().try_into().ok()?;
        let digits = |from: usize, to: usize| -> Option<i64> {
            b[from..to].iter().try_fold(0, |n, d| d.is_ascii_digit().then(|| n * 10 + i64::from(d - b'0')))
        };
        let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
        if separators.iter().any(|&(at, c)| b[at] != c) {
            return None;
        }
        let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
        let (hour, minute, second, ms) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?, digits(20, 23)?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days_from_civil(year, month, day);
        (civil_from_days(days) == (year, month, day))
            .then(|| Self(days * MS_PER_DAY + ((hour * 60 + minute) * 60 + second) * 1000 + ms))
    }

    /// Appends the canonical form. Years outside 0..=9999 are written with sign and as many digits as they need.
    pub fn write_canonical(self, out: &mut String) {
        let days = self.0.div_euclid(MS_PER_DAY);
        let in_day = self.0.rem_euclid(MS_PER_DAY);
        let (year, month, day) = civil_from_days(days);
        if (0..=9999).contains(&year) {
            push_digits(out, year, 4);
        } else {
            out.push_str(&format!("{year:+}"));
        }
        let (seconds, ms) = (in_day / 1000, in_day % 1000);
        for (separator, value, width) in [
            ('-', month, 2),
            ('-', day, 2),
            ('T', seconds / 3600, 2),
            (':', seconds / 60 % 60, 2),
            (':', seconds % 60, 2),
            ('.', ms, 3),
        ] {
            out.push(separator);
            push_digits(out, value, width);
        }
        out.push('Z');
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(CANONICAL_LEN);
        self.write_canonical(&mut text);
        f.write_str(&text)
    }
}

fn push_digits(out: &mut String, value: i64, width: u32) {
    for place in (0..width).rev() {
        let digit = value / 10_i64.pow(place) % 10;
        out.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
    }
}

/// Days since the epoch of a proleptic Gregorian date; days beyond the month's end run on into the next.
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse: (year, month 1-12, day 1-31). Source: as above, civil_from_days.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_instants() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_793_520_090_005, "2026-11-01T08:01:30.005Z"),
        ] {
            assert_eq!(Timestamp::from_millis(ms).to_string(), text);
            assert_eq!(Timestamp::parse_canonical(text), Some(Timestamp::from_millis(ms)));
        }
    }

    #[test]
    fn other_forms_are_not_canonical() {
        for text in [
            "",
            "2023-02-29T00:00:00.000Z",
            "2023-13-01T00:00:00.000Z",
            "2023-01-01T24:00:00.000Z",
            "2023-01-01 00:00:00.000Z",
            "2023-01-01T00:00:00.000z",
            "2023-01-01T00:00:00Z",
            "2023-01-01T00:00:00.+00Z",
        ] {
            assert_eq!(Timestamp::parse_canonical(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_and_back(ms in -62_167_219_200_000_i64..253_402_300_800_000) {
            let time = Timestamp::from_millis(ms);
            prop_assert_eq!(Timestamp::parse_canonical(&time.to_string()), Some(time));
        }

        #[test]
        fn agrees_with_jiff(ms in -62_135_596_800_000_i64..253_402_207_200_000) {
            let theirs = jiff::Timestamp::from_millisecond(ms).unwrap();
            prop_assert_eq!(Timestamp::from_millis(ms).to_string(), format!("{theirs:.3}"));
        }
    }
}
