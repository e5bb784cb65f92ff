//! Records in, events out: [`crate::reassemble`] and [`crate::normalize`] in a row, with one honest set of counters.
//!
//! Both doors sit on this: the live source pushes frames with the receive clock, [`crate::replay`] pushes recorded lines
//! with the records' own time. Events are handed to a callback in one [`Event`] that is used again, so a stream of them
//! allocates nothing; the callback may change it or take it with [`std::mem::take`].
//!
//! Promises: every record taken but EOE is in exactly one event, or counted (`dropped`); a text that is no record
//! becomes an event with the text and the reason. Does not: enrich from the host, filter, give event ids.

use std::fmt;

use schema::loss::Unit;
use schema::{Event, Loss, Stream, Timestamp, field};

use crate::normalize::{self, Names, Normalizer};
use crate::reassemble::{self, Gap, Group, Limits, Reassembler};
use crate::record::{Record, Stamp};

/// How to run a [`Pipeline`].
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Bounds and waiting times of reassembly.
    pub limits: Limits,
    /// What events hold.
    pub normalize: normalize::Options,
}

/// What went through.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counters {
    /// Audit records taken, EOE included.
    pub records: u64,
    /// Events given out, those of unparsable texts included.
    pub events: u64,
    /// Texts that are no record.
    pub unparsed: u64,
    /// Events that lack a record they should have.
    pub incomplete: u64,
    /// Serials that never came.
    pub lost: u64,
    /// Records that came after their event was closed.
    pub late: u64,
    /// Entries of a journal that are not about audit: left out.
    pub foreign: u64,
    /// Bytes of text taken.
    pub bytes: u64,
}

/// See the [module](self).
pub struct Pipeline {
    reassembler: Reassembler,
    normalizer: Normalizer,
    /// `event.provider` of texts that are no record; the normaliser has its own.
    provider: &'static str,
    event: Event,
    events: u64,
    unparsed: u64,
    incomplete: u64,
    foreign: u64,
    bytes: u64,
}

/// Where a text that is no record is cut: its beginning says what it is.
const UNPARSED_BYTES: usize = 64 << 10;

impl Pipeline {
    /// Nothing taken yet.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self {
            reassembler: Reassembler::new(options.limits),
            normalizer: Normalizer::new(options.normalize.clone()),
            provider: options.normalize.provider,
            event: Event::default(),
            events: 0,
            unparsed: 0,
            incomplete: 0,
            foreign: 0,
            bytes: 0,
        }
    }

    /// Takes one record received at `now`; events that are whole by then go to `each`.
    pub fn push(&mut self, record: &Record<'_>, now: Timestamp, names: &dyn Names, each: &mut dyn FnMut(&mut Event)) {
        self.bytes += record.text.len() as u64;
        self.reassembler.push(record, now);
        self.give(names, each);
    }

    /// Takes a record whose text has no serial: an event of its own, incomplete.
    pub fn push_unnumbered(&mut self, record: &Record<'_>, names: &dyn Names, each: &mut dyn FnMut(&mut Event)) {
        self.bytes += record.text.len() as u64;
        self.reassembler.push_unnumbered(record);
        self.give(names, each);
    }

    /// All records of what was pushed last are known to be there: gives it out.
    pub fn close_open(&mut self, names: &dyn Names, each: &mut dyn FnMut(&mut Event)) {
        self.reassembler.close_open();
        self.give(names, each);
    }

    /// Notes an entry of a journal that is not about audit; it is left out.
    pub(crate) fn foreign(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.foreign += 1;
    }

    /// Takes a text that is no record: an event with the text and the reason.
    pub fn unparsed(
        &mut self,
        text: &[u8],
        reason: &dyn fmt::Display,
        now: Timestamp,
        each: &mut dyn FnMut(&mut Event),
    ) {
        self.bytes += text.len() as u64;
        self.unparsed += 1;
        self.events += 1;
        let event = &mut self.event;
        event.clear();
        event.push_date(field::TIMESTAMP, now);
        event.push_str(field::EVENT_DATASET, Stream::Audit.dataset());
        event.push_str(field::EVENT_MODULE, "auditd");
        event.push_str(field::EVENT_PROVIDER, self.provider);
        event.push_str(field::EVENT_KIND, "event");
        event.push_str(field::ERROR_MESSAGE, &reason.to_string());
        event.push_bytes(field::EVENT_ORIGINAL, &text[..text.len().min(UNPARSED_BYTES)]);
        if text.len() > UNPARSED_BYTES {
            event.push_str(field::AUDITNG_TRUNCATED, field::EVENT_ORIGINAL.name());
        }
        each(event);
    }

    /// Gives out what is due at `now`; to be called every 100 ms while a live stream is silent.
    pub fn tick(&mut self, now: Timestamp, names: &dyn Names, each: &mut dyn FnMut(&mut Event)) {
        self.reassembler.tick(now);
        self.give(names, each);
    }

    /// The input has ended: gives out everything.
    pub fn finish(&mut self, names: &dyn Names, each: &mut dyn FnMut(&mut Event)) {
        self.reassembler.finish();
        self.give(names, each);
    }

    /// Ends without giving out what is not whole yet: its records go to `each`, by type and text, for the pipeline of a
    /// successor that reads on. Gives the stamp of the newest serial, for [`Self::resume`].
    pub fn hand_over(&mut self, each: &mut dyn FnMut(u16, &[u8])) -> Option<Stamp> {
        for group in self.reassembler.take_open() {
            for part in group.parts() {
                // As the kernel sent it, without what a log puts before it.
                let begin = memchr::memmem::find(part.line, b"audit(").unwrap_or(0);
                each(part.kind, &part.line[begin..]);
            }
        }
        self.reassembler.newest()
    }

    /// Goes on behind the newest serial of a predecessor: what is missing from there on is lost.
    pub fn resume(&mut self, newest: Stamp) {
        self.reassembler.resume(newest);
    }

    /// Takes the losses noticed since the last call; [`Loss::to_event`] makes events of them.
    pub fn losses(&mut self) -> impl Iterator<Item = Loss> {
        self.reassembler.gaps().map(loss_of)
    }

    /// What went through so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let reassembly = self.reassembler.counters();
        Counters {
            records: reassembly.records,
            events: self.events,
            unparsed: self.unparsed,
            incomplete: self.incomplete,
            lost: reassembly.lost,
            late: reassembly.late,
            foreign: self.foreign,
            bytes: self.bytes,
        }
    }

    /// What happened in reassembly so far.
    #[must_use]
    pub fn reassembly(&self) -> reassemble::Counters {
        self.reassembler.counters()
    }

    /// The reassembler, for its memory figures.
    #[must_use]
    pub fn reassembler(&self) -> &Reassembler {
        &self.reassembler
    }

    fn give(&mut self, names: &dyn Names, each: &mut dyn FnMut(&mut Event)) {
        while let Some(group) = self.reassembler.next_closed() {
            self.give_group(&group, names, each);
            self.reassembler.recycle(group);
        }
    }

    fn give_group(&mut self, group: &Group, names: &dyn Names, each: &mut dyn FnMut(&mut Event)) {
        self.event.clear();
        let verdict = self.normalizer.normalize(group, names, &mut self.event);
        self.events += 1;
        self.incomplete += u64::from(verdict.incomplete);
        each(&mut self.event);
    }
}

fn loss_of(gap: Gap) -> Loss {
    Loss {
        stage: "kernel",
        reason: "serial-gap",
        count: Some(gap.count),
        unit: Unit::Events,
        window_start: gap.after,
        window_end: gap.before,
        range: None,
    }
}
