//! In which container a process runs, and what is known of that container.
//!
//! [`identify`] is a pure function from the lines of `/proc/PID/cgroup` to a [`Placed`]. Lines of the v1 hierarchies may
//! disagree with each other and with the v2 line (podman's monitor does), so they are asked in a fixed order and the first
//! that names a container counts. Monitors (`conmon`, `lxc.monitor`) belong to the host. Where no path form of a known
//! runtime matches, it is the host: nothing is guessed from a run of hex digits.
//!
//! [`Containers`] keeps one [`Container`] per id. Name, image, labels and pod come from the runtime's files, which exist
//! before the first process of the container runs and are read at once, and from the runtime's socket, which is asked in
//! another thread. No event waits for that: until the answer is there, events carry the id and
//! `auditng.container.metadata: pending`. Each container is told once in an event of its own (`container-observed`) with all
//! that is known, and once more when it is over (`container-ended`).
//!
//! containerd's answer has the image, which its files do not, so it is asked as soon as the shim or runc is seen to start,
//! tens of milliseconds before the first process of the container.
//!
//! Bounds: as many containers as configured (the one not seen for the longest time goes first), each kept as long as the
//! process table knows a process of it, which is 60 seconds after its end; a negative answer counts for 5 seconds.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use schema::{Event, Timestamp};

mod bundle;
pub mod config;
pub mod doctor;
mod facts;
mod known;
mod names;
mod path;
pub mod runtime;
#[cfg(test)]
mod tests;

pub use bundle::Roots;
pub use config::Config;
pub use facts::{Facts, Labels};
pub use known::{Container, Place};
pub use path::{Found, Placed, Pod, identify};

use crate::sys::inside::Root;
use crate::sys::proc::Proc;
use config::Runtime;
use known::{Metadata, Told};
use names::IdMap;
use runtime::{Asker, Question, Via};

/// A runtime that did not know a container, or did not answer, is asked for it again after so long.
const AGAIN_MS: i64 = 5_000;
/// ... and after twice the time each further time, up to five minutes.
const MOST_DOUBLINGS: u32 = 6;
/// Containers asked about before their first process was seen, and for how long the answer is kept.
const MOST_EARLY: usize = 256;
const EARLY_MS: i64 = 30_000;
/// A pod that is just being made is asked for again after a second, then after twice the time, so many times.
const SOON_MS: i64 = 1_000;
const MOST_EARLY_TRIES: u32 = 5;
/// How often containers without processes are looked for.
const SWEEP_MS: i64 = 1_000;

/// The containers seen, and the ways to learn of them.
#[derive(Debug)]
pub struct Containers {
    roots: Roots,
    most: usize,
    names_ms: i64,
    asker: Option<Asker>,
    reader: Option<names::Reader>,
    host_root: Option<Root>,
    known: HashMap<String, Seen>,
    hosts: HashMap<String, Place>,
    early: HashMap<String, Early>,
    /// Containers to be told at the next tick.
    fresh: Vec<(String, Via)>,
    lookups: BTreeMap<(&'static str, &'static str), u64>,
    uses: u64,
    now: i64,
    swept: i64,
    evicted: u64,
}

#[derive(Debug)]
struct Seen {
    container: Arc<Container>,
    used: u64,
    ask: Ask,
    /// A process of it that could be looked into; the first one often lives longest.
    pid: Option<u32>,
    /// When its names may be read again; `None`: they are being read.
    names: Option<i64>,
    /// Answers that said nothing.
    tries: u32,
    observed: bool,
}

/// How the runtime's answer stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ask {
    /// Nothing more to come.
    Done,
    /// Asked.
    Waiting,
    /// To be asked at the next sight after this time.
    At(i64),
}

/// A container that was asked about before its first process was seen.
#[derive(Debug)]
struct Early {
    since: i64,
    told: Option<(Via, Facts)>,
}

impl Default for Containers {
    fn default() -> Self {
        Self::new(Roots::default())
    }
}

impl Containers {
    /// None seen yet, and nobody but these files to ask.
    #[must_use]
    pub fn new(roots: Roots) -> Self {
        Self {
            roots,
            most: Config::default().cache,
            names_ms: 60_000,
            asker: None,
            reader: None,
            host_root: None,
            known: HashMap::new(),
            hosts: HashMap::new(),
            early: HashMap::new(),
            fresh: Vec::new(),
            lookups: BTreeMap::new(),
            uses: 0,
            now: 0,
            swept: 0,
            evicted: 0,
        }
    }

