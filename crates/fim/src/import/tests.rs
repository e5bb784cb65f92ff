use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;
use crate::config::{Attribute, Class, Hash};
use crate::policy::{Interest, Nowhere, Policies};

fn policies(imported: &Imported) -> Policies {
    let config =
        Config { policy: imported.policies.clone(), exclude: Vec::new(), use_defaults: false, ..Config::default() };
    Policies::read(&config, &Nowhere).unwrap_or_else(|problems| panic!("{problems}"))
}

fn quiet(format: Format, text: &str) -> Imported {
    let imported = read(format, "test", text.as_bytes());
    assert!(imported.complaints.is_empty(), "{:?}", imported.complaints);
    imported
}

fn said(imported: &Imported) -> Vec<String> {
    imported.complaints.iter().map(Complaint::to_string).collect()
}

/// What a path is to these policies: ids, sorted.
fn of(policies: &Policies, path: &str) -> String {
    let ids: BTreeSet<String> = policies.of(Path::new(path)).iter().map(|policy| policy.id.to_string()).collect();
    ids.into_iter().collect::<Vec<_>>().join(" ")
}

/// The example of osquery's wiki, with the comments and continued lines that its reader takes.
const WIKI: &str = r#"// Watched files
{
  "schedule": {
    "crontab": { "query": "SELECT * FROM crontab;", "interval": 300 },
    # continued
    "file_events": { "query": "SELECT * \
FROM file_events;", "removed": false, "interval": 300 }
  },
  "file_paths": {
    "homes": [ "/root/.ssh/%%", "/home/%/.ssh/%%" ],
    "etc": [ "/etc/%%" ],
    "tmp": [ "/tmp/%%" ]
  },
  "exclude_paths": {
    "homes": [ "/home/not_to_monitor/.ssh/%%" ],
    "tmp": [ "/tmp/too_many_events/" ]
  }
}"#;

#[test]
fn f53_the_wikis_example_stands_for_the_same_paths() {
    let policies = policies(&quiet(Format::Osquery, WIKI));
    for (path, expect) in [
        ("/root/.ssh/authorized_keys", "homes"),
        ("/root/.ssh/a/b/c", "homes"),
        ("/root/.sshx/a", ""),
        ("/home/anna/.ssh/config", "homes"),
        ("/home/anna/x/.ssh/config", ""),
        ("/home/not_to_monitor/.ssh/config", ""),
        ("/home/not_to_monitor/.ssh/a/b", ""),
        ("/etc/passwd", "etc"),
        ("/etc/a/b/c/d", "etc"),
        ("/etcetera", ""),
        ("/tmp/x", "tmp"),
        ("/tmp/too_many_events", ""),
        ("/tmp/too_many_events/x", ""),
        ("/tmp/too_many_events/x/y", "tmp"),
        ("/var/x", ""),
    ] {
        assert_eq!(of(&policies, path), expect, "{path}");
    }
    assert_eq!(policies.interest(Path::new("/home/not_to_monitor/.ssh")), Interest::Nothing);
}

