//! Any bytes as a segment file: the spool opens, reads what it can, takes new events, and opens again.
#![no_main]

use std::time::Duration;

use agent::clock::Clock;
use agent::health::Health;
use agent::intake::Sink as _;
use agent::spool::{self, Limits, Options, memory::Memory};
use libfuzzer_sys::fuzz_target;
use schema::{AgentId, Event, Lane, Timestamp};

fuzz_target!(|bytes: &[u8]| {
    let disk = Memory::new();
    disk.put("normal/00000001-00000000000.seg", bytes);
    for _ in 0..2 {
        let (health, options) = (Health::default(), Options { keep_free: 0, ..Options::default() });
        let agent = AgentId::from_bytes([1; 6]);
        let opened = spool::open(Box::new(disk.clone()), agent, options, Clock::system(), &health);
        let mut spool = opened.expect("no content keeps a spool from opening");
        let mut event = Event::new(Timestamp::default());
        spool.writer.put(&mut event, Lane::Normal, Duration::ZERO).expect("there is room");
        spool.committer.commit_all();
        while let Some(batch) = spool.reader.next(&Limits::default()) {
            spool.reader.acknowledge(&batch);
        }
        spool.committer.commit_all();
    }
});
