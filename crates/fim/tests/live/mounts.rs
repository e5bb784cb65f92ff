//! Mounts, containers and other file systems.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use fim::collect::{How, NoIdentity, Sight};
use fim::evidence::{Evidence, Layered, Mask};
use fim::who::Confidence;

use crate::stand::{Folder, PATIENCE, Stand, options, paths, shell, trees};

/// A process in a mount namespace (and pid namespace) of its own; ends with this value.
struct Boxed(Child);

impl Boxed {
    /// Runs a script there that ends in waiting; it has said `ready` before.
    fn new(script: &str, folder: &Path) -> Self {
        let mut child = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh", "-euc"])
            .arg(format!("{script}\necho ready; while read -r line; do eval \"$line\"; echo done; done"))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        assert_eq!(Self::line(&mut child), "ready");
        Self(child)
    }

    fn line(child: &mut Child) -> String {
        use std::io::Read;
        let mut line = String::new();
        let mut byte = [0];
        while child.stdout.as_mut().unwrap().read(&mut byte).unwrap() == 1 && byte != *b"\n" {
            line.push(char::from(byte[0]));
        }
        line
    }

    /// Runs a line in it.
    fn run(&mut self, line: &str) {
        use std::io::Write;
        writeln!(self.0.stdin.as_mut().unwrap(), "{line}").unwrap();
        assert_eq!(Self::line(&mut self.0), "done", "{line}");
    }

    /// The process inside, as the host numbers it.
    fn pid(&self) -> u32 {
        let children = format!("/proc/{0}/task/{0}/children", self.0.id());
        std::fs::read_to_string(children).unwrap().split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Boxed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn find<'a>(evidence: &'a [Evidence], path: &Path, mask: Mask) -> &'a Evidence {
    let found = evidence.iter().find(|one| one.path.as_deref() == Some(path) && one.mask.has(mask));
    found.unwrap_or_else(|| panic!("nothing of {} in {evidence:#?}", path.display()))
}

/// An overlay `watched/merged` of `box/lower`, `box/upper`, `box/work`.
fn overlay(folder: &Folder, options: &str) {
    let script = format!(
        "mkdir -p outside/box/lower/etc outside/box/upper outside/box/work watched/merged; echo 1 > outside/box/lower/etc/f; \
         echo 1 > outside/box/lower/etc/g; mount -t overlay overlay -o \
         lowerdir=$PWD/outside/box/lower,upperdir=$PWD/outside/box/upper,workdir=$PWD/outside/box/work{options} watched/merged"
    );
    shell(&folder.path(""), &script);
}

pub(crate) fn f25_overlay() {
    let folder = Folder::new();
    overlay(&folder, "");
    let mut stand = Stand::with(folder, options(), Arc::new(NoIdentity));
    assert!(stand.coverage.iter().all(|one| one.how == How::Fanotify), "{:?}", stand.coverage);
    let merged = stand.watched().join("merged");
    let mut container = Boxed::new("", &merged);
    stand.collectors.mark_container(container.pid(), "box1");
    stand.settled();

    // F25: the first write to a lower file.
    container.run("echo 2 >> etc/f");
    let evidence = stand.settled();
    let made = paths(&evidence, Mask::CREATE, &merged);
    assert!(made.iter().all(|path| path != "etc/f"), "{made:?}");
    let copied = find(&evidence, &merged.join("etc/f"), Mask::MODIFY);
    let backing = evidence
        .iter()
        .filter(|one| one.path == copied.path)
        .find_map(|one| one.backing.clone().filter(|backing| backing.what == Layered::CopiedUp));
    assert_eq!(backing.unwrap().lower.unwrap(), stand.outside().join("box/lower/etc/f"));
    let shown = |one: &&Evidence| one.path.as_ref().is_some_and(|path| path.to_string_lossy().contains("box/work"));
    assert_eq!(evidence.iter().filter(shown).count(), 0, "the work directory is shown");

    // F26: a lower file removed.
    container.run("rm etc/g");
    let evidence = stand.settled();
    let gone = find(&evidence, &merged.join("etc/g"), Mask::DELETE);
    assert_eq!(gone.backing.as_ref().unwrap().what, Layered::Whiteout);
    assert!(paths(&evidence, Mask::CREATE, &merged).is_empty(), "{evidence:#?}");

    // A new file is just that.
    container.run("echo 1 > new");
    let evidence = stand.settled();
    assert_eq!(find(&evidence, &merged.join("new"), Mask::CREATE).backing.as_ref().unwrap().what, Layered::Same);

    // F27: written past the overlay.
    shell(&stand.outside(), "echo 3 >> box/upper/etc/f");
    let evidence = stand.settled();
    find(&evidence, &merged.join("etc/f"), Mask::MODIFY);
}

