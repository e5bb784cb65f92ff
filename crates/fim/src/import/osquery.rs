//! `file_paths` of osquery's configuration: JSON with lines of comments and lines that go on after a backslash.
//!
//! A category is a policy. `%` and `*` are one level, `%%` and `**` at the end all levels, a slash at the end what lies
//! directly in the folder. What is excluded with a slash at the end is the folder itself and what lies directly in it.
//! osquery does not hash the files of `file_accesses`; here they are.

use serde_json::{Map, Value};

use super::{Kind, Reading, id};
use crate::config::{Class, Policy};

/// Keys of the configuration that say nothing about files.
const OTHERS: [&str; 16] = [
    "options",
    "schedule",
    "decorators",
    "yara",
    "events",
    "views",
    "prometheus_targets",
    "auto_table_construction",
    "feature_vectors",
    "kafka_topics",
    "platform",
    "version",
    "shard",
    "discovery",
    "queries",
    "oncall",
];

pub(super) fn read(text: &str, out: &mut Reading<'_>) {
    match serde_json::from_str(&bare(text)) {
        Ok(Value::Object(root)) => source(&root, "", out),
        Ok(_) => out.complain("", Kind::Unreadable, "is no JSON object"),
        Err(error) => out.complain(format!("line {}", error.line()), Kind::Unreadable, error.to_string()),
    }
}

/// Without comments and with continued lines in one; as many lines as before, so that places stay.
fn bare(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut owed = 0;
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let start = line.trim_start();
        if let Some(part) = line.strip_suffix('\\') {
            out.push_str(part);
            owed += 1;
            continue;
        }
        if !(start.starts_with('#') || start.starts_with("//")) {
            out.push_str(line);
        }
        out.extend(std::iter::repeat_n('\n', owed + 1));
        owed = 0;
    }
    out
}

/// A configuration, or a pack inside of one.
fn source(root: &Map<String, Value>, before: &str, out: &mut Reading<'_>) {
    let categories = table(root, "file_paths", before, out);
    let mut policies: Vec<(String, Policy)> = Vec::new();
    for (category, list) in categories {
        let place = format!("{before}file_paths.{category}");
        let paths =
            texts(list, &place, out).into_iter().filter_map(|(place, text)| take(included(&text), &text, place, out));
        let paths: Vec<String> = paths.flatten().collect();
        policies.push((category.clone(), Policy { id: id(category), paths, ..Policy::default() }));
    }
    let find =
        |policies: &mut Vec<(String, Policy)>, name: &str| policies.iter().position(|(category, _)| category == name);
    for (category, list) in table(root, "exclude_paths", before, out) {
        let place = format!("{before}exclude_paths.{category}");
        let Some(at) = find(&mut policies, category) else {
            out.complain(place, Kind::Unknown, "file_paths has no category of this name: nothing would be excluded");
            continue;
        };
        for (place, text) in texts(list, &place, out) {
            policies[at].1.exclude.extend(take(excluded(&text), &text, place, out).into_iter().flatten());
        }
    }
    if let Some(list) = root.get("file_accesses") {
        for (place, category) in texts(list, &format!("{before}file_accesses"), out) {
            match find(&mut policies, &category) {
                Some(at) => policies[at].1.events = Some(with_access()),
                None => out.complain(place, Kind::Unknown, format!("file_paths has no category {category:?}")),
            }
        }
    }
    for (category, _) in table(root, "file_paths_query", before, out) {
        let place = format!("{before}file_paths_query.{category}");
        out.complain(
            place,
            Kind::Refused,
            "needs host tables (inventory), which this agent has not: list the paths in file_paths",
        );
    }
    for (_, policy) in policies {
        if policy.paths.is_empty() {
            out.complain(format!("{before}file_paths.{}", policy.id), Kind::Refused, "no path is left in it");
        } else {
            out.take(policy);
        }
    }
    packs(root, before, out);
    let known = ["file_paths", "exclude_paths", "file_accesses", "file_paths_query", "packs"];
    for key in root.keys().filter(|key| !known.contains(&key.as_str()) && !OTHERS.contains(&key.as_str())) {
        out.complain(format!("{before}{key}"), Kind::Unknown, "osquery has no such key");
    }
}

