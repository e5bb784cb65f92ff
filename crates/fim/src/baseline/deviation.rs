//! Open deviations: where what was seen is not what was approved.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::store::{APPROVED, Fault};
use super::{Baseline, Error, codec, place, store};
use crate::entry::Entry;
use crate::seen::Seen as _;

/// One path that is not as it was approved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deviation {
    /// Where.
    pub path: PathBuf,
    /// What was approved; `None`: nothing.
    pub approved: Option<Entry>,
    /// What was last seen; `None`: it is gone.
    pub seen: Option<Entry>,
}

impl Baseline {
    /// Every open deviation, with what was noted since the last commit, in the order of keys. A deviation may be in nothing but what no
    /// policy asks for; [`Entry::differences`] tells.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn deviations(&mut self, each: &mut dyn FnMut(Deviation)) -> Result<(), Error> {
        if !self.pending.is_empty() {
            self.flush()?;
        }
        let mut read = || -> Result<(), Fault> {
            let kept = store::view(self.open.as_ref(), self.committed()?, APPROVED)?;
            for row in kept.all()? {
                let (key, record) = row?;
                let Some((folder, name)) = place::of_key(key.value()) else { continue };
                let path = place::join(folder, name);
                let path = Path::new(OsStr::from_bytes(&path)).to_owned();
                let approved =
                    Some(record.value()).filter(|record| !record.is_empty()).map(codec::decode).transpose()?;
                let seen = self.get(&path);
                each(Deviation { path, approved, seen });
            }
            Ok(())
        };
        read()?;
        self.failed()
    }
}
