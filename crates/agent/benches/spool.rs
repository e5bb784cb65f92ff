//! What an event costs on its way through the spool: `cargo bench -p agent --bench spool`.
//!
//! The events are the generator's (26 fields, 717 bytes of JSON); the disk is the one below the temporary folder.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails right there")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agent::clock::Clock;
use agent::health::Health;
use agent::intake::Sink as _;
use agent::spool::{self, Limits, Options, Spool, disk::Folder, memory::Memory};
use divan::Bencher;
use divan::counter::ItemsCount;
use schema::{AgentId, Event, Lane, Timestamp};
use testkit::generate::Generator;

const EVENTS: usize = 10_000;

fn main() {
    divan::main();
}

fn events() -> Vec<Event> {
    let mut generator = Generator::new(1, Timestamp::from_millis(1_700_000_000_000), 1_000);
    let fill = |_| {
        let mut event = Event::default();
        generator.fill(&mut event);
        event
    };
    (0..EVENTS).map(fill).collect()
}

fn open(disk: Box<dyn spool::disk::Disk>) -> Spool {
    let options = Options { keep_free: 0, ..Options::default() };
    spool::open(disk, AgentId::from_bytes([1; 6]), options, Clock::system(), &Health::default()).unwrap()
}

fn through(bencher: Bencher<'_, '_>, disk: impl Fn() -> Box<dyn spool::disk::Disk> + Sync) {
    let bencher = bencher.counter(ItemsCount::new(EVENTS));
    bencher.with_inputs(|| (events(), open(disk()))).bench_values(|(mut events, mut spool)| {
        for group in events.chunks_mut(500) {
            for event in group {
                spool.writer.put(event, Lane::Normal, Duration::ZERO).unwrap();
            }
            spool.committer.commit_due();
        }
        spool.committer.commit_all();
        while let Some(batch) = spool.reader.next(&Limits::default()) {
            spool.reader.acknowledge(&batch);
        }
        spool
    });
}

/// Put, pack, write, read and acknowledge, without a disk.
#[divan::bench(sample_count = 20)]
fn in_memory(bencher: Bencher<'_, '_>) {
    through(bencher, || Box::new(Memory::new()));
}

/// The same with a real disk: one sync for each 500 events.
#[divan::bench(sample_count = 10)]
fn on_disk(bencher: Bencher<'_, '_>) {
    let dir = tempfile::tempdir().unwrap();
    let count = AtomicU32::new(0);
    through(bencher, || Box::new(Folder::new(dir.path().join(count.fetch_add(1, Ordering::Relaxed).to_string()))));
}
