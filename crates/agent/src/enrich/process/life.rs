//! One process from start to end.

use std::sync::Arc;

use super::entity::Entity;
use super::hash::FileId;
use super::leader::Entry;
use super::lives::Key;
use super::{Facts, Place, Text};
use crate::sys::proc::TICK_MS;

/// One process from start to end. All moments are ns since boot.
#[derive(Clone, Debug)]
pub struct Life {
    /// Its pid.
    pub pid: u32,
    /// The parent's pid when last told.
    pub ppid: u32,
    /// Session; 0: not known.
    pub session: u32,
    /// Process group; 0: not known for sure, since nobody tells of its changes.
    pub group: u32,
    /// Real and effective user id, if known.
    pub uids: Option<[u32; 2]>,
    /// The parent.
    pub parent: Option<Key>,
    /// The first parent, where another one has taken its place.
    pub creator: Option<Box<Creator>>,
    /// What it runs.
    pub image: Arc<Image>,
    /// Where it runs.
    pub place: Arc<Where>,
    /// What and where it was before its last exec.
    pub earlier: Option<(Arc<Image>, Arc<Where>)>,
    /// Working directory when last told.
    pub cwd: Option<Arc<Text>>,
    /// Which version of which file it runs.
    pub file: Option<Arc<FileId>>,
    /// How it ended, as wait(2) says it.
    pub status: Option<u32>,
    pub(super) start_ns: i64,
    pub(super) exec_ns: i64,
    /// When the program before that was started.
    pub(super) earlier_exec_ns: i64,
    /// When `/proc` was last asked for name and place: what it said is true for then.
    pub(super) read_ns: i64,
    pub(super) ended_ns: i64,
    /// Up to here the end, if it was only inferred, is beyond doubt later.
    pub(super) seen_ns: i64,
    pub(super) entity: Entity,
    /// The life that had this pid before.
    pub(super) previous: Option<Key>,
    /// By whom or what it came to this host.
    pub(super) entry: Option<Key>,
    pub(super) entry_type: Entry,
    pub(super) children: u32,
    pub(super) threads: u16,
    pub(super) start: Start,
    pub(super) tries: u8,
    /// Everything from its start on was told by the connector.
    pub(super) watched: bool,
    /// When it ended is an upper bound.
    pub(super) end_inferred: bool,
    /// Its place was taken from a parent of whose program and place at the fork there was no proof yet.
    pub(super) open: bool,
    /// The first thread ended, others did not.
    pub(super) headless: bool,
    /// The entity was given out and stays.
    pub(super) named: bool,
    /// It has a place in the queue of eviction.
    pub(super) queued: bool,
    /// It was there when the agent came.
    pub(super) existing: bool,
    pub(super) terminal: bool,
}

/// How the start is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Start {
    /// Not at all; the first event's serial stands in for it.
    Unknown,
    /// From `/proc`, cut to a tick.
    Tick,
    /// From the fork itself, a few µs late.
    Told,
}

/// The parent that a process had first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Creator {
    /// Its pid.
    pub pid: u32,
    /// Its life, as long as it is known.
    pub key: Option<Key>,
    pub(super) entity: Entity,
}

/// A program as it was started; children share it until their own exec.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Image {
    /// `comm`; empty: not known yet.
    pub comm: Text,
    /// Executable as the kernel names it.
    pub exe: Option<Text>,
    /// Arguments, as many as fit.
    pub args: Box<[Text]>,
    /// How many arguments there were.
    pub args_count: u32,
    /// Path of the script, if it is one.
    pub script: Option<Text>,
}

/// Where a process is, and how that is known.
#[derive(Clone, Debug)]
pub struct Where {
    /// Host, container, or unknown with the reason.
    pub place: Place,
    /// Taken from the parent at a fork that was seen, not read from the process itself.
    pub inherited: bool,
}

/// Names of programs that move their children into containers. `comm` has at most 15 bytes.
const RUNTIMES: [&str; 12] = [
    "runc",
    "crun",
    "youki",
    "conmon",
    "containerd",
    "containerd-shim",
    "dockerd",
    "podman",
    "crio",
    "systemd",
    "systemd-nspawn",
    "systemd-executo",
];

pub(super) const NEVER: i64 = i64::MAX;

