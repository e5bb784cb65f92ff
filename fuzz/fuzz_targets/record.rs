//! Feeds one record text as a netlink frame holds it: type in the first two bytes, then the text.
#![no_main]

use audit::record::{parse, unhex};
use audit::table::RecordType;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((kind, text)) = input.split_first_chunk::<2>() else { return };
    let Ok(record) = parse(RecordType(u16::from_le_bytes(*kind)), text) else { return };
    let mut bytes = Vec::new();
    for field in record.fields() {
        assert!(field.key.len() + field.value.raw.len() <= text.len());
        let decoded = field.value.decoded(field.name);
        assert!(decoded.len() <= field.value.raw.len());
        bytes.clear();
        unhex(field.value.raw, &mut bytes);
    }
});
