//! A process with its ancestors and descendants, put together by searches over the events that name it.
//!
//! Nobody stores a tree: every event says which process it is of (`process.entity_id`), which process that one's parent
//! and, where it was handed to another, its creator is. So the tree is as true as the events: a process of which no event
//! came is known only by what its children say of it, and says so.
//!
//! Ids are what agents sent: they may form rings and may all have the same parent. Each process stands in a tree once,
//! everything has a bound, and what a bound left out is counted.

mod facts;
mod walk;

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::extract::{Path, State as Shared};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use store::Context;

use self::walk::{Ask, Node, Tree};
use super::App;
use super::error::ApiError;
use super::input::Params;
use super::look::Look;
use super::request::{self, Scope};
use super::search::json_text;
use crate::access::Caller;
use crate::clock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TreeParams {
    depth: Option<usize>,
    width: Option<usize>,
    nodes: Option<usize>,
    ancestors: Option<usize>,
    skip: Option<usize>,
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    allow_partial: bool,
}

/// Bounds of one tree: usual, most.
const DEPTH: (usize, usize) = (4, 16);
const WIDTH: (usize, usize) = (50, 1000);
const NODES: (usize, usize) = (500, 2000);
const ANCESTORS: (usize, usize) = (16, 64);
/// Children of one process that can be paged through.
const MAX_SKIP: usize = 50_000;

impl TreeParams {
    fn ask(&self, focus: String) -> Result<Ask, ApiError> {
        Ok(Ask {
            focus,
            depth: bounded("depth", self.depth, DEPTH)?,
            width: bounded("width", self.width, WIDTH)?,
            nodes: bounded("nodes", self.nodes, NODES)?,
            ancestors: bounded("ancestors", self.ancestors, ANCESTORS)?,
            skip: bounded("skip", self.skip, (0, MAX_SKIP))?,
        })
    }
}

fn bounded(name: &str, value: Option<usize>, (usual, most): (usize, usize)) -> Result<usize, ApiError> {
    let value = value.unwrap_or(usual);
    if value <= most {
        return Ok(value);
    }
    Err(ApiError::bad(format!("{name} is {value}, at most {most} is possible")).at(name))
}

/// `GET /api/processes/{entity_id}/tree`
pub(super) async fn tree(
    Shared(app): Shared<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Params(params): Params<TreeParams>,
) -> Result<Response, ApiError> {
    let (now, start) = (clock::now(), Instant::now());
    let options = request::options(now, None, &[])?;
    let scope = Scope {
        from: request::when(params.from.as_deref()),
        to: request::when(params.to.as_deref()),
        ..Scope::default()
    };
    let within = scope.read(&options)?.search;
    let ask = params.ask(id)?;
    let store = Arc::clone(&app.store);
    let run = move |context: &Context| {
        let look = Look::new(&*store, context, params.allow_partial);
        let tree = walk::tree(&look, &within, &ask)?.ok_or_else(|| {
            let id: String = ask.focus.chars().take(100).collect();
            ApiError::not_found(format!("no event names the process {id}")).advice("look at a wider time range")
        })?;
        Ok::<_, ApiError>(look.complete(written(&tree, &ask), now, start.elapsed()).to_string())
    };
    Ok(json_text(app.searches.run(&caller.name, run).await??))
}

fn written(tree: &Tree, ask: &Ask) -> Value {
    let nodes = tree.order.iter().filter_map(|id| tree.nodes.get(id).map(|node| (id, node)));
    json!({
        "focus": ask.focus, "ancestors": tree.ancestors, "more_ancestors": tree.more_ancestors,
        "nodes": nodes.map(|(id, node)| node_json(id, node, tree)).collect::<Value>(),
        "bounds": {
            "depth": ask.depth, "width": ask.width, "nodes": ask.nodes, "ancestors": ask.ancestors, "skip": ask.skip,
        },
        "full": tree.full,
    })
}

fn node_json(id: &str, node: &Node, tree: &Tree) -> Value {
    let facts = &node.facts;
    let above = node.parent.as_ref().and_then(|parent| tree.nodes.get(parent));
    json!({
        "entity_id": id, "parent": node.parent, "pid": facts.pid, "name": facts.name, "executable": facts.executable,
        "command_line": facts.command_line, "cut": facts.cut, "user": facts.user, "login_user": facts.login_user,
        "host": facts.host, "container": facts.container, "start": facts.start.map(|time| time.to_string()),
        "start_known": facts.start_known, "end": facts.end.map(|time| time.to_string()), "exit_code": facts.exit_code,
        "exit_signal": facts.exit_signal, "existing": facts.existing, "script": facts.script, "sha256": facts.sha256,
        "first": facts.first.map(|time| time.to_string()), "last": facts.last.map(|time| time.to_string()),
        "events": facts.events, "execs": facts.execs, "failed_execs": facts.failed_execs, "event": facts.event,
        "known_by": facts.known_by.name(), "adopted_by": node.adopted_by, "creator": facts.creator,
        "crosses": above.is_some_and(|above| facts.crosses(&above.facts)),
        "children": {"total": node.children, "shown": tree.shown(id)},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_usual_or_asked_for_or_refused() {
        assert_eq!(bounded("depth", None, DEPTH).unwrap(), 4);
        assert_eq!(bounded("depth", Some(0), DEPTH).unwrap(), 0);
        assert!(bounded("depth", Some(17), DEPTH).is_err());
    }
}
