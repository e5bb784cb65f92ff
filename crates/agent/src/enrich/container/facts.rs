//! What a runtime says of a container, from whichever of its mouths: files, Docker's API, containerd's, Kubernetes'.

use schema::{Event, Value, field};

/// Labels kept of one container, and of its pod.
const MOST_LABELS: usize = 64;
/// Bytes of a key, and of a value; a longer one is left out with its pair.
const LABEL_BYTES: usize = 256;

/// What is known of a container beyond its id.
#[derive(Debug, PartialEq, Eq, Default, Clone)]
pub struct Facts {
    /// `container.name`.
    pub name: Option<String>,
    /// `container.image.name`, without the tag.
    pub image: Option<String>,
    /// `container.image.tag`.
    pub tag: Option<String>,
    /// `container.image.hash.all`.
    pub image_hashes: Vec<String>,
    /// `container.labels`.
    pub labels: Labels,
    /// The pod of Kubernetes that it is part of.
    pub pod: Option<Pod>,
    /// The id of that pod's sandbox.
    pub sandbox: Option<String>,
    /// Whether it was started with all privileges.
    pub privileged: Option<bool>,
}

/// A pod of Kubernetes.
#[derive(Debug, PartialEq, Eq, Default, Clone)]
pub struct Pod {
    /// `orchestrator.resource.name`.
    pub name: String,
    /// `orchestrator.namespace`.
    pub namespace: String,
    /// `orchestrator.resource.id`.
    pub uid: String,
    /// `orchestrator.resource.label`, as `key=value`.
    pub labels: Labels,
}

/// At most 64 pairs of at most 256 bytes each side.
#[derive(Debug, PartialEq, Eq, Default, Clone)]
pub struct Labels(Vec<(String, String)>);

impl Labels {
    /// The pairs that fit.
    pub fn of<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let fits = |(key, value): &(K, V)| key.as_ref().len() <= LABEL_BYTES && value.as_ref().len() <= LABEL_BYTES;
        let pairs = pairs.into_iter().filter(fits).take(MOST_LABELS);
        Self(pairs.map(|(key, value)| (key.as_ref().to_owned(), value.as_ref().to_owned())).collect())
    }

    /// The string pairs of a JSON object.
    #[must_use]
    pub fn of_json(object: &serde_json::Value) -> Self {
        let pairs = object.as_object().into_iter().flatten();
        Self::of(pairs.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))))
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// All pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Those whose key passes.
    #[must_use]
    pub fn only(&self, passes: impl Fn(&str) -> bool) -> Self {
        Self::of(self.iter().filter(|(key, _)| passes(key)))
    }

    fn or(self, other: &Self) -> Self {
        let added = other.iter().filter(|(key, _)| self.get(key).is_none());
        Self::of(self.iter().chain(added))
    }
}

