//! The program from outside: real processes, real files, real signals.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bad_input;
mod exactly_once;
mod fim;
mod fim_import;
mod program;
mod replay;
mod report;
mod rules;
mod search;
