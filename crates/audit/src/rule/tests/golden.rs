//! Rules that others compiled: go-libaudit's goldens, which were read back from real kernels.

use std::path::Path;

use super::super::*;
use crate::table::arch;

/// `flags:` and `bytes: !!binary` of a golden file.
struct Golden {
    machine: u32,
    rules: Vec<(String, Vec<u8>)>,
}

fn read(path: &Path) -> Golden {
    let text = std::fs::read_to_string(path).unwrap();
    let machine = if text.contains("aarch64 GNU/Linux") { arch::AARCH64 } else { arch::X86_64 };
    let mut rules: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(flags) = line.strip_prefix("- flags: ") {
            rules.push((flags.to_owned(), String::new()));
        } else if let (true, Some((_, digits))) = (line.starts_with("    "), rules.last_mut()) {
            digits.push_str(line.trim());
        }
    }
    Golden { machine, rules: rules.into_iter().map(|(flags, digits)| (flags, base64(&digits))).collect() }
}

fn base64(digits: &str) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for digit in digits.bytes().take_while(|digit| *digit != b'=') {
        bits = bits << 6 | u32::try_from(ALPHABET.iter().position(|known| *known == digit).unwrap()).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    out
}

/// The directories that were there when the goldens were made.
fn directories(path: &[u8]) -> PathKind {
    let known: [&[u8]; 1] = [b"/tmp/audit-test/var/log/audit"];
    if known.contains(&path) { PathKind::Directory } else { PathKind::File }
}

#[test]
fn a70_all_85_goldens_both_ways() {
    let Some(folder) = testkit::recording("audit/go-libaudit/rule") else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yml") {
            let golden = read(&path);
            count += golden.rules.len();
            golden.rules.iter().for_each(|(flags, bytes)| compare(golden.machine, flags, bytes, &path));
        }
    }
    assert_eq!(count, 85);
}

/// The rule files themselves, of which the goldens hold the lines.
#[test]
fn a70_the_files_behind_the_goldens_compile_whole() {
    let Some(folder) = testkit::recording("audit/go-libaudit/rule") else { return };
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rules") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let golden = read(&path.with_extension("rules.golden.yml"));
        let host = Host { path: &directories, ..Host::bare(golden.machine) };
        let report = check(&text, &host);
        assert!(report.errors().next().is_none(), "{}: {:?}", path.display(), report.problems);
        assert_eq!(report.rules().count(), golden.rules.len(), "{}", path.display());
        files += 1;
    }
    assert_eq!(files, 8);
}

fn compare(machine: u32, flags: &str, bytes: &[u8], path: &Path) {
    let host = Host { path: &directories, ..Host::bare(machine) };
    let report = check(flags, &host);
    let errors: Vec<_> = report.errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}: {flags}\n{}", path.display(), errors.join("\n"));
    let rule = report.rules().next().unwrap();
    let golden = decode(bytes).unwrap();
    assert_eq!(rule.text(machine), golden.text(machine), "{}: {flags}", path.display());
    assert!(rule.canonical_bytes() == canonical(bytes).unwrap(), "{}: {flags}", path.display());
    let text = golden.text(machine);
    let again = check(&text, &Host::bare(machine));
    let again = again.rules().next().unwrap_or_else(|| panic!("{text}: {:?}", again.problems));
    assert!(again.canonical_bytes() == canonical(bytes).unwrap(), "{text}");
    assert_eq!(again.text(machine), text);
}

#[test]
fn a71_401_of_the_405_rules_of_neo23x0() {
    let Some(path) = testkit::recording("audit/neo23x0/audit.rules") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let report = check(&text, &super::host());
    let lines = text.lines().filter(|line| line.starts_with("-a") || line.starts_with("-w")).count();
    assert_eq!((lines, report.rules().count()), (405, 401));
    let mut wrong: Vec<_> = report.errors().map(|error| error.line).collect();
    wrong.dedup();
    let is_wrong = |line: &str| !line.starts_with('#') && (line.contains("-k -F") || line.contains("-F obj="));
    let expect: Vec<_> = text.lines().zip(1..).filter(|(line, _)| is_wrong(line)).map(|(_, number)| number).collect();
    assert_eq!((wrong.len(), wrong), (4, expect));
    for rule in report.rules() {
        assert_eq!(decode(&encode(rule)).as_ref(), Ok(rule));
    }
}
