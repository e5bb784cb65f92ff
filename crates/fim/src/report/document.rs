//! A report as headings, facts and tables: what text and HTML have in common.

use schema::Timestamp;

use super::events::SEVERITIES;
use super::evidence::{Requirement, Verdict, days, largest_gap};
use super::{Deviation, Evidence, Hole, Host, Report, State};

/// All of it, in order. Texts are as they came; whoever writes them makes them harmless.
pub(super) struct Document {
    pub(super) title: String,
    pub(super) facts: Vec<(String, String)>,
    pub(super) sections: Vec<Section>,
}

/// A heading with a table.
pub(super) struct Section {
    /// Of which host; empty: of all.
    pub(super) host: String,
    pub(super) title: String,
    /// Said under the heading, or instead of the table where there are no rows.
    pub(super) note: String,
    pub(super) columns: &'static [&'static str],
    pub(super) rows: Vec<Vec<String>>,
}

pub(super) fn of(report: &Report, evidence: Option<Evidence>) -> Document {
    let mut sections = Vec::new();
    if let Some(evidence) = evidence {
        sections.push(requirements(&evidence.requirements(report)));
    }
    sections.push(hosts(report));
    for host in &report.hosts {
        if evidence.is_some() {
            sections.extend([policies(host), comparisons(report, host), approvals(host)]);
        }
        sections.extend([deviations(host), holes(host)]);
    }
    sections.retain(|section| !section.rows.is_empty() || !section.note.is_empty());
    let title = evidence.map_or_else(
        || "File integrity report".to_owned(),
        |evidence| format!("File integrity evidence: {}", evidence.title()),
    );
    Document { title, facts: facts(report, evidence), sections }
}

fn facts(report: &Report, evidence: Option<Evidence>) -> Vec<(String, String)> {
    let mut facts = vec![
        ("period".to_owned(), format!("{} to {}", report.from, report.to)),
        ("made".to_owned(), report.made.to_string()),
        ("source".to_owned(), report.source.clone()),
        ("hosts".to_owned(), report.hosts.len().to_string()),
        ("open deviations".to_owned(), report.open().to_string()),
    ];
    if evidence.is_some() {
        let verdict = if report.is_clean(evidence) { Verdict::Met } else { Verdict::NotMet };
        facts.push(("verdict".to_owned(), verdict.name().to_owned()));
    }
    facts
}

fn requirements(found: &[Requirement]) -> Section {
    let row = |found: &Requirement| {
        vec![
            found.host.clone(),
            found.id.to_owned(),
            found.verdict.name().to_owned(),
            found.asks.to_owned(),
            found.because.clone(),
        ]
    };
    Section {
        host: String::new(),
        title: "Requirements".to_owned(),
        note: if found.is_empty() { "No host is known, so nothing is met.".to_owned() } else { String::new() },
        columns: &["host", "requirement", "verdict", "asks that", "because"],
        rows: found.iter().map(row).collect(),
    }
}

fn hosts(report: &Report) -> Section {
    let row = |host: &Host| {
        let last = host
            .comparisons
            .iter()
            .rfind(|scan| scan.is_whole())
            .map_or("never".to_owned(), |scan| scan.end.to_string());
        let generation = host.approvals.last().map_or("none".to_owned(), |last| last.generation.to_string());
        let data = host.comparisons.is_empty() && host.deviations.is_empty() && host.approvals.is_empty();
        let state = match host.chain.as_str() {
            "" if data => "no data",
            "" => "not asked",
            chain => chain,
        };
        let open = |at: usize| host.counts.open[at].to_string();
        vec![
            host.name.clone(),
            generation,
            state.to_owned(),
            last,
            open(4),
            open(3),
            open(2),
            open(1),
            open(0),
            host.counts.approved.to_string(),
            host.counts.expected.to_string(),
        ]
    };
    Section {
        host: String::new(),
        title: "Hosts".to_owned(),
        note: if report.hosts.is_empty() { "No host is known.".to_owned() } else { String::new() },
        columns: &[
            "host",
            "generation",
            "baseline",
            "last comparison",
            "critical",
            "high",
            "medium",
            "low",
            "informational",
            "approved",
            "expected",
        ],
        rows: report.hosts.iter().map(row).collect(),
    }
}

fn section(host: &Host, title: &str, columns: &'static [&'static str], rows: Vec<Vec<String>>, none: &str) -> Section {
    let note = if rows.is_empty() { none.to_owned() } else { String::new() };
    Section { host: host.name.clone(), title: title.to_owned(), note, columns, rows }
}

