//! Waiting for a condition with a deadline, in place of sleeping and hoping.

use std::time::{Duration, Instant};

/// A point after which a test gives up.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// This long from now.
    #[must_use]
    pub fn after(wait: Duration) -> Self {
        Self(Instant::now() + wait)
    }

    /// Whether it has passed.
    #[must_use]
    pub fn passed(self) -> bool {
        Instant::now() >= self.0
    }
}

/// Asks again and again until the answer is there.
///
/// # Panics
/// If it is not there within `wait`, with `what` in the message.
pub fn eventually<T>(what: &str, wait: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Deadline::after(wait);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(!deadline.passed(), "not within {wait:?}: {what}");
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where tests may let time pass, between two looks")]
fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}
