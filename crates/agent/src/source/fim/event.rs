//! A judged change as an event: ECS where it has a word, `auditng.fim.*` for the rest.
//!
//! Pure. Process, container and host are added by [`crate::enrich::Context::apply_as`] from what the change says of its process.
//!
//! `event.kind` is `alert` where somebody is to be told: a change of a file whose policy says `high` or `critical`, and every
//! access that an allow-list denies. What a package manager, a log's rotation or a declared change window explains is
//! `informational` and no alert; what failed or was only read changed nothing and is none either.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use audit::normalize::Names;
use fim::change::{Access, Action, Cause, Diff, Permission};
use fim::entry::{Content, Entry};
use fim::evidence::Mask;
use fim::policy::{Classes, Severity};
use fim::{Change, Who};
use rustix::fs::{major, minor};
use schema::{Event, Field, Stream, Timestamp, Value, field};

/// The change as an event, complete but for its id and what others know of its process. `names` are the host's users and groups.
#[must_use]
pub fn of(change: &Change, names: &dyn Names) -> Event {
    let mut event = Event::new(change.time);
    let severity = severity(change);
    event.push_str(field::EVENT_DATASET, Stream::Fim.dataset());
    event.push_str(field::EVENT_KIND, if is_alert(change, severity) { "alert" } else { "event" });
    event.push_str(field::EVENT_CATEGORY, "file");
    event.push_str(field::EVENT_TYPE, kind(change.action));
    event.push_str(field::EVENT_ACTION, change.action.name());
    let failed = change.failed || change.permission.is_some_and(|permission| permission.refused);
    event.push_str(field::EVENT_OUTCOME, if failed { "failure" } else { "success" });
    event.push_long(field::EVENT_SEVERITY, severity.number());
    event.push_str(field::AUDITNG_FIM_SEVERITY, severity.name());
    policies(change, &mut event);
    paths(change, &mut event);
    if let Some(entry) = change.after.as_ref().or(change.before.as_ref()) {
        file(entry, names, &mut event);
    } else if let Some(id) = change.id {
        event.push_str(field::FILE_INODE, &id.inode.to_string());
        event.push_str(field::FILE_DEVICE, &device(id.dev));
    }
    evidence(change, &mut event);
    differences(change, &mut event);
    who(&change.who, names, &mut event);
    if let Some(permission) = change.permission {
        access(permission, &mut event);
    }
    explanation(change, &mut event);
    event
}

/// The policies' highest, or none where the change is explained.
fn severity(change: &Change) -> Severity {
    let explained = change.provenance.is_some() || change.change_window.is_some();
    let highest = change.policies.iter().map(|policy| policy.severity).max().unwrap_or_default();
    if explained { Severity::Informational } else { highest }
}

fn is_alert(change: &Change, severity: Severity) -> bool {
    let denied = change.permission.is_some_and(|permission| permission.access == Access::Denied);
    let changed = !matches!(change.action, Action::Opened | Action::Executed | Action::InitialScan | Action::Unmounted);
    denied || changed && !change.failed && change.verified && severity >= Severity::High
}

/// `event.type`
fn kind(action: Action) -> &'static str {
    match action {
        Action::Created => "creation",
        Action::Deleted => "deletion",
        Action::Opened | Action::Executed => "access",
        Action::InitialScan => "info",
        Action::Updated
        | Action::Replaced
        | Action::Moved
        | Action::AttributesModified
        | Action::Truncated
        | Action::Rewritten
        | Action::MountedOver
        | Action::Unmounted => "change",
    }
}

/// The class of what a policy asks for that this action is.
#[must_use]
pub fn classes(action: Action) -> Classes {
    match action {
        Action::Created | Action::InitialScan => Classes::CREATE,
        Action::Deleted => Classes::DELETE,
        Action::Moved => Classes::MOVE,
        Action::AttributesModified => Classes::ATTRIB,
        Action::Opened => Classes::ACCESS,
        Action::Executed => Classes::EXEC,
        Action::Updated
        | Action::Replaced
        | Action::Truncated
        | Action::Rewritten
        | Action::MountedOver
        | Action::Unmounted => Classes::MODIFY,
    }
}

fn policies(change: &Change, event: &mut Event) {
    for policy in &change.policies {
        event.push_str(field::AUDITNG_FIM_POLICY, &policy.id);
    }
    let mut tags: Vec<&str> = change.policies.iter().flat_map(|policy| &policy.tags).map(|tag| &**tag).collect();
    tags.sort_unstable();
    tags.dedup();
    tags.into_iter().for_each(|tag| event.push_str(field::TAGS, tag));
}

