use schema::{Event, Timestamp, Value, field};

use super::*;

const DAY: i64 = 86_400_000;
const BEGIN: i64 = 1_795_507_200_000;

fn at(days: i64) -> Timestamp {
    Timestamp::from_millis(BEGIN + days * DAY)
}

fn event(host: &str, time: Timestamp, dataset: &str, action: &str) -> Event {
    let mut event = Event::new(time);
    event.push_str(field::EVENT_ACTION, action);
    event.push_str(field::EVENT_DATASET, dataset);
    event.push_str(field::HOST_NAME, host);
    event
}

fn scan(host: &str, time: Timestamp) -> Event {
    let mut event = event(host, time, "auditng.health", "fim-scan");
    event.push_str(field::AUDITNG_FIM_SCAN_KIND, "meta");
    event.push_long(field::AUDITNG_FIM_SCAN_ENTRIES, 140_000);
    event.push_str(field::AUDITNG_FIM_BASELINE_ROOT, "aa11");
    event
}

fn change(host: &str, time: Timestamp, path: &str) -> Event {
    let mut event = event(host, time, "auditng.fim", "updated");
    event.push_str(field::FILE_PATH, path);
    event.push_str(field::AUDITNG_FIM_SEVERITY, "high");
    event.push_str(field::AUDITNG_FIM_POLICY, "etc");
    event.push_str(field::AUDITNG_FIM_WHO_CONFIDENCE, "certain");
    event.push_str(field::PROCESS_EXECUTABLE, "/usr/bin/vim");
    event.push_long(field::PROCESS_PID, 7);
    event
}

fn baseline(host: &str, time: Timestamp, generation: i64, reason: &str) -> Event {
    let mut event = event(host, time, "auditng.health", "fim-baseline");
    event.push_long(field::AUDITNG_FIM_GENERATION, generation);
    event.push_str(field::AUDITNG_FIM_BASELINE_ROOT, &format!("r{generation}"));
    event.push_str(field::AUDITNG_FIM_REASON, reason);
    event
}

fn policy(host: &str, id: &str, append_only: bool) -> Event {
    let mut event = event(host, at(0), "auditng.health", "fim-policy");
    event.push_str(field::AUDITNG_FIM_POLICY, id);
    event.push_str(field::AUDITNG_FIM_BASELINE_POLICIES, "d1");
    event.push_keyed(
        field::AUDITNG_FIM_SETTINGS,
        "append_only",
        Value::Text(if append_only { "true" } else { "false" }),
    );
    event.push_keyed(field::AUDITNG_FIM_SETTINGS, "paths", Value::Text("/etc/**"));
    event.push_long(field::AUDITNG_FIM_COUNT, 1234);
    event
}

/// From day 0 to day 30, made at its end.
fn report(events: &[Event]) -> Report {
    let mut gather = Gather::new(at(0), at(30));
    events.iter().for_each(|event| gather.take(event));
    gather.finish(at(30), "test")
}

fn weekly(host: &str, skip: impl Fn(i64) -> bool) -> Vec<Event> {
    let mut events: Vec<Event> = (-2..30).filter(|day| !skip(*day)).map(|day| scan(host, at(day))).collect();
    events.extend([policy(host, "etc", false), policy(host, "logs", true), baseline(host, at(-2), 1, "first")]);
    events
}

