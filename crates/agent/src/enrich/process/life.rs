//! One process from start to end, and the slab that holds them.

use super::entity::Entity;
use super::{Facts, Place, Text};

/// Names a life as long as the table knows it; never another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    index: u32,
    generation: u32,
}

/// One process from start to end.
#[derive(Clone, Debug)]
pub struct Life {
    /// Its pid.
    pub pid: u32,
    /// Start in ticks since boot, if `/proc` told it.
    pub start_ticks: Option<u64>,
    /// The same as a date in ms.
    pub start_ms: Option<i64>,
    /// `comm`.
    pub comm: Text,
    /// Executable as the kernel names it.
    pub exe: Option<Text>,
    /// Working directory when last told.
    pub cwd: Option<Text>,
    /// Arguments of the last exec, as many as fit.
    pub args: Vec<Text>,
    /// How many arguments there were.
    pub args_count: usize,
    /// The parent's pid when last told.
    pub ppid: u32,
    /// The parent.
    pub parent: Option<Key>,
    /// The first parent, where another one has taken its place.
    pub creator: Option<Key>,
    /// Where it runs.
    pub place: Place,
    /// The place was taken from the parent.
    pub inherited: bool,
    /// When it ended in ms.
    pub ended: Option<i64>,
    /// When it was last heard of in ms.
    pub seen: i64,
    pub(super) first_serial: i64,
    pub(super) entity: Entity,
    /// The life that had this pid before.
    pub(super) previous: Option<Key>,
}

/// Names of programs that move their children into containers. `comm` has at most 15 bytes.
const RUNTIMES: [&str; 9] =
    ["runc", "crun", "youki", "conmon", "containerd", "containerd-shim", "dockerd", "podman", "crio"];

impl Life {
    /// A life of which only the pid is known.
    #[must_use]
    pub(super) fn new(pid: u32, seen: i64, first_serial: i64) -> Self {
        Self {
            pid,
            start_ticks: None,
            start_ms: None,
            comm: Text::default(),
            exe: None,
            cwd: None,
            args: Vec::new(),
            args_count: 0,
            ppid: 0,
            parent: None,
            creator: None,
            place: Place::Unknown("pid-gone"),
            inherited: false,
            ended: None,
            seen,
            first_serial,
            entity: [b'A'; 22],
            previous: None,
        }
    }

    /// `process.entity_id`.
    #[must_use]
    pub fn entity_id(&self) -> &str {
        super::entity::text(&self.entity)
    }

    /// Takes over what an event says. Arguments are kept up to `args_bytes`.
    pub(super) fn learn(&mut self, facts: &Facts, args_bytes: usize) {
        self.seen = self.seen.max(facts.time.millis());
        let set = |to: &mut Option<Text>, from: &Option<Text>| {
            if from.is_some() && to != from {
                to.clone_from(from);
            }
        };
        set(&mut self.exe, &facts.exe);
        set(&mut self.cwd, &facts.cwd);
        if let Some(comm) = facts.comm.as_ref().filter(|comm| **comm != self.comm) {
            self.comm = comm.clone();
        }
        if facts.is_exec && !facts.failed && !facts.args.is_empty() {
            self.set_args(facts.args.iter().cloned(), args_bytes);
        }
    }

    pub(super) fn set_args(&mut self, args: impl ExactSizeIterator<Item = Text>, limit: usize) {
        self.args_count = args.len();
        let mut left = limit;
        self.args = args
            .take_while(|arg| {
                let fits = arg.as_str().len() <= left;
                left = left.saturating_sub(arg.as_str().len() + 1);
                fits
            })
            .collect();
    }

    /// The child of a fork as it begins: everything but the identity.
    pub(super) fn copy_for_child(&self, pid: u32, parent: Key, at: i64) -> Self {
        let known = !matches!(self.place, Place::Unknown(_));
        Self {
            pid,
            start_ticks: None,
            start_ms: None,
            ppid: self.pid,
            parent: Some(parent),
            creator: None,
            inherited: known,
            ended: None,
            seen: at,
            first_serial: at,
            previous: None,
            ..self.clone()
        }
    }

    /// A container runtime or its monitor.
    #[must_use]
    pub fn is_runtime(&self) -> bool {
        let comm = self.comm.as_str();
        RUNTIMES.contains(&comm) || comm.starts_with("runc:") || comm.starts_with("crun:")
    }

    /// The place was read from this process itself, not taken from its parent.
    pub(super) fn placed_by_itself(&self) -> bool {
        !self.inherited && !matches!(self.place, Place::Unknown(_))
    }

    pub(super) fn bytes(&self) -> usize {
        let optional = [&self.exe, &self.cwd].into_iter().flatten().map(Text::len).sum::<usize>();
        size_of::<Self>() + self.comm.len() + optional + self.args.iter().map(Text::len).sum::<usize>()
    }
}

/// Lives by key, with their bytes added up.
#[derive(Debug, Default)]
pub(super) struct Lives {
    slots: Vec<(u32, Option<Life>)>,
    free: Vec<u32>,
    bytes: usize,
}

impl Lives {
    pub(super) fn insert(&mut self, life: Life) -> Key {
        self.bytes += life.bytes();
        if let Some(index) = self.free.pop() {
            let (generation, slot) = &mut self.slots[index as usize];
            *slot = Some(life);
            return Key { index, generation: *generation };
        }
        self.slots.push((0, Some(life)));
        // The table's bound is far below 2^32 lives.
        Key { index: u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX), generation: 0 }
    }

    pub(super) fn get(&self, key: Key) -> Option<&Life> {
        let (generation, life) = self.slots.get(key.index as usize)?;
        life.as_ref().filter(|_| *generation == key.generation)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Life> {
        let (generation, life) = self.slots.get_mut(key.index as usize)?;
        life.as_mut().filter(|_| *generation == key.generation)
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Life> {
        let (generation, life) = self.slots.get_mut(key.index as usize)?;
        if *generation != key.generation {
            return None;
        }
        let life = life.take()?;
        *generation = generation.wrapping_add(1);
        self.free.push(key.index);
        self.bytes -= life.bytes();
        Some(life)
    }

    /// A life changed its size.
    pub(super) fn resized(&mut self, before: usize, after: usize) {
        self.bytes = (self.bytes + after).saturating_sub(before);
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
