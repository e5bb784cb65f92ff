//! From events to a report: the one place that knows how agents say what.

use std::collections::BTreeMap;

use schema::{Event, Field, Timestamp, Value, field};

use super::{Approval, Comparison, Deviation, Hole, Host, MOST_LISTED, Report, State, Watched};
use crate::policy::Severity;

/// Takes events in any order and makes a [`Report`] of them.
///
/// Of the time before the report it wants `fim-policy`, `fim-baseline` and `fim-scan`: which policies were in force, what was
/// approved, and when files were compared last.
#[derive(Debug, Default)]
pub struct Gather {
    from: Timestamp,
    to: Timestamp,
    hosts: BTreeMap<String, Host>,
    watched: BTreeMap<(String, String), Watched>,
}

impl Gather {
    /// For the time from `from` to `to`.
    #[must_use]
    pub fn new(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to, ..Self::default() }
    }

    /// A host that is known to exist, whether or not any event tells of it. `chain`: what the server says of its baseline.
    pub fn host(&mut self, name: &str, agent: &str, chain: &str) {
        let host = self.at(name);
        for (slot, value) in [(&mut host.agent, agent), (&mut host.chain, chain)] {
            if !value.is_empty() {
                value.clone_into(slot);
            }
        }
    }

    /// One event; what it does not know it leaves.
    pub fn take(&mut self, event: &Event) {
        let Some(time) = event.time() else { return };
        if time > self.to {
            return;
        }
        let name =
            event.str(field::HOST_NAME).or_else(|| event.str(field::AGENT_NAME)).or_else(|| event.str(field::AGENT_ID));
        let name = name.unwrap_or("unknown host").to_owned();
        let agent = event.str(field::AGENT_ID).unwrap_or_default().to_owned();
        match event.str(field::EVENT_ACTION).unwrap_or_default() {
            "fim-policy" => self.policy(&name, event, time),
            "fim-scan" => self.at(&name).comparisons.push(comparison(event, time)),
            "fim-baseline" if event.str(field::EVENT_KIND) != Some("alert") => self.approval(&name, event, time),
            "fim-coverage" => self.coverage(&name, event, time),
            "fim-scan-stale" | "source-loss" | "agent-silent" | "fim-baseline" if time >= self.from => {
                self.at(&name).holes.push(hole(event, time));
            }
            action if event.stream() == schema::Stream::Fim && time >= self.from && is_deviation(event, action) => {
                self.at(&name).deviations.push(deviation(event, time, action));
            }
            _ => return,
        }
        self.host(&name, &agent, "");
    }

    fn at(&mut self, name: &str) -> &mut Host {
        self.hosts.entry(name.to_owned()).or_insert_with(|| Host { name: name.to_owned(), ..Host::default() })
    }

    fn policy(&mut self, host: &str, event: &Event, time: Timestamp) {
        for id in texts(event, field::AUDITNG_FIM_POLICY) {
            let key = (host.to_owned(), id.clone());
            if self.watched.get(&key).is_none_or(|known| known.since <= time) {
                self.watched.insert(key, watched(event, time, id));
            }
        }
        self.at(host);
    }

    /// How a root is covered from now on. Not at all or by scans only is a hole, until it is told otherwise.
    fn coverage(&mut self, host: &str, event: &Event, time: Timestamp) {
        let live = matches!(event.str(field::AUDITNG_FIM_SOURCE), Some("fanotify" | "inotify" | "audit"))
            && event.str(field::EVENT_KIND) != Some("alert");
        let told = Hole { live, ..hole(event, time) };
        let host = self.at(host);
        host.holes.push(told);
    }

    /// Agents tell of their generation again at each start, and then not any more what of it was approved: that is kept.
    fn approval(&mut self, host: &str, event: &Event, time: Timestamp) {
        let Some(approval) = approval(event, time) else { return };
        let known = &mut self.at(host).approvals;
        match known.iter_mut().find(|known| (known.generation, &known.root) == (approval.generation, &approval.root)) {
            Some(known) => {
                known.time = known.time.min(approval.time);
                if known.paths.is_empty() {
                    known.paths = approval.paths;
                }
            }
            None => known.push(approval),
        }
    }

    /// What came of it, made at `made` from `source`.
    #[must_use]
    pub fn finish(self, made: Timestamp, source: &str) -> Report {
        let Self { from, to, mut hosts, watched } = self;
        for ((host, _), policy) in watched {
            if let Some(host) = hosts.get_mut(&host) {
                host.policies.push(policy);
            }
        }
        let hosts = hosts.into_values().map(|host| settled(host, from)).collect();
        Report { made, from, to, source: source.to_owned(), hosts }
    }
}

