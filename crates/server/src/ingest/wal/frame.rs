//! The bytes of a frame and of a segment's header; all numbers little-endian.
//!
//! ```text
//! segment header, 48 bytes            frame header, 80 bytes
//!  0  magic "ANGWAL1\n"                0  magic "ANGF"          36 accepted        u32
//!  8  number          u64              4  crc of bytes 8..80    40 received ms     i64
//! 16  first sequence  u64              8  crc of meta, payload  48 agent           6 bytes
//! 24  reserved        20 bytes        12  length of meta  u32   54 1: agent, epoch, nonce are there
//! 44  crc of bytes 0..44              16  of payload      u32   56 epoch           u32
//!                                     20  unpacked        u32   60 reserved
//!                                     24  items           u32   64 nonce           16 bytes
//!                                     28  first sequence  u64
//! ```
//! Meta: length of the bitmap (u32), the bitmap of accepted items (roaring; empty: all), the caller's name.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use roaring::RoaringBitmap;
use schema::{AgentId, IngestSeq, Timestamp};

/// Length of a segment's header.
pub const SEGMENT_HEADER: usize = 48;
/// Length of a frame's header.
pub const FRAME_HEADER: usize = 80;
/// First bytes of a frame.
pub const FRAME_MAGIC: &[u8; 4] = b"ANGF";
const SEGMENT_MAGIC: &[u8; 8] = b"ANGWAL1\n";
/// Longest caller's name that is kept.
const MAX_CALLER: usize = 200;

/// The beginning of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentHeader {
    /// The segment's number.
    pub number: u64,
    /// The sequence of its first event.
    pub first: IngestSeq,
}

