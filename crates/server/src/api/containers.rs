//! Containers with what they did: one row for each, or for each image or pod, and rows for the host and for what nobody
//! could place.
//!
//! Events leave their host with a container's id as soon as it is known; name, image and pod may follow in an event of
//! their own (`event.action: container-observed`). So names are looked for beyond the chosen time where it has none.

mod rows;
mod seek;

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State as Shared};
use axum::{Extension, Json};
use schema::search::Search;
use schema::{Timestamp, field};
use serde::Deserialize;
use serde_json::{Value, json};
use store::Context;

use self::rows::{By, Order, Row};
use self::seek::{Found, Scope as ScopeRow};
use super::App;
use super::error::ApiError;
use super::input::Params;
use super::look::Look;
use super::request::{self, Scope};
use crate::access::Caller;
use crate::clock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParams {
    from: Option<String>,
    to: Option<String>,
    query: Option<String>,
    #[serde(default)]
    by: By,
    #[serde(default)]
    find: String,
    #[serde(default)]
    sort: rows::Key,
    #[serde(default)]
    order: Order,
    size: Option<usize>,
    skip: Option<usize>,
    points: Option<usize>,
    #[serde(default)]
    allow_partial: bool,
}

/// Rows of one answer: usual, most.
const SIZE: (usize, usize) = (100, 500);
/// Points of a row's activity: usual, most.
const POINTS: (usize, usize) = (24, 60);

/// `GET /api/containers`
pub(super) async fn list(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<ListParams>,
) -> Result<Json<Value>, ApiError> {
    let (now, start) = (clock::now(), Instant::now());
    let size = bounded("size", params.size, SIZE)?;
    let points = bounded("points", params.points, POINTS)?.max(1);
    let (store, known) = (Arc::clone(&app.store), Arc::clone(&app.known));
    let run = move |context: &Context| {
        let (within, parsed) = known.read(&*store, |names| {
            let options = request::options(now, None, names)?;
            let scope = Scope {
                query: params.query.as_deref(),
                from: request::when(params.from.as_deref()),
                to: request::when(params.to.as_deref()),
                ..Scope::default()
            };
            let read = scope.read(&options)?;
            Ok((read.search, read.parsed))
        })?;
        let look = Look::new(&*store, context, params.allow_partial);
        let answer = page(&look, &within, parsed.as_deref(), &params, (size, points))?;
        Ok::<_, ApiError>(look.complete(answer, now, start.elapsed()))
    };
    Ok(Json(app.searches.run(&caller.name, run).await??))
}

fn page(
    look: &Look<'_>,
    within: &Search,
    parsed: Option<&str>,
    params: &ListParams,
    (size, points): (usize, usize),
) -> Result<Value, ApiError> {
    let mut found = seek::containers(look, within)?;
    seek::names(look, &mut found)?;
    let containers = found.rows.len();
    let mut rows = rows::grouped(std::mem::take(&mut found.rows), params.by);
    rows.retain(|row| row.has(&params.find));
    rows::sort(&mut rows, params.sort, params.order);
    let total = rows.len();
    let mut rows: Vec<Row> = rows.into_iter().skip(params.skip.unwrap_or(0)).take(size).collect();
    let span = span(within, &found);
    let interval = span.map_or(0, |span| seek::interval(span, points));
    if let Some(span) = span {
        seek::activity(look, within, (span, points), &mut rows, &mut found.scopes)?;
    }
    Ok(json!({
        "from_ms": span.map(|(from, _)| from), "to_ms": span.map(|(_, to)| to), "interval_ms": interval,
        "by": params.by.name(), "rows": rows.iter().map(|row| row_json(row, params.by)).collect::<Value>(),
        "total": total, "containers": containers, "left_out_events": found.left_out,
        "scopes": found.scopes.iter().map(scope_json).collect::<Value>(), "parsed": parsed,
    }))
}

/// The time that was asked for, an open end being where the events end.
fn span(within: &Search, found: &Found) -> Option<(i64, i64)> {
    let from = within.from_time.or(found.first)?.millis();
    let to = within.to_time.map(Timestamp::millis).or_else(|| Some(found.last?.millis() + 1))?;
    (to > from).then_some((from, to))
}

fn row_json(row: &Row, by: By) -> Value {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let one = by == By::Container;
    json!({
        "id": one.then(|| row.ids.first()).flatten(), "name": row.name, "image": row.image, "tag": row.tag,
        "runtime": row.runtime, "pod": row.pod, "namespace": row.namespace,
        "hosts": row.hosts.iter().take(rows::NAMED_HOSTS).collect::<Vec<_>>(), "host_count": row.hosts.len(),
        "containers": row.ids.len(), "unnamed": row.unnamed, "pending": row.pending,
        "first": time(row.first), "last": time(row.last), "events": row.events, "execs": row.execs,
        "failures": row.failures, "activity": row.activity,
    })
}

fn scope_json(scope: &ScopeRow) -> Value {
    json!({
        "scope": scope.name, "events": scope.events, "execs": scope.execs, "failures": scope.failures,
        "first": scope.first.map(|time| time.to_string()), "last": scope.last.map(|time| time.to_string()),
        "reasons": scope.reasons.iter().map(|(reason, count)| json!({"reason": reason, "count": count})).collect::<Value>(),
        "activity": scope.activity,
    })
}

fn bounded(name: &str, value: Option<usize>, (usual, most): (usize, usize)) -> Result<usize, ApiError> {
    let value = value.unwrap_or(usual);
    if value <= most {
        return Ok(value);
    }
    Err(ApiError::bad(format!("{name} is {value}, at most {most} is possible")).at(name))
}

/// `GET /api/containers/{id}`: all that is known of a container, whenever it was learnt.
pub(super) async fn one(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let store = Arc::clone(&app.store);
    let wanted = id.clone();
    let run = move |context: &Context| seek::best(&Look::new(&*store, context, false), &wanted);
    let hit = app.searches.run(&caller.name, run).await??;
    let hit = hit.ok_or_else(|| {
        ApiError::not_found(format!("no event names the container {}", id.chars().take(100).collect::<String>()))
    })?;
    let event = &hit.event;
    let labels =
        event.entries().filter(|entry| entry.field == field::CONTAINER_LABELS).filter_map(|entry| match entry.value {
            schema::Value::Text(value) => Some((entry.key.to_owned(), json!(value))),
            _ => None,
        });
    let text = |field| event.str(field);
    let all = |field| -> Vec<&str> {
        let values = event.all(field).filter_map(|value| match value {
            schema::Value::Text(text) => Some(text),
            _ => None,
        });
        values.collect()
    };
    Ok(Json(json!({
        "id": id, "name": text(field::CONTAINER_NAME), "image": text(field::CONTAINER_IMAGE_NAME),
        "tag": all(field::CONTAINER_IMAGE_TAG), "hash": all(field::CONTAINER_IMAGE_HASH_ALL),
        "runtime": text(field::CONTAINER_RUNTIME), "labels": labels.collect::<serde_json::Map<_, _>>(),
        "pod": text(field::ORCHESTRATOR_RESOURCE_NAME), "namespace": text(field::ORCHESTRATOR_NAMESPACE),
        "host": text(field::HOST_NAME).or_else(|| text(field::AGENT_NAME)),
        "seen": event.time().map(|time| time.to_string()), "event": hit.id,
    })))
}