fn policies(host: &Host) -> Section {
    let rows = host.policies.iter().map(|policy| {
        let settings: Vec<String> = policy.settings.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        vec![
            policy.id.clone(),
            policy.severity.clone(),
            policy.files.map_or("not said".to_owned(), |files| files.to_string()),
            settings.join("; "),
            policy.tags.join(" "),
            short(&policy.digest),
            policy.since.to_string(),
        ]
    });
    let columns = &["policy", "severity", "files", "settings", "tags", "digest", "known since"];
    section(host, "Policies and effective settings", columns, rows.collect(), "No policy of this host is known.")
}

fn comparisons(report: &Report, host: &Host) -> Section {
    let row = |scan: &super::Comparison| {
        vec![
            scan.kind.clone(),
            scan.start.to_string(),
            scan.end.to_string(),
            scan.generation.map_or(String::new(), |generation| generation.to_string()),
            scan.root.clone(),
            scan.entries.to_string(),
            scan.differences.to_string(),
            scan.unreadable.to_string(),
        ]
    };
    let columns = &["kind", "start", "end", "generation", "root hash", "entries", "differences", "unreadable"];
    let rows = host.comparisons.iter().map(row).collect();
    let mut made = section(host, "Comparisons", columns, rows, "No comparison is known: NOT MET.");
    if let Some(gap) = largest_gap(report, host) {
        let verdict = if gap.ms() > super::WEEK_MS { Verdict::NotMet } else { Verdict::Met };
        made.note = format!("Largest gap: {} from {} to {}: {}.", days(gap.ms()), gap.from, gap.to, verdict.name());
    }
    made
}

fn approvals(host: &Host) -> Section {
    let row = |approval: &super::Approval| {
        vec![
            approval.generation.to_string(),
            approval.time.to_string(),
            approval.root.clone(),
            approval.reason.clone(),
            approval.by.clone(),
            approval.key.clone(),
            approval.signature.clone(),
        ]
    };
    let columns = &["generation", "time", "root hash", "reason", "by", "key", "signature"];
    section(
        host,
        "Baseline approvals",
        columns,
        host.approvals.iter().map(row).collect(),
        "No approved baseline is known.",
    )
}

fn deviations(host: &Host) -> Section {
    let columns = &[
        "time",
        "severity",
        "action",
        "path",
        "policy",
        "changed",
        "who",
        "confidence",
        "window",
        "container",
        "state",
    ];
    let rows = host.deviations.iter().map(deviation).collect();
    let mut made = section(host, "Deviations", columns, rows, "Nothing deviates.");
    if host.unlisted > 0 {
        made.note = format!("{} more are counted above and not listed.", host.unlisted);
    }
    made
}

fn deviation(found: &Deviation) -> Vec<String> {
    let path =
        if found.old_path.is_empty() { found.path.clone() } else { format!("{} (was {})", found.path, found.old_path) };
    let action = if found.count > 1 { format!("{} x {}", found.count, found.action) } else { found.action.clone() };
    vec![
        found.time.to_string(),
        found.severity.name().to_owned(),
        action,
        path,
        found.policies.join(" "),
        found.changed.join(" "),
        found.who.clone(),
        confidence(found),
        found.window.map_or(String::new(), |(from, to)| between(from, to)),
        found.container.clone(),
        state(&found.state),
    ]
}

pub(super) fn confidence(found: &Deviation) -> String {
    match (found.confidence.as_str(), found.reason.as_str()) {
        ("", _) => "unknown".to_owned(),
        (confidence, "") => confidence.to_owned(),
        (confidence, reason) => format!("{confidence} ({reason})"),
    }
}

pub(super) fn state(state: &State) -> String {
    match state {
        State::Open => "open".to_owned(),
        State::Approved { generation, reason } if reason.is_empty() => format!("approved in generation {generation}"),
        State::Approved { generation, reason } => format!("approved in generation {generation}: {reason}"),
        State::Expected(why) => format!("expected ({why})"),
    }
}

pub(super) fn between(from: Timestamp, to: Timestamp) -> String {
    format!("{from} to {to}")
}

fn holes(host: &Host) -> Section {
    let row = |hole: &Hole| {
        vec![
            hole.reason.clone(),
            hole.root.clone(),
            hole.from.to_string(),
            hole.to.map_or(String::new(), |to| to.to_string()),
            hole.lost.map_or(String::new(), |lost| lost.to_string()),
            hole.repaired.map_or("no".to_owned(), |at| at.to_string()),
        ]
    };
    let columns = &["reason", "where", "from", "to", "lost", "looked at since"];
    let none = if host.comparisons.is_empty() { "" } else { "No hole in coverage is known." };
    section(host, "Coverage holes", columns, host.holes.iter().map(row).collect(), none)
}

/// The beginning of a digest.
fn short(digest: &str) -> String {
    digest.chars().take(16).collect()
}

/// The names of severities, for the order of counts.
pub(super) fn severity_names() -> [&'static str; 5] {
    SEVERITIES.map(crate::policy::Severity::name)
}
