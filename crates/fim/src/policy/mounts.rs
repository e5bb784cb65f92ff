//! On which type of file system a path lies, for policies that ask.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Mount points and types, as they were when the policies were made.
#[derive(Clone, Debug, Default)]
pub(super) struct Mounts(BTreeMap<PathBuf, Box<str>>);

impl Mounts {
    pub(super) fn new(mounts: Vec<(PathBuf, Box<str>)>) -> Self {
        Self(mounts.into_iter().collect())
    }

    /// The type under this path; empty where no mount is known.
    pub(super) fn of(&self, path: &Path) -> &str {
        path.ancestors().find_map(|at| self.0.get(at)).map_or("", |kind| &**kind)
    }

    /// The types of what is mounted below this folder.
    pub(super) fn below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = &'a str> {
        let after = self.0.range::<Path, _>((std::ops::Bound::Excluded(folder), std::ops::Bound::Unbounded));
        after.take_while(move |(at, _)| at.starts_with(folder)).map(|(_, kind)| &**kind)
    }
}

/// Types that a policy wants or does not want.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Fstypes {
    wanted: Vec<Box<str>>,
    unwanted: Vec<Box<str>>,
}

impl Fstypes {
    /// `ext4`, or `!nfs`.
    pub(super) fn read(written: &[String]) -> Result<Self, String> {
        let mut types = Self::default();
        for text in written {
            let (list, name) = match text.strip_prefix('!') {
                Some(name) => (&mut types.unwanted, name),
                None => (&mut types.wanted, &**text),
            };
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
                return Err(format!("{text:?} is no type like \"ext4\" or \"!nfs\""));
            }
            list.push(name.into());
        }
        Ok(types)
    }

    /// Whether every type fits.
    pub(super) fn any(&self) -> bool {
        self.wanted.is_empty() && self.unwanted.is_empty()
    }

    /// Whether this type fits. An unknown one does: better asked for in vain than not seen.
    pub(super) fn fit(&self, kind: &str) -> bool {
        kind.is_empty()
            || ((self.wanted.is_empty() || self.wanted.iter().any(|one| **one == *kind))
                && !self.unwanted.iter().any(|one| **one == *kind))
    }
}
