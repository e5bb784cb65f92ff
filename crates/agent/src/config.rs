//! The agent's TOML file: every key with default, unit and reason is in `etc/agent.toml`.
//!
//! Each room brings its own part with its own defaults; here they are put together and read. Unknown keys are errors, and
//! everything that is wrong is reported at once, so a file is mended in one go.
//!
//! ```
//! use agent::config::Config;
//!
//! let config = Config::read("[spool]\nbytes = \"64MiB\"\n").unwrap();
//! assert_eq!(config.spool.bytes.0, 64 << 20);
//! let problems = Config::read("colour = 1\n[spool]\nbytes = 5\nfull = \"maybe\"").unwrap_err();
//! assert_eq!(problems.0.len(), 3);
//! ```

use std::path::PathBuf;

use fim::config::from_toml;
use serde::{Deserialize, Serialize};

use crate::enrich::{self, container, process, user};
use crate::filter::{self, Filter};
use crate::ship::{self, Target};
use crate::source::audit;
use crate::spool::{self, Full, Limits};

pub use fim::config::{Bytes, Problem, Problems, Span};

/// How the agent runs. `Config::default()` is what an empty file gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where spool, identity and source state lie.
    pub state_dir: PathBuf,
    /// The host's name in heartbeats; empty: as the system says.
    pub name: String,
    /// The durable queue.
    pub spool: Spool,
    /// Where events go.
    pub ship: Ship,
    /// Where events come from.
    pub source: Sources,
    /// The kernel's audit rules.
    pub rules: audit::Rules,
    /// What is known of containers.
    pub container: container::Config,
    /// Names of users.
    pub users: user::Config,
    /// What is kept of processes.
    pub process: process::Config,
    /// File integrity monitoring.
    pub fim: fim::config::Config,
    /// What is left out, in this order.
    pub filter: Vec<Filter>,
}

/// `[spool]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spool {
    /// Most bytes on disk.
    pub bytes: Bytes,
    /// Bytes left free on the file system.
    pub keep_free: Bytes,
    /// What happens at these bounds.
    pub full: Full,
    /// A group is durable this long after its first event.
    pub commit_interval: Span,
    /// Events in a group.
    pub batch_events: u16,
    /// Most bytes waiting in memory.
    pub memory: Bytes,
}

/// `[ship]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ship {
    /// Servers in order of preference.
    pub urls: Vec<String>,
    /// What kind of server they are.
    pub target: Target,
    /// File with the token; empty: none, or from the command line.
    pub token_file: PathBuf,
    /// Most events in a body.
    pub max_events: u64,
    /// Most unpacked bytes in a body.
    pub max_bytes: Bytes,
    /// To open a connection.
    pub connect_timeout: Span,
    /// For one request with its answer.
    pub timeout: Span,
    /// Between heartbeats.
    pub heartbeat: Span,
}

/// `[source]`
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sources {
    /// The kernel's audit records.
    pub audit: audit::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_dir: "/var/lib/auditng-agent".into(),
            name: String::new(),
            spool: Spool::default(),
            ship: Ship::default(),
            source: Sources::default(),
            rules: audit::Rules::default(),
            container: container::Config::default(),
            users: user::Config::default(),
            process: process::Config::default(),
            fim: fim::config::Config::default(),
            filter: Vec::new(),
        }
    }
}

impl Default for Spool {
    fn default() -> Self {
        let spool::Options { bytes, keep_free, full, commit_interval, batch_events, memory } =
            spool::Options::default();
        Self {
            bytes: Bytes(bytes),
            keep_free: Bytes(keep_free),
            full,
            commit_interval: Span(commit_interval),
            batch_events,
            memory: Bytes(memory as u64),
        }
    }
}

impl Default for Ship {
    fn default() -> Self {
        let options = ship::Options::default();
        Self {
            urls: options.urls,
            target: options.target,
            token_file: PathBuf::new(),
            max_events: options.limits.events,
            max_bytes: Bytes(options.limits.bytes),
            connect_timeout: Span(options.connect_timeout),
            timeout: Span(options.timeout),
            heartbeat: Span(options.heartbeat),
        }
    }
}

impl Config {
    /// For [`enrich::Context::new`].
    #[must_use]
    pub fn context(&self) -> enrich::Config {
        enrich::Config { container: self.container.clone(), users: self.users.clone(), process: self.process.clone() }
    }
}

impl Spool {
    /// For [`spool::open`].
    #[must_use]
    pub fn options(&self) -> spool::Options {
        spool::Options {
            bytes: self.bytes.0,
            keep_free: self.keep_free.0,
            full: self.full,
            commit_interval: self.commit_interval.0,
            batch_events: self.batch_events,
            memory: usize::try_from(self.memory.0).unwrap_or(usize::MAX),
        }
    }
}

