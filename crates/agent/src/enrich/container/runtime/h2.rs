//! As much of HTTP/2 (RFC 9113) as one request on one connection takes.
//!
//! We say that we want no pushes and grant the answer its whole bound at once, so nothing waits for window updates; ours
//! are small enough for the windows that every connection begins with. Settings and pings are acknowledged, unknown
//! frames passed over. Frames are at most 16 KiB, headers 64 KiB, data 4 MiB; the caller bounds the time.

use std::io::{Read, Write};

use super::Miss;
use super::hpack::{Decoder, Header, encode};
use super::socket::MOST_BYTES;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The size that every peer must take and that we never raise.
const MOST_FRAME: usize = 16_384;
/// Bytes of one header block before it is unpacked.
const MOST_BLOCK: usize = 64 << 10;
/// Our only stream.
const STREAM: u32 = 1;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

/// Of SETTINGS and PING.
const ACK: u8 = 1;
/// Of DATA and HEADERS.
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

/// What came back: headers and trailers in one list, and the data.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Answer {
    headers: Vec<Header>,
    pub(super) data: Vec<u8>,
}

impl Answer {
    /// The last header or trailer of this name.
    pub(super) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().rfind(|(known, _)| known == name.as_bytes()).map(|(_, value)| value.as_slice())
    }
}

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

