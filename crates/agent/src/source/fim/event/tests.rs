use std::path::PathBuf;
use std::sync::Arc;

use audit::normalize::NoNames;
use fim::change::{Inside, Provenance, ScanKind};
use fim::entry::{Digest, FileId, Flags, Hashes, Kind};
use fim::evidence::{Collector, Mask};
use fim::policy::Policy;
use fim::who::{Confidence, Reason, Source};

use super::*;

fn entry(inode: u64, byte: u8) -> Entry {
    Entry {
        kind: Kind::File,
        id: FileId { dev: rustix::fs::makedev(254, 1), inode },
        mode: 0o644,
        uid: 0,
        gid: 42,
        nlink: 1,
        size: 120,
        mtime_ns: 1_795_507_200_123_456_789,
        ctime_ns: 1_795_507_200_123_456_789,
        btime_ns: None,
        rdev: 0,
        flags: Flags::default(),
        target: None,
        xattrs: Vec::new(),
        hashes: Hashes { sha256: Some(Digest([byte; 32])), ..Hashes::default() },
        content: Content::Whole,
    }
}

fn policy(id: &str, severity: Severity, tag: &str) -> Arc<Policy> {
    Arc::new(Policy { id: id.into(), severity, tags: vec![tag.into()], ..Policy::default() })
}

fn change(action: Action) -> Change {
    Change {
        before: Some(entry(11, 0xaa)),
        after: Some(entry(12, 0xbb)),
        mask: Mask::RENAME,
        who: Who {
            pid: 77,
            ppid: Some(70),
            exe: Some(b"/usr/bin/vim".as_slice().into()),
            uid: Some(1000),
            euid: Some(0),
            source: Source::Pidfd,
            confidence: Confidence::Certain,
            ..Who::default()
        },
        policies: vec![policy("app", Severity::High, "b"), policy("etc", Severity::Low, "a")],
        ..Change::new(Timestamp::from_millis(1_795_507_201_000), action, "/etc/app/server.conf".into())
    }
}

fn word(event: &Event, field: Field) -> &str {
    event.str(field).unwrap_or("")
}

#[test]
fn a_replaced_file() {
    let golden = include_str!("replaced.json");
    let got = of(&change(Action::Replaced), &NoNames).to_json();
    assert_eq!(got, golden.trim_end(), "\n{got}");
}

#[test]
fn f55_severity_tags_and_the_probes_name() {
    let event = of(&change(Action::Updated), &NoNames);
    assert_eq!((word(&event, field::EVENT_KIND), event.long(field::EVENT_SEVERITY)), ("alert", Some(73)));
    let all = |field| event.all(field).map(|value| format!("{value:?}")).collect::<Vec<_>>();
    assert_eq!(all(field::AUDITNG_FIM_POLICY), ["Text(\"app\")", "Text(\"etc\")"]);
    assert_eq!(all(field::TAGS), ["Text(\"a\")", "Text(\"b\")"]);
}

#[test]
fn what_is_explained_alerts_nobody() {
    let by = Provenance { by: "dpkg", packages: vec!["app".into()], versions: vec!["1.2-1".into()] };
    let packaged = of(&Change { provenance: Some(by), ..change(Action::Replaced) }, &NoNames);
    assert_eq!(
        (word(&packaged, field::EVENT_KIND), word(&packaged, field::AUDITNG_FIM_SEVERITY)),
        ("event", "informational")
    );
    let declared = of(&Change { change_window: Some("deploy".into()), ..change(Action::Replaced) }, &NoNames);
    assert_eq!((word(&declared, field::EVENT_KIND), declared.long(field::EVENT_SEVERITY)), ("event", Some(0)));
    let tried = of(&Change { failed: true, ..change(Action::Updated) }, &NoNames);
    assert_eq!((word(&tried, field::EVENT_KIND), word(&tried, field::EVENT_OUTCOME)), ("event", "failure"));
    let low = of(&Change { policies: vec![policy("etc", Severity::Medium, "a")], ..change(Action::Updated) }, &NoNames);
    assert_eq!(word(&low, field::EVENT_KIND), "event");
}

#[test]
fn a_denied_access_is_an_alert_whatever_the_severity() {
    let permission = Permission { access: Access::Denied, refused: true, in_time: true };
    let low = vec![policy("keys", Severity::Low, "a")];
    let event = of(&Change { permission: Some(permission), policies: low, ..change(Action::Opened) }, &NoNames);
    assert_eq!((word(&event, field::EVENT_KIND), word(&event, field::EVENT_TYPE)), ("alert", "access"));
    assert_eq!((word(&event, field::AUDITNG_FIM_ACCESS), word(&event, field::EVENT_OUTCOME)), ("denied", "failure"));
}

#[test]
fn a_containers_file_has_the_path_that_the_container_sees() {
    let inside = Some(Inside { container: "4711".into(), pid: 0, path: "/etc/passwd".into() });
    let path = PathBuf::from("/var/lib/containers/up/etc/passwd");
    let event = of(&Change { inside, path, ..change(Action::Updated) }, &NoNames);
    assert_eq!(word(&event, field::FILE_PATH), "/etc/passwd");
    assert_eq!(word(&event, field::FILE_DIRECTORY), "/etc");
    assert_eq!(word(&event, field::AUDITNG_FIM_HOST_PATH), "/var/lib/containers/up/etc/passwd");
}

#[test]
fn f36_any_bytes_are_a_name() {
    let name = OsStr::from_bytes(b"/etc/\xff\n\x1b[31m\\x").to_owned();
    let event = of(&Change { path: name.into(), ..change(Action::Created) }, &NoNames);
    let read = Event::from_json(&event.to_json()).unwrap();
    let path = schema::event::unescape(word(&read, field::FILE_PATH));
    assert_eq!(path, b"/etc/\xff\n\x1b[31m\\x");
    assert!(read.all(field::AUDITNG_ESCAPED).any(|value| value == Value::Text("file.path")));
}

#[test]
fn found_by_a_scan_names_nobody_and_the_time_it_fell_into() {
    let window = Some((Timestamp::from_millis(5), Timestamp::from_millis(9)));
    let who = Who::unknown(Reason::FoundByScan);
    let cause = Cause::Scan(ScanKind::WhileDown);
    let event = of(&Change { window, who, cause, collector: Collector::Scan, ..change(Action::Deleted) }, &NoNames);
    assert_eq!(word(&event, field::AUDITNG_FIM_CAUSE), "while-down");
    assert_eq!(word(&event, field::AUDITNG_FIM_WHO_REASON), "found_by_scan");
    assert_eq!((event.get(field::PROCESS_PID), word(&event, field::AUDITNG_FIM_WHO_CONFIDENCE)), (None, "unknown"));
    assert!(event.get(field::AUDITNG_FIM_WINDOW_END).is_some());
}
