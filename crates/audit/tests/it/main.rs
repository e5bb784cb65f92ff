//! The audit crate through its public door: recordings, scenarios, goldens, laws.

mod auditctl;
mod goldens;
mod inputs;
mod libaudit;
mod meaning;
mod mutation;
mod parsing;
mod properties;
mod recordings;
mod records;
mod seeds;
mod stream;
mod support;
