//! Facts from `/proc`, below a root that tests replace by a folder of their own.
//!
//! Everything here is best effort: a process may be gone between two reads, so each function gives what it could read and
//! `None` for the rest. Every read has a bound; a longer file is cut there.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::inside::Root;

/// One kernel clock tick of `/proc/PID/stat` in ms: `USER_HZ` is 100 on every architecture that has audit.
pub const TICK_MS: i64 = 10;

/// `PF_EXITING` (linux/sched.h).
const EXITING: u32 = 4;

/// A tree like `/proc`.
#[derive(Clone, Debug)]
pub struct Proc {
    root: PathBuf,
}

/// Some fields of `/proc/PID/stat`, proc_pid_stat(5).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stat {
    /// Field 2 without its parentheses; at most 15 bytes, any bytes.
    pub comm: Vec<u8>,
    /// Field 4.
    pub ppid: u32,
    /// Field 5: its process group.
    pub group: u32,
    /// Field 6: its session.
    pub session: u32,
    /// Field 7: it has a terminal.
    pub terminal: bool,
    /// `PF_EXITING` in field 9: it has begun to end, and a v1 cgroup hierarchy already shows `/` for it.
    pub exiting: bool,
    /// Field 20.
    pub threads: u32,
    /// Field 22: ticks from boot to the start. With the pid it names one life of a process.
    pub start_ticks: u64,
}

impl Default for Proc {
    fn default() -> Self {
        Self::at("/proc")
    }
}

impl Proc {
    /// A tree at another place.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Parent, name and start of a process.
    #[must_use]
    pub fn stat(&self, pid: u32) -> Option<Stat> {
        Stat::parse(&self.read(pid, "stat", 4 << 10)?)
    }

    /// The arguments, at most `limit` bytes of them; `None` for kernel threads and the dead.
    #[must_use]
    pub fn args(&self, pid: u32, limit: usize) -> Option<Vec<Vec<u8>>> {
        let bytes = self.read(pid, "cmdline", limit)?;
        let whole = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
        (!bytes.is_empty()).then(|| whole.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect())
    }

    /// The executable as the kernel shows it, ` (deleted)` included.
    #[must_use]
    pub fn exe(&self, pid: u32) -> Option<Vec<u8>> {
        self.link(pid, "exe")
    }

    /// The working directory.
    #[must_use]
    pub fn cwd(&self, pid: u32) -> Option<Vec<u8>> {
        self.link(pid, "cwd")
    }

    /// All lines of `/proc/PID/cgroup`.
    #[must_use]
    pub fn cgroup(&self, pid: u32) -> Option<Vec<u8>> {
        self.read(pid, "cgroup", 16 << 10)
    }

    /// The root folder as the process sees it, held open.
    #[must_use]
    pub fn root(&self, pid: u32) -> Option<Root> {
        Root::open(&self.of(pid, "root")).ok()
    }

    /// `uid_map` or `gid_map` of its user namespace, 340 lines at most.
    #[must_use]
    pub fn id_map(&self, pid: u32, name: &str) -> Option<Vec<u8>> {
        self.read(pid, name, 16 << 10)
    }

    /// The number in a namespace link such as `pid:[4026531836]`.
    #[must_use]
    pub fn namespace(&self, pid: u32, kind: &str) -> Option<u64> {
        namespace_inode(&std::fs::read_link(self.of(pid, "ns").join(kind)).ok()?)
    }

    /// Whether a process with this pid lives.
    #[must_use]
    pub fn lives(&self, pid: u32) -> bool {
        self.of(pid, "stat").exists()
    }

    /// All pids, in no order.
    pub fn pids(&self) -> impl Iterator<Item = u32> {
        let entries = std::fs::read_dir(&self.root).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
    }

    /// The id of this boot.
    #[must_use]
    pub fn boot_id(&self) -> Option<String> {
        let text = String::from_utf8(read(&self.root.join("sys/kernel/random/boot_id"), 64)?).ok()?;
        Some(text.trim().to_owned())
    }

