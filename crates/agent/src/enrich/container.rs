//! In which container a process runs: from the lines of `/proc/PID/cgroup`, and what the runtimes' own files say of it.
//!
//! [`identify`] is a pure function from those lines to a [`Placed`]. Lines of the v1 hierarchies may disagree with each other
//! and with the v2 line (podman's monitor does), so they are asked in a fixed order and the first that names a container
//! counts. Monitors (`conmon`, `lxc.monitor`) belong to the host. Where no path form of a known runtime matches, it is the
//! host: nothing is guessed from a run of hex digits.
//!
//! [`Containers`] keeps one [`Container`] per id with name, image, labels and pod, read once from the runtime's bundle or
//! state files, which exist before the first process of the container runs. Asking runtimes over their sockets is left to a
//! later version; such a container's events have the id alone.

use std::collections::HashMap;
use std::sync::Arc;

use schema::{Event, field};

mod bundle;
mod path;

pub use bundle::Roots;
pub use path::{Pod, identify};

/// Containers known at a time; the one not seen for the longest time goes first.
const MOST: usize = 4096;
/// Bytes of labels that one container may add to an event.
const MOST_LABELS: usize = 64;
const LABEL_BYTES: usize = 256;

/// Which side of the wall a process is on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Placed {
    /// On the host, in this cgroup.
    Host {
        /// Path of the line that counts.
        cgroup: String,
    },
    /// In a container.
    Container(Found),
    /// Not known, for this reason.
    Unknown(&'static str),
}

/// A container as a cgroup path names it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// Innermost id, as the runtime writes it.
    pub id: String,
    /// `docker`, `containerd`, `cri-o`, `podman`, `lxc`, `systemd-nspawn`, `garden`, `ecs`.
    pub runtime: &'static str,
    /// Ids around it, outermost first.
    pub outer: Vec<String>,
    /// Namespace of containerd, where the path has it.
    pub namespace: Option<String>,
    /// Pod of Kubernetes, where the path has it.
    pub pod: Option<Pod>,
}

/// What is known of one container.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Container {
    found: Found,
    /// By the runtime's files.
    pub facts: Facts,
}

/// What a runtime's files say.
#[derive(Debug, PartialEq, Eq, Default, Clone)]
pub struct Facts {
    /// `container.name`.
    pub name: Option<String>,
    /// `container.image.name`, without the tag.
    pub image: Option<String>,
    /// `container.image.tag`.
    pub tag: Option<String>,
    /// `container.image.hash.all`.
    pub image_hash: Option<String>,
    /// `container.labels`.
    pub labels: Vec<(String, String)>,
    /// Kubernetes pod: name, namespace, uid.
    pub pod: Option<(String, String, String)>,
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

impl Container {
    fn apply(&self, event: &mut Event) {
        event.push_str(field::AUDITNG_CONTAINER_SCOPE, "container");
        event.push_str(field::CONTAINER_ID, &self.found.id);
        event.push_str(field::CONTAINER_RUNTIME, self.found.runtime);
        self.found.outer.iter().for_each(|id| event.push_str(field::AUDITNG_CONTAINER_OUTER, id));
        let facts = &self.facts;
        for (field, value) in [
            (field::CONTAINER_NAME, &facts.name),
            (field::CONTAINER_IMAGE_NAME, &facts.image),
            (field::CONTAINER_IMAGE_TAG, &facts.tag),
            (field::CONTAINER_IMAGE_HASH_ALL, &facts.image_hash),
        ] {
            if let Some(value) = value {
                event.push_str(field, value);
            }
        }
        for (key, value) in &facts.labels {
            event.push_keyed(field::CONTAINER_LABELS, key, schema::Value::Text(value));
        }
        self.apply_pod(event);
    }

