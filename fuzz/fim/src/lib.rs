//! What must hold for any bytes, one function for each fuzz target. The targets call them with what libFuzzer thinks of;
//! `cargo test -p fim --test seeds` calls them with every file under `seeds/`, without nightly.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::OnceLock;

use fim::baseline::{Baseline, Options, codec};
use fim::collect::fanotify::parse::{self, Handle, Item, Record};
use fim::config::{Config, File, Format};
use fim::entry::Digest;
use fim::mountinfo;
use fim::overlay::Table;
use fim::policy::{self, Interest, Nowhere, Policies, audit_rules};
use fim::seen::Seen as _;
use schema::Timestamp;

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

/// A file of policies: an error with its place, or policies that decide alike however they are asked, and are the same when they
/// are written and read again. Lines of the text are the paths that are asked for.
pub fn policy(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    match File::read(text) {
        Ok(file) => decide(
            text,
            Config { policy: file.fim.policy, exclude: file.fim.exclude, use_defaults: false, ..Config::default() },
        ),
        Err(problems) => assert!(!problems.0.is_empty()),
    }
}

fn decide(text: &str, config: Config) {
    let again = File::read(&policy::toml::text(&config.policy, &config.exclude)).expect("our own text");
    assert_eq!((again.fim.policy, again.fim.exclude), (config.policy.clone(), config.exclude.clone()));
    let policies = match Policies::read(&config, &Nowhere) {
        Ok(policies) => policies,
        Err(problems) => return assert!(!problems.0.is_empty()),
    };
    for pair in policies.roots().windows(2) {
        assert!(!pair[1].path.starts_with(&pair[0].path));
    }
    let lines = text.split(['\n', '"', '\'']).filter(|line| line.starts_with('/'));
    for path in lines.take(64).map(|line| Path::new(std::ffi::OsStr::from_bytes(line.as_bytes()))) {
        // Paths of the kernel have no such parts.
        if path.components().any(|part| matches!(part, std::path::Component::ParentDir))
            || path.as_os_str().as_bytes().windows(2).any(|two| two == b"/.")
        {
            continue;
        }
        let asked = policies.of(path);
        assert!(asked.windows(2).all(|two| two[0].severity >= two[1].severity));
        let explained = policies.explain(path);
        assert_eq!(asked, explained.watching().map(|answer| answer.policy.clone()).collect::<Vec<_>>());
        if !asked.is_empty() {
            assert!(path.ancestors().skip(1).all(|folder| policies.interest(folder) == Interest::Some));
            assert!(policies.roots().iter().any(|root| path.starts_with(&root.path)));
        }
    }
    let rules = audit_rules::text(&policies, &audit_rules::Options { machine: "x86_64", chattr: true });
    let lines = rules.text.lines().filter(|line| line.starts_with("-a always,exit ")).count();
    assert_eq!(lines, rules.files + 2 * rules.folders + 2);
}

/// A file of others, the first byte says whose: what is taken can be written in our own form and read again.
pub fn import(input: &[u8]) {
    let Some((first, text)) = input.split_first() else { return };
    let formats = [Format::Osquery, Format::Auditbeat, Format::Wazuh, Format::AuditRules, Format::Paths];
    let format = formats[usize::from(*first) % formats.len()];
    let imported = fim::import::read(format, "fuzz", text);
    for complaint in &imported.complaints {
        assert!(!complaint.message.is_empty() && complaint.file == "fuzz");
    }
    let again = File::read(&policy::toml::text(&imported.policies, &[])).expect("our own text");
    assert_eq!(again.fim.policy, imported.policies);
    let config = Config { policy: imported.policies, use_defaults: false, exclude: Vec::new(), ..Config::default() };
    if let Err(problems) = Policies::read(&config, &Nowhere) {
        // What is taken one by one is right; together it may be too much.
        let bounds = |place: &str| place == "fim.policy" || place.ends_with(".exclude") || place.contains(".tags");
        assert!(problems.0.iter().all(|one| bounds(&one.place) || one.message.contains("too much")), "{problems}");
    }
}

