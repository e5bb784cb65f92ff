//! What was lost in a time: by stage, reason and agent, over the time, and hole by hole.
//!
//! A loss belongs to a time that its hole touches, not to the time at which somebody noticed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::State as Shared;
use axum::{Extension, Json};
use schema::search::{Bound, FieldRef, Hit, Query, Range, Scalar, Search, Sort};
use schema::{Event, Field, Stream, Timestamp, field};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Context, SearchError};

use super::App;
use super::aggregate::{date, has, is, times};
use super::error::ApiError;
use super::input::Params;
use super::look::Look;
use super::request::{self, Scope};
use crate::access::Caller;
use crate::clock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LossParams {
    from: Option<String>,
    to: Option<String>,
    holes: Option<usize>,
    #[serde(default)]
    allow_partial: bool,
}

/// Holes that are listed one by one, the newest.
const HOLES: usize = 100;
const MOST_HOLES: usize = 1000;
/// Points of the series over time.
const POINTS: i64 = 60;
/// Lines of the table; beyond it losses are counted under stage and reason `other`.
const MOST_KINDS: usize = 2000;

/// `GET /api/loss`
pub(super) async fn loss(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<LossParams>,
) -> Result<Json<Value>, ApiError> {
    let (now, start) = (clock::now(), Instant::now());
    let options = request::options(now, None, &[])?;
    let scope = Scope {
        from: request::when(params.from.as_deref()),
        to: request::when(params.to.as_deref()),
        streams: vec![Stream::Health],
        ..Scope::default()
    };
    let search = scope.read(&options)?.search;
    let holes = params.holes.unwrap_or(HOLES).min(MOST_HOLES);
    let store = Arc::clone(&app.store);
    let run = move |context: &Context| {
        let look = Look::new(&*store, context, params.allow_partial);
        Ok::<_, SearchError>(look.complete(sum(&look, &search, holes)?, now, start.elapsed()))
    };
    Ok(Json(app.searches.run(&caller.name, run).await??))
}

fn sum(look: &Look<'_>, within: &Search, holes: usize) -> Result<Value, SearchError> {
    let search = touching(within);
    let newest = Sort { field: FieldRef::Known(field::TIMESTAMP), descending: true, missing_first: false };
    let listed = Search {
        size: holes,
        sort: vec![newest],
        track_total: u64::MAX,
        aggregations: times().into(),
        ..search.clone()
    };
    let answer = look.search(&listed)?;
    let time = |name: &str| {
        let ms = answer.aggregation(name)?.number("")?;
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit a double")]
        Some(ms as i64)
    };
    let low = within.from_time.map(Timestamp::millis).or_else(|| time("first")).unwrap_or(0);
    let high = within.to_time.map(Timestamp::millis).or_else(|| time("last")).unwrap_or(low).max(low);
    let mut sums = Sums::new(low, high);
    look.scan(&search, &mut |events| {
        events.iter().for_each(|event| sums.take(event));
        true
    })?;
    Ok(json!({
        "from_ms": within.from_time.map(Timestamp::millis), "to_ms": within.to_time.map(Timestamp::millis),
        "total": sums.kinds(), "over_time": sums.points(), "interval_ms": sums.width,
        "holes": answer.hits.iter().map(hole).collect::<Value>(), "hole_count": answer.total.value,
    }))
}

/// Losses whose hole touches the time. A loss is noticed after its hole began to be one, so older windows hold none.
fn touching(within: &Search) -> Search {
    let mut all = vec![is(field::EVENT_ACTION, "source-loss")];
    if let Some(from) = within.from_time {
        let from = Bound::Included(Scalar::Date(from));
        all.push(ends(field::AUDITNG_LOSS_WINDOW_END, &from, &Bound::Open));
    }
    if let Some(to) = within.to_time {
        let to = Bound::Excluded(Scalar::Date(to));
        all.push(ends(field::AUDITNG_LOSS_WINDOW_START, &Bound::Open, &to));
    }
    Search { query: Query::all(all), to_time: None, ..within.clone() }
}

/// An end of the hole, or, where it has none, the time of the event.
fn ends(end: Field, lower: &Bound, upper: &Bound) -> Query {
    let range = |field: Field| {
        Query::Range(Range { field: FieldRef::Known(field), lower: lower.clone(), upper: upper.clone() })
    };
    Query::any(vec![range(end), Query::all(vec![has(end).negate(), range(field::TIMESTAMP)])])
}

#[derive(Default)]
struct Kind {
    count: u64,
    reports: u64,
}

/// Stage, reason, agent, host, unit.
type Name = [String; 5];

