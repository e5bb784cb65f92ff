//! The goldens of elastic/go-libaudit as an outside oracle: its `auparse` (text to fields) and `aucoalesce` (records to
//! ECS). They lie beside a checkout; where we differ on purpose, the difference is listed here with its reason, and a
//! difference that is not listed, or a listed one that no longer occurs, fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use audit::record::{Place, name, parse_line, unhex};
use audit::{sockaddr, table};
use serde_json::Value;

use crate::support::{at, replay, text};

/// A difference that we keep: in which golden (empty: in all), of which field, and why.
struct Kept {
    golden: &'static str,
    field: &'static str,
    why: &'static str,
}

const fn kept(golden: &'static str, field: &'static str, why: &'static str) -> Kept {
    Kept { golden, field, why }
}

const AUPARSE: &[Kept] = &[
    kept("login", "new_auid", "`new auid=` of old kernels gets the name that today's kernels use, new-auid"),
    kept("login", "old_auid", "as new_auid"),
    kept("sockaddr", "family", "AF_UNSPEC has a name"),
];

const RENAMED: &str = "a rename is about its new name; the old one is auditng.file.original.path";
const MADE: &str = "the golden takes the directory: it does not know objtype, the older name of nametype";
const DEVICE: &str = "file.device is the device that the file lies on (dev), not the one that it is (rdev)";
const OTHER_RECORD: &str = "the ids of the call are the event's; those of the record beside it are the same";
const COUNT: &str = "is process.args_count";
const ITEMS: &str = "is the number of auditd.paths";
const NAMED: &str = "the ENRICHED tail knows the name";
const NO_SEPARATOR: &str = "the input lost the 0x1d before its tail, so the key runs on";

const AUCOALESCE: &[Kept] = &[
    kept("EXECVE", "data.argc", COUNT),
    kept("EXECVE with multiple keys", "data.argc", COUNT),
    kept("changed-system-time", "data.items", ITEMS),
    kept("ANOM_PROMISCUOUS", "data.auid", OTHER_RECORD),
    kept("ANOM_PROMISCUOUS", "data.uid", OTHER_RECORD),
    kept("ANOM_PROMISCUOUS", "data.gid", OTHER_RECORD),
    kept("ANOM_PROMISCUOUS", "data.ses", OTHER_RECORD),
    kept("AVC_AppArmor_unlink", "data.fsuid", OTHER_RECORD),
    kept("", "file.device", DEVICE),
    kept("make-device", "file.inode", MADE),
    kept("make-device", "file.mode", MADE),
    kept("make-device", "file.path", MADE),
    kept("make-device", "summary.object.primary", MADE),
    kept("make-device", "summary.object.type", MADE),
    kept("mount syscall", "summary.object.type", "the golden takes the directory for a regular file"),
    kept("rename syscall", "file.path", RENAMED),
    kept("rename syscall", "summary.object.primary", RENAMED),
    kept("AUDIT_TIME_ADJNTPVAL chronyd status", "summary.actor.secondary", NAMED),
    kept("AUDIT_TIME_ADJNTPVAL chronyd freq", "summary.actor.secondary", NAMED),
    kept("AUDIT_TIME_ADJNTPVAL freq/tick", "summary.actor.secondary", NAMED),
    kept("AUDIT_TIME_ADJNTPVAL chronyd status", "tags", NO_SEPARATOR),
    kept("AUDIT_TIME_ADJNTPVAL chronyd freq", "tags", NO_SEPARATOR),
    kept("AUDIT_TIME_ADJNTPVAL freq/tick", "tags", NO_SEPARATOR),
];

