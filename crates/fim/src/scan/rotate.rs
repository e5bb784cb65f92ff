//! Which folders a rotating scan reads: those whose bytes were read longest ago, a share of all of them.

use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use schema::Timestamp;

use crate::scan::queue::Task;
use crate::scan::walk::Start;
use crate::scan::{Job, Rotation};
use crate::seen::Seen;

/// So many folders are read by one rotating scan at most; at one an hour that is 2.7 million in a week.
pub const FOLDERS: usize = 16_384;

/// The folders, in the order in which they are to be taken from the end.
pub(super) fn choose(job: &Job<'_>, starts: &[Start], seen: &dyn Seen) -> Vec<Task> {
    let mut oldest = Oldest::default();
    for (number, start) in starts.iter().enumerate() {
        seen.folders(&start.path, &mut |path, read| {
            if start.deeper || path == start.path {
                oldest.add(read, number, path);
            }
        });
    }
    let overdue = Timestamp::from_millis(job.now.millis() - millis(job.rotation.within));
    let share = share(oldest.total, job.rotation);
    let sorted = oldest.heap.into_sorted_vec();
    let late = sorted.partition_point(|folder| folder.read.is_none_or(|read| read <= overdue));
    let take = share.max(late).min(sorted.len());
    sorted
        .into_iter()
        .take(take)
        .rev()
        .map(|folder| Task { mounted: false, ..Task::of(folder.start, folder.path, false) })
        .collect()
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// So many of `total` folders are due in one scan.
fn share(total: usize, rotation: Rotation) -> usize {
    let part = rotation.every.as_secs_f64() / rotation.within.as_secs_f64().max(1.0);
    let exact = (total as f64 * part.clamp(0.0, 1.0)).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the total")]
    let share = exact as usize;
    share.min(total)
}

/// Never read comes first, then by time.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Folder {
    read: Option<Timestamp>,
    path: PathBuf,
    start: usize,
}

/// The oldest of all that are shown to it.
#[derive(Default)]
struct Oldest {
    heap: BinaryHeap<Folder>,
    total: usize,
}

impl Oldest {
    fn add(&mut self, read: Option<Timestamp>, start: usize, path: &Path) {
        self.total += 1;
        if self.heap.len() >= FOLDERS {
            if self.heap.peek().is_some_and(|newest| newest.read <= read) {
                return;
            }
            self.heap.pop();
        }
        self.heap.push(Folder { read, path: path.to_owned(), start });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn all_are_read_within_the_time() {
        let rotation =
            |every, within| Rotation { every: Duration::from_secs(every), within: Duration::from_secs(within) };
        assert_eq!(share(1000, rotation(3600, 7 * 24 * 3600)), 6);
        assert!(share(1000, rotation(3600, 7 * 24 * 3600)) * 24 * 7 >= 1000);
        assert_eq!(share(1, rotation(1, 1_000_000)), 1);
        assert_eq!(share(10, rotation(100, 10)), 10);
        assert_eq!(share(0, rotation(1, 10)), 0);
    }
}