#[test]
fn f56_eight_days_without_a_comparison_are_not_met() {
    let good = report(&weekly("web", |_| false));
    assert!(good.is_clean(Some(Evidence::Pci)), "{:?}", Evidence::Pci.requirements(&good));
    assert!(good.is_clean(Some(Evidence::Nist)), "{:?}", Evidence::Nist.requirements(&good));

    let bad = report(&weekly("web", |day| (11..18).contains(&day)));
    let gap = largest_gap(&bad, &bad.hosts[0]).unwrap();
    assert_eq!((gap.from, gap.to, gap.ms()), (at(10), at(18), 8 * DAY));
    assert!(!bad.is_clean(Some(Evidence::Pci)) && !bad.is_clean(Some(Evidence::Nist)));
    assert!(bad.is_clean(None), "nothing is open");
    for format in [Format::Text, Format::Html, Format::Csv, Format::Json, Format::Ndjson] {
        let text = render(&bad, Some(Evidence::Pci), format);
        assert!(text.contains("NOT MET") && text.contains("8 d 0 h"), "{format:?}: {text}");
    }
    let exact = report(&weekly("web", |day| (11..17).contains(&day)));
    assert!(exact.is_clean(Some(Evidence::Pci)), "seven days are a week");
}

#[test]
fn f56_gaps_begin_with_the_comparison_before_the_period_and_end_with_it() {
    let mut events = weekly("web", |day| !(5..=20).contains(&day));
    events.retain(|event| event.str(field::EVENT_ACTION) != Some("fim-baseline"));
    let late = report(&events);
    assert_eq!(largest_gap(&late, &late.hosts[0]).unwrap().to, at(30), "nothing since day 20");
    events.push(scan("web", at(-5)));
    let before = report(&events);
    assert_eq!(largest_gap(&before, &before.hosts[0]).unwrap(), Gap { from: at(-5), to: at(5) });
    let mut young = weekly("web", |day| day < 25);
    young.retain(|event| event.str(field::EVENT_ACTION) != Some("fim-baseline"));
    young.push(baseline("web", at(24), 1, "new host"));
    assert!(report(&young).is_clean(Some(Evidence::Pci)), "the host is watched since day 24");
    let mut targeted = scan("web", at(3));
    targeted.remove(field::AUDITNG_FIM_SCAN_KIND);
    targeted.push_str(field::AUDITNG_FIM_SCAN_KIND, "targeted");
    let part = report(&[policy("web", "etc", true), targeted]);
    assert_eq!(largest_gap(&part, &part.hosts[0]), None, "a part is no comparison");
}

#[test]
fn a_host_without_data_is_listed_and_not_met() {
    let mut gather = Gather::new(at(0), at(30));
    weekly("web", |_| false).iter().for_each(|event| gather.take(event));
    gather.host("silent", "a1", "");
    let report = gather.finish(at(30), "test");
    assert!(!report.is_clean(Some(Evidence::Pci)));
    let text = render(&report, Some(Evidence::Pci), Format::Text);
    assert!(text.contains("silent") && text.contains("NO DATA"), "{text}");
    assert!(render(&report, None, Format::Text).contains("no data"));
}

#[test]
fn deviations_stay_open_until_a_generation_approves_them() {
    let mut packaged = change("web", at(4), "/usr/bin/ls");
    packaged.push_str(field::AUDITNG_FIM_PROVENANCE_BY, "dpkg");
    packaged.push_str(field::AUDITNG_FIM_PROVENANCE_PACKAGES, "coreutils");
    packaged.push_str(field::AUDITNG_FIM_PROVENANCE_VERSIONS, "9.1-1");
    let mut events = weekly("web", |_| false);
    events.extend([change("web", at(1), "/etc/a"), change("web", at(9), "/etc/b"), packaged]);
    events.push(baseline("web", at(5), 2, "ticket 17"));
    let report = report(&events);
    let found = &report.hosts[0].deviations;
    let of = |path: &str| &found.iter().find(|found| found.path == path).unwrap().state;
    assert_eq!(*of("/etc/a"), State::Approved { generation: 2, reason: "ticket 17".to_owned() });
    assert_eq!(*of("/etc/b"), State::Open);
    assert_eq!(*of("/usr/bin/ls"), State::Expected("dpkg: coreutils 9.1-1".to_owned()));
    assert_eq!((report.open(), found[0].path.as_str()), (1, "/etc/b"), "what is open comes first");
    assert!(!report.is_clean(None));
    let text = render(&report, None, Format::Text);
    assert!(text.contains("/usr/bin/vim (pid 7)") && text.contains("approved in generation 2: ticket 17"), "{text}");
}

