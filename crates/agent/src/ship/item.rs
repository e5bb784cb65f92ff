//! Bodies made of parts, and answers taken apart item by item.

use std::io;

use elastic::bulk::{Items, Response, Verdict};
use schema::{Lane, Timestamp};

use super::client::{Kind, Packed, gzip};
use crate::spool::segment::Origin;
use crate::spool::{Packer, Part};

/// Parts with fewer events are unpacked and packed together: an event alone takes a kilobyte, among others a tenth.
const FEW: u16 = 50;
/// Most bytes packed together into one frame.
const MERGED: usize = 1 << 20;

/// Events that travel together.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) origin: Origin,
    pub(super) parts: Vec<Part>,
    pub(super) watermark: Timestamp,
    /// How often it was sent in vain.
    pub(super) attempts: u32,
}

/// A run of consecutive counters of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) lane: Lane,
    pub(super) first: u64,
    pub(super) last: u64,
}

/// An event that a server will never take.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) lane: Lane,
    pub(super) counter: u64,
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) document: String,
}

/// What became of the items of a load.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) delivered: Vec<Run>,
    /// Delivered now; the others were there before.
    pub(super) created: u64,
    pub(super) duplicates: u64,
    pub(super) retry: Vec<Part>,
    pub(super) refused: Vec<Refused>,
}

impl Load {
    pub(super) fn events(&self) -> usize {
        self.parts.iter().map(|part| usize::from(part.count)).sum()
    }

    /// Oldest event time in it.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.parts.iter().map(|part| part.first_time).min()
    }

    /// The body as it goes over the wire.
    pub(super) fn body(&self, packer: &mut Packer, kind: Kind) -> io::Result<Packed> {
        match kind {
            Kind::Auditng => Ok(Packed { bytes: self.concatenated(packer)?, encoding: "zstd" }),
            Kind::Elastic => {
                let mut lines = Vec::new();
                for part in &self.parts {
                    lines.append(&mut packer.unpack(&part.payload, part.raw_len)?);
                }
                gzip(&lines)
            }
        }
    }

    /// Frames as they lie in the spool, one behind the other; rows of small ones packed together.
    fn concatenated(&self, packer: &mut Packer) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.parts.iter().map(|part| part.payload.len()).sum());
        let mut small = Vec::new();
        for (at, part) in self.parts.iter().enumerate() {
            let few = |part: Option<&Part>| part.is_some_and(|part| part.count < FEW);
            // A small one between large ones has nothing to be packed with.
            let company = !small.is_empty() || few(self.parts.get(at + 1));
            if few(Some(part)) && company {
                small.append(&mut packer.unpack(&part.payload, part.raw_len)?);
                if small.len() >= MERGED {
                    bytes.append(&mut packer.pack(&small)?);
                    small.clear();
                }
                continue;
            }
            if !small.is_empty() {
                bytes.append(&mut packer.pack(&small)?);
                small.clear();
            }
            bytes.extend_from_slice(&part.payload);
        }
        if !small.is_empty() {
            bytes.append(&mut packer.pack(&small)?);
        }
        Ok(bytes)
    }

    /// Two loads of half the events; `None` for a single event.
    pub(super) fn halves(&self, packer: &mut Packer) -> io::Result<Option<[Self; 2]>> {
        let half = self.events() / 2;
        if half == 0 {
            return Ok(None);
        }
        let (mut front, mut back, mut seen) = (Vec::new(), Vec::new(), 0);
        for part in &self.parts {
            let count = usize::from(part.count);
            let here = half.saturating_sub(seen).min(count);
            match (here, count - here) {
                (0, _) => back.push(part.clone()),
                (_, 0) => front.push(part.clone()),
                (here, _) => {
                    let lines = Lines::of(packer, part)?;
                    front.push(lines.run(packer, part, 0, here)?);
                    back.push(lines.run(packer, part, here, count - here)?);
                }
            }
            seen += count;
        }
        let load = |parts| Self { parts, ..self.clone() };
        Ok(Some([load(front), load(back)]))
    }

    /// Takes an answer apart. It has as many items as the load has events.
    pub(super) fn sort(&self, packer: &mut Packer, response: &Response<'_>) -> io::Result<Sorted> {
        let mut sorted = Sorted::default();
        let mut items = &response.items[..];
        for part in &self.parts {
            let (mine, rest) = items.split_at(usize::from(part.count).min(items.len()));
            items = rest;
            let mut lines = None;
            let mut at = 0;
            for run in mine.chunk_by(|a, b| a.verdict() == b.verdict()) {
                let Some(first) = run.first() else { continue };
                match first.verdict() {
                    Verdict::Delivered => {
                        let duplicates = run.iter().filter(|item| item.status == 409).count();
                        sorted.duplicates += duplicates as u64;
                        sorted.created += (run.len() - duplicates) as u64;
                        sorted.delivered.push(run_of(part, at, run.len()));
                    }
                    Verdict::Retry => {
                        let lines = lines_of(&mut lines, packer, part)?;
                        sorted.retry.push(lines.run(packer, part, at, run.len())?);
                    }
                    Verdict::Refused => {
                        let lines = lines_of(&mut lines, packer, part)?;
                        sorted.refused.extend(run.iter().zip(at..).map(|(item, at)| {
                            let reason = item.refusal.as_ref().map(|why| format!("{}: {}", why.kind, why.reason));
                            lines.refused(part, at, item.status, reason.unwrap_or_default())
                        }));
                    }
                }
                at += run.len();
            }
        }
        Ok(sorted)
    }

    /// All of it refused, for a reason that the server gave for the whole body.
    pub(super) fn all_refused(&self, packer: &mut Packer, status: u16, reason: &str) -> io::Result<Vec<Refused>> {
        let mut refused = Vec::new();
        for part in &self.parts {
            let lines = Lines::of(packer, part)?;
            refused.extend((0..usize::from(part.count)).map(|at| lines.refused(part, at, status, reason.to_owned())));
        }
        Ok(refused)
    }
}

