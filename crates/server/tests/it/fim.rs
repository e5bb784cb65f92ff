//! File integrity: groups of changes, one file's history, hosts, and baselines that do not follow each other.

use std::time::Duration;

use schema::{Event, Field, Timestamp, field};
use serde_json::{Value, json};
use testkit::fim::{self, Changes};

use crate::harness::{Site, event_id};

const BEGIN: i64 = 1_795_507_200_000;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(BEGIN + ms)
}

fn bulk(events: impl IntoIterator<Item = Event>) -> Vec<u8> {
    let mut out = Vec::new();
    for event in events {
        let id = event.str(field::EVENT_ID).unwrap().to_owned();
        elastic::bulk::write_create(&mut out, &event.stream().index(), &id, event.to_json().as_bytes());
    }
    out
}

fn send(site: &Site, events: impl IntoIterator<Item = Event>) {
    let reply = site.bulk(&bulk(events), &[]);
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(!reply.body.contains("\"errors\":true"), "{}", reply.body);
}

fn changes(site: &Site, many: usize) -> Vec<Event> {
    let events: Vec<Event> = Changes::new(7, at(0), 100).take(many).collect();
    for some in events.chunks(5000) {
        send(site, some.iter().cloned());
    }
    site.settle();
    events
}

fn count<'a>(events: &'a [Event], is: impl Fn(&'a Event) -> bool) -> u64 {
    events.iter().filter(|event| is(event)).count() as u64
}

