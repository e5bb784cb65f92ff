//! `fim-judge`: takes what collectors, audit and scans tell, has it judged, and hands the changes over.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use fim::Change;
use fim::baseline::{Baseline, Generation, Opened, Options};
use fim::change::{Action, ScanKind};
use fim::collect::{Collectors, Coverage, How, Lost, LostBy, MountChange, Sight};
use fim::evidence::{Collector, Evidence, Mask};
use fim::judge::{Judge, Wish};
use fim::look::Live;
use fim::policy::{ContainerFacts, Gate, Live as HostGround};
use fim::scan::Summary;
use schema::Timestamp;
use schema::loss::Unit;
use tracing::warn;

use super::boxes::facts;
use super::held::Held;
use super::memory::Memory;
use super::notice::{self, Scanned};
use super::out::Out;
use super::scans::{Ended, Found, queue_of};
use super::shared::{Job, Shared};
use super::shelf::Shelf;
use super::stale::Stale;
use super::witness::{Witness, Word, resolved};
use crate::enrich::Context;
use crate::health::{Counters, Figure, Health};

/// Longest wait for something to happen.
const TICK: Duration = Duration::from_millis(50);
/// What was noted is durable and signed after this.
const COMMIT_MS: i64 = 1_000;
/// Containers are looked for this often.
const CONTAINERS_MS: i64 = 250;
/// Executables of allow-lists are looked at this often.
const LISTS_MS: i64 = 5_000;
/// What waits while the first look at everything is made; more is judged before.
const MOST_HELD: usize = 32_768;
/// As long as a start is waited for before evidence is judged beside it.
const START_MS: i64 = 30_000;

pub(super) struct Watch {
    pub(super) shared: Arc<Shared>,
    pub(super) context: Context,
    pub(super) collectors: Collectors,
    pub(super) judge: Judge,
    pub(super) memory: Memory,
    pub(super) look: Live,
    pub(super) out: Out,
    pub(super) found: Receiver<Found>,
    pub(super) held: Held,
    pub(super) witness: Arc<Witness>,
    pub(super) gate: Arc<Gate>,
    /// Some policy lists applications.
    pub(super) lists: bool,
    pub(super) stage: Arc<Counters>,
    pub(super) figures: Figures,
    /// The baseline that lay there failed its check: why, and where it is now. Nothing is approved by itself then.
    pub(super) refused: Option<(String, PathBuf)>,
    /// The start's scan runs since; evidence waits for it.
    pub(super) starting: Option<Timestamp>,
    pub(super) committed: Timestamp,
    /// The executables that lists name, as they were at that time.
    pub(super) listed: (Timestamp, Vec<Option<Version>>),
    pub(super) stale: Stale,
    /// Evidence that the judge could not keep, as told so far.
    pub(super) overflowed: u64,
    pub(super) looked: Timestamp,
    /// Containers whose file systems are marked, by id, with the process they were reached by.
    pub(super) containers: BTreeMap<String, (u32, ContainerFacts)>,
    pub(super) shelf: Option<Shelf>,
}

/// How full things are.
pub(super) struct Figures {
    pending: Arc<Figure>,
    held: Arc<Figure>,
    read: Arc<Figure>,
    excluded: Arc<Figure>,
    containers: Arc<Figure>,
    entries: Arc<Figure>,
    covered: [Arc<Figure>; 3],
}

impl Figures {
    pub(super) fn of(health: &Health) -> Self {
        let covered = |how: How| health.figure(format!("auditng_fim_roots{{by=\"{}\"}}", how.name()));
        Self {
            pending: health.figure("auditng_fim_pending"),
            held: health.figure("auditng_fim_scan_held"),
            read: health.figure("auditng_fim_read_total"),
            containers: health.figure("auditng_fim_containers"),
            excluded: health.figure("auditng_fim_excluded_total"),
            entries: health.figure("auditng_fim_baseline_entries"),
            covered: [How::Fanotify, How::Inotify, How::ScanOnly].map(covered),
        }
    }
}

