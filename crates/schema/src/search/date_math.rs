//! Points in time as people and rules write them, and time zones.
//!
//! ```text
//! date    = "now" {math} | instant ["||" {math}]
//! instant = YYYY["-"MM["-"DD[("T"|" ")hh[":"mm[":"ss["."fraction]]][zone]]]] | epoch milliseconds (5 digits or more)
//! math    = ("+"|"-") number unit | "/" unit            unit = y | M | w | d | h | H | m | s
//! zone    = "Z" | ("+"|"-") hh [":"] mm
//! ```
//! What an instant leaves out, and what `/unit` rounds away, is filled by [`Fill`]: with the beginning, or with the last
//! millisecond. Days and longer are units of the calendar in the zone; hours and shorter are exact. `now` is given by the
//! caller, so one search has one now.
//!
//! ```
//! use schema::Timestamp;
//! use schema::search::date_math::{Fill, Reader, Zone};
//!
//! let reader = Reader { now: Timestamp::from_millis(1_795_507_290_000), zone: &Zone::utc() };
//! assert_eq!(reader.read("now-1h/d", Fill::Start).unwrap().to_string(), "2026-11-24T00:00:00.000Z");
//! assert_eq!(reader.read("2026-11-24||+1M/M", Fill::End).unwrap().to_string(), "2026-12-31T23:59:59.999Z");
//! ```

mod calendar;

use std::fmt;

use jiff::Span;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

use super::CalendarUnit;
use crate::Timestamp;

/// Longest text that is looked at.
const MAX_CHARS: usize = 100;

/// A time zone.
#[derive(Clone, PartialEq, Debug)]
pub struct Zone(TimeZone);

/// A name that is no time zone.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is not a time zone (expected an IANA name such as Europe/Berlin, or an offset such as +01:00)")]
pub struct UnknownZone(pub String);

/// A text that is no point in time.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text:?} is not a date: {reason}")]
pub struct BadDate {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// What stands for the parts of a date that are left out or rounded away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fill {
    /// The beginning: `gte` and `lt`.
    Start,
    /// The last millisecond: `gt` and `lte`.
    End,
}

/// Reads dates against one now and one zone.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// What `now` means.
    pub now: Timestamp,
    /// The zone of dates that name none, and of days and longer units.
    pub zone: &'a Zone,
}

impl Zone {
    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The zone with an IANA name, or a fixed offset (`+01:00`, `-0530`, `Z`).
    ///
    /// # Errors
    /// Neither of them.
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        if let Some(offset) = read_offset(name) {
            return Ok(Self(offset.to_time_zone()));
        }
        let plausible = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b));
        let zone = plausible.then(|| TimeZone::get(name).ok()).flatten();
        zone.map(Self).ok_or_else(|| UnknownZone(name.chars().take(64).collect()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.iana_name(), self.0.to_fixed_offset()) {
            (Some(name), _) => f.write_str(name),
            (None, Ok(offset)) => write!(f, "{offset}"),
            (None, Err(_)) => f.write_str("local"),
        }
    }
}

