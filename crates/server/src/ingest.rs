//! Receiving events.

pub mod decode;
pub mod body;
pub mod dedupe;
pub mod wal;