fn run_of(part: &Part, at: usize, len: usize) -> Run {
    let first = part.first + at as u64;
    Run { lane: part.lane, first, last: first + len as u64 - 1 }
}

fn lines_of<'a>(kept: &'a mut Option<Lines>, packer: &mut Packer, part: &Part) -> io::Result<&'a Lines> {
    match kept {
        Some(lines) => Ok(lines),
        None => Ok(kept.insert(Lines::of(packer, part)?)),
    }
}

/// A part unpacked, with where its items begin.
struct Lines {
    bytes: Vec<u8>,
    /// Of each item, and the end.
    starts: Vec<usize>,
}

impl Lines {
    fn of(packer: &mut Packer, part: &Part) -> io::Result<Self> {
        let bytes = packer.unpack(&part.payload, part.raw_len)?;
        // Items are pairs of lines: we wrote them.
        let ends = memchr::memchr_iter(b'\n', &bytes).skip(1).step_by(2).map(|at| at + 1);
        let starts: Vec<usize> = [0].into_iter().chain(ends).collect();
        if starts.len() == usize::from(part.count) + 1 {
            Ok(Self { bytes, starts })
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, "a spool frame has another number of events than it says"))
        }
    }

    /// `len` items from the `at`-th on as a part of their own.
    fn run(&self, packer: &mut Packer, part: &Part, at: usize, len: usize) -> io::Result<Part> {
        let lines = &self.bytes[self.starts[at]..self.starts[at + len]];
        let invalid = |_| io::Error::from(io::ErrorKind::InvalidData);
        Ok(Part {
            first: part.first + at as u64,
            count: u16::try_from(len).map_err(invalid)?,
            raw_len: u32::try_from(lines.len()).map_err(invalid)?,
            payload: packer.pack(lines)?,
            ..*part
        })
    }

    fn refused(&self, part: &Part, at: usize, status: u16, reason: String) -> Refused {
        let item = &self.bytes[self.starts[at]..self.starts[at + 1]];
        let document = Items::new(item).next().and_then(Result::ok).and_then(|item| item.document);
        let document = String::from_utf8_lossy(document.unwrap_or_default()).into_owned();
        Refused { lane: part.lane, counter: part.first + at as u64, status, reason, document }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use elastic::bulk::{Action, ItemResult, write_create};
    use schema::AgentId;

    fn part(packer: &mut Packer, first: u64, count: u16) -> Part {
        let mut lines = Vec::new();
        for counter in (first..).take(usize::from(count)) {
            write_create(&mut lines, "logs", &format!("id-{counter}"), format!("{{\"n\":{counter}}}").as_bytes());
        }
        let raw_len = u32::try_from(lines.len()).unwrap();
        let payload = packer.pack(&lines).unwrap();
        Part { lane: Lane::Normal, first, count, raw_len, first_time: Timestamp::default(), payload }
    }

    fn load(packer: &mut Packer, parts: &[(u64, u16)]) -> Load {
        let origin = Origin { agent: AgentId::default(), epoch: 1, nonce: [0; 16] };
        let parts = parts.iter().map(|&(first, count)| part(packer, first, count)).collect();
        Load { origin, parts, watermark: Timestamp::default(), attempts: 0 }
    }

    fn ids(body: &[u8]) -> Vec<String> {
        let lines = zstd::decode_all(body).unwrap();
        Items::new(&lines).map(|item| item.unwrap().id.unwrap().into_owned()).collect()
    }

    fn expected(counters: impl IntoIterator<Item = u64>) -> Vec<String> {
        counters.into_iter().map(|counter| format!("id-{counter}")).collect()
    }

    #[test]
    fn a_body_is_its_parts_in_order_small_ones_packed_together() {
        let mut packer = Packer::new().unwrap();
        let load = load(&mut packer, &[(0, 1), (1, 2), (3, 100), (103, 1), (104, 60), (164, 1), (165, 1)]);
        let body = load.body(&mut packer, Kind::Auditng).unwrap();
        assert_eq!(ids(&body.bytes), expected(0..166));
        let alone: usize = load.parts.iter().map(|part| part.payload.len()).sum();
        assert!(body.bytes.len() < alone);
    }

    #[test]
    fn for_elasticsearch_it_is_gzip() {
        let mut packer = Packer::new().unwrap();
        let load = load(&mut packer, &[(0, 3), (3, 100)]);
        let body = load.body(&mut packer, Kind::Elastic).unwrap();
        assert_eq!(body.encoding, "gzip");
        let mut lines = Vec::new();
        io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&body.bytes[..]), &mut lines).unwrap();
        assert_eq!(Items::new(&lines).count(), 103);
    }

    #[test]
    fn halves_have_every_event_once() {
        let mut packer = Packer::new().unwrap();
        let whole = load(&mut packer, &[(0, 3), (3, 8), (11, 2)]);
        let mut waiting = vec![whole];
        let mut singles = Vec::new();
        while let Some(load) = waiting.pop() {
            match load.halves(&mut packer).unwrap() {
                Some(halves) => waiting.extend(halves),
                None => singles.extend(ids(&load.body(&mut packer, Kind::Auditng).unwrap().bytes)),
            }
        }
        singles.sort_by_key(|id| id[3..].parse::<u64>().unwrap());
        assert_eq!(singles, expected(0..13));
    }

    #[test]
    fn answers_are_taken_apart_item_by_item() {
        let mut packer = Packer::new().unwrap();
        let load = load(&mut packer, &[(0, 3), (3, 4)]);
        let item = |status| ItemResult::refused(Action::Create, "logs", "", status, "kind", "why");
        let created = || ItemResult::created(Action::Create, "logs", "", 1);
        let items = vec![created(), item(409), item(400), item(429), item(503), created(), item(404)];
        let sorted = load.sort(&mut packer, &Response { took_ms: 0, items }).unwrap();
        let run = |first, last| Run { lane: Lane::Normal, first, last };
        assert_eq!(sorted.delivered, [run(0, 1), run(5, 5)]);
        assert_eq!((sorted.created, sorted.duplicates), (2, 1));
        assert_eq!(sorted.retry.iter().map(|part| (part.first, part.count)).collect::<Vec<_>>(), [(3, 2)]);
        assert_eq!(ids(&sorted.retry[0].payload), expected([3, 4]));
        let refused: Vec<_> = sorted.refused.iter().map(|r| (r.counter, r.status, r.document.as_str())).collect();
        assert_eq!(refused, [(2, 400, "{\"n\":2}"), (6, 404, "{\"n\":6}")]);
    }

    #[test]
    fn a_part_that_lies_about_its_count_is_an_error() {
        let mut packer = Packer::new().unwrap();
        let mut load = load(&mut packer, &[(0, 3)]);
        load.parts[0].count = 5;
        assert!(load.halves(&mut packer).is_err());
        assert!(load.all_refused(&mut packer, 400, "").is_err());
    }
}
