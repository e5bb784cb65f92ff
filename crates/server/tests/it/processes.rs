//! The process tree: up, down, across containers, within its bounds, whatever events claim.

use serde_json::{Value, json};

use crate::harness::{Site, event_id};

/// Makes events of processes, one millisecond apart.
struct Told {
    bulks: Vec<Vec<u8>>,
    counter: u64,
}

impl Told {
    fn new() -> Self {
        Self { bulks: vec![Vec::new()], counter: 0 }
    }

    fn event(&mut self, action: &str, process: Value, more: Value) -> String {
        let id = event_id(1, 1, self.counter);
        let mut event = json!({
            "@timestamp": schema::Timestamp::from_millis(1_795_507_200_000 + self.counter as i64).to_string(),
            "event": {
                "id": id, "dataset": "auditng.audit", "kind": "event", "action": [action], "category": ["process"],
                "type": [if action == "end" { "end" } else { "start" }], "outcome": "success",
            },
            "host": {"name": "web-1"}, "user": {"id": "0", "name": "root"}, "process": process,
        });
        merge(&mut event, more);
        if self.counter % 5000 == 4999 {
            self.bulks.push(Vec::new());
        }
        let bulk = self.bulks.last_mut().unwrap();
        elastic::bulk::write_create(bulk, "logs-auditng.audit-default", &id, event.to_string().as_bytes());
        self.counter += 1;
        id
    }

    fn exec(&mut self, entity: &str, parent: &str, name: &str) -> String {
        self.event("exec", process(entity, parent, name), json!({}))
    }

    fn site(&self) -> Site {
        let site = Site::new();
        for bulk in &self.bulks {
            assert_eq!(site.bulk(bulk, &[]).status, 200);
        }
        site.settle();
        site
    }
}

fn process(entity: &str, parent: &str, name: &str) -> Value {
    json!({
        "entity_id": entity, "pid": 7, "name": name, "args": [name, "-x"],
        "parent": {"entity_id": parent, "pid": 1, "name": "parent"},
    })
}

fn merge(to: &mut Value, more: Value) {
    match (to, more) {
        (Value::Object(to), Value::Object(more)) => {
            for (key, value) in more {
                merge(to.entry(key).or_insert(Value::Null), value);
            }
        }
        (to, more) => *to = more,
    }
}

fn tree(site: &Site, id: &str, parameters: &str) -> Value {
    site.get(&format!("/api/processes/{}/tree?{parameters}", id.replace('/', "%2F").replace('+', "%2B")))
}

fn node<'a>(tree: &'a Value, id: &str) -> &'a Value {
    let nodes = tree["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["entity_id"] == id).unwrap_or_else(|| panic!("{id} is not in {tree}"))
}

fn order(tree: &Value) -> Vec<&str> {
    tree["nodes"].as_array().unwrap().iter().map(|node| node["entity_id"].as_str().unwrap()).collect()
}

/// init > sshd > bash/+= > (make > cc, true), and a container under bash.
fn family() -> Told {
    let mut told = Told::new();
    told.exec("sshd", "init", "sshd");
    let ancestry = json!({"auditng": {"process": {"ancestry": [
        {"pid": 70, "name": "sshd", "entity_id": "sshd"}, {"pid": 1, "name": "init", "entity_id": "init"},
    ]}}});
    told.event("exec", process("ba/sh+", "sshd", "bash"), ancestry);
    told.exec("make", "ba/sh+", "make");
    told.exec("cc", "make", "cc");
    told.event(
        "end",
        process("cc", "make", "cc"),
        json!({"process": {"exit_code": 3, "end": "2026-11-24T09:00:00.000Z"}}),
    );
    let killed = json!({"auditng": {"process": {"exit_signal": 9}}, "process": {"end": "2026-11-24T09:00:01.000Z"}});
    told.event("end", process("make", "ba/sh+", "make"), killed);
    told.event("exec", process("true", "ba/sh+", "bash"), json!({"event": {"outcome": "failure"}}));
    told.exec("true", "ba/sh+", "true");
    let inside = json!({
        "auditng": {"container": {"scope": "container"}}, "container": {"id": "c1", "name": "web", "image": {"name": "nginx"}},
    });
    told.event("exec", process("nginx", "ba/sh+", "nginx"), inside.clone());
    told.event("opened-file", process("worker", "nginx", "nginx"), inside);
    told
}

#[test]
fn a_process_has_ancestors_and_descendants() {
    let site = family().site();
    let tree = tree(&site, "ba/sh+", "");
    assert_eq!(order(&tree), ["init", "sshd", "ba/sh+", "make", "cc", "true", "nginx", "worker"]);
    assert_eq!(tree["ancestors"], json!(["sshd", "init"]));
    assert_eq!((&tree["more_ancestors"], &tree["full"]), (&json!(false), &json!(false)));
    let bash = node(&tree, "ba/sh+");
    assert_eq!(
        (&bash["parent"], &bash["name"], &bash["command_line"]),
        (&json!("sshd"), &json!("bash"), &json!("bash -x"))
    );
    assert_eq!(bash["children"], json!({"total": 3, "shown": 3}));
    assert_eq!(bash["user"]["name"], "root");
    let cc = node(&tree, "cc");
    assert_eq!((&cc["exit_code"], &cc["end"]), (&json!(3), &json!("2026-11-24T09:00:00.000Z")));
    let make = node(&tree, "make");
    assert_eq!((&make["exit_code"], &make["exit_signal"]), (&Value::Null, &json!(9)));
    let failed = node(&tree, "true");
    assert_eq!((&failed["failed_execs"], &failed["execs"], &failed["name"]), (&json!(1), &json!(1), &json!("true")));
    assert_eq!(failed["event"], event_id(1, 1, 7), "the exec that succeeded");
    let init = node(&tree, "init");
    assert_eq!((&init["known_by"], &init["pid"], &init["events"]), (&json!("children"), &json!(1), &json!(0)));
}

