//! `POST /api/search`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State as Shared;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use elastic::response::{push_aggregations, push_scalar};
use schema::event::push_json_string;
use schema::search::{Answer, Hit, MAX_WINDOW, Search};
use schema::{Event, IngestSeq, Stream, Timestamp};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use store::sql::{Cell, SqlError};

use super::App;
use super::error::{ApiError, Code};
use super::input::Input;
use super::request::{self, Scope, When, refused};
use crate::access::Caller;
use crate::clock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    query: Option<String>,
    dsl: Option<Box<RawValue>>,
    from: Option<When>,
    to: Option<When>,
    time_zone: Option<String>,
    #[serde(default)]
    streams: Vec<String>,
    size: Option<usize>,
    skip: Option<usize>,
    sort: Option<Box<RawValue>>,
    search_after: Option<Box<RawValue>>,
    track_total: Option<Track>,
    #[serde(alias = "aggregations")]
    aggs: Option<Box<RawValue>>,
    #[serde(default)]
    allow_partial: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Track {
    All(bool),
    To(u64),
}

/// What an answer says beside the engine's own words.
pub(super) struct Echo {
    pub(super) start: Instant,
    pub(super) now: Timestamp,
    pub(super) parsed: Option<String>,
    pub(super) notes: Vec<String>,
}

/// Most hits of one answer.
const MAX_HITS: usize = MAX_WINDOW;

pub(super) async fn search(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Input(body): Input<Body>,
) -> Result<Response, ApiError> {
    let (now, start) = (clock::now(), Instant::now());
    let (store, known) = (Arc::clone(&app.store), Arc::clone(&app.known));
    let run = move |context: &store::Context| {
        let (search, echo) = known.read(&*store, |names| read(&body, now, start, names))?;
        let context = store::Context { allow_partial: body.allow_partial, ..context.clone() };
        let answer = store.search(&search, &context)?;
        Ok::<_, ApiError>(write(&search, &answer, &echo))
    };
    let text = app.searches.run(&caller.name, run).await??;
    Ok(json_text(text))
}

pub(super) fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

fn read(body: &Body, now: Timestamp, start: Instant, known: &[String]) -> Result<(Search, Echo), ApiError> {
    let options = request::options(now, body.time_zone.as_deref(), known)?;
    let scope = Scope {
        query: body.query.as_deref(),
        dsl: body.dsl.as_deref().map(RawValue::get),
        from: body.from.clone(),
        to: body.to.clone(),
        streams: request::streams(Some(&body.streams.join(",")))?,
    };
    let scoped = scope.read(&options)?;
    let mut notes = scoped.notes;
    let mut search = scoped.search;
    search.size = bounded("size", body.size.unwrap_or(50), MAX_HITS)?;
    search.skip = bounded("skip", body.skip.unwrap_or(0), MAX_WINDOW - search.size)?;
    if let Some(sort) = &body.sort {
        search.sort = elastic::search::sort(sort.get(), &options).map_err(refused)?;
    }
    if let Some(after) = &body.search_after {
        search.search_after = Some(elastic::search::search_after(after.get(), &search.sort).map_err(refused)?);
    }
    if let Some(aggs) = &body.aggs {
        let (aggregations, more) = elastic::search::aggregations(aggs.get(), &options).map_err(refused)?;
        search.aggregations = aggregations;
        notes.extend(more);
    }
    search.track_total = match body.track_total {
        None => search.track_total,
        Some(Track::All(true)) => u64::MAX,
        Some(Track::All(false)) => 0,
        Some(Track::To(limit)) => limit,
    };
    Ok((search, Echo { start, now, parsed: scoped.parsed, notes }))
}

fn bounded(name: &str, value: usize, most: usize) -> Result<usize, ApiError> {
    if value <= most {
        return Ok(value);
    }
    Err(ApiError::bad(format!("{name} is {value}, at most {most} is possible"))
        .advice("page with search_after")
        .at(name))
}

