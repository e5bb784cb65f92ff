//! The bytes of a segment file.
//!
//! ```text
//! segment  = header frame*
//! header   = "AUDITNGS" version:u16 lane:u8 0:u8 epoch:u32 agent:[6] 0:u16 nonce:[16] first:u64 0:u32 crc:u32        56 bytes
//! frame    = "FRM\x9e" header_crc:u32 payload_crc:u32 payload_len:u32 raw_len:u32 epoch:u32 count:u16 lane:u8 0:u8
//!            first:u64 first_time:i64 last_time:i64 payload                                                 52 bytes + payload
//! payload  = one zstd frame with its content size: `count` pairs of lines, action and document, as `_bulk` takes them
//! ```
//!
//! Numbers are little-endian, checksums CRC-32 (IEEE) of all that follows them in the header (the segment's: all before
//! it). A frame stands on its own: with the segment header gone, its frames are still found and believed.

use schema::id::MAX_COUNTER;
use schema::{AgentId, Lane, Timestamp};

/// Version of the format that is written and read here.
pub const VERSION: u16 = 1;
/// Length of a segment's header.
pub const HEADER_LEN: usize = 56;
/// Length of a frame's header.
pub const FRAME_LEN: usize = 52;
/// Most unpacked bytes of a frame: one event of the largest size on top of a full group.
pub const MAX_RAW: u32 = 2 << 20;
/// Most packed bytes of a frame; zstd adds a little to what cannot be packed.
pub const MAX_PAYLOAD: u32 = MAX_RAW + (64 << 10);

const MAGIC: &[u8; 8] = b"AUDITNGS";
const FRAME_MAGIC: &[u8; 4] = b"FRM\x9e";

/// Whose counters these are: events of one origin have distinct counters in each lane.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Origin {
    /// The agent.
    pub agent: AgentId,
    /// Its epoch.
    pub epoch: u32,
    /// Drawn with the epoch: two spools that chose the same number are told apart by it. Zero: unknown.
    pub nonce: [u8; 16],
}

/// The first bytes of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Which lane it belongs to.
    pub lane: Lane,
    /// Whose counters.
    pub origin: Origin,
    /// Counter of its first event.
    pub first: u64,
}

/// Why a file does not begin with a usable header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    /// Shorter than a header: nothing was ever committed to it.
    #[error("the file ends inside its header")]
    Short,
    /// Wrong magic, checksum or content.
    #[error("the header is damaged")]
    Damaged,
    /// Written by a later version.
    #[error("the file has version {0}, this program reads version {VERSION}")]
    Newer(u16),
}

impl Header {
    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        let mut put = Put { out: &mut out, at: 0 };
        put.bytes(MAGIC);
        put.bytes(&VERSION.to_le_bytes());
        put.bytes(&[self.lane as u8, 0]);
        put.bytes(&self.origin.epoch.to_le_bytes());
        put.bytes(&self.origin.agent.bytes());
        put.bytes(&[0; 2]);
        put.bytes(&self.origin.nonce);
        put.bytes(&self.first.to_le_bytes());
        put.bytes(&[0; 4]);
        let crc = crc32fast::hash(&out[..HEADER_LEN - 4]);
        out[HEADER_LEN - 4..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads the first bytes of a file.
    ///
    /// # Errors
    /// [`BadHeader`] says what they are instead.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        let bytes: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(BadHeader::Short)?;
        let mut take = Take { bytes, at: 0 };
        let magic: [u8; 8] = take.array();
        let version = u16::from_le_bytes(take.array());
        if crc32fast::hash(&bytes[..HEADER_LEN - 4]).to_le_bytes() != bytes[HEADER_LEN - 4..] || &magic != MAGIC {
            return Err(BadHeader::Damaged);
        }
        if version > VERSION {
            return Err(BadHeader::Newer(version));
        }
        let [lane, _] = take.array();
        let epoch = u32::from_le_bytes(take.array());
        let agent = AgentId::from_bytes(take.array());
        let [_, _] = take.array();
        let origin = Origin { agent, epoch, nonce: take.array() };
        let lane = Lane::from_number(lane).ok_or(BadHeader::Damaged)?;
        Ok(Self { lane, origin, first: u64::from_le_bytes(take.array()) })
    }
}

/// The header of one frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// CRC-32 of the payload.
    pub payload_crc: u32,
    /// Packed bytes that follow.
    pub payload_len: u32,
    /// Their unpacked length.
    pub raw_len: u32,
    /// Epoch of its events.
    pub epoch: u32,
    /// Events in it, at least one.
    pub count: u16,
    /// Their lane.
    pub lane: Lane,
    /// Counter of the first; the others follow without holes.
    pub first: u64,
    /// Time of the oldest event.
    pub first_time: Timestamp,
    /// Time of the newest event.
    pub last_time: Timestamp,
}

