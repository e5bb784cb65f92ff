//! The reference engine: evaluates a search event by event.
//!
//! * [`Matcher`]: one query asked of one event; also the filter of the live tail.
//!
//! It says what a search means. The other engines must give the same answers, and tests compare them with this one; so it
//! is written to be read, not to be fast.

mod matcher;
mod test;

pub use matcher::{Matcher, Unsupported};
