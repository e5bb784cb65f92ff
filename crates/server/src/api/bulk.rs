//! Where events come in, and the calls that let Elasticsearch's shippers start.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use elastic::{media, response};
use futures_util::StreamExt as _;
use schema::{AgentId, Timestamp};
use tokio::time::timeout;

use super::App;
use super::agents::about;
use super::error::{ApiError, Code};
use super::people::header_text;
use crate::access::Caller;
use crate::clock;
use crate::ingest::accept::{NotDurable, SubmitError};
use crate::ingest::body::BodyError;
use crate::ingest::decode::{DecodeError, Encoding};
use crate::ingest::wal::frame::Origin;
use crate::ingest::{ReceiveError, Received};

/// A body that stands still for this long is given up ...
const STILL: Duration = Duration::from_secs(15);
/// ... and so is one that is not whole after this.
const WHOLE: Duration = Duration::from_secs(120);
/// A body is expected to grow to this many times its size when unpacked, for the bound on what is under way.
const GROWTH: u64 = 8;
/// A body of unknown length counts as this.
const UNKNOWN: u64 = 4 << 20;

/// `POST /_bulk`, `POST /{target}/_bulk`. The target is a name only: the stream is what the event says.
pub(super) async fn bulk(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    _target: Option<Path<String>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut body = Some(body);
    match take(&app, &caller, &headers, &mut body).await {
        Ok(answer) => elastic_answer(&headers, answer),
        Err(error) => {
            if let Some(body) = body {
                drain(body).await;
            }
            app.ingest.counts().refused_bodies.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            error.for_shippers(true).into_response()
        }
    }
}

async fn take(
    app: &Arc<App>,
    caller: &Caller,
    headers: &HeaderMap,
    body: &mut Option<Body>,
) -> Result<Vec<u8>, ApiError> {
    if !media::is_bulk(header_text(headers, "content-type")) {
        return Err(ApiError::new(Code::MediaType, "send application/x-ndjson"));
    }
    let encoding = Encoding::named(header_text(headers, "content-encoding")).map_err(refused_body)?;
    if let Some((wait, reason)) = app.ingest.pressure(clock::now()) {
        return Err(ApiError::busy(reason, wait.as_secs()));
    }
    let (sender, origin) = sender(headers)?;
    let most = app.config.ingest.body_bytes;
    let length = header_text(headers, "content-length").and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > most) {
        return Err(too_large(most));
    }
    let expected = length.unwrap_or(UNKNOWN).max(4096) * if encoding == Encoding::Identity { 2 } else { GROWTH };
    // Many agents may share one token.
    let who = sender.map_or_else(|| caller.name.clone(), |agent| format!("{}/{agent}", caller.name));
    let room = app.ingest.inflight().room(&who, expected.min(app.config.ingest.unpacked_bytes));
    let room = room.ok_or_else(|| ApiError::busy("too many bodies are under way", 1))?;
    let bytes = whole(body.take().unwrap_or_default(), most).await?;
    let submitted = receive(app, caller, bytes, encoding, sender, origin).await?;
    drop(room);
    if let Some(sender) = sender {
        app.agents.sent(sender, watermark(headers));
    }
    match submitted.durable.await {
        Ok(Ok(())) => Ok(submitted.response),
        Ok(Err(NotDurable(reason))) => Err(unavailable(format!("the log could not be made durable: {reason}"))),
        Err(_) => Err(unavailable("the server is stopping")),
    }
}

fn unavailable(message: impl Into<String>) -> ApiError {
    ApiError::new(Code::Unavailable, message).retry_after(5)
}

fn too_large(most: u64) -> ApiError {
    ApiError::new(Code::TooLarge, format!("the body is larger than {most} bytes")).advice("send fewer events at once")
}

/// How much of a body is read only to be thrown away.
const DRAIN: usize = 64 << 20;
/// And for how long.
const DRAINING: Duration = Duration::from_secs(10);

/// Reads what is left of a body that is refused. A sender that is still writing when the connection closes sees a broken
/// pipe in place of the answer, and would not learn why, or when to come again.
pub(crate) async fn drain(body: Body) {
    drain_pieces(&mut body.into_data_stream()).await;
}

async fn drain_pieces(pieces: &mut BodyDataStream) {
    let read = async {
        let mut read = 0;
        while let Some(Ok(piece)) = pieces.next().await {
            read += piece.len();
            if read > DRAIN {
                return;
            }
        }
    };
    // What takes longer is closed with the rest unread.
    let _in_time = timeout(DRAINING, read).await;
}

/// Reads a body to its end, at the sender's own pace but not for ever.
async fn whole(body: Body, most: u64) -> Result<Bytes, ApiError> {
    let most_bytes = usize::try_from(most).unwrap_or(usize::MAX);
    let read = async {
        let mut out = Vec::new();
        let mut pieces = body.into_data_stream();
        while let Some(piece) = timeout(STILL, pieces.next()).await.map_err(|_| slow())? {
            let piece = piece.map_err(|_| ApiError::bad("the body ended early"))?;
            if out.len() + piece.len() > most_bytes {
                drop(out);
                drain_pieces(&mut pieces).await;
                return Err(too_large(most));
            }
            out.extend_from_slice(&piece);
        }
        Ok(Bytes::from(out))
    };
    timeout(WHOLE, read).await.unwrap_or_else(|_| Err(slow()))
}

fn slow() -> ApiError {
    ApiError::bad("the body comes too slowly")
}

