//! What the runtimes' own files say of a container. All are written by the runtime as root before the first process of the
//! container runs. Files are read once per container, regular ones only, with a bound; what is broken says nothing.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Facts, Found, LABEL_BYTES, MOST_LABELS};
use crate::sys::proc::read;

const MOST_BYTES: usize = 1 << 20;
/// Podman keeps all containers in one file.
const MOST_LIST_BYTES: usize = 16 << 20;

/// Folders of the runtimes.
#[derive(Clone, Debug)]
pub struct Roots {
    /// `<root>/<namespace>/<id>/config.json` of containerd's tasks.
    containerd: Vec<PathBuf>,
    /// Graph roots of podman and CRI-O: `<root>/<driver>-containers/`.
    storage: Vec<PathBuf>,
    /// `<root>/<id>/config.v2.json` of docker.
    docker: Vec<PathBuf>,
}

impl Default for Roots {
    fn default() -> Self {
        Self::below(Path::new("/"))
    }
}

impl Roots {
    /// The usual folders below `root`.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        let at = |paths: &[&str]| paths.iter().map(|path| root.join(path)).collect();
        Self {
            containerd: at(&[
                "run/containerd/io.containerd.runtime.v2.task",
                "run/k3s/containerd/io.containerd.runtime.v2.task",
            ]),
            storage: at(&["var/lib/containers/storage", "run/containers/storage"]),
            docker: at(&["var/lib/docker/containers"]),
        }
    }

    /// Whether containerd has a task `id` in `namespace`.
    #[must_use]
    pub fn has_task(&self, namespace: &str, id: &str) -> bool {
        self.tasks(namespace, id).any(|path| path.is_file())
    }

    /// Everything the files say.
    #[must_use]
    pub fn facts(&self, found: &Found) -> Facts {
        if !is_name(&found.id) {
            return Facts::default();
        }
        match found.runtime {
            "containerd" => self.containerd(found),
            "podman" | "cri-o" => self.storage(&found.id),
            "docker" => self.docker(&found.id),
            _ => None,
        }
        .unwrap_or_default()
    }

    fn tasks(&self, namespace: &str, id: &str) -> impl Iterator<Item = PathBuf> {
        let fits = is_name(namespace) && is_name(id);
        let below: PathBuf = [namespace, id, "config.json"].iter().collect();
        self.containerd.iter().filter(move |_| fits).map(move |root| root.join(&below))
    }

    fn containerd(&self, found: &Found) -> Option<Facts> {
        let named = found.namespace.as_deref();
        let namespaces = named.into_iter().chain(["k8s.io", "default", "moby"]);
        let config = namespaces
            .flat_map(|namespace| self.tasks(namespace, &found.id))
            .find_map(|path| json(&path, MOST_BYTES))?;
        Some(annotated(&config["annotations"]))
    }

    fn storage(&self, id: &str) -> Option<Facts> {
        let drivers = ["overlay", "vfs", "btrfs", "zfs"];
        let folders =
            self.storage.iter().flat_map(|root| drivers.map(|driver| root.join(format!("{driver}-containers"))));
        let mut facts = None;
        for folder in folders {
            let listed = || json(&folder.join("containers.json"), MOST_LIST_BYTES).and_then(|list| listed(&list, id));
            let bundle = || json(&folder.join(id).join("userdata/config.json"), MOST_BYTES);
            facts = match (facts.or_else(listed), bundle()) {
                (listed, Some(config)) => Some(listed.unwrap_or_default().or(annotated(&config["annotations"]))),
                (listed, None) => listed,
            };
        }
        facts
    }

    fn docker(&self, id: &str) -> Option<Facts> {
        let config = self.docker.iter().find_map(|root| json(&root.join(id).join("config.v2.json"), MOST_BYTES))?;
        let labels = labels(&config["Config"]["Labels"]);
        let mut facts = Facts {
            name: text(&config["Name"]).map(|name| name.trim_start_matches('/').to_owned()),
            image_hash: text(&config["Image"]),
            pod: pod(&|key| find(&labels, key)),
            labels,
            ..Facts::default()
        };
        facts.set_image(text(&config["Config"]["Image"]));
        Some(facts)
    }
}

impl Facts {
    fn set_image(&mut self, reference: Option<String>) {
        let Some(reference) = reference.filter(|reference| !reference.is_empty()) else { return };
        let (name, tag) = split_image(&reference);
        (self.image, self.tag) = (Some(name.to_owned()), tag.map(str::to_owned));
    }

    fn or(self, other: Self) -> Self {
        Self {
            name: self.name.or(other.name),
            image: self.image.or(other.image),
            tag: self.tag.or(other.tag),
            image_hash: self.image_hash.or(other.image_hash),
            labels: if self.labels.is_empty() { other.labels } else { self.labels },
            pod: self.pod.or(other.pod),
        }
    }
}

/// Annotations of an OCI bundle: those of containerd's CRI, of CRI-O, or plain labels of `ctr`.
fn annotated(annotations: &Value) -> Facts {
    let all = labels(annotations);
    let cri = |key: &str| text(&annotations[format!("io.kubernetes.cri.{key}")]);
    let named = |key: &str| text(&annotations[key]);
    let pod = match (cri("sandbox-name"), cri("sandbox-namespace"), cri("sandbox-uid")) {
        (Some(name), Some(namespace), Some(uid)) => Some((name, namespace, uid)),
        _ => pod(&named),
    };
    let mut facts = Facts {
        name: cri("container-name").or_else(|| named("io.kubernetes.container.name")),
        pod,
        labels: all.into_iter().filter(|(key, _)| !key.starts_with("io.")).collect(),
        ..Facts::default()
    };
    facts.set_image(cri("image-name").or_else(|| named("io.kubernetes.cri-o.ImageName")));
    facts
}

