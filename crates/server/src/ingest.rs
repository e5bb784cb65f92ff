//! Receiving events.

pub mod decode;
pub mod dedupe;
pub mod wal;
