//! Who a replayed input is: the same bytes always get the same ids, so replaying twice adds nothing.
//!
//! The id comes from a digest of the input's unpacked beginning. A log that has grown since keeps its id, and only its new
//! events are new.

use agent::ship::Identity;
use schema::AgentId;
use sha2::{Digest as _, Sha256};

/// How much of the beginning is digested: enough to hold lines that no other log has (serials and times).
pub(crate) const HEAD_BYTES: usize = 4 << 10;

/// From the input's first [`HEAD_BYTES`], or all of it if it is shorter. `salt`: something else is made of the same input.
pub(super) fn of(head: &[u8], salt: Option<[u8; 32]>) -> Identity {
    let mut hasher = Sha256::new();
    hasher.update(&head[..head.len().min(HEAD_BYTES)]);
    salt.iter().for_each(|salt| hasher.update(salt));
    let digest: [u8; 32] = hasher.finalize().into();
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
        assert_eq!(of(&log[..HEAD_BYTES], None), of(&log, None));
        assert_ne!(of(&log, None), of(&log[1..], None));
        assert_ne!(of(b"", None), of(b"x", None));
        assert_ne!(of(b"x", None), of(b"x", Some([0; 32])));
    }
}
