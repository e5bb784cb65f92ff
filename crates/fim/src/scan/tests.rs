use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::*;
use crate::change::Action;
use crate::entry::{Content, Entry, Kind};
use crate::policy::{Classes, Hash, Policy};

/// What was seen, in memory.
#[derive(Clone, Default, PartialEq, Debug)]
struct Memory {
    entries: BTreeMap<PathBuf, Entry>,
    read: BTreeMap<PathBuf, Timestamp>,
}

impl Seen for Memory {
    fn get(&self, path: &Path) -> Option<Entry> {
        self.entries.get(path).cloned()
    }

    fn set(&mut self, path: &Path, entry: Option<&Entry>) {
        match entry {
            Some(entry) => drop(self.entries.insert(path.to_owned(), entry.clone())),
            None => drop(self.entries.remove(path)),
        }
    }

    fn moved(&mut self, _: &Path, _: &Path) {
        unreachable!("a scan moves nothing");
    }

    fn below(&self, path: &Path, each: &mut dyn FnMut(&Path, &Entry)) {
        self.entries
            .iter()
            .filter(|(at, _)| at.starts_with(path) && *at != path)
            .for_each(|(at, entry)| each(at, entry));
    }

    fn names(&self, entry: &Entry, each: &mut dyn FnMut(&Path)) {
        self.entries.iter().filter(|(_, other)| other.id == entry.id).for_each(|(path, _)| each(path));
    }

    fn set_read(&mut self, folder: &Path, at: Timestamp) {
        self.read.insert(folder.to_owned(), at);
    }

    fn folders(&self, root: &Path, each: &mut dyn FnMut(&Path, Option<Timestamp>)) {
        let below = self.entries.iter().filter(|(path, entry)| path.starts_with(root) && entry.kind == Kind::Directory);
        below.for_each(|(path, _)| each(path, self.read.get(path).copied()));
    }
}

struct Tree {
    _held: tempfile::TempDir,
    root: PathBuf,
    seen: Memory,
    policies: Policies,
}

fn policy() -> Policy {
    Policy { id: "p".into(), classes: Classes::CHANGES, ..Policy::default() }
}

impl Tree {
    fn new(policy: Policy) -> Self {
        let held = tempfile::tempdir().unwrap();
        let root = held.path().canonicalize().unwrap();
        let policies = Policies::of_trees([(root.clone(), policy)]);
        Self { _held: held, root, seen: Memory::default(), policies }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn job(&self, kind: ScanKind) -> Job<'_> {
        Job::new(kind, &self.policies, Timestamp::from_millis(1_000_000))
    }

    fn scan_as(&mut self, kind: ScanKind) -> (Vec<Change>, Summary) {
        let mut seen = std::mem::take(&mut self.seen);
        let (mut told, handle) = (Vec::new(), Handle::new());
        let summary = run(&self.job(kind), &mut seen, &handle, &mut |change| told.push(change));
        self.seen = seen;
        assert_eq!(summary.differences, told.len() as u64);
        assert_eq!((summary.hashed_bytes, summary.entries), (handle.bytes(), handle.entries()));
        (told, summary)
    }

    /// What a metadata scan tells: action and path below the root, in order.
    fn scan(&mut self) -> Vec<(Action, String)> {
        let (told, _) = self.scan_as(ScanKind::Meta);
        self.short(&told)
    }

    fn short(&self, told: &[Change]) -> Vec<(Action, String)> {
        let name = |path: &Path| path.strip_prefix(&self.root).unwrap().to_string_lossy().into_owned();
        let mut all: Vec<_> = told.iter().map(|change| (change.action, name(&change.path))).collect();
        all.sort_by(|one, other| one.1.cmp(&other.1));
        all
    }

    fn baseline(&mut self) -> Summary {
        let (told, summary) = self.scan_as(ScanKind::Baseline);
        assert_eq!(told, []);
        summary
    }
}

