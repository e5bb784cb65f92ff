//! Waiting for the signals that end a program or make it begin anew.
//!
//! They are blocked before any thread starts, so that every thread inherits the block and only [`Signals::wait`] takes them.

#![expect(unsafe_code, reason = "no safe crate of ours offers signal masks")]

use std::io;
use std::mem::MaybeUninit;

/// SIGTERM, SIGINT and SIGHUP, blocked.
#[derive(Clone, Copy)]
pub struct Signals {
    set: libc::sigset_t,
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// SIGTERM, SIGINT: end.
    End,
    /// SIGHUP: begin anew.
    Anew,
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
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
            // SAFETY: the set is initialised, and the signal number is one of libc's.
            unsafe { libc::sigaddset(&raw mut signals.set, signal) };
        }
        // SAFETY: the set is initialised; no old set is asked for.
        let failed = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals.set, std::ptr::null_mut()) };
        if failed != 0 {
            return Err(io::Error::from_raw_os_error(failed));
        }
        // Where this program starts itself anew the block is lifted for a moment, and a second SIGHUP would end it then. What
        // is blocked is taken by `wait` although it is ignored.
        // SAFETY: no handler is installed, only a disposition that is kept over an exec.
        let before = unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
        if before == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(signals) }
    }

    /// Returns when one of the signals has come, also if that was before the call.
    #[must_use]
    pub fn wait(self) -> Signal {
        let mut signal = 0;
        // SAFETY: both are valid for the call. Every error of sigwait is one of an invalid set.
        unsafe { libc::sigwait(&raw const self.set, &raw mut signal) };
        if signal == libc::SIGHUP { Signal::Anew } else { Signal::End }
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
            for (signal, means) in [(libc::SIGTERM, Signal::End), (libc::SIGHUP, Signal::Anew)] {
                // SAFETY: raises a signal that this very thread has blocked and will take.
                unsafe { libc::pthread_kill(libc::pthread_self(), signal) };
                assert_eq!(signals.wait(), means);
            }
        });
        thread.join().unwrap();
    }
}