impl Watch {
    /// Until the source stops.
    pub(super) fn run(mut self) {
        self.context.begin();
        self.announce();
        while !self.shared.stop.is_set() {
            self.turn();
        }
        self.finish();
    }

    fn turn(&mut self) {
        let mut sights = Vec::new();
        let wait = self.wait();
        self.collectors.take(wait, &mut |sight| sights.push(sight));
        let now = self.shared.now();
        self.stage.taken(sights.len() as u64);
        for sight in sights {
            self.sight(sight, now);
        }
        self.listen(now);
        self.hear(now);
        match self.waits_for_start(now) {
            true => self.tell_instants(now),
            false => self.judge(now, false),
        }
        self.look_after_containers(now);
        self.look_after_lists(now);
        self.commit(now);
        self.tell_stale(now);
        self.out.tick(now);
        self.count();
    }

    fn wait(&self) -> Duration {
        let Some(due) = self.judge.due().filter(|_| self.starting.is_none()) else { return TICK };
        let left = due.millis().saturating_sub(self.shared.now().millis());
        Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(TICK)
    }

    /// Evidence waits while the first look at everything is made, or all of it would be news.
    fn waits_for_start(&mut self, now: Timestamp) -> bool {
        let Some(since) = self.starting else { return false };
        let first = self.memory.lock().approved().is_none();
        let late = !first && now.millis() - since.millis() > START_MS;
        if late || self.judge.pending() > MOST_HELD {
            self.starting = None;
        }
        self.starting.is_some()
    }

    fn sight(&mut self, sight: Sight, now: Timestamp) {
        match sight {
            Sight::Evidence(evidence) => self.evidence(evidence, now),
            Sight::Lost(lost) => self.lost(&lost, now),
            Sight::Mount(mount) => self.mount(mount, now),
            Sight::Coverage(coverage) => self.covered(coverage, now),
        }
    }

    fn evidence(&mut self, evidence: Evidence, now: Timestamp) {
        self.stage.passed(1);
        let changes = Mask::CREATE.with(Mask::RENAME).with(Mask::CLOSE_WRITE).with(Mask::DELETE);
        if evidence.mask.has(changes) && self.is_of_a_list(&evidence) {
            self.renew_lists();
        }
        self.judge.take(evidence, now);
    }

    fn renew_lists(&self) {
        let policies = self.shared.policies();
        let mut table = self.gate.table();
        table.renew(&policies, &HostGround::host());
        self.gate.put(policies, table);
    }

    /// Executables that lists name and no policy watches: what became of them is asked every few seconds.
    fn look_after_lists(&mut self, now: Timestamp) {
        if !self.lists || now.millis() - self.listed.0.millis() < LISTS_MS {
            return;
        }
        let stat = |path: &PathBuf| std::fs::metadata(path).ok();
        let there = self.gate.table().paths().iter().map(|path| stat(path).map(|there| of_version(&there))).collect();
        let first = self.listed.0 == Timestamp::default();
        if self.listed.1 != there && !first {
            self.renew_lists();
        }
        self.listed = (now, there);
    }

    /// An executable that an allow-list names was replaced.
    fn is_of_a_list(&self, evidence: &Evidence) -> bool {
        let mut paths = [&evidence.path, &evidence.old_path].into_iter().flatten();
        self.lists && paths.any(|path| self.gate.names(path))
    }

    /// Events are missing: the roots in question are scanned at once.
    fn lost(&mut self, lost: &Lost, now: Timestamp) {
        let (unit, count) = lost.count.map_or((Unit::Reports, 1), |count| (Unit::Events, count.max(1)));
        self.stage.lost(lost.why.name(), unit, count, lost.at);
        for root in &lost.roots {
            self.shared.note_loss(fim::control::Loss {
                time_ms: lost.at.millis(),
                root: fim::name::text(root.as_os_str().as_encoded_bytes()),
                count: lost.count.unwrap_or(0),
                reason: lost.why.name().to_owned(),
                repaired: lost.why == LostBy::Late,
            });
        }
        if lost.why != LostBy::Late {
            self.rescan(lost.roots.clone(), format!("events were lost: {}", lost.why.name()), now);
        }
    }

