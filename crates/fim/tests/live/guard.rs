//! Openers that are held.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use fim::change::Access;
use fim::collect::{Ask, Decide, NoIdentity, Sight, Verdict};
use fim::evidence::{Collector, Evidence, Mask};
use fim::policy::{Classes, Guard, Policies, Policy};
use fim::who::{Confidence, Source};

use crate::stand::{Folder, PATIENCE, Stand, options, role, shell};

/// One file whose openers are held.
pub(crate) fn held(file: &Path) -> Arc<Policies> {
    let classes = Classes::CHANGES.with(Classes::ACCESS);
    let policy = Policy { id: "key".into(), classes, guard: Guard::Hold, ..Policy::default() };
    Arc::new(Policies::of_trees([(file.to_owned(), policy)]))
}

/// Lets in whoever is called so, by the executable that the kernel names.
struct Only(&'static str);

impl Decide for Only {
    fn decide(&self, ask: &Ask<'_>) -> Verdict {
        let allowed = ask.who.exe.as_ref().is_some_and(|exe| exe.ends_with(self.0.as_bytes()));
        let access = if allowed { Access::Allowed } else { Access::Denied };
        Verdict { access, refuse: !allowed }
    }
}

fn stand(decide: Arc<dyn Decide>, deadline: Duration) -> Stand {
    let folder = Folder::new();
    let key = folder.path("watched").join("key");
    std::fs::write(&key, b"secret\n").unwrap();
    let mut options = options();
    options.decide = decide;
    options.perm_deadline = deadline;
    let stand = Stand::of(folder, held(&key), options, Arc::new(NoIdentity));
    assert_eq!(stand.collectors.guarded(), 1);
    stand
}

fn permissions(sights: &[Sight]) -> Vec<Evidence> {
    let of = |sight: &Sight| match sight {
        Sight::Evidence(one) if one.collector == Collector::Permission => Some(one.clone()),
        _ => None,
    };
    sights.iter().filter_map(of).collect()
}

pub(crate) fn f23_decided() {
    let mut stand = stand(Arc::new(Only("/cat")), Duration::from_secs(5));
    let key = stand.watched().join("key");
    let run = |program: &str| Command::new(program).arg(&key).output().unwrap();
    let cat = run("cat");
    assert_eq!((cat.status.success(), &*cat.stdout), (true, &b"secret\n"[..]));
    let head = run("head");
    assert!(!head.status.success());
    assert!(String::from_utf8_lossy(&head.stderr).contains("Operation not permitted"), "{head:?}");
    let told = stand.until("both", |sights| Some(permissions(sights)).filter(|told| told.len() >= 2));
    for (one, program, refused) in [(&told[0], "/cat", false), (&told[1], "/head", true)] {
        assert_eq!(one.path.as_deref(), Some(&*key));
        assert!(one.who.exe.as_ref().unwrap().ends_with(program.as_bytes()), "{:?}", one.who);
        assert_eq!((one.who.source, one.who.confidence), (Source::Permission, Confidence::Certain));
        let permission = one.permission.unwrap();
        assert_eq!((permission.refused, permission.in_time), (refused, true));
        assert!(one.mask.has(Mask::OPEN_PERM));
    }
    // A copy under another name is another program; we ourselves are not asked.
    shell(&stand.outside(), "cp /bin/cat cat2");
    assert!(!Command::new(stand.outside().join("cat2")).arg(&key).status().unwrap().success());
    assert_eq!(std::fs::read(&key).unwrap(), b"secret\n");
}

pub(crate) fn replaced() {
    let mut stand = stand(Arc::new(Only("/cat")), Duration::from_secs(5));
    shell(&stand.watched(), "echo new > tmp; mv tmp key");
    let renamed = |sight: &Sight| matches!(sight, Sight::Evidence(one) if one.mask.has(Mask::RENAME));
    stand.until("the rename", |sights| sights.iter().any(renamed).then_some(()));
    let key = stand.watched().join("key");
    assert!(!Command::new("head").arg(&key).output().unwrap().status.success());
    assert!(Command::new("cat").arg(&key).output().unwrap().status.success());
    assert_eq!(stand.collectors.guarded(), 1);
}

pub(crate) fn f24_killed() {
    let folder = Folder::new();
    let key = folder.path("watched").join("key");
    std::fs::write(&key, b"secret\n").unwrap();
    let mut keeper = role("keeper", &[key.to_str().unwrap()]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(keeper.stdout.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let cat = || Command::new("cat").arg(&key).stdout(Stdio::piped()).spawn().unwrap();
    let mut openers = [cat(), cat(), cat()];
    assert_eq!(lines.next().unwrap().unwrap(), "asked");
    // One is being decided on, two wait in the kernel.
    let waits = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap().contains("fanotify");
    testkit::eventually("three openers wait", PATIENCE, || {
        openers.iter().all(|opener| waits(opener.id())).then_some(())
    });
    keeper.kill().unwrap();
    assert_eq!(keeper.wait().unwrap().signal(), Some(9));
    for opener in &mut openers {
        let done = testkit::eventually("the opener goes on", PATIENCE, || opener.try_wait().unwrap());
        assert!(done.success());
    }
}

/// Decides when told to.
#[derive(Default)]
struct Stuck(Mutex<bool>, Condvar);

impl Decide for Stuck {
    fn decide(&self, _: &Ask<'_>) -> Verdict {
        drop(self.1.wait_while(self.0.lock().unwrap(), |go| !*go).unwrap());
        Verdict { access: Access::Denied, refuse: true }
    }
}

pub(crate) fn f24_deadline() {
    let stuck = Arc::new(Stuck::default());
    let mut stand = stand(Arc::clone(&stuck) as Arc<dyn Decide>, Duration::from_millis(50));
    let key = stand.watched().join("key");
    for _ in 0..3 {
        assert!(Command::new("cat").arg(&key).output().unwrap().status.success());
    }
    let told = stand.until("three", |sights| Some(permissions(sights)).filter(|told| told.len() >= 3));
    // Who came while nobody could be asked is known by number only.
    assert!(told[0].who.exe.as_ref().unwrap().ends_with(b"/cat"));
    for one in told {
        let permission = one.permission.unwrap();
        assert_eq!((permission.refused, permission.in_time), (false, false));
        assert_eq!(one.path.as_deref(), Some(&*key));
        assert_ne!(one.who.pid, 0);
    }
    // Once the answers come again they count again.
    *stuck.0.lock().unwrap() = true;
    stuck.1.notify_all();
    testkit::eventually("refused again", PATIENCE, || {
        (!Command::new("cat").arg(&key).output().unwrap().status.success()).then_some(())
    });
}

/// What an open of a held file costs more than one of another file. Told, not asserted: machines are busy.
pub(crate) fn latency() {
    let mut stand = stand(Arc::new(Only("")), Duration::from_millis(50));
    let key = stand.watched().join("key");
    let other = stand.watched().join("other");
    std::fs::write(&other, b"x").unwrap();
    let measure = |path: &Path| {
        let out = role("opens", &[path.to_str().unwrap(), "5000"]).output().unwrap();
        assert!(out.status.success());
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    let since = Instant::now();
    println!("open of a free file: {}", measure(&other));
    println!("open of a held file: {}", measure(&key));
    println!("{:?} in all", since.elapsed());
    let told = stand.until("all opens", |sights| Some(permissions(sights)).filter(|told| told.len() >= 5000));
    let late = told.iter().filter(|one| !one.permission.unwrap().in_time).count();
    println!("deadline passed: {late} of {}", told.len());
}
