//! Who did it.

use std::process::{Command, Stdio};
use std::sync::Arc;

use fim::collect::Identity;
use fim::evidence::Mask;
use fim::who::{Confidence, Reason, Source, Who};
use schema::Timestamp;

use crate::stand::{Folder, Stand, options, role, shell};

/// A process table that knows everybody, as one that is fed by process events does.
struct Everybody;

impl Identity for Everybody {
    fn of(&self, pid: u32, _: Timestamp) -> Option<Who> {
        Some(Who { pid, source: Source::ProcessTable, confidence: Confidence::Strong, ..Who::default() })
    }
}

/// 5,000 processes that write one file and are gone.
const WRITERS: &str = "i=0; while [ $i -lt 5000 ]; do (: > f$i); i=$((i+1)); done";

pub(crate) fn f16_who_or_reason() {
    let mut stand = Stand::new();
    let evidence = stand.after(WRITERS);
    let written: Vec<_> = evidence.iter().filter(|one| one.mask.has(Mask::CREATE)).collect();
    assert_eq!(written.len(), 5000);
    let mut known = 0;
    for one in &written {
        let who = &one.who;
        match who.confidence {
            Confidence::Certain => {
                assert!(who.pid > 0 && who.exe.is_some(), "{who:?}");
                assert_eq!((who.uid, who.euid, who.source), (Some(0), Some(0), Source::Pidfd));
                assert!(who.ppid.is_some_and(|ppid| ppid > 0), "{who:?}");
                known += 1;
            }
            _ => assert_eq!((who.reason, who.pid > 0), (Some(Reason::ReaderLate), true), "{who:?}"),
        }
    }
    println!("{known} of 5000 named by their pidfds");

    let mut stand = Stand::with(Folder::new(), options(), Arc::new(Everybody));
    let evidence = stand.after(WRITERS);
    let strong = |one: &&fim::Evidence| one.who.confidence >= Confidence::Strong && one.who.pid > 0;
    let written: Vec<_> = evidence.iter().filter(|one| one.mask.has(Mask::CREATE)).collect();
    assert_eq!((written.len(), written.iter().copied().filter(strong).count()), (5000, 5000));
}

/// The writer is gone, and a program of another name has its pid before the event is read.
pub(crate) fn f17_pid_used_again() {
    let folder = Folder::new();
    let watched = folder.path("watched");
    let mut collector = role("collector", &[watched.to_str().unwrap()]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(collector.stdout.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let signal = |name: &str| shell(&watched, &format!("kill -{name} {}", collector.id()));
    signal("STOP");
    let mut writer = Command::new("touch").arg(watched.join("f")).spawn().unwrap();
    let pid = writer.id();
    writer.wait().unwrap();
    // The next process gets the number that is set, plus one; somebody else may be quicker.
    let mut successor = None;
    for _ in 0..200 {
        std::fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).unwrap();
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        if child.id() == pid {
            successor = Some(child);
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut successor = successor.expect("the pid to be used again");
    signal("CONT");
    let told = lines.map(|line| line.unwrap()).find(|line| line.contains("watched/f\"")).unwrap();
    successor.kill().unwrap();
    successor.wait().unwrap();
    collector.kill().unwrap();
    collector.wait().unwrap();
    assert!(!told.contains("sleep"), "{told}");
    assert!(told.contains("ReaderLate"), "{told}");
}
