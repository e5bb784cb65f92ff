//! What the runtimes' own files say of a container. All are written by the runtime as root before the first process of the
//! container runs. Files are read once per container, regular ones only, with a bound ([`inside`]);
//! what is broken says nothing.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::config::{Root, RootKind};
use super::facts::{Facts, Labels, Pod};
use super::path::Found;
use super::runtime::docker;
use crate::sys::inside;

const MOST_BYTES: usize = 1 << 20;
/// Podman and CRI-O keep all containers in one file.
const MOST_LIST_BYTES: usize = 16 << 20;
/// Where containers whose layers may be lost with a crash are listed apart.
const LISTS: [&str; 2] = ["containers.json", "volatile-containers.json"];

/// Folders of the runtimes.
#[derive(Clone, Debug)]
pub struct Roots(Vec<Root>);

impl Default for Roots {
    fn default() -> Self {
        Self::below(Path::new("/"))
    }
}

impl Roots {
    /// These folders.
    #[must_use]
    pub fn new(roots: Vec<Root>) -> Self {
        Self(roots)
    }

    /// The usual folders below `root`.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self(Root::usual(root))
    }

    /// Whether containerd has a task `id` in `namespace`.
    #[must_use]
    pub fn has_task(&self, namespace: &str, id: &str) -> bool {
        let below = task(namespace, id);
        is_name(namespace) && is_name(id) && self.of(RootKind::Containerd).any(|root| root.join(&below).is_file())
    }

    /// Everything the files say; `None`: there are none of this container.
    #[must_use]
    pub fn facts(&self, found: &Found) -> Option<Facts> {
        if !is_name(&found.id) {
            return None;
        }
        match found.runtime {
            "containerd" => self.containerd(found),
            "podman" | "cri-o" => self.storage(&found.id),
            "docker" | "ecs" => self.docker(&found.id),
            _ => None,
        }
    }

    fn of(&self, kind: RootKind) -> impl Iterator<Item = &Path> {
        self.0.iter().filter(move |root| root.kind == kind).map(|root| root.path.as_path())
    }

    fn containerd(&self, found: &Found) -> Option<Facts> {
        let named = found.namespace.as_deref().filter(|namespace| is_name(namespace));
        let namespaces = named.into_iter().chain(["k8s.io", "default", "moby"]);
        let mut configs = namespaces
            .map(|namespace| task(namespace, &found.id))
            .flat_map(|below| self.of(RootKind::Containerd).filter_map(move |root| json(root, &below, MOST_BYTES)));
        configs.next().map(|config| annotated(&config))
    }

    fn storage(&self, id: &str) -> Option<Facts> {
        let drivers = ["overlay", "vfs", "btrfs", "zfs"].map(|driver| PathBuf::from(format!("{driver}-containers")));
        let folders: Vec<(&Path, &PathBuf)> =
            self.of(RootKind::Storage).flat_map(|root| drivers.iter().map(move |folder| (root, folder))).collect();
        let config = |id: &str| {
            let below = |folder: &PathBuf| folder.join(id).join("userdata/config.json");
            folders.iter().find_map(|(root, folder)| json(root, &below(folder), MOST_BYTES))
        };
        let mut lists = folders.iter().flat_map(|(root, folder)| LISTS.map(|list| (*root, folder.join(list))));
        let listed = lists.find_map(|(root, list)| listed(&read(root, &list, MOST_LIST_BYTES)?, id));
        let bundled = config(id).map(|config| annotated(&config));
        let mut facts = match (listed, bundled) {
            (Some(listed), Some(bundled)) => listed.or(&bundled),
            (listed, bundled) => listed.or(bundled)?,
        };
        // A pod's labels are those of its sandbox.
        if let Some(pod) = &mut facts.pod
            && let Some(sandbox) = facts.sandbox.as_deref().filter(|sandbox| is_name(sandbox))
            && let Some(config) = config(sandbox)
        {
            pod.labels = docker_labels(&config["annotations"]["io.kubernetes.cri-o.Labels"]);
        }
        Some(facts)
    }

    fn docker(&self, id: &str) -> Option<Facts> {
        let below = |name: &str| Path::new(id).join(name);
        let find = |name: &str| self.of(RootKind::Docker).find_map(|root| json(root, &below(name), MOST_BYTES));
        let mut config = find("config.v2.json").filter(Value::is_object)?;
        if let Some(host) = find("hostconfig.json") {
            config["HostConfig"] = host;
        }
        Some(docker::facts(&config))
    }
}

