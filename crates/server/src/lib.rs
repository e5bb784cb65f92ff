//! Who asks and who is told: ingest, interface, page, access and state.
//!
//! [`Server::start`] gives a [`Running`] server inside any process; `auditng serve` is little more than that, and
//! `auditng up` starts an agent beside it that ships over loopback with [`Running::agent_token`].
//!
//! **Promises.** An event is answered with 201 only after it is fsynced in the write-ahead log; every event is indexed
//! exactly once, whatever is sent again and whenever the process dies; every hole in an agent's counters is reported.
//! Nothing is readable without a login.
//!
//! **Invariant:** kernel records are not known here, and where events rest is known only as [`store::Store`].

mod clock;
pub mod config;
mod doctor;
pub mod ingest;
pub mod state;
mod ui;

use std::sync::Arc;
use std::time::Duration;

use store::Store;

pub use config::{Config, Link, Problem, Problems};
pub use doctor::{Finding, State, doctor};

/// A server that could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Passwords and events would cross the network in the clear.
    #[error(
        "refusing to listen on {0} without TLS: listen on 127.0.0.1 and put a proxy with TLS in front, or say --insecure-http"
    )]
    Insecure(std::net::SocketAddr),
    /// Somebody else listens there.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A second process.
    #[error("{path} is in use by process {pid}: stop it, or choose another --data-dir")]
    Locked {
        /// The data directory.
        path: std::path::PathBuf,
        /// Who holds it.
        pid: String,
    },
    /// Written by a newer program.
    #[error("{path} was written by a newer auditng (format {found}, this one knows {known}): use that version")]
    Newer {
        /// The data directory.
        path: std::path::PathBuf,
        /// Its format.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The data directory cannot be used.
    #[error("cannot use the data directory {path}")]
    DataDir {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The store, the state or the log did not open.
    #[error("cannot open {what}: {reason}")]
    Open {
        /// Which part.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

/// Starts servers.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Starts a server and returns once it listens.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(config: Config) -> Result<Running, StartError> {
        Err(StartError::Insecure(config.listen))
    }
}

/// A server that listens.
pub struct Running {
    /// `http://127.0.0.1:9280`, without a slash at the end.
    pub url: String,
    /// A link that logs one person in as admin once, within 15 minutes.
    pub admin_link: Option<String>,
    /// A token that may only write events, valid as long as this server runs.
    pub agent_token: String,
    /// A token with role admin, valid as long as this server runs: for the command line of the person who started it.
    pub cli_token: String,
    store: Arc<dyn Store>,
}

impl Running {
    /// The store, for readers in the same process.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// Takes nothing new, finishes what is under way, syncs and commits; gives up after `deadline`.
    ///
    /// # Errors
    /// What was not finished in time; nothing acknowledged is lost, the next start goes on from the log.
    pub fn stop(self, deadline: Duration) -> Result<(), StopError> {
        Err(StopError(deadline))
    }
}

/// A server did not stop in time.
#[derive(Debug, thiserror::Error)]
#[error("the server did not stop within {0:?}; the next start goes on from the log")]
pub struct StopError(pub Duration);
