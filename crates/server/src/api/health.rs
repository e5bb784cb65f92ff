//! How the server stands: health, losses, windows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::State as Shared;
use axum::{Extension, Json};
use schema::search::{FieldRef, Query, Scalar, Search};
use schema::{Event, Stream, Timestamp, field};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Context, SearchError, Store, Window};

use super::App;
use super::error::ApiError;
use super::input::Params;
use super::request::{self, Scope};
use crate::access::Caller;
use crate::{clock, doctor};

pub(super) async fn health(Shared(app): Shared<Arc<App>>) -> Result<Json<Value>, ApiError> {
    let app_in = Arc::clone(&app);
    // Windows are listed from folders, which may wait for a disk.
    let run = move || report(&app_in, clock::now());
    let report = tokio::task::spawn_blocking(run).await;
    report.map(Json).map_err(|_| ApiError::new(super::error::Code::Internal, "the report died"))
}

fn report(app: &App, now: Timestamp) -> Value {
    let standing = app.ingest.standing(now);
    let counts = app.ingest.counts();
    let load = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    let windows = app.store.windows();
    let bytes: u64 = windows.iter().map(|window| window.bytes).sum();
    let failed = windows.iter().filter_map(|window| {
        let reason = window.failed.as_ref()?;
        Some(json!({"name": format!("{}/{}", window.stream, window.name), "reason": reason}))
    });
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started": app.started.to_string(),
        "wal": {
            "bytes": standing.wal_bytes, "first_seq": standing.first.0, "next_seq": standing.next.0,
            "sync_ms_p99": counts.syncs().p99_ms(), "sync_failures": load(&counts.sync_failures),
        },
        "consumers": [{
            "name": "indexer", "lag_events": standing.lag_events, "lag_ms": standing.lag.as_millis(),
            "trouble": standing.trouble,
        }],
        "store": {
            "events": windows.iter().map(|window| window.events).sum::<u64>(), "bytes": bytes,
            "windows": windows.len(), "failed": failed.collect::<Value>(),
            "searchable_through": app.store.searchable_through().0, "committed_through": app.store.committed_through().0,
        },
        "disk": disk(app, bytes, &windows, now),
        "ingest": {
            "events_per_second": counts.rate(Instant::now()), "accepted": load(&counts.accepted),
            "duplicates": load(&counts.duplicates), "rejected": load(&counts.rejected),
            "later": load(&counts.later), "open_gap_events": app.ingest.open_holes(),
        },
        "tail": {"listeners": app.tail.listeners(), "skipped": load(&app.tail.skipped)},
        "sessions": app.state.session_count(),
    })
}

/// Below this much history there is no forecast.
const ENOUGH_HISTORY_MS: i64 = 3_600_000;

fn disk(app: &App, bytes: u64, windows: &[Window], now: Timestamp) -> Value {
    let path = app.config.data_dir.display().to_string();
    let Some((free, total)) = doctor::space(&app.config.data_dir) else {
        return json!({"path": path, "free_bytes": null, "total_bytes": null, "full_in_days": null});
    };
    let oldest = windows.iter().filter_map(|window| window.oldest).min();
    let span_ms = oldest.map_or(0, |oldest| now.millis().saturating_sub(oldest.millis()));
    #[expect(clippy::cast_precision_loss, reason = "a forecast for people")]
    let full_in_days = (span_ms >= ENOUGH_HISTORY_MS && bytes > 0)
        .then(|| (free as f64 / (bytes as f64 / span_ms as f64) / 86_400_000.0 * 10.0).round() / 10.0);
    json!({"path": path, "free_bytes": free, "total_bytes": total, "full_in_days": full_in_days})
}

