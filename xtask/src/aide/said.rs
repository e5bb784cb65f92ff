//! What both programs wrote down, as paths and digests.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// AIDE's database: each path (percent-encoded), and its SHA-256 (base64) where it has one, as hex.
pub(super) fn aide_database(bytes: &[u8]) -> Result<BTreeMap<Vec<u8>, Option<String>>> {
    let text = String::from_utf8_lossy(bytes);
    let spec = text.lines().find_map(|line| line.strip_prefix("@@db_spec ")).context("no @@db_spec")?;
    let columns: Vec<&str> = spec.split(' ').collect();
    let at = columns.iter().position(|column| *column == "sha256").context("no sha256")?;
    let rows = text.lines().filter(|line| line.starts_with('/'));
    Ok(rows
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            (percent(fields[0]), fields.get(at).and_then(|field| hex_of_base64(field)))
        })
        .collect())
}

/// Our export: the same.
pub(super) fn our_export(text: &str) -> Result<BTreeMap<Vec<u8>, Option<String>>> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line)?;
        let Some(path) = row["path"].as_str() else { continue };
        found.insert(escaped(path), row["sha256"].as_str().map(ToOwned::to_owned));
    }
    Ok(found)
}

/// All paths that AIDE's JSON report names as added, removed or changed.
pub(super) fn aide_report(text: &str) -> Result<BTreeSet<String>> {
    let report: Value = serde_json::from_str(text)?;
    let mut found = BTreeSet::new();
    for list in ["added", "removed", "changed"] {
        found.extend(report[list].as_object().into_iter().flat_map(|rows| rows.keys().cloned()));
    }
    Ok(found)
}

/// All paths that our findings name.
pub(super) fn our_findings(text: &str) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line)?;
        if row.get("action").is_some() {
            found.extend(row["path"].as_str().map(ToOwned::to_owned));
        }
    }
    Ok(found)
}

fn percent(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let pair = more.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.filter(|_| *first == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &more[2..];
            }
            None => {
                out.push(*first);
                rest = more;
            }
        }
    }
    out
}

/// `\xNN`, `\u{N}` and `\\` undone.
fn escaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        if let Some(byte) = rest.strip_prefix('x').and_then(|rest| u8::from_str_radix(rest.get(..2)?, 16).ok()) {
            out.push(byte);
            rest = &rest[3..];
        } else if let Some((number, more)) = rest.strip_prefix("u{").and_then(|rest| rest.split_once('}')) {
            let c = u32::from_str_radix(number, 16).ok().and_then(char::from_u32).unwrap_or('?');
            out.extend_from_slice(c.to_string().as_bytes());
            rest = more;
        } else {
            out.push(b'\\');
            rest = rest.strip_prefix('\\').unwrap_or(rest);
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// Standard base64, as hex; `None`: it is none, as AIDE's `0` for no digest.
fn hex_of_base64(text: &str) -> Option<String> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.trim_end_matches('=').bytes().map(|byte| DIGITS.iter().position(|digit| *digit == byte));
    let digits: Vec<usize> = digits.collect::<Option<_>>()?;
    if digits.len() != 43 {
        return None;
    }
    let bits: String = digits.iter().map(|digit| format!("{digit:06b}")).collect();
    Some((0..64).map(|at| format!("{:x}", u8::from_str_radix(&bits[at * 4..at * 4 + 4], 2).unwrap_or(0))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_and_names() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex_of_base64("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").as_deref(), Some(empty));
        assert_eq!(hex_of_base64("0"), None);
        assert_eq!(percent("/a%20b%25"), b"/a b%");
        assert_eq!(escaped(r"/a\\b\xff\x0a\u{202e}"), b"/a\\b\xff\n\xe2\x80\xae");
    }
}
