//! A storm of file operations beside each of its readers: what the reader costs, what it misses, whom it names.
//!
//! 2,000 folders are there before; then four writers make 100,000 files (make, write, close, rename), one in fifty by a process of
//! its own that is gone at once, and then remove them all. It happens on a tmpfs of its own, so that no disk is measured. Called by
//! `cargo xtask storm` with a released build.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fim::collect::{Collectors, NoIdentity, Sight};
use fim::evidence::Mask;

use crate::role::say;
use crate::stand::{Folder, options, role, shell, trees};

const WRITERS: usize = 4;
const IN_A_FOLDER: usize = 50;

/// `--role storm FILES ROUNDS`.
pub(crate) fn compare(words: &[String]) {
    let files: usize = words[0].parse().unwrap();
    let rounds: usize = words[1].parse().unwrap();
    say(&format!("{files} files, {WRITERS} writers, {} folders, tmpfs", files / IN_A_FOLDER));
    for round in 1..=rounds {
        for reader in ["nobody", "covered", "excluded", "inotifywait"] {
            let line = one(reader, files);
            say(&format!("round {round} {reader:>11}: {line}"));
        }
    }
}

fn one(reader: &str, files: usize) -> String {
    let folder = Folder::new();
    let (watched, outside) = (folder.path("watched"), folder.path("outside"));
    shell(&outside, "mount -t tmpfs -o size=1g tmpfs ../watched; mkdir ../watched/quiet ../watched/storm");
    let storm = watched.join("storm");
    for n in 0..files / IN_A_FOLDER {
        std::fs::create_dir(storm.join(n.to_string())).unwrap();
    }
    let mut child = match reader {
        "covered" => Some(collector(&watched)),
        "excluded" => Some(collector(&watched.join("quiet"))),
        "inotifywait" => Some(inotifywait(&watched, &outside.join("log"))),
        _ => None,
    };
    let since = Instant::now();
    let writers = write(&storm, files);
    let wall = since.elapsed();
    // In a folder that every reader looks at.
    shell(&watched, ": > quiet/end");
    let told = match (&mut child, reader) {
        (None, _) => String::new(),
        (Some(child), "inotifywait") => inotify_told(child, &outside.join("log")),
        (Some(child), _) => {
            let told = line(child);
            format!("; reader {:.2} CPU s; {told}", cpu(child.id()))
        }
    };
    if let Some(mut child) = child {
        drop(child.kill());
        drop(child.wait());
    }
    format!("writers {writers:.2} CPU s, {:.1} s{told}", wall.as_secs_f64())
}

/// All writers; their CPU seconds with those of their children.
fn write(storm: &Path, files: usize) -> f64 {
    let share = files / IN_A_FOLDER / WRITERS;
    let writer = |n: usize| {
        let words = [storm.to_str().unwrap().to_owned(), (n * share).to_string(), ((n + 1) * share).to_string()];
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        role("storm-writer", &words).stdout(Stdio::piped()).stdin(Stdio::piped()).spawn().unwrap()
    };
    let writers: Vec<Child> = (0..WRITERS).map(writer).collect();
    writers
        .into_iter()
        .map(|mut writer| {
            assert_eq!(line(&mut writer), "done");
            let used = cpu(writer.id());
            drop(writer.stdin.take());
            assert!(writer.wait().unwrap().success());
            used
        })
        .sum()
}

