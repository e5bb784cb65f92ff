//! What this process has used so far: CPU time and memory, for `--stats`.

use std::time::Duration;

/// User and system time of all threads so far.
pub(crate) fn cpu_time() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(spent.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(spent.tv_nsec).unwrap_or(0))
}

/// Largest resident memory so far in bytes, 0 where the kernel does not say.
pub(crate) fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// How many in a second, rounded down; 0 where no time was spent.
pub(crate) fn per_second(count: u64, seconds: f64) -> u64 {
    let nanos = Duration::try_from_secs_f64(seconds).map_or(0, |spent| spent.as_nanos());
    let rate = (u128::from(count) * 1_000_000_000).checked_div(nanos).unwrap_or(0);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_running_process_uses_something() {
        assert!(super::peak_rss_bytes() > 100_000);
        assert!(super::cpu_time().as_nanos() > 0);
        assert_eq!((super::per_second(10, 0.5), super::per_second(10, 0.0)), (20, 0));
    }
}