#[test]
fn changes_are_grouped_by_file_host_container_package_and_policy() {
    let site = Site::new();
    let events = changes(&site, 3000);
    for (by, field) in [
        ("file", field::FILE_PATH),
        ("host", field::HOST_NAME),
        ("container", field::CONTAINER_ID),
        ("package", field::AUDITNG_FIM_PROVENANCE_PACKAGES),
        ("policy", field::AUDITNG_FIM_POLICY),
    ] {
        let list = site.get(&format!("/api/v1/fim/changes?by={by}&size=10"));
        let groups: std::collections::HashSet<&str> = events.iter().filter_map(|event| event.str(field)).collect();
        assert_eq!((&list["total"], &list["changes"]), (&json!(groups.len()), &json!(3000)), "{by}");
        let rows = list["rows"].as_array().unwrap();
        assert_eq!(rows.len(), groups.len().min(10), "{by}");
        for row in rows {
            let key = row["key"].as_str().unwrap();
            assert_eq!(row["changes"], count(&events, |event| event.str(field) == Some(key)), "{by} {key}");
            let sum: u64 = row["severities"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
            assert_eq!(row["changes"], sum);
        }
        let counts: Vec<u64> = rows.iter().map(|row| row["changes"].as_u64().unwrap()).collect();
        assert!(counts.is_sorted_by(|a, b| a >= b), "{by}: {counts:?}");
    }
    let policies = site.get("/api/v1/fim/changes?by=policy&sort=severity");
    assert!(policies["rows"][0]["severities"]["critical"].is_u64(), "{}", policies["rows"][0]);
    let last = site.get("/api/v1/fim/changes?by=host&sort=last&size=1");
    assert_eq!(last["rows"][0]["key"], events.last().unwrap().str(field::HOST_NAME).unwrap());
    let found = site.get("/api/v1/fim/changes?by=file&find=PAM.D&size=500");
    assert!(found["rows"].as_array().unwrap().iter().all(|row| row["key"].as_str().unwrap().contains("/pam.d/")));
    assert_eq!(found["changes"], 3000, "what there is to choose from does not hang on the words to find");
    let packages = site.get("/api/v1/fim/changes?by=package");
    assert_eq!(packages["rows"][0]["unexpected"], 0, "a package's changes were to be expected");
    for wrong in ["by=colour", "sort=size", "order=up", "size=501", "query=%22", "x=1"] {
        assert_eq!(site.ask("GET", &format!("/api/v1/fim/changes?{wrong}"), None).status, 400, "{wrong}");
    }
}

#[test]
fn f55_a_search_for_a_policy_gives_exactly_its_changes() {
    let site = Site::new();
    let events = changes(&site, 3000);
    for (id, ..) in fim::POLICIES {
        let wanted = count(&events, |event| event.str(field::AUDITNG_FIM_POLICY) == Some(id));
        assert_eq!(site.total(&format!("auditng.fim.policy:{id}")), wanted, "{id}");
        assert_eq!(
            site.get(&format!("/api/v1/fim/changes?query=auditng.fim.policy%3A{id}"))["changes"],
            wanted,
            "{id}"
        );
    }
    // An event of two policies belongs to both; a policy whose name begins alike is another one.
    let mut both = events[0].clone();
    both.remove(field::EVENT_ID);
    both.remove(field::AUDITNG_FIM_POLICY);
    both.push_str(field::EVENT_ID, &event_id(9, 1, 1));
    both.push_str(field::AUDITNG_FIM_POLICY, "only-here");
    both.push_str(field::AUDITNG_FIM_POLICY, "only-here-too");
    send(&site, [both]);
    site.settle();
    assert_eq!((site.total("auditng.fim.policy:only-here"), site.total("auditng.fim.policy:only-here-too")), (1, 1));
    assert_eq!(site.total("auditng.fim.policy:only"), 0);
}

#[test]
fn a_file_has_a_history_under_all_its_names() {
    let site = Site::new();
    let change = |n: u64, action: &str, path: &str, old: Option<&str>| {
        let mut event = fim::notice(3, at(i64::try_from(n).unwrap() * 1000), action, &event_id(1, 1, n), &[], &[]);
        event.remove(field::EVENT_DATASET);
        event.push_str(field::EVENT_DATASET, "auditng.fim");
        event.push_str(field::FILE_PATH, path);
        old.iter().for_each(|old| event.push_str(field::AUDITNG_FIM_OLD_PATH, old));
        event
    };
    let odd = "/etc/a b\n\"c\"\\xff&d=1";
    send(
        &site,
        [
            change(0, "created", "/etc/a", None),
            change(1, "updated", "/etc/a", None),
            change(2, "moved", "/etc/b", Some("/etc/a")),
            change(3, "updated", "/etc/aa", None),
            change(4, "updated", odd, None),
        ],
    );
    site.settle();
    let of = |path: &str| {
        let encoded: String = path.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let found = site.get(&format!("/api/v1/fim/file?path={encoded}&host=shop-03.example"));
        let actions = found["hits"].as_array().unwrap().iter().map(|hit| hit["source"]["event"]["action"].to_string());
        actions.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of("/etc/a"), r#"["moved"] ["updated"] ["created"]"#);
    assert_eq!(of("/etc/b"), r#"["moved"]"#);
    assert_eq!(of(odd), r#"["updated"]"#);
    assert_eq!(site.get("/api/v1/fim/file?path=/etc/a&host=other")["total"], 0);
    assert_eq!(site.ask("GET", "/api/v1/fim/file", None).status, 400);
}

/// A generation as an agent tells of it.
fn generation(counter: u64, number: i64, [root, previous, key]: [&str; 3]) -> Event {
    let texts: [(Field, &str); 5] = [
        (field::AUDITNG_FIM_BASELINE_ROOT, root),
        (field::AUDITNG_FIM_BASELINE_PREVIOUS, previous),
        (field::AUDITNG_FIM_BASELINE_KEY, key),
        (field::AUDITNG_FIM_BASELINE_SIGNATURE, "5161"),
        (field::AUDITNG_FIM_REASON, "ticket"),
    ];
    let id = event_id(1, 1, counter);
    let time = at(i64::try_from(counter).unwrap() * 1000);
    fim::notice(3, time, "fim-baseline", &id, &texts, &[(field::AUDITNG_FIM_GENERATION, number)])
}

fn standing(site: &Site, wanted: &str) -> Value {
    testkit::eventually(&format!("the baseline is {wanted}"), Duration::from_secs(20), || {
        let list = site.get("/api/v1/fim/baselines");
        let newest = list["baselines"].get(0)?.clone();
        (newest["standing"] == wanted).then_some(newest)
    })
}

fn alerts(site: &Site) -> Vec<String> {
    site.settle();
    let found =
        site.search(&json!({"query": "event.kind:alert event.action:fim-baseline", "streams": ["alert"], "size": 50}));
    let state = |hit: &Value| hit["source"]["auditng"]["fim"]["baseline"]["state"].as_str().unwrap().to_owned();
    let mut states: Vec<String> = found["hits"].as_array().unwrap().iter().map(state).collect();
    states.sort();
    states
}

#[test]
fn f22_a_baseline_that_goes_back_forks_or_changes_its_key_is_an_alert() {
    let mut site = Site::new();
    send(
        &site,
        [generation(1, 1, ["a", "", "k"]), generation(2, 2, ["b", "a", "k"]), generation(3, 3, ["c", "b", "k"])],
    );
    let newest = standing(&site, "ok");
    assert_eq!(
        (&newest["generation"], &newest["root"], &newest["host"]),
        (&json!(3), &json!("c"), &json!("shop-03.example"))
    );
    send(&site, [generation(4, 2, ["b", "a", "k"])]);
    standing(&site, "rolled-back");
    // Known only to the log of a server that was not there to follow: read again at its start.
    site.restart();
    assert_eq!(alerts(&site), ["rolled-back"]);
    send(&site, [generation(5, 3, ["c", "b", "k"])]);
    standing(&site, "ok");
    send(&site, [generation(6, 3, ["x", "b", "k"])]);
    standing(&site, "forked");
    send(&site, [generation(7, 1, ["n", "", "other"])]);
    let changed = standing(&site, "key-changed");
    assert_eq!(alerts(&site), ["forked", "key-changed", "rolled-back"]);
    let alert = site.search(&json!({"query": "auditng.fim.baseline.state:key\\-changed"}))["hits"][0]["source"].clone();
    assert_eq!((&alert["event"]["severity"], &alert["auditng"]["fim"]["severity"]), (&json!(99), &json!("critical")));
    assert_eq!((&alert["host"]["name"], &alert["event"]["reason"]), (&json!("shop-03.example"), &changed["event"]));

    let agent = changed["agent"].as_str().unwrap();
    let path = format!("/api/v1/fim/baselines/{agent}");
    assert_eq!(site.ask("POST", &format!("{path}/accept"), Some(&json!({"reason": " "}))).status, 400);
    let taken = site.ask("POST", &format!("{path}/accept"), Some(&json!({"reason": "host installed anew"})));
    assert_eq!((taken.status, &taken.json()["before"]), (200, &json!("key-changed")));
    assert!(site.get("/api/journal").to_string().contains("host installed anew"));
    send(&site, [generation(8, 2, ["m", "n", "other"])]);
    standing(&site, "ok");
    let chain = site.get(&path);
    let seen: Vec<&str> =
        chain["chain"].as_array().unwrap().iter().map(|row| row["standing"].as_str().unwrap()).collect();
    assert_eq!(seen, ["ok", "accepted", "forked", "ok", "rolled-back", "ok", "ok", "ok"]);
    assert_eq!(site.get("/api/v1/fim/baselines/shop-03.example")["agent"], agent);
    assert_eq!(site.ask("GET", "/api/v1/fim/baselines/nobody", None).status, 404);
    assert_eq!(alerts(&site).len(), 3, "nothing was told twice");
}

#[test]
fn nobody_but_the_server_writes_alerts() {
    let site = Site::new();
    let mut forged = generation(1, 1, ["a", "", "k"]);
    forged.remove(field::EVENT_DATASET);
    forged.push_str(field::EVENT_DATASET, "auditng.alert");
    let reply = site.bulk(&bulk([forged]), &[]);
    assert!(reply.body.contains("written by the server only"), "{}", reply.body);
    assert_eq!(site.get("/api/v1/fim/baselines")["baselines"], json!([]));
}

#[test]
fn hosts_tell_their_scans_open_changes_and_holes() {
    let site = Site::new();
    let scan = |n: u64, kind: &str, ms: i64| {
        let numbers = [(field::AUDITNG_FIM_SCAN_ENTRIES, 1400), (field::AUDITNG_FIM_SCAN_DIFFERENCES, 2)];
        fim::notice(3, at(ms), "fim-scan", &event_id(1, 1, n), &[(field::AUDITNG_FIM_SCAN_KIND, kind)], &numbers)
    };
    let hole = |n: u64, root: &str, ms: i64| {
        let texts = [(field::AUDITNG_FIM_ROOT, root), (field::AUDITNG_FIM_REASON, "scan-only: fuse")];
        fim::notice(3, at(ms), "fim-coverage", &event_id(1, 1, n), &texts, &[])
    };
    let change = |n: u64, action: &str, ms: i64, package: bool| {
        let mut event = fim::notice(
            3,
            at(ms),
            action,
            &event_id(1, 1, n),
            &[(field::AUDITNG_FIM_SEVERITY, "high")],
            &[(field::EVENT_SEVERITY, 73)],
        );
        event.remove(field::EVENT_DATASET);
        event.push_str(field::EVENT_DATASET, "auditng.fim");
        if package {
            event.push_str(field::AUDITNG_FIM_PROVENANCE_BY, "dpkg");
        }
        event
    };
    send(
        &site,
        [
            change(10, "updated", -5000, false),
            generation(0, 1, ["a", "", "k"]),
            scan(2, "meta", 1000),
            scan(3, "meta", 9000),
            scan(4, "full", 3000),
            hole(5, "/mnt/fuse", 1000),
            hole(6, "/mnt/fuse", 2000),
            hole(7, "/srv", 2000),
            change(11, "updated", 5000, false),
            change(12, "replaced", 6000, true),
            change(13, "opened", 7000, false),
        ],
    );
    standing(&site, "ok");
    site.settle();
    let found = site.get(&format!("/api/v1/fim/coverage?from={}&to={}", BEGIN - 10_000, BEGIN + 60_000));
    let host = &found["hosts"][0];
    assert_eq!((&host["host"], &host["baseline"]["generation"]), (&json!("shop-03.example"), &json!(1)));
    assert_eq!(
        (&host["open"], &host["severe"]),
        (&json!(1), &json!(1)),
        "before the baseline, of a package, only read: no"
    );
    let meta = host["scans"].as_array().unwrap().iter().find(|scan| scan["kind"] == "meta").unwrap();
    assert_eq!((&meta["end"], &meta["entries"]), (&json!(at(9000).to_string()), &json!(1400)));
    let holes = found["holes"].as_array().unwrap();
    assert_eq!((holes.len(), &found["hole_count"]), (2, &json!(3)));
    let fuse = holes.iter().find(|hole| hole["root"] == "/mnt/fuse").unwrap();
    assert_eq!((&fuse["times"], &fuse["reason"]), (&json!(2), &json!("scan-only: fuse")));
}

#[test]
fn a_hundred_thousand_changes_are_grouped_in_no_time() {
    let site = Site::new();
    changes(&site, 100_000);
    let began = std::time::Instant::now();
    for question in [
        "by=file",
        "by=file&sort=severity",
        "by=host",
        "by=policy",
        "by=container&sort=last",
        "by=package",
        "by=file&find=ssh",
    ] {
        let began = std::time::Instant::now();
        let list = site.get(&format!("/api/v1/fim/changes?{question}"));
        assert_eq!(list["changes"], 100_000);
        println!("{question}: {:?}", began.elapsed());
    }
    // A bound against quadratic work, far above what a debug build on a busy machine needs.
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
}
