//! The thread that ships a spool.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use elastic::bulk::Response;
use schema::loss::{LostRange, Unit};
use schema::{Loss, Timestamp};

use super::backoff::{Backoff, part, random, retry_after};
use super::client::{Answer, Client, Kind, Packed, Unanswered};
use super::heartbeat::{Heartbeat, Reply};
use super::item::{Load, Refused, Run};
use super::rejected::Rejected;
use super::{Options, Until};
use crate::clock::Clock;
use crate::health::{Counters, Health, Source, State};
use crate::intake::{Stop, join_until};
use crate::spool::{Reader, segment::Origin};

/// Changes of sources are gathered for so long before the server is told.
const SOON: Duration = Duration::from_secs(1);
/// The longest the thread stands without looking around.
const LOOK: Duration = Duration::from_secs(1);
/// A body that a server calls malformed may have been cut on the way: a single event is refused for it only at this try.
const MALFORMED_TRIES: u32 = 3;
/// Answers' texts are cut to this in reasons.
const REASON: usize = 300;

/// A running shipper.
#[derive(Debug)]
pub struct Handle {
    stopping: Arc<Stopping>,
    waker: crate::spool::Waker,
    thread: JoinHandle<()>,
}

/// Asked to end, and by when.
#[derive(Debug, Default)]
struct Stopping {
    stop: Stop,
    until: Mutex<Option<Instant>>,
}

impl Stopping {
    fn until(&self) -> Option<Until> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).map(Until)
    }
}

impl Handle {
    /// Ships what is durable, and ends by the deadline at the latest. False: a request was still under way; what it
    /// carried is in the spool and goes again with the next start.
    #[must_use]
    pub fn stop(self, deadline: Instant) -> bool {
        *self.stopping.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
        self.stopping.stop.set();
        self.waker.wake();
        join_until(self.thread, deadline)
    }
}

/// Starts shipping.
///
/// # Errors
/// The system gives no thread.
pub fn start(reader: Reader, options: Options, clock: Clock, health: Arc<Health>) -> io::Result<Handle> {
    let stopping = Arc::new(Stopping::default());
    let waker = reader.waker();
    let shipper = Shipper::new(reader, options, clock, health, Arc::clone(&stopping));
    let thread = std::thread::Builder::new().name("ship".to_owned()).spawn(move || shipper.run())?;
    Ok(Handle { stopping, waker, thread })
}

struct Shipper {
    reader: Reader,
    client: Client,
    options: Options,
    clock: Clock,
    health: Arc<Health>,
    counters: Arc<Counters>,
    source: Arc<Source>,
    rejected: Option<Rejected>,
    stopping: Arc<Stopping>,
    /// To be sent before anything new.
    queue: VecDeque<Load>,
    /// Items that a server could not take, each time with when to try again.
    later: Vec<(Duration, Load)>,
    backoff: Backoff,
    /// No request before this.
    not_before: Duration,
    heartbeat_at: Duration,
    /// When the last heartbeat was, and how often sources had changed until then.
    said: (Duration, u64),
    /// What the server last said about coming back.
    spread: Duration,
}

/// What an answer means for a whole body.
enum Outcome {
    /// Read the items.
    Items(Answer),
    /// Too large, or not understood: try with less.
    Less { status: u16, reason: String },
    /// Our epoch is known with another nonce.
    Conflict,
    /// Later.
    Wait { asked: Option<Duration>, reason: String },
    /// Not at all; somebody has to do something.
    Stop { reason: String },
}

impl Shipper {
    fn new(reader: Reader, options: Options, clock: Clock, health: Arc<Health>, stopping: Arc<Stopping>) -> Self {
        Self {
            client: Client::new(&options),
            counters: health.stage("ship"),
            source: health.source("ship"),
            rejected: options.rejected.as_deref().map(Rejected::new),
            backoff: Backoff::new(options.backoff.0, options.backoff.1),
            not_before: Duration::ZERO,
            heartbeat_at: clock.monotonic(),
            said: (Duration::ZERO, 0),
            spread: Duration::ZERO,
            queue: VecDeque::new(),
            later: Vec::new(),
            reader,
            options,
            clock,
            health,
            stopping,
        }
    }

