//! What this machine offers for file integrity monitoring, what of it is covered, and what is not.
//!
//! Looks, never changes: collectors are opened for a moment, which tells how each root would be covered, and closed again.

use std::path::Path;
use std::sync::Arc;

use fim::baseline::{FILE, Options};
use fim::collect::{self, Collectors, Coverage, How, NoIdentity};
use fim::config::{Config, Mode};
use fim::policy::{Live, Policies};

use crate::clock::Clock;
use crate::source::audit::doctor::{Finding, State};

const WATCH: &str = "file integrity";
const COVER: &str = "fim coverage";
const BASELINE: &str = "fim baseline";
/// Roots named one by one.
const NAMED: usize = 4;

/// Looks at everything that the source depends on.
#[must_use]
pub fn doctor(config: &Config) -> Vec<Finding> {
    if config.mode == Mode::Off {
        return vec![finding(WATCH, State::Warn, "off (fim.mode)", "take fim.mode out of the configuration")];
    }
    let read = super::effective(config.clone(), &[]).and_then(|config| {
        let policies = Policies::read(&config, &Live::host()).map_err(|problems| problems.to_string())?;
        Ok((config, policies))
    });
    let (config, policies) = match read {
        Ok(read) => read,
        Err(why) => {
            return vec![finding(WATCH, State::Bad, why, "mend the configuration; nothing is watched until then")];
        }
    };
    let (count, roots) = (policies.all().len(), policies.roots().len());
    let mut findings = vec![finding(WATCH, State::Ok, format!("{count} policies watch {roots} roots"), "")];
    for remark in policies.remarks() {
        findings.push(finding(WATCH, State::Warn, remark.to_string(), "see docs/fim.md"));
    }
    findings.extend(coverage(&config, policies));
    findings.push(baseline(&config.state_dir));
    findings
}

fn coverage(config: &Config, policies: Policies) -> Vec<Finding> {
    let mode = match config.mode {
        Mode::Auto => collect::Mode::Auto,
        Mode::Fanotify => collect::Mode::Fanotify,
        Mode::Inotify => collect::Mode::Inotify,
        Mode::Audit | Mode::Scan | Mode::Off => collect::Mode::Scan,
    };
    let clock = Clock::system();
    let options = collect::Options { mode, ..collect::Options::new(Arc::new(move || clock.wall())) };
    let (collectors, coverage) = Collectors::open(Arc::new(policies), options, Arc::new(NoIdentity));
    drop(collectors);
    let by = |how: How| coverage.iter().filter(move |one| one.how == how).collect::<Vec<_>>();
    let mut findings = Vec::new();
    let live = by(How::Fanotify);
    if !live.is_empty() {
        let what = format!("{} of {} roots by fanotify, with the process of each change", live.len(), coverage.len());
        findings.push(finding(COVER, State::Ok, what, ""));
    }
    let advice = [
        (How::Inotify, "run as root (CAP_SYS_ADMIN) on Linux 5.17 or newer to learn who changes files"),
        (How::ScanOnly, "only scans see changes there: run as root, or accept it for network file systems and FUSE"),
    ];
    for (how, advice) in advice {
        let short = by(how);
        if !short.is_empty() {
            let what = format!("{} of {} roots by {}: {}", short.len(), coverage.len(), how.name(), named(&short));
            findings.push(finding(COVER, State::Warn, what, advice));
        }
    }
    findings
}

fn named(short: &[&Coverage]) -> String {
    let one = |one: &&Coverage| match one.reason.as_str() {
        "" => one.root.display().to_string(),
        reason => format!("{} ({reason})", one.root.display()),
    };
    let mut text = short.iter().take(NAMED).map(one).collect::<Vec<_>>().join(", ");
    if short.len() > NAMED {
        text.push_str(", ...");
    }
    text
}

fn baseline(folder: &Path) -> Finding {
    let file = Options::new(folder).file();
    match file.metadata() {
        Ok(there) => {
            let what = format!("{FILE} lies in {} ({} KiB)", folder.display(), there.len() >> 10);
            finding(BASELINE, State::Ok, what, "")
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            finding(BASELINE, State::Ok, "none yet; the first run records this host silently", "")
        }
        Err(error) => {
            let what = format!("{}: {error}", file.display());
            finding(BASELINE, State::Warn, what, "run as the user that the agent runs as")
        }
    }
}

fn finding(name: &'static str, state: State, what: impl Into<String>, advice: &str) -> Finding {
    Finding { name, state, what: what.into(), advice: advice.to_owned() }
}
