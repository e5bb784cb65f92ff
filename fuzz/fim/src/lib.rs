//! What must hold for any bytes, one function for each fuzz target. The targets call them with what libFuzzer thinks of;
//! `cargo test -p fim --test seeds` calls them with every file under `seeds/`, without nightly.

use std::path::Path;

use fim::collect::fanotify::parse::{self, Handle, Item, Record};
use fim::mountinfo;
use fim::overlay::Table;

/// A buffer as a read of a fanotify group gives it: every byte belongs to at most one event, every handle and name to its event.
pub fn fanotify(buffer: &[u8]) {
    let mut read = 0;
    for item in parse::events(buffer) {
        let Item::Event(event) = item else { continue };
        read += event.bytes.len();
        let handle = |handle: Handle<'_>, name: &[u8]| {
            assert!(handle.bytes.len() <= 128 && handle.key.len() + name.len() <= event.bytes.len());
            assert!(!name.contains(&b'/') && !name.contains(&0));
            assert!(handle.bytes.len() >= 8 || handle.inode().is_none());
        };
        for record in event.records() {
            match record {
                Record::Object(one) | Record::Folder(one) => handle(one, b""),
                Record::Named(one, name) | Record::Old(one, name) | Record::New(one, name) => {
                    assert!(!name.is_empty());
                    handle(one, name);
                }
                _ => {}
            }
        }
        // An event that is kept is read again as the same event.
        assert_eq!(parse::events(event.bytes).collect::<Vec<_>>(), [Item::Event(event)]);
    }
    assert!(read <= buffer.len());
}

/// A mount table: paths under a mount lead into its file system and out again; overlays map no path out of their trees.
pub fn mountinfo(text: &[u8]) {
    let mounts = mountinfo::read(text);
    assert!(mounts.list.len() <= mountinfo::MOST);
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    assert_eq!(mounts.list.len() + mounts.bad + mounts.left_out, lines);
    let mut table = Table::new(&mounts);
    for mount in mounts.list.iter().take(64) {
        let path = mount.point.join("a/b");
        let within = mount.within(&path).expect("a path under the mount");
        assert_eq!(mount.outside(&within), Some(path.clone()));
        assert!(mounts.of(&mount.point).is_some());
        if let Some(upper) = table.upper(&path) {
            assert!(table.merged(&upper).is_some());
        }
        assert!(!table.is_work(Path::new("/")) || text.windows(9).any(|word| word == b"workdir=/"));
    }
    table.add_container(1, "c", &mounts, &mounts);
    for mount in mounts.list.iter().take(64) {
        if let Some(inside) = table.inside(&mount.point.join("x")) {
            assert_eq!(inside.pid, 1);
        }
        assert!(table.host(2, &mount.point).is_none());
    }
    table.remove_container(1);
    assert!(mounts.list.iter().take(64).all(|mount| table.inside(&mount.point).is_none()));
}
