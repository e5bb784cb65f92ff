//! Requests answered from an open baseline. Scanning is the caller's: a command line scans here and now, an agent with its own threads.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use schema::Timestamp;

use super::{Answer, Explained, Found, PolicyStatus, Request, RootStatus, Status, Verification, paths};
use crate::baseline::{Baseline, Error, Exported, Generation, Problem, Scan};
use crate::name;
use crate::policy::{Policies, Policy, Severity};
use crate::seen::Seen as _;

/// Answers what needs no scan; [`Request::Baseline`] and [`Request::Scan`] are refused here. The last thing told is [`Answer::Done`].
/// The status told is that of the database; an agent tells more with [`status`].
pub fn answer(request: &Request, baseline: &mut Baseline, policies: &Policies, tell: &mut dyn FnMut(Answer)) {
    let done = match request {
        Request::Generations => generations(baseline, tell),
        Request::Export => export(baseline, tell),
        Request::Verify { generation, expect_root } => verify(baseline, *generation, *expect_root, tell),
        Request::Status => status(baseline, policies).map(|status| {
            let code = u8::from(!status.degraded.is_empty());
            tell(Answer::Status(Box::new(status)));
            (code, String::new())
        }),
        Request::Explain { path } => match paths(std::slice::from_ref(path)) {
            Ok(paths) => explain(baseline, policies, &paths[0]).map(|explained| {
                tell(Answer::Explained(Box::new(explained)));
                (0, String::new())
            }),
            Err(why) => Ok((2, why)),
        },
        Request::Baseline { .. } | Request::Scan { .. } | Request::AsToml | Request::AuditRules => {
            Ok((5, "this needs more than the baseline".to_owned()))
        }
    };
    let (code, message) = done.unwrap_or_else(|error| (3, error.to_string()));
    tell(Answer::Done { code, message });
}

type Done = Result<(u8, String), Error>;

fn generations(baseline: &Baseline, tell: &mut dyn FnMut(Answer)) -> Done {
    let all = baseline.generations()?;
    let message = if all.is_empty() { "nothing is approved yet".to_owned() } else { String::new() };
    all.into_iter().for_each(|one| tell(Answer::Generation(Box::new(one))));
    Ok((0, message))
}

fn export(baseline: &Baseline, tell: &mut dyn FnMut(Answer)) -> Done {
    baseline.export(&mut |entry| {
        if let Ok(entry) = serde_json::to_value(&entry) {
            tell(Answer::Entry(entry));
        }
    })?;
    Ok((0, String::new()))
}

fn verify(
    baseline: &Baseline,
    generation: Option<u64>,
    expected: Option<crate::entry::Digest>,
    tell: &mut dyn FnMut(Answer),
) -> Done {
    let mut verified = baseline.verify(None)?;
    let wanted = match generation {
        None => verified.generations.last().cloned(),
        Some(number) => match verified.generations.iter().find(|one| one.seal.generation == number) {
            Some(found) => Some(found.clone()),
            None => return Ok((3, format!("there is no generation {number} here"))),
        },
    };
    verified.problems.extend(unexpected(&verified.seal.root, generation, wanted.as_ref(), expected));
    let code = u8::from(!verified.problems.is_empty());
    let said: Vec<String> = verified.problems.iter().map(ToString::to_string).collect();
    let message = if code == 0 { "signatures, tree, chain and counter agree".to_owned() } else { said.join("; ") };
    tell(Answer::Verified(Box::new(Verification {
        problems: verified.problems,
        said,
        generation: wanted,
        seal: Some(verified.seal),
        public_key: baseline.public_key(),
        entries: verified.entries,
        deviations: verified.deviations,
    })));
    Ok((code, message))
}

/// The root that somebody noted is that of the generation, or without a number also that of what was last seen.
fn unexpected(
    seen: &crate::entry::Digest,
    number: Option<u64>,
    generation: Option<&Generation>,
    expected: Option<crate::entry::Digest>,
) -> Option<Problem> {
    let expected = expected?;
    let found = generation.map_or(*seen, |one| one.seal.root);
    let agrees = found == expected || number.is_none() && *seen == expected;
    (!agrees).then_some(Problem::Unexpected { found, expected })
}

