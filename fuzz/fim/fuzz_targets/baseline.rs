//! [`fuzz_fim::baseline`] on whatever libFuzzer thinks of.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz_fim::baseline(input));
