//! What was last seen of each path: the memory that the judge and the scans compare with.

use std::ffi::OsStr;
use std::path::Path;

use schema::Timestamp;

use crate::entry::Entry;

/// What was last seen. One writer at a time; changes are durable at the next commit of whoever implements it.
pub trait Seen {
    /// What was last seen under this absolute path.
    fn get(&self, path: &Path) -> Option<Entry>;

    /// Notes what is there now; `None`: nothing.
    fn set(&mut self, path: &Path, entry: Option<&Entry>);

    /// All that lies below `old`, itself included, is below `new` now.
    fn moved(&mut self, old: &Path, new: &Path);

    /// Everything known below `path`, itself excluded, in the order of names: after a folder has gone, what went with it.
    fn below(&self, path: &Path, each: &mut dyn FnMut(&Path, &Entry));

    /// Other paths under which the same inode is known; only for entries with more than one name.
    fn names(&self, entry: &Entry, each: &mut dyn FnMut(&Path));

    /// Everything known directly in `folder`, in the byte order of names: what a scan compares one folder with. Where a folder is
    /// one range of the store, this is one read of it.
    fn children(&self, folder: &Path, each: &mut dyn FnMut(&OsStr, Entry)) {
        self.below(folder, &mut |path, entry| {
            if let (Some(parent), Some(name)) = (path.parent(), path.file_name())
                && parent == folder
            {
                each(name, entry.clone());
            }
        });
    }

    /// Notes many entries of one folder at once, in the byte order of names; `None`: gone.
    fn set_children<'a>(&mut self, folder: &Path, entries: &mut dyn Iterator<Item = (&'a OsStr, Option<&'a Entry>)>) {
        for (name, entry) in entries {
            self.set(&folder.join(name), entry);
        }
    }

    /// Notes that every byte of the files directly in `folder` has been read at this time (a full or rotating scan did).
    fn set_read(&mut self, _folder: &Path, _at: Timestamp) {}

    /// All known folders at or below `root` with the time at which the bytes of their files were last read (`None`: never noted), in
    /// any order: from these a rotating scan takes the oldest.
    fn folders(&self, root: &Path, each: &mut dyn FnMut(&Path, Option<Timestamp>)) {
        self.below(root, &mut |path, entry| {
            if entry.kind == crate::entry::Kind::Directory {
                each(path, None);
            }
        });
        each(root, None);
    }
}
