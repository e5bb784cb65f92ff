//! Recorded audit data of any wrapping, in chunks of any size.
//!
//! [`Decoder`] takes bytes as they come from a file or pipe (already unpacked), finds out what they are from the first
//! 64 KiB ([`detect()`]), and gives events to a callback. Formats: auditd RAW and ENRICHED (mixed, with `node=`, behind
//! syslog or kernel-log prefixes, CRLF, cut at either end), a journal's export, JSON and short forms, JSON of go-audit, and
//! captures of raw netlink frames.
//!
//! Promises: memory does not grow with the input; a line that is no record becomes an event with the text and the reason;
//! the same bytes give the same events whatever the chunks; names of users come from the input alone. Of a journal only
//! what is about audit becomes events, all else is counted ([`Counters::foreign`]). Does not: open files, unpack, give
//! event ids.
//!
//! The container of a process is told from the command lines of runtimes in the log (`auditng.container.source: argv`).
//!
//! `event.original` of a journal's or go-audit's event holds its records as auditd would have written them.
//!
//! Time is the records' own, made steady: disorder within 64 records, a quiet night or a clock set by an hour close nothing
//! early.

mod clock;
mod containers;
mod detect;
mod go_audit;
mod journal;
mod short;

use memchr::memmem;
use schema::{Event, Loss, Timestamp, field};

pub use detect::{Detection, Format, detect};

use crate::netlink::capture::{self, Take};
use crate::netlink::{self, Frame};
use crate::normalize::NoNames;
pub use crate::pipeline::Counters;
use crate::pipeline::{self, Pipeline};
use crate::record::{self, Malformed, Record};
use clock::RecordClock;
use containers::Containers;
use journal::{Entry, Export};
use short::Said;

/// How to run a [`Decoder`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The format; `None`: find out.
    pub format: Option<Format>,
    /// Bounds, and what events hold.
    pub pipeline: pipeline::Options,
    /// When the input was last written: `journalctl`'s short form has no year, it is the last one before this.
    pub reference: Timestamp,
}

impl Default for Options {
    /// Finds the format out; `event.provider` is `replay`.
    fn default() -> Self {
        let mut pipeline = pipeline::Options::default();
        pipeline.normalize.provider = "replay";
        Self { format: None, pipeline, reference: Timestamp::default() }
    }
}

/// How much of the input decides about its format.
pub const HEAD_BYTES: usize = 64 << 10;
/// A longer line is no record: its beginning is kept, the rest of it is skipped.
pub const LINE_BYTES: usize = 1 << 20;

/// See the [module](self).
pub struct Decoder {
    pipeline: Pipeline,
    clock: RecordClock,
    detection: Option<Detection>,
    /// Bytes of an unfinished line or frame, or of the head before the format is known.
    kept: Vec<u8>,
    skip: Skip,
    export: Export,
    /// A record put into the form of a line, used again.
    line: Vec<u8>,
    reference: Timestamp,
    containers: Containers,
}

/// What is being skipped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Skip {
    Nothing,
    /// The rest of a line that was too long.
    Line,
    /// The rest of a damaged capture.
    Input,
}

/// 0x1d as rsyslog escapes it.
const ESCAPED_SEPARATOR: &[u8] = b"#035";

#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("line longer than {LINE_BYTES} bytes")]
    LongLine,
    #[error("capture cut inside a frame of {0} bytes")]
    CutFrame(usize),
    #[error("capture damaged: frame length {0}")]
    FrameLength(u32),
    #[error("no JSON object of a journal")]
    JournalJson,
    #[error("the journal entry's message was left out or is too long: `journalctl --all` writes it")]
    CutEntry,
}

