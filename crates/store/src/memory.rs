//! The reference engine: evaluates a search event by event.

mod matcher;

pub use matcher::{Matcher, Unsupported};