#[test]
fn a_container_begins_where_its_parent_is_elsewhere() {
    let mut told = family();
    told.event("exec", process("ba/sh+", "sshd", "bash"), json!({"auditng": {"container": {"scope": "host"}}}));
    let site = told.site();
    let tree = tree(&site, "ba/sh+", "");
    let crosses = |id: &str| node(&tree, id)["crosses"] == true;
    assert!(crosses("nginx") && !crosses("worker") && !crosses("make"), "{tree}");
    assert_eq!(node(&tree, "nginx")["container"]["name"], "web");
}

#[test]
fn what_a_bound_leaves_out_is_counted_and_can_be_fetched() {
    let mut told = Told::new();
    told.exec("root", "init", "root");
    (0..30).for_each(|n| drop(told.exec(&format!("c{n:02}"), "root", "child")));
    told.exec("deep", "c00", "deep");
    let site = told.site();
    let first = tree(&site, "root", "width=10&depth=1&ancestors=0");
    assert_eq!(node(&first, "root")["children"], json!({"total": 30, "shown": 10}));
    assert_eq!(node(&first, "c00")["children"], json!({"total": 1, "shown": 0}), "not looked into, and said so");
    assert_eq!(first["more_ancestors"], true);
    let rest = tree(&site, "root", "width=1000&depth=1&ancestors=0&skip=10");
    let mut all: Vec<&str> = order(&first)[1..].to_vec();
    all.extend(&order(&rest)[1..]);
    let wanted: Vec<String> = (0..30).map(|n| format!("c{n:02}")).collect();
    assert_eq!(all, wanted, "in the order in which they began");
    let few = tree(&site, "root", "nodes=5");
    assert_eq!((few["nodes"].as_array().unwrap().len(), &few["full"]), (7, &json!(true)));
    let up = tree(&site, "deep", "depth=0&ancestors=2");
    assert_eq!((&up["ancestors"], &up["more_ancestors"]), (&json!(["c00", "root"]), &json!(true)));
    assert_eq!(node(&up, "root")["children"], json!({"total": 30, "shown": 1}));
}

#[test]
fn a_process_that_was_handed_over_names_both() {
    let mut told = Told::new();
    told.exec("init", "", "init");
    told.exec("shell", "init", "sh");
    told.exec("daemon", "shell", "daemon");
    let handed = json!({"auditng": {"process": {"creator": {"entity_id": "shell", "pid": 9}}}});
    told.event("opened-file", process("daemon", "init", "daemon"), handed);
    let site = told.site();
    let tree = tree(&site, "init", "");
    let daemon = node(&tree, "daemon");
    assert_eq!(
        (&daemon["parent"], &daemon["adopted_by"], &daemon["creator"]),
        (&json!("shell"), &json!("init"), &json!("shell"))
    );
    assert_eq!(order(&tree).iter().filter(|id| **id == "daemon").count(), 1);
}

#[test]
fn rings_and_hostile_names_end() {
    let mut told = Told::new();
    told.exec("a", "b", "<img src=x>");
    told.exec("b", "a", &"x".repeat(5000));
    told.exec("self", "self", "me");
    told.event("exec", process("odd", "a", "odd"), json!({"auditng": {"process": {"ancestry": "no list"}}}));
    let site = told.site();
    let ring = tree(&site, "a", "depth=16");
    assert_eq!(order(&ring), ["b", "a", "odd"]);
    assert_eq!(node(&ring, "b")["cut"], true);
    assert_eq!(order(&tree(&site, "self", "")), ["self"]);
    for (path, status) in [
        ("/api/processes/nobody/tree", 404),
        ("/api/processes/a/tree?depth=17", 400),
        ("/api/processes/a/tree?width=1001", 400),
        ("/api/processes/a/tree?nodes=2001", 400),
        ("/api/processes/a/tree?colour=red", 400),
        ("/api/processes/a/tree?from=soon", 400),
        ("/api/processes/a/tree?to=2020-01-01", 404),
    ] {
        assert_eq!(site.ask("GET", path, None).status, status, "{path}");
    }
}

#[test]
fn ten_thousand_children_stay_within_the_bounds() {
    let mut told = Told::new();
    told.exec("root", "init", "root");
    (0..10_000).for_each(|n| drop(told.exec(&format!("child-{n:05}"), "root", "child")));
    let site = told.site();
    let start = std::time::Instant::now();
    let first = tree(&site, "root", "");
    assert_eq!(node(&first, "root")["children"], json!({"total": 10_000, "shown": 50}));
    let last = tree(&site, "root", "depth=1&width=1000&nodes=1000&skip=9990");
    assert_eq!(order(&last).last(), Some(&"child-09999"));
    assert_eq!(order(&last).len(), 1 + 1 + 10);
    // A bound against quadratic work, far above what a debug build on a busy machine needs.
    assert!(start.elapsed() < std::time::Duration::from_secs(60), "{:?}", start.elapsed());
}
