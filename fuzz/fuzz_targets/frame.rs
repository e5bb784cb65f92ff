//! Datagrams and captures: no panic, and a capture never gives more than it has.
#![no_main]

use audit::netlink::{capture, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _any = decode(bytes);
    let given: usize = capture::Frames::new(bytes).flatten().map(<[u8]>::len).sum();
    assert!(given <= bytes.len());
});
