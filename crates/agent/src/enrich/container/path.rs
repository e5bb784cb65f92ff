//! Cgroup paths of the runtimes.

/// Which side of the wall a process is on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Placed {
    /// On the host, in this cgroup.
    Host {
        /// Path of the line that counts.
        cgroup: String,
    },
    /// In a container.
    Container(Found),
    /// Not known, for this reason.
    Unknown(&'static str),
}

/// A container as a cgroup path names it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// Innermost id, as the runtime writes it.
    pub id: String,
    /// `docker`, `containerd`, `cri-o`, `podman`, `lxc`, `systemd-nspawn`, `garden`, `ecs`.
    pub runtime: &'static str,
    /// Ids around it, outermost first.
    pub outer: Vec<String>,
    /// Namespace of containerd, where the path has it.
    pub namespace: Option<String>,
    /// Pod of Kubernetes, where the path has it.
    pub pod: Option<Pod>,
    /// The user in whose slice of systemd it runs.
    pub user: Option<u32>,
}

/// The v1 hierarchies in the order in which they are believed.
const V1_ORDER: [&str; 5] = ["name=systemd", "pids", "memory", "devices", "cpu"];

/// A pod of Kubernetes as its cgroup names it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pod {
    /// With dashes, as the API has it.
    pub uid: String,
    /// `guaranteed`, `burstable` or `besteffort`.
    pub qos: &'static str,
}

/// The place that the lines of `/proc/PID/cgroup` name. `is_task` tells whether containerd has a task of this namespace and
/// id, since its plain paths look like any other.
#[must_use]
pub fn identify(lines: &[u8], is_task: &dyn Fn(&str, &str) -> bool) -> Placed {
    let text = String::from_utf8_lossy(lines);
    let mut paths: Vec<(usize, &str)> = text.lines().filter_map(ranked).collect();
    paths.sort_by_key(|&(rank, _)| rank);
    if let Some(found) = paths.iter().find_map(|(_, path)| container(path, is_task)) {
        return Placed::Container(found);
    }
    match paths.iter().map(|&(_, path)| path).find(|&path| path != "/").or(paths.first().map(|&(_, path)| path)) {
        Some(path) => Placed::Host { cgroup: path.to_owned() },
        None => Placed::Unknown("cgroup-unreadable"),
    }
}

/// The innermost systemd unit of a path that is no slice.
pub(super) fn unit(cgroup: &str) -> Option<&str> {
    let kinds = [".service", ".scope", ".socket", ".mount", ".timer"];
    cgroup.rsplit('/').find(|part| kinds.iter().any(|kind| part.ends_with(kind)))
}

/// Whether people gave the id, so that it is the name as well: `ctr`, LXC and nspawn know no other.
pub(super) fn is_named(found: &Found) -> bool {
    matches!(found.runtime, "lxc" | "systemd-nspawn") || found.runtime == "containerd" && !is_hex(&found.id, 64)
}

/// The containerd namespace and id of a container about to be made, from the arguments of its shim (`-namespace N -id I`) or
/// of runc (`.. create --bundle .../N/I .. I`).
pub(super) fn announced<'a>(program: &str, args: impl Iterator<Item = &'a str> + Clone) -> Option<(String, String)> {
    let after = |name: &str| args.clone().skip_while(|arg| *arg != name).nth(1);
    let program = program.rsplit('/').next().unwrap_or(program);
    if program.starts_with("containerd-shim") {
        return Some((after("-namespace")?.to_owned(), after("-id")?.to_owned()));
    }
    let makes = matches!(program, "runc" | "crun" | "youki") && args.clone().any(|arg| arg == "create" || arg == "run");
    let bundle = makes.then(|| after("--bundle").or_else(|| after("-b")))??;
    let (above, id) = bundle.trim_end_matches('/').rsplit_once('/')?;
    let (above, namespace) = above.rsplit_once('/')?;
    let (_, kind) = above.rsplit_once('/')?;
    (kind == "io.containerd.runtime.v2.task").then(|| (namespace.to_owned(), id.to_owned()))
}

