//! `audit-parse`: datagrams from the queue into finished events.
//!
//! Decoding is [`audit::pipeline`]'s work; this adds names and context of this host, chooses the lane and hands over. A sink
//! without room makes this thread wait: the queue then fills, and `overload` decides there who pays.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use audit::netlink::{self, DecodeError, Frame};
use audit::normalize;
use audit::pipeline::{Counters as Totals, Options, Pipeline};
use audit::record;
use audit::table::RecordType;
use schema::loss::Unit;
use schema::{Event, Timestamp, field};
use tracing::{debug, warn};

use super::Origin;
use super::capture::Capture;
use super::handover::Handover;
use super::queue::{Batch, Item, Taken};
use super::shared::Shared;
use crate::enrich::{Context, user::Users};
use crate::filter::{Chain, Outlet};
use crate::health::{Counters, Figure, Health};
use crate::intake::Sink;
use crate::source::fim::Witness;

/// A silent stream is looked at this often, so that its last event leaves in time.
const TICK: Duration = Duration::from_millis(100);

pub(super) struct Parser {
    shared: Arc<Shared>,
    pipeline: Pipeline,
    users: Users,
    out: Out,
    records: Arc<Counters>,
    events: Arc<Counters>,
    totals: Totals,
    figures: Figures,
    capture: Option<Capture>,
    /// Where what is not whole goes at an end for a successor.
    handover: Option<Handover>,
    /// The newest serial of a predecessor in this boot, until the first of ours is known.
    before: Option<u32>,
    kernel: Arc<Counters>,
}

/// The way of an event from decoding to the sink.
struct Out {
    shared: Arc<Shared>,
    context: Context,
    outlet: Outlet,
    /// Is shown every event of files.
    witness: Option<Arc<Witness>>,
    origin: Origin,
    now: Timestamp,
}

impl Parser {
    pub(super) fn new(
        shared: Arc<Shared>,
        context: Context,
        filters: Chain,
        sink: Arc<dyn Sink>,
        health: &Health,
        before: Option<u32>,
    ) -> Self {
        let keep = shared.config.keep_original;
        let capture = Capture::of(&shared.config);
        let original = keep || filters.needs_original();
        let normalize = normalize::Options { original, provider: Origin::Unicast.name() };
        let options = Options { limits: shared.config.reassemble.limits(), normalize };
        let hurried = Arc::clone(&shared);
        let outlet = Outlet::new(filters, sink, health, move || hurried.in_a_hurry());
        let stripped = (original && !keep).then_some(field::EVENT_ORIGINAL);
        let out = Out {
            shared: Arc::clone(&shared),
            context,
            outlet: outlet.without(stripped),
            witness: None,
            origin: Origin::Unicast,
            now: Timestamp::default(),
        };
        Self {
            shared,
            pipeline: Pipeline::new(&options),
            users: Users::of_host(),
            out,
            records: health.stage("decode"),
            events: health.stage("reassemble"),
            totals: Totals::default(),
            figures: Figures::new(health),
            capture,
            handover: None,
            before,
            kernel: health.stage("kernel"),
        }
    }

    /// Takes up what a predecessor left, if this goes on where one ended.
    pub(super) fn with_handover(mut self, handover: Handover, goes_on: bool) -> Self {
        if !goes_on {
            handover.forget();
        } else {
            let each = &mut |event: &mut Event| self.out.deliver(event);
            if handover.take_up(&mut self.pipeline, self.shared.clock.wall(), &self.users, each) {
                // What is missing from there on is noticed as a gap.
                self.before = None;
            }
        }
        self.handover = Some(handover);
        self
    }

    /// With somebody who is shown what leaves.
    pub(super) fn telling(mut self, witness: Option<Arc<Witness>>) -> Self {
        self.out.witness = witness;
        self
    }

    /// Until the queue is closed and empty.
    pub(super) fn run(mut self) {
        self.out.context.begin();
        let mut batch = Batch::default();
        loop {
            match self.shared.queue.take(&mut batch, TICK) {
                Taken::Some => {
                    self.out.context.drain();
                    batch.items().for_each(|item| self.take(&item));
                }
                Taken::Nothing => {}
                Taken::Closed => break,
            }
            self.tick();
        }
        match self.handover.take().filter(|_| self.shared.is_handing_over()) {
            Some(handover) => handover.leave(&mut self.pipeline),
            None => self.pipeline.finish(&self.users, &mut |event| self.out.deliver(event)),
        }
        self.out.outlet.finish();
        self.account();
        self.out.context.end();
    }

    fn take(&mut self, item: &Item<'_>) {
        self.records.taken(1);
        if let Some(capture) = &mut self.capture {
            capture.add(item.frame);
        }
        match netlink::decode(item.frame) {
            Ok(Frame::Record(kind, text)) => self.record(kind, text, item),
            Ok(Frame::Replace { asker }) => {
                self.records.passed(1);
                let asker = self.out.context.describe(asker);
                warn!(asker, "another process asked for the audit socket; it stays ours");
                self.shared.asked_by(asker);
            }
            Ok(other) => {
                self.records.passed(1);
                debug!(?other, "answer on the data socket");
            }
            Err(error) => self.malformed(&error, item),
        }
    }

