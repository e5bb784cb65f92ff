//! Which container a recorded process ran in, from what the runtimes' command lines say: a log has no cgroups.
//!
//! `runc create ... ID` starts `runc init`, which becomes the container's first process when it executes another program; what
//! that one starts is in the container too. So an event gets an id only by a chain of parents that leads to the runtime's call:
//! `auditng.container.source: argv`. `runc run` and `runc exec` are read likewise, and conmon's command line for the name.
//!
//! Promises: never takes the id of a parent in another container, nor of a pid that became somebody else's; says nothing where
//! the chain is broken (a log that begins later, rules that record no call of `runc init`). Does not: know runtimes that have no
//! `init` step of runc's kind, hooks (they run on the host), or when a container ended.
//!
//! | bound | what happens at it |
//! |---|---|
//! | 2 x 16,384 processes | those not seen for longest are forgotten, and their children's events get no id |
//! | 1,024 names | all are forgotten |

use std::collections::HashMap;
use std::sync::Arc;

use schema::{Event, Value, field};

use crate::reassemble::KeyHasher;

/// Processes of one generation.
const PROCESSES: usize = 16_384;
const NAMES: usize = 1024;

/// What is known so far.
#[derive(Default)]
pub(super) struct Containers {
    /// Seen since the last change of generations, and before it.
    young: HashMap<i64, Process, KeyHasher>,
    old: HashMap<i64, Process, KeyHasher>,
    /// Container names by id.
    names: HashMap<String, String>,
}

#[derive(Clone)]
struct Process {
    parent: i64,
    stage: Stage,
    container: Arc<Container>,
}

struct Container {
    id: String,
    runtime: &'static str,
    /// Who called the runtime: orphans of the container's beginning become its children.
    monitor: i64,
    /// It was running already (`runc exec`): no hooks run, so a child is on its way in without having shown it.
    running: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The runtime itself, on the host.
    Runtime,
    /// Its child, on the way into the container; `init`: it has shown itself as `runc init`.
    Entering {
        init: bool,
    },
    Inside,
}

/// What a command line does.
#[derive(PartialEq, Eq, Debug)]
enum Command<'a> {
    /// Starts a process in this container.
    Enter {
        id: &'a str,
        runtime: &'static str,
        running: bool,
    },
    /// `runc init`.
    Init,
    /// Maps a rootless container's ids, from outside.
    MapIds,
    /// Conmon watches a container that has a name.
    Monitor {
        id: &'a str,
        name: &'a str,
    },
    Other,
}

impl Containers {
    /// Learns from an event, and adds the container that its process ran in.
    pub(super) fn see(&mut self, event: &mut Event) {
        let executed = event.str(field::EVENT_ACTION) == Some("exec");
        if self.young.is_empty() && self.old.is_empty() && !executed {
            return;
        }
        let (Some(pid), Some(parent)) = (event.long(field::PROCESS_PID), event.long(field::PROCESS_PARENT_PID)) else {
            return;
        };
        self.keep(parent);
        let mut process = self.place(pid, parent);
        if executed && event.str(field::EVENT_OUTCOME) == Some("success") {
            process = self.execute(event, parent, process);
        }
        let Some(mut process) = process else {
            self.forget(pid);
            return;
        };
        if event.str(field::PROCESS_NAME).is_some_and(|name| name.starts_with("runc:[")) {
            process.stage = process.stage.shown_as_init();
        }
        if process.stage == Stage::Inside && event.get(field::CONTAINER_ID).is_none() {
            self.push(&process.container, event);
        }
        if event.str(field::EVENT_ACTION) == Some("end") {
            self.forget(pid);
        } else {
            self.remember(pid, process);
        }
    }

    /// What a process is by what is known of it, or of its parent.
    fn place(&self, pid: i64, parent: i64) -> Option<Process> {
        let above = self.get(parent);
        let stays = |known: &&Process| {
            let orphaned = known.stage != Stage::Runtime && known.container.monitor == parent;
            let adopted = above
                .is_some_and(|above| above.stage == Stage::Inside && Arc::ptr_eq(&above.container, &known.container));
            known.parent == parent || orphaned || adopted
        };
        if let Some(known) = self.get(pid).filter(stays) {
            return Some(Process { parent, ..known.clone() });
        }
        let above = above?;
        let stage = match above.stage {
            Stage::Runtime => Stage::Entering { init: above.container.running },
            stage => stage,
        };
        Some(Process { parent, stage, container: Arc::clone(&above.container) })
    }