impl Facts {
    /// Splits `registry:5000/name:tag@digest`.
    pub fn set_image(&mut self, reference: Option<&str>) {
        let Some(reference) = reference.filter(|reference| !reference.is_empty() && !is_digest(reference)) else {
            return;
        };
        let (plain, digest) = match reference.split_once('@') {
            Some((plain, digest)) => (plain, Some(digest)),
            None => (reference, None),
        };
        let (name, tag) = match plain.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (plain, None),
        };
        (self.image, self.tag) = (Some(name.to_owned()), tag.map(str::to_owned));
        self.add_hash(digest);
    }

    /// Adds a digest (`sha256:..`, or the hex digits alone), alone or behind an image's name.
    pub fn add_hash(&mut self, digest: Option<&str>) {
        let Some(digest) = digest.map(|digest| digest.rsplit_once('@').map_or(digest, |(_, digest)| digest)) else {
            return;
        };
        let digest = match digest.len() == 64 && !digest.contains(':') {
            true => format!("sha256:{digest}"),
            false => digest.to_owned(),
        };
        if is_digest(&digest) && !self.image_hashes.contains(&digest) {
            self.image_hashes.push(digest);
        }
    }

    /// The pod that labels or annotations of the kubelet name.
    pub fn set_pod<'a>(&mut self, label: &dyn Fn(&str) -> Option<&'a str>) {
        let named = |key: &str| label(&format!("io.kubernetes.pod.{key}")).map(str::to_owned);
        if let (Some(name), Some(namespace), Some(uid)) = (named("name"), named("namespace"), named("uid")) {
            self.pod = Some(Pod { name, namespace, uid, labels: Labels::default() });
        }
    }

    /// What either says; where both do, the first counts.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        let pod = match (self.pod, &other.pod) {
            (Some(first), Some(second)) => Some(Pod { labels: first.labels.clone().or(&second.labels), ..first }),
            (first, second) => first.or_else(|| second.clone()),
        };
        let mut image_hashes = self.image_hashes;
        let added = other.image_hashes.iter().filter(|hash| !image_hashes.contains(hash)).cloned();
        image_hashes.extend(added.collect::<Vec<_>>());
        Self {
            name: self.name.or_else(|| other.name.clone()),
            tag: if self.image.is_some() { self.tag } else { other.tag.clone() },
            image: self.image.or_else(|| other.image.clone()),
            image_hashes,
            labels: self.labels.or(&other.labels),
            pod,
            sandbox: self.sandbox.or_else(|| other.sandbox.clone()),
            privileged: self.privileged.or(other.privileged),
        }
    }

    /// Adds all of it but the pod's uid, which the cgroup may know as well.
    pub(super) fn apply(&self, event: &mut Event) {
        for (field, value) in [
            (field::CONTAINER_NAME, &self.name),
            (field::CONTAINER_IMAGE_NAME, &self.image),
            (field::CONTAINER_IMAGE_TAG, &self.tag),
        ] {
            if let Some(value) = value {
                event.push_str(field, value);
            }
        }
        self.image_hashes.iter().for_each(|hash| event.push_str(field::CONTAINER_IMAGE_HASH_ALL, hash));
        self.labels.iter().for_each(|(key, value)| event.push_keyed(field::CONTAINER_LABELS, key, Value::Text(value)));
        if let Some(privileged) = self.privileged {
            event.push_bool(field::AUDITNG_CONTAINER_PRIVILEGED, privileged);
        }
        if let Some(pod) = &self.pod {
            event.push_str(field::ORCHESTRATOR_RESOURCE_NAME, &pod.name);
            event.push_str(field::ORCHESTRATOR_NAMESPACE, &pod.namespace);
            for (key, value) in pod.labels.iter() {
                event.push_str(field::ORCHESTRATOR_RESOURCE_LABEL, &format!("{key}={value}"));
            }
        }
    }
}

fn is_digest(text: &str) -> bool {
    let hex = |digits: &str| digits.len() >= 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split_once(':').is_some_and(|(algorithm, digits)| algorithm.starts_with("sha") && hex(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_with_port_tag_and_digest() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let check = |reference: &str, expect: (Option<&str>, Option<&str>, usize)| {
            let mut facts = Facts::default();
            facts.set_image(Some(reference));
            assert_eq!((facts.image.as_deref(), facts.tag.as_deref(), facts.image_hashes.len()), expect, "{reference}");
        };
        check("web", (Some("web"), None, 0));
        check("docker.io/library/web:1.2", (Some("docker.io/library/web"), Some("1.2"), 0));
        check("r:5000/app", (Some("r:5000/app"), None, 0));
        check(&format!("r:5000/app:7@{digest}"), (Some("r:5000/app"), Some("7"), 1));
        check(&digest, (None, None, 0));
        check("", (None, None, 0));
    }

    #[test]
    fn digests_in_every_spelling_are_kept_once() {
        let mut facts = Facts::default();
        let hex = "a".repeat(64);
        let spelled = [hex.clone(), format!("sha256:{hex}"), format!("docker.io/library/web@sha256:{hex}")];
        spelled.iter().for_each(|digest| facts.add_hash(Some(digest)));
        facts.add_hash(Some("latest"));
        assert_eq!(facts.image_hashes, [format!("sha256:{hex}")]);
    }

    #[test]
    fn labels_are_capped() {
        let many = Labels::of((0..100).map(|number| (number.to_string(), "v")));
        assert_eq!(many.iter().count(), 64);
        let long = "x".repeat(257);
        assert_eq!(Labels::of([(long.as_str(), "v"), ("k", long.as_str()), ("fits", "v")]).iter().count(), 1);
        assert_eq!(many.or(&Labels::of([("other", "v")])).iter().count(), 64);
    }

    #[test]
    fn the_first_of_two_sources_counts() {
        let mut first = Facts { name: Some("one".to_owned()), labels: Labels::of([("a", "1")]), ..Facts::default() };
        first.set_image(Some("web"));
        let mut second =
            Facts { name: Some("two".to_owned()), labels: Labels::of([("a", "2"), ("b", "2")]), ..Facts::default() };
        second.set_image(Some("other:9"));
        second.privileged = Some(true);
        let both = first.or(&second);
        assert_eq!(
            (both.name.as_deref(), both.image.as_deref(), both.tag.as_deref()),
            (Some("one"), Some("web"), None)
        );
        assert_eq!((both.labels.get("a"), both.labels.get("b"), both.privileged), (Some("1"), Some("2"), Some(true)));
    }
}
