//! Logging in and out, users, tokens, the journal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Extension, Path, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension as Extended, Json};
use schema::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::error::{ApiError, Code};
use super::input::{Input, Params};
use crate::access::limits::Try;
use crate::access::{COOKIE, Caller, Exposure, Peer};
use crate::clock;
use crate::state::{Entry, Role, Session, User};

type Answer = Result<Json<serde_json::Value>, ApiError>;

/// Shortest password.
const MIN_PASSWORD: usize = 10;
/// Longest password: hashing must not be a way to waste our time.
const MAX_PASSWORD: usize = 1024;
/// Longest name of a user or token.
const MAX_NAME: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    link: Option<String>,
    user: Option<String>,
    password: Option<String>,
}

/// By one-time link, or by name and password. Wrong names and wrong passwords look alike and take as long.
pub(super) async fn login(
    Shared(app): Shared<Arc<App>>,
    Extended(Peer(peer)): Extension<Peer>,
    Input(login): Input<Login>,
) -> Result<Response, ApiError> {
    let account = login.user.clone().unwrap_or_default();
    match app.logins.try_now(peer.ip(), &account, Instant::now()) {
        Try::Refused(wait) => {
            return Err(ApiError::busy("too many tries", wait.as_secs().max(1)).advice("wait a minute"));
        }
        Try::After(delay) if delay > Duration::ZERO => tokio::time::sleep(delay).await,
        Try::After(_) => {}
    }
    let user = match (login.link, login.user, login.password) {
        (Some(link), None, None) => app.state.use_link(&link, Instant::now()).await?,
        (None, Some(user), Some(password)) if password.len() <= MAX_PASSWORD => {
            let state = Arc::clone(&app.state);
            app.passwords.run(move || state.check_password(&user, &password)).await??
        }
        (None, Some(_), Some(_)) => None,
        _ => return Err(ApiError::bad("send link, or user and password")),
    };
    let Some(user) = user else {
        tracing::warn!(address = %peer.ip(), "login refused");
        return Err(ApiError::new(Code::Unauthorized, "wrong name or password, or the link was used or is too old")
            .advice("auditng up prints a new link at each start"));
    };
    app.logins.succeeded(peer.ip(), &account);
    let (secret, session) = app.state.begin_session(&user.name, &peer.ip().to_string()).await?;
    note(&app, &user.name, &peer.ip().to_string(), "logged in", None, None).await?;
    let cookie = format!("{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict");
    Ok(([(header::SET_COOKIE, cookie)], Json(about(&app, &user, Some(&session)))).into_response())
}

fn about(app: &App, user: &User, session: Option<&Session>) -> serde_json::Value {
    json!({
        "user": user.name, "role": user.role.name(), "csrf": session.map(|session| &session.csrf),
        "password_set": user.has_password, "version": env!("CARGO_PKG_VERSION"),
        "insecure": app.exposure == Exposure::Insecure,
    })
}

async fn note(
    app: &App,
    who: &str,
    from: &str,
    what: impl Into<String>,
    before: Option<String>,
    after: Option<String>,
) -> Result<(), ApiError> {
    let entry =
        Entry { time: clock::now(), who: who.to_owned(), from: from.to_owned(), what: what.into(), before, after };
    Ok(app.state.note(entry).await?)
}

/// Notes a change of a caller.
pub(super) async fn changed(
    app: &App,
    caller: &Caller,
    what: impl Into<String>,
    before: Option<String>,
    after: Option<String>,
) -> Result<(), ApiError> {
    note(app, &caller.name, &caller.address.to_string(), what, before, after).await
}

fn session_of(caller: &Caller) -> Result<&Session, ApiError> {
    caller.session.as_ref().ok_or_else(|| ApiError::bad("tokens have no session"))
}

