//! Scans of real trees, file systems and devices, against a real baseline.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fim::baseline::{Baseline, Options};
use fim::change::{Action, Difference, ScanKind};
use fim::entry::Content;
use fim::policy::{Classes, Policies, Policy};
use fim::scan::{Handle, Job, Rotation, Summary};
use fim::seen::Seen;
use fim::{Change, Entry};

use crate::stand::{Folder, now, shell, trees};

/// A tree with a baseline of it.
struct Scanned {
    folder: Folder,
    policies: std::sync::Arc<Policies>,
    baseline: Baseline,
}

impl Scanned {
    /// A folder, made by a script that runs in it, and its first scan.
    fn new(script: &str) -> Self {
        Self::of(Folder::new(), script)
    }

    fn of(folder: Folder, script: &str) -> Self {
        shell(&folder.path("watched"), script);
        let policies = trees(&[&folder.path("watched")]);
        let options = Options::new(folder.path("state"));
        let baseline = Baseline::create(&options, now()).unwrap();
        let mut one = Self { folder, policies, baseline };
        let (told, summary) = one.scan(ScanKind::Baseline);
        assert_eq!((told.len(), summary.differences), (0, 0));
        one
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path("watched").join(name)
    }

    fn scan(&mut self, kind: ScanKind) -> (Vec<Change>, Summary) {
        let rotation = Rotation { within: Duration::from_secs(1), every: Duration::from_secs(1) };
        let job = Job { rotation, ..Job::new(kind, &self.policies, now()) };
        let mut told = Vec::new();
        let summary = fim::scan::run(&job, &mut self.baseline, &Handle::new(), &mut |change| told.push(change));
        self.baseline.seal(now()).unwrap();
        (told, summary)
    }

    /// Runs a script in the tree, and gives what a metadata scan tells: action, path, and the names of what differs.
    fn after(&mut self, script: &str) -> Vec<(Action, String, Vec<Difference>)> {
        shell(&self.path(""), script);
        let (told, _) = self.scan(ScanKind::Meta);
        told.iter().map(|change| self.short(change)).collect()
    }

    fn short(&self, change: &Change) -> (Action, String, Vec<Difference>) {
        let path = change.path.strip_prefix(self.path("")).unwrap().to_string_lossy().into_owned();
        let differences = match (&change.before, &change.after) {
            (Some(before), Some(after)) => before.differences(after),
            _ => Vec::new(),
        };
        (change.action, path, differences)
    }
}

/// The one change that was told, and one attribute of it.
fn attribute(told: &[(Action, String, Vec<Difference>)], name: &str) -> (Option<String>, Option<String>) {
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].0, &*told[0].1), (Action::AttributesModified, "f"));
    let found = told[0].2.iter().find(|one| one.attribute == name);
    let found = found.unwrap_or_else(|| panic!("no {name} in {told:?}"));
    (found.before.clone(), found.after.clone())
}

/// A program that holds a file mapped after it has stored into it, until this value goes.
struct Mapped(Child);

impl Mapped {
    fn store(file: &Path) -> Self {
        let program = "import mmap, sys\n\
             f = open(sys.argv[1], 'r+b')\n\
             m = mmap.mmap(f.fileno(), 0)\n\
             m[0:1] = b'X'\n\
             print('stored', flush=True)\n\
             sys.stdin.read()\n";
        let mut child = Command::new("python3")
            .args(["-c", program])
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "stored\n");
        Self(child)
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(crate) fn f10_mapped() {
    let mut tree = Scanned::new("printf before > f");
    let _held = Mapped::store(&tree.path("f"));
    let (told, _) = tree.scan(ScanKind::Meta);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].action, Action::Updated);
    let after = told[0].after.as_ref().unwrap();
    assert_eq!(after.hashes.blake3.unwrap().0, *blake3(b"Xefore").as_bytes());
}

fn blake3(bytes: &[u8]) -> blake3::Hash {
    blake3::hash(bytes)
}

/// Takes the flags away again, whatever happens.
struct Flagged(PathBuf);

impl Drop for Flagged {
    fn drop(&mut self) {
        drop(Command::new("chattr").args(["-i", "-a"]).arg(&self.0).output());
    }
}

pub(crate) fn f11_chattr() {
    let mut tree = Scanned::new("echo x > f");
    let _flagged = Flagged(tree.path("f"));
    let told = tree.after("chattr +i f");
    assert_eq!(attribute(&told, "flags"), (Some("-".to_owned()), Some("immutable".to_owned())));
    let told = tree.after("chattr -i f; chattr +a f");
    assert_eq!(attribute(&told, "flags"), (Some("immutable".to_owned()), Some("append".to_owned())));
    let told = tree.after("chattr -a f");
    assert_eq!(attribute(&told, "flags"), (Some("append".to_owned()), Some("-".to_owned())));
}

