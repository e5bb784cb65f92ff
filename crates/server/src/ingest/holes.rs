//! What to do about stretches of the log that cannot be read: ask the store whether it has the events, report the rest
//! once.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use schema::loss::{LostRange, Unit};
use schema::search::{Bound, FieldRef, MAX_WINDOW, Query, Range, Scalar, Search};
use schema::{AgentId, EventId, IngestSeq, Lane, Loss, Timestamp, field};
use store::{Context, Store};

use super::dedupe::Dedupe;
use super::wal::Hole;

const REPORTED: &str = "reported";
/// The store is asked at most this long about one hole.
const ASK: Duration = Duration::from_secs(10);

/// The holes that were not reported at an earlier start. They count as reported from now on.
pub(super) fn fresh(dir: &Path, holes: &[Hole]) -> io::Result<Vec<Hole>> {
    let path = dir.join(REPORTED);
    let before = fs::read_to_string(&path).unwrap_or_default();
    let known: HashSet<&str> = before.lines().collect();
    let fresh: Vec<Hole> = holes.iter().filter(|hole| !known.contains(line(hole).as_str())).cloned().collect();
    let now: String = holes.iter().map(|hole| line(hole) + "\n").collect();
    if now != before {
        let mut file = File::create(&path)?;
        file.write_all(now.as_bytes())?;
        file.sync_all()?;
    }
    Ok(fresh)
}

fn line(hole: &Hole) -> String {
    format!("{:016x} {}", hole.segment, hole.offset)
}

/// Marks what the store has of a hole as there; the loss of the rest, if any.
pub(super) fn settle(
    hole: &Hole,
    store: &dyn Store,
    committed: IngestSeq,
    state: &mut Dedupe,
    node: AgentId,
    now: Timestamp,
) -> Option<Loss> {
    let last = hole.last.unwrap_or(committed).min(committed);
    let mut there = 0;
    if last >= hole.first {
        for id in stored(hole.first, last, store) {
            there += 1;
            if let Ok(id) = id.parse::<EventId>() {
                state.mark(id);
            }
        }
    }
    let lost = hole.last.map(|last| (last.0 - hole.first.0 + 1).saturating_sub(there));
    tracing::warn!(segment = hole.segment, offset = hole.offset, first = hole.first.0, ?lost, "the log is damaged");
    (lost != Some(0)).then(|| loss(hole, there, node, now))
}

/// Ids of the events that the store has between two sequences.
fn stored(first: IngestSeq, last: IngestSeq, store: &dyn Store) -> Vec<String> {
    let scalar = |seq: IngestSeq| Scalar::Long(i64::try_from(seq.0).unwrap_or(i64::MAX));
    let query = Query::Range(Range {
        field: FieldRef::Known(field::AUDITNG_INGEST_SEQ),
        lower: Bound::Included(scalar(first)),
        upper: Bound::Included(scalar(last)),
    });
    let search = Search { query, size: MAX_WINDOW, track_total: 0, ..Search::default() };
    match store.search(&search, &Context::until(Instant::now() + ASK)) {
        Ok(answer) => answer.hits.into_iter().map(|hit| hit.id).collect(),
        Err(error) => {
            tracing::warn!(%error, "the store could not say what it has of a damaged stretch of the log");
            Vec::new()
        }
    }
}

/// The loss that a hole is, beyond the events of it that are elsewhere. Its range is in ingest sequences, under the
/// server's own agent id: the ids that the server gives count by them too.
pub(super) fn loss(hole: &Hole, there: u64, node: AgentId, now: Timestamp) -> Loss {
    let count = hole.last.map(|last| (last.0 - hole.first.0 + 1).saturating_sub(there));
    let unit = if count.is_some() { Unit::Events } else { Unit::Reports };
    let last = hole.last.unwrap_or(hole.first).0;
    let range = LostRange { agent: node, epoch: 0, lane: Lane::Normal, first: hole.first.0, last };
    Loss { stage: "wal", reason: "wal-corrupt", count, unit, window_start: now, window_end: now, range: Some(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_fresh_once() {
        let dir = tempfile::tempdir().unwrap();
        let hole = |offset| Hole { segment: 1, offset, first: IngestSeq(1), last: None };
        assert_eq!(fresh(dir.path(), &[hole(48)]).unwrap().len(), 1);
        assert_eq!(fresh(dir.path(), &[hole(48), hole(99)]).unwrap(), [hole(99)]);
        assert_eq!(fresh(dir.path(), &[hole(48), hole(99)]).unwrap(), []);
    }
}
