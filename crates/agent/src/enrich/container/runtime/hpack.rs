//! Header lists of HTTP/2 (HPACK, RFC 7541): read all of it, write the plainest form.
//!
//! Bounds: 64 KiB of headers in one list, 4,096 bytes of dynamic table, which is what the other side may count on.

use std::collections::VecDeque;

use super::{Miss, huffman};

/// Bytes of one list when unpacked; more is refused.
const MOST_LIST: usize = 64 << 10;
/// Bytes of the dynamic table, each entry counted with 32 more.
const MOST_TABLE: usize = 4096;
const ENTRY: usize = 32;

/// A name and a value.
pub(super) type Header = (Vec<u8>, Vec<u8>);

/// Reads the lists of one connection; they build on each other.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Newest first.
    table: VecDeque<Header>,
    size: usize,
    most: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { table: VecDeque::new(), size: 0, most: MOST_TABLE }
    }
}

impl Decoder {
    /// The list in one header block.
    pub(super) fn decode(&mut self, mut block: &[u8]) -> Result<Vec<Header>, Miss> {
        let (mut list, mut bytes) = (Vec::new(), 0);
        while let Some(&first) = block.first() {
            let header = match first {
                0x80.. => self.entry(integer(&mut block, 7)?)?,
                0x40.. => {
                    let header = self.literal(&mut block, 6)?;
                    self.insert(header.clone());
                    header
                }
                0x20.. => {
                    self.resize(integer(&mut block, 5)?)?;
                    continue;
                }
                // Not to be indexed, now or ever.
                _ => self.literal(&mut block, 4)?,
            };
            bytes += header.0.len() + header.1.len() + ENTRY;
            if bytes > MOST_LIST {
                return Err(Miss::TooLarge);
            }
            list.push(header);
        }
        Ok(list)
    }

    fn literal(&self, block: &mut &[u8], prefix: u32) -> Result<Header, Miss> {
        let name = match integer(block, prefix)? {
            0 => string(block)?,
            index => self.entry(index)?.0,
        };
        Ok((name, string(block)?))
    }

    /// Static table first, then ours, newest first.
    fn entry(&self, index: usize) -> Result<Header, Miss> {
        let at = index.checked_sub(1).ok_or(Miss::Malformed)?;
        match STATIC.get(at) {
            Some((name, value)) => Ok((name.as_bytes().to_vec(), value.as_bytes().to_vec())),
            None => self.table.get(at - STATIC.len()).cloned().ok_or(Miss::Malformed),
        }
    }

    fn insert(&mut self, header: Header) {
        self.size += cost(&header);
        self.table.push_front(header);
        self.hold();
    }

    fn resize(&mut self, most: usize) -> Result<(), Miss> {
        if most > MOST_TABLE {
            return Err(Miss::Malformed);
        }
        self.most = most;
        self.hold();
        Ok(())
    }

    fn hold(&mut self) {
        while self.size > self.most {
            let Some(oldest) = self.table.pop_back() else { break };
            self.size -= cost(&oldest);
        }
    }
}

fn cost((name, value): &Header) -> usize {
    name.len() + value.len() + ENTRY
}

/// An integer of RFC 7541, section 5.1, whose first byte has `prefix` bits of it.
fn integer(block: &mut &[u8], prefix: u32) -> Result<usize, Miss> {
    let mask = (1_usize << prefix) - 1;
    let mut value = usize::from(byte(block)?) & mask;
    if value < mask {
        return Ok(value);
    }
    // Four more bytes make 2^28: far beyond any bound here.
    for shift in [0, 7, 14, 21] {
        let next = byte(block)?;
        value += usize::from(next & 0x7f) << shift;
        if next & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Miss::Malformed)
}

fn string(block: &mut &[u8]) -> Result<Vec<u8>, Miss> {
    let packed = block.first().is_some_and(|first| first & 0x80 != 0);
    let length = integer(block, 7)?;
    let (text, rest) = block.split_at_checked(length).ok_or(Miss::Malformed)?;
    *block = rest;
    if packed { huffman::unpack(text).ok_or(Miss::Malformed) } else { Ok(text.to_vec()) }
}

fn byte(block: &mut &[u8]) -> Result<u8, Miss> {
    let (first, rest) = block.split_first().ok_or(Miss::Malformed)?;
    *block = rest;
    Ok(*first)
}

