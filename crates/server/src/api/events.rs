//! Single events, what happened around them, and what helps to type a query: fields and values.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State as Shared};
use axum::response::Response;
use axum::{Extension, Json};
use schema::search::{
    Aggregation, Answer, Bound, FieldRef, Hit, Key, MAX_WINDOW, Named, Outcome, Query, Range, Scalar, Search, Sort,
    Terms, Total,
};
use schema::{Event, IngestSeq, Timestamp, Value, field};
use serde::Deserialize;
use serde_json::json;
use store::{Context, SearchError, Store};

use super::App;
use super::error::ApiError;
use super::input::Params;
use super::request::{self, Scope};
use super::search::{Echo, json_text, push_event, write};
use crate::access::Caller;
use crate::clock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldParams {
    streams: Option<String>,
}

/// The catalogue, and what events have beyond it.
pub(super) async fn fields(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<FieldParams>,
) -> Result<Json<serde_json::Value>, ApiError> {
    let streams = request::streams(params.streams.as_deref())?;
    let store = Arc::clone(&app.store);
    let seen = app.searches.run(&caller.name, move |_| store.fields(&streams)).await?;
    let seen: HashSet<String> = seen.into_iter().collect();
    let known = schema::Field::all().map(|field| {
        let name = field.name();
        let inside = || seen.iter().any(|other| other.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')));
        let flattened = field.kind() == field::Kind::Flattened;
        let seen = seen.contains(name) || (flattened && inside());
        json!({"name": name, "kind": field.kind().name(), "many": field.is_many(), "seen": seen})
    });
    let mut others: Vec<&String> = seen.iter().filter(|name| schema::Field::named(name).is_none()).collect();
    others.sort();
    let others = others.into_iter().map(|name| json!({"name": name, "kind": "keyword", "many": true, "seen": true}));
    Ok(Json(known.chain(others).collect()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValueParams {
    field: String,
    #[serde(default)]
    prefix: String,
    query: Option<String>,
    streams: Option<String>,
    from: Option<String>,
    to: Option<String>,
    size: Option<usize>,
}

/// Most values of one answer.
const MAX_VALUES: usize = 1000;

/// The most frequent values of a field that begin like this.
pub(super) async fn values(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<ValueParams>,
) -> Result<Json<serde_json::Value>, ApiError> {
    let now = clock::now();
    let (store, known) = (Arc::clone(&app.store), Arc::clone(&app.known));
    let run = move |context: &Context| {
        let search = known.read(&*store, |names| values_search(&params, now, names))?;
        let answer = store.search(&search, context)?;
        Ok::<_, ApiError>(values_json(&answer, &params.prefix, params.size.unwrap_or(10)))
    };
    Ok(Json(app.searches.run(&caller.name, run).await??))
}

fn values_search(params: &ValueParams, now: Timestamp, known: &[String]) -> Result<Search, ApiError> {
    use schema::field::Kind;
    let options = request::options(now, None, known)?;
    let scope = Scope {
        query: params.query.as_deref(),
        from: request::when(params.from.as_deref()),
        to: request::when(params.to.as_deref()),
        streams: request::streams(params.streams.as_deref())?,
        ..Scope::default()
    };
    let mut search = scope.read(&options)?.search;
    let field = FieldRef::resolve(&params.field);
    let texts = matches!(field.kind(), Kind::Keyword | Kind::Path);
    if matches!(field.kind(), Kind::Text | Kind::Stored | Kind::Flattened | Kind::Structured) {
        return Err(ApiError::bad(format!("{} has no values to list", params.field)));
    }
    let size = params.size.unwrap_or(10).min(MAX_VALUES);
    let mut terms = Terms::top(field.clone(), if texts { size } else { MAX_VALUES });
    if texts && !params.prefix.is_empty() {
        terms.include = Some(format!("{}.*", literal(&params.prefix)));
        let begins = Query::Prefix { field, value: params.prefix.clone(), case_insensitive: false };
        search.query = Query::all(vec![search.query, begins]);
    }
    let aggregation = Named { name: "values".to_owned(), aggregation: Aggregation::Terms(terms), inner: Vec::new() };
    Ok(Search { size: 0, track_total: 0, aggregations: vec![aggregation], ..search })
}

/// A regular expression that matches this text only.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if r"\.+*?()|[]{}^$#&-~".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn values_json(answer: &Answer, prefix: &str, size: usize) -> serde_json::Value {
    let Some(Outcome::Buckets { buckets, .. }) = answer.aggregation("values") else {
        return json!({"values": []});
    };
    let values = buckets.iter().filter_map(|bucket| match &bucket.key {
        Key::Value(value) => Some((text(value), bucket.count)),
        _ => None,
    });
    let fitting = values.filter(|(value, _)| value.starts_with(prefix)).take(size);
    json!({"values": fitting.map(|(value, count)| json!({"value": value, "count": count})).collect::<Vec<_>>()})
}

fn text(value: &Scalar) -> String {
    match value {
        Scalar::Null => String::new(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Long(value) => value.to_string(),
        Scalar::Double(value) => value.to_string(),
        Scalar::Date(time) => time.to_string(),
        Scalar::Ip(address) => address.to_string(),
        Scalar::Text(text) => text.clone(),
    }
}

/// The event with an id, ours or a foreign one.
fn find(store: &dyn Store, id: &str, context: &Context) -> Result<Option<Event>, SearchError> {
    if let Ok(ours) = id.parse()
        && let Some(event) = store.get(&[ours], context)?.into_iter().next()
    {
        return Ok(Some(event));
    }
    let search = Search { query: Query::Ids(vec![id.to_owned()]), size: 1, track_total: 0, ..Search::default() };
    Ok(store.search(&search, context)?.hits.into_iter().next().map(|hit| hit.event))
}

/// The sequence that an event was accepted with.
pub(super) fn seq_of(event: &Event) -> IngestSeq {
    IngestSeq(event.long(field::AUDITNG_INGEST_SEQ).and_then(|seq| u64::try_from(seq).ok()).unwrap_or(0))
}

fn unknown(id: &str) -> ApiError {
    ApiError::not_found(format!("there is no event {}", id.chars().take(600).collect::<String>()))
}

pub(super) async fn event(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let store = Arc::clone(&app.store);
    let wanted = id.clone();
    let found = app.searches.run(&caller.name, move |context| find(&*store, &wanted, context)).await??;
    let event = found.ok_or_else(|| unknown(&id))?;
    let mut out = String::new();
    push_event(&id, event.stream(), seq_of(&event), &event, &mut out);
    Ok(json_text(out))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AroundParams {
    #[serde(default)]
    by: By,
    seconds: Option<u32>,
    size: Option<usize>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    #[default]
    Host,
    Process,
    Session,
}

/// Widest look to both sides.
const MAX_SECONDS: u32 = 7 * 86_400;

/// What happened on the same host, in the same process or session, a little before and after: the nearest.
pub(super) async fn around(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Params(params): Params<AroundParams>,
) -> Result<Response, ApiError> {
    let (now, start) = (clock::now(), Instant::now());
    let store = Arc::clone(&app.store);
    let run = move |context: &Context| {
        let event = find(&*store, &id, context)?.ok_or_else(|| unknown(&id))?;
        let [before, after] = around_searches(&event, &params)?;
        let (earlier, later) = (store.search(&before, context)?, store.search(&after, context)?);
        let parsed = schema::search::query_string::print(&same(&event, params.by)?);
        let search = Search { from_time: before.from_time, to_time: after.to_time, ..before };
        let answer = nearest(&id, event, earlier, later, search.size);
        Ok::<_, ApiError>(write(&search, &answer, &Echo { start, now, parsed, notes: Vec::new() }))
    };
    Ok(json_text(app.searches.run(&caller.name, run).await??))
}

/// The searches for what was before the event, and for itself and what was after it, each from the event on. What
/// happened in the same millisecond is told apart by the order in which it was accepted.
fn around_searches(event: &Event, params: &AroundParams) -> Result<[Search; 2], ApiError> {
    let time = event.time().ok_or_else(|| ApiError::bad("this event has no time"))?;
    let span = i64::from(params.seconds.unwrap_or(30).min(MAX_SECONDS)) * 1000;
    let same = same(event, params.by)?;
    let seq = Scalar::Long(i64::try_from(seq_of(event).0).unwrap_or(i64::MAX));
    let bounds = |field, lower, upper| Query::Range(Range { field: FieldRef::Known(field), lower, upper });
    let earlier = Query::any(vec![
        bounds(field::TIMESTAMP, Bound::Open, Bound::Excluded(Scalar::Date(time))),
        bounds(field::AUDITNG_INGEST_SEQ, Bound::Open, Bound::Excluded(seq)),
    ]);
    let later =
        Query::all(vec![bounds(field::TIMESTAMP, Bound::Open, Bound::Included(Scalar::Date(time))), earlier.clone()]);
    let order = |descending| {
        let key = |field| Sort { field: FieldRef::Known(field), descending, missing_first: false };
        vec![key(field::TIMESTAMP), key(field::AUDITNG_INGEST_SEQ)]
    };
    let search = |side: Query, from: i64, to: i64, descending: bool| Search {
        query: Query::all(vec![same.clone(), side]),
        from_time: Some(Timestamp::from_millis(from)),
        to_time: Some(Timestamp::from_millis(to)),
        sort: order(descending),
        size: params.size.unwrap_or(100).min(MAX_WINDOW),
        ..Search::default()
    };
    let at = time.millis();
    Ok([
        search(earlier, at.saturating_sub(span), at.saturating_add(1), true),
        search(later.negate(), at, at.saturating_add(span + 1), false),
    ])
}

/// The nearest hits of both sides, the event itself among them, oldest first, and what both sides count together.
fn nearest(id: &str, event: Event, before: Answer, after: Answer, size: usize) -> Answer {
    let (time, seq) = (event.time().map_or(0, Timestamp::millis), seq_of(&event));
    let mut hits = before.hits;
    hits.extend(after.hits);
    if !hits.iter().any(|hit| hit.id == id) {
        let sort = vec![Scalar::Date(Timestamp::from_millis(time)), Scalar::Text(id.to_owned())];
        hits.push(Hit { id: id.to_owned(), stream: event.stream(), seq, event, sort });
    }
    let at = |hit: &Hit| hit.event.time().map_or(i64::MAX, Timestamp::millis);
    hits.sort_by_key(|hit| (at(hit).abs_diff(time), hit.seq.0.abs_diff(seq.0)));
    hits.truncate(size);
    hits.sort_by_key(|hit| (at(hit), hit.seq));
    let mut windows = after.windows;
    windows.searched = windows.searched.max(before.windows.searched);
    windows.pruned = windows.pruned.min(before.windows.pruned);
    Answer {
        total: Total {
            value: before.total.value.saturating_add(after.total.value),
            at_least: before.total.at_least || after.total.at_least,
        },
        hits,
        searchable_through: before.searchable_through.min(after.searchable_through),
        windows,
        timed_out: before.timed_out || after.timed_out,
        aggregations: Vec::new(),
    }
}

/// Events that share host, process or session with this one.
fn same(event: &Event, by: By) -> Result<Query, ApiError> {
    let term = |field: schema::Field| equal(field, event.get(field)?);
    let host = || {
        [field::HOST_ID, field::HOST_NAME, field::AGENT_ID]
            .into_iter()
            .find_map(term)
            .ok_or_else(|| ApiError::bad("this event names no host"))
    };
    match by {
        By::Host => host(),
        By::Process => match term(field::PROCESS_ENTITY_ID) {
            Some(entity) => Ok(entity),
            None => {
                let pid = term(field::PROCESS_PID).ok_or_else(|| ApiError::bad("this event names no process"))?;
                Ok(Query::all(vec![host()?, pid]))
            }
        },
        By::Session => {
            let session = [field::AUDITD_SESSION, field::PROCESS_SESSION_LEADER_ENTITY_ID].into_iter().find_map(term);
            let session = session.ok_or_else(|| ApiError::bad("this event names no session"))?;
            Ok(Query::all(vec![host()?, session]))
        }
    }
}

fn equal(field: schema::Field, value: Value<'_>) -> Option<Query> {
    let value = match value {
        Value::Text(text) => Scalar::Text(text.to_owned()),
        Value::Long(number) => Scalar::Long(number),
        _ => return None,
    };
    Some(Query::Term { field: FieldRef::Known(field), value, case_insensitive: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_taken_literally() {
        assert_eq!(literal("a.b*"), r"a\.b\*");
        assert_eq!(literal("/usr/bin"), "/usr/bin");
    }

    #[test]
    fn around_needs_something_in_common() {
        let mut event = Event::new(Timestamp::from_millis(60_000));
        let params = |by| AroundParams { by, seconds: Some(10), size: None };
        assert!(around_searches(&event, &params(By::Host)).is_err());
        event.push_str(field::HOST_NAME, "web-1");
        event.push_long(field::PROCESS_PID, 7);
        let [before, after] = around_searches(&event, &params(By::Process)).unwrap();
        assert_eq!(before.from_time, Some(Timestamp::from_millis(50_000)));
        assert_eq!((before.to_time, after.from_time), (Some(Timestamp::from_millis(60_001)), event.time()));
        assert_eq!(after.to_time, Some(Timestamp::from_millis(70_001)));
        let Query::Bool(both) = &before.query else { panic!("{:?}", before.query) };
        assert!(matches!(&both.must[0], Query::Bool(host_and_pid) if host_and_pid.must.len() == 2));
        assert!(around_searches(&event, &params(By::Session)).is_err());
    }
}
