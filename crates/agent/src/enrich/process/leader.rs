//! By whom or what a process came to this host: its entry leader.
//!
//! The entry leader is the process at which a line of ancestors crosses into the host: what init started, the shell behind
//! sshd or a terminal, what cron runs, the first process of a container and whatever is put into one later. Everybody else
//! has the entry leader of the parent.

use super::lives::Key;
use super::{Life, Table};

/// `process.entry_leader.entry_meta.type`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// Started by init: a service.
    Init,
    /// Behind sshd.
    Sshd,
    /// Run by cron or at.
    Cron,
    /// The first process of a container.
    Container,
    /// Put into a container that was there already.
    ContainerExec,
    /// The leader of a session with a terminal.
    Terminal,
    /// None of these was seen.
    Unknown,
}

impl Entry {
    /// The word in an event.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Sshd => "sshd",
            Self::Cron => "cron",
            Self::Container => "container",
            Self::ContainerExec => "container-exec",
            Self::Terminal => "terminal",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn named(name: &str) -> Self {
        let all =
            [Self::Init, Self::Sshd, Self::Cron, Self::Container, Self::ContainerExec, Self::Terminal, Self::Unknown];
        all.into_iter().find(|entry| entry.name() == name).unwrap_or(Self::Unknown)
    }

    fn is_container(self) -> bool {
        matches!(self, Self::Container | Self::ContainerExec)
    }
}

const SSHD: [&str; 4] = ["sshd", "sshd-session", "sshd-auth", "dropbear"];
const CRON: [&str; 5] = ["cron", "crond", "anacron", "atd", "fcron"];
/// kthreadd, the parent of all threads of the kernel.
const KTHREADD: u32 = 2;

/// Whether a process is an entry leader itself. A container is told by `Entry::Container`; whether it was there before is the
/// caller's to find out.
pub(super) fn decide(life: &Life, parent: Option<&Life>) -> Option<Entry> {
    if life.pid == 1 {
        return Some(Entry::Init);
    }
    let parent = parent.filter(|parent| parent.pid != KTHREADD && life.pid != KTHREADD)?;
    if let Some(container) = life.container() {
        let outside = parent.container().is_none_or(|theirs| theirs.id() != container.id());
        if outside {
            return Some(Entry::Container);
        }
    }
    let is = |life: &Life, names: &[&str]| names.contains(&life.image.comm.as_str());
    if life.session == life.pid {
        for (names, entry) in [(&SSHD[..], Entry::Sshd), (&CRON[..], Entry::Cron)] {
            if is(parent, names) && !is(life, names) {
                return Some(entry);
            }
        }
        if life.terminal {
            return Some(Entry::Terminal);
        }
    }
    (parent.pid == 1 && life.creator.is_none()).then_some(Entry::Init)
}

impl Table {
    /// Finds a life's entry leader anew. One that is its own stays so, but for entering a container.
    pub(super) fn enter(&mut self, key: Key) {
        let Some(life) = self.lives.get(key) else { return };
        let parent = life.parent.and_then(|parent| self.lives.get(parent));
        let own = life.entry == Some(key);
        let (entry, entry_type) = match decide(life, parent) {
            Some(Entry::Container) if own && life.entry_type.is_container() => return,
            Some(Entry::Container) => {
                let first = self.is_first_of_container(life);
                (Some(key), if first { Entry::Container } else { Entry::ContainerExec })
            }
            _ if own => return,
            Some(entry) => (Some(key), entry),
            None => parent.map_or((None, Entry::Unknown), |parent| (parent.entry, parent.entry_type)),
        };
        if let Some(life) = self.lives.get_mut(key) {
            (life.entry, life.entry_type) = (entry, entry_type);
        }
    }

    /// By its pid inside; without a pid namespace of its own, if nobody entered this container before.
    fn is_first_of_container(&self, life: &Life) -> bool {
        match self.proc.pids_inside(life.pid).as_deref() {
            Some([_, .., inside]) => *inside == 1,
            _ => {
                let id = life.container().map(|container| container.id());
                let same = |other: &Life| {
                    other.pid != life.pid && other.container().map(|container| container.id()) == id && other.lives()
                };
                !self.lives.iter().any(|(_, other)| same(other))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::life::Image;
    use super::super::{Place, Text, Where};
    use super::*;
    use crate::enrich::container::{Containers, Roots};
    use crate::sys::proc::Proc;
    use std::sync::Arc;

    fn life(pid: u32, comm: &str, cgroup: &str) -> Life {
        let image = Image { comm: Text::plain(comm), ..Image::default() };
        let place: Place = Containers::new(Roots::below("/nowhere".as_ref())).place(
            pid,
            &Proc::at("/nowhere"),
            format!("0::{cgroup}\n").as_bytes(),
        );
        Life::new(pid, 0, &Arc::new(Where { place, inherited: false }), &Arc::new(image))
    }

    fn check(mut life: Life, leads: bool, terminal: bool, parent: &Life, expect: Option<Entry>) {
        life.session = if leads { life.pid } else { 1 };
        life.terminal = terminal;
        assert_eq!(decide(&life, Some(parent)), expect, "{life:?}");
    }

    #[test]
    fn who_crosses_into_the_host() {
        let (init, sshd, cron) = (life(1, "systemd", "/"), life(20, "sshd", "/"), life(21, "cron", "/"));
        assert_eq!(decide(&init, None), Some(Entry::Init));
        check(life(20, "sshd", "/"), true, false, &init, Some(Entry::Init));
        check(life(30, "bash", "/"), true, true, &sshd, Some(Entry::Sshd));
        check(life(30, "sshd", "/"), true, false, &sshd, None);
        check(life(30, "sh", "/"), true, false, &cron, Some(Entry::Cron));
        check(life(30, "bash", "/"), true, true, &life(22, "agetty", "/"), Some(Entry::Terminal));
        check(life(30, "ls", "/"), false, true, &life(29, "bash", "/"), None);
        let boxed = format!("/docker/{:064x}", 7);
        check(life(30, "app", &boxed), false, false, &life(29, "runc", "/"), Some(Entry::Container));
        check(life(31, "sh", &boxed), false, false, &life(30, "app", &boxed), None);
        check(
            life(31, "sh", &boxed),
            false,
            false,
            &life(30, "a", &format!("/docker/{:064x}", 8)),
            Some(Entry::Container),
        );
        assert_eq!(decide(&life(30, "x", "/"), None), None);
        check(life(30, "kworker", "/"), false, false, &life(2, "kthreadd", "/"), None);
    }
}
