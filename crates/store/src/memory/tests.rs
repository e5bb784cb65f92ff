//! The reference against tables worked out by hand, and the embedded engine against the reference.

mod differential;
mod tables;

use std::time::{Duration, Instant};

use schema::{Event, IngestSeq, Timestamp};

use super::Memory;
use crate::{Accepted, Context, Store as _};

fn context() -> Context {
    Context::until(Instant::now() + Duration::from_secs(60))
}

fn accepted(events: impl IntoIterator<Item = Event>) -> Vec<Accepted> {
    let received = Timestamp::from_millis(testkit::random::START);
    (1..).zip(events).map(|(seq, event)| Accepted { seq: IngestSeq(seq), received, event }).collect()
}

fn memory(events: impl IntoIterator<Item = Event>) -> Memory {
    let memory = Memory::new();
    memory.append(&accepted(events)).unwrap();
    memory
}
