//! Policies: those of the settings, or one for each tree that was named when the baseline was made.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use fim::baseline::Baseline;
use fim::control::Request;
use fim::entry::Digest;
use fim::policy::Classes;
use fim::{Policies, Policy};
use sha2::Digest as _;

use crate::command::fim::place::Place;
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
pub(super) fn policies(place: &Place, baseline: &Baseline) -> Result<Policies, Failure> {
    let trees = kept(baseline);
    if place.named || trees.is_empty() {
        return configured(place);
    }
    let of = |tree: PathBuf| {
        let id = fim::name::text(tree.as_os_str().as_bytes()).into();
        (tree, Policy { id, classes: Classes::CHANGES, ..Policy::default() })
    };
    Ok(Policies::of_trees(trees.into_iter().map(of)))
}

fn configured(_place: &Place) -> Result<Policies, Failure> {
    Ok(Policies::default())
}

/// Digest of what applies.
pub(super) fn digest(_policies: &Policies, baseline: &Baseline) -> Digest {
    let trees = baseline.note(NOTE).unwrap_or_default();
    Digest(sha2::Sha256::digest(trees).into())
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

/// The policies as text.
pub(super) fn text(_place: &Place, _request: &Request) -> Result<String, Failure> {
    Err(Failure::new(Code::Internal, "the policies cannot be printed yet"))
}
