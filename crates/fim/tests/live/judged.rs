//! From the kernel to the change: real collectors, the judge, and looks at real files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fim::change::{Action, Change, Diff};
use fim::collect::{NoIdentity, Sight};
use fim::content::Store;
use fim::entry::{Entry, Kind};
use fim::judge::{Aids, Judge, Limits};
use fim::look::{Live, Look, Looked, Wanted};
use fim::policy::{Classes, DiffRule, Globs, Policies, Policy, Severity};
use fim::seen::Seen;
use fim::who::Confidence;
use testkit::Deadline;

use crate::stand::{Folder, PATIENCE, Stand, now, options, role, shell};

/// What was seen, in memory.
#[derive(Default)]
pub(crate) struct Memory(BTreeMap<PathBuf, Entry>);

impl Seen for Memory {
    fn get(&self, path: &Path) -> Option<Entry> {
        self.0.get(path).cloned()
    }

    fn set(&mut self, path: &Path, entry: Option<&Entry>) {
        match entry {
            Some(entry) => _ = self.0.insert(path.to_owned(), entry.clone()),
            None => _ = self.0.remove(path),
        }
    }

    fn moved(&mut self, old: &Path, new: &Path) {
        let all = std::mem::take(&mut self.0);
        let to = |path: PathBuf| match path.strip_prefix(old) {
            Ok(rest) if rest.as_os_str().is_empty() => new.to_owned(),
            Ok(rest) => new.join(rest),
            Err(_) => path,
        };
        self.0 = all.into_iter().map(|(path, entry)| (to(path), entry)).collect();
    }

    fn below(&self, path: &Path, each: &mut dyn FnMut(&Path, &Entry)) {
        for (known, entry) in self.0.iter().filter(|(known, _)| known.starts_with(path) && *known != path) {
            each(known, entry);
        }
    }

    fn names(&self, entry: &Entry, each: &mut dyn FnMut(&Path)) {
        self.0.iter().filter(|(_, known)| known.id == entry.id && known.nlink > 1).for_each(|(path, _)| each(path));
    }
}

/// A folder of which everything was seen, collectors on it and a judge behind them.
pub(crate) struct Court {
    pub(crate) stand: Stand,
    pub(crate) judge: Judge,
    pub(crate) seen: Memory,
    look: Live,
    marks: usize,
}

impl Court {
    pub(crate) fn new(prepare: &str) -> Self {
        Self::with(Policy::default(), Aids::default(), prepare)
    }

    pub(crate) fn with(policy: Policy, aids: Aids, prepare: &str) -> Self {
        let policy = Policy { id: "p".into(), classes: Classes::CHANGES, severity: Severity::High, ..policy };
        let folder = Folder::new();
        let watched = folder.path("watched");
        shell(&watched, prepare);
        let policies = Arc::new(Policies::of_trees([(watched.clone(), policy)]));
        let look = Live::new();
        let mut seen = Memory::default();
        note(&watched, &policies, &look, &mut seen);
        let stand = Stand::of(folder, Arc::clone(&policies), options(), Arc::new(NoIdentity));
        for (path, entry) in seen.0.iter().filter(|(_, entry)| entry.nlink > 1 && entry.kind == Kind::File) {
            assert!(stand.collectors.link(entry.id, path));
        }
        let judge = Judge::new(policies, Limits::default()).with(aids);
        Self { stand, judge, seen, look, marks: 0 }
    }

    /// One round: what collectors tell is taken, what is due is judged.
    pub(crate) fn round(&mut self, changes: &mut Vec<Change>) {
        let judge = &mut self.judge;
        self.stand.collectors.take(Duration::from_millis(20), &mut |sight| {
            if let Sight::Evidence(evidence) = sight {
                judge.take(evidence, now());
            }
        });
        if judge.due().is_some_and(|due| due <= now()) {
            judge.run(now(), &self.look, &mut self.seen, &mut |change| changes.push(change));
        }
    }

    /// Everything that is told until a mark made now is told.
    pub(crate) fn settled(&mut self) -> Vec<Change> {
        self.marks += 1;
        let mark = self.stand.watched().join(format!(".mark-{}", self.marks));
        shell(&self.stand.watched(), &format!("mkdir {}", mark.display()));
        let deadline = Deadline::after(PATIENCE);
        let mut changes = Vec::new();
        while !changes.iter().any(|change: &Change| change.path == mark) || self.judge.pending() > 0 {
            assert!(!deadline.passed(), "the mark was not told; told: {changes:#?}");
            self.round(&mut changes);
        }
        changes.retain(|change| !change.path.to_string_lossy().contains("/.mark-"));
        changes
    }