#[test]
fn f53_percent_signs_and_slashes() {
    let is = |pattern: &str, path: &str| {
        let text = serde_json::json!({ "file_paths": { "c": [pattern] } }).to_string();
        !policies(&quiet(Format::Osquery, &text)).of(Path::new(path)).is_empty()
    };
    for (pattern, yes, no) in [
        (
            "/Users/%/Library",
            &["/Users/a/Library"][..],
            &["/Users/a/Library/x", "/Users/Library", "/Users/a/b/Library"][..],
        ),
        ("/Users/%/Library/", &["/Users/a/Library/x"], &["/Users/a/Library", "/Users/a/Library/x/y"]),
        ("/Users/%/Library/%", &["/Users/a/Library/x"], &["/Users/a/Library", "/Users/a/Library/x/y"]),
        ("/Users/%/Library/%%", &["/Users/a/Library/x", "/Users/a/Library/x/y/z"], &["/Users/a/Librarian"]),
        ("/bin/%sh", &["/bin/bash", "/bin/sh"], &["/bin/shx", "/bin/a/bash"]),
        ("/bin/ba%", &["/bin/bash"], &["/bin/sh"]),
        ("/etc/*", &["/etc/passwd"], &["/etc/a/b"]),
        ("/etc/**", &["/etc/passwd", "/etc/a/b"], &["/usr/etc/a"]),
        ("/etc/passwd", &["/etc/passwd"], &["/etc/passwd-"]),
        ("/%%", &["/x", "/x/y"], &[]),
        ("/etc/%%/", &["/etc/a/b"], &[]),
    ] {
        yes.iter().for_each(|path| assert!(is(pattern, path), "{pattern} is {path}"));
        no.iter().for_each(|path| assert!(!is(pattern, path), "{pattern} is not {path}"));
    }
}

#[test]
fn f54_what_osquery_would_drop_silently_is_named() {
    let imported = read(
        Format::Osquery,
        "osquery.conf",
        br#"{
          "file_path": { "x": ["/x"] },
          "file_paths": { "etc": ["/etc/%%", "/usr/%%/bin", "/opt/%%.conf", "etc", 7], "gone": [] },
          "exclude_paths": { "ect": ["/etc/shadow"] },
          "file_accesses": ["etc", "tmp"],
          "file_paths_query": { "q": ["select path from users"] },
          "packs": { "other": "/etc/osquery/packs/other.conf", "inline": { "file_paths": { "srv": ["/srv/%"] } } }
        }"#,
    );
    let said = said(&imported);
    for (place, what) in [
        ("file_path: unknown", "no such key"),
        ("file_paths.etc[1]: refused", "\"/usr/**/bin\""),
        ("file_paths.etc[2]: refused", "\"/opt/**/*.conf\""),
        ("file_paths.etc[3]: refused", "absolute"),
        ("file_paths.etc[4]: unreadable", "no text"),
        ("file_paths.gone: refused", "no path"),
        ("exclude_paths.ect: unknown", "nothing would be excluded"),
        ("file_accesses[1]: unknown", "\"tmp\""),
        ("file_paths_query.q: refused", "inventory"),
        ("packs.other: inert", "another file"),
    ] {
        let one = said.iter().find(|one| one.contains(place));
        assert!(
            one.is_some_and(|one| one.starts_with("osquery.conf: ") && one.contains(what)),
            "{place} {what}\n{said:#?}"
        );
    }
    assert_eq!(said.len(), 10, "{said:#?}");
    let ids: Vec<_> = imported.policies.iter().map(|policy| policy.id.as_str()).collect();
    assert_eq!(ids, ["etc", "srv"]);
    assert!(imported.policies[0].events.as_ref().unwrap().contains(&Class::Access));
    assert_eq!(imported.policies[0].hash, None, "accesses do not switch hashing off");
}

#[test]
fn no_json_is_said_with_its_line() {
    assert_eq!(read(Format::Osquery, "f", b"{\n// x\n\"a\": }").complaints[0].place, "line 3");
    assert_eq!(read(Format::Osquery, "f", b"[]").complaints[0].kind, Kind::Unreadable);
    assert_eq!(read(Format::Osquery, "f", b"\xff").complaints[0].kind, Kind::Unreadable);
}

const BEAT: &str = r"
auditbeat.modules:
- module: auditd
  audit_rules: |
    -w /etc/passwd
- module: file_integrity
  paths:
  - /bin
  - /etc
  - /opt/a[1]
  exclude_files:
  - '(?i)\.sw[nop]$'
  - '~$'
  include_files: ['\.conf$', '/bin/']
  scan_at_start: false
  scan_rate_per_sec: 20 MiB
  max_file_size: 50 MB
  hash_types: [sha1, sha512, sha256]
  recursive: false
  tags: [web, 'pci-dss-4.0:11.5.2']