/// `hierarchy:controllers:path` with its rank, the v2 line (`0::`) first.
fn ranked(line: &str) -> Option<(usize, &str)> {
    let mut parts = line.splitn(3, ':');
    let (hierarchy, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    if hierarchy == "0" && controllers.is_empty() {
        return Some((0, path));
    }
    let place = |controller: &str| V1_ORDER.iter().position(|known| *known == controller);
    let rank = controllers.split(',').filter_map(place).min().unwrap_or(V1_ORDER.len());
    Some((rank + 1, path))
}

/// Walks the path from the outside in; each part that a runtime would write is one container inside the one before.
fn container(path: &str, is_task: &dyn Fn(&str, &str) -> bool) -> Option<Found> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != "..").collect();
    let mut found: Option<Found> = None;
    let (mut pod, mut user) = (None, None);
    for (at, part) in parts.iter().enumerate() {
        let above = &parts[..at];
        pod = pod_of(part.split(':').next().unwrap_or(part), above).or(pod);
        user = user_of(part).or(user);
        let Some((runtime, id)) = named(part, above).or_else(|| task(part, above, is_task)) else { continue };
        let mut outer = Vec::new();
        if let Some(before) = found.filter(|before| before.id != id) {
            outer = before.outer;
            outer.push(before.id);
        }
        let namespace = (runtime == TASK).then(|| above.last().map(|&name| name.to_owned())).flatten();
        let runtime = if runtime == TASK { "containerd" } else { runtime };
        found = Some(Found { id, runtime, outer, namespace, pod: pod.clone(), user });
    }
    found
}

/// Marks a containerd task found by its bundle.
const TASK: &str = "task";

/// A part that says by itself, or with the parts above it, which runtime wrote it.
fn named(part: &str, above: &[&str]) -> Option<(&'static str, String)> {
    let last = above.last().copied().unwrap_or("");
    let plain = part.strip_suffix(".scope").unwrap_or(part);
    let scoped = |prefix: &str| plain.strip_prefix(prefix).filter(|id| is_hex(id, 64)).map(str::to_owned);
    let known = [
        ("docker-", "docker"),
        ("libpod-", "podman"),
        ("libpod-payload-", "podman"),
        ("crio-", "cri-o"),
        ("cri-containerd-", "containerd"),
        ("containerd-", "containerd"),
        ("nerdctl-", "containerd"),
    ];
    if let Some(hit) = known.iter().find_map(|(prefix, runtime)| Some((*runtime, scoped(prefix)?))) {
        return Some(hit);
    }
    // `slice:prefix:id`: what a runtime asked systemd for, made by one that takes it for a folder.
    if let [_, prefix, id] = part.split(':').collect::<Vec<_>>()[..]
        && let Some((_, runtime)) = known.iter().find(|(known, _)| known.strip_suffix('-') == Some(prefix))
        && is_hex(id, 64)
    {
        return Some((runtime, id.to_owned()));
    }
    if is_hex(part, 64) {
        let runtime = match last {
            "docker" | "actions_job" => "docker",
            "ecs" => return None,
            _ if pod_of(last, above).is_some() => "containerd",
            _ if above.contains(&"ecs") => "ecs",
            _ => return None,
        };
        return Some((runtime, part.to_owned()));
    }
    if above.len() >= 2 && above.contains(&"ecs") && is_fargate(part) {
        return Some(("ecs", part.to_owned()));
    }
    machine(part, last)
}

/// LXC, systemd-nspawn and Garden, whose ids are names.
fn machine(part: &str, last: &str) -> Option<(&'static str, String)> {
    if let Some(name) = part.strip_prefix("lxc.payload.") {
        return Some(("lxc", name.to_owned()));
    }
    if matches!(last, "lxc" | "lxc.payload") && !part.starts_with("lxc.monitor") {
        return Some(("lxc", part.to_owned()));
    }
    let scope = part.strip_prefix("machine-").and_then(|rest| rest.strip_suffix(".scope")).map(unescape);
    // Scopes of libvirt are virtual machines.
    if let Some(name) = scope.filter(|name| !name.starts_with("qemu-")) {
        return Some(("systemd-nspawn", name));
    }
    if let Some(name) = part.strip_prefix("systemd-nspawn@").and_then(|rest| rest.strip_suffix(".service")) {
        return Some(("systemd-nspawn", unescape(name)));
    }
    is_garden(part).then(|| ("garden", part.to_owned()))
}

