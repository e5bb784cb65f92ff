//! Hashes of executables: never waited for, known the next time.

use testkit::eventually;

use super::super::hash::{Config, FileId, Hashes};
use super::*;

const WHOLE: Config = Config { on: true, most_bytes: 1 << 20, bytes_per_second: 0 };

fn life(path: &std::path::Path, pid: u32) -> Life {
    let image = Image { exe: Some(Text::plain(path.to_str().unwrap())), ..Image::default() };
    let mut life = Life::new(pid, 0, &place::gone(), &Arc::new(image));
    life.file = FileId::of(&fs::metadata(path).unwrap()).map(Arc::new);
    life
}

fn ask(hashes: &mut Hashes, life: &Life) -> Event {
    let mut event = Event::new(Timestamp::default());
    hashes.apply(life, &Proc::at("/nowhere"), &mut event);
    event
}

#[test]
fn an_event_does_not_wait_and_the_hash_follows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program");
    fs::write(&path, "abc").unwrap();
    let mut hashes = Hashes::start(WHOLE);
    let first = ask(&mut hashes, &life(&path, 30));
    let second = ask(&mut hashes, &life(&path, 31));
    for event in [first, second] {
        assert_eq!(event.str(field::AUDITNG_PROCESS_HASH), Some("pending"));
        assert_eq!(event.get(field::PROCESS_HASH_SHA256), None);
    }
    let mut late = Vec::new();
    eventually("the hash", std::time::Duration::from_secs(20), || {
        hashes.tick(Timestamp::from_millis(5), &mut late);
        (late.len() == 2).then_some(())
    });
    // FIPS 180-2, appendix B.1.
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for (event, pid) in late.iter().zip([30, 31]) {
        assert_eq!(event.str(field::PROCESS_HASH_SHA256), Some(abc));
        assert_eq!(event.str(field::EVENT_ACTION), Some("executable-hashed"));
        assert_eq!(event.long(field::PROCESS_PID), Some(pid));
    }
    let third = ask(&mut hashes, &life(&path, 32));
    assert_eq!(third.str(field::PROCESS_HASH_SHA256), Some(abc));
    assert_eq!(third.get(field::AUDITNG_PROCESS_HASH), None);
}

#[test]
fn what_cannot_be_hashed_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program");
    fs::write(&path, "abc").unwrap();
    let mut small = Hashes::start(Config { most_bytes: 2, ..WHOLE });
    assert_eq!(ask(&mut small, &life(&path, 30)).str(field::AUDITNG_PROCESS_HASH), Some("too-large"));
    let mut off = Hashes::start(Config { on: false, ..WHOLE });
    assert_eq!(ask(&mut off, &life(&path, 30)).get(field::AUDITNG_PROCESS_HASH), None);
    // Another file has the path by now: it is not the one that ran.
    let gone = life(&path, 30);
    fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let mut hashes = Hashes::start(WHOLE);
    assert_eq!(ask(&mut hashes, &gone).str(field::AUDITNG_PROCESS_HASH), Some("gone"));
}
