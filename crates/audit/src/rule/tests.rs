mod golden;
mod model;
mod problem;

use proptest::prelude::*;

use super::*;
use crate::table::arch;

/// A machine as the tests know it.
fn host() -> Host<'static> {
    Host {
        user: &|name| {
            [("root", 0), ("chrony", 120), ("ntp", 121)].into_iter().find(|(n, _)| *n == name).map(|(_, id)| id)
        },
        group: &|name| (name == "adm").then_some(4),
        path: &|path| if path.ends_with(b".d") { PathKind::Directory } else { PathKind::File },
        ..Host::bare(arch::X86_64)
    }
}

/// The one rule of a line that has no errors.
fn rule(line: &str) -> Rule {
    let report = check(line, &host());
    assert_eq!(report.errors().map(ToString::to_string).collect::<Vec<_>>(), [""; 0], "{line}");
    report.rules().next().unwrap_or_else(|| panic!("no rule in {line}")).clone()
}

fn prints(line: &str, expect: &str) {
    assert_eq!(rule(line).text(arch::X86_64), expect);
    assert_eq!(rule(expect), rule(line), "{expect}");
}

#[test]
fn one_spelling_for_each_rule() {
    prints("-a exit,always -S execve -F arch=b64", "-a always,exit -F arch=b64 -S execve");
    prints("-w /etc/shadow -p wa -k id", "-a always,exit -F path=/etc/shadow -F perm=wa -F key=id");
    prints("-w /etc/cron.d/", "-a always,exit -F dir=/etc/cron.d -F perm=rwxa");
    prints("-a never,task -F auid=-1", "-a never,task -F auid=unset");
    prints("-a always,exit -F exit=-13 -F auid!=4294967295", "-a always,exit -F exit=-EACCES -F auid!=unset");
    prints("-a always,exclude -F msgtype=1327", "-a always,exclude -F msgtype=PROCTITLE");
    prints("-a never,filesystem -F fstype=0x74726163", "-a never,filesystem -F fstype=tracefs");
    prints("-a always,exit -F arch=i386 -S 11", "-a always,exit -F arch=b32 -S execve");
    prints("-a always,exit -F arch=aarch64 -S openat", "-a always,exit -F arch=aarch64 -S openat");
    prints("-a always,exit -F a2&0x3 -F a0=0", "-a always,exit -F a2&0x3 -F a0=0x0");
    prints("-a always,exit -C uid!=euid -C obj_uid=uid", "-a always,exit -C uid!=euid -C uid=obj_uid");
    prints("-a always,exit -S open -k a -k b", "-a always,exit -S open -k a -k b");
    prints("-a always,io_uring -S openat2,unlinkat", "-a always,io_uring -S openat2,unlinkat");
    prints("-a always,exit -F gid=adm -F filetype=fifo", "-a always,exit -F gid=4 -F filetype=fifo");
}

