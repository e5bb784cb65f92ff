//! Where events come from on this host. Each source implements [`crate::intake::Source`].

pub mod audit;
pub mod fim;
