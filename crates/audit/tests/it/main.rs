//! The audit crate through its public door: recordings, scenarios, goldens, laws.

mod goldens;
mod libaudit;
mod meaning;
mod mutation;
mod parsing;
mod properties;
mod recordings;
mod seeds;
mod stream;
mod support;
