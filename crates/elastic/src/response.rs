//! Answers in Elasticsearch's form: searches, the calls that let stock shippers start, and errors.

mod answer;
mod metric;
mod plain;

pub use answer::{push_aggregations, push_scalar, push_scalars, push_search};
pub use plain::{Cluster, DEFAULT_VERSION, error, health, info, license};
