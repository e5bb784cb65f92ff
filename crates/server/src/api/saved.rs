//! Searches that people keep.

use std::sync::Arc;

use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::error::ApiError;
use super::input::Input;
use super::people::changed;
use crate::access::Caller;
use crate::state::Saved;

/// Most saved searches.
const MAX_SAVED: usize = 1000;

pub(super) async fn list(Shared(app): Shared<Arc<App>>) -> Result<Json<Vec<Saved>>, ApiError> {
    Ok(Json(app.state.saved().await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    query: String,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    /// The name stands in the path; the page may send it again.
    name: Option<String>,
    /// Always who saves it.
    owner: Option<String>,
}

pub(super) async fn save(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Input(body): Input<Body>,
) -> Result<Json<Saved>, ApiError> {
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(ApiError::bad("a name has 1 to 100 characters"));
    }
    if body.name.is_some_and(|other| other != name) {
        return Err(ApiError::bad("the name in the body is not the one in the path"));
    }
    drop(body.owner);
    let existing = app.state.saved().await?;
    let before = existing.iter().find(|saved| saved.name == name);
    if before.is_none() && existing.len() >= MAX_SAVED {
        return Err(ApiError::bad(format!("there are {MAX_SAVED} saved searches already")));
    }
    let saved = Saved {
        name,
        query: body.query,
        columns: body.columns,
        from: body.from,
        to: body.to,
        owner: caller.name.clone(),
    };
    app.state.save(saved.clone()).await?;
    let before = before.map(|saved| json!(saved).to_string());
    changed(&app, &caller, "saved search", before, Some(json!(saved).to_string())).await?;
    Ok(Json(saved))
}

pub(super) async fn remove(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    if !app.state.remove_saved(&name).await? {
        return Err(ApiError::not_found("there is no such saved search"));
    }
    changed(&app, &caller, "removed saved search", Some(name), None).await?;
    Ok(StatusCode::NO_CONTENT)
}
