//! The server's TOML file: every key with default, unit and reason is in `etc/server.toml`.
//!
//! Unknown keys are errors, and all errors are reported at once, so a file is mended in one go. Each option has one
//! place: its field with its default, and its line in [`Config::read`].

mod reader;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use reader::{Section, Words};

pub use reader::{Problem, Problems};

/// How the server runs. `Config::default()` is what an empty file gives.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// Where everything lies.
    pub data_dir: PathBuf,
    /// Address of the page, the interface and the agents.
    pub listen: SocketAddr,
    /// Allows to listen beyond loopback without TLS.
    pub insecure_http: bool,
    /// Not a key of the file: the command line's token of the server that ran here before, which stays valid.
    pub cli_token: Option<String>,
    /// A connection on which no whole request head comes for so long is closed.
    pub idle: Duration,
    /// Receiving events.
    pub ingest: Ingest,
    /// The write-ahead log.
    pub wal: Wal,
    /// How long events stay.
    pub retention: Retention,
    /// Bounds of searches.
    pub search: Search,
    /// People and sessions.
    pub auth: Auth,
    /// Agents.
    pub agents: Agents,
    /// What we claim to be towards Elasticsearch clients.
    pub compat: Compat,
}

/// `[ingest]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ingest {
    /// Largest body as sent.
    pub body_bytes: u64,
    /// Largest body unpacked.
    pub unpacked_bytes: u64,
    /// Largest event.
    pub event_bytes: u64,
    /// Most items in a body.
    pub items: u64,
    /// Unpacked bytes under way over all callers.
    pub inflight_bytes: u64,
    /// Unpacked bytes under way of one caller; one body is always let through.
    pub caller_bytes: u64,
    /// How far back a foreign `_id` is recognised.
    pub dedupe_horizon: Duration,
    /// After this a hole in an agent's counters is reported.
    pub gap_after: Duration,
}

/// `[wal]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wal {
    /// Size of a segment.
    pub segment_bytes: u64,
    /// Above this, agents are told to wait.
    pub max_bytes: u64,
    /// So old may the oldest event be that is not in the store yet, before agents are told to wait.
    pub max_lag: Duration,
}

/// `[retention]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Age at which events of `audit`, `fim`, `query`, `log` and `other` go.
    pub max_age: Duration,
    /// The same for `health`, `alert` and `anomaly`.
    pub record_age: Duration,
    /// Bytes of the store; 0: 80 % of the disk.
    pub max_bytes: u64,
}

/// `[search]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    /// Longest search.
    pub timeout: Duration,
    /// Memory of one search.
    pub memory_bytes: u64,
    /// Searches at once; 0: twice the cores.
    pub concurrency: u64,
    /// Searches at once of one person.
    pub per_person: u64,
    /// Searches that may wait.
    pub queue: u64,
    /// Buckets of one search.
    pub max_buckets: u64,
}

/// `[auth]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Auth {
    /// Host names under which the page is reached, beside localhost and loopback addresses.
    pub names: Vec<String>,
    /// A session ends after so long without use ...
    pub session_idle: Duration,
    /// ... and at the latest after this.
    pub session_max: Duration,
    /// When a one-time admin link is made at start.
    pub link: Link,
}

/// When a one-time admin link is made at start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    /// While there is no admin with a password.
    First,
    /// At each start.
    Always,
}

/// `[agents]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agents {
    /// How often agents are expected to say that they live.
    pub heartbeat: Duration,
}

/// `[compat]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compat {
    /// The Elasticsearch version that shippers see.
    pub version: String,
}

const MIB: u64 = 1 << 20;
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("/var/lib/auditng"),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9280)),
            insecure_http: false,
            cli_token: None,
            idle: Duration::from_secs(75),
            ingest: Ingest {
                body_bytes: 32 * MIB,
                unpacked_bytes: 64 * MIB,
                event_bytes: MIB,
                items: 10_000,
                inflight_bytes: 256 * MIB,
                caller_bytes: 16 * MIB,
                dedupe_horizon: DAY,
                gap_after: Duration::from_secs(30),
            },
            wal: Wal { segment_bytes: 64 * MIB, max_bytes: 8192 * MIB, max_lag: Duration::from_secs(600) },
            retention: Retention { max_age: DAY * 30, record_age: DAY * 365, max_bytes: 0 },
            search: Search {
                timeout: Duration::from_secs(30),
                memory_bytes: 256 * MIB,
                concurrency: 0,
                per_person: 8,
                queue: 64,
                max_buckets: 65_536,
            },
            auth: Auth { names: Vec::new(), session_idle: HOUR * 12, session_max: DAY * 7, link: Link::First },
            agents: Agents { heartbeat: Duration::from_secs(30) },
            compat: Compat { version: "8.17.0".to_owned() },
        }
    }
}

