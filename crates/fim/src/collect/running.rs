//! The collectors of a host at work: threads, their hand-over, and what is told of it.

mod moves;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::cover::{self, Covered};
use super::fanotify::groups::Groups;
use super::fanotify::parse::{self, Item as Parsed};
use super::fanotify::{Counts, Excluded, Links, Reader};
use super::inotify::Watches;
use super::mount::Source;
use super::permission::{Guard, Keeper};
use super::person::Person;
use super::places::Places;
use super::queue::{Batch, Hole, Item, Of, Queue};
use super::resolve::Resolver;
use super::{Counters, Coverage, How, Identity, Lost, LostBy, Mode, Options, Sight, mount, sys};
use crate::entry::FileId;
use crate::evidence::{Evidence, Mask};
use crate::mountinfo::{self, Mounts};
use crate::policy::{ContainerFacts, Policies};
use crate::who::Confidence;

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
    groups: Result<Arc<Groups>, String>,
    /// Never without both threads that answer.
    guard: Option<Arc<Guard>>,
    watches: Option<Arc<Watches>>,
    covered: Vec<Covered>,
    /// Files that are held, and files of which each open is told.
    named: (bool, bool),
    containers: HashMap<u32, Boxed>,
    /// The mounts that changes are told against.
    known: Mounts,
    told: u64,
    attributed: u64,
    lost: u64,
    /// Readable when the threads are to end; `None`: there are none.
    end: Option<Arc<OwnedFd>>,
    threads: Vec<JoinHandle<()>>,
    /// `fim-perm`, behind it `fim-perm-late`: who ends first stands first.
    keepers: Vec<JoinHandle<()>>,
}

/// A container that is known.
struct Boxed {
    id: Box<str>,
    /// Its mounts that may matter.
    own: Mounts,
    covered: Vec<Covered>,
}

impl Collectors {
    /// Marks what the policies ask for and starts the threads. What cannot be covered is told with its reason and never an error:
    /// scans find it.
    #[must_use]
    pub fn open(policies: Arc<Policies>, options: Options, identity: Arc<dyn Identity>) -> (Self, Vec<Coverage>) {
        let groups = match options.mode {
            Mode::Auto | Mode::Fanotify => Groups::open(options.capped_queue).map(Arc::new),
            Mode::Inotify | Mode::Scan => Err(std::io::ErrorKind::Unsupported.into()),
        };
        let groups = groups.map_err(|error| format!("fanotify: {error}"));
        let guard = groups.is_ok().then(|| Guard::open().ok().map(Arc::new)).flatten();
        let (excluded, links) = (Arc::<Excluded>::default(), Arc::<Links>::default());
        let mut all = Self {
            places: Places::new(policies, mounts()),
            resolver: Resolver::new(excluded, links),
            identity,
            queue: Arc::new(Queue::new(options.queue_bytes)),
            counts: Arc::default(),
            groups,
            guard,
            watches: None,
            covered: Vec::new(),
            named: (false, false),
            containers: HashMap::new(),
            known: Mounts::default(),
            told: 0,
            attributed: 0,
            lost: 0,
            end: None,
            threads: Vec::new(),
            keepers: Vec::new(),
            options,
        };
        all.start_readers();
        all.known = all.places.mounts.clone();
        let coverage = all.cover();
        (all, coverage)
    }

