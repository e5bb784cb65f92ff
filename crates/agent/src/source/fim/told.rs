//! What a kernel audit event tells of files. Pure.
//!
//! Each PATH item has a part in its call: `CREATE` made a name, `DELETE` removed one, both with one inode are a move, and `NORMAL`
//! was used as the call says (opened to be written, executed, its attributes changed). `PARENT` says nothing. Names are what the
//! process passed, made whole with its working directory and cleaned by their letters; a symbolic link may lead elsewhere, so whoever
//! can look compares device and inode. An item without a name (`(null)`) has its inode alone and never gets a path here.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

use fim::Who;
use fim::entry::FileId;
use fim::evidence::Mask;
use fim::who::{Confidence, Source};
use schema::event::unescape;
use schema::{Event, Field, Stream, Value, field};
use serde::Deserialize;

/// What one event tells.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Told {
    /// By whom; the record was made by the kernel while the call ran.
    pub who: Who,
    /// The call failed.
    pub failed: bool,
    /// Keys of the rules that it matched.
    pub keys: Vec<String>,
    /// About which files.
    pub files: Vec<File>,
}

/// One file of a call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct File {
    /// What happened to it.
    pub mask: Mask,
    /// Its name, absolute; of a move the new one. `None`: the record does not say.
    pub path: Option<PathBuf>,
    /// Of a move the old name.
    pub old_path: Option<PathBuf>,
    /// Device and inode.
    pub id: Option<FileId>,
    /// Another file had the new name of a move.
    pub replaced: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Item {
    name: Option<String>,
    inode: Option<String>,
    dev: Option<String>,
    mode: Option<String>,
    nametype: Option<String>,
    objtype: Option<String>,
}

/// Part, path, identity and kind of an item.
struct Part {
    role: Role,
    path: Option<PathBuf>,
    id: Option<FileId>,
    folder: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Normal,
    Create,
    Delete,
}

/// Calls that change attributes.
const ATTRIBUTES: [&str; 22] = [
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "fchown",
    "lchown",
    "fchownat",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "setxattrat",
    "removexattr",
    "lremovexattr",
    "fremovexattr",
    "removexattrat",
    "utime",
    "utimes",
    "utimensat",
    "futimesat",
    "file_setattr",
    "ioctl",
];

/// What the event tells of files; `None`: nothing.
#[must_use]
pub fn of(event: &Event) -> Option<Told> {
    if event.stream() != Stream::Audit {
        return None;
    }
    let Some(Value::Json(json)) = event.get(field::AUDITD_PATHS) else { return None };
    let items: Vec<Item> = serde_json::from_str(json).ok()?;
    let escaped = is_escaped(event, field::AUDITD_PATHS);
    let cwd = bytes(event, field::PROCESS_WORKING_DIRECTORY).map(|cwd| PathBuf::from(OsString::from_vec(cwd)));
    // Relative to a folder that the records do not name.
    let elsewhere = matches!(event.get(field::AUDITNG_FILE_PATH_PARTIAL), Some(Value::Bool(true)));
    let base = cwd.as_deref().filter(|_| !elsewhere);
    let parts: Vec<Part> = items.iter().filter_map(|item| part(item, escaped, base)).collect();
    let used = used(event);
    let files = files(&parts, used);
    if files.is_empty() {
        return None;
    }
    let failed = event.str(field::EVENT_OUTCOME) == Some("failure");
    let keys = event.all(field::TAGS).filter_map(|value| match value {
        Value::Text(key) => Some(key.to_owned()),
        _ => None,
    });
    Some(Told { who: who(event), failed, keys: keys.collect(), files })
}

fn part(item: &Item, escaped: bool, base: Option<&Path>) -> Option<Part> {
    let role = match item.nametype.as_deref().or(item.objtype.as_deref()) {
        Some("PARENT") => return None,
        Some("CREATE") => Role::Create,
        Some("DELETE") => Role::Delete,
        _ => Role::Normal,
    };
    let name = item.name.as_deref().filter(|name| !name.is_empty());
    let name = name.map(|name| if escaped { unescape(name) } else { name.as_bytes().to_vec() });
    let path = name.and_then(|name| whole(&PathBuf::from(OsString::from_vec(name)), base));
    let mode = item.mode.as_deref().and_then(|mode| u32::from_str_radix(mode, 8).ok());
    Some(Part { role, path, id: identity(item), folder: mode.is_some_and(|mode| mode & 0o170_000 == 0o040_000) })
}

/// Absolute, without `.` and `..`.
fn whole(name: &Path, base: Option<&Path>) -> Option<PathBuf> {
    let joined = if name.is_absolute() { name.to_owned() } else { base?.join(name) };
    let mut path = PathBuf::new();
    for component in joined.components() {
        match component {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir | Component::Prefix(_) => {}
            Component::RootDir | Component::Normal(_) => path.push(component),
        }
    }
    path.is_absolute().then_some(path)
}

