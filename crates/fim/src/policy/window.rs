//! Change windows: times in which changes are expected, each with its reason.

use std::sync::Arc;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use schema::Timestamp;

use crate::config::{self, Zone};

/// A time in which changes are expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    days: Vec<Day>,
    from: Time,
    to: Time,
    zone: TimeZone,
    /// Why.
    pub reason: Arc<str>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Day {
    Every(Weekday),
    Once(Date),
}

impl Window {
    /// From what is written; `local` is this host's clock on the wall.
    ///
    /// # Errors
    /// What is wrong, with the key.
    pub fn read(written: &config::Window, local: &TimeZone) -> Result<Self, Vec<(&'static str, String)>> {
        let mut wrong = Vec::new();
        let mut days = Vec::new();
        for text in &written.days {
            match day(text) {
                Some(day) => days.push(day),
                None => {
                    wrong.push(("days", format!("{text:?} is no day like \"mon\" and no date like \"2026-11-24\"")))
                }
            }
        }
        let mut time = |key, text: &str| {
            time(text).unwrap_or_else(|| {
                wrong.push((key, format!("{text:?} is no time like \"22:00\"")));
                Time::midnight()
            })
        };
        let (from, to) = (time("from", &written.from), time("to", &written.to));
        if written.reason.trim().is_empty() {
            wrong.push(("reason", "says nothing".to_owned()));
        }
        let zone = match written.zone {
            Zone::Utc => TimeZone::UTC,
            Zone::Local => local.clone(),
        };
        if wrong.is_empty() {
            Ok(Self { days, from, to, zone, reason: written.reason.as_str().into() })
        } else {
            Err(wrong)
        }
    }

    /// Whether it is open at this moment. One that ends when it begins is open for a whole day.
    #[must_use]
    pub fn open(&self, now: Timestamp) -> bool {
        let Ok(now) = jiff::Timestamp::from_millisecond(now.millis()) else { return false };
        let now = self.zone.to_datetime(now);
        let (date, time) = (now.date(), now.time());
        if self.from < self.to {
            return self.on(date) && (self.from..self.to).contains(&time);
        }
        (time >= self.from && self.on(date)) || (time < self.to && date.yesterday().is_ok_and(|date| self.on(date)))
    }

    fn on(&self, date: Date) -> bool {
        self.days.is_empty()
            || self.days.iter().any(|day| match day {
                Day::Every(weekday) => date.weekday() == *weekday,
                Day::Once(once) => date == *once,
            })
    }
}

fn day(text: &str) -> Option<Day> {
    let weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].iter().zip([
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ]);
    let every = weekdays.into_iter().find(|(name, _)| **name == text).map(|(_, day)| Day::Every(day));
    every.or_else(|| text.parse().ok().filter(|_| text.len() == 10).map(Day::Once))
}

/// `HH:MM`, and `24:00` is the midnight that ends a day.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 || !(hour.bytes().chain(minute.bytes())).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if text == "24:00" {
        return Some(Time::midnight());
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(days: &[&str], from: &str, to: &str, zone: Zone, at: &str) -> bool {
        let written = config::Window {
            days: days.iter().map(|&day| day.to_owned()).collect(),
            from: from.to_owned(),
            to: to.to_owned(),
            reason: "patches".to_owned(),
            zone,
        };
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let at: jiff::Timestamp = at.parse().unwrap();
        Window::read(&written, &berlin).unwrap().open(Timestamp::from_millis(at.as_millisecond()))
    }

    #[test]
    fn a_window_is_open_from_its_first_minute_until_its_last() {
        // 2026-11-24 is a Tuesday.
        let at = |time: &str| open(&["tue"], "09:00", "10:30", Zone::Utc, &format!("2026-11-24T{time}Z"));
        assert_eq!([at("08:59:59"), at("09:00:00"), at("10:29:59"), at("10:30:00")], [false, true, true, false]);
        assert!(!open(&["mon", "2026-11-23"], "09:00", "10:30", Zone::Utc, "2026-11-24T09:30:00Z"));
        assert!(open(&["2026-11-24"], "09:00", "10:30", Zone::Utc, "2026-11-24T09:30:00Z"));
    }

    #[test]
    fn over_midnight_it_belongs_to_the_day_on_which_it_begins() {
        let at = |at: &str| open(&["sat"], "22:00", "04:00", Zone::Utc, at);
        assert!(at("2026-11-28T23:00:00Z") && at("2026-11-29T03:59:00Z"));
        assert!(!at("2026-11-28T03:00:00Z") && !at("2026-11-29T22:30:00Z"));
        assert!(open(&[], "00:00", "24:00", Zone::Utc, "2026-11-29T22:30:00Z"));
    }

    #[test]
    fn local_goes_by_the_clock_on_the_wall() {
        assert!(open(&[], "02:00", "03:00", Zone::Local, "2026-11-24T01:30:00Z"));
        assert!(open(&[], "02:00", "03:00", Zone::Local, "2026-07-24T00:30:00Z"));
        assert!(!open(&[], "02:00", "03:00", Zone::Local, "2026-07-24T01:30:00Z"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_key() {
        let written = config::Window {
            days: vec!["monday".into(), "2026-13-01".into()],
            from: "9".into(),
            to: "24:01".into(),
            reason: " ".into(),
            zone: Zone::Utc,
        };
        let wrong = Window::read(&written, &TimeZone::UTC).unwrap_err();
        assert_eq!(wrong.iter().map(|(key, _)| *key).collect::<Vec<_>>(), ["days", "days", "from", "to", "reason"]);
    }
}
