//! `process.entity_id`: a name for one life of a process that is unique over hosts and boots.

use sha2::{Digest as _, Sha256};

/// 16 bytes of a hash; 22 digits in base64 without padding.
pub(super) type Entity = [u8; 16];

/// Host and boot, hashed once.
#[derive(Clone, Debug)]
pub(super) struct Host {
    seed: Sha256,
}

impl Host {
    pub(super) fn new(host_id: &str, boot_id: &str) -> Self {
        let mut seed = Sha256::new();
        for part in [host_id, boot_id] {
            seed.update((part.len() as u64).to_le_bytes());
            seed.update(part);
        }
        Self { seed }
    }

    /// Of a pid and its start tick; where that is not known, of the serial of the first event instead.
    pub(super) fn entity(&self, pid: u32, start_ticks: Option<u64>, serial: i64) -> Entity {
        let mut hash = self.seed.clone();
        hash.update(pid.to_le_bytes());
        match start_ticks {
            Some(ticks) => hash.update([&[b't'][..], &ticks.to_le_bytes()].concat()),
            None => hash.update([&[b's'][..], &serial.to_le_bytes()].concat()),
        }
        let digest = hash.finalize();
        std::array::from_fn(|at| digest[at])
    }
}

/// RFC 4648 without padding.
pub(super) fn text(entity: &Entity) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |at: usize| entity.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let digit = |digit: usize| {
        let value = (0..6).fold(0, |value, at| value << 1 | bit(digit * 6 + at));
        char::from(DIGITS[usize::from(value)])
    };
    (0..22).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_known_bytes() {
        // RFC 4648: 16 zero bytes are 22 A; 0xff.. ends in w because four bits of the last digit are padding.
        assert_eq!(text(&[0; 16]), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(text(&[0xff; 16]), "/////////////////////w");
        assert_eq!(text(b"0123456789abcdef"), "MDEyMzQ1Njc4OWFiY2RlZg");
    }

    #[test]
    fn each_part_counts() {
        let host = Host::new("h", "b");
        let all = [
            host.entity(1, Some(2), 0),
            host.entity(1, Some(3), 0),
            host.entity(2, Some(2), 0),
            host.entity(1, None, 2),
            Host::new("hb", "").entity(1, Some(2), 0),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(!all[..i].contains(one));
        }
        assert_eq!(host.entity(1, Some(2), 7), host.entity(1, Some(2), 9));
    }
}
