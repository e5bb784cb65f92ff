//! A baseline as lines of JSON, for other programs.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use serde::Serialize;

use super::Baseline;
use crate::entry::{Content, Entry, Value};
use crate::name;
use crate::seen::Seen as _;

/// One entry as a line of JSON. Names are spelled by [`name::text`].
#[derive(Serialize, Debug)]
pub struct Exported {
    /// Absolute path.
    pub path: String,
    /// `file dir symlink fifo socket character_device block_device`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Device number as `makedev` packs it.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Permission bits, octal.
    pub mode: String,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of names.
    pub nlink: u32,
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Nanoseconds since 1970.
    pub ctime_ns: i64,
    /// Nanoseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub btime_ns: Option<i64>,
    /// Of a device.
    #[serde(skip_serializing_if = "is_zero")]
    pub rdev: u64,
    /// `immutable append ...`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<&'static str>,
    /// Of a symbolic link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Name and value; a value is `hex:...`, or `blake3:DIGEST:LENGTH` where only its hash is kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub xattrs: Vec<(String, String)>,
    /// `none whole partial unstable unreadable`.
    pub content: &'static str,
    /// Of the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
    /// Of the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Of the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha1: Option<String>,
    /// Of the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Exported {
    /// The line's values.
    #[must_use]
    pub fn of(path: &Path, entry: &Entry) -> Self {
        let Entry { hashes, .. } = entry;
        Self {
            path: name::text(path.as_os_str().as_bytes()),
            kind: entry.kind.name(),
            device: entry.id.dev,
            inode: entry.id.inode,
            mode: format!("{:04o}", entry.mode),
            uid: entry.uid,
            gid: entry.gid,
            nlink: entry.nlink,
            size: entry.size,
            mtime_ns: entry.mtime_ns,
            ctime_ns: entry.ctime_ns,
            btime_ns: entry.btime_ns,
            rdev: entry.rdev,
            flags: entry.flags.names().collect(),
            target: entry.target.as_deref().map(name::text),
            xattrs: entry.xattrs.iter().map(|xattr| (name::text(&xattr.name), value(&xattr.value))).collect(),
            content: content(entry.content),
            blake3: hashes.blake3.map(|digest| digest.to_string()),
            sha256: hashes.sha256.map(|digest| digest.to_string()),
            sha1: hashes.sha1.map(|digest| super::sign::hex(&digest)),
            md5: hashes.md5.map(|digest| super::sign::hex(&digest)),
        }
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => format!("hex:{}", super::sign::hex(bytes)),
        Value::Hash { length, digest } => format!("blake3:{digest}:{length}"),
    }
}

fn content(content: Content) -> &'static str {
    match content {
        Content::None => "none",
        Content::Whole => "whole",
        Content::Partial => "partial",
        Content::Unstable => "unstable",
        Content::Unreadable => "unreadable",
    }
}

impl Baseline {
    /// Every entry that was last seen, folder by folder.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn export(&self, each: &mut dyn FnMut(Exported)) -> Result<(), super::Error> {
        let root = Path::new("/");
        if let Some(entry) = self.get(root) {
            each(Exported::of(root, &entry));
        }
        self.below(root, &mut |path, entry| each(Exported::of(path, entry)));
        self.failed()
    }
}
