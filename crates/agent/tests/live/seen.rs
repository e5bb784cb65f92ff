//! One system call done, one event expected.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use schema::field;

use super::stand::{Stand, has, play, tagged, text, texts};

const NOBODY: u32 = 65_534;

pub(crate) fn exec() {
    let stand = Stand::new();
    let started = stand.source(&["-a always,exit -F arch=b64 -S execve,execveat -k auditng-test-exec"]).on();
    let program = stand.watched().join(format!("unique-{}", std::process::id()));
    std::fs::copy("/bin/true", &program).unwrap();
    std::os::unix::fs::chown(stand.folder.path(), Some(NOBODY), None).unwrap();
    let mut child = Command::new(&program);
    child.args(["one", "two words"]).arg(std::ffi::OsString::from("caf\u{e9}")).current_dir("/usr").uid(NOBODY);
    let mut child = child.spawn().unwrap();
    let (pid, path) = (i64::from(child.id()), text(&program));
    child.wait().unwrap();
    let event = started.sink.wait("exec", |event| event.str(field::PROCESS_EXECUTABLE) == Some(&path));
    assert_eq!(texts(&event, field::PROCESS_ARGS), [path.as_str(), "one", "two words", "caf\u{e9}"]);
    assert_eq!(event.str(field::PROCESS_WORKING_DIRECTORY), Some("/usr"));
    assert_eq!(event.str(field::USER_ID), Some("65534"));
    assert_eq!(event.str(field::USER_NAME), Some("nobody"));
    assert_eq!(event.long(field::PROCESS_PID), Some(pid));
    assert_eq!(event.long(field::PROCESS_PARENT_PID), Some(i64::from(std::process::id())));
    let me = text(&std::env::current_exe().unwrap());
    assert_eq!(event.str(field::PROCESS_PARENT_EXECUTABLE), Some(me.as_str()));
    assert_eq!(event.str(field::EVENT_OUTCOME), Some("success"));
    assert!(has(&event, field::EVENT_ACTION, "exec") && tagged(&event, "auditng-test-exec"), "{event:?}");
    assert_eq!(event.str(field::EVENT_PROVIDER), Some("unicast"));
    assert_eq!(event.str(field::AUDITNG_CONTAINER_SCOPE), Some("host"), "{event:?}");
    // Told by the kernel from its fork on, however short it lived (A80).
    assert_eq!(event.get(field::AUDITNG_PROCESS_START_KNOWN), None, "{event:?}");
    assert_eq!(event.long(field::PROCESS_SESSION_LEADER_PID), my_session(), "{event:?}");
    assert!(event.str(field::PROCESS_ENTRY_LEADER_ENTRY_META_TYPE).is_some(), "{event:?}");
    assert!(event.get(field::AUDITNG_PROCESS_ANCESTRY).is_some() && event.str(field::PROCESS_ENTITY_ID).is_some());
    let raw = event.str(field::EVENT_ORIGINAL).unwrap();
    assert!(raw.contains("syscall=59") && raw.contains("argc=4"), "{raw}");
    assert_eq!(started.lost("kernel", "serial-gap"), 0);
}

/// The session that this test and its children are in. The kernel says 0 of one whose leader is in no pid namespace of ours:
/// then there is nobody to name.
fn my_session() -> Option<i64> {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let session = after_name.split_ascii_whitespace().nth(3).unwrap().parse().unwrap();
    (session != 0).then_some(session)
}

pub(crate) fn files() {
    let stand = Stand::new();
    let started = stand.source(&["-a always,exit -F arch=b64 -F dir={} -F perm=rwa -k auditng-test-file"]).on();
    let folder = text(&stand.watched());
    play("files", &[&folder]);
    let seen = |action: &str, name: &str| {
        let path = format!("{folder}/{name}");
        let fits = |event: &schema::Event| {
            has(event, field::EVENT_ACTION, action) && event.str(field::FILE_PATH) == Some(&path)
        };
        started.sink.wait(&format!("{action} {path}"), fits)
    };
    let created = seen("creation", "one");
    assert!(tagged(&created, "auditng-test-file") && has(&created, field::EVENT_CATEGORY, "file"), "{created:?}");
    seen("open", "one");
    let renamed = seen("rename", "two");
    assert_eq!(renamed.str(field::AUDITNG_FILE_ORIGINAL_PATH), Some(format!("{folder}/one").as_str()));
    seen("deletion", "two");
}

pub(crate) fn connect() {
    let stand = Stand::new();
    let started = stand.source(&["-a always,exit -F arch=b64 -S connect -k auditng-test-net"]).on();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = i64::from(listener.local_addr().unwrap().port());
    play("connect", &[&listener.local_addr().unwrap().to_string()]);
    let event = started.sink.wait("connect", |event| event.long(field::DESTINATION_PORT) == Some(port));
    assert_eq!(event.str(field::DESTINATION_IP), Some("127.0.0.1"));
    assert!(has(&event, field::EVENT_ACTION, "connection_attempted") && has(&event, field::EVENT_CATEGORY, "network"));
}

pub(crate) fn setuid() {
    let stand = Stand::new();
    let started = stand.source(&["-a always,exit -F arch=b64 -S setuid,setreuid,setresuid -k auditng-test-uid"]).on();
    let mut child = Command::new("/bin/true").uid(NOBODY).spawn().unwrap();
    let pid = i64::from(child.id());
    child.wait().unwrap();
    let fits = |event: &schema::Event| {
        event.long(field::PROCESS_PID) == Some(pid) && has(event, field::EVENT_ACTION, "uid_change")
    };
    let event = started.sink.wait("setuid", fits);
    assert_eq!(agent::filter::lane(&event), schema::Lane::High);
}
