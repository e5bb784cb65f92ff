//! Buckets of time, found once for each stretch and not once for each event.

use schema::Timestamp;
use schema::search::DateHistogram;
use schema::search::date_math::Zone;

use crate::SearchError;

/// Gives times their bucket; remembers the last one, since neighbours share it.
#[derive(Debug)]
pub(super) struct Dates {
    zone: Zone,
    interval: schema::search::Interval,
    offset_ms: i64,
    /// Key, and where the next bucket begins.
    last: Option<(i64, i64)>,
}

impl Dates {
    pub(super) fn new(spec: &DateHistogram) -> Result<Self, SearchError> {
        let zone = match &spec.time_zone {
            None => Zone::utc(),
            Some(name) => Zone::named(name).map_err(|error| SearchError::Refused { reason: error.to_string() })?,
        };
        Ok(Self { zone, interval: spec.interval, offset_ms: spec.offset_ms, last: None })
    }

    /// The key of the bucket that this time lies in; `None` beyond the calendar.
    pub(super) fn key(&mut self, ms: i64) -> Option<i64> {
        if let Some((key, end)) = self.last
            && (key..end).contains(&ms)
        {
            return Some(key);
        }
        let key = self.zone.bucket(Timestamp::from_millis(ms), self.interval, self.offset_ms)?;
        let end = self.zone.next_bucket(key, self.interval, self.offset_ms)?;
        self.last = Some((key.millis(), end.millis()));
        Some(key.millis())
    }

    /// The key behind this one.
    pub(super) fn next(&self, key: i64) -> Option<i64> {
        self.zone.next_bucket(Timestamp::from_millis(key), self.interval, self.offset_ms).map(Timestamp::millis)
    }
}