    fn rescan(&self, roots: Vec<PathBuf>, why: String, since: Timestamp) {
        let job = Job { kind: ScanKind::Targeted, roots, why, since };
        queue_of(&self.shared, &job).add(job);
    }

    fn mount(&mut self, mount: MountChange, now: Timestamp) {
        let policies = self.shared.policies();
        let mut concerned = policies.of(&mount.path);
        if concerned.is_empty() {
            let below = policies.roots().iter().find(|root| root.path.starts_with(&mount.path));
            concerned = below.map(|root| policies.of(&root.path)).unwrap_or_default();
        }
        if concerned.is_empty() {
            return;
        }
        let action = if mount.mounted { Action::MountedOver } else { Action::Unmounted };
        let change = Change {
            old_path: (!mount.source.as_os_str().is_empty()).then_some(mount.source),
            who: mount.who,
            policies: concerned,
            collector: Collector::Fanotify,
            ..Change::new(mount.at, action, mount.path)
        };
        self.out.change(&change, now);
    }

    fn covered(&mut self, coverage: Coverage, now: Timestamp) {
        self.out.notice(notice::coverage(now, &coverage.root, coverage.how.name(), &coverage.reason), now);
        {
            let mut known = self.shared.known();
            known.coverage.retain(|known| known.root != coverage.root);
            known.coverage.push(coverage);
        }
        self.tell_coverage();
    }

    /// The source's state says what is not seen at once.
    fn tell_coverage(&self) {
        let known = self.shared.known();
        let short = known.coverage.iter().filter(|coverage| coverage.how != How::Fanotify);
        let list: Vec<String> = short
            .map(|one| {
                let reason = if one.reason.is_empty() { String::new() } else { format!(" ({})", one.reason) };
                format!("{} by {}{reason}", one.root.display(), one.how.name())
            })
            .collect();
        for how in [How::Fanotify, How::Inotify, How::ScanOnly] {
            let count = known.coverage.iter().filter(|coverage| coverage.how == how).count();
            self.figures.covered[how as usize].set(count as u64);
        }
        drop(known);
        let more = list.len().saturating_sub(3);
        let mut why = list.into_iter().take(3).collect::<Vec<_>>().join(", ");
        if more > 0 {
            why = format!("{why} and {more} more");
        }
        self.shared.degraded("coverage", why);
    }

    /// What audit records tell.
    fn listen(&mut self, now: Timestamp) {
        let (words, lost) = self.witness.take();
        if self.witness.speaks() {
            self.judge.set_audit(true);
        }
        if lost > 0 {
            self.stage.lost("audit-queue", Unit::Events, lost, now);
            self.rescan(Vec::new(), "audit records did not fit".to_owned(), now);
        }
        for word in words {
            match word {
                Word::File(evidence) => {
                    self.stage.taken(1);
                    match resolved(*evidence) {
                        Some(evidence) => self.evidence(evidence, now),
                        None => self.stage.filtered(1),
                    }
                }
                Word::RuleGone { at, key, path } => self.rule_gone(at, &key, path, now),
                Word::Lost(at) => self.rescan(Vec::new(), "audit records were lost".to_owned(), at),
            }
        }
    }

    fn rule_gone(&mut self, at: Timestamp, key: &str, path: PathBuf, now: Timestamp) {
        let policies = self.shared.policies();
        if policies.of_audit_key(key).next().is_none() && policies.of(&path).is_empty() {
            return;
        }
        let why =
            format!("the kernel dropped the audit watch with key {key}: its folder was moved, removed or unmounted");
        self.out.notice(notice::blinded(at, &path, "audit", &why), now);
        self.rescan(vec![path], why, at);
    }

