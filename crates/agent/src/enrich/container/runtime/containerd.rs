//! containerd's own API: containers and images of one of its namespaces.
//!
//! Field numbers are those of containerd's `api/services/{containers,images,namespaces}/v1/*.proto`.

use super::super::facts::{Facts, Labels};
use super::protobuf::{Builder, Message};
use super::{Connect, Miss, grpc};

const GET_CONTAINER: &str = "/containerd.services.containers.v1.Containers/Get";
const GET_IMAGE: &str = "/containerd.services.images.v1.Images/Get";
const LIST_NAMESPACES: &str = "/containerd.services.namespaces.v1.Namespaces/List";
/// Tried where the path does not name one.
const NAMESPACES: [&str; 3] = ["k8s.io", "default", "moby"];
/// Of those that it lists, beyond the usual ones.
const MOST_NAMESPACES: usize = 16;

/// Everything about the container `id`.
pub(super) fn describe(connect: Connect<'_>, namespace: Option<&str>, id: &str) -> Result<Facts, Miss> {
    if let Some(namespace) = namespace {
        return in_namespace(connect, namespace, id);
    }
    let listed = namespaces(connect)?;
    for namespace in &listed {
        match in_namespace(connect, namespace, id) {
            Err(Miss::Unknown) => {}
            other => return other,
        }
    }
    Err(Miss::Unknown)
}

/// Its namespaces, the usual ones first.
pub(super) fn namespaces(connect: Connect<'_>) -> Result<Vec<String>, Miss> {
    let answer = grpc::call(&mut connect()?, LIST_NAMESPACES, None, &[])?;
    let answer = Message::of(&answer)?;
    let listed: Vec<String> = answer
        .all(1)
        .filter_map(|namespace| Some(Message::of(namespace).ok()?.text(1)?.to_owned()))
        .filter(|name| super::docker::is_plain(name))
        .collect();
    let usual = NAMESPACES.iter().map(|&name| name.to_owned()).filter(|name| listed.contains(name));
    let others = listed.iter().filter(|name| !NAMESPACES.contains(&name.as_str())).take(MOST_NAMESPACES).cloned();
    Ok(usual.chain(others).collect())
}

fn in_namespace(connect: Connect<'_>, namespace: &str, id: &str) -> Result<Facts, Miss> {
    let ask = |method: &str, name: &str| {
        grpc::call(&mut connect()?, method, Some(namespace), &Builder::default().with(1, name).done())
    };
    let answer = ask(GET_CONTAINER, id)?;
    let container = Message::of(&answer)?.message(1).ok_or(Miss::Malformed)?;
    if container.text(1) != Some(id) {
        return Err(Miss::Malformed);
    }
    let mut facts = facts(container);
    // Without the digest the rest is still right.
    if let Some(image) = container.text(3)
        && let Ok(answer) = ask(GET_IMAGE, image)
        && let Some(digest) = Message::of(&answer).ok().and_then(|answer| answer.message(1)?.message(3)?.text(2))
    {
        facts.add_hash(Some(digest));
    }
    Ok(facts)
}

/// Container: 1 id, 2 labels, 3 image.
fn facts(container: Message<'_>) -> Facts {
    let labels = Labels::of(container.map(2));
    let mut facts = Facts { name: name(&labels), ..Facts::default() };
    facts.set_image(container.text(3));
    facts.set_pod(&|key| labels.get(key));
    let own = ["io.containerd.", "containerd.io/", "io.cri-containerd."];
    facts.labels = labels.only(|key| !own.iter().any(|prefix| key.starts_with(prefix)));
    facts
}

/// containerd has no names: nerdctl and Kubernetes keep theirs as labels.
fn name(labels: &Labels) -> Option<String> {
    let keys = ["nerdctl/name", "io.kubernetes.container.name"];
    keys.iter().find_map(|key| labels.get(key)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_of_nerdctl() {
        let label = |key: &str, value: &str| Builder::default().with(1, key).with(2, value).done();
        let bytes = Builder::default()
            .with(1, "x")
            .with(2, label("nerdctl/name", "web"))
            .with(2, label("io.containerd.image.config.stop-signal", "SIGQUIT"))
            .with(2, label("team", "a"))
            .with(3, "docker.io/library/web:1")
            .done();
        let facts = facts(Message::of(&bytes).unwrap());
        assert_eq!((facts.name.as_deref(), facts.image.as_deref()), (Some("web"), Some("docker.io/library/web")));
        assert_eq!((facts.labels.get("team"), facts.labels.iter().count()), (Some("a"), 2));
    }
}
