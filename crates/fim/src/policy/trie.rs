//! All patterns of all policies in one automaton over components: a trie of names, with `*` and `**` as edges beside them. A
//! path is walked once, however many patterns there are, and where no edge goes on the walk ends.

use super::bits::Bits;
use super::glob::{Part, Pattern, Token, components, like};

/// What a pattern is for. Numbers are those of policies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    Include(usize),
    Exclude(usize),
    /// Excluded from every policy.
    ExcludeAll,
}

/// The automaton; node 0 is `/`.
#[derive(Clone, Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    /// Of policies.
    count: usize,
}

#[derive(Clone, Debug)]
struct Node {
    /// By name, in order.
    names: Vec<(Box<[u8]>, usize)>,
    like: Vec<(Box<[Token]>, usize)>,
    /// Where `**` begins: entered without a component.
    tree: Option<usize>,
    /// It is where `**` begins: every component leads here again.
    stays: bool,
    include: Bits,
    exclude: Bits,
    /// Policies that include something one or more components further on.
    below: Bits,
}

/// Which policies ask for a path.
pub(super) struct Asked {
    /// Those that include it and do not exclude it.
    pub(super) here: Bits,
    /// Those that may include something below it.
    pub(super) below: Bits,
}

impl Trie {
    /// For so many policies.
    pub(super) fn new(count: usize) -> Self {
        let mut trie = Self { nodes: Vec::new(), count };
        trie.node(false);
        trie
    }

    fn node(&mut self, stays: bool) -> usize {
        let none = || Bits::none(self.count);
        let node = Node {
            names: Vec::new(),
            like: Vec::new(),
            tree: None,
            stays,
            include: none(),
            exclude: none(),
            below: none(),
        };
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Adds a pattern. [`Trie::finish`] must follow the last one.
    pub(super) fn add(&mut self, pattern: &Pattern, what: Use) {
        let at = pattern.parts.iter().fold(0, |at, part| self.edge(at, part));
        let node = &mut self.nodes[at];
        match what {
            Use::Include(policy) => node.include.set(policy),
            Use::Exclude(policy) => node.exclude.set(policy),
            Use::ExcludeAll => node.exclude = Bits::all(self.count),
        }
    }

    fn edge(&mut self, at: usize, part: &Part) -> usize {
        match part {
            Part::Literal(name) => match self.nodes[at].names.binary_search_by(|(have, _)| have.cmp(name)) {
                Ok(found) => self.nodes[at].names[found].1,
                Err(place) => {
                    let next = self.node(false);
                    self.nodes[at].names.insert(place, (name.clone(), next));
                    next
                }
            },
            Part::Like(tokens) => match self.nodes[at].like.iter().find(|(have, _)| have == tokens) {
                Some((_, next)) => *next,
                None => {
                    let next = self.node(false);
                    self.nodes[at].like.push((tokens.clone(), next));
                    next
                }
            },
            Part::Tree => match self.nodes[at].tree {
                Some(next) => next,
                None => {
                    let next = self.node(true);
                    self.nodes[at].tree = Some(next);
                    next
                }
            },
        }
    }

    /// Works out what lies below each node. Children have larger numbers than their parents.
    pub(super) fn finish(&mut self) {
        for at in (0..self.nodes.len()).rev() {
            let node = &self.nodes[at];
            let mut below = node.below.clone();
            for (_, next) in &node.names {
                below.add(&self.reached(*next));
            }
            for (_, next) in &node.like {
                below.add(&self.reached(*next));
            }
            if let Some(next) = node.tree {
                below.add(&self.nodes[next].below);
            }
            if node.stays {
                below.add(&node.include);
            }
            self.nodes[at].below = below;
        }
    }

    /// What may be included at a node or further on.
    fn reached(&self, at: usize) -> Bits {
        let node = &self.nodes[at];
        let mut all = node.below.clone();
        all.add(&node.include);
        if let Some(next) = node.tree {
            all.add(&self.nodes[next].include);
        }
        all
    }

    /// Which policies ask for this path; `None`: none does, here or below.
    pub(super) fn ask(&self, path: &[u8]) -> Option<Asked> {
        let mut states = Vec::with_capacity(16);
        let mut next = Vec::with_capacity(16);
        self.enter(0, &mut states);
        for name in components(path) {
            next.clear();
            for &at in &states {
                let node = &self.nodes[at];
                if node.stays {
                    self.enter(at, &mut next);
                }
                if let Ok(found) = node.names.binary_search_by(|(have, _)| (**have).cmp(name)) {
                    self.enter(node.names[found].1, &mut next);
                }
                for (tokens, to) in &node.like {
                    if like(tokens, name) {
                        self.enter(*to, &mut next);
                    }
                }
            }
            std::mem::swap(&mut states, &mut next);
            if states.iter().all(|&at| self.nodes[at].idle()) {
                return None;
            }
        }
        Some(self.sum(&states))
    }

    fn enter(&self, at: usize, states: &mut Vec<usize>) {
        if states.contains(&at) {
            return;
        }
        states.push(at);
        if let Some(tree) = self.nodes[at].tree {
            self.enter(tree, states);
        }
    }

    fn sum(&self, states: &[usize]) -> Asked {
        let none = || Bits::none(self.count);
        let (mut here, mut below, mut not_here, mut not_below) = (none(), none(), none(), none());
        for node in states.iter().map(|&at| &self.nodes[at]) {
            here.add(&node.include);
            below.add(&node.below);
            not_here.add(&node.exclude);
            if node.stays {
                not_below.add(&node.exclude);
            }
        }
        here.take(&not_here);
        below.take(&not_below);
        Asked { here, below }
    }
}

impl Node {
    /// Nothing is included here or further on: what excludes does not matter then.
    fn idle(&self) -> bool {
        self.include.is_empty() && self.below.is_empty()
    }
}
