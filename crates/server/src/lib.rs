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
//!
//! ```no_run
//! let config = server::Config { data_dir: "/tmp/example".into(), ..server::Config::default() };
//! let running = server::Server::start(config)?;
//! println!("{}", running.url);
//! running.stop(std::time::Duration::from_secs(5))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access;
mod api;
mod baselines;
mod clock;
pub mod config;
mod data_dir;
mod doctor;
pub mod ingest;
mod listen;
mod start;
pub mod state;
mod ui;

pub use config::{Config, Link, Problem, Problems};
pub use doctor::{Finding, State, doctor};
pub use start::{Running, Server, StartError, StopError};
