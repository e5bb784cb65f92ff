//! `<syscheck>` of Wazuh's agent configuration: each `<directories>` is a policy.
//!
//! An entry is a file or a tree; `recursion_level` bounds it. Who did it is always asked, so `realtime` and `whodata` say
//! nothing new. `ignore` leaves out a path and what is below it, not every name that begins like it; expressions of type
//! `sregex` are the simple ones (`^ $ | !`, any case). Links are followed on the way to what is named and nowhere else.

use std::time::Duration;

use roxmltree::{Document, Node, ParsingOptions};

use super::{Kind, Reading, escaped, id, size, truth};
use crate::config::{Attribute, Bytes, Diff, Hash, Policy, Span};

/// Elements of `<syscheck>` that have a meaning there and none here.
const INERT: [(&str, &str); 22] = [
    ("scan_time", "scans are paced by [fim.scan]"),
    ("scan_day", "scans are paced by [fim.scan]"),
    ("auto_ignore", "what changes often is summarised, not left out"),
    ("alert_new_files", "a new file is a change"),
    ("prefilter_cmd", "no command is run"),
    ("allow_remote_prefilter_cmd", "no command is run"),
    ("restart_audit", "audit rules stand in [rules]"),
    ("process_priority", "scans run at the lowest priority"),
    ("max_eps", "nothing is held back"),
    ("max_files_per_second", "scans are paced by fim.scan.rate"),
    ("synchronization", "the server keeps the baseline's numbers"),
    ("database", "the baseline is on disk"),
    ("file_limit", "there is no limit of files"),
    ("registry_limit", "there is no registry"),
    ("windows_registry", "there is no registry"),
    ("registry_ignore", "there is no registry"),
    ("registry_nodiff", "there is no registry"),
    ("windows_audit_interval", "this is no Windows"),
    ("diff", "its sizes stand in diff of a policy and fim.diff_quota"),
    ("whodata", "who did it is always asked"),
    ("skip_dev", "[fim].exclude has /dev"),
    ("max_audit_entries", "audit rules stand in [rules]"),
];

pub(super) fn read(text: &str, out: &mut Reading<'_>) {
    // The file may have several roots, and a declaration before the first.
    let start = text.trim_start_matches('\u{feff}');
    let body =
        start.trim_start().strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map_or(start, |(_, rest)| rest);
    let whole = format!("<all>{body}</all>");
    let options = ParsingOptions { allow_dtd: false, nodes_limit: 1 << 20, ..ParsingOptions::default() };
    let document = match Document::parse_with_options(&whole, options) {
        Ok(document) => document,
        Err(error) => return out.complain(format!("line {}", error.pos().row), Kind::Unreadable, error.to_string()),
    };
    let mut sections = document.descendants().filter(|node| node.has_tag_name("syscheck")).peekable();
    if sections.peek().is_none() {
        out.complain("", Kind::Unreadable, "has no <syscheck>");
    }
    sections.for_each(|section| take(section, out));
}

/// What holds for all entries of a section.
#[derive(Default)]
struct Section {
    exclude: Vec<String>,
    exclude_regex: Vec<String>,
    nodiff: Vec<String>,
    local: bool,
}

fn place(node: Node<'_, '_>) -> String {
    format!("line {}: {}", node.document().text_pos_at(node.range().start).row, node.tag_name().name())
}

fn text<'a>(node: Node<'a, '_>) -> &'a str {
    node.text().unwrap_or_default().trim()
}

fn take(section: Node<'_, '_>, out: &mut Reading<'_>) {
    let elements = || section.children().filter(Node::is_element);
    if elements().any(|node| node.has_tag_name("disabled") && truth(text(node)) == Some(true)) {
        return;
    }
    let mut settings = Section { local: true, ..Section::default() };
    for node in elements() {
        match node.tag_name().name() {
            "directories" | "disabled" | "skip_proc" | "skip_sys" => {}
            "ignore" => ignore(node, &mut settings, out),
            "nodiff" => nodiff(node, &mut settings, out),
            "skip_nfs" => settings.local = truth(text(node)) != Some(false),
            "scan_on_start" => out.found.scan.at_start = flag(node, out),
            "frequency" => match text(node).parse() {
                Ok(seconds) if seconds > 0 => out.found.scan.every = Some(Span(Duration::from_secs(seconds))),
                _ => out.complain(place(node), Kind::Unreadable, "is no number of seconds"),
            },
            name => match INERT.iter().find(|(known, _)| *known == name) {
                Some((_, why)) => out.complain(place(node), Kind::Inert, *why),
                None => out.complain(place(node), Kind::Unknown, "syscheck has no such element"),
            },
        }
    }
    for node in elements().filter(|node| node.has_tag_name("directories")) {
        directories(node, &settings, out);
    }
}

