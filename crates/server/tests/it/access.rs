//! P30-P36: who gets in, and how not.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Reply, Site, send};

/// Every route that the documentation names, with a method; the server's own table is walked by its unit tests.
const ROUTES: &[(&str, &str)] = &[
    ("POST", "/api/logout"),
    ("GET", "/api/me"),
    ("POST", "/api/password"),
    ("GET", "/api/sessions"),
    ("DELETE", "/api/sessions/x"),
    ("GET", "/api/users"),
    ("POST", "/api/users"),
    ("DELETE", "/api/users/x"),
    ("GET", "/api/tokens"),
    ("POST", "/api/tokens"),
    ("DELETE", "/api/tokens/x"),
    ("GET", "/api/journal"),
    ("POST", "/api/search"),
    ("POST", "/api/sql"),
    ("GET", "/api/fields"),
    ("GET", "/api/values?field=a"),
    ("GET", "/api/events/x"),
    ("GET", "/api/events/x/around"),
    ("GET", "/api/processes/x/tree"),
    ("GET", "/api/containers"),
    ("GET", "/api/containers/x"),
    ("GET", "/api/tail"),
    ("GET", "/api/export"),
    ("GET", "/api/saved"),
    ("PUT", "/api/saved/x"),
    ("DELETE", "/api/saved/x"),
    ("GET", "/api/agents"),
    ("GET", "/api/health"),
    ("GET", "/api/loss"),
    ("GET", "/api/windows"),
    ("GET", "/metrics"),
    ("POST", "/_bulk"),
    ("POST", "/any/_bulk"),
    ("POST", "/agent/heartbeat"),
    ("GET", "/"),
    ("HEAD", "/"),
    ("GET", "/_license"),
    ("GET", "/_cluster/health"),
    ("GET", "/nothing"),
    ("PATCH", "/api/me"),
    ("GET", "/api/v1/fim/changes"),
    ("GET", "/api/v1/fim/file?path=/etc/passwd"),
    ("GET", "/api/v1/fim/coverage"),
    ("GET", "/api/v1/fim/baselines"),
    ("GET", "/api/v1/fim/baselines/0123456789ab"),
    ("POST", "/api/v1/fim/baselines/0123456789ab/accept"),
];

#[test]
fn nothing_answers_without_credentials() {
    let site = Site::new();
    for bad in [None, Some("Bearer ang_000000000000_x"), Some("Basic Og=="), Some("nonsense")] {
        for (method, path) in ROUTES {
            let headers: Vec<(&str, &str)> = bad.iter().map(|auth| ("authorization", *auth)).collect();
            let reply = send(site.url(), method, path, &headers, None);
            assert_eq!(reply.status, 401, "{method} {path} with {bad:?}: {}", reply.body);
        }
    }
}

#[test]
fn the_documented_routes_are_the_servers() {
    let site = Site::new();
    let known = include_str!("../../src/access/routes.rs");
    for line in known.lines().filter(|line| line.trim_start().starts_with("route(Verb::")) {
        let path = line.split('"').nth(1).unwrap();
        let open = line.contains("Need::Nobody") || path == "/ui";
        let documented = ROUTES.iter().any(|(_, route)| {
            let route: Vec<&str> = route.split('?').next().unwrap().split('/').collect();
            let path: Vec<&str> = path.split('/').collect();
            route.len() == path.len() && route.iter().zip(&path).all(|(a, b)| a == b || b.starts_with('{'))
        });
        assert!(open || documented, "{path} is not walked by the test above");
    }
    assert_eq!(site.ask("GET", "/nothing", None).status, 404);
}

#[test]
fn answers_carry_the_security_headers() {
    let site = Site::new();
    for path in ["/ui/", "/api/me", "/nothing", "/api/health"] {
        let reply = site.ask("GET", path, None);
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), None, "{path}");
    }
}

#[test]
fn other_host_names_are_misdirected() {
    let site = Site::with(|config| config.auth.names = vec!["audit.example".to_owned()]);
    let auth = site.admin();
    for (host, status) in [
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("10.0.0.1", 421),
        ("localhost", 200),
        ("[::1]:9280", 200),
        ("audit.example:443", 200),
    ] {
        let reply = send(site.url(), "GET", "/api/me", &[("host", host), ("authorization", &auth)], None);
        assert_eq!(reply.status, status, "{host}");
    }
    assert_eq!(send(site.url(), "GET", "/ui/", &[("host", "evil.example")], None).status, 421);
}

/// A browser that has used the link.
pub(crate) struct Browser {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
    pub(crate) url: String,
}

impl Browser {
    pub(crate) fn by_link(site: &Site) -> Self {
        let link = site.running().admin_link.clone().unwrap();
        let reply = login(site, &json!({"link": link.split('#').nth(1).unwrap()}));
        Self::from(site, &reply)
    }