    /// What a process is after it has executed a program.
    fn execute(&mut self, event: &Event, parent: i64, before: Option<Process>) -> Option<Process> {
        let args = || {
            event.all(field::PROCESS_ARGS).filter_map(|arg| if let Value::Text(arg) = arg { Some(arg) } else { None })
        };
        match command(args) {
            // A runtime inside a container makes containers in it, of which this log's host knows no more than that.
            Command::Enter { id, runtime, running }
                if before.as_ref().is_none_or(|before| before.stage != Stage::Inside) =>
            {
                let container = Container { id: id.to_owned(), runtime, monitor: parent, running };
                Some(Process { parent, stage: Stage::Runtime, container: Arc::new(container) })
            }
            Command::Init => before.map(|before| Process { stage: before.stage.shown_as_init(), ..before }),
            Command::Monitor { id, name } => {
                if self.names.len() >= NAMES {
                    self.names.clear();
                }
                self.names.insert(id.to_owned(), name.to_owned());
                before
            }
            Command::MapIds if before.as_ref().is_none_or(|before| before.stage != Stage::Inside) => None,
            Command::Enter { .. } | Command::MapIds | Command::Other => match before {
                Some(process) if process.stage == Stage::Entering { init: true } => {
                    Some(Process { stage: Stage::Inside, ..process })
                }
                Some(process) if process.stage == Stage::Inside => Some(process),
                // A hook, or a pid that is no runtime any more.
                _ => None,
            },
        }
    }

    fn push(&self, container: &Container, event: &mut Event) {
        event.push_str(field::CONTAINER_ID, &container.id);
        event.push_str(field::CONTAINER_RUNTIME, container.runtime);
        if let Some(name) = self.names.get(&container.id) {
            event.push_str(field::CONTAINER_NAME, name);
        }
        event.push_str(field::AUDITNG_CONTAINER_SCOPE, "container");
        event.push_str(field::AUDITNG_CONTAINER_SOURCE, "argv");
    }

    fn get(&self, pid: i64) -> Option<&Process> {
        self.young.get(&pid).or_else(|| self.old.get(&pid))
    }

    /// A parent is in use as long as its children are seen.
    fn keep(&mut self, pid: i64) {
        if let Some(process) = self.old.remove(&pid) {
            self.young.entry(pid).or_insert(process);
        }
    }

    fn remember(&mut self, pid: i64, process: Process) {
        if self.young.len() >= PROCESSES {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(pid, process);
    }

    fn forget(&mut self, pid: i64) {
        self.young.remove(&pid);
        self.old.remove(&pid);
    }
}

impl Stage {
    fn shown_as_init(self) -> Self {
        if matches!(self, Self::Entering { .. }) { Self::Entering { init: true } } else { self }
    }
}

/// Reads a command line.
fn command<'a, A: Iterator<Item = &'a str>>(args: impl Fn() -> A) -> Command<'a> {
    let mut rest = args();
    let Some(program) = rest.next() else { return Command::Other };
    match program.rsplit('/').next().unwrap_or_default() {
        "runc" | "docker-runc" | "runc-debug" => of_runc(rest),
        "newuidmap" | "newgidmap" => Command::MapIds,
        "conmon" => of_conmon(rest).unwrap_or(Command::Other),
        _ => Command::Other,
    }
}