/// The path as whoever uses the file sees it: a container's own where it is one of a container.
fn paths(change: &Change, event: &mut Event) {
    let shown = match &change.inside {
        Some(inside) => {
            push_path(event, field::AUDITNG_FIM_HOST_PATH, &change.path);
            &inside.path
        }
        None => &change.path,
    };
    push_path(event, field::FILE_PATH, shown);
    if let Some(folder) = shown.parent() {
        push_path(event, field::FILE_DIRECTORY, folder);
    }
    if let Some(name) = shown.file_name() {
        event.push_bytes(field::FILE_NAME, name.as_bytes());
    }
    if let Some(extension) = shown.extension().map(OsStr::as_bytes).filter(|extension| !extension.is_empty()) {
        event.push_bytes(field::FILE_EXTENSION, extension);
    }
    if let Some(old) = &change.old_path {
        push_path(event, field::AUDITNG_FIM_OLD_PATH, old);
    }
    change.names.iter().for_each(|name| push_path(event, field::AUDITNG_FIM_NAMES, name));
}

fn push_path(event: &mut Event, field: Field, path: &Path) {
    event.push_bytes(field, path.as_os_str().as_bytes());
}

fn file(entry: &Entry, names: &dyn Names, event: &mut Event) {
    event.push_str(field::FILE_TYPE, entry.kind.name());
    event.push_str(field::FILE_INODE, &entry.id.inode.to_string());
    event.push_str(field::FILE_DEVICE, &device(entry.id.dev));
    event.push_str(field::FILE_MODE, &format!("{:04o}", entry.mode));
    event.push_str(field::FILE_UID, &entry.uid.to_string());
    event.push_str(field::FILE_GID, &entry.gid.to_string());
    names.user(entry.uid).into_iter().for_each(|name| event.push_str(field::FILE_OWNER, name));
    names.group(entry.gid).into_iter().for_each(|name| event.push_str(field::FILE_GROUP, name));
    event.push_long(field::FILE_SIZE, i64::try_from(entry.size).unwrap_or(i64::MAX));
    event.push_date(field::FILE_MTIME, date(entry.mtime_ns));
    event.push_date(field::FILE_CTIME, date(entry.ctime_ns));
    entry.btime_ns.into_iter().for_each(|made| event.push_date(field::FILE_CREATED, date(made)));
    if let Some(target) = &entry.target {
        event.push_bytes(field::FILE_TARGET_PATH, target);
    }
    let hashes = &entry.hashes;
    hashes.blake3.into_iter().for_each(|hash| event.push_str(field::FILE_HASH_BLAKE3, &hash.to_string()));
    hashes.sha256.into_iter().for_each(|hash| event.push_str(field::FILE_HASH_SHA256, &hash.to_string()));
    hashes.sha1.iter().for_each(|hash| event.push_str(field::FILE_HASH_SHA1, &hex(hash)));
    hashes.md5.iter().for_each(|hash| event.push_str(field::FILE_HASH_MD5, &hex(hash)));
    match entry.content {
        Content::Partial => event.push_bool(field::AUDITNG_FIM_PARTIAL_HASH, true),
        Content::Unstable => event.push_bool(field::AUDITNG_FIM_HASH_UNSTABLE, true),
        Content::None | Content::Whole | Content::Unreadable => {}
    }
}

fn device(dev: u64) -> String {
    format!("{}:{}", major(dev), minor(dev))
}