impl SegmentHeader {
    /// Its bytes.
    #[must_use]
    pub fn write(self) -> [u8; SEGMENT_HEADER] {
        let mut out = [0; SEGMENT_HEADER];
        out[..8].copy_from_slice(SEGMENT_MAGIC);
        out[8..16].copy_from_slice(&self.number.to_le_bytes());
        out[16..24].copy_from_slice(&self.first.0.to_le_bytes());
        let crc = crc32fast::hash(&out[..44]);
        out[44..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads it; `None` if it is damaged or cut.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read_from(file: &File) -> io::Result<Option<Self>> {
        let mut bytes = [0; SEGMENT_HEADER];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => Ok(Self::read(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(bytes: &[u8; SEGMENT_HEADER]) -> Option<Self> {
        let whole = bytes[..8] == *SEGMENT_MAGIC && u32_at(bytes, 44) == crc32fast::hash(&bytes[..44]);
        whole.then(|| Self { number: u64_at(bytes, 8), first: IngestSeq(u64_at(bytes, 16)) })
    }
}

/// Which spool a body came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The agent.
    pub agent: AgentId,
    /// Its epoch.
    pub epoch: u32,
    /// The epoch's nonce.
    pub nonce: u128,
}

/// One accepted body.
#[derive(Clone, PartialEq, Debug)]
pub struct Frame {
    /// When it came.
    pub received: Timestamp,
    /// Who sent it: the token's name.
    pub caller: String,
    /// From which spool.
    pub origin: Option<Origin>,
    /// How many items the body has.
    pub items: u32,
    /// Which of them were accepted; `None`: all.
    pub accepted: Option<RoaringBitmap>,
    /// Length of the body unpacked.
    pub unpacked: u32,
    /// The body, zstd.
    pub payload: Vec<u8>,
}

/// What a frame's header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    /// Length of what follows the header.
    pub rest: u64,
    /// Sequence of the first accepted event.
    pub first: IngestSeq,
    /// When it came.
    pub received: Timestamp,
    crc: u32,
    meta: u32,
    unpacked: u32,
    items: u32,
    accepted: u32,
    origin: Option<Origin>,
}

impl Frame {
    /// How many of its items were accepted.
    #[must_use]
    pub fn accepted_count(&self) -> u32 {
        self.accepted.as_ref().map_or(self.items, |bitmap| u32::try_from(bitmap.len()).unwrap_or(u32::MAX))
    }

    /// Whether the item at this place of the body was accepted.
    #[must_use]
    pub fn is_accepted(&self, item: u32) -> bool {
        self.accepted.as_ref().map_or(item < self.items, |bitmap| bitmap.contains(item))
    }

    /// Its bytes, with this sequence for its first event.
    #[must_use]
    pub fn write(&self, first: IngestSeq) -> Vec<u8> {
        let meta = self.meta();
        let mut out = vec![0; FRAME_HEADER];
        out.reserve(meta.len() + self.payload.len());
        out.extend_from_slice(&meta);
        out.extend_from_slice(&self.payload);
        let crc = crc32fast::hash(&out[FRAME_HEADER..]);
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, FRAME_MAGIC);
        put(8, &crc.to_le_bytes());
        put(12, &length(meta.len()).to_le_bytes());
        put(16, &length(self.payload.len()).to_le_bytes());
        put(20, &self.unpacked.to_le_bytes());
        put(24, &self.items.to_le_bytes());
        put(28, &first.0.to_le_bytes());
        put(36, &self.accepted_count().to_le_bytes());
        put(40, &self.received.millis().to_le_bytes());
        if let Some(origin) = self.origin {
            put(48, &origin.agent.bytes());
            put(54, &[1]);
            put(56, &origin.epoch.to_le_bytes());
            put(64, &origin.nonce.to_le_bytes());
        }
        let crc = crc32fast::hash(&out[8..FRAME_HEADER]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        out
    }

    fn meta(&self) -> Vec<u8> {
        let mut bitmap = Vec::new();
        if let Some(accepted) = &self.accepted
            && accepted.serialize_into(&mut bitmap).is_err()
        {
            bitmap.clear();
        }
        let mut meta = length(bitmap.len()).to_le_bytes().to_vec();
        meta.extend_from_slice(&bitmap);
        // Cut inside a character it is read back with a replacement for it.
        meta.extend(self.caller.bytes().take(MAX_CALLER));
        meta
    }
}

impl FrameHeader {
    /// Reads a header; `None` if it is damaged.
    #[must_use]
    pub fn read(bytes: &[u8; FRAME_HEADER]) -> Option<Self> {
        if bytes[..4] != *FRAME_MAGIC || u32_at(bytes, 4) != crc32fast::hash(&bytes[8..]) {
            return None;
        }
        let (meta, payload) = (u32_at(bytes, 12), u32_at(bytes, 16));
        let mut agent = [0; 6];
        agent.copy_from_slice(&bytes[48..54]);
        let nonce = u128::from(u64_at(bytes, 64)) | u128::from(u64_at(bytes, 72)) << 64;
        let origin = Origin { agent: AgentId::from_bytes(agent), epoch: u32_at(bytes, 56), nonce };
        let header = Self {
            rest: u64::from(meta) + u64::from(payload),
            first: IngestSeq(u64_at(bytes, 28)),
            received: Timestamp::from_millis(u64_at(bytes, 40).cast_signed()),
            crc: u32_at(bytes, 8),
            meta,
            unpacked: u32_at(bytes, 20),
            items: u32_at(bytes, 24),
            accepted: u32_at(bytes, 36),
            origin: (bytes[54] == 1).then_some(origin),
        };
        // A frame without an event is never written, nor one whose sequences wrap around.
        (header.accepted > 0 && header.first.0.checked_add(u64::from(header.accepted)).is_some()).then_some(header)
    }

    /// Sequence of the last accepted event.
    #[must_use]
    pub const fn last(&self) -> IngestSeq {
        IngestSeq(self.first.0 + self.accepted as u64 - 1)
    }

    /// How many items were accepted.
    #[must_use]
    pub const fn accepted(&self) -> u32 {
        self.accepted
    }

    /// Makes the frame of what follows the header; `None` if that is damaged.
    #[must_use]
    pub fn frame(&self, mut rest: Vec<u8>) -> Option<Frame> {
        if crc32fast::hash(&rest) != self.crc {
            return None;
        }
        let payload = rest.split_off(usize::try_from(self.meta).ok().filter(|&meta| meta <= rest.len())?);
        let (len, meta) = rest.split_first_chunk::<4>()?;
        let (bitmap, caller) = meta.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
        let accepted = if bitmap.is_empty() { None } else { Some(RoaringBitmap::deserialize_from(bitmap).ok()?) };
        let frame = Frame {
            received: self.received,
            caller: String::from_utf8_lossy(caller).into_owned(),
            origin: self.origin,
            items: self.items,
            accepted,
            unpacked: self.unpacked,
            payload,
        };
        (frame.accepted_count() == self.accepted).then_some(frame)
    }
}

/// Lengths are bounded by the body's limits, far below 4 GiB; a longer one would be cut here and found by its checksum.
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}