/// Sends the request and reads until its answer is whole.
pub(super) fn request(
    connection: &mut (impl Read + Write),
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, Miss> {
    connection.write_all(&opening(headers, body)?)?;
    let mut reader = Reader { decoder: Decoder::default(), answer: Answer::default() };
    loop {
        let frame = read_frame(connection)?;
        if let Some(ack) = acknowledgement(&frame)? {
            connection.write_all(&ack)?;
        }
        if reader.take(frame, connection)? {
            return Ok(reader.answer);
        }
    }
}

/// Everything that we say unasked.
fn opening(headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<u8>, Miss> {
    let mut block = Vec::new();
    headers.iter().for_each(|(name, value)| encode(name, value, &mut block));
    let most = u32::try_from(MOST_BYTES).map_err(|_| Miss::TooLarge)?;
    let mut settings = Vec::new();
    // ENABLE_PUSH and INITIAL_WINDOW_SIZE.
    for (id, value) in [(2_u16, 0), (4, most)] {
        settings.extend(id.to_be_bytes());
        settings.extend(value.to_be_bytes());
    }
    let mut bytes = PREFACE.to_vec();
    push_frame(SETTINGS, 0, 0, &settings, &mut bytes)?;
    push_frame(WINDOW_UPDATE, 0, 0, &most.to_be_bytes(), &mut bytes)?;
    push_frame(HEADERS, END_HEADERS, STREAM, &block, &mut bytes)?;
    push_frame(DATA, END_STREAM, STREAM, body, &mut bytes)?;
    Ok(bytes)
}

fn push_frame(kind: u8, flags: u8, stream: u32, payload: &[u8], to: &mut Vec<u8>) -> Result<(), Miss> {
    let length = u32::try_from(payload.len()).ok().filter(|_| payload.len() <= MOST_FRAME).ok_or(Miss::TooLarge)?;
    to.extend(&length.to_be_bytes()[1..]);
    to.extend([kind, flags]);
    to.extend(stream.to_be_bytes());
    to.extend(payload);
    Ok(())
}

fn read_frame(from: &mut impl Read) -> Result<Frame, Miss> {
    let mut head = [0; 9];
    from.read_exact(&mut head)?;
    let [a, b, c, kind, flags, stream @ ..] = head;
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    if length > MOST_FRAME {
        return Err(Miss::Malformed);
    }
    let mut payload = vec![0; length];
    from.read_exact(&mut payload)?;
    // The highest bit is reserved.
    Ok(Frame { kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff, payload })
}

fn acknowledgement(frame: &Frame) -> Result<Option<Vec<u8>>, Miss> {
    let payload: &[u8] = match frame.kind {
        SETTINGS if frame.flags & ACK == 0 => &[],
        PING if frame.flags & ACK == 0 => &frame.payload,
        _ => return Ok(None),
    };
    let mut bytes = Vec::new();
    push_frame(frame.kind, ACK, 0, payload, &mut bytes)?;
    Ok(Some(bytes))
}

struct Reader {
    decoder: Decoder,
    answer: Answer,
}

impl Reader {
    /// True: the answer is whole.
    fn take(&mut self, frame: Frame, from: &mut impl Read) -> Result<bool, Miss> {
        match (frame.kind, frame.stream) {
            (HEADERS, STREAM) => {
                let end = frame.flags & END_STREAM != 0;
                let block = block(frame, from)?;
                self.answer.headers.extend(self.decoder.decode(&block)?);
                Ok(end)
            }
            (DATA, STREAM) => {
                let data = unpadded(&frame, 0)?;
                if self.answer.data.len() + data.len() > MOST_BYTES {
                    return Err(Miss::TooLarge);
                }
                self.answer.data.extend(data);
                Ok(frame.flags & END_STREAM != 0)
            }
            (RST_STREAM, STREAM) => Err(Miss::Refused),
            (GOAWAY, _) => {
                // Streams up to the one named are still served.
                let last = frame.payload.first_chunk().map(|last| u32::from_be_bytes(*last) & 0x7fff_ffff);
                if last.is_none_or(|last| last < STREAM) { Err(Miss::Refused) } else { Ok(false) }
            }
            (DATA | HEADERS | PUSH_PROMISE | CONTINUATION, _) => Err(Miss::Malformed),
            _ => Ok(false),
        }
    }
}

/// The header block that begins with this frame; nothing but its continuations may come in between.
fn block(first: Frame, from: &mut impl Read) -> Result<Vec<u8>, Miss> {
    let skip = if first.flags & PRIORITY != 0 { 5 } else { 0 };
    let mut block = unpadded(&first, skip)?.to_vec();
    let mut flags = first.flags;
    while flags & END_HEADERS == 0 {
        let next = read_frame(from)?;
        // An empty one that ends nothing would let the other side go on for ever.
        if (next.kind, next.stream) != (CONTINUATION, STREAM)
            || next.payload.is_empty() && next.flags & END_HEADERS == 0
        {
            return Err(Miss::Malformed);
        }
        if block.len() + next.payload.len() > MOST_BLOCK {
            return Err(Miss::TooLarge);
        }
        block.extend(next.payload);
        flags = next.flags;
    }
    Ok(block)
}

/// The payload without padding and without the first `skip` bytes.
fn unpadded(frame: &Frame, skip: usize) -> Result<&[u8], Miss> {
    let payload = frame.payload.as_slice();
    let (padding, payload) = match (frame.flags & PADDED != 0, payload.split_first()) {
        (true, Some((padding, rest))) => (usize::from(*padding), rest),
        (true, None) => return Err(Miss::Malformed),
        (false, _) => (0, payload),
    };
    let end = payload.len().checked_sub(padding).ok_or(Miss::Malformed)?;
    payload.get(skip..end).ok_or(Miss::Malformed)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{self, Cursor};

    /// A peer that has said everything before it is asked, and what it hears.
    struct Peer {
        says: Cursor<Vec<u8>>,
        hears: Vec<u8>,
    }

    impl Read for Peer {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.says.read(buffer)
        }
    }

    impl Write for Peer {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            self.hears.extend(buffer);
            Ok(buffer.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub(in super::super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_frame(kind, flags, stream, payload, &mut bytes).unwrap();
        bytes
    }

    pub(in super::super) fn headers(flags: u8, list: &[(&str, &str)]) -> Vec<u8> {
        let mut block = Vec::new();
        list.iter().for_each(|(name, value)| encode(name, value, &mut block));
        frame(HEADERS, flags, STREAM, &block)
    }

    fn ask(says: &[Vec<u8>]) -> (Result<Answer, Miss>, Vec<u8>) {
        let mut peer = Peer { says: Cursor::new(says.concat()), hears: Vec::new() };
        let answer = request(&mut peer, &[(":method", "POST"), (":path", "/x")], b"body");
        (answer, peer.hears)
    }

    #[test]
    fn an_answer_with_everything_in_between() {
        let says = [
            frame(SETTINGS, 0, 0, b"\x00\x03\x00\x00\x00\x64"),
            frame(SETTINGS, ACK, 0, b""),
            frame(PING, 0, 0, b"12345678"),
            frame(WINDOW_UPDATE, 0, 0, b"\x00\x00\xff\xff"),
            headers(END_HEADERS, &[(":status", "200")]),
            frame(0x42, 0, 1, b"unknown"),
            frame(DATA, PADDED, 1, b"\x02abpp"),
            frame(DATA, 0, 1, b""),
            frame(GOAWAY, 0, 0, b"\x00\x00\x00\x01\x00\x00\x00\x00"),
            frame(DATA, 0, 1, b"cd"),
            headers(END_HEADERS | END_STREAM, &[("grpc-status", "0")]),
        ];
        let (answer, hears) = ask(&says);
        let answer = answer.unwrap();
        assert_eq!((answer.data.as_slice(), answer.header(":status")), (&b"abcd"[..], Some(&b"200"[..])));
        assert_eq!(answer.header("grpc-status"), Some(&b"0"[..]));
        assert!(hears.starts_with(PREFACE));
        let acks = [frame(SETTINGS, ACK, 0, b""), frame(PING, ACK, 0, b"12345678")].concat();
        assert!(hears.ends_with(&acks));
    }

    #[test]
    fn headers_in_pieces_with_priority_and_padding() {
        let mut block = Vec::new();
        encode(":status", "200", &mut block);
        let (one, two) = block.split_at(5);
        let first = [b"\x01\x00\x00\x00\x00\x10", one, b"p"].concat();
        let (answer, _) = ask(&[
            frame(HEADERS, PADDED | PRIORITY | END_STREAM, 1, &first),
            frame(CONTINUATION, 0, 1, &two[..3]),
            frame(CONTINUATION, END_HEADERS, 1, &two[3..]),
        ]);
        assert_eq!(answer.unwrap().header(":status"), Some(&b"200"[..]));
    }

    #[test]
    fn peers_that_break_the_rules() {
        let check = |says: &[Vec<u8>], expect: Miss| assert_eq!(ask(says).0, Err(expect));
        check(&[], Miss::Closed);
        check(&[frame(SETTINGS, 0, 0, b""), b"\x00\x00\x05".to_vec()], Miss::Closed);
        check(&[b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()], Miss::Malformed);
        check(&[frame(RST_STREAM, 0, 1, b"\x00\x00\x00\x07")], Miss::Refused);
        check(&[frame(GOAWAY, 0, 0, b"\x00\x00\x00\x00\x00\x00\x00\x0b")], Miss::Refused);
        check(&[frame(GOAWAY, 0, 0, b"")], Miss::Refused);
        check(&[frame(PUSH_PROMISE, END_HEADERS, 1, b"\x00\x00\x00\x02")], Miss::Malformed);
        check(&[frame(DATA, END_STREAM, 3, b"x")], Miss::Malformed);
        check(&[frame(DATA, PADDED, 1, b"\x05ab")], Miss::Malformed);
        check(&[frame(HEADERS, 0, 1, b"\x88"), frame(PING, 0, 0, b"12345678")], Miss::Malformed);
        check(&[frame(HEADERS, 0, 1, b"\x88"), frame(CONTINUATION, 0, 1, b"")], Miss::Malformed);
        check(&[frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff")], Miss::Malformed);
        let endless: Vec<Vec<u8>> = (0..6).map(|_| frame(CONTINUATION, 0, 1, &[0x88; MOST_FRAME])).collect();
        check(&[vec![frame(HEADERS, 0, 1, b"\x88")], endless].concat(), Miss::TooLarge);
        let much: Vec<Vec<u8>> = (0..257).map(|_| frame(DATA, 0, 1, &[0; MOST_FRAME])).collect();
        check(&much, Miss::TooLarge);
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_a_panic(bytes: Vec<u8>) {
            if let (Ok(answer), _) = ask(std::slice::from_ref(&bytes)) {
                prop_assert!(answer.data.len() < bytes.len());
            }
        }

        #[test]
        fn any_frames_end_without_a_panic(
            frames in proptest::collection::vec((0_u8..11, any::<u8>(), 0_u32..3, proptest::collection::vec(any::<u8>(), 0..40)), 0..20)
        ) {
            let sent: usize = frames.iter().map(|(.., payload)| payload.len()).sum();
            let says: Vec<_> = frames.iter().map(|(kind, flags, stream, payload)| frame(*kind, *flags, *stream, payload)).collect();
            if let (Ok(answer), _) = ask(&says) {
                prop_assert!(answer.data.len() <= sent);
            }
        }
    }
}
