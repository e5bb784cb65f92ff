//! Of the whole room: what is noted is there after the next start, and nothing that was changed behind its back passes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use redb::ReadableTable as _;
use schema::Timestamp;

use super::*;
use crate::entry::{Content, Entry, FileId, Flags, Hashes, Kind, Value, Xattr};
use crate::seen::Seen as _;

pub(super) fn entry(inode: u64, content: u8) -> Entry {
    Entry {
        kind: Kind::File,
        id: FileId { dev: 2049, inode },
        mode: 0o644,
        uid: 0,
        gid: 0,
        nlink: 1,
        size: u64::from(content) * 100,
        mtime_ns: 1_700_000_000_123_456_789,
        ctime_ns: 1_700_000_000_223_456_789,
        btime_ns: Some(1_600_000_000_223_456_789),
        rdev: 0,
        flags: Flags(0),
        target: None,
        xattrs: Vec::new(),
        hashes: Hashes {
            blake3: Some(Digest([content; 32])),
            sha256: Some(Digest([!content; 32])),
            sha1: None,
            md5: None,
        },
        content: Content::Whole,
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn options(folder: &tempfile::TempDir) -> Options {
    Options { agent: Some("host-1".to_owned()), ..Options::new(folder.path().join("fim")) }
}

fn good(options: &Options) -> Baseline {
    match Baseline::open_or_create(options, at(1)).unwrap() {
        Opened::Good(baseline) => baseline,
        Opened::Refused { why, .. } => panic!("{why:?}"),
    }
}

fn all(baseline: &Baseline) -> BTreeMap<PathBuf, Entry> {
    let mut found = BTreeMap::new();
    baseline.below(Path::new("/"), &mut |path, entry| drop(found.insert(path.to_owned(), entry.clone())));
    found
}

fn deviations(baseline: &mut Baseline) -> Vec<Deviation> {
    let mut found = Vec::new();
    baseline.deviations(&mut |deviation| found.push(deviation)).unwrap();
    found
}

#[test]
fn what_is_noted_is_there_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    let mut baseline = good(&options);
    assert_eq!(all(&baseline), BTreeMap::new());
    for (path, content) in [("/etc/passwd", 1), ("/etc/ssh/sshd_config", 2), ("/usr", 3), ("/", 4), ("/etc-x", 5)] {
        baseline.set(Path::new(path), Some(&entry(u64::from(content), content)));
    }
    assert_eq!(baseline.get(Path::new("/etc/passwd")), Some(entry(1, 1)), "before the commit too");
    baseline.set_read(Path::new("/etc"), at(77));
    baseline.commit(at(2)).unwrap();
    let before = all(&baseline);
    assert_eq!((before.len(), baseline.entries()), (4, 5), "the root lies below nothing");
    let seal = baseline.last_seal().clone();
    drop(baseline);
    let baseline = good(&options);
    assert_eq!((all(&baseline), baseline.last_seal()), (before, &seal));
    assert_eq!(baseline.get(Path::new("/")), Some(entry(4, 4)));
    assert_eq!(baseline.get(Path::new("/etc")), None, "a folder on the way has no entry");
    let mut names = Vec::new();
    baseline.children(Path::new("/"), &mut |name, _| names.push(name.to_owned()));
    assert_eq!(names, ["etc-x", "usr"]);
    let mut folders = BTreeMap::new();
    baseline.folders(Path::new("/etc"), &mut |folder, at| {
        folders.insert(folder.to_owned(), at);
    });
    assert_eq!(folders, [("/etc".into(), Some(at(77))), ("/etc/ssh".into(), None)].into());
    let mode = |file: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(options.folder.join(file)).unwrap().permissions().mode() & 0o7777
    };
    assert_eq!([FILE, KEY, COUNTER].map(mode), [0o600; 3]);
}