impl Decoder {
    /// Nothing read yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let detection = options.format.map(|format| Detection { format, reason: "as asked for" });
        Self {
            pipeline: Pipeline::new(&options.pipeline),
            clock: RecordClock::default(),
            detection,
            kept: Vec::new(),
            skip: Skip::Nothing,
            export: Export::default(),
            line: Vec::new(),
            reference: options.reference,
            containers: Containers::default(),
        }
    }

    /// Takes the next bytes, however cut. Events that are whole by then go to `each`.
    pub fn feed(&mut self, chunk: &[u8], each: &mut dyn FnMut(&mut Event)) {
        self.with_containers(each, |decoder, each| decoder.take(chunk, each));
    }

    /// The input has ended: gives out everything that is left.
    pub fn finish(&mut self, each: &mut dyn FnMut(&mut Event)) {
        self.with_containers(each, Self::end);
    }

    /// Runs a step whose events learn of their containers before they are given out.
    fn with_containers(
        &mut self,
        each: &mut dyn FnMut(&mut Event),
        step: impl FnOnce(&mut Self, &mut dyn FnMut(&mut Event)),
    ) {
        let mut containers = std::mem::take(&mut self.containers);
        step(self, &mut |event| {
            containers.see(event);
            each(event);
        });
        self.containers = containers;
    }

    fn take(&mut self, chunk: &[u8], each: &mut dyn FnMut(&mut Event)) {
        match self.detection {
            None if self.kept.len() + chunk.len() < HEAD_BYTES => self.kept.extend_from_slice(chunk),
            None => {
                let mut head = std::mem::take(&mut self.kept);
                head.extend_from_slice(chunk);
                self.detection = Some(detect(&head[..head.len().min(HEAD_BYTES)]));
                self.read(&head, each);
            }
            Some(_) => self.read(chunk, each),
        }
    }

    fn end(&mut self, each: &mut dyn FnMut(&mut Event)) {
        if self.detection.is_none() {
            let head = std::mem::take(&mut self.kept);
            self.detection = Some(detect(&head));
            self.read(&head, each);
        }
        let rest = std::mem::take(&mut self.kept);
        match self.format() {
            _ if rest.is_empty() || self.skip != Skip::Nothing => {}
            Format::Netlink => {
                self.pipeline.unparsed(&rest, &Unreadable::CutFrame(rest.len()), self.clock.latest(), each)
            }
            Format::JournalExport => {
                let mut export = std::mem::take(&mut self.export);
                // A last line without its end, and an entry without its empty line.
                export.read(&[&rest[..], b"\n"].concat(), &mut |entry| self.entry(&entry, each));
                self.export = export;
            }
            Format::Lines | Format::JournalJson | Format::GoAudit => self.line(&rest, each),
        }
        let mut export = std::mem::take(&mut self.export);
        export.finish(&mut |entry| self.entry(&entry, each));
        self.pipeline.finish(&NoNames, each);
    }

    /// What the input was taken for and why, once [`HEAD_BYTES`] were read or the input ended.
    #[must_use]
    pub fn detection(&self) -> Option<Detection> {
        self.detection
    }

    /// What went through so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.pipeline.counters()
    }

    /// Takes the losses noticed since the last call.
    pub fn losses(&mut self) -> impl Iterator<Item = Loss> {
        self.pipeline.losses()
    }

    /// The largest record time of late: when replayed losses were noticed.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.latest()
    }

    /// What happened in reassembly so far.
    #[must_use]
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    fn format(&self) -> Format {
        self.detection.map_or(Format::Lines, |detection| detection.format)
    }

    fn read(&mut self, chunk: &[u8], each: &mut dyn FnMut(&mut Event)) {
        match self.format() {
            Format::Lines | Format::JournalJson | Format::GoAudit => self.read_lines(chunk, each),
            Format::JournalExport => self.read_entries(chunk, each),
            Format::Netlink => self.read_frames(chunk, each),
        }
    }

    fn read_lines(&mut self, mut chunk: &[u8], each: &mut dyn FnMut(&mut Event)) {
        while let Some(end) = memchr::memchr(b'\n', chunk) {
            let (line, rest) = (&chunk[..end], &chunk[end + 1..]);
            chunk = rest;
            if self.skip == Skip::Line {
                self.skip = Skip::Nothing;
            } else if self.kept.is_empty() {
                self.line(line, each);
            } else {
                let mut kept = std::mem::take(&mut self.kept);
                kept.extend_from_slice(line);
                self.line(&kept, each);
                kept.clear();
                self.kept = kept;
            }
        }
        if self.skip == Skip::Nothing {
            self.keep_unfinished(chunk, each);
        }
    }

    fn keep_unfinished(&mut self, chunk: &[u8], each: &mut dyn FnMut(&mut Event)) {
        self.kept.extend_from_slice(chunk);
        if self.kept.len() > LINE_BYTES {
            let kept = std::mem::take(&mut self.kept);
            self.pipeline.unparsed(&kept, &Unreadable::LongLine, self.clock.latest(), each);
            self.skip = Skip::Line;
        }
    }

    fn line(&mut self, line: &[u8], each: &mut dyn FnMut(&mut Event)) {
        if line.len() > LINE_BYTES {
            return self.pipeline.unparsed(line, &Unreadable::LongLine, self.clock.latest(), each);
        }
        match self.format() {
            Format::GoAudit => return self.object(line, each),
            Format::JournalJson => return self.json_entry(line, each),
            _ => {}
        }
        if !line.starts_with(b"type=") && memmem::find(line, ESCAPED_SEPARATOR).is_some() {
            return self.escaped_line(line, each);
        }
        match record::parse_line(line) {
            Ok(record) => self.push(&record, each),
            Err(error) => self.no_record(line, error, each),
        }
    }

    /// A line that rsyslog wrote: what separates the ENRICHED tail is a control character, which it escapes.
    #[cold]
    fn escaped_line(&mut self, line: &[u8], each: &mut dyn FnMut(&mut Event)) {
        let mut whole = line.to_vec();
        if let Some(at) = memmem::rfind(&whole, ESCAPED_SEPARATOR) {
            whole.splice(at..at + ESCAPED_SEPARATOR.len(), [0x1d]);
        }
        match record::parse_line(&whole) {
            Ok(record) => self.push(&record, each),
            Err(error) => self.no_record(line, error, each),
        }
    }

    /// A line without the header of a record: of `journalctl`'s short form, or none of ours.
    #[cold]
    fn no_record(&mut self, line: &[u8], error: Malformed, each: &mut dyn FnMut(&mut Event)) {
        let said = short::time(line, self.reference);
        let time = match said {
            Some(Said::Whole(time) | Said::Guessed(time)) => time,
            None => self.clock.latest(),
        };
        match record::parse_unnumbered(line, time) {
            Some(record) => self.pipeline.push_unnumbered(&record, &NoNames, &mut |event| {
                if !matches!(said, Some(Said::Whole(_))) {
                    event.push_bool(field::AUDITNG_TIME_SUSPECT, true);
                }
                each(event);
            }),
            None if line.trim_ascii().is_empty() => {}
            None => self.pipeline.unparsed(line, &error, self.clock.latest(), each),
        }
    }

    fn object(&mut self, line: &[u8], each: &mut dyn FnMut(&mut Event)) {
        let group = match go_audit::read(line) {
            Ok(group) => group,
            Err(_) if line.trim_ascii().is_empty() => return,
            Err(error) => return self.pipeline.unparsed(line, &error, self.clock.latest(), each),
        };
        let mut each = |event: &mut Event| {
            group.add_to(event);
            each(event);
        };
        for line in &group.lines {
            match record::parse_line(line) {
                Ok(record) => {
                    let now = self.clock.advance(record.kind, record.stamp.time);
                    self.pipeline.push(&record, now, &group.users, &mut each);
                }
                Err(error) => self.pipeline.unparsed(line, &error, self.clock.latest(), &mut each),
            }
        }
        self.pipeline.close_open(&group.users, &mut each);
    }

    fn read_entries(&mut self, chunk: &[u8], each: &mut dyn FnMut(&mut Event)) {
        let mut kept = std::mem::take(&mut self.kept);
        let mut export = std::mem::take(&mut self.export);
        kept.extend_from_slice(chunk);
        let used = export.read(&kept, &mut |entry| self.entry(&entry, each));
        kept.drain(..used);
        (self.kept, self.export) = (kept, export);
    }

    fn json_entry(&mut self, line: &[u8], each: &mut dyn FnMut(&mut Event)) {
        let start = memchr::memchr(b'{', line).unwrap_or(0);
        match Entry::from_json(&line[start..]) {
            Some(entry) => self.entry(&entry, each),
            None if line.trim_ascii().is_empty() => {}
            None => self.pipeline.unparsed(line, &Unreadable::JournalJson, self.clock.latest(), each),
        }
    }

    fn entry(&mut self, entry: &Entry, each: &mut dyn FnMut(&mut Event)) {
        let mut line = std::mem::take(&mut self.line);
        let about_audit = entry.line(&mut line);
        if entry.cut && entry.is_audit() {
            self.pipeline.unparsed(&line, &Unreadable::CutEntry, self.clock.latest(), each);
        } else if about_audit {
            match record::parse_line(&line) {
                Ok(record) => self.push(&record, each),
                Err(error) => self.pipeline.unparsed(&line, &error, self.clock.latest(), each),
            }
        } else {
            self.pipeline.foreign(entry.bytes);
        }
        self.line = line;
    }

    fn push(&mut self, record: &Record<'_>, each: &mut dyn FnMut(&mut Event)) {
        let now = self.clock.advance(record.kind, record.stamp.time);
        self.pipeline.push(record, now, &NoNames, each);
    }

    fn read_frames(&mut self, chunk: &[u8], each: &mut dyn FnMut(&mut Event)) {
        if self.skip != Skip::Nothing {
            return;
        }
        let mut kept = std::mem::take(&mut self.kept);
        kept.extend_from_slice(chunk);
        let mut at = 0;
        loop {
            match capture::take(&kept[at..]) {
                Take::Datagram { datagram, used } => {
                    self.frame(datagram, each);
                    at += used;
                }
                Take::More { .. } => break,
                Take::NotACapture { length } => {
                    let error = Unreadable::FrameLength(length);
                    self.pipeline.unparsed(&kept[at..], &error, self.clock.latest(), each);
                    self.skip = Skip::Input;
                    at = kept.len();
                    break;
                }
            }
        }
        kept.drain(..at);
        self.kept = kept;
    }

    /// Acknowledgements, replies and pings are no records and pass unseen.
    fn frame(&mut self, datagram: &[u8], each: &mut dyn FnMut(&mut Event)) {
        let parsed = match netlink::decode(datagram) {
            Ok(Frame::Record(kind, text)) => record::parse(kind, text),
            Ok(_) => return,
            Err(error) => return self.pipeline.unparsed(datagram, &error, self.clock.latest(), each),
        };
        match parsed {
            Ok(record) => self.push(&record, each),
            Err(error) => self.pipeline.unparsed(datagram, &error, self.clock.latest(), each),
        }
    }
}

#[cfg(test)]
mod tests;
