use std::sync::atomic::{AtomicU32, Ordering};

use super::disk::Real;
use super::*;
use proptest::prelude::*;
use roaring::RoaringBitmap;

fn frame(text: &str, items: u32) -> Frame {
    Frame {
        received: Timestamp::from_millis(1_795_507_200_000),
        caller: "agent".to_owned(),
        origin: None,
        items,
        accepted: None,
        unpacked: u32::try_from(text.len()).unwrap(),
        payload: text.as_bytes().to_vec(),
    }
}

fn open(dir: &Path) -> (Writer, Recovered, Vec<(u64, Vec<u8>)>) {
    let mut seen = Vec::new();
    let (writer, recovered) = Writer::open(dir, Arc::new(Real), 1 << 20, IngestSeq(0), |place, frame| {
        seen.push((place.first.0, frame.payload.clone()));
    })
    .unwrap();
    (writer, recovered, seen)
}

/// A log of one segment with three frames: sequences 1-2, 3, 4-6.
fn three(dir: &Path) -> (PathBuf, Vec<Place>) {
    let (mut writer, ..) = open(dir);
    let places =
        [("one", 2), ("two", 1), ("three", 3)].map(|(text, items)| writer.append(&frame(text, items)).unwrap());
    writer.unsynced().iter().for_each(|file| file.sync().unwrap());
    (path_of(dir, 1), places.to_vec())
}

#[test]
fn what_was_written_is_read_back_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (_, places) = three(dir.path());
    let (writer, recovered, seen) = open(dir.path());
    assert_eq!(seen, [(1, b"one".to_vec()), (3, b"two".to_vec()), (4, b"three".to_vec())]);
    assert_eq!(recovered.places, places);
    assert!(recovered.holes.is_empty());
    assert_eq!(writer.next(), IngestSeq(7));
    assert_eq!(writer.place_of(IngestSeq(5)).unwrap(), places[2]);
    assert_eq!(read(dir.path(), &places[1]).unwrap(), frame("two", 1));
}

#[test]
fn frames_keep_everything() {
    let mut full = frame("payload", 9);
    full.accepted = Some([1, 5].into_iter().collect::<RoaringBitmap>());
    full.origin =
        Some(frame::Origin { agent: schema::AgentId::from_bytes([1, 2, 3, 4, 5, 6]), epoch: 77, nonce: u128::MAX - 3 });
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, ..) = open(dir.path());
    let place = writer.append(&full).unwrap();
    assert_eq!(place.accepted, 2);
    let back = read(dir.path(), &place).unwrap();
    assert_eq!(back, full);
    assert!(back.is_accepted(5) && !back.is_accepted(0));
}

/// Each byte of the log flipped in turn: it opens, loses at most one frame, and names what it lost.
#[test]
fn a_flipped_byte_costs_its_frame() {
    let dir = tempfile::tempdir().unwrap();
    let (path, places) = three(dir.path());
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(path_of(dir.path(), 1), &bytes).unwrap();
        let (writer, recovered, seen) = open(dir.path());
        let hit = places.iter().rposition(|place| at as u64 >= place.offset);
        let lost = hit.map_or(0, |_| 1);
        assert_eq!(seen.len(), 3 - lost, "byte {at}");
        assert_eq!(recovered.holes.len(), lost, "byte {at}");
        if let (Some(hit), Some(hole)) = (hit, recovered.holes.first()) {
            assert_eq!(hole.first, places[hit].first, "byte {at}");
            assert!(hole.last.is_none_or(|last| last == places[hit].last()), "byte {at}: {hole:?}");
            assert!(hole.last.is_some() || hit == 2, "byte {at}: only the last frame's end can be unknown");
        }
        assert!(hit == Some(2) || writer.next() == IngestSeq(7), "byte {at}");
    }
}

/// Cut at each length: what is whole is there, nothing is called lost.
#[test]
fn a_torn_tail_is_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let (path, places) = three(dir.path());
    let whole = std::fs::read(&path).unwrap();
    for len in 0..whole.len() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(path_of(dir.path(), 1), &whole[..len]).unwrap();
        let (mut writer, recovered, seen) = open(dir.path());
        let complete = places.iter().skip(1).filter(|place| place.offset <= len as u64).count();
        assert_eq!(seen.len(), complete, "cut at {len}");
        assert!(recovered.holes.is_empty(), "cut at {len}");
        let expect = if complete == 0 { 1 } else { places[complete - 1].last().0 + 1 };
        assert_eq!(writer.append(&frame("next", 1)).unwrap().first, IngestSeq(expect), "cut at {len}");
    }
}

