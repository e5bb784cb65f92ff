//! Policies by the words of others: osquery, Auditbeat, Wazuh, audit rules, a list of paths.
//!
//! Each reader is a pure function from a text to policies in our own form ([`crate::config::Policy`], which
//! `auditng fim status --as-toml` prints) and [`Complaint`]s: whatever is not taken is named with its file and key, and where a
//! pattern is refused the form is given that our own TOML has for it. Nothing is left out silently.

mod audit_rules;
mod auditbeat;
mod osquery;
mod paths;
mod wazuh;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::Path;

use crate::config::{Bytes, Config, Format, Policy, Scan, Span};

/// Larger files are not read.
pub const MOST_BYTES: usize = 16 << 20;

/// What a file gives.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Imported {
    /// In the order of the file.
    pub policies: Vec<Policy>,
    /// Whatever was not taken.
    pub complaints: Vec<Complaint>,
    /// When files are looked at, where the file says.
    pub scan: Wishes,
}

/// What a file says about scans.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wishes {
    /// `fim.scan.at_start`
    pub at_start: Option<bool>,
    /// `fim.scan.every`
    pub every: Option<Span>,
    /// `fim.scan.rate`
    pub rate: Option<Bytes>,
}

/// Something that was not taken.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Complaint {
    /// Whose.
    pub file: String,
    /// The key, `file_paths.etc[0]`, or the line.
    pub place: String,
    /// Why not.
    pub kind: Kind,
    /// What people should know.
    pub message: String,
}

/// Why something was not taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// The file cannot be read as what it should be.
    Unreadable,
    /// Nobody knows this word.
    Unknown,
    /// It has no meaning here.
    Inert,
    /// It has a meaning that cannot be given to it.
    Refused,
}

impl Kind {
    /// The word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Unknown => "unknown",
            Self::Inert => "inert",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, place, kind, message } = self;
        let place = if place.is_empty() { String::new() } else { format!(" {place}:") };
        write!(f, "{file}:{place} {}: {message}", kind.name())
    }
}

/// Reads a file's text. `name` is for complaints, and gives the id of policies that have none.
#[must_use]
pub fn read(format: Format, name: &str, text: &[u8]) -> Imported {
    let mut out = Reading { file: name, found: Imported::default() };
    if text.len() > MOST_BYTES {
        out.complain("", Kind::Unreadable, format!("is larger than {} MiB", MOST_BYTES >> 20));
        return out.found;
    }
    let Ok(text) = std::str::from_utf8(text) else {
        out.complain("", Kind::Unreadable, "is no UTF-8");
        return out.found;
    };
    match format {
        Format::Osquery => osquery::read(text, &mut out),
        Format::Auditbeat => auditbeat::read(text, &mut out),
        Format::Wazuh => wazuh::read(text, &mut out),
        Format::AuditRules => audit_rules::read(text, &mut out),
        Format::Paths => paths::read(text, &mut out),
    }
    out.found
}

/// Adds what the files of `[[fim.import]]` give to a configuration, reading them through `read`.
///
/// Wishes about scans are taken where `[fim.scan]` has its default. Policies whose id is taken already are complained of.
pub fn add(config: &mut Config, read_file: &mut dyn FnMut(&Path) -> io::Result<Vec<u8>>) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut ids: BTreeSet<String> = config.policy.iter().map(|policy| policy.id.clone()).collect();
    for import in config.import.clone() {
        let name = import.file.display().to_string();
        let complaint =
            |place: &str, kind, message| Complaint { file: name.clone(), place: place.to_owned(), kind, message };
        let imported = match read_file(&import.file) {
            Ok(text) => read(import.format, &name, &text),
            Err(error) => {
                complaints.push(complaint("", Kind::Unreadable, error.to_string()));
                continue;
            }
        };
        complaints.extend(imported.complaints);
        for policy in imported.policies {
            if ids.insert(policy.id.clone()) {
                config.policy.push(policy);
            } else {
                complaints.push(complaint(&policy.id, Kind::Refused, "another policy has this id".to_owned()));
            }
        }
        let default = Scan::default();
        let said = |key: &str| complaint(key, Kind::Inert, "[fim.scan] says otherwise".to_owned());
        wish(
            &mut config.scan.at_start,
            default.at_start,
            imported.scan.at_start,
            || said("scan_at_start"),
            &mut complaints,
        );
        wish(&mut config.scan.every, default.every, imported.scan.every, || said("frequency"), &mut complaints);
        wish(&mut config.scan.rate, default.rate, imported.scan.rate, || said("scan_rate_per_sec"), &mut complaints);
    }
    complaints
}

fn wish<T: PartialEq>(
    have: &mut T,
    default: T,
    wished: Option<T>,
    said: impl Fn() -> Complaint,
    complaints: &mut Vec<Complaint>,
) {
    match wished {
        Some(wished) if *have == wished => {}
        Some(wished) if *have == default => *have = wished,
        Some(_) => complaints.push(said()),
        None => {}
    }
}

/// A file while it is read.
struct Reading<'a> {
    file: &'a str,
    found: Imported,
}

impl Reading<'_> {
    fn complain(&mut self, place: impl Into<String>, kind: Kind, message: impl Into<String>) {
        let complaint = Complaint { file: self.file.to_owned(), place: place.into(), kind, message: message.into() };
        self.found.complaints.push(complaint);
    }

    /// Takes a policy; an id that is taken gets a number.
    fn take(&mut self, mut policy: Policy) {
        let taken = |id: &str| self.found.policies.iter().any(|policy| policy.id == id);
        if taken(&policy.id) {
            let numbered = (2..).map(|n| format!("{}-{n}", cut(&policy.id, 56))).find(|id| !taken(id));
            policy.id = numbered.unwrap_or_default();
        }
        self.found.policies.push(policy);
    }
}

/// A name as an id: what ids cannot have becomes `-`.
fn id(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let id: String = name.chars().map(allowed).collect();
    let id = id.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    if id.is_empty() { "imported".to_owned() } else { cut(id, 64).to_owned() }
}

/// At most so many bytes of a text of ASCII.
fn cut(text: &str, bytes: usize) -> &str {
    text.get(..bytes).unwrap_or(text)
}

/// A path whose characters all stand for themselves, as a pattern.
fn escaped(path: &str) -> String {
    path.chars().fold(String::new(), |mut out, c| {
        if "*?[]{}\\,".contains(c) {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

/// `yes`, `true` and the like.
fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Some(true),
        "no" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// `100 MiB`, `50MB`, `1024`: a number and a unit of 1,000s or 1,024s, blanks between them, in any case.
fn size(text: &str) -> Option<Bytes> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).map(Bytes)
}

#[cfg(test)]
mod tests;
