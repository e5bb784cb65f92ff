//! A tiny HTTP server with a script, and what it saw.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use elastic::bulk::{Action, ItemResult, Items, Response};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    /// Unpacked.
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        Items::new(&self.body).map(|item| item.unwrap().id.unwrap().into_owned()).collect()
    }
}

/// What the server does with a request.
pub(crate) enum Reply {
    Status(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These bytes and nothing more, then the connection ends.
    Raw(Vec<u8>),
    /// In chunks, as a proxy would.
    Chunked(Vec<u8>),
    /// No answer at all.
    HangUp,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Status(200, Vec::new(), body.into())
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Status(status, Vec::new(), b"{}".to_vec())
    }
}

type Script = dyn Fn(usize, &Request, &State) -> Reply + Send + Sync;

/// What the server knows.
#[derive(Default)]
pub(crate) struct State {
    requests: Mutex<Vec<Request>>,
    /// How often each id was stored.
    stored: Mutex<BTreeMap<String, usize>>,
    bulks: AtomicUsize,
}

impl State {
    pub(crate) fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap()
    }

    pub(crate) fn bulks(&self) -> Vec<Request> {
        self.requests().iter().filter(|request| request.path == "/_bulk").cloned().collect()
    }

    pub(crate) fn stored(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.stored.lock().unwrap()
    }

    /// Stores or knows each item, as our server does.
    pub(crate) fn accept(&self, request: &Request) -> Vec<u8> {
        self.answer(request, |_| 201)
    }

    /// Answers each item with the status that `of` gives for its id; 201 stores it, or says that it is there.
    pub(crate) fn answer(&self, request: &Request, of: impl Fn(&str) -> u16) -> Vec<u8> {
        let items = request.ids().into_iter().map(|id| match of(&id) {
            201 => self.store(id),
            status => ItemResult::refused(Action::Create, "logs", id, status, "some_exception", "as scripted"),
        });
        let mut out = Vec::new();
        Response { took_ms: 1, items: items.collect() }.write(&mut out);
        out
    }

    fn store(&self, id: String) -> ItemResult<'static> {
        let mut stored = self.stored();
        let times = stored.entry(id.clone()).or_default();
        *times += 1;
        if *times > 1 {
            return ItemResult::duplicate(Action::Create, "logs", id);
        }
        ItemResult::created(Action::Create, "logs", id, 1)
    }
}

/// The server; it ends with the test.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) state: Arc<State>,
}

/// As our server introduces itself, and as Elasticsearch does.
pub(crate) const OURS: &str =
    r#"{"version":{"number":"8.17.0","build_hash":"0000000000000000000000000000000000000000"}}"#;
pub(crate) const ELASTIC: &str =
    r#"{"version":{"number":"8.17.0","build_hash":"2b6a7fed44faa321997703718f07ee0420804b41"}}"#;

impl Server {
    /// `script` answers the n-th `_bulk`, from 0.
    pub(crate) fn start(script: impl Fn(usize, &Request, &State) -> Reply + Send + Sync + 'static) -> Self {
        Self::introducing(OURS, script)
    }

    pub(crate) fn introducing(
        about: &'static str,
        script: impl Fn(usize, &Request, &State) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), about, Arc::new(script))
    }

    fn on(listener: TcpListener, about: &'static str, script: Arc<Script>) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (state, script) = (Arc::clone(&shared), Arc::clone(&script));
                std::thread::spawn(move || serve(stream, about, &state, &*script));
            }
        });
        Self { url, state }
    }
}

fn serve(stream: TcpStream, about: &str, state: &State, script: &Script) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = read(&mut reader) {
        state.requests().push(request.clone());
        let reply = match request.path.as_str() {
            "/" => Reply::ok(about),
            "/agent/heartbeat" => Reply::ok(r#"{"time":"2026-01-01T00:00:00.000Z","spread_s":0}"#),
            _ => script(state.bulks.fetch_add(1, Ordering::SeqCst), &request, state),
        };
        if !answer(&stream, reply) {
            return;
        }
    }
}

fn answer(mut stream: &TcpStream, reply: Reply) -> bool {
    let (bytes, goes_on) = match reply {
        Reply::Status(status, headers, body) => {
            let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
            ([head.into_bytes(), body].concat(), true)
        }
        Reply::Chunked(body) => {
            let mut out =
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            for piece in body.chunks(7) {
                out.extend(format!("{:x}\r\n", piece.len()).into_bytes());
                out.extend_from_slice(piece);
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b"0\r\n\r\n");
            (out, true)
        }
        Reply::Raw(bytes) => (bytes, false),
        Reply::HangUp => (Vec::new(), false),
    };
    stream.write_all(&bytes).is_ok() && goes_on
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&len| len > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let len = headers.get("content-length").and_then(|len| len.parse().ok()).unwrap_or(0);
    let mut body = vec![0; len];
    reader.read_exact(&mut body).ok()?;
    let body = match headers.get("content-encoding").map(String::as_str) {
        Some("zstd") => zstd::decode_all(&body[..]).unwrap(),
        Some("gzip") => {
            let mut out = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut out).unwrap();
            out
        }
        _ => body,
    };
    Some(Request { path, headers, body, at: Instant::now() })
}
