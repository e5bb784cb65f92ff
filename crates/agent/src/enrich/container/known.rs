//! One container, what is known of it by now, and what of that goes into an event.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use schema::{Event, Stream, Timestamp, field};

use super::facts::Facts;
use super::names::{IdMap, Names};
use super::path::Found;
use super::runtime::Via;

/// One container. What is learnt of it later is seen by everything that happens in it from then on.
#[derive(Debug)]
pub struct Container {
    found: Found,
    /// Written and read by one thread, so it is never waited for.
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    told: Told,
    pid_ns: Option<u64>,
    users: IdMap,
    groups: IdMap,
    names: Option<Arc<Names>>,
}

/// What files and runtimes said.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) facts: Facts,
    pub(super) from_files: bool,
    pub(super) metadata: Metadata,
}

/// Whether there is more to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Metadata {
    /// No.
    #[default]
    Whole,
    /// A runtime was asked.
    Pending,
    /// A runtime that could say more did not answer.
    Unavailable,
}

impl Container {
    pub(super) fn new(found: Found, told: Told) -> Self {
        Self { found, known: RwLock::new(Known { told, ..Known::default() }) }
    }

    /// Its id, as the runtime writes it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.found.id
    }

    /// What its cgroup says.
    #[must_use]
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// What files and runtimes told of it by now.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.read().told.facts.clone()
    }

    pub(super) fn sandbox(&self) -> Option<String> {
        self.read().told.facts.sandbox.clone()
    }

    /// Whether cgroup or files say that it belongs to a pod.
    pub(super) fn is_of_pod(&self) -> bool {
        self.found.pod.is_some() || self.read().told.facts.pod.is_some()
    }

    pub(super) fn has_files(&self) -> bool {
        self.read().told.from_files
    }

    /// A runtime told this; what files said before stays.
    pub(super) fn learn(&self, facts: &Facts, metadata: Metadata) {
        let told = &mut self.write().told;
        told.facts = std::mem::take(&mut told.facts).or(facts);
        told.metadata = metadata;
    }

    /// All runtimes were asked in vain; `silent`: one of them gave no answer at all, so that more may be known than files say.
    pub(super) fn learn_nothing(&self, silent: bool) {
        let told = &mut self.write().told;
        told.metadata = if told.from_files && !silent { Metadata::Whole } else { Metadata::Unavailable };
    }

    /// What one of its processes shows.
    pub(super) fn look(&self, pid_ns: Option<u64>, users: IdMap, groups: IdMap) {
        let mut known = self.write();
        (known.pid_ns, known.users, known.groups) = (pid_ns, users, groups);
    }

    pub(super) fn set_names(&self, names: Option<Arc<Names>>) {
        self.write().names = names;
    }

    pub(super) fn names_len(&self) -> usize {
        self.read().names.as_ref().map_or(0, |names| names.len())
    }

    /// Adds identity and facts, and the event's user and group as the container knows them.
    pub(super) fn apply(&self, event: &mut Event) {
        let known = self.read();
        event.push_str(field::AUDITNG_CONTAINER_SCOPE, "container");
        event.push_str(field::CONTAINER_ID, &self.found.id);
        event.push_str(field::CONTAINER_RUNTIME, self.found.runtime);
        self.found.outer.iter().for_each(|id| event.push_str(field::AUDITNG_CONTAINER_OUTER, id));
        if let Some(pid_ns) = known.pid_ns.and_then(|inode| i64::try_from(inode).ok()) {
            event.push_long(field::AUDITNG_CONTAINER_PID_NS, pid_ns);
        }
        known.told.facts.apply(event);
        let uid = known.told.facts.pod.as_ref().map(|pod| &pod.uid);
        if let Some(uid) = uid.or(self.found.pod.as_ref().map(|pod| &pod.uid)) {
            event.push_str(field::ORCHESTRATOR_TYPE, "kubernetes");
            event.push_str(field::ORCHESTRATOR_RESOURCE_TYPE, "pod");
            event.push_str(field::ORCHESTRATOR_RESOURCE_ID, uid);
        }
        match known.told.metadata {
            Metadata::Whole => {}
            Metadata::Pending => event.push_str(field::AUDITNG_CONTAINER_METADATA, "pending"),
            Metadata::Unavailable => event.push_str(field::AUDITNG_CONTAINER_METADATA, "unavailable"),
        }
        known.apply_user(event);
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// `user.id` stays the kernel's; these are what the same ids are called inside.
    fn apply_user(&self, event: &mut Event) {
        let id = |event: &Event, field| event.str(field).and_then(|id| id.parse().ok());
        let names = self.names.as_deref();
        if let Some(uid) = id(event, field::USER_ID).and_then(|uid| self.users.inside(uid)) {
            event.push_str(field::AUDITNG_CONTAINER_USER_ID, &uid.to_string());
            if let Some(name) = names.and_then(|names| names.user(uid)) {
                event.push_str(field::AUDITNG_CONTAINER_USER_NAME, name);
            }
        }
        if let Some(gid) = id(event, field::USER_GROUP_ID).and_then(|gid| self.groups.inside(gid)) {
            event.push_str(field::AUDITNG_CONTAINER_USER_GROUP_ID, &gid.to_string());
            if let Some(name) = names.and_then(|names| names.group(gid)) {
                event.push_str(field::AUDITNG_CONTAINER_USER_GROUP_NAME, name);
            }
        }
    }
}

/// Where a process is, shared by all its events.
#[derive(Clone, Debug)]
pub enum Place {
    /// On the host: cgroup path and systemd unit, if there are any.
    Host(Arc<str>, Option<Arc<str>>),
    /// In a container.
    Container(Arc<Container>),
    /// Not known, for this reason.
    Unknown(&'static str),
}

impl Place {
    /// The container, if it is one.
    #[must_use]
    pub fn container(&self) -> Option<&Container> {
        match self {
            Self::Container(container) => Some(container),
            Self::Host(..) | Self::Unknown(_) => None,
        }
    }

    /// Adds scope, reason, identity and facts. `inherited` marks a place that was taken from the parent.
    pub fn apply(&self, event: &mut Event, inherited: bool) {
        match self {
            Self::Host(cgroup, unit) => {
                event.push_str(field::AUDITNG_CONTAINER_SCOPE, "host");
                if !cgroup.is_empty() {
                    event.push_str(field::AUDITNG_CGROUP_PATH, cgroup);
                }
                if let Some(unit) = unit {
                    event.push_str(field::AUDITNG_SYSTEMD_UNIT, unit);
                }
            }
            Self::Container(container) => container.apply(event),
            Self::Unknown(reason) => {
                event.push_str(field::AUDITNG_CONTAINER_SCOPE, "unknown");
                event.push_str(field::AUDITNG_CONTAINER_REASON, reason);
            }
        }
        if inherited {
            event.push_str(field::AUDITNG_CONTAINER_SOURCE, "parent");
        }
    }
}

/// An event about the container itself, by which others know what its id stands for.
pub(super) fn state_event(action: &str, container: &Container, via: Option<Via>, now: Timestamp) -> Event {
    let mut event = Event::new(now);
    event.push_str(field::EVENT_ACTION, action);
    event.push_str(field::EVENT_CATEGORY, "host");
    event.push_str(field::EVENT_DATASET, Stream::Audit.dataset());
    event.push_str(field::EVENT_KIND, "state");
    if let Some(via) = via {
        event.push_str(field::EVENT_PROVIDER, via.name());
    }
    event.push_str(field::EVENT_TYPE, if via.is_some() { "info" } else { "end" });
    container.apply(&mut event);
    event
}
