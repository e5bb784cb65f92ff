use super::*;
use crate::entry::{Digest, FileId, Hashes, Kind};

pub(crate) fn entry() -> Entry {
    Entry {
        kind: Kind::File,
        id: FileId { dev: rustix::fs::makedev(8, 1), inode: 12 },
        mode: 0o644,
        uid: 0,
        gid: 0,
        nlink: 1,
        size: 3,
        mtime_ns: 1_700_000_000_000_000_001,
        ctime_ns: 1_700_000_000_000_000_002,
        btime_ns: None,
        rdev: 0,
        flags: Flags(0),
        target: None,
        xattrs: Vec::new(),
        hashes: Hashes::default(),
        content: Content::None,
    }
}

fn xattr(name: &str, value: &[u8]) -> Xattr {
    Xattr { name: name.as_bytes().into(), value: Value::Bytes(value.into()) }
}

/// Each line `attribute: before -> after`, as people would read it.
fn told(before: &Entry, after: &Entry) -> Vec<String> {
    let side = |side: Option<String>| side.unwrap_or_else(|| "none".to_owned());
    let line = |one: Difference| format!("{}: {} -> {}", one.attribute, side(one.before), side(one.after));
    before.differences(after).into_iter().map(line).collect()
}

#[test]
fn an_entry_does_not_differ_from_itself() {
    assert_eq!(entry().differences(&entry()), []);
}

#[test]
fn f12_each_attribute_is_named_with_before_and_after() {
    let mut after = entry();
    after.mode = 0o4755;
    after.uid = 1000;
    after.gid = 100;
    after.flags = Flags(0x30);
    after.ctime_ns += 5_000_000_000;
    assert_eq!(
        told(&entry(), &after),
        [
            "mode: 0644 -> 4755",
            "uid: 0 -> 1000",
            "gid: 0 -> 100",
            "ctime: 2023-11-14T22:13:20.000000002Z -> 2023-11-14T22:13:25.000000002Z",
            "flags: - -> immutable,append",
        ]
    );
}

#[test]
fn content_is_told_by_size_and_hashes() {
    let (mut before, mut after) = (entry(), entry());
    before.hashes.blake3 = Some(Digest([1; 32]));
    after.hashes.blake3 = Some(Digest([2; 32]));
    after.hashes.md5 = Some([10; 16]);
    after.size = 4;
    let (one, two) = ("01".repeat(32), "02".repeat(32));
    assert_eq!(
        told(&before, &after),
        ["size: 3 -> 4".to_owned(), format!("blake3: {one} -> {two}"), format!("md5: none -> {}", "0a".repeat(16))]
    );
}

#[test]
fn extended_attributes_are_told_by_name() {
    let (mut before, mut after) = (entry(), entry());
    before.xattrs = vec![xattr("user.gone", b"1"), xattr("user.same", b"x"), xattr("user.z", b"a")];
    after.xattrs = vec![
        xattr("security.selinux", b"system_u:object_r:etc_t:s0\0"),
        xattr("user.same", b"x"),
        Xattr { name: (*b"user.z").into(), value: Value::Hash { length: 300, digest: Digest([3; 32]) } },
    ];
    assert_eq!(
        told(&before, &after),
        [
            "selinux: none -> system_u:object_r:etc_t:s0".to_owned(),
            "xattr:user.gone: 1 -> none".to_owned(),
            format!("xattr:user.z: a -> blake3:{} (300 bytes)", "03".repeat(32)),
        ]
    );
}

#[test]
fn f12_an_acl_reads_as_getfacl_prints_it() {
    // setfacl -m u:1000:r on a file of mode 0600, as getfattr -e hex gave it.
    let bytes = [
        2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 0xe8, 3, 0, 0, 4, 0, 0, 0, 255, 255, 255, 255, 16, 0,
        4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
    ];
    assert_eq!(acl(&bytes).unwrap(), "user::rw-,user:1000:r--,group::---,mask::r--,other::---");
    assert_eq!(acl(&bytes[..43]), None);
    assert_eq!(acl(b""), None);
}

#[test]
fn f12_capabilities_read_as_getcap_prints_them() {
    let v2 = [1, 0, 0, 2, 0, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(capabilities(&v2).unwrap(), "cap_net_admin,cap_net_raw=ep");
    let mut v3 = v2.to_vec();
    v3[3] = 3;
    v3[8] = 1;
    v3.extend([0xe8, 3, 0, 0]);
    assert_eq!(capabilities(&v3).unwrap(), "cap_net_admin,cap_net_raw=ep cap_chown=ei rootid=1000");
    assert_eq!(capabilities(&v2[..19]), None);
}

#[test]
fn hostile_bytes_stay_visible() {
    assert_eq!(printable(b"a\x1b[2J\n\xff\\"), "a\\x1b[2J\\x0a\\xff\\\\");
    let mut after = entry();
    after.target = Some((*b"/etc/\xff").into());
    assert_eq!(told(&entry(), &after), ["target: none -> /etc/\\xff"]);
}
