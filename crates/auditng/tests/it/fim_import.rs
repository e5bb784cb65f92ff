//! Policies by the words of others, and what is said about words that nobody knows.

use std::fs;
use std::path::Path;

use crate::program::{Ran, run};

fn status(folder: &Path, arguments: &[&str], imports: &[(&str, &str, &str)]) -> Ran {
    let mut config = String::from("[fim]\nuse_defaults = false\n");
    for (format, name, text) in imports {
        let file = folder.join(name);
        fs::write(&file, text).unwrap();
        config += &format!("[[fim.import]]\nformat = \"{format}\"\nfile = \"{}\"\n", file.display());
    }
    fs::write(folder.join("agent.toml"), config).unwrap();
    let (config, state) = (folder.join("agent.toml"), folder.join("state"));
    let at = ["--config", config.to_str().unwrap(), "--state-dir", state.to_str().unwrap()];
    run(["fim", "status"].iter().chain(arguments).chain(&at))
}

#[test]
fn f54_what_is_misspelled_or_would_do_nothing_is_named_with_file_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let osquery =
        r#"{"file_paths": {"etc": ["/etc/%%"]}, "exclude_paths": {"ect": ["/etc/x"]}, "fiel_accesses": ["etc"]}"#;
    let beat = "- module: file_integrity\n  paths: [/srv]\n  force_backend: fsnotify\n";
    let imports = [("osquery", "osquery.conf", osquery), ("auditbeat", "fim.yml", beat)];
    let ran = status(folder.path(), &["--as-toml"], &imports);
    assert_eq!(ran.code, Some(2), "{}{}", ran.out, ran.err);
    for said in [
        "osquery.conf: exclude_paths.ect: unknown",
        "osquery.conf: fiel_accesses: unknown",
        "fim.yml: line 3: force_backend: inert",
    ] {
        assert!(ran.err.contains(said), "{said}\n{}", ran.err);
    }
}

#[test]
fn f53_an_import_is_shown_in_our_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let osquery = r#"{"file_paths": {"etc": ["/etc/%%", "/opt/%/conf/"]}}"#;
    let rules = "-w /etc/passwd -p wa -k identity\n";
    let imports = [("osquery", "osquery.conf", osquery), ("audit-rules", "watch.rules", rules)];
    let ran = status(folder.path(), &["--as-toml"], &imports);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("\"/etc/**\"") && ran.out.contains("\"/opt/*/conf/*\""), "{}", ran.out);
    let ran = status(folder.path(), &["--audit-rules"], &imports[1..]);
    let want = "-a always,exit -F path=/etc/passwd -F perm=wa -F key=auditng-fim:identity";
    assert!(ran.out.contains(want), "{}{}", ran.out, ran.err);
}
