//! The pipe from a sink to a server that behaves in every way a server can.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails right there")]

mod fake;
mod kill;
mod process;
mod replay;
mod shipping;
