//! Docker's HTTP API, which podman speaks as well.
//!
//! The version is the one that the daemon itself names in its answer to `/_ping`: a pinned one would be too old for some
//! daemons (29 refuses all below 1.44) and too new for others.

use serde_json::Value;

use super::super::facts::{Facts, Labels};
use super::{Connect, Miss, http};

/// The version to ask with, `/v1.41` for instance; empty for a daemon that names none.
pub(super) fn version(connect: Connect<'_>) -> Result<String, Miss> {
    let response = http::get(&mut connect()?, "/_ping")?;
    if response.status != 200 {
        return Err(Miss::Refused);
    }
    let version = response.header("api-version").unwrap_or_default();
    let is_version = version.len() <= 16 && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !is_version {
        return Err(Miss::Malformed);
    }
    Ok(if version.is_empty() { String::new() } else { format!("/v{version}") })
}

/// Everything about the container `id`, which must be fit for a path.
pub(super) fn describe(connect: Connect<'_>, version: &str, id: &str) -> Result<Facts, Miss> {
    let inspected = inspect(connect, &format!("{version}/containers/{id}/json"))?;
    if inspected["Id"] != id {
        return Err(Miss::Malformed);
    }
    let mut facts = facts(&inspected);
    // Both are additions: without them the rest is still right.
    if let Some(image) = inspected["Image"].as_str().filter(|image| is_plain(image))
        && let Ok(image) = inspect(connect, &format!("{version}/images/{image}/json"))
    {
        let digests = image["RepoDigests"].as_array().into_iter().flatten();
        digests.for_each(|digest| facts.add_hash(digest.as_str()));
    }
    if let (Some(pod), Some(sandbox)) = (&mut facts.pod, facts.sandbox.as_ref().filter(|sandbox| is_plain(sandbox)))
        && let Ok(sandbox) = inspect(connect, &format!("{version}/containers/{sandbox}/json"))
    {
        pod.labels = pod_labels(&Labels::of_json(&sandbox["Config"]["Labels"]));
    }
    Ok(facts)
}

fn inspect(connect: Connect<'_>, path: &str) -> Result<Value, Miss> {
    let response = http::get(&mut connect()?, path)?;
    match response.status {
        200 => serde_json::from_slice(&response.body).map_err(|_| Miss::Malformed),
        404 => Err(Miss::Unknown),
        _ => Err(Miss::Refused),
    }
}

/// What an inspected container says; docker's own `config.v2.json` has most of it under the same names.
pub(in super::super) fn facts(container: &Value) -> Facts {
    let labels = Labels::of_json(&container["Config"]["Labels"]);
    let mut facts = Facts {
        name: container["Name"].as_str().map(|name| name.trim_start_matches('/').to_owned()),
        sandbox: labels.get("io.kubernetes.sandbox.id").map(str::to_owned),
        privileged: container["HostConfig"]["Privileged"].as_bool(),
        ..Facts::default()
    };
    facts.set_image(container["Config"]["Image"].as_str());
    facts.add_hash(container["Image"].as_str());
    facts.set_pod(&|key| labels.get(key));
    if let Some(name) = labels.get("io.kubernetes.container.name") {
        facts.name = Some(name.to_owned());
    }
    facts.labels = labels;
    facts
}

/// What is left of a sandbox's labels without the kubelet's own.
pub(super) fn pod_labels(labels: &Labels) -> Labels {
    labels.only(|key| !key.starts_with("io.kubernetes.") && !key.starts_with("annotation."))
}

/// Fit for a path.
pub(super) fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte))
}

/// A pod named by hand, for tests of others.
#[cfg(test)]
pub(super) fn pod(name: &str, labels: &[(&str, &str)]) -> super::super::facts::Pod {
    super::super::facts::Pod {
        name: name.into(),
        namespace: "prod".into(),
        uid: "u".into(),
        labels: Labels::of(labels.iter().copied()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_container_of_docker() {
        let facts = facts(&json!({
            "Id": "x", "Name": "/db", "Image": format!("sha256:{}", "a".repeat(64)),
            "Config": {"Image": "postgres:16", "Labels": {"team": "a"}},
            "HostConfig": {"Privileged": false},
        }));
        assert_eq!(
            (facts.name.as_deref(), facts.image.as_deref(), facts.tag.as_deref()),
            (Some("db"), Some("postgres"), Some("16"))
        );
        assert_eq!((facts.labels.get("team"), facts.privileged, facts.pod), (Some("a"), Some(false), None));
        assert_eq!(facts.image_hashes.len(), 1);
    }

    #[test]
    fn a_container_of_a_pod() {
        let labels = json!({
            "io.kubernetes.container.name": "app", "io.kubernetes.pod.name": "app-1",
            "io.kubernetes.pod.namespace": "prod", "io.kubernetes.pod.uid": "u", "io.kubernetes.sandbox.id": "s",
        });
        let facts = facts(&json!({"Name": "/k8s_app_app-1", "Config": {"Labels": labels}}));
        assert_eq!(
            (facts.pod, facts.name.as_deref(), facts.sandbox.as_deref()),
            (Some(pod("app-1", &[])), Some("app"), Some("s"))
        );
    }

    #[test]
    fn answers_of_any_shape_say_nothing() {
        for value in
            [json!(null), json!([]), json!({"Config": 1, "Name": [], "Image": {}}), json!({"Config": {"Labels": []}})]
        {
            assert_eq!(facts(&value), Facts::default(), "{value}");
        }
    }
}
