//! Asking a server from the command line.

use std::time::Duration;

use testkit::eventually;

use crate::program::{Server, auditng};

#[test]
fn search_sql_and_their_errors() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let log = folder.path().join("audit.log");
    std::fs::write(&log, "type=USER_LOGIN msg=audit(1700000001.000:2): pid=77 uid=0 auid=0 ses=1 msg='op=login acct=\"ada\" exe=\"/usr/sbin/sshd\" hostname=? addr=10.0.0.7 terminal=ssh res=success'\n").unwrap();
    let sent = auditng().arg("replay").arg(&log).arg("--data-dir").arg(&server.data).status().unwrap();
    assert!(sent.success());
    eventually("the event is found", Duration::from_secs(10), || {
        (server.count("source.ip:10.0.0.0/8") == 1).then_some(())
    });

    let json = server.ask(["search", "process.pid:77", "--format", "json"]);
    let hit: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(hit["source"]["process"]["executable"], "/usr/sbin/sshd");
    assert!(hit["source"]["event"]["original"].as_str().unwrap().contains("USER_LOGIN"));

    let table = server.ask(["search", "process.pid:77", "--columns", "process.pid,process.executable"]);
    assert!(table.out.contains("77") && table.out.contains("/usr/sbin/sshd"), "{}", table.out);

    let wrong = server.ask(["search", "procss.pid:77"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("process.pid"), "the nearest name is named: {}", wrong.err);
    let wrong = server.ask(["search", "process.name:\"open"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);

    let sql = server.ask(["sql", "SELECT \"process.pid\" AS pid FROM audit", "--format", "json"]);
    assert_eq!(sql.out.trim(), r#"{"pid":77}"#, "{}", sql.err);
    let write = server.ask(["sql", "DELETE FROM audit"]);
    assert_eq!(write.code, Some(2), "{}", write.err);
}