/// Orders, counts, and joins what was said apart.
fn settled(mut host: Host, from: Timestamp) -> Host {
    host.approvals.sort_by_key(|approval| (approval.time, approval.generation));
    host.comparisons.sort_by_key(|scan| scan.end);
    let before = host.comparisons.iter().rposition(|scan| scan.end < from && scan.is_whole());
    let mut at = 0..;
    host.comparisons.retain(|scan| at.next() == before || scan.end >= from);
    host.holes = closed(std::mem::take(&mut host.holes), from);
    for hole in &mut host.holes {
        let since = hole.to.unwrap_or(hole.from);
        let after = host.comparisons.iter().find(|scan| scan.start >= since);
        hole.repaired = after.map(|scan| scan.end).filter(|_| hole.lost.is_some() || hole.to.is_some());
    }
    for deviation in &mut host.deviations {
        if deviation.state == State::Open
            && let Some(approval) = host
                .approvals
                .iter()
                .find(|approval| approval.time >= deviation.time && approval.covers(&deviation.path))
        {
            deviation.state = State::Approved { generation: approval.generation, reason: approval.reason.clone() };
        }
        match deviation.state {
            State::Open => host.counts.open[deviation.severity as usize] += deviation.count.max(1),
            State::Approved { .. } => host.counts.approved += deviation.count.max(1),
            State::Expected(_) => host.counts.expected += deviation.count.max(1),
        }
    }
    host.deviations.sort_by(|a, b| {
        let open = |deviation: &Deviation| deviation.state == State::Open;
        (open(b), b.severity, b.time, &b.id).cmp(&(open(a), a.severity, a.time, &a.id))
    });
    host.unlisted = host.deviations.len().saturating_sub(MOST_LISTED) as u64;
    host.deviations.truncate(MOST_LISTED);
    host
}

/// What is told of a root holds until something else is told of it; what is covered live is no hole.
fn closed(mut told: Vec<Hole>, from: Timestamp) -> Vec<Hole> {
    told.sort_by_key(|hole| hole.from);
    let mut holes: Vec<Hole> = Vec::new();
    for hole in told {
        let of_root = hole.lost.is_none() && !hole.root.is_empty();
        let same = |known: &&mut Hole| of_root && known.to.is_none() && known.lost.is_none() && known.root == hole.root;
        let before = holes.iter_mut().rev().find(same);
        let again = before.as_ref().is_some_and(|before| !hole.live && before.reason == hole.reason);
        if let Some(before) = before.filter(|_| !again) {
            before.to = Some(hole.from);
        }
        if !hole.live && !again {
            holes.push(hole);
        }
    }
    holes.retain(|hole| hole.to.is_none_or(|to| to >= from));
    holes
}

/// Something is not as it was, or somebody did what the policy does not allow. An allowed access is a record, no deviation.
fn is_deviation(event: &Event, action: &str) -> bool {
    let refused = event.str(field::AUDITNG_FIM_ACCESS) == Some("denied");
    match action {
        "initial_scan" | "unmounted" => false,
        "opened" | "executed" => refused,
        _ => refused || event.str(field::EVENT_OUTCOME) != Some("failure"),
    }
}

