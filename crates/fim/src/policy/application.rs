//! Which application may touch a file: allow-lists and grey lists.

use std::path::PathBuf;

use super::Selector;
use crate::entry::Digest;

/// An entry of a list, checked: all that is given must fit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Application {
    /// The executable, by device and inode of what lies under this path.
    pub exe: Option<PathBuf>,
    /// SHA-256 that this file must have.
    pub sha256: Option<Digest>,
    /// The effective user.
    pub user: Option<User>,
    /// The container it runs in.
    pub container: Option<Selector>,
    /// The systemd unit it belongs to; `*` and `?` allowed.
    pub unit: Option<Box<str>>,
}

/// A user, by name or number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum User {
    /// As the host, or the container, calls it.
    Name(Box<str>),
    /// As the kernel does.
    Number(u32),
}
