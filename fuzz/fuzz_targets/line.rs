//! Feeds lines as a log holds them, through to events: no panic, no lost line, JSON that parses back.
#![no_main]

use audit::replay::{Decoder, Format, Options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut decoder = Decoder::new(Options { format: Some(Format::Lines), ..Options::default() });
    let mut events = 0;
    let mut each = |event: &mut schema::Event| {
        events += 1;
        let text = event.to_json();
        assert_eq!(schema::Event::from_json(&text).expect("our own document").to_json(), text);
    };
    decoder.feed(input, &mut each);
    decoder.finish(&mut each);
    assert_eq!(decoder.counters().events, events);
});
