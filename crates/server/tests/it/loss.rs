//! What was lost, in the time that its hole touches.

use schema::{Loss, Timestamp, field, loss::Unit};
use serde_json::json;

use crate::harness::{Site, event_id};

const BEGIN: i64 = 1_795_507_200_000;

fn loss(reason: &'static str, count: Option<u64>, from: i64, to: i64) -> Loss {
    let at = |ms: i64| Timestamp::from_millis(BEGIN + ms);
    Loss {
        stage: "kernel",
        reason,
        count,
        unit: Unit::Records,
        window_start: at(from),
        window_end: at(to),
        range: None,
    }
}

fn site(losses: &[(Loss, i64)]) -> Site {
    let mut bulk = Vec::new();
    for (counter, (loss, noticed)) in losses.iter().enumerate() {
        let id = event_id(1, 1, counter as u64);
        let mut event = loss.to_event(Timestamp::from_millis(BEGIN + noticed));
        event.push_str(field::EVENT_ID, &id);
        event.push_str(field::HOST_NAME, "web-1");
        event.push_str(field::AGENT_ID, "010203040501");
        let mut json = String::new();
        event.write_json(&mut json);
        elastic::bulk::write_create(&mut bulk, "logs-auditng.health-default", &id, json.as_bytes());
    }
    let site = Site::new();
    assert_eq!(site.bulk(&bulk, &[]).status, 200);
    site.settle();
    site
}

#[test]
fn losses_add_up_by_reason_and_host() {
    let site = site(&[
        (loss("kernel-lost", Some(10), 0, 1000), 1500),
        (loss("kernel-lost", Some(5), 60_000, 61_000), 61_500),
        (loss("enobufs", None, 60_000, 61_000), 61_500),
    ]);
    let report = site.get(&format!("/api/loss?from={BEGIN}&to={}", BEGIN + 120_000));
    let total = report["total"].as_array().unwrap();
    let kernel = total.iter().find(|line| line["reason"] == "kernel-lost").unwrap();
    assert_eq!(
        *kernel,
        json!({"stage": "kernel", "reason": "kernel-lost", "agent": "010203040501", "host": "web-1", "unit": "records", "count": 15, "reports": 2})
    );
    assert_eq!((&report["hole_count"], report["holes"].as_array().unwrap().len()), (&json!(3), 3));
    assert_eq!(report["holes"][2]["to"], "2026-11-24T08:00:01.000Z");
    let points = report["over_time"].as_array().unwrap();
    assert_eq!(points.len(), 2);
    assert_eq!(points[1]["reasons"], json!({"enobufs": 1, "kernel-lost": 5}));
}

#[test]
fn a_loss_belongs_to_the_time_that_its_hole_touches() {
    let site = site(&[(loss("restart", Some(7), 10_000, 50_000), 90_000)]);
    let holes = |from: i64, to: i64| {
        site.get(&format!("/api/loss?from={}&to={}", BEGIN + from, BEGIN + to))["hole_count"].as_u64().unwrap()
    };
    assert_eq!(holes(0, 20_000), 1, "noticed only later");
    assert_eq!(holes(20_000, 30_000), 1, "inside the hole");
    assert_eq!(holes(0, 10_000), 0, "before it");
    assert_eq!(holes(60_000, 100_000), 0, "after it, although noticed then");
    assert_eq!(site.get("/api/loss")["hole_count"], 1);
    assert_eq!(site.get("/api/loss?holes=0")["holes"], json!([]));
}
