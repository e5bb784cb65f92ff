//! Searching, tailing, exporting, looking at the server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::eventually;

use crate::harness::{Site, body, event_id, events, send};

fn filled() -> Site {
    let site = Site::new();
    site.bulk(&events(1, 1, 0..100), &[]);
    site.settle();
    site
}

#[test]
fn searches_answer_in_the_documented_form() {
    let site = filled();
    let answer = site.search(&json!({
        "query": "process.name:p1*", "from": "2026-11-24", "to": 1_795_600_000_000_i64, "size": 3,
        "sort": [{"@timestamp": "desc"}],
        "aggs": {"names": {"terms": {"field": "process.name", "size": 2}}},
    }));
    assert_eq!(answer["total"], json!({"value": 11, "relation": "eq"}));
    assert_eq!(answer["hits"].as_array().unwrap().len(), 3);
    assert_eq!(answer["hits"][0]["index"], "logs-auditng.audit-default");
    assert_eq!(answer["aggregations"]["names"]["buckets"].as_array().unwrap().len(), 2);
    assert_eq!(answer["to_ms"], 1_795_600_000_000_i64);
    assert_eq!(answer["timed_out"], false);
    assert_eq!(answer["windows"]["failed"], json!([]));
    assert!(answer["parsed"].as_str().unwrap().contains("process.name"));
    let after = answer["hits"][2]["sort"].clone();
    let next = site.search(&json!({"query": "process.name:p1*", "size": 100, "search_after": after}));
    assert_eq!(next["hits"].as_array().unwrap().len(), 8);
    let dsl = site.search(&json!({"dsl": {"term": {"process.name": "p7"}}}));
    assert_eq!(dsl["total"]["value"], 1);
}

#[test]
fn sql_reads_and_does_nothing_else() {
    let site = filled();
    let ask = |statement: &str| site.ask("POST", "/api/sql", Some(&json!({"statement": statement})));
    let counted = ask("SELECT count(*) AS n, min(\"process.name\") FROM audit");
    assert_eq!(counted.json(), json!({"columns": ["n", "min(\"process.name\")"], "rows": [[100, "p0"]]}));
    for wrong in ["DROP TABLE audit", "SELECT", "SELECT nothing FROM audit", "ATTACH 'x' AS y"] {
        assert_eq!(ask(wrong).status, 400, "{wrong}");
    }
}

#[test]
fn what_is_wrong_with_a_search_is_said() {
    let site = filled();
    let refused = |body: Value| {
        let reply = site.ask("POST", "/api/search", Some(&body));
        assert_eq!(reply.status, 400, "{body}: {}", reply.body);
        reply.json()
    };
    let syntax = refused(json!({"query": "process.nmae:x"}));
    assert_eq!(syntax["code"], "query_syntax");
    assert!(syntax["problems"][0]["end"].as_u64().unwrap() > 0);
    assert_eq!(refused(json!({"dsl": {"nested": {}}}))["code"], "search_syntax");
    assert!(refused(json!({"dsl": {"nested": {}}}))["path"].as_str().unwrap().starts_with("query"));
    refused(json!({"query": "*", "dsl": {"match_all": {}}}));
    refused(json!({"querry": "*"}));
    refused(json!({"from": "yesterday"}));
    refused(json!({"time_zone": "Mars/Olympus"}));
    refused(json!({"streams": ["audits"]}));
    refused(json!({"size": 10_001}));
}