    pub(crate) fn from(site: &Site, reply: &Reply) -> Self {
        assert_eq!(reply.status, 200, "{}", reply.body);
        let cookie = reply.header("set-cookie").unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"));
        Self {
            cookie: cookie.split(';').next().unwrap().to_owned(),
            csrf: reply.json()["csrf"].as_str().unwrap().to_owned(),
            url: site.url().to_owned(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        send(&self.url, "GET", path, &[("cookie", &self.cookie)], None)
    }

    pub(crate) fn change(&self, method: &str, path: &str, body: &serde_json::Value) -> Reply {
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("x-auditng-csrf", &self.csrf),
            ("origin", &self.url),
            ("content-type", "application/json"),
        ];
        send(&self.url, method, path, &headers, Some(body.to_string().as_bytes()))
    }
}

pub(crate) fn login(site: &Site, body: &serde_json::Value) -> Reply {
    let headers = [("content-type", "application/json")];
    send(site.url(), "POST", "/api/login", &headers, Some(body.to_string().as_bytes()))
}

#[test]
fn the_link_lets_in_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new();
    let file = site.dir.path().join("admin-link");
    let link = site.running().admin_link.clone().unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), link);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(link.starts_with(&format!("{}/ui/login#", site.url())));
    let browser = Browser::by_link(&site);
    let me = browser.get("/api/me").json();
    assert_eq!((&me["user"], &me["role"], &me["password_set"]), (&json!("admin"), &json!("admin"), &json!(false)));
    let again = login(&site, &json!({"link": link.split('#').nth(1).unwrap()}));
    assert_eq!(again.status, 401);
    assert!(!again.body.contains(link.split('#').nth(1).unwrap()));
}

#[test]
fn changes_need_the_csrf_value_our_origin_and_json() {
    let site = Site::new();
    let browser = Browser::by_link(&site);
    let body = json!({"name": "bob", "role": "viewer", "password": "long enough"}).to_string();
    let good = [
        ("cookie", browser.cookie.as_str()),
        ("x-auditng-csrf", &browser.csrf),
        ("origin", site.url()),
        ("content-type", "application/json"),
    ];
    let with = |name: &str, value: Option<&str>| {
        let mut headers: Vec<(&str, &str)> = good.iter().filter(|(known, _)| *known != name).copied().collect();
        headers.extend(value.map(|value| (name, value)));
        let headers: Vec<(&str, &str)> = headers.into_iter().map(|(name, value)| (good_name(name), value)).collect();
        send(site.url(), "POST", "/api/users", &headers, Some(body.as_bytes())).status
    };
    assert_eq!(with("x-auditng-csrf", None), 403);
    assert_eq!(with("x-auditng-csrf", Some("wrong")), 403);
    assert_eq!(with("origin", None), 403);
    assert_eq!(with("origin", Some("http://evil.example")), 403);
    assert_eq!(with("content-type", Some("application/x-www-form-urlencoded")), 403);
    assert_eq!(with("content-type", Some("text/plain")), 403);
    assert_eq!(send(site.url(), "POST", "/api/users", &good, Some(body.as_bytes())).status, 201);
    let foreign = [("origin", "http://evil.example"), ("content-type", "application/json")];
    let reply =
        send(site.url(), "POST", "/api/login", &foreign, Some(b"{\"user\":\"bob\",\"password\":\"long enough\"}"));
    assert_eq!(reply.status, 403);
}

/// The same name with a lifetime of its own.
fn good_name(name: &str) -> &'static str {
    ["cookie", "x-auditng-csrf", "origin", "content-type"].into_iter().find(|known| *known == name).unwrap()
}

#[test]
fn tokens_work_in_all_three_forms_and_only_for_their_role() {
    use base64::Engine as _;
    let site = Site::new();
    let made = site.ask("POST", "/api/tokens", Some(&json!({"name": "shipper", "role": "ingest"})));
    assert_eq!(made.status, 201);
    let (id, secret) =
        (made.json()["id"].as_str().unwrap().to_owned(), made.json()["secret"].as_str().unwrap().to_owned());
    let encode = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    let bare = secret.strip_prefix(&format!("ang_{id}_")).unwrap();
    for auth in [
        format!("Bearer {secret}"),
        format!("ApiKey {}", encode(format!("{id}:{bare}"))),
        format!("ApiKey {}", encode(format!("{id}:{secret}"))),
        format!("Basic {}", encode(format!("anything:{secret}"))),
        format!("Basic {}", encode(format!("{id}:{bare}"))),
    ] {
        let ask = |method, path| send(site.url(), method, path, &[("authorization", &auth)], None).status;
        assert_eq!(ask("GET", "/"), 200, "{auth}");
        assert_eq!(ask("GET", "/api/health"), 403, "{auth}");
        assert_eq!(ask("POST", "/api/search"), 403, "{auth}");
        assert_eq!(ask("GET", "/api/users"), 403, "{auth}");
        assert_eq!(ask("POST", "/_bulk"), 400, "an empty body, but let in: {auth}");
    }
    assert_eq!(site.ask("DELETE", &format!("/api/tokens/{id}"), None).status, 204);
    let auth = format!("Bearer {secret}");
    assert_eq!(send(site.url(), "GET", "/", &[("authorization", &auth)], None).status, 401);
    let journal = site.get("/api/journal").to_string();
    assert!(journal.contains("added token") && journal.contains("removed token"));
    assert!(!journal.contains(bare));
}