/// `dev=fd:00`: major and minor, hex.
fn identity(item: &Item) -> Option<FileId> {
    let (major, minor) = item.dev.as_deref()?.split_once(':')?;
    let hex = |text| u32::from_str_radix(text, 16).ok();
    let dev = rustix::fs::makedev(hex(major)?, hex(minor)?);
    Some(FileId { dev, inode: item.inode.as_deref()?.parse().ok()? })
}

/// What the call does to a file that it only uses.
fn used(event: &Event) -> Mask {
    let call = event.str(field::AUDITNG_SYSCALL_NAME).unwrap_or_default();
    let writes = || {
        let arguments = event.all(field::AUDITNG_SYSCALL_ARGS);
        let mut words = arguments.filter_map(|value| if let Value::Text(text) = value { Some(text) } else { None });
        words.any(|words| words.split('|').any(|word| matches!(word, "O_WRONLY" | "O_RDWR" | "O_TRUNC")))
    };
    match call {
        "execve" | "execveat" => Mask::OPEN_EXEC,
        "creat" => Mask::CLOSE_WRITE,
        "open" | "openat" | "open_by_handle_at" if writes() => Mask::CLOSE_WRITE,
        "open" | "openat" | "openat2" | "open_by_handle_at" => Mask::OPEN,
        "truncate" | "ftruncate" | "truncate64" | "ftruncate64" | "fallocate" => Mask::MODIFY,
        "link" | "linkat" => Mask::ATTRIB,
        call if ATTRIBUTES.contains(&call) => Mask::ATTRIB,
        _ => Mask::default(),
    }
}

fn files(parts: &[Part], used: Mask) -> Vec<File> {
    let mut files = Vec::new();
    let mut moved_from = vec![false; parts.len()];
    let with_kind = |mask: Mask, folder: bool| if folder { mask.with(Mask::ONDIR) } else { mask };
    for made in parts.iter().filter(|part| part.role == Role::Create) {
        let from = parts.iter().enumerate().find(|(at, old)| {
            old.role == Role::Delete
                && old.id.is_some()
                && old.id == made.id
                && old.path != made.path
                && !moved_from[*at]
        });
        let (mask, old_path) = match from {
            Some((at, old)) => {
                moved_from[at] = true;
                (Mask::RENAME, old.path.clone())
            }
            // A file that is made is also written, where the call is one that opens it.
            None if used == Mask::CLOSE_WRITE => (Mask::CREATE.with(used), None),
            None => (Mask::CREATE, None),
        };
        // The name's old file is part of the same thing, unless it got another name in turn (an exchange).
        let gone = |old: &Part| old.role == Role::Delete && old.path == made.path && old.id != made.id;
        let lives_on = |old: &Part| parts.iter().any(|part| part.role == Role::Create && part.id == old.id);
        let under = parts.iter().position(|old| mask.has(Mask::RENAME) && gone(old) && !lives_on(old));
        under.into_iter().for_each(|at| moved_from[at] = true);
        let replaced = under.is_some();
        let mask = with_kind(mask, made.folder);
        files.push(File { mask, path: made.path.clone(), old_path, id: made.id, replaced });
    }
    for (at, part) in parts.iter().enumerate() {
        let mask = match part.role {
            Role::Create => continue,
            Role::Delete if moved_from[at] => continue,
            Role::Delete => Mask::DELETE,
            Role::Normal if used == Mask::default() => continue,
            // Of an exec the first item is the program; the others are its interpreter and loader.
            Role::Normal if used == Mask::OPEN_EXEC && at > 0 => continue,
            Role::Normal => used,
        };
        let (path, id) = (part.path.clone(), part.id);
        files.push(File { mask: with_kind(mask, part.folder), path, old_path: None, id, replaced: false });
    }
    files
}

fn who(event: &Event) -> Who {
    let long = |field| event.long(field).and_then(|number| u32::try_from(number).ok());
    let id = |field| event.str(field).and_then(|id| id.parse().ok());
    let uid = id(field::USER_ID);
    Who {
        pid: long(field::PROCESS_PID).unwrap_or(0),
        ppid: long(field::PROCESS_PARENT_PID),
        exe: bytes(event, field::PROCESS_EXECUTABLE).map(Vec::into_boxed_slice),
        uid,
        euid: id(field::USER_EFFECTIVE_ID).or(uid),
        auid: id(field::AUDITD_USER_AUDIT_ID),
        session: id(field::AUDITD_SESSION),
        source: Source::Audit,
        confidence: Confidence::Merged,
        ..Who::default()
    }
}

fn bytes(event: &Event, field: Field) -> Option<Vec<u8>> {
    let text = event.str(field)?;
    Some(if is_escaped(event, field) { unescape(text) } else { text.as_bytes().to_vec() })
}

fn is_escaped(event: &Event, field: Field) -> bool {
    event.all(field::AUDITNG_ESCAPED).any(|value| value == Value::Text(field.name()))
}

#[cfg(test)]
mod tests;