/// Fails on differences that are not kept, and on kept ones that no longer occur.
fn judge(differences: &BTreeSet<Difference>, list: &[Kept]) {
    let covers = |kept: &Kept, difference: &Difference| {
        kept.field == difference.field && (kept.golden.is_empty() || kept.golden == difference.golden)
    };
    let unknown: Vec<_> =
        differences.iter().filter(|difference| !list.iter().any(|kept| covers(kept, difference))).collect();
    assert!(unknown.is_empty(), "not in the list: {unknown:#?}");
    for kept in list {
        let occurs = differences.iter().any(|difference| covers(kept, difference));
        assert!(occurs, "{} {} is listed ({}) and no longer differs", kept.golden, kept.field, kept.why);
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Difference {
    golden: String,
    field: String,
    theirs: String,
    ours: String,
}

fn folder(name: &str, extension: &str) -> Vec<PathBuf> {
    let Some(folder) = testkit::recording(&format!("audit/go-libaudit/{name}")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.extension().is_some_and(|other| other == extension))
        .collect();
    files.sort();
    files
}

fn golden(path: &Path, extension: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(path.with_extension(extension)).expect("a golden lies beside its input");
    serde_json::from_str(&text).expect("a golden is JSON")
}

/// The fields of a line under go-libaudit's names.
fn fields(line: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let Ok(record) = parse_line(line.as_bytes()) else { return out };
    let mut fields = record.fields();
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (mut arch, mut call) = (0, None);
    for field in fields.by_ref().filter(|field| field.place != Place::Tail) {
        if field.value.is_absent() && field.name != name::TTY {
            continue;
        }
        // The `a2` of EXECVE is a text, that of SYSCALL a register.
        let is_argument = record.kind == audit::record::kind::EXECVE && field.name != name::ARGC;
        let value = shown(&field.value.decoded(if is_argument { name::CMD } else { field.name }));
        let key = if field.name == name::OTHER { shown(field.key) } else { field.name.text().to_owned() };
        match field.name {
            name::ARCH => {
                arch = u32::from_str_radix(&value, 16).unwrap_or(0);
                out.insert(key, table::arch_name(arch).unwrap_or("none").to_owned());
            }
            name::SYSCALL => call = value.parse().ok(),
            name::EXIT if value.starts_with('-') => {
                let name = table::errno_name(value.parse().unwrap_or(0));
                out.insert(key, name.map_or(value, str::to_owned));
            }
            name::SUCCESS | name::RES => {
                let good = matches!(&*value, "yes" | "1" | "success");
                out.insert("result".to_owned(), if good { "success" } else { "fail" }.to_owned());
            }
            name::SUBJ | name::OBJ => {
                for (part, value) in ["user", "role", "domain", "level", "category"].iter().zip(value.splitn(5, ':')) {
                    out.insert(format!("{key}_{part}"), value.to_owned());
                }
            }
            name::PROCTITLE => drop(out.insert(key, value.replace('\0', " "))),
            name::SADDR => socket(&value, &mut out),
            _ if value == "4294967295" && matches!(&*key, "auid" | "old-auid" | "ses" | "uid" | "gid") => {
                out.insert(key, "unset".to_owned());
            }
            _ => drop(out.insert(key, value)),
        }
    }
    if let Some(call) = call {
        out.insert("syscall".to_owned(), table::syscall_name(arch, call).map_or(call.to_string(), str::to_owned));
    }
    let lead = shown(fields.lead());
    if let Some(verdict) = lead.strip_prefix("avc:") {
        out.insert("seresult".to_owned(), verdict.split_whitespace().next().unwrap_or_default().to_owned());
        let permissions =
            verdict.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(list, _)| list);
        out.insert("seperms".to_owned(), permissions.trim().replace(' ', ","));
    }
    out
}

fn socket(hex: &str, out: &mut BTreeMap<String, String>) {
    let mut bytes = Vec::new();
    unhex(hex.as_bytes(), &mut bytes);
    let address = sockaddr::decode(&bytes);
    out.insert("family".to_owned(), address.family_word().unwrap_or_default());
    out.insert("saddr".to_owned(), hex.to_owned());
    if let Some(ip) = address.ip() {
        out.insert("addr".to_owned(), ip.to_string());
    }
    if let Some(port) = address.port() {
        out.insert("port".to_owned(), port.to_string());
    }
    if let Some(path) = address.path() {
        out.insert("path".to_owned(), String::from_utf8_lossy(path).into_owned());
    }
}

#[test]
fn auparse_every_golden_field_is_found() {
    let (mut lines, mut seen, mut differences) = (0, 0, BTreeSet::new());
    for log in folder("auparse", "log") {
        let goldens = golden(&log, "log.golden");
        let input = std::fs::read_to_string(&log).expect("text");
        let ours: BTreeMap<String, BTreeMap<String, String>> = input
            .lines()
            .map(|line| (line.split_once("msg=").map_or(line, |(_, raw)| raw).to_owned(), fields(line)))
            .collect();
        for golden in goldens {
            lines += 1;
            let fields = ours.get(&text(&golden, "raw_msg"));
            for (key, value) in at(&golden, "data").as_object().into_iter().flatten() {
                seen += 1;
                let found = fields.and_then(|fields| fields.get(key));
                if found.map(String::as_str) != value.as_str() {
                    differences.insert(Difference {
                        golden: text(&golden, "record_type"),
                        field: key.clone(),
                        theirs: value.to_string(),
                        ours: format!("{found:?}"),
                    });
                }
            }
        }
    }
    if lines > 0 {
        assert_eq!((lines, seen), (64, 734));
        judge(&differences, AUPARSE);
    }
}

/// `NAME: |` and the indented lines below it.
fn scenarios(yaml: &str) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for line in yaml.lines() {
        if let Some(name) = line.strip_prefix("  ").and_then(|line| line.strip_suffix(": |")) {
            out.push((name.trim_matches('"').trim_matches('\'').to_owned(), String::new()));
        } else if let (Some((_, lines)), Some(line)) = (out.last_mut(), line.strip_prefix("    ")) {
            lines.push_str(line);
            lines.push('\n');
        }
    }
    out
}

