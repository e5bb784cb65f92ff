//! The one table of routes and who may call them. Tests walk it; the guard knows nothing else.

use axum::http::Method;

use crate::state::Role;

/// Whom a route is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Need {
    /// Anybody, without a login: the page's own files and the login itself.
    Nobody,
    /// Anybody who is logged in.
    Anybody,
    /// Who may look.
    Viewer,
    /// Who may judge and save.
    Analyst,
    /// Who may change everything.
    Admin,
    /// Who may send events.
    Sender,
}

impl Need {
    pub(crate) const fn allows(self, role: Role) -> bool {
        match self {
            Self::Nobody | Self::Anybody => true,
            Self::Viewer => matches!(role, Role::Viewer | Role::Analyst | Role::Admin),
            Self::Analyst => matches!(role, Role::Analyst | Role::Admin),
            Self::Admin => matches!(role, Role::Admin),
            Self::Sender => matches!(role, Role::Ingest | Role::Admin),
        }
    }
}

/// A method and path, and whom it is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Route {
    pub(crate) method: Verb,
    pub(crate) path: &'static str,
    pub(crate) need: Need,
}

/// The methods that we use; `Get` answers HEAD too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

impl Verb {
    fn is(self, method: &Method) -> bool {
        match self {
            Self::Get => matches!(*method, Method::GET | Method::HEAD),
            Self::Post => method == Method::POST,
            Self::Put => method == Method::PUT,
            Self::Delete => method == Method::DELETE,
        }
    }
}

const fn route(method: Verb, path: &'static str, need: Need) -> Route {
    Route { method, path, need }
}

/// Every route there is.
pub(crate) const ROUTES: &[Route] = &[
    route(Verb::Get, "/ui", Need::Nobody),
    route(Verb::Get, "/ui/", Need::Nobody),
    route(Verb::Get, "/ui/{*path}", Need::Nobody),
    route(Verb::Post, "/api/login", Need::Nobody),
    route(Verb::Post, "/api/logout", Need::Anybody),
    route(Verb::Get, "/api/me", Need::Anybody),
    route(Verb::Post, "/api/password", Need::Anybody),
    route(Verb::Get, "/api/sessions", Need::Anybody),
    route(Verb::Delete, "/api/sessions/{id}", Need::Anybody),
    route(Verb::Get, "/api/users", Need::Admin),
    route(Verb::Post, "/api/users", Need::Admin),
    route(Verb::Delete, "/api/users/{name}", Need::Admin),
    route(Verb::Get, "/api/tokens", Need::Admin),
    route(Verb::Post, "/api/tokens", Need::Admin),
    route(Verb::Delete, "/api/tokens/{id}", Need::Admin),
    route(Verb::Get, "/api/journal", Need::Admin),
    route(Verb::Post, "/api/search", Need::Viewer),
    route(Verb::Post, "/api/sql", Need::Viewer),
    route(Verb::Get, "/api/fields", Need::Viewer),
    route(Verb::Get, "/api/values", Need::Viewer),
    route(Verb::Get, "/api/events/{id}", Need::Viewer),
    route(Verb::Get, "/api/events/{id}/around", Need::Viewer),
    route(Verb::Get, "/api/processes/{entity_id}/tree", Need::Viewer),
    route(Verb::Get, "/api/containers", Need::Viewer),
    route(Verb::Get, "/api/containers/{id}", Need::Viewer),
    route(Verb::Get, "/api/v1/fim/changes", Need::Viewer),
    route(Verb::Get, "/api/v1/fim/file", Need::Viewer),
    route(Verb::Get, "/api/v1/fim/coverage", Need::Viewer),
    route(Verb::Get, "/api/v1/fim/baselines", Need::Viewer),
    route(Verb::Get, "/api/v1/fim/baselines/{agent}", Need::Viewer),
    route(Verb::Post, "/api/v1/fim/baselines/{agent}/accept", Need::Admin),
    route(Verb::Get, "/api/tail", Need::Viewer),
    route(Verb::Get, "/api/export", Need::Viewer),
    route(Verb::Get, "/api/saved", Need::Viewer),
    route(Verb::Put, "/api/saved/{name}", Need::Analyst),
    route(Verb::Delete, "/api/saved/{name}", Need::Analyst),
    route(Verb::Get, "/api/agents", Need::Viewer),
    route(Verb::Get, "/api/health", Need::Viewer),
    route(Verb::Get, "/api/loss", Need::Viewer),
    route(Verb::Get, "/api/windows", Need::Viewer),
    route(Verb::Get, "/metrics", Need::Viewer),
    route(Verb::Post, "/_bulk", Need::Sender),
    route(Verb::Post, "/{target}/_bulk", Need::Sender),
    route(Verb::Put, "/_bulk", Need::Sender),
    route(Verb::Put, "/{target}/_bulk", Need::Sender),
    route(Verb::Post, "/agent/heartbeat", Need::Sender),
    route(Verb::Get, "/", Need::Anybody),
    route(Verb::Get, "/_license", Need::Anybody),
    route(Verb::Get, "/_cluster/health", Need::Anybody),
];

/// The route of a matched path.
pub(crate) fn find(method: &Method, path: &str) -> Option<Route> {
    ROUTES.iter().copied().find(|route| route.path == path && route.method.is(method))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_stands_once() {
        for (at, route) in ROUTES.iter().enumerate() {
            assert!(!ROUTES[..at].iter().any(|other| (other.path, other.method) == (route.path, route.method)));
        }
    }

    #[test]
    fn who_may_send_may_not_read_and_who_may_look_may_not_change() {
        for route in ROUTES {
            let open = matches!(route.need, Need::Nobody | Need::Anybody);
            assert!(open || route.need == Need::Sender || !route.need.allows(Role::Ingest), "{route:?}");
            let looks = matches!(route.path, "/api/search" | "/api/sql");
            let changes = route.method != Verb::Get && !looks && !open;
            assert!(!changes || !route.need.allows(Role::Viewer), "{route:?}");
            assert!(route.need.allows(Role::Admin), "{route:?}");
        }
    }

    #[test]
    fn head_is_get() {
        assert!(find(&Method::HEAD, "/").is_some());
        assert!(find(&Method::PATCH, "/").is_none());
    }
}