    fn run(mut self) {
        loop {
            let until = self.stopping.until();
            let now = self.clock.monotonic();
            if until.is_some_and(|until| until.left().is_zero() || self.not_before > now + until.left()) {
                return;
            }
            if self.not_before > now {
                self.stopping.stop.wait(self.not_before - now);
                continue;
            }
            self.client.look_back(now);
            if now >= self.heartbeat_at || self.something_changed(now) {
                self.heartbeat();
                continue;
            }
            match self.next(now) {
                Some(load) => self.send(load),
                None if until.is_some() => return,
                None => self.idle(now),
            }
        }
    }

    /// A source has gone on or off since the last heartbeat, which is a second old at least.
    fn something_changed(&self, now: Duration) -> bool {
        self.health.changes() != self.said.1 && now >= self.said.0 + SOON
    }

    fn idle(&mut self, now: Duration) {
        let due = self.later.iter().map(|(due, _)| *due).chain([self.heartbeat_at]).min().unwrap_or(now);
        self.reader.wait(due.saturating_sub(now).min(LOOK));
    }

    /// What goes next: what could not go before, what is due again, what is new.
    fn next(&mut self, now: Duration) -> Option<Load> {
        if let Some(load) = self.queue.pop_front() {
            return Some(load);
        }
        if let Some(at) = self.later.iter().position(|(due, _)| *due <= now) {
            return Some(self.later.swap_remove(at).1);
        }
        // Memory for items that come again is bounded by one body; until there is room, nothing new is read.
        let waiting: usize = self.later.iter().map(|(_, load)| load.events()).sum();
        if waiting as u64 >= self.options.limits.events {
            return None;
        }
        let batch = self.reader.next(&self.options.limits)?;
        let load = Load { origin: batch.origin, parts: batch.parts, watermark: batch.watermark, attempts: 0 };
        self.counters.taken(load.events() as u64);
        Some(load)
    }

    fn send(&mut self, load: Load) {
        let Some(kind) = self.kind() else { return self.queue.push_front(load) };
        let Ok(body) = load.body(self.reader.packer(), kind) else { return self.give_up(&load) };
        let headers = if kind == Kind::Auditng { self.headers(&load) } else { Vec::new() };
        let answer = self.client.post("/_bulk", "application/x-ndjson", &headers, &body);
        match judge(answer) {
            Outcome::Items(answer) => self.items(load, &answer),
            Outcome::Less { status, reason } => self.less(load, status, &reason),
            Outcome::Conflict => self.conflict(load.origin),
            Outcome::Wait { asked, reason } => {
                self.queue.push_front(load);
                self.wait(asked, &reason);
            }
            Outcome::Stop { reason } => {
                self.queue.push_front(load);
                self.refused(&reason);
            }
        }
    }

    fn kind(&mut self) -> Option<Kind> {
        match self.client.kind() {
            Ok(kind) => Some(kind),
            Err(answer) => {
                match judge(answer) {
                    Outcome::Stop { reason } => self.refused(&reason),
                    Outcome::Wait { asked, reason } => self.wait(asked, &reason),
                    Outcome::Items(_) | Outcome::Less { .. } | Outcome::Conflict => {
                        self.refused("it is neither an auditng server nor Elasticsearch nor OpenSearch");
                    }
                }
                None
            }
        }
    }

    fn headers(&self, load: &Load) -> Vec<(&'static str, String)> {
        let Origin { agent, epoch, nonce } = load.origin;
        let waiting = self.queue.iter().chain(self.later.iter().map(|(_, load)| load)).filter_map(Load::oldest);
        let watermark = waiting.chain([load.watermark]).min().unwrap_or(load.watermark);
        let mut headers = vec![
            ("x-auditng-agent", agent.to_string()),
            ("x-auditng-epoch", epoch.to_string()),
            ("x-auditng-watermark", watermark.millis().to_string()),
        ];
        // The nonce of a segment whose header was damaged is not known.
        if nonce != [0; 16] {
            headers.push(("x-auditng-nonce", format!("{:032x}", u128::from_be_bytes(nonce))));
        }
        headers
    }

