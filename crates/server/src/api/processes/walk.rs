//! The walk from one process up and down, a level at a time.

use std::collections::{HashMap, HashSet};

use schema::search::{FieldRef, Metric, Query, Search};
use schema::{Field, Timestamp, field};
use store::SearchError;

use super::super::aggregate::{self, ascending, buckets, filter, metric, number, single, text_key, time_in, top};
use super::super::look::Look;
use super::facts::{self, Ancestor, Facts};

/// What somebody wants to see.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) focus: String,
    /// Generations below the focus.
    pub(super) depth: usize,
    /// Children of each process.
    pub(super) width: usize,
    /// Processes below the focus in all.
    pub(super) nodes: usize,
    /// Generations above the focus.
    pub(super) ancestors: usize,
    /// First children of the focus that are left out.
    pub(super) skip: usize,
}

/// A process in its place.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// Under which it stands; `None` at the top.
    pub(super) parent: Option<String>,
    /// Its present parent, where that is not the one that made it.
    pub(super) adopted_by: Option<String>,
    /// Children that events name; where some were handed over, at least so many.
    pub(super) children: u64,
    pub(super) facts: Facts,
}

/// The focus, what is above it and what is below it.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// Nearest first.
    pub(super) ancestors: Vec<String>,
    /// The last of them has a parent that the bound left out.
    pub(super) more_ancestors: bool,
    pub(super) nodes: HashMap<String, Node>,
    /// Parents before their children, siblings by their first event.
    pub(super) order: Vec<String>,
    /// The bound of nodes was reached.
    pub(super) full: bool,
    shown: HashMap<String, u64>,
}

impl Tree {
    /// Children of a process that are in the tree.
    pub(super) fn shown(&self, id: &str) -> u64 {
        self.shown.get(id).copied().unwrap_or(0)
    }

    fn place(&mut self, id: &str, parent: Option<&str>) {
        self.nodes.insert(id.to_owned(), Node { parent: parent.map(str::to_owned), ..Node::default() });
        self.order.push(id.to_owned());
    }
}

/// Buckets that one search for children may give.
const BUCKETS: usize = 30_000;
/// Up to so many children of one process are counted exactly.
const EXACT: u64 = 40_000;

/// Looks; `None` if no event names the focus.
pub(super) fn tree(look: &Look<'_>, within: &Search, ask: &Ask) -> Result<Option<Tree>, SearchError> {
    let walk = Walk { look, within };
    let mut found = facts::of(look, within, [&ask.focus])?;
    let Some(focus) = found.remove(&ask.focus) else { return Ok(None) };
    let mut tree = Tree::default();
    let mut known = walk.up(&mut tree, ask, focus)?;
    tree.place(&ask.focus, tree.ancestors.first().cloned().as_deref());
    walk.down(&mut tree, ask)?;
    let missing: Vec<&String> = tree.order.iter().filter(|id| !known.contains_key(*id)).collect();
    known.extend(facts::of(look, within, missing)?);
    settle(&mut tree, known);
    walk.count_children(&mut tree)?;
    Ok(Some(tree))
}

struct Walk<'a> {
    look: &'a Look<'a>,
    within: &'a Search,
}