/// `--role storm-writer FOLDER FROM TO`.
pub(crate) fn writer(words: &[String]) {
    let storm = Path::new(&words[0]);
    let folders = words[1].parse::<usize>().unwrap()..words[2].parse().unwrap();
    for folder in folders.clone() {
        let folder = storm.join(folder.to_string());
        for n in 0..IN_A_FOLDER {
            let path = folder.join(format!("t{n}"));
            if n == 0 {
                // Started by vfork, as posix_spawn does it.
                assert!(Command::new("/bin/touch").arg(&path).status().unwrap().success());
            } else {
                std::fs::File::create(&path).unwrap().write_all(b"0123456789abcdef").unwrap();
            }
            std::fs::rename(&path, folder.join(format!("f{n}"))).unwrap();
        }
    }
    for folder in folders {
        let folder = storm.join(folder.to_string());
        for n in 0..IN_A_FOLDER {
            std::fs::remove_file(folder.join(format!("f{n}"))).unwrap();
        }
    }
    say("done");
    let mut rest = String::new();
    drop(std::io::stdin().read_line(&mut rest));
}

fn collector(root: &Path) -> Child {
    let mut child = role("storm-collector", &[root.to_str().unwrap()]).stdout(Stdio::piped()).spawn().unwrap();
    assert_eq!(line(&mut child), "ready");
    child
}

/// The next line that a child says, and no byte more.
#[expect(clippy::unbuffered_bytes, reason = "a buffer would take what the next call is to give")]
fn line(child: &mut Child) -> String {
    let out = child.stdout.as_mut().unwrap();
    let bytes = out.bytes().map(|byte| byte.unwrap()).take_while(|byte| *byte != b'\n').collect();
    String::from_utf8(bytes).unwrap()
}

/// `--role storm-collector ROOT`: says what it was told once it has been told of `end`.
pub(crate) fn collect(words: &[String]) {
    let (mut collectors, _) = Collectors::open(trees(&[Path::new(&words[0])]), options(), Arc::new(NoIdentity));
    say("ready");
    let mut end = false;
    let mut of = [0_u64; 3];
    let mut losses = 0_u64;
    while !end {
        collectors.take(Duration::from_secs(1), &mut |sight| match sight {
            Sight::Evidence(one) => {
                end |= one.path.as_ref().is_some_and(|path| path.ends_with("quiet/end"));
                for (count, mask) in of.iter_mut().zip([Mask::CREATE, Mask::RENAME, Mask::DELETE]) {
                    *count += u64::from(one.mask.has(mask));
                }
            }
            Sight::Lost(_) => losses += 1,
            Sight::Mount(_) | Sight::Coverage(_) => {}
        });
    }
    let all = collectors.counters();
    let [made, renamed, removed] = of;
    let share = 100.0 * all.attributed as f64 / all.told.max(1) as f64;
    let peak = peak();
    say(&format!(
        "{} events read, {} excluded, {} told: {made} made, {renamed} renamed, {removed} removed; {losses} losses of {}; {share:.1} % by their own pidfd; {peak} KiB peak",
        all.read, all.excluded, all.told, all.lost
    ));
    std::thread::park();
}

fn inotifywait(root: &Path, log: &Path) -> Child {
    let mut command = Command::new("inotifywait");
    command.args(["-m", "-r", "--format", "%e %w%f"]).arg(root);
    let mut child = command.stdout(std::fs::File::create(log).unwrap()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().contains("Watches established")).unwrap().unwrap();
    child
}

fn inotify_told(child: &mut Child, log: &Path) -> String {
    let text = testkit::eventually("inotifywait comes to the end", Duration::from_secs(120), || {
        let text = String::from_utf8(std::fs::read(log).unwrap()).unwrap();
        text.contains("quiet/end").then_some(text)
    });
    let used = cpu(child.id());
    let count = |word: &str| text.lines().filter(|line| line.starts_with(word)).count();
    format!(
        "; reader {used:.2} CPU s; {} events told: {} made, {} renamed, {} removed; {} overflows; 0 % with a process; {} KiB peak",
        text.lines().count(),
        count("CREATE"),
        count("MOVED_TO"),
        count("DELETE"),
        count("Q_OVERFLOW"),
        status(child.id())
    )
}

/// CPU seconds of a process and of its children that it has waited for.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let words: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    words[11..15].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

fn peak() -> u64 {
    status(std::process::id())
}

/// Most memory that a process had, KiB.
fn status(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
