//! Auditbeat's module `file_integrity`: the whole `auditbeat.yml`, or a file of `modules.d`.
//!
//! Its paths have no wildcards: they stand for themselves and what lies directly in them, or below them with `recursive`.
//! Files beyond `max_file_size` are hashed in part here and not at all there.

use saphyr::{LoadableYamlNode as _, MarkedYaml};

use super::{Kind, Reading, escaped, size};
use crate::config::{Bytes, Hash, Policy};

/// Keys that have a meaning there and none here.
const INERT: [(&str, &str); 14] = [
    ("force_backend", "the collector is chosen by fim.mode"),
    ("backend", "the collector is chosen by fim.mode"),
    ("file_parsers", "files are not taken apart"),
    ("processors", "filters stand in [[filter]]"),
    ("fields", "own fields are not added to events"),
    ("fields_under_root", "own fields are not added to events"),
    ("keep_null", "events have no empty fields"),
    ("index", "events go where [ship] says"),
    ("pipeline", "events go where [ship] says"),
    ("period", "scans are paced by [fim.scan]"),
    ("metricsets", "there is one"),
    ("datasets", "there is one"),
    ("service.name", "events say their agent"),
    ("publisher_pipeline.disable_host", "events say their host"),
];

pub(super) fn read(text: &str, out: &mut Reading<'_>) {
    // Deep nesting costs stack where values are taken apart: nobody writes it.
    let deep = |line: &str| line.bytes().take_while(|byte| b" -?:".contains(byte)).count() > 200;
    if let Some(at) = text.lines().position(deep) {
        out.complain(format!("line {}", at + 1), Kind::Unreadable, "is nested too deep");
        return;
    }
    let documents = match MarkedYaml::load_from_str(text) {
        Ok(documents) => documents,
        Err(error) => return out.complain("", Kind::Unreadable, error.to_string()),
    };
    let mut found = false;
    for module in documents.iter().flat_map(modules) {
        let name = module.data.as_mapping_get("module").and_then(|node| node.data.as_str());
        if name == Some("file_integrity") {
            found = true;
            take(module, out);
        }
    }
    if !found {
        out.complain("", Kind::Unreadable, "has no module file_integrity");
    }
}

/// The lists of modules, wherever the file has them.
fn modules<'a>(root: &'a MarkedYaml<'a>) -> Vec<&'a MarkedYaml<'a>> {
    let list = root.data.as_sequence().or_else(|| {
        let dotted = root.data.as_mapping_get("auditbeat.modules");
        let nested = || root.data.as_mapping_get("auditbeat").and_then(|node| node.data.as_mapping_get("modules"));
        dotted.or_else(nested).and_then(|node| node.data.as_sequence())
    });
    list.into_iter().flatten().collect()
}

fn take(module: &MarkedYaml<'_>, out: &mut Reading<'_>) {
    let Some(keys) = module.data.as_mapping() else { return };
    let place = |key: &str, node: &MarkedYaml<'_>| format!("line {}: {key}", node.span.start.line());
    let mut policy =
        Policy { id: "file_integrity".to_owned(), max_file_size: Some(Bytes(100 << 20)), ..Policy::default() };
    let (mut paths, mut recursive, mut enabled) = (Vec::new(), false, true);
    for (key, node) in keys {
        let Some(key) = key.data.as_str() else { continue };
        let place = place(key, node);
        match key {
            "module" => {}
            "enabled" => enabled = flag(node, &place, out).unwrap_or(true),
            "paths" => paths = texts(node, &place, out),
            "recursive" => recursive = flag(node, &place, out).unwrap_or(false),
            "exclude_files" => policy.exclude_regex = regexes(node, &place, out),
            "include_files" => policy.include_regex = regexes(node, &place, out),
            "hash_types" => policy.hash = Some(hashes(node, &place, out)),
            "max_file_size" => policy.max_file_size = bytes(node, &place, out).or(policy.max_file_size),
            "scan_at_start" => out.found.scan.at_start = flag(node, &place, out),
            "scan_rate_per_sec" => out.found.scan.rate = bytes(node, &place, out),
            "tags" => policy.tags = texts(node, &place, out).into_iter().map(|(_, text)| text).collect(),
            _ => match INERT.iter().find(|(name, _)| *name == key) {
                Some((_, why)) => out.complain(place, Kind::Inert, *why),
                None => out.complain(place, Kind::Unknown, "file_integrity has no such key"),
            },
        }
    }
    for (place, path) in paths {
        match patterns(&path, recursive) {
            Ok(found) => policy.paths.extend(found),
            Err(what) => out.complain(place, Kind::Refused, format!("{path:?} {what}")),
        }
    }
    if enabled && !policy.paths.is_empty() {
        out.take(policy);
    } else if enabled {
        out.complain(place("paths", module), Kind::Refused, "names no path");
    }
}

