//! The spool on a disk in memory: scenarios P2 to P9 of the pipe, and a model under random sequences.

mod damage;
mod full;
mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use elastic::bulk::Items;
use schema::loss::LostRange;
use schema::{AgentId, Event, EventId, Lane, Stream, Timestamp, field};

use super::disk::Disk as _;
use super::memory::{Memory, Operation, Survives};
use super::*;
use crate::clock::Manual;
use crate::intake::{Refused, Sink as _};

const AGENT: AgentId = AgentId::from_bytes([0xa, 0xb, 0xc, 0xd, 0xe, 0xf]);

/// A spool with everything around it, and a record of what it was given and what it gave.
struct Bench {
    disk: Memory,
    hand: Arc<Manual>,
    health: Health,
    options: Options,
    writer: Writer,
    committer: Committer,
    reader: Reader,
    notes: Vec<String>,
    /// Number of the next event.
    made: u64,
    /// What was accepted: number by id.
    accepted: BTreeMap<EventId, u64>,
    delivered: Delivered,
}

/// What came out.
#[derive(Default)]
struct Delivered {
    /// Numbers by id; an id never stands for two events.
    numbers: BTreeMap<EventId, u64>,
    /// Ranges that loss events name.
    lost: Vec<LostRange>,
    /// Loss events without a range.
    uncounted: u64,
}

fn small() -> Options {
    Options { bytes: 1 << 20, keep_free: 0, ..Options::default() }
}

impl Bench {
    fn new(options: Options) -> Self {
        Self::on(Memory::new(), options)
    }

    fn on(disk: Memory, options: Options) -> Self {
        Self::on_at(disk, options, 1_700_000_000_000)
    }

    fn on_at(disk: Memory, options: Options, wall_ms: i64) -> Self {
        let hand = Arc::new(Manual::default());
        hand.set_wall(Timestamp::from_millis(wall_ms));
        let health = Health::default();
        let spool = open_on(&disk, &options, &hand, &health);
        let Spool { writer, committer, reader, notes } = spool;
        let (accepted, delivered) = (BTreeMap::new(), Delivered::default());
        Self { disk, hand, health, options, writer, committer, reader, notes, made: 0, accepted, delivered }
    }

    /// The process dies and a new one opens what is left.
    fn restart(&mut self, survives: Survives) {
        self.disk.restart(survives);
        self.reopen();
    }

    fn reopen(&mut self) {
        self.health = Health::default();
        let spool = open_on(&self.disk, &self.options, &self.hand, &self.health);
        (self.writer, self.committer, self.reader, self.notes) =
            (spool.writer, spool.committer, spool.reader, spool.notes);
    }

    fn put(&mut self, lane: Lane, count: u64) {
        for _ in 0..count {
            self.try_put(lane, 0).unwrap();
        }
    }

    /// `padding` bytes that cannot be packed make an event large on disk.
    fn try_put(&mut self, lane: Lane, padding: usize) -> Result<(), Refused> {
        let mut event = Event::new(Timestamp::from_millis(1_000 + i64::try_from(self.made).unwrap()));
        event.push_str(field::EVENT_DATASET, Stream::Audit.dataset());
        event.push_long(field::PROCESS_PID, i64::try_from(self.made).unwrap());
        event.push_str(field::MESSAGE, &noise(self.made, padding));
        self.writer.put(&mut event, lane, Duration::ZERO)?;
        let id: EventId = event.str(field::EVENT_ID).unwrap().parse().unwrap();
        assert_eq!(self.accepted.insert(id, self.made), None, "an id was given twice: {id}");
        self.made += 1;
        Ok(())
    }

    fn commit(&mut self) {
        self.committer.commit_all();
    }

    /// Takes and acknowledges everything.
    fn drain(&mut self) -> u64 {
        let mut count = 0;
        loop {
            self.commit();
            let Some(batch) = self.reader.next(&Limits::default()) else { return count };
            count += self.delivered.take(&batch);
            self.reader.acknowledge(&batch);
        }
    }