fn flag(node: Node<'_, '_>, out: &mut Reading<'_>) -> Option<bool> {
    let flag = truth(text(node));
    if flag.is_none() {
        out.complain(place(node), Kind::Unreadable, "is neither yes nor no");
    }
    flag
}

/// `type="sregex"`, and complaints of anything else.
fn is_sregex(node: Node<'_, '_>, out: &mut Reading<'_>) -> bool {
    let mut is = false;
    for attribute in node.attributes() {
        match (attribute.name(), attribute.value()) {
            ("type", "sregex") => is = true,
            (name, value) => out.complain(place(node), Kind::Unknown, format!("{name}={value:?} is not known")),
        }
    }
    is
}

fn ignore(node: Node<'_, '_>, settings: &mut Section, out: &mut Reading<'_>) {
    let text = text(node);
    if is_sregex(node, out) {
        match sregex(text) {
            Ok(regex) => settings.exclude_regex.push(regex),
            Err(what) => out.complain(place(node), Kind::Refused, what),
        }
        return;
    }
    for path in entries(text) {
        match tree(path) {
            Ok(pattern) => settings.exclude.push(pattern),
            Err(what) => out.complain(place(node), Kind::Refused, format!("{path:?} {what}")),
        }
    }
}

fn nodiff(node: Node<'_, '_>, settings: &mut Section, out: &mut Reading<'_>) {
    let text = text(node);
    let patterns = if is_sregex(node, out) { globs(text) } else { entries(text).map(tree).collect() };
    match patterns {
        Ok(patterns) => settings.nodiff.extend(patterns),
        Err(what) => out.complain(place(node), Kind::Refused, what),
    }
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty())
}

/// A file, or a tree, with Wazuh's `*` and `?`.
fn tree(path: &str) -> Result<String, String> {
    if path.contains(['%', '\\', '$']) {
        return Err("has a variable, or is a path of Windows".to_owned());
    }
    let pattern = escaped(path).replace("\\*", "*").replace("\\?", "?");
    let pattern = format!("{}/", pattern.trim_end_matches('/'));
    crate::policy::check_path(&pattern).map(|()| pattern)
}

fn directories(node: Node<'_, '_>, settings: &Section, out: &mut Reading<'_>) {
    let mut policy = Policy {
        id: "syscheck".to_owned(),
        exclude: settings.exclude.clone(),
        exclude_regex: settings.exclude_regex.clone(),
        fstype: if settings.local { ["!nfs", "!nfs4", "!cifs", "!smb3"].map(str::to_owned).into() } else { Vec::new() },
        ..Policy::default()
    };
    for path in entries(text(node)) {
        match tree(path) {
            Ok(pattern) => policy.paths.push(pattern),
            Err(what) => out.complain(place(node), Kind::Refused, format!("{path:?} {what}")),
        }
    }
    let mut checks = Checks::default();
    let mut report = false;
    let mut limit = None;
    for attribute in node.attributes() {
        let (name, value) = (attribute.name(), attribute.value());
        let yes = truth(value);
        match (name, yes) {
            ("realtime" | "whodata", Some(_)) | ("check_all", Some(_)) => {}
            ("report_changes", Some(yes)) => report = yes,
            ("follow_symbolic_link", Some(false)) => {}
            ("follow_symbolic_link", Some(true)) => {
                out.complain(
                    place(node),
                    Kind::Inert,
                    "follow_symbolic_link: links inside of what is watched are not followed; name where they lead",
                );
            }
            ("check_attrs", Some(_)) => {
                out.complain(place(node), Kind::Inert, "check_attrs: these are attributes of Windows")
            }
            (check, Some(yes)) if checks.set(check, yes, node.attribute("check_all").and_then(truth)) => {}
            ("restrict", _) => match sregex(value) {
                Ok(regex) => policy.include_regex.push(regex),
                Err(what) => out.complain(place(node), Kind::Refused, format!("restrict: {what}")),
            },
            ("tags", _) => policy.tags = entries(value).map(str::to_owned).collect(),
            ("recursion_level", _) => match value.trim().parse() {
                Ok(level) if level <= 64 => policy.recursion = Some(level),
                Ok(_) => {}
                Err(_) => {
                    out.complain(place(node), Kind::Unreadable, format!("recursion_level={value:?} is no number"))
                }
            },
            ("diff_size_limit", _) => match size(value) {
                Some(Bytes(bytes)) => limit = Some(Bytes(bytes)),
                None => out.complain(
                    place(node),
                    Kind::Unreadable,
                    format!("diff_size_limit={value:?} is no size like \"50MB\""),
                ),
            },
            _ => out.complain(place(node), Kind::Unknown, format!("{name}={value:?} is not known")),
        }
    }
    policy.diff = report.then(|| {
        let default = Diff::default();
        Diff { max_file: limit.unwrap_or(default.max_file), nodiff: settings.nodiff.clone(), ..default }
    });
    checks.apply(node.attribute("check_all").and_then(truth) != Some(false), &mut policy);
    if let Some(tag) = policy.tags.first() {
        policy.id = id(tag);
    }
    if policy.paths.is_empty() {
        out.complain(place(node), Kind::Refused, "no path is left in it");
    } else {
        out.take(policy);
    }
}

