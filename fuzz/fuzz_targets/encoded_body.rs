//! Packed bodies: the first byte chooses the encoding. What comes out is bounded, and read as a bulk body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schema::{AgentId, Timestamp};
use server::ingest::body::{self, Limits};
use server::ingest::decode::{Encoding, decode};

const CAP: usize = 1 << 16;

fuzz_target!(|data: &[u8]| {
    let Some((which, packed)) = data.split_first() else { return };
    let encoding = [Encoding::Identity, Encoding::Gzip, Encoding::Deflate, Encoding::Zstd][usize::from(which % 4)];
    let Ok(text) = decode(packed, encoding, CAP) else { return };
    assert!(text.len() <= CAP);
    let limits = Limits { event_bytes: CAP, items: 100 };
    let node = AgentId::from_bytes([9; 6]);
    if let Ok(items) = body::read(&text, limits, None, node, Timestamp::from_millis(0)) {
        assert!(items.len() <= 100);
    }
});