    /// Everything accepted came out or was reported.
    fn assert_complete(&self) {
        for id in self.accepted.keys() {
            assert!(self.delivered.explains(*id), "{id} is neither delivered nor reported");
        }
        self.delivered.assert_same(&self.accepted);
    }

    fn lost(&self) -> u64 {
        self.delivered.lost.iter().map(|range| range.last - range.first + 1).sum()
    }

    fn segments(&self, lane: Lane) -> Vec<String> {
        let paths = self.disk.paths().into_iter();
        paths.filter(|path| path.starts_with(lane.name()) && path.ends_with(".seg")).collect()
    }
}

fn open_on(disk: &Memory, options: &Options, hand: &Arc<Manual>, health: &Health) -> Spool {
    open(Box::new(disk.clone()), AGENT, options.clone(), Clock::manual(Arc::clone(hand)), health).unwrap()
}

impl Delivered {
    fn take(&mut self, batch: &Batch) -> u64 {
        let mut packer = Packer::new().unwrap();
        let mut count = 0;
        for part in &batch.parts {
            let lines = packer.unpack(&part.payload, part.raw_len).unwrap();
            let items: Vec<_> = Items::new(&lines).collect::<Result<_, _>>().unwrap();
            assert_eq!(items.len(), usize::from(part.count));
            for (item, counter) in items.iter().zip(part.first..) {
                let event = Event::from_json(str::from_utf8(item.document.unwrap()).unwrap()).unwrap();
                let id: EventId = item.id.as_deref().unwrap().parse().unwrap();
                assert_eq!(id, EventId::new(AGENT, batch.origin.epoch, part.lane, counter));
                assert_eq!(event.str(field::EVENT_ID), item.id.as_deref());
                count += u64::from(self.event(id, &event));
            }
        }
        count
    }

    fn event(&mut self, id: EventId, event: &Event) -> bool {
        if event.stream() == Stream::Health {
            match LostRange::of_event(event) {
                Some(range) => self.lost.push(range),
                None => self.uncounted += 1,
            }
            return false;
        }
        let number = u64::try_from(event.long(field::PROCESS_PID).unwrap()).unwrap();
        let before = self.numbers.insert(id, number);
        assert!(before.is_none_or(|before| before == number), "{id} stands for {before:?} and {number}");
        true
    }

    fn explains(&self, id: EventId) -> bool {
        let within = |range: &LostRange| {
            let first = EventId::new(range.agent, range.epoch, range.lane, range.first);
            let last = EventId::new(range.agent, range.epoch, range.lane, range.last);
            (first..=last).contains(&id)
        };
        self.numbers.contains_key(&id) || self.lost.iter().any(within)
    }

    fn assert_same(&self, accepted: &BTreeMap<EventId, u64>) {
        for (id, number) in &self.numbers {
            assert_eq!(accepted.get(id), Some(number), "{id} came out as another event than went in");
        }
    }

    fn distinct(&self) -> BTreeSet<u64> {
        self.numbers.values().copied().collect()
    }
}

/// Text that zstd cannot make smaller than about three quarters.
fn noise(seed: u64, len: usize) -> String {
    let mut state = seed.wrapping_add(1);
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + u8::try_from((state >> 40) % 90).unwrap())
    };
    (0..len).map(|_| letter()).collect()
}

#[test]
fn events_come_out_in_order_with_their_ids() {
    let mut bench = Bench::new(small());
    bench.put(Lane::Normal, 1_200);
    bench.put(Lane::High, 3);
    assert!(bench.reader.next(&Limits::default()).is_none(), "nothing is given out before it is durable");
    assert_eq!(bench.drain(), 1_203);
    bench.assert_complete();
    let stats = bench.writer.stats();
    assert_eq!((stats.lanes[1].first, stats.lanes[1].next, stats.waiting_bytes), (1_200, 1_200, 0));
}

