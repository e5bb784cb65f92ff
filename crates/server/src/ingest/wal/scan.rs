//! Reads frames one after the other, whatever happened to the bytes.
//!
//! * A header or a body cut by the end of the file is a torn tail: never acknowledged, so never missed.
//! * A damaged body costs its frame; the header says which events that were.
//! * A damaged header: the next magic with a good header goes on; what lies between is unknown.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::Place;
use super::frame::{FRAME_HEADER, FRAME_MAGIC, Frame, FrameHeader};
use schema::IngestSeq;

/// What lies at a place in a segment.
#[derive(Debug)]
pub enum Found {
    /// A whole frame. Its place does not know the segment's number.
    Frame {
        /// Where.
        place: Place,
        /// What.
        frame: Frame,
    },
    /// Bytes that cannot be read.
    Damaged {
        /// From where on.
        offset: u64,
        /// First and last lost sequence, where the header tells.
        known: Option<(IngestSeq, IngestSeq)>,
    },
}

/// Walks over the bytes `offset..end` of a segment.
#[derive(Debug)]
pub struct Scan<'a> {
    file: &'a File,
    offset: u64,
    end: u64,
}

const CHUNK: usize = 64 * 1024;

impl<'a> Scan<'a> {
    /// Begins at a frame's place.
    #[must_use]
    pub const fn at(file: &'a File, offset: u64, end: u64) -> Self {
        Self { file, offset, end }
    }

    /// The next thing found; `None` at the end or at a torn tail.
    ///
    /// # Errors
    /// The file cannot be read.
    #[expect(clippy::should_implement_trait, reason = "fallible, and an error is not the end")]
    pub fn next(&mut self) -> io::Result<Option<Found>> {
        let Some(header) = self.header(self.offset)? else { return Ok(None) };
        let at = self.offset;
        let Some(header) = header else { return self.skip_damaged(at) };
        let body = at + FRAME_HEADER as u64;
        if header.rest > self.end - body {
            return Ok(None);
        }
        self.offset = body + header.rest;
        let mut rest = vec![0; usize::try_from(header.rest).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut rest, body)?;
        Ok(Some(match header.frame(rest) {
            Some(frame) => Found::Frame { place: place(&header, at), frame },
            None => Found::Damaged { offset: at, known: Some((header.first, header.last())) },
        }))
    }

    /// The header at `offset`: outer `None` where the file ends before it does.
    fn header(&self, offset: u64) -> io::Result<Option<Option<FrameHeader>>> {
        if offset + FRAME_HEADER as u64 > self.end {
            return Ok(None);
        }
        let mut bytes = [0; FRAME_HEADER];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(Some(FrameHeader::read(&bytes)))
    }

    fn skip_damaged(&mut self, at: u64) -> io::Result<Option<Found>> {
        let mut zeros = true;
        let mut from = at;
        loop {
            let mut chunk = vec![0; CHUNK.min(usize::try_from(self.end - from).unwrap_or(CHUNK))];
            self.file.read_exact_at(&mut chunk, from)?;
            zeros &= chunk.iter().all(|&byte| byte == 0);
            for hit in memmem(&chunk, FRAME_MAGIC) {
                let candidate = from + hit as u64;
                if candidate > at && self.header(candidate)?.flatten().is_some() {
                    self.offset = candidate;
                    return Ok(Some(Found::Damaged { offset: at, known: None }));
                }
            }
            // A magic may lie across the border of two chunks.
            from += (chunk.len() - chunk.len().min(FRAME_MAGIC.len() - 1)) as u64;
            if from + FRAME_HEADER as u64 > self.end {
                break;
            }
        }
        self.offset = self.end;
        // Zeros to the end: the file grew, its content did not arrive. Nobody was told that it had.
        Ok((!zeros).then_some(Found::Damaged { offset: at, known: None }))
    }
}

fn place(header: &FrameHeader, offset: u64) -> Place {
    Place { segment: 0, offset, first: header.first, accepted: header.accepted(), received: header.received }
}

/// All places of `needle`; the log is searched only where it is damaged.
fn memmem<'a>(hay: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    hay.windows(needle.len()).enumerate().filter(move |(_, window)| *window == needle).map(|(at, _)| at)
}
