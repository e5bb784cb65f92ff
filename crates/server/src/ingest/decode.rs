//! The one decoder of packed bodies, with a cap.
//!
//! Bodies are hostile: a few kilobytes can unpack to terabytes, in one frame or in thousands. Every unpacking in the
//! server goes through [`decode`], which holds at most the cap and stops there; sizes that a body claims for itself
//! are not believed.

use std::borrow::Cow;
use std::io::{self, BufReader, Read};

/// How a body is packed: `Content-Encoding`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// gzip, many members allowed.
    Gzip,
    /// zlib, as HTTP's `deflate` means.
    Deflate,
    /// zstd, many frames allowed.
    Zstd,
}

/// A body that cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// `Content-Encoding` is none of ours.
    #[error("content encoding {0:?} is not known; send identity, gzip, deflate or zstd")]
    Unknown(String),
    /// It goes on beyond the cap.
    #[error("the body is larger than {0} bytes when unpacked; send fewer events at once")]
    TooLarge(usize),
    /// It is not what it says.
    #[error("the body is not valid {encoding:?}: {source}")]
    Corrupt {
        /// What it says it is.
        encoding: Encoding,
        /// What the decoder says.
        source: io::Error,
    },
}

/// Largest window of a zstd frame that we allocate for: 8 MiB, what every decoder must take (RFC 8878, 3.1.1.1.2).
const WINDOW_LOG: u32 = 23;

impl Encoding {
    /// Reads the header's value.
    ///
    /// # Errors
    /// [`DecodeError::Unknown`].
    pub fn named(value: Option<&str>) -> Result<Self, DecodeError> {
        match value.map(|value| value.trim().to_ascii_lowercase()).as_deref() {
            None | Some("" | "identity") => Ok(Self::Identity),
            Some("gzip" | "x-gzip") => Ok(Self::Gzip),
            Some("deflate") => Ok(Self::Deflate),
            Some("zstd") => Ok(Self::Zstd),
            Some(other) => Err(DecodeError::Unknown(other.chars().take(40).collect())),
        }
    }
}

/// Unpacks a body into at most `cap` bytes.
///
/// # Errors
/// [`DecodeError::TooLarge`] or [`DecodeError::Corrupt`].
pub fn decode(body: &[u8], encoding: Encoding, cap: usize) -> Result<Cow<'_, [u8]>, DecodeError> {
    let corrupt = |source| DecodeError::Corrupt { encoding, source };
    match encoding {
        Encoding::Identity if body.len() > cap => Err(DecodeError::TooLarge(cap)),
        Encoding::Identity => Ok(Cow::Borrowed(body)),
        Encoding::Gzip => capped(flate2::bufread::MultiGzDecoder::new(body), body.len(), encoding, cap),
        Encoding::Deflate => capped(flate2::bufread::ZlibDecoder::new(body), body.len(), encoding, cap),
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(BufReader::new(body)).map_err(corrupt)?;
            decoder.window_log_max(WINDOW_LOG).map_err(corrupt)?;
            capped(decoder, body.len(), encoding, cap)
        }
    }
}

/// Reads to the end or one byte beyond the cap, whichever comes first.
fn capped(reader: impl Read, packed: usize, encoding: Encoding, cap: usize) -> Result<Cow<'static, [u8]>, DecodeError> {
    let mut out = Vec::with_capacity(packed.saturating_mul(8).min(cap));
    let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(limit).read_to_end(&mut out).map_err(|source| DecodeError::Corrupt { encoding, source })?;
    if out.len() > cap { Err(DecodeError::TooLarge(cap)) } else { Ok(Cow::Owned(out)) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use proptest::prelude::*;

    fn pack(data: &[u8], encoding: Encoding) -> Vec<u8> {
        match encoding {
            Encoding::Identity => data.to_vec(),
            Encoding::Gzip => {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                out.write_all(data).unwrap();
                out.finish().unwrap()
            }
            Encoding::Deflate => {
                let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                out.write_all(data).unwrap();
                out.finish().unwrap()
            }
            Encoding::Zstd => zstd::bulk::compress(data, 1).unwrap(),
        }
    }

    const ALL: [Encoding; 4] = [Encoding::Identity, Encoding::Gzip, Encoding::Deflate, Encoding::Zstd];

    proptest! {
        #[test]
        fn packed_and_back(data: Vec<u8>, which in 0_usize..4) {
            let packed = pack(&data, ALL[which]);
            prop_assert_eq!(&*decode(&packed, ALL[which], data.len()).unwrap(), &data[..]);
            if !data.is_empty() {
                prop_assert!(matches!(decode(&packed, ALL[which], data.len() - 1), Err(DecodeError::TooLarge(_))));
            }
        }

        #[test]
        fn any_bytes_are_answered(data: Vec<u8>, which in 0_usize..4) {
            if let Ok(out) = decode(&data, ALL[which], 1000) {
                prop_assert!(out.len() <= 1000);
            }
        }
    }

    #[test]
    fn many_frames_are_one_body() {
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let packed = [pack(b"one ", encoding), pack(b"two ", encoding), pack(b"three", encoding)].concat();
            assert_eq!(&*decode(&packed, encoding, 100).unwrap(), b"one two three", "{encoding:?}");
        }
    }

    #[test]
    fn bombs_stop_at_the_cap() {
        let zeros = vec![0; 1 << 20];
        for encoding in [Encoding::Gzip, Encoding::Deflate, Encoding::Zstd] {
            let frames = if encoding == Encoding::Deflate { 1 } else { 64 };
            let packed = pack(&zeros, encoding).repeat(frames);
            assert!(matches!(decode(&packed, encoding, 1 << 16), Err(DecodeError::TooLarge(_))), "{encoding:?}");
        }
    }

    #[test]
    fn a_cut_body_is_corrupt() {
        for encoding in [Encoding::Gzip, Encoding::Deflate, Encoding::Zstd] {
            let packed = pack(&[7; 10_000], encoding);
            let cut = decode(&packed[..packed.len() - 1], encoding, 1 << 16);
            assert!(matches!(cut, Err(DecodeError::Corrupt { .. })), "{encoding:?}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(Encoding::named(Some(" GZIP ")).unwrap(), Encoding::Gzip);
        assert_eq!(Encoding::named(None).unwrap(), Encoding::Identity);
        assert!(Encoding::named(Some("br")).is_err());
    }
}
