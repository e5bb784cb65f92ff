//! Generations of what is approved.

use std::path::PathBuf;

use redb::{ReadableTable as _, WriteTransaction};
use schema::Timestamp;
use serde::{Deserialize, Serialize};

use super::sign::Seal;
use super::store::{Fault, GENERATION};
use super::{Baseline, Error, GENERATIONS, check, memory};

/// Somebody said that this is right.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// Number, time, reason, roots and signature.
    pub seal: Seal,
    /// Number of entries seen at that time.
    pub entries: u64,
}

/// What approving did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approved {
    /// The generation.
    pub generation: Generation,
    /// How many deviations it closed.
    pub closed: u64,
}

impl Baseline {
    /// Approves what was last seen: everything, or what lies at or below these paths. One transaction with all that was noted
    /// before: after `kill -9` there is the old generation or the new one.
    ///
    /// The first generation takes everything, whatever is named.
    ///
    /// # Errors
    /// As [`Baseline::commit`].
    pub fn approve(&mut self, paths: &[PathBuf], reason: &str, now: Timestamp) -> Result<Approved, Error> {
        self.flush()?;
        let paths = if self.state.approved.is_some() { paths } else { &[] };
        let closed = self.forget_approved(paths)?;
        let first = self.state.generations == 0;
        self.finish(now, Some(reason))?;
        if first {
            self.shrink();
        }
        let generation =
            self.state.approved.clone().ok_or_else(|| Error::Store("no generation was written".to_owned()))?;
        Ok(Approved { generation, closed })
    }

    /// Gives back the room that writing everything at once took, about a third of the file. It is whole without that too.
    fn shrink(&mut self) {
        (self.committed, self.tree) = (None, None);
        if let Err(error) = self.db.compact() {
            tracing::debug!(%error, "the baseline keeps the room that it no longer needs");
        }
        self.reload();
    }

    /// All generations that are kept, the oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn generations(&self) -> Result<Vec<Generation>, Error> {
        let read = || -> Result<_, Fault> {
            let table = self.committed()?.open_table(GENERATION)?;
            table.iter()?.map(|found| check::row(found?.1.value())).collect()
        };
        read().map_err(Error::from)
    }
}

/// Adds a generation; the oldest goes where there are too many.
pub(super) fn write(open: &WriteTransaction, generation: &Generation) -> Result<(), Fault> {
    let mut table = memory::generations(open)?;
    table.insert(generation.seal.generation, check::json(generation)?.as_slice())?;
    memory::bound(&mut table, GENERATIONS)
}
