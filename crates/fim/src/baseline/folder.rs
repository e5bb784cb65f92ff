//! One folder of the tree as it is stored: its children in the order of their names, in pieces of some ten. Pure.
//!
//! A child is a name with its entry, with the digest of the folder below it, or with both; the digest alone stands for folders
//! on the way to a root that nobody asked for. Pieces end at names whose bytes say so, so a new name moves no other piece.

use std::collections::BTreeMap;

use super::codec::{Broken, array, put, put_bytes, take_bytes};
use super::tree;
use crate::entry::Digest;

/// A piece ends at latest behind so many bytes, whatever the names are.
const PIECE: usize = 1200;

/// One in so many names begins a piece, if the piece before has [`LEAST`] bytes.
const ONE_IN: u32 = 4;
const LEAST: usize = 400;

const RECORD: u8 = 1;
const BELOW: u8 = 2;

/// A child in the bytes of a piece.
pub(super) struct Stored<'a> {
    pub(super) name: &'a [u8],
    pub(super) record: Option<&'a [u8]>,
    pub(super) below: Option<Digest>,
    /// What the digest of a leaf is made over: name and record.
    pub(super) leaf: &'a [u8],
}

/// The children in a piece.
pub(super) struct Children<'a> {
    rest: &'a [u8],
}

impl<'a> Children<'a> {
    pub(super) fn of(piece: &'a [u8]) -> Self {
        Self { rest: piece }
    }

    fn take(&mut self) -> Result<Stored<'a>, Broken> {
        let whole = self.rest;
        let rest = &mut self.rest;
        let name = take_bytes(rest)?;
        let (head, behind) = rest.split_first().ok_or(Broken::Short)?;
        *rest = behind;
        if name.is_empty() || *head == 0 || *head > RECORD | BELOW {
            return Err(Broken::Value("child"));
        }
        let record = if head & RECORD != 0 { Some(take_bytes(rest)?) } else { None };
        let leaf = &whole[..whole.len() - rest.len()];
        let below = if head & BELOW != 0 { Some(Digest(array(rest)?)) } else { None };
        Ok(Stored { name, record, below, leaf })
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<Stored<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let child = self.take();
        if child.is_err() {
            self.rest = &[];
        }
        Some(child)
    }
}

/// What is to be done to a child: `None` leaves that part as it is.
#[derive(Clone, Default, Debug)]
pub(super) struct Patch {
    pub(super) record: Option<Option<Box<[u8]>>>,
    pub(super) below: Option<Option<Digest>>,
}

/// Record and digest of a child.
pub(super) type Parts = (Option<Box<[u8]>>, Option<Digest>);

/// A folder in memory.
#[derive(Default, Debug)]
pub(super) struct Folder(pub(super) BTreeMap<Box<[u8]>, Parts>);

impl Folder {
    /// Takes in one piece.
    pub(super) fn add(&mut self, piece: &[u8]) -> Result<(), Broken> {
        for child in Children::of(piece) {
            let Stored { name, record, below, .. } = child?;
            self.0.insert(name.into(), (record.map(Into::into), below));
        }
        Ok(())
    }

    /// Changes one child; gives back the record that it had if that is another one now.
    pub(super) fn apply(&mut self, name: &[u8], patch: Patch) -> (bool, Option<Option<Box<[u8]>>>) {
        let child = self.0.entry(name.into()).or_default();
        let mut changed = false;
        let mut before = None;
        if let Some(record) = patch.record
            && child.0 != record
        {
            changed = true;
            before = Some(std::mem::replace(&mut child.0, record));
        }
        if let Some(below) = patch.below
            && child.1 != below
        {
            changed = true;
            child.1 = below;
        }
        if child.0.is_none() && child.1.is_none() {
            self.0.remove(name);
        }
        (changed, before)
    }

    /// The pieces: the first name of each (the first piece has the empty one), its bytes.
    pub(super) fn pieces(&self) -> Vec<(&[u8], Vec<u8>)> {
        let mut all: Vec<(&[u8], Vec<u8>)> = Vec::new();
        for (name, (record, below)) in &self.0 {
            match all.last() {
                None => all.push((b"", Vec::with_capacity(PIECE))),
                Some((_, piece)) if ends(piece.len(), name) => all.push((name, Vec::with_capacity(PIECE))),
                Some(_) => {}
            }
            if let Some((_, piece)) = all.last_mut() {
                put_child(piece, name, record.as_deref(), *below);
            }
        }
        all
    }

    /// Its digest; `None`: it is empty.
    pub(super) fn digest(&self) -> Option<Digest> {
        let mut digests = tree::Folder::default();
        let mut bytes = Vec::new();
        for (name, (record, below)) in &self.0 {
            bytes.clear();
            put_leaf(&mut bytes, name, record.as_deref(), below.is_some());
            digests.child(&bytes, *below);
        }
        digests.digest()
    }
}

fn ends(length: usize, next: &[u8]) -> bool {
    // FNV-1a: stable for ever and good enough to pick one name in eight.
    let hash = next.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    length >= PIECE || length >= LEAST && (hash >> 16).is_multiple_of(ONE_IN)
}

fn put_leaf(out: &mut Vec<u8>, name: &[u8], record: Option<&[u8]>, below: bool) {
    put(out, name.len() as u64);
    out.extend_from_slice(name);
    out.push(if record.is_some() { RECORD } else { 0 } | if below { BELOW } else { 0 });
    if let Some(record) = record {
        put_bytes(out, record);
    }
}

fn put_child(out: &mut Vec<u8>, name: &[u8], record: Option<&[u8]>, below: Option<Digest>) {
    put_leaf(out, name, record, below.is_some());
    below.iter().for_each(|digest| out.extend_from_slice(&digest.0));
}
