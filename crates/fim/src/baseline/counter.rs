//! The counter outside of the database: it only goes up, so an older database put back is found.
//!
//! On this host it is a file beside the database or wherever the operator wants it; a server keeps the same numbers from the events
//! `fim-baseline`. Whoever can put back both database and counter is found by the server alone.

use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::sign::write_private;
use crate::entry::Digest;

/// What is kept outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counter {
    /// Sequence of the last seal.
    pub sequence: u64,
    /// The last generation.
    pub generation: u64,
    /// The root of the last seal.
    pub root: Digest,
}

/// How a database stands to the counter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// They agree.
    Agrees,
    /// The database is one seal ahead and says what the counter says of the one before: the counter was not written any more.
    OneAhead,
    /// The database is older.
    Behind,
    /// The same number with another root, or ahead without the seal in between.
    Forked,
}

impl Counter {
    /// Reads it; `None`: there is no such file.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        match fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| io::Error::other(format!("it is no counter: {error}"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it, whole or not at all.
    pub(super) fn write(self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_string(&self)?;
        write_private(path, format!("{text}\n").as_bytes())
    }

    /// How a database with this last seal stands to it; `before`: the sequence and root at its last commit but one.
    pub(super) fn standing(&self, last: &Self, before: Option<(u64, Digest)>) -> Standing {
        match last.sequence.cmp(&self.sequence) {
            std::cmp::Ordering::Less => Standing::Behind,
            std::cmp::Ordering::Equal if last.root == self.root => Standing::Agrees,
            std::cmp::Ordering::Equal => Standing::Forked,
            std::cmp::Ordering::Greater if before == Some((self.sequence, self.root)) => Standing::OneAhead,
            std::cmp::Ordering::Greater => Standing::Forked,
        }
    }
}
