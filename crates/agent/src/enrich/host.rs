//! Who this host is: read once at start and added to every event.

use std::path::Path;

use schema::{Event, Field, field};

use crate::sys::proc::read;

/// Facts that do not change while we run.
#[derive(Clone, Debug, Default)]
pub struct Host {
    facts: Vec<(Field, String)>,
    /// `host.id`: `/etc/machine-id`, or empty where there is none.
    pub id: String,
}

impl Host {
    /// This host.
    #[must_use]
    pub fn here() -> Self {
        Self::below(Path::new("/"))
    }

    /// A host whose files lie below `root`.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        let text = |path: &str| {
            let bytes = read(&root.join(path), 16 << 10).unwrap_or_default();
            String::from_utf8_lossy(&bytes).trim().to_owned()
        };
        let uname = rustix::system::uname();
        let name = uname.nodename().to_string_lossy().into_owned();
        let id = text("etc/machine-id");
        let release = text("etc/os-release");
        let os = |key: &str| os_release(&release, key);
        let facts = [
            (field::AGENT_TYPE, "auditng-agent".to_owned()),
            (field::AGENT_VERSION, env!("CARGO_PKG_VERSION").to_owned()),
            (field::HOST_NAME, name.clone()),
            (field::HOST_HOSTNAME, name),
            (field::HOST_ID, id.clone()),
            (field::HOST_ARCHITECTURE, uname.machine().to_string_lossy().into_owned()),
            (field::HOST_OS_TYPE, "linux".to_owned()),
            (field::HOST_OS_KERNEL, uname.release().to_string_lossy().into_owned()),
            (field::HOST_OS_PLATFORM, os("ID")),
            (field::HOST_OS_NAME, os("NAME")),
            (field::HOST_OS_VERSION, os("VERSION_ID")),
            (field::HOST_OS_FAMILY, family(&os("ID"), &os("ID_LIKE")).to_owned()),
        ];
        Self { facts: facts.into_iter().filter(|(_, value)| !value.is_empty()).collect(), id }
    }

    /// Adds what `event` does not say itself.
    pub fn apply(&self, event: &mut Event) {
        // One look decides for all: whoever names a host means another one.
        if event.get(field::HOST_NAME).is_some() {
            return;
        }
        self.facts.iter().for_each(|(field, value)| event.push_str(*field, value));
    }
}

/// A value of os-release(5), quotes taken off.
fn os_release(text: &str, key: &str) -> String {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
}

/// `host.os.family` in the words that Elastic's agents use.
fn family<'a>(id: &'a str, like: &'a str) -> &'a str {
    let all = || std::iter::once(id).chain(like.split(' '));
    let known = [
        ("debian", "debian"),
        ("ubuntu", "debian"),
        ("rhel", "redhat"),
        ("fedora", "redhat"),
        ("suse", "suse"),
        ("arch", "arch"),
        ("alpine", "alpine"),
    ];
    known.iter().find(|(word, _)| all().any(|name| name == *word)).map_or(id, |(_, family)| family)
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Timestamp;

    #[test]
    fn from_the_files_of_a_host() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/machine-id"), "0123abcd\n").unwrap();
        let release = "NAME=\"Rocky Linux\"\nVERSION_ID=\"9.4\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n";
        std::fs::write(root.path().join("etc/os-release"), release).unwrap();
        let mut event = Event::new(Timestamp::default());
        Host::below(root.path()).apply(&mut event);
        let got = [field::HOST_ID, field::HOST_OS_NAME, field::HOST_OS_VERSION, field::HOST_OS_FAMILY];
        assert_eq!(got.map(|field| event.str(field).unwrap_or("")), ["0123abcd", "Rocky Linux", "9.4", "redhat"]);
        assert!(event.str(field::HOST_NAME).is_some());
    }

    #[test]
    fn a_named_host_stays() {
        let mut event = Event::new(Timestamp::default());
        event.push_str(field::HOST_NAME, "other");
        Host::here().apply(&mut event);
        assert_eq!(event.all(field::HOST_NAME).count(), 1);
        assert_eq!(event.get(field::HOST_ID), None);
    }
}
