use super::*;

const LINE: &[u8] = b"type=USER msg=audit(1.000:1): op=a";

/// Documents of an input fed in chunks of `size`.
fn read(input: &[u8], size: usize) -> (Vec<String>, Counters, Detection) {
    let mut decoder = Decoder::new(Options::default());
    let mut documents = Vec::new();
    let mut each = |event: &mut Event| documents.push(event.to_json());
    input.chunks(size).for_each(|chunk| decoder.feed(chunk, &mut each));
    decoder.finish(&mut each);
    let (counters, detection) = (decoder.counters(), decoder.detection().unwrap());
    (documents, counters, detection)
}

fn frame(kind: u16, text: &[u8]) -> Vec<u8> {
    let header_and_text =
        [&u32::try_from(text.len()).unwrap().to_le_bytes()[..], &kind.to_le_bytes(), &[0; 10], text].concat();
    let mut out = Vec::new();
    assert!(capture::append(&mut out, &header_and_text));
    out
}

#[test]
fn formats_are_told_by_the_first_bytes() {
    let prefixed = [b"Nov 14 host audispd: ", LINE].concat();
    let enriched = [LINE, b"\x1dUID=\"root\""].concat();
    let captured = frame(1005, &LINE[14..]);
    for (input, format, guess, reason) in [
        (LINE, Format::Lines, false, "audit records"),
        (&enriched, Format::Lines, false, "audit records with an ENRICHED tail"),
        (&prefixed, Format::Lines, false, "audit records behind a prefix"),
        (&captured, Format::Netlink, false, "netlink frame lengths and headers agree"),
        (b"", Format::Lines, false, "empty"),
        (b"\x7fELF\x02\x01\x01\0\0\0", Format::Lines, true, NOTHING_RECOGNISED),
        (b"hello\nworld\n", Format::Lines, true, NOTHING_RECOGNISED),
    ] {
        let detection = detect(input);
        assert_eq!(
            (detection.format, detection.is_guess(), detection.reason),
            (format, guess, reason),
            "{}",
            input.escape_ascii()
        );
    }
}

const NOTHING_RECOGNISED: &str = "nothing recognised: read as lines";

#[test]
fn a_capture_is_read_in_chunks_of_any_size() {
    let frames = [
        frame(2, &[0; 20]),
        frame(1000, &[0; 44]),
        frame(1329, &[0; 4]),
        frame(1300, b"audit(1.000:1): syscall=1"),
        frame(1320, b"audit(1.000:1): "),
        frame(1307, b"broken"),
    ]
    .concat();
    let (whole, counters, _) = read(&frames, frames.len());
    assert_eq!((counters.records, counters.events, counters.unparsed), (2, 2, 1));
    for size in [1, 3, 16, 50] {
        assert_eq!(read(&frames, size).0, whole, "{size}");
    }
}

#[test]
fn a_cut_or_damaged_capture_keeps_what_came_before() {
    let good = frame(1300, b"audit(1.000:1): syscall=1");
    let mut cut = [good.clone(), frame(1307, b"audit(1.000:1): cwd=\"/\"")].concat();
    cut.truncate(cut.len() - 5);
    let (events, counters, _) = read(&cut, 7);
    assert_eq!((counters.records, counters.unparsed), (1, 1));
    assert!(events.iter().any(|event| event.contains("capture cut inside a frame")), "{events:?}");

    // Four frames are looked at to tell the format.
    let damaged = [good.repeat(4), vec![0xff; 100], good].concat();
    let (events, counters, _) = read(&damaged, 7);
    assert_eq!((counters.records, counters.unparsed), (4, 1));
    assert!(events.iter().any(|event| event.contains("capture damaged")), "{events:?}");
}

#[test]
fn a_line_without_end_costs_its_beginning_only() {
    let mut input = vec![b'x'; 10 << 20];
    input.push(b'\n');
    input.extend_from_slice(LINE);
    for size in [64 << 10, input.len()] {
        let (events, counters, _) = read(&input, size);
        assert_eq!((counters.records, counters.unparsed, counters.events), (1, 1, 2));
        assert!(events.iter().all(|event| event.len() < 128 << 10));
        assert!(events.iter().any(|event| event.contains("line longer than 1048576 bytes")));
    }
}
