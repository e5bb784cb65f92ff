use proptest::prelude::*;

use super::*;
use crate::search::Interval;

const NOW: &str = "2026-11-24T08:01:30.250Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse_canonical(text).unwrap()
}

fn read_in(zone: &str, text: &str, fill: Fill) -> Result<String, BadDate> {
    let zone = Zone::named(zone).unwrap();
    Reader { now: at(NOW), zone: &zone }.read(text, fill).map(|time| time.to_string())
}

#[test]
fn dates_and_math() {
    for (text, start, end) in [
        ("now", NOW, NOW),
        ("now-15m", "2026-11-24T07:46:30.250Z", "2026-11-24T07:46:30.250Z"),
        ("now/d", "2026-11-24T00:00:00.000Z", "2026-11-24T23:59:59.999Z"),
        ("now-1h/h", "2026-11-24T07:00:00.000Z", "2026-11-24T07:59:59.999Z"),
        ("now/w", "2026-11-23T00:00:00.000Z", "2026-11-29T23:59:59.999Z"),
        ("now-1M/M", "2026-10-01T00:00:00.000Z", "2026-10-31T23:59:59.999Z"),
        ("now/y", "2026-01-01T00:00:00.000Z", "2026-12-31T23:59:59.999Z"),
        ("now/s", "2026-11-24T08:01:30.000Z", "2026-11-24T08:01:30.999Z"),
        ("2026-11-24", "2026-11-24T00:00:00.000Z", "2026-11-24T23:59:59.999Z"),
        ("2026-11", "2026-11-01T00:00:00.000Z", "2026-11-30T23:59:59.999Z"),
        ("2026", "2026-01-01T00:00:00.000Z", "2026-12-31T23:59:59.999Z"),
        ("2024-02", "2024-02-01T00:00:00.000Z", "2024-02-29T23:59:59.999Z"),
        ("2026-11-24T08", "2026-11-24T08:00:00.000Z", "2026-11-24T08:59:59.999Z"),
        ("2026-11-24 08:01", "2026-11-24T08:01:00.000Z", "2026-11-24T08:01:59.999Z"),
        ("2026-11-24T08:01:30Z", "2026-11-24T08:01:30.000Z", "2026-11-24T08:01:30.999Z"),
        ("2026-11-24T08:01:30.123456789+05:45", "2026-11-24T02:16:30.123Z", "2026-11-24T02:16:30.123Z"),
        ("2026-11-24T08:01:30-0330", "2026-11-24T11:31:30.000Z", "2026-11-24T11:31:30.999Z"),
        ("2026-11-24||/M", "2026-11-01T00:00:00.000Z", "2026-11-30T23:59:59.999Z"),
        ("2026-01-31||+1M", "2026-02-28T00:00:00.000Z", "2026-02-28T00:00:00.000Z"),
        ("2026-11-24||-1y+2d", "2025-11-26T00:00:00.000Z", "2025-11-26T00:00:00.000Z"),
        ("1795507200000", "2026-11-24T08:00:00.000Z", "2026-11-24T08:00:00.000Z"),
        ("-10000", "1969-12-31T23:59:50.000Z", "1969-12-31T23:59:50.000Z"),
        (" now+d ", "2026-11-25T08:01:30.250Z", "2026-11-25T08:01:30.250Z"),
    ] {
        assert_eq!(read_in("UTC", text, Fill::Start).as_deref(), Ok(start), "{text}");
        assert_eq!(read_in("UTC", text, Fill::End).as_deref(), Ok(end), "{text}");
    }
}

#[test]
fn what_is_no_date() {
    for text in [
        "",
        "no",
        "now-",
        "now-1",
        "now-1x",
        "now/2d",
        "now*1d",
        "now1d",
        "2026-13",
        "2026-02-30",
        "2026-11-24T25",
        "26-11-24",
        "2026-11-24T08:01:30.1234567890Z",
        "2026-11-24T08:01:30+5",
        "2026-11-24T08:01:30+05:4",
        "2026-11-24T",
        "2026-",
        "99999999999999999999",
        "now+99999999y",
        "now+9223372036854775807d",
        "now-9223372036854775808M",
        "+1d",
        "||",
        "||+1d",
        "nowé",
        "2026-11-24T08:01:30é",
        "１２３４５",
        "now/é",
        "123",
    ] {
        assert!(read_in("UTC", text, Fill::Start).is_err(), "{text}");
        assert!(read_in("UTC", text, Fill::End).is_err(), "{text}");
    }
}

#[test]
fn days_begin_in_the_zone() {
    for (zone, text, start, end) in [
        ("Europe/Berlin", "now/d", "2026-11-23T23:00:00.000Z", "2026-11-24T22:59:59.999Z"),
        ("+05:30", "2026-11-24", "2026-11-23T18:30:00.000Z", "2026-11-24T18:29:59.999Z"),
        // 25 and 23 hours.
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00.000Z", "2026-10-25T22:59:59.999Z"),
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00.000Z", "2026-03-29T21:59:59.999Z"),
        ("Europe/Berlin", "2026-03-28T12:00:00||+1d", "2026-03-29T10:00:00.000Z", "2026-03-29T10:00:00.000Z"),
        ("Europe/Berlin", "2026-03-28T12:00:00||+24h", "2026-03-29T11:00:00.000Z", "2026-03-29T11:00:00.000Z"),
        // The clock leaps over midnight.
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00.000Z", "2018-11-05T01:59:59.999Z"),
    ] {
        assert_eq!(read_in(zone, text, Fill::Start).as_deref(), Ok(start), "{zone} {text}");
        assert_eq!(read_in(zone, text, Fill::End).as_deref(), Ok(end), "{zone} {text}");
    }
    assert!(Zone::named("Mars/Olympus").is_err());
    assert!(Zone::named("../../etc/passwd").is_err());
    assert_eq!(Zone::named("Europe/Berlin").unwrap().to_string(), "Europe/Berlin");
}

