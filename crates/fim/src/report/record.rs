//! For programs: one object, an object a line, or one table.

use serde_json::{Value, json};

use super::document::{between, confidence, severity_names, state};
use super::visible::csv_cell;
use super::{Approval, Comparison, Deviation, Evidence, Hole, Host, Report, State, Watched, largest_gap};

/// One object.
pub(super) fn json(report: &Report, evidence: Option<Evidence>) -> String {
    let mut whole = summary(report, evidence);
    let host = |host: &Host| {
        let mut object = self::host(report, host);
        object["policies"] = host.policies.iter().map(policy).collect();
        object["comparisons"] = host.comparisons.iter().map(comparison).collect();
        object["approvals"] = host.approvals.iter().map(approval).collect();
        object["deviations"] = host.deviations.iter().map(deviation).collect();
        object["holes"] = host.holes.iter().map(hole).collect();
        object
    };
    whole["hosts"] = report.hosts.iter().map(host).collect();
    if let Some(evidence) = evidence {
        whole["requirements"] = requirements(report, evidence).into();
    }
    format!("{whole:#}\n")
}

/// An object a line, each with its `record` and its `host`.
pub(super) fn ndjson(report: &Report, evidence: Option<Evidence>) -> String {
    let mut out = String::new();
    let mut line = |record: &str, name: Option<&str>, mut object: Value| {
        object["record"] = json!(record);
        if let Some(name) = name {
            object["host"] = json!(name);
        }
        out.push_str(&object.to_string());
        out.push('\n');
    };
    line("report", None, summary(report, evidence));
    for of in &report.hosts {
        let name = Some(of.name.as_str());
        line("host", name, host(report, of));
        of.policies.iter().for_each(|found| line("policy", name, policy(found)));
        of.comparisons.iter().for_each(|found| line("comparison", name, comparison(found)));
        of.approvals.iter().for_each(|found| line("approval", name, approval(found)));
        of.deviations.iter().for_each(|found| line("deviation", name, deviation(found)));
        of.holes.iter().for_each(|found| line("hole", name, hole(found)));
    }
    for found in evidence.map(|evidence| requirements(report, evidence)).unwrap_or_default() {
        line("requirement", None, found);
    }
    out
}

fn summary(report: &Report, evidence: Option<Evidence>) -> Value {
    let mut object = json!({
        "from": report.from.to_string(), "to": report.to.to_string(), "made": report.made.to_string(),
        "source": report.source, "host_count": report.hosts.len(), "open": report.open(),
    });
    if let Some(evidence) = evidence {
        object["evidence"] = json!(evidence.name());
        object["met"] = json!(report.is_clean(Some(evidence)));
    }
    object
}

fn host(report: &Report, host: &Host) -> Value {
    let open = severity_names().into_iter().zip(host.counts.open).map(|(name, count)| (name.to_owned(), json!(count)));
    let gap = largest_gap(report, host);
    json!({
        "host": host.name, "agent": host.agent, "baseline": host.chain,
        "open": open.collect::<serde_json::Map<_, _>>(), "approved": host.counts.approved,
        "expected": host.counts.expected, "unlisted": host.unlisted,
        "largest_gap": gap.map(|gap| json!({"from": gap.from.to_string(), "to": gap.to.to_string(), "seconds": gap.ms() / 1000})),
    })
}

fn requirements(report: &Report, evidence: Evidence) -> Vec<Value> {
    let all = evidence.requirements(report);
    let one = |found: &super::Requirement| {
        json!({
            "host": found.host, "requirement": found.id, "asks": found.asks, "verdict": found.verdict.name(),
            "because": found.because,
        })
    };
    all.iter().map(one).collect()
}

fn policy(policy: &Watched) -> Value {
    let settings = policy.settings.iter().map(|(name, value)| (name.clone(), json!(value)));
    json!({
        "policy": policy.id, "severity": policy.severity, "tags": policy.tags, "files": policy.files,
        "settings": settings.collect::<serde_json::Map<_, _>>(), "digest": policy.digest, "since": policy.since.to_string(),
    })
}

fn comparison(scan: &Comparison) -> Value {
    json!({
        "kind": scan.kind, "start": scan.start.to_string(), "end": scan.end.to_string(), "generation": scan.generation,
        "root": scan.root, "entries": scan.entries, "bytes": scan.bytes, "differences": scan.differences,
        "unreadable": scan.unreadable,
    })
}

fn approval(approval: &Approval) -> Value {
    json!({
        "generation": approval.generation, "time": approval.time.to_string(), "root": approval.root,
        "previous": approval.previous, "key": approval.key, "signature": approval.signature, "reason": approval.reason,
        "by": approval.by,
    })
}