#[test]
fn an_access_is_a_deviation_only_where_it_was_not_allowed() {
    let access = |word: &str, outcome: &str| {
        let mut event = event("web", at(1), "auditng.fim", "opened");
        event.push_str(field::FILE_PATH, "/etc/key.pem");
        event.push_str(field::AUDITNG_FIM_ACCESS, word);
        event.push_str(field::EVENT_OUTCOME, outcome);
        event
    };
    let report = report(&[access("allowed", "success"), access("grey", "success"), access("denied", "failure")]);
    assert_eq!(report.open(), 1);
}

#[test]
fn losses_are_repaired_by_a_later_scan() {
    let mut loss = event("web", at(3), "auditng.health", "source-loss");
    loss.push_str(field::AUDITNG_LOSS_REASON, "fanotify-overflow");
    loss.push_long(field::AUDITNG_LOSS_COUNT, 12);
    loss.push_date(field::AUDITNG_LOSS_WINDOW_START, at(2));
    loss.push_date(field::AUDITNG_LOSS_WINDOW_END, at(3));
    let lost = report(&[scan("web", at(1)), loss.clone()]);
    assert_eq!(lost.hosts[0].holes[0].repaired, None);
    let repaired = report(&[scan("web", at(1)), loss, scan("web", at(4))]);
    let hole = &repaired.hosts[0].holes[0];
    assert_eq!((hole.repaired, hole.lost, hole.reason.as_str()), (Some(at(4)), Some(12), "loss: fanotify-overflow"));
}

#[test]
fn a_root_is_a_hole_until_it_is_covered_live() {
    let told = |day: i64, root: &str, how: &str, reason: &str| {
        let mut event = event("web", at(day), "auditng.health", "fim-coverage");
        event.push_str(field::AUDITNG_FIM_ROOT, root);
        event.push_str(field::AUDITNG_FIM_SOURCE, how);
        event.push_str(field::AUDITNG_FIM_REASON, reason);
        event
    };
    let report = report(&[
        told(-9, "/old", "scan-only", "nfs"),
        told(-8, "/old", "fanotify", ""),
        told(-3, "/mnt", "scan-only", "fuse"),
        told(2, "/mnt", "scan-only", "fuse"),
        told(4, "/etc", "fanotify", ""),
        told(5, "/srv", "scan-only", ""),
        told(6, "/srv", "fanotify", ""),
    ]);
    let holes: Vec<_> = report.hosts[0]
        .holes
        .iter()
        .map(|hole| (hole.root.as_str(), hole.reason.as_str(), hole.from, hole.to))
        .collect();
    assert_eq!(holes, [("/mnt", "fuse", at(-3), None), ("/srv", "scan-only", at(5), Some(at(6)))]);
}

#[test]
fn an_approval_of_some_paths_closes_no_others() {
    let mut some = baseline("web", at(9), 2, "only these");
    some.push_str(field::AUDITNG_FIM_NAMES, "/etc/a");
    let mut events = weekly("web", |_| false);
    events.extend([
        change("web", at(1), "/etc/a"),
        change("web", at(1), "/etc/a/b"),
        change("web", at(1), "/etc/ab"),
        some,
    ]);
    let report = report(&events);
    let open: Vec<&str> = report.hosts[0]
        .deviations
        .iter()
        .filter(|found| found.state == State::Open)
        .map(|found| found.path.as_str())
        .collect();
    assert_eq!(open, ["/etc/ab"]);
}

#[test]
fn a_baseline_that_went_back_is_not_met() {
    let mut gather = Gather::new(at(0), at(30));
    weekly("web", |_| false).iter().for_each(|event| gather.take(event));
    gather.host("web", "a1", "rolled-back");
    assert!(!gather.finish(at(30), "test").is_clean(Some(Evidence::Nist)));
}