    pub(crate) fn after(&mut self, script: &str) -> Vec<Change> {
        shell(&self.stand.watched(), script);
        self.settled()
    }

    /// As `action path`, with `<- old path`, `= names`, `*` for transient; paths below the watched folder, or `../outside`.
    pub(crate) fn lines(&self, changes: &[Change]) -> Vec<String> {
        let (watched, outside) = (self.stand.watched(), self.stand.outside());
        let short = |path: &Path| match (path.strip_prefix(&watched), path.strip_prefix(&outside)) {
            (Ok(rest), _) => rest.display().to_string(),
            (_, Ok(rest)) => format!("../outside/{}", rest.display()),
            _ => path.display().to_string(),
        };
        let line = |change: &Change| {
            let mut line = format!("{} {}", change.action.name(), short(&change.path));
            change.old_path.iter().for_each(|old| line += &format!(" <- {}", short(old)));
            change.names.iter().for_each(|name| line += &format!(" = {}", short(name)));
            if change.transient { line + " *" } else { line }
        };
        changes.iter().map(line).collect()
    }

    pub(crate) fn check(&mut self, script: &str, expected: &[&str]) -> Vec<Change> {
        let changes = self.after(script);
        assert_eq!(self.lines(&changes), expected, "{script}");
        changes
    }
}

pub(crate) fn note(path: &Path, policies: &Policies, look: &Live, seen: &mut Memory) {
    if let Looked::Entry(entry) = look.look(path, &Wanted::of(&policies.of(path)), None) {
        seen.set(path, Some(&entry));
    }
    for entry in path.read_dir().into_iter().flatten().flatten() {
        note(&entry.path(), policies, look, seen);
    }
}

fn attributes(change: &Change) -> Vec<String> {
    let (Some(before), Some(after)) = (&change.before, &change.after) else { return Vec::new() };
    let told = |one: fim::change::Difference| {
        let side = |side: Option<String>| side.unwrap_or_else(|| "none".to_owned());
        format!("{}: {} -> {}", one.attribute, side(one.before), side(one.after))
    };
    before.differences(after).into_iter().filter(|one| one.attribute != "ctime").map(told).collect()
}

pub(crate) fn f3_renamed_parent() {
    let mut court = Court::new("mkdir a; echo 1 > a/x; echo 1 > a/y");
    court.check("mv a b; echo 2 > b/x", &["moved b <- a", "updated b/x"]);
    court.check("echo 2 > b/y; mv b c", &["updated c/y", "moved c <- b"]);
}

pub(crate) fn f4_replaced() {
    let mut court = Court::new("echo old > x");
    let changes = court.check("echo new > x.tmp; mv x.tmp x", &["replaced x <- x.tmp"]);
    let (before, after) = (changes[0].before.as_ref().unwrap(), changes[0].after.as_ref().unwrap());
    assert_ne!(before.id.inode, after.id.inode);
    assert!(before.hashes.blake3.is_some() && before.hashes.blake3 != after.hashes.blake3);
    assert!(before.hashes.sha256.is_some() && before.hashes.sha256 != after.hashes.sha256);
    assert_ne!(changes[0].who.pid, 0);
    assert_eq!(changes[0].collector, fim::evidence::Collector::Fanotify);
}

pub(crate) fn f5_vim() {
    for (copy, action) in [("no", "replaced x"), ("yes", "updated x")] {
        let mut court = Court::new("echo old > x");
        let vim = |more: &str| {
            format!(
                "vim -N -u NONE -i NONE -T dumb --not-a-term -c 'set nobackup writebackup backupskip= backupcopy={copy}' -c 'normal! onew' \
                 {more} -c w -c q x </dev/null >/dev/null 2>&1"
            )
        };
        court.check(&vim(""), &[action]);
        // The swap file stays for longer than anybody waits.
        court.check(&vim("-c 'sleep 1'"), &[action]);
        assert!(court.judge.counters().folded > 0, "{:?}", court.judge.counters());
    }
}

