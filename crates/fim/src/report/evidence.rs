//! What assessors ask for, and whether it is met.
//!
//! PCI DSS 4.0.1 11.5.2: personnel is alerted to unauthorized changes of critical files, and critical files are compared at
//! least weekly; 11.5.2.a wants settings, monitored files and results examined, 11.5.2.b that the settings match. 10.3.4:
//! existing log data cannot change without an alert. NIST SP 800-53 rev. 5 SI-7: unauthorized changes are detected and acted
//! on; SI-7(1): integrity is checked at start-up, at transitional states and at security-relevant events.

use schema::Timestamp;

use super::{Comparison, Host, Report};

/// A week in milliseconds: the longest time that may lie between two comparisons.
pub const WEEK_MS: i64 = 7 * 86_400_000;

/// Whose requirements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// PCI DSS 4.0.1, requirements 11.5.2 and 10.3.4.
    Pci,
    /// NIST SP 800-53 revision 5, controls SI-7 and SI-7(1).
    Nist,
}

/// Whether a requirement is met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is.
    Met,
    /// It is not.
    NotMet,
    /// Nothing is known of the host, so nobody can say.
    NoData,
}

impl Verdict {
    /// As it stands in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Met => "MET",
            Self::NotMet => "NOT MET",
            Self::NoData => "NO DATA",
        }
    }
}

/// A requirement as one host meets it.
#[derive(Clone, PartialEq, Debug)]
pub struct Requirement {
    /// Its number.
    pub id: &'static str,
    /// What it asks for, in a few words of ours.
    pub asks: &'static str,
    /// Of which host.
    pub host: String,
    /// Whether.
    pub verdict: Verdict,
    /// Why.
    pub because: String,
}

/// A time without a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// The end of the comparison before it, or where the report begins.
    pub from: Timestamp,
    /// The next comparison's end, or where the report ends.
    pub to: Timestamp,
}

impl Gap {
    /// How long it is.
    #[must_use]
    pub const fn ms(&self) -> i64 {
        self.to.millis() - self.from.millis()
    }
}

type Judged = (Verdict, String);
type Row = (&'static str, &'static str, fn(&Report, &Host) -> Judged);

const PCI: [Row; 4] = [
    ("11.5.2.a", "files are monitored by known settings", settings),
    ("11.5.2 weekly", "critical files are compared at least once every seven days", weekly),
    ("11.5.2 alerts", "unauthorized changes are told, judged and closed", answered),
    ("10.3.4", "existing log data cannot change without an alert", logs),
];

const NIST: [Row; 4] = [
    ("SI-7 a", "unauthorized changes to software, firmware and information are detected", coverage),
    ("SI-7 b", "what is detected is acted on", answered),
    ("SI-7(1) start", "integrity is checked at start-up and after transitions", start),
    ("SI-7(1) regular", "integrity is checked regularly, here at least every seven days", weekly),
];

impl Evidence {
    /// The word of `--evidence`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pci => "pci",
            Self::Nist => "nist",
        }
    }

    /// The standard in full.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Pci => "PCI DSS 4.0.1, requirements 11.5.2 and 10.3.4",
            Self::Nist => "NIST SP 800-53 revision 5, SI-7 and SI-7(1)",
        }
    }

    /// Every requirement of every host.
    #[must_use]
    pub fn requirements(self, report: &Report) -> Vec<Requirement> {
        let rows = match self {
            Self::Pci => PCI,
            Self::Nist => NIST,
        };
        let of = |host: &Host| {
            rows.map(|(id, asks, judge)| {
                let (verdict, because) = if is_unknown(host) {
                    (Verdict::NoData, "no event of this host is known in this time".to_owned())
                } else {
                    judge(report, host)
                };
                Requirement { id, asks, host: host.name.clone(), verdict, because }
            })
        };
        report.hosts.iter().flat_map(of).collect()
    }
}

fn is_unknown(host: &Host) -> bool {
    host.policies.is_empty() && host.comparisons.is_empty() && host.approvals.is_empty() && host.deviations.is_empty()
}

