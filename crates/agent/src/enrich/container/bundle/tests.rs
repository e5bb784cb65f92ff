use super::*;
use serde_json::json;
use std::fs;

const ID: &str = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";
const POD: &str = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";
const STORAGE: &str = "var/lib/containers/storage/overlay-containers";
const TASKS: &str = "run/containerd/io.containerd.runtime.v2.task";

struct Stand(tempfile::TempDir);

impl Stand {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(self, path: &str, text: &str) -> Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn roots(&self) -> Roots {
        Roots::below(self.0.path())
    }

    fn facts(&self, runtime: &'static str, id: &str) -> Option<Facts> {
        self.roots().facts(&Found { runtime, id: id.to_owned(), ..Found::default() })
    }
}

fn pod(name: &str, labels: &[(&str, &str)]) -> Option<Pod> {
    let labels = Labels::of(labels.iter().copied());
    Some(Pod { name: name.into(), namespace: "prod".into(), uid: "u-1".into(), labels })
}

#[test]
fn podmans_list() {
    let hash = "e".repeat(64);
    let metadata = json!({"image-name": "docker.io/library/web:1.2", "name": "web"}).to_string();
    let list = json!([{"id": "x"}, {"id": ID, "names": ["n1"], "image": hash, "metadata": metadata, "flags": {}}]);
    for name in LISTS {
        let facts = Stand::new().with(&format!("{STORAGE}/{name}"), &list.to_string()).facts("podman", ID).unwrap();
        assert_eq!(facts.name.as_deref(), Some("web"));
        assert_eq!((facts.image.as_deref(), facts.tag.as_deref()), (Some("docker.io/library/web"), Some("1.2")));
        assert_eq!(facts.image_hashes, [format!("sha256:{hash}")]);
    }
}

#[test]
fn a91_podmans_annotations_are_no_pod() {
    let config = json!({"annotations": {
        "io.container.manager": "libpod", "io.kubernetes.cri-o.Created": "2026", "io.kubernetes.cri-o.TTY": "false",
        "org.opencontainers.image.stopSignal": "15", "team": "a",
    }});
    let stand = Stand::new().with(&format!("{STORAGE}/{ID}/userdata/config.json"), &config.to_string());
    let facts = stand.facts("podman", ID).unwrap();
    assert_eq!((facts.pod, facts.labels), (None, Labels::of([("team", "a")])));
}

#[test]
fn a91_a_pods_container_in_containerd() {
    let config = json!({
        "annotations": {
            "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "app",
            "io.kubernetes.cri.image-name": "r:5000/app@sha256:1", "io.kubernetes.cri.sandbox-id": POD,
            "io.kubernetes.cri.sandbox-name": "app-1", "io.kubernetes.cri.sandbox-namespace": "prod",
            "io.kubernetes.cri.sandbox-uid": "u-1",
        },
        "process": {"capabilities": {"bounding": ["CAP_CHOWN"]}},
    });
    let facts = Stand::new().with(&format!("{TASKS}/k8s.io/{ID}/config.json"), &config.to_string());
    let facts = facts.facts("containerd", ID).unwrap();
    assert_eq!((facts.pod, facts.sandbox.as_deref(), facts.privileged), (pod("app-1", &[]), Some(POD), Some(false)));
    assert_eq!((facts.name.as_deref(), facts.image.as_deref(), facts.tag), (Some("app"), Some("r:5000/app"), None));
}

#[test]
fn a91_a_pods_sandbox_in_containerd() {
    let config = json!({"annotations": {
        "io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-id": POD,
        "io.kubernetes.cri.sandbox-name": "app-1", "io.kubernetes.cri.sandbox-namespace": "prod",
        "io.kubernetes.cri.sandbox-uid": "u-1",
    }});
    let stand = Stand::new().with(&format!("{TASKS}/k8s.io/{POD}/config.json"), &config.to_string());
    let facts = stand.facts("containerd", POD).unwrap();
    assert_eq!((facts.pod, facts.name), (pod("app-1", &[]), None));
}