pub(super) async fn windows(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Value>, ApiError> {
    let store = Arc::clone(&app.store);
    let windows = app.searches.run(&caller.name, move |_| store.windows()).await?;
    let list = windows.into_iter().map(|window| {
        json!({
            "stream": window.stream.name(), "name": window.name, "events": window.events, "bytes": window.bytes,
            "oldest": window.oldest.map(|time| time.to_string()), "newest": window.newest.map(|time| time.to_string()),
            "sealed": window.sealed, "failed": window.failed,
        })
    });
    Ok(Json(list.collect()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LossParams {
    from: Option<String>,
    to: Option<String>,
}

/// What was lost, by stage, reason and agent, and when.
pub(super) async fn loss(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<LossParams>,
) -> Result<Json<Value>, ApiError> {
    let options = request::options(clock::now(), None, &[])?;
    let scope = Scope {
        from: request::when(params.from.as_deref()),
        to: request::when(params.to.as_deref()),
        streams: vec![Stream::Health],
        ..Scope::default()
    };
    let mut search = scope.read(&options)?.search;
    let losses = Scalar::Text("source-loss".to_owned());
    let action = FieldRef::Known(field::EVENT_ACTION);
    search.query = Query::Term { field: action, value: losses, case_insensitive: false };
    let store = Arc::clone(&app.store);
    let summed = app.searches.run(&caller.name, move |context| sum(&*store, &search, context)).await??;
    Ok(Json(summed))
}

#[derive(Default)]
struct Row {
    count: u64,
    reports: u64,
}

/// Points of the series over time.
const POINTS: i64 = 60;

fn sum(store: &dyn Store, search: &Search, context: &Context) -> Result<Value, SearchError> {
    let mut rows: BTreeMap<(String, String, String, String), Row> = BTreeMap::new();
    let mut times: Vec<(i64, u64)> = Vec::new();
    store.scan(search, context, &mut |events| {
        for event in &events {
            let count = event.long(field::AUDITNG_LOSS_COUNT).and_then(|count| u64::try_from(count).ok());
            let row = rows.entry(kind_of(event)).or_default();
            row.count = row.count.saturating_add(count.unwrap_or(0));
            row.reports += 1;
            times.extend(event.time().map(|time| (time.millis(), count.unwrap_or(1))));
        }
        true
    })?;
    let total = rows.into_iter().map(|((stage, reason, agent, unit), row)| {
        json!({
            "stage": stage, "reason": reason, "agent": agent, "unit": unit, "count": row.count, "reports": row.reports,
        })
    });
    Ok(json!({"total": total.collect::<Value>(), "over_time": over_time(&times, search)}))
}

fn kind_of(event: &Event) -> (String, String, String, String) {
    let text = |field| event.str(field).unwrap_or_default().to_owned();
    let agent = event.str(field::AUDITNG_LOSS_AGENT).or_else(|| event.str(field::AGENT_ID)).unwrap_or_default();
    (
        text(field::AUDITNG_LOSS_STAGE),
        text(field::AUDITNG_LOSS_REASON),
        agent.to_owned(),
        text(field::AUDITNG_LOSS_UNIT),
    )
}

fn over_time(times: &[(i64, u64)], search: &Search) -> Value {
    let bounds = times.iter().fold(None, |bounds: Option<(i64, i64)>, (time, _)| {
        Some(bounds.map_or((*time, *time), |(low, high)| (low.min(*time), high.max(*time))))
    });
    let Some((low, high)) = bounds else { return json!([]) };
    let low = search.from_time.map_or(low, Timestamp::millis);
    let high = search.to_time.map_or(high, Timestamp::millis).max(low);
    let width = ((high - low) / POINTS + 1).max(1000);
    let mut points: BTreeMap<i64, u64> = BTreeMap::new();
    for (time, count) in times {
        let point = points.entry((time - low).div_euclid(width)).or_default();
        *point = point.saturating_add(*count);
    }
    let named = |at: i64| Timestamp::from_millis(low.saturating_add(at.saturating_mul(width))).to_string();
    points.into_iter().map(|(at, count)| json!({"time": named(at), "count": count})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_over_time_are_in_few_points() {
        let times: Vec<(i64, u64)> = (0..1000).map(|n| (n * 60_000, 2)).collect();
        let points = over_time(&times, &Search::default());
        let list = points.as_array().unwrap();
        assert!(list.len() <= 61, "{}", list.len());
        let sum: u64 = list.iter().map(|point| point["count"].as_u64().unwrap()).sum();
        assert_eq!(sum, 2000);
        assert_eq!(over_time(&[], &Search::default()), json!([]));
    }
}
