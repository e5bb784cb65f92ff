//! Older texts of files, for differences by line: shared by the judge, who compares, and the thread that fills it after a scan.

use std::path::Path;
use std::sync::{Arc, Mutex};

use fim::Entry;
use fim::change::Diff;
use fim::content::{Store, Texts, prime};
use fim::policy::{DiffRule, Policies};
use fim::seen::Seen;
use tracing::warn;

use super::shared::{Shared, lock};

/// A handle; clones are handles to the same.
#[derive(Clone)]
pub(super) struct Shelf(Arc<Mutex<Store>>);

impl Shelf {
    /// Where a policy asks for differences; else, or where it cannot be kept, there is none.
    pub(super) fn open(shared: &Shared) -> Option<Self> {
        if !shared.policies().all().iter().any(|policy| policy.diff.is_some()) {
            return None;
        }
        match Store::open(&shared.config.state_dir.join("texts"), shared.config.diff_quota.0) {
            Ok(store) => Some(Self(Arc::new(Mutex::new(store)))),
            Err(error) => {
                warn!(%error, "older texts");
                shared.degraded("texts", format!("differences of texts cannot be told: {error}"));
                None
            }
        }
    }

    /// Keeps the texts that are not kept yet.
    pub(super) fn prime(&self, policies: &Policies, seen: &dyn Seen) {
        prime(&mut lock(&self.0), policies, seen);
    }
}

impl Texts for Shelf {
    fn difference(&mut self, path: &Path, before: &Entry, after: &Entry, rule: &DiffRule) -> Diff {
        lock(&self.0).difference(path, before, after, rule)
    }

    fn keep(&mut self, path: &Path, entry: &Entry, rule: &DiffRule) {
        lock(&self.0).keep(path, entry, rule);
    }

    fn moved(&mut self, old: &Path, new: &Path) {
        lock(&self.0).moved(old, new);
    }

    fn forget(&mut self, path: &Path) {
        lock(&self.0).forget(path);
    }
}
