//! What is right and wrong with this machine for a server, and what to do about it.
//!
//! Looks, never changes: the one file it writes (to time fsync) it removes again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::{Config, clock, ui};

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What was looked at, one word.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// What was seen.
    pub what: String,
    /// What to do, empty where nothing is to be done.
    pub advice: String,
}

/// How a thing stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// As it should be.
    Ok,
    /// Works, but not as well as it could.
    Warn,
    /// Something will not work.
    Bad,
}

impl State {
    /// The word for tables and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

impl Finding {
    fn new(name: &str, state: State, what: String, advice: &str) -> Self {
        Self { name: name.to_owned(), state, what, advice: advice.to_owned() }
    }
}

/// Looks at everything the server depends on.
#[must_use]
pub fn doctor(config: &Config) -> Vec<Finding> {
    let dir = existing_parent(&config.data_dir);
    vec![disk(dir), fsync(dir), wall_clock(), max_map_count(), listener(config), page()]
}

fn existing_parent(path: &Path) -> &Path {
    path.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(Path::new("/"))
}

fn disk(dir: &Path) -> Finding {
    const ENOUGH: u64 = 10 << 30;
    let Some((free, total)) = space(dir) else {
        return Finding::new("disk", State::Bad, format!("{} cannot be looked at", dir.display()), "check data_dir");
    };
    let what = format!("{}: {} GiB of {} GiB free", dir.display(), free >> 30, total >> 30);
    if free * 20 < total {
        return Finding::new(
            "disk",
            State::Bad,
            what,
            "free space or move data_dir: the oldest events will be deleted",
        );
    }
    if free < ENOUGH {
        return Finding::new("disk", State::Warn, what, "10 GiB free are a sensible minimum");
    }
    Finding::new("disk", State::Ok, what, "")
}

/// Free and total bytes of the file system.
pub(crate) fn space(dir: &Path) -> Option<(u64, u64)> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    Some((stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_blocks.saturating_mul(stat.f_frsize)))
}

const TRIES: usize = 20;

fn fsync(dir: &Path) -> Finding {
    match fsync_times(dir) {
        Err(error) => {
            let what = format!("cannot write in {}: {error}", dir.display());
            Finding::new("fsync", State::Bad, what, "make data_dir writable for this user")
        }
        Ok(times) => {
            let worst = times.iter().max().copied().unwrap_or_default();
            let what = format!("p99 of {TRIES} tries: {:.1} ms", worst.as_secs_f64() * 1e3);
            if worst > Duration::from_millis(100) {
                let advice = "events wait for the disk before they are acknowledged; use a faster one";
                return Finding::new("fsync", State::Warn, what, advice);
            }
            Finding::new("fsync", State::Ok, what, "")
        }
    }
}

fn fsync_times(dir: &Path) -> io::Result<Vec<Duration>> {
    let path = dir.join(format!(".auditng-doctor-{}", std::process::id()));
    let times = File::create_new(&path).and_then(|mut file| {
        (0..TRIES)
            .map(|_| {
                file.write_all(&[0; 65_536])?;
                let start = Instant::now();
                file.sync_data()?;
                Ok(start.elapsed())
            })
            .collect()
    });
    let removed = fs::remove_file(&path);
    times.and_then(|times| removed.map(|()| times))
}

fn wall_clock() -> Finding {
    const EARLIEST_MS: i64 = 1_764_547_200_000;
    let now = clock::now();
    let what = format!("it is {now}");
    if now.millis() < EARLIEST_MS {
        return Finding::new("clock", State::Bad, what, "the clock is before this program was written: set it");
    }
    Finding::new("clock", State::Ok, what, "")
}

fn max_map_count() -> Finding {
    const ENOUGH: u64 = 65_530;
    let path = "/proc/sys/vm/max_map_count";
    let count = fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    match count {
        None => Finding::new("max-map-count", State::Warn, format!("{path} cannot be read"), ""),
        Some(count) if count < ENOUGH => {
            let what = format!("vm.max_map_count is {count}");
            Finding::new("max-map-count", State::Warn, what, "sysctl -w vm.max_map_count=262144 (windows are mapped)")
        }
        Some(count) => Finding::new("max-map-count", State::Ok, format!("vm.max_map_count is {count}"), ""),
    }
}

fn listener(config: &Config) -> Finding {
    let listen = config.listen;
    if listen.ip().is_loopback() {
        return Finding::new("listen", State::Ok, format!("{listen}: reachable from this host only"), "");
    }
    let state = if config.insecure_http { State::Warn } else { State::Bad };
    Finding::new("listen", state, format!("{listen}: beyond loopback without TLS"), "put a proxy with TLS in front")
}

fn page() -> Finding {
    if ui::is_built() {
        return Finding::new("page", State::Ok, "the page is built in".to_owned(), "");
    }
    Finding::new(
        "page",
        State::Warn,
        "this binary has no page".to_owned(),
        "cd ui && npm ci && npm run build, then build again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usable_folder_is_fine_and_left_clean() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { data_dir: dir.path().join("not/there/yet"), ..Config::default() };
        let findings = doctor(&config);
        let state = |name: &str| findings.iter().find(|finding| finding.name == name).unwrap().state;
        assert_ne!(state("fsync"), State::Bad);
        assert_eq!(state("listen"), State::Ok);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn listening_in_the_open_is_bad() {
        let config = Config { listen: "0.0.0.0:1".parse().unwrap(), ..Config::default() };
        assert_eq!(listener(&config).state, State::Bad);
    }
}