pub(crate) fn f6_exchange() {
    let mut court = Court::new("echo 1 > a; echo 22 > b");
    let (a, b) = (court.stand.watched().join("a"), court.stand.watched().join("b"));
    assert!(role("exchange", &[a.to_str().unwrap(), b.to_str().unwrap()]).status().unwrap().success());
    let changes = court.settled();
    assert_eq!(court.lines(&changes), ["replaced a <- b", "replaced b <- a"]);
    assert_eq!(changes.iter().map(|change| change.after.as_ref().unwrap().size).collect::<Vec<_>>(), [3, 2]);
}

pub(crate) fn f7_border() {
    let mut court = Court::new("echo 1 > a");
    court.check("mv a ../outside/z", &["deleted a <- ../outside/z"]);
    court.check("mv ../outside/z b", &["created b <- ../outside/z"]);
    court.check("mv b c", &["moved c <- b"]);
}

pub(crate) fn f8_hard_link() {
    let mut court = Court::new("echo 1 > a; ln a ../outside/l");
    court.check("echo 2 >> ../outside/l", &["updated a"]);
    let mut court = Court::new("echo 1 > a; ln a b");
    court.check("echo 2 >> b", &["updated b = a"]);
}

pub(crate) fn f9_tmpfile() {
    let mut court = Court::new(":");
    assert!(role("tmpfile", &[court.stand.watched().to_str().unwrap()]).status().unwrap().success());
    let changes = court.settled();
    assert_eq!(court.lines(&changes), ["created named"]);
    assert!(changes[0].after.as_ref().unwrap().hashes.blake3.is_some());
}

pub(crate) fn f12_attributes() {
    let mut court = Court::new("echo 1 > x; chmod 600 x");
    for (script, expected) in [
        ("chmod 4755 x", vec!["mode: 0600 -> 4755"]),
        ("chown 1:2 x; chmod 600 x", vec!["mode: 4755 -> 0600", "uid: 0 -> 1", "gid: 0 -> 2"]),
        ("setfattr -n user.a -v b x", vec!["xattr:user.a: none -> b"]),
        (
            "setfacl -m u:1000:r x",
            vec!["mode: 0600 -> 0640", "acl: none -> user::rw-,user:1000:r--,group::---,mask::r--,other::---"],
        ),
        ("setcap cap_net_raw=ep x", vec!["capabilities: none -> cap_net_raw=ep"]),
    ] {
        let changes = court.check(script, &["attributes_modified x"]);
        let told = attributes(&changes[0]);
        if script.contains("user.a") {
            // Users' values are kept as digests alone.
            assert!(told.len() == 1 && told[0].starts_with("xattr:user.a: none -> "), "{told:?}");
        } else {
            assert_eq!(told, expected, "{script}");
        }
    }
}

pub(crate) fn f14_truncate() {
    let mut court = Court::new("echo 12345 > x");
    let changes = court.check("perl -e 'truncate(\"x\", 2) or die'", &["updated x"]);
    assert_eq!(changes[0].after.as_ref().unwrap().size, 2);
}

pub(crate) fn f15_brief() {
    let mut court = Court::new(":");
    assert!(role("brief", &[court.stand.watched().to_str().unwrap(), "1"]).status().unwrap().success());
    let changes = court.settled();
    assert_eq!(court.lines(&changes), ["created brief-0 *", "deleted brief-0 *"]);
}

pub(crate) fn f33_symlink() {
    let mut court = Court::new("ln -s a l");
    let changes = court.check("ln -sfn b l", &["updated l"]);
    let told: Vec<String> = attributes(&changes[0]).into_iter().filter(|one| one.starts_with("target")).collect();
    assert_eq!(told, ["target: a -> b"]);
}

pub(crate) fn f47_contents() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("content"), 1 << 20).unwrap();
    let rule = DiffRule { max_file: 1 << 20, max_diff: 16 << 10, private: false, never: Globs::default() };
    let policy = Policy { diff: Some(rule), ..Policy::default() };
    let aids = Aids { texts: Some(Box::new(store)), ..Aids::default() };
    let mut court = Court::with(policy, aids, ":");
    court.check("printf 'port=1\\npassword=hunter2hunter2\\n' > x", &["created x"]);
    let changes = court.check("printf 'port=2\\npassword=hunter2hunter2\\n' > x", &["updated x"]);
    let Some(Diff::Text { unified, truncated: false }) = &changes[0].diff else { panic!("{changes:?}") };
    assert_eq!(unified, "@@ -1,2 +1,2 @@\n-port=1\n+port=2\n password=<redacted 1>\n");
    assert_eq!(changes[0].action, Action::Updated);
    assert!(changes[0].who.confidence >= Confidence::Unknown);
}
