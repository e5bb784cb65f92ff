//! Equal events as one: the first passes at once, the others are counted and leave as one event when the time is over.
//!
//! Events are equal that have the same values in some fields. Bounds: [`OPEN`] kinds of events at a time (beyond it the
//! oldest one leaves early), and an event of more than [`MOST_BYTES`] passes by itself, so that at most 16 MiB are held.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};

use schema::search::FieldRef;
use schema::{Event, Timestamp, Value, field};

/// Kinds of events that are held at a time.
pub(super) const OPEN: usize = 1024;
/// A larger event passes by itself.
const MOST_BYTES: usize = 16 << 10;

/// Fields that tell events apart where none are named: who did what to which object from where, with which outcome.
pub(super) const BY: [&str; 14] = [
    "event.action",
    "event.outcome",
    "auditd.message_type",
    "auditng.errno",
    "process.executable",
    "process.parent.executable",
    "user.id",
    "user.audit.id",
    "container.id",
    "file.path",
    "destination.ip",
    "destination.port",
    "process.command_line",
    "tags",
];

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Repeats {
    by: Vec<FieldRef>,
    window_ms: i64,
    hasher: RandomState,
    open: HashMap<u64, Held>,
    /// Keys in the order in which their windows began.
    order: VecDeque<u64>,
}

#[derive(Debug)]
struct Held {
    began: Timestamp,
    /// Events beyond the first.
    count: u64,
    first: Timestamp,
    last: Timestamp,
    event: Event,
}

impl Repeats {
    pub(super) fn new(by: Vec<FieldRef>, window_ms: i64) -> Self {
        Self { by, window_ms, hasher: RandomState::new(), open: HashMap::new(), order: VecDeque::new() }
    }

    /// Takes the event if it is a repeat. What leaves early at the bound goes to `each`.
    pub(super) fn take(&mut self, event: &mut Event, now: Timestamp, each: &mut dyn FnMut(Event)) -> bool {
        if text_bytes(event) > MOST_BYTES {
            return false;
        }
        let time = event.time().unwrap_or(now);
        let key = self.key(event);
        if let Some(held) = self.open.get_mut(&key) {
            if held.count == 0 {
                held.first = time;
            }
            held.count += 1;
            (held.first, held.last) = (held.first.min(time), held.last.max(time));
            held.event = std::mem::take(event);
            return true;
        }
        if self.open.len() >= OPEN {
            self.close_oldest(each);
        }
        self.open.insert(key, Held { began: now, count: 0, first: time, last: time, event: Event::default() });
        self.order.push_back(key);
        false
    }

    /// Gives out those whose time is over.
    pub(super) fn tick(&mut self, now: Timestamp, each: &mut dyn FnMut(Event)) {
        let window_ms = self.window_ms;
        let over = |held: &Held| now.millis() - held.began.millis() >= window_ms;
        while self.order.front().and_then(|key| self.open.get(key)).is_some_and(over) {
            self.close_oldest(each);
        }
    }

    /// Gives out all.
    pub(super) fn finish(&mut self, each: &mut dyn FnMut(Event)) {
        while !self.order.is_empty() {
            self.close_oldest(each);
        }
    }

    fn close_oldest(&mut self, each: &mut dyn FnMut(Event)) {
        let held = self.order.pop_front().and_then(|key| self.open.remove(&key));
        if let Some(mut held) = held.filter(|held| held.count > 0) {
            held.event.push_long(field::AUDITNG_AGGREGATE_COUNT, i64::try_from(held.count).unwrap_or(i64::MAX));
            held.event.push_date(field::AUDITNG_AGGREGATE_FIRST, held.first);
            held.event.push_date(field::AUDITNG_AGGREGATE_LAST, held.last);
            each(held.event);
        }
    }

    /// A hash that nobody outside can aim at.
    fn key(&self, event: &Event) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for (at, by) in self.by.iter().enumerate() {
            let mut note = |value: Value<'_>| {
                at.hash(&mut hasher);
                match value {
                    Value::Text(text) => text.hash(&mut hasher),
                    Value::Long(number) => number.hash(&mut hasher),
                    Value::Date(time) => time.millis().hash(&mut hasher),
                    Value::Bool(value) => value.hash(&mut hasher),
                    Value::Double(number) => number.to_bits().hash(&mut hasher),
                    Value::Json(text) => text.hash(&mut hasher),
                    Value::Null => {}
                }
            };
            match by {
                FieldRef::Known(field) => event.all(*field).for_each(&mut note),
                FieldRef::Keyed(field, key) => event.keyed(*field, key).for_each(&mut note),
                FieldRef::Other(name) => event.keyed(field::OTHER, name).for_each(&mut note),
            }
        }
        hasher.finish()
    }
}

fn text_bytes(event: &Event) -> usize {
    let length = |value: Value<'_>| if let Value::Text(text) | Value::Json(text) = value { text.len() } else { 8 };
    event.entries().map(|entry| entry.key.len() + length(entry.value)).sum()
}
