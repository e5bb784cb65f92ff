//! Everything that can be said against a baseline: pages, signatures, the tree from its leaves up, the chain, the counter.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use redb::{ReadTransaction, ReadableTable, Table};

use super::counter::{Counter, Standing};
use super::folder::{Children, Patch};
use super::generation::Generation;
use super::sign::{Beside, Seal};
use super::store::{APPROVED, Fault, GENERATION, META, Patches, TREE};
use super::{Baseline, Error, FORMAT, place, store, tree};
use crate::entry::Digest;
use crate::name;

/// What is wrong with a baseline.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
    /// The file itself is damaged or no database.
    Unreadable(String),
    /// The host's key cannot be used.
    Key(String),
    /// It was signed with another key, or what was signed was changed afterwards.
    Signature(String),
    /// What is stored is not what was signed.
    Tree(String),
    /// Generations do not follow each other.
    Chain(String),
    /// The counter is ahead: this is an older database, put back.
    RolledBack {
        /// Sequence of the database.
        found: u64,
        /// Sequence that was counted.
        counted: u64,
    },
    /// The counter knows another history.
    Forked(String),
    /// The counter knows of a generation, and the database is gone.
    Gone {
        /// The last generation that was counted.
        generation: u64,
    },
    /// The root is not the one that was expected.
    Unexpected {
        /// The root found.
        found: Digest,
        /// The root that somebody noted elsewhere.
        expected: Digest,
    },
}

impl Problem {
    /// One word for programs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Key(_) => "key",
            Self::Signature(_) => "signature",
            Self::Tree(_) => "tree",
            Self::Chain(_) => "chain",
            Self::RolledBack { .. } => "rolled-back",
            Self::Forked(_) => "forked",
            Self::Gone { .. } => "gone",
            Self::Unexpected { .. } => "unexpected-root",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "it cannot be read: {why}"),
            Self::Key(why) => write!(f, "the key cannot be used: {why}"),
            Self::Signature(what) => write!(f, "the signature of {what} is not that of this host's key"),
            Self::Tree(what) => write!(f, "what is stored is not what was signed: {what}"),
            Self::Chain(what) => write!(f, "the generations do not follow each other: {what}"),
            Self::RolledBack { found, counted } => {
                write!(f, "it is an older one put back: it ends with seal {found}, and {counted} were counted")
            }
            Self::Forked(what) => write!(f, "the counter knows another history: {what}"),
            Self::Gone { generation } => write!(f, "it is gone, and generation {generation} was counted"),
            Self::Unexpected { found, expected } => write!(f, "its root is {found}, expected was {expected}"),
        }
    }
}

/// Many as one sentence.
pub(super) fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Nothing: signatures, tree, chain and counter agree.
    pub problems: Vec<Problem>,
    /// All generations that are kept, the oldest first.
    pub generations: Vec<Generation>,
    /// The last seal over what was seen.
    pub seal: Seal,
    /// What the counter said; `None`: there is none.
    pub counter: Option<Counter>,
    /// Number of entries.
    pub entries: u64,
    /// Open deviations.
    pub deviations: u64,
    pub(super) tree: Option<Digest>,
    pub(super) scans: Digest,
}

/// What there is one of.
pub(super) struct Meta {
    pub(super) seal: Seal,
    /// What the counter said when this was written.
    pub(super) counted: Option<Counter>,
    public_key: String,
}

/// Reads it; the format comes first, so that nothing of a newer one is misread.
pub(super) fn meta(committed: &ReadTransaction, file: &Path) -> Result<Meta, Error> {
    let refused = |why: String| Error::Refused { file: file.to_owned(), why: vec![Problem::Unreadable(why)] };
    let read = |name: &str| -> Result<Vec<u8>, Fault> {
        let meta = committed.open_table(META)?;
        let row = meta.get(name)?.ok_or_else(|| Fault::Row(format!("there is no {name}")))?;
        Ok(row.value().to_vec())
    };
    let format = read("format").map_err(|fault| refused(fault.to_string()))?;
    let found = format.as_slice().try_into().map(u64::from_be_bytes).map_err(|_| refused("no format number".into()))?;
    if found > FORMAT {
        return Err(Error::Newer { file: file.to_owned(), found });
    }
    let rest = || -> Result<Meta, Fault> {
        Ok(Meta {
            seal: row(&read("seal")?)?,
            counted: row(&read("counted")?)?,
            public_key: String::from_utf8_lossy(&read("public_key")?).into_owned(),
        })
    };
    rest().map_err(|fault| refused(fault.to_string()))
}

/// A row of JSON.
pub(super) fn row<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::Row(error.to_string()))
}

