//! What is deleted, and when: whole windows, by age and by bytes.
//!
//! Age counts from the newest arrival in a window, so an event with a time in the year 2300 keeps nothing alive. Over the
//! bound of bytes the oldest windows of all streams go first, those of `alert` last. A window leaves by renaming its
//! folder, so that it is gone at once and for good; searches that read it keep their files until they are done.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use schema::{Stream, Timestamp};

use super::Shared;
use super::window::Window;

/// How long and how much to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// For streams that `streams` does not name.
    pub default: Keep,
    /// For single streams.
    pub streams: BTreeMap<Stream, Keep>,
    /// Over all streams; `None`: as much as there is.
    pub max_bytes: Option<u64>,
}

/// How long and how much to keep of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Older windows go; `None`: never.
    pub max_age: Option<Duration>,
    /// Beyond that the oldest windows go; `None`: no bound of its own.
    pub max_bytes: Option<u64>,
}

impl Default for Retention {
    /// 30 days; alerts, anomalies and health a year.
    fn default() -> Self {
        let days = |days: u64| Keep { max_age: Some(Duration::from_secs(days * 86_400)), max_bytes: None };
        let year = [Stream::Alert, Stream::Anomaly, Stream::Health].map(|stream| (stream, days(365)));
        Self { default: days(30), streams: year.into(), max_bytes: None }
    }
}

impl Retention {
    fn of(&self, stream: Stream) -> Keep {
        self.streams.get(&stream).copied().unwrap_or(self.default)
    }
}

/// A deleted window whose files may still be read.
pub(super) struct Grave {
    folder: PathBuf,
    window: Arc<Window>,
}

pub(super) fn enforce(shared: &Shared, now: Timestamp) -> Vec<crate::Window> {
    shared.writers().tell_time(now);
    let mut windows: Vec<Arc<Window>> = shared.windows().values().cloned().collect();
    windows.sort_by_key(|window| (window.name.stream == Stream::Alert, window.summary().arrival));
    let mut doomed: Vec<Arc<Window>> = Vec::new();
    let mut kept = Vec::new();
    for window in windows {
        let keep = shared.options.retention.of(window.name.stream);
        let list = if is_old(&window, keep, now) { &mut doomed } else { &mut kept };
        list.push(window);
    }
    for stream in Stream::ALL {
        if let Some(most) = shared.options.retention.of(stream).max_bytes {
            trim(&mut kept, &mut doomed, most, |window| window.name.stream == stream);
        }
    }
    if let Some(most) = shared.options.retention.max_bytes {
        trim(&mut kept, &mut doomed, most, |_| true);
    }
    let gone = doomed.iter().filter(|window| delete(shared, window)).map(|window| window.describe()).collect();
    shared.bury();
    gone
}

fn is_old(window: &Window, keep: Keep, now: Timestamp) -> bool {
    let summary = window.summary();
    let age = now.millis().saturating_sub(summary.arrival);
    let known = summary.events > 0;
    known && keep.max_age.is_some_and(|most| i64::try_from(most.as_millis()).is_ok_and(|most| age > most))
}

/// Moves the oldest of the counted windows to `doomed` until the rest fits. The newest one always stays: it is being
/// written.
fn trim(kept: &mut Vec<Arc<Window>>, doomed: &mut Vec<Arc<Window>>, most: u64, counts: impl Fn(&Window) -> bool) {
    let mut bytes: u64 = kept.iter().filter(|window| counts(window)).map(|window| window.describe().bytes).sum();
    let mut left = kept.iter().filter(|window| counts(window)).count();
    let mut at = 0;
    while bytes > most && left > 1 && at < kept.len() {
        if counts(&kept[at]) {
            bytes -= kept[at].describe().bytes.min(bytes);
            left -= 1;
            doomed.push(kept.remove(at));
        } else {
            at += 1;
        }
    }
}

fn delete(shared: &Shared, window: &Arc<Window>) -> bool {
    let mut writers = shared.writers();
    if writers.is_busy(&window.name) {
        return false;
    }
    writers.drop_writer(&window.name);
    let mut folder = window.folder.clone().into_os_string();
    folder.push(".deleted");
    let folder = PathBuf::from(folder);
    // Before the folder goes, so that no search takes the missing folder for damage.
    window.set_gone(true);
    if let Err(error) = fs::rename(&window.folder, &folder) {
        window.set_gone(false);
        tracing::warn!(window = window.label(), %error, "could not delete a window");
        return false;
    }
    shared.windows_mut().remove(&window.name);
    window.close();
    shared.graveyard.lock().unwrap_or_else(PoisonError::into_inner).push(Grave { folder, window: window.clone() });
    true
}

impl Shared {
    /// Unlinks deleted windows that no search reads any more.
    pub(super) fn bury(&self) {
        self.graveyard.lock().unwrap_or_else(PoisonError::into_inner).retain(|grave| {
            let read = Arc::strong_count(&grave.window) > 1;
            if !read && let Err(error) = fs::remove_dir_all(&grave.folder) {
                tracing::warn!(folder = %grave.folder.display(), %error, "could not remove a deleted window");
                return true;
            }
            read
        });
    }
}