#[test]
fn a_change_stays_open_until_it_is_approved_or_undone() {
    let folder = tempfile::tempdir().unwrap();
    let mut baseline = good(&options(&folder));
    let [one, two] = ["/etc/one", "/etc/two"].map(Path::new);
    baseline.set(one, Some(&entry(1, 1)));
    baseline.approve(&[], "first", at(2)).unwrap();
    let first = baseline.approved().unwrap().seal.root;
    assert_eq!(deviations(&mut baseline), []);
    baseline.set(one, Some(&entry(1, 9)));
    baseline.set(two, Some(&entry(2, 2)));
    baseline.commit(at(3)).unwrap();
    let open = deviations(&mut baseline);
    assert_eq!(open.len(), 2);
    assert_eq!((&open[0].approved, &open[0].seen), (&Some(entry(1, 1)), &Some(entry(1, 9))));
    assert_eq!((&open[1].approved, &open[1].seen), (&None, &Some(entry(2, 2))));
    assert_eq!(baseline.verify(Some(first)).unwrap().problems, []);
    // Undone.
    baseline.set(one, Some(&entry(1, 1)));
    baseline.commit(at(4)).unwrap();
    assert_eq!(deviations(&mut baseline).len(), 1);
    // Approved.
    baseline.set(one, None);
    let done = baseline.approve(&[two.to_owned()], "new", at(5)).unwrap();
    assert_eq!((done.closed, done.generation.seal.generation), (1, 2));
    assert_eq!(done.generation.seal.previous, first);
    assert_eq!(deviations(&mut baseline).iter().map(|one| one.path.as_path()).collect::<Vec<_>>(), [one]);
    assert_eq!(baseline.approve(&[], "rest", at(6)).unwrap().closed, 1);
    assert_eq!(baseline.approved().unwrap().seal.root, baseline.last_seal().root, "the layers agree");
    assert_eq!(baseline.verify(None).unwrap().problems, []);
    let reasons: Vec<_> = baseline.generations().unwrap().into_iter().map(|one| one.seal.reason).collect();
    assert_eq!(reasons, ["first", "new", "rest"]);
}

#[test]
fn every_name_of_an_inode_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let mut baseline = good(&options(&folder));
    let linked = Entry { nlink: 2, ..entry(7, 7) };
    let [one, two] = ["/usr/bin/one", "/usr/lib/two"].map(Path::new);
    let names = |baseline: &Baseline| {
        let mut found = Vec::new();
        baseline.names(&linked, &mut |path| found.push(path.to_owned()));
        found
    };
    baseline.set(one, Some(&linked));
    baseline.set(Path::new("/usr/bin/other"), Some(&Entry { nlink: 2, ..entry(8, 7) }));
    baseline.commit(at(2)).unwrap();
    baseline.set(two, Some(&linked));
    assert_eq!(names(&baseline), [one, two]);
    baseline.set(one, None);
    assert_eq!(names(&baseline), [two]);
    baseline.commit(at(3)).unwrap();
    assert_eq!(names(&baseline), [two]);
    baseline.moved(Path::new("/usr/lib"), Path::new("/usr/lib64"));
    assert_eq!(names(&baseline), [Path::new("/usr/lib64/two")]);
    assert_eq!(baseline.get(two), None);
}

