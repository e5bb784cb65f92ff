//! Names of users and groups inside a container, from its own `/etc/passwd` and `/etc/group`.
//!
//! The files are the container's, so they are read as an attacker's ([`crate::sys::inside`]), and in a thread of their own
//! (`container-users`): a file system that never answers stops that thread alone, and every further question is counted as
//! refused. The reader hands over an open folder, so a process that has ended meanwhile, or whose pid came back, changes
//! nothing.
//!
//! Bounds: 1 MiB a file, 16,384 ids over all containers (the container not looked at for longest loses its names first), 60
//! seconds before names are read again, 10 after they could not be.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::enrich::user::parse;
use crate::sys::inside::{Refused, Root};

/// Files that may wait to be read, each with an open folder.
const QUEUE: usize = 64;
const MOST_BYTES: usize = 1 << 20;
/// Over all containers, users and groups together.
pub(super) const MOST_IDS: usize = 16_384;
/// Names that could not be read are tried again after so long.
pub(super) const AGAIN_MS: i64 = 10_000;

/// The names of one container.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    users: HashMap<u32, Box<str>>,
    groups: HashMap<u32, Box<str>>,
}

impl Names {
    /// By the id that the container itself knows.
    pub(super) fn user(&self, id: u32) -> Option<&str> {
        self.users.get(&id).map(|name| &**name)
    }

    /// The same of a group.
    pub(super) fn group(&self, id: u32) -> Option<&str> {
        self.groups.get(&id).map(|name| &**name)
    }

    pub(super) fn len(&self) -> usize {
        self.users.len() + self.groups.len()
    }
}

/// What was read for a container.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) id: String,
    pub(super) names: Result<Arc<Names>, Refused>,
}

/// The thread's two queues. It ends by itself when this is dropped.
#[derive(Debug)]
pub(super) struct Reader {
    questions: SyncSender<(String, Root)>,
    answers: Receiver<Answer>,
}

impl Reader {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Self> {
        let (questions, asked) = sync_channel::<(String, Root)>(QUEUE);
        let (answer, answers) = sync_channel(QUEUE);
        let run = move || {
            for (id, root) in asked {
                let names = read(&root).map(Arc::new);
                if answer.send(Answer { id, names }).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("container-users".to_owned()).spawn(run)?;
        Ok(Self { questions, answers })
    }

    /// False: the queue is full, or the thread is stuck in a file system that does not answer.
    pub(super) fn ask(&self, id: String, root: Root) -> bool {
        self.questions.try_send((id, root)).is_ok()
    }

    /// What was read since the last time.
    pub(super) fn answers(&self) -> impl Iterator<Item = Answer> {
        self.answers.try_iter()
    }
}

/// The names below this root. A container without a group file is fine; one without users has no names.
pub(super) fn read(root: &Root) -> Result<Names, Refused> {
    let users = parse(&root.read(Path::new("etc/passwd"), MOST_BYTES)?);
    let groups = match root.read(Path::new("etc/group"), MOST_BYTES) {
        Ok(text) => parse(&text),
        Err(Refused::Absent) => HashMap::new(),
        Err(refused) => return Err(refused),
    };
    Ok(Names { users, groups })
}

/// How a user namespace numbers its ids: lines `inside outside count` of `/proc/PID/uid_map`.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
pub(super) struct IdMap(Vec<(u32, u32, u32)>);

impl IdMap {
    /// Reads the kernel's text. A line that is none is passed over.
    pub(super) fn parse(text: &[u8]) -> Self {
        let line = |line: &str| {
            let mut numbers = line.split_ascii_whitespace().map(|word| word.parse().ok());
            Some((numbers.next()??, numbers.next()??, numbers.next()??))
        };
        Self(String::from_utf8_lossy(text).lines().filter_map(line).collect())
    }

