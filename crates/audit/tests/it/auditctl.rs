//! The real auditctl as an outside oracle for rule bytes. A small library loaded before libaudit writes down what it would
//! have sent, so nothing reaches the kernel and no rule is loaded.
//!
//! Needs auditctl (Debian: `auditd`), cc and root, which auditctl asks for. Without them the tests say so and return;
//! `AUDITNG_LIVE=require` makes that a failure.

use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;

use audit::rule::{self, Host, PathKind, check};
use audit::table::arch;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A built oracle in a folder that goes when it is dropped.
struct Oracle {
    folder: tempfile::TempDir,
}

impl Oracle {
    fn build() -> Option<Self> {
        match Self::try_build() {
            Ok(oracle) => Some(oracle),
            Err(reason) => {
                let required = testkit::live::required();
                assert!(!required, "AUDITNG_LIVE=require, but {reason}");
                // Past the capture of output: a skip must be seen.
                writeln!(std::io::stderr(), "skipped: {reason}").expect("standard error is open");
                None
            }
        }
    }

    fn try_build() -> Result<Self, String> {
        let version = Command::new("auditctl").arg("-v").output().map_err(|_| "there is no auditctl here")?;
        let said = String::from_utf8_lossy(&version.stdout).into_owned() + &String::from_utf8_lossy(&version.stderr);
        if !version.status.success() {
            return Err(format!("auditctl does not run here: {}", said.trim()));
        }
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/auditctl_oracle.c");
        let library = folder.path().join("oracle.so");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(&library).arg(source);
        let built = compiler.output().map_err(|_| "there is no cc here")?;
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let oracle = Self { folder };
        match oracle.bytes("-w /etc/passwd -p wa -k oracle\n") {
            Ok(rules) if rules.len() == 1 => Ok(oracle),
            Ok(_) => Err("auditctl gives no bytes here".to_owned()),
            Err(said) => Err(format!("auditctl cannot be asked here: {said}")),
        }
    }

    /// What auditctl makes of a file; lines that it refuses are left out.
    fn bytes(&self, rules: &str) -> Result<Vec<Vec<u8>>, String> {
        let (file, out) = (self.folder.path().join("a.rules"), self.folder.path().join("bytes"));
        std::fs::write(&file, format!("-c\n{rules}")).expect("a folder of our own");
        std::fs::write(&out, b"").expect("a folder of our own");
        let mut command = Command::new("auditctl");
        command.arg("-R").arg(&file);
        command.env("LD_PRELOAD", self.folder.path().join("oracle.so")).env("AUDITNG_ORACLE", &out);
        let ran = command.output().map_err(|error| error.to_string())?;
        let mut bytes = &std::fs::read(&out).expect("a folder of our own")[..];
        let mut all = Vec::new();
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let (rule, rest) = rest.split_at(u32::from_ne_bytes(*length) as usize);
            all.push(rule.to_vec());
            bytes = rest;
        }
        if all.is_empty() { Err(String::from_utf8_lossy(&ran.stderr).trim().to_owned()) } else { Ok(all) }
    }

    /// Bytes for each line, `None` for a refused one.
    fn each(&self, lines: &[String]) -> Vec<Option<Vec<u8>>> {
        match self.bytes(&lines.join("\n")) {
            Ok(all) if all.len() == lines.len() => all.into_iter().map(Some).collect(),
            _ => lines.iter().map(|line| self.bytes(line).ok().and_then(|mut all| all.pop())).collect(),
        }
    }
}

/// This machine, as auditctl asks it.
fn here(check: impl FnOnce(&Host<'_>)) {
    let lookup = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
        line.split(':').nth(2)?.parse().ok()
    };
    let path = |path: &[u8]| {
        let path = std::ffi::OsStr::from_bytes(path);
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => PathKind::Directory,
            Ok(_) => PathKind::File,
            Err(_) => PathKind::Missing,
        }
    };
    let machine = if cfg!(target_arch = "aarch64") { arch::AARCH64 } else { arch::X86_64 };
    check(&Host {
        user: &|name| lookup("/etc/passwd", name),
        group: &|name| lookup("/etc/group", name),
        path: &path,
        ..Host::bare(machine)
    });
}
fn compare(host: &Host<'_>, line: &str, theirs: &[u8]) {
    let report = check(line, host);
    let errors: Vec<_> = report.errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "auditctl takes {line}\n{}", errors.join("\n"));
    let ours = rule::encode(report.rules().next().expect("a line without errors has a rule"));
    if ours != theirs {
        let at = ours.iter().zip(theirs).position(|(ours, theirs)| ours != theirs);
        let theirs = rule::decode(theirs).map(|rule| rule.text(arch::X86_64));
        panic!("{line}\nthe bytes differ at {at:?}; theirs: {theirs:?}");
    }
}

