//! The policies that are built in: `etc/fim.d/shipped.toml`.

use std::sync::LazyLock;

use crate::config::{self, File};

/// Their text.
pub(super) const TEXT: &str = include_str!("../../../../etc/fim.d/shipped.toml");

/// As they are written.
#[must_use]
pub fn policies() -> &'static [config::Policy] {
    // A test reads the same text, so it cannot be wrong here.
    static POLICIES: LazyLock<Vec<config::Policy>> =
        LazyLock::new(|| File::read(TEXT).map(|file| file.fim.policy).unwrap_or_default());
    &POLICIES
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::audit_rules::{self, Options};
    use super::super::tests::Fake;
    use super::super::{Policies, Severity};
    use super::*;
    use crate::config::Config;

    /// Debian 12 and RHEL 9 alike.
    fn merged_usr() -> Fake {
        let mut ground = Fake::default();
        for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
            ground.links.insert(format!("/{name}").into(), format!("/usr/{name}").into());
        }
        ground
    }

    fn policies() -> Policies {
        Policies::read(&Config::default(), &merged_usr()).unwrap_or_else(|problems| panic!("{problems}"))
    }

    #[test]
    fn without_a_word_of_configuration_a_host_is_watched() {
        assert_eq!(File::read(TEXT).unwrap().fim.policy.len(), policies().all().len());
        let policies = policies();
        let of =
            |path: &str| policies.of(Path::new(path)).iter().map(|policy| policy.id.to_string()).collect::<Vec<_>>();
        for (path, id) in [
            ("/usr/bin/ls", "binaries"),
            ("/usr/lib/x86_64-linux-gnu/libc.so.6", "libraries"),
            ("/usr/lib/x86_64-linux-gnu/security/pam_unix.so", "pam"),
            ("/usr/lib64/security/pam_unix.so", "pam"),
            ("/boot/vmlinuz-6.1", "boot"),
            ("/usr/lib/modules/6.1/kernel/fs/x.ko", "kernel-modules"),
            ("/etc/hosts", "configuration"),
            ("/etc/shadow", "identity"),
            ("/etc/pam.d/sshd", "pam"),
            ("/etc/sudoers.d/x", "privilege"),
            ("/etc/ssh/sshd_config", "ssh"),
            ("/home/a/.ssh/authorized_keys", "ssh"),
            ("/var/spool/cron/crontabs/root", "scheduled"),
            ("/usr/lib/systemd/system/x.service", "services"),
            ("/etc/ld.so.preload", "preload"),
            ("/root/.bashrc", "shells"),
            ("/etc/apt/sources.list", "package-sources"),
            ("/var/log/nginx/access.log", "logs"),
            ("/usr/bin/auditng-agent", "monitoring"),
        ] {
            assert!(of(path).iter().any(|one| one == id), "{path}: {:?}", of(path));
        }
        for path in [
            "/home/a/notes",
            "/var/lib/x",
            "/proc/1/maps",
            "/run/systemd/x",
            "/var/lib/auditng/fim/x",
            "/etc/mtab",
            "/tmp/x",
        ] {
            assert!(of(path).is_empty(), "{path}: {:?}", of(path));
        }
        assert!(policies.remarks().is_empty(), "{:?}", policies.remarks());
        for policy in policies.all() {
            assert!(
                policy.severity >= Severity::Medium && policy.tags.iter().any(|tag| tag.starts_with("pci-dss")),
                "{}",
                policy.id
            );
        }
    }

    #[test]
    fn one_of_our_own_takes_the_place_of_a_shipped_one() {
        let file = File::read("[[fim.policy]]\nid = \"boot\"\npaths = [\"/boot/efi/\"]\n").unwrap();
        let config = Config { policy: file.fim.policy, ..Config::default() };
        let policies = Policies::read(&config, &merged_usr()).unwrap();
        assert_eq!(policies.all().len(), super::policies().len());
        assert!(policies.of(Path::new("/boot/vmlinuz")).is_empty());
        let none = Config { use_defaults: false, ..Config::default() };
        assert!(Policies::read(&none, &merged_usr()).unwrap().all().is_empty());
    }

    /// The budget of audit mode.
    #[test]
    fn as_audit_rules_they_are_two_folders() {
        let rules = audit_rules::text(&policies(), &Options { machine: "x86_64", chattr: false });
        assert_eq!(rules.folders, 2, "{}", rules.text);
        assert!(rules.text.contains("-F dir=/etc -F perm=wa") && rules.text.contains("-F dir=/usr -F perm=wa"));
        assert!(rules.text.contains("-F path=/root/.bashrc -F perm=wa -F key=auditng-fim:shells"));
        assert!(rules.scans.iter().any(|(policy, path)| &**policy == "boot" && path == Path::new("/boot")));
        assert!(!rules.scans.iter().any(|(_, path)| path.starts_with("/etc")));
        assert!(rules.warnings.is_empty());
    }
}
