//! The living, kept over a restart of the agent.
//!
//! `/proc` tells a new agent who lives, but not who made whom before a parent died, which arguments a program was started
//! with before it overwrote them, or which identity was given out for a start that was told by its fork. So the living are
//! written at stop, one JSON object a line behind a header with the boot's id, and taken back by the next start if that is
//! the same boot and `/proc` shows the same start. Whatever does not fit is left out: the scan finds it anew.

use std::io::{self, BufRead as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entity::Entity as EntityId;
use super::leader::Entry;
use super::life::{Creator, Image, Life, Start};
use super::place::start_ns;
use super::{Table, Text};

const VERSION: u32 = 1;
/// Bytes read at most: a table at its bound is about 20 MiB.
const MOST_BYTES: u64 = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    boot_id: String,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    pid: u32,
    ticks: u64,
    entity: EntityId,
    comm: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exe: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cwd: Option<Text>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    args: Vec<Text>,
    args_count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    script: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    creator: Option<(u32, EntityId)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uids: Option<[u32; 2]>,
    /// The entry leader's pid, if it lives too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<u32>,
    entry_type: String,
    existing: bool,
}

impl Table {
    /// Writes the living to `path`, whole or not at all.
    ///
    /// # Errors
    /// The folder is absent, full or read-only.
    pub fn save(&self, path: &Path, boot_id: &str) -> io::Result<()> {
        let next = path.with_extension("state.next");
        let mut out = io::BufWriter::new(std::fs::File::create(&next)?);
        let header = Header { version: VERSION, boot_id: boot_id.to_owned() };
        writeln!(out, "{}", serde_json::to_string(&header)?)?;
        for life in self.all().filter(|life| life.lives()) {
            if let Some(saved) = self.saved(life) {
                writeln!(out, "{}", serde_json::to_string(&saved)?)?;
            }
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?;
        std::fs::rename(&next, path)
    }

    fn saved(&self, life: &Life) -> Option<Saved> {
        let entry = life.entry.and_then(|entry| self.lives.get(entry)).filter(|entry| entry.lives());
        let image = &life.image;
        Some(Saved {
            pid: life.pid,
            ticks: life.ticks()?,
            entity: life.entity,
            comm: image.comm.clone(),
            exe: image.exe.clone(),
            cwd: life.cwd.as_deref().cloned(),
            args: image.args.to_vec(),
            args_count: image.args_count,
            script: image.script.clone(),
            creator: life.creator.as_ref().map(|creator| (creator.pid, creator.entity)),
            uids: life.uids,
            entry: entry.map(|entry| entry.pid),
            entry_type: life.entry_type.name().to_owned(),
            existing: life.existing,
        })
    }

    /// Takes the living back. Says how many were.
    pub fn load(&mut self, path: &Path, boot_id: &str) -> usize {
        let Ok(file) = std::fs::File::open(path) else { return 0 };
        let mut lines = io::BufReader::new(io::Read::take(file, MOST_BYTES)).lines().map_while(Result::ok);
        let header: Option<Header> = lines.next().and_then(|line| serde_json::from_str(&line).ok());
        if header.is_none_or(|header| header.version != VERSION || header.boot_id != boot_id) {
            return 0;
        }
        let mut entries = Vec::new();
        for saved in lines.filter_map(|line| serde_json::from_str::<Saved>(&line).ok()).take(self.limits.live) {
            let (pid, entry, entry_type) = (saved.pid, saved.entry, Entry::named(&saved.entry_type));
            if self.take_back(saved) {
                entries.push((pid, entry, entry_type));
            }
        }
        for (pid, entry, entry_type) in &entries {
            let (Some(key), entry) = (self.alive(*pid), entry.and_then(|entry| self.alive(entry))) else { continue };
            let ppid = self.lives.get(key).map_or(0, |life| life.ppid);
            let parent = self.alive(ppid);
            self.has_child(parent);
            if let Some(life) = self.lives.get_mut(key) {
                (life.parent, life.entry, life.entry_type) = (parent, entry, *entry_type);
            }
            self.settle(key);
        }
        entries.len()
    }

    fn take_back(&mut self, saved: Saved) -> bool {
        let Some(stat) = self.proc.stat(saved.pid) else { return false };
        // A start told by a fork may be a few ticks later than the one that /proc shows.
        let same = stat.start_ticks <= saved.ticks && saved.ticks - stat.start_ticks <= 5;
        if !same || self.alive(saved.pid).is_some() {
            return false;
        }
        let mut life = Life::new(saved.pid, self.timeline.now_ns(), &self.unknown, &self.nobody);
        (life.start, life.start_ns) = (Start::Tick, start_ns(&stat));
        life.image = Arc::new(Image {
            comm: saved.comm,
            exe: saved.exe,
            args: saved.args.into(),
            args_count: saved.args_count,
            script: saved.script,
        });
        life.cwd = saved.cwd.map(Arc::new);
        life.threads = u16::try_from(stat.threads.saturating_sub(1)).unwrap_or(u16::MAX);
        (life.ppid, life.uids, life.existing) = (stat.ppid, saved.uids, saved.existing);
        life.creator = saved.creator.map(|(pid, entity)| Box::new(Creator { pid, key: None, entity }));
        life.watched = self.listening;
        let key = self.begin(life, 0);
        if let Some(life) = self.lives.get_mut(key) {
            (life.entity, life.named) = (saved.entity, true);
        }
        true
    }
}
