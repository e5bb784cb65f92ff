//! The tables of the redb file, and folders read from and written to them.

use std::collections::BTreeMap;
use std::ops::Bound;

use redb::{
    Range, ReadOnlyTable, ReadTransaction, ReadableDatabase as _, ReadableTable, Table, TableDefinition,
    WriteTransaction,
};

use super::block;
use super::codec::Broken;
use super::folder::{Folder, Patch};
use super::place;
use crate::entry::Digest;

type Bytes = &'static [u8];

/// Name -> value of what there is one of.
pub(super) const META: TableDefinition<'_, &str, Bytes> = TableDefinition::new("meta");
/// Folder and first name of a piece -> its children, packed by [`block`]: what was last seen.
pub(super) const TREE: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("tree");
/// Folder and name -> the approved record where it is another than the one seen; empty: nothing was approved there.
pub(super) const APPROVED: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("approved");
/// Device, inode, path of what has more than one name.
pub(super) const INODE: TableDefinition<'_, Bytes, ()> = TableDefinition::new("inode");
/// Number -> generation, as JSON.
pub(super) const GENERATION: TableDefinition<'_, u64, Bytes> = TableDefinition::new("generation");
/// Number -> scan, as JSON.
pub(super) const SCAN: TableDefinition<'_, u64, Bytes> = TableDefinition::new("scan");
/// Folder -> when the bytes of its files were last read, milliseconds.
pub(super) const READ: TableDefinition<'_, Bytes, i64> = TableDefinition::new("read");
/// What other rooms keep here: name -> value.
pub(super) const NOTE: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("note");

/// Why the store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the database: {0}")]
    Redb(#[from] redb::Error),
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("a row of the database is damaged: {0}")]
    Row(String),
}

macro_rules! from_redb {
    ($($error:ty)*) => {$(
        impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::Redb(error.into())
            }
        }
    )*};
}
from_redb!(redb::StorageError redb::TableError redb::TransactionError redb::CommitError redb::DatabaseError redb::CompactionError);

/// A table of bytes, as of the last commit or within the transaction under way.
pub(super) enum View<'t, V: redb::Value + 'static = Bytes> {
    Committed(ReadOnlyTable<Bytes, V>),
    Open(Table<'t, Bytes, V>),
}

impl<V: redb::Value + 'static> View<'_, V> {
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<redb::AccessGuard<'_, V>>, redb::StorageError> {
        match self {
            Self::Committed(table) => ReadableTable::get(table, key),
            Self::Open(table) => table.get(key),
        }
    }

    pub(super) fn range(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
    ) -> Result<Range<'_, Bytes, V>, redb::StorageError> {
        match self {
            Self::Committed(table) => ReadableTable::range::<&[u8]>(table, (from, to)),
            Self::Open(table) => table.range::<&[u8]>((from, to)),
        }
    }

    pub(super) fn all(&self) -> Result<Range<'_, Bytes, V>, redb::StorageError> {
        self.range(Bound::Unbounded, Bound::Unbounded)
    }
}

/// A table of bytes in the transaction under way, else as of the last commit.
pub(super) fn view<'t, V: redb::Value + 'static>(
    open: Option<&'t WriteTransaction>,
    committed: &ReadTransaction,
    table: TableDefinition<'_, Bytes, V>,
) -> Result<View<'t, V>, Fault> {
    Ok(match open {
        Some(open) => View::Open(open.open_table(table)?),
        None => View::Committed(committed.open_table(table)?),
    })
}

/// One folder with all its children.
pub(super) fn read_folder(tree: &impl ReadableTable<Bytes, Bytes>, folder: &[u8]) -> Result<Folder, Fault> {
    let mut found = Folder::default();
    let (from, to) = place::inside(folder);
    block::between(tree, (&from, &to), &mut |_, piece| Ok(found.add(piece)?))?;
    Ok(found)
}

/// What is to be written to bring the pieces of a folder from what they are to what they should be.
pub(super) fn folder_rows(folder: &[u8], before: &[(Vec<u8>, Vec<u8>)], after: &Folder, rows: &mut block::Rows) {
    let wanted = after.pieces().into_iter().map(|(first, piece)| (place::key(folder, first), piece));
    let mut wanted: BTreeMap<Vec<u8>, Vec<u8>> = wanted.collect();
    for (key, piece) in before {
        match wanted.get(key) {
            Some(same) if same == piece => drop(wanted.remove(key)),
            Some(_) => {}
            None => drop(rows.insert(key.clone(), None)),
        }
    }
    rows.extend(wanted.into_iter().map(|(key, piece)| (key, Some(piece))));
}

/// Changes to many folders: folder -> name -> what becomes of it.
pub(super) type Patches = BTreeMap<Box<[u8]>, BTreeMap<Box<[u8]>, Patch>>;

/// A record that is another one now: its name, and what it was.
pub(super) type Changed = (Box<[u8]>, Option<Box<[u8]>>);

/// Writes a folder and says which of its records are others now.
pub(super) type Store<'a> = dyn FnMut(&[u8], &Folder, Vec<Changed>) -> Result<(), Fault> + 'a;

/// Applies changes from the deepest folder up, each folder's new digest going to the one above. Gives back the digest of the folder
/// `""` if it is another one now.
pub(super) fn propagate(
    mut patches: Patches,
    load: &mut dyn FnMut(&[u8]) -> Result<Folder, Fault>,
    store: &mut Store<'_>,
) -> Result<Option<Option<Digest>>, Fault> {
    while let Some((folder, names)) = patches.pop_last() {
        let mut children = load(&folder)?;
        let (mut touched, mut changed) = (false, Vec::new());
        for (name, patch) in names {
            let (differs, before) = children.apply(&name, patch);
            touched |= differs;
            changed.extend(before.map(|before| (name, before)));
        }
        if !touched {
            continue;
        }
        store(&folder, &children, changed)?;
        let digest = children.digest();
        let Some((above, name)) = place::split(&folder) else { return Ok(Some(digest)) };
        patches.entry(above.into()).or_default().entry(name.into()).or_default().below = Some(digest);
    }
    Ok(None)
}

/// A read transaction as of the last commit.
pub(super) fn committed(db: &redb::Database) -> Result<ReadTransaction, Fault> {
    Ok(db.begin_read()?)
}