/// Contents: what is text has its secrets taken out without a panic, what is kept reads back as it was, and what is shown of it again
/// has nothing left that is taken for a secret but the marks themselves.
pub fn content(bytes: &[u8]) {
    use fim::content::redact::{Numbers, Redacted};
    if let Some(state) = fim::judge::append::State::read(bytes) {
        assert_eq!(state.bytes(), bytes);
    }
    let Some(text) = fim::content::text(bytes) else { return };
    let redacted = Redacted::of(&text, &[7; 32]);
    assert_eq!(Redacted::read(&redacted.stored()).as_ref(), Some(&redacted));
    assert!(!redacted.shown(&mut Numbers::default()).contains('\0'));
    if let Ok(stored) = std::str::from_utf8(bytes) {
        drop(Redacted::read(stored));
    }
}

/// The baseline, by the first byte: an entry has one spelling; whatever lies where the database should, a sound one with some bytes
/// turned around, or one with foreign rows in its tree is refused with a reason, or holds what was signed.
pub fn baseline(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else { return };
    match kind % 4 {
        0 => {
            if let Ok(entry) = codec::decode(rest) {
                assert_eq!(codec::encoded(&entry), rest);
            }
        }
        1 => refused_or_same(rest),
        2 => {
            let mut file = stand().whole.clone();
            for patch in rest.chunks_exact(4).take(64) {
                let at = u32::from_le_bytes([patch[0], patch[1], patch[2], 0]) as usize % file.len();
                file[at] ^= patch[3];
            }
            refused_or_same(&file);
        }
        _ => {
            let stand = stand();
            std::fs::write(stand.options.file(), &stand.whole).expect("room for a file");
            let db = redb::Builder::new().set_cache_size(1 << 20).open(stand.options.file()).expect("a sound database");
            let tree = redb::TableDefinition::<&[u8], &[u8]>::new("tree");
            let open = db.begin_write().expect("a transaction");
            let (key, block) = rest.split_at(rest.len().min(rest.first().map_or(0, |length| usize::from(*length))));
            drop(open.open_table(tree).expect("a table").insert(key, block).expect("a row"));
            open.commit().expect("a commit");
            drop(db);
            refused_or_same(&std::fs::read(stand.options.file()).expect("a file"));
        }
    }
}

/// A folder with a sound baseline, made once for the process.
struct Stand {
    options: Options,
    whole: Vec<u8>,
    root: Digest,
}

fn stand() -> &'static Stand {
    static STAND: OnceLock<Stand> = OnceLock::new();
    STAND.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let temporary = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let options = Options::new(temporary.join(format!("auditng-fuzz-baseline-{}", std::process::id())));
        drop(std::fs::remove_dir_all(&options.folder));
        let now = Timestamp::from_millis(1);
        let mut baseline = Baseline::create(&options, now).expect("a new baseline");
        let entry = codec::decode(&ENTRY).expect("an entry");
        for number in 0..40 {
            baseline.set(Path::new(&format!("/etc/{}/file{number}", number % 3)), Some(&entry));
        }
        baseline.approve(&[], "fuzz", now).expect("a generation");
        let root = baseline.last_seal().root;
        drop(baseline);
        let whole = std::fs::read(options.file()).expect("a file");
        Stand { options, whole, root }
    })
}

/// A file without digests: kind and version, parts, dev, inode, mode, uid, gid, nlink, size, mtime, ctime.
const ENTRY: [u8; 12] = [0x10, 0, 1, 7, 0xa4, 3, 0, 0, 1, 5, 8, 0];

fn refused_or_same(file: &[u8]) {
    let Stand { options, root, .. } = stand();
    std::fs::write(options.file(), file).expect("room for a file");
    match Baseline::open(options) {
        Ok(baseline) => {
            assert_eq!(baseline.last_seal().root, *root);
            let mut entries = 0;
            baseline.below(Path::new("/"), &mut |_, _| entries += 1);
            assert_eq!(entries, 40);
        }
        Err(refused) => assert!(!refused.to_string().is_empty()),
    }
}
