//! When segments of an open window are joined.
//!
//! Levels by size: a segment of up to 4,096 events is of level 0, eight times as many level 1, and so on. Eight segments of
//! a level become one of the next. So an event is written about once per level, and an open window of ten million events
//! has a few dozen segments at most. tantivy's own policy would join segments of any age again and again.

use std::collections::BTreeMap;

use tantivy::index::SegmentMeta;
use tantivy::indexer::{MergeCandidate, MergePolicy};

/// So many segments of a level become one.
pub(super) const WIDTH: usize = 8;
/// Above so many segments in an open window the committer waits for the merge.
pub(super) const MOST_SEGMENTS: usize = 24;

const LEVEL_0: u32 = 4096;

/// The policy of open windows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Levels;

impl MergePolicy for Levels {
    fn compute_merge_candidates(&self, segments: &[SegmentMeta]) -> Vec<MergeCandidate> {
        let mut levels: BTreeMap<u32, Vec<&SegmentMeta>> = BTreeMap::new();
        for segment in segments {
            levels.entry(level(segment.num_docs())).or_default().push(segment);
        }
        levels
            .into_values()
            .filter(|segments| segments.len() >= WIDTH)
            .map(|segments| MergeCandidate(segments.iter().take(WIDTH).map(|segment| segment.id()).collect()))
            .collect()
    }
}

fn level(events: u32) -> u32 {
    let mut level = 0;
    let mut bound = LEVEL_0;
    while events > bound {
        bound = bound.saturating_mul(8);
        level += 1;
    }
    level
}

#[cfg(test)]
mod tests {
    use super::level;

    #[test]
    fn eight_of_a_level_make_one_of_the_next() {
        assert_eq!([1, 4096, 4097, 32_768, 32_769, u32::MAX].map(level), [0, 0, 1, 1, 2, 7]);
    }
}
