//! From this host's own baseline: what was approved, compared, and is open now. Nobody else vouches for it.
//!
//! Where an agent has the baseline open it is asked; it tells the last scan of each kind and how much is open. Without one the
//! whole history is read.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use fim::baseline::{Baseline, Error, Generation, Options, Scan};
use fim::control::{Answer, Found, Request, Status};
use fim::policy::Severity;
use fim::report::{Approval, Comparison, Counts, Deviation, Host, Report, Watched, settings};
use schema::Timestamp;

use super::super::local::{not_opened, policies};
use super::super::{desk, place::Place};
use crate::cli::{FimAt, FimFormat, FimReport};
use crate::exit::{Code, Failure, OrExit as _};

pub(super) fn report(
    arguments: &FimReport,
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<Report, Failure> {
    let (config, state_dir) = (arguments.config.clone(), arguments.state_dir.clone());
    let place = Place::of(&FimAt { config, state_dir, format: FimFormat::Table })?;
    let mut host = match Baseline::open(&Options::new(&place.folder)) {
        Ok(baseline) => read(&place, baseline)?,
        Err(Error::Locked(_)) => asked(&place)?,
        Err(error) => return Err(not_opened(error)),
    };
    host.name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let before = host.comparisons.iter().rposition(|scan| scan.end < from && scan.is_whole());
    let mut at = 0..;
    host.comparisons.retain(|scan| (at.next() == before || scan.end >= from) && scan.end <= to);
    host.approvals.retain(|approval| approval.time <= to);
    let source = place.folder.display().to_string();
    Ok(Report { made: now, from, to, source, hosts: vec![host] })
}

fn read(place: &Place, mut baseline: Baseline) -> Result<Host, Failure> {
    let policies = policies(place, &baseline)?;
    let generations = baseline.generations().or_exit(Code::Input)?;
    let scans = baseline.scans().or_exit(Code::Input)?;
    let found = fim::control::open(&mut baseline, &policies, &[], None).or_exit(Code::Input)?;
    let mut files: BTreeMap<String, u64> = BTreeMap::new();
    let count = baseline.export(&mut |entry| {
        let path = fim::name::bytes(&entry.path).map(OsString::from_vec).unwrap_or_default();
        for policy in policies.of(Path::new(&path)) {
            *files.entry(policy.id.to_string()).or_default() += 1;
        }
    });
    count.or_exit(Code::Input)?;
    let digest = policies.digest().to_string();
    let since = generations.last().map_or_else(Timestamp::default, |last| Timestamp::from_millis(last.seal.time_ms));
    let watched = policies.all().iter().map(|policy| Watched {
        id: policy.id.to_string(),
        digest: digest.clone(),
        severity: policy.severity.name().to_owned(),
        tags: policy.tags.iter().map(ToString::to_string).collect(),
        settings: settings(policy),
        files: Some(files.get(&*policy.id).copied().unwrap_or(0)),
        since,
    });
    let key = baseline.public_key();
    let last = scans.iter().map(|scan| scan.end_ms).max().unwrap_or(0);
    let deviations: Vec<Deviation> = found.into_iter().map(|found| deviation(found, last)).collect();
    let mut counts = Counts::default();
    deviations.iter().for_each(|found| counts.open[found.severity as usize] += 1);
    // A scan without an agent tells what differs and moves nothing on: it is known only as a number.
    let approved = generations.last().map_or(0, |last| last.seal.time_ms);
    let newest = scans.iter().rfind(|scan| scan.end_ms > approved);
    let unlisted = newest.map_or(0, |scan| scan.differences).saturating_sub(deviations.len() as u64);
    counts.open[Severity::Medium as usize] += unlisted;
    Ok(Host {
        agent: generations.last().map(|last| last.seal.agent.clone()).unwrap_or_default(),
        policies: watched.collect(),
        comparisons: scans.into_iter().map(comparison).collect(),
        approvals: generations.into_iter().map(|generation| approval(generation, &key)).collect(),
        deviations,
        unlisted,
        counts,
        ..Host::default()
    })
}

fn asked(place: &Place) -> Result<Host, Failure> {
    let (mut generations, mut status, mut key) = (Vec::new(), Status::default(), String::new());
    for request in [Request::Generations, Request::Status, Request::Verify { generation: None, expect_root: None }] {
        desk::ask(place, &request, &mut |answer| match answer {
            Answer::Generation(generation) => generations.push(*generation),
            Answer::Status(told) => status = *told,
            Answer::Verified(verified) => key = verified.public_key,
            _ => {}
        })?;
    }
    let mut counts = Counts::default();
    let severities = ["informational", "low", "medium", "high", "critical"];
    for (count, word) in counts.open.iter_mut().zip(severities) {
        *count = status.open.get(word).copied().unwrap_or(0);
    }
    let digest = status.seal.as_ref().map_or_else(String::new, |seal| seal.policies.to_string());
    let watched = status.policies.into_iter().map(|policy| Watched {
        id: policy.id,
        digest: digest.clone(),
        severity: policy.severity,
        tags: policy.tags,
        settings: vec![("events".to_owned(), policy.events.join(" "))],
        ..Watched::default()
    });
    Ok(Host {
        agent: generations.last().map(|last: &Generation| last.seal.agent.clone()).unwrap_or_default(),
        policies: watched.collect(),
        comparisons: status.scans.into_iter().map(comparison).collect(),
        approvals: generations.into_iter().map(|generation| approval(generation, &key)).collect(),
        unlisted: counts.all_open(),
        counts,
        ..Host::default()
    })
}

fn comparison(scan: Scan) -> Comparison {
    Comparison {
        kind: scan.kind,
        start: Timestamp::from_millis(scan.start_ms),
        end: Timestamp::from_millis(scan.end_ms),
        generation: Some(scan.generation).filter(|generation| *generation > 0),
        root: scan.root.map(|root| root.to_string()).unwrap_or_default(),
        entries: scan.entries,
        bytes: scan.hashed_bytes,
        differences: scan.differences,
        unreadable: scan.unreadable,
        broken: false,
    }
}

fn approval(generation: Generation, key: &str) -> Approval {
    let seal = generation.seal;
    let first = seal.previous.0 == [0; 32];
    Approval {
        generation: seal.generation,
        time: Timestamp::from_millis(seal.time_ms),
        root: seal.root.to_string(),
        previous: if first { String::new() } else { seal.previous.to_string() },
        key: key.to_owned(),
        signature: seal.signature,
        reason: seal.reason,
        ..Approval::default()
    }
}

/// Nobody is named: a baseline knows what differs, the events know who.
fn deviation(found: Found, last_ms: i64) -> Deviation {
    let severity = Severity::ALL.into_iter().find(|known| known.name() == found.severity);
    Deviation {
        time: Timestamp::from_millis(last_ms),
        action: found.action,
        path: found.path,
        severity: severity.unwrap_or_default(),
        policies: found.policies,
        changed: found.changed.into_iter().map(|part| part.attribute).collect(),
        confidence: "unknown".to_owned(),
        reason: "found_by_scan".to_owned(),
        count: 1,
        ..Deviation::default()
    }
}
