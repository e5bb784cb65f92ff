//! The kernel's audit ABI: netlink framing, record tables, the rule language.
#![warn(missing_docs)]

pub mod netlink;
pub mod table;
