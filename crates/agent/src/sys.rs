//! Where the agent touches the kernel by hand.
//!
//! [`netlink`] (one call, `recvmmsg`, which [`connector`] uses too) and [`signal`] hold the only `unsafe` of the crate;
//! [`wake`] ends a wait from another thread; [`proc`] reads `/proc` below a root that tests replace by a folder. Nothing here knows what an audit record means.

pub mod connector;
pub mod inside;
pub mod netlink;
pub mod proc;
pub mod signal;
pub mod wake;