/// `/<namespace>/<id>` of containerd, whatever the id is, if there is such a task.
fn task(part: &str, above: &[&str], is_task: &dyn Fn(&str, &str) -> bool) -> Option<(&'static str, String)> {
    let [namespace] = above else { return None };
    let is_unit = [".service", ".scope", ".slice", ".socket", ".mount"].iter().any(|kind| part.ends_with(kind));
    (!is_unit && is_task(namespace, part)).then(|| (TASK, part.to_owned()))
}

/// `user-<uid>.slice`.
fn user_of(part: &str) -> Option<u32> {
    part.strip_prefix("user-")?.strip_suffix(".slice")?.parse().ok()
}

/// `pod<uid>` or `kubepods-burstable-pod<uid with _>.slice` below a `kubepods` part.
fn pod_of(part: &str, above: &[&str]) -> Option<Pod> {
    let slice = part.strip_suffix(".slice");
    let uid = match slice {
        Some(slice) => slice.strip_prefix("kubepods")?.rsplit_once("-pod")?.1.replace('_', "-"),
        None if above.iter().any(|above| above.starts_with("kubepods")) => part.strip_prefix("pod")?.to_owned(),
        None => return None,
    };
    if uid.len() < 32 || !uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        return None;
    }
    let says = |word: &str| part.contains(word) || above.iter().any(|above| above.contains(word));
    let qos = ["burstable", "besteffort"].into_iter().find(|word| says(word)).unwrap_or("guaranteed");
    Some(Pod { uid, qos })
}

/// 8-4-4-4-4 hex digits: one group shorter than a UUID's last.
fn is_garden(part: &str) -> bool {
    let groups: Vec<&str> = part.split('-').collect();
    groups.len() == 5 && groups.iter().zip([8, 4, 4, 4, 4]).all(|(group, digits)| is_hex(group, digits))
}