fn any_path() -> impl Strategy<Value = PathBuf> {
    proptest::collection::vec("[ab]{1,2}", 1..4).prop_map(|names| PathBuf::from(format!("/{}", names.join("/"))))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is set in whatever order and committed in between: the tree is that of the last state made from scratch, and what is approved
    /// is what it was.
    #[test]
    fn incremental_is_as_from_scratch(steps in proptest::collection::vec((any_path(), proptest::option::of(1_u8..9), 0_u8..8), 1..60)) {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let mut baseline = good(&options(&folders[0]));
        let (mut model, mut approved) = (BTreeMap::new(), None);
        for (path, content, then) in steps {
            let to = content.map(|content| entry(u64::from(content), content));
            baseline.set(&path, to.as_ref());
            match to {
                Some(to) => drop(model.insert(path.clone(), to)),
                None => drop(model.remove(&path)),
            }
            prop_assert_eq!(baseline.get(&path), model.get(&path).cloned());
            match then {
                0 => baseline.commit(at(5)).unwrap(),
                1 => {
                    baseline.approve(&[], "so", at(6)).unwrap();
                    approved = Some(model.clone());
                }
                _ => {}
            }
        }
        baseline.commit(at(7)).unwrap();
        prop_assert_eq!(all(&baseline), model.clone());
        prop_assert_eq!(baseline.verify(None).unwrap().problems, []);
        let mut scratch = good(&options(&folders[1]));
        model.iter().for_each(|(path, entry)| scratch.set(path, Some(entry)));
        scratch.commit(at(8)).unwrap();
        prop_assert_eq!(scratch.last_seal().root, baseline.last_seal().root);
        if let Some(mut approved) = approved {
            for Deviation { path, approved: was, seen } in deviations(&mut baseline) {
                prop_assert_eq!(&was, &approved.get(&path).cloned());
                prop_assert_eq!(&seen, &model.get(&path).cloned());
                match seen {
                    Some(seen) => drop(approved.insert(path, seen)),
                    None => drop(approved.remove(&path)),
                }
            }
            prop_assert_eq!(approved, model);
        }
    }
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let xattr =
        (any::<Vec<u8>>(), any::<Vec<u8>>(), any::<Option<(u32, [u8; 32])>>()).prop_map(|(name, value, hash)| Xattr {
            name: name.into(),
            value: match hash {
                Some((length, digest)) => Value::Hash { length, digest: Digest(digest) },
                None => Value::Bytes(value.into()),
            },
        });
    let content = prop_oneof![
        Just(Content::None),
        Just(Content::Whole),
        Just(Content::Partial),
        Just(Content::Unstable),
        Just(Content::Unreadable)
    ];
    let who = (0..7_usize, any::<(u64, u64)>(), 0..0o10000_u16, any::<(u32, u32, u32, u64, u64, u32)>());
    let times = any::<(i64, i64, Option<i64>)>();
    let rest = (any::<Option<Vec<u8>>>(), proptest::collection::vec(xattr, 0..4), content);
    let hashes = any::<(Option<[u8; 32]>, Option<[u8; 32]>, Option<[u8; 20]>, Option<[u8; 16]>)>();
    (who, times, rest, hashes).prop_map(|(who, times, rest, hashes)| Entry {
        kind: Kind::ALL[who.0],
        id: FileId { dev: who.1.0, inode: who.1.1 },
        mode: who.2,
        uid: who.3.0,
        gid: who.3.1,
        nlink: who.3.2,
        size: who.3.3,
        rdev: who.3.4,
        flags: Flags(who.3.5),
        mtime_ns: times.0,
        ctime_ns: times.1,
        btime_ns: times.2,
        target: rest.0.map(Into::into),
        xattrs: rest.1,
        content: rest.2,
        hashes: Hashes { blake3: hashes.0.map(Digest), sha256: hashes.1.map(Digest), sha1: hashes.2, md5: hashes.3 },
    })
}

proptest! {
    #[test]
    fn an_entry_comes_back_and_has_one_spelling(entry in any_entry(), cut: usize, flip: (usize, u8)) {
        let bytes = codec::encoded(&entry);
        prop_assert_eq!(codec::decode(&bytes), Ok(entry));
        prop_assert!(codec::decode(&bytes[..cut % bytes.len()]).is_err());
        let mut other = bytes.clone();
        other[flip.0 % bytes.len()] ^= flip.1;
        if let Ok(entry) = codec::decode(&other) {
            prop_assert_eq!(codec::encoded(&entry), other);
        }
    }

    #[test]
    fn f60_hostile_records_are_refused_or_have_one_spelling(bytes: Vec<u8>) {
        if let Ok(entry) = codec::decode(&bytes) {
            prop_assert_eq!(codec::encoded(&entry), bytes);
        }
    }
}

