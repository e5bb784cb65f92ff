//! Requests answered here, without an agent: the baseline is opened, the files are looked at, and nothing but an approval moves
//! what was seen on, so that the agent tells of every change when it starts.

mod look;
mod trees;

pub(super) use trees::policies;

use std::path::PathBuf;

use fim::baseline::{Baseline, Error, Opened, Options, Scan};
use fim::change::ScanKind;
use fim::config::Mode;
use fim::control::{self, Answer, Found, Request};
use look::Order;
use schema::Timestamp;

use super::place::Place;
use crate::exit::{Code, Failure};

/// What one request needs.
struct Local<'a> {
    place: &'a Place,
    tell: &'a mut dyn FnMut(Answer),
    now: Timestamp,
}

/// How it ends: exit code and one line.
type Done = Result<(Code, String), Failure>;

pub(super) fn answer(place: &Place, request: &Request, tell: &mut dyn FnMut(Answer)) -> Result<(), Failure> {
    let mut local = Local { place, tell, now: now() };
    let (code, message) = match request {
        Request::Baseline { update, paths, reason } => local.baseline(*update, &named(paths)?, reason)?,
        Request::Scan { full, policy, paths, rate } => {
            let kind = if *full { ScanKind::Full } else { ScanKind::Meta };
            local.scan(kind, policy.as_deref(), &named(paths)?, *rate)?
        }
        Request::AsToml | Request::AuditRules => local.text(request)?,
        Request::Status => local.status()?,
        other => return local.ask(other),
    };
    tell(Answer::Done { code: code as u8, message });
    Ok(())
}

fn named(paths: &[String]) -> Result<Vec<PathBuf>, Failure> {
    control::paths(paths).map_err(|why| Failure::new(Code::Usage, why))
}

#[expect(clippy::disallowed_methods, reason = "an edge: a command reads the clock")]
pub(super) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What an error of opening means to somebody who is not checking the baseline itself.
pub(super) fn not_opened(error: Error) -> Failure {
    let code = match &error {
        Error::Locked(_) => Code::Refused,
        Error::Store(_) => Code::Internal,
        _ => Code::Input,
    };
    let advice = match &error {
        Error::Missing(_) => "; make one with `auditng fim baseline`, or name another place with --state-dir",
        Error::Refused { .. } => {
            "; nothing was compared with it. `auditng fim baseline --update` sets it aside and records everything as it is now"
        }
        Error::Locked(_) => "; if that is the agent, it does not answer at its socket there",
        _ => "",
    };
    Failure::new(code, format!("{error}{advice}"))
}

/// What could not be read or written after opening.
fn said(done: Result<(u8, String), Error>) -> Done {
    done.map(|(code, message)| (super::code(code), message)).map_err(|error| Failure::new(Code::Input, error))
}