/// The answer as JSON. Sources are written as they are, without another parse.
pub(super) fn write(search: &Search, answer: &Answer, echo: &Echo) -> String {
    let mut out = String::with_capacity(1024 + answer.hits.len() * 1500);
    out.push_str(&format!("{{\"took_ms\":{},\"now\":\"{}\"", echo.start.elapsed().as_millis(), echo.now));
    for (name, bound) in [("from_ms", search.from_time), ("to_ms", search.to_time)] {
        if let Some(time) = bound {
            out.push_str(&format!(",\"{name}\":{}", time.millis()));
        }
    }
    out.push_str(",\"parsed\":");
    match &echo.parsed {
        Some(parsed) => push_json_string(parsed, &mut out),
        None => out.push_str("null"),
    }
    out.push_str(&format!(",\"notes\":{}", json!(echo.notes)));
    let relation = if answer.total.at_least { "gte" } else { "eq" };
    out.push_str(&format!(",\"total\":{{\"value\":{},\"relation\":\"{relation}\"}},\"hits\":[", answer.total.value));
    for (at, hit) in answer.hits.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_hit(hit, &mut out);
    }
    out.push_str("],\"aggregations\":");
    push_aggregations(&mut out, &search.aggregations, &answer.aggregations);
    let failed = answer.windows.failed.iter().map(|window| json!({"name": window.name, "reason": window.reason}));
    let windows = json!({
        "searched": answer.windows.searched, "pruned": answer.windows.pruned,
        "failed": failed.collect::<serde_json::Value>(),
    });
    let through = answer.searchable_through.0;
    out.push_str(&format!(
        ",\"searchable_through\":{through},\"windows\":{windows},\"timed_out\":{}}}",
        answer.timed_out
    ));
    out
}

fn push_hit(hit: &Hit, out: &mut String) {
    push_event(&hit.id, hit.stream, hit.seq, &hit.event, out);
    out.pop();
    out.push_str(",\"sort\":[");
    for (at, value) in hit.sort.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_scalar(out, value);
    }
    out.push_str("]}");
}

/// `{"id", "index", "seq", "source"}`
pub(super) fn push_event(id: &str, stream: Stream, seq: IngestSeq, event: &Event, out: &mut String) {
    out.push_str("{\"id\":");
    push_json_string(id, out);
    out.push_str(&format!(",\"index\":\"{}\",\"seq\":{},\"source\":", stream.index(), seq.0));
    event.write_json(out);
    out.push('}');
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Statement {
    statement: String,
}

/// `POST /api/sql`: one read-only statement over the stored events.
pub(super) async fn sql(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Input(body): Input<Statement>,
) -> Result<Json<serde_json::Value>, ApiError> {
    let store = Arc::clone(&app.store);
    let run = move |context: &store::Context| store::sql::run(&store, &body.statement, context);
    let table = app.searches.run_for(&caller.name, LONGEST_SQL, run).await?.map_err(sql_error)?;
    let rows = table.rows.iter().map(|row| row.iter().map(cell).collect::<serde_json::Value>());
    Ok(Json(json!({"columns": table.columns, "rows": rows.collect::<serde_json::Value>()})))
}

/// Statements may look at everything, which takes longer than a search.
const LONGEST_SQL: Duration = Duration::from_secs(60);

fn cell(cell: &Cell) -> serde_json::Value {
    match cell {
        Cell::Null => serde_json::Value::Null,
        Cell::Integer(number) => json!(number),
        Cell::Real(number) => json!(number),
        Cell::Text(text) => json!(text),
    }
}

fn sql_error(error: SqlError) -> ApiError {
    let message = error.to_string();
    match error {
        SqlError::Statement(_) => ApiError::new(Code::SearchSyntax, message),
        SqlError::TooLarge(_) => ApiError::new(Code::SearchTooLarge, message).advice("add a LIMIT or a time range"),
        SqlError::Search(error) => error.into(),
        SqlError::Failed(_) => ApiError::new(Code::Internal, message),
    }
}