#[test]
fn a71_bytes_of_neo23x0_are_those_of_auditctl() {
    let (Some(path), Some(oracle)) = (testkit::recording("audit/neo23x0/audit.rules"), Oracle::build()) else { return };
    let text = std::fs::read_to_string(path).expect("text");
    let lines: Vec<String> =
        text.lines().filter(|line| line.starts_with("-a") || line.starts_with("-w")).map(str::to_owned).collect();
    assert_eq!(lines.len(), 405);
    let theirs = oracle.each(&lines);
    here(|host| {
        let mut compared = 0;
        for (line, theirs) in lines.iter().zip(&theirs) {
            if let Some(theirs) = theirs {
                compare(host, line, theirs);
                compared += 1;
            }
        }
        // Four lines are wrong; two more name users that a host may lack.
        assert!((399..=401).contains(&compared), "{compared}");
    });
}

#[test]
fn a72_blanks_and_keys_as_auditctl_reads_them() {
    let Some(oracle) = Oracle::build() else { return };
    let lines = [
        r"-w /a\ b -p wa -k k",
        "-a always,exit -F arch=b64 -S open -F path=/x -k one -k two",
        "-a always,exit -F arch=b64 -S execve -F key=exec",
        "-w /etc -p wa -k folder",
        "-w /etc/ -p wa",
        "-w /no/such/place -k missing",
        "-a always,exclude -F msgtype=PROCTITLE",
        "-a never,task -F uid=0",
        "-a never,user -F uid=0",
        "-a never,filesystem -F fstype=tracefs",
        "-a always,exit -F arch=b32 -S all -F uid=0",
    ]
    .map(str::to_owned);
    let theirs = oracle.each(&lines);
    here(|host| lines.iter().zip(&theirs).for_each(|(line, theirs)| compare(host, line, theirs.as_ref().expect(line))));
}

/// One condition as text, of those that hold for the exit list.
fn condition() -> BoxedStrategy<String> {
    let of = |words: &'static [&'static str]| prop::sample::select(words.to_vec());
    let numeric = of(&["=", "!=", "<", ">", "<=", ">="]);
    prop_oneof![
        (
            of(&["uid", "euid", "suid", "fsuid", "auid", "gid", "egid", "sgid", "fsgid", "obj_uid", "obj_gid"]),
            numeric.clone(),
            0u32..70_000
        )
            .prop_map(|(field, op, id)| format!("-F {field}{op}{id}")),
        (of(&["auid", "uid"]), of(&["=", "!="]), of(&["unset", "-1", "4294967295", "root"]))
            .prop_map(|(field, op, id)| format!("-F {field}{op}{id}")),
        (of(&["pid", "ppid", "sessionid", "inode", "devmajor", "devminor"]), of(&["=", "!="]), 1u32..1_000_000)
            .prop_map(|(field, op, value)| format!("-F {field}{op}{value}")),
        (of(&["a0", "a1", "a2", "a3"]), of(&["=", "!=", "&", "&=", "<", ">"]), 0u32..0xffff)
            .prop_map(|(field, op, value)| format!("-F {field}{op}{value:#x}")),
        (of(&["a1", "a2"]), of(&["&", "="]), 1u32..0o777)
            .prop_map(|(field, op, value)| format!("-F {field}{op}0{value:o}")),
        of(&["EACCES", "EPERM", "ENOENT", "EINVAL", "ENOSYS"]).prop_map(|name| format!("-F exit=-{name}")),
        (-600i32..600).prop_map(|exit| format!("-F exit={exit}")),
        of(&["0", "1"]).prop_map(|value| format!("-F success={value}")),
        of(&["file", "dir", "socket", "link", "character", "block", "fifo"])
            .prop_map(|kind| format!("-F filetype={kind}")),
        of(&["subj_user", "subj_role", "subj_type", "subj_sen", "obj_user", "obj_role", "obj_type", "obj_lev_low"])
            .prop_flat_map(move |field| ("[a-z_]{1,12}", of(&["=", "!="]))
                .prop_map(move |(text, op)| format!("-F {field}{op}{text}"))),
        ("/[a-z]{1,8}(/[a-z0-9._-]{1,8}){0,3}", of(&["=", "!="])).prop_map(|(path, op)| format!("-F exe{op}{path}")),
        of(&["uid!=euid", "auid!=uid", "uid=obj_uid", "gid!=egid", "egid=obj_gid", "suid!=fsuid", "auid=euid"])
            .prop_map(|pair| format!("-C {pair}")),
        of(&["2", "10", "16", "17"]).prop_map(|family| format!("-F saddr_fam={family}")),
        of(&["0", "8"]).prop_map(|pers| format!("-F pers={pers}")),
    ]
    .boxed()
}

