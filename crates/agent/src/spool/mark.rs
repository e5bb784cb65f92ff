//! The two small files beside the segments: how far each lane is delivered (`mark`), and who counts (`epoch`).
//!
//! Both are replaced as a whole and carry a checksum. Each may be lost: without the mark events are sent again, which
//! their ids make harmless; without the epoch a new one begins.
//!
//! ```text
//! mark   = "AUDITNGM" version:u16 0:u16 epoch:u32 generation:u64 (epoch:u32 counter:u64 written:u64)*3 crc:u32   88 bytes
//! epoch  = "AUDITNGE" version:u16 agent:[6] epoch:u32 nonce:[16] place:u64 crc:u32                               48 bytes
//! ```

use schema::AgentId;

use super::segment::Origin;

/// Length of the `mark` file.
pub const MARK_LEN: usize = 88;
/// Length of the `epoch` file.
pub const EPOCH_LEN: usize = 48;

const VERSION: u16 = 1;
const MARK_MAGIC: &[u8; 8] = b"AUDITNGM";
const EPOCH_MAGIC: &[u8; 8] = b"AUDITNGE";

/// A place in a lane: everything before it, in order of epoch and counter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Position {
    /// Of this epoch ...
    pub epoch: u32,
    /// ... the events below this counter.
    pub counter: u64,
}

/// How far each lane is delivered without a hole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mark {
    /// Counts the writings of the file.
    pub generation: u64,
    /// The epoch that counted when it was written.
    pub epoch: u32,
    /// By lane number.
    pub lanes: [Position; 3],
    /// By lane number: the next counter of [`Self::epoch`]. Whoever finds less on disk knows that something is gone.
    pub written: [u64; 3],
}

/// Who counts, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Epoch {
    /// Agent, epoch and nonce.
    pub origin: Origin,
    /// [`Disk::place`](super::disk::Disk::place) where the epoch began: a copied spool finds itself elsewhere.
    pub place: u64,
}

impl Mark {
    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; MARK_LEN] {
        let mut bytes = Vec::with_capacity(MARK_LEN);
        bytes.extend_from_slice(MARK_MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        for (lane, written) in self.lanes.iter().zip(self.written) {
            bytes.extend_from_slice(&lane.epoch.to_le_bytes());
            bytes.extend_from_slice(&lane.counter.to_le_bytes());
            bytes.extend_from_slice(&written.to_le_bytes());
        }
        sealed(bytes)
    }

    /// Reads the file; `None` if it is not whole.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let body = opened::<MARK_LEN>(bytes, MARK_MAGIC)?;
        let lane = |at: usize| Some(Position { epoch: u32_at(body, at)?, counter: u64_at(body, at + 4)? });
        Some(Self {
            generation: u64_at(body, 16)?,
            epoch: u32_at(body, 12)?,
            lanes: [lane(24)?, lane(44)?, lane(64)?],
            written: [u64_at(body, 36)?, u64_at(body, 56)?, u64_at(body, 76)?],
        })
    }
}

impl Epoch {
    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; EPOCH_LEN] {
        let mut bytes = Vec::with_capacity(EPOCH_LEN);
        bytes.extend_from_slice(EPOCH_MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.origin.agent.bytes());
        bytes.extend_from_slice(&self.origin.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.origin.nonce);
        bytes.extend_from_slice(&self.place.to_le_bytes());
        sealed(bytes)
    }

    /// Reads the file; `None` if it is not whole.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let body = opened::<EPOCH_LEN>(bytes, EPOCH_MAGIC)?;
        let agent = AgentId::from_bytes(*body.get(10..)?.first_chunk()?);
        let origin = Origin { agent, epoch: u32_at(body, 16)?, nonce: *body.get(20..)?.first_chunk()? };
        Some(Self { origin, place: u64_at(body, 36)? })
    }
}

/// Adds the checksum to a body of four bytes less than `N`.
fn sealed<const N: usize>(mut bytes: Vec<u8>) -> [u8; N] {
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes.first_chunk().copied().unwrap_or([0; N])
}

fn opened<'a, const N: usize>(bytes: &'a [u8], magic: &[u8; 8]) -> Option<&'a [u8]> {
    let (body, crc) = bytes.split_at_checked(N - 4)?;
    let whole = crc == crc32fast::hash(body).to_le_bytes() && body.starts_with(magic);
    (whole && body.get(8..10)? == VERSION.to_le_bytes()).then_some(body)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        let at = |epoch, counter| Position { epoch, counter };
        Mark { generation: 5, epoch: 9, lanes: [at(1, 2), at(3, 4), at(u32::MAX, u64::MAX)], written: [6, 7, 8] }
    }

    fn epoch() -> Epoch {
        let origin = Origin { agent: AgentId::from_bytes([1, 2, 3, 4, 5, 6]), epoch: 77, nonce: [8; 16] };
        Epoch { origin, place: 99 }
    }

    #[test]
    fn both_are_read_back() {
        assert_eq!(Mark::decode(&mark().encode()), Some(mark()));
        assert_eq!(Epoch::decode(&epoch().encode()), Some(epoch()));
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_seen() {
        let (mark, epoch) = (mark().encode(), epoch().encode());
        for at in 0..mark.len() {
            let mut bytes = mark;
            bytes[at] ^= 0x10;
            assert_eq!(Mark::decode(&bytes), None);
            assert_eq!(Mark::decode(&mark[..at]), None);
        }
        for at in 0..epoch.len() {
            let mut bytes = epoch;
            bytes[at] ^= 0x10;
            assert_eq!(Epoch::decode(&bytes), None);
            assert_eq!(Epoch::decode(&epoch[..at]), None);
        }
        assert_eq!(Mark::decode(&epoch), None);
    }

    #[test]
    fn places_are_ordered_by_epoch_first() {
        assert!(Position { epoch: 1, counter: 9 } < Position { epoch: 2, counter: 0 });
    }
}
