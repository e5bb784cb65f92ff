//! What is told of what is done to files.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use fim::collect::{How, NoIdentity};
use fim::entry::FileId;
use fim::evidence::Mask;
use fim::policy::{Classes, Policies, Policy};

use crate::stand::{Folder, Stand, options, paths, role, shell};

pub(crate) fn f1_trees_made_at_once() {
    let mut stand = Stand::new();
    assert_eq!(stand.coverage.iter().map(|one| one.how).collect::<Vec<_>>(), [How::Fanotify]);
    let watched = stand.watched();
    assert!(role("trees", &[watched.to_str().unwrap(), "5000"]).status().unwrap().success());
    let evidence = stand.settled();
    let mut made: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for one in evidence.iter().filter(|one| one.mask.has(Mask::CREATE)) {
        *made.entry(one.path.clone().unwrap()).or_default() += 1;
    }
    let wanted: Vec<PathBuf> = (0..5000)
        .flat_map(|n| [format!("{n}"), format!("{n}/x"), format!("{n}/x/y"), format!("{n}/x/y/f")])
        .map(|name| watched.join(name))
        .collect();
    let missing: Vec<_> = wanted.iter().filter(|path| !made.contains_key(*path)).take(5).collect();
    assert!(missing.is_empty(), "not told: {missing:?}");
    assert_eq!(made.len(), wanted.len());
    assert!(made.values().all(|count| *count == 1), "told twice");
    assert_eq!(stand.collectors.counters().lost, 0);
}

pub(crate) fn f2_moved_in() {
    let mut stand = Stand::new();
    shell(&stand.outside(), "mkdir -p tree/a/b; echo 1 > tree/a/b/f");
    stand.settled();
    let evidence = stand.after("mv ../outside/tree tree");
    let moved = evidence.iter().find(|one| one.mask.has(Mask::RENAME)).unwrap();
    assert_eq!(moved.path.as_deref(), Some(&*stand.watched().join("tree")));
    assert_eq!(moved.old_path.as_deref(), Some(&*stand.outside().join("tree")));
    assert!(moved.mask.has(Mask::ONDIR));
    // What came with it is below it from now on.
    let evidence = stand.after("echo 2 > tree/a/b/f; mkdir tree/a/c; echo 3 > tree/a/c/g");
    let told = paths(&evidence, Mask::MODIFY, &stand.watched());
    assert_eq!(told, ["tree/a/b/f", "tree/a/c/g"]);
}

pub(crate) fn f3_renamed_parent() {
    let mut stand = Stand::new();
    stand.after("mkdir -p old/sub/deep; echo 1 > old/sub/deep/f");
    let evidence =
        stand.after("mv old new; echo 2 > new/sub/deep/f; mv new ../outside/gone; echo 3 > ../outside/gone/sub/deep/f");
    assert_eq!(paths(&evidence, Mask::MODIFY, &stand.watched()), ["new/sub/deep/f"]);
    let evidence = stand.after("mv ../outside/gone back; echo 4 > back/sub/deep/f");
    assert_eq!(paths(&evidence, Mask::MODIFY, &stand.watched()), ["back/sub/deep/f"]);
}

pub(crate) fn f7_over_the_border() {
    let mut stand = Stand::new();
    stand.after("echo 1 > f");
    let evidence = stand.after("mv f ../outside/f");
    let moved = evidence.iter().find(|one| one.mask.has(Mask::RENAME)).unwrap();
    assert_eq!(moved.old_path.as_deref(), Some(&*stand.watched().join("f")));
    assert_eq!(moved.path.as_deref(), Some(&*stand.outside().join("f")));
    let evidence = stand.after("mv ../outside/f g");
    let moved = evidence.iter().find(|one| one.mask.has(Mask::RENAME)).unwrap();
    assert_eq!(moved.old_path.as_deref(), Some(&*stand.outside().join("f")));
    assert_eq!(moved.path.as_deref(), Some(&*stand.watched().join("g")));
}

