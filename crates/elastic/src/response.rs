//! Answers in Elasticsearch's form: searches, the calls that let stock shippers start, and errors.

mod answer;
mod plain;

pub use answer::{push_aggregations, push_scalar};
pub use plain::{Cluster, DEFAULT_VERSION, error, health, info, license};