/// The system call of Linux 6.17 that sets flags by path.
pub(crate) fn f11_file_setattr() {
    let mut tree = Scanned::new("echo x > f");
    let _flagged = Flagged(tree.path("f"));
    // struct file_attr of linux/fs.h: xflags (0x8 is immutable), then extent size, extents, project, cow extent size.
    let program = "import ctypes, struct, sys\n\
         libc = ctypes.CDLL(None, use_errno=True)\n\
         attr = struct.pack('=QIIII', 8, 0, 0, 0, 0)\n\
         done = libc.syscall(469, -100, b'f', attr, len(attr), 0)\n\
         sys.exit(38 if done and ctypes.get_errno() == 38 else done)\n";
    let done = Command::new("python3").args(["-c", program]).current_dir(tree.path("")).status().unwrap();
    if done.code() == Some(38) {
        println!("f11: this kernel has no file_setattr");
        return;
    }
    assert!(done.success(), "{done:?}");
    let told = tree.after("true");
    assert_eq!(attribute(&told, "flags"), (Some("-".to_owned()), Some("immutable".to_owned())));
}

pub(crate) fn f12_attributes() {
    let mut tree = Scanned::new("echo x > f; chmod 644 f");
    let some = |text: &str| Some(text.to_owned());
    let told = tree.after("setcap cap_net_raw+ep f");
    assert_eq!(attribute(&told, "capabilities"), (None, some("cap_net_raw=ep")));
    let told = tree.after("setfacl -m u:12345:rw f");
    let (before, after) = attribute(&told, "acl");
    assert!(before.is_none() && after.unwrap().contains("user:12345:rw-"));
    let told = tree.after("setfattr -n user.note -v secret f");
    let (before, after) = attribute(&told, "xattr:user.note");
    assert!(before.is_none() && after.unwrap().starts_with("blake3:"), "users' values are not copied");
    let told = tree.after("chmod 4711 f");
    assert_eq!(attribute(&told, "mode").1, some("4711"));
    let told = tree.after("chown 12345:54321 f");
    assert_eq!(attribute(&told, "uid"), (some("0"), some("12345")));
    assert_eq!(attribute(&told, "gid"), (some("0"), some("54321")));
    let told = tree.after("touch -d 2020-01-01T00:00:00Z f");
    assert_eq!(attribute(&told, "mtime").1, some("2020-01-01T00:00:00.000000000Z"));
    let told = tree.after("ln f g; rm g; ln f /dev/shm/g 2>/dev/null || :");
    assert!(told.is_empty(), "there and back is nothing: {told:?}");
}

pub(crate) fn f13_times_put_back() {
    let mut tree = Scanned::new("echo before > f; touch -r f stamp");
    let told = tree.after("printf 'behind\\n' > f; touch -r stamp f");
    assert_eq!((told.len(), told[0].0, &*told[0].1), (1, Action::Updated, "f"));
    assert!(told[0].2.iter().all(|one| one.attribute != "mtime" && one.attribute != "size"), "{told:?}");
}

pub(crate) fn f39_no_hang() {
    let script = "mkfifo pipe; mknod null c 1 3; mknod zero c 1 5; truncate -s 10G sparse; \
                  ln -s /proc/kmsg link; mkdir proc; mount -t proc proc proc";
    let mut tree = Scanned::new(script);
    let sparse = tree.baseline.get(&tree.path("sparse")).unwrap();
    assert_eq!((sparse.size, sparse.content), (10 << 30, Content::Partial));
    assert_eq!(tree.baseline.get(&tree.path("zero")).unwrap().rdev, rustix::fs::makedev(1, 5));
    let (told, summary) = tree.scan(ScanKind::Full);
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(summary.skipped.get("proc"), Some(&1), "{:?}", summary.skipped);
    assert_eq!(summary.entries, 7, "proc itself, and nothing in it");
    let told = tree.after("printf x | dd of=sparse bs=1 seek=10737418239 conv=notrunc status=none");
    assert_eq!((told.len(), told[0].0), (1, Action::Updated));
}

/// A file system in a file, mounted over `watched`.
fn in_a_file(folder: &Folder, make: &str) {
    let script =
        format!("truncate -s 512M outside/image; {make} outside/image >/dev/null; mount -o loop outside/image watched");
    shell(&folder.path(""), &script);
}

