use proptest::prelude::*;

use super::capture::{CaptureError, Frames};
use super::*;

/// A message with a true length.
fn message(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(length(HEADER_BYTES + body.len()));
    out.extend(kind.to_ne_bytes());
    out.extend(0u16.to_ne_bytes());
    out.extend(9u32.to_ne_bytes());
    out.extend(4711u32.to_ne_bytes());
    out.extend(body);
    out
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap().to_ne_bytes()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

#[test]
fn unicast_record_has_a_length_sixteen_too_small() {
    let text = b"audit(1.000:1): argc=1 a0=\"ls\"";
    let mut datagram = message(1309, text);
    datagram[0..4].copy_from_slice(&length(text.len()));
    assert_eq!(decode(&datagram), Ok(Frame::Record(RecordType::EXECVE, text)));
}

#[test]
fn multicast_record_has_a_true_length_and_padding() {
    let mut datagram = message(1320, b"audit(1.000:1): x");
    datagram.extend([0, 0, 0]);
    assert_eq!(decode(&datagram), Ok(Frame::Record(RecordType::EOE, b"audit(1.000:1): x")));
}

#[test]
fn login_is_a_record_and_replace_is_not() {
    assert_eq!(decode(&message(1006, b"audit(")), Ok(Frame::Record(RecordType::LOGIN, b"audit(")));
    assert_eq!(decode(&message(1329, &words(&[77]))), Ok(Frame::Replace { asker: 77 }));
}

#[test]
fn a_type_that_no_table_knows_is_a_record() {
    assert_eq!(decode(&message(1398, b"audit(")), Ok(Frame::Record(RecordType(1398), b"audit(")));
}

#[test]
fn acknowledgements_carry_the_refusal() {
    let refused = message(kind::ERROR, &words(&[(-17i32).cast_unsigned(), 60, 1001, 9, 0]));
    let Ok(Frame::Ack(ack)) = decode(&refused) else { panic!("not an ack: {:?}", decode(&refused)) };
    assert_eq!((ack.errno(), ack.request, ack.sequence), (Some(17), 1001, 9));
    let Ok(Frame::Ack(taken)) = decode(&message(kind::ERROR, &words(&[0, 60, 1001, 9, 0]))) else { panic!() };
    assert_eq!(taken.errno(), None);
}

#[test]
fn status_of_every_age() {
    let now = words(&[0, 1, 1, 4711, 0, 64, 5, 6, 0x7f, 15_000, 3]);
    let Ok(Frame::Status(status)) = decode(&message(kind::GET, &now)) else { panic!() };
    assert_eq!((status.pid, status.lost, status.backlog_wait_time_actual), (4711, 5, Some(3)));
    assert!(status.has(Status::FEATURE_FILTER_FS));
    let Ok(Frame::Status(old)) = decode(&message(kind::GET, &now[..32])) else { panic!() };
    assert_eq!((old.backlog, old.features, old.backlog_wait_time), (6, None, None));
    assert!(!old.has(Status::FEATURE_EXECUTABLE_PATH));
    assert_eq!(
        decode(&message(kind::GET, &now[..28])),
        Err(DecodeError::ShortBody { kind: 1000, length: 28, needs: 32 })
    );
}

#[test]
fn a_datagram_shorter_than_a_header_is_an_error() {
    assert_eq!(decode(&[0; 15]), Err(DecodeError::NoHeader { length: 15 }));
}

#[test]
fn requests_are_framed_and_ask_for_an_acknowledgement() {
    let set = SetStatus { pid: Some(4711), backlog_limit: Some(8192), ..SetStatus::default() };
    let datagram = encode(&Request::SetStatus(set), 3);
    let header = Header::parse(&datagram).unwrap();
    assert_eq!((header.length, header.kind, header.flags, header.sequence), (60, kind::SET, 5, 3));
    assert_eq!(datagram[16..], words(&[0x14, 0, 0, 4711, 0, 8192, 0, 0, 0, 0, 0]));
}

#[test]
fn an_equivalence_carries_both_lengths() {
    let datagram = encode(&Request::MakeEquivalent { old: b"/a", new: b"/bcd" }, 1);
    assert_eq!(datagram[16..24], words(&[2, 4]));
    assert_eq!(&datagram[24..30], b"/a/bcd");
}

#[test]
fn a_cut_capture_gives_what_is_whole_and_says_where_it_ends() {
    let mut recorded = Vec::new();
    assert!(capture::append(&mut recorded, b"one"));
    assert!(capture::append(&mut recorded, b"second"));
    recorded.pop();
    let read: Vec<_> = Frames::new(&recorded).collect();
    assert_eq!(read, [Ok(&b"one"[..]), Err(CaptureError::Cut { offset: 7, have: 9, needs: 10 })]);
}

#[test]
fn a_text_file_is_no_capture() {
    let read: Vec<_> = Frames::new(b"type=SYSCALL msg=audit(").collect();
    assert_eq!(read, [Err(CaptureError::NotACapture { offset: 0, length: u32::from_le_bytes(*b"type") })]);
}

#[test]
fn the_recorded_capture_decodes_whole() {
    let Some(path) = testkit::recording("audit/real/host.netlink.zst") else { return };
    let recorded = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    let (mut acks, mut records, mut ends) = (0, 0, 0);
    for datagram in Frames::new(&recorded) {
        match decode(datagram.unwrap()).unwrap() {
            Frame::Ack(ack) => acks += i32::from(ack.errno().is_none()),
            Frame::Record(record_type, text) => {
                assert!(text.starts_with(b"audit("), "{record_type}: {text:?}");
                records += 1;
                ends += i32::from(record_type == RecordType::EOE);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((acks, records, ends), (1, 52_553, 10_421));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in any::<u16>()) {
        let _any = decode(&bytes);
        let _known = decode(&message(kind, &bytes));
        prop_assert!(Frames::new(&bytes).count() <= bytes.len());
    }

    #[test]
    fn a_capture_reads_back(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20)) {
        let mut recorded = Vec::new();
        for datagram in &datagrams {
            prop_assert!(capture::append(&mut recorded, datagram));
        }
        let read: Result<Vec<_>, _> = Frames::new(&recorded).collect();
        prop_assert_eq!(read.unwrap(), datagrams);
    }
}
