//! Files of containers: an overlay over a folder, as engines make them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use agent::enrich;
use agent::enrich::container::config::{Config, Root, RootKind};
use schema::{Event, field};

use crate::stand::{Stand, is, sh, word};

/// Why there can be no container here.
pub(crate) fn missing() -> Option<String> {
    let starts = |program: &str, word: &str| Command::new(program).arg(word).output().is_ok();
    let all = ["podman", "runc"].iter().all(|program| starts(program, "--version")) && starts("/bin/busybox", "true");
    (!all).then(|| "podman, runc or busybox is missing (scripts/setup.sh test installs them)".to_owned())
}

/// One container of podman over a folder, with folders of its own.
struct Podman<'a> {
    stand: &'a Stand,
    name: &'static str,
}

impl<'a> Podman<'a> {
    fn new(stand: &'a Stand, name: &'static str) -> Self {
        let root = stand.path("rootfs");
        for folder in ["bin", "etc", "proc", "dev", "tmp", "data", "sys", "run"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
        symlink("busybox", root.join("bin/sh")).unwrap();
        fs::write(root.join("etc/passwd"), "root:x:0:0::/:/bin/sh\n").unwrap();
        fs::write(root.join("etc/group"), "root:x:0:\n").unwrap();
        Self { stand, name }
    }

    fn podman(&self) -> Command {
        let mut command = Command::new("podman");
        for (option, name) in [("--root", "storage"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            command.arg(option).arg(self.stand.path(name));
        }
        command.args(["--cgroup-manager=cgroupfs", "--runtime=runc", "--events-backend=file"]).stdin(Stdio::null());
        command
    }

    /// Starts it; gives its id.
    fn run(&self) -> String {
        let root = format!("{}:O", self.stand.path("rootfs").display());
        let mut command = self.podman();
        command.args(["run", "--detach", "--network=none", "--name", self.name, "--tmpfs", "/data"]);
        command.args(["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"]);
        let output = command.args(["--rootfs", &root, "/bin/busybox", "sleep", "1000"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn exec(&self, script: &str) {
        let output = self.podman().args(["exec", self.name, "/bin/sh", "-c", script]).output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn pid(&self) -> String {
        let output = self.podman().args(["inspect", "--format", "{{.State.Pid}}", self.name]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The folder that takes what the container writes, as this host sees it.
    fn upper(&self) -> PathBuf {
        let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", self.pid())).unwrap();
        let option = mounts.lines().find_map(|line| line.split("upperdir=").nth(1)).unwrap();
        option.split([',', ' ']).next().unwrap().into()
    }

    /// Where this source finds what podman knows.
    fn context(&self) -> enrich::Config {
        let root = Root { kind: RootKind::Storage, path: self.stand.path("storage") };
        let container = Config { bundle_roots: vec![root], sockets: Vec::new(), ..Config::default() };
        enrich::Config { container, ..enrich::Config::default() }
    }
}

impl Drop for Podman<'_> {
    fn drop(&mut self) {
        drop(self.podman().args(["rm", "--all", "--force", "--time=0"]).output());
        let below = format!("{}/", self.stand.path("").display()).replace("//", "/");
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let points: Vec<_> = mounts.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        for point in points.into_iter().rev().filter(|point| point.starts_with(&below)) {
            drop(Command::new("umount").args(["--lazy", point]).output());
        }
    }
}

pub(crate) fn f25_to_f28() {
    let stand = Stand::new();
    let podman = Podman::new(&stand, "auditng-fim-test");
    let policy = "id = \"boxes\"\npaths = [\"/etc/\", \"/data/\"]\ncontainers = [\"*\"]\nseverity = \"high\"\n";
    // The file system that the container's layers lie on is watched for the host's sake.
    let host = format!("id = \"host\"\npaths = [\"{}/\"]\n", stand.tree().display());
    let started = stand.begin_among(stand.config_of(&[policy, &host]), &podman.context());
    started.sink.wait("the first scan", |event| is(event, field::EVENT_ACTION, "fim-scan"));
    let id = podman.run();
    started.sink.wait("the container", |event| {
        is(event, field::EVENT_ACTION, "container-observed") && is(event, field::CONTAINER_ID, &id)
    });
    testkit::eventually("its file systems are marked", crate::stand::PATIENCE, || started.marks(&id).then_some(()));
    let inside = |action: &'static str, path: &'static str| {
        let id = id.clone();
        move |event: &Event| {
            is(event, field::EVENT_ACTION, action)
                && is(event, field::FILE_PATH, path)
                && is(event, field::CONTAINER_ID, &id)
        }
    };

    // F25: the first append copies the file up; it is still a change of that file.
    podman.exec("echo more >>/etc/passwd");
    let event = started.sink.wait("f25", inside("updated", "/etc/passwd"));
    assert!(word(&event, field::AUDITNG_FIM_HOST_PATH).ends_with("/etc/passwd"), "{}", event.to_json());
    assert_eq!(word(&event, field::AUDITNG_FIM_POLICY), "boxes");
    // So short a life may be over before its program's path is read; the process itself is known all the same.
    assert!(event.long(field::PROCESS_PID).is_some(), "{}", event.to_json());
    assert!(event.str(field::PROCESS_EXECUTABLE).is_none_or(|exe| exe.ends_with("/busybox")), "{}", event.to_json());

    // F26: a removed file of the lower layer.
    podman.exec("rm /etc/group");
    started.sink.wait("f26", inside("deleted", "/etc/group"));

    // F27: past the overlay, from the host.
    sh(&format!("echo evil >>{}/etc/passwd", podman.upper().display()));
    let two = |event: &Event| inside("updated", "/etc/passwd")(event);
    let events = started.sink.wait_for("f27", 2, two);
    assert!(!word(&events[1], field::PROCESS_EXECUTABLE).ends_with("/busybox"), "{}", events[1].to_json());

    // F28: a file system of its own.
    podman.exec("echo x >/data/new");
    started.sink.wait("f28", inside("created", "/data/new"));

    let strange: Vec<_> = started
        .sink
        .changes()
        .iter()
        .map(|event| word(event, field::FILE_PATH))
        .filter(|path| path.contains("work") || path.contains('#'))
        .collect();
    assert_eq!(strange, Vec::<String>::new());
}
