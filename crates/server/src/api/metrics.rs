//! `/metrics`: the same numbers for Prometheus. No label per agent: that is `/api/agents`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::State as Shared;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use schema::Stream;

use super::App;
use crate::clock;
use crate::ingest::counts::SYNC_BOUNDS_US;

pub(super) async fn metrics(Shared(app): Shared<Arc<App>>) -> Response {
    let text = tokio::task::spawn_blocking(move || write(&app)).await.unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Writes metrics in Prometheus' text form.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _written = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn value(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _written = writeln!(self.0, "{name}{labels} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.value(name, "", value);
    }
}

fn write(app: &App) -> String {
    let mut page = Page(String::new());
    ingest(app, &mut page);
    syncs(app, &mut page);
    store(app, &mut page);
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let searches = &app.searches;
    page.head("auditng_search_seconds", "summary", "time of searches");
    #[expect(clippy::cast_precision_loss, reason = "a sum of seconds")]
    page.value("auditng_search_seconds_sum", "", load(&searches.done_us) as f64 / 1e6);
    page.value("auditng_search_seconds_count", "", load(&searches.done));
    page.one("auditng_search_refused_total", "counter", "searches turned away", load(&searches.refused));
    page.one("auditng_tail_listeners", "gauge", "live tails that are open", app.tail.listeners());
    page.one("auditng_tail_skipped_total", "counter", "rows of live tails that were not sent", load(&app.tail.skipped));
    page.one("auditng_sessions", "gauge", "browsers that are logged in", app.state.session_count());
    let (all, silent) = app.agents.count(app.config.agents.heartbeat, Instant::now());
    page.head("auditng_agents", "gauge", "agents by state");
    page.value("auditng_agents", "state=\"heard\"", all - silent);
    page.value("auditng_agents", "state=\"silent\"", silent);
    page.one("auditng_uptime_seconds", "gauge", "since start", app.begun.elapsed().as_secs());
    page.0
}

fn ingest(app: &App, page: &mut Page) {
    let counts = app.ingest.counts();
    let standing = app.ingest.standing(clock::now());
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    page.head("auditng_ingest_events_total", "counter", "items of bulk bodies by outcome");
    for (outcome, count) in [
        ("accepted", &counts.accepted),
        ("duplicate", &counts.duplicates),
        ("rejected", &counts.rejected),
        ("later", &counts.later),
    ] {
        page.value("auditng_ingest_events_total", &format!("outcome=\"{outcome}\""), load(count));
    }
    page.one("auditng_ingest_taken_events_total", "counter", "items of bulk bodies", load(&counts.taken));
    page.one("auditng_ingest_bytes_total", "counter", "bytes of bulk bodies as sent", load(&counts.bytes));
    page.one(
        "auditng_ingest_refused_bodies_total",
        "counter",
        "bulk bodies that were not taken",
        load(&counts.refused_bodies),
    );
    page.one("auditng_wal_bytes", "gauge", "size of the log", standing.wal_bytes);
    page.head("auditng_consumer_lag_events", "gauge", "durable events that a consumer has not taken");
    page.value("auditng_consumer_lag_events", "consumer=\"indexer\"", standing.lag_events);
    page.one("auditng_gap_events", "gauge", "events missing without explanation so far", app.ingest.open_holes());
}

fn syncs(app: &App, page: &mut Page) {
    let syncs = app.ingest.counts().syncs();
    page.head("auditng_wal_sync_seconds", "histogram", "time of fsyncs of the log");
    let mut sum = 0;
    for (count, bound) in syncs.buckets.iter().zip(SYNC_BOUNDS_US) {
        sum += count;
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let bound = bound as f64 / 1e6;
        page.value("auditng_wal_sync_seconds_bucket", &format!("le=\"{bound}\""), sum);
    }
    let total: u64 = syncs.buckets.iter().sum();
    page.value("auditng_wal_sync_seconds_bucket", "le=\"+Inf\"", total);
    page.value("auditng_wal_sync_seconds_sum", "", syncs.seconds);
    page.value("auditng_wal_sync_seconds_count", "", total);
    let failures = app.ingest.counts().sync_failures.load(Ordering::Relaxed);
    page.one("auditng_wal_sync_failures_total", "counter", "fsyncs of the log that failed", failures);
}

fn store(app: &App, page: &mut Page) {
    let windows = app.store.windows();
    for (name, help) in [
        ("auditng_store_windows", "windows of the store"),
        ("auditng_store_events", "events in the store"),
        ("auditng_store_bytes", "bytes of the store"),
    ] {
        page.head(name, "gauge", help);
        for stream in Stream::ALL {
            let mine = windows.iter().filter(|window| window.stream == stream);
            let value: u64 = match name {
                "auditng_store_windows" => mine.count() as u64,
                "auditng_store_events" => mine.map(|window| window.events).sum(),
                _ => mine.map(|window| window.bytes).sum(),
            };
            page.value(name, &format!("stream=\"{stream}\""), value);
        }
    }
}
