//! The difference decides: what two sides of an entry mean.

use crate::change::{Action, Difference};
use crate::entry::{Content, Entry, Kind};
use crate::policy::{Attribute, Attributes, Classes, Policy};

/// What happened to a name, by what was there and what is there now. `None`: nothing that anybody could ask for; attributes may
/// still differ in what follows from other changes alone (see [`telling`]).
#[must_use]
pub fn verdict(before: Option<&Entry>, after: Option<&Entry>) -> Option<Action> {
    match (before, after) {
        (None, None) => None,
        (None, Some(_)) => Some(Action::Created),
        (Some(_), None) => Some(Action::Deleted),
        (Some(before), Some(after)) => between(before, after),
    }
}

fn between(before: &Entry, after: &Entry) -> Option<Action> {
    if before.kind == Kind::Symlink && after.kind == Kind::Symlink && before.target != after.target {
        return Some(Action::Updated);
    }
    if !same_object(before, after) {
        return Some(Action::Replaced);
    }
    if !same_content(before, after) {
        return Some(Action::Updated);
    }
    let differs = before.differences(after).iter().any(|one| telling(after.kind, one));
    differs.then_some(Action::AttributesModified)
}

/// Whether both are one object: the same inode that was not made anew in between. Inode numbers are given out again at once, so
/// the time of birth counts where it is known; device numbers may change at a mount, so with it they do not count.
#[must_use]
pub fn same_object(before: &Entry, after: &Entry) -> bool {
    let born = match (before.btime_ns, after.btime_ns) {
        (Some(before), Some(after)) => before == after,
        _ => before.id.dev == after.id.dev,
    };
    before.kind == after.kind && before.id.inode == after.id.inode && born
}

/// Whether the content is the same as far as it is known on both sides: by digests that both have, else by size and time.
#[must_use]
pub fn same_content(before: &Entry, after: &Entry) -> bool {
    if before.kind != Kind::File || after.kind != Kind::File {
        return before.kind == after.kind && before.target == after.target && before.rdev == after.rdev;
    }
    if before.size != after.size {
        return false;
    }
    let stable = |content| matches!(content, Content::Whole | Content::Partial);
    if before.content == after.content && stable(before.content) {
        let (old, new) = (&before.hashes, &after.hashes);
        let pairs = [
            same(old.blake3, new.blake3),
            same(old.sha256, new.sha256),
            same(old.sha1, new.sha1),
            same(old.md5, new.md5),
        ];
        if pairs.iter().any(Option::is_some) {
            return pairs.into_iter().flatten().all(|same| same);
        }
    }
    before.mtime_ns == after.mtime_ns
        || before.content == Content::None && after.content == Content::None && before.size == 0
}

fn same<T: PartialEq>(before: Option<T>, after: Option<T>) -> Option<bool> {
    Some(before? == after?)
}

/// Whether a difference says something by itself. The ctime moves with everything, and of a folder size, times and links move
/// with what is in it.
#[must_use]
pub fn telling(kind: Kind, difference: &Difference) -> bool {
    match &*difference.attribute {
        "ctime" | "btime" | "device" => false,
        "size" | "mtime" | "nlink" => kind != Kind::Directory,
        _ => true,
    }
}

/// The classes by which a policy asks for this action: any of them will do.
#[must_use]
pub fn classes(action: Action) -> Classes {
    match action {
        Action::Created | Action::InitialScan => Classes::CREATE.with(Classes::MOVE),
        Action::Updated | Action::Truncated | Action::Rewritten => Classes::MODIFY,
        Action::Replaced => Classes::MODIFY.with(Classes::CREATE).with(Classes::MOVE),
        Action::Deleted => Classes::DELETE.with(Classes::MOVE),
        Action::Moved => Classes::MOVE,
        Action::AttributesModified => Classes::ATTRIB,
        Action::Opened => Classes::ACCESS,
        Action::Executed => Classes::EXEC,
        Action::MountedOver | Action::Unmounted => Classes::CHANGES,
    }
}

/// Whether these attributes have the one that differs, and it says something by itself.
#[must_use]
pub fn counts(attributes: Attributes, kind: Kind, difference: &Difference) -> bool {
    let attribute = match &*difference.attribute {
        "type" => Attribute::Type,
        "mode" => Attribute::Mode,
        "uid" => Attribute::Uid,
        "gid" => Attribute::Gid,
        "size" => Attribute::Size,
        "mtime" => Attribute::Mtime,
        "ctime" => Attribute::Ctime,
        "btime" => Attribute::Btime,
        "device" | "inode" => Attribute::Inode,
        "nlink" => Attribute::Nlink,
        "target" => Attribute::Target,
        "flags" => Attribute::Flags,
        "acl" | "acl_default" => Attribute::Acl,
        "capabilities" => Attribute::Capabilities,
        "selinux" => Attribute::Selinux,
        name if name.starts_with("xattr:") => Attribute::Xattr,
        // Content, by whichever digest, counts always.
        _ => return true,
    };
    attributes.has(attribute) && telling(kind, difference)
}

/// Whether this policy asks for such a change between these two.
#[must_use]
pub fn asks(policy: &Policy, action: Action, before: Option<&Entry>, after: Option<&Entry>) -> bool {
    if !policy.classes.has(classes(action)) {
        return false;
    }
    match (action, before, after) {
        (Action::AttributesModified, Some(before), Some(after)) => {
            before.differences(after).iter().any(|one| counts(policy.attributes, after.kind, one))
        }
        _ => true,
    }
}