#[test]
fn a_group_is_committed_after_its_interval_and_not_before() {
    let mut bench = Bench::new(small());
    bench.put(Lane::Normal, 1);
    bench.hand.advance(Duration::from_millis(199));
    bench.committer.commit_due();
    assert!(bench.reader.next(&Limits::default()).is_none());
    bench.hand.advance(Duration::from_millis(1));
    bench.committer.commit_due();
    assert!(bench.reader.next(&Limits::default()).is_some());
}

#[test]
fn lanes_share_a_backlog_eight_to_four_to_one() {
    let mut bench = Bench::new(Options { batch_events: 10, ..small() });
    for lane in Lane::ALL {
        bench.put(lane, 1_300);
    }
    bench.commit();
    let limits = Limits { events: 1_300, bytes: u64::MAX };
    let batch = bench.reader.next(&limits).unwrap();
    let of = |lane| batch.parts.iter().filter(|part| part.lane == lane).map(|part| u64::from(part.count)).sum::<u64>();
    assert_eq!(Lane::ALL.map(of), [800, 400, 100]);
    // Alone, a lane has the whole body.
    bench.reader.acknowledge(&batch);
    let mut bench = Bench::new(small());
    bench.put(Lane::Low, 1_000);
    bench.commit();
    assert_eq!(bench.reader.next(&limits).unwrap().parts.len(), 2);
}

#[test]
fn the_watermark_is_the_oldest_event_not_given_out() {
    let mut bench = Bench::new(Options { batch_events: 1, ..small() });
    bench.put(Lane::Normal, 2);
    bench.commit();
    bench.put(Lane::Low, 1);
    let one = Limits { events: 1, bytes: u64::MAX };
    assert_eq!(bench.reader.next(&one).unwrap().watermark, Timestamp::from_millis(1_001));
    assert_eq!(bench.reader.next(&one).unwrap().watermark, Timestamp::from_millis(1_002));
    bench.commit();
    assert_eq!(bench.reader.next(&one).unwrap().watermark, bench.hand_wall());
}

#[test]
fn delivered_segments_are_given_back_and_the_counters_go_on() {
    let mut bench = Bench::new(small());
    for _ in 0..30 {
        bench.put_noise(Lane::Normal, 10, 1_000);
        bench.drain();
        bench.hand.advance(Duration::from_secs(2));
        bench.committer.commit_due();
    }
    assert!(bench.segments(Lane::Normal).len() <= 2, "{:?}", bench.segments(Lane::Normal));
    let epoch = bench.writer.stats().origin;
    bench.restart(Survives::Synced);
    assert_eq!(bench.writer.stats().origin, epoch, "nothing is in doubt, the epoch goes on");
    bench.put(Lane::Normal, 1);
    assert_eq!(bench.drain(), 1);
    bench.assert_complete();
    assert_eq!(bench.lost(), 0);
}

#[test]
fn what_is_not_acknowledged_comes_again_after_a_restart() {
    let mut bench = Bench::new(small());
    bench.put(Lane::Normal, 100);
    bench.commit();
    let batch = bench.reader.next(&Limits::default()).unwrap();
    bench.delivered.take(&batch);
    bench.restart(Survives::Written);
    assert_eq!(bench.drain(), 100);
    bench.restart(Survives::Written);
    assert_eq!(bench.drain(), 0);
    bench.assert_complete();
}

#[test]
fn the_mark_stops_at_the_first_event_without_an_answer() {
    let mut bench = Bench::new(Options { batch_events: 10, ..small() });
    bench.put(Lane::Normal, 30);
    bench.commit();
    let batch = bench.reader.next(&Limits::default()).unwrap();
    let epoch = batch.origin.epoch;
    bench.reader.acknowledge_range(epoch, Lane::Normal, 0, 14);
    bench.reader.acknowledge_range(epoch, Lane::Normal, 16, 29);
    assert_eq!(bench.writer.stats().lanes[1].first, 15);
    bench.commit();
    bench.restart(Survives::Synced);
    // The frame of the open event comes again as a whole, and those behind it.
    assert_eq!(bench.drain(), 20);
}

