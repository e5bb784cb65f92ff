//! What was last seen of each path: the memory that the judge and the scans compare with.

use std::path::Path;

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
}
