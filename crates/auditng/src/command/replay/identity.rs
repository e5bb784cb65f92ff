//! Who a replayed input is: the same bytes always get the same ids, so replaying twice adds nothing.
//!
//! The id comes from a digest of the input's unpacked beginning. A log that has grown since keeps its id, and only its new
//! events are new.

use agent::ship::Identity;
use schema::AgentId;
use sha2::{Digest as _, Sha256};

/// How much of the beginning is digested: enough to hold lines that no other log has (serials and times).
pub(crate) const HEAD_BYTES: usize = 4 << 10;

/// From the input's first [`HEAD_BYTES`], or all of it if it is shorter.
pub(super) fn of(head: &[u8]) -> Identity {
    let digest: [u8; 32] = Sha256::digest(&head[..head.len().min(HEAD_BYTES)]).into();
    let [a, b, c, d, e, f, rest @ ..] = digest;
    let mut nonce = [0; 16];
    nonce.copy_from_slice(&rest[..16]);
    Identity { agent: AgentId::from_bytes([a, b, c, d, e, f]), nonce }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_grows_stays_itself_and_another_is_another() {
        let log = b"type=CWD msg=audit(1.000:1): cwd=\"/\"\n".repeat(1000);
        assert_eq!(of(&log[..HEAD_BYTES]), of(&log));
        assert_ne!(of(&log), of(&log[1..]));
        assert_ne!(of(b""), of(b"x"));
    }
}
