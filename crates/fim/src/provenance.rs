//! Where a change comes from when it is expected: a package was installed or upgraded.
//!
//! Asked only for what a package manager's process did ([`Managers`]). What then has exactly the content that an installed package says
//! ([`Packages`]) is no alert of its own: all such changes of one transaction are told as one informational change with
//! packages, versions and count. What a package does not say so of - another file, other content, a mode, a new set-uid bit, a
//! deletion - stays what it is, at most [`WAIT_MS`] later, as a package's lists are complete only when it is unpacked.
//!
//! Does not read process tables, and trusts a package's digests as far as its manager checked them.

mod dpkg;
mod rpm;

use std::collections::BTreeMap;

use schema::Timestamp;

use crate::change::{Action, Change, Provenance};
use crate::entry::{Entry, Kind};
use crate::judge::{Tree, row};
use crate::who::Who;

pub use dpkg::Dpkg;
pub use rpm::Rpm;

/// A change that no package is known to own waits so long for its package's lists.
pub const WAIT_MS: i64 = 10_000;
/// A transaction is over when nothing was heard of it for so long.
pub const QUIET_MS: i64 = 5_000;
/// Changes that wait at most; beyond, the oldest is told as it is.
const WAITING: usize = 4_096;

/// Knows package managers by their processes.
pub trait Managers {
    /// The manager (`dpkg`, `rpm`) that this process is or works for.
    fn below(&self, who: &Who) -> Option<&'static str>;
}

/// By the executable of the process itself: what dpkg and rpm write with their own hands, not what scripts of packages do.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByExe;

/// The manager whose executable this is, as the kernel tells it; for who looks at a process's ancestors too.
#[must_use]
pub fn manager(exe: &[u8]) -> Option<&'static str> {
    let name = exe.strip_prefix(b"/usr/bin/").or_else(|| exe.strip_prefix(b"/bin/"))?;
    match name {
        b"dpkg" | b"apt" | b"apt-get" | b"aptitude" => Some("dpkg"),
        b"rpm" | b"rpmkeys" | b"dnf" | b"dnf5" | b"dnf-3" | b"yum" | b"microdnf" | b"zypper" => Some("rpm"),
        _ => None,
    }
}

impl Managers for ByExe {
    fn below(&self, who: &Who) -> Option<&'static str> {
        manager(who.exe.as_deref()?)
    }
}

/// One package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version; empty: not known yet.
    pub version: String,
}

/// What installed packages say of files.
pub trait Packages {
    /// The package that says that this path has what is there now; `None`: none does, or not yet.
    fn owner(&mut self, change: &Change) -> Option<Package>;

    /// The versions of these packages as they are installed now, in the same order.
    fn versions(&mut self, names: &[String]) -> Vec<String>;
}

/// Changes of package managers, until it is known what they are.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    open: BTreeMap<&'static str, Transaction>,
}

#[derive(Debug)]
struct Transaction {
    last: Timestamp,
    /// When the waiting are asked for next.
    next: Timestamp,
    group: Option<Group>,
    waiting: Vec<(Timestamp, Change)>,
}

#[derive(Debug)]
struct Group {
    summary: Change,
    packages: BTreeMap<String, String>,
    tree: Tree,
}

fn plus(at: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_millis(at.millis().saturating_add(ms))
}

/// Whether a package can speak for such a change at all.
fn may_be_owned(change: &Change) -> bool {
    let bits = |entry: &Option<Entry>| {
        entry.as_ref().filter(|entry| entry.kind == Kind::File).map_or(0, |entry| entry.mode & 0o6000)
    };
    let made = matches!(change.action, Action::Created | Action::Updated | Action::Replaced | Action::Moved);
    made && change.after.is_some() && bits(&change.after) & !bits(&change.before) == 0
}

impl Transactions {
    /// When something is to be done next.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.open.values().map(|transaction| transaction.next.min(plus(transaction.last, QUIET_MS))).min()
    }

    /// Takes a change that a manager made.
    pub(crate) fn take(&mut self, by: &'static str, change: Change, now: Timestamp) -> Option<Change> {
        if !may_be_owned(&change) {
            return Some(change);
        }
        let new = || Transaction { last: now, next: plus(now, 1_000), group: None, waiting: Vec::new() };
        let transaction = self.open.entry(by).or_insert_with(new);
        transaction.last = now;
        transaction.waiting.push((now, change));
        (transaction.waiting.len() > WAITING).then(|| transaction.waiting.remove(0).1)
    }

    /// Asks for what waits; gives out what no package owns, and transactions that are over.
    pub(crate) fn run(&mut self, now: Timestamp, packages: &mut dyn Packages, out: &mut Vec<Change>) {
        self.open.retain(|by, transaction| {
            let over = plus(transaction.last, QUIET_MS) <= now;
            if transaction.next <= now || over {
                transaction.ask(by, now, over, packages, out);
                transaction.next = plus(now, 1_000);
            }
            if over {
                out.extend(transaction.group.take().map(|group| group.told(by, packages)));
            }
            !over
        });
    }
}