pub(crate) fn f8_hard_link() {
    let folder = Folder::new();
    shell(&folder.path("watched"), "echo 1 > f; ln f ../outside/before");
    let mut stand = Stand::with(folder, options(), Arc::new(NoIdentity));
    let watched = stand.watched().join("f");
    let stat = std::fs::metadata(&watched).unwrap();
    let id = FileId { dev: stat.dev(), inode: stat.ino() };
    let check = |stand: &mut Stand, name: &str| {
        let evidence = stand.after(&format!("echo 3 >> ../outside/{name}; echo 3 >> ../outside/other"));
        let told: Vec<_> = evidence.iter().filter(|one| one.mask.has(Mask::MODIFY)).collect();
        assert!(!told.is_empty(), "nothing told");
        for one in told {
            assert_eq!((one.path.as_deref(), one.id), (Some(&*watched), Some(id)));
        }
    };
    // A name that was there before, of which whoever scans knows.
    assert!(stand.collectors.link(id, &watched));
    check(&mut stand, "before");

    // One that is made while we look.
    let mut stand = Stand::new();
    let watched = stand.watched().join("f");
    stand.after("echo 1 > f; ln f ../outside/g");
    let evidence = stand.after("echo 3 >> ../outside/g; echo 3 >> ../outside/h");
    let told: Vec<_> = evidence.iter().filter(|one| one.mask.has(Mask::MODIFY)).collect();
    assert!(!told.is_empty() && told.iter().all(|one| one.path.as_deref() == Some(&*watched)), "{told:#?}");
}

pub(crate) fn f9_tmpfile() {
    let mut stand = Stand::new();
    let watched = stand.watched();
    assert!(role("tmpfile", &[watched.to_str().unwrap()]).status().unwrap().success());
    let evidence = stand.settled();
    assert_eq!(paths(&evidence, Mask::CREATE, &watched), ["named"]);
}

pub(crate) fn f14_truncate() {
    let mut stand = Stand::new();
    stand.after("echo 12345 > f");
    // Perl calls truncate(2) with the path; coreutils would open the file.
    let evidence = stand.after("perl -e 'truncate(\"f\", 0) or die'");
    assert_eq!(paths(&evidence, Mask::MODIFY, &stand.watched()), ["f"]);
    assert_eq!(paths(&evidence, Mask::CLOSE_WRITE, &stand.watched()), Vec::<String>::new());
}

pub(crate) fn f15_made_and_removed() {
    let mut stand = Stand::new();
    let watched = stand.watched();
    assert!(role("brief", &[watched.to_str().unwrap(), "200"]).status().unwrap().success());
    let evidence = stand.settled();
    let both = |mask| paths(&evidence, mask, &watched).into_iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(both(Mask::CREATE).len(), 200);
    assert_eq!(both(Mask::DELETE), both(Mask::CREATE));
    // Made before removed, where they are not one.
    for n in 0..200 {
        let of = |mask: Mask| {
            let name = watched.join(format!("brief-{n}"));
            evidence.iter().position(|one| one.mask.has(mask) && one.path.as_ref() == Some(&name))
        };
        assert!(of(Mask::CREATE) <= of(Mask::DELETE));
    }
}

pub(crate) fn f31_same_path() {
    let mut stand = Stand::new();
    stand.after("echo 1 > f; ln -s f link; ln -s . loop");
    let evidence = stand.after("echo 2 > link; echo 3 > /proc/self/root/$PWD/f; echo 4 > loop/loop/../watched/f");
    let told = paths(&evidence, Mask::MODIFY, &stand.watched());
    assert!(!told.is_empty() && told.iter().all(|path| path == "f"), "{told:?}");
}

pub(crate) fn f36_hostile_names() {
    use std::os::unix::ffi::OsStrExt;
    let mut stand = Stand::new();
    let long = "x".repeat(255);
    let names: [&[u8]; 4] = [b"new\nline", b"esc\x1b[31m", b"bad\xff\xfeutf", long.as_bytes()];
    for name in names {
        let path = stand.watched().join(std::ffi::OsStr::from_bytes(name));
        assert!(std::process::Command::new("mkdir").arg(&path).status().unwrap().success());
        assert!(std::process::Command::new("touch").arg(path.join("f")).status().unwrap().success());
    }
    let evidence = stand.settled();
    for name in names {
        let path = stand.watched().join(std::ffi::OsStr::from_bytes(name)).join("f");
        assert!(evidence.iter().any(|one| one.path.as_ref() == Some(&path)), "{path:?}");
    }
}

pub(crate) fn f37_longer_name() {
    let mut stand = Stand::new();
    let evidence = stand.after("mkdir ../watchedfoo; echo 1 > ../watchedfoo/f; echo 1 > f");
    assert!(evidence.iter().all(|one| one.path.as_ref().unwrap().starts_with(stand.watched())), "{evidence:#?}");
    assert_eq!(paths(&evidence, Mask::CREATE, &stand.watched()), ["f"]);
}