    /// Milliseconds since boot, suspended time included.
    #[must_use]
    pub fn uptime_ms(&self) -> Option<i64> {
        let text = String::from_utf8(read(&self.root.join("uptime"), 64)?).ok()?;
        let (seconds, hundredths) = text.split(' ').next()?.split_once('.')?;
        Some(seconds.parse::<i64>().ok()?.checked_mul(1000)? + hundredths.parse::<i64>().ok()? * 10)
    }

    /// Nanoseconds since boot, suspended time included: by the clock where this is the real `/proc`.
    #[must_use]
    pub fn boot_ns(&self) -> Option<i64> {
        if self.root == Path::new("/proc") {
            return Some(boot_ns());
        }
        self.uptime_ms()?.checked_mul(1_000_000)
    }

    /// Its pid as each pid namespace sees it, outermost first: 1 at the end is the first process of a namespace.
    #[must_use]
    pub fn pids_inside(&self, pid: u32) -> Option<Vec<u32>> {
        let bytes = self.read(pid, "status", 16 << 10)?;
        let text = String::from_utf8_lossy(&bytes);
        let pids = text.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
        pids.split_ascii_whitespace().map(|pid| pid.parse().ok()).collect()
    }

    /// Its real and effective user.
    #[must_use]
    pub fn uids(&self, pid: u32) -> Option<[u32; 2]> {
        let bytes = self.read(pid, "status", 16 << 10)?;
        let text = String::from_utf8_lossy(&bytes);
        let mut ids = text.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_ascii_whitespace();
        Some([ids.next()?.parse().ok()?, ids.next()?.parse().ok()?])
    }

    /// The file that it runs, also where its path leads elsewhere for us or is gone.
    #[must_use]
    pub fn executable(&self, pid: u32) -> Option<File> {
        File::open(self.of(pid, "exe")).ok()
    }

    /// The same, only its metadata.
    #[must_use]
    pub fn executable_metadata(&self, pid: u32) -> Option<std::fs::Metadata> {
        std::fs::metadata(self.of(pid, "exe")).ok()
    }

    /// The words of the kernel's command line.
    #[must_use]
    pub fn boot_options(&self) -> Vec<String> {
        let bytes = read(&self.root.join("cmdline"), 8 << 10).unwrap_or_default();
        String::from_utf8_lossy(&bytes).split_whitespace().map(str::to_owned).collect()
    }

    /// Jiffies in a second, `CONFIG_HZ` of the running kernel; the kernel does not tell it otherwise. Debian's own where its
    /// configuration is not at hand.
    #[must_use]
    pub fn jiffies_per_second(&self) -> u64 {
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        let config = read(Path::new(&format!("/boot/config-{release}")), 1 << 20).unwrap_or_default();
        let config = String::from_utf8_lossy(&config).into_owned();
        let hz = config.lines().find_map(|line| line.strip_prefix("CONFIG_HZ=")?.parse().ok());
        hz.filter(|hz| *hz > 0).unwrap_or(250)
    }

    /// The effective capabilities of this process.
    #[must_use]
    pub fn own_capabilities(&self) -> Option<u64> {
        let bytes = read(&self.root.join("self/status"), 16 << 10)?;
        let text = String::from_utf8_lossy(&bytes);
        let mask = text.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    }

    /// The port and group bits of every netlink audit socket (protocol 9), as `/proc/net/netlink` lists them.
    #[must_use]
    pub fn audit_sockets(&self) -> Vec<AuditSocket> {
        let bytes = read(&self.root.join("net/netlink"), 1 << 20).unwrap_or_default();
        String::from_utf8_lossy(&bytes).lines().filter_map(AuditSocket::parse).collect()
    }

    /// The processes that hold one of these sockets; those that we may not look into are left out.
    #[must_use]
    pub fn holders(&self, inodes: &BTreeSet<u64>) -> Vec<u32> {
        self.pids().filter(|&pid| self.holds(pid, inodes)).collect()
    }

    /// Whether a process holds an audit socket, seen from its own network namespace. `None`: it is not ours to see.
    #[must_use]
    pub fn holds_audit_socket(&self, pid: u32) -> Option<bool> {
        std::fs::read_dir(self.of(pid, "fd")).ok()?;
        let bytes = self.read(pid, "net/netlink", 1 << 20)?;
        let sockets = String::from_utf8_lossy(&bytes);
        let inodes = sockets.lines().filter_map(AuditSocket::parse).map(|socket| socket.inode).collect();
        Some(self.holds(pid, &inodes))
    }