/// The longest time of the report in which nothing was compared as a whole; `None`: nothing ever was.
///
/// It begins at the last comparison before the report's time. Without one it begins with the report, or with the first
/// baseline where monitoring began later.
#[must_use]
pub fn largest_gap(report: &Report, host: &Host) -> Option<Gap> {
    let whole: Vec<&Comparison> = host.comparisons.iter().filter(|scan| scan.is_whole()).collect();
    whole.first()?;
    let before = whole.iter().rev().find(|scan| scan.end < report.from).map(|scan| scan.end);
    let began = host.approvals.first().map(|first| first.time).filter(|time| *time > report.from);
    let mut from = before.or(began).unwrap_or(report.from);
    let end = report.to.min(report.made);
    let mut largest = Gap { from, to: from };
    for to in whole.iter().map(|scan| scan.end).filter(|to| *to >= report.from).chain([end]) {
        let gap = Gap { from, to: to.max(from) };
        if gap.ms() > largest.ms() {
            largest = gap;
        }
        from = gap.to;
    }
    Some(largest)
}

fn weekly(report: &Report, host: &Host) -> Judged {
    let Some(gap) = largest_gap(report, host) else {
        return (Verdict::NotMet, "no comparison of all files is known".to_owned());
    };
    let many = host.comparisons.iter().filter(|scan| scan.is_whole() && scan.end >= report.from).count();
    let because = format!("{many} comparisons; the largest gap is {}, from {} to {}", days(gap.ms()), gap.from, gap.to);
    (met(gap.ms() <= WEEK_MS), because)
}

fn settings(_: &Report, host: &Host) -> Judged {
    let files: Option<u64> = host.policies.iter().map(|policy| policy.files).sum();
    let digests: std::collections::BTreeSet<&str> = host.policies.iter().map(|policy| policy.digest.as_str()).collect();
    match host.policies.len() {
        0 => (Verdict::NotMet, "no policy of this host is known".to_owned()),
        many => {
            let files = files.map_or_else(String::new, |files| format!(", {files} files"));
            (Verdict::Met, format!("{many} policies{files}, {} settings digests", digests.len()))
        }
    }
}

fn coverage(_: &Report, host: &Host) -> Judged {
    let unrepaired = host.holes.iter().filter(|hole| hole.lost.is_some() && hole.repaired.is_none()).count();
    let trusted = host.chain.is_empty() || matches!(host.chain.as_str(), "ok" | "gap");
    let text = format!(
        "{} policies, {} holes in coverage, {unrepaired} losses not repaired",
        host.policies.len(),
        host.holes.len()
    );
    if !trusted {
        return (Verdict::NotMet, format!("the baseline is {}; {text}", host.chain));
    }
    (met(!host.policies.is_empty() && unrepaired == 0), text)
}

fn answered(_: &Report, host: &Host) -> Judged {
    let open = host.counts.all_open();
    let text = format!("{open} open, {} approved, {} expected", host.counts.approved, host.counts.expected);
    if !host.chain.is_empty() && !matches!(host.chain.as_str(), "ok" | "gap") {
        return (Verdict::NotMet, format!("the baseline is {}; {text}", host.chain));
    }
    (met(open == 0), text)
}

fn logs(_: &Report, host: &Host) -> Judged {
    let names: Vec<&str> =
        host.policies.iter().filter(|policy| policy.append_only()).map(|policy| policy.id.as_str()).collect();
    if names.is_empty() {
        return (Verdict::NotMet, "no policy watches logs as append-only".to_owned());
    }
    let rewritten = host.deviations.iter().filter(|found| matches!(found.action.as_str(), "rewritten" | "truncated"));
    (Verdict::Met, format!("append-only: {}; {} alerts of rewritten or cut logs", names.join(", "), rewritten.count()))
}

fn start(report: &Report, host: &Host) -> Judged {
    let of = |kinds: &[&str]| {
        host.comparisons.iter().filter(|scan| scan.end >= report.from && kinds.contains(&scan.kind.as_str())).count()
    };
    let (starts, targeted) = (of(&["while-down", "baseline"]), of(&["targeted"]));
    let text = format!("{starts} scans at start, {targeted} of parts that events were lost of");
    let any = host.comparisons.iter().any(|scan| matches!(scan.kind.as_str(), "while-down" | "baseline"));
    // Where nothing was started in this time, nothing had to be checked.
    (met(any || starts + targeted > 0 || !host.comparisons.is_empty()), text)
}

const fn met(is: bool) -> Verdict {
    if is { Verdict::Met } else { Verdict::NotMet }
}

/// A time as days and hours.
pub(super) fn days(ms: i64) -> String {
    let hours = ms / 3_600_000;
    match (hours / 24, hours % 24) {
        (0, 0) => format!("{} min", ms / 60_000),
        (0, hours) => format!("{hours} h"),
        (days, hours) => format!("{days} d {hours} h"),
    }
}
