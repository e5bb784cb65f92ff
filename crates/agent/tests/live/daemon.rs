//! Beside the real auditd, beside a second agent, and without the rights that audit asks for.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agent::health::State;
use agent::source::audit::kernel::{Kernel as _, Live};
use agent::source::audit::{Config, Rules, doctor};
use agent::sys::proc::Proc;
use audit::netlink::SetStatus;
use rustix::process::Signal;
use schema::{Event, field};

use super::stand::{PATIENCE, Role, Stand, Started, has, status, tagged, text};

const STORM: &str = "-a always,exit -F arch=b64 -S openat -F dir={} -k auditng-test-storm";

/// Why auditd cannot be used here.
pub(crate) fn no_auditd() -> Option<String> {
    let there = Command::new("auditd").arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status();
    there.is_err().then(|| "auditd is missing (apt install auditd)".to_owned())
}

/// Debian's auditd with a configuration and a log of its own.
struct Auditd(Child);

impl Auditd {
    fn start(stand: &Stand) -> Self {
        let folder = stand.path("auditd");
        std::fs::create_dir_all(folder.join("plugins.d")).unwrap();
        let place = text(&folder);
        let config = format!(
            "local_events = yes\nwrite_logs = yes\nlog_file = {place}/audit.log\nlog_group = root\nlog_format = RAW\n\
             flush = NONE\nfreq = 0\nmax_log_file = 64\nnum_logs = 2\nmax_log_file_action = IGNORE\nname_format = NONE\n\
             space_left = 2\nspace_left_action = IGNORE\nadmin_space_left = 1\nadmin_space_left_action = IGNORE\n\
             disk_full_action = IGNORE\ndisk_error_action = IGNORE\nverify_email = no\nplugin_dir = {place}/plugins.d\n"
        );
        std::fs::write(folder.join("auditd.conf"), config).unwrap();
        let mut command = Command::new("auditd");
        command.args(["-n", "-c", &place]).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn owning(stand: &Stand) -> Self {
        let auditd = Self::start(stand);
        testkit::eventually("auditd owns the socket", PATIENCE, || (status().pid == auditd.0.id()).then_some(()));
        auditd
    }

    fn kill(mut self) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), Signal::KILL).unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Auditd {
    fn drop(&mut self) {
        // It may have ended already, which is all that is wanted.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn reason(started: &Started) -> String {
    started.health.source("audit").report().reason
}

fn state(started: &Started) -> State {
    started.health.source("audit").report().state
}

/// Adds a rule as another tool would.
fn add_rule(stand: &Stand, line: &str) {
    let found = agent::source::audit::rules::load(&[stand.rules(&[line])], status().features);
    let mut kernel = Live::open(None).unwrap();
    found.rules.iter().for_each(|rule| kernel.add_rule(&audit::rule::encode(rule)).unwrap());
}

/// How often each serial of the storm came.
fn serials(events: &[Event]) -> BTreeMap<i64, usize> {
    let mut serials = BTreeMap::new();
    for event in events.iter().filter(|event| tagged(event, "auditng-test-storm")) {
        *serials.entry(event.long(field::EVENT_SEQUENCE).unwrap()).or_default() += 1;
    }
    serials
}

pub(crate) fn auditd_first() {
    let stand = Stand::new();
    add_rule(&stand, STORM);
    let auditd = Auditd::owning(&stand);
    let before = status();
    let mut started = stand.source(&[STORM]);
    assert_eq!(state(&started), State::Degraded);
    let name = Proc::default().describe(auditd.0.id());
    assert!(name.starts_with("auditd (pid ") && reason(&started).contains(&name), "{}", reason(&started));
    let after = status();
    assert_eq!((after.pid, after.backlog_limit, after.failure), (before.pid, before.backlog_limit, before.failure));
    let findings = doctor::doctor(&Config::default(), &Rules::default(), stand.folder.path());
    assert!(findings.iter().any(|finding| finding.what.contains(&name)), "{findings:?}");

    let folder = text(&stand.watched());
    let storm = Role::start("storm", &[&folder, "9000", "1000"]);
    started.sink.wait("a copy", |event| {
        tagged(event, "auditng-test-storm") && event.str(field::EVENT_PROVIDER) == Some("multicast")
    });
    auditd.kill();
    let killed = Instant::now();
    testkit::eventually("the free socket is taken", PATIENCE, || (status().pid == std::process::id()).then_some(()));
    // Whatever the machine is busy with comes on top of the five seconds between two looks.
    assert!(killed.elapsed() < Duration::from_secs(7), "{:?}", killed.elapsed());
    let owned = |event: &Event| has(event, field::EVENT_PROVIDER, "unicast") && tagged(event, "auditng-test-storm");
    started.sink.wait("a record of our own socket", owned);
    testkit::eventually("on", PATIENCE, || (state(&started) == State::On).then_some(()));
    storm.finish();
    started.stop();
    let serials = serials(&started.sink.all());
    assert!(serials.values().all(|&times| times == 1), "a record that both sockets carried was doubled");
    assert_eq!(serials.len(), 9001, "an event is missing over the change of owner");
}

pub(crate) fn auditd_later() {
    let stand = Stand::new();
    let mut started = stand.source(&[STORM]).on();
    let storm = Role::start("storm", &[&text(&stand.watched()), "2000", "1000"]);
    started.sink.wait("the storm", |event| tagged(event, "auditng-test-storm"));
    let mut auditd = Auditd::start(&stand);
    let ended = testkit::eventually("auditd gives up", PATIENCE, || auditd.0.try_wait().unwrap());
    assert!(!ended.success(), "{ended}");
    assert_eq!(status().pid, std::process::id());
    let told = || reason(&started).contains(&format!("pid {}", auditd.0.id())).then_some(());
    testkit::eventually("the health page names who asked", PATIENCE, told);
    assert!(reason(&started).contains("it stays ours"), "{}", reason(&started));
    storm.finish();
    started.stop();
    let serials = serials(&started.sink.all());
    assert_eq!((serials.len(), serials.values().all(|&times| times == 1)), (2001, true));
}

pub(crate) fn two_agents() {
    let stand = Stand::new();
    let rules = text(&stand.rules(&[STORM]));
    let first = Role::start_ready("source", &[&rules, &text(&stand.path("first.state")), "16777216"]);
    let mut second = stand.source(&[STORM]);
    assert_eq!(state(&second), State::Degraded);
    let name = Proc::default().describe(first.pid());
    assert!(reason(&second).contains(&name), "{} should name {name}", reason(&second));
    super::stand::play("storm", &[&text(&stand.watched()), "100", "0"]);
    let copy = second.sink.wait("a copy", |event| tagged(event, "auditng-test-storm"));
    assert_eq!(copy.str(field::EVENT_PROVIDER), Some("multicast"));
    first.finish();
    testkit::eventually("the second owns the socket", PATIENCE, || {
        (status().pid == std::process::id() && state(&second) == State::On).then_some(())
    });
    // What both sockets carried is told as a copy, until the first record of our own ends that.
    super::stand::play("storm", &[&text(&stand.watched()), "1000", "500"]);
    second.sink.wait("a record of our own socket", |event| {
        tagged(event, "auditng-test-storm") && event.str(field::EVENT_PROVIDER) == Some("unicast")
    });
    second.stop();
    assert!(serials(&second.sink.all()).values().all(|&times| times == 1), "an event was doubled");
    assert_eq!(super::stand::found(), stand.found);
}

pub(crate) fn forgotten() {
    let stand = Stand::new();
    let started = stand.source(&[STORM]).on();
    // Only the owner may give the registration up, and we are the same process.
    Live::open(None).unwrap().release().unwrap();
    let begin = Instant::now();
    testkit::eventually("registered again", PATIENCE, || (status().pid == std::process::id()).then_some(()));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    testkit::eventually("a loss is told", PATIENCE, || (started.lost("kernel", "forgotten") == 1).then_some(()));
    let loss = started.health.take_losses().into_iter().find(|loss| loss.reason == "forgotten").unwrap();
    assert!(loss.window_start < loss.window_end);
    super::stand::play("storm", &[&text(&stand.watched()), "1", "0"]);
    started.sink.wait("a record after that", |event| tagged(event, "auditng-test-storm"));
}

pub(crate) fn switched_off() {
    let stand = Stand::new();
    let started = stand.source(&[STORM]).on();
    let switch = |enabled| {
        let change = SetStatus { enabled: Some(enabled), ..SetStatus::default() };
        Live::open(None).unwrap().set(change).unwrap();
    };
    switch(0);
    testkit::eventually("said", PATIENCE, || reason(&started).contains("switched off").then_some(()));
    assert_eq!((state(&started), status().enabled), (State::Degraded, 0), "who switches audit off is not fought");
    switch(1);
    testkit::eventually("on again", PATIENCE, || (state(&started) == State::On).then_some(()));
}

#[derive(serde::Deserialize, Debug)]
struct Said {
    state: String,
    reason: String,
}

/// A source started below another program says how it is doing.
fn said_below(stand: &Stand, wrapper: &[&str]) -> Said {
    let state = stand.path("open");
    std::fs::create_dir_all(&state).unwrap();
    for path in [stand.folder.path(), &state] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let mut role = Role::start_below(wrapper, "state", &[&text(&state.join("audit.state"))]);
    let line = role.line();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{wrapper:?}: {error}: {line:?}"))
}

pub(crate) fn without_rights() {
    let stand = Stand::new();
    let check = |wrapper: &[&str], state: &str, words: &[&str]| {
        let said = said_below(&stand, wrapper);
        assert_eq!(said.state, state, "{wrapper:?}: {said:?}");
        for word in words {
            assert!(said.reason.contains(word), "{wrapper:?}: {:?} should say {word:?}", said.reason);
        }
        assert_eq!(status().pid, 0, "{wrapper:?}");
    };
    let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    check(&user, "off", &["--cap-add AUDIT_CONTROL", "--cap-add AUDIT_READ"]);
    let no_control = ["setpriv", "--bounding-set=-audit_control", "--inh-caps=-audit_control"];
    check(&no_control, "degraded", &["multicast", "--cap-add AUDIT_CONTROL"]);
    check(&["unshare", "--pid", "--fork", "--mount-proc"], "degraded", &["--pid=host"]);
    check(&["unshare", "--user", "--map-root-user"], "off", &["the host's user namespace"]);
    // The whole container as it comes, without any flag.
    let container = ["unshare", "--pid", "--net", "--fork", "--mount-proc"];
    check(&container, "off", &["--pid=host", "--network=host"]);
}

/// The kernel as one without audit: `socket(AF_NETLINK, *, NETLINK_AUDIT)` fails with `EPROTONOSUPPORT`.
const WITHOUT_AUDIT: &str = r#"
import ctypes, os, struct, sys
code = [(0x20, 0, 0, 0), (0x15, 0, 5, 41), (0x20, 0, 0, 16), (0x15, 0, 3, 16), (0x20, 0, 0, 32), (0x15, 0, 1, 9),
        (0x06, 0, 0, 0x00050000 | 93), (0x06, 0, 0, 0x7fff0000)]
bytes_ = b"".join(struct.pack("HBBI", *c) for c in code)
buffer = ctypes.create_string_buffer(bytes_)
class Prog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
prog = Prog(len(code), ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(prog), 0, 0) == 0, ctypes.get_errno()
os.execvp(sys.argv[1], sys.argv[1:])
"#;

/// Why the subsystem cannot be taken away here.
pub(crate) fn no_python() -> Option<String> {
    let x86 = cfg!(target_arch = "x86_64");
    let there = Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_ok();
    (!x86 || !there).then(|| "needs python3 on x86_64 to install a seccomp filter".to_owned())
}

pub(crate) fn without_audit() {
    let stand = Stand::new();
    let script: PathBuf = stand.path("without-audit.py");
    std::fs::write(&script, WITHOUT_AUDIT).unwrap();
    let said = said_below(&stand, &["python3", &text(&script)]);
    assert_eq!(said.state, "off");
    assert!(said.reason.contains("offers no audit"), "{}", said.reason);
}
