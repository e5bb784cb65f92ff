//! Servers in temporary folders and the little client that tests need.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use server::{Config, Link, Running, Server};
use store::Store;
use tempfile::TempDir;

/// A server with its folder, stopped when dropped.
pub(crate) struct Site {
    pub(crate) dir: TempDir,
    running: Option<Running>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

pub(crate) fn config(dir: &std::path::Path) -> Config {
    let mut config = Config { data_dir: dir.to_owned(), listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() };
    config.auth.link = Link::Always;
    config
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path());
        change(&mut config);
        let running = Server::start(config).unwrap();
        Self { dir, running: Some(running) }
    }

    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub(crate) fn stop(&mut self) {
        self.running.take().unwrap().stop(Duration::from_secs(5)).unwrap();
    }

    pub(crate) fn restart(&mut self) {
        if self.running.is_some() {
            self.stop();
        }
        let config = config(self.dir.path());
        self.running = Some(testkit::eventually("the folder is free", Duration::from_secs(5), || {
            Server::start(config.clone()).ok()
        }));
    }

    pub(crate) fn url(&self) -> &str {
        &self.running().url
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        self.running().store()
    }

    pub(crate) fn admin(&self) -> String {
        format!("Bearer {}", self.running().cli_token)
    }

    pub(crate) fn agent(&self) -> String {
        format!("Bearer {}", self.running().agent_token)
    }

    /// A request with the command line's token.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let auth = self.admin();
        let text = body.map(Value::to_string);
        let mut headers = vec![("authorization", auth.as_str())];
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        send(self.url(), method, path, &headers, text.as_deref().map(str::as_bytes))
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let reply = self.ask("GET", path, None);
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.json()
    }

    pub(crate) fn search(&self, body: &Value) -> Value {
        let reply = self.ask("POST", "/api/search", Some(body));
        assert_eq!(reply.status, 200, "{body}: {}", reply.body);
        reply.json()
    }

    /// A bulk body with the agent's token.
    pub(crate) fn bulk(&self, body: &[u8], headers: &[(&str, &str)]) -> Reply {
        let auth = self.agent();
        let mut all = vec![("authorization", auth.as_str()), ("content-type", "application/x-ndjson")];
        all.extend_from_slice(headers);
        send(self.url(), "POST", "/_bulk", &all, Some(body))
    }

    /// Waits until everything accepted so far is found.
    pub(crate) fn settle(&self) {
        testkit::eventually("all is searchable", Duration::from_secs(20), || {
            // The store commits often only while somebody searches.
            self.search(&serde_json::json!({"size": 0}));
            let health = self.get("/api/health");
            let next = health["wal"]["next_seq"].as_u64().unwrap();
            (health["store"]["searchable_through"].as_u64().unwrap() + 1 >= next).then_some(())
        });
    }

    pub(crate) fn total(&self, query: &str) -> u64 {
        let answer = self.search(&serde_json::json!({"query": query, "size": 0, "track_total": true}));
        answer["total"]["value"].as_u64().unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            drop(running.stop(Duration::from_secs(5)));
        }
    }
}

fn client() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into()
}

/// Any request. Connection failures panic; see [`try_send`].
pub(crate) fn send(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Reply {
    try_send(url, method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
}

pub(crate) fn try_send(
    url: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> Result<Reply, ureq::Error> {
    let mut request = ureq::http::Request::builder().method(method).uri(format!("{url}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let client = client();
    let mut response = match body {
        Some(body) => client.run(request.body(body).unwrap())?,
        None => client.run(request.body(()).unwrap())?,
    };
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(1 << 30).read_to_string()?;
    Ok(Reply { status, headers, body })
}

/// A bulk body of documents with ids.
pub(crate) fn body<'a>(items: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut out = Vec::new();
    for (id, document) in items {
        elastic::bulk::write_create(&mut out, "logs-auditng.audit-default", id, document.as_bytes());
    }
    out
}

/// The id of an event of agent 0102030405nn.
pub(crate) fn event_id(agent: u8, epoch: u32, counter: u64) -> String {
    let agent = schema::AgentId::from_bytes([1, 2, 3, 4, 5, agent]);
    schema::EventId::new(agent, epoch, schema::Lane::Normal, counter).to_string()
}

pub(crate) fn document(id: &str, message: &str) -> String {
    serde_json::json!({
        "@timestamp": "2026-11-24T08:00:00.000Z",
        "event": {"id": id, "dataset": "auditng.audit", "kind": "event", "action": ["exec"]},
        "host": {"name": "web-1"},
        "process": {"name": message},
    })
    .to_string()
}

/// A body of one agent's events with these counters.
pub(crate) fn events(agent: u8, epoch: u32, counters: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let mut out = Vec::new();
    for counter in counters {
        let id = event_id(agent, epoch, counter);
        let document = document(&id, &format!("p{counter}"));
        elastic::bulk::write_create(&mut out, "logs-auditng.audit-default", &id, document.as_bytes());
    }
    out
}

/// The statuses of a bulk answer.
pub(crate) fn statuses(reply: &Reply) -> Vec<u64> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let items = reply.json()["items"].as_array().unwrap().clone();
    items.iter().map(|item| item.as_object().unwrap().values().next().unwrap()["status"].as_u64().unwrap()).collect()
}
