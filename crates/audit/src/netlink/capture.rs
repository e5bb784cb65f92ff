//! Recorded datagrams: `u32` little-endian length, then that many bytes exactly as `recv` gave them, repeated.
//!
//! Works on slices so that the caller decides where bytes come from: [`take`] for a growing buffer, [`Frames`] for a
//! whole capture in memory, [`append`] to write one.
//!
//! ```
//! use audit::netlink::capture;
//!
//! let mut recorded = Vec::new();
//! capture::append(&mut recorded, b"sixteen byte hdr");
//! assert_eq!(capture::Frames::new(&recorded).collect::<Vec<_>>(), [Ok(&b"sixteen byte hdr"[..])]);
//! ```

/// The longest datagram that a capture may hold. The kernel's longest text is 8,560 bytes; a longer length is a sign
/// that this is no capture, and reading it would mean waiting for gigabytes.
pub const MAX_DATAGRAM_BYTES: usize = 65_536;

/// Bytes of the length before each datagram.
const LENGTH_BYTES: usize = 4;

/// What stands at the start of a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Take<'a> {
    /// A whole datagram; the next one starts `used` bytes further on.
    Datagram {
        /// Its bytes.
        datagram: &'a [u8],
        /// Bytes to step over.
        used: usize,
    },
    /// Not all of it is here yet: the buffer must hold `needs` bytes.
    More {
        /// Bytes from the start of the buffer.
        needs: usize,
    },
    /// The length is beyond [`MAX_DATAGRAM_BYTES`]: nothing after it can be trusted.
    NotACapture {
        /// The length found.
        length: u32,
    },
}

/// Looks at the start of `buffer` for one datagram.
#[must_use]
pub fn take(buffer: &[u8]) -> Take<'_> {
    let Some((length, rest)) = buffer.split_first_chunk::<LENGTH_BYTES>() else {
        return Take::More { needs: LENGTH_BYTES };
    };
    let length = u32::from_le_bytes(*length);
    match usize::try_from(length) {
        Ok(bytes) if bytes <= MAX_DATAGRAM_BYTES => match rest.get(..bytes) {
            Some(datagram) => Take::Datagram { datagram, used: LENGTH_BYTES + bytes },
            None => Take::More { needs: LENGTH_BYTES + bytes },
        },
        _ => Take::NotACapture { length },
    }
}

/// Appends a datagram to a capture. One that is longer than the format allows is left out and `false` returned.
pub fn append(capture: &mut Vec<u8>, datagram: &[u8]) -> bool {
    match u32::try_from(datagram.len()) {
        Ok(length) if datagram.len() <= MAX_DATAGRAM_BYTES => {
            capture.extend_from_slice(&length.to_le_bytes());
            capture.extend_from_slice(datagram);
            true
        }
        _ => false,
    }
}

/// Why a capture ends early.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file was cut.
    #[error("capture ends inside the datagram at byte {offset}: {have} of {needs} bytes are there")]
    Cut {
        /// Where the datagram's length stands.
        offset: usize,
        /// Bytes left.
        have: usize,
        /// Bytes needed.
        needs: usize,
    },
    /// The bytes are something else.
    #[error("no capture: length {length} at byte {offset} is beyond the {MAX_DATAGRAM_BYTES} that a datagram can have")]
    NotACapture {
        /// Where the length stands.
        offset: usize,
        /// What it says.
        length: u32,
    },
}

/// The datagrams of a capture in memory. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    capture: &'a [u8],
    offset: usize,
}

impl<'a> Frames<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub fn new(capture: &'a [u8]) -> Self {
        Self { capture, offset: 0 }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<&'a [u8], CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.offset;
        let rest = self.capture.get(offset..).filter(|rest| !rest.is_empty())?;
        let error = match take(rest) {
            Take::Datagram { datagram, used } => {
                self.offset += used;
                return Some(Ok(datagram));
            }
            Take::More { needs } => CaptureError::Cut { offset, have: rest.len(), needs },
            Take::NotACapture { length } => CaptureError::NotACapture { offset, length },
        };
        self.offset = self.capture.len();
        Some(Err(error))
    }
}
