//! Dates: the first moment a text stands for is not after the last one, and its canonical form is read as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schema::Timestamp;
use schema::search::date_math::{Fill, Reader, Zone};

fuzz_target!(|text: &str| {
    let (zone_name, text) = text.split_once('\n').unwrap_or(("UTC", text));
    let zone = Zone::named(zone_name).unwrap_or_else(|_| Zone::utc());
    let reader = Reader { now: Timestamp::from_millis(1_795_507_290_250), zone: &zone };
    if let Ok((first, last)) = reader.read_span(text) {
        assert!(first <= last, "{text}: {first} {last}");
        // Fewer digits would be a year.
        if first.millis().abs() >= 10_000 {
            assert_eq!(reader.read(&first.millis().to_string(), Fill::Start), Ok(first));
        }
    }
});
