//! Field names beyond the catalogue that events are known to have.
//!
//! To list them means to open every window of the store, so they are kept, and looked for again only when a search cannot
//! be read with the names at hand: it may name a field that came since.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use store::Store;

use super::error::ApiError;

/// The names, and when they were listed.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Option<(Instant, Arc<Vec<String>>)>>);

/// Names are not listed more often.
const PAUSE: Duration = Duration::from_secs(2);

impl Known {
    /// Reads something that names fields. Blocks on the store where the names must be listed.
    pub(super) fn read<T>(
        &self,
        store: &dyn Store,
        read: impl Fn(&[String]) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let before = self.names();
        let first = read(before.as_ref().map_or(&[], |(_, names)| names));
        if first.is_ok() || before.is_some_and(|(at, _)| at.elapsed() < PAUSE) {
            return first;
        }
        let names = Arc::new(store.fields(&[]));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&names)));
        read(&names)
    }

    fn names(&self) -> Option<(Instant, Arc<Vec<String>>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