impl Frame {
    /// Counter of its last event.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.first + u64::from(self.count) - 1
    }

    /// Header and payload together.
    #[must_use]
    pub fn total_len(&self) -> u64 {
        FRAME_LEN as u64 + u64::from(self.payload_len)
    }

    /// The bytes of the header.
    #[must_use]
    pub fn encode(&self) -> [u8; FRAME_LEN] {
        let mut out = [0; FRAME_LEN];
        let mut put = Put { out: &mut out, at: 0 };
        put.bytes(FRAME_MAGIC);
        put.bytes(&[0; 4]);
        put.bytes(&self.payload_crc.to_le_bytes());
        put.bytes(&self.payload_len.to_le_bytes());
        put.bytes(&self.raw_len.to_le_bytes());
        put.bytes(&self.epoch.to_le_bytes());
        put.bytes(&self.count.to_le_bytes());
        put.bytes(&[self.lane as u8, 0]);
        put.bytes(&self.first.to_le_bytes());
        put.bytes(&self.first_time.millis().to_le_bytes());
        put.bytes(&self.last_time.millis().to_le_bytes());
        let crc = crc32fast::hash(&out[8..]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a header; `None` where none stands.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; FRAME_LEN] = bytes.first_chunk()?;
        let mut take = Take { bytes, at: 0 };
        let magic: [u8; 4] = take.array();
        let crc = u32::from_le_bytes(take.array());
        if &magic != FRAME_MAGIC || crc32fast::hash(&bytes[8..]) != crc {
            return None;
        }
        let payload_crc = u32::from_le_bytes(take.array());
        let payload_len = u32::from_le_bytes(take.array());
        let raw_len = u32::from_le_bytes(take.array());
        let epoch = u32::from_le_bytes(take.array());
        let count = u16::from_le_bytes(take.array());
        let [lane, _] = take.array();
        let lane = Lane::from_number(lane)?;
        let first = u64::from_le_bytes(take.array());
        let first_time = Timestamp::from_millis(i64::from_le_bytes(take.array()));
        let last_time = Timestamp::from_millis(i64::from_le_bytes(take.array()));
        let frame = Self { payload_crc, payload_len, raw_len, epoch, count, lane, first, first_time, last_time };
        frame.is_possible().then_some(frame)
    }

    /// A good checksum over nonsense can be made on purpose; nothing below may trust lengths further than this.
    fn is_possible(&self) -> bool {
        self.count > 0
            && (1..=MAX_PAYLOAD).contains(&self.payload_len)
            && (1..=MAX_RAW).contains(&self.raw_len)
            && self.first <= MAX_COUNTER - u64::from(self.count)
    }

    /// Whether these are the bytes that were written.
    #[must_use]
    pub fn fits(&self, payload: &[u8]) -> bool {
        payload.len() == self.payload_len as usize && crc32fast::hash(payload) == self.payload_crc
    }
}

/// Where the next frame header stands in `bytes`, from `from` on.
#[must_use]
pub fn find_frame(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    memchr::memmem::find_iter(rest, FRAME_MAGIC)
        .map(|at| from + at)
        .find(|&at| bytes.get(at..).is_some_and(|rest| Frame::decode(rest).is_some()))
}

struct Put<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Put<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }
}

/// Takes fields in order from a header whose length is a constant that all fields together fit.
struct Take<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Take<'_> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N]);
        self.at += N;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> Header {
        let origin = Origin { agent: AgentId::from_bytes([1, 2, 3, 4, 5, 6]), epoch: 7, nonce: [9; 16] };
        Header { lane: Lane::Low, origin, first: 1 << 40 }
    }

    fn frame() -> Frame {
        Frame {
            payload_crc: crc32fast::hash(b"payload"),
            payload_len: 7,
            raw_len: 100,
            epoch: 7,
            count: 3,
            lane: Lane::Normal,
            first: 10,
            first_time: Timestamp::from_millis(-5),
            last_time: Timestamp::from_millis(5),
        }
    }

    #[test]
    fn headers_are_read_back() {
        assert_eq!(Header::decode(&header().encode()), Ok(header()));
        assert_eq!(Frame::decode(&frame().encode()), Some(frame()));
        assert_eq!((frame().last(), frame().total_len()), (12, 59));
        assert!(frame().fits(b"payload") && !frame().fits(b"payloae") && !frame().fits(b"payloa"));
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let (segment, frame) = (header().encode(), frame().encode());
        for bit in 0..segment.len() * 8 {
            let mut bytes = segment;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&bytes), Err(BadHeader::Damaged), "bit {bit}");
        }
        for bit in 0..frame.len() * 8 {
            let mut bytes = frame;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Frame::decode(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn a_newer_version_is_named() {
        let mut bytes = header().encode();
        bytes[8] = 2;
        let crc = crc32fast::hash(&bytes[..HEADER_LEN - 4]);
        bytes[HEADER_LEN - 4..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Header::decode(&bytes), Err(BadHeader::Newer(2)));
        assert_eq!(Header::decode(&bytes[..55]), Err(BadHeader::Short));
    }

    #[test]
    fn impossible_lengths_are_no_frame() {
        let check = |change: fn(&mut Frame)| {
            let mut frame = frame();
            change(&mut frame);
            assert_eq!(Frame::decode(&frame.encode()), None, "{frame:?}");
        };
        check(|frame| frame.count = 0);
        check(|frame| frame.payload_len = 0);
        check(|frame| frame.payload_len = u32::MAX);
        check(|frame| frame.raw_len = u32::MAX);
        check(|frame| frame.first = u64::MAX);
    }

    proptest! {
        #[test]
        fn the_next_frame_is_found_behind_anything(mut noise in proptest::collection::vec(any::<u8>(), 0..300)) {
            let at = noise.len();
            noise.extend(frame().encode());
            prop_assert_eq!(find_frame(&noise, 0), Some(at));
            prop_assert_eq!(find_frame(&noise, at + 1), None);
        }

        #[test]
        fn foreign_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Header::decode(&bytes).is_err());
            prop_assert_eq!(Frame::decode(&bytes), None);
            prop_assert_eq!(find_frame(&bytes, 0), None);
        }
    }
}
