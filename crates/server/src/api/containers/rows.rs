//! Rows of the list: grouping, finding, order. Plain arithmetic over what the searches gave.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use schema::Timestamp;
use serde::Deserialize;

/// What a row stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum By {
    #[default]
    Container,
    Image,
    Pod,
}

impl By {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Pod => "pod",
        }
    }
}

/// What rows are ordered by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Key {
    #[default]
    Events,
    Execs,
    Failures,
    First,
    Last,
    Name,
    Image,
    Host,
    Pod,
    Containers,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    Asc,
    #[default]
    Desc,
}

/// A container, or all containers of an image or a pod.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Row {
    pub(super) ids: Vec<String>,
    pub(super) name: Option<String>,
    pub(super) image: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) runtime: Option<String>,
    pub(super) pod: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) hosts: BTreeSet<String>,
    /// Containers of which some events do not carry their name: they are found by id only. The first of them.
    pub(super) unnamed: Vec<String>,
    /// Events that left before the name was known.
    pub(super) pending: u64,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) events: u64,
    pub(super) execs: u64,
    pub(super) failures: u64,
    /// Events in each part of the time.
    pub(super) activity: Vec<u64>,
}

/// Hosts that a row names; the rest is a number.
pub(super) const NAMED_HOSTS: usize = 3;
/// Ids that a row names for its unnamed events.
const UNNAMED: usize = 50;

impl Row {
    /// Whether a text is part of anything that the row shows.
    pub(super) fn has(&self, wanted: &str) -> bool {
        let wanted = wanted.trim().to_lowercase();
        let names = [&self.name, &self.image, &self.tag, &self.runtime, &self.pod, &self.namespace];
        wanted.is_empty()
            || names.into_iter().flatten().chain(&self.hosts).chain(&self.ids).any(|text| {
                // Ids are compared from their beginning on, as people copy them.
                text.to_lowercase().contains(&wanted)
            })
    }

    fn add(&mut self, other: Self) {
        self.ids.extend(other.ids);
        self.hosts.extend(other.hosts);
        let room = UNNAMED.saturating_sub(self.unnamed.len());
        self.unnamed.extend(other.unnamed.into_iter().take(room));
        self.pending += other.pending;
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
        self.events += other.events;
        self.execs += other.execs;
        self.failures += other.failures;
    }
}

/// Containers joined by what is asked for. Those without an image or pod are one row.
pub(super) fn grouped(rows: Vec<Row>, by: By) -> Vec<Row> {
    if by == By::Container {
        return rows;
    }
    let mut groups: HashMap<(Option<String>, Option<String>), Row> = HashMap::new();
    for row in rows {
        let key = match by {
            By::Image => (row.image.clone(), row.tag.clone()),
            By::Pod | By::Container => (row.namespace.clone(), row.pod.clone()),
        };
        let start = || match by {
            By::Image => Row { image: row.image.clone(), tag: row.tag.clone(), ..Row::default() },
            By::Pod | By::Container => Row { pod: row.pod.clone(), namespace: row.namespace.clone(), ..Row::default() },
        };
        let group = groups.entry(key).or_insert_with(start);
        group.add(row);
    }
    groups.into_values().collect()
}

/// What has no value for the key comes last in either order; equal rows by name and id, so that pages fit together.
pub(super) fn sort(rows: &mut [Row], key: Key, order: Order) {
    let texts = |text: fn(&Row) -> Option<&String>, a: &Row, b: &Row| absent_last(text(a), text(b), order);
    rows.sort_by(|a, b| {
        let by_key = match key {
            Key::Events => turned(a.events.cmp(&b.events), order),
            Key::Execs => turned(a.execs.cmp(&b.execs), order),
            Key::Failures => turned(a.failures.cmp(&b.failures), order),
            Key::Containers => turned(a.ids.len().cmp(&b.ids.len()), order),
            Key::First => absent_last(a.first, b.first, order),
            Key::Last => absent_last(a.last, b.last, order),
            Key::Name => texts(|row| row.name.as_ref(), a, b),
            Key::Image => texts(|row| row.image.as_ref(), a, b),
            Key::Host => texts(|row| row.hosts.first(), a, b),
            Key::Pod => texts(|row| row.pod.as_ref(), a, b),
        };
        by_key
            .then_with(|| (&a.name, &a.image, &a.tag, &a.pod, &a.ids).cmp(&(&b.name, &b.image, &b.tag, &b.pod, &b.ids)))
    });
}

fn turned(ordering: Ordering, order: Order) -> Ordering {
    if order == Order::Desc { ordering.reverse() } else { ordering }
}

fn absent_last<T: Ord>(a: Option<T>, b: Option<T>, order: Order) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => turned(a.cmp(&b), order),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, image: Option<&str>, events: u64) -> Row {
        let host = BTreeSet::from(["web-1".to_owned()]);
        Row { ids: vec![id.into()], image: image.map(str::to_owned), events, hosts: host, ..Row::default() }
    }

    #[test]
    fn images_add_up() {
        let rows = vec![row("a", Some("nginx"), 1), row("b", None, 5), row("c", Some("nginx"), 2)];
        let mut groups = grouped(rows, By::Image);
        sort(&mut groups, Key::Image, Order::Desc);
        assert_eq!((groups.len(), groups[0].events, groups[0].ids.len()), (2, 3, 2));
        assert_eq!(groups[1].image, None, "what has no image is last");
    }

    #[test]
    fn finding_looks_at_what_is_shown() {
        let row = row("3c27334e820a", Some("docker.io/library/Nginx"), 1);
        assert!(row.has("") && row.has("nginx") && row.has(" 3C27 ") && row.has("web"));
        assert!(!row.has("redis"));
    }

    #[test]
    fn order_is_whole() {
        let mut rows = vec![row("b", None, 1), row("a", None, 1), row("c", None, 9)];
        sort(&mut rows, Key::Events, Order::Desc);
        assert_eq!(rows.iter().map(|row| row.ids[0].as_str()).collect::<Vec<_>>(), ["c", "a", "b"]);
    }
}
