//! File integrity monitoring: which file changed, by whom, what it was before.

pub mod event;
pub mod notice;