fn date(ns: i64) -> Timestamp {
    Timestamp::from_millis(ns.div_euclid(1_000_000))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn evidence(change: &Change, event: &mut Event) {
    // Opened to be written is evidence of a modification, where nobody could look.
    let written = change.action == Action::Opened && change.mask.has(Mask::CLOSE_WRITE);
    let all = if written { Classes::MODIFY } else { classes(change.action) };
    let words = Classes::NAMES.iter().filter(|(class, _)| all.has(*class));
    words.for_each(|(_, word)| event.push_str(field::AUDITNG_FIM_CLASSES, word));
    change.mask.names().for_each(|word| event.push_str(field::AUDITNG_FIM_MASK, word));
    event.push_str(field::AUDITNG_FIM_SOURCE, change.collector.name());
    match change.cause {
        Cause::Event => event.push_str(field::AUDITNG_FIM_CAUSE, "event"),
        Cause::Scan(scan) => event.push_str(field::AUDITNG_FIM_CAUSE, scan.name()),
    }
    if let Some((from, to)) = change.window {
        event.push_date(field::AUDITNG_FIM_WINDOW_START, from);
        event.push_date(field::AUDITNG_FIM_WINDOW_END, to);
    }
    if change.transient {
        event.push_bool(field::AUDITNG_FIM_TRANSIENT, true);
    }
    event.push_bool(field::AUDITNG_FIM_VERIFIED, change.verified);
    event.push_long(field::AUDITNG_FIM_COUNT, i64::try_from(change.count).unwrap_or(i64::MAX));
    if let Some(summary) = change.summary {
        event.push_str(field::AUDITNG_FIM_SUMMARY, &summary.to_string());
    }
    if let Some(offset) = change.offset {
        event.push_long(field::AUDITNG_FIM_APPEND_OFFSET, i64::try_from(offset).unwrap_or(i64::MAX));
    }
}

/// Each attribute that differs, by name, with what it was and what it is.
fn differences(change: &Change, event: &mut Event) {
    let (Some(before), Some(after)) = (&change.before, &change.after) else { return };
    for difference in before.differences(after) {
        event.push_str(field::AUDITNG_FIM_CHANGED, &difference.attribute);
        for (field, value) in
            [(field::AUDITNG_FIM_BEFORE, &difference.before), (field::AUDITNG_FIM_AFTER, &difference.after)]
        {
            if let Some(value) = value {
                event.push_keyed(field, &difference.attribute, Value::Text(value));
            }
        }
    }
    match &change.diff {
        Some(Diff::Text { unified, truncated }) => {
            event.push_str(field::AUDITNG_FIM_DIFF, unified);
            if *truncated {
                event.push_bool(field::AUDITNG_FIM_DIFF_TRUNCATED, true);
            }
        }
        Some(Diff::Missing(why)) => event.push_str(field::AUDITNG_FIM_DIFF_REASON, why),
        None => {}
    }
}

fn who(who: &Who, names: &dyn Names, event: &mut Event) {
    event.push_str(field::AUDITNG_FIM_WHO_SOURCE, who.source.name());
    event.push_str(field::AUDITNG_FIM_WHO_CONFIDENCE, who.confidence.name());
    who.reason.into_iter().for_each(|reason| event.push_str(field::AUDITNG_FIM_WHO_REASON, reason.name()));
    who.candidates.iter().for_each(|pid| event.push_long(field::AUDITNG_FIM_WHO_CANDIDATES, i64::from(*pid)));
    if who.pid != 0 {
        event.push_long(field::PROCESS_PID, i64::from(who.pid));
    }
    who.ppid.into_iter().for_each(|ppid| event.push_long(field::PROCESS_PARENT_PID, i64::from(ppid)));
    if let Some(exe) = &who.exe {
        event.push_bytes(field::PROCESS_EXECUTABLE, exe);
    }
    let mut user = |id: Option<u32>, fields: (Field, Field)| {
        let Some(id) = id else { return };
        event.push_str(fields.0, &id.to_string());
        if let Some(name) = names.user(id) {
            event.push_str(fields.1, name);
            if !event.all(field::RELATED_USER).any(|value| value == Value::Text(name)) {
                event.push_str(field::RELATED_USER, name);
            }
        }
    };
    user(who.uid, (field::USER_ID, field::USER_NAME));
    user(who.euid.filter(|euid| Some(*euid) != who.uid), (field::USER_EFFECTIVE_ID, field::USER_EFFECTIVE_NAME));
    // 4294967295: nobody ever logged in.
    user(who.auid.filter(|auid| *auid != u32::MAX), (field::AUDITD_USER_AUDIT_ID, field::AUDITD_USER_AUDIT_NAME));
    if let Some(session) = who.session.filter(|session| *session != u32::MAX) {
        event.push_str(field::AUDITD_SESSION, &session.to_string());
    }
}

fn access(permission: Permission, event: &mut Event) {
    event.push_str(field::AUDITNG_FIM_ACCESS, permission.access.name());
    event.push_bool(field::AUDITNG_FIM_ENFORCED, permission.refused);
    event.push_bool(field::AUDITNG_FIM_IN_TIME, permission.in_time);
}

fn explanation(change: &Change, event: &mut Event) {
    if let Some(provenance) = &change.provenance {
        event.push_str(field::AUDITNG_FIM_PROVENANCE_BY, provenance.by);
        let all = provenance.packages.iter();
        all.for_each(|package| event.push_str(field::AUDITNG_FIM_PROVENANCE_PACKAGES, package));
        let all = provenance.versions.iter();
        all.for_each(|version| event.push_str(field::AUDITNG_FIM_PROVENANCE_VERSIONS, version));
    }
    if let Some(reason) = &change.change_window {
        event.push_str(field::AUDITNG_FIM_CHANGE_WINDOW, reason);
    }
}

#[cfg(test)]
mod tests;
