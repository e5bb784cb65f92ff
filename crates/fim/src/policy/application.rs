//! Which application may touch a file: allow-lists and grey lists.
//!
//! An executable is known by device and inode of the file under its path, read when the list is loaded and again when that
//! file is replaced; with `sha256` its content must be that too. Never by the name a process gives itself, so a copy of an
//! allowed program is not allowed. All keys of an entry must fit.
//!
//! Reads files when it is made ([`Table::read`], [`Table::enter`], [`Table::renew`]) and never while it decides. A program
//! that still runs from a file that was replaced is no longer the allowed one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::container::{self, ContainerFacts};
use super::{Ground, Policies, Policy, Scope, Selector};
use crate::change::Access;
use crate::config;
use crate::entry::{Digest, FileId};
use crate::who::Who;

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

impl Application {
    /// From what is written.
    pub(super) fn read(written: &config::Application) -> Result<Self, Vec<(&'static str, String)>> {
        let mut wrong = Vec::new();
        let config::Application { exe, sha256, user, container, unit } = written;
        if *written == config::Application::default() {
            wrong.push(("exe", "an entry needs at least one key, or it would fit everybody".to_owned()));
        }
        if let Some(exe) = exe.as_ref().filter(|exe| !exe.is_absolute()) {
            wrong.push(("exe", format!("{exe:?} is no absolute path")));
        }
        if sha256.is_some() && exe.is_none() {
            wrong.push(("sha256", "needs exe: it is the content of that file".to_owned()));
        }
        let mut take = |key, read: Result<_, String>| read.map_err(|what| wrong.push((key, what))).ok();
        let selector = container.as_ref().and_then(|text| take("container", Selector::read(text)));
        let digest =
            sha256.as_ref().map(|text| digest(text).ok_or_else(|| format!("{text:?} is not 64 hexadecimal digits")));
        let digest = digest.and_then(|read| read.map_err(|what| wrong.push(("sha256", what))).ok());
        let application = Self {
            exe: exe.clone(),
            sha256: digest,
            user: user
                .as_ref()
                .map(|text| text.parse().map_or_else(|_| User::Name(text.as_str().into()), User::Number)),
            container: selector,
            unit: unit.as_deref().map(Into::into),
        };
        if wrong.is_empty() { Ok(application) } else { Err(wrong) }
    }
}

fn digest(text: &str) -> Option<Digest> {
    let mut bytes = [0; 32];
    (text.len() == 64 && text.is_ascii()).then_some(())?;
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(Digest(bytes))
}

/// Programs that run what others wrote: allowing one allows every script.
const INTERPRETERS: [&str; 20] = [
    "sh",
    "bash",
    "dash",
    "zsh",
    "ksh",
    "fish",
    "busybox",
    "python",
    "perl",
    "ruby",
    "node",
    "php",
    "lua",
    "tclsh",
    "java",
    "awk",
    "gawk",
    "mawk",
    "env",
    "osascript",
];

/// What is weak about an entry: an interpreter as the only key.
pub(super) fn weakness(application: &Application) -> Option<String> {
    let Application { exe: Some(exe), sha256: _, user: None, container: None, unit: None } = application else {
        return None;
    };
    let name = exe.file_name()?.to_str()?;
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    INTERPRETERS
        .contains(&bare)
        .then(|| format!("{} runs whatever script it is given: add user, container or unit", exe.display()))
}

/// What is known of a process beside who it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// The container it runs in.
    pub container: Option<&'a ContainerFacts>,
    /// The systemd unit it belongs to.
    pub unit: Option<&'a str>,
}

/// All lists of all policies with the identities that their entries have now.
#[derive(Clone, Debug, Default)]
pub struct Table {
    host: BTreeMap<Box<str>, Lists>,
    /// By container id, for policies that are about containers.
    inside: BTreeMap<Box<str>, BTreeMap<Box<str>, Lists>>,
    /// Paths of executables as written and as they lead, sorted.
    paths: Vec<PathBuf>,
}

#[derive(Clone, Debug, Default)]
struct Lists {
    allow: Vec<Entry>,
    grey: Vec<Entry>,
    rotation: Vec<FileId>,
}

/// An entry with its identities; a key that is given and could not be read never fits.
#[derive(Clone, Debug)]
struct Entry {
    exe: Key<FileId>,
    user: Key<u32>,
    container: Option<Selector>,
    unit: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug)]
enum Key<T> {
    NotAsked,
    Is(T),
    /// Asked for, and nothing is it.
    Nothing,
}

impl<T: PartialEq + Copy> Key<T> {
    fn fits(self, have: Option<T>) -> bool {
        match self {
            Self::NotAsked => true,
            Self::Is(this) => have == Some(this),
            Self::Nothing => false,
        }
    }

    fn of(asked: bool, found: Option<T>) -> Self {
        match (asked, found) {
            (false, _) => Self::NotAsked,
            (true, Some(this)) => Self::Is(this),
            (true, None) => Self::Nothing,
        }
    }
}