pub(crate) fn f43_raw_write() {
    let folder = Folder::new();
    in_a_file(&folder, "mkfs.ext4 -q -F");
    let mut tree =
        Scanned::of(folder, "rmdir lost+found; head -c 300000 /dev/zero | tr '\\0' a > f; echo other > g; sync -f f");
    let image = tree.folder.path("outside/image");
    let asked = Command::new("debugfs").args(["-R", "blocks /f"]).arg(&image).output().unwrap();
    let blocks = String::from_utf8(asked.stdout).unwrap();
    let block: u64 = blocks.split_whitespace().nth(3).unwrap().parse().unwrap();
    let size: u64 = 4096;
    let file = std::fs::File::options().read(true).write(true).open(&image).unwrap();
    let mut found = [0; 4];
    file.read_exact_at(&mut found, block * size).unwrap();
    assert_eq!(&found, b"aaaa", "the block is the file's");
    file.write_all_at(b"evil", block * size).unwrap();
    file.sync_all().unwrap();
    let (told, _) = tree.scan(ScanKind::Meta);
    assert!(told.is_empty(), "its metadata says nothing: {told:?}");
    let (told, summary) = tree.scan(ScanKind::Rotating);
    assert_eq!(told.len(), 1, "{told:?} {summary:?}");
    let (action, path, differences) = tree.short(&told[0]);
    assert_eq!((action, &*path), (Action::Updated, "f"));
    assert!(differences.iter().all(|one| one.attribute == "blake3" || one.attribute == "sha256"), "{differences:?}");
}

pub(crate) fn f46_xfs() {
    let folder = Folder::new();
    in_a_file(&folder, "mkfs.xfs -q");
    let mut tree = Scanned::of(folder, "mkdir -p a/b; echo 1 > a/b/f; echo 1 > f; setfattr -n user.x -v 1 f");
    let told = tree.after("echo 2 > a/b/f; mv a c; chmod 600 f; setfattr -n user.x -v 2 f");
    let mut told: Vec<_> = told.iter().map(|(action, path, _)| (*action, path.as_str())).collect();
    told.sort_by_key(|(_, path)| *path);
    let expected = [
        (Action::Deleted, "a"),
        (Action::Deleted, "a/b"),
        (Action::Deleted, "a/b/f"),
        (Action::Created, "c"),
        (Action::Created, "c/b"),
        (Action::Created, "c/b/f"),
        (Action::AttributesModified, "f"),
    ];
    assert_eq!(told, expected);
    let (told, _) = tree.scan(ScanKind::Rotating);
    assert!(told.is_empty(), "{told:?}");
}

/// FUSE is looked at, and said to be seen by scans alone; a local file system mounted below a root is part of it.
pub(crate) fn f42_labelled() {
    let mut tree =
        Scanned::new("mkdir fuse memory; echo 1 > ../outside/f; bindfs ../outside fuse; mount -t tmpfs tmpfs memory");
    let told = tree.after("echo 2 > memory/f; echo 2 > ../outside/f");
    let told: Vec<_> = told.iter().map(|(action, path, _)| (*action, path.as_str())).collect();
    assert_eq!(told, [(Action::Updated, "fuse/f"), (Action::Created, "memory/f")]);
    let (_, summary) = tree.scan(ScanKind::Meta);
    assert_eq!(summary.scan_only, [(tree.path("fuse"), "fuse")]);
}

/// All of /usr: one baseline, one summary, no change told; then nothing differs.
pub(crate) fn f44_first_run() {
    let folder = Folder::new();
    let policy = Policy { id: "usr".into(), classes: Classes::CHANGES, hash: Default::default(), ..Policy::default() };
    let policies = Policies::of_trees([(PathBuf::from("/usr"), policy)]);
    let mut baseline = Baseline::create(&Options::new(folder.path("state")), now()).unwrap();
    let mut told = 0;
    let mut scan = |kind| {
        let job = Job::new(kind, &policies, now());
        let summary = fim::scan::run(&job, &mut baseline, &Handle::new(), &mut |_| told += 1);
        baseline.seal(now()).unwrap();
        summary
    };
    let first = scan(ScanKind::Baseline);
    let second = scan(ScanKind::Meta);
    println!("f44: {} entries: first {:?}, again {:?}", first.entries, first.duration, second.duration);
    assert_eq!(told, 0);
    assert_eq!((first.differences, first.unreadable, first.entries), (0, 0, second.entries));
    let listed = Command::new("find").args(["/usr", "-xdev"]).output().unwrap().stdout;
    assert_eq!(first.entries, listed.iter().filter(|byte| **byte == b'\n').count() as u64);
    assert!(baseline.get(Path::new("/usr/bin")).is_some_and(|entry: Entry| entry.nlink > 0));
}
