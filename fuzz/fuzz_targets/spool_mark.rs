//! Any bytes as the two small files: refused, or read and written back the same.
#![no_main]

use agent::spool::mark::{Epoch, Mark};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(mark) = Mark::decode(bytes) {
        assert_eq!(Mark::decode(&mark.encode()), Some(mark));
    }
    if let Some(epoch) = Epoch::decode(bytes) {
        assert_eq!(Epoch::decode(&epoch.encode()), Some(epoch));
    }
});