pub(crate) fn f28_tmpfs_in_container() {
    let mut stand = Stand::new();
    let watched = stand.watched();
    shell(&watched, "mkdir data");
    let mut container = Boxed::new("mount -t tmpfs tmpfs data", &watched);
    let pid = container.pid();
    // Not ours: the host does not see this mount.
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    let inside = root.join(watched.join("data").strip_prefix("/").unwrap());
    let policies = trees(&[&watched, &inside]);
    stand.collectors.set_policies(policies);
    let coverage = stand.collectors.mark_container(pid, "box1");
    assert!(coverage.iter().any(|one| one.root == inside && one.how == How::Fanotify), "{coverage:?}");
    container.run("echo 1 > data/f");
    let evidence = stand.settled();
    let seen = find(&evidence, &inside.join("f"), Mask::CREATE);
    let told = seen.inside.as_ref().unwrap();
    assert_eq!((&*told.container, told.pid, &*told.path), ("box1", pid, &*watched.join("data/f")));
    stand.collectors.forget_container(pid);
    container.run("echo 2 > data/g");
    let evidence = stand.settled();
    assert!(paths(&evidence, Mask::CREATE, &inside).is_empty());
}

pub(crate) fn f29_mount_over() {
    let mut stand = Stand::new();
    stand.after("echo 1 > passwd; echo 2 > ../outside/evil");
    stand.sights.clear();
    let change = |mounted: bool| {
        move |sights: &[Sight]| {
            sights.iter().find_map(|sight| match sight {
                Sight::Mount(change) if change.mounted == mounted => Some(change.clone()),
                _ => None,
            })
        }
    };
    let mut mount = Command::new("mount")
        .arg("--bind")
        .arg(stand.outside().join("evil"))
        .arg(stand.watched().join("passwd"))
        .spawn()
        .unwrap();
    let pid = mount.id();
    assert!(mount.wait().unwrap().success());
    let told = stand.until("the mount", change(true));
    assert_eq!(told.path, stand.watched().join("passwd"));
    assert!(told.source.ends_with("outside/evil"), "{told:?}");
    assert_eq!(told.who.pid, pid, "{told:?}");
    assert!(told.who.confidence >= Confidence::Strong || told.who.reason.is_some());
    shell(&stand.watched(), "umount passwd");
    let told = stand.until("the unmount", change(false));
    assert_eq!(told.path, stand.watched().join("passwd"));
}

pub(crate) fn f30_two_mounts() {
    let folder = Folder::new();
    shell(
        &folder.path(""),
        "mkdir outside/a outside/b; mount --bind watched outside/a; mount --bind watched outside/b",
    );
    let mut stand = Stand::with(folder, options(), Arc::new(NoIdentity));
    let evidence = stand.after("echo 1 > ../outside/a/f; echo 2 >> ../outside/b/f");
    let watched = stand.watched();
    assert!(evidence.iter().all(|one| one.path.as_deref() == Some(&*watched.join("f"))), "{evidence:#?}");
    assert_eq!(evidence.iter().filter(|one| one.mask.has(Mask::CREATE)).count(), 1);

    // The policy names the bind mount alone: its path comes first.
    let bound = stand.outside().join("b");
    stand.collectors.set_policies(trees(&[&bound]));
    shell(&stand.outside(), "echo 3 > a/g; : > a/.mark");
    stand.until("the mark", |sights| {
        let mark =
            |sight: &Sight| matches!(sight, Sight::Evidence(one) if one.path.as_deref() == Some(&*bound.join(".mark")));
        sights.iter().any(mark).then_some(())
    });
    let made = |sight: &Sight| matches!(sight, Sight::Evidence(one) if one.path.as_deref() == Some(&*bound.join("g")) && one.mask.has(Mask::CREATE));
    assert_eq!(stand.sights.iter().filter(|sight| made(sight)).count(), 1);
}

pub(crate) fn f41_no_storm() {
    let folder = Folder::new();
    overlay(&folder, ",index=on,nfs_export=on");
    let mut stand = Stand::with(folder, options(), Arc::new(NoIdentity));
    let merged = stand.watched().join("merged");
    stand.settled();
    shell(&merged, "echo 1 > a; echo 1 >> etc/f");
    stand.settled();
    let before = stand.collectors.counters().read;
    shell(&merged, "rm a etc/f");
    let evidence = stand.settled();
    find(&evidence, &merged.join("a"), Mask::DELETE);
    find(&evidence, &merged.join("etc/f"), Mask::DELETE);
    // A second mark after it: whatever our own looking had made would have come.
    stand.settled();
    let told = evidence.len();
    assert!(told < 20, "{told} pieces of evidence of two deletions");
    println!(
        "two deletions: {told} pieces of evidence, {} events of the whole machine",
        stand.collectors.counters().read - before
    );
}

