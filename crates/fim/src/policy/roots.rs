//! Where collectors and scans begin: the certain starts of all patterns, none below another.

use std::path::PathBuf;

use super::Root;
use super::glob::{Part, Pattern};
use super::set::path;

/// How far a root reaches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Reach {
    Itself,
    Children,
    Everything,
}

/// The roots that hold all of these.
pub(super) fn of(starts: impl Iterator<Item = (PathBuf, Reach)>) -> Vec<Root> {
    let mut starts: Vec<(PathBuf, Reach)> = starts.collect();
    starts.sort();
    let mut roots: Vec<(PathBuf, Reach)> = Vec::new();
    for (path, reach) in starts {
        match roots.last_mut() {
            Some((root, have)) if path.starts_with(&*root) => {
                let child = path.parent() == Some(root);
                let covered = match reach {
                    Reach::Itself if path == *root => Reach::Itself,
                    Reach::Itself if child => Reach::Children,
                    Reach::Children if path == *root => Reach::Children,
                    Reach::Itself | Reach::Children | Reach::Everything => Reach::Everything,
                };
                *have = covered.max(*have);
            }
            _ => roots.push((path, reach)),
        }
    }
    roots.into_iter().map(|(path, reach)| Root { path, recursive: reach == Reach::Everything }).collect()
}

/// A pattern's certain start; `None`: it leads over a link, and the pattern for where that leads is beside it.
pub(super) fn start(pattern: &Pattern, links: &[PathBuf]) -> Option<(PathBuf, Reach)> {
    let certain = pattern.literal();
    let rest = &pattern.parts[certain.len()..];
    let reach = match rest {
        [] => Reach::Itself,
        [Part::Like(_)] => Reach::Children,
        _ => Reach::Everything,
    };
    let path = path(certain);
    // A path over a link names nothing canonical, but the link itself is an object.
    match links.iter().find(|link| path.starts_with(link)) {
        None => Some((path, reach)),
        Some(link) if *link == path && matches!(rest, [] | [Part::Tree]) => Some((path, Reach::Itself)),
        Some(_) => None,
    }
}