impl Life {
    /// A life of which only the pid is known.
    #[must_use]
    pub(super) fn new(pid: u32, seen_ns: i64, unknown: &Arc<Where>, image: &Arc<Image>) -> Self {
        Self {
            pid,
            ppid: 0,
            session: 0,
            group: 0,
            uids: None,
            parent: None,
            creator: None,
            image: Arc::clone(image),
            place: Arc::clone(unknown),
            earlier: None,
            cwd: None,
            file: None,
            status: None,
            start_ns: i64::MIN,
            exec_ns: i64::MIN,
            earlier_exec_ns: i64::MIN,
            read_ns: i64::MIN,
            ended_ns: NEVER,
            seen_ns,
            entity: [0; 16],
            previous: None,
            entry: None,
            entry_type: Entry::Unknown,
            children: 0,
            threads: 0,
            start: Start::Unknown,
            tries: 0,
            watched: false,
            end_inferred: false,
            open: false,
            headless: false,
            named: false,
            queued: false,
            existing: false,
            terminal: false,
        }
    }

    /// `process.entity_id`.
    #[must_use]
    pub fn entity_id(&self) -> String {
        super::entity::text(&self.entity)
    }

    /// Its start, ns since boot.
    #[must_use]
    pub fn start_ns(&self) -> i64 {
        self.start_ns
    }

    /// It has not ended, as far as anybody knows.
    #[must_use]
    pub fn lives(&self) -> bool {
        self.ended_ns == NEVER
    }

    /// It was there before the agent looked.
    #[must_use]
    pub fn is_existing(&self) -> bool {
        self.existing
    }

    /// Start in ticks since boot.
    pub(super) fn ticks(&self) -> Option<u64> {
        let tick_ns = TICK_MS * super::timeline::MS;
        (self.start != Start::Unknown).then(|| u64::try_from(self.start_ns / tick_ns).unwrap_or(0))
    }

    /// Whether a start in ticks can be the one of this life. The fork is told after the start that `/proc` shows, on a busy
    /// machine by any time; nobody else who had the pid before can have it still.
    pub(super) fn started_at(&self, ticks: u64) -> Option<bool> {
        let own = self.ticks()?;
        Some(match self.start {
            Start::Told => ticks <= own,
            Start::Tick | Start::Unknown => own == ticks,
        })
    }

    /// The child of a fork as it begins: everything but the identity.
    pub(super) fn copy_for_child(&self, pid: u32, parent: Key, at_ns: i64, place: Arc<Where>) -> Self {
        Self {
            pid,
            ppid: self.pid,
            parent: Some(parent),
            creator: None,
            place,
            earlier: None,
            status: None,
            start_ns: at_ns,
            exec_ns: i64::MIN,
            earlier_exec_ns: i64::MIN,
            read_ns: i64::MIN,
            open: self.open || self.read_ns > at_ns || self.is_nameless(),
            ended_ns: NEVER,
            seen_ns: at_ns,
            previous: None,
            children: 0,
            threads: 0,
            start: Start::Told,
            tries: 0,
            watched: false,
            end_inferred: false,
            headless: false,
            named: false,
            queued: false,
            existing: false,
            ..self.clone()
        }
    }

    /// Whether the name is one that an exec of this life left unknown.
    pub(super) fn is_nameless(&self) -> bool {
        self.image.comm.as_str().is_empty()
    }

    pub(super) fn container(&self) -> Option<&super::super::container::Container> {
        self.place.place.container()
    }
}

impl Image {
    /// A container runtime, its monitor, or who else moves its children into cgroups of their own.
    #[must_use]
    pub fn is_runtime(&self) -> bool {
        let comm = self.comm.as_str();
        RUNTIMES.contains(&comm)
            || ["runc:", "crun:", "containerd-shim", "lxc-", "(sd-"].iter().any(|start| comm.starts_with(start))
    }

    pub(super) fn bytes(&self) -> usize {
        let text = |text: &Option<Text>| text.as_ref().map_or(0, Text::len);
        let args = self.args.iter().map(|arg| arg.len() + 16).sum::<usize>();
        size_of::<Self>() + 32 + self.comm.len() + text(&self.exe) + text(&self.script) + args
    }

    /// Keeps arguments up to `limit` bytes.
    pub(super) fn set_args(&mut self, args: impl ExactSizeIterator<Item = Text>, limit: usize) {
        self.args_count = u32::try_from(args.len()).unwrap_or(u32::MAX);
        let mut left = limit;
        self.args = args
            .take_while(|arg| {
                let fits = arg.as_str().len() <= left;
                left = left.saturating_sub(arg.as_str().len() + 1);
                fits
            })
            .collect();
    }

    /// Whether what an event says of its program is this one.
    pub(super) fn fits(&self, facts: &Facts) -> bool {
        let same = |now: &Option<Text>, then: &Text| now.as_ref().is_none_or(|now| now == then);
        self.exe.as_ref().is_none_or(|exe| same(&facts.exe, exe))
            && (self.comm.as_str().is_empty() || same(&facts.comm, &self.comm))
    }
}
