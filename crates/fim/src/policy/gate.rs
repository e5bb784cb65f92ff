//! Who decides on opens of guarded files: the lists of all policies, ready to be asked by the permission thread.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use super::application::{About, Table};
use super::{Containers, Guard, Policies, Policy, Response};
use crate::change::Access;
use crate::collect::{Ask, Decide, Verdict};
use crate::who::Who;

/// Answers from its table and opens nothing. Others put a new table in when an executable was replaced or policies changed; an
/// answer waits for that no longer than for a pointer to be exchanged.
pub struct Gate {
    now: RwLock<Arc<(Arc<Policies>, Table)>>,
    containers: Arc<dyn Containers>,
}

impl Gate {
    /// With these lists.
    #[must_use]
    pub fn new(policies: Arc<Policies>, table: Table, containers: Arc<dyn Containers>) -> Self {
        Self { now: RwLock::new(Arc::new((policies, table))), containers }
    }

    /// From now on these lists decide.
    pub fn put(&self, policies: Arc<Policies>, table: Table) {
        let next = Arc::new((policies, table));
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// The lists that decide now.
    #[must_use]
    pub fn table(&self) -> Table {
        self.current().1.clone()
    }

    /// Whether something under this path is an executable of a list: when it changes, its identity must be read again.
    #[must_use]
    pub fn names(&self, path: &Path) -> bool {
        self.current().1.names(path)
    }

    fn current(&self) -> Arc<(Arc<Policies>, Table)> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How an application stands to the lists of one policy.
    #[must_use]
    pub fn access(&self, policy: &Policy, who: &Who) -> Access {
        let (container, unit) = if policy.restricted() { self.containers.of(who.pid) } else { (None, None) };
        self.current().1.decide(policy, who, &About { container: container.as_deref(), unit: unit.as_deref() })
    }

    /// How it stands to all policies that ask for a file: the worst of them, and whether one of them refuses it.
    fn judge(&self, path: &Path, who: &Who) -> Verdict {
        let now = self.current();
        let (policies, table) = &*now;
        let (container, unit) = self.containers.of(who.pid);
        let about = About { container: container.as_deref(), unit: unit.as_deref() };
        let asking = policies.of(path).into_iter().filter(|policy| policy.guard == Guard::Hold && policy.restricted());
        asking.fold(Verdict { access: Access::Allowed, refuse: false }, |so_far, policy| {
            let access = table.decide(&policy, who, &about);
            let refuse = access == Access::Denied && policy.response == Response::Enforce;
            Verdict { access: so_far.access.max(access), refuse: so_far.refuse || refuse }
        })
    }
}

impl Decide for Gate {
    fn decide(&self, ask: &Ask<'_>) -> Verdict {
        self.judge(ask.path, ask.who)
    }
}

#[cfg(test)]
mod tests {
    use super::super::NoContainers;
    use super::super::tests::{Fake, config};
    use super::*;
    use crate::entry::FileId;
    use crate::evidence::Mask;

    #[test]
    fn the_worst_of_all_lists_counts_and_only_enforce_refuses() {
        let text = r#"
            [[fim.policy]]
            id = "strict"
            paths = ["/etc/key"]
            guard = "hold"
            action = "enforce"
            allow = [{ exe = "/bin/a" }]
            grey = [{ exe = "/bin/b" }]
            [[fim.policy]]
            id = "loose"
            paths = ["/etc/"]
            guard = "hold"
            grey = [{ exe = "/bin/a" }]
        "#;
        let mut ground = Fake::default();
        ground.ids.extend([("/bin/a".into(), 1), ("/bin/b".into(), 2)]);
        let policies = Arc::new(Policies::read(&config(text), &ground).unwrap());
        let gate = Gate::new(Arc::clone(&policies), Table::default(), Arc::new(NoContainers));
        let ask = |path: &str, inode: u64| {
            let who = Who { pid: 9, exe_id: Some(FileId { dev: 1, inode }), ..Who::default() };
            let Verdict { access, refuse } =
                gate.decide(&Ask { path: Path::new(path), who: &who, mask: Mask::OPEN_PERM });
            (access, refuse)
        };
        assert_eq!(ask("/etc/key", 1), (Access::Denied, true), "nothing was read yet");
        gate.put(Arc::clone(&policies), Table::read(&policies, &ground));
        assert_eq!(ask("/etc/key", 1), (Access::Grey, false));
        assert_eq!(ask("/etc/key", 2), (Access::Denied, false), "refused by detect alone");
        assert_eq!(ask("/etc/key", 3), (Access::Denied, true));
        assert_eq!(ask("/etc/other", 3), (Access::Denied, false));
        assert_eq!(ask("/srv/x", 3), (Access::Allowed, false));
    }
}
