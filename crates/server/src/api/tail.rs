//! Live tail: events as they become durable, over server-sent events.
//!
//! One thread follows the log and asks each listener's filter about each event, so what a listener does not get is still
//! counted exactly. A message goes out at most every 250 ms with at most 200 rows, the newest ones; the rest is counted in
//! `skipped`. Bounds: 100 listeners, 1,000 rows waiting for each.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schema::event::push_json_string;
use schema::search::{Bound, FieldRef, Query, Range, Scalar, Search, Sort};
use schema::{Event, IngestSeq, Stream, Timestamp, field};
use serde::Deserialize;
use store::memory::Matcher;
use store::{Accepted, Context};

use super::App;
use super::error::ApiError;
use super::events::seq_of;
use super::input::Params;
use super::people::header_text;
use super::request::{self, Scope};
use crate::access::Caller;
use crate::clock;
use crate::ingest::hot::{Hot, Next};

/// A message goes out at most this often.
const EVERY: Duration = Duration::from_millis(250);
/// With at most so many rows.
const ROWS: usize = 200;
/// Rows that may wait for a listener.
const WAITING: usize = 1000;
/// Listeners at once.
const LISTENERS: usize = 100;
/// A comment line keeps proxies from closing a quiet stream.
const ALIVE: Duration = Duration::from_secs(15);
/// How far back a listener can resume.
const RESUME: Duration = Duration::from_secs(600);

/// All listeners.
#[derive(Default)]
pub(crate) struct Tail {
    listeners: Mutex<Vec<Weak<Listener>>>,
    /// Rows that were not sent, over all listeners.
    pub(crate) skipped: AtomicU64,
}

/// Somebody who looks.
struct Listener {
    matcher: Matcher,
    streams: Vec<Stream>,
    /// What it has seen already when it begins.
    after: IngestSeq,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    rows: VecDeque<(IngestSeq, String)>,
    skipped: u64,
    /// The newest sequence that was looked at.
    through: IngestSeq,
}

impl Queue {
    fn push(&mut self, seq: IngestSeq, row: String) {
        if self.rows.len() >= WAITING {
            self.rows.pop_front();
            self.skipped += 1;
        }
        self.rows.push_back((seq, row));
    }

    /// The newest rows, and how many of the others there were.
    fn take(&mut self) -> (Vec<(IngestSeq, String)>, u64) {
        let over = self.rows.len().saturating_sub(ROWS);
        let skipped = std::mem::take(&mut self.skipped) + over as u64;
        self.rows.drain(..over);
        (self.rows.drain(..).collect(), skipped)
    }
}

impl Tail {
    /// How many listen.
    pub(crate) fn listeners(&self) -> usize {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .filter(|weak| weak.strong_count() > 0)
            .count()
    }

    /// Follows the log until it closes. Runs on a thread of its own.
    pub(crate) fn follow(&self, hot: &Hot) {
        let mut cursor = hot.durable();
        loop {
            match hot.next(cursor, Duration::from_secs(1)) {
                Next::Batch(batch) => {
                    let fresh = batch.events.partition_point(|event| event.seq <= cursor);
                    self.offer(&batch.events[fresh..]);
                    cursor = batch.last();
                }
                Next::Behind(until) => {
                    // Too slow even to look. Nobody knows how many would have matched, so all count.
                    self.miss(until.0.saturating_sub(cursor.0));
                    cursor = until;
                }
                Next::Idle => {}
                Next::Closed => return,
            }
        }
    }

    fn current(&self) -> Vec<Arc<Listener>> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|weak| weak.strong_count() > 0);
        listeners.iter().filter_map(Weak::upgrade).collect()
    }

    fn offer(&self, events: &[Accepted]) {
        let Some(last) = events.last() else { return };
        for listener in self.current() {
            let fitting = events.iter().filter(|accepted| listener.wants(accepted));
            let rows: Vec<_> = fitting.map(|accepted| (accepted.seq, row(&accepted.event, accepted.seq))).collect();
            let mut queue = listener.queue.lock().unwrap_or_else(PoisonError::into_inner);
            rows.into_iter().for_each(|(seq, row)| queue.push(seq, row));
            queue.through = last.seq;
        }
    }

    fn miss(&self, events: u64) {
        for listener in self.current() {
            listener.queue.lock().unwrap_or_else(PoisonError::into_inner).skipped += events;
        }
    }

    fn add(&self, listener: &Arc<Listener>) -> Result<(), ApiError> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|weak| weak.strong_count() > 0);
        if listeners.len() >= LISTENERS {
            return Err(ApiError::busy(format!("{LISTENERS} live tails are open already"), 30));
        }
        listeners.push(Arc::downgrade(listener));
        Ok(())
    }
}

