//! Ships a recording without a spool.
//!
//! The agent id is a digest of the input and an event's counter is its place in it, so the same recording gives the same
//! ids each time: sending it again, or going on after `kill -9`, makes no event twice. Back-pressure reaches the caller
//! of [`Direct::put`], which waits while the server does.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use elastic::bulk::{Response, write_create};
use schema::{AgentId, Event, EventId, Lane, Timestamp, field};
use sha2::{Digest as _, Sha256};

use super::Options;
use super::backoff::{Backoff, random, retry_after};
use super::client::{Answer, Client, Kind, Unanswered};
use super::item::Load;
use crate::clock::Clock;
use crate::intake::Stop;
use crate::spool::segment::Origin;
use crate::spool::{Packer, Part};

/// Recordings count in this epoch.
const EPOCH: u32 = 1;
/// Events of one body, and unpacked bytes of one.
const EVENTS: u16 = 5_000;
const BYTES: usize = 1 << 20;
/// Bodies that wait while another one is under way.
const WAITING: usize = 2;

/// Who a recording is: an agent made of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The first 48 bits of the digest.
    pub agent: AgentId,
    /// 128 more.
    pub nonce: [u8; 16],
}

impl Identity {
    /// From everything that decides what the events will be: the bytes of the files in order, and the options that change
    /// how they are read.
    ///
    /// # Errors
    /// As the reader says.
    pub fn of(inputs: &mut [&mut dyn io::Read]) -> io::Result<Self> {
        let mut digest = Sha256::new();
        let mut piece = vec![0; 256 << 10];
        for input in inputs {
            loop {
                match input.read(&mut piece) {
                    Ok(0) => break,
                    Ok(len) => digest.update(&piece[..len]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            // Two files are not the same input as one with the same bytes.
            digest.update([0xff; 8]);
        }
        let digest: [u8; 32] = digest.finalize().into();
        let [a, b, c, d, e, f, rest @ ..] = digest;
        Ok(Self { agent: AgentId::from_bytes([a, b, c, d, e, f]), nonce: *rest.first_chunk().unwrap_or(&[1; 16]) })
    }
}

/// What became of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Stored now.
    pub created: u64,
    /// Were there already.
    pub duplicates: u64,
    /// Refused for good.
    pub refused: u64,
    /// Why the first of them.
    pub refusal: Option<String>,
}

/// A recording cannot be shipped further. What was delivered stays; starting again goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    /// The server refuses us: wrong token, wrong address, wrong server.
    #[error("{url} refuses: {reason}")]
    Refused {
        /// Which.
        url: String,
        /// In its words.
        reason: String,
    },
    /// No progress for as long as the caller would wait.
    #[error("no progress at {url} for {} s: {reason}", waited.as_secs())]
    Stuck {
        /// Which.
        url: String,
        /// The last failure.
        reason: String,
        /// How long.
        waited: Duration,
    },
    /// An event larger than a server takes.
    #[error("event {place} has {bytes} bytes of JSON, the most is {}", crate::spool::MAX_DOCUMENT)]
    TooLarge {
        /// From 0.
        place: u64,
        /// What it has.
        bytes: usize,
    },
    /// No thread, no memory, or packing failed.
    #[error("cannot ship")]
    Internal(#[from] io::Error),
}

/// Ships events in the order in which they are put.
#[derive(Debug)]
pub struct Direct {
    origin: Origin,
    next: u64,
    packer: Packer,
    lines: Vec<u8>,
    count: u16,
    oldest: Timestamp,
    document: String,
    bodies: Option<SyncSender<Part>>,
    thread: Option<JoinHandle<Result<Summary, DirectError>>>,
}

impl Direct {
    /// Starts the thread that sends. It gives up after `patience` without progress.
    ///
    /// # Errors
    /// No thread, or no memory.
    pub fn new(options: &Options, identity: Identity, patience: Duration) -> io::Result<Self> {
        let origin = Origin { agent: identity.agent, epoch: EPOCH, nonce: identity.nonce };
        let (bodies, waiting) = sync_channel(WAITING);
        let sending = Sending {
            client: Client::new(options),
            packer: Packer::new()?,
            backoff: Backoff::new(options.backoff.0, options.backoff.1),
            clock: Clock::system(),
            progress_at: Duration::ZERO,
            origin,
            patience,
            summary: Summary::default(),
        };
        let thread = std::thread::Builder::new().name("ship".to_owned()).spawn(move || sending.run(&waiting))?;
        Ok(Self {
            origin,
            next: 0,
            packer: Packer::new()?,
            lines: Vec::new(),
            count: 0,
            oldest: Timestamp::default(),
            document: String::new(),
            bodies: Some(bodies),
            thread: Some(thread),
        })
    }

    /// Gives the event its id and sends it with the others, waiting while the server does. Its memory can be used again.
    ///
    /// # Errors
    /// [`DirectError`]; nothing more can be put then, but for [`DirectError::TooLarge`], which leaves out this event alone.
    pub fn put(&mut self, event: &mut Event) -> Result<(), DirectError> {
        let place = self.next;
        self.next += 1;
        let id = EventId::new(self.origin.agent, EPOCH, Lane::Normal, place).to_string();
        for (field, text) in [(field::AGENT_ID, &id[..12]), (field::EVENT_ID, &id[..])] {
            event.remove(field);
            event.push_str(field, text);
        }
        self.document.clear();
        event.write_json(&mut self.document);
        let bytes = self.document.len();
        if bytes > crate::spool::MAX_DOCUMENT {
            // Its place stays empty: a part holds consecutive counters.
            self.hand_over(place)?;
            return Err(DirectError::TooLarge { place, bytes });
        }
        let time = event.time().unwrap_or_default();
        self.oldest = if self.count == 0 { time } else { self.oldest.min(time) };
        write_create(&mut self.lines, &event.stream().index(), &id, self.document.as_bytes());
        self.count += 1;
        if self.count >= EVENTS || self.lines.len() >= BYTES { self.hand_over(self.next) } else { Ok(()) }
    }

    /// Sends what is gathered; its counters end before `end`.
    fn hand_over(&mut self, end: u64) -> Result<(), DirectError> {
        if self.count == 0 {
            return Ok(());
        }
        let raw_len = u32::try_from(self.lines.len()).map_err(io::Error::other)?;
        let payload = self.packer.pack(&self.lines)?;
        let (count, first_time) = (self.count, self.oldest);
        let part = Part { lane: Lane::Normal, first: end - u64::from(count), count, raw_len, first_time, payload };
        self.lines.clear();
        self.count = 0;
        match self.bodies.as_ref().map(|bodies| bodies.send(part)) {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => self.result().map(|_| ()),
        }
    }

    /// Waits until everything is delivered or refused.
    ///
    /// # Errors
    /// [`DirectError`]: what is missing can be sent by starting again.
    pub fn finish(mut self) -> Result<Summary, DirectError> {
        self.hand_over(self.next)?;
        self.result()
    }

    fn result(&mut self) -> Result<Summary, DirectError> {
        self.bodies = None;
        let ended = || io::Error::other("the sending thread has ended");
        self.thread.take().ok_or_else(ended)?.join().map_err(|_| ended())?
    }
}

/// The sending thread.
struct Sending {
    client: Client,
    packer: Packer,
    backoff: Backoff,
    clock: Clock,
    progress_at: Duration,
    origin: Origin,
    patience: Duration,
    summary: Summary,
}

impl Sending {
    fn run(mut self, bodies: &Receiver<Part>) -> Result<Summary, DirectError> {
        while let Ok(part) = bodies.recv() {
            let watermark = part.first_time;
            let mut loads = vec![Load { origin: self.origin, parts: vec![part], watermark, attempts: 0 }];
            self.progress_at = self.clock.monotonic();
            while let Some(load) = loads.pop() {
                self.send(load, &mut loads)?;
            }
        }
        Ok(self.summary)
    }

    fn send(&mut self, load: Load, again: &mut Vec<Load>) -> Result<(), DirectError> {
        let answer = match self.post(&load)? {
            Ok(answer) => answer,
            Err(error) => {
                again.push(load);
                return self.wait(None, &super::shipper::chain(&error));
            }
        };
        let said = || String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]).into_owned();
        match answer.status {
            200..=299 => self.items(load, &answer, again),
            400 | 413 => match load.halves(&mut self.packer)? {
                Some(halves) => {
                    again.extend(halves.into_iter().rev());
                    Ok(())
                }
                None => {
                    self.refuse(1, said());
                    Ok(())
                }
            },
            408 | 429 | 500..=599 => {
                again.push(load);
                self.wait(answer.retry_after, &said())
            }
            status => {
                let url = self.client.url().to_owned();
                Err(DirectError::Refused { url, reason: format!("status {status}: {}", said()) })
            }
        }
    }

