//! The store as an answer that is made of several searches sees it: through which event all of them saw, and what none of
//! them could read.

use std::cell::RefCell;
use std::collections::BTreeMap;

use schema::search::{Answer, Search};
use schema::{Event, Timestamp};
use serde_json::{Value, json};
use store::{Context, SearchError, Store};

/// One person's look at the store.
pub(super) struct Look<'a> {
    store: &'a dyn Store,
    context: Context,
    seen: RefCell<Seen>,
}

#[derive(Debug)]
struct Seen {
    through: u64,
    timed_out: bool,
    /// Windows that could not be read, and why.
    failed: BTreeMap<String, String>,
}

impl<'a> Look<'a> {
    /// `allow_partial`: answer with what can be read, and say what cannot.
    pub(super) fn new(store: &'a dyn Store, context: &Context, allow_partial: bool) -> Self {
        let seen = Seen { through: u64::MAX, timed_out: false, failed: BTreeMap::new() };
        Self { store, context: Context { allow_partial, ..context.clone() }, seen: RefCell::new(seen) }
    }

    pub(super) fn search(&self, search: &Search) -> Result<Answer, SearchError> {
        let answer = self.store.search(search, &self.context)?;
        let mut seen = self.seen.borrow_mut();
        seen.through = seen.through.min(answer.searchable_through.0);
        seen.timed_out |= answer.timed_out;
        for window in &answer.windows.failed {
            seen.failed.insert(window.name.clone(), window.reason.clone());
        }
        Ok(answer)
    }

    pub(super) fn scan(&self, search: &Search, sink: &mut dyn FnMut(Vec<Event>) -> bool) -> Result<(), SearchError> {
        self.store.scan(search, &self.context, sink)
    }

    /// `answer` with what every answer of this kind says of itself.
    pub(super) fn complete(&self, mut answer: Value, now: Timestamp, took: std::time::Duration) -> Value {
        let seen = self.seen.borrow();
        let failed = seen.failed.iter().map(|(name, reason)| json!({"name": name, "reason": reason}));
        if let Some(object) = answer.as_object_mut() {
            object.insert("took_ms".to_owned(), json!(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)));
            object.insert("now".to_owned(), json!(now.to_string()));
            object.insert(
                "searchable_through".to_owned(),
                json!(if seen.through == u64::MAX { 0 } else { seen.through }),
            );
            object.insert("timed_out".to_owned(), json!(seen.timed_out));
            object.insert("failed_windows".to_owned(), failed.collect());
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use store::memory::Memory;

    use super::*;

    #[test]
    fn an_answer_says_how_complete_it_is() {
        let store = Memory::default();
        let context = Context::until(Instant::now() + Duration::from_secs(5));
        let look = Look::new(&store, &context, true);
        look.search(&Search::default()).unwrap();
        let answer = look.complete(json!({"a": 1}), Timestamp::from_millis(0), Duration::from_millis(7));
        assert_eq!((&answer["a"], &answer["took_ms"], &answer["timed_out"]), (&json!(1), &json!(7), &json!(false)));
        assert_eq!(answer["failed_windows"], json!([]));
    }
}