#[test]
fn p2_a_power_cut_costs_only_what_was_not_committed() {
    for seed in 0..50 {
        let mut bench = Bench::new(small());
        bench.put(Lane::Normal, 700);
        bench.put(Lane::High, 20);
        bench.commit();
        let durable = bench.accepted.clone();
        bench.put(Lane::Normal, 600);
        bench.committer.commit_due();
        bench.restart(if seed == 0 { Survives::Synced } else { Survives::Part(seed) });
        bench.accepted.retain(|id, _| durable.contains_key(id) || bench.delivered.numbers.contains_key(id));
        bench.made = 100_000;
        // Ids of what was never durable may be given again: nobody has seen them.
        bench.put(Lane::Normal, 10);
        bench.drain();
        for id in durable.keys() {
            assert!(bench.delivered.numbers.contains_key(id), "{id} was durable");
        }
    }
}

#[test]
fn every_crash_point_keeps_what_was_durable() {
    // The same run dies at each of its operations in turn; what was durable before must come out after.
    let mut at = 0;
    loop {
        let mut bench = Bench::new(Options { bytes: 1 << 20, ..small() });
        bench.disk.die_after(at);
        let mut durable = BTreeSet::new();
        for round in 0..6 {
            bench.put_noise([Lane::Normal, Lane::High][round % 2], 20, 2_000);
            bench.commit();
            if bench.writer.stats().waiting_bytes == 0 {
                durable.extend(bench.accepted.values().copied());
            }
            if let Some(batch) = bench.reader.next(&Limits::default()) {
                bench.delivered.take(&batch);
                bench.reader.acknowledge(&batch);
            }
            bench.hand.advance(Duration::from_secs(1));
            bench.committer.commit_due();
        }
        let finished = bench.disk.operations() <= at;
        bench.accepted.clear();
        bench.restart(if at % 2 == 0 { Survives::Synced } else { Survives::Part(at) });
        bench.drain();
        assert!(durable.is_subset(&bench.delivered.distinct()), "crash at operation {at}");
        if finished {
            assert!(at > 50, "the run has only {at} operations");
            return;
        }
        at += 1;
    }
}

#[test]
fn p5_a_copied_spool_counts_in_an_epoch_of_its_own() {
    let mut bench = Bench::new(small());
    bench.put(Lane::Normal, 10);
    bench.commit();
    let copy = bench.disk.copied();
    let mut other = Bench::on(copy, small());
    let (ours, theirs) = (bench.writer.stats().origin, other.writer.stats().origin);
    assert_ne!(ours, theirs);
    other.made = 500;
    other.accepted.clone_from(&bench.accepted);
    bench.put(Lane::Normal, 10);
    other.put(Lane::Normal, 10);
    assert_eq!((bench.drain(), other.drain()), (20, 20));
    let both: Vec<_> = bench.delivered.numbers.iter().chain(&other.delivered.numbers).collect();
    let mut by_id = BTreeMap::new();
    for (id, number) in both {
        assert!(by_id.insert(id, number).is_none_or(|before| before == number), "{id} stands for two events");
    }
}

#[test]
fn p5_events_of_a_refused_epoch_get_new_ids_and_none_is_lost() {
    let mut bench = Bench::new(small());
    bench.put(Lane::Normal, 600);
    bench.put(Lane::High, 5);
    bench.commit();
    let refused = bench.writer.stats().origin;
    assert!(bench.reader.next(&Limits { events: 500, bytes: u64::MAX }).is_some());
    bench.put(Lane::Normal, 7);
    bench.reader.refuse(refused).unwrap();
    bench.accepted.clear();
    let (writer, mut committer) = (bench.writer.clone(), bench.committer);
    let stop = Arc::new(crate::intake::Stop::default());
    let stopping = Arc::clone(&stop);
    let thread = std::thread::spawn(move || {
        while !stopping.wait(Duration::from_millis(1)) {
            committer.commit_all();
        }
    });
    let epoch = testkit::eventually("612 events under new ids", Duration::from_secs(30), || {
        while let Some(batch) = bench.reader.next(&Limits::default()) {
            assert_ne!(batch.origin, refused);
            bench.delivered.take(&batch);
            bench.reader.acknowledge(&batch);
        }
        (bench.delivered.distinct().len() == 612).then(|| writer.stats().origin.epoch)
    });
    stop.set();
    thread.join().unwrap();
    assert!(epoch > refused.epoch);
    assert_eq!(bench.delivered.numbers.len(), 612, "none came twice");
}

