//! Who may do what: one table of routes and roles, one guard that every request passes.
//!
//! In this order: the Host header (DNS rebinding), the route, who calls (session cookie or token), the role, and for changes
//! with a cookie the CSRF value and the Origin. A route that is not in [`routes::ROUTES`] cannot be reached.
//!
//! TLS and client certificates are a later issue. [`Exposure`] is where they will come in: today it refuses to listen
//! beyond loopback unless somebody insists.

mod headers;
pub(crate) mod limits;
pub(crate) mod routes;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State as Shared};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

use crate::api::bulk::drain;
use crate::api::error::{ApiError, Code};
use crate::api::{App, BODY};
use crate::clock;
use crate::config::Config;
use crate::state::{Role, Session, State, Token};
use routes::Need;

pub(crate) use headers::secure;

/// The session cookie's name. It would be `__Host-auditng` with TLS.
pub(crate) const COOKIE: &str = "auditng";
/// Carries the session's CSRF value.
pub(crate) const CSRF: &str = "x-auditng-csrf";

/// Whether an address may be listened on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exposure {
    /// Only this host reaches it.
    Loopback,
    /// Everything crosses the network in the clear, and somebody insists.
    Insecure,
    /// Refused.
    Refused,
}

impl Exposure {
    pub(crate) fn of(config: &Config) -> Self {
        if config.listen.ip().is_loopback() {
            Self::Loopback
        } else if config.insecure_http {
            Self::Insecure
        } else {
            Self::Refused
        }
    }
}

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// `ada`, or `token:shipper`.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Where from.
    pub(crate) address: IpAddr,
    /// The browser session, if it is one.
    pub(crate) session: Option<Session>,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Lets a request through, or answers it.
pub(crate) async fn guard(Shared(app): Shared<Arc<App>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let elastic = path == "/" || path.split('/').any(|part| part.starts_with('_'));
    match admit(&app, &mut request) {
        Ok(Admitted::Through) => next.run(request).await,
        Ok(Admitted::Page) => Redirect::to("/ui/").into_response(),
        Err(error) => {
            drain(request.into_body()).await;
            error.for_shippers(elastic).into_response()
        }
    }
}

enum Admitted {
    Through,
    /// Somebody looks at `/` with a browser.
    Page,
}

fn admit(app: &App, request: &mut Request) -> Result<Admitted, ApiError> {
    check_host(app, request.headers())?;
    check_length(request)?;
    if request.uri().path() == "/" && wants_html(request.headers()) {
        return Ok(Admitted::Page);
    }
    let route =
        request.extensions().get::<MatchedPath>().and_then(|path| routes::find(request.method(), path.as_str()));
    let need = route.map(|route| route.need);
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
    if need == Some(Need::Nobody) {
        check_origin(request.headers())?;
        return Ok(Admitted::Through);
    }
    let caller = identify(app, request.headers(), peer)
        .ok_or_else(|| ApiError::new(Code::Unauthorized, "log in, or send a token").advice("see docs/api.md"))?;
    let need = need.ok_or_else(|| ApiError::not_found("there is nothing here"))?;
    if !need.allows(caller.role) {
        let message = format!("role {} may not do this", caller.role.name());
        return Err(ApiError::new(Code::Forbidden, message));
    }
    if let Some(session) = &caller.session {
        check_change(request, session)?;
    }
    request.extensions_mut().insert(caller);
    Ok(Admitted::Through)
}

/// A page of another name must not reach us through the reader's browser (DNS rebinding).
fn check_host(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host_name(host);
    let known = name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || app.exposure == Exposure::Insecure)
        || app.config.auth.names.iter().any(|known| known.eq_ignore_ascii_case(name));
    if known {
        return Ok(());
    }
    Err(ApiError::new(Code::Misdirected, "this server does not answer to that name").advice("add it to auth.names"))
}