pub(crate) fn f42_fuse() {
    let folder = Folder::new();
    shell(&folder.path(""), "mkdir outside/real; bindfs outside/real watched");
    let stand = Stand::with(folder, options(), Arc::new(NoIdentity));
    assert_eq!(stand.coverage.len(), 1);
    assert_eq!(stand.coverage[0].how, How::ScanOnly);
    assert!(stand.coverage[0].reason.contains("FUSE"), "{:?}", stand.coverage);
}

/// A file system in a file, mounted on `watched`.
fn in_a_file(folder: &Folder, make: &str, options: &str) {
    let script = format!("truncate -s 512M image; {make} image > /dev/null; mount -o loop{options} image watched");
    shell(&folder.path(""), &script);
}

pub(crate) fn f46_btrfs() {
    let folder = Folder::new();
    in_a_file(&folder, "mkfs.btrfs -q", "");
    shell(
        &folder.path(""),
        "btrfs subvolume create watched/sub > /dev/null; umount watched; mount -o loop,subvol=sub image watched",
    );
    let mut stand = Stand::with(folder, options(), Arc::new(NoIdentity));
    let covered = &stand.coverage[0];
    println!("{covered:?}");
    if covered.how != How::Fanotify {
        assert!(covered.reason.contains("btrfs"), "{covered:?}");
        return;
    }
    let evidence = stand.after("mkdir -p a/b; echo 1 > a/b/f; mv a/b c");
    assert_eq!(paths(&evidence, Mask::MODIFY, &stand.watched()), ["a/b/f"]);
    let evidence = stand.after("echo 1 > c/g; btrfs subvolume create below > /dev/null; echo 1 > below/h");
    let made = paths(&evidence, Mask::MODIFY, &stand.watched());
    assert_eq!(made, ["below/h", "c/g"]);
}

pub(crate) fn f46_xfs() {
    let folder = Folder::new();
    in_a_file(&folder, "mkfs.xfs -q", "");
    let mut stand = Stand::with(folder, options(), Arc::new(NoIdentity));
    assert_eq!(stand.coverage[0].how, How::Fanotify, "{:?}", stand.coverage);
    let evidence = stand.after("mkdir -p a/b; echo 1 > a/b/f; mv a/b c; echo 2 > c/f");
    let told: std::collections::BTreeSet<_> = paths(&evidence, Mask::MODIFY, &stand.watched()).into_iter().collect();
    assert!(told.contains("c/f"), "{told:?}");
    let one = find(&evidence, &stand.watched().join("c/f"), Mask::MODIFY);
    let stat = rustix::fs::stat(stand.watched().join("c/f")).unwrap();
    assert_eq!(one.id.unwrap().inode, stat.st_ino);
    assert_eq!(one.id.unwrap().dev, stat.st_dev);
}

pub(crate) fn new_mount() {
    let mut stand = Stand::new();
    stand.after("mkdir data");
    shell(&stand.watched(), "mount -t tmpfs tmpfs data");
    let data = stand.watched().join("data");
    stand.until("the coverage", |sights| {
        let covered =
            |sight: &Sight| matches!(sight, Sight::Coverage(one) if one.root == data && one.how == How::Fanotify);
        sights.iter().any(covered).then_some(())
    });
    let evidence = stand.after("echo 1 > data/f");
    assert_eq!(paths(&evidence, Mask::CREATE, &stand.watched()), ["data/f"]);
    shell(&stand.watched(), "umount data");
    stand.until("the unmount", |sights| {
        let gone = |sight: &Sight| matches!(sight, Sight::Mount(one) if one.path == data && !one.mounted);
        sights.iter().any(gone).then_some(())
    });
    // The same again: another file system with a mark of its own.
    shell(&stand.watched(), "mount -t tmpfs tmpfs data");
    testkit::eventually("the new one is told of", PATIENCE, || {
        shell(&stand.watched(), "echo 1 > data/again");
        let evidence = stand.settled();
        evidence.iter().any(|one| one.path.as_deref() == Some(&*data.join("again"))).then_some(())
    });
}

pub(crate) fn unmounted() {
    let folder = Folder::new();
    in_a_file(&folder, "mkfs.ext4 -q", "");
    let mut stand = Stand::with(folder, options(), Arc::new(NoIdentity));
    stand.after("mkdir d; echo 1 > d/f");
    // Not lazily: nothing of ours may be open there.
    let outside = stand.outside();
    shell(&outside, "umount ../watched; ! losetup -j ../image | grep .");
}
