//! Servers that are killed: P15, P17, P18.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use server::Server;
use testkit::eventually;
use testkit::generate::Random;

use crate::harness::{Reply, Site, config, events, send, statuses, try_send};

const DIR: &str = "AUDITNG_TEST_CHILD_DIR";

/// Not a test of its own: what the killed process runs.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else { return };
    let mut config = config(&dir.join("data"));
    // Small segments, so that rolling and trimming happen under the kills too.
    config.wal.segment_bytes = 64 << 10;
    let running = Server::start(config).unwrap();
    let about = json!({"url": running.url, "agent": running.agent_token, "cli": running.cli_token}).to_string();
    std::fs::write(dir.join("about.tmp"), about).unwrap();
    std::fs::rename(dir.join("about.tmp"), dir.join("about")).unwrap();
    loop {
        std::thread::park();
    }
}

/// A server in a process of its own.
pub(crate) struct Victim {
    dir: PathBuf,
    child: Child,
}

impl Victim {
    pub(crate) fn start(dir: &Path) -> Self {
        drop(std::fs::remove_file(dir.join("about")));
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--nocapture"])
            .env(DIR, dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let victim = Self { dir: dir.to_owned(), child };
        victim.about();
        victim
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn about(&self) -> serde_json::Value {
        eventually("the child listens", Duration::from_secs(30), || about(&self.dir))
    }

    pub(crate) fn bulk(&self, body: &[u8], headers: &[(&str, &str)]) -> Reply {
        let about = self.about();
        let auth = format!("Bearer {}", about["agent"].as_str().unwrap());
        let mut all = vec![("authorization", auth.as_str()), ("content-type", "application/x-ndjson")];
        all.extend_from_slice(headers);
        send(about["url"].as_str().unwrap(), "POST", "/_bulk", &all, Some(body))
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn about(dir: &Path) -> Option<serde_json::Value> {
    serde_json::from_str(&std::fs::read_to_string(dir.join("about")).ok()?).ok()
}

/// Sends a body to whoever listens until every item of it is delivered.
fn deliver(dir: &Path, body: &[u8]) {
    eventually("a body is delivered", Duration::from_secs(60), || {
        let about = about(dir)?;
        let auth = format!("Bearer {}", about["agent"].as_str()?);
        let headers = [("authorization", auth.as_str()), ("content-type", "application/x-ndjson")];
        let reply = try_send(about["url"].as_str()?, "POST", "/_bulk", &headers, Some(body)).ok()?;
        (reply.status == 200 && statuses(&reply).iter().all(|status| matches!(status, 201 | 409))).then_some(())
    });
}

/// Bodies are sent, and sent again where the answer was lost, while the server is killed and started again: each event is
/// there exactly once, and the order of acceptance has no hole.
#[test]
fn killed_at_random_each_event_is_there_once() {
    const BODIES: u64 = 240;
    const EACH: u64 = 25;
    let dir = tempfile::tempdir().unwrap();
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = Random(seed);
    let delivered = AtomicU64::new(0);
    let mut kills = 0;
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..3_u8)
            .map(|agent| {
                let (dir, delivered) = (dir.path(), &delivered);
                scope.spawn(move || {
                    for n in 0..BODIES / 3 {
                        let body = events(agent, 1, n * EACH..(n + 1) * EACH);
                        deliver(dir, &body);
                        delivered.fetch_add(1, Ordering::SeqCst);
                        // One in five again, as after a lost answer.
                        if n % 5 == 0 {
                            deliver(dir, &body);
                        }
                    }
                })
            })
            .collect();
        let mut victim = Some(Victim::start(dir.path()));
        while !senders.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let until = delivered.load(Ordering::SeqCst) + 5 + random.below(40);
            // And a little into the next one.
            let into = Duration::from_micros(random.below(30_000));
            while delivered.load(Ordering::SeqCst) < until
                && !senders.iter().all(std::thread::ScopedJoinHandle::is_finished)
            {
                std::thread::park_timeout(Duration::from_millis(1));
            }
            std::thread::park_timeout(into);
            victim.take().unwrap().kill();
            kills += 1;
            victim = Some(Victim::start(dir.path()));
        }
        victim.take().unwrap().kill();
    });
    println!("{kills} kills");
    assert!(kills >= 5, "{kills} kills are no test");
    check_all(&dir.path().join("data"), BODIES * EACH);
}

