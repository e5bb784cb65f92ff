//! As much of protobuf's wire format as the runtimes' answers take: a message is a run of numbered fields.
//!
//! [`Message::of`] walks the bytes once and refuses what is broken; from then on each look-up walks them again, so an answer
//! costs no memory beyond its own bytes. Unknown fields are passed over. Groups, gone since proto3, are refused.

use super::Miss;

/// A message whose fields are whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a>(&'a [u8]);

/// The value of one field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wire<'a> {
    /// Numbers of every kind; those of the runtimes that we ask for are none.
    Number(u64),
    /// Strings, bytes and messages.
    Bytes(&'a [u8]),
}

impl<'a> Message<'a> {
    /// Checks that the bytes are a message.
    ///
    /// # Errors
    /// They are none.
    pub fn of(bytes: &'a [u8]) -> Result<Self, Miss> {
        let mut rest = bytes;
        while !rest.is_empty() {
            field(&mut rest).ok_or(Miss::Malformed)?;
        }
        Ok(Self(bytes))
    }

    fn fields(self) -> impl Iterator<Item = (u64, Wire<'a>)> {
        let mut rest = self.0;
        std::iter::from_fn(move || field(&mut rest))
    }

    /// Every string, bytes or message of this number.
    pub fn all(self, number: u64) -> impl Iterator<Item = &'a [u8]> {
        self.fields().filter_map(move |(found, wire)| match wire {
            Wire::Bytes(bytes) if found == number => Some(bytes),
            Wire::Bytes(_) | Wire::Number(_) => None,
        })
    }

    /// The string of this number, if there is one and it says something. The last one counts, as protobuf has it.
    #[must_use]
    pub fn text(self, number: u64) -> Option<&'a str> {
        self.all(number).last().and_then(|bytes| str::from_utf8(bytes).ok()).filter(|text| !text.is_empty())
    }

    /// The message of this number.
    #[must_use]
    pub fn message(self, number: u64) -> Option<Self> {
        self.all(number).last().and_then(|bytes| Self::of(bytes).ok())
    }

    /// The pairs of a `map<string, string>`.
    pub fn map(self, number: u64) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.all(number).filter_map(|bytes| {
            let pair = Self::of(bytes).ok()?;
            Some((pair.text(1)?, pair.text(2).unwrap_or("")))
        })
    }
}

/// Takes one field off the front.
fn field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Wire<'a>)> {
    let tag = varint(rest)?;
    let (number, kind) = (tag >> 3, tag & 7);
    let wire = match kind {
        0 => Wire::Number(varint(rest)?),
        1 => Wire::Number(u64::from_le_bytes(take(rest, 8)?.try_into().ok()?)),
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Wire::Bytes(take(rest, length)?)
        }
        5 => Wire::Number(u64::from(u32::from_le_bytes(take(rest, 4)?.try_into().ok()?))),
        _ => return None,
    };
    (number != 0).then_some((number, wire))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

/// Seven bits a byte, the lowest first; at most ten bytes.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Builds a message of strings and messages.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Builder(Vec<u8>);

impl Builder {
    /// Adds a string, bytes, or a finished message. Nothing is added for an empty one, which is the same to protobuf.
    #[must_use]
    pub fn with(mut self, number: u32, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        if !value.is_empty() {
            self.push_varint(u64::from(number) << 3 | 2);
            self.push_varint(value.len() as u64);
            self.0.extend(value);
        }
        self
    }

    /// Adds a number or a truth value.
    #[must_use]
    pub fn with_number(mut self, number: u32, value: u64) -> Self {
        self.push_varint(u64::from(number) << 3);
        self.push_varint(value);
        self
    }

    /// The message.
    #[must_use]
    pub fn done(self) -> Vec<u8> {
        self.0
    }

    #[expect(clippy::cast_possible_truncation, reason = "seven bits are taken")]
    fn push_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 & 0x7f | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_of_every_kind_are_passed_over() {
        // 1: varint 150, 2: "hi", 3: fixed64, 4: fixed32, 5: {1: "x"}
        let bytes = b"\x08\x96\x01\x12\x02hi\x19\x01\x02\x03\x04\x05\x06\x07\x08\x25\x01\x02\x03\x04\x2a\x03\x0a\x01x";
        let message = Message::of(bytes).unwrap();
        assert_eq!((message.text(1), message.text(2), message.text(9)), (None, Some("hi"), None));
        assert_eq!(message.message(5).unwrap().text(1), Some("x"));
        let numbers: Vec<_> = message.fields().map(|(_, wire)| wire).collect();
        assert_eq!(numbers[0], Wire::Number(150));
    }

    #[test]
    fn what_is_broken_is_refused() {
        for bytes in [
            &b"\x08"[..],
            b"\x12\x05hi",
            b"\x0b",
            b"\x00\x01",
            &[0xff; 11],
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            assert_eq!(Message::of(bytes), Err(Miss::Malformed), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_a_panic(bytes: Vec<u8>) {
            if let Ok(message) = Message::of(&bytes) {
                for number in 0..20 {
                    prop_assert!(message.map(number).count() <= message.all(number).count());
                    prop_assert!(message.text(number).is_none_or(|text| text.len() <= bytes.len()));
                }
            }
        }

        #[test]
        fn what_is_built_is_read(texts in proptest::collection::vec((1_u32..5000, "[a-z]{1,300}"), 0..20)) {
            let built = texts.iter().fold(Builder::default(), |built, (number, text)| built.with(*number, text)).done();
            let message = Message::of(&built).unwrap();
            let read: Vec<_> = message.fields().collect();
            let expect: Vec<_> =
                texts.iter().map(|(number, text)| (u64::from(*number), Wire::Bytes(text.as_bytes()))).collect();
            prop_assert_eq!(read, expect);
        }

        #[test]
        fn maps(pairs in proptest::collection::btree_map("[a-z]{1,9}", "[a-z]{0,9}", 0..9)) {
            let entry = |(key, value): (&String, &String)| Builder::default().with(1, key).with(2, value).done();
            let built = pairs.iter().fold(Builder::default(), |built, pair| built.with(12, entry(pair))).done();
            let read: std::collections::BTreeMap<_, _> = Message::of(&built).unwrap().map(12).collect();
            prop_assert_eq!(read, pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect());
        }
    }
}