/// A database of some folders, closed.
fn filled(options: &Options) {
    let mut baseline = good(options);
    for folder in 0..20_u8 {
        for file in 0..30_u8 {
            let entry = Entry { nlink: 2, ..entry(u64::from(folder) * 100 + u64::from(file), file) };
            baseline.set(Path::new(&format!("/usr/folder{folder}/file{file}")), Some(&entry));
        }
    }
    baseline.add_scan(&Scan { kind: "baseline".to_owned(), ..Scan::default() }).unwrap();
    baseline.approve(&[], "first", at(2)).unwrap();
    baseline.set(Path::new("/usr/folder1/file1"), Some(&entry(1, 99)));
    baseline.commit(at(3)).unwrap();
}

/// Opens what may be damaged; `None`: refused with a reason.
fn opened(options: &Options) -> Option<Baseline> {
    match Baseline::open(options) {
        Ok(baseline) => Some(baseline),
        Err(error @ (Error::Refused { .. } | Error::Newer { .. })) => {
            assert!(!error.to_string().is_empty());
            None
        }
        Err(other) => panic!("{other}"),
    }
}

/// Each part of the file with a byte turned around: refused with a reason, or it was a byte that says nothing, and then all that is read
/// is what was signed. Nothing panics.
#[test]
fn f22_any_byte_changed_is_refused_or_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    filled(&options);
    let whole = fs::read(options.file()).unwrap();
    let seal = good(&options).last_seal().clone();
    let (mut refused, mut harmless) = (0, 0);
    // The header densely, the rest with a stride that is no multiple of anything in it.
    let places = (0..512).step_by(3).chain((512..whole.len()).step_by((whole.len() / 300) | 1));
    for (round, place) in places.enumerate() {
        let mut edited = whole.clone();
        edited[place] ^= if round % 3 == 0 { 0xff } else { 1 << (round % 8) };
        fs::write(options.file(), &edited).unwrap();
        match opened(&options) {
            None => refused += 1,
            Some(baseline) => {
                harmless += 1;
                assert_eq!(baseline.last_seal(), &seal, "byte {place}");
                assert_eq!(all(&baseline).len(), 600, "byte {place}");
            }
        }
    }
    assert!(refused > 100, "{refused} refused, {harmless} harmless");
}

#[test]
fn f22_what_is_cut_or_junk_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    filled(&options);
    let whole = fs::read(options.file()).unwrap();
    for length in [0, 1, 100, 320, 4096, 5000, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        fs::write(options.file(), &whole[..length]).unwrap();
        assert!(opened(&options).is_none(), "cut to {length}");
    }
    for junk in [vec![0; 4096], vec![0xff; 100_000], b"SQLite format 3\0".repeat(1000), whole[4096..].to_vec()] {
        fs::write(options.file(), &junk).unwrap();
        assert!(opened(&options).is_none());
    }
    let mut longer = whole.clone();
    longer.extend_from_slice(&[7; 8192]);
    fs::write(options.file(), &longer).unwrap();
    if let Some(baseline) = opened(&options) {
        assert_eq!(all(&baseline).len(), 600, "what follows the database says nothing");
    }
    // Set aside, untouched, and the next one goes on counting.
    fs::write(options.file(), &whole[..5000]).unwrap();
    let Opened::Refused { set_aside: Some(aside), mut fresh, why } =
        Baseline::open_or_set_aside(&options, at(9)).unwrap()
    else {
        panic!("it passed")
    };
    assert!(!why.is_empty());
    assert_eq!(fs::read(aside).unwrap(), whole[..5000]);
    assert!(fresh.approved().is_none());
    fresh.set(Path::new("/usr"), Some(&entry(1, 1)));
    assert_eq!(fresh.approve(&[], "anew", at(10)).unwrap().generation.seal.generation, 2);
}