    fn post(&mut self, load: &Load) -> Result<Result<Answer, Unanswered>, DirectError> {
        let kind = match self.client.kind() {
            Ok(kind) => kind,
            Err(answer) => return Ok(answer.map(not_a_server)),
        };
        let body = load.body(&mut self.packer, kind)?;
        let headers = match kind {
            Kind::Auditng => vec![
                ("x-auditng-agent", self.origin.agent.to_string()),
                ("x-auditng-epoch", self.origin.epoch.to_string()),
                ("x-auditng-nonce", format!("{:032x}", u128::from_be_bytes(self.origin.nonce))),
                ("x-auditng-watermark", load.watermark.millis().to_string()),
            ],
            Kind::Elastic => Vec::new(),
        };
        Ok(self.client.post("/_bulk", "application/x-ndjson", &headers, &body))
    }

    fn items(&mut self, load: Load, answer: &Answer, again: &mut Vec<Load>) -> Result<(), DirectError> {
        let response = match Response::parse(&answer.body, load.events()) {
            Ok(response) => response,
            Err(error) => {
                again.push(load);
                return self.wait(answer.retry_after, &error.to_string());
            }
        };
        let sorted = load.sort(&mut self.packer, &response)?;
        self.summary.created += sorted.created;
        self.summary.duplicates += sorted.duplicates;
        if let Some(first) = sorted.refused.first() {
            self.refuse(sorted.refused.len() as u64, first.reason.clone());
        }
        if sorted.created + sorted.duplicates > 0 || !sorted.refused.is_empty() {
            self.backoff.succeeded();
            self.progress_at = self.clock.monotonic();
        }
        if sorted.retry.is_empty() {
            return Ok(());
        }
        again.push(Load { parts: sorted.retry, ..load });
        self.wait(answer.retry_after, "the server takes no more for now")
    }

