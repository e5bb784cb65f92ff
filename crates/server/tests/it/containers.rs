//! The list of containers: what they did, what they are called, and what is none.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::harness::{Site, event_id};

const BEGIN: i64 = 1_795_507_200_000;

fn bulk(events: impl IntoIterator<Item = (i64, Value)>) -> Vec<u8> {
    let mut out = Vec::new();
    for (counter, (ms, mut event)) in events.into_iter().enumerate() {
        let id = event_id(1, 1, counter as u64);
        event["@timestamp"] = json!(schema::Timestamp::from_millis(BEGIN + ms).to_string());
        event["host"] = json!({"name": "web-1"});
        if event.get("event").is_none() {
            event["event"] = json!({"action": ["opened-file"], "outcome": "success"});
        }
        event["event"]["dataset"] = json!("auditng.audit");
        event["event"]["id"] = json!(id);
        elastic::bulk::write_create(&mut out, "logs-auditng.audit-default", &id, event.to_string().as_bytes());
    }
    out
}

fn filled(events: impl IntoIterator<Item = (i64, Value)>) -> Site {
    let site = Site::new();
    assert_eq!(site.bulk(&bulk(events), &[]).status, 200);
    site.settle();
    site
}

fn inside(id: &str, name: &str, image: &str, pod: &str) -> Value {
    let mut event = json!({
        "container": {"id": id, "name": name, "runtime": "containerd", "image": {"name": image, "tag": ["1"]}},
        "auditng": {"container": {"scope": "container"}},
    });
    if !pod.is_empty() {
        event["orchestrator"] = json!({"namespace": "shop", "resource": {"name": pod, "type": "pod"}});
    }
    event
}

fn pending(id: &str) -> Value {
    json!({"container": {"id": id, "runtime": "docker"}, "auditng": {"container": {"scope": "container", "metadata": "pending"}}})
}

fn exec(mut event: Value, outcome: &str) -> Value {
    event["event"] = json!({"action": ["exec", "executed"], "category": ["process"], "outcome": outcome});
    event
}

/// Two containers of one pod, one whose name came later, the host, and what nobody could place.
fn mixed() -> Site {
    let mut observed = inside("late", "db", "postgres", "");
    observed["event"] = json!({"kind": "state", "action": ["container-observed"]});
    observed["container"]["labels"] = json!({"team": "blue"});
    let scope =
        |scope: &str, reason: Option<&str>| json!({"auditng": {"container": {"scope": scope, "reason": reason}}});
    filled([
        (0, exec(inside("c1", "front", "nginx", "shop-1"), "success")),
        (1000, exec(inside("c1", "front", "nginx", "shop-1"), "failure")),
        (2000, inside("c2", "side", "nginx", "shop-1")),
        (3000, pending("late")),
        (4000, pending("late")),
        (5000, scope("host", None)),
        (6000, scope("unknown", Some("pid-gone"))),
        (7000, exec(scope("unknown", Some("no-access")), "success")),
        (8000, json!({"message": "no word of containers"})),
        (100_000, observed),
    ])
}