    fn record(&mut self, kind: RecordType, text: &[u8], item: &Item<'_>) {
        (self.out.origin, self.out.now) = (item.origin, item.at);
        let each = &mut |event: &mut Event| self.out.deliver(event);
        let apart = glued(kind, text);
        match record::parse(kind, apart.as_deref().unwrap_or(text)) {
            Ok(record) => {
                self.records.passed(1);
                self.shared.saw(record.stamp.serial);
                if let Some(before) = self.before.take() {
                    missed_between(&self.kernel, before, record.stamp.serial, record.stamp.time);
                }
                self.pipeline.push(&record, item.at, &self.users, each);
            }
            Err(reason) => {
                self.records.lost("decode", Unit::Records, 1, item.at);
                self.pipeline.unparsed(text, &reason, item.at, each);
            }
        }
    }

    fn malformed(&mut self, error: &DecodeError, item: &Item<'_>) {
        self.records.lost("decode", Unit::Records, 1, item.at);
        self.pipeline.unparsed(item.frame, error, item.at, &mut |event| self.out.deliver(event));
    }

    fn tick(&mut self) {
        let now = self.shared.clock.wall();
        self.pipeline.tick(now, &self.users, &mut |event| self.out.deliver(event));
        self.account();
        if let Some(capture) = &mut self.capture {
            capture.flush();
        }
        self.users.refresh(now);
        self.out.tick(now);
    }

    /// Brings what the pipeline counted to the health page.
    fn account(&mut self) {
        for loss in self.pipeline.losses() {
            let window = (loss.window_start, loss.window_end);
            self.kernel.lost_between(loss.reason, loss.unit, loss.count.unwrap_or(1), window);
            if let Some(witness) = &self.out.witness {
                witness.lost(loss.window_start);
            }
        }
        let now = self.pipeline.counters();
        self.events.taken(now.events - self.totals.events);
        self.events.passed(now.events - self.totals.events);
        self.figures.set(&now);
        self.totals = now;
    }
}

/// The kernel writes `ses=4294967295op=remove_rule` when it drops a watch by itself: with the space that belongs there.
fn glued(kind: RecordType, text: &[u8]) -> Option<Vec<u8>> {
    if kind != RecordType::CONFIG_CHANGE {
        return None;
    }
    let at = memchr::memmem::find(text, b"op=").filter(|at| *at > 0 && text[at - 1].is_ascii_digit())?;
    Some([&text[..at], b" ", &text[at..]].concat())
}

/// What the pipeline counted, by the names of metrics.
struct Figures {
    events: Arc<Figure>,
    incomplete: Arc<Figure>,
    late: Arc<Figure>,
    unparsed: Arc<Figure>,
}

impl Figures {
    fn new(health: &Health) -> Self {
        Self {
            events: health.figure("auditng_audit_events_total"),
            incomplete: health.figure("auditng_audit_incomplete_total"),
            late: health.figure("auditng_audit_late_total"),
            unparsed: health.figure("auditng_audit_unparsed_total"),
        }
    }

    fn set(&self, totals: &Totals) {
        self.events.set(totals.events);
        self.incomplete.set(totals.incomplete);
        self.late.set(totals.late);
        self.unparsed.set(totals.unparsed);
    }
}

impl Out {
    fn deliver(&mut self, event: &mut Event) {
        if self.origin == Origin::Multicast {
            event.remove(field::EVENT_PROVIDER);
            event.push_str(field::EVENT_PROVIDER, Origin::Multicast.name());
        }
        if self.witness.as_ref().is_some_and(|witness| witness.saw(event)) {
            self.shared.dropped.store(true, Ordering::Relaxed);
        }
        self.context.apply(event);
        self.outlet.deliver(event, self.now);
    }

    /// What was learnt late leaves as events of their own; so do events that stand for many.
    fn tick(&mut self, now: Timestamp) {
        let mut late = Vec::new();
        self.context.tick(now, &mut |event| late.push(event));
        self.outlet.add(late);
        self.outlet.tick(now);
    }
}

/// What happened while nobody read. More than half the serials apart is another boot's counter and says nothing.
fn missed_between(kernel: &Counters, before: u32, first: u32, at: Timestamp) {
    let missed = first.wrapping_sub(before).wrapping_sub(1);
    if missed > 0 && missed < u32::MAX / 2 {
        kernel.lost("restart", Unit::Events, u64::from(missed), at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_between_two_runs_are_missed() {
        let health = Health::default();
        let kernel = health.stage("kernel");
        let check = |before, first, expect| {
            missed_between(&kernel, before, first, Timestamp::from_millis(5));
            assert_eq!(health.take_losses().first().and_then(|loss| loss.count), expect, "{before} {first}");
        };
        check(7, 8, None);
        check(7, 10, Some(2));
        check(u32::MAX, 1, Some(1));
        check(7, 7, None);
        check(10, 3, None);
    }
}