fn deviation(found: &Deviation) -> Value {
    let (approved, expected) = match &found.state {
        State::Open => (Value::Null, Value::Null),
        State::Approved { generation, reason } => (json!({"generation": generation, "reason": reason}), Value::Null),
        State::Expected(why) => (Value::Null, json!(why)),
    };
    json!({
        "id": found.id, "time": found.time.to_string(), "action": found.action, "path": found.path,
        "old_path": found.old_path, "severity": found.severity.name(), "policies": found.policies,
        "changed": found.changed, "who": found.who, "confidence": found.confidence, "reason": found.reason,
        "window": found.window.map(|(from, to)| json!({"from": from.to_string(), "to": to.to_string()})),
        "container": found.container, "count": found.count, "state": found.state.name(), "approved": approved,
        "expected": expected,
    })
}

fn hole(hole: &Hole) -> Value {
    json!({
        "reason": hole.reason, "root": hole.root, "from": hole.from.to_string(),
        "to": hole.to.map(|to| to.to_string()), "lost": hole.lost,
        "repaired": hole.repaired.map(|at| at.to_string()),
    })
}

const COLUMNS: [&str; 13] = [
    "record",
    "host",
    "time",
    "end",
    "name",
    "path",
    "severity",
    "state",
    "who",
    "confidence",
    "policy",
    "root_hash",
    "detail",
];

/// One table. What a record has no column for stands in `detail`.
pub(super) fn csv(report: &Report, evidence: Option<Evidence>) -> String {
    let mut out = COLUMNS.join(",") + "\r\n";
    let mut line = |cells: [&str; 13]| {
        let cells: Vec<String> = cells.iter().map(|cell| csv_cell(cell)).collect();
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    };
    for found in evidence.map(|evidence| evidence.requirements(report)).unwrap_or_default() {
        let detail = format!("{}: {}", found.asks, found.because);
        line(["requirement", &found.host, "", "", found.id, "", "", found.verdict.name(), "", "", "", "", &detail]);
    }
    for host in &report.hosts {
        let name = host.name.as_str();
        let counts = format!(
            "{} open, {} approved, {} expected, {} not listed",
            host.counts.all_open(),
            host.counts.approved,
            host.counts.expected,
            host.unlisted
        );
        line(["host", name, "", "", &host.agent, "", "", &host.chain, "", "", "", "", &counts]);
        for found in host.policies.iter().filter(|_| evidence.is_some()) {
            let settings: Vec<String> = found.settings.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            line([
                "policy",
                name,
                &found.since.to_string(),
                "",
                &found.id,
                "",
                &found.severity,
                "",
                "",
                "",
                &found.id,
                &found.digest,
                &settings.join("; "),
            ]);
        }
        for scan in host.comparisons.iter().filter(|_| evidence.is_some()) {
            let detail =
                format!("{} entries, {} differences, {} unreadable", scan.entries, scan.differences, scan.unreadable);
            line([
                "comparison",
                name,
                &scan.start.to_string(),
                &scan.end.to_string(),
                &scan.kind,
                "",
                "",
                "",
                "",
                "",
                "",
                &scan.root,
                &detail,
            ]);
        }
        for found in host.approvals.iter().filter(|_| evidence.is_some()) {
            let generation = format!("generation {}", found.generation);
            line([
                "approval",
                name,
                &found.time.to_string(),
                "",
                &generation,
                "",
                "",
                "",
                &found.by,
                "",
                "",
                &found.root,
                &found.reason,
            ]);
        }
        for found in &host.deviations {
            let window = found.window.map_or(String::new(), |(from, to)| format!("{}; ", between(from, to)));
            let detail = format!("{window}{}", found.changed.join(" "));
            let (time, policies) = (found.time.to_string(), found.policies.join(" "));
            line([
                "deviation",
                name,
                &time,
                "",
                &found.action,
                &found.path,
                found.severity.name(),
                &state(&found.state),
                &found.who,
                &confidence(found),
                &policies,
                "",
                &detail,
            ]);
        }
        for hole in &host.holes {
            let to = hole.to.map_or(String::new(), |to| to.to_string());
            let lost = hole.lost.map_or(String::new(), |lost| format!("{lost} lost"));
            let repaired = hole.repaired.map_or("not repaired".to_owned(), |at| format!("repaired {at}"));
            line([
                "hole",
                name,
                &hole.from.to_string(),
                &to,
                &hole.reason,
                &hole.root,
                "",
                &repaired,
                "",
                "",
                "",
                "",
                &lost,
            ]);
        }
    }
    out
}