fn check_all(data: &Path, expect: u64) {
    let running = Server::start(config(data)).unwrap();
    let auth = format!("Bearer {}", running.cli_token);
    let headers = [("authorization", auth.as_str()), ("content-type", "application/json")];
    let search = |body: serde_json::Value| {
        let reply = send(&running.url, "POST", "/api/search", &headers, Some(body.to_string().as_bytes()));
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()
    };
    eventually("all is indexed", Duration::from_secs(30), || {
        search(json!({"size": 0}));
        let reply = send(&running.url, "GET", "/api/health", &headers, None).json();
        let (through, next) = (&reply["store"]["searchable_through"], &reply["wal"]["next_seq"]);
        (through.as_u64()? + 1 >= next.as_u64()?).then_some(())
    });
    let counted = search(json!({"query": "process.name:p*", "size": 0, "track_total": true}));
    assert_eq!(counted["total"]["value"], expect);
    let (mut ids, mut seqs) = (std::collections::HashSet::new(), Vec::new());
    let mut after = json!(null);
    loop {
        let mut body = json!({"size": 5000, "sort": [{"auditng.ingest_seq": "asc"}]});
        if !after.is_null() {
            body["search_after"] = after;
        }
        let page = search(body);
        let hits = page["hits"].as_array().unwrap();
        let Some(last) = hits.last() else { break };
        after = last["sort"].clone();
        for hit in hits {
            assert!(ids.insert(hit["id"].as_str().unwrap().to_owned()), "twice: {}", hit["id"]);
            seqs.push(hit["seq"].as_u64().unwrap());
        }
    }
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "the order of acceptance has a hole");
    running.stop(Duration::from_secs(5)).unwrap();
}

/// Bytes of the log change on the disk: one body is lost, named by its range, and everything else is there.
#[test]
fn a_flipped_byte_costs_one_body_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let victim = Victim::start(dir.path());
    for n in 0..3_u64 {
        victim.bulk(&events(1, 1, n * 10..(n + 1) * 10), &[]);
    }
    victim.kill();
    let data = dir.path().join("data");
    flip_in_frame(&data.join("wal"), 1);
    // As if the store had nothing yet of what the log holds.
    std::fs::remove_dir_all(data.join("store")).unwrap();
    let mut site = Site::new();
    site.stop();
    std::fs::remove_dir_all(site.dir.path()).unwrap();
    std::fs::rename(&data, site.dir.path()).unwrap();
    site.restart();
    let loss = eventually("the loss is reported", Duration::from_secs(20), || {
        site.search(&json!({"query": "auditng.loss.reason:wal-corrupt"}))["hits"].get(0).cloned()
    });
    let loss = &loss["source"]["auditng"]["loss"];
    assert_eq!((&loss["first"], &loss["last"], &loss["count"]), (&json!(11), &json!(20), &json!(10)));
    site.settle();
    assert_eq!(site.total("process.name:p*"), 20);
    // The agent still has them in its spool: now they are taken.
    let again = statuses(&site.bulk(&events(1, 1, 0..30), &[]));
    assert_eq!(again.iter().filter(|&&status| status == 201).count(), 10);
    site.restart();
    site.settle();
    assert_eq!(site.total("process.name:p*"), 30);
    assert_eq!(site.total("auditng.loss.reason:wal-corrupt"), 1, "reported once");
}

/// Flips a byte in the payload of the n-th frame of the log.
fn flip_in_frame(wal: &Path, frame: usize) {
    for entry in std::fs::read_dir(wal).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let starts: Vec<usize> =
            bytes.windows(4).enumerate().filter(|(_, w)| *w == b"ANGF").map(|(at, _)| at).collect();
        if let Some(start) = starts.get(frame) {
            bytes[start + 120] ^= 1;
            std::fs::write(path, bytes).unwrap();
            return;
        }
    }
    panic!("no frame {frame}");
}