impl Reader<'_> {
    /// Reads a date.
    ///
    /// # Errors
    /// Not a date, or one beyond the years -9999 to 9999.
    pub fn read(&self, text: &str, fill: Fill) -> Result<Timestamp, BadDate> {
        self.read_inner(text.trim(), fill)
            .map_err(|reason| BadDate { text: text.chars().take(MAX_CHARS).collect(), reason })
    }

    /// The first and last millisecond that a date stands for: a whole day for `2026-11-24`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_span(&self, text: &str) -> Result<(Timestamp, Timestamp), BadDate> {
        Ok((self.read(text, Fill::Start)?, self.read(text, Fill::End)?))
    }

    fn read_inner(&self, text: &str, fill: Fill) -> Result<Timestamp, &'static str> {
        if text.len() > MAX_CHARS {
            return Err("too long");
        }
        let (start, math) = match text.strip_prefix("now") {
            Some(math) => (self.now, math),
            None => {
                let (instant, math) = text.split_once("||").unwrap_or((text, ""));
                // Math starts from the beginning of what was given, as in Elasticsearch.
                let fill = if math.is_empty() { fill } else { Fill::Start };
                (self.instant(instant, fill)?, math)
            }
        };
        self.math(start, math, fill)
    }

    fn instant(&self, text: &str, fill: Fill) -> Result<Timestamp, &'static str> {
        if let Some(time) = Timestamp::parse_canonical(text) {
            return Ok(time);
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.len() >= 5 && digits.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().map(Timestamp::from_millis).map_err(|_| "milliseconds beyond 64 bits");
        }
        let civil = Civil::read(text).ok_or("expected now, YYYY-MM-DD, an RFC 3339 time or epoch milliseconds")?;
        let (first, span) = civil.first_and_span().ok_or("no such day or time")?;
        let instant = |at: DateTime| match civil.offset {
            Some(offset) => offset.to_timestamp(at).ok().map(|at| at.as_millisecond()),
            None => self.zone.instant(at).map(Timestamp::millis),
        };
        let ms = match fill {
            Fill::Start => instant(first),
            Fill::End => first.checked_add(span).ok().and_then(instant).map(|next| next - 1),
        };
        ms.map(Timestamp::from_millis).ok_or(OUT_OF_RANGE)
    }

    fn math(&self, start: Timestamp, math: &str, fill: Fill) -> Result<Timestamp, &'static str> {
        const EXPECTED: &str = "expected math such as -1h, +2d or /d after the date";
        let mut time = start;
        let mut rest = math;
        while let Some(operator) = rest.chars().next() {
            rest = &rest[operator.len_utf8()..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let unit = after.chars().next().and_then(Unit::of).ok_or(EXPECTED)?;
            rest = &after[1..];
            let amount = if number.is_empty() { 1 } else { number.parse::<i64>().map_err(|_| OUT_OF_RANGE)? };
            time = match operator {
                '+' => self.add(time, amount, unit)?,
                '-' => self.add(time, -amount, unit)?,
                '/' if number.is_empty() => self.round(time, unit, fill)?,
                _ => return Err(EXPECTED),
            };
        }
        Ok(time)
    }

    fn add(&self, time: Timestamp, amount: i64, unit: Unit) -> Result<Timestamp, &'static str> {
        let span = Span::new();
        let span = match unit {
            Unit::Second => span.try_seconds(amount),
            Unit::Calendar(CalendarUnit::Minute) => span.try_minutes(amount),
            Unit::Calendar(CalendarUnit::Hour) => span.try_hours(amount),
            Unit::Calendar(CalendarUnit::Day) => span.try_days(amount),
            Unit::Calendar(CalendarUnit::Week) => span.try_weeks(amount),
            Unit::Calendar(CalendarUnit::Month) => span.try_months(amount),
            Unit::Calendar(CalendarUnit::Quarter) => span.try_months(amount.saturating_mul(3)),
            Unit::Calendar(CalendarUnit::Year) => span.try_years(amount),
        };
        span.ok().and_then(|span| self.zone.add(time, span)).ok_or(OUT_OF_RANGE)
    }

    fn round(&self, time: Timestamp, unit: Unit, fill: Fill) -> Result<Timestamp, &'static str> {
        let (start, next) = match unit {
            Unit::Second => {
                let start = time.millis().div_euclid(1000) * 1000;
                (start, start + 1000)
            }
            Unit::Calendar(unit) => {
                let start = self.zone.floor(time, unit).ok_or(OUT_OF_RANGE)?;
                (start.millis(), self.zone.next(start, unit).ok_or(OUT_OF_RANGE)?.millis())
            }
        };
        Ok(Timestamp::from_millis(if fill == Fill::Start { start } else { next - 1 }))
    }
}

const OUT_OF_RANGE: &str = "beyond the years -9999 to 9999";

/// A unit of date math.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unit {
    Second,
    Calendar(CalendarUnit),
}

impl Unit {
    fn of(letter: char) -> Option<Self> {
        Some(match letter {
            's' => Self::Second,
            'm' => Self::Calendar(CalendarUnit::Minute),
            'h' | 'H' => Self::Calendar(CalendarUnit::Hour),
            'd' => Self::Calendar(CalendarUnit::Day),
            'w' => Self::Calendar(CalendarUnit::Week),
            'M' => Self::Calendar(CalendarUnit::Month),
            'y' => Self::Calendar(CalendarUnit::Year),
            _ => return None,
        })
    }
}

