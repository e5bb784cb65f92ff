//! Answers as people and programs read them. Names were spelled harmlessly where the answers were made, and go through
//! [`visible`] or [`csv_line`] once more.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fim::baseline::{Generation, Scan};
use fim::control::{Answer, Explained, Found, Part, PolicyStatus, Request, Status, Verification};
use schema::Timestamp;
use serde_json::{Value as Json, json};

use super::desk;
use super::place::Place;
use crate::cli::FimFormat;
use crate::command::print;
use crate::exit::{Failure, Outcome};
use crate::table::{csv_line, table, visible};

/// Asks and prints what is answered.
pub(super) fn ask(place: &Place, request: &Request, format: FimFormat) -> Outcome {
    let mut all = Vec::new();
    let done = desk::ask(place, request, &mut |answer| all.push(answer))?;
    let code = super::code(done.code);
    let spoken = done.message.as_str();
    if done.code >= 2 && all.is_empty() {
        return Err(Failure::new(code, done.message));
    }
    answers(&all, spoken, format)?;
    Ok(code)
}

/// Something to be said beside the answer.
#[expect(clippy::print_stderr, reason = "where remarks reach the person")]
pub(super) fn warn(text: &str) {
    eprintln!("auditng: {}", visible(text));
}

/// Prints answers; `spoken` is the line that people get at the end.
pub(super) fn answers(all: &[Answer], spoken: &str, format: FimFormat) -> Outcome {
    let text = match format {
        FimFormat::Table => people(all, spoken),
        FimFormat::Json => format!("{:#}\n", whole(all, spoken)),
        FimFormat::Ndjson => {
            all.iter().filter_map(|answer| serde_json::to_string(answer).ok()).map(|line| line + "\n").collect()
        }
        FimFormat::Csv => csv(all),
    };
    print(text.as_bytes())
}

fn people(all: &[Answer], spoken: &str) -> String {
    let mut text = String::new();
    let found: Vec<&Found> = of(all, |answer| if let Answer::Found(found) = answer { Some(&**found) } else { None });
    let generations = of(all, |answer| if let Answer::Generation(one) = answer { Some(&**one) } else { None });
    text.push_str(&differences(&found));
    if !generations.is_empty() {
        text.push_str(&table(
            &headings(&GENERATION),
            &generations.iter().map(|one| generation(one)).collect::<Vec<_>>(),
        ));
    }
    for answer in all {
        match answer {
            Answer::Scanned(scan) => text.push_str(&scanned(scan, found.len())),
            Answer::Verified(verification) => text.push_str(&verified(verification)),
            Answer::Status(status) => text.push_str(&self::status(status)),
            Answer::Explained(explained) => text.push_str(&self::explained(explained)),
            Answer::Text { text: whole } => text.push_str(whole),
            Answer::Found(_)
            | Answer::Generation(_)
            | Answer::Entry(_)
            | Answer::Progress { .. }
            | Answer::Done { .. } => {}
        }
    }
    if !spoken.is_empty() {
        let _infallible = writeln!(text, "{}", visible(spoken));
    }
    text
}

fn of<'a, T>(all: &'a [Answer], pick: impl Fn(&'a Answer) -> Option<T>) -> Vec<T> {
    all.iter().filter_map(pick).collect()
}

/// By severity and policy, as they come; what changed below each path.
fn differences(found: &[&Found]) -> String {
    let mut text = String::new();
    let mut group = None;
    for one in found {
        let here = Some((&one.severity, &one.policies));
        if group != here {
            let blank = if group.is_some() { "\n" } else { "" };
            let policies = one.policies.join(", ");
            let _infallible = writeln!(text, "{blank}{} — {}", one.severity.to_uppercase(), visible(&policies));
            group = here;
        }
        let _infallible = writeln!(text, "  {:<20} {}", one.action, visible(&one.path));
        if let Some(error) = &one.error {
            let _infallible = writeln!(text, "      {}", visible(error));
        }
        one.changed.iter().for_each(|part| text.push_str(&changed(part)));
    }
    if group.is_some() {
        text.push('\n');
    }
    text
}

fn changed(Part { attribute, before, after }: &Part) -> String {
    let side = |value: &Option<String>| value.as_deref().map_or_else(|| "none".to_owned(), visible);
    format!("      {:<14} {} -> {}\n", visible(attribute), side(before), side(after))
}

const GENERATION: [&str; 6] = ["GENERATION", "TIME", "ENTRIES", "BY", "REASON", "ROOT"];

