//! Rows packed into blocks of a page. A row of its own in the database costs half as much again: pages there are split in the
//! middle, and what is written in order leaves them half empty.
//!
//! ```text
//! block  key in the database = key of its first row
//! row    bytes shared with the key before, the rest of the key, value
//! ```

use std::collections::BTreeMap;
use std::ops::Bound;

use redb::{ReadableTable, Table};

use super::codec::{Broken, put, put_bytes, take, take_bytes};
use super::store::Fault;

/// A block and its key fill one page of the database.
const PAGE: usize = 4096 - 32;

/// A block with less takes in the one behind it.
const LITTLE: usize = PAGE / 4;

type Bytes = &'static [u8];

/// Takes the key and the value of a row.
pub(super) type Each<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), Fault> + 'a;

/// Rows to write: a value, or nothing.
pub(super) type Rows = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Hands out the rows of a block.
pub(super) fn read(key: &[u8], block: &[u8], each: &mut Each<'_>) -> Result<(), Fault> {
    let (mut rest, mut key) = (block, key.to_vec());
    while !rest.is_empty() {
        let shared = usize::try_from(take(&mut rest)?).map_err(|_| Broken::Short)?;
        if shared > key.len() {
            return Err(Broken::Value("key").into());
        }
        key.truncate(shared);
        key.extend_from_slice(take_bytes(&mut rest)?);
        each(&key, take_bytes(&mut rest)?)?;
    }
    Ok(())
}

/// Rows from the first key up to, not including, the second.
pub(super) fn between(
    table: &impl ReadableTable<Bytes, Bytes>,
    (from, to): (&[u8], &[u8]),
    each: &mut Each<'_>,
) -> Result<(), Fault> {
    let first = last_up_to(table, from)?;
    let start = first.as_deref().unwrap_or(from);
    for found in table.range::<&[u8]>((Bound::Included(start), Bound::Excluded(to)))? {
        let (key, block) = found?;
        read(key.value(), block.value(), &mut |key, value| {
            if key >= from && key < to { each(key, value) } else { Ok(()) }
        })?;
    }
    Ok(())
}

/// The value of the last row whose key is in this range, both ends included.
pub(super) fn last(table: &impl ReadableTable<Bytes, Bytes>, from: &[u8], to: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let Some(found) = table.range::<&[u8]>((Bound::Unbounded, Bound::Included(to)))?.next_back() else {
        return Ok(None);
    };
    let (key, block) = found?;
    let mut best = None;
    read(key.value(), block.value(), &mut |key, value| {
        if key >= from && key <= to {
            best = Some(value.to_vec());
        }
        Ok(())
    })?;
    Ok(best)
}

/// Key of the last block that begins at or before this key.
fn last_up_to(table: &impl ReadableTable<Bytes, Bytes>, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let found = table.range::<&[u8]>((Bound::Unbounded, Bound::Included(key)))?.next_back().transpose()?;
    Ok(found.map(|(key, _)| key.value().to_vec()))
}

fn next(table: &impl ReadableTable<Bytes, Bytes>, behind: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let found = table.range::<&[u8]>((Bound::Excluded(behind), Bound::Unbounded))?.next().transpose()?;
    Ok(found.map(|(key, _)| key.value().to_vec()))
}

/// Writes rows, each into the block where it belongs.
pub(super) fn write(table: &mut Table<'_, Bytes, Bytes>, mut rows: Rows) -> Result<(), Fault> {
    while let Some(first) = rows.keys().next().cloned() {
        let block = match last_up_to(table, &first)? {
            Some(block) => Some(block),
            None => table.first()?.map(|(key, _)| key.value().to_vec()),
        };
        let Some(block) = block else {
            let rows = std::mem::take(&mut rows);
            return put_blocks(table, rows.into_iter().filter_map(|(key, value)| Some((key, value?))).collect());
        };
        let behind = next(table, &block)?;
        let later = behind.as_ref().map_or_else(Rows::new, |behind| rows.split_off(behind));
        let here = std::mem::replace(&mut rows, later);
        let mut all = take_block(table, &block)?;
        for (key, value) in here {
            match value {
                Some(value) => drop(all.insert(key, value)),
                None => drop(all.remove(&key)),
            }
        }
        if let Some(behind) = behind
            && size(&all) < LITTLE
            && rows.keys().next().is_none_or(|next| *next >= behind)
        {
            let taken_in = take_block(table, &behind)?;
            all.extend(taken_in);
        }
        put_blocks(table, all)?;
    }
    Ok(())
}

