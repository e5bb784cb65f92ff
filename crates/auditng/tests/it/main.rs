//! The program from outside: real processes, real files, real signals.

mod bad_input;
mod exactly_once;
mod program;
mod replay;
mod search;
