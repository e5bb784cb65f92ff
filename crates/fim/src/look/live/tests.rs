use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use super::*;
use crate::entry::{Content, Kind, Value};
use crate::look::Reason;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

fn entry(path: &Path, wanted: &Wanted) -> Entry {
    match Live::new().look(path, wanted, None) {
        Looked::Entry(entry) => entry,
        other => panic!("{}: {other:?}", path.display()),
    }
}

fn all() -> Wanted {
    Wanted { sha1: true, md5: true, ..Wanted::default() }
}

#[test]
fn a_file_with_all_digests() {
    let (_held, path) = folder();
    let file = path.join("f");
    fs::write(&file, "abc").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let found = entry(&file, &all());
    assert_eq!((found.kind, found.size, found.mode, found.nlink), (Kind::File, 3, 0o640, 1));
    assert_eq!(found.content, Content::Whole);
    assert_eq!(
        found.hashes.sha256.unwrap().to_string(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(
        found.hashes.blake3.unwrap().to_string(),
        "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
    );
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&found.hashes.sha1.unwrap()), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_eq!(hex(&found.hashes.md5.unwrap()), "900150983cd24fb0d6963f7d28e17f72");
    assert!(found.mtime_ns > 1_500_000_000_000_000_000 && found.ctime_ns >= found.mtime_ns);
}

#[test]
fn an_empty_file_has_the_digest_of_nothing_and_is_not_opened() {
    let (_held, path) = folder();
    fs::write(path.join("f"), "").unwrap();
    let found = entry(&path.join("f"), &Wanted::default());
    assert_eq!(
        found.hashes.sha256.unwrap().to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(found.content, Content::Whole);
}

#[test]
fn larger_than_a_buffer_and_not_a_whole_number_of_blocks() {
    let (_held, path) = folder();
    let bytes: Vec<u8> = (0..700_001_u32).map(|n| (n % 251) as u8).collect();
    fs::write(path.join("f"), &bytes).unwrap();
    for from_disk in [false, true] {
        let found = entry(&path.join("f"), &Wanted { from_disk, ..Wanted::default() });
        assert_eq!(found.hashes.blake3.unwrap().0, *blake3::hash(&bytes).as_bytes(), "from disk: {from_disk}");
        assert_eq!(found.content, Content::Whole);
    }
}

#[test]
fn what_is_not_there() {
    let (_held, path) = folder();
    fs::write(path.join("f"), "").unwrap();
    symlink("/etc", path.join("link")).unwrap();
    let look = |path: &Path| Live::new().look(path, &Wanted::default(), None);
    for missing in ["nothing", "nothing/below", "f/below", "link/passwd"] {
        assert_eq!(look(&path.join(missing)), Looked::Absent, "{missing}");
    }
    assert_eq!(look(Path::new("relative")), Looked::Absent);
    assert_eq!(look(&path.join("zero\0byte")), Looked::Absent);
    assert!(matches!(look(Path::new("/")), Looked::Entry(root) if root.kind == Kind::Directory));
}

#[test]
fn links_tell_where_they_point_and_are_not_followed() {
    let (_held, path) = folder();
    let target = std::ffi::OsStr::from_bytes(b"no such \xff\nplace");
    symlink(target, path.join("l")).unwrap();
    let found = entry(&path.join("l"), &Wanted::default());
    assert_eq!((found.kind, found.target.as_deref()), (Kind::Symlink, Some(target.as_bytes())));
    assert_eq!(found.content, Content::None);
}

#[test]
fn f39_pipes_sockets_and_files_of_proc_are_not_waited_for() {
    let (_held, path) = folder();
    rustix::fs::mkfifoat(rustix::fs::CWD, path.join("p"), rustix::fs::Mode::RUSR).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path.join("s")).unwrap();
    assert_eq!(entry(&path.join("p"), &Wanted::default()).kind, Kind::Fifo);
    assert_eq!(entry(&path.join("s"), &Wanted::default()).kind, Kind::Socket);
    assert_eq!(entry(Path::new("/dev/null"), &Wanted::default()).kind, Kind::Character);
    // It would give bytes for as long as somebody reads.
    let found = entry(Path::new("/proc/sys/kernel/random/uuid"), &Wanted::default());
    assert_eq!((found.kind, found.size, found.content), (Kind::File, 0, Content::Whole));
}

#[test]
fn f39_a_file_beyond_the_bound_is_sampled_and_says_so() {
    let (_held, path) = folder();
    let file = fs::File::create(path.join("f")).unwrap();
    file.set_len(10 << 30).unwrap();
    let wanted = Wanted { whole: 1 << 20, ..Wanted::default() };
    let before = entry(&path.join("f"), &wanted);
    assert_eq!(before.content, Content::Partial);
    std::os::unix::fs::FileExt::write_all_at(&file, b"x", (10 << 30) - 1).unwrap();
    let after = entry(&path.join("f"), &wanted);
    assert_ne!(before.hashes, after.hashes, "the tail is looked at");
    // Between the bound and the number of bytes that sampling reads, all are read.
    file.set_len(1 << 20).unwrap();
    assert_eq!(entry(&path.join("f"), &wanted).content, Content::Whole);
}

#[test]
fn the_same_stat_spares_the_reading() {
    let (_held, path) = folder();
    fs::write(path.join("f"), "abc").unwrap();
    let live = Live::new();
    let mut known = entry(&path.join("f"), &Wanted::default());
    known.hashes.sha256 = Some(crate::entry::Digest([7; 32]));
    let look = |wanted: Wanted| match live.look(&path.join("f"), &wanted, Some(&known)) {
        Looked::Entry(entry) => entry.hashes.sha256.map(|digest| digest.0[0]),
        other => panic!("{other:?}"),
    };
    assert_eq!(look(Wanted::default()), Some(7), "taken over");
    assert_eq!(look(Wanted { fresh: true, ..Wanted::default() }), Some(0xba));
    assert_eq!(look(Wanted { md5: true, ..Wanted::default() }), Some(0xba), "one digest is missing");
    assert_eq!(look(Wanted { sha256: false, ..Wanted::default() }), None, "not asked for");
    fs::write(path.join("f"), "abd").unwrap();
    assert_ne!(look(Wanted::default()), Some(7), "it changed");
}

#[test]
fn extended_attributes_are_read_and_those_of_users_only_as_digests() {
    let (_held, path) = folder();
    let file = path.join("f");
    let set = |path: &Path, name: &str, value: &[u8]| {
        rustix::fs::lsetxattr(path, name, value, rustix::fs::XattrFlags::empty())
    };
    for content in ["", "with content"] {
        fs::write(&file, content).unwrap();
        if set(&file, "user.secret", b"value").is_err() {
            return; // A file system without them.
        }
        set(&file, "user.big", &[b'x'; 3000]).unwrap();
        let found = entry(&file, &Wanted::default());
        let names: Vec<_> =
            found.xattrs.iter().map(|xattr| String::from_utf8_lossy(&xattr.name).into_owned()).collect();
        assert_eq!(names, ["user.big", "user.secret"]);
        let expected = Value::Hash { length: 5, digest: crate::entry::Digest(*blake3::hash(b"value").as_bytes()) };
        assert_eq!(found.xattrs[1].value, expected);
    }
    set(&path, "user.own", b"folder").unwrap();
    assert_eq!(entry(&path, &Wanted::default()).xattrs.len(), 1);
}

#[test]
fn f36_names_of_any_bytes() {
    let (_held, path) = folder();
    let long = [b'x'; 255];
    for name in [&b"\xff\xfe"[..], b"new\nline", b"\x1b[31m", b" ", &long] {
        let file = path.join(std::ffi::OsStr::from_bytes(name));
        fs::write(&file, name).unwrap();
        let found = entry(&file, &Wanted::default());
        assert_eq!(found.hashes.blake3.unwrap().0, *blake3::hash(name).as_bytes());
    }
}

#[test]
fn f40_a_file_that_changes_while_it_is_read_is_whole_or_unstable() {
    let (_held, path) = folder();
    let file = path.join("f");
    let versions: Vec<Vec<u8>> = (0..2_u8).map(|n| vec![n; 3 << 20]).collect();
    fs::write(&file, &versions[0]).unwrap();
    let digests: Vec<_> = versions.iter().map(|bytes| *blake3::hash(bytes).as_bytes()).collect();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let held = fs::OpenOptions::new().write(true).open(&file).unwrap();
            let mut n = 0;
            let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
            while !stop.load(std::sync::atomic::Ordering::Relaxed) && std::time::Instant::now() < until {
                n ^= 1;
                std::os::unix::fs::FileExt::write_all_at(&held, &versions[n], 0).unwrap();
            }
        });
        let live = Live::new();
        let wanted = Wanted { sha256: false, ..Wanted::default() };
        for _ in 0..20 {
            match live.look(&file, &wanted, None) {
                Looked::Entry(entry) if entry.content == Content::Unstable => assert_eq!(entry.hashes.blake3, None),
                Looked::Entry(entry) => assert!(digests.contains(&entry.hashes.blake3.unwrap().0), "a mixture"),
                other => panic!("{other:?}"),
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn reasons_have_names() {
    assert_eq!(Reason(libc::EACCES).to_string(), "EACCES");
    assert_eq!(Reason(9999).to_string(), "errno 9999");
}