#[test]
fn roles_hold() {
    let site = Site::new();
    let browser = |name: &str, role: &str| {
        let body = json!({"name": name, "role": role, "password": "long enough"});
        assert_eq!(site.ask("POST", "/api/users", Some(&body)).status, 201);
        Browser::from(&site, &login(&site, &json!({"user": name, "password": "long enough"})))
    };
    let (viewer, analyst) = (browser("vera", "viewer"), browser("ada", "analyst"));
    let saved = json!({"query": "*"});
    assert_eq!(viewer.change("POST", "/api/search", &json!({})).status, 200);
    assert_eq!(viewer.change("PUT", "/api/saved/mine", &saved).status, 403);
    assert_eq!(analyst.change("PUT", "/api/saved/mine", &saved).status, 200);
    assert_eq!(viewer.get("/api/saved").json()[0]["owner"], "ada");
    assert_eq!(analyst.change("POST", "/api/tokens", &json!({"name": "x", "role": "admin"})).status, 403);
    assert_eq!(analyst.get("/api/journal").status, 403);
    assert_eq!(analyst.change("POST", "/_bulk", &json!({})).status, 403);
    assert_eq!(site.ask("DELETE", "/api/users/vera", None).status, 204);
    assert_eq!(viewer.get("/api/saved").status, 401);
}

#[test]
fn sessions_end_at_logout_and_password_change() {
    let site = Site::new();
    let first = Browser::by_link(&site);
    assert_eq!(first.change("POST", "/api/password", &json!({"password": "short"})).status, 400);
    assert_eq!(first.change("POST", "/api/password", &json!({"password": "long enough"})).status, 204);
    let log_in = || Browser::from(&site, &login(&site, &json!({"user": "admin", "password": "long enough"})));
    let (second, third) = (log_in(), log_in());
    assert_eq!(second.get("/api/sessions").json().as_array().unwrap().len(), 3);
    assert_eq!(second.change("POST", "/api/logout", &json!({})).status, 204);
    assert_eq!(second.get("/api/me").status, 401);
    assert_eq!(third.change("POST", "/api/password", &json!({"password": "longer than that"})).status, 204);
    assert_eq!(first.get("/api/me").status, 401);
    assert_eq!(third.get("/api/me").status, 200);
}

#[test]
fn the_sixth_try_has_to_wait() {
    let site = Site::new();
    let wrong = |user: &str| login(&site, &json!({"user": user, "password": "wrong password"}));
    let (known, unknown) = (wrong("admin"), wrong("nobody"));
    assert_eq!((known.status, unknown.status), (401, 401));
    assert_eq!(known.body, unknown.body);
    (0..3).for_each(|_| assert_eq!(wrong("x").status, 401));
    let sixth = wrong("x");
    assert_eq!(sixth.status, 429);
    let wait: u64 = sixth.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
}

#[test]
fn the_root_is_a_page_only_for_browsers() {
    let site = Site::new();
    let reply = send(site.url(), "GET", "/", &[("accept", "text/html,application/xhtml+xml")], None);
    assert_eq!((reply.status, reply.header("location")), (303, Some("/ui/")));
    let page = send(site.url(), "GET", "/ui/search?next=//evil.example", &[], None);
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert_eq!(send(site.url(), "GET", "/ui/assets/nothing.js", &[], None).status, 404);
}

#[test]
fn sessions_survive_a_restart_and_idle_ones_end() {
    let mut site = Site::new();
    let mut browser = Browser::by_link(&site);
    site.restart();
    browser.url = site.url().to_owned();
    assert_eq!(browser.get("/api/me").status, 200);
    let site = Site::with(|config| config.auth.session_idle = Duration::from_millis(100));
    let browser = Browser::by_link(&site);
    testkit::eventually("it ends", Duration::from_secs(10), || {
        std::thread::park_timeout(Duration::from_millis(300));
        (browser.get("/api/me").status == 401).then_some(())
    });
}
