//! Socket addresses: always a value, which prints in one line.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    assert!(!audit::sockaddr::decode(bytes).to_string().contains(char::is_control));
});