    fn holds(&self, pid: u32, inodes: &BTreeSet<u64>) -> bool {
        let descriptors = std::fs::read_dir(self.of(pid, "fd")).into_iter().flatten().flatten();
        let mut targets = descriptors.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        targets.any(|target| target.to_str().and_then(socket_inode).is_some_and(|inode| inodes.contains(&inode)))
    }

    /// [`Self::namespace`] of this process.
    #[must_use]
    pub fn own_namespace(&self, kind: &str) -> Option<u64> {
        namespace_inode(&std::fs::read_link(self.root.join("self/ns").join(kind)).ok()?)
    }

    /// `name (pid N)` for messages, with the name made harmless for terminals.
    #[must_use]
    pub fn describe(&self, pid: u32) -> String {
        let comm = self.stat(pid).map(|stat| stat.comm).unwrap_or_default();
        match String::from_utf8_lossy(&comm).escape_default().to_string() {
            name if name.is_empty() => format!("pid {pid}, which /proc does not show"),
            name => format!("{name} (pid {pid})"),
        }
    }

    fn of(&self, pid: u32, name: &str) -> PathBuf {
        self.root.join(pid.to_string()).join(name)
    }

    fn read(&self, pid: u32, name: &str, limit: usize) -> Option<Vec<u8>> {
        read(&self.of(pid, name), limit)
    }

    fn link(&self, pid: u32, name: &str) -> Option<Vec<u8>> {
        Some(std::fs::read_link(self.of(pid, name)).ok()?.into_os_string().into_vec())
    }
}

impl Stat {
    fn parse(line: &[u8]) -> Option<Self> {
        // The name may hold anything, `) 1 (` too: its end is the last parenthesis.
        let open = memchr::memchr(b'(', line)?;
        let close = memchr::memrchr(b')', line)?;
        let comm = line.get(open + 1..close)?.to_vec();
        let rest = str::from_utf8(line.get(close + 2..)?).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        // After the name: state is field 3, so ppid is the second of the rest and start time the twentieth.
        let ppid = fields.nth(1)?.parse().ok()?;
        let group = fields.next()?.parse().unwrap_or(0);
        let session = fields.next()?.parse().unwrap_or(0);
        let terminal = fields.next()? != "0";
        let flags: u32 = fields.nth(1)?.parse().ok()?;
        let threads = fields.nth(10)?.parse().ok()?;
        let start_ticks = fields.nth(1)?.parse().ok()?;
        Some(Self { comm, ppid, group, session, terminal, exiting: flags & EXITING != 0, threads, start_ticks })
    }
}

/// One line of `/proc/net/netlink`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuditSocket {
    /// The port, by habit the pid of the first socket's owner.
    pub port: u32,
    /// Bit 0: reads the multicast copy.
    pub groups: u32,
    /// Inode of the socket, to be found among the descriptors of its owner.
    pub inode: u64,
    /// Datagrams that the kernel could not deliver to it.
    pub drops: u64,
}

impl AuditSocket {
    fn parse(line: &str) -> Option<Self> {
        // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
        let mut words = line.split_ascii_whitespace();
        let protocol: u32 = words.nth(1)?.parse().ok()?;
        let (port, groups) = (words.next()?.parse().ok()?, u32::from_str_radix(words.next()?, 16).ok()?);
        let inode = words.next_back()?.parse().ok()?;
        let drops = words.next_back()?.parse().ok()?;
        (protocol == 9 && port != 0).then_some(Self { port, groups, inode, drops })
    }
}

/// `pid:[4026531836]`.
fn namespace_inode(target: &Path) -> Option<u64> {
    target.to_str()?.split_once('[')?.1.strip_suffix(']')?.parse().ok()
}

fn clock_ns(id: rustix::time::ClockId) -> i64 {
    let time = rustix::time::clock_gettime(id);
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
}

