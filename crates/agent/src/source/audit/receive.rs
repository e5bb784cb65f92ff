//! `audit-recv`: datagrams from the sockets into the queue, and nothing else.
//!
//! On the way from the copy to the registered socket both are open for a moment, and the kernel sends each record first as a
//! copy. So when the first datagram lies in the registered socket, all copies made before it lie in the other one: that is
//! read to its end and closed, and records that both carried are passed on once ([`Overlap`]).

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use audit::netlink::{Frame, Header, decode};
use audit::table::RecordType;
use schema::Timestamp;
use schema::loss::Unit;
use tracing::error;

use super::shared::{Orders, Shared};
use super::{Origin, Overload};
use crate::health::{Counters, Figure, Health};
use crate::sys::netlink::{Arena, Received, Socket};

/// A wait without news; orders come by the wake, so this is only a safety net.
const IDLE: Duration = Duration::from_secs(5);
/// The pause after what was there has been read. Records come one by one; taking some milliseconds' worth at once saves most of
/// the waking, and at 150,000 records a second this is a fiftieth of the socket's buffer.
const BREATH: Duration = Duration::from_millis(5);
/// Batches taken from one socket before the other and new orders are looked at.
const ROUNDS: usize = 64;

pub(super) struct Receiver {
    shared: Arc<Shared>,
    counters: Arc<Counters>,
    arena: Arena,
    overlap: Overlap,
    /// Datagrams of the registered socket that are no answers to requests.
    owned_records: u64,
    /// Datagrams by [`Origin`].
    by_socket: [Arc<Figure>; 2],
}

impl Receiver {
    pub(super) fn new(shared: Arc<Shared>, health: &Health) -> Self {
        let by_socket = [
            health.figure("auditng_audit_records_total{socket=\"unicast\"}"),
            health.figure("auditng_audit_records_total{socket=\"multicast\"}"),
        ];
        let counters = health.stage("netlink");
        Self { shared, counters, arena: Arena::default(), overlap: Overlap::default(), owned_records: 0, by_socket }
    }

    /// Until the order to end.
    pub(super) fn run(mut self) {
        loop {
            let orders = self.shared.orders();
            if orders.end {
                break;
            }
            if let Err(error) = self.round(&orders) {
                error!(%error, "the audit socket cannot be read");
                break;
            }
        }
        self.shared.queue.close();
    }

    fn round(&mut self, orders: &Orders) -> std::io::Result<()> {
        let data = Arc::clone(&self.shared.data);
        // The registered socket is always looked at: its first datagram may come before the order.
        let ready = match &orders.multicast {
            Some(copy) => self.shared.wake.wait(&[&*data, &**copy], orders.silence.unwrap_or(IDLE))?,
            None => self.shared.wake.wait(&[&*data], orders.silence.unwrap_or(IDLE))?,
        };
        if ready.timed_out() && orders.silence.is_some() {
            self.shared.silent();
        }
        if let Some(copy) = orders.multicast.as_ref().filter(|_| ready.readable(1)) {
            self.read(copy, Origin::Multicast)?;
        }
        if ready.readable(0) {
            self.read_registered(&data, orders.multicast.as_deref())?;
        }
        if ready.readable(0) || ready.readable(1) {
            // Orders end it.
            self.shared.wake.wait(&[], BREATH)?;
        }
        Ok(())
    }

    /// Copies first: those of everything that the registered socket has are there. Then the copy is of no more use.
    fn read_registered(&mut self, data: &Socket, copy: Option<&Socket>) -> std::io::Result<()> {
        let Some(copy) = copy else {
            self.read(data, Origin::Unicast)?;
            return Ok(());
        };
        while self.read(copy, Origin::Multicast)? {}
        let before = self.owned_records;
        self.read(data, Origin::Unicast)?;
        if self.owned_records > before {
            self.shared.drop_copy();
        }
        Ok(())
    }

    /// Takes what is there, a bounded number of batches; true: there may be more.
    fn read(&mut self, socket: &Socket, origin: Origin) -> std::io::Result<bool> {
        for _ in 0..ROUNDS {
            match socket.receive(&mut self.arena)? {
                Received::Nothing => return Ok(false),
                Received::Congested => {
                    self.counters.lost("enobufs", Unit::Reports, 1, self.shared.clock.wall());
                }
                Received::Frames(_) => self.pass_on(origin),
            }
        }
        Ok(true)
    }