#[test]
fn fields_values_and_neighbours() {
    let site = filled();
    let fields = site.get("/api/fields");
    let field = |name: &str| fields.as_array().unwrap().iter().find(|field| field["name"] == name).unwrap().clone();
    assert_eq!(field("process.name"), json!({"name": "process.name", "kind": "keyword", "many": false, "seen": true}));
    assert_eq!(field("file.path")["seen"], false);
    let values = site.get("/api/values?field=process.name&prefix=p9&size=20");
    assert_eq!(values["values"].as_array().unwrap().len(), 11);
    assert_eq!(site.get("/api/values?field=host.name")["values"][0], json!({"value": "web-1", "count": 100}));
    assert_eq!(site.ask("GET", "/api/values?field=message", None).status, 400);
    let id = event_id(1, 1, 5);
    assert_eq!(site.get(&format!("/api/events/{id}"))["source"]["process"]["name"], "p5");
    let around = site.get(&format!("/api/events/{id}/around?by=host&seconds=5&size=200"));
    assert_eq!(around["total"]["value"], 100);
    let nearest = site.get(&format!("/api/events/{id}/around?by=host&seconds=5&size=3"));
    let ids: Vec<&str> = nearest["hits"].as_array().unwrap().iter().map(|hit| hit["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [event_id(1, 1, 4), event_id(1, 1, 5), event_id(1, 1, 6)], "the nearest, not the oldest");
    assert_eq!(nearest["total"]["value"], 100);
    assert_eq!(site.ask("GET", "/api/events/nothing", None).status, 404);
    assert_eq!(site.ask("GET", &format!("/api/events/{id}/around?by=session"), None).status, 400);
}

#[test]
fn exports_are_whole_and_harmless() {
    let site = filled();
    let id = event_id(2, 1, 0);
    let evil = json!({
        "@timestamp": "2026-11-24T08:00:01.000Z", "event": {"id": id, "dataset": "auditng.audit"},
        "host": {"name": "evil"}, "process": {"name": "=cmd|' /C calc'!A0", "title": "<img src=x onerror=alert(1)>"},
    });
    site.bulk(&body([(id.as_str(), evil.to_string().as_str())]), &[]);
    site.settle();
    let lines = site.ask("GET", "/api/export?format=ndjson", None);
    assert_eq!(lines.body.lines().count(), 101);
    assert!(lines.body.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    assert!(lines.header("content-disposition").unwrap().starts_with("attachment"));
    let csv = site.ask(
        "GET",
        "/api/export?format=csv&query=host.name:evil&columns=host.name,process.name,process.title",
        None,
    );
    assert_eq!(
        csv.body,
        "host.name,process.name,process.title\r\nevil,'=cmd|' /C calc'!A0,<img src=x onerror=alert(1)>\r\n"
    );
    assert_eq!(site.ask("GET", "/api/export?limit=7", None).body.lines().count(), 7);
    assert_eq!(site.ask("GET", "/api/export?format=xlsx", None).status, 400);
}

/// A live tail over a plain connection.
struct Tail(BufReader<TcpStream>);

impl Tail {
    fn open(site: &Site, query: &str, last: Option<u64>) -> Self {
        let address = site.url().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let resume = last.map_or_else(String::new, |last| format!("last-event-id: {last}\r\n"));
        let auth = site.admin();
        let request =
            format!("GET /api/tail?query={query} HTTP/1.1\r\nhost: {address}\r\nauthorization: {auth}\r\n{resume}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut tail = Self(BufReader::new(stream));
        tail.until(": connected");
        tail
    }

    fn until(&mut self, start: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the tail ended");
            if line.starts_with(start) {
                return line;
            }
        }
    }

    fn message(&mut self) -> (u64, Value) {
        let id = self.until("id: ")["id: ".len()..].trim().parse().unwrap();
        let data = self.until("data: ");
        (id, serde_json::from_str(&data["data: ".len()..]).unwrap())
    }
}

#[test]
fn the_tail_shows_what_matches_and_counts_the_rest() {
    let site = Site::new();
    let mut tail = Tail::open(&site, "process.name:p5", None);
    let start = Instant::now();
    site.bulk(&events(1, 1, 0..10), &[]);
    let (id, message) = tail.message();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(message["rows"].as_array().unwrap().len(), 1);
    assert_eq!(message["rows"][0]["source"]["process"]["name"], "p5");
    assert_eq!(id, 10);
    let mut all = Tail::open(&site, "*", None);
    for n in 0..5 {
        site.bulk(&events(2, 1, n * 1000..(n + 1) * 1000), &[]);
    }
    let (mut shown, mut skipped) = (0, 0);
    while shown + skipped < 5000 {
        let (_, message) = all.message();
        let rows = message["rows"].as_array().unwrap().len();
        assert!(rows <= 200);
        shown += rows as u64;
        skipped += message["skipped"].as_u64().unwrap();
    }
    assert_eq!(shown + skipped, 5000);
    assert!(skipped > 0);
}

#[test]
fn the_tail_resumes() {
    let site = filled();
    let mut tail = Tail::open(&site, "*", Some(90));
    let (id, message) = tail.message();
    let seqs: Vec<u64> = message["rows"].as_array().unwrap().iter().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (91..=100).collect::<Vec<_>>());
    assert_eq!(id, 100);
}

#[test]
fn agents_health_and_metrics() {
    let site = filled();
    let beat = json!({
        "agent": "010203040501", "name": "web-1", "version": "0.1.0", "epoch": 1, "time": "2020-01-01T00:00:00.000Z",
        "spool": {"normal": {"first": 100, "next": 100, "bytes": 0}},
        "sources": [{"name": "audit", "state": "on", "reason": ""}],
        "counters": [{"stage": "spool", "taken": 100, "passed": 100, "filtered": 0, "lost": {}}],
        "config_hash": "x",
    });
    let auth = site.agent();
    let headers = [("authorization", auth.as_str()), ("content-type", "application/json")];
    let reply = send(site.url(), "POST", "/agent/heartbeat", &headers, Some(beat.to_string().as_bytes()));
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(reply.json()["spread_s"].as_u64().unwrap() >= 5);
    let agent = site.get("/api/agents")[0].clone();
    assert_eq!(
        (&agent["id"], &agent["name"], &agent["state"]),
        (&json!("010203040501"), &json!("web-1"), &json!("warn"))
    );
    let counters = agent["counters"].as_array().unwrap();
    let ingest = counters.iter().find(|line| line["stage"] == "ingest").unwrap();
    let count = |name: &str| ingest[name].as_u64().unwrap();
    assert_eq!(count("taken"), count("passed") + count("filtered") + ingest["lost"]["rejected"].as_u64().unwrap());
    assert_eq!(count("taken"), 100);
    let skew = eventually("the clock is noticed", Duration::from_secs(20), || {
        site.search(&json!({"query": "event.action:clock-skew"}))["hits"].get(0).cloned()
    });
    assert_eq!(skew["source"]["agent"]["id"], "010203040501");

    let health = site.get("/api/health");
    assert!(health["store"]["events"].as_u64().unwrap() >= 100);
    assert!(health["disk"]["free_bytes"].as_u64().unwrap() > 0);
    assert!(site.get("/api/windows")[0]["events"].as_u64().unwrap() > 0);
    let metrics = site.ask("GET", "/metrics", None).body;
    assert!(metrics.contains("auditng_ingest_events_total{outcome=\"accepted\"} 10"), "{metrics}");
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.rsplit_once(' ').unwrap().1.parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn what_an_agent_no_longer_has_becomes_a_loss() {
    let site = Site::with(|config| config.ingest.gap_after = Duration::from_millis(200));
    site.bulk(&events(1, 1, 0..10), &[]);
    let beat = json!({"agent": "010203040501", "epoch": 1, "spool": {"normal": {"first": 14, "next": 20, "bytes": 9}}});
    let auth = site.agent();
    let headers = [("authorization", auth.as_str()), ("content-type", "application/json")];
    send(site.url(), "POST", "/agent/heartbeat", &headers, Some(beat.to_string().as_bytes()));
    let loss = eventually("the loss is reported", Duration::from_secs(30), || {
        site.search(&json!({"query": "auditng.loss.reason:unexplained-gap"}))["hits"].get(0).cloned()
    });
    assert_eq!(loss["source"]["auditng"]["loss"]["first"], 10);
    assert_eq!(loss["source"]["auditng"]["loss"]["last"], 13);
}