#[test]
fn a_newer_format_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    filled(&options);
    {
        let db = builder().open(options.file()).unwrap();
        let open = db.begin_write().unwrap();
        open.open_table(META).unwrap().insert("format", (FORMAT + 1).to_be_bytes().as_slice()).unwrap();
        open.commit().unwrap();
    }
    let error = Baseline::open_or_set_aside(&options, at(9)).unwrap_err();
    assert!(matches!(error, Error::Newer { found, .. } if found == FORMAT + 1), "{error}");
    assert!(error.to_string().contains("use the version that wrote it"), "{error}");
}

/// Whoever edits it through the database itself, with all checksums right.
#[test]
fn f22_an_edit_with_right_checksums_fails_the_tree() {
    let folder = tempfile::tempdir().unwrap();
    let edit = |what: &dyn Fn(&WriteTransaction)| {
        let folder = folder.path().join(format!("{}", fs::read_dir(folder.path()).unwrap().count()));
        let options = Options::new(folder);
        filled(&options);
        let db = builder().open(options.file()).unwrap();
        let open = db.begin_write().unwrap();
        what(&open);
        open.commit().unwrap();
        drop(db);
        match Baseline::open(&options) {
            Err(Error::Refused { why, .. }) => why.iter().map(Problem::kind).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    let forget = edit(&|open| drop(open.open_table(store::APPROVED).unwrap().pop_first().unwrap()));
    assert_eq!(forget, ["tree"], "what was approved");
    let removed = edit(&|open| drop(open.open_table(store::TREE).unwrap().pop_last().unwrap()));
    assert!(removed.contains(&"tree"), "{removed:?}");
    let generation = edit(&|open| {
        let mut table = open.open_table(store::GENERATION).unwrap();
        let text = String::from_utf8(table.get(1).unwrap().unwrap().value().to_vec()).unwrap();
        table.insert(1, text.replace("first", "ticket").as_bytes()).unwrap();
    });
    assert_eq!(generation, ["signature"], "the reason is signed too");
    let gone = edit(&|open| drop(open.open_table(store::GENERATION).unwrap().pop_last().unwrap()));
    assert_eq!(gone, ["chain"]);
    let history = edit(&|open| drop(open.open_table(store::SCAN).unwrap().pop_last().unwrap()));
    assert_eq!(history, ["tree"], "a scan that was");
}

#[test]
fn the_counter_tells_of_what_was_put_back_or_branched_off() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    filled(&options);
    let kinds = || match Baseline::open(&options) {
        Err(Error::Refused { why, .. }) => why.iter().map(Problem::kind).collect::<Vec<_>>(),
        Err(other) => panic!("{other}"),
        Ok(_) => Vec::new(),
    };
    let (counter, older) = (options.folder.join(COUNTER), folder.path().join("older"));
    fs::copy(options.file(), &older).unwrap();
    let before = fs::read(&counter).unwrap();
    {
        let mut baseline = good(&options);
        baseline.set(Path::new("/usr/new"), Some(&entry(5, 5)));
        baseline.commit(at(20)).unwrap();
    }
    let after = fs::read(&counter).unwrap();
    assert_eq!(kinds(), [] as [&str; 0]);
    fs::write(&counter, &before).unwrap();
    assert_eq!(kinds(), [] as [&str; 0], "the crash between the commit and the counter");
    fs::write(&counter, &after).unwrap();
    fs::copy(&older, options.file()).unwrap();
    assert_eq!(kinds(), ["rolled-back"]);
    // From the older one another history of the same length.
    fs::write(&counter, &before).unwrap();
    {
        let mut baseline = good(&options);
        baseline.set(Path::new("/usr/other"), Some(&entry(6, 6)));
        baseline.commit(at(20)).unwrap();
    }
    fs::write(&counter, &after).unwrap();
    assert_eq!(kinds(), ["forked"]);
    fs::remove_file(&counter).unwrap();
    assert_eq!(kinds(), ["forked"], "the counter is gone");
    fs::write(&counter, "{}").unwrap();
    assert!(Baseline::open(&options).is_err());
    fs::write(&counter, after).unwrap();
    fs::remove_file(options.file()).unwrap();
    assert_eq!(kinds(), ["gone"]);
}