    fn pass_on(&mut self, origin: Origin) {
        let now = self.shared.clock.wall();
        let truncated = self.arena.frames().filter(|frame| frame.truncated).count() as u64;
        if truncated > 0 {
            self.counters.lost("truncated", Unit::Reports, truncated, now);
        }
        let overlap = &mut self.overlap;
        let news: Vec<&[u8]> =
            self.arena.frames().map(|frame| frame.bytes).filter(|bytes| overlap.is_news(bytes, origin)).collect();
        if origin == Origin::Unicast {
            self.owned_records += self.arena.frames().filter(|frame| is_record(frame.bytes)).count() as u64;
        }
        self.counters.taken(news.len() as u64);
        self.by_socket[origin as usize].add(news.len() as u64);
        let passed = self.enqueue(&news, origin, now);
        self.counters.passed(passed as u64);
        if passed < news.len() {
            self.counters.lost("queue-full", Unit::Records, (news.len() - passed) as u64, now);
        }
    }

    /// How many found room. With `overload = "block"` this waits, and the kernel's own queue fills meanwhile.
    fn enqueue(&self, frames: &[&[u8]], origin: Origin, now: Timestamp) -> usize {
        let mut passed = 0;
        loop {
            passed += self.shared.queue.push(now, origin, frames[passed..].iter().copied());
            let wait = self.shared.config.overload == Overload::Block && !self.shared.in_a_hurry();
            if passed == frames.len() || !wait {
                return passed;
            }
            self.shared.queue.wait_for_room(Duration::from_millis(100));
        }
    }
}

fn is_record(frame: &[u8]) -> bool {
    Header::parse(frame).is_some_and(|header| RecordType(header.kind).is_event())
}

/// Copies remembered, and records of the registered socket that are compared with them.
const REMEMBERED: usize = 8192;

/// Which records of the registered socket came as a copy before. The newest [`REMEMBERED`] copies are known by a hash of
/// type and text; a stream of one kind only costs one hash a record, and none while we own the socket.
#[derive(Debug, Default)]
struct Overlap {
    hasher: RandomState,
    copies: HashMap<u64, u32>,
    order: VecDeque<u64>,
    /// Records compared since the last copy; at [`REMEMBERED`] the overlap is over.
    compared: usize,
}

impl Overlap {
    /// Notes a copy; says whether a record was not passed on yet.
    fn is_news(&mut self, frame: &[u8], origin: Origin) -> bool {
        if origin == Origin::Unicast && self.copies.is_empty() {
            return true;
        }
        let Ok(Frame::Record(kind, text)) = decode(frame) else { return true };
        let hash = self.hasher.hash_one((kind.0, text));
        match origin {
            Origin::Multicast => {
                self.remember(hash);
                true
            }
            Origin::Unicast => {
                let news = !self.forget(hash);
                self.compared += 1;
                if self.compared >= REMEMBERED {
                    (self.copies, self.order) = Default::default();
                }
                news
            }
        }
    }

    fn remember(&mut self, hash: u64) {
        self.compared = 0;
        *self.copies.entry(hash).or_default() += 1;
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.forget(oldest);
        }
    }

    /// Whether it was there.
    fn forget(&mut self, hash: u64) -> bool {
        match self.copies.get_mut(&hash) {
            Some(1) => self.copies.remove(&hash).is_some(),
            Some(count) => {
                *count -= 1;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Vec<u8> {
        let mut frame = vec![0; 16];
        frame[4..6].copy_from_slice(&1300_u16.to_ne_bytes());
        frame.extend_from_slice(text.as_bytes());
        frame
    }

    #[test]
    fn what_both_sockets_carried_is_news_once() {
        let mut overlap = Overlap::default();
        let texts: Vec<Vec<u8>> = (0..6).map(|serial| record(&format!("audit(1.000:{serial}): a=1"))).collect();
        // The copy ends after 3, the registered socket begins at 2.
        let copied =
            texts[..4].iter().map(|text| overlap.is_news(text, Origin::Multicast)).filter(|&news| news).count();
        let owned = texts[2..].iter().map(|text| overlap.is_news(text, Origin::Unicast)).filter(|&news| news).count();
        assert_eq!((copied, owned), (4, 2));
    }

    #[test]
    fn the_memory_of_copies_is_bounded() {
        let mut overlap = Overlap::default();
        for serial in 0..2 * REMEMBERED {
            overlap.is_news(&record(&format!("audit(1.000:{serial}): ")), Origin::Multicast);
        }
        assert!(overlap.order.len() <= REMEMBERED && overlap.copies.len() <= REMEMBERED);
    }

    #[test]
    fn answers_to_our_registration_pass() {
        let mut overlap = Overlap::default();
        overlap.is_news(&record("x"), Origin::Multicast);
        let mut answer = vec![0; 36];
        answer[4..6].copy_from_slice(&2_u16.to_ne_bytes());
        assert!(overlap.is_news(&answer, Origin::Unicast));
        assert!(overlap.is_news(&answer, Origin::Unicast));
    }
}
