//! File integrity: changes by file, host, container, package or policy; what happened to one file; how far the record can be
//! trusted, host by host; and the chain of baselines as agents told of it.
//!
//! Bounds: [`groups::MOST`] groups are found and [`SIZE`] come in one answer; [`HISTORY`] events of a file; [`hosts::MOST`]
//! hosts; [`CHAIN`] generations.

mod groups;
mod hosts;

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State as Shared};
use axum::{Extension, Json};
use schema::search::{FieldRef, Query, Scalar, Search, Sort};
use schema::{AgentId, Stream, field};
use serde::Deserialize;
use serde_json::{Value, json};
use store::Context;

use super::App;
use super::aggregate::{is, one_of};
use super::error::ApiError;
use super::input::{Input, Params};
use super::look::Look;
use super::people::changed;
use super::request::{self, Scope};
use crate::access::Caller;
use crate::clock;
use crate::state::Generation;

/// Groups of one answer: usual, most.
const SIZE: (usize, usize) = (100, 500);
/// Events of one file: usual, most.
const HISTORY: (usize, usize) = (50, 500);
/// Generations of one agent: usual, most.
const CHAIN: (usize, usize) = (100, 10_000);
/// Longest reason of a person.
const REASON: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangesParams {
    from: Option<String>,
    to: Option<String>,
    query: Option<String>,
    #[serde(default)]
    by: groups::By,
    #[serde(default)]
    find: String,
    #[serde(default)]
    sort: groups::Key,
    #[serde(default)]
    order: groups::Order,
    size: Option<usize>,
    skip: Option<usize>,
    #[serde(default)]
    allow_partial: bool,
}

