//! A real pod: containerd's CRI plugin makes it, asked by our own gRPC client as the kubelet would.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agent::enrich::container::runtime::call;
use agent::enrich::container::runtime::protobuf::{Builder, Message};
use schema::{Event, Value, field};

use super::boxes::{Boxes, IMAGE};
use super::stand::{Collect, Stand, has, texts};

const EXEC: &str = "-a always,exit -F arch=b64 -S execve,execveat -k auditng-test-box";
const UID: &str = "7e5f3b6c-0b1d-4c59-9d7b-0f5c3b6c0b1d";

/// The kubelet's side of CRI. Field numbers are those of `runtime.v1`.
struct Kubelet {
    socket: PathBuf,
    sandbox: String,
}

impl Kubelet {
    fn ask(socket: &std::path::Path, method: &str, message: Builder) -> Vec<u8> {
        let method = format!("/runtime.v1.RuntimeService/{method}");
        let answer = call(socket, &method, None, &message.done(), Duration::from_secs(30));
        let log = || std::fs::read_to_string(socket.with_file_name("containerd.log")).unwrap_or_default();
        let last = |log: String| log.lines().rev().take(3).map(str::to_owned).collect::<Vec<_>>();
        answer.unwrap_or_else(|miss| panic!("{method}: {miss}; containerd says {:#?}", last(log())))
    }

    fn pod_config() -> Vec<u8> {
        let metadata = Builder::default().with(1, "app-1").with(2, UID).with(3, "prod");
        // NODE for network, pid and ipc alike would need nothing of the host; the network does not exist here.
        let namespaces = Builder::default().with_number(1, 2).done();
        let security = Builder::default().with(1, namespaces).done();
        let linux = Builder::default().with(1, format!("/kubepods/besteffort/pod{UID}")).with(2, security).done();
        Builder::default()
            .with(1, metadata.done())
            .with(6, label("tier", "front"))
            .with(6, label("io.kubernetes.pod.uid", UID))
            .with(8, linux)
            .done()
    }

    fn run_pod(socket: PathBuf) -> Self {
        let answer = Self::ask(&socket, "RunPodSandbox", Builder::default().with(1, Self::pod_config()));
        let sandbox = Message::of(&answer).unwrap().text(1).unwrap().to_owned();
        Self { socket, sandbox }
    }

    /// Starts a container in the pod and gives its id.
    fn run_container(&self, name: &str, words: &[&str]) -> String {
        let image = Builder::default().with(1, format!("{IMAGE}:1")).done();
        let mut config = Builder::default().with(1, Builder::default().with(1, name).done()).with(2, image);
        for word in words {
            config = config.with(3, word);
        }
        let labels = [("name", name), ("pod.name", "app-1"), ("pod.namespace", "prod"), ("pod.uid", UID)];
        for (key, value) in labels {
            let key = if key == "name" { "container.name" } else { key };
            config = config.with(9, label(&format!("io.kubernetes.{key}"), value));
        }
        let create = Builder::default().with(1, &self.sandbox).with(2, config.done()).with(3, Self::pod_config());
        let answer = Self::ask(&self.socket, "CreateContainer", create);
        let id = Message::of(&answer).unwrap().text(1).unwrap().to_owned();
        Self::ask(&self.socket, "StartContainer", Builder::default().with(1, &id));
        id
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        for method in ["StopPodSandbox", "RemovePodSandbox"] {
            let message = Builder::default().with(1, &self.sandbox).done();
            let method = format!("/runtime.v1.RuntimeService/{method}");
            call(&self.socket, &method, None, &message, Duration::from_secs(30)).ok();
        }
    }
}

fn label(key: &str, value: &str) -> Vec<u8> {
    Builder::default().with(1, key).with(2, value).done()
}

fn wanted(event: &Event) -> bool {
    event.str(field::CONTAINER_ID).is_some()
}

pub(crate) fn a91_pod() {
    let stand = Stand::new();
    let boxes = Boxes::start(stand.path("boxes"));
    boxes.import("k8s.io");
    let started = stand.source_among(&[EXEC], boxes.context(), Arc::new(Collect::only(wanted))).on();
    let pod = Kubelet::run_pod(boxes.containerd_socket());
    let script = "while true; do /bin/busybox true in-a-pod; /bin/busybox sleep 0.05; done";
    let id = pod.run_container("app", &["/bin/busybox", "sh", "-c", script]);
    let of_pod = |event: &Event| {
        assert_eq!(event.str(field::ORCHESTRATOR_TYPE), Some("kubernetes"));
        assert_eq!(event.str(field::ORCHESTRATOR_RESOURCE_TYPE), Some("pod"));
        assert_eq!(event.str(field::ORCHESTRATOR_RESOURCE_NAME), Some("app-1"));
        assert_eq!(event.str(field::ORCHESTRATOR_NAMESPACE), Some("prod"));
        assert_eq!(event.str(field::ORCHESTRATOR_RESOURCE_ID), Some(UID));
    };
    // From the bundle at once; the pod's labels only from CRI.
    let first = |event: &Event| event.str(field::CONTAINER_ID) == Some(id.as_str());
    let first = started.sink.wait("the first event of the container", first);
    of_pod(&first);
    assert_eq!(
        (first.str(field::CONTAINER_NAME), first.str(field::CONTAINER_RUNTIME)),
        (Some("app"), Some("containerd"))
    );
    assert_eq!(first.str(field::CONTAINER_IMAGE_NAME), Some(IMAGE));
    for whose in [&id, &pod.sandbox] {
        let told = |event: &Event| {
            has(event, field::EVENT_ACTION, "container-observed")
                && event.str(field::CONTAINER_ID) == Some(whose)
                && event.str(field::EVENT_PROVIDER) == Some("cri")
        };
        let event = started.sink.wait("what CRI says", told);
        of_pod(&event);
        assert_eq!(texts(&event, field::ORCHESTRATOR_RESOURCE_LABEL), ["tier=front"]);
    }
    let exec = |event: &Event| {
        texts(event, field::PROCESS_ARGS).last().is_some_and(|word| word == "in-a-pod")
            && event.get(field::ORCHESTRATOR_RESOURCE_LABEL).is_some()
    };
    let exec = started.sink.wait("an exec with the pod's labels", exec);
    of_pod(&exec);
    assert_eq!(exec.get(field::CONTAINER_ID), Some(Value::Text(&id)));
    let digests = texts(&exec, field::CONTAINER_IMAGE_HASH_ALL);
    assert!(digests.iter().all(|digest| digest.starts_with("sha256:")) && !digests.is_empty(), "{digests:?}");
}