/// What is compared: with `check_all` everything but what is switched off, else what is switched on.
#[derive(Default)]
struct Checks {
    on: Vec<&'static str>,
    off: Vec<&'static str>,
}

const CHECKS: [(&str, &[Attribute]); 6] = [
    ("check_size", &[Attribute::Size]),
    ("check_owner", &[Attribute::Uid]),
    ("check_group", &[Attribute::Gid]),
    ("check_perm", &[Attribute::Mode, Attribute::Acl, Attribute::Capabilities]),
    ("check_mtime", &[Attribute::Mtime]),
    ("check_inode", &[Attribute::Inode]),
];
const SUMS: [(&str, &[Hash]); 4] = [
    ("check_sum", &[Hash::Sha256, Hash::Sha1, Hash::Md5]),
    ("check_sha256sum", &[Hash::Sha256]),
    ("check_sha1sum", &[Hash::Sha1]),
    ("check_md5sum", &[Hash::Md5]),
];

impl Checks {
    fn set(&mut self, name: &str, yes: bool, _all: Option<bool>) -> bool {
        let names = CHECKS.iter().map(|(name, _)| *name).chain(SUMS.iter().map(|(name, _)| *name));
        let Some(known) = names.into_iter().find(|known| *known == name) else { return false };
        if yes {
            self.on.push(known)
        } else {
            self.off.push(known)
        }
        true
    }

    fn apply(&self, all: bool, policy: &mut Policy) {
        // What Wazuh cannot see is compared all the same.
        let others = [
            Attribute::Type,
            Attribute::Ctime,
            Attribute::Target,
            Attribute::Xattr,
            Attribute::Selinux,
            Attribute::Flags,
        ];
        let wanted = |name: &str| if all { !self.off.contains(&name) } else { self.on.contains(&name) };
        let mut attributes: Vec<Attribute> =
            CHECKS.iter().filter(|(name, _)| wanted(name)).flat_map(|(_, list)| list.iter().copied()).collect();
        if attributes.len() < CHECKS.iter().map(|(_, list)| list.len()).sum() {
            attributes.extend(others);
            attributes.sort();
            policy.attributes = Some(attributes);
        }
        let sums: Vec<Hash> =
            SUMS.iter().filter(|(name, _)| self.on.contains(name)).flat_map(|(_, list)| list.iter().copied()).collect();
        let none = SUMS.iter().all(|(name, _)| self.off.contains(name) || (!all && !self.on.contains(name)));
        if none {
            policy.hash = Some(Vec::new());
        } else if !sums.is_empty() {
            let mut hashes: Vec<Hash> = [Hash::Blake3, Hash::Sha256].into_iter().chain(sums).collect();
            hashes.sort();
            hashes.dedup();
            policy.hash = Some(hashes);
        }
    }
}

/// A simple expression as a regular one.
fn sregex(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.starts_with('!') {
        return Err(format!("{text:?}: \"!\" has no form here; name what is wanted in paths"));
    }
    let part = |part: &str| {
        let (start, part) = part.strip_prefix('^').map_or(("", part), |part| ("^", part));
        let (end, part) = part.strip_suffix('$').map_or(("", part), |part| ("$", part));
        format!("{start}{}{end}", regex::escape(part))
    };
    let regex = format!("(?i){}", text.split('|').map(part).collect::<Vec<_>>().join("|"));
    crate::policy::check_regex(&regex).map(|()| regex)
}

/// A simple expression as patterns, where there are such.
fn globs(text: &str) -> Result<Vec<String>, String> {
    let own = || format!("{text:?} has no patterns of paths; name them in nodiff of a policy's diff");
    let mut all = Vec::new();
    for part in text.split('|') {
        let (bare, end) = part.strip_suffix('$').map_or((part, false), |bare| (bare, true));
        let found = match bare.strip_prefix('^') {
            Some(bare) if bare.starts_with('/') && end => vec![escaped(bare)],
            Some(bare) if bare.starts_with('/') => {
                vec![format!("{}*", escaped(bare)), format!("{}*/**", escaped(bare))]
            }
            None if !bare.is_empty() && !bare.contains('/') && end => vec![format!("**/*{}", escaped(bare))],
            None if !bare.is_empty() && !bare.contains('/') => vec![format!("**/*{}*/**", escaped(bare))],
            _ => return Err(own()),
        };
        found.iter().try_for_each(|pattern| crate::policy::check_pattern(pattern)).map_err(|_| own())?;
        all.extend(found);
    }
    Ok(all)
}
