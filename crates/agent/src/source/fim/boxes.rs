//! Containers, as policies ask for them: what the process table and its containers know already. Opens nothing.

use std::sync::Arc;

use fim::change::Inside;
use fim::policy::{ContainerFacts, Containers};

use crate::enrich::Context;
use crate::enrich::container::{Container, Place};

/// See the module.
pub(super) struct Boxes(pub(super) Context);

impl Boxes {
    /// Container and systemd unit of a process.
    pub(super) fn of_pid(&self, pid: u32) -> (Option<Arc<ContainerFacts>>, Option<Box<str>>) {
        if pid == 0 {
            return (None, None);
        }
        self.0.drain();
        let table = self.0.table();
        match table.living(pid).map(|life| &life.place.place) {
            Some(Place::Container(container)) => (Some(Arc::new(facts(container))), None),
            Some(Place::Host(_, unit)) => (None, unit.as_deref().map(Into::into)),
            Some(Place::Unknown(_)) | None => (None, None),
        }
    }
}

impl Containers for Boxes {
    fn having(&self, inside: &Inside) -> Option<Arc<ContainerFacts>> {
        let known = if inside.container.is_empty() { None } else { self.0.container(&inside.container) };
        known.map(|container| Arc::new(facts(&container))).or_else(|| self.of_pid(inside.pid).0)
    }

    fn of(&self, pid: u32) -> (Option<Arc<ContainerFacts>>, Option<Box<str>>) {
        self.of_pid(pid)
    }
}

/// In the words of policies.
pub(super) fn facts(container: &Container) -> ContainerFacts {
    let told = container.facts();
    let text = |text: Option<&String>| text.map(String::as_str).unwrap_or_default().into();
    let image = match (&told.image, &told.tag) {
        (Some(name), Some(tag)) => format!("{name}:{tag}"),
        (Some(name), None) => name.clone(),
        (None, _) => String::new(),
    };
    let pod = told.pod.as_ref();
    let labels = told.labels.iter().chain(pod.iter().flat_map(|pod| pod.labels.iter()));
    ContainerFacts {
        id: container.id().into(),
        name: text(told.name.as_ref()),
        image: image.into(),
        labels: labels.map(|(key, value)| (key.into(), value.into())).collect(),
        pod: text(pod.map(|pod| &pod.name)),
        namespace: text(pod.map(|pod| &pod.namespace)),
    }
}