fn of_runc<'a>(mut args: impl Iterator<Item = &'a str>) -> Command<'a> {
    let mut root = "";
    let called = loop {
        let Some(arg) = args.next() else { return Command::Other };
        match arg {
            "init" => return Command::Init,
            "create" | "run" | "exec" => break arg,
            "--root" => root = args.next().unwrap_or_default(),
            "--log" | "--log-format" | "--criu" | "--rootless" => drop(args.next()),
            option if option.starts_with('-') => root = option.strip_prefix("--root=").unwrap_or(root),
            _ => return Command::Other,
        }
    };
    let mut id = None;
    let mut bundle = "";
    let mut whole = called != "exec";
    while let Some(arg) = args.next() {
        match arg {
            "--bundle" | "-b" => bundle = args.next().unwrap_or_default(),
            "--process" | "-p" => {
                whole = true;
                args.next();
            }
            "--console-socket" | "--pid-file" | "--preserve-fds" | "--cwd" | "--env" | "-e" | "--user" | "-u"
            | "--additional-gids" | "-g" | "--process-label" | "--apparmor" | "--cap" | "-c" | "--cgroup" => {
                args.next();
            }
            option if option.starts_with('-') => {}
            first => {
                id = Some(first);
                // Behind it stands the command that is executed.
                if !whole {
                    break;
                }
            }
        }
    }
    let is_id = |id: &&str| {
        id.len() <= 1024
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'-' | b'.'))
    };
    let Some(id) = id.filter(is_id) else { return Command::Other };
    Command::Enter { id, runtime: runtime(root, bundle), running: called == "exec" }
}

/// Whose runc it is, by where that one keeps its state.
fn runtime(root: &str, bundle: &str) -> &'static str {
    let of = |part: &str| root.contains(part) || bundle.contains(part);
    if of("/moby") || of("/docker/") {
        "docker"
    } else if of("containerd") {
        "containerd"
    } else if of("/overlay-containers/") {
        "podman"
    } else {
        "runc"
    }
}