impl Listener {
    fn wants(&self, accepted: &Accepted) -> bool {
        accepted.seq > self.after
            && (self.streams.is_empty() || self.streams.contains(&accepted.event.stream()))
            && self.matcher.matches(&accepted.event)
    }
}

fn row(event: &Event, seq: IngestSeq) -> String {
    let mut out = String::from("{\"id\":");
    push_json_string(event.str(field::EVENT_ID).unwrap_or_default(), &mut out);
    out.push_str(&format!(",\"seq\":{},\"source\":", seq.0));
    event.write_json(&mut out);
    out.push('}');
    out
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TailParams {
    query: Option<String>,
    streams: Option<String>,
}

impl TailParams {
    fn search(&self, now: Timestamp, known: &[String]) -> Result<Search, ApiError> {
        let scope = Scope {
            query: self.query.as_deref(),
            streams: request::streams(self.streams.as_deref())?,
            ..Scope::default()
        };
        Ok(scope.read(&request::options(now, None, known)?)?.search)
    }
}

pub(super) async fn tail(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<TailParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let now = clock::now();
    let (store, known) = (Arc::clone(&app.store), Arc::clone(&app.known));
    let read = move |_: &Context| known.read(&*store, |names| params.search(now, names));
    let search = app.searches.run(&caller.name, read).await??;
    let matcher = Matcher::new(&search.query).map_err(|error| ApiError::bad(error.to_string()))?;
    let resume = header_text(&headers, "last-event-id").and_then(|id| id.parse().ok()).map(IngestSeq);
    let durable = app.ingest.hot().durable();
    let listener = Arc::new(Listener {
        matcher,
        streams: search.streams.clone(),
        after: durable,
        queue: Mutex::new(Queue { through: durable, ..Queue::default() }),
    });
    app.tail.add(&listener)?;
    if let Some(last) = resume.filter(|last| *last < durable) {
        catch_up(&app, &caller, &listener, search, last, now).await?;
    }
    Ok(events(app, listener))
}

/// What came between the last message and now, as far as the store finds it.
async fn catch_up(
    app: &App,
    caller: &Caller,
    listener: &Arc<Listener>,
    search: Search,
    last: IngestSeq,
    now: Timestamp,
) -> Result<(), ApiError> {
    let search = missed(search, last, listener.after, now);
    let store = Arc::clone(&app.store);
    let answer = app.searches.run(&caller.name, move |context: &Context| store.search(&search, context)).await??;
    let found = answer.hits.len() as u64;
    let mut queue = listener.queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.skipped += answer.total.value.saturating_sub(found);
    // Newest first from the store; live rows may wait already.
    for hit in answer.hits {
        queue.rows.push_front((hit.seq, row(&hit.event, seq_of(&hit.event))));
    }
    Ok(())
}

fn missed(search: Search, last: IngestSeq, until: IngestSeq, now: Timestamp) -> Search {
    let scalar = |seq: IngestSeq| Scalar::Long(i64::try_from(seq.0).unwrap_or(i64::MAX));
    let range = |field, lower, upper| Query::Range(Range { field: FieldRef::Known(field), lower, upper });
    let oldest = now.millis() - i64::try_from(RESUME.as_millis()).unwrap_or(0);
    let seqs = range(field::AUDITNG_INGEST_SEQ, Bound::Excluded(scalar(last)), Bound::Included(scalar(until)));
    let times =
        range(field::EVENT_INGESTED, Bound::Included(Scalar::Date(Timestamp::from_millis(oldest))), Bound::Open);
    let newest = Sort { field: FieldRef::Known(field::AUDITNG_INGEST_SEQ), descending: true, missing_first: false };
    Search {
        query: Query::all(vec![search.query, seqs, times]),
        size: ROWS,
        sort: vec![newest],
        track_total: u64::MAX,
        ..Search { streams: search.streams, ..Search::default() }
    }
}

struct Open {
    app: Arc<App>,
    listener: Arc<Listener>,
    spoke: Instant,
    greeted: bool,
}

/// The stream of messages. It ends when the server stops; the browser then comes back by itself.
fn events(app: Arc<App>, listener: Arc<Listener>) -> Response {
    let open = Open { app, listener, spoke: Instant::now(), greeted: false };
    let body = stream::unfold(open, |mut open| async move {
        let message = next(&mut open).await?;
        Some((Ok::<_, Infallible>(message), open))
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(body)).into_response()
}

async fn next(open: &mut Open) -> Option<Bytes> {
    if !std::mem::replace(&mut open.greeted, true) {
        return Some(Bytes::from_static(b"retry: 2000\n: connected\n\n"));
    }
    let mut stopping = open.app.stopping.clone();
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = crate::listen::stopped(&mut stopping) => return None,
        }
        let (rows, skipped, through) = {
            let mut queue = open.listener.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let (rows, skipped) = queue.take();
            (rows, skipped, queue.through)
        };
        if !rows.is_empty() || skipped > 0 {
            open.app.tail.skipped.fetch_add(skipped, Ordering::Relaxed);
            open.spoke = Instant::now();
            return Some(message(&rows, skipped, through));
        }
        if open.spoke.elapsed() >= ALIVE {
            open.spoke = Instant::now();
            return Some(Bytes::from_static(b": alive\n\n"));
        }
    }
}