fn packs(root: &Map<String, Value>, before: &str, out: &mut Reading<'_>) {
    for (name, pack) in table(root, "packs", before, out) {
        match pack {
            Value::Object(pack) if before.is_empty() => source(pack, &format!("packs.{name}."), out),
            Value::String(file) => {
                let what = format!("the pack is in another file: if {file:?} has file_paths, import that file too");
                out.complain(format!("{before}packs.{name}"), Kind::Inert, what);
            }
            _ => out.complain(format!("{before}packs.{name}"), Kind::Unknown, "is no pack"),
        }
    }
}

fn with_access() -> Vec<Class> {
    vec![Class::Create, Class::Access, Class::Modify, Class::Delete, Class::Move, Class::Attrib]
}

fn table<'a>(
    root: &'a Map<String, Value>,
    key: &str,
    before: &str,
    out: &mut Reading<'_>,
) -> Vec<(&'a String, &'a Value)> {
    match root.get(key) {
        Some(Value::Object(table)) => table.iter().collect(),
        None => Vec::new(),
        Some(_) => {
            out.complain(format!("{before}{key}"), Kind::Unreadable, "is no object");
            Vec::new()
        }
    }
}

fn texts(list: &Value, place: &str, out: &mut Reading<'_>) -> Vec<(String, String)> {
    let Value::Array(list) = list else {
        out.complain(place, Kind::Unreadable, "is no list of texts");
        return Vec::new();
    };
    let mut all = Vec::new();
    for (at, one) in list.iter().enumerate() {
        match one {
            Value::String(text) => all.push((format!("{place}[{at}]"), text.clone())),
            _ => out.complain(format!("{place}[{at}]"), Kind::Unreadable, "is no text"),
        }
    }
    all
}

fn take(read: Result<Vec<String>, String>, text: &str, place: String, out: &mut Reading<'_>) -> Option<Vec<String>> {
    let checked = read.and_then(|patterns| {
        patterns.iter().try_for_each(|pattern| crate::policy::check_path(pattern))?;
        Ok(patterns)
    });
    checked.map_err(|what| out.complain(place, Kind::Refused, format!("{text:?} {what}"))).ok()
}

/// In `file_paths`.
fn included(text: &str) -> Result<Vec<String>, String> {
    let pattern = stars(text)?;
    Ok(vec![if pattern.ends_with('/') { pattern + "*" } else { pattern }])
}

/// In `exclude_paths`.
fn excluded(text: &str) -> Result<Vec<String>, String> {
    let pattern = stars(text)?;
    Ok(match pattern.strip_suffix('/') {
        Some(folder) if !folder.is_empty() => vec![folder.to_owned(), format!("{folder}/*")],
        _ => vec![pattern],
    })
}

/// SQL's wildcards as ours, and `**` only at the end.
fn stars(text: &str) -> Result<String, String> {
    let pattern = text.replace('%', "*");
    let trimmed = pattern.trim_end_matches('/');
    let (_, last) = trimmed.rsplit_once('/').unwrap_or(("", trimmed));
    let inside = trimmed.strip_suffix(last).unwrap_or_default();
    let parts = || trimmed.split('/').filter(|part| part.contains("**"));
    if inside.contains("**") || parts().any(|part| part != "**") {
        let own: Vec<_> = trimmed
            .split('/')
            .map(|part| if part.contains("**") && part != "**" { own(part) } else { part.to_owned() })
            .collect();
        return Err(format!(
            "matches recursively inside of a path, which osquery does not do; in a policy of our own that is {:?}",
            own.join("/")
        ));
    }
    if !pattern.starts_with('/') {
        return Err("is no absolute path".to_owned());
    }
    Ok(if last == "**" { trimmed.to_owned() } else { pattern })
}

/// `**.conf` as people mean it.
fn own(part: &str) -> String {
    let mut one = part.to_owned();
    while one.contains("**") {
        one = one.replace("**", "*");
    }
    format!("**/{one}")
}
