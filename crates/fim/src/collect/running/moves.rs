//! The collectors' marks over time: what is covered at the start, and again when mounts come and go.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schema::Timestamp;

use super::{Collectors, mounts};
use crate::collect::cover::{self, Covered, Means};
use crate::collect::inotify::{self, Watches};
use crate::collect::mount::Moves;
use crate::collect::{Coverage, How, Mode, MountChange, Sight};
use crate::mountinfo::{Mount, Mounts};
use crate::policy::Interest;
use crate::who::{Confidence, Reason, Who};

impl Collectors {
    /// Covers all roots as well as it goes.
    pub(super) fn cover(&mut self) -> Vec<Coverage> {
        let mut covered = self.cover_with(None);
        if covered.iter().any(|one| one.coverage.how != How::Fanotify) && self.inotify_wanted(&covered) {
            let watches = self.start_inotify();
            covered = self.cover_with(watches.as_deref());
        }
        self.covered = covered;
        self.cover_named();
        self.coverage()
    }

    /// Whether inotify may help with what fanotify could not cover.
    fn inotify_wanted(&self, covered: &[Covered]) -> bool {
        let helps = |one: &Covered| {
            let mount = self.places.mounts.of(&one.coverage.root);
            one.coverage.how == How::ScanOnly && mount.is_some_and(|mount| mount.remote().is_none() && !mount.made_up())
        };
        matches!(self.options.mode, Mode::Auto | Mode::Inotify) && covered.iter().any(helps)
    }

    fn start_inotify(&mut self) -> Option<Arc<Watches>> {
        // Another set of policies: the old watches end with their thread, at the latest with us.
        let policies = Arc::clone(&self.places.policies);
        let watches = Arc::new(Watches::open(policies, self.options.watches_percent).ok()?);
        let watcher = inotify::Watcher {
            watches: Arc::clone(&watches),
            queue: Arc::clone(&self.queue),
            now: Arc::clone(&self.options.now),
        };
        self.start("fim-inotify", move || watcher.run());
        self.watches = Some(Arc::clone(&watches));
        Some(watches)
    }

    fn cover_with(&mut self, watches: Option<&Watches>) -> Vec<Covered> {
        let groups = self.groups.as_ref().map(|groups| &**groups).map_err(String::as_str);
        cover::roots(&mut self.places, &Means { mode: self.options.mode, groups, watches })
    }

    /// Holds and watches the files that policies name.
    fn cover_named(&mut self) {
        self.named = cover::asks(self.places.policies.all());
        let (files, cut) = cover::named(&self.places);
        let mut left = usize::from(cut);
        for (path, hold, opens) in files {
            left += usize::from(!self.cover_file(&path, hold, opens));
        }
        if left > 0 {
            let root = PathBuf::from("/");
            let reason = "some files that policies want held, or each open of, are not".to_owned();
            self.covered.push(Covered { coverage: Coverage { root, how: How::ScanOnly, reason }, fsid: None });
        }
    }

    pub(super) fn cover_file(&self, path: &Path, hold: bool, opens: bool) -> bool {
        let held = match &self.guard {
            Some(guard) if hold => guard.hold(path).is_ok(),
            Some(_) => true,
            None => !hold,
        };
        let marked = match &self.groups {
            Ok(groups) if opens && !hold => cover::mark_opens(groups, path).is_ok(),
            Ok(_) => true,
            Err(_) => !opens,
        };
        held && marked
    }

    /// Mounts have moved: tells what now lies over a covered path or is gone from there, and covers what is new.
    pub(super) fn moved(&mut self, moves: &Moves, tell: &mut dyn FnMut(Sight)) {
        self.places.mounts = mounts();
        let before = std::mem::replace(&mut self.known, self.places.mounts.clone());
        let changes: Vec<MountChange> = {
            let (old, new) = (&before, &self.places.mounts);
            let gone = missing(old, new).map(|mount| (mount, false));
            let come = missing(new, old).map(|mount| (mount, true));
            let asked = |mount: &Mount| self.places.policies.interest(&mount.point) == Interest::Some;
            let by = self.by(moves);
            gone.chain(come)
                .filter(|(mount, _)| asked(mount))
                .map(|(mount, mounted)| change(mount, mounted, moves.at, &by))
                .collect()
        };
        self.refresh();
        changes.into_iter().for_each(|change| tell(Sight::Mount(change)));
        let was: Vec<Coverage> = self.covered.iter().map(|one| one.coverage.clone()).collect();
        let watches = self.watches.clone();
        let mut covered = self.cover_with(watches.as_deref());
        if watches.is_none() && self.inotify_wanted(&covered) {
            let watches = self.start_inotify();
            covered = self.cover_with(watches.as_deref());
        }
        self.covered = covered;
        for one in &self.covered {
            if !was.contains(&one.coverage) {
                tell(Sight::Coverage(one.coverage.clone()));
            }
        }
    }

    /// After other mounts or policies: whatever is remembered of folders may be wrong.
    pub(super) fn refresh(&mut self) {
        self.places.rest();
        self.places.overlays = crate::overlay::Table::new(&self.places.mounts);
        for (pid, one) in &self.containers {
            self.places.overlays.add_container(*pid, &one.id, &one.own, &self.places.mounts);
        }
        self.places.drop_unmounted();
        self.forget_folders();
    }

    /// What is remembered of folders is asked for anew.
    pub(super) fn forget_folders(&mut self) {
        self.places.forget();
        self.resolver.excluded.forget();
    }

    fn by(&self, moves: &Moves) -> Who {
        let mut people = moves.by.iter().map(|person| person.who(|pid| self.identity.of(pid, moves.at)));
        let Some(first) = people.next() else { return Who::unknown(Reason::NotTold) };
        let others: Vec<u32> = people.map(|who| who.pid).take(3).collect();
        if others.is_empty() {
            return first;
        }
        let candidates = std::iter::once(first.pid).chain(others).collect();
        Who { confidence: Confidence::Ambiguous, candidates, ..Who::default() }
    }
}

/// Mounts of the one table that are not in the other.
fn missing<'a>(of: &'a Mounts, from: &'a Mounts) -> impl Iterator<Item = &'a Mount> {
    let key = |mount: &'a Mount| (mount.id, mount.dev, &mount.point, &mount.root);
    let there: HashSet<_> = from.list.iter().map(key).collect();
    of.list.iter().filter(move |mount| !there.contains(&key(mount)))
}

fn change(mount: &Mount, mounted: bool, at: Timestamp, by: &Who) -> MountChange {
    let bound = mount.root != Path::new("/");
    MountChange {
        at,
        path: mount.point.clone(),
        mounted,
        id: mount.id,
        fstype: mount.fstype.clone(),
        source: if bound { mount.root.clone() } else { mount.source.clone() },
        who: by.clone(),
    }
}