/// A line of the exit list as auditctl understands it.
fn line() -> impl Strategy<Value = String> {
    let calls = prop::sample::subsequence(
        vec![
            "execve", "openat", "unlink", "rename", "chmod", "connect", "bind", "ptrace", "kill", "mount", "setuid",
            "clone", "bpf", "59", "0",
        ],
        0..5,
    );
    (
        prop::sample::select(vec!["always,exit", "exit,always", "never,exit"]),
        prop::sample::select(vec!["b64", "b32"]),
        calls,
        any::<bool>(),
        prop::collection::vec(condition(), 0..5),
        prop::option::of("/[a-z]{1,8}(/[a-z0-9._-]{1,8}){0,3}"),
        prop::option::of(prop::sample::select(vec!["r", "w", "x", "a", "wa", "rwxa"])),
        // A key that begins with a dash is a forgotten key to us, and a key to auditctl.
        prop::option::of("[a-zA-Z0-9_][a-zA-Z0-9_-]{0,30}"),
    )
        .prop_map(|(list, arch, calls, comma, conditions, path, perm, key)| {
            let mut words = vec![format!("-a {list} -F arch={arch}")];
            match (calls.is_empty(), comma) {
                (true, _) => {}
                (false, true) => words.push(format!("-S {}", calls.join(","))),
                (false, false) => words.extend(calls.iter().map(|call| format!("-S {call}"))),
            }
            words.extend(conditions);
            words.extend(path.map(|path| format!("-F path={path}")));
            words.extend(perm.map(|perm| format!("-F perm={perm}")));
            words.extend(key.map(|key| format!("-k {key}")));
            words.join(" ")
        })
}

#[test]
fn a70_bytes_of_any_rule_are_those_of_auditctl() {
    const RULES: usize = 600;
    const CALL_OR_FILE: [&str; 4] = ["-S ", "path=", "exe", "perm="];
    let Some(oracle) = Oracle::build() else { return };
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mut lines = Vec::new();
    while lines.len() < RULES {
        let line = line().new_tree(&mut runner).expect("a strategy without rejects").current();
        // What auditctl sends and the kernel refuses: an inode beside a path, two programs.
        if !(line.contains("inode") && line.contains("path=")) && line.matches("-F exe").count() < 2 {
            lines.push(line);
        }
    }
    let theirs = oracle.each(&lines);
    here(|host| {
        let mut compared = 0;
        for (line, theirs) in lines.iter().zip(&theirs) {
            match theirs {
                Some(theirs) => {
                    compare(host, line, theirs);
                    compared += 1;
                }
                // auditctl wants a call or a file before a key; the kernel does not, and so do we not.
                None if line.contains(" -k ") && !CALL_OR_FILE.iter().any(|word| line.contains(word)) => {}
                None => assert!(check(line, host).errors().next().is_some(), "auditctl refuses {line}"),
            }
        }
        assert!(compared > RULES / 2, "auditctl took {compared} of {RULES}");
    });
}

#[test]
fn a70_bytes_of_the_shipped_rules_are_those_of_auditctl() {
    let Some(oracle) = Oracle::build().filter(|_| cfg!(target_arch = "x86_64")) else { return };
    let texts = [
        include_str!("../../../../etc/rules.d/10-auditng.rules"),
        include_str!("../../../../etc/rules.d/11-auditng-x86_64.rules"),
    ];
    let lines: Vec<String> =
        texts.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with("-a")).map(str::to_owned).collect();
    assert!(lines.len() > 100, "{}", lines.len());
    let theirs = oracle.each(&lines);
    here(|host| {
        for (line, theirs) in lines.iter().zip(&theirs) {
            let theirs = theirs.as_ref().unwrap_or_else(|| panic!("auditctl refuses {line}"));
            compare(host, line, theirs);
        }
    });
}