    /// The server answered for each item.
    fn items(&mut self, load: Load, answer: &Answer) {
        let response = match Response::parse(&answer.body, load.events()) {
            Ok(response) => response,
            Err(error) => {
                self.queue.push_front(load);
                return self.wait(answer.retry_after, &error.to_string());
            }
        };
        let Ok(sorted) = load.sort(self.reader.packer(), &response) else { return self.give_up(&load) };
        let progress = sorted.retry.is_empty() || !sorted.delivered.is_empty() || !sorted.refused.is_empty();
        self.acknowledge(load.origin.epoch, &sorted.delivered);
        self.counters.passed(sorted.created + sorted.duplicates);
        self.set_aside(load.origin, &sorted.refused);
        if sorted.retry.is_empty() {
            return self.works();
        }
        let reason = response.items.iter().find(|item| item.verdict() == elastic::bulk::Verdict::Retry);
        let reason = reason.and_then(|item| item.refusal.as_ref()).map_or("", |why| why.reason.as_str()).to_owned();
        let again = Load { parts: sorted.retry, attempts: load.attempts + 1, ..load };
        if progress {
            // The server works; these few wait on their own.
            self.works();
            let mut backoff = Backoff::new(self.options.backoff.0, self.options.backoff.1);
            (1..again.attempts).for_each(|_| {
                backoff.failed(0);
            });
            let wait =
                answer.retry_after.map_or_else(|| backoff.failed(random()), |asked| retry_after(asked, random()));
            self.later.push((self.clock.monotonic() + wait, again));
        } else {
            self.queue.push_front(again);
            self.wait(answer.retry_after, &reason);
        }
    }

    fn acknowledge(&mut self, epoch: u32, runs: &[Run]) {
        for run in runs {
            self.reader.acknowledge_range(epoch, run.lane, run.first, run.last);
        }
    }

    /// Events that this server will never take: kept aside, reported, and out of the way.
    fn set_aside(&mut self, origin: Origin, refused: &[Refused]) {
        if refused.is_empty() {
            return;
        }
        let now = self.clock.wall();
        if let Some(Err(error)) = self.rejected.as_ref().map(|rejected| rejected.keep(refused, now)) {
            tracing::error!(%error, "refused events cannot be kept aside");
        }
        if let Some(first) = refused.first() {
            let reason = cut(&first.reason);
            tracing::error!(count = refused.len(), status = first.status, reason, "the server refused events for good");
        }
        self.counters.lost_and_said("rejected", Unit::Events, refused.len() as u64);
        let runs = refused.iter().map(|event| Run { lane: event.lane, first: event.counter, last: event.counter });
        let runs: Vec<Run> = runs.collect();
        self.reader.say(runs.iter().map(|run| loss("rejected", origin, *run, now)).collect());
        self.acknowledge(origin.epoch, &runs);
    }

    /// A load that cannot be unpacked although its checksums are right.
    fn give_up(&mut self, load: &Load) {
        tracing::error!(events = load.events(), "a part of the spool cannot be unpacked and is lost");
        let now = self.clock.wall();
        let run = |part: &crate::spool::Part| Run { lane: part.lane, first: part.first, last: part.last() };
        let runs: Vec<Run> = load.parts.iter().map(run).collect();
        self.counters.lost_and_said("corrupt", Unit::Events, load.events() as u64);
        self.reader.say(runs.iter().map(|run| loss("corrupt", load.origin, *run, now)).collect());
        self.acknowledge(load.origin.epoch, &runs);
    }

    /// The body was too large or malformed: its halves, down to the one event that is to blame.
    fn less(&mut self, mut load: Load, status: u16, reason: &str) {
        match load.halves(self.reader.packer()) {
            Ok(Some([front, back])) => {
                self.queue.push_front(back);
                self.queue.push_front(front);
            }
            Ok(None) if status == 400 && load.attempts + 1 < MALFORMED_TRIES => {
                load.attempts += 1;
                self.queue.push_front(load);
                self.wait(None, reason);
            }
            Ok(None) => match load.all_refused(self.reader.packer(), status, reason) {
                Ok(refused) => self.set_aside(load.origin, &refused),
                Err(_) => self.give_up(&load),
            },
            Err(_) => self.give_up(&load),
        }
    }

    /// What is under way has ids of the refused epoch; the spool hands it out again under new ones.
    fn conflict(&mut self, origin: Origin) {
        self.queue.clear();
        self.later.clear();
        if let Err(error) = self.reader.refuse(origin) {
            self.wait(None, &error.to_string());
        }
    }

    fn works(&mut self) {
        if self.backoff.failures() > 0 {
            tracing::info!(url = self.client.url(), "shipping goes on");
        }
        self.backoff.succeeded();
        self.source.set(State::On, "");
    }

