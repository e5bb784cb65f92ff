//! Who a replayed input is: the same bytes always get the same ids, so replaying twice adds nothing.
//!
//! The id comes from a digest of the input's unpacked beginning. A log that has grown since keeps its id, and only its new
//! events are new.

use std::fmt;

use schema::AgentId;
use sha2::{Digest as _, Sha256};

/// How much of the beginning is digested: enough to hold lines that no other log has (serials and times).
pub(crate) const HEAD_BYTES: usize = 4 << 10;

/// The identity of an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    pub(crate) agent: AgentId,
    pub(crate) epoch: u32,
    pub(crate) nonce: u128,
}

impl Identity {
    /// From the input's first [`HEAD_BYTES`], or all of it if it is shorter.
    pub(crate) fn of(head: &[u8]) -> Self {
        let digest = Sha256::digest(&head[..head.len().min(HEAD_BYTES)]);
        let take = |from: usize, count: usize| digest[from..from + count].iter().fold(0_u128, |n, byte| n << 8 | u128::from(*byte));
        let [.., a, b, c, d, e, f] = take(0, 6).to_be_bytes();
        Self {
            agent: AgentId::from_bytes([a, b, c, d, e, f]),
            epoch: u32::try_from(take(6, 4)).unwrap_or(0),
            nonce: take(10, 16),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:08x}", self.agent, self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_grows_stays_itself_and_another_is_another() {
        let log = b"type=CWD msg=audit(1.000:1): cwd=\"/\"\n".repeat(1000);
        assert_eq!(Identity::of(&log[..HEAD_BYTES]), Identity::of(&log));
        assert_ne!(Identity::of(&log), Identity::of(&log[1..]));
        assert_ne!(Identity::of(b""), Identity::of(b"x"));
    }
}