    fn refuse(&mut self, count: u64, reason: String) {
        self.summary.refused += count;
        self.summary.refusal.get_or_insert(reason);
        self.progress_at = self.clock.monotonic();
    }

    fn wait(&mut self, asked: Option<Duration>, reason: &str) -> Result<(), DirectError> {
        let waited = self.clock.monotonic().saturating_sub(self.progress_at);
        if waited >= self.patience {
            let (url, reason) = (self.client.url().to_owned(), reason.to_owned());
            return Err(DirectError::Stuck { url, reason, waited });
        }
        let now = self.clock.monotonic();
        self.client.turn(now);
        let backoff = self.backoff.failed(random());
        let wait = asked.map_or(backoff, |asked| retry_after(asked, random()));
        Stop::default().wait(wait.min(self.patience.saturating_sub(waited)));
        Ok(())
    }
}

/// An answer to `GET /` that names no kind of server must not be taken for one about events.
fn not_a_server(answer: Answer) -> Answer {
    if (200..300).contains(&answer.status) || matches!(answer.status, 400 | 413) {
        let body = b"it is neither an auditng server nor Elasticsearch nor OpenSearch".to_vec();
        return Answer { status: 404, body, ..answer };
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_input_is_the_same_agent() {
        let of = |parts: &[&str]| {
            let mut inputs: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
            let mut inputs: Vec<&mut dyn io::Read> =
                inputs.iter_mut().map(|input| input as &mut dyn io::Read).collect();
            Identity::of(&mut inputs).unwrap()
        };
        assert_eq!(of(&["abc", "d"]), of(&["abc", "d"]));
        assert_ne!(of(&["abc", "d"]), of(&["ab", "cd"]));
        assert_ne!(of(&["abc"]), of(&["abc", ""]));
    }
}