- module: file_integrity
  paths: [/srv]
  recursive: true
output.console: ~
";

#[test]
fn auditbeats_paths_have_no_wildcards() {
    let imported = read(Format::Auditbeat, "auditbeat.yml", BEAT.as_bytes());
    assert_eq!(
        said(&imported),
        [
            "auditbeat.yml: line 18: hash_types[1]: inert: \"sha512\" is not computed here; blake3, sha256, sha1 and md5 are"
        ]
    );
    let both = policies(&imported);
    for (path, expect) in [
        ("/bin/ls", "file_integrity"),
        ("/bin/sub/ls", ""),
        ("/etc/a.conf", "file_integrity"),
        ("/etc/a.txt", ""),
        ("/etc/.a.conf.SWP", ""),
        ("/opt/a[1]/x.conf", "file_integrity"),
        ("/opt/a1/x.conf", ""),
        ("/srv/a/b/c", "file_integrity-2"),
    ] {
        assert_eq!(of(&both, path), expect, "{path}");
    }
    let first = &imported.policies[0];
    assert_eq!(first.hash, Some(vec![Hash::Blake3, Hash::Sha256, Hash::Sha1]));
    assert_eq!(
        (first.max_file_size, imported.policies[1].max_file_size),
        (Some(Bytes(50_000_000)), Some(Bytes(100 << 20)))
    );
    assert_eq!(first.tags.len(), 2);
    assert_eq!(imported.scan, Wishes { at_start: Some(false), every: None, rate: Some(Bytes(20 << 20)) });
}

#[test]
fn f54_auditbeats_inert_and_misspelled_keys_are_named() {
    let text = "- module: file_integrity\n  paths: [/a, C:\\x, '${path.home}/x', a]\n  force_backend: kprobes\n  file_parsers: [x]\n  \
                recusrive: true\n  exclude_files: ['(']\n  recursive: maybe\n";
    let said = said(&read(Format::Auditbeat, "m.yml", text.as_bytes()));
    for want in [
        "line 3: force_backend: inert",
        "line 4: file_parsers: inert",
        "line 5: recusrive: unknown",
        "exclude_files[0]: refused",
        "recursive: unreadable",
        "paths[1]: refused",
        "paths[2]: refused: \"${path.home}/x\" has a variable",
        "paths[3]: refused",
    ] {
        assert!(said.iter().any(|one| one.contains(want)), "{want}\n{said:#?}");
    }
    assert_eq!(said.len(), 8, "{said:#?}");
    assert!(
        read(Format::Auditbeat, "m.yml", b"- module: auditd\n").complaints[0]
            .message
            .contains("no module file_integrity")
    );
}

