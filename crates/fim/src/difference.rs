//! What differs between two sides of an entry: each attribute by name, with values for people.
//!
//! Names: `type size mode uid gid mtime ctime btime device inode nlink rdev target flags acl acl_default capabilities selinux
//! xattr:NAME content blake3 sha256 sha1 md5`. ACLs read as `getfacl` prints them, capabilities as `getcap` does. Bytes that are
//! not printable text stay visible as `\xNN`; nothing here trusts a length that stands in an attribute's value.
//!
//! Which of them count is the policy's matter, not decided here.

mod decode;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::entry as example;

use crate::change::Difference;
use crate::entry::{Content, Entry, Flags, Value, Xattr};

pub use decode::{acl, capabilities, printable};

impl Entry {
    /// Every attribute that differs, in a fixed order, extended attributes by their names.
    #[must_use]
    pub fn differences(&self, after: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut note = |attribute: &str, before: Option<String>, after: Option<String>| {
            if before != after {
                found.push(Difference { attribute: attribute.to_owned(), before, after });
            }
        };
        note("type", text(self.kind.name()), text(after.kind.name()));
        note("size", text(self.size), text(after.size));
        note("mode", Some(mode(self.mode)), Some(mode(after.mode)));
        note("uid", text(self.uid), text(after.uid));
        note("gid", text(self.gid), text(after.gid));
        note("mtime", Some(time(self.mtime_ns)), Some(time(after.mtime_ns)));
        note("ctime", Some(time(self.ctime_ns)), Some(time(after.ctime_ns)));
        note("btime", self.btime_ns.map(time), after.btime_ns.map(time));
        note("device", Some(device(self.id.dev)), Some(device(after.id.dev)));
        note("inode", text(self.id.inode), text(after.id.inode));
        note("nlink", text(self.nlink), text(after.nlink));
        note("rdev", number_of_device(self), number_of_device(after));
        note("target", self.target.as_deref().map(printable), after.target.as_deref().map(printable));
        note("flags", Some(flags(self.flags)), Some(flags(after.flags)));
        note("content", content(self.content), content(after.content));
        note(
            "blake3",
            self.hashes.blake3.map(|hash| hash.to_string()),
            after.hashes.blake3.map(|hash| hash.to_string()),
        );
        note(
            "sha256",
            self.hashes.sha256.map(|hash| hash.to_string()),
            after.hashes.sha256.map(|hash| hash.to_string()),
        );
        note("sha1", self.hashes.sha1.as_ref().map(|hash| hex(hash)), after.hashes.sha1.as_ref().map(|hash| hex(hash)));
        note("md5", self.hashes.md5.as_ref().map(|hash| hex(hash)), after.hashes.md5.as_ref().map(|hash| hex(hash)));
        attributes(&self.xattrs, &after.xattrs, &mut found);
        found
    }
}

fn text(value: impl ToString) -> Option<String> {
    Some(value.to_string())
}

fn mode(mode: u16) -> String {
    format!("{mode:04o}")
}

fn device(dev: u64) -> String {
    format!("{}:{}", rustix::fs::major(dev), rustix::fs::minor(dev))
}

fn number_of_device(entry: &Entry) -> Option<String> {
    (entry.rdev != 0).then(|| device(entry.rdev))
}

fn content(content: Content) -> Option<String> {
    match content {
        Content::None => None,
        Content::Whole => text("whole"),
        Content::Partial => text("partial"),
        Content::Unstable => text("unstable"),
        Content::Unreadable => text("unreadable"),
    }
}

/// The words, with commas; `-` where none is set, so that "none" is a value and not an absence.
fn flags(flags: Flags) -> String {
    let words: Vec<_> = flags.names().collect();
    if words.is_empty() { "-".to_owned() } else { words.join(",") }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Nanoseconds since 1970 as `2026-11-24T08:01:30.123456789Z`.
fn time(ns: i64) -> String {
    let millis = schema::Timestamp::from_millis(ns.div_euclid(1_000_000_000) * 1000).to_string();
    let seconds = millis.strip_suffix(".000Z").unwrap_or(&millis);
    format!("{seconds}.{:09}Z", ns.rem_euclid(1_000_000_000))
}

/// Merges two lists that are in order of their names.
fn attributes(before: &[Xattr], after: &[Xattr], found: &mut Vec<Difference>) {
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    loop {
        let (was, is) = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => (old.next(), None),
            (None, Some(_)) => (None, new.next()),
            (Some(a), Some(b)) => match a.name.cmp(&b.name) {
                std::cmp::Ordering::Less => (old.next(), None),
                std::cmp::Ordering::Greater => (None, new.next()),
                std::cmp::Ordering::Equal => (old.next(), new.next()),
            },
        };
        if was == is {
            continue;
        }
        let name = was.or(is).map(|one| &*one.name).unwrap_or_default();
        let value = |one: Option<&Xattr>| one.map(|one| value_text(name, &one.value));
        found.push(Difference { attribute: attribute(name), before: value(was), after: value(is) });
    }
}

/// The name under which people look for it.
fn attribute(name: &[u8]) -> String {
    match name {
        b"system.posix_acl_access" => "acl".to_owned(),
        b"system.posix_acl_default" => "acl_default".to_owned(),
        b"security.capability" => "capabilities".to_owned(),
        b"security.selinux" => "selinux".to_owned(),
        other => format!("xattr:{}", printable(other)),
    }
}

fn value_text(name: &[u8], value: &Value) -> String {
    match value {
        Value::Hash { length, digest } => format!("blake3:{digest} ({length} bytes)"),
        Value::Bytes(bytes) => {
            let known = match name {
                b"system.posix_acl_access" | b"system.posix_acl_default" => acl(bytes),
                b"security.capability" => capabilities(bytes),
                b"security.selinux" => Some(printable(bytes.strip_suffix(b"\0").unwrap_or(bytes))),
                _ => None,
            };
            known.unwrap_or_else(|| printable(bytes))
        }
    }
}