/// The open deviations at or below these paths (none: all), the severest first, by policy and path. `policy`: only those it asks for.
///
/// # Errors
/// When they cannot be read.
pub fn open(
    baseline: &mut Baseline,
    policies: &Policies,
    within: &[PathBuf],
    policy: Option<&str>,
) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    baseline.deviations(&mut |deviation| {
        if within.is_empty() || within.iter().any(|root| deviation.path.starts_with(root)) {
            found.extend(Found::of(&deviation, policies));
        }
    })?;
    if let Some(policy) = policy {
        found.retain(|one| one.policies.iter().any(|id| id == policy));
    }
    in_order(&mut found);
    Ok(found)
}

/// The severest first, then by policies and path.
pub fn in_order(found: &mut [Found]) {
    let rank = |word: &str| Severity::ALL.iter().position(|severity| severity.name() == word);
    found.sort_by(|one, other| {
        (rank(&other.severity), &one.policies, &one.path).cmp(&(rank(&one.severity), &other.policies, &other.path))
    });
}

/// Approves what was seen at or below these paths and tells the generation.
///
/// # Errors
/// When it cannot be written; then nothing is approved.
pub fn approve(
    baseline: &mut Baseline,
    within: &[PathBuf],
    reason: &str,
    now: Timestamp,
    tell: &mut dyn FnMut(Answer),
) -> Result<String, Error> {
    let done = baseline.approve(within, reason, now)?;
    let (number, root) = (done.generation.seal.generation, done.generation.seal.root);
    let entries = done.generation.entries;
    tell(Answer::Generation(Box::new(done.generation)));
    Ok(format!("generation {number}: {entries} entries, {} deviations closed, root {root}", done.closed))
}

/// How the baseline stands.
///
/// # Errors
/// When it cannot be read.
pub fn status(baseline: &mut Baseline, policies: &Policies) -> Result<Status, Error> {
    let mut by_severity = BTreeMap::new();
    for found in open(baseline, policies, &[], None)? {
        *by_severity.entry(found.severity).or_default() += 1;
    }
    let mut last: BTreeMap<String, Scan> = BTreeMap::new();
    for scan in baseline.scans()? {
        last.insert(scan.kind.clone(), scan);
    }
    let mut degraded = Vec::new();
    if baseline.approved().is_none() {
        degraded.push("nothing is approved yet: `auditng fim baseline --update`".to_owned());
    }
    let roots = policies.roots().iter().map(|root| root_status(&root.path)).collect();
    Ok(Status {
        generation: baseline.approved().cloned(),
        seal: Some(baseline.last_seal().clone()),
        entries: baseline.entries(),
        open: by_severity,
        policies: policies.all().iter().map(|policy| PolicyStatus::of(policy)).collect(),
        roots,
        scans: last.into_values().collect(),
        degraded,
        ..Status::default()
    })
}

fn root_status(path: &Path) -> RootStatus {
    let (covered, reason) = match path.symlink_metadata() {
        Ok(_) => ("scan-only", "no agent runs".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => ("missing", String::new()),
        Err(error) => ("unreadable", error.to_string()),
    };
    RootStatus { path: name::text(path.as_os_str().as_bytes()), covered: covered.to_owned(), reason }
}

impl PolicyStatus {
    /// Of one policy.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        Self {
            id: policy.id.to_string(),
            severity: policy.severity.name().to_owned(),
            events: policy.classes.names().map(str::to_owned).collect(),
            tags: policy.tags.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What is known of a path.
///
/// # Errors
/// When it cannot be read.
pub fn explain(baseline: &mut Baseline, policies: &Policies, path: &Path) -> Result<Explained, Error> {
    let asking = policies.of(path);
    let seen = baseline.get(path);
    let mut deviation = None;
    baseline.deviations(&mut |one| {
        if one.path == path {
            deviation = Found::of(&one, policies).map(Box::new);
        }
    })?;
    let mut names = Vec::new();
    if let Some(entry) = &seen {
        baseline.names(entry, &mut |other| {
            if other != path {
                names.push(name::text(other.as_os_str().as_bytes()));
            }
        });
    }
    Ok(Explained {
        path: name::text(path.as_os_str().as_bytes()),
        why: policies.explain(path).to_string(),
        policies: asking.iter().map(|policy| PolicyStatus::of(policy)).collect(),
        seen: seen.and_then(|entry| serde_json::to_value(Exported::of(path, &entry)).ok()),
        deviation,
        names,
    })
}
