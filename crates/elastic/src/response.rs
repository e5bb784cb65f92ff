//! Answers in Elasticsearch's form: the calls that let stock shippers start, and errors.

mod plain;

pub use plain::{Cluster, DEFAULT_VERSION, error, health, info, license};
