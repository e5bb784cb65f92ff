//! P46: bodies and clients that mean harm cost an error, not memory.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::eventually;

use crate::access::login;
use crate::crash::Victim;
use crate::harness::{Site, body, send, statuses};

/// Most memory that the process has ever used.
fn peak_rss_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn bombs_and_giants_leave_memory_flat() {
    let dir = tempfile::tempdir().unwrap();
    let victim = Victim::start(dir.path());
    let zeros = vec![b' '; 8 << 20];
    let frame = zstd::bulk::compress(&zeros, 1).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    (0..40).for_each(|_| gzip.write_all(&zeros).unwrap());
    let gzip = gzip.finish().unwrap();
    let before = peak_rss_mib(victim.pid());
    for _ in 0..4 {
        assert_eq!(
            victim.bulk(&frame.repeat(400), &[("content-encoding", "zstd")]).status,
            413,
            "3 GiB in many frames"
        );
        assert_eq!(victim.bulk(&gzip, &[("content-encoding", "gzip")]).status, 413, "320 MiB in one member");
    }
    // A frame that claims to hold 2^60 bytes.
    let lying = [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0];
    assert_eq!(victim.bulk(&lying, &[("content-encoding", "zstd")]).status, 400);
    assert_eq!(victim.bulk(&vec![b' '; (32 << 20) + 1], &[]).status, 413);
    let after = peak_rss_mib(victim.pid());
    assert!(after < before + 300, "{before} MiB before, {after} MiB after");
    victim.kill();
}

#[test]
fn hostile_documents_are_kept_or_refused() {
    let site = Site::new();
    let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    let long = format!("{{\"message\":\"{}\"}}", "x".repeat((1 << 20) - 13));
    assert_eq!(long.len(), (1 << 20) + 1);
    let wide = format!("{{{}}}", (0..2000).map(|n| format!("\"f{n}\":{n}")).collect::<Vec<_>>().join(","));
    let reply = site.bulk(&body([("deep", deep.as_str()), ("long", long.as_str()), ("wide", wide.as_str())]), &[]);
    assert_eq!(statuses(&reply), [201, 400, 201]);
    let many = b"{\"create\":{}}\n{}\n".repeat(10_001);
    assert_eq!(site.bulk(&many, &[]).status, 413);
    site.settle();
    assert_eq!(site.total("error.message:*"), 1, "what nests too deep is evidence");
}

/// Reads until the other side closes.
fn read_all(stream: &mut TcpStream, wait: Duration) -> String {
    stream.set_read_timeout(Some(wait)).unwrap();
    let mut out = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut chunk) {
        out.extend_from_slice(&chunk[..count]);
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn slow_clients_are_let_go() {
    let site = Site::with(|config| config.idle = Duration::from_secs(3));
    let address = site.url().strip_prefix("http://").unwrap().to_owned();
    let start = Instant::now();
    // Headers that never end, a byte at a time.
    let mut slow = TcpStream::connect(&address).unwrap();
    let gone = eventually("slow headers are cut off", Duration::from_secs(30), || {
        std::thread::park_timeout(Duration::from_millis(500));
        slow.write_all(b"G").err().or_else(|| {
            let mut byte = [0];
            slow.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
            matches!(slow.read(&mut byte), Ok(0)).then(|| std::io::Error::other("closed"))
        })
    });
    drop(gone);
    assert!(start.elapsed() < Duration::from_secs(20));
    // A body that never comes.
    let mut slow = TcpStream::connect(&address).unwrap();
    let request = format!(
        "POST /_bulk HTTP/1.1\r\nhost: {address}\r\nauthorization: {}\r\ncontent-length: 1000\r\n\r\n{{",
        site.agent()
    );
    slow.write_all(request.as_bytes()).unwrap();
    let answer = read_all(&mut slow, Duration::from_secs(25));
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(site.ask("GET", "/api/me", None).status, 200);
}

#[test]
fn a_flood_of_logins_leaves_the_page_quick() {
    let site = Site::new();
    let secret = json!({"user": "admin", "password": "x".repeat(1000)});
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..25).for_each(|_| assert!(matches!(login(&site, &secret).status, 401 | 429))));
        }
        let mut times: Vec<Duration> = (0..11)
            .map(|_| {
                let start = Instant::now();
                assert_eq!(send(site.url(), "GET", "/ui/", &[], None).status, 200);
                start.elapsed()
            })
            .collect();
        times.sort();
        assert!(times[5] < Duration::from_secs(1), "{times:?}");
    });
    let giant =
        send(site.url(), "POST", "/api/login", &[("content-type", "application/json")], Some(&vec![b' '; 2 << 20]));
    assert_eq!(giant.status, 413);
}
