use std::os::unix::ffi::OsStrExt;

use super::parse::{Bad, Handle, Item, Record, events};
use crate::collect::sys;

/// An info record of a handle, with a name or without.
fn named(kind: u8, fsid: u64, handle: &[u8], name: Option<&[u8]>) -> Vec<u8> {
    let mut body = fsid.to_ne_bytes().to_vec();
    body.extend(u32::try_from(handle.len()).unwrap().to_ne_bytes());
    body.extend(1_i32.to_ne_bytes());
    body.extend(handle);
    if let Some(name) = name {
        body.extend(name);
        body.push(0);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    info(kind, &body)
}

fn info(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 4).unwrap();
    [&[kind, 0][..], &length.to_ne_bytes(), body].concat()
}

fn event(mask: u64, pid: i32, records: &[Vec<u8>]) -> Vec<u8> {
    let records = records.concat();
    let mut bytes = u32::try_from(24 + records.len()).unwrap().to_ne_bytes().to_vec();
    bytes.extend([3, 0]);
    bytes.extend(24_u16.to_ne_bytes());
    bytes.extend(mask.to_ne_bytes());
    bytes.extend((-1_i32).to_ne_bytes());
    bytes.extend(pid.to_ne_bytes());
    bytes.extend(records);
    bytes
}

fn only(bytes: &[u8]) -> Vec<Record<'_>> {
    let Some(Item::Event(event)) = events(bytes).next() else { panic!("no event") };
    event.records().collect()
}

#[test]
fn a_rename_has_both_names_the_object_and_a_pidfd() {
    let bytes = event(
        0x1000_0000,
        42,
        &[
            named(10, 7, b"olddir..", Some(b"a\xff\n")),
            named(12, 7, b"newdir..", Some(b"b")),
            named(1, 7, &[9, 0, 0, 0, 1, 2, 3, 4], None),
            info(4, &5_i32.to_ne_bytes()),
        ],
    );
    let Some(Item::Event(event)) = events(&bytes).next() else { panic!("no event") };
    assert_eq!((event.mask, event.pid, event.pidfd(), event.bytes), (0x1000_0000, 42, Some(5), &bytes[..]));
    let records: Vec<_> = event.records().collect();
    assert!(matches!(records[0], Record::Old(Handle { fsid: 7, bytes: b"olddir..", .. }, b"a\xff\n")));
    assert!(matches!(records[1], Record::New(Handle { fsid: 7, bytes: b"newdir..", .. }, b"b")));
    let Record::Object(object) = records[2] else { panic!("{records:?}") };
    assert_eq!(object.inode(), Some(9));
}

#[test]
fn errors_and_mounts() {
    let error = [&5_i32.to_ne_bytes()[..], &3_u32.to_ne_bytes()].concat();
    let mount = [&[0; 4][..], &77_u64.to_ne_bytes()].concat();
    let bytes = event(0, 0, &[info(5, &error), info(7, &mount), info(99, b"")]);
    assert_eq!(only(&bytes), [Record::Error(5, 3), Record::Mount(77), Record::Other(99)]);
}

#[test]
fn what_cannot_be_read_says_so_and_the_rest_is_read() {
    let good = event(1, 1, &[]);
    let mut strange = event(2, 2, &[]);
    strange[4] = 9;
    let mut long = event(3, 3, &[]);
    long[0] = 200;
    let bytes = [strange, good, long].concat();
    let items: Vec<_> = events(&bytes).collect();
    assert!(matches!(items[..], [Item::Bad(Bad::Version), Item::Event(_), Item::Bad(Bad::Length)]));
    assert_eq!(events(&[1, 2, 3]).collect::<Vec<_>>(), [Item::Bad(Bad::Short)]);

    let without_end = info(2, &[&7_u64.to_ne_bytes()[..], &[1, 0, 0, 0, 1, 0, 0, 0], b"h", b"name"].concat());
    let mut too_long = named(1, 7, b"handle..", None);
    too_long[2] = 255;
    let bytes = event(0, 0, &[without_end, info(4, &3_i32.to_ne_bytes()), too_long]);
    assert_eq!(only(&bytes), [Record::Bad(Bad::Handle), Record::Pidfd(3), Record::Bad(Bad::Record)]);
    let slash = event(0, 0, &[named(2, 7, b"h", Some(b"a/b"))]);
    assert_eq!(only(&slash), [Record::Bad(Bad::Handle)]);
}

#[test]
fn inodes_are_read_from_handles() {
    for folder in ["/var/tmp", "/dev/shm"] {
        let file = tempfile::NamedTempFile::new_in(folder).unwrap();
        let path = std::ffi::CString::new(file.path().as_os_str().as_bytes()).unwrap();
        let Ok((kind, bytes)) = sys::handle_of(&path) else { continue };
        let inode = Handle { fsid: 0, kind, bytes: &bytes, key: &[] }.inode();
        let stat = rustix::fs::stat(file.path()).unwrap();
        // A file system whose handles say nothing of the inode is no error.
        assert!(inode.is_none_or(|inode| inode == stat.st_ino), "{folder}: {kind} {bytes:?} is not {}", stat.st_ino);
    }
}

mod never_panics {
    use proptest::prelude::*;

    use super::super::parse::{Item, events};

    proptest! {
        #[test]
        fn on_any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), head in any::<bool>()) {
            if head && bytes.len() > 8 {
                let length = u16::try_from(bytes.len()).unwrap().to_ne_bytes();
                bytes[..8].copy_from_slice(&[length[0], length[1], 0, 0, 3, 0, 24, 0]);
            }
            let mut read = 0;
            for item in events(&bytes) {
                if let Item::Event(event) = item {
                    read += event.bytes.len();
                    prop_assert!(event.records().count() <= event.bytes.len());
                }
            }
            prop_assert!(read <= bytes.len());
        }
    }
}

#[test]
fn a_decision_about_a_folder_that_comes_late_does_not_count() {
    use super::{Excluded, Links};

    let excluded = Excluded::default();
    let before = excluded.epoch();
    excluded.add(before, b"a");
    assert!(excluded.0.lock().unwrap().1.contains(&b"a"[..]));
    // Some folder was renamed: nobody knows what `a` is now, and what was decided before says nothing of `b`.
    excluded.forget();
    excluded.add(before, b"b");
    assert!(excluded.0.lock().unwrap().1.is_empty());
    excluded.add(excluded.epoch(), b"b");
    assert!(excluded.0.lock().unwrap().1.contains(&b"b"[..]));

    let links = Links::default();
    let mut known = links.0.lock().unwrap();
    let id = crate::entry::FileId { dev: 1, inode: 7 };
    assert!(known.add(id, "/w/f".as_ref()) && known.add(id, "/w/g".as_ref()) && known.add(id, "/w/f".as_ref()));
    assert_eq!(known.of(id), ["/w/f", "/w/g"].map(std::path::PathBuf::from));
    let elsewhere = crate::entry::FileId { dev: 2, inode: 7 };
    assert!(known.has_inode(7) && !known.has_inode(8) && known.of(elsewhere).is_empty());
}
