//! P15-P20, P43: once, in order, with every hole explained.

use std::io::Write as _;
use std::time::Duration;

use serde_json::json;
use testkit::eventually;

use crate::harness::{Site, body, document, event_id, events, send, statuses};

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(data).unwrap();
    out.finish().unwrap()
}

#[test]
fn events_come_in_once_whatever_is_sent_again() {
    let site = Site::new();
    let bodies: Vec<Vec<u8>> = (0..20).map(|n| events(1, 1, n * 50..(n + 1) * 50)).collect();
    std::thread::scope(|scope| {
        for thread in 0..3_usize {
            let (site, bodies) = (&site, &bodies);
            scope.spawn(move || {
                for n in 0..bodies.len() {
                    // Another order in each thread.
                    let body = &bodies[(n * (2 * thread + 1) + thread * 7) % bodies.len()];
                    let reply = site.bulk(body, &[]);
                    assert!(statuses(&reply).iter().all(|status| matches!(status, 201 | 409)));
                }
            });
        }
    });
    site.settle();
    assert_eq!(site.total("process.name:p*"), 1000);
    assert_eq!(site.total("process.name:p777"), 1);
    let ingest = site.get("/api/health")["ingest"].clone();
    assert_eq!(ingest["accepted"], 1000);
    assert_eq!(ingest["duplicates"], 2000);
}

#[test]
fn all_encodings_and_many_frames() {
    let site = Site::new();
    let part = |n: u64| events(1, 1, n * 10..(n + 1) * 10);
    let frames = [zstd::bulk::compress(&part(2), 1).unwrap(), zstd::bulk::compress(&part(3), 1).unwrap()].concat();
    for (bytes, encoding) in [(part(0), "identity"), (gzip(&part(1)), "gzip"), (frames, "zstd")] {
        let reply = site.bulk(&bytes, &[("content-encoding", encoding)]);
        assert!(statuses(&reply).iter().all(|&status| status == 201), "{encoding}");
        assert!(reply.body.starts_with("{\"errors\":false"));
        assert_eq!(reply.header("x-elastic-product"), Some("Elasticsearch"));
    }
    assert_eq!(site.bulk(b"x", &[("content-encoding", "br")]).status, 415);
    site.settle();
    assert_eq!(site.total("*"), 40);
}

#[test]
fn items_are_answered_one_by_one() {
    let site = Site::new();
    let id = event_id(1, 1, 0);
    let good = document(&id, "fine");
    let huge = format!("{{\"message\":\"{}\"}}", "x".repeat(1 << 20));
    let mut bytes = body([(id.as_str(), good.as_str()), (id.as_str(), good.as_str()), ("foreign", "{\"a\":1}")]);
    bytes.extend_from_slice(
        body([("foreign", "{\"a\":1}"), ("evidence", "not json"), ("huge", huge.as_str())]).as_slice(),
    );
    bytes.extend_from_slice(b"{\"delete\":{\"_id\":\"x\"}}\n{\"create\":{}}\n{\"no\":\"id\"}\n");
    let reply = site.bulk(&bytes, &[]);
    assert_eq!(statuses(&reply), [201, 409, 201, 409, 201, 400, 400, 201]);
    assert!(reply.body.starts_with("{\"errors\":true"));
    site.settle();
    let evidence = site.search(&json!({"query": "event.id:evidence"}));
    assert_eq!(evidence["hits"][0]["source"]["event"]["original"], "not json");
    assert!(evidence["hits"][0]["source"]["error"]["message"].is_string());
    // Sent again: the store knows by now.
    assert_eq!(statuses(&site.bulk(&body([("foreign", "{\"a\":1}")]), &[])), [409]);
    assert_eq!(site.bulk(b"{\"nonsense\n{}\n", &[]).status, 400);
    assert_eq!(site.bulk(b"", &[]).status, 400);
}

#[test]
fn the_server_adds_what_it_knows_and_nothing_else() {
    let site = Site::new();
    let id = event_id(1, 1, 0);
    site.bulk(&body([(id.as_str(), document(&id, "one").as_str())]), &[]);
    site.settle();
    let event = site.get(&format!("/api/events/{id}"));
    let mut source = event["source"].clone();
    assert_eq!(event["seq"], 1);
    assert_eq!(source["auditng"]["ingest_seq"], 1);
    assert!(source["event"]["ingested"].is_string());
    source.as_object_mut().unwrap().remove("auditng");
    source["event"].as_object_mut().unwrap().remove("ingested");
    assert_eq!(source, serde_json::from_str::<serde_json::Value>(&document(&id, "one")).unwrap());
}

#[test]
fn a_hole_is_reported_with_its_range_and_closed_by_what_comes_late() {
    let site = Site::with(|config| config.ingest.gap_after = Duration::from_millis(500));
    site.bulk(&events(1, 1, 0..5), &[]);
    site.bulk(&events(1, 1, 8..10), &[]);
    let loss = eventually("the hole is reported", Duration::from_secs(60), || {
        let found = site.search(&json!({"query": "auditng.loss.reason:unexplained-gap"}));
        found["hits"].get(0).cloned()
    });
    let loss = &loss["source"]["auditng"]["loss"];
    assert_eq!((&loss["first"], &loss["last"], &loss["count"]), (&json!(5), &json!(7), &json!(3)));
    assert_eq!((&loss["agent"], &loss["lane"]), (&json!("010203040501"), &json!("normal")));
    assert_eq!(statuses(&site.bulk(&events(1, 1, 4..9), &[])), [409, 201, 201, 201, 409]);
    let report = site.get("/api/loss");
    assert_eq!(report["total"][0]["count"], 3);
    assert_eq!(report["total"][0]["reason"], "unexplained-gap");
    assert_eq!(site.get("/api/health")["ingest"]["open_gap_events"], 0);
}

