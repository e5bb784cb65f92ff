//! The kernel's audit ABI: netlink frames and text lines in, [`schema::Event`]s out; the rule language both ways.
//!
//! Files are read in the order in which an event walks: [`record`] (one line), [`reassemble`] (lines of one system call),
//! [`normalize`] (what it means), [`pipeline`] (the three in a row), [`replay`] (recorded bytes of any wrapping).
//!
//! **Invariant:** pure. Bytes and `now` come in, values go out: no sockets, no files, no /proc, no clock. Foreign bytes
//! never panic; what is not understood is kept as text with the reason.
//!
//! ```
//! use audit::replay::{Decoder, Options};
//!
//! let line = b"type=USER_CMD msg=audit(1700000000.123:7): pid=1 uid=0 auid=1000 ses=1 msg='cwd=\"/\" cmd=\"id\" res=success'\n";
//! let mut decoder = Decoder::new(Options::default());
//! let mut events = Vec::new();
//! decoder.feed(line, &mut |event| events.push(event.to_json()));
//! decoder.finish(&mut |event| events.push(event.to_json()));
//! assert_eq!((events.len(), decoder.counters().records), (1, 1));
//! ```
#![warn(missing_docs)]

// In the order in which an event walks; blank lines keep rustfmt from sorting.
pub mod netlink;

pub mod record;

pub mod reassemble;

pub mod normalize;

pub mod pipeline;

pub mod replay;

pub mod interpret;

pub mod rule;

pub mod sockaddr;

pub mod table;
