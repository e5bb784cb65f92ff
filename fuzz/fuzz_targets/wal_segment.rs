//! A segment of the log with any content: it opens, and takes a frame behind it.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use schema::{IngestSeq, Timestamp};
use server::ingest::wal::{Writer, disk::Real, frame::Frame};

fuzz_target!(|data: &[u8]| {
    let dir = std::env::temp_dir().join(format!("auditng-fuzz-wal-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&dir));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("0000000000000001.wal"), data).unwrap();
    let (mut writer, _) = Writer::open(&dir, Arc::new(Real), 1 << 20, IngestSeq(0), |_, _| {}).unwrap();
    let frame = Frame {
        received: Timestamp::from_millis(0),
        caller: String::new(),
        origin: None,
        items: 1,
        accepted: None,
        unpacked: 1,
        payload: vec![1],
    };
    writer.append(&frame).unwrap();
});
