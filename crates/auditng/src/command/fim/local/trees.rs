//! Policies: those of the settings, or one for each tree that was named when the baseline was made.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use fim::Policies;
use fim::baseline::Baseline;
use fim::config::{self, Config};
use fim::control::Request;
use fim::policy::{self, Live};

use crate::command::fim::place::Place;
use crate::command::fim::print::warn;
use crate::exit::{Code, Failure};

/// Under this name the baseline keeps the trees, with a zero byte behind each.
const NOTE: &[u8] = b"cli/trees";

/// Keeps which trees this baseline is of.
pub(super) fn keep(baseline: &mut Baseline, trees: &[PathBuf]) -> Result<(), Failure> {
    let mut value = Vec::new();
    for tree in trees {
        let tree = std::fs::canonicalize(tree)
            .map_err(|error| Failure::new(Code::Input, format!("cannot read {}: {error}", tree.display())))?;
        value.extend_from_slice(tree.as_os_str().as_bytes());
        value.push(0);
    }
    baseline.set_note(NOTE, Some(&value));
    Ok(())
}

fn kept(baseline: &Baseline) -> Vec<PathBuf> {
    let value = baseline.note(NOTE).unwrap_or_default();
    let parts = value.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    parts.map(|part| PathBuf::from(OsString::from_vec(part.to_vec()))).collect()
}

/// What applies: settings that were named, else the trees that the baseline is of, else the usual settings.
pub(in crate::command::fim) fn policies(place: &Place, baseline: &Baseline) -> Result<Policies, Failure> {
    let trees = kept(baseline);
    if place.named || trees.is_empty() {
        return configured(place);
    }
    let policy = |(at, tree): (usize, &PathBuf)| config::Policy {
        id: format!("tree-{}", at + 1),
        paths: vec![format!("{}{}", pattern(tree), if tree.is_dir() { "/" } else { "" })],
        hash: Some(place.config.hash.clone()),
        ..config::Policy::default()
    };
    let exclude = vec![format!("{}/", pattern(&place.folder))];
    let config = Config {
        use_defaults: false,
        exclude,
        policy: trees.iter().enumerate().map(policy).collect(),
        ..Config::default()
    };
    read(&config)
}

/// A pattern that stands for this path alone.
fn pattern(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.+,=@%~".contains(&byte);
    let spell = |byte: &u8| if plain(*byte) { char::from(*byte).to_string() } else { format!("\\x{byte:02X}") };
    path.as_os_str().as_bytes().iter().map(spell).collect()
}

fn read(config: &Config) -> Result<Policies, Failure> {
    Policies::read(config, &Live::host())
        .map_err(|problems| Failure::new(Code::Usage, format!("the settings of [fim] have errors:\n{problems}")))
}

fn configured(place: &Place) -> Result<Policies, Failure> {
    let policies = read(&place.config)?;
    for remark in policies.remarks() {
        warn(&remark.to_string());
    }
    Ok(policies)
}

/// A root that is there and cannot be read is said before anything is recorded.
pub(super) fn readable(policies: &Policies) -> Result<(), Failure> {
    for root in policies.roots() {
        if let Err(error) = open(&root.path)
            && error.kind() == std::io::ErrorKind::PermissionDenied
        {
            return Err(Failure::new(Code::Input, format!("cannot read {}: {error}", root.path.display())));
        }
    }
    Ok(())
}

fn open(path: &Path) -> std::io::Result<()> {
    match path.symlink_metadata()? {
        data if data.is_dir() => std::fs::read_dir(path).map(drop),
        _ => Ok(()),
    }
}

/// The policies as text: as one would write them, or as audit rules with remarks beside.
pub(super) fn text(place: &Place, request: &Request) -> Result<String, Failure> {
    let policies = configured(place)?;
    if *request == Request::AsToml {
        let written: Vec<_> = policies.all().iter().map(|policy| policy.written.clone()).collect();
        return Ok(policy::toml::text(&written, &place.config.exclude));
    }
    let uname = rustix::system::uname();
    let machine = uname.machine().to_string_lossy();
    let options = policy::audit_rules::Options { machine: &machine, chattr: place.config.audit_chattr };
    let rules = policy::audit_rules::text(&policies, &options);
    rules.warnings.iter().for_each(|warning| warn(warning));
    Ok(rules.text)
}
