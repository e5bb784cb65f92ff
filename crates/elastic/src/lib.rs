//! The Elasticsearch wire, as bytes and values: what stock shippers send, what they want to hear, and what searches look
//! like as JSON.
//!
//! * [`bulk`]: the body of `POST /_bulk` written and read, and its answer written and read.
//! * [`search`]: the search DSL as JSON, to and from [`schema::search`].
//! * [`response`]: search answers, the answers of the few calls that let stock shippers start, errors in Elasticsearch's form.
//! * [`media`]: media types and headers that clients insist on.
//!
//! **Invariant:** no sockets, no store, no clock. Bytes and values in, bytes and values out; whoever serves or calls decides
//! what to do with them. Nothing here panics on foreign bytes.
#![warn(missing_docs)]

pub mod bulk;
pub mod media;
pub mod response;
pub mod search;
