//! `auditng audit-rules check` and `compile`: what they print and how they end.

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::program::{Ran, run};

fn rules(action: &str, at: &Path, more: &[&str]) -> Ran {
    let at = at.to_str().unwrap();
    run(["audit-rules", action, at].iter().chain(more))
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::with_suffix(".rules").unwrap();
    fs::write(file.path(), text).unwrap();
    file
}

const BOTH: &str = "-a always,exit -F arch=b64 -S execve -k exec\n-a always,exit -F arch=b32 -S execve -k exec\n";

#[test]
fn a75_check_tells_every_error_and_exits_2() {
    let bad = file("-a always,exit -F arch=b64 -S opne\n# fine\n-w /ok -F arch=b64 -k x\n-b x\n");
    let ran = rules("check", bad.path(), &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    for said in [
        "error: x86_64 has no call `opne`",
        "= help: did you mean `open`?",
        "error: -F cannot be used with -w",
        "0 rules, 3 errors",
    ] {
        assert!(ran.out.contains(said), "{said}: {}", ran.out);
    }
    let ran = rules("check", bad.path(), &["--format", "json"]);
    assert_eq!(ran.code, Some(2));
    let problems: Json = serde_json::from_str(&ran.out).unwrap();
    let places: Vec<_> =
        problems.as_array().unwrap().iter().map(|one| json!([one["line"], one["column"], one["severity"]])).collect();
    assert_eq!(places, [json!([1, 31, "error"]), json!([3, 11, "error"]), json!([4, 4, "error"])]);
    assert_eq!(problems[0]["help"], "did you mean `open`?");
    assert!(problems[0]["file"].as_str().unwrap().ends_with(".rules"));
    let ran = rules("compile", bad.path(), &[]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "nothing is compiled of a file with errors");
    assert!(ran.err.contains("x86_64 has no call `opne`"), "{}", ran.err);
}

#[test]
fn a75_check_exits_1_for_doubts_and_0_for_none() {
    let ran = rules("check", file(BOTH).path(), &[]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "2 rules, 0 errors, 0 warnings and hints\n"), "{}", ran.err);
    let doubtful = file("-a always,exit -F uid=0\n");
    let ran = rules("check", doubtful.path(), &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.out.contains("at the end of every system call"), "{}", ran.out);
    let ran = rules("check", Path::new("/no/such/file.rules"), &[]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    // The rules that are built in: a host may lack a path that one of them watches.
    let ran = run(["audit-rules", "check"]);
    assert!(matches!(ran.code, Some(0 | 1)) && ran.out.contains(" 0 errors, "), "{:?} {}", ran.code, ran.out);
}

#[test]
fn a74_a_directory_is_read_in_the_order_of_augenrules() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("99-end.rules", "-e 1\n-w /end -k z\n"),
        ("10-a.rules", "-e 0\n-w /ten -k z\n"),
        ("9-a.rules", "-D\n-w /nine -k z\n"),
        (".hidden.rules", "-w /hidden -k z\n"),
        ("notes.txt", "-w /notes -k z\n"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let ran = rules("compile", folder.path(), &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let paths: Vec<_> = ran.out.lines().map(|line| line.split(' ').nth(3).unwrap()).collect();
    assert_eq!(paths, ["path=/nine", "path=/ten", "path=/end"], "{}", ran.out);
}

#[test]
fn named_files_are_read_in_the_order_given_whatever_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["z.rules", "a.conf", ".hidden"].map(|name| folder.path().join(name));
    for (at, path) in names.iter().enumerate() {
        fs::write(path, format!("-w /{at} -k z\n")).unwrap();
    }
    let ran = run(["audit-rules", "compile"]
        .map(std::ffi::OsStr::new)
        .into_iter()
        .chain(names.iter().map(|path| path.as_os_str())));
    let paths: Vec<_> = ran.out.lines().map(|line| line.split(' ').nth(3).unwrap()).collect();
    assert_eq!(paths, ["path=/0", "path=/1", "path=/2"], "{}{}", ran.out, ran.err);
}

#[test]
fn compiled_rules_as_text_json_and_bytes() {
    let both = file(BOTH);
    let text = rules("compile", both.path(), &[]);
    assert_eq!(
        (text.code, text.out.as_str()),
        (
            Some(0),
            "-a always,exit -F arch=b64 -S execve -F key=exec\n-a always,exit -F arch=b32 -S execve -F key=exec\n",
        )
    );
    let json = rules("compile", both.path(), &["--format", "json"]);
    let objects: Vec<Json> = json.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 2);
    let arguments = ["audit-rules", "compile", "--format", "raw", both.path().to_str().unwrap()];
    let raw = crate::program::auditng().args(arguments).output().unwrap().stdout;
    assert_eq!(raw.len(), 2 * 1044);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (object, bytes) in objects.iter().zip(raw.chunks(1044)) {
        assert_eq!(object["bytes"], hex(bytes));
        assert!(bytes.ends_with(b"exec"));
    }
    // Text that was compiled compiles to the same bytes.
    let again = file(&text.out);
    let arguments = ["audit-rules", "compile", "--format", "raw", again.path().to_str().unwrap()];
    assert_eq!(crate::program::auditng().args(arguments).output().unwrap().stdout, raw);
}