fn is(found: Vec<(Action, String)>, expected: &[(Action, &str)]) {
    let found: Vec<_> = found.iter().map(|(action, path)| (*action, path.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn f44_the_first_scan_notes_everything_and_tells_nothing() {
    let mut tree = Tree::new(policy());
    for n in 0..50 {
        tree.write(&format!("d{}/f{n}", n % 5), n.to_string());
    }
    let summary = tree.baseline();
    assert_eq!((summary.entries, summary.folders, summary.differences), (56, 6, 0));
    assert_eq!(tree.seen.entries.len(), 56);
    assert_eq!(summary.hashed_bytes, 90);
    is(tree.scan(), &[]);
    let (told, summary) = tree.scan_as(ScanKind::Meta);
    assert_eq!((told.len(), summary.entries, summary.hashed_bytes), (0, 56, 0), "what has the same stat is not read");
    let (told, summary) = tree.scan_as(ScanKind::Full);
    assert_eq!((told.len(), summary.hashed_bytes), (0, 90));
}

#[test]
fn each_kind_of_change_has_its_name() {
    let mut tree = Tree::new(policy());
    let content = tree.write("content", "before");
    let mode = tree.write("mode", "x");
    let gone = tree.write("gone", "x");
    let replaced = tree.write("replaced", "x");
    let deep = tree.write("folder/deep/file", "x");
    tree.write("same", "x");
    tree.baseline();
    fs::write(content, "behind").unwrap();
    fs::set_permissions(mode, fs::Permissions::from_mode(0o4755)).unwrap();
    fs::remove_file(gone).unwrap();
    fs::write(tree.root.join("new"), "").unwrap();
    fs::rename(tree.root.join("new"), replaced).unwrap();
    fs::remove_dir_all(deep.parent().unwrap()).unwrap();
    tree.write("other/new", "x");
    let expected = [
        (Action::Updated, "content"),
        (Action::Deleted, "folder/deep"),
        (Action::Deleted, "folder/deep/file"),
        (Action::Deleted, "gone"),
        (Action::AttributesModified, "mode"),
        (Action::Created, "other"),
        (Action::Created, "other/new"),
        (Action::Replaced, "replaced"),
    ];
    is(tree.scan(), &expected);
    is(tree.scan(), &[]);
}

#[test]
fn a_change_says_how_it_was_found() {
    let mut tree = Tree::new(policy());
    let path = tree.write("f", "one");
    tree.baseline();
    fs::write(&path, "two").unwrap();
    let mut seen = std::mem::take(&mut tree.seen);
    let window = Some((Timestamp::from_millis(1), Timestamp::from_millis(2)));
    let mut told = Vec::new();
    let job = Job { window, ..tree.job(ScanKind::WhileDown) };
    run(&job, &mut seen, &Handle::new(), &mut |change| told.push(change));
    let change = &told[0];
    assert_eq!((change.cause, change.window), (crate::change::Cause::Scan(ScanKind::WhileDown), window));
    assert_eq!(change.who, crate::Who::unknown(crate::who::Reason::FoundByScan));
    assert_eq!(change.before.as_ref().unwrap().hashes.blake3.unwrap().0, *blake3::hash(b"one").as_bytes());
    assert_eq!(change.after.as_ref().unwrap().hashes.blake3.unwrap().0, *blake3::hash(b"two").as_bytes());
    assert_eq!((change.policies.len(), change.collector), (1, crate::evidence::Collector::Scan));
}

#[test]
fn f13_content_changed_and_times_put_back() {
    let mut tree = Tree::new(policy());
    let path = tree.write("f", "before");
    tree.baseline();
    let times = fs::metadata(&path).unwrap();
    fs::write(&path, "behind").unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    let set = fs::FileTimes::new().set_modified(times.modified().unwrap()).set_accessed(times.accessed().unwrap());
    file.set_times(set).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mtime_nsec(), times.mtime_nsec());
    is(tree.scan(), &[(Action::Updated, "f")]);
}

#[test]
fn f33_a_link_that_points_elsewhere() {
    let mut tree = Tree::new(policy());
    let link = tree.root.join("l");
    symlink("one", &link).unwrap();
    tree.baseline();
    fs::remove_file(&link).unwrap();
    symlink("two", &link).unwrap();
    let (told, _) = tree.scan_as(ScanKind::Meta);
    assert_eq!(told[0].action, Action::Updated);
    let target = |entry: &Option<Entry>| entry.as_ref().unwrap().target.clone().unwrap();
    assert_eq!((&*target(&told[0].before), &*target(&told[0].after)), (&b"one"[..], &b"two"[..]));
}

#[test]
fn what_becomes_something_else() {
    let mut tree = Tree::new(policy());
    tree.write("was_folder/below/f", "x");
    let file = tree.write("was_file", "x");
    tree.baseline();
    fs::remove_dir_all(tree.root.join("was_folder")).unwrap();
    fs::write(tree.root.join("was_folder"), "now a file").unwrap();
    fs::remove_file(&file).unwrap();
    tree.write("was_file/f", "x");
    let expected = [
        (Action::Replaced, "was_file"),
        (Action::Created, "was_file/f"),
        (Action::Replaced, "was_folder"),
        (Action::Deleted, "was_folder/below"),
        (Action::Deleted, "was_folder/below/f"),
    ];
    is(tree.scan(), &expected);
}

#[test]
fn a_folder_by_itself_changes_only_in_what_is_its_own() {
    let mut tree = Tree::new(policy());
    tree.write("d/f", "x");
    tree.baseline();
    tree.write("d/g", "x");
    is(tree.scan(), &[(Action::Created, "d/g")]);
    fs::set_permissions(tree.root.join("d"), fs::Permissions::from_mode(0o700)).unwrap();
    is(tree.scan(), &[(Action::AttributesModified, "d")]);
}

#[test]
fn a_root_that_goes_takes_everything_with_it() {
    let mut tree = Tree::new(policy());
    let watched = tree.root.join("watched");
    tree.policies = Policies::of_trees([(watched.clone(), policy())]);
    tree.write("watched/a/b", "x");
    tree.baseline();
    fs::rename(&watched, tree.root.join("elsewhere")).unwrap();
    symlink("elsewhere", &watched).unwrap();
    let expected = [(Action::Replaced, "watched"), (Action::Deleted, "watched/a"), (Action::Deleted, "watched/a/b")];
    is(tree.scan(), &expected);
    fs::remove_file(&watched).unwrap();
    is(tree.scan(), &[(Action::Deleted, "watched")]);
    is(tree.scan(), &[]);
}

#[test]
fn f36_any_names() {
    let mut tree = Tree::new(policy());
    tree.write("d/x", "");
    tree.baseline();
    let long = [b'x'; 255];
    let names = [&b"\xff\xfe"[..], b"new\nline", b"\x1b[31mred", &long];
    for name in names {
        fs::write(tree.root.join("d").join(OsStr::from_bytes(name)), name).unwrap();
    }
    let (told, _) = tree.scan_as(ScanKind::Meta);
    let found: BTreeSet<_> = told.iter().map(|change| change.path.file_name().unwrap().as_bytes()).collect();
    assert_eq!(found, names.into_iter().collect());
    is(tree.scan(), &[]);
}

#[test]
fn only_where_it_is_wanted() {
    let mut tree = Tree::new(policy());
    for name in ["a/f", "ab/f", "a/b/f", "c/f"] {
        tree.write(name, "x");
    }
    tree.baseline();
    for name in ["a/f", "ab/f", "a/b/f", "c/f"] {
        tree.write(name, "changed");
    }
    let within = [tree.root.join("a"), tree.root.join("c/f"), PathBuf::from("/nowhere")];
    let mut seen = std::mem::take(&mut tree.seen);
    let mut told = Vec::new();
    let job = Job { within: &within, ..tree.job(ScanKind::Targeted) };
    run(&job, &mut seen, &Handle::new(), &mut |change| told.push(change));
    tree.seen = seen;
    is(tree.short(&told), &[(Action::Updated, "a/b/f"), (Action::Updated, "a/f"), (Action::Updated, "c/f")]);
    is(tree.scan(), &[(Action::Updated, "ab/f")]);
}

#[test]
fn other_policies_are_no_difference() {
    let mut tree = Tree::new(Policy { hash: [Hash::Blake3].into_iter().collect(), ..policy() });
    tree.write("kept/f", "x");
    tree.write("left/f", "x");
    tree.baseline();
    let more = Policy { hash: [Hash::Blake3, Hash::Sha1].into_iter().collect(), ..policy() };
    tree.policies = Policies::of_trees([(tree.root.join("kept"), more)]);
    is(tree.scan(), &[]);
    assert!(tree.seen.get(&tree.root.join("kept/f")).unwrap().hashes.sha1.is_some(), "what is wanted now is there");
    // Nothing is wanted of the rest, so it is not looked at; what was known of it stays until somebody forgets it.
    tree.write("left/f", "changed");
    is(tree.scan(), &[]);
}

#[test]
fn classes_that_nobody_asks_for_are_noted_quietly() {
    let mut tree = Tree::new(Policy { classes: Classes::DELETE, ..policy() });
    let path = tree.write("f", "x");
    tree.baseline();
    fs::write(&path, "y").unwrap();
    is(tree.scan(), &[]);
    assert_eq!(tree.seen.get(&path).unwrap().hashes.blake3.unwrap().0, *blake3::hash(b"y").as_bytes());
    fs::remove_file(&path).unwrap();
    is(tree.scan(), &[(Action::Deleted, "f")]);
}

/// The folder is told as it was, single names as they are: somebody noted them in between.
struct Overtaken<'a>(&'a Memory, &'a mut Memory);

impl Seen for Overtaken<'_> {
    fn get(&self, path: &Path) -> Option<Entry> {
        self.1.get(path)
    }
    fn set(&mut self, path: &Path, entry: Option<&Entry>) {
        self.1.set(path, entry);
    }
    fn moved(&mut self, _: &Path, _: &Path) {}
    fn below(&self, path: &Path, each: &mut dyn FnMut(&Path, &Entry)) {
        self.0.below(path, each);
    }
    fn names(&self, _: &Entry, _: &mut dyn FnMut(&Path)) {}
}

#[test]
fn what_somebody_else_noted_meanwhile_is_not_told_twice() {
    let mut tree = Tree::new(policy());
    let changed = tree.write("changed", "x");
    let gone = tree.write("gone", "x");
    tree.baseline();
    let old = tree.seen.clone();
    fs::write(&changed, "y").unwrap();
    fs::remove_file(&gone).unwrap();
    tree.write("new", "");
    assert_eq!(tree.scan().len(), 3);
    let mut now = tree.seen.clone();
    let mut told = Vec::new();
    run(&tree.job(ScanKind::Meta), &mut Overtaken(&old, &mut now), &Handle::new(), &mut |change| told.push(change));
    assert_eq!(told, []);
}

#[test]
fn f34_logs_may_grow_and_be_rotated_and_nothing_else() {
    let mut tree = Tree::new(Policy { append_only: true, ..policy() });
    let log = tree.write("a.log", "one\n");
    tree.baseline();
    fs::write(&log, "one\ntwo\n").unwrap();
    is(tree.scan(), &[]);
    fs::write(&log, "One\ntwo\nthree\n").unwrap();
    is(tree.scan(), &[(Action::Rewritten, "a.log")]);
    fs::write(&log, "One\n").unwrap();
    is(tree.scan(), &[(Action::Truncated, "a.log")]);
    // Renamed, and a new one begun.
    fs::rename(&log, tree.root.join("a.log.1")).unwrap();
    fs::write(&log, "next\n").unwrap();
    is(tree.scan(), &[]);
    // Copied, grown in between, and cut.
    fs::write(tree.root.join("a.log-20261124"), "next\nmore\n").unwrap();
    fs::write(&log, "").unwrap();
    is(tree.scan(), &[]);
    // Something else lies beside it.
    fs::write(&log, "again\n").unwrap();
    is(tree.scan(), &[]);
    fs::write(tree.root.join("a.log.2"), "Again\nand longer").unwrap();
    fs::write(&log, "").unwrap();
    is(tree.scan(), &[(Action::Truncated, "a.log"), (Action::Created, "a.log.2")]);
}

#[test]
fn f34_an_old_byte_changed_without_growth() {
    let mut tree = Tree::new(Policy { append_only: true, ..policy() });
    let log = tree.write("a.log", "one\n");
    tree.baseline();
    fs::write(&log, "One\n").unwrap();
    is(tree.scan(), &[(Action::Rewritten, "a.log")]);
}

#[test]
fn f32_a_folder_that_becomes_a_link_again_and_again_leads_nowhere() {
    let mut tree = Tree::new(policy());
    let outside = tempfile::tempdir().unwrap();
    for n in 0..20 {
        fs::create_dir_all(outside.path().join(format!("x{n}"))).unwrap();
        fs::write(outside.path().join(format!("x{n}/secret")), "x").unwrap();
        tree.write(&format!("d/x{n}/inside"), "x");
    }
    let (folder, link, real) = (tree.root.join("d"), tree.root.join("link"), tree.root.join("real"));
    symlink(outside.path(), &link).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let exchange = rustix::fs::RenameFlags::EXCHANGE;
                rustix::fs::renameat_with(rustix::fs::CWD, &folder, rustix::fs::CWD, &link, exchange).unwrap();
            }
        });
        for _ in 0..200 {
            let (told, _) = tree.scan_as(ScanKind::Meta);
            let left = told.iter().find(|change| change.path.ends_with("secret"));
            assert!(left.is_none(), "{left:?}");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    if folder.is_symlink() {
        // It ended as the link: what is below is found once it is the folder again.
        fs::remove_file(&folder).unwrap();
        fs::rename(&link, &folder).unwrap();
    }
    tree.scan_as(ScanKind::Meta);
    assert!(!real.exists());
    assert!(tree.seen.entries.keys().all(|path| !path.ends_with("secret")));
    assert!(tree.seen.entries.keys().any(|path| path.ends_with("inside")), "it did look");
}