fn of_conmon<'a>(mut args: impl Iterator<Item = &'a str>) -> Option<Command<'a>> {
    let (mut id, mut name) = (None, None);
    while let Some(arg) = args.next() {
        match arg {
            "-c" | "--cid" => id = args.next(),
            "-n" | "--name" => name = args.next(),
            _ => {}
        }
    }
    Some(Command::Monitor { id: id?, name: name? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Command<'_> {
        command(|| line.split(' '))
    }

    #[test]
    fn command_lines_of_runtimes() {
        let enter = |id, runtime| Command::Enter { id, runtime, running: false };
        let join = |id| Command::Enter { id, runtime: "runc", running: true };
        for (line, expected) in [
            ("runc create web1", enter("web1", "runc")),
            (
                "/usr/sbin/runc --log-format=json --log /x/create create --bundle /v/overlay-containers/a1/userdata --pid-file /p a1",
                enter("a1", "podman"),
            ),
            (
                "runc --root /run/containerd/runc/k8s.io --log /l --log-format json create --bundle /b --pid-file /p a2",
                enter("a2", "containerd"),
            ),
            ("docker-runc --root=/var/run/docker/runtime-runc/moby create --bundle /b a3", enter("a3", "docker")),
            ("runc --systemd-cgroup run -b /b a4", enter("a4", "runc")),
            ("runc exec --tty -e A=b --cwd / a5 sh -c id", join("a5")),
            ("runc exec --process /tmp/p --detach --pid-file /p a6", join("a6")),
            ("/usr/sbin/runc init", Command::Init),
            ("runc start a1", Command::Other),
            ("runc delete --force a1", Command::Other),
            ("runc", Command::Other),
            ("runc create", Command::Other),
            ("runc create a/../b", Command::Other),
            ("sh -c runc create a1", Command::Other),
            ("conmon --api-version 1 -c a1 -u a1 -n web1 -l log", Command::Monitor { id: "a1", name: "web1" }),
            ("conmon --version", Command::Other),
        ] {
            assert_eq!(of(line), expected, "{line}");
        }
    }

    struct Host(Containers);

    impl Host {
        fn see(&mut self, pid: i64, parent: i64, name: &str, action: &str, args: &str) -> Option<String> {
            let mut event = Event::default();
            event.push_str(field::EVENT_ACTION, action);
            event.push_str(field::EVENT_OUTCOME, "success");
            event.push_long(field::PROCESS_PID, pid);
            event.push_long(field::PROCESS_PARENT_PID, parent);
            event.push_str(field::PROCESS_NAME, name);
            args.split(' ').filter(|arg| !arg.is_empty()).for_each(|arg| event.push_str(field::PROCESS_ARGS, arg));
            self.0.see(&mut event);
            event.str(field::CONTAINER_ID).map(str::to_owned)
        }

        fn exec(&mut self, pid: i64, parent: i64, args: &str) -> Option<String> {
            self.see(pid, parent, args.split(' ').next().unwrap_or_default(), "exec", args)
        }

        fn open(&mut self, pid: i64, parent: i64, name: &str) -> Option<String> {
            self.see(pid, parent, name, "open", "")
        }
    }

    /// A container whose first process is `pid + 3`, started by the monitor `pid`.
    fn started(host: &mut Host, pid: i64, id: &str) {
        assert_eq!(host.exec(pid + 1, pid, &format!("runc create {id}")), None);
        assert_eq!(host.exec(pid + 2, pid + 1, "runc init"), None);
        assert_eq!(host.open(pid + 3, pid + 1, "runc:[2:INIT]"), None);
    }

    #[test]
    fn children_of_the_first_process_are_inside() {
        let mut host = Host(Containers::default());
        started(&mut host, 100, "a");
        started(&mut host, 200, "b");
        // The runtime has ended: its child belongs to the monitor now.
        assert_eq!(host.exec(103, 100, "sh -c x").as_deref(), Some("a"));
        assert_eq!(host.exec(203, 201, "sh -c x").as_deref(), Some("b"));
        assert_eq!(host.open(110, 103, "sh").as_deref(), Some("a"));
        assert_eq!(host.open(111, 110, "cat").as_deref(), Some("a"));
        // An orphan goes to the container's first process.
        assert_eq!(host.open(111, 103, "cat").as_deref(), Some("a"));
        assert_eq!(host.open(210, 203, "sh").as_deref(), Some("b"));
        // The monitor and what else it starts are on the host.
        assert_eq!(host.exec(105, 100, "podman container cleanup a"), None);
        assert_eq!(host.open(100, 1, "conmon"), None);
    }

    #[test]
    fn what_runc_exec_starts_is_inside() {
        let mut host = Host(Containers::default());
        assert_eq!(host.exec(500, 400, "runc exec --process /tmp/p a"), None);
        assert_eq!(host.exec(501, 500, "runc init"), None);
        assert_eq!(host.exec(502, 501, "newuidmap 501 0 1000 1"), None);
        assert_eq!(host.exec(503, 500, "sh").as_deref(), Some("a"));
        assert_eq!(host.open(504, 503, "sh").as_deref(), Some("a"));
        assert_eq!(host.open(500, 400, "runc"), None);
    }

    #[test]
    fn hooks_run_on_the_host() {
        let mut host = Host(Containers::default());
        started(&mut host, 100, "a");
        assert_eq!(host.open(120, 101, "runc"), None);
        assert_eq!(host.exec(120, 101, "/usr/bin/hook"), None);
        assert_eq!(host.open(121, 120, "hook"), None);
    }

    #[test]
    fn a_pid_of_somebody_else_is_not_inside() {
        let mut host = Host(Containers::default());
        started(&mut host, 100, "a");
        started(&mut host, 200, "b");
        host.exec(103, 100, "sh");
        host.exec(203, 200, "sh");
        host.open(110, 103, "sh");
        assert_eq!(host.open(110, 1, "cron"), None, "the pid came back on the host");
        assert_eq!(host.open(110, 203, "sh").as_deref(), Some("b"), "and then in another container");
        assert_eq!(host.see(110, 203, "sh", "end", "").as_deref(), Some("b"));
        assert_eq!(host.open(300, 110, "x"), None, "it has ended");
    }

    #[test]
    fn processes_are_bounded() {
        let mut host = Host(Containers::default());
        started(&mut host, 100, "a");
        started(&mut host, 200, "b");
        host.exec(103, 100, "sh");
        host.exec(203, 200, "sh");
        for pid in 1000..60_000 {
            assert_eq!(host.open(pid, 103, "true").as_deref(), Some("a"));
            assert!(host.0.young.len() <= PROCESSES + 1 && host.0.old.len() <= PROCESSES + 1);
        }
        assert_eq!(host.open(203, 200, "sh").as_deref(), None, "not seen for 59,000 processes");
    }
}