/// Nobody asked for `outside`: whatever happens there brings nothing and opens nothing.
pub(crate) fn f38_excluded() {
    let folder = Folder::new();
    let (watched, outside) = (folder.path("watched"), folder.path("outside"));
    shell(&outside, "mkdir -p a/b/c/d");
    let trace = folder.path("trace");
    let mut collector = std::process::Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=open,openat,openat2,open_by_handle_at", "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--role", "collector"])
        .arg(&watched)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(collector.stdout.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let deep = outside.join("a/b/c/d");
    let storm = |from: usize, to: usize| {
        let script = format!("i={from}; while [ $i -lt {to} ]; do echo x > f$i; i=$((i+1)); done; rm -f f1*");
        shell(&deep, &script);
        // The collector has come so far once it tells of this.
        shell(&watched, &format!(": > mark-{to}"));
    };
    let mut told = Vec::new();
    let mut until = |word: &str| loop {
        let line = lines.next().unwrap().unwrap();
        let found = line.contains(word);
        told.push(line);
        if found {
            break;
        }
    };
    let opens = || {
        let text = std::fs::read_to_string(&trace).unwrap();
        text.lines().filter(|line| line.contains("outside") || line.contains("open_by_handle_at")).count()
    };
    storm(0, 10);
    until("mark-10");
    let before = opens();
    storm(10, 100_000);
    until("mark-100000");
    let after = opens();
    collector.kill().unwrap();
    collector.wait().unwrap();
    assert!(told.iter().all(|line| !line.contains("outside")), "told of what nobody asked for");
    // Other folders of this machine that are seen for the first time may be opened meanwhile, once each.
    assert!(after - before < 2_000, "{} opens for 99,990 writes", after - before);
    println!("100,000 files made in an excluded folder: {} opens", after - before);
}

pub(crate) fn f41_own_writes() {
    let mut stand = Stand::new();
    stand.settled();
    let own = stand.watched().join("log");
    for n in 0..1000 {
        std::fs::write(&own, format!("{n}")).unwrap();
    }
    let evidence = stand.settled();
    assert!(evidence.iter().all(|one| one.path.as_ref() != Some(&own)), "told of our own writes");
    // The kernel makes one event of several of one file that nobody has read yet.
    assert!(stand.collectors.counters().own > 0);
}

/// The folders of a removed tree are gone when we look: their own removals tell where they were.
pub(crate) fn removed_tree() {
    let folder = Folder::new();
    shell(
        &folder.path("watched"),
        "for a in 1 2 3; do for b in 1 2 3; do mkdir -p t/$a/$b; for f in 1 2 3; do : > t/$a/$b/f$f; done; done; done",
    );
    let mut stand = Stand::with(folder, options(), Arc::new(NoIdentity));
    let evidence = stand.after("rm -r t");
    let told = paths(&evidence, Mask::DELETE, &stand.watched());
    assert_eq!(told.len(), 27 + 9 + 3 + 1, "{told:?}");
    assert!(told.contains(&"t/2/3/f1".to_owned()));
}

pub(crate) fn accesses() {
    let folder = Folder::new();
    let key = folder.path("watched").join("key");
    std::fs::write(&key, b"secret").unwrap();
    std::fs::write(folder.path("watched").join("other"), b"x").unwrap();
    let policy = Policy { id: "key".into(), classes: Classes::CHANGES.with(Classes::ACCESS), ..Policy::default() };
    let policies = Arc::new(Policies::of_trees([(key.clone(), policy)]));
    let mut stand = Stand::of(folder, policies, options(), Arc::new(NoIdentity));
    shell(&stand.watched(), "cat key other > /dev/null");
    let is_open = |one: &fim::Evidence| one.mask.has(Mask::OPEN);
    let opened = stand.until("the open", |sights| {
        sights.iter().find_map(|sight| match sight {
            fim::collect::Sight::Evidence(one) if is_open(one) => Some(one.clone()),
            _ => None,
        })
    });
    assert_eq!(opened.path.as_deref(), Some(&*key));
    // Replaced: the new file is named again.
    shell(&stand.watched(), "echo new > tmp; mv tmp key");
    stand.until("the rename", |sights| {
        let renamed = |sight: &fim::collect::Sight| matches!(sight, fim::collect::Sight::Evidence(one) if one.mask.has(Mask::RENAME));
        sights.iter().any(renamed).then_some(())
    });
    stand.sights.clear();
    shell(&stand.watched(), "cat key > /dev/null");
    stand.until("the open of the new file", |sights| {
        let opened = |sight: &fim::collect::Sight| matches!(sight, fim::collect::Sight::Evidence(one) if is_open(one));
        sights.iter().any(opened).then_some(())
    });
}