/// Podman's own list: `[{"id", "names", "image", "metadata": "{\"image-name\", \"name\"}"}]`.
fn listed(list: &Value, id: &str) -> Option<Facts> {
    let entry = list.as_array()?.iter().find(|entry| entry["id"] == id)?;
    let metadata: Value =
        entry["metadata"].as_str().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let mut facts = Facts {
        name: text(&metadata["name"]).or_else(|| text(&entry["names"][0])),
        image_hash: text(&entry["image"]).filter(|hash| !hash.is_empty()),
        ..Facts::default()
    };
    facts.set_image(text(&metadata["image-name"]));
    Some(facts)
}

fn pod(label: &dyn Fn(&str) -> Option<String>) -> Option<(String, String, String)> {
    Some((label("io.kubernetes.pod.name")?, label("io.kubernetes.pod.namespace")?, label("io.kubernetes.pod.uid")?))
}

/// `registry:5000/name:tag@digest` into name and tag.
fn split_image(reference: &str) -> (&str, Option<&str>) {
    let plain = reference.split('@').next().unwrap_or(reference);
    match plain.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (plain, None),
    }
}

fn labels(object: &Value) -> Vec<(String, String)> {
    let fits = |text: &str| text.len() <= LABEL_BYTES;
    let pairs = object.as_object().into_iter().flatten();
    let pairs = pairs.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
    pairs
        .filter(|(key, value)| fits(key) && fits(value))
        .take(MOST_LABELS)
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn find(labels: &[(String, String)], key: &str) -> Option<String> {
    labels.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn json(path: &Path, limit: usize) -> Option<Value> {
    if !path.is_file() {
        return None;
    }
    serde_json::from_slice(&read(path, limit)?).ok()
}

/// A single part of a path.
fn is_name(part: &str) -> bool {
    !part.is_empty() && part != "." && part != ".." && !part.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const ID: &str = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

    fn with(path: &str, text: &str) -> (tempfile::TempDir, Roots) {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        let roots = Roots::below(root.path());
        (root, roots)
    }

    fn found(runtime: &'static str, id: &str) -> Found {
        Found { runtime, id: id.to_owned(), ..Found::default() }
    }

    #[test]
    fn podman_list() {
        let list = format!(
            r#"[{{"id":"x"}},{{"id":"{ID}","names":["n1"],"image":"","metadata":"{{\"image-name\":\"docker.io/library/web:1.2\",\"name\":\"web\"}}"}}]"#
        );
        let (_root, roots) = with("var/lib/containers/storage/overlay-containers/containers.json", &list);
        let facts = roots.facts(&found("podman", ID));
        assert_eq!(facts.name.as_deref(), Some("web"));
        assert_eq!((facts.image.as_deref(), facts.tag.as_deref()), (Some("docker.io/library/web"), Some("1.2")));
        assert_eq!(facts.image_hash, None);
    }

    #[test]
    fn podmans_annotations_are_no_pod() {
        let path = format!("var/lib/containers/storage/overlay-containers/{ID}/userdata/config.json");
        let (_root, roots) = with(
            &path,
            r#"{"annotations":{"io.container.manager":"libpod","io.kubernetes.cri-o.Created":"2026","team":"a"}}"#,
        );
        let facts = roots.facts(&found("podman", ID));
        assert_eq!((facts.pod, facts.labels), (None, vec![("team".to_owned(), "a".to_owned())]));
    }

    #[test]
    fn a_pods_container_in_containerd() {
        let path = format!("run/containerd/io.containerd.runtime.v2.task/k8s.io/{ID}/config.json");
        let json = r#"{"annotations":{"io.kubernetes.cri.container-name":"app","io.kubernetes.cri.image-name":"r:5000/app@sha256:1","io.kubernetes.cri.sandbox-name":"app-1","io.kubernetes.cri.sandbox-namespace":"prod","io.kubernetes.cri.sandbox-uid":"u"}}"#;
        let (_root, roots) = with(&path, json);
        let facts = roots.facts(&found("containerd", ID));
        assert_eq!(facts.pod, Some(("app-1".to_owned(), "prod".to_owned(), "u".to_owned())));
        assert_eq!((facts.name.as_deref(), facts.image.as_deref(), facts.tag), (Some("app"), Some("r:5000/app"), None));
    }

    #[test]
    fn a_task_of_ctr() {
        let (_root, roots) = with("run/containerd/io.containerd.runtime.v2.task/demo/web1/config.json", "{}");
        assert!(roots.has_task("demo", "web1") && !roots.has_task("demo", "web2"));
        assert!(!roots.has_task("demo", "..") && !roots.has_task("..", "web1"));
    }

    #[test]
    fn docker_state() {
        let path = format!("var/lib/docker/containers/{ID}/config.v2.json");
        let json = r#"{"Name":"/db","Image":"sha256:ab","Config":{"Image":"postgres:16","Labels":{"a":"b"}}}"#;
        let (_root, roots) = with(&path, json);
        let facts = roots.facts(&found("docker", ID));
        assert_eq!((facts.name.as_deref(), facts.tag.as_deref()), (Some("db"), Some("16")));
        assert_eq!(facts.image_hash.as_deref(), Some("sha256:ab"));
    }

    #[test]
    fn broken_absent_or_huge_files_say_nothing() {
        let path = format!("var/lib/docker/containers/{ID}/config.v2.json");
        for text in ["", "{", "[]", &format!("\"{}\"", "x".repeat(MOST_BYTES))] {
            let (_root, roots) = with(&path, text);
            assert_eq!(roots.facts(&found("docker", ID)), Facts::default());
        }
        assert_eq!(Roots::below(Path::new("/nowhere")).facts(&found("podman", "../x")), Facts::default());
    }
}
