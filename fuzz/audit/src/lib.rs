//! What must hold for any bytes, one function for each fuzz target. The targets call them with what libFuzzer thinks of;
//! `cargo test -p audit seeds` calls them with every file under `seeds/`, without nightly.

use audit::netlink::{self, capture};
use audit::record;
use audit::replay::{Decoder, Format, Options};
use audit::rule::{self, Host};
use audit::table::{RecordType, arch};

/// One record as a netlink frame holds it, its type in the first two bytes: fields lie inside the text.
pub fn record(input: &[u8]) {
    let Some((kind, text)) = input.split_first_chunk::<2>() else { return };
    let Ok(record) = record::parse(RecordType(u16::from_le_bytes(*kind)), text) else { return };
    let mut bytes = Vec::new();
    for field in record.fields() {
        assert!(field.key.len() + field.value.raw.len() <= text.len());
        let decoded = field.value.decoded(field.name);
        assert!(decoded.len() <= field.value.raw.len());
        bytes.clear();
        record::unhex(field.value.raw, &mut bytes);
    }
}

/// Lines as a log holds them, through to events: no lost line, JSON that parses back.
pub fn line(input: &[u8]) {
    replay(Some(Format::Lines), input);
}

/// A file of any form, which its first bytes tell.
pub fn file(input: &[u8]) {
    replay(None, input);
}

fn replay(format: Option<Format>, input: &[u8]) {
    let mut decoder = Decoder::new(Options { format, ..Options::default() });
    let mut events = 0;
    let mut each = |event: &mut schema::Event| {
        events += 1;
        let text = event.to_json();
        assert_eq!(schema::Event::from_json(&text).expect("our own document").to_json(), text);
    };
    decoder.feed(input, &mut each);
    decoder.finish(&mut each);
    assert_eq!(decoder.counters().events, events);
}

/// Datagrams and captures: a capture never gives more than it has.
pub fn frame(bytes: &[u8]) {
    let _any = netlink::decode(bytes);
    let given: usize = capture::Frames::new(bytes).flatten().map(<[u8]>::len).sum();
    assert!(given <= bytes.len());
}

/// Socket addresses: always a value, which prints in one line.
pub fn sockaddr(bytes: &[u8]) {
    assert!(!audit::sockaddr::decode(bytes).to_string().contains(char::is_control));
}

/// Rule files: every rule that compiles is the same rule after bytes and after text.
pub fn rule_text(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let host = Host::bare(arch::X86_64);
    let report = rule::check(text, &host);
    for problem in &report.problems {
        assert!(!problem.to_string().is_empty());
    }
    for rule in report.rules() {
        let bytes = rule::encode(rule);
        assert_eq!(rule::decode(&bytes).as_ref(), Ok(rule));
        let text = rule.text(arch::X86_64);
        let again = rule::check(&text, &host);
        assert_eq!(again.rules().map(rule::encode).collect::<Vec<_>>(), [bytes], "{text}");
    }
}

/// Rules as a kernel gives them: what decodes is the same rule when written back.
pub fn rule_bytes(bytes: &[u8]) {
    if let Ok(rule) = rule::decode(bytes) {
        assert_eq!(rule::decode(&rule::encode(&rule)).as_ref(), Ok(&rule));
        assert!(!rule.text(arch::X86_64).contains('\n'));
    }
}