async fn receive(
    app: &Arc<App>,
    caller: &Caller,
    bytes: Bytes,
    encoding: Encoding,
    sender: Option<AgentId>,
    origin: Option<Origin>,
) -> Result<crate::ingest::accept::Submitted, ApiError> {
    let reader = Arc::clone(&app.readers).acquire_owned().await.map_err(|_| unavailable("the server is stopping"))?;
    let (ingest, name) = (Arc::clone(&app.ingest), caller.name.clone());
    let run = move || {
        let _reader = reader;
        let body = Received { bytes: &bytes, encoding, caller: &name, sender, origin, received: clock::now() };
        ingest.receive(&body)
    };
    let received = tokio::task::spawn_blocking(run).await.map_err(|error| {
        tracing::error!(%error, "reading a body died");
        ApiError::new(Code::Internal, "reading the body failed; see the server's log")
    })?;
    received.map_err(|error| refused(app, caller, error))
}

fn refused(app: &Arc<App>, caller: &Caller, error: ReceiveError) -> ApiError {
    match error {
        ReceiveError::Decode(error) => refused_body(error),
        ReceiveError::Body(BodyError::Stranger { sender, other }) => stranger(app, caller, sender, other),
        ReceiveError::Body(BodyError::TooMany(most)) => {
            ApiError::new(Code::TooLarge, format!("the body has more than {most} items")).advice("send fewer at once")
        }
        ReceiveError::Body(error) => ApiError::bad(error.to_string()),
        ReceiveError::Submit(SubmitError::Nonce(conflict)) => ApiError::new(Code::Conflict, conflict.to_string()),
        ReceiveError::Submit(error @ SubmitError::Full(_)) => {
            tracing::error!(%error, "a body was refused");
            ApiError::busy(error.to_string(), 30)
        }
        ReceiveError::Submit(error) => {
            tracing::error!(%error, "a body was refused");
            unavailable(error.to_string())
        }
        ReceiveError::Pack(error) => unavailable(error.to_string()),
    }
}

fn refused_body(error: DecodeError) -> ApiError {
    let code = match error {
        DecodeError::Unknown(_) => Code::MediaType,
        DecodeError::TooLarge(_) => Code::TooLarge,
        DecodeError::Corrupt { .. } => Code::BadRequest,
    };
    ApiError::new(code, error.to_string())
}

/// An agent that writes in another's name is either broken or not what it says.
fn stranger(app: &Arc<App>, caller: &Caller, sender: AgentId, other: AgentId) -> ApiError {
    let text = format!(
        "agent {sender} (as {} from {}) sent events of agent {other}; the body was refused",
        caller.name, caller.address
    );
    tracing::warn!(%sender, %other, caller = caller.name, "an agent sent events of another one");
    let (ingest, now) = (Arc::clone(&app.ingest), clock::now());
    let event = about(sender, "", "foreign-agent-id", &text, now);
    tokio::task::spawn_blocking(move || ingest.store_own(&[event], now));
    ApiError::new(Code::Forbidden, format!("agent {sender} sent an event of agent {other}"))
}

/// Who sends, by our agents' headers. All of them or none.
fn sender(headers: &HeaderMap) -> Result<(Option<AgentId>, Option<Origin>), ApiError> {
    let Some(agent) = header_text(headers, "x-auditng-agent") else { return Ok((None, None)) };
    let agent: AgentId = agent.parse().map_err(|error: schema::id::BadId| ApiError::bad(error.to_string()))?;
    let epoch = header_text(headers, "x-auditng-epoch");
    let nonce = header_text(headers, "x-auditng-nonce");
    let origin = match (epoch, nonce) {
        (Some(epoch), Some(nonce)) => Some(Origin {
            agent,
            epoch: number(epoch).ok_or_else(|| ApiError::bad("X-Auditng-Epoch is no epoch"))?,
            nonce: u128::from_str_radix(nonce, 16)
                .map_err(|_| ApiError::bad("X-Auditng-Nonce is not 128 bits in hexadecimal"))?,
        }),
        _ => None,
    };
    Ok((Some(agent), origin))
}

/// An epoch as a decimal number.
fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}

/// Oldest event time that the agent has not sent yet: epoch milliseconds or the canonical text.
fn watermark(headers: &HeaderMap) -> Option<Timestamp> {
    let text = header_text(headers, "x-auditng-watermark")?;
    Timestamp::parse_canonical(text).or_else(|| text.parse().ok().map(Timestamp::from_millis))
}

fn elastic_answer(headers: &HeaderMap, answer: impl Into<Body>) -> Response {
    let kind = media::of_answer(header_text(headers, "accept"), header_text(headers, "content-type"));
    let mut response = (StatusCode::OK, answer.into()).into_response();
    let (name, value) = media::PRODUCT_HEADER;
    if let (Ok(kind), Ok(name)) = (HeaderValue::from_str(&kind), header::HeaderName::from_bytes(name.as_bytes())) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// `GET /` and `HEAD /`.
pub(super) async fn info(Shared(app): Shared<Arc<App>>, headers: HeaderMap) -> Response {
    elastic_answer(&headers, response::info(&app.cluster))
}

pub(super) async fn license(Shared(app): Shared<Arc<App>>, headers: HeaderMap) -> Response {
    elastic_answer(&headers, response::license(&app.cluster))
}

pub(super) async fn cluster_health(Shared(app): Shared<Arc<App>>, headers: HeaderMap) -> Response {
    let healthy = app.ingest.standing(clock::now()).trouble.is_none();
    elastic_answer(&headers, response::health(&app.cluster, healthy))
}