fn deviation(event: &Event, time: Timestamp, action: &str) -> Deviation {
    let text = |field| event.str(field).unwrap_or_default().to_owned();
    let severity = text(field::AUDITNG_FIM_SEVERITY);
    let window = date(event, field::AUDITNG_FIM_WINDOW_START).zip(date(event, field::AUDITNG_FIM_WINDOW_END));
    Deviation {
        id: text(field::EVENT_ID),
        time,
        action: action.to_owned(),
        path: text(field::FILE_PATH),
        old_path: text(field::AUDITNG_FIM_OLD_PATH),
        severity: SEVERITIES.into_iter().find(|known| known.name() == severity).unwrap_or_default(),
        policies: texts(event, field::AUDITNG_FIM_POLICY),
        changed: texts(event, field::AUDITNG_FIM_CHANGED),
        who: who(event),
        confidence: text(field::AUDITNG_FIM_WHO_CONFIDENCE),
        reason: text(field::AUDITNG_FIM_WHO_REASON),
        window,
        container: first(event, &[field::CONTAINER_NAME, field::CONTAINER_ID]),
        count: number(event, field::AUDITNG_FIM_COUNT).unwrap_or(1),
        state: expected(event).map_or(State::Open, State::Expected),
    }
}

/// From informational to critical.
pub(super) const SEVERITIES: [Severity; 5] =
    [Severity::Informational, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

/// A package, a rotation, a declared window.
fn expected(event: &Event) -> Option<String> {
    if let Some(window) = event.str(field::AUDITNG_FIM_CHANGE_WINDOW) {
        return Some(format!("declared window: {window}"));
    }
    let by = event.str(field::AUDITNG_FIM_PROVENANCE_BY)?;
    let names = texts(event, field::AUDITNG_FIM_PROVENANCE_PACKAGES);
    let versions = texts(event, field::AUDITNG_FIM_PROVENANCE_VERSIONS);
    let package = |(at, name): (usize, &String)| match versions.get(at) {
        Some(version) => format!("{name} {version}"),
        None => name.clone(),
    };
    let list: Vec<String> = names.iter().enumerate().map(package).collect();
    Some(if list.is_empty() { by.to_owned() } else { format!("{by}: {}", list.join(", ")) })
}

fn who(event: &Event) -> String {
    let user = first(event, &[field::USER_NAME, field::USER_ID]);
    let program = first(event, &[field::PROCESS_EXECUTABLE, field::PROCESS_NAME]);
    let process = match (program.as_str(), number(event, field::PROCESS_PID)) {
        ("", None) => String::new(),
        ("", Some(pid)) => format!("pid {pid}"),
        (program, None) => program.to_owned(),
        (program, Some(pid)) => format!("{program} (pid {pid})"),
    };
    [user, process].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" with ")
}

fn watched(event: &Event, time: Timestamp, id: String) -> Watched {
    let settings = event.entries().filter(|entry| entry.field == field::AUDITNG_FIM_SETTINGS);
    let mut settings: Vec<(String, String)> =
        settings.map(|entry| (entry.key.to_owned(), shown(entry.value))).collect();
    settings.sort();
    Watched {
        id,
        digest: event.str(field::AUDITNG_FIM_BASELINE_POLICIES).unwrap_or_default().to_owned(),
        severity: event.str(field::AUDITNG_FIM_SEVERITY).unwrap_or_default().to_owned(),
        tags: texts(event, field::TAGS),
        settings,
        files: number(event, field::AUDITNG_FIM_COUNT),
        since: time,
    }
}