/// A header as a literal that is not to be indexed. Both parts must be shorter than 16,384 bytes.
pub(super) fn encode(name: &str, value: &str, block: &mut Vec<u8>) {
    block.push(0);
    for text in [name, value] {
        push_length(text.len(), block);
        block.extend(text.as_bytes());
    }
}

#[expect(clippy::cast_possible_truncation, reason = "seven bits are taken")]
fn push_length(length: usize, block: &mut Vec<u8>) {
    if length < 127 {
        block.push(length as u8);
        return;
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 0x80 {
        block.push(rest as u8 & 0x7f | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}

/// RFC 7541, appendix A.
#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
    ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(list: &[Header]) -> String {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        list.iter().map(|(name, value)| format!("{}={}", lossy(name), lossy(value))).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn three_answers_of_the_rfc_on_one_connection() {
        // Appendix C.6: packed strings, a table of 256 bytes that overflows.
        let mut decoder = Decoder { most: 256, ..Decoder::default() };
        let first = b"\x48\x82\x64\x02\x58\x85\xae\xc3\x77\x1a\x4b\x61\x96\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff\x6e\x91\x9d\x29\xad\x17\x18\x63\xc7\x8f\x0b\x97\xc8\xe9\xae\x82\xae\x43\xd3";
        let first = decoder.decode(first).unwrap();
        assert_eq!(
            text(&first),
            ":status=302 cache-control=private date=Mon, 21 Oct 2013 20:13:21 GMT location=https://www.example.com"
        );
        let second = decoder.decode(b"\x48\x83\x64\x0e\xff\xc1\xc0\xbf").unwrap();
        assert_eq!(text(&second[..2]), ":status=307 cache-control=private");
        assert_eq!((decoder.table.len(), decoder.size), (4, 222));
    }

    #[test]
    fn literals_of_the_rfc() {
        // Appendix C.2: with indexing, without, never.
        let check = |block: &[u8], expect: &str, kept: usize| {
            let mut decoder = Decoder::default();
            assert_eq!(text(&decoder.decode(block).unwrap()), expect);
            assert_eq!(decoder.table.len(), kept);
        };
        check(b"\x40\x0acustom-key\x0dcustom-header", "custom-key=custom-header", 1);
        check(b"\x04\x0c/sample/path", ":path=/sample/path", 0);
        check(b"\x10\x08password\x06secret", "password=secret", 0);
        check(b"\x82", ":method=GET", 0);
    }

    #[test]
    fn what_is_broken_or_too_much_is_refused() {
        let check = |block: &[u8], expect: Miss| assert_eq!(Decoder::default().decode(block), Err(expect), "{block:?}");
        check(b"\x80", Miss::Malformed);
        check(b"\xbe", Miss::Malformed);
        check(b"\xff\xff\xff\xff\xff\xff\xff", Miss::Malformed);
        check(b"\x40\x0acus", Miss::Malformed);
        check(b"\x3f\xff\xff\x7f", Miss::Malformed);
        // One entry of 4 KB, then one byte for each of its repetitions.
        let mut bomb = vec![0x40, 1, b'a', 127, 0x80, 0x1e];
        bomb.extend([b'x'; 3967]);
        bomb.extend([0xbe; 100]);
        check(&bomb, Miss::TooLarge);
    }

    proptest! {
        #[test]
        fn any_blocks_end_without_a_panic_and_hold_the_bounds(blocks: Vec<Vec<u8>>) {
            let mut decoder = Decoder::default();
            for block in blocks {
                if let Ok(list) = decoder.decode(&block) {
                    prop_assert!(list.iter().map(cost).sum::<usize>() <= MOST_LIST);
                }
                prop_assert!(decoder.size <= MOST_TABLE);
                prop_assert_eq!(decoder.size, decoder.table.iter().map(cost).sum::<usize>());
            }
        }

        #[test]
        fn what_is_encoded_is_decoded(headers in proptest::collection::vec(("[a-z:-]{1,300}", "[ -~]{0,300}"), 0..20)) {
            let mut block = Vec::new();
            headers.iter().for_each(|(name, value)| encode(name, value, &mut block));
            let expect: Vec<Header> = headers.iter().map(|(n, v)| (n.clone().into_bytes(), v.clone().into_bytes())).collect();
            prop_assert_eq!(Decoder::default().decode(&block).unwrap(), expect);
        }
    }
}