const OSSEC: &str = r#"<!-- agent -->
<ossec_config>
  <client><server><address>10.0.0.1</address></server></client>
  <syscheck>
    <disabled>no</disabled>
    <frequency>43200</frequency>
    <scan_on_start>yes</scan_on_start>
    <directories>/etc,/usr/bin,/usr/sbin</directories>
    <directories check_all="yes" whodata="yes" report_changes="yes" tags="web,pci" diff_size_limit="500KB"
      restrict=".php$|.htaccess" recursion_level="2">/var/www/*/htdocs</directories>
    <directories check_all="no" check_sum="yes" check_owner="yes">/srv</directories>
    <directories check_mtime="no" check_sha256sum="no" check_md5sum="no" check_sha1sum="no" check_sum="no">/data</directories>
    <ignore>/etc/mtab</ignore>
    <ignore type="sregex">.log$|.swp$</ignore>
    <nodiff>/etc/ssl/private.key</nodiff>
    <nodiff type="sregex">.key$|^/var/www/secret</nodiff>
    <skip_nfs>yes</skip_nfs>
  </syscheck>
</ossec_config>
<ossec_config><localfile/></ossec_config>
"#;

#[test]
fn wazuhs_directories_are_policies() {
    let imported = quiet(Format::Wazuh, OSSEC);
    let all = policies(&imported);
    for (path, expect) in [
        ("/etc/passwd", "syscheck"),
        ("/etc/a/b", "syscheck"),
        ("/etc/mtab", ""),
        ("/etc/mtab.bak", "syscheck"),
        ("/etc/x.LOG", ""),
        ("/etc/x.log.1", "syscheck"),
        ("/var/www/a/htdocs/x.php", "web"),
        ("/var/www/a/htdocs/1/2/x.php", "web"),
        ("/var/www/a/htdocs/1/2/3/x.php", ""),
        ("/var/www/a/htdocs/x.html", ""),
        ("/srv/x", "syscheck-2"),
        ("/data/x", "syscheck-3"),
    ] {
        assert_eq!(of(&all, path), expect, "{path}");
    }
    let [_, web, srv, data] = &imported.policies[..] else { panic!("{imported:?}") };
    let diff = web.diff.as_ref().unwrap();
    assert_eq!(diff.max_file, Bytes(500_000));
    assert_eq!(diff.nodiff, ["/etc/ssl/private.key/", "**/*.key", "/var/www/secret*", "/var/www/secret*/**"]);
    assert_eq!((web.attributes.as_ref(), web.hash.as_ref()), (None, None));
    let attributes = srv.attributes.as_ref().unwrap();
    assert!(
        attributes.contains(&Attribute::Uid)
            && !attributes.contains(&Attribute::Gid)
            && !attributes.contains(&Attribute::Size)
    );
    assert_eq!(srv.hash, Some(vec![Hash::Blake3, Hash::Sha256, Hash::Sha1, Hash::Md5]));
    assert_eq!(data.hash, Some(Vec::new()));
    assert!(!data.attributes.as_ref().unwrap().contains(&Attribute::Mtime));
    assert_eq!(web.fstype[0], "!nfs");
    assert_eq!(
        (imported.scan.at_start, imported.scan.every.map(|every| every.0.as_secs())),
        (Some(true), Some(43_200))
    );
}

#[test]
fn f54_wazuhs_inert_and_misspelled_words_are_named() {
    let text = "<?xml version=\"1.0\"?>\n<ossec_config><syscheck>\n<directories realtme=\"yes\" follow_symbolic_link=\"yes\">/a,%WINDIR%</directories>\n\
                <directores>/b</directores>\n<max_eps>50</max_eps>\n<ignore type=\"regex\">/x</ignore>\n<frequency>often</frequency>\n\
                <ignore type=\"sregex\">!x</ignore><nodiff type=\"sregex\">/a/b</nodiff>\n</syscheck></ossec_config>";
    let said = said(&read(Format::Wazuh, "ossec.conf", text.as_bytes()));
    for want in [
        "line 3: directories: unknown: realtme",
        "line 3: directories: inert: follow_symbolic_link",
        "line 3: directories: refused: \"%WINDIR%\"",
        "line 4: directores: unknown",
        "line 5: max_eps: inert",
        "line 6: ignore: unknown: type=\"regex\"",
        "line 7: frequency: unreadable",
        "line 8: ignore: refused",
        "line 8: nodiff: refused",
    ] {
        assert!(said.iter().any(|one| one.contains(want)), "{want}\n{said:#?}");
    }
    assert_eq!(said.len(), 9, "{said:#?}");
    for text in ["<ossec_config>", "<a/>", "", "<!DOCTYPE x [<!ENTITY a \"b\">]><a>&a;</a>"] {
        assert_eq!(read(Format::Wazuh, "f", text.as_bytes()).complaints[0].kind, Kind::Unreadable, "{text}");
    }
}

#[test]
fn watches_are_a_complete_configuration() {
    let text = "# watches\n-D\n-b 8192\n-w /etc/passwd -p wa -k identity\n-w /etc/shadow -k identity\n-w /etc/group -p wa -k identity\n\
                -w \"/a folder\" -p w\n-a always,exit -F arch=b64 -S all -F dir=/srv/data -F perm=rwa -F key=the key/x\n\
                -a always,exit -F path=/usr/bin/id -F perm=x -k tools -k more\n-a always,exit -S openat -F arch=b64 -k noise\n";
    let imported = quiet(Format::AuditRules, text);
    let ids: Vec<_> = imported.policies.iter().map(|policy| policy.id.as_str()).collect();
    assert_eq!(ids, ["identity", "identity-rwxa", "audit-rules", "the", "tools"]);
    let identity = &imported.policies[0];
    assert_eq!(identity.paths, ["/etc/passwd/", "/etc/group/"]);
    assert_eq!(identity.events, Some(vec![Class::Create, Class::Modify, Class::Delete, Class::Move, Class::Attrib]));
    let all = policies(&imported);
    assert_eq!(of(&all, "/a folder/x/y"), "audit-rules");
    assert_eq!(all.of_audit_key("more").count(), 1);
    assert_eq!(all.of_audit_key("identity").count(), 2);
    assert_eq!(imported.policies[4].events, Some(vec![Class::Exec]));
}

#[test]
fn f54_rules_that_cannot_be_taken_are_named_with_their_line() {
    let text = "-w relative -p wa\n-w / -p wa\n-w /x -p wq\n-w\n-w \"/x\n-a never,exit -F dir=/dev/shm -F perm=wa\n\
                -a always,exit -F dir=/etc -S open -F success=0\n-a always,exit -F dir=/etc -S open\n\
                -a always,exit -F path=/a -F perm=wa -F auid>=1000 -C uid!=euid\n-w /etc/*.conf -p wa\n-w /a/../b -p w\n";
    let imported = read(Format::AuditRules, "x.rules", text.as_bytes());
    let lines: Vec<_> = imported.complaints.iter().map(|one| (one.place.as_str(), one.kind.name())).collect();
    let (refused, inert) = (|line| (line, "refused"), |line| (line, "inert"));
    let want = [
        refused("line 1"),
        refused("line 2"),
        refused("line 3"),
        refused("line 4"),
        refused("line 5"),
        inert("line 6"),
        inert("line 7"),
        inert("line 8"),
        inert("line 9"),
        inert("line 9"),
        inert("line 10"),
        refused("line 11"),
    ];
    assert_eq!(lines, want);
    assert_eq!(imported.policies[0].paths, ["/a", "/etc/\\*.conf/"]);
}

fn data(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("AUDITNG_DATA")?;
    Some(Path::new(&folder).join(path)).filter(|path| path.exists())
}

#[test]
fn real_rule_files_are_taken_line_by_line() {
    let Some(file) = data("audit/neo23x0/audit.rules") else { return };
    let text = std::fs::read_to_string(file).unwrap();
    let imported = read(Format::AuditRules, "audit.rules", text.as_bytes());
    let all = policies(&imported);
    let watched =
        |line: &str| line.split_whitespace().nth(1).map(|path| path.trim_matches('"').trim_end_matches('/').to_owned());
    let watches: Vec<&str> = text.lines().filter(|line| line.starts_with("-w ")).collect();
    let named: BTreeSet<_> = imported.complaints.iter().map(|one| one.place.clone()).collect();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with("-w ")) {
        let taken = watched(line).is_some_and(|path| !all.of(Path::new(&path)).is_empty());
        assert!(taken || named.contains(&format!("line {}", at + 1)), "{line}");
    }
    let after_p =
        |line: &str| line.split_whitespace().skip_while(|word| *word != "-p").nth(1).unwrap_or_default().to_owned();
    let letters = |wanted: &str| watches.iter().filter(|line| after_p(line) == wanted).count();
    assert_eq!((watches.len(), letters("wa"), letters("x")), (267, 75, 165));
    assert_eq!(of(&all, "/etc/passwd").split(' ').filter(|id| *id == "etcpasswd").count(), 1);
    assert_eq!(of(&all, "/etc/sudoers.d/x"), "actions");
    assert!(all.of_audit_key("auditconfig").any(|policy| policy.classes == crate::policy::Classes::CHANGES));
    println!("{} policies, complaints: {:#?}", imported.policies.len(), said(&imported));
}

#[test]
fn other_real_rule_files_are_taken_or_named() {
    let Some(folder) = data("audit/go-libaudit/rule") else { return };
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "rules") {
            let imported = read(Format::AuditRules, &path.display().to_string(), &std::fs::read(&path).unwrap());
            let _compiled = policies(&imported);
            files += 1;
            if path.file_name().is_some_and(|name| name == "01-file-watch-spaces.rules") {
                let ids: Vec<_> =
                    imported.policies.iter().map(|policy| (policy.id.as_str(), policy.paths[0].as_str())).collect();
                let folder = "/folder with space/";
                assert_eq!(ids, [("path-double-quoted", folder), ("path-single-quoted", folder)]);
            }
        }
    }
    assert!(files >= 8);
}

#[test]
fn a_list_of_paths_is_one_policy() {
    let imported =
        read(Format::Paths, "/etc/fim/our list.txt", b"# ours\n/etc/passwd\r\n\n  /opt/app/ \n!**/*.tmp\nrelative\n");
    assert_eq!(
        said(&imported),
        ["/etc/fim/our list.txt: line 6: refused: \"relative\" \"relative\" begins with neither \"/\" nor \"**/\""]
    );
    let all = policies(&imported);
    assert_eq!(
        (of(&all, "/opt/app/x"), of(&all, "/opt/app/x.tmp"), of(&all, "/etc/passwd")),
        ("our-list".into(), "".into(), "our-list".into())
    );
}

