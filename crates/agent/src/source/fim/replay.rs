//! Recorded audit events as changes of files: what the records of another time or host tell, by policies of now.
//!
//! Nobody can look at the files any more, so every event says `auditng.fim.verified: false`, and an open for writing stays what it
//! is: `opened`, which may have changed nothing. Names are taken as they were passed; items without one (`(null)`) are no files here.
//!
//! A policy that lists `audit_keys` takes the records of these rules alone, any other takes all that name its files. Pure.

use std::sync::Arc;

use audit::normalize::NoNames;
use fim::Change;
use fim::change::Action;
use fim::config::{Config, Problems};
use fim::entry::FileId;
use fim::evidence::{Collector, Mask};
use fim::policy::{Classes, Nowhere, Policies, Policy};
use schema::{Event, Timestamp, field};

use super::event;
use super::told::{self, File, Told};

/// See the module.
pub struct Replay {
    policies: Policies,
}

/// The policies of a file as in `fim.d`, taken as written: nothing is asked of this host. With their digest.
///
/// # Errors
/// Everything that is wrong with it.
pub fn policies(text: &str) -> Result<(Policies, [u8; 32]), Problems> {
    let mut config = Config { use_defaults: false, exclude: Vec::new(), ..Config::default() };
    config.add_files([("", text)])?;
    let policies = Policies::read(&config, &Nowhere)?;
    let digest = policies.digest().0;
    Ok((policies, digest))
}

impl Replay {
    /// By these policies.
    #[must_use]
    pub fn new(policies: Policies) -> Self {
        Self { policies }
    }

    /// Gives the changes that one audit event tells of.
    pub fn take(&self, event: &Event, each: &mut dyn FnMut(Event)) {
        let Some(told) = told::of(event) else { return };
        let time = event.time().unwrap_or_default();
        for file in &told.files {
            let Some(change) = self.change(&told, file, time) else { continue };
            let mut made = event::of(&change, &NoNames);
            context(event, &mut made);
            each(made);
        }
    }

    fn change(&self, told: &Told, file: &File, time: Timestamp) -> Option<Change> {
        let path = file.path.clone()?;
        let action = action(file)?;
        let wanted = class(file);
        let mut policies = self.policies.of(&path);
        if let Some(old) = &file.old_path {
            let known: Vec<_> = policies.iter().map(|policy| policy.id.clone()).collect();
            policies.extend(self.policies.of(old).into_iter().filter(|policy| !known.contains(&policy.id)));
        }
        policies.retain(|policy| policy.classes.has(wanted) && binds(policy, &told.keys));
        if policies.is_empty() {
            return None;
        }
        policies.sort_by_key(|policy| std::cmp::Reverse(policy.severity));
        Some(Change {
            old_path: file.old_path.clone(),
            id: file.id.filter(|id| *id != FileId::default()),
            mask: file.mask,
            collector: Collector::Audit,
            who: told.who.clone(),
            policies,
            verified: false,
            failed: told.failed,
            ..Change::new(time, action, path)
        })
    }
}

fn binds(policy: &Arc<Policy>, keys: &[String]) -> bool {
    let listed = &policy.written.audit_keys;
    listed.is_empty() || listed.iter().any(|key| keys.contains(key))
}

fn action(file: &File) -> Option<Action> {
    let mask = file.mask;
    Some(match () {
        () if mask.has(Mask::RENAME) && file.replaced => Action::Replaced,
        () if mask.has(Mask::RENAME) => Action::Moved,
        () if mask.has(Mask::CREATE) => Action::Created,
        () if mask.has(Mask::DELETE) => Action::Deleted,
        () if mask.has(Mask::MODIFY) => Action::Updated,
        () if mask.has(Mask::ATTRIB) => Action::AttributesModified,
        () if mask.has(Mask::OPEN_EXEC) => Action::Executed,
        () if mask.has(Mask::CLOSE_WRITE.with(Mask::OPEN)) => Action::Opened,
        () => return None,
    })
}

/// What a policy must ask for to be told.
fn class(file: &File) -> Classes {
    match action(file) {
        // Opened for writing: evidence of a modification.
        Some(Action::Opened) if file.mask.has(Mask::CLOSE_WRITE) => Classes::MODIFY,
        Some(Action::Replaced) => Classes::MODIFY.with(Classes::MOVE),
        Some(action) => event::classes(action),
        None => Classes::default(),
    }
}

/// What the record knows besides.
fn context(from: &Event, to: &mut Event) {
    for copied in [
        field::PROCESS_NAME,
        field::PROCESS_WORKING_DIRECTORY,
        field::PROCESS_TITLE,
        field::USER_NAME,
        field::USER_EFFECTIVE_NAME,
        field::AUDITD_USER_AUDIT_NAME,
        field::HOST_NAME,
        field::CONTAINER_ID,
        field::AUDITNG_SYSCALL_NAME,
    ] {
        if to.get(copied).is_none()
            && let Some(text) = from.str(copied)
        {
            let text = text.to_owned();
            to.push_str(copied, &text);
            if from.all(field::AUDITNG_ESCAPED).any(|name| name == schema::Value::Text(copied.name())) {
                to.mark_escaped(copied.name());
            }
        }
    }
    if let Some(serial) = from.long(field::EVENT_SEQUENCE) {
        to.push_long(field::EVENT_SEQUENCE, serial);
    }
}
