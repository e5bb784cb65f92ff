//! The whole path under load: a release server in its own process, fed over HTTP with generated events, then asked.
//!
//! Figures are CPU seconds of the server process, its peak memory, bytes on disk, and the time and CPU of searches. One
//! JSON object at the end, so that runs can be compared; the seed is in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use schema::{Event, Timestamp, field};
use serde_json::{Value as Json, json};
use testkit::eventually;
use testkit::generate::{Generator, HOSTS};

use crate::workspace::{root, run};

/// Events in a body, as an agent under backlog sends them.
const BODY_EVENTS: u64 = 5_000;
/// Each search is made so often; the kernel counts CPU in steps of 10 ms.
const REPEATS: u32 = 20;

#[derive(Args)]
pub(crate) struct Load {
    /// How many events.
    #[arg(long, default_value_t = 5_000_000)]
    events: u64,
    /// Seed of the generator.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Events in a second of event time.
    #[arg(long, default_value_t = 1_000)]
    rate: u64,
    /// A built program to measure, in place of building one.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Keep the data folder and say where it is.
    #[arg(long)]
    keep: bool,
}

impl Load {
    pub(crate) fn run(&self) -> Result<()> {
        let program = built(self.program.as_deref())?;
        let folder = tempfile::Builder::new().prefix("auditng-load-").tempdir()?;
        let data = folder.path().join("data");
        let server = Server::start(&program, &data)?;
        let started = Instant::now();
        let sent_bytes = self.feed(&server)?;
        let received = started.elapsed();
        eventually("all events are searchable", Duration::from_secs(600), || {
            (server.count("*").ok()? >= self.events).then_some(())
        });
        let cpu = server.cpu_seconds()?;
        let report = json!({
            "events": self.events, "seed": self.seed,
            "wall_seconds_to_last_ack": received.as_secs_f64(),
            "server_cpu_seconds": cpu,
            "events_per_cpu_second": rounded(self.events, cpu),
            "wire_bytes_per_event": sent_bytes / self.events,
            "store_bytes_per_event": folder_bytes(&data.join("store")) / self.events,
            "peak_rss_bytes": server.peak_rss_bytes()?,
            "searches": self.searches(&server)?,
        });
        println!("{report:#}");
        if self.keep {
            println!("data: {}", folder.keep().display());
        }
        Ok(())
    }

    /// Sends all events in bodies of one host each; gives back the packed bytes.
    fn feed(&self, server: &Server) -> Result<u64> {
        let span_ms = i64::try_from(self.events * 1000 / self.rate)?;
        let mut generator = Generator::new(self.seed, Timestamp::from_millis(now_ms()? - span_ms), self.rate);
        let (mut event, mut sent, mut bytes) = (Event::default(), 0, 0);
        while sent < self.events {
            let host = sent / BODY_EVENTS % HOSTS;
            let mut body = String::new();
            let count = BODY_EVENTS.min(self.events - sent);
            for _ in 0..count {
                let id = generator.fill_for(host, &mut event);
                let index = event.stream().index();
                body.push_str(&format!("{{\"create\":{{\"_index\":\"{index}\",\"_id\":\"{id}\"}}}}\n"));
                event.write_json(&mut body);
                body.push('\n');
            }
            let packed = zstd::encode_all(body.as_bytes(), 1)?;
            bytes += packed.len() as u64;
            server.bulk(&packed, event.str(field::AGENT_ID).unwrap_or_default(), count)?;
            sent += count;
        }
        Ok(bytes)
    }