fn generation(one: &Generation) -> Vec<String> {
    let seal = &one.seal;
    vec![
        seal.generation.to_string(),
        time(seal.time_ms),
        one.entries.to_string(),
        seal.agent.clone(),
        seal.reason.clone(),
        seal.root.to_string(),
    ]
}

fn time(ms: i64) -> String {
    Timestamp::from_millis(ms).to_string()
}

fn headings(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn scanned(scan: &Scan, found: usize) -> String {
    let seconds = (scan.end_ms - scan.start_ms).max(0);
    let skipped: u64 = scan.skipped.values().sum();
    let mut text = format!(
        "{} scan: {} entries, {} MiB read, {}.{:03} s, {found} differences",
        visible(&scan.kind),
        scan.entries,
        scan.hashed_bytes >> 20,
        seconds / 1000,
        seconds % 1000,
    );
    for (count, what) in [(scan.unreadable, "unreadable"), (skipped, "left out")] {
        if count > 0 {
            let _infallible = write!(text, ", {count} {what}");
        }
    }
    text.push('\n');
    text
}

fn verified(verification: &Verification) -> String {
    let mut text = String::new();
    if let Some(one) = &verification.generation {
        let seal = &one.seal;
        let _infallible = writeln!(
            text,
            "generation {} of {} ({}), root {}",
            seal.generation,
            time(seal.time_ms),
            if seal.reason.is_empty() { "no reason given".to_owned() } else { visible(&seal.reason) },
            seal.root
        );
    }
    if let Some(seal) = &verification.seal {
        let _infallible = writeln!(text, "seen at {}, seal {}, root {}", time(seal.time_ms), seal.sequence, seal.root);
        let _infallible =
            writeln!(text, "{} entries, {} not as approved", verification.entries, verification.deviations);
    }
    if !verification.public_key.is_empty() {
        let _infallible = writeln!(text, "key {}", visible(&verification.public_key));
    }
    for (problem, said) in verification.problems.iter().zip(&verification.said) {
        let _infallible = writeln!(text, "FAILED {}: {}", problem.kind(), visible(said));
    }
    text
}

fn status(status: &Status) -> String {
    let mut text = String::new();
    let agent = if status.agent { "runs" } else { "does not run here" };
    let _infallible = writeln!(
        text,
        "agent      {agent}{}",
        if status.mode.is_empty() { String::new() } else { format!(", {}", visible(&status.mode)) }
    );
    match &status.generation {
        Some(one) => {
            let _infallible = writeln!(
                text,
                "approved   generation {} of {}, root {}",
                one.seal.generation,
                time(one.seal.time_ms),
                one.seal.root
            );
        }
        None => text.push_str("approved   nothing\n"),
    }
    let open: Vec<String> =
        status.open.iter().map(|(severity, count)| format!("{count} {}", visible(severity))).collect();
    let _infallible = writeln!(text, "known      {} entries", status.entries);
    let _infallible =
        writeln!(text, "open       {}", if open.is_empty() { "nothing".to_owned() } else { open.join(", ") });
    let who: Vec<String> = status.who.iter().map(|(how, count)| format!("{count} {}", visible(how))).collect();
    if !who.is_empty() {
        let _infallible = writeln!(text, "who        {}", who.join(", "));
    }
    for scan in &status.scans {
        let _infallible = writeln!(
            text,
            "scan       {} at {}: {} entries, {} differences",
            visible(&scan.kind),
            time(scan.end_ms),
            scan.entries,
            scan.differences
        );
    }
    let policies: Vec<Vec<String>> = status.policies.iter().map(policy).collect();
    text.push('\n');
    text.push_str(&table(&headings(&["POLICY", "SEVERITY", "EVENTS", "TAGS"]), &policies));
    let roots: Vec<Vec<String>> =
        status.roots.iter().map(|root| vec![root.covered.clone(), root.path.clone(), root.reason.clone()]).collect();
    text.push('\n');
    text.push_str(&table(&headings(&["COVERED", "ROOT", "WHY NOT LIVE"]), &roots));
    for loss in &status.losses {
        let repaired = if loss.repaired { "repaired by a scan" } else { "not repaired" };
        let _infallible = writeln!(
            text,
            "lost       {} at {} in {}: {}, {repaired}",
            loss.count,
            time(loss.time_ms),
            visible(&loss.root),
            visible(&loss.reason)
        );
    }
    for line in &status.blind {
        let _infallible = writeln!(text, "never live {}", visible(line));
    }
    for line in &status.degraded {
        let _infallible = writeln!(text, "degraded   {}", visible(line));
    }
    text
}

fn policy(one: &PolicyStatus) -> Vec<String> {
    vec![one.id.clone(), one.severity.clone(), one.events.join(" "), one.tags.join(" ")]
}

fn explained(explained: &Explained) -> String {
    let mut text: String = explained.why.lines().map(|line| format!("{}\n", visible(line))).collect();
    if !explained.policies.is_empty() {
        let rows: Vec<Vec<String>> = explained.policies.iter().map(policy).collect();
        text.push_str(&table(&headings(&["POLICY", "SEVERITY", "EVENTS", "TAGS"]), &rows));
    }
    if let Some(Json::Object(seen)) = &explained.seen {
        text.push_str("last seen\n");
        for (name, value) in seen.iter().filter(|(name, _)| *name != "path") {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _infallible = writeln!(text, "  {name:<12} {}", visible(&value));
        }
    }
    if let Some(deviation) = &explained.deviation {
        let _infallible = writeln!(text, "not as approved: {}", deviation.action);
        deviation.changed.iter().for_each(|part| text.push_str(&changed(part)));
    }
    for other in &explained.names {
        let _infallible = writeln!(text, "also known as {}", visible(other));
    }
    text
}

/// One value: a list where there may be many of a kind, the value itself where there is one.
fn whole(all: &[Answer], spoken: &str) -> Json {
    let mut parts: BTreeMap<&str, Json> = BTreeMap::new();
    let mut found = Vec::new();
    let mut generations = Vec::new();
    for answer in all {
        match answer {
            Answer::Found(one) => found.push(json!(one)),
            Answer::Generation(one) => generations.push(json!(one)),
            Answer::Scanned(scan) => {
                parts.insert("scan", json!(scan));
                parts.entry("found").or_default();
            }
            Answer::Verified(one) => drop(parts.insert("verification", json!(one))),
            Answer::Status(one) => drop(parts.insert("status", json!(one))),
            Answer::Explained(one) => drop(parts.insert("explained", json!(one))),
            Answer::Text { text } => drop(parts.insert("text", json!(text))),
            Answer::Entry(_) | Answer::Progress { .. } | Answer::Done { .. } => {}
        }
    }
    if !found.is_empty() || parts.contains_key("found") {
        parts.insert("found", found.into());
    }
    if !generations.is_empty() {
        parts.insert("generations", generations.into());
    }
    if !spoken.is_empty() {
        parts.insert("message", json!(spoken));
    }
    json!(parts)
}

/// The rows: differences with a line for each attribute, generations, problems, or the roots of a status.
fn csv(all: &[Answer]) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut heading: &[&str] = &["severity", "policies", "action", "path", "attribute", "before", "after"];
    for answer in all {
        match answer {
            Answer::Found(one) => rows.extend(found_rows(one)),
            Answer::Generation(one) => {
                heading = &["generation", "time", "entries", "agent", "reason", "root"];
                rows.push(generation(one));
            }
            Answer::Verified(one) => {
                heading = &["problem", "what"];
                rows.extend(
                    one.problems
                        .iter()
                        .zip(&one.said)
                        .map(|(problem, said)| vec![problem.kind().to_owned(), said.clone()]),
                );
            }
            Answer::Status(one) => {
                heading = &["covered", "root", "reason"];
                rows.extend(
                    one.roots.iter().map(|root| vec![root.covered.clone(), root.path.clone(), root.reason.clone()]),
                );
            }
            Answer::Explained(one) => {
                heading = &["policy", "severity", "events", "tags"];
                rows.extend(one.policies.iter().map(policy));
            }
            Answer::Text { text } => return text.clone(),
            Answer::Scanned(_) | Answer::Entry(_) | Answer::Progress { .. } | Answer::Done { .. } => {}
        }
    }
    let mut text = csv_line(&headings(heading));
    text.extend(rows.iter().map(|row| csv_line(row)));
    text
}

fn found_rows(one: &Found) -> Vec<Vec<String>> {
    let row = |part: Option<&Part>| {
        let side = |value: Option<&Option<String>>| value.cloned().flatten().unwrap_or_default();
        vec![
            one.severity.clone(),
            one.policies.join(" "),
            one.action.clone(),
            one.path.clone(),
            part.map(|part| part.attribute.clone()).unwrap_or_default(),
            side(part.map(|part| &part.before)),
            side(part.map(|part| &part.after)),
        ]
    };
    if one.changed.is_empty() { vec![row(None)] } else { one.changed.iter().map(|part| row(Some(part))).collect() }
}
