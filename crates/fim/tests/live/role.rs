//! The processes that the tests need.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fim::collect::{Ask, Collectors, Decide, LostBy, NoIdentity, Sight, Verdict};

use crate::stand::{options, trees};

pub(crate) fn play(name: &str, words: &[String]) {
    match name {
        "trees" => trees_at_once(Path::new(&words[0]), words[1].parse().unwrap()),
        "tmpfile" => tmpfile(Path::new(&words[0])),
        "exchange" => exchange(Path::new(&words[0]), Path::new(&words[1])),
        "brief" => brief(Path::new(&words[0]), words[1].parse().unwrap()),
        "collector" => collector(words),
        "opens" => opens(Path::new(&words[0]), words[1].parse().unwrap()),
        "storm" => crate::storm::compare(words),
        "storm-writer" => crate::storm::writer(words),
        "storm-collector" => crate::storm::collect(words),
        "keeper" => keeper(Path::new(&words[0])),
        other => panic!("no role {other}"),
    }
}

/// `mkdir -p n/x/y` and a file in it, as fast as it goes.
fn trees_at_once(folder: &Path, count: usize) {
    for n in 0..count {
        let deep = folder.join(format!("{n}/x/y"));
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("f"), b"x").unwrap();
    }
}

/// `O_TMPFILE`, a write, and a name afterwards.
fn tmpfile(folder: &Path) {
    use rustix::fs::{AtFlags, CWD, Mode, OFlags};
    use std::os::fd::AsRawFd;
    let file = rustix::fs::open(folder, OFlags::TMPFILE | OFlags::WRONLY, Mode::from_raw_mode(0o600)).unwrap();
    rustix::io::write(&file, b"hello").unwrap();
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, link, CWD, folder.join("named"), AtFlags::SYMLINK_FOLLOW).unwrap();
}

/// Two files change places.
fn exchange(one: &Path, other: &Path) {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
}

/// Files that come and go.
fn brief(folder: &Path, count: usize) {
    for n in 0..count {
        let path = folder.join(format!("brief-{n}"));
        std::fs::write(&path, b"x").unwrap();
        std::fs::remove_file(&path).unwrap();
    }
}

/// Collectors on a folder, or with the kernel's queue capped on several; tells on standard output, a line each.
fn collector(folders: &[String]) {
    let mut options = options();
    options.capped_queue = folders.len() > 1;
    let folders: Vec<&Path> = folders.iter().map(Path::new).collect();
    let (mut collectors, _) = Collectors::open(trees(&folders), options, Arc::new(NoIdentity));
    say("ready");
    loop {
        let mut lines = Vec::new();
        collectors.take(Duration::from_secs(1), &mut |sight| match sight {
            Sight::Evidence(one) => {
                let exe = one.who.exe.map(|exe| String::from_utf8_lossy(&exe).into_owned());
                lines.push(format!("evidence {:?} {:?} {:?}", one.path, exe, one.who.reason));
            }
            Sight::Lost(lost) if lost.why == LostBy::Late => lines.push(format!("late {:?}", lost.roots)),
            Sight::Lost(lost) => lines.push(format!("lost {:?} {:?}", lost.why, lost.roots)),
            Sight::Mount(_) | Sight::Coverage(_) => {}
        });
        lines.iter().for_each(|line| say(line));
    }
}

/// Holds a file and never decides.
fn keeper(file: &Path) {
    struct Never;
    impl Decide for Never {
        fn decide(&self, _: &Ask<'_>) -> Verdict {
            say("asked");
            loop {
                std::thread::park();
            }
        }
    }
    let mut options = options();
    options.decide = Arc::new(Never);
    options.perm_deadline = Duration::from_secs(3600);
    let (_collectors, _) = Collectors::open(crate::guard::held(file), options, Arc::new(NoIdentity));
    say("ready");
    loop {
        std::thread::park();
    }
}

/// Opens a file again and again; says how long the middle one and the slowest of a hundred took.
fn opens(path: &Path, count: usize) {
    let once = |_| {
        let since = std::time::Instant::now();
        drop(std::fs::File::open(path).unwrap());
        since.elapsed()
    };
    let mut times: Vec<Duration> = (0..count).map(once).collect();
    times.sort();
    say(&format!("p50 {:?}, p99 {:?}", times[count / 2], times[count * 99 / 100]));
}

pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody listens any more: the test is over.
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}