impl Walk<'_> {
    /// From the focus to the top, by creator where there is one, else by parent.
    fn up(&self, tree: &mut Tree, ask: &Ask, focus: Facts) -> Result<HashMap<String, Facts>, SearchError> {
        let mut known = HashMap::from([(ask.focus.clone(), focus)]);
        // What ancestries say of those whose own events are not there.
        let mut said: HashMap<String, Ancestor> = HashMap::new();
        let mut at = ask.focus.clone();
        while let Some(facts) = known.get(&at) {
            let above: Vec<String> = facts.ancestry.iter().map(|ancestor| ancestor.entity_id.clone()).collect();
            for ancestor in &facts.ancestry {
                said.entry(ancestor.entity_id.clone()).or_insert_with(|| ancestor.clone());
            }
            let Some(next) = facts.creator.clone().or_else(|| facts.parent.clone()) else { break };
            if next == ask.focus || tree.ancestors.contains(&next) {
                break;
            }
            if tree.ancestors.len() == ask.ancestors {
                tree.more_ancestors = true;
                break;
            }
            if !known.contains_key(&next) {
                let wanted: HashSet<&String> =
                    above.iter().chain([&next]).filter(|id| !known.contains_key(*id)).collect();
                let found = facts::of(self.look, self.within, wanted)?;
                known.extend(found);
            }
            let after = above.iter().position(|id| *id == next).and_then(|place| above.get(place + 1));
            let by_ancestry = said.get(&next).map(Facts::of_ancestor);
            let entry = known.entry(next.clone()).or_insert_with(|| by_ancestry.unwrap_or_default());
            if entry.parent.is_none() {
                entry.parent = after.cloned();
            }
            tree.ancestors.push(next.clone());
            at = next;
        }
        let chain: Vec<String> = tree.ancestors.iter().rev().cloned().collect();
        for (place, id) in chain.iter().enumerate() {
            tree.place(id, place.checked_sub(1).map(|above| chain[above].as_str()));
        }
        Ok(known)
    }

    /// Generation by generation, until a bound.
    fn down(&self, tree: &mut Tree, ask: &Ask) -> Result<(), SearchError> {
        let above = tree.order.len();
        let mut level = vec![ask.focus.clone()];
        for generation in 0..ask.depth {
            let skip = if generation == 0 { ask.skip } else { 0 };
            let mut below = Vec::new();
            let room = |tree: &Tree| (ask.nodes + above).saturating_sub(tree.order.len());
            for some in level.chunks((BUCKETS / (skip + ask.width + 1)).max(1)) {
                if room(tree) == 0 {
                    tree.full = true;
                    break;
                }
                let mut children = self.children(some, skip + ask.width.min(room(tree) + 1))?;
                for parent in some {
                    for child in children.remove(parent).unwrap_or_default().into_iter().skip(skip).take(ask.width) {
                        if tree.nodes.contains_key(&child) {
                            continue;
                        }
                        if room(tree) == 0 {
                            tree.full = true;
                            break;
                        }
                        tree.place(&child, Some(parent));
                        below.push(child);
                    }
                }
            }
            if below.is_empty() {
                break;
            }
            level = below;
        }
        Ok(())
    }

    /// The first children of some processes, by their first event.
    fn children(&self, parents: &[String], each: usize) -> Result<HashMap<String, Vec<String>>, SearchError> {
        let [first, _] = aggregate::times();
        let child = ascending("child", field::PROCESS_ENTITY_ID, each, "first", vec![first]);
        let answer = self.look.search(&self.by_parents(parents, &[child]))?;
        let mut children: HashMap<String, HashMap<String, Option<Timestamp>>> = HashMap::new();
        for field in PARENTS {
            let outcome = single(answer.aggregation(field.name())).and_then(|bucket| bucket.inner("parent"));
            for bucket in buckets(outcome) {
                let Some(parent) = text_key(bucket) else { continue };
                let list = children.entry(parent.to_owned()).or_default();
                for child in buckets(bucket.inner("child")) {
                    let Some(id) = text_key(child).filter(|id| *id != parent) else { continue };
                    let first = time_in(child, "first");
                    let known = list.entry(id.to_owned()).or_insert(first);
                    *known = first.min(*known);
                }
            }
        }
        Ok(children.into_iter().map(|(parent, list)| (parent, by_time(list))).collect())
    }

    /// How many children each process in the tree has.
    fn count_children(&self, tree: &mut Tree) -> Result<(), SearchError> {
        for id in tree.order.iter().filter_map(|id| tree.nodes.get(id)?.parent.as_ref()) {
            *tree.shown.entry(id.clone()).or_default() += 1;
        }
        let many = metric("many", Metric::Cardinality(FieldRef::Known(field::PROCESS_ENTITY_ID), EXACT));
        for some in tree.order.clone().chunks(BUCKETS / 4) {
            let answer = self.look.search(&self.by_parents(some, std::slice::from_ref(&many)))?;
            for field in PARENTS {
                let outcome = single(answer.aggregation(field.name())).and_then(|bucket| bucket.inner("parent"));
                for bucket in buckets(outcome) {
                    let Some(node) = text_key(bucket).and_then(|id| tree.nodes.get_mut(id)) else { continue };
                    node.children = node.children.max(number(bucket.inner("many")));
                }
            }
        }
        let shown = &tree.shown;
        for (id, node) in &mut tree.nodes {
            node.children = node.children.max(shown.get(id).copied().unwrap_or(0));
        }
        Ok(())
    }

    /// Events of children of these processes, by the field that names the parent and then by the parent.
    fn by_parents(&self, parents: &[String], inner: &[schema::search::Named]) -> Search {
        let of = |field: Field| aggregate::one_of(field, parents.iter().map(String::as_str));
        let by =
            |field: Field| filter(field.name(), of(field), vec![top("parent", field, parents.len(), inner.to_vec())]);
        Search {
            query: Query::any(PARENTS.iter().map(|field| of(*field)).collect()),
            size: 0,
            track_total: 0,
            aggregations: PARENTS.iter().map(|field| by(*field)).collect(),
            ..self.within.clone()
        }
    }
}