#[test]
fn a91_a_pods_container_in_crio_with_the_labels_of_its_sandbox() {
    let kubelet = |kind: &str| {
        json!({
            "io.kubernetes.cri-o.ContainerType": kind, "io.kubernetes.cri-o.SandboxID": POD,
            "io.kubernetes.container.name": "app", "io.kubernetes.pod.name": "app-1",
            "io.kubernetes.pod.namespace": "prod", "io.kubernetes.pod.uid": "u-1",
        })
    };
    let mut container = json!({"annotations": kubelet("container")});
    container["annotations"]["io.kubernetes.cri-o.ImageName"] = "quay.io/app:3".into();
    container["annotations"]["io.kubernetes.cri-o.ImageRef"] = "f".repeat(64).into();
    let mut sandbox = json!({"annotations": kubelet("sandbox")});
    sandbox["annotations"]["io.kubernetes.cri-o.Labels"] =
        json!({"tier": "front", "io.kubernetes.pod.uid": "u-1"}).to_string().into();
    let stand = Stand::new()
        .with(&format!("{STORAGE}/{ID}/userdata/config.json"), &container.to_string())
        .with(&format!("{STORAGE}/{POD}/userdata/config.json"), &sandbox.to_string());
    let facts = stand.facts("cri-o", ID).unwrap();
    assert_eq!((facts.pod, facts.name.as_deref()), (pod("app-1", &[("tier", "front")]), Some("app")));
    assert_eq!((facts.image.as_deref(), facts.image_hashes.len()), (Some("quay.io/app"), 1));
}

#[test]
fn a_task_of_ctr() {
    let config = json!({"annotations": {"team": "a", "io.containerd.image.config.stop-signal": "SIGTERM"}});
    let stand = Stand::new().with(&format!("{TASKS}/demo/web1/config.json"), &config.to_string());
    let roots = stand.roots();
    assert!(roots.has_task("demo", "web1") && !roots.has_task("demo", "web2"));
    assert!(!roots.has_task("demo", "..") && !roots.has_task("..", "web1"));
    let found = Found { runtime: "containerd", id: "web1".into(), namespace: Some("demo".into()), ..Found::default() };
    assert_eq!(roots.facts(&found).unwrap().labels, Labels::of([("team", "a")]));
}

#[test]
fn privileges_are_told_from_the_bundle() {
    let all = json!(["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_CHOWN"]);
    let config = |capabilities: &Value, masked: Value| json!({"process": {"capabilities": {"bounding": capabilities}}, "linux": {"maskedPaths": masked}});
    assert_eq!(privileged(&config(&all, json!(null))), Some(true));
    assert_eq!(privileged(&config(&all, json!(["/proc/kcore"]))), Some(false));
    assert_eq!(privileged(&config(&json!(["CAP_SYS_ADMIN"]), json!(null))), Some(false));
    assert_eq!(privileged(&json!({})), None);
}

#[test]
fn dockers_state() {
    let config = json!({"Name": "/db", "Image": format!("sha256:{}", "a".repeat(64)), "Config": {"Image": "postgres:16", "Labels": {"a": "b"}}});
    let stand = Stand::new()
        .with(&format!("var/lib/docker/containers/{ID}/config.v2.json"), &config.to_string())
        .with(&format!("var/lib/docker/containers/{ID}/hostconfig.json"), r#"{"Privileged":true}"#);
    let facts = stand.facts("docker", ID).unwrap();
    assert_eq!((facts.name.as_deref(), facts.tag.as_deref(), facts.privileged), (Some("db"), Some("16"), Some(true)));
    assert_eq!((facts.image_hashes.len(), facts.labels.get("a")), (1, Some("b")));
}

#[test]
fn broken_absent_or_huge_files_say_nothing() {
    let path = format!("var/lib/docker/containers/{ID}/config.v2.json");
    for text in ["", "{", "[]", "7", &format!("\"{}\"", "x".repeat(MOST_BYTES))] {
        assert_eq!(Stand::new().with(&path, text).facts("docker", ID), None);
    }
    assert_eq!(
        Roots::below(Path::new("/nowhere")).facts(&Found { runtime: "podman", id: "../x".into(), ..Found::default() }),
        None
    );
}

#[test]
fn a_fifo_in_the_place_of_a_file_blocks_nobody() {
    let stand = Stand::new().with(&format!("{TASKS}/demo/web1/else"), "");
    let fifo = stand.0.path().join(format!("{TASKS}/k8s.io/{ID}"));
    fs::create_dir_all(&fifo).unwrap();
    let made = std::process::Command::new("mkfifo").arg(fifo.join("config.json")).status().unwrap();
    assert!(made.success());
    assert_eq!(stand.facts("containerd", ID), None);
}