fn patterns(path: &str, recursive: bool) -> Result<Vec<String>, String> {
    if path.contains("${") {
        return Err("has a variable, which only Auditbeat knows".to_owned());
    }
    if !path.starts_with('/') {
        return Err("is no absolute path of this system".to_owned());
    }
    let folder = escaped(path.trim_end_matches('/'));
    let patterns = if recursive { vec![format!("{folder}/**")] } else { vec![folder.clone(), format!("{folder}/*")] };
    let patterns: Vec<_> = patterns.into_iter().filter(|pattern| !pattern.is_empty()).collect();
    patterns.iter().try_for_each(|pattern| crate::policy::check_path(pattern))?;
    Ok(patterns)
}

fn text(node: &MarkedYaml<'_>) -> Option<String> {
    let number = || node.data.as_integer().map(|number| number.to_string());
    node.data.as_str().map(str::to_owned).or_else(number)
}

/// A list of texts, or one.
fn texts(node: &MarkedYaml<'_>, place: &str, out: &mut Reading<'_>) -> Vec<(String, String)> {
    let one = text(node);
    let Some(list) = node.data.as_sequence() else {
        if one.is_none() {
            out.complain(place, Kind::Unreadable, "is no list of texts");
        }
        return one.map(|text| (place.to_owned(), text)).into_iter().collect();
    };
    let mut all = Vec::new();
    for (at, node) in list.iter().enumerate() {
        match text(node) {
            Some(text) => all.push((format!("{place}[{at}]"), text)),
            None => out.complain(format!("{place}[{at}]"), Kind::Unreadable, "is no text"),
        }
    }
    all
}

fn flag(node: &MarkedYaml<'_>, place: &str, out: &mut Reading<'_>) -> Option<bool> {
    let flag = node.data.as_bool().or_else(|| super::truth(node.data.as_str()?));
    if flag.is_none() {
        out.complain(place, Kind::Unreadable, "is neither true nor false");
    }
    flag
}

fn bytes(node: &MarkedYaml<'_>, place: &str, out: &mut Reading<'_>) -> Option<Bytes> {
    let bytes = text(node).and_then(|text| size(&text));
    if bytes.is_none() {
        out.complain(place, Kind::Unreadable, "is no size like \"100 MiB\"");
    }
    bytes
}

fn regexes(node: &MarkedYaml<'_>, place: &str, out: &mut Reading<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for (place, text) in texts(node, place, out) {
        match crate::policy::check_regex(&text) {
            Ok(()) => all.push(text),
            Err(what) => out.complain(place, Kind::Refused, what),
        }
    }
    all
}

/// The change key is always there.
fn hashes(node: &MarkedYaml<'_>, place: &str, out: &mut Reading<'_>) -> Vec<Hash> {
    let mut all = vec![Hash::Blake3];
    for (place, text) in texts(node, place, out) {
        match text.to_ascii_lowercase().as_str() {
            "sha256" => all.push(Hash::Sha256),
            "sha1" => all.push(Hash::Sha1),
            "md5" => all.push(Hash::Md5),
            _ => out.complain(
                place,
                Kind::Inert,
                format!("{text:?} is not computed here; blake3, sha256, sha1 and md5 are"),
            ),
        }
    }
    all.sort();
    all.dedup();
    all
}
