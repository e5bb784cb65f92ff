//! From the audit source to the judge: what records tell of watched files.
//!
//! The audit source shows every finished event ([`Witness::saw`]); where file integrity monitoring is off that is one look at a flag.
//! What concerns a policy, by a rule's key or by the path, waits for the judge's thread, which looks whether the name is that of
//! the inode.
//!
//! Bound: [`MOST`] pieces; what does not fit is counted, and everything is scanned again.

use std::collections::VecDeque;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fim::entry::FileId;
use fim::evidence::{Collector, Evidence, Mask};
use fim::policy::Policies;
use schema::{Event, Timestamp, Value, field};

use super::told::{self, File, Told};

/// Pieces that wait for the judge.
const MOST: usize = 65_536;

/// See the module; shared by both sources.
#[derive(Debug, Default)]
pub struct Witness {
    on: AtomicBool,
    /// Records come: the judge waits for them.
    speaks: AtomicBool,
    lost: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    policies: Arc<Policies>,
    waiting: VecDeque<Word>,
}

/// One thing that audit tells.
#[derive(Debug)]
pub(super) enum Word {
    /// Something happened to a file.
    File(Box<Evidence>),
    /// The kernel dropped a watch that nobody took away.
    RuleGone {
        /// When.
        at: Timestamp,
        /// Its key.
        key: String,
        /// What it watched.
        path: PathBuf,
    },
    /// Records were lost: nothing is sure.
    Lost(Timestamp),
}

impl Witness {
    /// From now on records that concern these policies are wanted.
    pub(super) fn listen(&self, policies: Arc<Policies>) {
        self.lock().policies = policies;
        self.on.store(true, Ordering::Release);
    }

    /// No longer.
    pub(super) fn stop(&self) {
        self.on.store(false, Ordering::Release);
        self.lock().waiting.clear();
    }

    /// An audit event as it leaves. True: the kernel dropped a rule that nobody took away.
    pub fn saw(&self, event: &Event) -> bool {
        if !self.on.load(Ordering::Acquire) {
            return false;
        }
        self.speaks.store(true, Ordering::Relaxed);
        let at = event.time().unwrap_or_default();
        if event.str(field::AUDITD_MESSAGE_TYPE) == Some("config_change") {
            let dropped = gone(event, at);
            let any = dropped.is_some();
            dropped.into_iter().for_each(|word| self.put(word));
            return any;
        }
        let Some(told) = told::of(event) else { return false };
        let policies = Arc::clone(&self.lock().policies);
        for file in &told.files {
            if concerns(&policies, &told, file) {
                self.put(Word::File(Box::new(evidence(&told, file, at))));
            }
        }
        false
    }

    /// Records are missing.
    pub fn lost(&self, at: Timestamp) {
        if self.on.load(Ordering::Acquire) {
            self.put(Word::Lost(at));
        }
    }

    /// Whether records have come.
    pub(super) fn speaks(&self) -> bool {
        self.speaks.load(Ordering::Relaxed)
    }

    /// What has come since the last call, and how many did not fit.
    pub(super) fn take(&self) -> (VecDeque<Word>, u64) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        (std::mem::take(&mut self.lock().waiting), lost)
    }

    fn put(&self, word: Word) {
        let mut state = self.lock();
        if state.waiting.len() < MOST {
            state.waiting.push_back(word);
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn concerns(policies: &Policies, told: &Told, file: &File) -> bool {
    let by_path = |path: &Path| !policies.of(path).is_empty();
    if [&file.path, &file.old_path].into_iter().flatten().any(|path| by_path(path)) {
        return true;
    }
    // A name that leads elsewhere, or none: the rule's key says whose it is.
    let keys = policies.all().iter().flat_map(|policy| &policy.audit_keys);
    !told.keys.is_empty() && keys.into_iter().any(|key| told.keys.iter().any(|told| **told == **key))
}

fn evidence(told: &Told, file: &File, at: Timestamp) -> Evidence {
    Evidence {
        path: file.path.clone(),
        old_path: file.old_path.clone(),
        id: file.id,
        who: told.who.clone(),
        failed: told.failed,
        ..Evidence::new(at, Collector::Audit, file.mask)
    }
}

/// `op=remove_rule` without somebody who asked for it: the kernel took the watch away.
fn gone(event: &Event, at: Timestamp) -> Option<Word> {
    let said = |key: &str| {
        event
            .keyed(field::AUDITD_DATA, key)
            .find_map(|value| if let Value::Text(text) = value { Some(text.to_owned()) } else { None })
    };
    // Where somebody asks for it, the record names no path.
    if said("op").as_deref() != Some("remove_rule") {
        return None;
    }
    let key =
        event.all(field::TAGS).find_map(|value| if let Value::Text(key) = value { Some(key.to_owned()) } else { None });
    let path = said("path").or_else(|| said("dir"))?;
    Some(Word::RuleGone { at, key: key.or_else(|| said("key")).unwrap_or_default(), path: path.into() })
}

/// The evidence under the name that its inode really has. A name that is not that of the inode any more stays where nothing is
/// there now (it was removed or renamed since); else it led elsewhere.
pub(super) fn resolved(evidence: Evidence) -> Option<Evidence> {
    let path = evidence.path.as_deref().and_then(canonical).filter(|path| !leads_elsewhere(path, &evidence));
    let old_path = evidence.old_path.as_deref().and_then(canonical);
    let path = path.or_else(|| through_descriptor(&evidence));
    if path.is_none() && old_path.is_none() {
        return None;
    }
    Some(Evidence { path, old_path, ..evidence })
}

/// Whether another object lies under the name of a file that was only used: the name was one of another root, a container's for
/// instance. Names that were made or removed are no such; device numbers differ over overlays and subvolumes, so inodes decide.
fn leads_elsewhere(path: &Path, evidence: &Evidence) -> bool {
    let names = Mask::CREATE.with(Mask::DELETE).with(Mask::RENAME);
    let Some(id) = evidence.id.filter(|_| !evidence.mask.has(names)) else { return false };
    let there = [std::fs::symlink_metadata(path), std::fs::metadata(path)];
    let mut there = there.into_iter().flatten().peekable();
    there.peek().is_some() && there.all(|there| there.ino() != id.inode)
}

/// Folders without symbolic links; the last component as it is, since that is what was named.
fn canonical(path: &Path) -> Option<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Some(path.to_owned()) };
    match std::fs::canonicalize(folder) {
        Ok(folder) => Some(folder.join(name)),
        // The folder is gone, too.
        Err(_) => Some(path.to_owned()),
    }
}

/// `(null)`: perhaps a descriptor of the process still leads there.
fn through_descriptor(evidence: &Evidence) -> Option<PathBuf> {
    let wanted = evidence.id?;
    let folder = format!("/proc/{}/fd", evidence.who.pid);
    let open = std::fs::read_dir(folder).ok()?.take(256).flatten();
    let mut found = open.filter_map(|entry| {
        let there = std::fs::metadata(entry.path()).ok()?;
        let same = FileId { dev: there.dev(), inode: there.ino() } == wanted;
        if same { std::fs::read_link(entry.path()).ok() } else { None }
    });
    found.find(|path| path.is_absolute() && !path.as_os_str().as_encoded_bytes().ends_with(b" (deleted)"))
}
