//! The Merkle tree along the folders: BLAKE3, keyed with another key for each kind of node, so none can pass for another.
//!
//! ```text
//! leaf   = H("leaf",   name, record)              what the store holds of one name, byte for byte
//! folder = H("folder", leaf [, folder below] ...) in the order of names
//! root   = H("root",   digest of the policies, folder "")
//! ```

use std::sync::LazyLock;

use crate::entry::Digest;

/// Of the scans that are kept.
pub(super) fn history(rows: &[u8]) -> Digest {
    Digest(*blake3::keyed_hash(&HISTORY, rows).as_bytes())
}

fn tag(context: &str) -> [u8; 32] {
    blake3::derive_key(context, b"")
}

static LEAF: LazyLock<[u8; 32]> = LazyLock::new(|| tag("auditng fim 2026 baseline leaf"));
static FOLDER: LazyLock<[u8; 32]> = LazyLock::new(|| tag("auditng fim 2026 baseline folder"));
static ROOT: LazyLock<[u8; 32]> = LazyLock::new(|| tag("auditng fim 2026 baseline root"));
static HISTORY: LazyLock<[u8; 32]> = LazyLock::new(|| tag("auditng fim 2026 baseline history"));

/// Gathers the children of one folder, in the order of their names.
#[derive(Default)]
pub(super) struct Folder {
    digests: Vec<u8>,
}

impl Folder {
    /// Adds a child: name and record as stored, and the digest of what lies below it.
    pub(super) fn child(&mut self, leaf: &[u8], below: Option<Digest>) {
        self.digests.extend_from_slice(blake3::keyed_hash(&LEAF, leaf).as_bytes());
        below.iter().for_each(|digest| self.digests.extend_from_slice(&digest.0));
    }

    /// The folder's digest; `None`: it has no children.
    pub(super) fn digest(&self) -> Option<Digest> {
        (!self.digests.is_empty()).then(|| Digest(*blake3::keyed_hash(&FOLDER, &self.digests).as_bytes()))
    }
}

/// The root over a whole tree; `tree`: the digest of the folder `""`, `None` when nothing is known.
pub(super) fn root(policies: &Digest, tree: Option<Digest>) -> Digest {
    let tree = tree.map(|digest| digest.0);
    let parts = [policies.0.as_slice(), tree.as_ref().map_or(&[][..], |digest| digest.as_slice())].concat();
    Digest(*blake3::keyed_hash(&ROOT, &parts).as_bytes())
}
