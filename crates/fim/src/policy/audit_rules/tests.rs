use super::super::tests::read;
use super::*;

const X86: Options<'_> = Options { machine: "x86_64", chattr: false };

fn lines(rules: &Rules) -> Vec<&str> {
    rules.text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect()
}

#[test]
fn files_are_paths_and_trees_are_one_folder() {
    let policies = read(
        r#"
        [[fim.policy]]
        id = "app"
        paths = ["/opt/app/conf/", "/opt/app/lib/**/*.so", "/srv/x y/file", "/opt/app/conf/main.xml"]
        severity = "high"
        [[fim.policy]]
        id = "keys"
        paths = ["/etc/tomcat/*.pem", "/srv/x y/file"]
        events = ["access", "modify"]
        "#,
    );
    let rules = text(&policies, &X86);
    let lines = lines(&rules);
    assert_eq!(lines[0], "-a always,exit -F path='/srv/x y/file' -F perm=rwa -F key=auditng-fim:app");
    assert!(lines[1].starts_with("-a always,exit -F arch=b64 -S openat,openat2,open"), "{}", lines[1]);
    assert!(lines[1].ends_with("-F dir=/etc/tomcat -F perm=rw -F key=auditng-fim:keys"));
    assert!(lines[2].contains("arch=b32") && lines[2].contains("truncate64"));
    assert!(
        lines[3].ends_with("-F dir=/opt/app -F perm=wa -F key=auditng-fim:app") && lines[3].contains("fremovexattr")
    );
    assert_eq!((lines.len(), rules.files, rules.folders), (5, 1, 2));
}

#[test]
fn a_folder_inside_of_another_is_that_ones_rule_unless_it_asks_for_more() {
    let policies = read(
        r#"
        [[fim.policy]]
        id = "etc"
        paths = ["/etc/"]
        [[fim.policy]]
        id = "pam"
        paths = ["/etc/pam.d/", "/etc/passwd"]
        [[fim.policy]]
        id = "read"
        paths = ["/etc/secret/"]
        events = ["access"]
        [[fim.policy]]
        id = "logs"
        paths = ["/var/log/*.log"]
        append_only = true
        [[fim.policy]]
        id = "everywhere"
        paths = ["/**/core"]
        "#,
    );
    let rules = text(&policies, &X86);
    let folders: Vec<_> =
        lines(&rules).iter().filter_map(|line| line.split("-F dir=").nth(1)).map(str::to_owned).collect();
    assert_eq!(folders[0], "/etc -F perm=wa -F key=auditng-fim:etc");
    assert_eq!(folders[2], "/etc/secret -F perm=r -F key=auditng-fim:read");
    assert_eq!((rules.files, rules.folders), (0, 2));
    let scans: Vec<_> = rules.scans.iter().map(|(policy, path)| (&**policy, path.to_str().unwrap())).collect();
    assert_eq!(scans, [("everywhere", "/"), ("logs", "/var/log")]);
}

#[test]
fn many_folders_are_warned_of_with_their_cost() {
    let policy = |at| format!("[[fim.policy]]\nid = \"p{at}\"\npaths = [\"/d{at}/\"]\n");
    let some = |n| text(&read(&(0..n).map(policy).collect::<String>()), &X86);
    assert!(some(16).warnings.is_empty());
    assert!(some(17).warnings[0].starts_with("17 folders: each costs"));
}

#[test]
fn what_no_rule_file_can_hold_is_left_to_scans() {
    let policies = read("[[fim.policy]]\nid = \"odd\"\npaths = ['/a\\x0ab', \"/it's\", '/ok']\n");
    let rules = text(&policies, &X86);
    assert_eq!((rules.files, rules.warnings.len(), rules.scans.len()), (1, 2, 2));
    assert!(!rules.text.contains("it's"));
}

#[test]
fn other_machines_have_fewer_calls_and_chattr_is_asked_for() {
    let policies = read("[[fim.policy]]\nid = \"a\"\npaths = [\"/a/\"]\n");
    let rules = text(&policies, &Options { machine: "aarch64", chattr: true });
    let wide = lines(&rules)[0];
    assert!(!wide.contains(",open,") && !wide.contains("chmod,chown") && wide.contains("fchmodat"));
    assert_eq!(lines(&rules)[2], "-a always,exit -F arch=b64 -S ioctl -F a1=0x40086602 -F key=auditng-fim:chattr");
}

#[test]
fn what_is_not_there_has_no_rule_that_the_kernel_would_refuse() {
    use super::super::tests::{Fake, config};
    let text = "[[fim.policy]]\nid = \"a\"\npaths = [\"/a/\", \"/gone/\", \"/gone/x/y\", \"/b/new\"]\n";
    let ground = Fake { gone: vec!["/gone".into(), "/b/new".into()], ..Fake::default() };
    let policies = Policies::read(&config(text), &ground).unwrap();
    let rules = super::text(&policies, &X86);
    assert_eq!((rules.files, rules.folders), (1, 1), "a file that is not there yet may have a rule: {}", rules.text);
    assert_eq!(rules.absent.iter().map(|(_, path)| path.to_str().unwrap()).collect::<Vec<_>>(), ["/gone", "/gone/x/y"]);
}