    fn apply_pod(&self, event: &mut Event) {
        let uid = self.found.pod.as_ref().map(|pod| pod.uid.as_str());
        let named = self.facts.pod.as_ref();
        let Some(uid) = named.map(|(_, _, uid)| uid.as_str()).or(uid) else { return };
        event.push_str(field::ORCHESTRATOR_TYPE, "kubernetes");
        event.push_str(field::ORCHESTRATOR_RESOURCE_TYPE, "pod");
        event.push_str(field::ORCHESTRATOR_RESOURCE_ID, uid);
        if let Some((name, namespace, _)) = named {
            event.push_str(field::ORCHESTRATOR_RESOURCE_NAME, name);
            event.push_str(field::ORCHESTRATOR_NAMESPACE, namespace);
        }
    }
}

/// The containers seen, and the runtimes' folders.
#[derive(Debug, Default)]
pub struct Containers {
    roots: Roots,
    known: HashMap<String, Seen>,
    hosts: HashMap<String, Place>,
    clock: u64,
    evicted: u64,
}

#[derive(Debug)]
struct Seen {
    container: Arc<Container>,
    used: u64,
}

impl Containers {
    /// None seen yet.
    #[must_use]
    pub fn new(roots: Roots) -> Self {
        Self { roots, ..Self::default() }
    }

    /// The place that these lines of `/proc/PID/cgroup` name.
    pub fn place(&mut self, lines: &[u8]) -> Place {
        match identify(lines, &|namespace, id| self.roots.has_task(namespace, id)) {
            Placed::Host { cgroup } => self.host(cgroup),
            Placed::Container(found) => Place::Container(self.container(found)),
            Placed::Unknown(reason) => Place::Unknown(reason),
        }
    }

    /// Containers forgotten because there were too many.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    fn container(&mut self, found: Found) -> Arc<Container> {
        self.clock += 1;
        if let Some(seen) = self.known.get_mut(&found.id) {
            seen.used = self.clock;
            return Arc::clone(&seen.container);
        }
        let facts = self.roots.facts(&found);
        let container = Arc::new(Container { facts, found });
        self.make_room();
        let seen = Seen { container: Arc::clone(&container), used: self.clock };
        self.known.insert(container.found.id.clone(), seen);
        container
    }

    fn make_room(&mut self) {
        if self.known.len() < MOST {
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
        if self.hosts.len() >= MOST {
            self.hosts.clear();
            self.evicted += 1;
        }
        let place = Place::Host(cgroup.as_str().into(), unit(&cgroup).map(Into::into));
        self.hosts.insert(cgroup, place.clone());
        place
    }
}

/// The innermost systemd unit of a path that is no slice.
fn unit(cgroup: &str) -> Option<&str> {
    let kinds = [".service", ".scope", ".socket", ".mount", ".timer"];
    cgroup.rsplit('/').find(|part| kinds.iter().any(|kind| part.ends_with(kind)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Timestamp;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_container_is_read_once_and_shared() {
        let mut containers = Containers::default();
        let line = format!("0::/system.slice/docker-{ID}.scope\n");
        let (Place::Container(first), Place::Container(second)) =
            (containers.place(line.as_bytes()), containers.place(line.as_bytes()))
        else {
            panic!("a docker scope is a container")
        };
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn host_places_have_unit_and_path() {
        let mut containers = Containers::default();
        let mut event = Event::new(Timestamp::default());
        containers.place(b"0::/system.slice/ssh.service\n").apply(&mut event, false);
        assert_eq!(event.str(field::AUDITNG_CONTAINER_SCOPE), Some("host"));
        assert_eq!(event.str(field::AUDITNG_SYSTEMD_UNIT), Some("ssh.service"));
        assert_eq!(event.str(field::AUDITNG_CGROUP_PATH), Some("/system.slice/ssh.service"));
    }

    #[test]
    fn the_number_of_containers_is_bounded() {
        let mut containers = Containers::default();
        for number in 0..MOST + 3 {
            containers.place(format!("0::/docker/{number:064x}\n").as_bytes());
        }
        assert_eq!((containers.known.len(), containers.evicted()), (MOST, 3));
    }

    #[test]
    fn an_unknown_place_says_why() {
        let mut event = Event::new(Timestamp::default());
        Place::Unknown("pid-gone").apply(&mut event, false);
        assert_eq!(event.str(field::AUDITNG_CONTAINER_SCOPE), Some("unknown"));
        assert_eq!(event.str(field::AUDITNG_CONTAINER_REASON), Some("pid-gone"));
    }
}
