//! The collectors of a host at work: threads, their hand-over, and what is told of it.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use schema::Timestamp;

use super::cover::{self, Covered, Means};
use super::fanotify::parse::{self, Item as Parsed};
use super::fanotify::{Counts, Excluded, Links, Reader};
use super::inotify::Watches;
use super::mount::{Moves, Source};
use super::permission::{Guard, Keeper};
use super::person::Person;
use super::places::Places;
use super::queue::{Batch, Hole, Item, Of, Queue};
use super::resolve::Resolver;
use super::{Counters, Coverage, How, Identity, Lost, LostBy, Mode, MountChange, Options, Sight, inotify, mount, sys};
use crate::entry::FileId;
use crate::evidence::{Evidence, Mask};
use crate::mountinfo::{self, Mount, Mounts};
use crate::policy::{ContainerFacts, Interest, Policies};
use crate::who::{Confidence, Who};

/// Items taken in one call, at most: some thousand sights.
const AT_ONCE: usize = 16;

/// All collectors of this host. Dropping them ends the threads and lets everybody go who waits for permission.
pub struct Collectors {
    places: Places,
    resolver: Resolver,
    identity: Arc<dyn Identity>,
    options: Options,
    queue: Arc<Queue>,
    counts: Arc<Counts>,
    group: Result<Arc<OwnedFd>, String>,
    guard: Option<Arc<Guard>>,
    watches: Option<Arc<Watches>>,
    covered: Vec<Covered>,
    /// Files that are held, and files of which each open is told.
    named: (bool, bool),
    containers: HashMap<u32, (Box<str>, Vec<Covered>)>,
    told: u64,
    attributed: u64,
    lost: u64,
    /// Readable when the threads are to end; `None`: there are none.
    end: Option<Arc<OwnedFd>>,
    threads: Vec<JoinHandle<()>>,
}

impl Collectors {
    /// Marks what the policies ask for and starts the threads. What cannot be covered is told with its reason and never an error:
    /// scans find it.
    #[must_use]
    pub fn open(policies: Arc<Policies>, options: Options, identity: Arc<dyn Identity>) -> (Self, Vec<Coverage>) {
        let group = match options.mode {
            Mode::Auto | Mode::Fanotify => super::fanotify::open(options.capped_queue).map(Arc::new),
            Mode::Inotify | Mode::Scan => Err(std::io::ErrorKind::Unsupported.into()),
        };
        let group = group.map_err(|error| format!("fanotify: {error}"));
        let guard = group.is_ok().then(|| Guard::open().ok().map(Arc::new)).flatten();
        let (excluded, links) = (Arc::<Excluded>::default(), Arc::<Links>::default());
        let mut all = Self {
            places: Places::new(policies, mounts()),
            resolver: Resolver::new(excluded, links),
            identity,
            queue: Arc::new(Queue::new(options.queue_bytes)),
            counts: Arc::default(),
            group,
            guard,
            watches: None,
            covered: Vec::new(),
            named: (false, false),
            containers: HashMap::new(),
            told: 0,
            attributed: 0,
            lost: 0,
            end: None,
            threads: Vec::new(),
            options,
        };
        all.start_readers();
        let coverage = all.cover();
        (all, coverage)
    }

    fn start_readers(&mut self) {
        let end = match sys::flag() {
            Ok(end) => Arc::new(end),
            Err(error) => {
                self.group = Err(format!("eventfd: {error}"));
                return;
            }
        };
        self.end = Some(Arc::clone(&end));
        let (queue, now) = (Arc::clone(&self.queue), Arc::clone(&self.options.now));
        if let Ok(group) = &self.group {
            let reader = Reader {
                group: Arc::clone(group),
                end: Arc::clone(&end),
                queue: Arc::clone(&queue),
                excluded: Arc::clone(&self.resolver.excluded),
                links: Arc::clone(&self.resolver.links),
                counts: Arc::clone(&self.counts),
                now: Arc::clone(&now),
            };
            self.start("fim-read", move || reader.run());
        }
        if self.options.mode != Mode::Scan
            && let Ok(source) = Source::open()
        {
            let end = Arc::clone(&end);
            let watcher = mount::Watcher { source, end, queue, now };
            self.start("fim-mount", move || watcher.run());
        }
        if let Some(guard) = &self.guard {
            let keeper = Arc::new(Keeper {
                guard: Arc::clone(guard),
                end,
                queue: Arc::clone(&self.queue),
                decide: Arc::clone(&self.options.decide),
                deadline: self.options.perm_deadline,
                now: Arc::clone(&self.options.now),
            });
            let late = Arc::clone(&keeper);
            self.start("fim-perm", move || keeper.answer());
            self.start("fim-perm-late", move || late.watch());
        }
    }

    fn start(&mut self, name: &str, run: impl FnOnce() + Send + 'static) {
        match std::thread::Builder::new().name(name.to_owned()).spawn(run) {
            Ok(thread) => self.threads.push(thread),
            // Nothing is collected then; all roots are told as such.
            Err(error) => self.group = Err(format!("thread {name}: {error}")),
        }
    }

