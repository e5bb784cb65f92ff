//! What people keep: saved searches, the journal.

use serde_json::json;

use crate::harness::Site;

#[test]
fn saved_searches_come_and_go_and_are_journaled() {
    let site = Site::new();
    let search =
        json!({"query": "process.name:curl", "columns": ["@timestamp", "host.name"], "from": "now-1h", "to": "now"});
    assert_eq!(site.ask("PUT", "/api/saved/my%20search", Some(&search)).status, 200);
    let list = site.get("/api/saved");
    assert_eq!(list[0]["name"], "my search");
    assert_eq!(list[0]["columns"], json!(["@timestamp", "host.name"]));
    assert_eq!(site.ask("PUT", "/api/saved/x", Some(&json!({"query": "*", "colour": 1}))).status, 400);
    assert_eq!(site.ask("DELETE", "/api/saved/my%20search", None).status, 204);
    assert_eq!(site.ask("DELETE", "/api/saved/my%20search", None).status, 404);
    let journal = site.get("/api/journal");
    let whats: Vec<&str> = journal.as_array().unwrap().iter().map(|entry| entry["what"].as_str().unwrap()).collect();
    assert_eq!(whats, ["removed saved search", "saved search"]);
    assert_eq!(journal[1]["after"]["query"], "process.name:curl");
    assert_eq!(journal[1]["who"], "token:cli");
    assert_eq!(journal[1]["from"], "127.0.0.1");
}

#[test]
fn users_are_managed_and_the_last_admin_stays() {
    let site = Site::new();
    let add = |name: &str, role: &str, password: &str| {
        site.ask("POST", "/api/users", Some(&json!({"name": name, "role": role, "password": password}))).status
    };
    assert_eq!(add("ada", "admin", "long enough"), 201);
    assert_eq!(add("ada", "viewer", "long enough"), 409);
    assert_eq!(add("bob", "king", "long enough"), 400);
    assert_eq!(add("bob", "ingest", "long enough"), 400);
    assert_eq!(add("b/b", "viewer", "long enough"), 400);
    assert_eq!(add("bob", "viewer", "short"), 400);
    assert_eq!(site.ask("DELETE", "/api/users/ada", None).status, 409);
    assert_eq!(site.ask("DELETE", "/api/users/nobody", None).status, 404);
    assert_eq!(site.get("/api/users")[0]["name"], "ada");
    assert!(!site.get("/api/journal").to_string().contains("long enough"));
}

#[test]
fn tokens_have_an_end() {
    let site = Site::new();
    let make = |expires: &str| {
        site.ask("POST", "/api/tokens", Some(&json!({"name": "t", "role": "viewer", "expires": expires}))).status
    };
    assert_eq!(make("2020-01-01T00:00:00Z"), 400);
    assert_eq!(make("soon"), 400);
    assert_eq!(make("now+1d"), 201);
    let list = site.get("/api/tokens");
    assert_eq!(list.as_array().unwrap().len(), 1, "tokens of the process itself are not listed");
    assert!(list[0]["expires"].is_string() && list[0].get("secret").is_none());
}