/// What an OCI bundle's `config.json` says: annotations of containerd's CRI, of CRI-O, or plain labels of `ctr`.
///
/// `io.kubernetes.cri-o.*` alone is no sign of Kubernetes: podman writes `.Created` and `.TTY` as well.
fn annotated(config: &Value) -> Facts {
    let annotations = &config["annotations"];
    let named = |key: &str| annotations[key].as_str();
    let cri = |key: &str| annotations[format!("io.kubernetes.cri.{key}")].as_str();
    let crio = |key: &str| annotations[format!("io.kubernetes.cri-o.{key}")].as_str();
    let mut facts = Facts {
        name: cri("container-name").or_else(|| named("io.kubernetes.container.name")).map(str::to_owned),
        labels: Labels::of_json(annotations)
            .only(|key| !key.starts_with("io.") && !key.starts_with("org.opencontainers.")),
        sandbox: cri("sandbox-id").or_else(|| crio("SandboxID")).map(str::to_owned),
        privileged: privileged(config),
        ..Facts::default()
    };
    if let (Some(name), Some(namespace), Some(uid)) =
        (cri("sandbox-name"), cri("sandbox-namespace"), cri("sandbox-uid"))
    {
        let [name, namespace, uid] = [name, namespace, uid].map(str::to_owned);
        facts.pod = Some(Pod { name, namespace, uid, labels: Labels::default() });
    } else {
        facts.set_pod(&named);
    }
    facts.set_image(cri("image-name").or_else(|| crio("ImageName")));
    facts.add_hash(crio("ImageRef"));
    facts
}

/// What `--privileged` of every runtime amounts to: the capabilities that own the machine, and nothing of `/proc` hidden.
fn privileged(config: &Value) -> Option<bool> {
    let capabilities = config["process"]["capabilities"]["bounding"].as_array()?;
    let has = |name: &str| capabilities.iter().any(|capability| capability == name);
    let all = ["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO"].iter().all(|name| has(name));
    Some(all && config["linux"]["maskedPaths"].as_array().is_none_or(Vec::is_empty))
}

/// CRI-O keeps labels as JSON in a string.
fn docker_labels(value: &Value) -> Labels {
    let object = value.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    Labels::of_json(&object).only(|key| !key.starts_with("io.kubernetes."))
}

/// One container of podman's or CRI-O's own list.
#[derive(Deserialize)]
struct Listed {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    image: String,
    /// JSON in a string.
    #[serde(default)]
    metadata: String,
}

fn listed(list: &[u8], id: &str) -> Option<Facts> {
    let list: Vec<Listed> = serde_json::from_slice(list).ok()?;
    let entry = list.into_iter().find(|entry| entry.id == id)?;
    let metadata: Value = serde_json::from_str(&entry.metadata).unwrap_or_default();
    let name = metadata["name"].as_str().map(str::to_owned).or_else(|| entry.names.into_iter().next());
    let mut facts = Facts { name, ..Facts::default() };
    facts.set_image(metadata["image-name"].as_str());
    facts.add_hash(Some(&entry.image));
    Some(facts)
}

fn task(namespace: &str, id: &str) -> PathBuf {
    [namespace, id, "config.json"].iter().collect()
}

fn json(root: &Path, below: &Path, most: usize) -> Option<Value> {
    serde_json::from_slice(&read(root, below, most)?).ok()
}

fn read(root: &Path, below: &Path, most: usize) -> Option<Vec<u8>> {
    inside::Root::open(root).ok()?.read(below, most).ok()
}

/// A single part of a path.
fn is_name(part: &str) -> bool {
    !part.is_empty() && part != "." && part != ".." && !part.contains('/')
}

#[cfg(test)]
mod tests;