    /// What the scan thread tells.
    fn hear(&mut self, now: Timestamp) {
        while let Ok(found) = self.found.try_recv() {
            match found {
                Found::Change(change) => self.held.take(*change, now),
                Found::Ended(ended) => self.ended(*ended, now),
                Found::Asked(summary, root) => {
                    self.tell_scan(&summary, "asked for on the command line", &root.to_string(), now)
                }
                Found::Approved(within) => {
                    let generation = self.memory.lock().approved().cloned();
                    if let Some(generation) = generation {
                        self.tell_generation(&generation, &within, now);
                    }
                }
                Found::Settle(done) => {
                    self.tell_held(now, true);
                    done.send(()).ok();
                }
            }
        }
    }

    fn ended(&mut self, ended: Ended, now: Timestamp) {
        let Ended { job, summary } = ended;
        let (start, whole) = (summary.start, !summary.stopped);
        if whole {
            self.shared.repaired(&job.roots, start);
        }
        let first = job.kind == ScanKind::Baseline;
        let (generation, sealed) = {
            let mut baseline = self.memory.lock();
            let root = baseline.last_seal().root;
            let sealed = baseline.add_scan(&summary.record(&job.why, Some(root))).and_then(|()| {
                match first && whole && is_new(&baseline) {
                    true => baseline.approve(&[], "first run of this host", now).map(|_| ()),
                    false => baseline.seal(now),
                }
            });
            (baseline.approved().cloned(), sealed.map(|()| baseline.last_seal().root))
        };
        if let Err(error) = &sealed {
            self.shared.degraded("baseline", format!("the baseline cannot be written: {error}"));
        }
        let root = sealed.map(|root| root.to_string()).unwrap_or_default();
        self.tell_scan(&summary, &job.why, &root, now);
        if first && let Some(generation) = generation {
            self.tell_generation(&generation, &[], now);
        }
        if matches!(job.kind, ScanKind::Baseline | ScanKind::WhileDown) {
            self.link_known();
            self.starting = None;
        }
    }

    fn tell_scan(&mut self, summary: &Summary, why: &str, root: &str, now: Timestamp) {
        let everything = self.shared.policies().roots().iter().all(|root| summary.roots.contains(&root.path));
        if everything && !summary.stopped {
            self.stale.compared(now);
        }
        let scanned = Scanned {
            kind: summary.kind.name(),
            why: why.to_owned(),
            from: summary.start,
            to: summary.end(),
            generation: (summary.generation > 0).then_some(summary.generation),
            root: root.to_owned(),
            entries: summary.entries,
            bytes: summary.hashed_bytes,
            differences: summary.differences,
            skipped: summary.skipped.values().sum(),
            unreadable: summary.unreadable,
            whole: !summary.stopped && everything,
        };
        self.out.notice(notice::scan(&scanned), now);
        if let Some(shelf) = &self.shelf {
            shelf.prime(&self.shared.policies(), &self.memory);
        }
    }

    fn judge(&mut self, now: Timestamp, end: bool) {
        let mut changes = Vec::new();
        let (judge, look, memory) = (&mut self.judge, &self.look, &mut self.memory);
        match end {
            true => judge.finish(now, look, memory, &mut |change| changes.push(change)),
            false if judge.due().is_some_and(|due| due <= now) => {
                judge.run(now, look, memory, &mut |change| changes.push(change))
            }
            false => {}
        }
        for change in changes {
            self.out.change(&change, now);
        }
        self.tell_held(now, end);
        for Wish::Scan { path, at, .. } in self.judge.wishes() {
            self.rescan(vec![path], "came with contents that nobody told of".to_owned(), at);
        }
    }