pub(super) async fn logout(
    Shared(app): Shared<Arc<App>>,
    Extended(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    let session = session_of(&caller)?;
    app.state.end_sessions(|other| other.id == session.id).await?;
    changed(&app, &caller, "logged out", None, None).await?;
    let gone = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}

pub(super) async fn me(Shared(app): Shared<Arc<App>>, Extended(caller): Extension<Caller>) -> Answer {
    let has_password = app.state.user(&caller.name).is_some_and(|user| user.has_password);
    let user = User { name: caller.name, role: caller.role, has_password };
    Ok(Json(about(&app, &user, caller.session.as_ref())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    password: String,
}

fn check_password(password: &str) -> Result<(), ApiError> {
    if (MIN_PASSWORD..=MAX_PASSWORD).contains(&password.len()) {
        return Ok(());
    }
    Err(ApiError::bad(format!("a password has {MIN_PASSWORD} to {MAX_PASSWORD} bytes")))
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@');
    if !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(fine) {
        return Ok(());
    }
    Err(ApiError::bad(format!("a name has 1 to {MAX_NAME} letters, digits and . - _ @")))
}

/// Sets one's own password and ends one's other sessions.
pub(super) async fn set_password(
    Shared(app): Shared<Arc<App>>,
    Extended(caller): Extension<Caller>,
    Input(new): Input<NewPassword>,
) -> Result<StatusCode, ApiError> {
    let session = session_of(&caller)?;
    check_password(&new.password)?;
    app.state.set_password(&caller.name, &new.password, &session.id).await?;
    changed(&app, &caller, "set own password", None, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn sessions(Shared(app): Shared<Arc<App>>, Extended(caller): Extension<Caller>) -> Answer {
    let current = session_of(&caller)?;
    let list = app.state.sessions_of(&caller.name).into_iter().map(|session| {
        json!({
            "id": session.id, "created": session.created.to_string(), "last_seen": session.last_seen.to_string(),
            "address": session.address, "current": session.id == current.id,
        })
    });
    Ok(Json(list.collect()))
}

pub(super) async fn end_session(
    Shared(app): Shared<Arc<App>>,
    Extended(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let ended = app.state.end_sessions(|session| session.user == caller.name && session.id == id).await?;
    if ended == 0 {
        return Err(ApiError::not_found("you have no such session"));
    }
    changed(&app, &caller, "ended a session", Some(id), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn users(Shared(app): Shared<Arc<App>>) -> Answer {
    let list = app.state.users().into_iter();
    let list = list.map(|user| json!({"name": user.name, "role": user.role.name(), "password_set": user.has_password}));
    Ok(Json(list.collect()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    name: String,
    role: String,
    password: String,
}

fn role_named(name: &str) -> Result<Role, ApiError> {
    Role::named(name).ok_or_else(|| ApiError::bad("a role is viewer, analyst, admin or ingest"))
}

pub(super) async fn add_user(
    Shared(app): Shared<Arc<App>>,
    Extended(caller): Extension<Caller>,
    Input(new): Input<NewUser>,
) -> Result<Response, ApiError> {
    check_name(&new.name)?;
    check_password(&new.password)?;
    let role = role_named(&new.role)?;
    if role == Role::Ingest {
        return Err(ApiError::bad("role ingest is for tokens"));
    }
    app.state.add_user(&new.name, role, &new.password).await?;
    let about = json!({"name": new.name, "role": role.name()});
    changed(&app, &caller, "added user", None, Some(about.to_string())).await?;
    Ok((StatusCode::CREATED, Json(about)).into_response())
}

pub(super) async fn remove_user(
    Shared(app): Shared<Arc<App>>,
    Extended(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    let gone = app.state.remove_user(&name).await?;
    let about = json!({"name": gone.name, "role": gone.role.name()});
    changed(&app, &caller, "removed user", Some(about.to_string()), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn tokens(Shared(app): Shared<Arc<App>>) -> Answer {
    let list = app.state.tokens().into_iter().map(|token| {
        json!({
            "id": token.id, "name": token.name, "role": token.role.name(),
            "created": token.created.map(|time| time.to_string()), "expires": token.expires.map(|time| time.to_string()),
        })
    });
    Ok(Json(list.collect()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    name: String,
    role: String,
    expires: Option<String>,
}

pub(super) async fn add_token(
    Shared(app): Shared<Arc<App>>,
    Extended(caller): Extension<Caller>,
    Input(new): Input<NewToken>,
) -> Result<Response, ApiError> {
    check_name(&new.name)?;
    let role = role_named(&new.role)?;
    let now = clock::now();
    let read = |text: &String| super::request::time(text, now, &schema::search::date_math::Zone::utc());
    let expires = new.expires.as_ref().map(read).transpose()?;
    if expires.is_some_and(|end: Timestamp| end <= now) {
        return Err(ApiError::bad("expires lies in the past"));
    }
    let token = app.state.add_token(&new.name, role, expires, &caller.name).await?;
    let about = json!({"id": token.id, "name": new.name, "role": role.name(), "expires": new.expires});
    changed(&app, &caller, "added token", None, Some(about.to_string())).await?;
    Ok((StatusCode::CREATED, Json(json!({"id": token.id, "secret": token.secret}))).into_response())
}

pub(super) async fn remove_token(
    Shared(app): Shared<Arc<App>>,
    Extended(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let gone = app.state.remove_token(&id).await?.ok_or_else(|| ApiError::not_found("there is no such token"))?;
    let about = json!({"id": gone.id, "name": gone.name, "role": gone.role.name()});
    changed(&app, &caller, "removed token", Some(about.to_string()), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JournalParams {
    size: Option<u32>,
}

const MAX_JOURNAL: u32 = 10_000;

pub(super) async fn journal(Shared(app): Shared<Arc<App>>, Params(params): Params<JournalParams>) -> Answer {
    let entries = app.state.journal(params.size.unwrap_or(500).min(MAX_JOURNAL)).await?;
    let list = entries.into_iter().map(|entry| {
        let mut json = json!({
            "time": entry.time.to_string(), "who": entry.who, "from": entry.from, "what": entry.what,
        });
        for (name, value) in [("before", entry.before), ("after", entry.after)] {
            if let Some(value) = value {
                json[name] = serde_json::from_str(&value).unwrap_or(json!(value));
            }
        }
        json
    });
    Ok(Json(list.collect()))
}

/// The value of a header as text.
pub(super) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