#[test]
fn a_rotating_scan_reads_the_oldest_first_and_all_in_time() {
    let mut tree = Tree::new(policy());
    for n in 0..9 {
        tree.write(&format!("d{n}/f"), "x");
    }
    tree.baseline();
    let rotation = Rotation { within: Duration::from_secs(10), every: Duration::from_secs(2) };
    for n in 1..=5 {
        let mut seen = std::mem::take(&mut tree.seen);
        let now = Timestamp::from_millis(1_000_000 + n * 2000);
        let job = Job { rotation, now, ..tree.job(ScanKind::Rotating) };
        let summary = run(&job, &mut seen, &Handle::new(), &mut |change| panic!("{change:?}"));
        tree.seen = seen;
        assert_eq!(summary.folders, 2);
    }
    assert!(tree.seen.read.values().all(|at| at.millis() > 1_000_000), "{:?}", tree.seen.read);
}

#[test]
fn a_scan_that_is_stopped_concludes_nothing() {
    let mut tree = Tree::new(policy());
    tree.write("a/f", "x");
    tree.write("b/f", "x");
    tree.baseline();
    let before = tree.seen.clone();
    let handle = Handle::new();
    handle.stop();
    let mut seen = tree.seen.clone();
    let summary = run(&tree.job(ScanKind::Full), &mut seen, &handle, &mut |change| panic!("{change:?}"));
    assert!(summary.stopped);
    assert_eq!(seen, before);
    assert_eq!(summary.record("asked for", None).skipped.get("stopped"), Some(&1));
}

