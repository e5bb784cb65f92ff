//! [`fuzz_audit::file`] on whatever libFuzzer thinks of.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_audit::file(input));
