//! Real runtimes with folders of their own: podman with its API service, containerd with CRI, and one tiny image for both.
//! The system's own stay as they are, and nothing is left behind.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use agent::enrich;
use agent::enrich::container::config::{Config, Root, RootKind, Socket, SocketKind};

use super::stand::{PATIENCE, text};

/// What every container here is made from.
pub(crate) const IMAGE: &str = "localhost/auditng-test-box";
/// containerd's namespace for them.
pub(crate) const NAMESPACE: &str = "auditng-test";
/// Where containers hang in the cgroup trees.
const CGROUPS: [&str; 3] = [NAMESPACE, "libpod_parent", "kubepods"];

/// Why there can be no container here.
pub(crate) fn missing() -> Option<String> {
    let starts = |program: &str, word: &str| Command::new(program).arg(word).output().is_ok();
    let all = ["podman", "runc", "containerd", "ctr"].iter().all(|program| starts(program, "--version"));
    let missing = !all || !starts("/bin/busybox", "true");
    missing.then(|| "podman, runc, containerd or busybox is missing (scripts/setup.sh test installs them)".to_owned())
}

/// See the [module](self).
pub(crate) struct Boxes {
    folder: PathBuf,
    /// Cgroups that were there before.
    cgroups: Vec<PathBuf>,
    service: Option<Child>,
    containerd: Option<Child>,
}