/// A date as written: what is left out is `None`.
#[derive(Default)]
struct Civil {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
    hour: Option<i8>,
    minute: Option<i8>,
    second: Option<i8>,
    millis: Option<i16>,
    offset: Option<Offset>,
}

impl Civil {
    fn read(text: &str) -> Option<Self> {
        let mut civil = Self::default();
        let (year, rest) = digits(text, 4)?;
        civil.year = year;
        let Some(rest) = civil.read_day(rest)? else { return Some(civil) };
        let rest = civil.read_time(rest)?;
        if !rest.is_empty() {
            civil.offset = Some(read_offset(rest)?);
        }
        Some(civil)
    }

    /// Month and day; gives back the time, if there is one.
    fn read_day<'a>(&mut self, text: &'a str) -> Option<Option<&'a str>> {
        let Some(text) = text.strip_prefix('-') else { return text.is_empty().then_some(None) };
        let (month, text) = digits(text, 2)?;
        self.month = Some(month);
        let Some(text) = text.strip_prefix('-') else { return text.is_empty().then_some(None) };
        let (day, text) = digits(text, 2)?;
        self.day = Some(day);
        match text.chars().next() {
            None => Some(None),
            Some('T' | 't' | ' ') => Some(Some(&text[1..])),
            Some(_) => None,
        }
    }

    /// Time of day; gives back the zone.
    fn read_time<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let (hour, text) = digits(text, 2)?;
        self.hour = Some(hour);
        let Some(text) = text.strip_prefix(':') else { return Some(text) };
        let (minute, text) = digits(text, 2)?;
        self.minute = Some(minute);
        let Some(text) = text.strip_prefix(':') else { return Some(text) };
        let (second, text) = digits(text, 2)?;
        self.second = Some(second);
        let Some(text) = text.strip_prefix(['.', ',']) else { return Some(text) };
        let length = text.bytes().take_while(u8::is_ascii_digit).count();
        let (fraction, text) = text.split_at(length);
        let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
        self.millis = Some(millis.parse().ok().filter(|_| (1..=9).contains(&length))?);
        Some(text)
    }

    /// The beginning, and how long what is left out lasts; nothing if the time is complete to the second's fraction.
    fn first_and_span(&self) -> Option<(DateTime, Span)> {
        let date = Date::new(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1)).ok()?;
        let nanoseconds = i32::from(self.millis.unwrap_or(0)) * 1_000_000;
        let time =
            Time::new(self.hour.unwrap_or(0), self.minute.unwrap_or(0), self.second.unwrap_or(0), nanoseconds).ok()?;
        let span = Span::new();
        let span = match self {
            Self { month: None, .. } => span.years(1),
            Self { day: None, .. } => span.months(1),
            Self { hour: None, .. } => span.days(1),
            Self { minute: None, .. } => span.hours(1),
            Self { second: None, .. } => span.minutes(1),
            Self { millis: None, .. } => span.seconds(1),
            Self { .. } => span.milliseconds(1),
        };
        Some((date.to_datetime(time), span))
    }
}

/// So many digits, and what follows them.
fn digits<N: std::str::FromStr>(text: &str, count: usize) -> Option<(N, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    let number = number.bytes().all(|b| b.is_ascii_digit()).then_some(number)?;
    Some((number.parse().ok()?, rest))
}

/// `Z`, `+hh`, `+hhmm` or `+hh:mm`.
fn read_offset(text: &str) -> Option<Offset> {
    if matches!(text, "Z" | "z") {
        return Some(Offset::UTC);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, rest) = digits::<i32>(&text[1..], 2)?;
    let minutes = match rest.strip_prefix(':').unwrap_or(rest) {
        "" if rest.is_empty() => 0,
        minutes => digits::<i32>(minutes, 2).filter(|(minutes, rest)| *minutes < 60 && rest.is_empty())?.0,
    };
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

#[cfg(test)]
mod tests;