#[test]
fn a_file_is_a_root_too() {
    let mut tree = Tree::new(policy());
    let path = tree.write("d/only", "x");
    tree.write("d/other", "x");
    tree.policies = Policies::of_trees([(path.clone(), policy())]);
    let summary = tree.baseline();
    assert_eq!(summary.entries, 1);
    fs::write(&path, "y").unwrap();
    tree.write("d/other", "y");
    is(tree.scan(), &[(Action::Updated, "d/only")]);
    fs::remove_file(&path).unwrap();
    is(tree.scan(), &[(Action::Deleted, "d/only")]);
}

#[test]
fn hard_links_are_named_with_a_change() {
    let mut tree = Tree::new(policy());
    let one = tree.write("d/one", "x");
    fs::hard_link(&one, tree.root.join("two")).unwrap();
    tree.baseline();
    fs::write(&one, "y").unwrap();
    let (told, _) = tree.scan_as(ScanKind::Meta);
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|change| change.names.len() == 1 && change.names[0] != change.path));
}

#[test]
fn f39_what_is_no_file_is_looked_at_and_not_opened() {
    let mut tree = Tree::new(Policy { max_file_size: 1 << 20, ..policy() });
    rustix::fs::mkfifoat(rustix::fs::CWD, tree.root.join("pipe"), rustix::fs::Mode::RUSR).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tree.root.join("socket")).unwrap();
    fs::File::create(tree.root.join("sparse")).unwrap().set_len(10 << 30).unwrap();
    let summary = tree.baseline();
    assert_eq!(summary.entries, 4);
    assert_eq!(tree.seen.get(&tree.root.join("sparse")).unwrap().content, Content::Partial);
    is(tree.scan(), &[]);
}