    fn searches(&self, server: &Server) -> Result<Json> {
        let histogram = json!({"t": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1m"}, "aggs": {"x": {"terms": {"field": "process.executable"}}}}});
        let cases = [
            ("newest 50 of everything", json!({"query": ""})),
            ("newest 50 of a host", json!({"query": "host.name:node-042.example"})),
            ("execs of the last hour, newest 50", json!({"query": "event.action:exec", "from": "now-1h"})),
            ("a bare word", json!({"query": "tool-311"})),
            ("wildcard over 100,000 paths", json!({"query": "file.path:*/file-0421*.dat"})),
            ("histogram by minute x executable", json!({"size": 0, "aggs": histogram})),
            (
                "terms over 100,000 paths, exact",
                json!({"size": 0, "aggs": {"p": {"terms": {"field": "file.path", "size": 10}}}}),
            ),
            ("cardinality of paths", json!({"size": 0, "aggs": {"p": {"cardinality": {"field": "file.path"}}}})),
        ];
        let mut results = Vec::new();
        for (name, mut search) in cases {
            if search.get("size").is_none() {
                search["size"] = json!(50);
            }
            let before = server.cpu_seconds()?;
            let mut took = Vec::new();
            for _ in 0..REPEATS {
                took.push(server.search(&search)?["took_ms"].as_f64().unwrap_or(0.0));
            }
            took.sort_by(f64::total_cmp);
            let cpu_ms = (server.cpu_seconds()? - before) * 1000.0 / f64::from(REPEATS);
            results.push(
                json!({"search": name, "median_ms": took[took.len() / 2], "worst_ms": took.last(), "cpu_ms": cpu_ms}),
            );
        }
        Ok(Json::from(results))
    }
}

/// The release program: the one given, or one built now.
pub(crate) fn built(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    run("cargo", &["build", "--quiet", "--release", "--package", "auditng"])?;
    Ok(root().join("target/release/auditng"))
}

/// A release server of its own.
struct Server {
    child: Child,
    url: String,
    token: String,
    http: ureq::Agent,
}

impl Server {
    fn start(program: &Path, data: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg("serve").arg("--data-dir").arg(data).args(["--listen", "127.0.0.1:0"]).stdout(Stdio::null());
        let child = command.spawn().context("cannot start the server")?;
        let left = eventually("the server leaves cli.json", Duration::from_secs(30), || {
            serde_json::from_str::<Json>(&fs::read_to_string(data.join("cli.json")).ok()?).ok()
        });
        let text = |key: &str| left[key].as_str().unwrap_or_default().to_owned();
        let http = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Ok(Self { child, url: text("url"), token: text("token"), http })
    }

    /// Sends one body until each of its items is taken; a server that asks to wait is given time.
    fn bulk(&self, packed: &[u8], agent: &str, count: u64) -> Result<()> {
        loop {
            let request = self.http.post(format!("{}/_bulk", self.url));
            let request =
                request.header("Authorization", format!("Bearer {}", self.token)).header("X-Auditng-Agent", agent);
            let request = request.header("Content-Type", "application/x-ndjson").header("Content-Encoding", "zstd");
            let mut response = request.send(packed)?;
            let text = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
            if response.status() == 429 || response.status() == 503 {
                wait();
                continue;
            }
            ensure!(response.status() == 200, "the server answered {}: {text}", response.status());
            let answer: Json = serde_json::from_str(&text)?;
            let items = answer["items"].as_array().context("an answer without items")?;
            let status = |item: &Json| item["create"]["status"].as_u64().unwrap_or(0);
            if items.iter().any(|item| matches!(status(item), 429 | 503)) {
                wait();
                continue;
            }
            ensure!(
                items.len() as u64 == count && items.iter().all(|item| matches!(status(item), 201 | 409)),
                "not all taken: {text:.400}"
            );
            return Ok(());
        }
    }

    fn search(&self, search: &Json) -> Result<Json> {
        let request = self
            .http
            .post(format!("{}/api/search", self.url))
            .header("Authorization", format!("Bearer {}", self.token));
        let mut response = request.header("Content-Type", "application/json").send(search.to_string())?;
        let text = response.body_mut().with_config().limit(256 << 20).read_to_string()?;
        ensure!(response.status() == 200, "{search} was answered {}: {text}", response.status());
        Ok(serde_json::from_str(&text)?)
    }

    fn count(&self, query: &str) -> Result<u64> {
        let search = json!({"query": query, "streams": ["audit"], "size": 0, "track_total": true});
        self.search(&search)?["total"]["value"].as_u64().context("no total")
    }

    /// User and system time of the process.
    fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after_name = stat.rsplit(')').next().context("no name in stat")?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        Ok(ticks / 100.0)
    }

    fn peak_rss_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the server asked for time")]
fn wait() {
    std::thread::sleep(Duration::from_millis(200));
}

#[expect(clippy::disallowed_methods, reason = "generated events end about now")]
fn now_ms() -> Result<i64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_millis())?)
}

fn rounded(events: u64, seconds: f64) -> u64 {
    let events = u32::try_from(events).map_or(f64::MAX, f64::from);
    format!("{:.0}", events / seconds).parse().unwrap_or(0)
}

fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => folder_bytes(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
