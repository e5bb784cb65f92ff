//! The reference engine: evaluates a search event by event.
//!
//! * [`Matcher`]: one query asked of one event; also the filter of the live tail.
//! * [`Memory`]: a whole [`Store`](crate::Store) over a list of events, with sort, paging and aggregations.
//!
//! It says what a search means. The other engines must give the same answers, and tests compare them with this one; so it
//! is written to be read, not to be fast. It promises nothing about durability: what it holds is gone with the process.

mod aggregate;
mod composite;
mod engine;
mod metric;
mod values;

pub use engine::Memory;
pub use schema::matcher::{Matcher, Unsupported};

#[cfg(test)]
mod tests;
