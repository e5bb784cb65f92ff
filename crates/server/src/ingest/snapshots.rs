//! The two newest snapshots of the dedupe state on disk: `dedupe` and, in case that one comes to harm, `dedupe.old`.
//!
//! The log is trimmed only as far as the older one reaches, so either can go on from what is left.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use schema::IngestSeq;

use super::dedupe::{Dedupe, snapshot};

const NEW: &str = "dedupe";
const OLD: &str = "dedupe.old";
const TEMPORARY: &str = "dedupe.tmp";

/// Writes a snapshot and gives the place in the log up to which both are good.
pub(super) fn save(dir: &Path, bytes: &[u8]) -> io::Result<IngestSeq> {
    let path = |name| dir.join(name);
    let mut file = File::create(path(TEMPORARY))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    match fs::rename(path(NEW), path(OLD)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::rename(path(TEMPORARY), path(NEW))?;
    File::open(dir)?.sync_all()?;
    Ok(read(dir, OLD).map_or(IngestSeq(0), |(_, as_of)| as_of))
}

/// The newest snapshot that can be read.
pub(super) fn load(dir: &Path) -> Option<(Dedupe, IngestSeq)> {
    read(dir, NEW).or_else(|| read(dir, OLD))
}

fn read(dir: &Path, name: &str) -> Option<(Dedupe, IngestSeq)> {
    let bytes = fs::read(dir.join(name)).ok()?;
    match snapshot::read(&bytes) {
        Ok(state) => Some(state),
        Err(error) => {
            tracing::warn!(%error, name, "a dedupe snapshot cannot be used");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(as_of: u64) -> Vec<u8> {
        snapshot::write(&Dedupe::default(), IngestSeq(as_of))
    }

    #[test]
    fn the_older_one_stands_in_for_a_damaged_one() {
        let dir = tempfile::tempdir().unwrap();
        assert!(load(dir.path()).is_none());
        assert_eq!(save(dir.path(), &bytes(5)).unwrap(), IngestSeq(0));
        assert_eq!(save(dir.path(), &bytes(9)).unwrap(), IngestSeq(5));
        assert_eq!(load(dir.path()).unwrap().1, IngestSeq(9));
        fs::write(dir.path().join(NEW), b"garbage").unwrap();
        assert_eq!(load(dir.path()).unwrap().1, IngestSeq(5));
    }
}
