use super::*;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

const ID: &str = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";

/// A daemon that answers every request line with these bytes, or, where there are none, keeps the connection and is silent.
pub(in super::super) struct Fake {
    folder: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    pub(in super::super) fn start(answer: impl Fn(&str) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let run = move || {
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.unwrap();
                match answer(&request_line(&mut stream)) {
                    // Whoever asked may have gone.
                    Some(bytes) => drop(stream.write_all(&bytes)),
                    None => silent.push(stream),
                }
            }
        };
        Self { folder, stop, thread: Some(std::thread::spawn(run)) }
    }

    pub(in super::super) fn path(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    pub(in super::super) fn config(&self, kind: SocketKind) -> Config {
        Config { sockets: vec![Socket { kind, path: self.path() }], bundle_roots: Vec::new(), ..Config::default() }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        UnixStream::connect(self.path()).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn request_line(stream: &mut UnixStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        text.push(byte[0]);
    }
    String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned()
}

pub(in super::super) fn http(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes()
}

pub(in super::super) fn ping() -> Vec<u8> {
    http(200, "Api-Version: 1.41\r\n", "OK")
}

pub(in super::super) fn inspected(id: &str) -> String {
    format!(r#"{{"Id":"{id}","Name":"/web","Config":{{"Image":"app:1","Labels":{{"team":"a"}}}}}}"#)
}

fn question() -> Question {
    Question { found: Found { id: ID.to_owned(), runtime: "podman", ..Found::default() }, sandbox: None }
}

fn described(answer: impl Fn(&str) -> Option<Vec<u8>> + Send + 'static) -> Result<Facts, Miss> {
    let fake = Fake::start(answer);
    let answer = Runtimes::new(fake.config(SocketKind::Podman)).describe(&question(), Instant::now());
    assert_eq!(answer.tried.len(), 1);
    answer.tried[0].1.map(|()| answer.facts.unwrap())
}

/// A daemon that is all right until it is asked for the container.
fn of_container(answer: Option<Vec<u8>>) -> Result<Facts, Miss> {
    described(move |line| if line.contains("_ping") { Some(ping()) } else { answer.clone() })
}

#[test]
fn a93_the_version_is_the_daemons_own() {
    let facts = described(|line| match line {
        "GET /_ping HTTP/1.1" => Some(ping()),
        line if line.starts_with(&format!("GET /v1.41/containers/{ID}/json ")) => Some(http(200, "", &inspected(ID))),
        _ => Some(http(400, "", "client version is too old")),
    });
    let facts = facts.unwrap();
    assert_eq!(
        (facts.name.as_deref(), facts.image.as_deref(), facts.labels.get("team")),
        (Some("web"), Some("app"), Some("a"))
    );
}

#[test]
fn a93_daemons_in_every_state() {
    let chunked = |body: &str| {
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
            .into_bytes()
    };
    assert_eq!(of_container(Some(chunked(&inspected(ID)))).unwrap().name.as_deref(), Some("web"));
    let check = |answer: Option<Vec<u8>>, expect: Miss| assert_eq!(of_container(answer), Err(expect));
    check(None, Miss::Timeout);
    check(Some(Vec::new()), Miss::Closed);
    check(Some(http(200, "", &" ".repeat(10 << 20))), Miss::TooLarge);
    check(Some(chunked(&" ".repeat(10 << 20))), Miss::TooLarge);
    check(Some([&b"HTTP/1.1 200 OK\r\n\r\n"[..], &vec![b' '; 10 << 20]].concat()), Miss::TooLarge);
    check(Some(http(404, "", "no such container")), Miss::Unknown);
    check(Some(http(500, "", "oh")), Miss::Refused);
    check(Some(http(400, "", "client version 1.41 is too old. Minimum supported API version is 1.44")), Miss::Refused);
    check(Some(http(200, "", "{")), Miss::Malformed);
    check(Some(http(200, "", &inspected("another"))), Miss::Malformed);
    check(Some(b"SSH-2.0\r\n".to_vec()), Miss::Malformed);
}

#[test]
fn a93_daemons_that_do_not_greet() {
    assert_eq!(described(|_| Some(http(500, "", ""))), Err(Miss::Refused));
    assert_eq!(described(|_| Some(http(200, "Api-Version: ../x\r\n", ""))), Err(Miss::Malformed));
    // One from before there were versions.
    let old = described(|line| {
        Some(if line.contains("_ping") { http(200, "", "OK") } else { http(200, "", &inspected(ID)) })
    });
    assert_eq!(old.unwrap().name.as_deref(), Some("web"));
}

#[test]
fn a93_a_hung_socket_is_left_alone_for_a_while() {
    let fake = Fake::start(|_| None);
    let mut runtimes = Runtimes::new(fake.config(SocketKind::Podman));
    let begin = Instant::now();
    let ask = |runtimes: &mut Runtimes, now: Instant| runtimes.describe(&question(), now).tried[0].1;
    assert_eq!(ask(&mut runtimes, begin), Err(Miss::Timeout));
    assert!(begin.elapsed() >= socket::TIME);
    let again = Instant::now();
    (0..1000).for_each(|_| assert_eq!(ask(&mut runtimes, again), Err(Miss::Timeout)));
    assert!(again.elapsed() < socket::TIME, "{:?}", again.elapsed());
    drop(fake);
    // Later it is asked again, and found gone.
    assert_eq!(ask(&mut runtimes, again + MUTE + MUTE), Err(Miss::Absent));
}

#[cfg(feature = "grpc")]
#[test]
fn a93_a_containerd_that_speaks_something_else() {
    let fake = Fake::start(|_| Some(http(400, "", "")));
    let mut runtimes = Runtimes::new(fake.config(SocketKind::Containerd));
    let found = Found { id: ID.to_owned(), runtime: "containerd", ..Found::default() };
    let answer = runtimes.describe(&Question { found, sandbox: None }, Instant::now());
    let ways: Vec<_> = answer.tried.iter().map(|(via, _)| *via).collect();
    assert_eq!(ways, [Via::Cri, Via::Containerd]);
    assert!(answer.tried.iter().all(|(_, result)| matches!(result, Err(Miss::Malformed | Miss::Closed))), "{answer:?}");
}

#[test]
fn a_users_socket_is_asked_about_that_users_containers_only() {
    let config = Config::default();
    let paths = |runtime: &'static str, user: Option<u32>| -> Vec<String> {
        let found = Found { id: ID.to_owned(), runtime, user, ..Found::default() };
        ways(&config, &found).into_iter().map(|(_, path)| path.display().to_string()).collect()
    };
    assert_eq!(paths("podman", None), ["/run/podman/podman.sock"]);
    assert_eq!(paths("podman", Some(1000)), ["/run/podman/podman.sock", "/run/user/1000/podman/podman.sock"]);
    assert_eq!(paths("cri-o", None), ["/run/crio/crio.sock"]);
    assert_eq!(paths("lxc", None), [""; 0]);
    let none = Config { runtimes: Vec::new(), ..config.clone() };
    assert!(ways(&none, &question().found).is_empty());
}

#[test]
fn ids_that_are_no_words_are_not_asked_for() {
    let fake = Fake::start(|_| panic!("nobody asks"));
    let mut runtimes = Runtimes::new(fake.config(SocketKind::Podman));
    for id in ["", "../x", "a b", "a\r\nHost: x", "a/json?x"] {
        let found = Found { id: id.to_owned(), runtime: "podman", ..Found::default() };
        let answer = runtimes.describe(&Question { found, sandbox: None }, Instant::now());
        assert_eq!(answer.tried, [(Via::Podman, Err(Miss::Unknown))], "{id:?}");
    }
}
