//! Waiting for the signals that end a program.
//!
//! They are blocked before any thread starts, so that every thread inherits the block and only [`Signals::wait`] takes them.

#![expect(unsafe_code, reason = "no safe crate of ours offers signal masks")]

use std::io;
use std::mem::MaybeUninit;

/// SIGTERM and SIGINT, blocked.
#[derive(Clone, Copy)]
pub struct Signals {
    set: libc::sigset_t,
}

impl Signals {
    /// Blocks the signals in this thread and in all that it starts.
    ///
    /// # Errors
    /// The system refuses; it has no reason to.
    pub fn block() -> io::Result<Self> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: `set` is valid for writes, and sigemptyset initialises all of it.
        let set = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            set.assume_init()
        };
        let mut signals = Self { set };
        for signal in [libc::SIGTERM, libc::SIGINT] {
            // SAFETY: the set is initialised, and the signal number is one of libc's.
            unsafe { libc::sigaddset(&raw mut signals.set, signal) };
        }
        // SAFETY: the set is initialised; no old set is asked for.
        let failed = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals.set, std::ptr::null_mut()) };
        if failed == 0 { Ok(signals) } else { Err(io::Error::from_raw_os_error(failed)) }
    }

    /// Returns when one of the signals has come, also if that was before the call.
    pub fn wait(self) {
        let mut signal = 0;
        // SAFETY: both are valid for the call. Every error of sigwait is one of an invalid set.
        unsafe { libc::sigwait(&raw const self.set, &raw mut signal) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_signal_is_waited_for() {
        // In a thread of its own: the others of this test program keep their masks.
        let thread = std::thread::spawn(|| {
            let signals = Signals::block().unwrap();
            // SAFETY: raises a signal that this very thread has blocked and will take.
            unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGTERM) };
            signals.wait();
        });
        thread.join().unwrap();
    }
}