impl Boxes {
    /// Makes the image and starts containerd and podman's service.
    pub(crate) fn start(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).unwrap();
        let mut boxes = Self { folder, cgroups: cgroups(), service: None, containerd: None };
        boxes.make_image();
        boxes.start_service();
        boxes.start_containerd();
        boxes
    }

    /// Where a source finds these runtimes.
    pub(crate) fn context(&self) -> enrich::Config {
        let socket = |kind, name: &str| Socket { kind, path: self.folder.join(name) };
        let root = |kind, name: &str| Root { kind, path: self.folder.join(name) };
        let container = Config {
            sockets: vec![socket(SocketKind::Podman, "podman.sock"), socket(SocketKind::Containerd, "containerd.sock")],
            bundle_roots: vec![
                root(RootKind::Storage, "storage"),
                root(RootKind::Containerd, "state/io.containerd.runtime.v2.task"),
            ],
            ..Config::default()
        };
        enrich::Config { container, ..enrich::Config::default() }
    }

    pub(crate) fn containerd_socket(&self) -> PathBuf {
        self.folder.join("containerd.sock")
    }

    /// podman with folders of its own.
    fn podman(&self) -> Command {
        let mut command = Command::new("podman");
        for (option, name) in [("--root", "storage"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            command.arg(option).arg(self.folder.join(name));
        }
        command.args(["--cgroup-manager=cgroupfs", "--runtime=runc", "--events-backend=file"]).stdin(Stdio::null());
        command
    }

    fn ctr(&self, namespace: &str) -> Command {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(self.containerd_socket()).args(["--namespace", namespace]).stdin(Stdio::null());
        command
    }

    /// A container of podman that runs `words` to the end; its id is [`Self::podman_id`].
    pub(crate) fn podman_run(&self, name: &str, options: &[&str], words: &[&str]) -> Command {
        let mut command = self.podman();
        command.args(["run", "--rm", "--network=none", "--entrypoint=", "--label", "team=podman", "--name", name]);
        command.args(["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"]);
        command.arg("--cidfile").arg(self.folder.join(name)).args(options).arg(format!("{IMAGE}:1")).args(words);
        command
    }

    pub(crate) fn podman_id(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap().trim().to_owned()
    }

    /// Ends a container of podman.
    pub(crate) fn stop(&self, name: &str) {
        done(self.podman().args(["rm", "--force", "--time=0", name]));
    }

    /// A container of containerd that runs `words` to the end; its id is its name.
    pub(crate) fn ctr_run(&self, name: &str, words: &[&str]) -> Command {
        let mut command = self.ctr(NAMESPACE);
        command.args(["run", "--rm", "--snapshotter", "native", "--label", "team=ctr", &format!("{IMAGE}:1"), name]);
        command.args(words);
        command
    }

    fn make_image(&self) {
        let root = self.folder.join("root");
        for name in ["bin", "etc", "proc", "dev", "tmp"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
        symlink("busybox", root.join("bin/sh")).unwrap();
        fs::write(root.join("etc/passwd"), "root:x:0:0::/:/bin/sh\nappuser:x:1001:1001::/:/bin/sh\n").unwrap();
        fs::write(root.join("etc/group"), "root:x:0:\napp:x:1001:\n").unwrap();
        let layer = self.folder.join("layer.tar");
        done(Command::new("tar").arg("-C").arg(&root).args(["-cf", &text(&layer), "."]));
        let entry = r#"ENTRYPOINT ["/bin/busybox","sleep","1000"]"#;
        done(self.podman().args(["import", "--change", entry]).arg(&layer).arg(format!("{IMAGE}:1")));
    }

    /// The same image for containerd, in one of its namespaces.
    pub(crate) fn import(&self, namespace: &str) {
        let archive = self.folder.join("image.tar");
        if !archive.exists() {
            let save = ["save", "--format", "oci-archive", "--output", &text(&archive)];
            done(self.podman().args(save).arg(format!("{IMAGE}:1")));
        }
        done(self.ctr(namespace).args(["image", "import", "--snapshotter", "native"]).arg(archive));
    }

    fn start_service(&mut self) {
        let socket = self.folder.join("podman.sock");
        let mut service = self.podman();
        service.args(["system", "service", "--time=0"]).arg(format!("unix://{}", text(&socket)));
        self.service = Some(service.stderr(self.log("podman.log")).spawn().unwrap());
        self.wait_for(&socket);
    }

    fn start_containerd(&mut self) {
        let at = |name: &str| text(&self.folder.join(name));
        let cri = "plugins.\"io.containerd.grpc.v1.cri\"";
        let config = format!(
            "version = 2\nroot = {:?}\nstate = {:?}\n[grpc]\naddress = {:?}\n[ttrpc]\naddress = {:?}\n\
             [{cri}]\nsandbox_image = \"{IMAGE}:1\"\nrestrict_oom_score_adj = true\n\
             [{cri}.cni]\nbin_dir = {:?}\nconf_dir = {:?}\n\
             [{cri}.containerd]\nsnapshotter = \"native\"\n\
             [{cri}.containerd.runtimes.runc]\nruntime_type = \"io.containerd.runc.v2\"\n",
            at("root.d"),
            at("state"),
            at("containerd.sock"),
            at("containerd.ttrpc"),
            at("cni"),
            at("cni")
        );
        let path = self.folder.join("containerd.toml");
        fs::write(&path, config).unwrap();
        let mut command = Command::new("containerd");
        command.arg("--config").arg(path).stdout(Stdio::null()).stderr(self.log("containerd.log"));
        self.containerd = Some(command.spawn().unwrap());
        self.wait_for(&self.containerd_socket());
        self.import(NAMESPACE);
    }

    fn log(&self, name: &str) -> fs::File {
        fs::File::create(self.folder.join(name)).unwrap()
    }

    fn wait_for(&self, socket: &Path) {
        testkit::eventually(&text(socket), PATIENCE, || {
            std::os::unix::net::UnixStream::connect(socket).is_ok().then_some(())
        });
    }
}

impl Drop for Boxes {
    fn drop(&mut self) {
        // Whatever cannot be undone here shows in the assertion below.
        drop(self.podman().args(["rm", "--all", "--force", "--time=0"]).output());
        if let Ok(listed) = self.ctr(NAMESPACE).args(["task", "ls", "-q"]).output() {
            for task in String::from_utf8_lossy(&listed.stdout).lines() {
                drop(self.ctr(NAMESPACE).args(["task", "rm", "--force", task]).output());
            }
        }
        for child in [&mut self.service, &mut self.containerd].into_iter().flatten() {
            rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::TERM).ok();
            child.wait().ok();
        }
        for mount in mounts_below(&self.folder) {
            drop(Command::new("umount").arg("--lazy").arg(mount).output());
        }
        let before = std::mem::take(&mut self.cgroups);
        for cgroup in cgroups().into_iter().filter(|cgroup| !before.contains(cgroup)) {
            remove_tree(&cgroup).ok();
        }
        if !std::thread::panicking() {
            let left: Vec<_> = cgroups().into_iter().filter(|cgroup| !before.contains(cgroup)).collect();
            assert!(left.is_empty(), "cgroups are left behind: {left:?}");
            assert!(mounts_below(&self.folder).is_empty(), "mounts are left behind");
        }
    }
}

/// Runs to the end, successfully.
pub(crate) fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The cgroups of containers in every hierarchy.
fn cgroups() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let hierarchies = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (_, path, kind) = (words.next()?, words.next()?, words.next()?);
        matches!(kind, "cgroup" | "cgroup2").then_some(path)
    });
    hierarchies.flat_map(|path| CGROUPS.map(|name| Path::new(path).join(name))).filter(|path| path.exists()).collect()
}

/// Cgroups are removed from the inside out; their files vanish by themselves.
fn remove_tree(cgroup: &Path) -> io::Result<()> {
    for entry in fs::read_dir(cgroup)?.flatten() {
        if entry.path().is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(cgroup)
}

fn mounts_below(folder: &Path) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let paths = mounts.lines().filter_map(|line| Some(PathBuf::from(line.split(' ').nth(1)?)));
    let mut below: Vec<_> = paths.filter(|path| path.starts_with(folder)).collect();
    below.reverse();
    below
}