/// How an application stands to a policy's lists: everybody is allowed where there are none, and nobody whom no entry fits, also
/// because too little is known of it. [`Table::decide`] with another name.
#[must_use]
pub fn decide(policy: &Policy, who: &Who, about: &About<'_>, table: &Table) -> Access {
    table.decide(policy, who, about)
}

impl Table {
    /// Reads the identities of all applications of the host's policies.
    #[must_use]
    pub fn read(policies: &Policies, ground: &dyn Ground) -> Self {
        let mut table = Self::default();
        table.renew(policies, ground);
        table
    }

    /// All executables that lists name, as written and where links lead.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Reads them again: an executable was replaced.
    pub fn renew(&mut self, policies: &Policies, ground: &dyn Ground) {
        let of_host = policies.all().iter().filter(|policy| policy.scope == Scope::Host);
        let lists = of_host.filter(|policy| policy.restricted() || !policy.rotation.is_empty());
        self.host = lists.map(|policy| (policy.id.clone(), Lists::read(policy, ground))).collect();
        let written = policies.all().iter().flat_map(|policy| policy.allow.iter().chain(&policy.grey));
        let written = written.filter_map(|application| application.exe.clone());
        let written = written.chain(policies.all().iter().flat_map(|policy| policy.rotation.iter().cloned()));
        let (mut paths, led): (Vec<_>, Vec<_>) =
            written.map(|path| (path.clone(), ground.resolve(&path).unwrap_or(path))).unzip();
        paths.extend(led);
        paths.sort();
        paths.dedup();
        self.paths = paths;
    }

    /// A container started: reads the applications of its policies in its root.
    pub fn enter(&mut self, policies: &Policies, container: &ContainerFacts, root: &dyn Ground) {
        let theirs = policies.all().iter().filter(|policy| policy.restricted() && policy.scope.fits(container));
        let lists: BTreeMap<_, _> = theirs.map(|policy| (policy.id.clone(), Lists::read(policy, root))).collect();
        if !lists.is_empty() {
            self.inside.insert(container.id.clone(), lists);
        }
    }

    /// A container ended.
    pub fn leave(&mut self, container: &str) {
        self.inside.remove(container);
    }

    /// Whether something under this path is an executable of a list: when it changes, [`Table::renew`] must follow.
    #[must_use]
    pub fn names(&self, path: &Path) -> bool {
        self.paths.binary_search_by(|have| (**have).cmp(path)).is_ok()
    }

    /// How an application stands to a policy's lists. Opens nothing.
    #[must_use]
    pub fn decide(&self, policy: &Policy, who: &Who, about: &About<'_>) -> Access {
        if !policy.restricted() {
            return Access::Allowed;
        }
        let Some(lists) = self.lists(policy, about) else { return Access::Denied };
        let fits = |list: &[Entry]| list.iter().any(|entry| entry.fits(who, about));
        if fits(&lists.allow) {
            Access::Allowed
        } else if fits(&lists.grey) {
            Access::Grey
        } else {
            Access::Denied
        }
    }

    /// Whether it is one of a log policy's rotators.
    #[must_use]
    pub fn rotates(&self, policy: &Policy, who: &Who) -> bool {
        let Some(exe) = who.exe_id else { return false };
        self.host.get(&policy.id).is_some_and(|lists| lists.rotation.contains(&exe))
    }

    fn lists(&self, policy: &Policy, about: &About<'_>) -> Option<&Lists> {
        match policy.scope {
            Scope::Host => self.host.get(&policy.id),
            Scope::Containers(_) => self.inside.get(&about.container?.id)?.get(&policy.id),
        }
    }
}

impl Lists {
    fn read(policy: &Policy, ground: &dyn Ground) -> Self {
        let entries = |list: &[Application]| list.iter().map(|one| Entry::read(one, ground)).collect();
        Self {
            allow: entries(&policy.allow),
            grey: entries(&policy.grey),
            rotation: policy.rotation.iter().filter_map(|path| ground.identify(path)).collect(),
        }
    }
}

impl Entry {
    fn read(application: &Application, ground: &dyn Ground) -> Self {
        let Application { exe, sha256, user, container, unit } = application;
        let is = |exe: &Path| sha256.is_none_or(|wanted| ground.sha256(exe) == Some(wanted));
        let id = exe.as_deref().filter(|exe| is(exe)).and_then(|exe| ground.identify(exe));
        let uid = user.as_ref().and_then(|user| match user {
            User::Name(name) => ground.uid(name),
            User::Number(uid) => Some(*uid),
        });
        Self {
            exe: Key::of(exe.is_some(), id),
            user: Key::of(user.is_some(), uid),
            container: container.clone(),
            unit: unit.clone(),
        }
    }

    fn fits(&self, who: &Who, about: &About<'_>) -> bool {
        self.exe.fits(who.exe_id)
            && self.user.fits(who.euid.or(who.uid))
            && self.container.as_ref().is_none_or(|wanted| about.container.is_some_and(|facts| wanted.fits(facts)))
            && self.unit.as_ref().is_none_or(|wanted| about.unit.is_some_and(|unit| container::fits(wanted, unit)))
    }
}

#[cfg(test)]
mod tests;