mod made_up {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Write(u8, u8),
        Remove(u8),
        Rename(u8, u8),
        Mode(u8, u8),
        Link(u8, u8),
        Folder(u8),
        Scan(bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        let n = 0_u8..12;
        prop_oneof![
            (n.clone(), any::<u8>()).prop_map(|(a, b)| Step::Write(a, b)),
            n.clone().prop_map(Step::Remove),
            (n.clone(), n.clone()).prop_map(|(a, b)| Step::Rename(a, b)),
            (n.clone(), 0_u8..3).prop_map(|(a, b)| Step::Mode(a, b)),
            (n.clone(), n.clone()).prop_map(|(a, b)| Step::Link(a, b)),
            n.prop_map(Step::Folder),
            any::<bool>().prop_map(Step::Scan),
        ]
    }

    fn place(root: &Path, n: u8) -> PathBuf {
        let folder = [".", "a", "a/b", "c"][usize::from(n % 4)];
        let name = ["x", "y", "a"][usize::from(n / 4)];
        root.join(folder).join(name)
    }

    fn apply(root: &Path, step: &Step) {
        // Steps that do not apply to what is there do nothing.
        match step {
            Step::Write(at, byte) => drop(fs::write(place(root, *at), [*byte])),
            Step::Remove(at) => {
                let path = place(root, *at);
                drop(fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path)));
            }
            Step::Rename(from, to) => drop(fs::rename(place(root, *from), place(root, *to))),
            Step::Mode(at, mode) => {
                let mode = [0o600, 0o755, 0o4711][usize::from(*mode)];
                drop(fs::set_permissions(place(root, *at), fs::Permissions::from_mode(mode)));
            }
            Step::Link(at, to) => drop(symlink(place(root, *to), place(root, *at))),
            Step::Folder(at) => drop(fs::create_dir_all(place(root, *at))),
            Step::Scan(_) => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However it came to be as it is, by however many scans and threads: what was seen is what a first scan would note, and
        /// the changes that were told lead from nothing to there.
        #[test]
        fn scans_end_where_a_first_scan_begins(steps in proptest::collection::vec(step(), 1..40)) {
            let mut tree = Tree::new(policy());
            let mut replayed: BTreeMap<PathBuf, Entry> = BTreeMap::new();
            for step in steps.iter().chain([&Step::Scan(true), &Step::Scan(false)]) {
                apply(&tree.root, step);
                let Step::Scan(two) = step else { continue };
                let mut seen = std::mem::take(&mut tree.seen);
                let mut told = Vec::new();
                let pace = Pace { threads: 1 + u8::from(*two), ..Pace::default() };
                run(&Job { pace, ..tree.job(ScanKind::Meta) }, &mut seen, &Handle::new(), &mut |change| told.push(change));
                for change in told {
                    match change.after {
                        Some(after) => drop(replayed.insert(change.path, after)),
                        None => drop(replayed.remove(&change.path)),
                    }
                }
                tree.seen = seen;
            }
            let seen = std::mem::take(&mut tree.seen);
            tree.baseline();
            prop_assert_eq!(&seen.entries, &tree.seen.entries);
            let told: BTreeMap<_, _> = replayed.iter().map(|(path, entry)| (path, (entry.kind, entry.mode, &entry.hashes, &entry.target))).collect();
            let there: BTreeMap<_, _> = seen.entries.iter().map(|(path, entry)| (path, (entry.kind, entry.mode, &entry.hashes, &entry.target))).collect();
            prop_assert_eq!(told, there);
        }
    }
}