#[test]
fn p6_the_wall_clock_decides_nothing() {
    let mut bench = Bench::new(small());
    for wall in [1_800_000_000_000, 0, -5, 1_600_000_000_000] {
        bench.hand.set_wall(Timestamp::from_millis(wall));
        bench.put(Lane::Normal, 50);
        bench.commit();
        bench.hand.set_wall(Timestamp::from_millis(wall - 31_000_000_000));
        bench.restart(Survives::Synced);
    }
    assert_eq!(bench.drain(), 200);
    assert_eq!(bench.delivered.numbers.values().copied().collect::<Vec<_>>(), (0..200).collect::<Vec<_>>());
    bench.assert_complete();
}

#[test]
fn an_event_beyond_the_largest_is_refused_alone() {
    let mut bench = Bench::new(small());
    let refused = bench.try_put(Lane::Normal, MAX_DOCUMENT);
    assert!(matches!(refused, Err(Refused::TooLarge { .. })), "{refused:?}");
    bench.try_put(Lane::Normal, MAX_DOCUMENT / 10 * 9).unwrap();
    bench.put(Lane::Normal, 1);
    assert_eq!(bench.drain(), 2);
    bench.assert_complete();
}

#[test]
fn a_closed_spool_takes_nothing_and_keeps_everything() {
    let mut bench = Bench::new(small());
    bench.put(Lane::Low, 5);
    bench.writer.close();
    assert_eq!(bench.try_put(Lane::Low, 0), Err(Refused::Closed));
    assert_eq!(bench.drain(), 5);
}

#[test]
fn a_waiting_put_gets_the_room_that_a_commit_makes() {
    let bench = Bench::new(Options { memory: 64 << 10, ..small() });
    let Bench { writer, mut committer, .. } = bench;
    let put = |patience| {
        let mut event = Event::new(Timestamp::default());
        event.push_str(field::MESSAGE, &noise(1, 1_000));
        writer.put(&mut event, Lane::Normal, patience)
    };
    let mut taken = 0;
    while put(Duration::ZERO).is_ok() {
        taken += 1;
    }
    assert!((30..60).contains(&taken), "{taken}");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| put(Duration::from_secs(30)));
        while !waiting.is_finished() {
            committer.commit_all();
        }
        assert_eq!(waiting.join().unwrap(), Ok(()));
    });
}

#[test]
fn files_on_a_real_disk_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let options = small();
    let hand = Arc::new(Manual::default());
    for round in 0..3 {
        let disk = Box::new(disk::Folder::new(dir.path().join("spool")));
        let spool = open(disk, AGENT, options.clone(), Clock::manual(Arc::clone(&hand)), &Health::default()).unwrap();
        let Spool { writer, mut committer, mut reader, .. } = spool;
        for _ in 0..100 {
            writer.put(&mut Event::new(Timestamp::default()), Lane::Normal, Duration::ZERO).unwrap();
        }
        committer.commit_all();
        let batch = reader.next(&Limits::default()).unwrap();
        assert_eq!(batch.parts[0].first, round * 100, "the epoch and its counters go on");
        reader.acknowledge(&batch);
        committer.commit_all();
    }
}

impl Bench {
    fn hand_wall(&self) -> Timestamp {
        Clock::manual(Arc::clone(&self.hand)).wall()
    }

    fn put_noise(&mut self, lane: Lane, count: u64, padding: usize) {
        for _ in 0..count {
            self.try_put(lane, padding).unwrap();
        }
    }
}
