//! What is told when events are lost or late.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use fim::collect::{LostBy, NoIdentity, Sight};

use crate::stand::{Folder, Stand, options, role, shell};

pub(crate) fn f18_stopped() {
    let folder = Folder::new();
    let watched = folder.path("watched");
    let mut collector = role("collector", &[watched.to_str().unwrap()]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(collector.stdout.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    shell(&watched, &format!("kill -STOP {}", collector.id()));
    let stopped = std::time::Instant::now();
    shell(&watched, "i=0; while [ $i -lt 100000 ]; do : > f$i; i=$((i+1)); done");
    // Late is what is more than a second late.
    testkit::eventually("three seconds", Duration::from_secs(60), || {
        (stopped.elapsed() > Duration::from_secs(3)).then_some(())
    });
    shell(&watched, &format!(": > last; kill -CONT {}", collector.id()));
    let (mut late, mut files) = (Vec::new(), std::collections::HashSet::new());
    for line in lines.map(|line| line.unwrap()) {
        if line.starts_with("late") || line.starts_with("lost") {
            late.push(line);
        } else if line.contains("watched/last") {
            break;
        } else {
            files.insert(line);
        }
    }
    collector.kill().unwrap();
    collector.wait().unwrap();
    assert!(late.iter().any(|line| line.starts_with("late") && line.contains("watched")), "{late:?}");
    // The kernel's queue has no bound here: late, but all there.
    assert!(late.iter().all(|line| line.starts_with("late")), "{late:?}");
    assert!(files.len() >= 100_000, "{} of 100,000", files.len());
}

pub(crate) fn f19_kernel_queue_full() {
    let other = tempfile::Builder::new().prefix("auditng-test").tempdir_in("/dev/shm").unwrap();
    let folder = Folder::new();
    let watched = folder.path("watched");
    let mut collector = role("collector", &[watched.to_str().unwrap(), other.path().to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(collector.stdout.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    shell(&watched, &format!("kill -STOP {}", collector.id()));
    shell(&watched, "i=0; while [ $i -lt 20000 ]; do : > f$i; i=$((i+1)); done");
    shell(&watched, &format!("kill -CONT {}", collector.id()));
    let lost = lines.map(|line| line.unwrap()).find(|line| line.starts_with("lost")).unwrap();
    collector.kill().unwrap();
    collector.wait().unwrap();
    // The other file system lost nothing and need not be scanned.
    assert_eq!(lost, format!("lost KernelQueue {:?}", [&watched]));
}

pub(crate) fn f19_own_queue_full() {
    let other = tempfile::Builder::new().prefix("auditng-test").tempdir_in("/dev/shm").unwrap();
    let folder = Folder::new();
    let watched = folder.path("watched");
    let policies = crate::stand::trees(&[&watched, other.path()]);
    let mut options = options();
    options.queue_bytes = 16 << 10;
    let mut stand = Stand::of(folder, policies, options, Arc::new(NoIdentity));
    assert!(stand.coverage.len() == 2, "{:?}", stand.coverage);
    shell(&watched, "i=0; while [ $i -lt 5000 ]; do : > f$i; i=$((i+1)); done");
    let lost = stand.until("the loss", |sights| {
        sights.iter().find_map(|sight| match sight {
            Sight::Lost(lost) if lost.why == LostBy::HandOver => Some(lost.clone()),
            _ => None,
        })
    });
    // The other file system lost nothing and need not be scanned.
    assert_eq!(lost.roots, std::slice::from_ref(&watched));
    assert!(lost.count.is_some_and(|count| count > 0), "{lost:?}");
    stand.settled();
}
