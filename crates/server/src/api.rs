//! The interface of `docs/api.md`: everything that the page and the command line do.
//!
//! Handlers are thin: they read a request into checked values, ask `ingest`, `state` or the store, and write the answer.
//! Whatever blocks runs on a pool ([`pool::Searches`] for the store). Who may call what is decided before, in
//! [`crate::access`].

mod agents;
mod aggregate;
pub(crate) mod bulk;
mod containers;
pub(crate) mod error;
mod events;
mod export;
mod fim;
mod health;
mod input;
mod known;
mod look;
mod loss;
mod metrics;
mod people;
mod pool;
mod processes;
mod request;
mod saved;
mod search;
mod tail;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post, put};
use elastic::response::Cluster;
use schema::Timestamp;
use store::Store;
use tokio::sync::watch;

use crate::access::limits::Logins;
use crate::access::{self, Exposure};
use crate::config::Config;
use crate::ingest::Ingest;
use crate::state::State;
use crate::ui;

pub(crate) use agents::Agents;
pub(crate) use known::Known;
pub(crate) use pool::{Passwords, Searches};
pub(crate) use tail::Tail;

/// Everything that handlers need.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) exposure: Exposure,
    pub(crate) started: Timestamp,
    pub(crate) begun: Instant,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) state: Arc<State>,
    pub(crate) agents: Agents,
    pub(crate) searches: Arc<Searches>,
    pub(crate) known: Arc<Known>,
    pub(crate) exports: Arc<tokio::sync::Semaphore>,
    pub(crate) passwords: Passwords,
    /// Bodies that are unpacked and read at once.
    pub(crate) readers: Arc<tokio::sync::Semaphore>,
    pub(crate) tail: Arc<Tail>,
    pub(crate) logins: Logins,
    pub(crate) cluster: Cluster,
    /// Becomes true when the server stops, so that open streams end.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Largest body of anything but `_bulk`.
pub(crate) const BODY: usize = 1 << 20;

/// All routes behind the guard.
pub(crate) fn router(app: Arc<App>) -> Router {
    let bulk = post(bulk::bulk).put(bulk::bulk);
    Router::new()
        .route("/ui", get(ui::index))
        .route("/ui/", get(ui::index))
        .route("/ui/{*path}", get(ui::file))
        .route("/api/login", post(people::login))
        .route("/api/logout", post(people::logout))
        .route("/api/me", get(people::me))
        .route("/api/password", post(people::set_password))
        .route("/api/sessions", get(people::sessions))
        .route("/api/sessions/{id}", delete(people::end_session))
        .route("/api/users", get(people::users).post(people::add_user))
        .route("/api/users/{name}", delete(people::remove_user))
        .route("/api/tokens", get(people::tokens).post(people::add_token))
        .route("/api/tokens/{id}", delete(people::remove_token))
        .route("/api/journal", get(people::journal))
        .route("/api/search", post(search::search))
        .route("/api/sql", post(search::sql))
        .route("/api/fields", get(events::fields))
        .route("/api/values", get(events::values))
        .route("/api/events/{id}", get(events::event))
        .route("/api/events/{id}/around", get(events::around))
        .route("/api/processes/{entity_id}/tree", get(processes::tree))
        .route("/api/containers", get(containers::list))
        .route("/api/containers/{id}", get(containers::one))
        .route("/api/v1/fim/changes", get(fim::changes))
        .route("/api/v1/fim/file", get(fim::file))
        .route("/api/v1/fim/coverage", get(fim::coverage))
        .route("/api/v1/fim/baselines", get(fim::baselines))
        .route("/api/v1/fim/baselines/{agent}", get(fim::chain))
        .route("/api/v1/fim/baselines/{agent}/accept", post(fim::accept))
        .route("/api/tail", get(tail::tail))
        .route("/api/export", get(export::export))
        .route("/api/saved", get(saved::list))
        .route("/api/saved/{name}", put(saved::save).delete(saved::remove))
        .route("/api/agents", get(agents::list))
        .route("/api/health", get(health::health))
        .route("/api/loss", get(loss::loss))
        .route("/api/windows", get(health::windows))
        .route("/metrics", get(metrics::metrics))
        .route("/_bulk", bulk.clone())
        .route("/{target}/_bulk", bulk)
        .route("/agent/heartbeat", post(agents::heartbeat))
        .route("/", get(bulk::info))
        .route("/_license", get(bulk::license))
        .route("/_cluster/health", get(bulk::cluster_health))
        .fallback(nothing)
        .method_not_allowed_fallback(nothing)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn_with_state(Arc::clone(&app), access::guard))
        .layer(from_fn(access::secure))
        .with_state(app)
}

async fn nothing() -> error::ApiError {
    error::ApiError::not_found("there is nothing here")
}
