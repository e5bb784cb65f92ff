//! The server as others see it: over real HTTP on a port of its own.
//!
//! One binary; with `AUDITNG_TEST_CHILD_DIR` set, its test `crash::child` is the server that other tests kill.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod bulk;
mod containers;
mod crash;
mod fim;
mod harness;
mod hostile;
mod loss;
mod people;
mod processes;
mod reading;
mod starting;