impl Transaction {
    fn ask(
        &mut self,
        by: &'static str,
        now: Timestamp,
        over: bool,
        packages: &mut dyn Packages,
        out: &mut Vec<Change>,
    ) {
        let group = &mut self.group;
        self.waiting.retain(|(since, change)| match packages.owner(change) {
            Some(package) => {
                Group::add(group, change, package);
                false
            }
            None if over || plus(*since, WAIT_MS) <= now => {
                out.push(change.clone());
                false
            }
            None => true,
        });
        tracing::debug!(by, waiting = self.waiting.len(), "changes wait for their packages");
    }
}

impl Group {
    fn add(group: &mut Option<Self>, change: &Change, package: Package) {
        let group = group.get_or_insert_with(|| Self {
            summary: Change { count: 0, ..change.clone() },
            packages: BTreeMap::new(),
            tree: Tree::default(),
        });
        let file = |change: &Change| change.after.as_ref().is_some_and(|entry| entry.kind == Kind::File);
        if !file(&group.summary) && file(change) {
            // A file says more than the folder that it came with.
            let (count, mask) = (group.summary.count, group.summary.mask);
            let policies = std::mem::take(&mut group.summary.policies);
            group.summary = Change { count, mask, policies, ..change.clone() };
        }
        group.summary.count += 1;
        group.summary.mask = group.summary.mask.with(change.mask);
        group.tree.add(row(change));
        for policy in &change.policies {
            if !group.summary.policies.contains(policy) {
                group.summary.policies.push(std::sync::Arc::clone(policy));
            }
        }
        group.packages.insert(package.name, package.version);
    }

    /// One change stands for itself; several for the transaction, under the first one's path.
    fn told(self, by: &'static str, packages: &mut dyn Packages) -> Change {
        let Self { mut summary, packages: owners, tree } = self;
        let (names, known): (Vec<String>, Vec<String>) = owners.into_iter().unzip();
        let now = packages.versions(&names);
        let versions =
            known.into_iter().zip(now).map(|(known, now)| if now.is_empty() { known } else { now }).collect();
        summary.policies.sort_by_key(|policy| std::cmp::Reverse(policy.severity));
        summary.provenance = Some(Provenance { by, packages: names, versions });
        if summary.count > 1 {
            summary.summary = tree.root();
            (summary.before, summary.after, summary.id) = (None, None, None);
            (summary.old_path, summary.diff) = (None, None);
            summary.names.clear();
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::policy::{Policy, Severity};

    struct Fake(&'static [&'static str]);

    impl Packages for Fake {
        fn owner(&mut self, change: &Change) -> Option<Package> {
            let package = || Package { name: "p".to_owned(), version: String::new() };
            self.0.contains(&change.path.to_str()?).then(package)
        }

        fn versions(&mut self, names: &[String]) -> Vec<String> {
            names.iter().map(|_| "1.2-3".to_owned()).collect()
        }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn change(path: &str, action: Action) -> Change {
        let policies = vec![Arc::new(Policy { id: "p".into(), severity: Severity::High, ..Policy::default() })];
        let after = Some(crate::difference::example());
        Change { policies, after, ..Change::new(at(0), action, Path::new(path).to_owned()) }
    }

    fn run(changes: Vec<Change>, owned: &'static [&'static str]) -> Vec<Change> {
        let (mut transactions, mut out) = (Transactions::default(), Vec::new());
        for change in changes {
            out.extend(transactions.take("dpkg", change, at(0)));
        }
        while let Some(due) = transactions.due() {
            transactions.run(due, &mut Fake(owned), &mut out);
        }
        out
    }

    #[test]
    fn f35_what_a_package_owns_is_one_change_and_the_rest_stays() {
        let changes = vec![
            change("/a", Action::Replaced),
            change("/b", Action::Created),
            change("/evil", Action::Created),
            change("/gone", Action::Deleted),
        ];
        let out = run(changes, &["/a", "/b"]);
        let told: Vec<_> = out
            .iter()
            .map(|change| (change.path.to_str().unwrap(), change.count, change.provenance.is_some()))
            .collect();
        assert_eq!(told, [("/gone", 1, false), ("/evil", 1, false), ("/a", 2, true)]);
        let provenance = out[2].provenance.as_ref().unwrap();
        assert_eq!((&*provenance.packages, &*provenance.versions), (&["p".to_owned()][..], &["1.2-3".to_owned()][..]));
        assert!(out[2].summary.is_some());
    }

    #[test]
    fn a_new_set_uid_bit_is_not_a_packages_word() {
        let mut evil = change("/a", Action::Replaced);
        evil.after.as_mut().unwrap().mode = 0o4755;
        assert_eq!(run(vec![evil], &["/a"])[0].provenance, None);
    }

    #[test]
    fn managers_by_their_executables() {
        assert_eq!(manager(b"/usr/bin/dpkg"), Some("dpkg"));
        assert_eq!(manager(b"/tmp/dpkg"), None);
        assert_eq!(manager(b"/usr/bin/dnf5"), Some("rpm"));
    }
}