#[test]
fn what_is_watched_is_absolute_whatever_the_words() {
    let paths = read(Format::Paths, "l", b"**/x\n!**/y\n{/a,**/b}\n/c\n");
    assert_eq!((said(&paths).len(), &paths.policies[0].paths[..]), (2, &["/c".to_owned()][..]));
    let text = b"<syscheck><directories>**/x,/y</directories></syscheck>";
    let wazuh = read(Format::Wazuh, "l", text);
    assert_eq!((said(&wazuh).len(), &wazuh.policies[0].paths[..]), (1, &["/y/".to_owned()][..]));
    let _right = (policies(&paths), policies(&wazuh));
}

#[test]
fn imports_join_a_configuration() {
    let text = "[[fim.import]]\nformat = \"paths\"\nfile = \"/p/etc.txt\"\n[[fim.import]]\nformat = \"wazuh\"\nfile = \"/p/ossec.conf\"\n\
                [[fim.import]]\nformat = \"audit-rules\"\nfile = \"/p/gone\"\n[[fim.policy]]\nid = \"web\"\npaths = [\"/w\"]\n";
    let file = crate::config::File::read(text).unwrap();
    let mut config = Config { policy: file.fim.policy, import: file.fim.import, ..Config::default() };
    let mut files = |path: &Path| match path.to_str() {
        Some("/p/etc.txt") => Ok(b"/etc/\n".to_vec()),
        Some("/p/ossec.conf") => Ok(OSSEC.as_bytes().to_vec()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let complaints = add(&mut config, &mut files);
    let places: Vec<_> = complaints.iter().map(|one| (one.file.as_str(), one.place.as_str())).collect();
    assert_eq!(places, [("/p/ossec.conf", "web"), ("/p/gone", "")]);
    assert_eq!(config.scan.every.0.as_secs(), 43_200);
    assert_eq!(config.import.len(), 3);
    assert!(Policies::read(&config, &Nowhere).is_ok());
}