fn message(rows: &[(IngestSeq, String)], skipped: u64, through: IngestSeq) -> Bytes {
    let id = rows.last().map_or(through, |(seq, _)| *seq).max(through);
    let rows: Vec<&str> = rows.iter().map(|(_, row)| row.as_str()).collect();
    let text = format!("event: rows\nid: {}\ndata: {{\"rows\":[{}],\"skipped\":{skipped}}}\n\n", id.0, rows.join(","));
    Bytes::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(query: &Query) -> Arc<Listener> {
        let matcher = Matcher::new(query).unwrap();
        Arc::new(Listener { matcher, streams: Vec::new(), after: IngestSeq(10), queue: Mutex::default() })
    }

    fn events(seqs: std::ops::Range<u64>) -> Vec<Accepted> {
        let event = |seq| Accepted {
            seq: IngestSeq(seq),
            received: Timestamp::default(),
            event: Event::new(Timestamp::from_millis(5)),
        };
        seqs.map(event).collect()
    }

    #[test]
    fn shown_and_skipped_are_all() {
        let tail = Tail::default();
        let listener = listener(&Query::MatchAll);
        tail.add(&listener).unwrap();
        tail.offer(&events(5..3000));
        let (rows, skipped) = listener.queue.lock().unwrap().take();
        assert_eq!(rows.len(), ROWS);
        assert_eq!(rows.last().unwrap().0, IngestSeq(2999));
        assert_eq!(rows.len() as u64 + skipped, 2989, "from 11 to 2999");
        let (rows, skipped) = listener.queue.lock().unwrap().take();
        assert_eq!((rows.len(), skipped), (0, 0));
    }

    #[test]
    fn listeners_leave_and_are_bounded() {
        let tail = Tail::default();
        let held: Vec<_> = (0..LISTENERS).map(|_| listener(&Query::MatchAll)).collect();
        held.iter().for_each(|listener| tail.add(listener).unwrap());
        assert!(tail.add(&listener(&Query::MatchAll)).is_err());
        drop(held);
        assert_eq!(tail.listeners(), 0);
        assert!(tail.add(&listener(&Query::MatchAll)).is_ok());
    }

    #[test]
    fn line_ends_never_break_a_message() {
        let mut event = Event::new(Timestamp::from_millis(5));
        event.push_str(field::MESSAGE, "a\nid: 9\n\nevent: x");
        let text = message(&[(IngestSeq(7), row(&event, IngestSeq(7)))], 0, IngestSeq(7));
        assert_eq!(text.iter().filter(|&&byte| byte == b'\n').count(), 4);
    }
}