/// `<32 hex>-<digits>`, as Fargate names the containers of a task.
fn is_fargate(part: &str) -> bool {
    part.split_once('-').is_some_and(|(task, number)| {
        is_hex(task, 32) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// systemd writes `\x2d` for a dash inside a unit's name.
fn unescape(name: &str) -> String {
    name.replace("\\x2d", "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const UID: &str = "7e5f3b6c-0b1d-4c59-9d7b-0f5c3b6c0b1d";

    /// `runtime id [outer..]`, or `host path`, for lines in which `A`, `B`, `UID` and `U_D` stand for ids.
    fn render(lines: &str) -> String {
        let lines = lines.replace("U_D", &UID.replace('-', "_")).replace("UID", UID).replace('A', A).replace('B', B);
        let text = match identify(lines.as_bytes(), &|namespace, id| (namespace, id) == ("demo", "web1")) {
            Placed::Container(found) => {
                let outer: Vec<_> = found.outer.iter().map(String::as_str).collect();
                let pod = found.pod.map(|pod| format!(" pod {} {}", pod.uid, pod.qos)).unwrap_or_default();
                let outer = if outer.is_empty() { String::new() } else { format!(" in {}", outer.join(" ")) };
                format!("{} {}{outer}{pod}", found.runtime, found.id)
            }
            Placed::Host { cgroup } => format!("host {cgroup}"),
            Placed::Unknown(reason) => format!("unknown {reason}"),
        };
        text.replace(A, "A").replace(B, "B").replace(UID, "UID")
    }

    fn check(table: &[(&str, &str)]) {
        for (lines, expect) in table {
            assert_eq!(render(lines), *expect, "{lines}");
        }
    }

    #[test]
    fn a86_docker_and_its_relatives() {
        check(&[
            ("0::/docker/A", "docker A"),
            ("0::/system.slice/docker-A.scope", "docker A"),
            ("0::/actions_job/A", "docker A"),
            ("0::/system.slice/docker-A.scope/init.scope", "docker A"),
            ("0::/../../docker/A", "docker A"),
            ("0::/../../../system.slice/docker-A.scope", "docker A"),
            ("0::/system.slice:docker:A", "docker A"),
            ("0::/docker-a", "host /docker-a"),
            ("0::/system.slice/docker.service", "host /system.slice/docker.service"),
            ("0::/docker/buildkit", "host /docker/buildkit"),
        ]);
    }

    #[test]
    fn a86_containerd_and_kubernetes() {
        check(&[
            ("0::/system.slice/cri-containerd-A.scope", "containerd A"),
            ("0::/system.slice/nerdctl-A.scope", "containerd A"),
            ("0::/default/containerd-A.scope", "containerd A"),
            ("0::/demo/web1", "containerd web1"),
            ("0::/demo/web1/sub", "containerd web1"),
            ("0::/demo/web2", "host /demo/web2"),
            ("0::/kubepods/besteffort/podUID/A", "containerd A pod UID besteffort"),
            ("0::/kubepods/podUID/A", "containerd A pod UID guaranteed"),
            (
                "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_D.slice/cri-containerd-A.scope",
                "containerd A pod UID burstable",
            ),
            (
                "0::/system.slice/containerd.service/kubepods-burstable-podU_D.slice:cri-containerd:A",
                "containerd A pod UID burstable",
            ),
            ("0::/kubepods.slice:cri-containerd:not-an-id", "host /kubepods.slice:cri-containerd:not-an-id"),
            ("0::/demo/web1.service", "host /demo/web1.service"),
            ("0::/kubepods/burstable/podUID", "host /kubepods/burstable/podUID"),
            (
                "0::/kubepods/burstable/pod0123456789abcdef0123456789abcdef/A",
                "containerd A pod 0123456789abcdef0123456789abcdef burstable",
            ),
        ]);
    }

    #[test]
    fn a86_crio_and_podman_without_their_monitors() {
        check(&[
            ("0::/kubepods.slice/kubepods-podU_D.slice/crio-A.scope", "cri-o A pod UID guaranteed"),
            ("0::/crio-A", "cri-o A"),
            ("0::/system.slice/crio-conmon-A.scope", "host /system.slice/crio-conmon-A.scope"),
            ("0::/machine.slice/libpod-A.scope", "podman A"),
            ("0::/machine.slice/libpod-A.scope/container", "podman A"),
            ("0::/system.slice/web.service/libpod-payload-A", "podman A"),
            ("0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-A.scope", "podman A"),
            ("0::/machine.slice/libpod-conmon-A.scope", "host /machine.slice/libpod-conmon-A.scope"),
            ("10:pids:/libpod_parent/libpod-A\n0::/libpod_parent/libpod-A", "podman A"),
            ("10:pids:/libpod_parent/conmon\n0::/", "host /libpod_parent/conmon"),
        ]);
    }

    #[test]
    fn a86_lxc_nspawn_garden_and_ecs() {
        check(&[
            ("0::/lxc.payload.web", "lxc web"),
            ("0::/lxc/web", "lxc web"),
            ("0::/lxc.payload/web", "lxc web"),
            ("0::/lxc/web/init.scope", "lxc web"),
            ("0::/lxc.monitor/web", "host /lxc.monitor/web"),
            ("0::/lxc.monitor.web", "host /lxc.monitor.web"),
            ("0::/machine.slice/machine-deb\\x2d12.scope", "systemd-nspawn deb-12"),
            (
                "0::/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
                "host /machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
            ),
            ("0::/machine.slice/systemd-nspawn@web.service/payload", "systemd-nspawn web"),
            ("0::/garden/0c1b2a39-4857-4657-6271-8091", "garden 0c1b2a39-4857-4657-6271-8091"),
            ("0::/ecs/0123456789abcdef0123456789abcdef/A", "ecs A"),
            (
                "0::/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-1234567890",
                "ecs 0123456789abcdef0123456789abcdef-1234567890",
            ),
        ]);
    }

    #[test]
    fn a86_lines_that_disagree() {
        check(&[
            // v2 names nothing, v1 does.
            ("12:devices:/docker/A\n1:name=systemd:/docker/A\n0::/", "docker A"),
            // Both name one: v2 counts.
            ("4:memory:/docker/B\n0::/docker/A", "docker A"),
            // Of v1, systemd's own counts first.
            ("4:memory:/docker/B\n1:name=systemd:/docker/A\n0::/", "docker A"),
            ("4:cpu,cpuacct:/docker/A\n9:blkio:/docker/B", "docker A"),
        ]);
    }

    #[test]
    fn a89_what_is_no_container() {
        check(&[
            // Seen on a real host: 32 hex digits on the memory line alone.
            ("4:memory:/0123456789abcdef0123456789abcdef\n0::/", "host /0123456789abcdef0123456789abcdef"),
            ("0::/A", "host /A"),
            ("0::/", "host /"),
            ("0::/user.slice/user-0.slice/session-3.scope", "host /user.slice/user-0.slice/session-3.scope"),
            ("", "unknown cgroup-unreadable"),
            ("nonsense", "unknown cgroup-unreadable"),
        ]);
    }

    #[test]
    fn a88_containers_in_containers() {
        check(&[
            ("0::/docker/A/docker/B", "docker B in A"),
            ("0::/system.slice/docker-A.scope/system.slice/docker-B.scope", "docker B in A"),
            ("0::/docker/A/kubelet/kubepods/burstable/podUID/B", "containerd B in A pod UID burstable"),
            ("0::/lxc.payload.outer/lxc.payload.inner/docker/A", "docker A in outer inner"),
            ("0::/machine.slice/libpod-A.scope/container/libpod_parent/libpod-B", "podman B in A"),
            // The same id twice is one container.
            ("0::/docker/A/docker-A.scope", "docker A"),
        ]);
    }

    #[test]
    fn users_are_taken_from_their_slice() {
        let lines = format!("0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope\n");
        let Placed::Container(found) = identify(lines.as_bytes(), &|_, _| false) else { panic!("{lines}") };
        assert_eq!(found.user, Some(1000));
    }

    #[test]
    fn shims_and_runtimes_announce_containers() {
        let check = |line: &str, expect: Option<(&str, &str)>| {
            let got = announced(line.split(' ').next().unwrap(), line.split(' '));
            assert_eq!(got, expect.map(|(namespace, id)| (namespace.to_owned(), id.to_owned())), "{line}");
        };
        check(
            "/usr/bin/containerd-shim-runc-v2 -namespace demo -address /x.sock -id web1 start",
            Some(("demo", "web1")),
        );
        let bundle = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/c1";
        check(&format!("runc --root /r create --bundle {bundle} --pid-file p c1"), Some(("k8s.io", "c1")));
        check(&format!("runc --root /r delete --bundle {bundle} c1"), None);
        check("runc create --bundle /var/lib/containers/storage/x/userdata x", None);
        check("containerd-shim-runc-v2 -namespace", None);
        check("sh -c containerd-shim -id x", None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_some_place(lines: Vec<u8>) {
            let known = identify(&lines, &|_, _| false) != Placed::Unknown("cgroup-unreadable");
            prop_assert_eq!(known, String::from_utf8_lossy(&lines).lines().any(|line| ranked(line).is_some()));
        }

        #[test]
        fn a_wrapped_container_keeps_its_id(prefix in "(/[a-z.-]{1,9}){0,3}", suffix in "(/[a-z.-]{1,9}){0,3}") {
            let lines = format!("0::{prefix}/docker-{A}.scope{suffix}\n");
            let Placed::Container(found) = identify(lines.as_bytes(), &|_, _| false) else { panic!("{lines}") };
            prop_assert!(found.id == A || found.outer.contains(&A.to_owned()));
        }
    }
}