    /// Who opened what is no news of the first look, and nobody waits for it with what was refused.
    fn tell_instants(&mut self, now: Timestamp) {
        let mut changes = Vec::new();
        self.judge.run_instant(now, &self.memory, &mut |change| changes.push(change));
        for change in changes {
            self.out.change(&change, now);
        }
    }

    /// What scans found and nobody else told.
    fn tell_held(&mut self, now: Timestamp, all: bool) {
        let mut changes = Vec::new();
        let (judge, memory) = (&mut self.judge, &mut self.memory);
        self.held.run(now, all, memory, &mut |change| judge.found(change, now, &mut |change| changes.push(change)));
        for change in changes {
            self.out.change(&change, now);
        }
    }

    /// Containers that began get their own file systems covered and their applications known.
    fn look_after_containers(&mut self, now: Timestamp) {
        if now.millis() - self.looked.millis() < CONTAINERS_MS {
            return;
        }
        self.looked = now;
        let running = self.context.containers();
        let gone: Vec<String> = self
            .containers
            .keys()
            .filter(|id| !running.iter().any(|(one, _)| one.id() == id.as_str()))
            .cloned()
            .collect();
        for id in gone {
            if let Some((pid, _)) = self.containers.remove(&id) {
                self.collectors.forget_container(pid);
                let mut table = self.gate.table();
                table.leave(&id);
                self.gate.put(self.shared.policies(), table);
            }
        }
        for (container, pid) in running {
            let known = facts(&container);
            match self.containers.get(container.id()) {
                Some((_, before)) if *before == known => continue,
                // More is known of it by now, and other policies may be about it.
                Some((before, _)) => self.collectors.forget_container(*before),
                None => {}
            }
            self.enter(pid, &known, now);
            self.containers.insert(container.id().to_owned(), (pid, known));
        }
    }

    fn enter(&mut self, pid: u32, known: &ContainerFacts, now: Timestamp) {
        for coverage in self.collectors.mark_container(pid, known.clone()) {
            self.covered(coverage, now);
        }
        let policies = self.shared.policies();
        if policies.ask_for(known)
            && let Ok(inside) = HostGround::inside(Path::new(&format!("/proc/{pid}/root")))
        {
            let mut table = self.gate.table();
            table.enter(&policies, known, &inside);
            self.gate.put(policies, table);
        }
    }

    fn commit(&mut self, now: Timestamp) {
        if now.millis() - self.committed.millis() < COMMIT_MS {
            return;
        }
        self.committed = now;
        if self.starting.is_some() {
            return;
        }
        let done = self.memory.lock().commit(now);
        match done {
            Ok(()) => {}
            Err(error) => {
                warn!(%error, "baseline");
                self.shared.degraded("baseline", format!("the baseline cannot be written: {error}"));
            }
        }
    }

    /// No pass over everything has ended for too long.
    fn tell_stale(&mut self, now: Timestamp) {
        if let Some(since) = self.stale.due(now, self.shared.config.scan.every.0) {
            self.out.notice(notice::stale(now, since, "no pass over everything has ended since"), now);
        }
    }

    fn count(&mut self) {
        let overflowed = self.judge.counters().overflowed;
        if overflowed > self.overflowed {
            self.stage.lost("judge-full", Unit::Events, overflowed - self.overflowed, self.shared.now());
            self.overflowed = overflowed;
        }
        let counters = self.collectors.counters();
        self.figures.read.set(counters.read);
        self.figures.excluded.set(counters.excluded);
        self.figures.pending.set(self.judge.pending() as u64);
        self.figures.held.set(self.held.len() as u64);
        self.figures.containers.set(self.containers.len() as u64);
    }

