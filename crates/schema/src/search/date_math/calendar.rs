//! Where units of time begin in a zone: the edges of date histogram buckets, over clock changes too.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::{Span, ToSpan as _};

use super::Zone;
use crate::Timestamp;
use crate::search::{CalendarUnit, Interval};

impl Zone {
    /// The beginning of the unit that `time` lies in; `None` beyond the calendar's years.
    #[must_use]
    pub fn floor(&self, time: Timestamp, unit: CalendarUnit) -> Option<Timestamp> {
        let local = self.local(time)?;
        let floor = self.instant(floor_civil(local, unit)?)?;
        // An hour that the clock goes through twice begins twice: the later beginning, if it is not after the time.
        let again = self.0.to_ambiguous_timestamp(floor_civil(local, unit)?).later().ok()?;
        let again = Timestamp::from_millis(again.as_millisecond());
        Some(if again <= time && unit_is_clock(unit) { again } else { floor.min(time) })
    }

    /// The beginning of the unit after the one that begins at `start`.
    #[must_use]
    pub fn next(&self, start: Timestamp, unit: CalendarUnit) -> Option<Timestamp> {
        let exact =
            |ms: i64| start.millis().checked_add(ms).map(Timestamp::from_millis).filter(|t| self.local(*t).is_some());
        match unit {
            CalendarUnit::Minute => exact(60_000),
            // Zones shift by half and quarter hours too, so the next full hour may be nearer than an hour.
            CalendarUnit::Hour => self.first_after(start, unit),
            CalendarUnit::Day => self.add_civil(start, 1.days()),
            CalendarUnit::Week => self.add_civil(start, 1.weeks()),
            CalendarUnit::Month => self.add_civil(start, 1.months()),
            CalendarUnit::Quarter => self.add_civil(start, 3.months()),
            CalendarUnit::Year => self.add_civil(start, 1.years()),
        }
    }

    /// The key of the bucket that `time` falls into.
    #[must_use]
    pub fn bucket(&self, time: Timestamp, interval: Interval, offset_ms: i64) -> Option<Timestamp> {
        let shifted = Timestamp::from_millis(time.millis().checked_sub(offset_ms)?);
        let key = match interval {
            Interval::Calendar(unit) => self.floor(shifted, unit)?,
            Interval::Fixed(ms) => self.floor_fixed(shifted, ms.max(1))?,
        };
        key.millis().checked_add(offset_ms).map(Timestamp::from_millis)
    }

    /// The key of the bucket after the one with this key.
    #[must_use]
    pub fn next_bucket(&self, key: Timestamp, interval: Interval, offset_ms: i64) -> Option<Timestamp> {
        let start = Timestamp::from_millis(key.millis().checked_sub(offset_ms)?);
        let next = match interval {
            Interval::Calendar(unit) => self.next(start, unit)?,
            Interval::Fixed(ms) => self.next_fixed(start, ms.max(1))?,
        };
        next.millis().checked_add(offset_ms).map(Timestamp::from_millis)
    }

    /// Local clock time rounded down to a multiple of the width since 1970, as an instant not after `time`: in a stretch
    /// that the clock goes through twice the latest such instant, in one that it leaps over the moment of the leap.
    fn floor_fixed(&self, time: Timestamp, ms: i64) -> Option<Timestamp> {
        if self.is_utc() {
            return Some(Timestamp::from_millis(time.millis().div_euclid(ms) * ms));
        }
        let local = time.millis().checked_add(self.offset_ms(time)?)?;
        let rounded = local.div_euclid(ms) * ms;
        let civil = Self::utc().local(Timestamp::from_millis(rounded))?;
        let ambiguous = self.0.to_ambiguous_timestamp(civil);
        let of = |at: jiff::Timestamp| Timestamp::from_millis(at.as_millisecond());
        let (earlier, later) = (of(ambiguous.earlier().ok()?), of(ambiguous.later().ok()?));
        if earlier <= later && later <= time {
            return Some(later);
        }
        Some(earlier.min(later).min(time))
    }

    /// The next key. Clock changes are at most a day, so it is found within one width and a day.
    fn next_fixed(&self, start: Timestamp, ms: i64) -> Option<Timestamp> {
        const QUARTER_HOUR: i64 = 900_000;
        let guess = start.millis().checked_add(ms)?;
        if self.is_utc() {
            return Some(Timestamp::from_millis(guess));
        }
        (0..=104)
            .filter_map(|quarters| {
                self.floor_fixed(Timestamp::from_millis(guess.checked_add(quarters * QUARTER_HOUR)?), ms)
            })
            .find(|key| *key > start)
    }

    fn first_after(&self, start: Timestamp, unit: CalendarUnit) -> Option<Timestamp> {
        let quarter = |n: i64| start.millis().checked_add(n * 900_000).map(Timestamp::from_millis);
        (1..=104).filter_map(quarter).map_while(|time| self.floor(time, unit)).find(|key| *key > start)
    }

    fn add_civil(&self, time: Timestamp, span: Span) -> Option<Timestamp> {
        self.instant(self.local(time)?.checked_add(span).ok()?)
    }

    /// Adds days and longer on the calendar, hours and shorter exactly.
    pub(super) fn add(&self, time: Timestamp, span: Span) -> Option<Timestamp> {
        let zoned = jiff::Timestamp::from_millisecond(time.millis()).ok()?.to_zoned_datetime(self.0.clone());
        let moved = zoned.checked_add(span).ok()?;
        Some(Timestamp::from_millis(moved.timestamp().as_millisecond()))
    }

    /// The instant of a local time; one that the clock leaps over is moved on by the leap, of two the first.
    pub(super) fn instant(&self, local: DateTime) -> Option<Timestamp> {
        let at = self.0.to_ambiguous_timestamp(local).compatible().ok()?;
        Some(Timestamp::from_millis(at.as_millisecond()))
    }

    fn local(&self, time: Timestamp) -> Option<DateTime> {
        let at = jiff::Timestamp::from_millisecond(time.millis()).ok()?;
        Some(self.0.to_datetime(at))
    }

    fn offset_ms(&self, time: Timestamp) -> Option<i64> {
        let at = jiff::Timestamp::from_millisecond(time.millis()).ok()?;
        Some(i64::from(self.0.to_offset(at).seconds()) * 1000)
    }

    fn is_utc(&self) -> bool {
        self.0 == jiff::tz::TimeZone::UTC
    }
}

fn unit_is_clock(unit: CalendarUnit) -> bool {
    matches!(unit, CalendarUnit::Minute | CalendarUnit::Hour)
}

fn floor_civil(local: DateTime, unit: CalendarUnit) -> Option<DateTime> {
    let date = local.date();
    let midnight = |date: Date| Some(date.to_datetime(Time::midnight()));
    match unit {
        CalendarUnit::Minute => Some(local.with().second(0).subsec_nanosecond(0).build().ok()?),
        CalendarUnit::Hour => Some(local.with().minute(0).second(0).subsec_nanosecond(0).build().ok()?),
        CalendarUnit::Day => midnight(date),
        CalendarUnit::Week => {
            let since_monday = date.weekday().since(Weekday::Monday);
            midnight(date.checked_sub(i64::from(since_monday).days()).ok()?)
        }
        CalendarUnit::Month => midnight(date.first_of_month()),
        CalendarUnit::Quarter => midnight(Date::new(date.year(), (date.month() - 1) / 3 * 3 + 1, 1).ok()?),
        CalendarUnit::Year => midnight(date.first_of_year()),
    }
}