#[test]
fn a_hole_that_the_agent_explains_is_none() {
    let site = Site::with(|config| config.ingest.gap_after = Duration::from_millis(200));
    let agent = schema::AgentId::from_bytes([1, 2, 3, 4, 5, 1]);
    let loss = schema::Loss {
        stage: "spool",
        reason: "full",
        count: Some(3),
        unit: schema::loss::Unit::Events,
        window_start: schema::Timestamp::from_millis(1),
        window_end: schema::Timestamp::from_millis(2),
        range: Some(schema::loss::LostRange { agent, epoch: 1, lane: schema::Lane::Normal, first: 5, last: 7 }),
    };
    let id = schema::EventId::new(agent, 1, schema::Lane::High, 0).to_string();
    let event = loss.to_event(schema::Timestamp::from_millis(3)).to_json();
    site.bulk(&events(1, 1, 0..5), &[]);
    site.bulk(&events(1, 1, 8..10), &[]);
    assert_eq!(site.get("/api/health")["ingest"]["open_gap_events"], 3);
    site.bulk(&body([(id.as_str(), event.as_str())]), &[]);
    assert_eq!(site.get("/api/health")["ingest"]["open_gap_events"], 0);
}

#[test]
fn one_epoch_belongs_to_one_spool() {
    let site = Site::new();
    let send = |nonce: &str, counters: std::ops::Range<u64>| {
        let headers = [
            ("x-auditng-agent", "010203040501"),
            ("x-auditng-epoch", "1"),
            ("x-auditng-nonce", nonce),
            ("x-auditng-watermark", "1795507200000"),
        ];
        site.bulk(&events(1, 1, counters), &headers)
    };
    assert_eq!(send("00000000000000000000000000000007", 0..3).status, 200);
    assert_eq!(send("00000000000000000000000000000008", 3..4).status, 409);
    assert_eq!(send("00000000000000000000000000000007", 3..4).status, 200);
    assert_eq!(send("nonsense", 4..5).status, 400);
}

#[test]
fn an_agent_writes_only_its_own_events() {
    let site = Site::new();
    let reply = site.bulk(&events(2, 1, 0..3), &[("x-auditng-agent", "010203040501")]);
    assert_eq!(reply.status, 403);
    assert!(reply.body.contains("010203040501") && reply.body.contains("010203040502"), "{}", reply.body);
    let noted = eventually("it is noted", Duration::from_secs(10), || {
        site.search(&json!({"query": "event.action:foreign-agent-id"}))["hits"].get(0).cloned()
    });
    let text = noted["source"]["message"].as_str().unwrap();
    assert!(text.contains("010203040501") && text.contains("010203040502"), "{text}");
    assert_eq!(site.total("process.name:p0"), 0);
}

#[test]
fn restarts_change_nothing() {
    let mut site = Site::new();
    site.bulk(&events(1, 1, 0..100), &[]);
    site.bulk(&body([("foreign", "{\"a\":1}")]), &[]);
    site.restart();
    // What was indexed before is not read again from the log.
    assert_eq!(site.get("/api/health")["consumers"][0]["lag_events"], 0);
    assert!(statuses(&site.bulk(&events(1, 1, 0..100), &[])).iter().all(|&status| status == 409));
    assert_eq!(statuses(&site.bulk(&events(1, 1, 100..101), &[])), [201]);
    assert_eq!(statuses(&site.bulk(&body([("foreign", "{\"a\":1}")]), &[])), [409]);
    site.settle();
    assert_eq!(site.total("*"), 102);
    let all = site.search(&json!({"size": 200, "sort": [{"auditng.ingest_seq": "asc"}]}));
    let seqs: Vec<u64> = all["hits"].as_array().unwrap().iter().map(|hit| hit["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=102).collect::<Vec<u64>>());
}

#[test]
fn stock_shippers_start() {
    let site = Site::new();
    let auth = site.agent();
    let ask = |method, path| send(site.url(), method, path, &[("authorization", &auth)], None);
    assert_eq!(ask("GET", "/").json()["version"]["number"], "8.17.0");
    assert_eq!(ask("HEAD", "/").status, 200);
    assert_eq!(ask("GET", "/_license").json()["license"]["status"], "active");
    assert_eq!(ask("GET", "/_cluster/health").json()["status"], "green");
    assert_eq!(ask("GET", "/").header("x-elastic-product"), Some("Elasticsearch"));
    let reply = send(
        site.url(),
        "POST",
        "/logs-app-default/_bulk",
        &[("authorization", &auth), ("content-type", "application/vnd.elasticsearch+x-ndjson; compatible-with=8")],
        Some(b"{\"create\":{}}\n{\"message\":\"hi\"}\n"),
    );
    assert_eq!(statuses(&reply), [201]);
    assert!(reply.header("content-type").unwrap().contains("compatible-with=8"));
    assert_eq!(reply.json()["items"][0]["create"]["_seq_no"], 1);
}
