//! Waiting for sockets with an end: a thread that waits can be woken by another one.
//!
//! A [`Wake`] is an eventfd. [`Wake::wake`] never blocks and is never lost: a wait that begins later returns at once.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

/// Ends waits of another thread.
#[derive(Debug)]
pub struct Wake {
    fd: OwnedFd,
}

/// What a wait ended with: bit `i` for source `i`, and whether somebody woke us.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ready {
    sources: u32,
    /// [`Wake::wake`] was called since the last wait.
    pub woken: bool,
}

impl Ready {
    /// Whether source `index` has something to read, an error among it.
    #[must_use]
    pub fn readable(self, index: usize) -> bool {
        self.sources & (1 << index) != 0
    }

    /// Neither a source nor a wake: the time was up.
    #[must_use]
    pub fn timed_out(self) -> bool {
        self == Self::default()
    }
}

impl Wake {
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self { fd: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    /// Ends the present or the next [`Self::wait`].
    pub fn wake(&self) {
        // The one error that can come is EAGAIN: the counter is full, so a wake is pending anyway.
        rustix::io::write(&self.fd, &1_u64.to_ne_bytes()).ok();
    }

    /// Waits until one of `sources` (at most 31) can be read, somebody wakes us, or `timeout` is over.
    ///
    /// # Errors
    /// What `poll` says, except for interruptions, which count as time out.
    pub fn wait(&self, sources: &[&dyn AsFd], timeout: Duration) -> io::Result<Ready> {
        let all = sources.iter().map(|source| source.as_fd()).chain([self.fd.as_fd()]);
        let mut fds: Vec<PollFd<'_>> = all.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Ready::default()),
            Err(error) => return Err(error.into()),
        }
        let mut ready = Ready::default();
        for (i, fd) in fds.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty()) {
            if i == sources.len() {
                ready.woken = true;
                self.clear();
            } else {
                debug_assert!(!fd.revents().contains(PollFlags::NVAL), "the caller holds the descriptor open");
                ready.sources |= 1 << i;
            }
        }
        Ok(ready)
    }

    fn clear(&self) {
        let mut count = [0; 8];
        // EAGAIN only: nobody woke us after all.
        rustix::io::read(&self.fd, &mut count).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_wake_before_the_wait_is_kept_and_used_up() {
        let wake = Wake::new().unwrap();
        wake.wake();
        wake.wake();
        assert!(wake.wait(&[], Duration::from_secs(60)).unwrap().woken);
        assert!(wake.wait(&[], Duration::ZERO).unwrap().timed_out());
    }

    #[test]
    fn another_thread_ends_the_wait() {
        let wake = Arc::new(Wake::new().unwrap());
        let other = Arc::clone(&wake);
        let waker = std::thread::spawn(move || other.wake());
        assert!(wake.wait(&[], Duration::from_secs(60)).unwrap().woken);
        waker.join().unwrap();
    }
}
