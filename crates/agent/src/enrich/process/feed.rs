//! From the process connector into the table.
//!
//! A thread of its own, `proc-events`, takes each message at once, since a process that lives for a millisecond has to be
//! looked at while it lives. Whoever is about to use the table for newer events ([`Feed::drain`]) first takes what lies in the
//! socket itself: the kernel put it there before the audit record of any later moment was made. Both do it under one lock, so
//! messages keep their order.
//!
//! Losses: `ENOBUFS` and gaps in the numbers of a CPU are counted, stage `process`, and repaired by a look at `/proc`, at most
//! once a second. What lived and died within the gap is not known.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use schema::loss::Unit;
use tracing::error;

use super::Table;
use crate::clock::Clock;
use crate::health::Counters;
use crate::sys::connector::{Connector, Message, decode};
use crate::sys::netlink::{Arena, Received};
use crate::sys::proc::{boot_ns, monotonic_ns};
use crate::sys::wake::Wake;

/// Niceness of `proc-events`: a busy machine would let it wait longer than a short container lives. It does little.
const PRIORITY: i32 = -10;
/// A wait without news.
const IDLE: Duration = Duration::from_secs(1);
/// Batches taken by one call, as many as fit the socket; under a storm the caller then gets on with its own work.
const ROUNDS: usize = 1024;
/// CPUs whose numbers are followed; further ones are not checked for gaps.
const MOST_CPUS: usize = 4096;
/// Between two looks at all of `/proc`.
const CATCH_UP_NS: i64 = 1_000_000_000;

/// See the [module](self).
#[derive(Debug)]
pub struct Feed {
    shared: Arc<Shared>,
    wake: Arc<Wake>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    connector: Connector,
    pump: Mutex<Pump>,
    table: Arc<Mutex<Table>>,
    counters: Arc<Counters>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Pump {
    arena: Arena,
    numbers: Numbers,
    /// Messages were lost since the last look at `/proc`.
    gap: bool,
    caught_up_ns: i64,
    /// What the clock of the messages is behind the time since boot.
    suspended_ns: i64,
    /// The socket failed for good.
    broken: bool,
}

/// The next number expected of each CPU.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    next: HashMap<u32, u32>,
}

impl Numbers {
    /// How many messages of this CPU are missing before this one.
    pub(super) fn missing(&mut self, message: &Message) -> u32 {
        if self.next.len() >= MOST_CPUS && !self.next.contains_key(&message.cpu) {
            return 0;
        }
        let expected = self.next.insert(message.cpu, message.seq.wrapping_add(1));
        let missing = expected.map_or(0, |expected| message.seq.wrapping_sub(expected));
        // Backwards is a counter that began anew, not four thousand million lost ones.
        if missing > u32::MAX / 2 { 0 } else { missing }
    }
}

impl Feed {
    /// Starts to listen, then learns who lives already.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        connector: Connector,
        table: Arc<Mutex<Table>>,
        counters: Arc<Counters>,
        clock: Clock,
    ) -> std::io::Result<Self> {
        {
            let mut table = lock(&table);
            table.listen();
            table.scan();
        }
        let shared = Arc::new(Shared { connector, pump: Mutex::default(), table, counters, clock });
        let wake = Arc::new(Wake::new()?);
        let (theirs, stop) = (Arc::clone(&shared), Arc::clone(&wake));
        let thread = std::thread::Builder::new().name("proc-events".to_owned()).spawn(move || theirs.run(&stop))?;
        Ok(Self { shared, wake, thread: Some(thread) })
    }

    /// Takes what has come until now into the table.
    pub fn drain(&self) {
        self.shared.drain();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // The wait that begins next ends at once.
            lock(&self.shared.pump).broken = true;
            self.wake.wake();
            thread.join().ok();
        }
    }
}

impl Shared {
    fn run(&self, wake: &Wake) {
        // Of this thread alone. Without CAP_SYS_NICE it waits its turn like any other, and more places are unknown on a busy host.
        rustix::process::setpriority_process(None, PRIORITY).ok();
        while !lock(&self.pump).broken {
            match wake.wait(&[&self.connector], IDLE) {
                Ok(ready) if ready.woken => return,
                Ok(_) => self.drain(),
                Err(error) => return error!(%error, "process events cannot be waited for"),
            }
        }
    }

    fn drain(&self) {
        let mut pump = lock(&self.pump);
        for _ in 0..ROUNDS {
            match self.connector.receive(&mut pump.arena) {
                Ok(Received::Nothing) => break,
                Ok(Received::Congested) => {
                    pump.gap = true;
                    lock(&self.table).lost();
                    self.counters.lost("enobufs", Unit::Reports, 1, self.clock.wall());
                }
                Ok(Received::Frames(_)) => self.take(&mut pump),
                Err(error) => {
                    if !std::mem::replace(&mut pump.broken, true) {
                        error!(%error, "process events cannot be read");
                        lock(&self.table).stop_listening();
                    }
                    return;
                }
            }
        }
        let now_ns = boot_ns();
        if pump.gap && now_ns - pump.caught_up_ns >= CATCH_UP_NS {
            (pump.gap, pump.caught_up_ns) = (false, now_ns);
            lock(&self.table).catch_up(now_ns);
        }
    }

    fn take(&self, pump: &mut Pump) {
        // The kernel's clock of these messages stands still while the machine is suspended. A pause between the two looks only
        // makes the difference smaller, and in truth it never shrinks, so the largest is right.
        pump.suspended_ns = pump.suspended_ns.max(boot_ns() - monotonic_ns());
        let Pump { arena, numbers, gap, suspended_ns, .. } = pump;
        let (mut missing, mut taken) = (0, 0);
        let mut table = lock(&self.table);
        for message in arena.frames().filter_map(|frame| decode(frame.bytes)) {
            taken += 1;
            let before = u64::from(numbers.missing(&message));
            if before > 0 {
                table.lost();
            }
            missing += before;
            let at_ns = i64::try_from(message.at_ns).unwrap_or(i64::MAX).saturating_add(*suspended_ns);
            table.happen(message.what, at_ns);
        }
        drop(table);
        self.counters.taken(taken);
        self.counters.passed(taken);
        if missing > 0 {
            *gap = true;
            self.counters.lost("process-gap", Unit::Reports, missing, self.clock.wall());
        }
    }
}

/// A thread that panicked leaves a table that is whole: each change ends before the next message.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::connector::Happening;

    #[test]
    fn a_gap_in_the_numbers_of_a_cpu_is_so_many_lost() {
        let mut numbers = Numbers::default();
        let mut next = |cpu, seq| numbers.missing(&Message { at_ns: 0, cpu, seq, what: Happening::Other });
        assert_eq!([next(0, 7), next(1, 90), next(0, 8), next(1, 93), next(0, 9)], [0, 0, 0, 2, 0]);
        assert_eq!([next(2, u32::MAX), next(2, 0), next(2, 2)], [0, 0, 1]);
        // A counter that began anew.
        assert_eq!([next(0, 0), next(0, 1)], [0, 0]);
    }
}