    /// Covers all roots as well as it goes.
    fn cover(&mut self) -> Vec<Coverage> {
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
        let group = self.group.as_ref().map(|group| &**group).map_err(String::as_str);
        cover::roots(&mut self.places, &Means { mode: self.options.mode, group, watches })
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

    fn cover_file(&self, path: &Path, hold: bool, opens: bool) -> bool {
        let held = match &self.guard {
            Some(guard) if hold => guard.hold(path).is_ok(),
            Some(_) => true,
            None => !hold,
        };
        let marked = match &self.group {
            Ok(group) if opens && !hold => cover::mark_opens(group, path).is_ok(),
            Ok(_) => true,
            Err(_) => !opens,
        };
        held && marked
    }

    /// Waits at most `timeout` for something to tell, then tells what there is, at most some thousand sights at once. Returns how many.
    pub fn take(&mut self, timeout: Duration, each: &mut dyn FnMut(Sight)) -> usize {
        let mut count = 0;
        let mut wait = timeout;
        for _ in 0..AT_ONCE {
            let item = self.queue.pop(wait);
            wait = Duration::ZERO;
            let idle = item.is_none();
            let mut tell = |sight| {
                count += 1;
                each(sight);
            };
            match item {
                Some(Item::Batch(batch)) => self.batch(&batch, &mut tell),
                Some(Item::Permission(evidence) | Item::Inotify(evidence)) => self.evidence(*evidence, &mut tell),
                Some(Item::Mounts(moves)) => self.moved(&moves, &mut tell),
                Some(Item::Coverage(coverage)) => self.other_coverage(coverage, &mut tell),
                None => self.resolver.give_up(Instant::now()),
            }
            self.losses(&mut tell);
            if idle {
                break;
            }
        }
        self.places.rest();
        count
    }

    fn batch(&mut self, batch: &Batch, tell: &mut dyn FnMut(Sight)) {
        let nobody = Person::Elsewhere;
        let identity = Arc::clone(&self.identity);
        let table = move |pid, at| identity.of(pid, at);
        let mut found = Vec::new();
        for (item, who) in parse::events(&batch.bytes).zip(&batch.who) {
            let Parsed::Event(event) = item else { continue };
            let person = batch.people.get(usize::from(*who)).unwrap_or(&nobody);
            let mut keep = |evidence| found.push(evidence);
            self.resolver.tell(&mut self.places, &event, (batch.at, person), &table, &mut keep);
        }
        found.into_iter().for_each(|evidence| self.evidence(evidence, tell));
    }

    fn evidence(&mut self, evidence: Evidence, tell: &mut dyn FnMut(Sight)) {
        self.told += 1;
        self.attributed += u64::from(evidence.who.confidence >= Confidence::Strong);
        let new = Mask::CREATE.with(Mask::RENAME);
        if self.named != (false, false)
            && evidence.mask.has(new)
            && !evidence.mask.has(Mask::ONDIR)
            && let Some(path) = &evidence.path
        {
            let (hold, opens) = cover::asks(&self.places.policies.of(path));
            if (hold || opens) && !self.cover_file(path, hold, opens) {
                let reason = "not held: too many such files, or it is gone".to_owned();
                tell(Sight::Coverage(Coverage { root: path.clone(), how: How::Fanotify, reason }));
            }
        }
        tell(Sight::Evidence(evidence));
    }

    fn other_coverage(&mut self, coverage: Coverage, tell: &mut dyn FnMut(Sight)) {
        match self.covered.iter_mut().find(|one| one.coverage.root == coverage.root) {
            Some(known) => known.coverage = coverage.clone(),
            None => self.covered.push(Covered { coverage: coverage.clone(), fsid: None }),
        }
        tell(Sight::Coverage(coverage));
    }

    /// Tells what was lost since the last time.
    fn losses(&mut self, tell: &mut dyn FnMut(Sight)) {
        let mut holes = self.queue.holes();
        for (fsid, count) in self.resolver.unknown.drain() {
            holes.insert(Hole { of: Of::FileSystem(fsid), why: LostBy::Unreadable }, count);
        }
        for (hole, count) in holes {
            self.lost += count;
            let roots = self.roots_of(hole.of);
            let count = (count > 0).then_some(count);
            tell(Sight::Lost(Lost { at: (self.options.now)(), roots, count, why: hole.why }));
        }
    }

    /// The roots that a loss concerns.
    fn roots_of(&self, of: Of) -> Vec<PathBuf> {
        let boxes = self.containers.values().flat_map(|(_, covered)| covered);
        let all = || self.covered.iter().chain(boxes);
        let on = |wanted: &dyn Fn(&Covered) -> bool| {
            all().filter(|one| wanted(one)).map(|one| one.coverage.root.clone()).collect()
        };
        match of {
            Of::FileSystem(fsid) => on(&|one| one.fsid == Some(fsid)),
            Of::Marked => on(&|one| one.fsid.is_some()),
            Of::Watched => self.watches.as_ref().map(|watches| watches.roots()).unwrap_or_default(),
        }
    }

    /// Mounts have moved: tells what now lies over a covered path or is gone from there, and covers what is new.
    fn moved(&mut self, moves: &Moves, tell: &mut dyn FnMut(Sight)) {
        let now = mounts();
        let before = std::mem::replace(&mut self.places.mounts, now);
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
    fn refresh(&mut self) {
        self.places.rest();
        self.places.overlays = crate::overlay::Table::new(&self.places.mounts);
        for (pid, (id, _)) in &self.containers {
            if let Ok(table) = std::fs::read(format!("/proc/{pid}/mountinfo")) {
                let own = mountinfo::read(&table);
                self.places.overlays.add_container(*pid, id, &own, &self.places.mounts);
            }
        }
        self.places.drop_unmounted();
        self.places.forget();
        self.resolver.excluded.forget();
    }

    fn by(&self, moves: &Moves) -> Who {
        let mut people = moves.by.iter().map(|person| person.who(|pid| self.identity.of(pid, moves.at)));
        let Some(first) = people.next() else { return Who::unknown(crate::who::Reason::NotTold) };
        let others: Vec<u32> = people.map(|who| who.pid).take(3).collect();
        if others.is_empty() {
            return first;
        }
        let candidates = std::iter::once(first.pid).chain(others).collect();
        Who { confidence: Confidence::Ambiguous, candidates, ..Who::default() }
    }

    /// Other policies from now on. Returns how all roots are covered now.
    pub fn set_policies(&mut self, policies: Arc<Policies>) -> Vec<Coverage> {
        self.places.set_policies(policies);
        self.places.mounts = mounts();
        self.refresh();
        if let Some(guard) = &self.guard {
            guard.forget();
        }
        if let Some(watches) = self.watches.take() {
            watches.stop();
        }
        self.cover()
    }

    /// A container runs; `pid` is a process in it. Its own file systems (tmpfs, volumes) get marks, its root is known to the overlay
    /// table, and policies about containers that its facts fit apply to it. Returns how its file systems are covered.
    pub fn mark_container(&mut self, pid: u32, container: impl Into<ContainerFacts>) -> Vec<Coverage> {
        let container = container.into();
        let id = container.id.clone();
        self.places.add_container(pid, container);
        let Ok(group) = self.group.clone() else { return Vec::new() };
        // A container's root may be mounted just now.
        self.places.mounts = mounts();
        self.containers.insert(pid, (id.clone(), Vec::new()));
        self.refresh();
        let covered = cover::container(&mut self.places, &group, pid, &id);
        let coverage = covered.iter().map(|one| one.coverage.clone()).collect();
        self.containers.insert(pid, (id, covered));
        coverage
    }

    /// The container of this process is gone.
    pub fn forget_container(&mut self, pid: u32) {
        self.containers.remove(&pid);
        self.places.overlays.remove_container(pid);
        self.places.drop_container(pid);
        self.places.forget();
    }

    /// A watched path is one of several names of this inode: what is written under a name outside of all roots is told under this
    /// one. False: there are too many such files; a scan finds the change.
    pub fn link(&self, id: FileId, path: &Path) -> bool {
        self.resolver.links.0.lock().unwrap_or_else(PoisonError::into_inner).add(id, path)
    }

    /// Host paths and containers: what the mounts say.
    #[must_use]
    pub fn overlays(&self) -> &crate::overlay::Table {
        &self.places.overlays
    }

    /// How all roots are covered now.
    #[must_use]
    pub fn coverage(&self) -> Vec<Coverage> {
        let boxes = self.containers.values().flat_map(|(_, covered)| covered);
        self.covered.iter().chain(boxes).map(|one| one.coverage.clone()).collect()
    }

    /// Files whose openers are held.
    #[must_use]
    pub fn guarded(&self) -> usize {
        self.guard.as_ref().map_or(0, |guard| guard.guarded())
    }

    /// What went through.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            read: self.counts.read.load(Relaxed),
            own: self.counts.own.load(Relaxed),
            excluded: self.counts.excluded.load(Relaxed) + self.resolver.dropped,
            told: self.told,
            lost: self.lost,
            attributed: self.attributed,
        }
    }
}

impl Drop for Collectors {
    fn drop(&mut self) {
        if let Some(end) = &self.end {
            sys::raise(end);
        }
        if let Some(watches) = &self.watches {
            watches.stop();
        }
        if let Some(guard) = &self.guard {
            guard.end();
        }
        for thread in self.threads.drain(..) {
            // A thread that panicked has been told of by the panic itself.
            drop(thread.join());
        }
    }
}

/// This host's mounts now.
fn mounts() -> Mounts {
    mountinfo::read(&std::fs::read("/proc/self/mountinfo").unwrap_or_default())
}

/// Mounts of the one table that are not in the other.
fn missing<'a>(of: &'a Mounts, from: &'a Mounts) -> impl Iterator<Item = &'a Mount> {
    let key = |mount: &'a Mount| (mount.id, mount.dev, &mount.point, &mount.root);
    let there: std::collections::HashSet<_> = from.list.iter().map(key).collect();
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
