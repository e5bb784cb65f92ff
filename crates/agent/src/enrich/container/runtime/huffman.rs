//! The Huffman code of HPACK (RFC 7541, appendix B), to read strings that servers pack with it.
//!
//! The code is canonical: codes of one length follow each other in the order of their symbols, and shorter ones come first.
//! So the lengths alone give it, and one number per length is enough to decode bit by bit.

/// Bits of the code of each byte, then of the end mark.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
     6, 10, 10, 12, 13,  6,  8, 11, 10, 10,  8, 11,  8,  6,  6,  6,
     5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8, 15,  6, 12, 10,
    13,  6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
     7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8, 13, 19, 13, 14,  6,
    15,  5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,
     6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];
const SYMBOLS: usize = 257;
const LONGEST: usize = 30;

/// The codes of one length: the first of them, how many, and where their symbols begin in [`Code::symbols`].
#[derive(Clone, Copy)]
struct Row {
    first: u32,
    count: u32,
    at: usize,
}

struct Code {
    rows: [Row; LONGEST + 1],
    symbols: [u16; SYMBOLS],
}

static CODE: Code = code();

#[expect(clippy::cast_possible_truncation, reason = "257 symbols and 30 bits fit")]
const fn code() -> Code {
    let mut rows = [Row { first: 0, count: 0, at: 0 }; LONGEST + 1];
    let mut symbols = [0_u16; SYMBOLS];
    let (mut next, mut at, mut length) = (0_u32, 0, 1);
    while length <= LONGEST {
        next <<= 1;
        rows[length] = Row { first: next, count: 0, at };
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == length {
                symbols[at] = symbol as u16;
                at += 1;
                next += 1;
                rows[length].count += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    Code { rows, symbols }
}

/// The string packed in `bytes`, or `None` if they are no such string: an unknown code, an end mark inside, or a last byte
/// not filled up with fewer than eight 1 bits.
pub(super) fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    // The shortest code has five bits.
    let mut text = Vec::with_capacity(bytes.len() * 8 / 5);
    let (mut bits, mut length) = (0_u32, 0);
    for byte in bytes {
        for shift in (0..8).rev() {
            bits = bits << 1 | u32::from(byte >> shift & 1);
            length += 1;
            let row = CODE.rows.get(length)?;
            let place = bits.wrapping_sub(row.first);
            if place < row.count {
                text.push(u8::try_from(CODE.symbols[row.at + place as usize]).ok()?);
                (bits, length) = (0, 0);
            }
        }
    }
    (length < 8 && bits == (1 << length) - 1).then_some(text)
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "the lowest eight bits are taken")]
pub(super) fn pack(text: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let (mut bits, mut length) = (0_u64, 0);
    for byte in text {
        let size = usize::from(LENGTHS[usize::from(*byte)]);
        let row = CODE.rows[size];
        let place = CODE.symbols[row.at..].iter().position(|symbol| *symbol == u16::from(*byte)).unwrap();
        bits = (bits << size) | (u64::from(row.first) + place as u64);
        length += size;
        while length >= 8 {
            length -= 8;
            packed.push((bits >> length) as u8);
        }
    }
    if length > 0 {
        packed.push((bits << (8 - length)) as u8 | (0xff_u8 >> length));
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_code_is_complete() {
        let room: u64 = LENGTHS.iter().map(|length| 1_u64 << (LONGEST - usize::from(*length))).sum();
        assert_eq!(room, 1 << LONGEST);
        let row = CODE.rows[LONGEST];
        let last = row.at + row.count as usize - 1;
        assert_eq!((CODE.symbols[last], row.first + row.count - 1), (256, 0x3fff_ffff));
    }

    #[test]
    fn codes_of_the_rfc() {
        // Appendix C.4 and C.6 of RFC 7541.
        let examples: [(&[u8], &str); 5] = [
            (b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff", "www.example.com"),
            (b"\xa8\xeb\x10\x64\x9c\xbf", "no-cache"),
            (b"\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf", "custom-value"),
            (b"\x64\x02", "302"),
            (
                b"\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff",
                "Mon, 21 Oct 2013 20:13:21 GMT",
            ),
        ];
        for (packed, text) in examples {
            assert_eq!(unpack(packed).as_deref(), Some(text.as_bytes()), "{text}");
            assert_eq!(pack(text.as_bytes()), packed, "{text}");
        }
    }

    #[test]
    fn wrong_padding_and_end_marks_are_refused() {
        assert_eq!(unpack(b"\x18"), None);
        assert_eq!(unpack(b"\x64\x02\xff"), None);
        assert_eq!(unpack(b"\xff\xff\xff\xff"), None);
        assert_eq!(unpack(b""), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(text: Vec<u8>) {
            prop_assert_eq!(unpack(&pack(&text)), Some(text));
        }

        #[test]
        fn any_bytes_end_without_a_panic(bytes: Vec<u8>) {
            // Canonical: what can be unpacked packs to the same bytes.
            if let Some(text) = unpack(&bytes) {
                prop_assert_eq!(pack(&text), bytes);
            }
        }
    }
}