#[test]
fn a72_paths_with_blanks_in_three_spellings() {
    let expect = r"-a always,exit -F path=/a\ b -F perm=wa -F key=k";
    prints(r"-w /a\ b -p wa -k k", expect);
    prints(r#"-w "/a b" -p wa -k k"#, expect);
    prints("-w '/a b' -p wa -k k", expect);
    prints(r"-w /a\b -k x", r"-a always,exit -F path=/a\b -F perm=rwxa -F key=x");
    prints(r"-w $'/a\xff' -k x", r"-a always,exit -F path=$'/a\xff' -F perm=rwxa -F key=x");
}

#[test]
fn a73_calls_in_every_spelling() {
    let both = rule("-a always,exit -F arch=b64 -S open,truncate");
    assert_eq!(rule("-a always,exit -F arch=b64 -S open -S truncate"), both);
    assert_eq!(rule("-a always,exit -F arch=b64 -S 2,76"), both);
    assert_eq!(rule("-a always,exit -S open,truncate -F arch=b64"), both);
    assert_eq!(rule("-a always,exit -F arch=b64 -S pread").calls, rule("-a always,exit -F arch=b64 -S 17").calls);
    assert!(rule("-a always,exit -F arch=b32 -S all").calls.is_all());
    assert!(rule("-a always,exit -F uid=0").calls.is_all());
    assert!(rule("-a always,task -F uid=0").calls.is_none());
    // A call that only the other arch has, and -S before -F arch: read as if it stood behind, with a warning.
    let unknown = check("-a always,exit -F arch=b64 -S stime", &host());
    assert!(unknown.errors().any(|error| error.message == "x86_64 has no call `stime`"));
    assert_eq!(rule("-a always,exit -S stime -F arch=b32"), rule("-a always,exit -F arch=b32 -S stime"));
    let warned = check("-a always,exit -S stime -F arch=b32", &host());
    assert!(warned.problems.iter().any(|problem| problem.severity == Severity::Warning));
}

#[test]
fn a72_several_keys_are_one_field() {
    let rule = rule("-a always,exit -S open -k read -k open");
    assert_eq!(rule.keys().collect::<Vec<_>>(), [&b"read"[..], b"open"]);
    assert_eq!(rule.field(FieldId::KEY).unwrap().value, Value::Text(b"read\x01open".to_vec()));
}

#[test]
fn settings() {
    let report = check("-D\n-b 8192\n-f 1\n--backlog_wait_time 0\n-i\n-r 100\n-e 1\n", &host());
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let status = report.status();
    assert_eq!((status.backlog_limit, status.failure, status.backlog_wait_time), (Some(8192), Some(1), Some(0)));
    assert_eq!((status.rate_limit, status.enabled), (Some(100), Some(1)));
    assert_eq!(report.lines[0].statement, Statement::DeleteAll(None));
}

#[test]
fn what_lines_leave_behind() {
    let report = check(
        "-w /old -k x\n-D\n-w /a -k one\n-w /b -k two\n-A always,exit -S open -k three\n-w /b -k two\n-W /a -k one\n-D -k two",
        &host(),
    );
    let left: Vec<_> = report.wanted().iter().map(|rule| rule.text(arch::X86_64)).collect();
    assert_eq!(left, ["-a always,exit -S open -F key=three"]);
}

#[test]
fn bytes_are_the_kernels_struct() {
    let bytes = encode(&rule("-a always,exit -F arch=b64 -S execve -k exec"));
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!((bytes.len(), word(0), word(4), word(8)), (1044, 4, 2, 2));
    assert_eq!((word(12 + 4), word(268), word(272)), (1 << (59 - 32), 11, 210));
    assert_eq!((word(524), word(528), word(780), word(1036)), (0xc000_003e, 4, 0x4000_0000, 4));
    assert_eq!(&bytes[1040..], b"exec");
}

#[test]
fn what_the_kernel_gives_back_is_the_same_rule() {
    let sent = rule("-w /etc/shadow -p wa -k id");
    let mut back = sent.canonical_bytes();
    back.extend([0, 0]);
    let back_rule = decode(&back).unwrap();
    assert_ne!(back_rule, sent);
    assert!(back_rule.is_same(&sent));
    assert_eq!(canonical(&back), canonical(&encode(&sent)));
    assert_eq!(back_rule.text(arch::X86_64), sent.text(arch::X86_64));
}

#[test]
fn strange_bytes_are_named() {
    assert_eq!(decode(&[0; 12]), Err(DecodeError::Short { length: 12 }));
    let mut bytes = encode(&rule("-w /etc/shadow -p wa -k id"));
    bytes.truncate(1045);
    assert_eq!(decode(&bytes), Err(DecodeError::Text { at: 0, length: 11, left: 5 }));
    bytes[8..12].copy_from_slice(&65u32.to_ne_bytes());
    assert_eq!(decode(&bytes), Err(DecodeError::Count(65)));
}

#[test]
fn a74_several_files_by_the_order_of_augenrules() {
    let files = [("b.rules", "-w /b -k x\n-e 1"), ("10-a.rules", "-w /a -k x\n-z"), ("9-a.rules", "-w /nine -k x\n-D")];
    let report = check_files(&files, &host());
    let paths: Vec<_> = report.rules().map(|rule| rule.fields[0].value.text().unwrap()).collect();
    assert_eq!(paths, [&b"/nine"[..], b"/a", b"/b"]);
    let error = report.errors().next().unwrap();
    assert_eq!((error.file.as_deref(), error.line), (Some("10-a.rules"), 2));
    // Of two -e the last counts, wherever its file stands; 9- comes before 10-, 99- is last.
    let files = [("99-end.rules", "-e 1"), ("10-a.rules", "-e 0\n-b 100"), ("9-a.rules", "-b 200\n-f 2")];
    let status = check_files(&files, &host()).status();
    assert_eq!((status.enabled, status.backlog_limit, status.failure), (Some(1), Some(100), Some(2)));
}

/// The rules that are shipped: nothing to say about them on the machines that they are for.
#[test]
fn shipped_rules_have_no_problems() {
    const EVERYWHERE: &str = include_str!("../../../../etc/rules.d/10-auditng.rules");
    const ON_X86_64: &str = include_str!("../../../../etc/rules.d/11-auditng-x86_64.rules");
    let problems = |machine, text: &str| {
        let host = Host { path: &|_| PathKind::File, features: Some(0x7f), ..Host::bare(machine) };
        check(text, &host).problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    // kexec_load of 32-bit programs has its rule in the second file.
    let both = format!("{EVERYWHERE}{ON_X86_64}");
    assert_eq!(problems(arch::X86_64, &both), [""; 0]);
    let without_twin = problems(arch::AARCH64, EVERYWHERE);
    assert!(without_twin.iter().all(|problem| problem.contains("-k kexec")), "{without_twin:#?}");
    assert!(
        check(EVERYWHERE, &Host::bare(arch::X86_64))
            .rules()
            .all(|rule| rule.keys().next().is_some() || rule.action == Action::Never || rule.list == List::Exclude)
    );
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    let operators = prop::sample::select(Operator::ALL.map(|(operator, ..)| operator).to_vec());
    let ids = prop::sample::select(vec![0, 1, 5, 10, 18, 25, 100, 101, 103, 104, 106, 108, 109, 113, 200, 203]);
    let field = (ids, operators, any::<u32>()).prop_map(|(id, operator, number)| {
        let number = match id {
            104 => number % 2,
            106 => number % 15 + 1,
            108 => [0o100_000, 0o040_000, 0o010_000][number as usize % 3],
            113 => number % 46,
            _ if number % 3 == 0 => number % 40,
            _ => number,
        };
        Field { id: FieldId(id), operator, value: Value::Number(number) }
    });
    let allowed = |field: &Field| field::refusal(field.id, field.operator, List::Exit).is_none();
    prop::collection::vec(field.prop_filter("the kernel allows it", allowed), 0..6)
}

/// Rules as they can be written, with every kind of byte in their strings.
fn any_rule() -> impl Strategy<Value = Rule> {
    let text = prop::collection::vec(any::<u8>().prop_filter("a string has no NUL", |byte| *byte != 0), 1..20);
    let calls = prop_oneof![
        Just(Mask::ALL),
        prop::collection::vec(0u32..2032, 1..5).prop_map(|numbers| {
            let mut mask = Mask::NONE;
            numbers.into_iter().for_each(|number| assert!(mask.insert(number)));
            mask
        })
    ];
    let arches = prop::option::of(prop::sample::select(vec![arch::X86_64, arch::I386, arch::AARCH64]));
    (fields(), calls, arches, prop::option::of(text.clone()), prop::option::of(text), any::<bool>()).prop_map(
        |(mut fields, calls, arch, path, key, always)| {
            let equal = |id, value| Field { id, operator: Operator::Equal, value };
            fields.extend(arch.map(|arch| equal(FieldId::ARCH, Value::Number(arch))));
            let path = path.map(|mut path| {
                path.insert(0, b'/');
                path.push(b'x');
                path
            });
            fields.extend(path.map(|path| equal(FieldId::PATH, Value::Text(path))));
            fields.extend(key.map(|key| equal(FieldId::KEY, Value::Text(key))));
            let action = if always { Action::Always } else { Action::Never };
            Rule { list: List::Exit, action, calls, fields }
        },
    )
}

proptest! {
    #[test]
    fn a70_text_and_bytes_are_the_same_rule(rule in any_rule()) {
        let bytes = encode(&rule);
        prop_assert_eq!(decode(&bytes), Ok(rule.clone()));
        let text = rule.text(arch::X86_64);
        let report = check(&text, &host());
        prop_assert!(report.errors().next().is_none(), "{}\n{}", text, report.problems[0]);
        let again = report.rules().next().unwrap();
        prop_assert_eq!(encode(again), bytes, "{}", text);
        prop_assert_eq!(again.text(arch::X86_64), text);
    }

    #[test]
    fn no_text_panics(text in "(-[aAdFCSkpwWbefrq] ?([a-z0-9=!<>&,/'\"$ -]{0,12}|always,exit|arch=b32|uid!=root) ?){0,5}") {
        let report = check(&text, &host());
        for problem in &report.problems {
            prop_assert!(problem.column >= 1 && problem.width >= 1, "{}", problem);
        }
    }

    #[test]
    fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 1000..1200), count in 0u32..70, list in 0u32..9) {
        bytes[0..4].copy_from_slice(&list.to_ne_bytes());
        bytes[4..8].copy_from_slice(&2u32.to_ne_bytes());
        bytes[8..12].copy_from_slice(&count.to_ne_bytes());
        if let Ok(rule) = decode(&bytes) {
            prop_assert_eq!(decode(&encode(&rule)), Ok(rule.clone()));
            prop_assert!(!rule.text(arch::X86_64).contains('\n'));
        }
    }
}
