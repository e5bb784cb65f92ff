//! What our data means: the words every other crate speaks.
//!
//! An [`Event`] is one fact about a host: flat, typed, and keyed by the [`Field`]s of one catalogue, which says for each
//! name what kind of value it holds. Sources make events, the store keeps them, [`search`] asks for them; none of them needs
//! to know the others. JSON exists only at the edges ([`Event::to_json`], [`Event::from_json`]).
//!
//! **Invariant:** no I/O, no clock, no async. Whoever needs the time passes it in as a [`Timestamp`].
//!
//! ```
//! use schema::{Event, Timestamp, field};
//!
//! let mut event = Event::new(Timestamp::from_millis(1_700_000_000_000));
//! event.push_str(field::EVENT_ACTION, "exec");
//! event.push_long(field::PROCESS_PID, 4711);
//! assert_eq!(
//!     event.to_json(),
//!     r#"{"@timestamp":"2023-11-14T22:13:20.000Z","event":{"action":["exec"]},"process":{"pid":4711}}"#
//! );
//! ```
#![warn(missing_docs)]

pub mod event;
pub mod field;
pub mod id;
pub mod loss;
pub mod matcher;
pub mod search;
pub mod stream;
pub mod time;

pub use event::{Entry, Event, Value};
pub use field::Field;
pub use id::{AgentId, EventId, IngestSeq, Lane};
pub use loss::Loss;
pub use stream::Stream;
pub use time::Timestamp;
