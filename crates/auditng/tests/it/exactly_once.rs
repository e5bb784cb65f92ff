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

/// Waits until so many events are there, or the sender has ended (then all are).
fn get_to(server: &Server, events: u64, sender: &mut Child) {
    eventually("the replay gets on", Duration::from_secs(120), || {
        (sender.try_wait().unwrap().is_some() || server.count("") >= events).then_some(())
    });
}

#[test]
fn the_server_killed_ten_times_and_the_sender_ten_times() {
    let Some(file) = testkit::recording("audit/real/host.log.zst") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"));
    let mut random = Random(20_261_124);
    let mut sender = replay(&server, &file);
    for kill in 1..=20 {
        // Somewhere in the k-th twentieth, so that the kills spread over the whole log.
        let part = EVENTS / 21;
        get_to(&server, part * (kill - 1) + random.below(part), &mut sender);
        if kill % 2 == 0 {
            server.kill_and_restart();
        } else {
            sender.kill().unwrap();
        }
        // A sender that was killed, or that had nothing left to send, begins again.
        if kill % 2 == 1 || sender.try_wait().unwrap().is_some() {
            sender.wait().unwrap();
            sender = replay(&server, &file);
        }
    }
    assert!(sender.wait().unwrap().success());
    complete(&server);
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
