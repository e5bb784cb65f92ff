//! Kubernetes' runtime API (CRI, `runtime.v1`), which containerd and CRI-O serve to the kubelet. Only from here come the
//! labels of pods.
//!
//! Field numbers are those of `k8s.io/cri-api/pkg/apis/runtime/v1/api.proto`.

use super::super::facts::{Facts, Labels, Pod};
use super::protobuf::{Builder, Message};
use super::{Connect, Miss, docker, grpc};

const LIST_CONTAINERS: &str = "/runtime.v1.RuntimeService/ListContainers";
const CONTAINER_STATUS: &str = "/runtime.v1.RuntimeService/ContainerStatus";
const POD_SANDBOX_STATUS: &str = "/runtime.v1.RuntimeService/PodSandboxStatus";
const VERSION: &str = "/runtime.v1.RuntimeService/Version";

/// Name and version of the runtime.
pub(super) fn version(connect: Connect<'_>) -> Result<String, Miss> {
    let answer = grpc::call(&mut connect()?, VERSION, None, &[])?;
    let answer = Message::of(&answer)?;
    let words = [answer.text(2), answer.text(3)].into_iter().flatten();
    Ok(words.collect::<Vec<_>>().join(" "))
}

/// Everything about the container `id`, which may be a pod's sandbox itself.
pub(super) fn describe(connect: Connect<'_>, id: &str, sandbox: Option<&str>) -> Result<Facts, Miss> {
    let status = ask(connect, CONTAINER_STATUS, Builder::default().with(1, id));
    let mut facts = match status {
        Ok(status) => container(&status, id)?,
        Err(Miss::Unknown | Miss::Refused) => Facts { sandbox: Some(id.to_owned()), ..Facts::default() },
        Err(miss) => return Err(miss),
    };
    let listed = || sandbox_of(connect, id);
    facts.sandbox = facts.sandbox.or_else(|| sandbox.map(str::to_owned)).or_else(listed);
    // A container without its pod's labels is better than none.
    let pod = facts.sandbox.as_deref().ok_or(Miss::Unknown).and_then(|sandbox| pod_of(connect, sandbox));
    match (pod, facts.sandbox.as_deref() == Some(id)) {
        (Ok(pod), _) => facts.pod = Some(pod),
        (Err(miss), true) => return Err(if miss == Miss::Refused { Miss::Unknown } else { miss }),
        (Err(_), false) => {}
    }
    Ok(facts)
}

fn ask(connect: Connect<'_>, method: &str, message: Builder) -> Result<Vec<u8>, Miss> {
    grpc::call(&mut connect()?, method, None, &message.done())
}

fn pod_of(connect: Connect<'_>, sandbox: &str) -> Result<Pod, Miss> {
    let answer = ask(connect, POD_SANDBOX_STATUS, Builder::default().with(1, sandbox))?;
    let status = Message::of(&answer)?.message(1).ok_or(Miss::Malformed)?;
    pod(status).ok_or(Miss::Malformed)
}

/// ListContainersResponse: 1 containers; Container: 2 pod_sandbox_id.
fn sandbox_of(connect: Connect<'_>, id: &str) -> Option<String> {
    let filter = Builder::default().with(1, id).done();
    let answer = ask(connect, LIST_CONTAINERS, Builder::default().with(1, filter)).ok()?;
    Some(Message::of(&answer).ok()?.message(1)?.text(2)?.to_owned())
}

/// ContainerStatusResponse: 1 status; ContainerStatus: 1 id, 2 metadata (1 name), 8 image (1), 9 image_ref, 12 labels.
fn container(answer: &[u8], id: &str) -> Result<Facts, Miss> {
    let status = Message::of(answer)?.message(1).ok_or(Miss::Malformed)?;
    if status.text(1) != Some(id) {
        return Err(Miss::Malformed);
    }
    let labels = Labels::of(status.map(12));
    let name = status.message(2).and_then(|metadata| metadata.text(1));
    let mut facts = Facts { name: name.map(str::to_owned), ..Facts::default() };
    facts.set_image(status.message(8).and_then(|image| image.text(1)));
    facts.add_hash(status.text(9));
    facts.set_pod(&|key| labels.get(key));
    facts.labels = labels;
    Ok(facts)
}

/// PodSandboxStatus: 2 metadata (1 name, 2 uid, 3 namespace), 7 labels.
fn pod(status: Message<'_>) -> Option<Pod> {
    let metadata = status.message(2)?;
    let text = |number: u64| metadata.text(number).map(str::to_owned);
    let labels = docker::pod_labels(&Labels::of(status.map(7)));
    Some(Pod { name: text(1)?, namespace: text(3)?, uid: text(2)?, labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(key: &str, value: &str) -> Vec<u8> {
        Builder::default().with(1, key).with(2, value).done()
    }

    #[test]
    fn a_container_with_its_image() {
        let digest = format!("docker.io/library/app@sha256:{}", "b".repeat(64));
        let status = Builder::default()
            .with(1, "c1")
            .with(2, Builder::default().with(1, "app").done())
            .with(8, Builder::default().with(1, "docker.io/library/app:2").done())
            .with(9, digest)
            .with(12, label("io.kubernetes.pod.name", "app-1"))
            .with(12, label("io.kubernetes.pod.namespace", "prod"))
            .with(12, label("io.kubernetes.pod.uid", "u"))
            .done();
        let answer = Builder::default().with(1, status).done();
        let facts = container(&answer, "c1").unwrap();
        assert_eq!(
            (facts.name.as_deref(), facts.tag.as_deref(), facts.image_hashes.len()),
            (Some("app"), Some("2"), 1)
        );
        assert_eq!(facts.pod, Some(docker::pod("app-1", &[])));
        assert_eq!(container(&answer, "c2"), Err(Miss::Malformed));
    }

    #[test]
    fn a_pod_with_its_labels() {
        let metadata = Builder::default().with(1, "app-1").with(2, "u").with(3, "prod").done();
        let status = Builder::default()
            .with(2, metadata)
            .with(7, label("tier", "front"))
            .with(7, label("io.kubernetes.pod.uid", "u"))
            .done();
        assert_eq!(pod(Message::of(&status).unwrap()), Some(docker::pod("app-1", &[("tier", "front")])));
    }
}
