//! File integrity monitoring: which file changed, when, by whom, what it was before and after, and how far that can be trusted.
//!
//! ```text
//! collect --Evidence--> judge --Change--> (agent: event, spool)
//!                        |  ^
//!              look, hash|  |last seen
//!                        v  |
//! scan ---------------> baseline
//! ```
//!
//! Collectors ([`evidence`]) say that something happened to a file; the judge looks at the file, compares it with what was last
//! seen, and the difference decides what the [`change`] is. Scans find what no collector told. Policies say which files matter
//! to whom. The baseline keeps what was seen and what was approved, signed.
//!
//! Knows no process table, container engine, rule, label or network: identity and containers are asked through small traits,
//! and `now` is handed in.

pub mod baseline;
pub mod change;
pub mod collect;
pub mod config;
pub mod content;
pub mod control;
pub mod difference;
pub mod entry;
pub mod evidence;
pub mod import;
pub mod judge;
pub mod look;
pub mod mountinfo;
pub mod name;
pub mod overlay;
pub mod policy;
pub mod provenance;
pub mod report;
pub mod scan;
pub mod seen;
pub mod who;

pub use change::Change;
pub use entry::Entry;
pub use evidence::Evidence;
pub use policy::{Policies, Policy};
pub use who::Who;