    fn start_readers(&mut self) {
        let end = match sys::flag() {
            Ok(end) => Arc::new(end),
            Err(error) => {
                self.groups = Err(format!("eventfd: {error}"));
                self.guard = None;
                return;
            }
        };
        self.end = Some(Arc::clone(&end));
        let (queue, now) = (Arc::clone(&self.queue), Arc::clone(&self.options.now));
        if let Ok(groups) = &self.groups {
            let reader = Reader {
                groups: Arc::clone(groups),
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
        if let Some(guard) = self.guard.take() {
            self.start_keepers(guard, end);
        }
    }

    /// Nobody is held unless both threads are there.
    fn start_keepers(&mut self, guard: Arc<Guard>, end: Arc<OwnedFd>) {
        let keeper = Arc::new(Keeper {
            guard: Arc::clone(&guard),
            end,
            queue: Arc::clone(&self.queue),
            decide: Arc::clone(&self.options.decide),
            deadline: self.options.perm_deadline,
            now: Arc::clone(&self.options.now),
        });
        let late = Arc::clone(&keeper);
        let Some(late) = self.spawn("fim-perm-late", move || late.watch()) else { return };
        if let Some(answering) = self.spawn("fim-perm", move || keeper.answer()) {
            self.keepers.extend([answering, late]);
            self.guard = Some(guard);
        } else {
            // With it goes the last that has the group.
            guard.end();
            self.keepers.push(late);
        }
    }

    fn start(&mut self, name: &str, run: impl FnOnce() + Send + 'static) {
        let thread = self.spawn(name, run);
        self.threads.extend(thread);
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
        // Nothing is collected then; all roots are told as such.
        thread.map_err(|error| self.groups = Err(format!("thread {name}: {error}"))).ok()
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
        self.resolver.epoch = batch.epoch;
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
        self.note_links(&evidence);
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

    /// A file that has just got another name: its watched one is remembered (see [`Self::link`]).
    fn note_links(&self, evidence: &Evidence) {
        use std::os::unix::fs::MetadataExt;
        let linked = Mask::CREATE.with(Mask::ATTRIB);
        let file = evidence.mask.has(linked) && !evidence.mask.has(Mask::ONDIR) && evidence.id.is_some();
        let Some(path) = evidence.path.as_ref().filter(|_| file) else { return };
        let stat = std::fs::symlink_metadata(path).ok().filter(|stat| stat.is_file() && stat.nlink() > 1);
        if let Some(stat) = stat
            && !self.policies().of(path).is_empty()
        {
            // Too many: the next scan finds what happens to it.
            self.link(FileId { dev: stat.dev(), inode: stat.ino() }, path);
        }
    }

    fn policies(&self) -> &Policies {
        &self.places.policies
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
        // A folder's rename may be among it: where folders are is asked anew.
        if holes.keys().any(|hole| matches!(hole.why, LostBy::KernelQueue | LostBy::HandOver)) {
            self.forget_folders();
        }
        for (hole, count) in holes {
            self.lost += count;
            let roots = self.roots_of(hole.of);
            // Of a file system that no root lies on: nobody asked for it.
            if roots.is_empty() {
                continue;
            }
            let count = (count > 0).then_some(count);
            tell(Sight::Lost(Lost { at: (self.options.now)(), roots, count, why: hole.why }));
        }
    }

    /// The roots that a loss concerns.
    fn roots_of(&self, of: Of) -> Vec<PathBuf> {
        let boxes = self.containers.values().flat_map(|one| &one.covered);
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
        let Ok(groups) = self.groups.clone() else { return Vec::new() };
        let Ok(table) = std::fs::read(format!("/proc/{pid}/mountinfo")) else { return Vec::new() };
        let mut own = mountinfo::read(&table);
        own.list.retain(|mount| !mount.made_up());
        // A container's root may have been mounted just now.
        let now = mounts();
        let moved = now != self.places.mounts;
        self.places.mounts = now;
        self.places.overlays.add_container(pid, &id, &own, &self.places.mounts);
        let covered = cover::container(&mut self.places, &groups, pid, &id, &own);
        let coverage = covered.iter().map(|one| one.coverage.clone()).collect();
        self.containers.insert(pid, Boxed { id, own, covered });
        if moved {
            self.refresh();
        } else {
            self.forget_folders();
        }
        coverage
    }

    /// The container of this process is gone.
    pub fn forget_container(&mut self, pid: u32) {
        self.containers.remove(&pid);
        self.places.overlays.remove_container(pid);
        self.places.drop_container(pid);
        self.forget_folders();
    }

    /// A watched path is one of several names of this inode: what is written under a name outside of all roots is told under this
    /// one. Names that are made from now on are noticed; of those that were there before, whoever knows them tells (an entry with
    /// `nlink > 1`). False: there are too many such files; a scan finds the change.
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
        let boxes = self.containers.values().flat_map(|one| &one.covered);
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
        // A thread that panicked has been told of by the panic itself.
        let join = |thread: JoinHandle<()>| drop(thread.join());
        // Should `fim-perm` hang, the late thread is still there for all who wait. Then the group: the kernel lets go who came since.
        let mut keepers = self.keepers.drain(..);
        if let Some(guard) = self.guard.take() {
            keepers.next().into_iter().for_each(join);
            guard.end();
            keepers.by_ref().for_each(join);
        }
        keepers.chain(self.threads.drain(..)).for_each(join);
    }
}

/// This host's mounts now.
fn mounts() -> Mounts {
    mountinfo::read(&std::fs::read("/proc/self/mountinfo").unwrap_or_default())
}