#[test]
fn a_tail_of_zeros_is_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = three(dir.path());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(&[0; 200_000]);
    std::fs::write(&path, bytes).unwrap();
    let (writer, recovered, seen) = open(dir.path());
    assert_eq!((seen.len(), recovered.holes.len(), writer.next()), (3, 0, IngestSeq(7)));
}

#[test]
fn segments_roll_and_are_trimmed_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(dir.path(), Arc::new(Real), 300, IngestSeq(0), |_, _| {}).unwrap();
    for _ in 0..10 {
        writer.append(&frame(&"x".repeat(100), 1)).unwrap();
    }
    assert!(writer.segments().len() > 3);
    assert_eq!(writer.unsynced().len(), writer.segments().len());
    writer.trim(IngestSeq(4)).unwrap();
    assert!(writer.first().0 > 2 && writer.first().0 <= 5, "{:?}", writer.first());
    writer.trim(IngestSeq(10)).unwrap();
    assert_eq!(writer.segments().len(), 1);
    drop(writer);
    let (writer, ..) = open(dir.path());
    assert_eq!(writer.next(), IngestSeq(11), "the sequence goes on although nothing is left");
}

#[test]
fn files_of_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("notes.wal"), "mine").unwrap();
    let (_, recovered, _) = open(dir.path());
    assert_eq!(recovered.foreign, ["notes.wal"]);
    assert!(dir.path().join("notes.wal").exists());
}

/// A disk of which the n-th operation of a kind fails.
#[derive(Debug, Default)]
struct Failing {
    appends: AtomicU32,
    syncs: AtomicU32,
}

#[derive(Debug)]
struct FailingFile(Arc<dyn SegmentFile>, Arc<Failing>);

fn count_down(left: &AtomicU32) -> io::Result<()> {
    let before = left.load(Ordering::SeqCst);
    if before > 0 {
        left.store(before - 1, Ordering::SeqCst);
    }
    if before == 1 { Err(io::Error::other("injected")) } else { Ok(()) }
}

#[derive(Debug)]
struct FailingDisk(Arc<Failing>);

impl Disk for FailingDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(Arc::new(FailingFile(Real.create(path)?, Arc::clone(&self.0))))
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Real.sync_dir(dir)
    }
}

impl SegmentFile for FailingFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = count_down(&self.1.appends) {
            self.0.append(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        self.0.append(bytes)
    }
    fn sync(&self) -> io::Result<()> {
        count_down(&self.1.syncs)?;
        self.0.sync()
    }
    fn cut(&self, len: u64) -> io::Result<()> {
        self.0.cut(len)
    }
}

#[test]
fn a_full_disk_leaves_the_log_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Failing::default());
    let disk = Arc::new(FailingDisk(Arc::clone(&faults)));
    let (mut writer, _) = Writer::open(dir.path(), disk, 1 << 20, IngestSeq(0), |_, _| {}).unwrap();
    writer.append(&frame("one", 1)).unwrap();
    faults.appends.store(1, Ordering::SeqCst);
    assert!(writer.append(&frame("lost", 5)).is_err());
    assert_eq!(writer.append(&frame("two", 1)).unwrap().first, IngestSeq(2));
    let (_, recovered, seen) = open(dir.path());
    assert_eq!(seen, [(1, b"one".to_vec()), (2, b"two".to_vec())]);
    assert!(recovered.holes.is_empty());
}

/// After a failed fsync the same sequences are given again, and the void frames are not read even though they are there.
#[test]
fn a_failed_fsync_voids_what_it_covered() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, ..) = open(dir.path());
    writer.append(&frame("durable", 2)).unwrap();
    writer.append(&frame("void", 3)).unwrap();
    writer.abandon(IngestSeq(2)).unwrap();
    assert_eq!(writer.append(&frame("again", 1)).unwrap().first, IngestSeq(3));
    let (writer, recovered, seen) = open(dir.path());
    assert_eq!(seen, [(1, b"durable".to_vec()), (3, b"again".to_vec())]);
    assert!(recovered.holes.is_empty());
    assert_eq!(writer.next(), IngestSeq(4));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Any bytes open as a log.
    #[test]
    fn any_bytes_open(bytes: Vec<u8>, magic_at in 0_usize..100) {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = bytes;
        if magic_at + 4 < bytes.len() {
            bytes[magic_at..magic_at + 4].copy_from_slice(frame::FRAME_MAGIC);
        }
        std::fs::write(path_of(dir.path(), 1), &bytes).unwrap();
        let (mut writer, ..) = open(dir.path());
        prop_assert!(writer.append(&frame("x", 1)).is_ok());
    }
}
