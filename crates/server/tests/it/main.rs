//! The server as others see it: over real HTTP on a port of its own.
//!
//! One binary; run with the argument `serve-child DIR PORT-FILE` in the environment it becomes a server that tests kill.

mod access;
mod bulk;
mod crash;
mod harness;
mod hostile;
mod people;
mod reading;
mod starting;
