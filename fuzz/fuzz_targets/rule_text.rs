//! Rule files: no panic; every rule that compiles is the same rule after bytes and after text.
#![no_main]

use audit::rule::{Host, check, decode, encode};
use audit::table::arch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let host = Host::bare(arch::X86_64);
    let report = check(text, &host);
    for problem in &report.problems {
        assert!(!problem.to_string().is_empty());
    }
    for rule in report.rules() {
        let bytes = encode(rule);
        assert_eq!(decode(&bytes).as_ref(), Ok(rule));
        let text = rule.text(arch::X86_64);
        let again = check(&text, &host);
        assert_eq!(again.rules().map(encode).collect::<Vec<_>>(), [bytes], "{text}");
    }
});
