//! Lines of `journalctl`'s short forms: no serial, and of the default one no year and no time zone either.

use schema::Timestamp;

/// When a line says that it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Said {
    /// With date and zone (`short-iso`).
    Whole(Timestamp),
    /// Month, day and time of day as if in UTC, in the last such year before `reference`.
    Guessed(Timestamp),
}

/// Reads the time at a line's beginning: `2023-11-14T22:13:20+0000` or `Nov 14 22:13:20`, both with or without a fraction.
pub(super) fn time(line: &[u8], reference: Timestamp) -> Option<Said> {
    let text = str::from_utf8(line.get(..line.len().min(48))?).ok().or_else(|| str::from_utf8(line.get(..15)?).ok())?;
    whole(text).map(Said::Whole).or_else(|| guessed(text, reference).map(Said::Guessed))
}

fn whole(text: &str) -> Option<Timestamp> {
    let text = text.split(' ').next()?;
    let (date, rest) = text.split_once('T')?;
    let mut parts = date.split('-').map(number);
    let (Some(Some(year)), Some(Some(month)), Some(Some(day)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let zone = rest.rfind(['+', '-', 'Z'])?;
    let seconds = time_of_day(&rest[..zone])? - offset(&rest[zone..])? * 1000;
    Some(Timestamp::from_millis(days(year, month, day)? * 86_400_000 + seconds))
}

fn guessed(text: &str, reference: Timestamp) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_ascii_whitespace();
    let month = words.next()?;
    let month = i64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()? + 1;
    let day = number(words.next()?)?;
    let within = time_of_day(words.next()?)?;
    // A day's grace for zones and clocks; a leap day may lie eight years back.
    let limit = reference.millis().saturating_add(86_400_000);
    let latest = limit.div_euclid(31_556_952_000) + 1971;
    (0..10)
        .filter_map(|back| Some(days(latest - back, month, day)? * 86_400_000 + within))
        .find(|&ms| ms <= limit)
        .map(Timestamp::from_millis)
}

/// `22:13:20` or `22:13:20.123456` in milliseconds.
fn time_of_day(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let mut parts = clock.split(':').map(number);
    let (Some(Some(hours)), Some(Some(minutes)), Some(Some(seconds)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let in_range = (0..24).contains(&hours) && (0..60).contains(&minutes) && (0..61).contains(&seconds);
    let millis = fraction
        .bytes()
        .chain(*b"000")
        .take(3)
        .try_fold(0, |ms, digit| digit.is_ascii_digit().then(|| ms * 10 + i64::from(digit - b'0')))?;
    in_range.then_some(((hours * 60 + minutes) * 60 + seconds) * 1000 + millis)
}

/// `+0200`, `-05:30` or `Z` in seconds.
fn offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, digits) = (if text.starts_with('-') { -1 } else { 1 }, text[1..].replace(':', ""));
    let clock = (digits.len() == 4).then(|| number(&digits))??;
    Some(sign * (clock / 100 * 3600 + clock % 100 * 60))
}

/// One to four digits: no part of a date has more, and none can overflow.
fn number(text: &str) -> Option<i64> {
    let fits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok())?
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; `None` if there is no such date.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before: i64 = lengths.get(..usize::try_from(month - 1).ok()?)?.iter().sum();
    let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
    let past = year - 1;
    let leaps = past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400) - 477;
    ((1..=length).contains(&day) && (1900..10_000).contains(&year))
        .then(|| (year - 1970) * 365 + leaps + before + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_short_forms() {
        let reference = Timestamp::from_millis(1_700_000_000_000); // 2023-11-14T22:13:20Z
        let at = |line: &str| time(line.as_bytes(), reference);
        let whole = |ms| Some(Said::Whole(Timestamp::from_millis(ms)));
        let guessed = |ms| Some(Said::Guessed(Timestamp::from_millis(ms)));
        assert_eq!(at("2023-11-14T22:13:20+0000 host audit: CWD"), whole(1_700_000_000_000));
        assert_eq!(at("2023-11-14T23:43:20.123456+01:30 host audit: CWD"), whole(1_700_000_000_123));
        assert_eq!(at("2024-02-29T00:00:00Z x"), whole(1_709_164_800_000));
        assert_eq!(at("2023-02-29T00:00:00Z x"), None);
        assert_eq!(at("Nov 14 22:13:20 host audit[1]: CWD"), guessed(1_700_000_000_000));
        assert_eq!(at("Nov  4 22:13:20.5 host audit[1]: CWD"), guessed(1_699_136_000_500));
        assert_eq!(at("Dec 31 00:00:00 host"), guessed(1_672_444_800_000), "last year's");
        assert_eq!(at("Feb 29 00:00:00 host"), guessed(1_582_934_400_000), "the last leap year's");
        for none in [
            "",
            "Foo 14 22:13:20 x",
            "Nov 14 25:13:20 x",
            "Nov 14 1:2:99999999999999999 x",
            "hello",
            "Nov",
            "2023-11-14 22:13:20",
        ] {
            assert_eq!(at(none), None, "{none}");
        }
        assert_eq!(time(&[0xff; 100], reference), None);
    }
}