fn comparison(event: &Event, time: Timestamp) -> Comparison {
    let count = |field| number(event, field).unwrap_or(0);
    let end = date(event, field::AUDITNG_FIM_WINDOW_END).or_else(|| date(event, field::EVENT_END)).unwrap_or(time);
    Comparison {
        kind: event.str(field::AUDITNG_FIM_SCAN_KIND).unwrap_or_default().to_owned(),
        start: started(event).unwrap_or(end),
        end,
        generation: number(event, field::AUDITNG_FIM_GENERATION),
        root: event.str(field::AUDITNG_FIM_BASELINE_ROOT).unwrap_or_default().to_owned(),
        entries: count(field::AUDITNG_FIM_SCAN_ENTRIES),
        bytes: count(field::AUDITNG_FIM_SCAN_BYTES),
        differences: count(field::AUDITNG_FIM_SCAN_DIFFERENCES),
        unreadable: count(field::AUDITNG_FIM_SCAN_UNREADABLE),
        broken: event.str(field::EVENT_OUTCOME) == Some("failure"),
    }
}

fn started(event: &Event) -> Option<Timestamp> {
    date(event, field::EVENT_START).or_else(|| date(event, field::AUDITNG_FIM_WINDOW_START))
}

fn approval(event: &Event, time: Timestamp) -> Option<Approval> {
    let text = |field| event.str(field).unwrap_or_default().to_owned();
    Some(Approval {
        generation: number(event, field::AUDITNG_FIM_GENERATION)?,
        time: date(event, field::EVENT_CREATED).unwrap_or(time),
        root: text(field::AUDITNG_FIM_BASELINE_ROOT),
        previous: text(field::AUDITNG_FIM_BASELINE_PREVIOUS),
        key: text(field::AUDITNG_FIM_BASELINE_KEY),
        signature: text(field::AUDITNG_FIM_BASELINE_SIGNATURE),
        reason: first(event, &[field::AUDITNG_FIM_REASON, field::EVENT_REASON]),
        by: first(event, &[field::USER_NAME, field::USER_ID]),
        paths: texts(event, field::AUDITNG_FIM_NAMES),
    })
}

fn hole(event: &Event, time: Timestamp) -> Hole {
    let loss = event.str(field::EVENT_ACTION) == Some("source-loss");
    let action = event.str(field::EVENT_ACTION).unwrap_or_default();
    let reason = match first(event, &[field::AUDITNG_FIM_REASON, field::AUDITNG_LOSS_REASON]) {
        reason if reason.is_empty() => {
            event.str(field::AUDITNG_FIM_SOURCE).unwrap_or(action.trim_start_matches("fim-")).to_owned()
        }
        reason if action == "fim-baseline" => format!("baseline refused: {reason}"),
        reason if loss => format!("loss: {reason}"),
        reason => reason,
    };
    Hole {
        reason,
        root: event.str(field::AUDITNG_FIM_ROOT).unwrap_or_default().to_owned(),
        from: date(event, field::AUDITNG_LOSS_WINDOW_START)
            .or_else(|| date(event, field::AUDITNG_FIM_WINDOW_START))
            .unwrap_or(time),
        to: date(event, field::AUDITNG_LOSS_WINDOW_END),
        lost: number(event, field::AUDITNG_LOSS_COUNT),
        repaired: None,
        live: false,
    }
}

fn texts(event: &Event, field: Field) -> Vec<String> {
    event.all(field).map(shown).collect()
}

fn first(event: &Event, fields: &[Field]) -> String {
    let mut found = fields.iter().filter_map(|field| event.str(*field)).filter(|text| !text.is_empty());
    found.next().unwrap_or_default().to_owned()
}

fn number(event: &Event, field: Field) -> Option<u64> {
    u64::try_from(event.long(field)?).ok()
}

fn date(event: &Event, field: Field) -> Option<Timestamp> {
    match event.get(field)? {
        Value::Date(time) => Some(time),
        _ => None,
    }
}

fn shown(value: Value<'_>) -> String {
    match value {
        Value::Text(text) | Value::Json(text) => text.to_owned(),
        Value::Long(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Date(time) => time.to_string(),
        Value::Null => String::new(),
    }
}
