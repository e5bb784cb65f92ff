//! How fast a scan goes: bytes a second, pressure on the disks, and the order to stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::scan::Pace;

/// Unused allowance is kept this long.
const SAVED: Duration = Duration::from_millis(250);
/// Shorter waits are not worth their wake-up.
const SHORTEST: Duration = Duration::from_millis(5);
/// The pressure is asked for this often,
const ASKED: Duration = Duration::from_secs(1);
/// and waited for at most so often in a row.
const PATIENCE: u32 = 60;

/// Held by whoever started a scan: shows how far it is, and stops it. One for each scan.
#[derive(Debug, Default)]
pub struct Handle {
    stop: AtomicBool,
    bell: (Mutex<()>, Condvar),
    pub(super) entries: AtomicU64,
    pub(super) bytes: AtomicU64,
}

impl Handle {
    /// Not stopped, nothing done.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the scan before its next read; it then gives its summary.
    pub fn stop(&self) {
        let _held = lock(&self.bell.0);
        self.stop.store(true, Relaxed);
        self.bell.1.notify_all();
    }

    /// Whether it was told to stop.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Objects looked at so far.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries.load(Relaxed)
    }

    /// Bytes of content read so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    fn wait(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut held = lock(&self.bell.0);
        while !self.stopped() {
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                break;
            }
            held = self.bell.1.wait_timeout(held, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shared by the threads of one scan.
#[derive(Debug)]
pub(super) struct Throttle<'a> {
    pace: Pace,
    handle: &'a Handle,
    /// When what was read so far is paid for.
    paid: Mutex<Instant>,
    asked: Mutex<Instant>,
    paused_ms: AtomicU64,
}

impl<'a> Throttle<'a> {
    pub(super) fn new(pace: Pace, handle: &'a Handle) -> Self {
        let now = Instant::now();
        Self { pace, handle, paid: Mutex::new(now), asked: Mutex::new(now), paused_ms: AtomicU64::new(0) }
    }

    /// After so many bytes were read: waits as long as it takes. False: stop.
    pub(super) fn spend(&self, bytes: u64) -> bool {
        self.handle.bytes.fetch_add(bytes, Relaxed);
        if self.pace.rate > 0 {
            let wait = self.owed(bytes);
            if wait >= SHORTEST {
                self.handle.wait(wait);
            }
        }
        if self.pace.pressure > 0 {
            self.yield_to_others();
        }
        !self.handle.stopped()
    }

    /// Time spent waiting for others' reads.
    pub(super) fn paused(&self) -> Duration {
        Duration::from_millis(self.paused_ms.load(Relaxed))
    }

    fn owed(&self, bytes: u64) -> Duration {
        let now = Instant::now();
        let cost = Duration::from_secs_f64(bytes as f64 / self.pace.rate as f64);
        let mut paid = lock(&self.paid);
        let since = now.checked_sub(SAVED).unwrap_or(now);
        *paid = (*paid).max(since) + cost;
        paid.saturating_duration_since(now)
    }

    fn yield_to_others(&self) {
        let mut asked = lock(&self.asked);
        if asked.elapsed() < ASKED {
            return;
        }
        let start = Instant::now();
        for _ in 0..PATIENCE {
            if self.handle.stopped() || pressure().is_none_or(|percent| percent <= f64::from(self.pace.pressure)) {
                break;
            }
            self.handle.wait(ASKED);
        }
        let waited = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.paused_ms.fetch_add(waited, Relaxed);
        *asked = Instant::now();
    }
}

/// Percent of the last ten seconds in which some task waited for a disk; `None`: this kernel does not tell.
fn pressure() -> Option<f64> {
    parse_pressure(&std::fs::read_to_string("/proc/pressure/io").ok()?)
}

fn parse_pressure(text: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with("some "))?;
    line.split(' ').find_map(|word| word.strip_prefix("avg10="))?.parse().ok()
}

/// Makes this thread give way. Where that is not allowed it goes on as it is.
pub(super) fn gentle() {
    // The I/O priority of a thread that has none of its own follows from this: 19 is the lowest of best effort.
    _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_is_read_as_the_kernel_writes_it() {
        let text =
            "some avg10=20.50 avg60=0.63 avg300=3.26 total=692095452\nfull avg10=0.03 avg60=0.52 avg300=2.70 total=1\n";
        assert_eq!(parse_pressure(text), Some(20.5));
        for bad in ["", "some", "some avg10=", "some avg10=x", "full avg10=1.0"] {
            assert_eq!(parse_pressure(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_read_is_paid_for() {
        let handle = Handle::new();
        let throttle = Throttle::new(Pace { rate: 1000, ..Pace::default() }, &handle);
        assert!(throttle.owed(100) <= Duration::from_millis(100));
        let owed = throttle.owed(10_000);
        assert!(owed > Duration::from_secs(9) && owed <= Duration::from_millis(10_100), "{owed:?}");
    }

    #[test]
    fn a_waiting_scan_stops_at_once() {
        let handle = Handle::new();
        let throttle = Throttle::new(Pace { rate: 1, ..Pace::default() }, &handle);
        let start = Instant::now();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| throttle.spend(1_000_000));
            handle.stop();
            assert!(!waiting.join().unwrap());
        });
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}
