//! A host's agent: sources, enrichment, the durable spool and shipping.
//!
//! An event walks down this list: a [`intake::Source`] makes it, its lane of the [`spool`] makes it durable, [`ship`] brings
//! it to a server, and [`health`] counts what every stage took, passed, filtered and lost. There is no async runtime: a few
//! named threads and bounded buffers, since what an agent costs its host is a promise.
//!
//! **Invariant:** nothing here knows searches, rules or labels. `unsafe` stands only in `sys`.

pub mod clock;
pub mod config;
pub mod health;
pub mod intake;
pub mod last_losses;
pub mod restart;
mod run;
pub mod ship;
pub mod spool;

pub mod sys;

pub mod source;

pub mod enrich;

pub mod filter;

pub use run::{Agent, Handle, StartError};
