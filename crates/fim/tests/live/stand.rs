//! What every live test stands on: a folder, collectors on it, and what they have told.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use fim::collect::{Collectors, Coverage, Identity, NoIdentity, Options, Sight};
use fim::evidence::{Evidence, Mask};
use fim::policy::{Classes, Policies, Policy};
use schema::Timestamp;
use testkit::Deadline;

/// A test that waits longer than this has failed; a busy machine needs most of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Why live tests cannot run here.
pub(crate) fn missing() -> Option<String> {
    let euid = rustix::process::geteuid();
    (!euid.is_root()).then(|| format!("needs root (CAP_SYS_ADMIN); euid is {}", euid.as_raw()))
}

fn no_program(name: &str) -> Option<String> {
    let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().unwrap();
    (!found.status.success()).then(|| format!("needs {name}"))
}

pub(crate) fn no_strace() -> Option<String> {
    no_program("strace")
}

pub(crate) fn no_bindfs() -> Option<String> {
    no_program("bindfs")
}

pub(crate) fn no_btrfs() -> Option<String> {
    no_program("mkfs.btrfs")
}

pub(crate) fn no_xfs() -> Option<String> {
    no_program("mkfs.xfs")
}

pub(crate) fn no_python() -> Option<String> {
    no_program("python3")
}

pub(crate) fn no_attribute_programs() -> Option<String> {
    ["setcap", "setfacl", "setfattr"].into_iter().find_map(no_program)
}

pub(crate) fn no_vim() -> Option<String> {
    no_program("vim")
}

pub(crate) fn no_logrotate() -> Option<String> {
    no_program("logrotate")
}

pub(crate) fn no_dpkg_deb() -> Option<String> {
    no_program("dpkg-deb")
}

/// The wall clock of tests.
#[expect(clippy::disallowed_methods, reason = "an edge: a test hands in the time")]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

pub(crate) fn options() -> Options {
    Options::new(Arc::new(now))
}

pub(crate) fn trees(paths: &[&Path]) -> Arc<Policies> {
    let policy = |id: usize| Policy { id: format!("p{id}").into(), classes: Classes::CHANGES, ..Policy::default() };
    Arc::new(Policies::of_trees(paths.iter().enumerate().map(|(id, path)| ((*path).to_owned(), policy(id)))))
}

/// Runs a shell script in a folder; it must succeed.
pub(crate) fn shell(folder: &Path, script: &str) {
    let done = Command::new("sh").args(["-euc", script]).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
}

/// This program in another role.
pub(crate) fn role(name: &str, words: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--role", name]).args(words);
    command
}

/// A folder `watched` with collectors on it, beside a folder `outside`.
pub(crate) struct Stand {
    pub(crate) collectors: Collectors,
    pub(crate) coverage: Vec<Coverage>,
    /// Everything told so far.
    pub(crate) sights: Vec<Sight>,
    marks: usize,
    folder: Folder,
}

/// A folder that goes with all that is mounted in it.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::Builder::new().prefix("auditng-test").tempdir().unwrap());
        for name in ["watched", "outside"] {
            std::fs::create_dir(folder.path(name)).unwrap();
        }
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let script = "grep -o \" $PWD/[^ ]*\" /proc/self/mounts | sort -r | while read -r point; do umount -l \"$point\" || :; done";
        drop(Command::new("sh").args(["-c", script]).current_dir(self.0.path()).output());
    }
}

impl Stand {
    pub(crate) fn new() -> Self {
        Self::with(Folder::new(), options(), Arc::new(NoIdentity))
    }

    pub(crate) fn with(folder: Folder, options: Options, identity: Arc<dyn Identity>) -> Self {
        let policies = trees(&[&folder.path("watched")]);
        Self::of(folder, policies, options, identity)
    }

    pub(crate) fn of(folder: Folder, policies: Arc<Policies>, options: Options, identity: Arc<dyn Identity>) -> Self {
        let (collectors, coverage) = Collectors::open(policies, options, identity);
        Self { collectors, coverage, sights: Vec::new(), marks: 0, folder }
    }

    pub(crate) fn watched(&self) -> PathBuf {
        self.folder.path("watched")
    }

    pub(crate) fn outside(&self) -> PathBuf {
        self.folder.path("outside")
    }

    /// Takes until something told answers the question.
    pub(crate) fn until<T>(&mut self, what: &str, mut ask: impl FnMut(&[Sight]) -> Option<T>) -> T {
        let deadline = Deadline::after(PATIENCE);
        loop {
            if let Some(answer) = ask(&self.sights) {
                return answer;
            }
            assert!(
                !deadline.passed(),
                "not told: {what}; told: {:#?}",
                self.sights.iter().rev().take(20).collect::<Vec<_>>()
            );
            let sights = &mut self.sights;
            self.collectors.take(Duration::from_millis(50), &mut |sight| sights.push(sight));
        }
    }

    /// Runs a script in `watched` and gives all evidence of it.
    pub(crate) fn after(&mut self, script: &str) -> Vec<Evidence> {
        shell(&self.watched(), script);
        self.settled()
    }

    /// All evidence so far: a mark made now has been told. What was told is forgotten.
    pub(crate) fn settled(&mut self) -> Vec<Evidence> {
        self.marks += 1;
        let mark = self.watched().join(format!(".mark-{}", self.marks));
        shell(&self.watched(), &format!(": > {}", mark.display()));
        let is = |sight: &Sight| matches!(sight, Sight::Evidence(evidence) if evidence.path.as_ref() == Some(&mark));
        let deadline = Deadline::after(PATIENCE);
        let mut looked_at = 0;
        while !self.sights[looked_at..].iter().any(is) {
            assert!(!deadline.passed(), "the mark was not told");
            looked_at = self.sights.len();
            let sights = &mut self.sights;
            self.collectors.take(Duration::from_millis(50), &mut |sight| sights.push(sight));
        }
        let evidence = |sight| if let Sight::Evidence(evidence) = sight { Some(evidence) } else { None };
        let all = self.sights.drain(..).filter_map(evidence);
        let mark_itself =
            |one: &Evidence| one.path.as_ref().is_some_and(|path| path.to_string_lossy().contains("/.mark-"));
        all.filter(|one| !mark_itself(one)).collect()
    }
}

/// Paths below a folder of which evidence with any of these bits is there, each once.
pub(crate) fn paths(evidence: &[Evidence], mask: Mask, below: &Path) -> Vec<String> {
    let of = |one: &Evidence| one.mask.has(mask).then(|| one.path.clone()).flatten();
    let short = |path: PathBuf| Some(path.strip_prefix(below).ok()?.to_string_lossy().into_owned());
    let mut paths: Vec<String> = evidence.iter().filter_map(of).filter_map(short).collect();
    paths.sort();
    paths.dedup();
    paths
}
