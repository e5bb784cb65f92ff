//! Kill whom you like, when you like: every event is there exactly once (platform scenario P15).

use std::collections::HashSet;
use std::process::{Child, Stdio};
use std::time::Duration;

use testkit::eventually;
use testkit::generate::Random;

use crate::program::{Server, auditng};

const EVENTS: u64 = 43_073;

fn replay(server: &Server, file: &std::path::Path) -> Child {
    let mut command = auditng();
    command
        .arg("replay")
        .arg(file)
        .arg("--data-dir")
        .arg(&server.data)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Waits until the server has taken more than `enough` events, or the child has ended.
fn under_way(server: &Server, enough: u64, child: &mut Child) -> bool {
    eventually("the replay gets on", Duration::from_secs(120), || {
        if child.try_wait().unwrap().is_some() {
            return Some(false);
        }
        (server.count("") > enough).then_some(true)
    })
}

fn complete(server: &Server) {
    let events = eventually("all events are searchable", Duration::from_secs(60), || {
        let count = server.count("event.dataset:auditng.audit");
        (count >= EVENTS).then_some(count)
    });
    assert_eq!(events, EVENTS);
    let ran = server.ask([
        "sql",
        "SELECT count(*), count(DISTINCT \"event.id\"), count(DISTINCT \"event.sequence\") FROM audit",
        "--format",
        "csv",
    ]);
    assert_eq!(ran.out.lines().nth(1), Some("43073,43073,43073"), "{}", ran.err);
}

#[test]
fn the_server_killed_ten_times_and_the_sender_ten_times() {
    let Some(file) = testkit::recording("audit/real/host.log.zst") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"));
    let mut random = Random(20_261_124);
    let mut kills = 0;
    for round in 0..40 {
        let mut sender = replay(&server, &file);
        let killed = (0..5).any(|_| {
            let more = server.count("") + random.below(EVENTS / 12);
            if kills >= 20 || !under_way(&server, more, &mut sender) {
                return false;
            }
            kills += 1;
            if round % 2 == 0 {
                server.kill_and_restart();
                false
            } else {
                sender.kill().unwrap();
                true
            }
        });
        let ended = sender.wait().unwrap();
        if !killed && ended.success() && kills >= 20 {
            complete(&server);
            return;
        }
    }
    panic!("only {kills} kills in 40 rounds");
}

#[test]
fn the_same_input_twice_adds_nothing() {
    let Some(file) = testkit::recording("audit/real/host.log.zst") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"));
    for _ in 0..2 {
        assert!(replay(&server, &file).wait().unwrap().success());
    }
    complete(&server);
    assert_eq!(server.terminate(), Some(0));
    let again = Server::start(&server.data);
    complete(&again);
    let ids: HashSet<String> = {
        let ran = again.ask(["search", "process.name:xargs", "--format", "json", "--size", "10000"]);
        ran.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].to_string()).collect()
    };
    assert_eq!(ids.len() as u64, again.count("process.name:xargs"));
}
