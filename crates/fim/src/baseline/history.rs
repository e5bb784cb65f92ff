//! What scans found, kept for evidence: that the host was compared, when, with what, and how it ended.

use redb::ReadableTable as _;
use serde::{Deserialize, Serialize};

use super::store::{Fault, SCAN};
use super::{Baseline, Error, SCANS, check, memory};
use crate::entry::Digest;

/// One scan.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Scan {
    /// `baseline meta full rotating targeted while-down`.
    pub kind: String,
    /// What started it, in words.
    pub cause: String,
    /// Milliseconds since 1970.
    pub start_ms: i64,
    /// Milliseconds since 1970.
    pub end_ms: i64,
    /// The generation that it compared with; 0: none.
    pub generation: u64,
    /// Root of what was seen when it ended.
    pub root: Option<Digest>,
    /// Where it went, as text.
    pub roots: Vec<String>,
    /// Objects looked at.
    pub entries: u64,
    /// Bytes read and hashed.
    pub hashed_bytes: u64,
    /// Objects left out, by the reason.
    pub skipped: std::collections::BTreeMap<String, u64>,
    /// Objects that could not be read.
    pub unreadable: u64,
    /// Differences found.
    pub differences: u64,
}

/// Digest of all that are kept: rows behind their lengths, in the order of their numbers.
pub(super) fn digest(scans: &impl redb::ReadableTable<u64, &'static [u8]>) -> Result<Digest, Fault> {
    let mut all = Vec::new();
    for row in scans.iter()? {
        let (number, row) = row?;
        all.extend_from_slice(&number.value().to_be_bytes());
        super::codec::put_bytes(&mut all, row.value());
    }
    Ok(if all.is_empty() { Digest::default() } else { super::tree::history(&all) })
}

impl Baseline {
    /// Keeps the result of a scan, durable with the next commit. The oldest goes where there are more than [`SCANS`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add_scan(&mut self, scan: &Scan) -> Result<(), Error> {
        let bytes = check::json(scan)?;
        let open = self.transaction()?;
        let write = || -> Result<Digest, Fault> {
            let mut table = open.open_table(SCAN)?;
            let next = table.last()?.map_or(1, |(number, _)| number.value().saturating_add(1));
            table.insert(next, bytes.as_slice())?;
            memory::bound(&mut table, SCANS)?;
            digest(&table)
        };
        self.state.scans = write()?;
        Ok(())
    }

    /// The scans that are kept, the oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn scans(&self) -> Result<Vec<Scan>, Error> {
        let read = || -> Result<_, Fault> {
            let table = self.committed()?.open_table(SCAN)?;
            table.iter()?.map(|found| check::row(found?.1.value())).collect()
        };
        read().map_err(Error::from)
    }
}
