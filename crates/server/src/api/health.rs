//! How the server stands: health, windows.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::State as Shared;
use axum::{Extension, Json};
use schema::Timestamp;
use serde_json::{Value, json};
use store::Window;

use super::App;
use super::error::ApiError;
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
