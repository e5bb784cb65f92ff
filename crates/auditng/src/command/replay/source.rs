//! One input: its bytes, what they are, and the events in them.

use std::path::{Path, PathBuf};

use agent::ship::Identity;
use audit::pipeline::Counters;
use audit::replay::{Decoder, Format as Decoded, HEAD_BYTES, Options, detect};
use indicatif::ProgressBar;
use schema::{Event, Timestamp, field};

use super::CHUNK_BYTES;
use super::destination::Destination;
use super::identity;
use crate::cli::{Format, Replay};
use crate::exit::{Code, Failure};
use crate::input::{Input, InputError};

/// An opened input with its first chunk read.
pub(super) struct Source {
    path: PathBuf,
    input: Input,
    reader: Reader,
    chunk: Vec<u8>,
    filled: usize,
    /// The first chunk has been read and not yet given to [`Self::decode`].
    fresh: bool,
    /// Its format was not asked for.
    guessed: bool,
}

/// What makes events of bytes.
enum Reader {
    Audit(Box<Decoder>),
    Ndjson(Ndjson),
}

/// Lines of our own JSON.
#[derive(Default)]
struct Ndjson {
    unfinished: Vec<u8>,
    counters: Counters,
}

/// A longer line is no event of ours (they end at 1 MiB); it is kept cut.
const LINE_BYTES: usize = 2 << 20;

impl Source {
    /// Opens the input and decides what it is by its beginning.
    pub(super) fn open(path: &Path, arguments: &Replay, progress: &ProgressBar) -> Result<Self, Failure> {
        let failed = |error: InputError| Failure { code: Code::Input, error: error.into() };
        let mut input = Input::open(path, progress).map_err(failed)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let filled = input.read(&mut chunk).map_err(failed)?;
        let reader = Reader::new(arguments, &chunk[..filled.min(HEAD_BYTES)], written(path));
        let guessed = arguments.format == Format::Auto;
        Ok(Self { path: path.to_owned(), input, reader, chunk, filled, fresh: true, guessed })
    }

    /// Who this input is.
    pub(super) fn identity(&self, salt: Option<[u8; 32]>) -> Identity {
        identity::of(&self.chunk[..self.filled.min(identity::HEAD_BYTES)], salt)
    }

    /// Reads on; false at the end.
    pub(super) fn read(&mut self) -> Result<bool, InputError> {
        if !std::mem::take(&mut self.fresh) {
            self.filled = self.input.read(&mut self.chunk)?;
        }
        Ok(self.filled > 0)
    }

    /// Gives the events of the chunk that was read to the destination.
    pub(super) fn decode(&mut self, destination: &mut Destination) -> Result<(), Failure> {
        let chunk = &self.chunk[..self.filled];
        match &mut self.reader {
            Reader::Audit(decoder) => {
                decoder.feed(chunk, &mut |event| destination.put(event));
                losses(decoder, destination);
            }
            Reader::Ndjson(lines) => lines.feed(chunk, destination),
        }
        destination.check()
    }

    /// The input has ended.
    pub(super) fn finish(&mut self, destination: &mut Destination) -> Result<(), Failure> {
        match &mut self.reader {
            Reader::Audit(decoder) => {
                decoder.finish(&mut |event| destination.put(event));
                losses(decoder, destination);
            }
            Reader::Ndjson(lines) => lines.finish(destination),
        }
        destination.check()
    }

    pub(super) fn counters(&self) -> Counters {
        match &self.reader {
            Reader::Audit(decoder) => decoder.counters(),
            Reader::Ndjson(lines) => lines.counters,
        }
    }

    /// What the input was taken for, if nobody said what it is.
    pub(super) fn detection(&self) -> Option<String> {
        let (reason, guess) = match &self.reader {
            _ if !self.guessed => return None,
            Reader::Ndjson(_) => ("events of our own", false),
            Reader::Audit(decoder) => {
                let detection = decoder.detection()?;
                (detection.reason, detection.is_guess())
            }
        };
        let advice = if guess { "; --format says what it is" } else { "" };
        Some(format!("auditng: {}: {reason}{advice}", self.path.display()))
    }
}

impl Reader {
    fn new(arguments: &Replay, head: &[u8], reference: Timestamp) -> Self {
        let format = match arguments.format {
            Format::Ndjson => return Self::Ndjson(Ndjson::default()),
            Format::Auto if looks_like_ours(head) => return Self::Ndjson(Ndjson::default()),
            Format::Auto => None,
            Format::Raw | Format::Enriched => Some(match detect(head).format {
                journal @ (Decoded::JournalExport | Decoded::JournalJson) => journal,
                _ => Decoded::Lines,
            }),
            Format::GoAudit => Some(Decoded::GoAudit),
            Format::Netlink => Some(Decoded::Netlink),
        };
        let mut options = Options { format, reference, ..Options::default() };
        options.pipeline.normalize.original = !arguments.no_original;
        Self::Audit(Box::new(Decoder::new(options)))
    }
}

/// When a file was last written; of standard input, which is written now, the time now.
fn written(path: &Path) -> Timestamp {
    let now = agent::clock::Clock::system().wall();
    let modified = path.metadata().and_then(|file| file.modified()).ok();
    let since = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).map_or(now, Timestamp::from_millis)
}

/// Serial gaps are events, too.
fn losses(decoder: &mut Decoder, destination: &mut Destination) {
    let now = decoder.now();
    for loss in decoder.losses() {
        destination.put(&mut loss.to_event(now));
    }
}

fn looks_like_ours(head: &[u8]) -> bool {
    head.starts_with(b"{") && head.windows(12).any(|part| part == b"\"@timestamp\"")
}

impl Ndjson {
    fn feed(&mut self, chunk: &[u8], destination: &mut Destination) {
        let mut lines = chunk.split(|&byte| byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            let room = LINE_BYTES.saturating_sub(self.unfinished.len());
            self.unfinished.extend_from_slice(&line[..line.len().min(room)]);
            if lines.peek().is_some() {
                self.line(destination);
            }
        }
        self.counters.bytes += chunk.len() as u64;
    }

    fn finish(&mut self, destination: &mut Destination) {
        self.line(destination);
    }

    fn line(&mut self, destination: &mut Destination) {
        let line = std::mem::take(&mut self.unfinished);
        if line.trim_ascii().is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&line);
        let mut event = match Event::from_json(&text) {
            Ok(event) => event,
            Err(error) => {
                self.counters.unparsed += 1;
                let mut event = Event::default();
                event.push_str(field::ERROR_MESSAGE, &error.to_string());
                event.push_bytes(field::EVENT_ORIGINAL, &line);
                event
            }
        };
        self.counters.records += 1;
        self.counters.events += 1;
        destination.put(&mut event);
    }
}
