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
