//! Rules as a kernel gives them: no panic; what decodes is the same rule when written back.
#![no_main]

use audit::rule::{decode, encode};
use audit::table::arch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(rule) = decode(bytes) {
        assert_eq!(decode(&encode(&rule)).as_ref(), Ok(&rule));
        assert!(!rule.text(arch::X86_64).contains('\n'));
    }
});