type Whole = BTreeMap<Vec<u8>, Vec<u8>>;

fn take_block(table: &mut Table<'_, Bytes, Bytes>, key: &[u8]) -> Result<Whole, Fault> {
    let mut all = Whole::new();
    if let Some(block) = table.remove(key)? {
        read(key, block.value(), &mut |key, value| {
            all.insert(key.to_vec(), value.to_vec());
            Ok(())
        })?;
    }
    Ok(all)
}

fn size(rows: &Whole) -> usize {
    rows.iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// Full blocks, but for the last two, which share what is left.
fn put_blocks(table: &mut Table<'_, Bytes, Bytes>, rows: Whole) -> Result<(), Fault> {
    let mut left = size(&rows);
    let mut block: Option<(Vec<u8>, Vec<u8>, Vec<u8>)> = None;
    let mut most = PAGE;
    for (key, value) in rows {
        let row = key.len() + value.len();
        if let Some((first, _, bytes)) = &block
            && first.len() + bytes.len() + row + 8 > most
        {
            table.insert(first.as_slice(), bytes.as_slice())?;
            block = None;
        }
        let (first, last, bytes) = block.get_or_insert_with(|| {
            most = if left > PAGE && left < 2 * PAGE { left / 2 + row / 2 } else { PAGE };
            (key.clone(), key.clone(), Vec::with_capacity(PAGE))
        });
        let shared = last.iter().zip(&key).take_while(|(one, other)| one == other).count();
        put(bytes, shared as u64);
        put_bytes(bytes, &key[shared..]);
        put_bytes(bytes, &value);
        debug_assert!(!first.is_empty());
        *last = key;
        left = left.saturating_sub(row);
    }
    if let Some((first, _, bytes)) = block {
        table.insert(first.as_slice(), bytes.as_slice())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redb::{Database, ReadableDatabase as _, TableDefinition, backends::InMemoryBackend};

    use super::*;

    const TABLE: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("t");

    fn key() -> impl Strategy<Value = Vec<u8>> {
        "[ab]{1,3}(\\PC{0,3}|a{300})".prop_map(String::into_bytes)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn blocks_hold_what_a_map_holds(batches in proptest::collection::vec(
            proptest::collection::btree_map(key(), proptest::option::of(0..3000_usize), 1..40), 1..12)
        ) {
            let db = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
            let mut model: Whole = Whole::new();
            for (round, batch) in batches.into_iter().enumerate() {
                let fill = u8::try_from(round).unwrap();
                let rows: Rows = batch.into_iter().map(|(key, size)| (key, size.map(|size| vec![fill; size]))).collect();
                for (key, value) in &rows {
                    match value {
                        Some(value) => drop(model.insert(key.clone(), value.clone())),
                        None => drop(model.remove(key)),
                    }
                }
                let open = db.begin_write().unwrap();
                write(&mut open.open_table(TABLE).unwrap(), rows).unwrap();
                open.commit().unwrap();
            }
            let table = db.begin_read().unwrap().open_table(TABLE).unwrap();
            let mut found = Vec::new();
            between(&table, (b"", b"\xff\xff"), &mut |key, value| {
                found.push((key.to_vec(), value.to_vec()));
                Ok(())
            }).unwrap();
            prop_assert_eq!(&found, &model.clone().into_iter().collect::<Vec<_>>());
            for (at, (key, value)) in found.iter().enumerate() {
                let found_last = last(&table, key, key).unwrap();
                prop_assert_eq!(found_last.as_ref(), Some(value));
                let from = &found[at / 2].0;
                let mut some = 0;
                between(&table, (from, key), &mut |_, _| { some += 1; Ok(()) }).unwrap();
                prop_assert_eq!(some, at - at / 2);
            }
        }
    }
}