    /// The id inside of one that the host knows; `None`: it has none there.
    pub(super) fn inside(&self, outside: u32) -> Option<u32> {
        self.0.iter().find_map(|&(inside, first, count)| {
            let place = outside.checked_sub(first).filter(|place| *place < count)?;
            inside.checked_add(place)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    struct Stand(tempfile::TempDir);

    impl Stand {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir_all(folder.path().join("root/etc")).unwrap();
            Self(folder)
        }

        fn etc(&self, name: &str) -> PathBuf {
            self.0.path().join("root/etc").join(name)
        }

        fn read(&self) -> Result<Names, Refused> {
            read(&Root::open(&self.0.path().join("root")).unwrap())
        }
    }

    #[test]
    fn a94_names_of_the_container_itself() {
        let stand = Stand::new();
        fs::write(stand.etc("passwd"), "root:x:0:0::/:\nappuser:x:1001:1001::/:\n").unwrap();
        assert_eq!(stand.read().unwrap().user(1001), Some("appuser"));
        fs::write(stand.etc("group"), "app:x:1001:\n").unwrap();
        let names = stand.read().unwrap();
        assert_eq!((names.group(1001), names.user(7), names.len()), (Some("app"), None, 3));
    }

    #[test]
    fn a94_ids_of_a_user_namespace() {
        let map = IdMap::parse(b"         0     100000      65536\n     65536       1000          1\nnonsense\n");
        assert_eq!(
            [map.inside(100_000), map.inside(101_001), map.inside(165_535)],
            [Some(0), Some(1001), Some(65_535)]
        );
        assert_eq!([map.inside(1000), map.inside(0), map.inside(165_536)], [Some(65_536), None, None]);
        let host = IdMap::parse(b"         0          0 4294967295\n");
        assert_eq!([host.inside(1001), host.inside(u32::MAX)], [Some(1001), None]);
    }

    #[test]
    fn a95_hostile_files_are_refused() {
        let check = |make: &dyn Fn(&Stand), expect: Refused| {
            let stand = Stand::new();
            make(&stand);
            assert_eq!(stand.read(), Err(expect));
        };
        check(&|_| (), Refused::Absent);
        check(
            &|stand| {
                let made = std::process::Command::new("mkfifo").arg(stand.etc("passwd")).status().unwrap();
                assert!(made.success());
            },
            Refused::NotRegular,
        );
        // In the root there is no /dev/zero of ours; with one of the container's own it is a device.
        check(&|stand| symlink("/dev/zero", stand.etc("passwd")).unwrap(), Refused::Absent);
        check(&|stand| fs::File::create(stand.etc("passwd")).unwrap().set_len(2 << 30).unwrap(), Refused::TooLarge);
        check(
            &|stand| {
                fs::write(stand.0.path().join("secret"), "outside:x:0:0::/:\n").unwrap();
                symlink("../../secret", stand.etc("passwd")).unwrap();
            },
            Refused::Absent,
        );
        check(&|stand| symlink("passwd", stand.etc("passwd")).unwrap(), Refused::Outside);
        check(
            &|stand| {
                fs::write(stand.etc("passwd"), "root:x:0:0::/:\n").unwrap();
                fs::create_dir(stand.etc("group")).unwrap();
            },
            Refused::NotRegular,
        );
        // To make a device takes root; /dev has one already.
        assert_eq!(Root::open(Path::new("/dev")).unwrap().read(Path::new("zero"), 1), Err(Refused::NotRegular));
    }

    #[test]
    fn the_thread_answers_and_ends() {
        let stand = Stand::new();
        fs::write(stand.etc("passwd"), "appuser:x:1001:1001::/:\n").unwrap();
        let reader = Reader::start().unwrap();
        assert!(reader.ask("id".to_owned(), Root::open(&stand.0.path().join("root")).unwrap()));
        let answer = reader.answers.recv().unwrap();
        assert_eq!((answer.id.as_str(), answer.names.unwrap().user(1001)), ("id", Some("appuser")));
    }
}
