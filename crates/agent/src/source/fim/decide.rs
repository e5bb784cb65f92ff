//! Who may open a guarded file: answered while the opener waits, from a table that is ready.
//!
//! The table is made when policies are loaded and again when an executable of a list is replaced ([`Decider::renew`]). An answer
//! takes a read lock that is held by others for the exchange of a pointer only; nothing is opened and nothing is asked of the network.

use std::sync::{Arc, PoisonError, RwLock};

use fim::change::Access;
use fim::collect::{Ask, Decide, Verdict};
use fim::policy::application::{About, Table};
use fim::policy::{Ground, Policies, Policy, Response};

use super::boxes::Boxes;

/// See the module.
pub(super) struct Decider {
    boxes: Arc<Boxes>,
    state: RwLock<Arc<(Arc<Policies>, Table)>>,
}

impl Decider {
    pub(super) fn new(policies: Arc<Policies>, boxes: Arc<Boxes>, ground: &dyn Ground) -> Self {
        let table = Table::read(&policies, ground);
        Self { boxes, state: RwLock::new(Arc::new((policies, table))) }
    }

    /// The policies and identities of now.
    pub(super) fn state(&self) -> Arc<(Arc<Policies>, Table)> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the executables again.
    pub(super) fn renew(&self, policies: Arc<Policies>, ground: &dyn Ground) {
        let mut table = self.state().1.clone();
        table.renew(&policies, ground);
        self.put(policies, table);
    }

    /// With another table.
    pub(super) fn change(&self, change: impl FnOnce(&Policies, &mut Table)) {
        let state = self.state();
        let mut table = state.1.clone();
        change(&state.0, &mut table);
        self.put(Arc::clone(&state.0), table);
    }

    fn put(&self, policies: Arc<Policies>, table: Table) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new((policies, table));
    }
}

impl Decide for Decider {
    fn decide(&self, ask: &Ask<'_>) -> Verdict {
        let state = self.state();
        let (policies, table) = &*state;
        let guarded = policies.of(ask.path).into_iter().filter(|policy| policy.restricted());
        let (facts, unit) = self.boxes.of_pid(ask.who.pid);
        let about = About { container: facts.as_deref(), unit: unit.as_deref() };
        let worst = guarded.map(|policy| answer(&policy, table.decide(&policy, ask.who, &about)));
        worst
            .max_by_key(|verdict| (verdict.access, verdict.refuse))
            .unwrap_or(Verdict { access: Access::Allowed, refuse: false })
    }
}

fn answer(policy: &Policy, access: Access) -> Verdict {
    Verdict { access, refuse: access == Access::Denied && policy.response == Response::Enforce }
}