/// `CLOCK_BOOTTIME`.
#[must_use]
pub fn boot_ns() -> i64 {
    clock_ns(rustix::time::ClockId::Boottime)
}

/// `CLOCK_MONOTONIC`, which stands still while the machine is suspended.
#[must_use]
pub fn monotonic_ns() -> i64 {
    clock_ns(rustix::time::ClockId::Monotonic)
}

/// `socket:[5678]`.
fn socket_inode(target: &str) -> Option<u64> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// At most `limit` bytes of a file.
pub(crate) fn read(path: &Path, limit: usize) -> Option<Vec<u8>> {
    // Room from the start: these files have no size, and growing would cost a read for each step.
    let mut bytes = Vec::with_capacity(limit.min(4 << 10));
    File::open(path).ok()?.take(limit as u64).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_with_a_hostile_name() {
        let line = b"42 (a) 1 (b\n) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 123456 1 1";
        let stat = Stat::parse(line).unwrap();
        let expect = Stat {
            comm: b"a) 1 (b\n".to_vec(),
            ppid: 7,
            group: 42,
            session: 42,
            threads: 1,
            start_ticks: 123_456,
            ..Stat::default()
        };
        assert_eq!(stat, expect);
        let exiting = Stat::parse(b"42 (x) R 7 1 2 34816 -1 4228356 1 0 0 0 0 0 0 0 20 0 3 0 9 1 1").unwrap();
        assert!(exiting.exiting && exiting.terminal);
        assert_eq!((exiting.group, exiting.session, exiting.threads), (1, 2, 3));
        assert_eq!(Stat::parse(b"42 (a"), None);
        assert_eq!(Stat::parse(b""), None);
    }

    #[test]
    fn this_process_is_seen_as_it_is() {
        let proc = Proc::default();
        let me = std::process::id();
        let stat = proc.stat(me).unwrap();
        assert_eq!(stat.ppid, std::os::unix::process::parent_id());
        assert!(stat.start_ticks as i64 * TICK_MS <= proc.uptime_ms().unwrap());
        assert_eq!(proc.args(me, 1 << 16).unwrap()[0], std::env::args().next().unwrap().into_bytes());
        assert_eq!(proc.exe(me).unwrap(), std::env::current_exe().unwrap().into_os_string().into_vec());
        assert!(proc.lives(me) && proc.pids().any(|pid| pid == me));
        assert!(proc.own_capabilities().is_some() && proc.own_namespace("pid").is_some());
        assert_eq!(proc.namespace(me, "pid"), proc.own_namespace("pid"));
        assert_eq!(proc.pids_inside(me).unwrap()[0], me);
        assert!((proc.boot_ns().unwrap() / 1_000_000 - proc.uptime_ms().unwrap()).abs() < 1000);
    }

    #[test]
    fn a_folder_stands_for_proc() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("9")).unwrap();
        std::fs::write(folder.path().join("9/cmdline"), b"sh\0-c\0\0x\0").unwrap();
        std::fs::write(folder.path().join("uptime"), "12.34 5.00\n").unwrap();
        std::fs::write(folder.path().join("cmdline"), "quiet audit=1\n").unwrap();
        let proc = Proc::at(folder.path());
        assert_eq!(proc.args(9, 100).unwrap(), [&b"sh"[..], b"-c", b"", b"x"]);
        assert_eq!(proc.args(9, 2).unwrap(), [b"sh"]);
        assert_eq!(proc.stat(9), None);
        assert_eq!(proc.uptime_ms(), Some(12_340));
        assert_eq!(proc.boot_options(), ["quiet", "audit=1"]);
        assert_eq!(proc.describe(9), "pid 9, which /proc does not show");
    }

    #[test]
    fn netlink_lines_of_audit_only() {
        let audit = "00000000 9   1234       00000001 0        0        0        2        0        5678";
        assert_eq!(AuditSocket::parse(audit), Some(AuditSocket { port: 1234, groups: 1, inode: 5678, drops: 0 }));
        assert_eq!(AuditSocket::parse(&audit.replacen(" 9 ", " 15 ", 1)), None);
        assert_eq!(AuditSocket::parse("sk               Eth Pid        Groups   Rmem"), None);
    }
}
