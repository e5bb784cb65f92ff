//! The newest losses in a file of the state folder, for whoever looks at this machine without its server: `auditng doctor`.
//!
//! At most [`KEPT`] lines, newest last: `TIME STAGE REASON COUNT UNIT`. Rewritten when something was lost, which is rare. A
//! file that cannot be written costs nothing: the losses are events all the same.

use std::fs;
use std::path::{Path, PathBuf};

use schema::{Loss, Timestamp};

/// Lines in the file.
const KEPT: usize = 20;
const MOST_BYTES: usize = 16 << 10;

/// Where it lies.
fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("losses")
}

/// Adds losses that were noticed at `now`.
pub(crate) fn note(state_dir: &Path, losses: &[Loss], now: Timestamp) {
    let mut lines = read(state_dir);
    lines.extend(losses.iter().map(|loss| {
        let count = loss.count.map_or_else(|| "some".to_owned(), |count| count.to_string());
        format!("{now} {} {} {count} {}", loss.stage, loss.reason, loss.unit.name())
    }));
    let text = lines[lines.len().saturating_sub(KEPT)..].join("\n") + "\n";
    let (path, next) = (path(state_dir), state_dir.join("losses.next"));
    if let Err(error) = fs::write(&next, text).and_then(|()| fs::rename(&next, &path)) {
        tracing::debug!(%error, path = %path.display(), "the newest losses are not kept for doctor");
    }
}

/// The lines, newest last; none if nothing was ever lost.
#[must_use]
pub fn read(state_dir: &Path) -> Vec<String> {
    let bytes = crate::sys::proc::read(&path(state_dir), MOST_BYTES).unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use schema::loss::Unit;

    use super::*;

    #[test]
    fn the_newest_stay() {
        let folder = tempfile::tempdir().unwrap();
        let at = |ms| Timestamp::from_millis(ms);
        for count in 0..30 {
            let loss = Loss {
                stage: "kernel",
                reason: "serial-gap",
                count: Some(count),
                unit: Unit::Events,
                window_start: at(0),
                window_end: at(0),
                range: None,
            };
            note(folder.path(), &[loss], at(0));
        }
        let lines = read(folder.path());
        assert_eq!(
            (lines.len(), lines[KEPT - 1].as_str()),
            (KEPT, "1970-01-01T00:00:00.000Z kernel serial-gap 29 events")
        );
        note(Path::new("/nonexistent"), &[], at(0));
    }
}