/// Fields that name the process that another came from; the one that made it counts more than the one it was handed to.
const PARENTS: [Field; 2] = [field::AUDITNG_PROCESS_CREATOR_ENTITY_ID, field::PROCESS_PARENT_ENTITY_ID];

fn by_time(children: HashMap<String, Option<Timestamp>>) -> Vec<String> {
    let mut list: Vec<(Option<Timestamp>, String)> = children.into_iter().map(|(id, first)| (first, id)).collect();
    list.sort();
    list.into_iter().map(|(_, id)| id).collect()
}

/// Puts what is known into the tree. A process that was handed over stands under the one that made it, if that is there.
fn settle(tree: &mut Tree, mut known: HashMap<String, Facts>) {
    let ids: HashSet<String> = tree.nodes.keys().cloned().collect();
    for (id, node) in &mut tree.nodes {
        node.facts = known.remove(id).unwrap_or_default();
        let (creator, parent) = (&node.facts.creator, &node.facts.parent);
        node.adopted_by = parent.clone().filter(|parent| creator.as_ref().is_some_and(|creator| creator != parent));
    }
    for id in tree.order.clone() {
        let Some(creator) = tree.nodes.get(&id).and_then(|node| node.facts.creator.clone()) else { continue };
        if !ids.contains(&creator) || is_below(tree, &creator, &id) {
            continue;
        }
        if let Some(node) = tree.nodes.get_mut(&id).filter(|node| node.parent.is_some()) {
            node.parent = Some(creator);
        }
    }
    tree.order = in_order(tree);
}

/// Whether `id` is `top` or stands under it.
fn is_below(tree: &Tree, id: &str, top: &str) -> bool {
    let parent = |id: &&str| tree.nodes.get(*id).and_then(|node| node.parent.as_deref());
    std::iter::successors(Some(id), parent).take(tree.nodes.len() + 1).any(|above| above == top)
}

/// Parents before children, siblings in the order in which they were found.
fn in_order(tree: &Tree) -> Vec<String> {
    let mut below: HashMap<Option<&str>, Vec<&String>> = HashMap::new();
    for id in tree.order.iter().rev() {
        below.entry(tree.nodes.get(id).and_then(|node| node.parent.as_deref())).or_default().push(id);
    }
    let mut next = below.remove(&None).unwrap_or_default();
    let mut order = Vec::with_capacity(tree.order.len());
    while let Some(id) = next.pop() {
        order.push(id.clone());
        next.extend(below.remove(&Some(id.as_str())).unwrap_or_default());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(links: &[(&str, Option<&str>)]) -> Tree {
        let mut tree = Tree::default();
        links.iter().for_each(|(id, parent)| tree.place(id, *parent));
        tree
    }

    fn handed(creator: &str, parent: Option<&str>) -> Facts {
        let mut facts = Facts::default();
        (facts.creator, facts.parent) = (Some(creator.to_owned()), parent.map(str::to_owned));
        facts
    }

    #[test]
    fn a_process_that_was_handed_over_stands_under_its_creator() {
        let mut found = tree(&[("top", None), ("daemon", Some("top")), ("shell", Some("top"))]);
        let facts = handed("shell", Some("top"));
        settle(&mut found, HashMap::from([("daemon".to_owned(), facts)]));
        assert_eq!(found.order, ["top", "shell", "daemon"]);
        assert_eq!(found.nodes["daemon"].adopted_by.as_deref(), Some("top"));
    }

    #[test]
    fn rings_stay_trees() {
        let mut found = tree(&[("a", None), ("b", Some("a")), ("c", Some("b"))]);
        let known = HashMap::from([("a".to_owned(), handed("c", None)), ("b".to_owned(), handed("c", None))]);
        settle(&mut found, known);
        assert_eq!(found.order, ["a", "b", "c"]);
    }
}
