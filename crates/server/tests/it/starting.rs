//! P44, P92, P93: starting where one cannot, stopping under load.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use server::{Server, StartError};

use crate::harness::{Site, config, events, try_send};

#[test]
fn a_second_process_is_told_who_is_there() {
    let site = Site::new();
    let Err(error) = Server::start(config(site.dir.path())) else { panic!("started twice") };
    assert!(error.to_string().contains(&format!("in use by process {}", std::process::id())), "{error}");
}

#[test]
fn a_busy_port_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(dir.path());
    config.listen = busy.local_addr().unwrap();
    let Err(error @ StartError::Listen { .. }) = Server::start(config.clone()) else { panic!("started") };
    assert!(error.to_string().contains(&config.listen.to_string()), "{error}");
    // Nothing is left behind that keeps the next try from working.
    drop(busy);
    Server::start(config).unwrap().stop(Duration::from_secs(5)).unwrap();
}

#[test]
fn unusable_folders_are_named() {
    for path in ["/proc/auditng", "/dev/null/auditng"] {
        let Err(error) = Server::start(config(path.as_ref())) else { panic!("started in {path}") };
        assert!(matches!(error, StartError::DataDir { .. }) && error.to_string().contains(path), "{error}");
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("VERSION"), "auditng 99 000000000001\n").unwrap();
    let Err(error) = Server::start(config(dir.path())) else { panic!("started") };
    assert!(error.to_string().contains("newer auditng (format 99"), "{error}");
}

#[test]
fn the_open_network_needs_insistence() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.listen = "0.0.0.0:0".parse().unwrap();
    let Err(error @ StartError::Insecure(_)) = Server::start(config.clone()) else { panic!("started") };
    assert!(error.to_string().contains("proxy with TLS") && error.to_string().contains("--insecure-http"), "{error}");
    config.insecure_http = true;
    let running = Server::start(config).unwrap();
    let port = running.url.rsplit(':').next().unwrap().to_owned();
    let auth = format!("Bearer {}", running.cli_token);
    let me =
        try_send(&format!("http://127.0.0.1:{port}"), "GET", "/api/me", &[("authorization", &auth)], None).unwrap();
    assert_eq!(me.json()["insecure"], true);
    running.stop(Duration::from_secs(5)).unwrap();
}

#[test]
fn stopping_under_load_is_quick_and_loses_nothing() {
    let mut site = Site::new();
    let (url, auth) = (site.url().to_owned(), site.agent());
    let delivered = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let headers = [("authorization", auth.as_str()), ("content-type", "application/x-ndjson")];
            let mut delivered = 0;
            for n in 0.. {
                let body = events(1, 1, n * 100..(n + 1) * 100);
                match try_send(&url, "POST", "/_bulk", &headers, Some(&body)) {
                    Ok(reply) if reply.status == 200 => delivered += 100,
                    _ => break,
                }
            }
            delivered
        });
        // Long enough under way to be in the middle of it; if not, the assertion at the end says so.
        while !sender.is_finished() && site.get("/api/health")["wal"]["next_seq"].as_u64().unwrap() < 500 {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        let start = Instant::now();
        site.stop();
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        sender.join().unwrap()
    });
    assert!(delivered > 0);
    site.restart();
    assert!(site.store().committed_through().0 >= delivered, "nothing is left to be played again");
    assert!(site.total("process.name:p*") >= delivered);
}
