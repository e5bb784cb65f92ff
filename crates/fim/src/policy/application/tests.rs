use std::path::Path;

use super::super::tests::{Fake, config};
use super::*;
use crate::config::Config;

const KEYS: &str = r#"
    [[fim.policy]]
    id = "tls-keys"
    paths = ["/etc/tomcat/*.pem"]
    allow = [{ exe = "/usr/bin/java", user = "tomcat" }, { exe = "/usr/bin/agent", unit = "backup@*.service" }]
    grey = [{ exe = "/usr/bin/vim" }]
    [[fim.policy]]
    id = "hashed"
    paths = ["/etc/x"]
    allow = [{ exe = "/usr/bin/vim", sha256 = "0101010101010101010101010101010101010101010101010101010101010101" }]
    [[fim.policy]]
    id = "inside"
    paths = ["/srv/key"]
    containers = ["image:app*"]
    allow = [{ exe = "/app/server" }, { user = "tomcat", container = "name:job-*" }]
    [[fim.policy]]
    id = "open"
    paths = ["/etc/y"]
"#;

fn ground() -> Fake {
    let mut ground = Fake::default();
    ground.links.insert("/usr/bin/java".into(), "/usr/lib/jvm/bin/java".into());
    ground.ids.insert("/usr/lib/jvm/bin/java".into(), 10);
    ground.ids.insert("/usr/bin/vim".into(), 20);
    ground.ids.insert("/usr/bin/agent".into(), 30);
    ground.contents.insert("/usr/bin/vim".into(), Digest([1; 32]));
    ground
}

fn who(inode: u64, uid: u32) -> Who {
    Who { pid: 1, exe_id: Some(FileId { dev: 1, inode }), uid: Some(0), euid: Some(uid), ..Who::default() }
}

fn policies() -> Policies {
    Policies::read(&config(KEYS), &ground()).unwrap()
}

#[test]
fn f23_only_what_every_key_of_an_entry_fits_is_allowed() {
    let (policies, table) = (policies(), Table::read(&policies(), &ground()));
    let keys = policies.get("tls-keys").unwrap();
    let ask = |who: &Who| decide(keys, who, &About::default(), &table);
    assert_eq!(ask(&who(10, 91)), Access::Allowed);
    assert_eq!(ask(&who(10, 0)), Access::Denied, "the program with another user");
    assert_eq!(ask(&who(20, 0)), Access::Grey);
    // A copy of the program is another file, whatever its name.
    let copy = Who { exe: Some(b"/usr/bin/java"[..].into()), ..who(11, 91) };
    assert_eq!(ask(&copy), Access::Denied);
    let unknown = Who { exe_id: None, ..who(0, 91) };
    assert_eq!(ask(&unknown), Access::Denied, "nobody is allowed because nothing is known of them");
    let backup = About { unit: Some("backup@db.service"), ..About::default() };
    assert_eq!(decide(keys, &who(30, 0), &backup, &table), Access::Allowed);
    assert_eq!(ask(&who(30, 0)), Access::Denied, "no unit");
    assert_eq!(decide(policies.get("open").unwrap(), &unknown, &About::default(), &table), Access::Allowed);
}

#[test]
fn a_replaced_executable_is_read_again() {
    let (policies, mut ground) = (policies(), ground());
    let mut table = Table::read(&policies, &ground);
    let (keys, hashed) = (policies.get("tls-keys").unwrap(), policies.get("hashed").unwrap());
    let about = About::default();
    assert_eq!(table.decide(hashed, &who(20, 0), &about), Access::Allowed);
    assert!(table.names(Path::new("/usr/lib/jvm/bin/java")) && table.names(Path::new("/usr/bin/java")));
    assert!(!table.names(Path::new("/usr/bin/javac")));
    ground.ids.insert("/usr/lib/jvm/bin/java".into(), 12);
    ground.ids.insert("/usr/bin/vim".into(), 22);
    ground.contents.insert("/usr/bin/vim".into(), Digest([2; 32]));
    table.renew(&policies, &ground);
    assert_eq!(table.decide(keys, &who(12, 91), &about), Access::Allowed);
    assert_eq!(table.decide(keys, &who(10, 91), &about), Access::Denied);
    assert_eq!(table.decide(hashed, &who(22, 0), &about), Access::Denied, "another content than its sha256");
}

#[test]
fn in_a_container_the_path_is_that_in_its_root() {
    let policies = policies();
    let mut table = Table::read(&policies, &ground());
    let app =
        ContainerFacts { id: "c1".into(), image: "app:1".into(), name: "job-1".into(), ..ContainerFacts::default() };
    let other = ContainerFacts { id: "c2".into(), image: "app:2".into(), ..ContainerFacts::default() };
    let (mut root, mut root2) = (Fake::default(), Fake::default());
    root.ids.insert("/app/server".into(), 500);
    root2.ids.insert("/app/server".into(), 600);
    table.enter(&policies, &app, &root);
    table.enter(&policies, &other, &root2);
    let inside = policies.get("inside").unwrap();
    let ask = |table: &Table, container, who: &Who| table.decide(inside, who, &About { container, unit: None });
    assert_eq!(ask(&table, Some(&app), &who(500, 0)), Access::Allowed);
    assert_eq!(ask(&table, Some(&other), &who(500, 0)), Access::Denied, "the program of another container");
    assert_eq!(ask(&table, Some(&other), &who(600, 0)), Access::Allowed);
    assert_eq!(ask(&table, Some(&app), &who(7, 91)), Access::Allowed, "the name fits");
    assert_eq!(ask(&table, None, &who(500, 0)), Access::Denied);
    table.leave("c1");
    assert_eq!(ask(&table, Some(&app), &who(500, 0)), Access::Denied);
}

#[test]
fn an_interpreter_as_the_only_key_is_remarked_on() {
    let remarks = |entry: &str| {
        let text = format!("[[fim.policy]]\nid = \"a\"\npaths = [\"/x\"]\nallow = [{entry}]\n");
        let remarks = Policies::read(&Config { ..config(&text) }, &Fake::default()).unwrap().remarks().to_vec();
        remarks.into_iter().map(|remark| remark.to_string()).collect::<Vec<_>>()
    };
    let said = remarks("{ exe = \"/usr/bin/python3.11\" }");
    assert!(said[0].starts_with("fim.policy \"a\".allow[0]: /usr/bin/python3.11 runs whatever"), "{said:?}");
    for fine in ["{ exe = \"/usr/bin/python3\", user = \"web\" }", "{ exe = \"/usr/bin/vim\" }", "{ user = \"root\" }"]
    {
        assert!(remarks(fine).is_empty(), "{fine}");
    }
}

#[test]
fn rotators_are_known_by_their_files_too() {
    let text = "[[fim.policy]]\nid = \"logs\"\npaths = [\"/var/log/\"]\nappend_only = true\nrotation = { by = [\"/usr/bin/vim\"] }\n";
    let policies = Policies::read(&config(text), &ground()).unwrap();
    let table = Table::read(&policies, &ground());
    assert!(table.rotates(policies.get("logs").unwrap(), &who(20, 0)) && table.names(Path::new("/usr/bin/vim")));
    assert!(!table.rotates(policies.get("logs").unwrap(), &who(21, 0)));
}