/// A row of JSON.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(value).map_err(|error| Fault::Row(error.to_string()))
}

/// Notes the seal, and what the counter says for sure before it.
pub(super) fn write_seal(
    meta: &mut Table<'_, &str, &'static [u8]>,
    seal: &Seal,
    counted: Option<Counter>,
) -> Result<(), Fault> {
    meta.insert("seal", json(seal)?.as_slice())?;
    meta.insert("counted", json(&counted)?.as_slice())?;
    Ok(())
}

/// Checks all of it.
pub(super) fn all(
    committed: &ReadTransaction,
    meta: &Meta,
    public_key: &str,
    counter: Option<Counter>,
    expected: Option<Digest>,
) -> Result<Verified, Fault> {
    let mut problems = Vec::new();
    if meta.public_key != public_key {
        problems.push(Problem::Key(format!(
            "the baseline was signed with {}, the key here is {public_key}",
            meta.public_key
        )));
    }
    if !meta.seal.is_signed_by(public_key) {
        problems.push(Problem::Signature("what was seen".to_owned()));
    }
    let view = committed.open_table(TREE)?;
    let walked = walk(&view)?;
    problems.extend(walked.wrong.map(Problem::Tree));
    if tree::root(&meta.seal.policies, walked.digest) != meta.seal.root {
        problems.push(Problem::Tree("the root of what was seen".to_owned()));
    }
    let generations = generations(committed)?;
    problems.extend(chain(&generations, public_key));
    let scans = super::history::digest(&committed.open_table(store::SCAN)?)?;
    problems.extend(beside(meta.seal.beside, &generations, scans));
    let (undo, deviations) = approved_patches(committed)?;
    if let Some(last) = generations.last() {
        let digest = digest_with(&view, undo, walked.digest)?;
        if tree::root(&last.seal.policies, digest) != last.seal.root {
            problems.push(Problem::Tree("the root of what was approved".to_owned()));
        }
        if last.seal.generation != meta.seal.generation {
            problems.push(Problem::Chain(format!(
                "what was seen belongs to generation {}, the last one is {}",
                meta.seal.generation, last.seal.generation
            )));
        }
    }
    problems.extend(standing(meta, counter));
    let roots = [Some(meta.seal.root), generations.last().map(|last| last.seal.root)];
    if let Some(expected) = expected
        && !roots.contains(&Some(expected))
    {
        let found = generations.last().map_or(meta.seal.root, |last| last.seal.root);
        problems.push(Problem::Unexpected { found, expected });
    }
    let (seal, entries) = (meta.seal.clone(), walked.entries);
    Ok(Verified { problems, generations, seal, counter, entries, deviations, tree: walked.digest, scans })
}

fn standing(meta: &Meta, counter: Option<Counter>) -> Option<Problem> {
    let last = Counter { sequence: meta.seal.sequence, generation: meta.seal.generation, root: meta.seal.root };
    let Some(counter) = counter else {
        return Some(Problem::Forked("the counter is gone".to_owned()));
    };
    let before = meta.counted.map(|counted| (counted.sequence, counted.root));
    match counter.standing(&last, before) {
        Standing::Agrees | Standing::OneAhead => None,
        Standing::Behind => Some(Problem::RolledBack { found: last.sequence, counted: counter.sequence }),
        Standing::Forked => Some(Problem::Forked(format!(
            "seal {} with root {} here, {} with root {} there",
            last.sequence, last.root, counter.sequence, counter.root
        ))),
    }
}

fn generations(committed: &ReadTransaction) -> Result<Vec<Generation>, Fault> {
    let table = committed.open_table(GENERATION)?;
    table.iter()?.map(|found| row(found?.1.value())).collect()
}

fn chain(generations: &[Generation], public_key: &str) -> Vec<Problem> {
    let unsigned = generations.iter().filter(|one| !one.seal.is_signed_by(public_key));
    let mut problems: Vec<Problem> =
        unsigned.map(|one| Problem::Signature(format!("generation {}", one.seal.generation))).collect();
    for pair in generations.windows(2) {
        let (one, next) = (&pair[0].seal, &pair[1].seal);
        if next.previous != one.root || next.generation <= one.generation || next.sequence <= one.sequence {
            problems.push(Problem::Chain(format!("{} behind {}", next.generation, one.generation)));
        }
    }
    problems
}

fn beside(signed: Beside, generations: &[Generation], scans: Digest) -> Option<Problem> {
    let approved = generations.last().map_or(Digest::default(), |last| last.seal.root);
    if signed.generations != generations.len() as u64 || signed.approved != approved {
        return Some(Problem::Chain("generations were taken away or added".to_owned()));
    }
    (signed.scans != scans).then(|| Problem::Tree("the history of scans".to_owned()))
}