/// `GET /api/v1/fim/changes`
pub(super) async fn changes(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<ChangesParams>,
) -> Result<Json<Value>, ApiError> {
    let (now, start) = (clock::now(), Instant::now());
    let size = bounded("size", params.size, SIZE)?;
    let (store, known) = (Arc::clone(&app.store), Arc::clone(&app.known));
    let run = move |context: &Context| {
        let (within, parsed) = known.read(&*store, |names| {
            let options = request::options(now, None, names)?;
            let scope = Scope {
                query: params.query.as_deref(),
                from: request::when(params.from.as_deref()),
                to: request::when(params.to.as_deref()),
                streams: vec![Stream::Fim],
                ..Scope::default()
            };
            let read = scope.read(&options)?;
            Ok((read.search, read.parsed))
        })?;
        let look = Look::new(&*store, context, params.allow_partial);
        let wanted = groups::Wanted {
            by: params.by,
            find: &params.find,
            sort: params.sort,
            order: params.order,
            size,
            skip: params.skip.unwrap_or(0),
        };
        let mut answer = groups::list(&look, &within, &wanted)?;
        answer["parsed"] = json!(parsed);
        Ok::<_, ApiError>(look.complete(answer, now, start.elapsed()))
    };
    Ok(Json(app.searches.run(&caller.name, run).await??))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileParams {
    path: String,
    host: Option<String>,
    from: Option<String>,
    to: Option<String>,
    size: Option<usize>,
    #[serde(default)]
    allow_partial: bool,
}

/// `GET /api/v1/fim/file`: what happened to one path, newest first, also under names that it had or got by a move.
pub(super) async fn file(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<FileParams>,
) -> Result<Json<Value>, ApiError> {
    let (now, start) = (clock::now(), Instant::now());
    let size = bounded("size", params.size, HISTORY)?;
    let options = request::options(now, None, &[])?;
    let scope = Scope {
        from: request::when(params.from.as_deref()),
        to: request::when(params.to.as_deref()),
        streams: vec![Stream::Fim],
        ..Scope::default()
    };
    let within = scope.read(&options)?.search;
    let names = [field::FILE_PATH, field::AUDITNG_FIM_OLD_PATH, field::AUDITNG_FIM_NAMES, field::AUDITNG_FIM_HOST_PATH];
    let mut all = vec![Query::any(names.map(|name| is(name, &params.path)).into())];
    all.extend(params.host.as_deref().map(|host| is(field::HOST_NAME, host)));
    let newest = Sort { field: FieldRef::Known(field::TIMESTAMP), descending: true, missing_first: false };
    let search = Search { query: Query::all(all), size, sort: vec![newest], track_total: 100_000, ..within };
    let store = Arc::clone(&app.store);
    let run = move |context: &Context| {
        let look = Look::new(&*store, context, params.allow_partial);
        let answer = look.search(&search)?;
        let hits = answer.hits.iter().map(|hit| {
            let source = serde_json::from_str::<Value>(&hit.event.to_json()).unwrap_or_default();
            json!({"id": hit.id, "seq": hit.seq.0, "source": source})
        });
        let found = json!({"path": params.path, "total": answer.total.value, "hits": hits.collect::<Value>()});
        Ok::<_, ApiError>(look.complete(found, now, start.elapsed()))
    };
    Ok(Json(app.searches.run(&caller.name, run).await??))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CoverageParams {
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    allow_partial: bool,
}

/// `GET /api/v1/fim/coverage`: each host's baseline, scans and open changes, and where nobody looked.
pub(super) async fn coverage(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<CoverageParams>,
) -> Result<Json<Value>, ApiError> {
    let (now, start) = (clock::now(), Instant::now());
    let options = request::options(now, None, &[])?;
    let scope = Scope {
        from: request::when(params.from.as_deref()),
        to: request::when(params.to.as_deref()),
        ..Scope::default()
    };
    let within = scope.read(&options)?.search;
    let chain = app.state.baselines().await?;
    let store = Arc::clone(&app.store);
    let run = move |context: &Context| {
        let look = Look::new(&*store, context, params.allow_partial);
        let answer = hosts::coverage(&look, &within, chain)?;
        Ok::<_, ApiError>(look.complete(answer, now, start.elapsed()))
    };
    Ok(Json(app.searches.run(&caller.name, run).await??))
}

/// `GET /api/v1/fim/baselines`: the newest generation of each agent.
pub(super) async fn baselines(Shared(app): Shared<Arc<App>>) -> Result<Json<Value>, ApiError> {
    let newest = app.state.baselines().await?;
    Ok(Json(json!({"baselines": newest.iter().map(generation).collect::<Value>()})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChainParams {
    size: Option<usize>,
}

/// `GET /api/v1/fim/baselines/{agent}`: what the agent told, newest first. `{agent}` may be the host's name.
pub(super) async fn chain(
    Shared(app): Shared<Arc<App>>,
    Path(agent): Path<String>,
    Params(params): Params<ChainParams>,
) -> Result<Json<Value>, ApiError> {
    let size = bounded("size", params.size, CHAIN)?;
    let id = agent_named(&app, &agent).await?;
    let rows = app.state.baseline_chain(id, size).await?;
    if rows.is_empty() {
        return Err(ApiError::not_found(format!("no baseline of {id} was told")));
    }
    let standing = rows.first().map(|newest| newest.standing.name());
    let chain = rows.iter().map(generation).collect::<Value>();
    Ok(Json(json!({"agent": id.to_string(), "standing": standing, "chain": chain})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Accept {
    reason: String,
}

/// `POST /api/v1/fim/baselines/{agent}/accept`: a person looked and takes the newest generation as it is.
pub(super) async fn accept(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(agent): Path<String>,
    Input(given): Input<Accept>,
) -> Result<Json<Value>, ApiError> {
    let reason = given.reason.trim();
    if reason.is_empty() || reason.len() > REASON {
        return Err(ApiError::bad(format!("give a reason of at most {REASON} bytes")).at("reason"));
    }
    let id = agent_named(&app, &agent).await?;
    let before = app.state.accept_baseline(id).await?;
    let before = before.ok_or_else(|| ApiError::not_found(format!("no baseline of {id} was told")))?;
    let what = format!("accepted generation {} of the baseline of {} ({id}): {reason}", before.generation, before.host);
    changed(&app, &caller, what, Some(before.standing.name().to_owned()), Some("accepted".to_owned())).await?;
    Ok(Json(json!({"agent": id.to_string(), "generation": before.generation, "before": before.standing.name()})))
}

/// An agent by its id, or by its host's name where exactly one has it.
async fn agent_named(app: &App, text: &str) -> Result<AgentId, ApiError> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let all = app.state.baselines().await?;
    let mut of = all.iter().filter(|newest| newest.host == text);
    match (of.next(), of.next()) {
        (Some(one), None) => Ok(one.agent),
        (None, _) => Err(ApiError::not_found("no baseline of an agent or host of this name was told")),
        _ => Err(ApiError::bad("several agents have this host name; ask by the agent's id")),
    }
}

fn generation(row: &Generation) -> Value {
    json!({
        "agent": row.agent.to_string(), "host": row.host, "generation": row.generation, "root": row.root,
        "previous": row.previous, "key": row.key, "signature": row.signature, "policies": row.policies,
        "reason": row.reason, "time": row.time.to_string(), "seen": row.seen.to_string(),
        "standing": row.standing.name(), "alert": row.standing.is_alert(), "event": row.event,
    })
}

/// Something differs that is neither a package's nor a log's nor a declared window's business, and nobody merely looked.
fn unexpected() -> Query {
    let no = [field::AUDITNG_FIM_PROVENANCE_BY, field::AUDITNG_FIM_CHANGE_WINDOW].map(super::aggregate::has);
    let quiet = one_of(field::EVENT_ACTION, ["opened", "executed", "initial_scan", "unmounted"]);
    let refused = is(field::AUDITNG_FIM_ACCESS, "denied");
    let looked = Query::any(vec![quiet.negate(), refused]);
    let mut all: Vec<Query> = no.map(Query::negate).into();
    all.push(looked);
    Query::all(all)
}

fn bounded(name: &str, value: Option<usize>, (usual, most): (usize, usize)) -> Result<usize, ApiError> {
    let value = value.unwrap_or(usual);
    if value <= most {
        return Ok(value);
    }
    Err(ApiError::bad(format!("{name} is {value}, at most {most} is possible")).at(name))
}

/// A text in a bucket's key.
fn text_of(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Text(text) => text.clone(),
        Scalar::Long(number) => number.to_string(),
        _ => String::new(),
    }
}