/// Where our event has what a golden calls `name`.
fn place(name: &str) -> String {
    match name {
        "sequence" => "event.sequence".to_owned(),
        "record_type" => "auditd.message_type".to_owned(),
        "result" => "auditd.result".to_owned(),
        "session" => "auditd.session".to_owned(),
        "paths" => "auditd.paths".to_owned(),
        "summary.action" => "event.action".to_owned(),
        "process.ppid" => "process.parent.pid".to_owned(),
        "process.exe" => "process.executable".to_owned(),
        "process.cwd" => "process.working_directory".to_owned(),
        "data.tty" => "process.tty.name".to_owned(),
        _ if name.starts_with("dest.") => name.replace("dest.", "destination."),
        _ if ["user.selinux.", "file.selinux.", "summary.", "data."].iter().any(|part| name.starts_with(part)) => {
            format!("auditd.{name}")
        }
        _ => name.strip_prefix("ecs.").unwrap_or(name).to_owned(),
    }
}

/// Places of an id, the first that is there counts: an id that equals the one before it is not written again.
fn id_places(name: &str) -> &'static [&'static str] {
    match name {
        "auid" => &["auditd.user.audit.id"],
        "old-auid" => &["user.id"],
        "uid" => &["auditd.data.uid", "user.id"],
        "gid" => &["user.group.id"],
        "euid" => &["user.effective.id", "user.id"],
        "egid" => &["user.effective.group.id", "user.group.id"],
        "suid" => &["auditd.user.saved.id", "user.effective.id", "user.id"],
        "fsuid" => &["auditd.user.filesystem.id", "user.effective.id", "user.id"],
        "sgid" => &["auditd.user.saved.group.id", "user.effective.group.id", "user.group.id"],
        "fsgid" => &["auditd.user.filesystem.group.id", "user.effective.group.id", "user.group.id"],
        _ => &[],
    }
}

fn ours(event: &Value, name: &str) -> Value {
    match name.strip_prefix("user.ids.") {
        Some(id) => id_places(id)
            .iter()
            .map(|place| at(event, place))
            .find(|value| !value.is_null())
            .cloned()
            .unwrap_or_default(),
        None => at(event, &place(name)).clone(),
    }
}

/// A golden as flat names and values.
fn flat(prefix: &str, value: &Value, out: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flat(&name, value, out);
            }
        }
        other => out.push((prefix.to_owned(), other.clone())),
    }
}

/// Whether ours says at least what the golden says. What is unset or `(none)` we leave out.
fn holds(ours: &Value, golden: &Value) -> bool {
    match (ours, golden) {
        (Value::Null, Value::String(nothing)) => matches!(nothing.as_str(), "unset" | "(none)"),
        (Value::Array(ours), Value::Array(golden)) => {
            golden.iter().all(|value| ours.iter().any(|other| holds(other, value)))
        }
        (Value::Array(ours), golden) => ours.iter().any(|value| holds(value, golden)),
        (Value::Object(ours), Value::Object(golden)) => {
            golden.iter().all(|(key, value)| ours.get(key).is_some_and(|other| holds(other, value)))
        }
        (Value::Number(ours), Value::String(golden)) => ours.to_string() == *golden,
        (ours, golden) => ours == golden,
    }
}

#[test]
fn aucoalesce_every_golden_value_is_held() {
    let (mut events, mut seen, mut differences) = (0, 0, BTreeSet::new());
    for yaml in folder("aucoalesce", "yaml") {
        let inputs: BTreeMap<String, String> =
            scenarios(&std::fs::read_to_string(&yaml).expect("text")).into_iter().collect();
        for golden in golden(&yaml, "json.golden") {
            events += 1;
            let name = text(&golden, "test_name");
            let Some(lines) = inputs.get(&name) else { panic!("no input for {name}") };
            let (ours_all, _) = replay(lines);
            let mut values = Vec::new();
            flat("", at(&golden, "event"), &mut values);
            for (key, value) in values {
                if key == "@timestamp" || key == "category" {
                    continue;
                }
                seen += 1;
                let found = ours(&ours_all[0], &key);
                if !holds(&found, &value) {
                    let (theirs, ours) = (value.to_string(), found.to_string());
                    differences.insert(Difference { golden: name.clone(), field: key, theirs, ours });
                }
            }
        }
    }
    if events > 0 {
        assert_eq!((events, seen), (44, 1345));
        judge(&differences, AUCOALESCE);
    }
}

/// Logs of six distributions from 2.6.32 to 4.10, some of them twelve years old: each line is a record, in an event that is
/// closed at the end of the input at the latest, but for one that is none.
#[test]
fn a15_old_logs_are_read_whole() {
    let mut seen = 0;
    for log in folder("auparse", "log") {
        let input = std::fs::read(&log).expect("a readable log");
        let lines = input.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count() as u64;
        let (events, counters) = replay(&input);
        assert_eq!(counters.records + counters.unparsed, lines, "{}", log.display());
        assert_eq!(counters.events, events.len() as u64);
        for event in events.iter().filter(|event| at(event, "event.sequence").is_null()) {
            // An auditd of those days wrote the kernel's ping into its log.
            assert_eq!(at(event, "event.original"), "type=UNKNOWN[1329] msg=?", "{}", log.display());
        }
        seen += 1;
    }
    assert!(seen == 0 || seen == 5, "{seen}");
}