/// Hours between the beginnings of buckets from `from`.
fn widths(zone: &str, from: &str, interval: Interval, count: usize) -> Vec<i64> {
    let zone = Zone::named(zone).unwrap();
    let mut key = zone.bucket(at(from), interval, 0).unwrap();
    let mut widths = Vec::new();
    for _ in 0..count {
        let next = zone.next_bucket(key, interval, 0).unwrap();
        assert_eq!(zone.bucket(Timestamp::from_millis(next.millis() - 1), interval, 0), Some(key));
        assert_eq!(zone.bucket(next, interval, 0), Some(next));
        widths.push((next.millis() - key.millis()) / 3_600_000);
        key = next;
    }
    widths
}

#[test]
fn buckets_over_clock_changes() {
    let day = Interval::Calendar(CalendarUnit::Day);
    assert_eq!(widths("Europe/Berlin", "2026-10-24T12:00:00.000Z", day, 3), [24, 25, 24]);
    assert_eq!(widths("Europe/Berlin", "2026-03-28T12:00:00.000Z", day, 3), [24, 23, 24]);
    assert_eq!(
        widths("Europe/Berlin", "2026-10-20T12:00:00.000Z", Interval::Calendar(CalendarUnit::Week), 2),
        [169, 168]
    );
    assert_eq!(
        widths("Asia/Kathmandu", "2026-01-01T12:00:00.000Z", Interval::Calendar(CalendarUnit::Month), 2),
        [744, 672]
    );
    let hours = |n: i64| Interval::Fixed(n * 3_600_000);
    assert_eq!(widths("America/New_York", "2026-11-01T01:00:00.000Z", hours(12), 4), [12, 13, 12, 12]);
    assert_eq!(widths("America/New_York", "2026-03-08T01:00:00.000Z", hours(12), 4), [12, 11, 12, 12]);
    let hour = Interval::Calendar(CalendarUnit::Hour);
    assert_eq!(widths("Europe/Berlin", "2026-10-24T22:00:00.000Z", hour, 6), [1; 6]);
    assert_eq!(widths("Europe/Berlin", "2026-03-28T22:00:00.000Z", hour, 6), [1; 6]);
    assert_eq!(widths("UTC", "2026-03-28T22:00:00.000Z", Interval::Calendar(CalendarUnit::Quarter), 2), [2160, 2184]);
}

#[test]
fn offsets_shift_the_edges() {
    let day = Interval::Fixed(86_400_000);
    let key = Zone::utc().bucket(at("2026-11-24T05:00:00.000Z"), day, 6 * 3_600_000).unwrap();
    assert_eq!(key, at("2026-11-23T06:00:00.000Z"));
    assert_eq!(Zone::utc().next_bucket(key, day, 6 * 3_600_000), Some(at("2026-11-24T06:00:00.000Z")));
}

fn interval() -> impl Strategy<Value = Interval> {
    use CalendarUnit::{Day, Hour, Minute, Month, Quarter, Week, Year};
    let unit = prop::sample::select(vec![Minute, Hour, Day, Week, Month, Quarter, Year]);
    prop_oneof![unit.prop_map(Interval::Calendar), (60_000_i64..200_000_000).prop_map(Interval::Fixed)]
}

proptest! {
    #[test]
    fn buckets_cover_time_without_gap_or_overlap(
        ms in 1_500_000_000_000_i64..1_900_000_000_000,
        interval in interval(),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "-03:30"]),
    ) {
        let zone = Zone::named(zone).unwrap();
        let time = Timestamp::from_millis(ms);
        let key = zone.bucket(time, interval, 0).unwrap();
        let next = zone.next_bucket(key, interval, 0).unwrap();
        prop_assert!(key <= time && time < next, "{} {} {}", key, time, next);
        prop_assert_eq!(zone.bucket(key, interval, 0), Some(key));
        prop_assert_eq!(zone.bucket(Timestamp::from_millis(next.millis() - 1), interval, 0), Some(key));
    }

    #[test]
    fn any_text_is_a_date_or_refused(text in "(now|2026|[0-9-]{0,8})?[T 0-9:|+./smhdwMyZ-]{0,20}|.{0,20}", berlin: bool) {
        let zone = if berlin { Zone::named("Europe/Berlin").unwrap() } else { Zone::utc() };
        let reader = Reader { now: at(NOW), zone: &zone };
        if let Ok((first, last)) = reader.read_span(&text) {
            prop_assert!(first <= last);
            prop_assert_eq!(reader.read(&first.to_string(), Fill::End), Ok(first));
        }
    }
}
