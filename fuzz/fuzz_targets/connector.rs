//! Any bytes as a message of the process connector: told apart, or nothing.
#![no_main]

use agent::sys::connector::decode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(message) = decode(bytes) {
        assert_eq!(decode(bytes), Some(message));
    }
});
