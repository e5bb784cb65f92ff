//! A configuration of go-audit as it is: its `rules:` and `filters:`.
//!
//! Rules become lines of a rule file at the same line and column, so that what is wrong with one is said with its place in
//! the YAML file. All else in the file has no meaning here, and where that changes what is seen a remark says so:
//! `events.min` and `events.max` cut record types away there; here all types are read.

use std::path::Path;

use regex::Regex;
use saphyr::{LoadableYamlNode as _, MarkedYaml};

use crate::filter::Raw;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct GoAudit {
    /// Its rules as a rule file.
    pub(super) rules: String,
    /// Its filters.
    pub(super) filters: Vec<Raw>,
    /// What cannot be taken.
    pub(super) problems: Vec<String>,
    /// What is different here.
    pub(super) remarks: Vec<String>,
}

/// Record types that go-audit reads where its file does not say.
const DEFAULT_TYPES: (i64, i64) = (1300, 1399);

/// By its name.
pub(super) fn is_one(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "yaml" || end == "yml")
}

/// Reads a file's text.
pub(super) fn read(name: &str, text: &str) -> GoAudit {
    let mut found = GoAudit::default();
    let documents = match MarkedYaml::load_from_str(text) {
        Ok(documents) => documents,
        Err(error) => {
            found.problems.push(format!("{name}: no YAML: {error}"));
            return found;
        }
    };
    let Some(root) = documents.first() else { return found };
    found.take_rules(name, &list(root, "rules"));
    for (at, filter) in list(root, "filters").into_iter().enumerate() {
        match raw(at, filter) {
            Ok(raw) => found.filters.push(raw),
            Err(what) => found.problems.push(format!("{name}:{}: filter {}: {what}", filter.span.start.line(), at + 1)),
        }
    }
    found.remark_on_types(name, root);
    found
}

fn list<'a>(root: &'a MarkedYaml<'a>, key: &str) -> Vec<&'a MarkedYaml<'a>> {
    let list = root.data.as_mapping_get(key).and_then(|node| node.data.as_sequence());
    list.into_iter().flatten().collect()
}

fn number(node: &MarkedYaml<'_>, key: &str) -> Option<i64> {
    node.data.as_mapping_get(key)?.data.as_integer()
}

fn raw(at: usize, filter: &MarkedYaml<'_>) -> Result<Raw, String> {
    let number = |key: &str| number(filter, key).ok_or_else(|| format!("{key} is no number"));
    let syscall = u32::try_from(number("syscall")?).map_err(|_| "syscall is out of range".to_owned())?;
    let record_type = u16::try_from(number("message_type")?).map_err(|_| "message_type is out of range".to_owned())?;
    if record_type == CONFIG_CHANGE {
        return Err("it would hide changes of the audit rules, which no filter may".to_owned());
    }
    let regex = filter.data.as_mapping_get("regex").and_then(|node| node.data.as_str());
    let regex = Regex::new(regex.ok_or_else(|| "regex is no text".to_owned())?);
    let regex = regex.map_err(|error| format!("regex: {}", error.to_string().replace('\n', " ")))?;
    Ok(Raw { name: format!("go-audit-{}", at + 1), syscall, record_type, regex })
}

const CONFIG_CHANGE: u16 = 1305;

impl GoAudit {
    fn take_rules(&mut self, name: &str, rules: &[&MarkedYaml<'_>]) {
        for rule in rules {
            let Some(text) = rule.data.as_str() else {
                self.problems.push(format!("{name}:{}: a rule is no text", rule.span.start.line()));
                continue;
            };
            // A rule that is folded over lines is one line here, which is what it means in YAML too.
            let here = self.rules.lines().count() + 1;
            let gap = rule.span.start.line().saturating_sub(here);
            self.rules.extend(std::iter::repeat_n('\n', gap));
            self.rules.extend(std::iter::repeat_n(' ', rule.span.start.col()));
            self.rules.push_str(&text.replace('\n', " "));
            self.rules.push('\n');
        }
    }

    fn remark_on_types(&mut self, name: &str, root: &MarkedYaml<'_>) {
        let Some(events) = root.data.as_mapping_get("events") else { return };
        let (min, max) = (number(events, "min"), number(events, "max"));
        let (min, max) = (min.unwrap_or(DEFAULT_TYPES.0), max.unwrap_or(DEFAULT_TYPES.1));
        self.remarks.push(format!(
            "{name}: events.min {min} and events.max {max} are not taken: record types below and above are events here too \
             (logins, users and groups, services, audit's own changes); a filter on auditd.message_type leaves some out"
        ));
    }
}

#[cfg(test)]
mod tests;
