//! Which containers a policy is about.

use std::sync::Arc;

use crate::change::Inside;

/// What is known of a container.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ContainerFacts {
    /// Its id, 64 digits mostly.
    pub id: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its image, as it was asked for.
    pub image: Box<str>,
    /// Key and value.
    pub labels: Vec<(Box<str>, Box<str>)>,
    /// The pod's name, of Kubernetes.
    pub pod: Box<str>,
    /// The pod's namespace.
    pub namespace: Box<str>,
}

/// Who knows of containers. Answers from what is known already and opens nothing: somebody may be waiting.
pub trait Containers: Send + Sync {
    /// The container that has this file.
    fn having(&self, inside: &Inside) -> Option<Arc<ContainerFacts>>;

    /// The container and the systemd unit that this process of the host belongs to.
    fn of(&self, pid: u32) -> (Option<Arc<ContainerFacts>>, Option<Box<str>>);
}

/// Nobody knows of any.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoContainers;

impl Containers for NoContainers {
    fn having(&self, _: &Inside) -> Option<Arc<ContainerFacts>> {
        None
    }

    fn of(&self, _: u32) -> (Option<Arc<ContainerFacts>>, Option<Box<str>>) {
        (None, None)
    }
}

impl From<&str> for ContainerFacts {
    /// A container of which only the id is known.
    fn from(id: &str) -> Self {
        Self { id: id.into(), ..Self::default() }
    }
}

/// `image:nginx*`, `name:web-?`, `label:app=web`, `pod:...`, `namespace:...`, or `*` for every container. `*` and `?` stand for
/// any characters, `/` too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selector {
    what: What,
    pattern: Box<str>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum What {
    Every,
    Name,
    Image,
    Pod,
    Namespace,
    Label(Box<str>),
}

impl Selector {
    /// From what is written.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let said = || {
            format!(
                "{text:?} is no selector like \"image:nginx*\", \"name:web\", \"label:app=web\", \"pod:...\", \"namespace:...\" or \"*\""
            )
        };
        if text == "*" {
            return Ok(Self { what: What::Every, pattern: "".into() });
        }
        let (what, pattern) = text.split_once(':').ok_or_else(said)?;
        let (what, pattern) = match what {
            "name" => (What::Name, pattern),
            "image" => (What::Image, pattern),
            "pod" => (What::Pod, pattern),
            "namespace" => (What::Namespace, pattern),
            "label" => {
                let (key, value) = pattern.split_once('=').ok_or_else(said)?;
                (What::Label(key.into()), value)
            }
            _ => return Err(said()),
        };
        if pattern.is_empty() && !matches!(what, What::Label(_)) {
            Err(said())
        } else {
            Ok(Self { what, pattern: pattern.into() })
        }
    }

    /// Whether it fits this container.
    #[must_use]
    pub fn fits(&self, facts: &ContainerFacts) -> bool {
        let fits = |text: &str| fits(&self.pattern, text);
        match &self.what {
            What::Every => true,
            What::Name => fits(&facts.name),
            What::Image => fits(&facts.image),
            What::Pod => fits(&facts.pod),
            What::Namespace => fits(&facts.namespace),
            What::Label(key) => facts.labels.iter().any(|(have, value)| have == key && fits(value)),
        }
    }
}

/// Whether `*` (any characters) and `?` (any one) make this text of the pattern. Takes at most pattern times text steps.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_fit_what_they_name() {
        let facts = ContainerFacts {
            id: "4711".into(),
            name: "web-1".into(),
            image: "registry.local/nginx:1.27".into(),
            labels: vec![("app".into(), "web".into()), ("empty".into(), "".into())],
            pod: "web-7d9".into(),
            namespace: "shop".into(),
        };
        let fits = |text: &str| Selector::read(text).unwrap().fits(&facts);
        for text in [
            "*",
            "name:web-?",
            "image:*nginx*",
            "label:app=web",
            "label:empty=",
            "pod:web-*",
            "namespace:shop",
            "label:app=*",
        ] {
            assert!(fits(text), "{text}");
        }
        for text in ["name:web", "image:nginx*", "label:app=we", "label:tier=*", "namespace:sho?p", "label:app="] {
            assert!(!fits(text), "{text}");
        }
        for text in ["", "web", "image:", "label:app", "colour:red"] {
            assert!(Selector::read(text).is_err(), "{text}");
        }
    }
}