impl Local<'_> {
    fn options(&self) -> Options {
        Options::new(&self.place.folder)
    }

    fn open(&self) -> Result<Baseline, Failure> {
        Baseline::open(&self.options()).map_err(not_opened)
    }

    /// Makes a baseline, approves what differs, or says that something does.
    fn baseline(&mut self, update: bool, paths: &[PathBuf], reason: &str) -> Done {
        let mut baseline = self.open_or_make(update)?;
        let first = baseline.approved().is_none();
        if first && !paths.is_empty() {
            trees::keep(&mut baseline, paths)?;
        }
        let policies = policies(self.place, &baseline)?;
        trees::readable(&policies)?;
        baseline.set_policies(policies.digest());
        let within = if first { &[] } else { paths };
        let kind = if first { ScanKind::Baseline } else { ScanKind::Full };
        let order = Order { kind, within, policy: None, rate: None, threads: self.place.config.scan.threads };
        let (mut scan, logs) = look::run(&mut baseline, &policies, &order, self.now, self.tell)?;
        if first || update {
            let reason = if reason.is_empty() && first { "first baseline" } else { reason };
            let kept = baseline.add_scan(&scan);
            let done = kept.and_then(|()| control::approve(&mut baseline, within, reason, now(), self.tell));
            return said(done.map(|message| (0, message)));
        }
        let found = control::open(&mut baseline, &policies, &[], None);
        baseline.abandon();
        let done = found.map(|found| match self.found(&mut scan, found, logs) {
            0 => (0, "nothing to do: everything is as it was approved".to_owned()),
            code => (code, "it differs; --update approves this".to_owned()),
        });
        (self.tell)(Answer::Scanned(Box::new(scan)));
        said(done)
    }

    /// Tells what was found, logs too. 1: something was.
    fn found(&mut self, scan: &mut Scan, mut found: Vec<Found>, logs: Vec<Found>) -> u8 {
        found.extend(logs);
        control::in_order(&mut found);
        scan.differences = found.len() as u64;
        let code = u8::from(!found.is_empty());
        found.into_iter().for_each(|one| (self.tell)(Answer::Found(Box::new(one))));
        code
    }

    /// One that fails its check is set aside for `--update`, which is what the operator asked for.
    fn open_or_make(&mut self, update: bool) -> Result<Baseline, Failure> {
        let options = self.options();
        let opened = match Baseline::open(&options) {
            Err(Error::Missing(_)) => Baseline::create(&options, self.now).map(Opened::Good),
            Err(Error::Refused { .. }) if update => Baseline::open_or_set_aside(&options, self.now),
            other => other.map(Opened::Good),
        };
        match opened.map_err(not_opened)? {
            Opened::Good(baseline) => Ok(baseline),
            Opened::Refused { why, set_aside, fresh } => {
                let why = why.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                let kept = set_aside.map(|path| format!("; it is kept as {}", path.display())).unwrap_or_default();
                super::print::warn(&format!("the old baseline failed its check: {why}{kept}"));
                Ok(fresh)
            }
        }
    }

    fn scan(&mut self, kind: ScanKind, policy: Option<&str>, paths: &[PathBuf], rate: Option<u64>) -> Done {
        let mut baseline = self.open()?;
        if baseline.approved().is_none() {
            return Err(not_opened(Error::Missing(self.options().file())));
        }
        let policies = policies(self.place, &baseline)?;
        if let Some(id) = policy.filter(|id| policies.all().iter().all(|policy| &*policy.id != *id)) {
            return Err(Failure::new(Code::Usage, format!("there is no policy {id}; `auditng fim status` lists them")));
        }
        if let Some(last) = baseline.approved().filter(|last| last.seal.policies != policies.digest()) {
            let number = last.seal.generation;
            super::print::warn(&format!(
                "other policies apply now than those that generation {number} was approved under"
            ));
        }
        let order = Order { kind, within: paths, policy, rate, threads: self.place.config.scan.threads };
        let (mut scan, logs) = look::run(&mut baseline, &policies, &order, self.now, self.tell)?;
        let found = control::open(&mut baseline, &policies, paths, policy);
        baseline.abandon();
        let done = found.and_then(|found| {
            let code = self.found(&mut scan, found, logs);
            baseline.add_scan(&scan)?;
            baseline.seal(now())?;
            scan.root = Some(baseline.last_seal().root);
            (self.tell)(Answer::Scanned(Box::new(scan)));
            Ok((code, String::new()))
        });
        said(done)
    }

    fn text(&mut self, request: &Request) -> Done {
        let text = trees::text(self.place, request)?;
        (self.tell)(Answer::Text { text });
        Ok((Code::Done, String::new()))
    }

    /// How it stands where nobody watches.
    fn status(&mut self) -> Done {
        let mut baseline = self.open()?;
        let policies = policies(self.place, &baseline)?;
        let mut status = match control::status(&mut baseline, &policies) {
            Ok(status) => status,
            Err(error) => return Err(Failure::new(Code::Input, error)),
        };
        let config = &self.place.config;
        if config.mode != Mode::Scan {
            status
                .degraded
                .push("no agent runs here: nothing is seen live, and only scans find what changed".to_owned());
        }
        let last = status.scans.iter().map(|scan| scan.end_ms).max().unwrap_or(0);
        let within = i64::try_from(config.scan.rehash_within.0.as_millis()).unwrap_or(i64::MAX);
        if self.now.millis().saturating_sub(last) > within {
            status.degraded.push("the last comparison is older than it may be (fim.scan.rehash_within)".to_owned());
        }
        status.mode = "scan".to_owned();
        let code = if status.degraded.is_empty() { Code::Done } else { Code::Findings };
        (self.tell)(Answer::Status(Box::new(status)));
        Ok((code, String::new()))
    }

    /// What the baseline alone answers.
    fn ask(&mut self, request: &Request) -> Result<(), Failure> {
        let mut baseline = self.open()?;
        let policies = policies(self.place, &baseline)?;
        control::answer(request, &mut baseline, &policies, self.tell);
        Ok(())
    }
}