/// Only bulk bodies may be large, and they have their own bounds.
fn check_length(request: &Request) -> Result<(), ApiError> {
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if request.uri().path().ends_with("/_bulk") || length.is_none_or(|length| length <= BODY as u64) {
        return Ok(());
    }
    Err(ApiError::new(Code::TooLarge, "the body is larger than 1 MiB"))
}

/// The host of `host:port`, without brackets.
fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

fn identify(app: &App, headers: &HeaderMap, address: IpAddr) -> Option<Caller> {
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let token = token(&app.state, authorization.to_str().ok()?)?;
        let name = format!("token:{}", token.name);
        return Some(Caller { name, role: token.role, address, session: None });
    }
    let auth = &app.config.auth;
    let secret = cookie(headers)?;
    let (session, user) = app.state.session(secret, clock::now(), auth.session_idle, auth.session_max)?;
    Some(Caller { name: user.name, role: user.role, address, session: Some(session) })
}

/// The three forms in which shippers and people send a token.
fn token(state: &State, authorization: &str) -> Option<Token> {
    let (scheme, rest) = authorization.split_once(' ')?;
    let now = clock::now();
    let pair = || {
        let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        let (name, secret) = text.split_once(':')?;
        Some((name.to_owned(), secret.to_owned()))
    };
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => state.token(None, rest.trim(), now),
        "apikey" if rest.trim().starts_with("ang_") => state.token(None, rest.trim(), now),
        "apikey" | "basic" => {
            let (id, secret) = pair()?;
            state.token(Some(&id), &secret, now)
        }
        _ => None,
    }
}

/// The session cookie's value.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// What changes something with a cookie must prove that our own page sent it.
fn check_change(request: &Request<Body>, session: &Session) -> Result<(), ApiError> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(());
    }
    let headers = request.headers();
    let sent = headers.get(CSRF).map_or(&[][..], |value| value.as_bytes());
    if !bool::from(sent.ct_eq(session.csrf.as_bytes())) {
        return Err(ApiError::new(Code::Csrf, "the header X-Auditng-Csrf is missing or wrong"));
    }
    if !headers.contains_key(header::ORIGIN) {
        return Err(ApiError::new(Code::Csrf, "the header Origin is missing"));
    }
    check_origin(headers)?;
    let typed = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match typed.map(|typed| typed.split(';').next().unwrap_or_default().trim()) {
        None | Some("application/json") => Ok(()),
        Some(_) => Err(ApiError::new(Code::Csrf, "send application/json")),
    }
}

/// An Origin that is there must be ours.
fn check_origin(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let host = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")));
    if host.is_some() && host == text(header::HOST) {
        return Ok(());
    }
    Err(ApiError::new(Code::Csrf, "the request comes from another origin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (host, name) in [
            ("localhost:9280", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]:80", "::1"),
            ("evil.example:80", "evil.example"),
            ("", ""),
        ] {
            assert_eq!(host_name(host), name);
        }
    }

    #[test]
    fn exposure() {
        let with = |listen: &str, insecure_http| {
            Exposure::of(&Config { listen: listen.parse().unwrap(), insecure_http, ..Config::default() })
        };
        assert_eq!(with("127.0.0.1:1", false), Exposure::Loopback);
        assert_eq!(with("[::1]:1", false), Exposure::Loopback);
        assert_eq!(with("0.0.0.0:1", false), Exposure::Refused);
        assert_eq!(with("0.0.0.0:1", true), Exposure::Insecure);
    }

    #[test]
    fn origins() {
        let check = |origin: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "localhost:9280".parse().unwrap());
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            check_origin(&headers).is_ok()
        };
        assert!(check("http://localhost:9280"));
        for foreign in ["http://localhost:9281", "http://evil.example", "null", "localhost:9280", ""] {
            assert!(!check(foreign), "{foreign}");
        }
    }

    #[test]
    fn cookies() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=b; auditng=secret; c=d".parse().unwrap());
        assert_eq!(cookie(&headers), Some("secret"));
        headers.clear();
        headers.append(header::COOKIE, "auditngx=secret".parse().unwrap());
        assert_eq!(cookie(&headers), None);
    }
}