/// What must never come out raw: line ends, escapes, direction marks, formulas, markup.
#[test]
fn f36_hostile_names_are_escaped_in_every_format() {
    let names = [
        "/etc/two\nlines",
        "/etc/\u{1b}[31mred",
        "=cmd|' /c calc'!A0",
        "+1+1",
        "@SUM(A1)",
        "/etc/<script>alert(1)</script>",
        "/etc/\"><img src=x onerror=alert(1)>",
        "/etc/gpj.\u{202e}exe",
        "/etc/a,b\"c",
        "/etc/\\xff\\xfe",
        "\t=1",
        "/etc/\u{7}\u{85}\u{2028}",
    ];
    let mut events = weekly("ho\nst\u{1b}]0;x\u{7}<b>", |_| false);
    for name in names {
        let mut hostile = change("ho\nst\u{1b}]0;x\u{7}<b>", at(3), name);
        hostile.push_str(field::AUDITNG_FIM_CHANGED, name);
        hostile.push_str(field::USER_NAME, name);
        hostile.push_str(field::AUDITNG_FIM_POLICY, name);
        events.push(hostile);
    }
    events.push(baseline("ho\nst\u{1b}]0;x\u{7}<b>", at(2), 7, "=HYPERLINK(\"x\")\n<i>"));
    let report = report(&events);
    let lines = |format| render(&report, Some(Evidence::Pci), format);
    for format in [Format::Text, Format::Html, Format::Csv, Format::Json, Format::Ndjson] {
        let text = lines(format);
        let raw = text
            .chars()
            .find(|c| (c.is_control() && !matches!(c, '\n' | '\r')) || matches!(c, '\u{202e}' | '\u{2028}'));
        let raw = raw.filter(|_| !matches!(format, Format::Json | Format::Ndjson) || raw.is_some_and(char::is_control));
        // JSON escapes controls below 0x20 and leaves the others, as its readers expect.
        let raw = raw.filter(|c| !matches!(format, Format::Json | Format::Ndjson) || u32::from(*c) < 0x20);
        assert_eq!(raw, None, "{format:?}");
    }
    assert!(lines(Format::Text).contains("/etc/two\\nlines"));
    let html = lines(Format::Html);
    assert!(
        !html.contains("<script") && !html.contains("<img") && !html.contains("<b>") && !html.contains("<i>"),
        "{html}"
    );
    assert!(html.contains("&lt;script&gt;"));
    let csv = lines(Format::Csv);
    for line in csv.split("\r\n").filter(|line| !line.is_empty()) {
        let cells = csv_cells(line);
        assert_eq!(cells.len(), 13, "{line}");
        assert!(cells.iter().all(|cell| !cell.starts_with(['=', '+', '@', '\t', '-'])), "{line}");
    }
    let json: serde_json::Value = serde_json::from_str(&lines(Format::Json)).unwrap();
    let paths: Vec<&str> = json["hosts"][0]["deviations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["path"].as_str().unwrap())
        .collect();
    assert!(names.iter().all(|name| paths.contains(name)), "JSON gives names back as they are");
    assert!(lines(Format::Ndjson).lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}

/// The cells of one line of RFC 4180.
fn csv_cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    cells.push(cell);
    cells
}

#[test]
fn a_report_of_the_generated_fleet_counts_every_change() {
    let start = Timestamp::from_millis(BEGIN);
    let events: Vec<Event> = testkit::fim::Changes::new(3, start, 1000).take(5000).collect();
    let report = report(&events);
    let counted: u64 = report.hosts.iter().map(|host| host.counts.all_open() + host.counts.expected).sum();
    let opened = events.iter().filter(|event| event.str(field::EVENT_ACTION) == Some("opened")).count();
    assert_eq!(counted, 5000 - opened as u64);
}