struct Walked {
    digest: Option<Digest>,
    entries: u64,
    wrong: Option<String>,
}

/// The tree from its leaves up. Keys are read backwards, so that a folder comes after all below it.
fn walk(tree: &impl ReadableTable<&'static [u8], &'static [u8]>) -> Result<Walked, Fault> {
    let mut state = Walk::default();
    let mut rows: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    let mut at: Option<Vec<u8>> = None;
    for found in tree.iter()?.rev() {
        let (key, block) = found?;
        super::block::read(key.value(), block.value(), &mut |key, piece| {
            rows.push((key.to_vec(), piece.to_vec()));
            Ok(())
        })?;
        for (key, piece) in rows.drain(..).rev() {
            let (folder, _) = place::of_key(&key).ok_or_else(|| Fault::Row("a key without a folder".to_owned()))?;
            if at.as_deref().is_some_and(|at| at != folder) {
                state.folder(at.as_deref().unwrap_or_default(), &mut pieces)?;
            }
            if at.as_deref() != Some(folder) {
                at = Some(folder.to_vec());
            }
            pieces.push(piece);
        }
    }
    if let Some(at) = at {
        state.folder(&at, &mut pieces)?;
    }
    Ok(state.end())
}

#[derive(Default)]
struct Walk {
    /// Folders whose parent has not come yet.
    digests: HashMap<Vec<u8>, Digest>,
    entries: u64,
    wrong: Option<String>,
}

impl Walk {
    /// One folder, its pieces backwards.
    fn folder(&mut self, folder: &[u8], pieces: &mut Vec<Vec<u8>>) -> Result<(), Fault> {
        let mut digests = tree::Folder::default();
        let mut last: Vec<u8> = Vec::new();
        for piece in pieces.drain(..).rev() {
            for child in Children::of(&piece) {
                let child = child?;
                if child.name <= last.as_slice() {
                    self.wrong.get_or_insert_with(|| format!("names out of order in {}", name::text(folder)));
                }
                last.clear();
                last.extend_from_slice(child.name);
                self.entries += u64::from(child.record.is_some());
                if let Some(below) = child.below {
                    let path = place::join(folder, child.name);
                    if self.digests.remove(&path) != Some(below) {
                        self.wrong.get_or_insert_with(|| format!("what lies below {}", name::text(&path)));
                    }
                }
                digests.child(child.leaf, child.below);
            }
        }
        if let Some(digest) = digests.digest() {
            self.digests.insert(folder.to_vec(), digest);
        }
        Ok(())
    }

    fn end(mut self) -> Walked {
        let digest = self.digests.remove(&b""[..]);
        if let Some(folder) = self.digests.keys().next() {
            self.wrong.get_or_insert_with(|| format!("{} belongs to nothing", name::text(folder)));
        }
        Walked { digest, entries: self.entries, wrong: self.wrong }
    }
}

/// What makes the approved tree of the seen one, and how many paths that concerns.
pub(super) fn approved_patches(committed: &ReadTransaction) -> Result<(Patches, u64), Fault> {
    let mut patches = Patches::new();
    let mut count = 0;
    for found in committed.open_table(APPROVED)?.iter()? {
        let (key, record) = found?;
        let (folder, name) =
            place::of_key(key.value()).ok_or_else(|| Fault::Row("a key without a folder".to_owned()))?;
        let record = Some(record.value()).filter(|record| !record.is_empty()).map(Into::into);
        let patch = Patch { record: Some(record), below: None };
        patches.entry(folder.into()).or_default().insert(name.into(), patch);
        count += 1;
    }
    Ok((patches, count))
}

/// The digest that the tree would have with these changes.
pub(super) fn digest_with(
    tree: &impl ReadableTable<&'static [u8], &'static [u8]>,
    patches: Patches,
    now: Option<Digest>,
) -> Result<Option<Digest>, Fault> {
    let load = &mut |folder: &[u8]| store::read_folder(tree, folder);
    Ok(store::propagate(patches, load, &mut |_, _, _| Ok(()))?.unwrap_or(now))
}

impl Baseline {
    /// Checks all of it again, as of the last commit; with a root that somebody noted elsewhere, that too.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn verify(&self, expected: Option<Digest>) -> Result<Verified, Error> {
        let file = self.options.file();
        let counter = Counter::read(&self.options.counter()).map_err(Error::io(&self.options.counter()))?;
        let committed = self.committed()?;
        let meta = meta(committed, &file)?;
        Ok(all(committed, &meta, &self.key.public(), counter, expected)?)
    }
}
