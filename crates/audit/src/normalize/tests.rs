use schema::Timestamp;

use super::*;
use crate::reassemble::{Limits, Reassembler};
use crate::record::parse_line;

struct Host;

impl Names for Host {
    fn user(&self, id: u32) -> Option<&str> {
        (id == 1000).then_some("ada")
    }

    fn group(&self, id: u32) -> Option<&str> {
        (id == 5).then_some("tty")
    }
}

fn normalized(line: &str, names: &dyn Names) -> (Event, Verdict) {
    let mut reassembler = Reassembler::new(Limits::default());
    reassembler.push(&parse_line(line.as_bytes()).unwrap(), Timestamp::from_millis(0));
    reassembler.finish();
    let group = reassembler.next_closed().unwrap();
    let mut event = Event::default();
    let options = Options { original: false, ..Options::default() };
    let verdict = Normalizer::new(options).normalize(&group, names, &mut event);
    (event, verdict)
}

const LINE: &str = "type=USER_CMD msg=audit(1.000:1): pid=1 uid=1000 gid=5 auid=7 ses=1 msg='cmd=\"id\" res=success'";

#[test]
fn given_names_are_used_where_the_records_have_none() {
    let (event, _) = normalized(LINE, &Host);
    assert_eq!((event.str(field::USER_NAME), event.str(field::USER_GROUP_NAME)), (Some("ada"), Some("tty")));
    assert_eq!((event.str(field::AUDITD_USER_AUDIT_ID), event.str(field::AUDITD_USER_AUDIT_NAME)), (Some("7"), None));
    assert_eq!(event.str(field::EVENT_PROVIDER), Some("unicast"));
    let enriched = format!("{LINE}\x1dUID=\"grace\"");
    let (event, _) = normalized(&enriched, &Host);
    assert_eq!(event.str(field::USER_NAME), Some("grace"), "the record's own name counts");
}

#[test]
fn without_names_and_original() {
    let (event, verdict) = normalized(LINE, &NoNames);
    assert_eq!((event.str(field::USER_NAME), event.str(field::EVENT_ORIGINAL)), (None, None));
    assert_eq!(verdict, Verdict { incomplete: false });
}

#[test]
fn every_row_has_allowed_words_and_a_known_name() {
    // ECS 8.17, event.category and event.type.
    const CATEGORIES: &[&str] = &[
        "authentication",
        "configuration",
        "database",
        "driver",
        "email",
        "file",
        "host",
        "iam",
        "intrusion_detection",
        "library",
        "malware",
        "network",
        "package",
        "process",
        "registry",
        "session",
        "threat",
        "vulnerability",
        "web",
        "api",
    ];
    const TYPES: &[&str] = &[
        "access",
        "admin",
        "allowed",
        "change",
        "connection",
        "creation",
        "deletion",
        "denied",
        "end",
        "error",
        "group",
        "indicator",
        "info",
        "installation",
        "protocol",
        "start",
        "user",
        "device",
    ];
    let rows = actions::SYSCALLS.iter().chain(actions::RECORDS);
    for (names, action) in rows {
        assert!(!action.words.is_empty(), "{names:?}");
        assert!(action.categories.iter().all(|word| CATEGORIES.contains(word)), "{names:?}");
        assert!(action.types.iter().all(|word| TYPES.contains(word)), "{names:?}");
    }
    for name in actions::RECORDS.iter().flat_map(|(names, _)| *names) {
        assert!(crate::table::record_type_number(name.as_bytes()).is_some(), "{name}");
    }
    let twice = |rows: &[(&[&str], Action)]| {
        let mut names: Vec<_> =
            rows.iter().flat_map(|(names, _)| names.iter().map(|name| (*name).to_owned())).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        count - names.len()
    };
    assert_eq!((twice(actions::SYSCALLS), twice(actions::RECORDS)), (0, 0), "a name in two rows");
}

/// Types that have no row, and why.
const WITHOUT_ROW: &[(&str, &[&str])] = &[
    ("what the call or the ring did has the row", &["SYSCALL", "URINGOP"]),
    (
        "says more of a call, which has the row",
        &[
            "AVC_PATH",
            "BPRM_FCAPS",
            "CAPSET",
            "CWD",
            "EXECVE",
            "FD_PAIR",
            "IPC",
            "IPC_SET_PERM",
            "MAC_OBJ_CONTEXTS",
            "MAC_TASK_CONTEXTS",
            "MMAP",
            "MQ_GETSETATTR",
            "MQ_NOTIFY",
            "MQ_OPEN",
            "MQ_SENDRECV",
            "OBJ_PID",
            "OPENAT2",
            "PATH",
            "PROCTITLE",
            "SOCKADDR",
            "SOCKETCALL",
        ],
    ),
    ("the end of an event", &["EOE"]),
    (
        "a command, an answer or a ping: never a record",
        &[
            "ADD",
            "ADD_RULE",
            "DEL",
            "DEL_RULE",
            "GET",
            "GET_FEATURE",
            "LIST",
            "LIST_RULES",
            "MAKE_EQUIV",
            "REPLACE",
            "SET",
            "SET_FEATURE",
            "SIGNAL_INFO",
            "TRIM",
            "TTY_GET",
            "TTY_SET",
            "WATCH_INS",
            "WATCH_LIST",
            "WATCH_REM",
        ],
    ),
    ("free text of other kernel parts", &["KERNEL_OTHER"]),
];

#[test]
fn every_record_type_has_a_row_or_a_reason() {
    let types = (1000..3000).filter_map(crate::table::record_type_name);
    let mut seen = 0;
    for name in types {
        let rows = actions::RECORDS.iter().filter(|(names, _)| names.contains(&name)).count();
        let reasons = WITHOUT_ROW.iter().filter(|(_, names)| names.contains(&name)).count();
        assert_eq!(rows + reasons, 1, "{name}: one row or one reason");
        seen += 1;
    }
    let listed: usize = actions::RECORDS.iter().map(|(names, _)| names.len()).sum();
    let reasoned: usize = WITHOUT_ROW.iter().map(|(_, names)| names.len()).sum();
    assert_eq!(listed + reasoned, seen, "a row or reason for a type that no table has");
}

/// The calls that go-libaudit's list of normalisations knows, by the groups in which it has them (read as a checklist).
#[test]
fn every_call_of_the_checklist_has_a_row() {
    let groups = "creat fallocate truncate ftruncate open openat readlink readlinkat read write setxattr fsetxattr lsetxattr \
                  removexattr fremovexattr lremovexattr chmod fchmod fchmodat chown fchown fchownat lchown finit_module \
                  init_module delete_module mkdir mkdirat mount rename renameat renameat2 access faccessat fstatat newfstatat \
                  stat stat64 fstat lstat getxattr lgetxattr fgetxattr statfs fstatfs link linkat symlink symlinkat umount \
                  umount2 rmdir unlink unlinkat utime utimes futimesat futimens utimensat execve execveat listen accept \
                  accept4 bind connect recv recvfrom recvmsg recvmmsg send sendto sendmsg sendmmsg kill tkill tgkill setuid \
                  seteuid setfsuid setreuid setgid setegid setfsgid setregid setresuid setresgid settimeofday clock_settime \
                  stime adjtimex clock_adjtime mknod mknodat sethostname setdomainname mmap mmap2 brk sched_setparam \
                  sched_setscheduler sched_setattr exit_group";
    assert_eq!(groups.split_whitespace().count(), 103);
    for call in groups.split_whitespace() {
        assert!(actions::SYSCALLS.iter().any(|(names, _)| names.contains(&call)), "{call}");
    }
}