impl Config {
    /// Reads a file's text.
    ///
    /// # Errors
    /// All that is wrong with it: syntax, unknown keys, values out of range.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let mut config = Self::default();
        let mut problems = Vec::new();
        match Section::top(text) {
            Ok(top) => config.read(top, &mut problems),
            Err(problem) => problems.push(problem),
        }
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }

    fn read(&mut self, mut top: Section, problems: &mut Vec<Problem>) {
        top.key("data_dir", &mut self.data_dir, problems);
        top.key("listen", &mut self.listen, problems);
        top.key("insecure_http", &mut self.insecure_http, problems);
        top.key("idle", &mut self.idle, problems);
        top.section("ingest", problems, |s, p| {
            let c = &mut self.ingest;
            s.bytes("body_bytes", &mut c.body_bytes, 1024, p);
            s.bytes("unpacked_bytes", &mut c.unpacked_bytes, 1024, p);
            s.bytes("event_bytes", &mut c.event_bytes, 1024, p);
            s.number("items", &mut c.items, 1, p);
            s.bytes("inflight_bytes", &mut c.inflight_bytes, 1024, p);
            s.bytes("caller_bytes", &mut c.caller_bytes, 1024, p);
            s.key("dedupe_horizon", &mut c.dedupe_horizon, p);
            s.key("gap_after", &mut c.gap_after, p);
        });
        top.section("wal", problems, |s, p| {
            let c = &mut self.wal;
            s.bytes("segment_bytes", &mut c.segment_bytes, 4096, p);
            s.bytes("max_bytes", &mut c.max_bytes, 4096, p);
            s.key("max_lag", &mut c.max_lag, p);
        });
        top.section("retention", problems, |s, p| {
            let c = &mut self.retention;
            s.key("max_age", &mut c.max_age, p);
            s.key("record_age", &mut c.record_age, p);
            s.bytes("max_bytes", &mut c.max_bytes, 0, p);
        });
        top.section("search", problems, |s, p| {
            let c = &mut self.search;
            s.key("timeout", &mut c.timeout, p);
            s.bytes("memory_bytes", &mut c.memory_bytes, MIB, p);
            s.number("concurrency", &mut c.concurrency, 0, p);
            s.number("per_person", &mut c.per_person, 1, p);
            s.number("queue", &mut c.queue, 0, p);
            s.number("max_buckets", &mut c.max_buckets, 1, p);
        });
        top.section("auth", problems, |s, p| {
            let c = &mut self.auth;
            s.key("names", &mut c.names, p);
            s.key("session_idle", &mut c.session_idle, p);
            s.key("session_max", &mut c.session_max, p);
            s.key("link", &mut c.link, p);
        });
        top.section("agents", problems, |s, p| s.key("heartbeat", &mut self.agents.heartbeat, p));
        top.section("compat", problems, |s, p| s.key("version", &mut self.compat.version, p));
        top.end(problems);
    }
}

impl Words for Link {
    const WORDS: &'static [(&'static str, Self)] = &[("first", Self::First), ("always", Self::Always)];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_shows_the_defaults() {
        let text = include_str!("../../../etc/server.toml");
        assert_eq!(Config::parse(text).unwrap(), Config::default());
        let shown = text.lines().filter(|line| line.contains(" = ") && !line.starts_with("# ")).count();
        assert_eq!(shown, 30, "a key without a line in etc/server.toml, or the other way round");
    }

    #[test]
    fn all_errors_come_at_once() {
        let text = "lisen = 'x'\nlisten = 'nowhere'\n[wal]\nmax_lag = 3\nsegment_bytes = '1KiB'\n[nosuch]\na = 1\n";
        let problems = Config::parse(text).unwrap_err();
        let places: Vec<&str> = problems.0.iter().map(|problem| problem.place.as_str()).collect();
        assert_eq!(places, ["listen", "wal.segment_bytes", "wal.max_lag", "lisen", "nosuch"]);
        assert!(problems.to_string().contains("lisen: there is no such key; did you mean listen?"), "{problems}");
    }

    #[test]
    fn syntax_errors_name_the_line() {
        let problems = Config::parse("a = 1\nb = = 2\n").unwrap_err();
        assert!(problems.to_string().contains("line 2"), "{problems}");
    }

    #[test]
    fn durations_and_sizes() {
        let config = Config::parse("wal = { max_lag = '90s', max_bytes = '2GiB' }\nauth.session_idle = '2h'").unwrap();
        assert_eq!(config.wal.max_lag, Duration::from_secs(90));
        assert_eq!(config.wal.max_bytes, 2 << 30);
        assert_eq!(config.auth.session_idle, HOUR * 2);
    }
}
