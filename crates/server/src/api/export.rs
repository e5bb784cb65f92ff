//! Events as a file: NDJSON or CSV, streamed while the store is read, so memory stays flat however many there are.
//!
//! Cells of a CSV that a spreadsheet would take for a formula begin with an apostrophe.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schema::search::{FieldRef, Search};
use schema::{Event, Timestamp, Value};
use serde::Deserialize;
use store::Context;
use tokio::sync::mpsc;

use super::App;
use super::error::{ApiError, Code};
use super::input::Params;
use super::pool::CancelOnDrop;
use super::request::{self, Scope};
use crate::access::Caller;
use crate::clock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportParams {
    query: Option<String>,
    from: Option<String>,
    to: Option<String>,
    streams: Option<String>,
    time_zone: Option<String>,
    #[serde(default)]
    format: Format,
    columns: Option<String>,
    limit: Option<u64>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Ndjson,
    Csv,
}

/// Longest export.
const LONGEST: Duration = Duration::from_secs(3600);
/// Pieces that may wait for the reader; then the store waits too.
const WAITING: usize = 8;
/// Most columns.
const MAX_COLUMNS: usize = 200;
/// The columns of a CSV that names none.
const COLUMNS: &str = "@timestamp,host.name,event.action,process.executable,process.command_line,user.name,message";

pub(super) async fn export(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<ExportParams>,
) -> Result<Response, ApiError> {
    let columns = columns(&params)?;
    let slot =
        Arc::clone(&app.exports).try_acquire_owned().map_err(|_| ApiError::busy("exports are running already", 10))?;
    let now = clock::now();
    let (format, limit) = (params.format, params.limit);
    let (store, known) = (Arc::clone(&app.store), Arc::clone(&app.known));
    let read = move |_: &Context| known.read(&*store, |names| params.search(now, names));
    let search = app.searches.run(&caller.name, read).await??;
    let (pieces, received) = mpsc::channel(WAITING);
    let context = Context::until(std::time::Instant::now() + LONGEST);
    let cancel = CancelOnDrop(Arc::clone(&context.cancel));
    let job = Job { format, columns, left: limit.unwrap_or(u64::MAX), pieces };
    let store = Arc::clone(&app.store);
    tokio::task::spawn_blocking(move || {
        let _slot = slot;
        job.run(&*store, &search, &context);
    });
    // The body owns the flag: when the reader goes, the store stops.
    let body = stream::unfold((received, cancel), |(mut received, cancel)| async move {
        let piece: Result<Bytes, std::io::Error> = received.recv().await?;
        Some((piece, (received, cancel)))
    });
    Ok((file_headers(format, now), Body::from_stream(body)).into_response())
}

impl ExportParams {
    fn search(&self, now: Timestamp, known: &[String]) -> Result<Search, ApiError> {
        let scope = Scope {
            query: self.query.as_deref(),
            from: request::when(self.from.as_deref()),
            to: request::when(self.to.as_deref()),
            streams: request::streams(self.streams.as_deref())?,
            ..Scope::default()
        };
        Ok(scope.read(&request::options(now, self.time_zone.as_deref(), known)?)?.search)
    }
}

fn columns(params: &ExportParams) -> Result<Vec<FieldRef>, ApiError> {
    let names = params.columns.as_deref().filter(|names| !names.is_empty()).unwrap_or(COLUMNS);
    let columns: Vec<FieldRef> = names.split(',').map(str::trim).map(FieldRef::resolve).collect();
    if columns.len() > MAX_COLUMNS {
        return Err(ApiError::new(Code::BadRequest, format!("more than {MAX_COLUMNS} columns")));
    }
    Ok(columns)
}

fn file_headers(format: Format, now: Timestamp) -> HeaderMap {
    let (kind, ending) = match format {
        Format::Ndjson => ("application/x-ndjson", "ndjson"),
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let stamp: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"auditng-{stamp}.{ending}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    headers
}

struct Job {
    format: Format,
    columns: Vec<FieldRef>,
    left: u64,
    pieces: mpsc::Sender<Result<Bytes, std::io::Error>>,
}

impl Job {
    fn run(mut self, store: &dyn store::Store, search: &Search, context: &Context) {
        if self.format == Format::Csv && !self.send(self.head()) {
            return;
        }
        let scanned = store.scan(search, context, &mut |events| self.left > 0 && self.give(&events));
        if let Err(error) = scanned {
            tracing::warn!(%error, "an export ended early");
            // The reader sees a broken transfer rather than a file that looks whole.
            drop(self.pieces.blocking_send(Err(std::io::Error::other(error.to_string()))));
        }
    }

    fn head(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|column| cell(&column.name())).collect();
        names.join(",") + "\r\n"
    }

    fn give(&mut self, events: &[Event]) -> bool {
        let count = events.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= count as u64;
        let mut text = String::with_capacity(count * 800);
        for event in &events[..count] {
            match self.format {
                Format::Ndjson => {
                    event.write_json(&mut text);
                    text.push('\n');
                }
                Format::Csv => push_row(event, &self.columns, &mut text),
            }
        }
        self.send(text) && self.left > 0
    }

    fn send(&self, text: String) -> bool {
        self.pieces.blocking_send(Ok(Bytes::from(text))).is_ok()
    }
}

fn push_row(event: &Event, columns: &[FieldRef], out: &mut String) {
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&cell(&text(event, column)));
    }
    out.push_str("\r\n");
}

/// All values of a field, several of them with line ends between.
fn text(event: &Event, column: &FieldRef) -> String {
    let plain = |value: Value<'_>| match value {
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Long(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Date(time) => time.to_string(),
        Value::Text(text) | Value::Json(text) => text.to_owned(),
    };
    let values: Vec<String> = match column {
        FieldRef::Known(field) => event.all(*field).map(plain).collect(),
        FieldRef::Keyed(field, key) => event.keyed(*field, key).map(plain).collect(),
        FieldRef::Other(name) => event.keyed(schema::field::OTHER, name).map(plain).collect(),
    };
    values.join("\n")
}

/// A cell of RFC 4180, harmless in a spreadsheet.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '|', '%']) && text.parse::<f64>().is_err();
    // "@timestamp" is a heading of ours, not a formula.
    let guard = if formula && text != "@timestamp" { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::field;

    #[test]
    fn cells() {
        for (text, expect) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("@SUM(1,2)", "\"'@SUM(1,2)\""),
            ("-5", "-5"),
            ("-rf", "'-rf"),
            ("@timestamp", "@timestamp"),
            ("\tx", "'\tx"),
        ] {
            assert_eq!(cell(text), expect);
        }
    }

    #[test]
    fn rows_hold_all_values() {
        let mut event = Event::new(Timestamp::from_millis(0));
        event.push_str(field::PROCESS_ARGS, "a");
        event.push_str(field::PROCESS_ARGS, "b");
        event.push_keyed(field::LABELS, "team", Value::Text("web"));
        let columns: Vec<FieldRef> =
            ["@timestamp", "process.args", "labels.team", "nothing"].map(FieldRef::resolve).to_vec();
        let mut out = String::new();
        push_row(&event, &columns, &mut out);
        assert_eq!(out, "1970-01-01T00:00:00.000Z,\"a\nb\",web,\r\n");
    }
}
