//! Brings durable events to a server, item by item, and says what became of each.
//!
//! One thread, one body under way. An event is delivered when the server says so for its own item; nothing else moves the
//! mark. One bad event never stops those behind it: it is sent again alone, or set aside with the reason and a loss event.
//! A server that is away, full or refuses us makes the spool grow, never memory; waits are drawn at random below an
//! exponential ceiling, and `Retry-After` is obeyed.
//!
//! Does not decide what is sent ([`spool`](crate::spool) gives the order), and reads no document.
//!
//! * [`start`] ships a spool until it is stopped.
//! * [`Direct`] ships a recording without one: ids by place in the input, so it can be repeated and resumed.

mod backoff;
mod client;
mod direct;
mod heartbeat;
mod item;
mod rejected;
mod shipper;

use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use client::Target;
pub use direct::{Direct, DirectError, Identity, Summary};
pub use shipper::{Handle, start};

use crate::spool::Limits;

/// Where to, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Servers in order of preference.
    pub urls: Vec<String>,
    /// Token of role `ingest`, or a whole `Authorization` value.
    pub token: Option<String>,
    /// What kind of server it is.
    pub target: Target,
    /// Largest body.
    pub limits: Limits,
    /// To open a connection.
    pub connect_timeout: Duration,
    /// For one request with its answer.
    pub timeout: Duration,
    /// Between heartbeats, plus or minus a fifth.
    pub heartbeat: Duration,
    /// Least and most ceiling of the wait after failures.
    pub backoff: (Duration, Duration),
    /// After a server refused us (401, 403, 404, a redirect), it is asked again so often.
    pub refused_wait: Duration,
    /// Where events go that no server takes; `None`: nowhere, they are only counted.
    pub rejected: Option<PathBuf>,
    /// The host's name in heartbeats.
    pub name: String,
    /// Says which configuration runs.
    pub config_hash: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            urls: vec!["http://127.0.0.1:9280".to_owned()],
            token: None,
            target: Target::Auto,
            limits: Limits::default(),
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
            heartbeat: Duration::from_secs(30),
            backoff: (Duration::from_millis(500), Duration::from_secs(60)),
            refused_wait: Duration::from_secs(60),
            rejected: None,
            name: String::new(),
            config_hash: String::new(),
        }
    }
}

/// When to give up.
#[derive(Clone, Copy, Debug)]
struct Until(Instant);

impl Until {
    fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}