struct Sums {
    kinds: BTreeMap<Name, Kind>,
    low: i64,
    high: i64,
    /// Milliseconds of a point.
    width: i64,
    points: BTreeMap<i64, BTreeMap<String, u64>>,
}

impl Sums {
    fn new(low: i64, high: i64) -> Self {
        let width = ((high - low) / POINTS + 1).max(1000);
        Self { kinds: BTreeMap::new(), low, high, width, points: BTreeMap::new() }
    }

    fn take(&mut self, event: &Event) {
        let count = event.long(field::AUDITNG_LOSS_COUNT).and_then(|count| u64::try_from(count).ok());
        let mut name = name(event);
        if self.kinds.len() >= MOST_KINDS && !self.kinds.contains_key(&name) {
            name = ["other".to_owned(), "other".to_owned(), String::new(), String::new(), name[4].clone()];
        }
        let reason = name[1].clone();
        let kind = self.kinds.entry(name).or_default();
        kind.count = kind.count.saturating_add(count.unwrap_or(0));
        kind.reports += 1;
        let began = date(event, field::AUDITNG_LOSS_WINDOW_START).or_else(|| event.time());
        if let Some(began) = began {
            let at = (began.millis().clamp(self.low, self.high) - self.low).div_euclid(self.width);
            let point = self.points.entry(at).or_default().entry(reason).or_default();
            *point = point.saturating_add(count.unwrap_or(1));
        }
    }

    fn kinds(&self) -> Value {
        let lines = self.kinds.iter().map(|([stage, reason, agent, host, unit], kind)| {
            json!({
                "stage": stage, "reason": reason, "agent": agent, "host": host, "unit": unit, "count": kind.count,
                "reports": kind.reports,
            })
        });
        lines.collect()
    }

    fn points(&self) -> Value {
        let points = self.points.iter().map(|(at, reasons)| {
            let time = self.low.saturating_add(at.saturating_mul(self.width));
            let count = reasons.values().fold(0_u64, |sum, count| sum.saturating_add(*count));
            json!({"time": Timestamp::from_millis(time).to_string(), "count": count, "reasons": reasons})
        });
        points.collect()
    }
}

fn name(event: &Event) -> Name {
    let text = |field| event.str(field).unwrap_or_default().to_owned();
    let either = |one: Field, other: Field| event.str(one).or_else(|| event.str(other)).unwrap_or_default().to_owned();
    [
        text(field::AUDITNG_LOSS_STAGE),
        text(field::AUDITNG_LOSS_REASON),
        either(field::AUDITNG_LOSS_AGENT, field::AGENT_ID),
        either(field::HOST_NAME, field::AGENT_NAME),
        text(field::AUDITNG_LOSS_UNIT),
    ]
}

fn hole(hit: &Hit) -> Value {
    let event = &hit.event;
    let [stage, reason, agent, host, unit] = name(event);
    let end = |field| date(event, field).or_else(|| event.time()).map(|time| time.to_string());
    json!({
        "id": hit.id, "time": event.time().map(|time| time.to_string()), "from": end(field::AUDITNG_LOSS_WINDOW_START),
        "to": end(field::AUDITNG_LOSS_WINDOW_END), "stage": stage, "reason": reason, "agent": agent, "host": host,
        "unit": unit, "count": event.long(field::AUDITNG_LOSS_COUNT),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(reason: &str, ms: i64) -> Event {
        let mut event = Event::new(Timestamp::from_millis(ms));
        event.push_str(field::AUDITNG_LOSS_REASON, reason);
        event.push_long(field::AUDITNG_LOSS_COUNT, 2);
        event
    }

    #[test]
    fn losses_over_time_are_in_few_points() {
        let mut sums = Sums::new(0, 1000 * 60_000);
        (0..1000).for_each(|n| sums.take(&loss("enobufs", n * 60_000)));
        let points = sums.points();
        let list = points.as_array().unwrap();
        assert!(list.len() <= 61, "{}", list.len());
        let sum: u64 = list.iter().map(|point| point["reasons"]["enobufs"].as_u64().unwrap()).sum();
        assert_eq!((sum, sums.kinds()[0]["count"].as_u64()), (2000, Some(2000)));
        assert_eq!(Sums::new(0, 0).points(), json!([]));
    }

    #[test]
    fn made_up_reasons_do_not_fill_the_memory() {
        let mut sums = Sums::new(0, 1);
        (0..5000).for_each(|n| sums.take(&loss(&format!("r{n}"), 0)));
        assert_eq!(sums.kinds.len(), MOST_KINDS + 1);
        let reports: u64 = sums.kinds.values().map(|kind| kind.reports).sum();
        assert_eq!(reports, 5000);
    }
}