    /// None seen yet; starts the threads that ask runtimes and read containers' users. `names` is for how long a
    /// container's users are believed.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(config: &Config, names: std::time::Duration) -> std::io::Result<Self> {
        Ok(Self {
            most: config.cache,
            names_ms: i64::try_from(names.as_millis()).unwrap_or(i64::MAX),
            asker: Some(Asker::start(config)?),
            reader: Some(names::Reader::start()?),
            host_root: Root::open("/".as_ref()).ok(),
            ..Self::new(Roots::new(config.bundle_roots.clone()))
        })
    }

    /// The place that these lines of `/proc/PID/cgroup` name. What else is to be learnt of a container is read from this
    /// process, if it is still there.
    pub fn place(&mut self, pid: u32, proc: &Proc, lines: &[u8]) -> Place {
        match identify(lines, &|namespace, id| self.roots.has_task(namespace, id)) {
            Placed::Host { cgroup } => self.host(cgroup),
            Placed::Container(found) => {
                let container = self.container(found);
                self.look_inside(container.id(), pid, proc);
                Place::Container(container)
            }
            Placed::Unknown(reason) => Place::Unknown(reason),
        }
    }

    /// Learns from the arguments of a program that was just started: where it is a shim or a runtime that makes a container
    /// of containerd, that container is asked about at once.
    pub fn announce<'a>(&mut self, program: &str, args: impl Iterator<Item = &'a str> + Clone) {
        let Some((namespace, id)) = path::announced(program, args) else { return };
        // Docker's and Kubernetes' are described by files that are there in time.
        let wanted = !matches!(namespace.as_str(), "moby" | "k8s.io")
            && !self.known.contains_key(&id)
            && !self.early.contains_key(&id);
        if !wanted || self.early.len() >= MOST_EARLY {
            return;
        }
        let found = Found { id: id.clone(), runtime: "containerd", namespace: Some(namespace), ..Found::default() };
        if self.asker.as_ref().is_some_and(|asker| asker.could_answer(&found)) && self.ask(found, None) {
            self.early.insert(id, Early { since: self.now, told: None });
        }
    }

    /// Takes what was answered, forgets what is over, and gives everything that is to be said of containers.
    pub fn tick(&mut self, now: Timestamp, proc: &Proc, late: &mut Vec<Event>) {
        self.now = now.millis();
        let answers: Vec<_> = self.asker.iter().flat_map(Asker::answers).collect();
        answers.into_iter().for_each(|answer| self.take(answer));
        let names: Vec<_> = self.reader.iter().flat_map(names::Reader::answers).collect();
        names.into_iter().for_each(|answer| self.take_names(answer));
        for (id, via) in std::mem::take(&mut self.fresh) {
            if let Some(seen) = self.known.get_mut(&id) {
                seen.observed = true;
                late.push(known::state_event("container-observed", &seen.container, Some(via), now));
            }
        }
        if self.now - self.swept >= SWEEP_MS || self.now < self.swept {
            self.swept = self.now;
            self.sweep(now, late);
            self.catch_up(proc);
        }
    }

    /// How often was asked by which way with which result: (`via`, `result`, count).
    pub fn lookups(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        self.lookups.iter().map(|(&(via, result), &count)| (via, result, count))
    }

    /// The one with this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<Arc<Container>> {
        self.known.get(id).map(|seen| Arc::clone(&seen.container))
    }

    /// Those of which a process is known that could be looked into, with its pid.
    #[must_use]
    pub fn running(&self) -> Vec<(Arc<Container>, u32)> {
        self.known.values().filter_map(|seen| Some((Arc::clone(&seen.container), seen.pid?))).collect()
    }

    /// Containers known now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Containers and names forgotten because there were too many.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    fn container(&mut self, found: Found) -> Arc<Container> {
        self.uses += 1;
        if !self.known.contains_key(&found.id) {
            return self.admit(found);
        }
        let now = self.now;
        let Some(seen) = self.known.get_mut(&found.id) else { return self.admit(found) };
        seen.used = self.uses;
        let container = Arc::clone(&seen.container);
        if matches!(seen.ask, Ask::At(at) if at <= now) {
            self.ask_again(&container);
        }
        container
    }

    /// The first sight of a container.
    fn admit(&mut self, found: Found) -> Arc<Container> {
        self.make_room();
        let id = found.id.clone();
        let read = self.roots.facts(&found);
        if Runtime::of(found.runtime).is_some() {
            self.count(Via::Bundle.name(), if read.is_some() { "found" } else { "unknown" });
        }
        let from_files = read.is_some();
        let mut facts = read.unwrap_or_default();
        if facts.name.is_none() && path::is_named(&found) {
            facts.name = Some(id.clone());
        }
        let early = self.early.remove(&id);
        let (mut ask, mut via) = (Ask::Done, Via::Bundle);
        let asked = early.is_some();
        if let Some((told, other)) = early.and_then(|early| early.told) {
            (facts, via) = (facts.or(&other), told);
        } else if !(from_files && found.runtime == "docker")
            && self.asker.as_ref().is_some_and(|asker| asker.could_answer(&found))
        {
            let sandbox = facts.sandbox.clone();
            ask = if asked || self.ask(found.clone(), sandbox) { Ask::Waiting } else { Ask::At(self.now) };
        }
        let metadata = if ask == Ask::Done { Metadata::Whole } else { Metadata::Pending };
        let container = Arc::new(Container::new(found, Told { facts, from_files, metadata }));
        if ask == Ask::Done {
            self.fresh.push((id.clone(), via));
        }
        let seen = Seen {
            container: Arc::clone(&container),
            used: self.uses,
            ask,
            pid: None,
            names: Some(0),
            tries: 0,
            observed: false,
        };
        self.known.insert(id, seen);
        container
    }

    fn ask_again(&mut self, container: &Container) {
        let asked = self.ask(container.found().clone(), container.sandbox());
        let now = self.now;
        if let Some(seen) = self.known.get_mut(container.id()) {
            seen.ask = if asked { Ask::Waiting } else { Ask::At(now) };
        }
    }

    fn ask(&mut self, found: Found, sandbox: Option<String>) -> bool {
        let asked = self.asker.as_ref().is_some_and(|asker| asker.ask(Question { found, sandbox }));
        if !asked {
            self.count("socket", runtime::Miss::Full.name());
        }
        asked
    }

    fn take(&mut self, answer: runtime::Answer) {
        for (via, result) in &answer.tried {
            self.count(via.name(), result.map_or_else(|miss| miss.name(), |()| "found"));
        }
        let via = answer.tried.last().map_or(Via::Bundle, |(via, _)| *via);
        if let (Some(early), Some(facts)) = (self.early.get_mut(&answer.id), &answer.facts) {
            early.told = Some((via, facts.clone()));
            return;
        }
        self.early.remove(&answer.id);
        let Some(seen) = self.known.get_mut(&answer.id) else { return };
        let silent = answer.tried.iter().any(|(_, result)| *result != Err(runtime::Miss::Unknown));
        match answer.facts {
            Some(facts) => {
                // Kubernetes' API does not know a pod before it runs, and only there are the pod's labels.
                let early = answer.tried.iter().any(|(via, result)| *via == Via::Cri && result.is_err());
                let again = early && seen.container.is_of_pod() && seen.tries < MOST_EARLY_TRIES;
                seen.container.learn(&facts, if again { Metadata::Pending } else { Metadata::Whole });
                seen.ask = if again { Ask::At(self.now + (SOON_MS << seen.tries)) } else { Ask::Done };
                seen.tries += 1;
                if !(again && seen.observed) {
                    self.fresh.push((answer.id, via));
                }
            }
            None => {
                seen.container.learn_nothing(silent);
                seen.ask = match silent || !seen.container.has_files() {
                    true => Ask::At(self.now + (AGAIN_MS << seen.tries.min(MOST_DOUBLINGS))),
                    false => Ask::Done,
                };
                seen.tries += 1;
                if !seen.observed {
                    self.fresh.push((answer.id, Via::Bundle));
                }
            }
        }
    }

    /// Opens the container's root, as this process sees it, for whoever reads its users, and notes its namespaces.
    fn look_inside(&mut self, id: &str, pid: u32, proc: &Proc) {
        let (Some(reader), Some(seen)) = (&self.reader, self.known.get_mut(id)) else { return };
        if seen.names.is_none_or(|at| at > self.now) {
            return;
        }
        let Some(root) = proc.root(pid) else {
            seen.pid = seen.pid.filter(|kept| *kept != pid);
            return;
        };
        // A runtime that is still on its way in has our root; and the pid may have come back since its lines were read.
        let outside = self.host_root.as_ref().is_none_or(|host| host.is(&root));
        let lines = proc.cgroup(pid).unwrap_or_default();
        let still = identify(&lines, &|namespace, id| self.roots.has_task(namespace, id));
        if outside || !matches!(still, Placed::Container(found) if found.id == id) {
            // If it was the one kept, another one is found at the next sight.
            seen.pid = seen.pid.filter(|kept| *kept != pid);
            return;
        }
        seen.pid = seen.pid.or(Some(pid));
        let map = |name: &str| IdMap::parse(&proc.id_map(pid, name).unwrap_or_default());
        seen.container.look(proc.namespace(pid, "pid"), map("uid_map"), map("gid_map"));
        seen.names = None;
        if !reader.ask(id.to_owned(), root) {
            seen.names = Some(self.now + names::AGAIN_MS);
            self.count("users", runtime::Miss::Full.name());
        }
    }

    fn take_names(&mut self, answer: names::Answer) {
        let result = answer.names.as_ref().map_or_else(|refused| refused.name(), |_| "found");
        self.count("users", result);
        let Some(seen) = self.known.get_mut(&answer.id) else { return };
        seen.names = Some(self.now + if answer.names.is_ok() { self.names_ms } else { names::AGAIN_MS });
        seen.container.set_names(answer.names.ok());
        self.hold_names();
    }

    /// All containers' names together are bounded; the one not seen for the longest time loses its own first.
    fn hold_names(&mut self) {
        let mut held: usize = self.known.values().map(|seen| seen.container.names_len()).sum();
        while held > names::MOST_IDS {
            let named = self.known.values_mut().filter(|seen| seen.container.names_len() > 0);
            let Some(oldest) = named.min_by_key(|seen| seen.used) else { return };
            held -= oldest.container.names_len();
            oldest.container.set_names(None);
            oldest.names = Some(0);
            self.evicted += 1;
        }
    }

    /// Containers that no life of the process table is in any more, and early questions that nothing came of.
    fn sweep(&mut self, now: Timestamp, late: &mut Vec<Event>) {
        self.known.retain(|_, seen| {
            let over = Arc::strong_count(&seen.container) == 1;
            if over {
                late.push(known::state_event("container-ended", &seen.container, None, now));
            }
            !over
        });
        self.early.retain(|_, early| now.millis() - early.since < EARLY_MS);
    }

    /// Questions and names that are due, also of containers in which nothing new starts.
    fn catch_up(&mut self, proc: &Proc) {
        let due = |seen: &&Seen| matches!(seen.ask, Ask::At(at) if at <= self.now);
        let ask: Vec<_> = self.known.values().filter(due).map(|seen| Arc::clone(&seen.container)).collect();
        ask.iter().for_each(|container| self.ask_again(container));
        let due = |seen: &&Seen| seen.names.is_some_and(|at| at <= self.now);
        let due = self.known.values().filter(due);
        let look: Vec<_> = due.filter_map(|seen| Some((Arc::clone(&seen.container), seen.pid?))).collect();
        look.iter().for_each(|(container, pid)| self.look_inside(container.id(), *pid, proc));
    }

    fn make_room(&mut self) {
        if self.known.len() < self.most {
            return;
        }
        // A walk over 4,096 entries per new container beyond the bound; containers start far slower than that costs.
        let oldest = self.known.iter().min_by_key(|(_, seen)| seen.used).map(|(id, _)| id.clone());
        if let Some(id) = oldest {
            self.known.remove(&id);
            self.evicted += 1;
        }
    }

    /// Host cgroups are few and repeat, so their strings are shared. At the bound the whole table starts anew.
    fn host(&mut self, cgroup: String) -> Place {
        if let Some(place) = self.hosts.get(&cgroup) {
            return place.clone();
        }
        if self.hosts.len() >= self.most {
            self.hosts.clear();
            self.evicted += 1;
        }
        let place = Place::Host(cgroup.as_str().into(), path::unit(&cgroup).map(Into::into));
        self.hosts.insert(cgroup, place.clone());
        place
    }

    fn count(&mut self, via: &'static str, result: &'static str) {
        *self.lookups.entry((via, result)).or_default() += 1;
    }
}