#[test]
fn containers_have_counts_times_and_activity() {
    let site = mixed();
    let list = site.get(&format!("/api/containers?from={BEGIN}&to={}&points=10", BEGIN + 10_000));
    assert_eq!((&list["total"], &list["containers"], &list["interval_ms"]), (&json!(3), &json!(3), &json!(1000)));
    let rows = list["rows"].as_array().unwrap();
    let front = rows.iter().find(|row| row["id"] == "c1").unwrap();
    assert_eq!(
        (&front["name"], &front["image"], &front["tag"], &front["pod"], &front["namespace"], &front["runtime"]),
        (&json!("front"), &json!("nginx"), &json!("1"), &json!("shop-1"), &json!("shop"), &json!("containerd"))
    );
    assert_eq!((&front["events"], &front["execs"], &front["failures"]), (&json!(2), &json!(2), &json!(1)));
    assert_eq!(front["hosts"], json!(["web-1"]));
    assert_eq!(front["activity"], json!([1, 1, 0, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(front["last"], "2026-11-24T08:00:01.000Z");
}

#[test]
fn a_name_that_came_later_is_joined() {
    let site = mixed();
    let list = site.get(&format!("/api/containers?from={BEGIN}&to={}", BEGIN + 10_000));
    let late = list["rows"].as_array().unwrap().iter().find(|row| row["id"] == "late").unwrap().clone();
    assert_eq!((&late["name"], &late["image"], &late["pending"]), (&json!("db"), &json!("postgres"), &json!(2)));
    assert_eq!((&late["runtime"], &late["unnamed"]), (&json!("docker"), &json!(["late"])));
    let one = site.get("/api/containers/late");
    assert_eq!((&one["name"], &one["labels"]["team"], &one["tag"]), (&json!("db"), &json!("blue"), &json!(["1"])));
    assert_eq!(site.ask("GET", "/api/containers/nothing", None).status, 404);
}

#[test]
fn what_is_no_container_has_rows_of_its_own() {
    let site = mixed();
    let list = site.get("/api/containers");
    let scope =
        |name: &str| list["scopes"].as_array().unwrap().iter().find(|row| row["scope"] == name).unwrap().clone();
    assert_eq!(scope("host")["events"], 1);
    let unknown = scope("unknown");
    assert_eq!((&unknown["events"], &unknown["execs"]), (&json!(2), &json!(1)));
    let reasons: HashSet<&str> =
        unknown["reasons"].as_array().unwrap().iter().map(|reason| reason["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, HashSet::from(["pid-gone", "no-access"]));
    assert!(scope("none")["events"].as_u64().unwrap() >= 1);
    let sum = |row: &Value| row["activity"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum(&unknown), 2);
}

#[test]
fn rows_are_grouped_found_and_ordered() {
    let site = mixed();
    let images = site.get("/api/containers?by=image&sort=name&order=asc");
    let nginx = images["rows"].as_array().unwrap().iter().find(|row| row["image"] == "nginx").unwrap();
    assert_eq!((&nginx["containers"], &nginx["events"], &nginx["id"]), (&json!(2), &json!(3), &Value::Null));
    let pods = site.get("/api/containers?by=pod&sort=containers");
    assert_eq!(pods["rows"][0]["pod"], "shop-1");
    assert_eq!((&pods["rows"][1]["pod"], &pods["total"]), (&Value::Null, &json!(2)));
    let found = site.get("/api/containers?find=NGIN&sort=name&order=desc");
    let names: Vec<&Value> = found["rows"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(
        (names, &found["total"], &found["containers"]),
        (vec![&json!("side"), &json!("front")], &json!(2), &json!(3))
    );
    let queried = site.get("/api/containers?query=event.outcome%3Afailure");
    assert_eq!((&queried["total"], &queried["rows"][0]["id"]), (&json!(1), &json!("c1")));
    for wrong in ["by=colour", "sort=size", "order=up", "size=501", "points=61", "query=%22", "from=soon", "x=1"] {
        assert_eq!(site.ask("GET", &format!("/api/containers?{wrong}"), None).status, 400, "{wrong}");
    }
}

#[test]
fn an_empty_store_has_no_containers() {
    let site = Site::new();
    let list = site.get("/api/containers?from=2020-01-01&to=2020-01-02");
    assert_eq!((&list["rows"], &list["scopes"], &list["total"]), (&json!([]), &json!([]), &json!(0)));
}

#[test]
fn thousands_of_containers_come_in_pages() {
    let events = (0..4096).flat_map(|n| {
        let id = format!("{n:064x}");
        let name = format!("name-{n:04}");
        [(n, inside(&id, &name, &format!("image-{}", n % 7), "")), (n + 1, pending(&id))]
    });
    let site = filled(events);
    let start = std::time::Instant::now();
    let mut seen = HashSet::new();
    for page in 0..9 {
        let list = site.get(&format!("/api/containers?sort=name&order=asc&size=500&skip={}", page * 500));
        assert_eq!(list["total"], 4096);
        seen.extend(list["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
    }
    assert_eq!(seen.len(), 4096);
    let images = site.get("/api/containers?by=image");
    assert_eq!(images["total"], 7);
    let sum = |row: &Value| row["activity"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>();
    assert_eq!(images["rows"].as_array().unwrap().iter().map(sum).sum::<u64>(), 8192);
    // A bound against quadratic work, far above what a debug build on a busy machine needs.
    assert!(start.elapsed() < std::time::Duration::from_secs(120), "{:?}", start.elapsed());
}
