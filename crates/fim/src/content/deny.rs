//! Files whose contents are never compared, whatever a policy says: where secrets are all there is.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::entry::Entry;

/// Whole names.
const NAMES: [&[u8]; 18] = [
    b"shadow",
    b"shadow-",
    b"gshadow",
    b"gshadow-",
    b"opasswd",
    b".netrc",
    b"_netrc",
    b".pgpass",
    b".my.cnf",
    b".htpasswd",
    b"htpasswd",
    b"kubeconfig",
    b".git-credentials",
    b"credentials",
    b".smbcredentials",
    b"secring.gpg",
    b"wpa_supplicant.conf",
    b"random_seed",
];
/// Ends of names.
const ENDS: [&[u8]; 12] = [
    b".pem",
    b".key",
    b".p12",
    b".pfx",
    b".jks",
    b".keystore",
    b".keytab",
    b".kdbx",
    b".kubeconfig",
    b".ppk",
    b".gpg",
    b".asc",
];
/// In folders of this name everything but these and `*.pub`.
const SSH: [&[u8]; 6] = [b"authorized_keys", b"config", b"known_hosts", b"ssh_config", b"sshd_config", b"environment"];

/// Whether the name or place of a file says that it is never compared.
#[must_use]
pub fn name(path: &Path) -> bool {
    let Some(name) = path.file_name().map(OsStrExt::as_bytes) else { return true };
    // Copies of such files have a word or a tilde behind: `shadow.bak`, `server.key~`, `.key.swp`.
    let plain = name.strip_suffix(b"~").unwrap_or(name);
    let begins = |with: &&[u8]| plain.strip_prefix(*with).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"."));
    let has_end = |end: &&[u8]| contains_word(plain, end);
    let public = plain.ends_with(b".pub");
    NAMES.iter().any(begins)
        || ENDS.iter().any(has_end)
        || plain.starts_with(b"id_") && !public
        || plain.starts_with(b"ssh_host_") && !public
        || below(path, ".ssh") && !public && !SSH.contains(&plain)
        || below(path, ".kube")
        || below(path, "private")
        || path.ends_with(".docker/config.json")
        || path.starts_with("/etc/kubernetes") && plain.ends_with(b".conf")
}

/// The end of the name, or followed by a dot.
fn contains_word(name: &[u8], end: &[u8]) -> bool {
    name.windows(end.len())
        .enumerate()
        .any(|(at, part)| part.eq_ignore_ascii_case(end) && matches!(name.get(at + end.len()), None | Some(b'.')))
}

fn below(path: &Path, folder: &str) -> bool {
    path.parent().is_some_and(|parent| parent.iter().any(|part| part == folder))
}

/// Whether nobody but its owner may read it.
#[must_use]
pub fn private(entry: &Entry) -> bool {
    entry.mode & 0o077 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_never_compared() {
        let never = [
            "/etc/shadow",
            "/etc/shadow-",
            "/etc/gshadow",
            "/etc/shadow.bak",
            "/etc/shadow~",
            "/etc/ssl/server.PEM",
            "/etc/ssl/server.key.old",
            "/etc/ssl/private/x",
            "/opt/store.jks",
            "/home/a/.ssh/id_rsa",
            "/home/a/.ssh/work",
            "/tmp/id_ed25519",
            "/etc/ssh/ssh_host_rsa_key",
            "/root/.kube/config",
            "/etc/kubernetes/admin.conf",
            "/root/.netrc",
            "/root/.aws/credentials",
            "/root/.docker/config.json",
        ];
        never.iter().for_each(|path| assert!(name(Path::new(path)), "{path}"));
        let compared = [
            "/etc/hosts",
            "/etc/ssh/sshd_config",
            "/home/a/.ssh/authorized_keys",
            "/home/a/.ssh/config",
            "/etc/ssh/ssh_host_rsa_key.pub",
            "/etc/keyboard",
            "/etc/keys.conf",
            "/etc/shadowsocks.json",
        ];
        compared.iter().for_each(|path| assert!(!name(Path::new(path)), "{path}"));
    }
}