    /// What is watched, how, and by which baseline: told at each start.
    fn announce(&mut self) {
        let now = self.shared.now();
        let policies = self.shared.policies();
        let digest = policies.digest().to_string();
        for policy in policies.all() {
            self.out.notice(notice::policy(now, policy, &digest, &fim::report::settings(policy)), now);
        }
        let coverage = self.shared.known().coverage.clone();
        for one in coverage {
            self.out.notice(notice::coverage(now, &one.root, one.how.name(), &one.reason), now);
        }
        self.tell_coverage();
        if let Some((why, aside)) = self.refused.take() {
            self.shared.degraded("baseline", format!("the baseline was refused: {why}"));
            self.out.notice(notice::refused(now, &why, &aside), now);
        }
        let generation = self.memory.lock().approved().cloned();
        if let Some(generation) = generation {
            self.tell_generation(&generation, &[], now);
        }
        self.figures.entries.set(self.memory.lock().entries());
    }

    /// `within`: what was approved just now lies there; none: everything, or nobody knows any more.
    fn tell_generation(&mut self, generation: &Generation, within: &[PathBuf], now: Timestamp) {
        let seal = &generation.seal;
        let told = notice::Generation {
            number: seal.generation,
            made: Timestamp::from_millis(seal.time_ms),
            root: seal.root.to_string(),
            previous: if seal.previous.0 == [0; 32] { String::new() } else { seal.previous.to_string() },
            signature: seal.signature.clone(),
            key: self.memory.lock().public_key(),
            policies: seal.policies.to_string(),
            reason: seal.reason.clone(),
            entries: generation.entries,
        };
        self.out.notice(notice::baseline(now, "approved", &told, within), now);
        self.figures.entries.set(generation.entries);
    }

    fn finish(mut self) {
        let now = self.shared.now();
        let mut sights = Vec::new();
        self.collectors.take(Duration::ZERO, &mut |sight| sights.push(sight));
        for sight in sights {
            self.sight(sight, now);
        }
        self.hear(now);
        if self.starting.is_none() {
            self.judge(now, true);
        }
        if let Err(error) = self.memory.lock().seal(now) {
            warn!(%error, "baseline");
        }
        self.witness.stop();
        self.out.finish();
        self.context.end();
        self.shared.source.set(crate::health::State::Off, "stopped");
    }
}

/// Device, inode, seconds and nanoseconds of its ctime.
pub(super) type Version = (u64, u64, i64, i64);

fn of_version(there: &std::fs::Metadata) -> Version {
    (there.dev(), there.ino(), there.ctime(), there.ctime_nsec())
}

/// Opens the baseline. What was refused is told with the reason.
pub(super) fn open_baseline(
    shared: &Shared,
    agent: &str,
    now: Timestamp,
) -> Result<(Baseline, Option<(String, PathBuf)>), fim::baseline::Error> {
    let options = Options {
        agent: Some(agent.to_owned()),
        policies: Some(shared.policies().digest()),
        ..Options::new(&shared.config.state_dir)
    };
    match Baseline::open_or_create(&options, now)? {
        Opened::Good(baseline) => Ok((baseline, None)),
        Opened::Refused { why, set_aside, fresh } => {
            let why: Vec<String> = why.iter().map(ToString::to_string).collect();
            Ok((fresh, Some((why.join("; "), set_aside.unwrap_or_default()))))
        }
    }
}

/// Nothing was ever approved here. A baseline that took the place of a refused one goes on counting, so it is none of these.
fn is_new(baseline: &Baseline) -> bool {
    baseline.approved().is_none() && baseline.last_seal().generation == 0
}

/// The scan that a start begins with: everything where nothing is known, else what changed while nobody watched.
pub(super) fn first_job(baseline: &Baseline, config: &fim::config::Config, now: Timestamp) -> Option<Job> {
    let everything = baseline.entries() == 0 || is_new(baseline);
    let since = Timestamp::from_millis(baseline.last_seal().time_ms);
    let job = |kind, why: &str, since| Some(Job { kind, roots: Vec::new(), why: why.to_owned(), since });
    match everything {
        true => job(ScanKind::Baseline, "first look at this host", now),
        false if config.scan.at_start => job(ScanKind::WhileDown, "what changed while nobody watched", since),
        false => None,
    }
}