    fn wait(&mut self, asked: Option<Duration>, reason: &str) {
        let now = self.clock.monotonic();
        let first = self.backoff.failures() == 0;
        let everyone = self.client.turn(now);
        let backoff = self.backoff.failed(random());
        let wait = match asked {
            Some(asked) => retry_after(asked, random()),
            // A server that goes away tells beforehand over how many seconds its agents should come back.
            None if first && !self.spread.is_zero() => part(self.spread, random()),
            None if !everyone => Duration::ZERO,
            None => backoff,
        };
        self.not_before = now + wait;
        let reason = cut(reason);
        if first {
            tracing::warn!(url = self.client.url(), reason, "cannot ship; events stay in the spool");
        }
        self.source.set(State::Degraded, format!("{}: {reason}; events stay in the spool", self.client.url()));
    }

    fn refused(&mut self, reason: &str) {
        let reason = cut(reason);
        tracing::error!(url = self.client.url(), reason, "the server refuses this agent; events stay in the spool");
        self.source.set(State::Off, format!("{} refuses this agent: {reason}", self.client.url()));
        self.not_before = self.clock.monotonic() + self.options.refused_wait;
    }

    fn heartbeat(&mut self) {
        let interval = self.options.heartbeat;
        self.said = (self.clock.monotonic(), self.health.changes());
        self.heartbeat_at = self.clock.monotonic() + interval * 4 / 5 + part(interval * 2 / 5, random());
        // Asking is part of connecting, also with nothing to ship.
        if self.kind() != Some(Kind::Auditng) {
            return;
        }
        let stats = self.reader.stats();
        let (name, hash) = (&self.options.name, &self.options.config_hash);
        let heartbeat = Heartbeat::new(name, hash, &stats, self.health.snapshot(), self.clock.wall());
        let Ok(bytes) = serde_json::to_vec(&heartbeat) else { return };
        let body = Packed { bytes, encoding: "" };
        match judge(self.client.post("/agent/heartbeat", "application/json", &[], &body)) {
            Outcome::Items(answer) => {
                let reply: Reply = serde_json::from_slice(&answer.body).unwrap_or_default();
                self.spread = Duration::try_from_secs_f64(reply.spread_s.clamp(0.0, 600.0)).unwrap_or_default();
                if self.queue.is_empty() && self.later.is_empty() {
                    self.works();
                }
            }
            Outcome::Wait { asked, reason } => self.wait(asked, &reason),
            Outcome::Stop { reason } => self.refused(&reason),
            Outcome::Less { reason, .. } => tracing::warn!(reason = cut(&reason), "the heartbeat was not understood"),
            Outcome::Conflict => {}
        }
    }
}

/// What an answer, or none, means for the body as a whole.
fn judge(answer: Result<Answer, impl Into<Failed>>) -> Outcome {
    let answer = match answer.map_err(Into::into) {
        Ok(answer) | Err(Failed::Answer(answer)) => answer,
        Err(Failed::Unanswered(error)) => {
            let reason = chain(&error);
            return match error {
                Unanswered::Untrusted(_) => Outcome::Stop { reason },
                Unanswered::Lost(_) => Outcome::Wait { asked: None, reason },
            };
        }
    };
    let said = String::from_utf8_lossy(&answer.body[..answer.body.len().min(REASON)]).into_owned();
    let reason = format!("status {}: {said}", answer.status);
    match answer.status {
        200..=299 => Outcome::Items(answer),
        400 | 413 => Outcome::Less { status: answer.status, reason },
        408 | 429 | 500..=599 => Outcome::Wait { asked: answer.retry_after, reason },
        409 => Outcome::Conflict,
        _ => Outcome::Stop { reason },
    }
}

/// A refused answer or none.
enum Failed {
    Answer(Answer),
    Unanswered(Unanswered),
}

impl From<Unanswered> for Failed {
    fn from(error: Unanswered) -> Self {
        Self::Unanswered(error)
    }
}

impl From<Result<Answer, Unanswered>> for Failed {
    fn from(result: Result<Answer, Unanswered>) -> Self {
        result.map_or_else(Self::Unanswered, Self::Answer)
    }
}

fn loss(reason: &'static str, origin: Origin, run: Run, now: Timestamp) -> Loss {
    let Origin { agent, epoch, .. } = origin;
    let Run { lane, first, last } = run;
    Loss {
        stage: "ship",
        reason,
        count: Some(last - first + 1),
        unit: Unit::Events,
        window_start: now,
        window_end: now,
        range: Some(LostRange { agent, epoch, lane, first, last }),
    }
}

/// The error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Foreign text, short and on one line.
fn cut(text: &str) -> String {
    text.chars().take(REASON).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
