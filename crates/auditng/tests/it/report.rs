//! `auditng fim report`: from a server's events, and from a host's own baseline.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schema::{Event, EventId, Field, Lane, Timestamp, Value, field};
use testkit::eventually;
use testkit::fim::notice;

use crate::program::{Server, auditng, run};

const DAY: i64 = 86_400_000;

#[expect(clippy::disallowed_methods, reason = "an edge: the program under test reads the clock too")]
fn ago(days: i64) -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap() - days * DAY)
}

/// Events of hosts by their numbers, each with an id of its own.
#[derive(Default)]
struct Told(Vec<Event>);

impl Told {
    fn tell(
        &mut self,
        host: u64,
        days: i64,
        action: &str,
        texts: &[(Field, &str)],
        numbers: &[(Field, i64)],
    ) -> &mut Event {
        let id = EventId::new(testkit::fim::agent(host), 1, Lane::Normal, self.0.len() as u64).to_string();
        self.0.push(notice(host, ago(days), action, &id, texts, numbers));
        self.0.last_mut().unwrap()
    }

    fn scans(&mut self, host: u64, days: impl IntoIterator<Item = i64>) {
        for day in days {
            self.tell(
                host,
                day,
                "fim-scan",
                &[(field::AUDITNG_FIM_SCAN_KIND, "meta")],
                &[(field::AUDITNG_FIM_SCAN_ENTRIES, 137_702)],
            );
        }
    }

    fn watched(&mut self, host: u64) {
        for (id, append_only) in [("etc", "false"), ("logs", "true")] {
            let event = self.tell(host, 40, "fim-policy", &[(field::AUDITNG_FIM_POLICY, id)], &[]);
            event.push_keyed(field::AUDITNG_FIM_SETTINGS, "append_only", Value::Text(append_only));
        }
        let texts = [
            (field::AUDITNG_FIM_BASELINE_ROOT, "ab"),
            (field::AUDITNG_FIM_BASELINE_KEY, "k"),
            (field::AUDITNG_FIM_REASON, "first"),
        ];
        self.tell(host, 40, "fim-baseline", &texts, &[(field::AUDITNG_FIM_GENERATION, 1)]);
    }

    fn change(&mut self, host: u64, days: i64, path: &str) {
        let event =
            self.tell(host, days, "updated", &[(field::FILE_PATH, path), (field::AUDITNG_FIM_SEVERITY, "high")], &[]);
        event.remove(field::EVENT_DATASET);
        event.push_str(field::EVENT_DATASET, "auditng.fim");
    }

    fn send(&self, server: &Server, folder: &Path) {
        let file = folder.join("told.ndjson");
        let lines: String = self.0.iter().map(|event| event.to_json() + "\n").collect();
        std::fs::write(&file, lines).unwrap();
        let sent =
            auditng().arg("replay").arg(&file).args(["--format", "ndjson", "--data-dir"]).arg(&server.data).status();
        assert!(sent.unwrap().success());
        let many = self.0.len() as u64;
        eventually("all is found", Duration::from_secs(20), || (server.count("host.name:shop*") >= many).then_some(()));
    }
}

#[test]
fn f56_a_host_with_an_eight_day_gap_is_not_met_and_exits_1() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let mut told = Told::default();
    told.watched(1);
    told.scans(1, (0..=33).rev());
    told.watched(2);
    told.scans(2, (0..=33).rev().filter(|day| !(10..17).contains(day)));
    told.send(&server, folder.path());

    let plain = server.ask(["fim", "report", "--from", "now-30d"]);
    assert_eq!(plain.code, Some(0), "nothing is open: {}{}", plain.out, plain.err);
    for (evidence, id) in [("pci", "11.5.2 weekly"), ("nist", "SI-7(1) regular")] {
        let text = server.ask(["fim", "report", "--from", "now-30d", "--evidence", evidence]);
        assert_eq!(text.code, Some(1), "{}{}", text.out, text.err);
        assert!(text.out.contains("NOT MET") && text.out.contains("8 d 0 h"), "{}", text.out);
        let lines = server.ask(["fim", "report", "--from", "now-30d", "--evidence", evidence, "--format", "ndjson"]);
        let verdicts: Vec<(String, String)> = lines
            .out
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .filter(|line| line["record"] == "requirement" && line["requirement"] == id)
            .map(|line| (line["host"].as_str().unwrap().to_owned(), line["verdict"].as_str().unwrap().to_owned()))
            .collect();
        assert_eq!(verdicts, [("shop-01.example".into(), "MET".into()), ("shop-02.example".into(), "NOT MET".into())]);
    }
    let whole = server.ask(["fim", "report", "--from", "now-6d", "--evidence", "pci"]);
    assert_eq!(whole.code, Some(0), "the gap lies before: {}{}", whole.out, whole.err);
}

#[test]
fn f36_open_deviations_exit_1_and_hostile_names_are_harmless_in_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let mut told = Told::default();
    told.watched(3);
    told.scans(3, [2, 1]);
    for name in testkit::fim::HOSTILE {
        told.change(3, 1, &format!("/etc/{name}"));
        told.change(3, 1, name);
    }
    told.send(&server, folder.path());
    for ending in ["txt", "json", "ndjson", "csv", "html"] {
        let file = folder.path().join(format!("report.{ending}"));
        let ran = server.ask(["fim", "report", "--evidence", "pci", "--out", file.to_str().unwrap()]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("shop-03.example"), "{text}");
        assert!(
            !text.contains(['\u{1b}', '\u{7}']) && (ending != "html" || !text.contains("<img")),
            "{ending}: {text}"
        );
        assert!(!text.lines().any(|line| line.starts_with("lines.conf")), "{ending}: a name made a line");
        if ending == "csv" {
            assert!(!text.contains(",=cmd") && text.contains("\"'=cmd|' calc'!A0.csv\""), "{text}");
        }
    }
    let wrong = server.ask(["fim", "report", "--from", "now", "--to", "now-1d"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
    let nobody = run(["fim", "report", "--server", "http://127.0.0.1:9", "--token-file", "/etc/hostname"]);
    assert_eq!(nobody.code, Some(4), "{}", nobody.err);
}

#[test]
fn a_host_reports_from_its_own_baseline() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, state) = (folder.path().join("tree"), folder.path().join("state"));
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(tree.join("a"), "one").unwrap();
    let at = ["--state-dir".to_owned(), state.display().to_string()];
    let fim = |arguments: &[&str]| run(["fim"].iter().chain(arguments).map(ToString::to_string).chain(at.clone()));
    let missing = fim(&["report"]);
    assert_eq!(missing.code, Some(3), "{}", missing.err);
    let made = fim(&["baseline", tree.to_str().unwrap(), "--reason", "fresh"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let clean = fim(&["report", "--format", "json"]);
    assert_eq!(clean.code, Some(0), "{}{}", clean.out, clean.err);
    let read: serde_json::Value = serde_json::from_str(&clean.out).unwrap();
    let host = &read["hosts"][0];
    assert_eq!(
        (&host["approvals"][0]["reason"], &host["policies"][0]["files"]),
        (&"fresh".into(), &2.into()),
        "{host}"
    );

    std::fs::write(tree.join("a"), "two!").unwrap();
    assert_eq!(fim(&["scan"]).code, Some(1));
    let open = fim(&["report"]);
    assert_eq!(open.code, Some(1), "the last scan found something: {}", open.out);
    assert_eq!(fim(&["baseline", "--update", "--reason", "ticket"]).code, Some(0));
    let approved = fim(&["report"]);
    assert_eq!(approved.code, Some(0), "{}", approved.out);
}