impl Ship {
    /// For [`ship::start`] and [`ship::Direct`].
    #[must_use]
    pub fn options(&self, token: Option<String>) -> ship::Options {
        ship::Options {
            urls: self.urls.clone(),
            token,
            target: self.target,
            limits: Limits { events: self.max_events, bytes: self.max_bytes.0 },
            connect_timeout: self.connect_timeout.0,
            timeout: self.timeout.0,
            heartbeat: self.heartbeat.0,
            ..ship::Options::default()
        }
    }
}

impl Config {
    /// Reads a file's text.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(text: &str) -> Result<Self, Problems> {
        let config: Self = from_toml(text)?;
        let problems = config.problems();
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }

    /// Values that are of the right kind and make no sense.
    fn problems(&self) -> Vec<Problem> {
        let urls = !self.ship.urls.is_empty()
            && self.ship.urls.iter().all(|url| url.starts_with("http://") || url.starts_with("https://"));
        let checks = [
            (self.spool.bytes.0 >= 1 << 20, "spool.bytes", "must be at least 1MiB"),
            (self.spool.memory.0 >= 1 << 20, "spool.memory", "must be at least 1MiB"),
            (self.spool.batch_events > 0, "spool.batch_events", "must be at least 1"),
            (!self.spool.commit_interval.0.is_zero(), "spool.commit_interval", "must be more than nothing"),
            (urls, "ship.urls", "needs at least one URL that begins with http:// or https://"),
            (self.ship.max_events > 0, "ship.max_events", "must be at least 1"),
            (self.ship.max_bytes.0 > 0, "ship.max_bytes", "must be at least 1B"),
            (self.container.cache > 0, "container.cache", "must be at least 1"),
            (self.process.live >= 1024, "process.live", "must be at least 1024"),
            (self.ship.heartbeat.0.as_secs() >= 1, "ship.heartbeat", "must be at least 1s"),
        ];
        let wrong = checks.into_iter().filter(|(right, ..)| !right);
        let wrong = wrong.map(|(_, place, message)| Problem { place: place.to_owned(), message: message.to_owned() });
        let filters = filter::problems(&self.filter).into_iter().map(|(place, message)| Problem { place, message });
        wrong.chain(filters).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::{Table, Value};

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(Config::read("").unwrap(), Config::default());
    }

    #[test]
    fn the_example_shows_every_key_with_its_default() {
        let text = include_str!("../../../etc/agent.toml");
        assert_eq!(Config::read(text).unwrap(), Config::default());
        // Keys that are absent by default stand in the text as comments.
        let shown: Table = text
            .lines()
            .map(|line| line.strip_prefix("#= ").unwrap_or(line))
            .fold(String::new(), |all, line| all + line + "\n")
            .parse()
            .unwrap();
        let every = Table::try_from(Config::default()).unwrap();
        fn names(table: &Table, before: &str, out: &mut Vec<String>) {
            for (key, value) in table {
                match value {
                    Value::Table(inner) => names(inner, &format!("{before}{key}."), out),
                    _ => out.push(format!("{before}{key}")),
                }
            }
        }
        let (mut have, mut want) = (Vec::new(), Vec::new());
        names(&shown, "", &mut have);
        names(&every, "", &mut want);
        let missing: Vec<_> = want.iter().filter(|name| !have.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn all_problems_at_once_each_with_its_place() {
        let text = "state_dri = \"/x\"\n[spool]\nbytes = \"many\"\nbatch_events = -1\n[ship]\ntarget = \"kafka\"\n";
        let problems = Config::read(text).unwrap_err().0;
        let places: Vec<_> = problems.iter().map(|problem| problem.place.as_str()).collect();
        assert_eq!(places, ["ship.target", "spool.batch_events", "spool.bytes", "state_dri"]);
        assert!(problems[3].message.contains("unknown field"), "{problems:?}");
        assert!(problems[2].message.contains("64MiB"), "{problems:?}");
    }

    #[test]
    fn values_without_sense_are_named() {
        let problems = Config::read("[spool]\nbytes = \"1KiB\"\n[ship]\nurls = []\n").unwrap_err();
        assert_eq!(problems.0.len(), 2);
        assert!(problems.to_string().contains("spool.bytes: must be at least 1MiB"));
    }

    #[test]
    fn errors_of_syntax_have_a_line() {
        assert_eq!(Config::read("name = \"x\"\n[spool\n").unwrap_err().0[0].place, "line 2");
    }
}
