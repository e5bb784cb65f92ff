//! SELinux labels `user:role:domain:level:category` taken apart, as auditd_manager does.

use schema::{Event, Field, field};

/// The fields of a subject's label, in the label's order.
pub(super) const SUBJECT: [Field; 5] = [
    field::AUDITD_USER_SELINUX_USER,
    field::AUDITD_USER_SELINUX_ROLE,
    field::AUDITD_USER_SELINUX_DOMAIN,
    field::AUDITD_USER_SELINUX_LEVEL,
    field::AUDITD_USER_SELINUX_CATEGORY,
];
/// The fields of a file's label.
pub(super) const FILE: [Field; 4] = [
    field::AUDITD_FILE_SELINUX_USER,
    field::AUDITD_FILE_SELINUX_ROLE,
    field::AUDITD_FILE_SELINUX_DOMAIN,
    field::AUDITD_FILE_SELINUX_LEVEL,
];
const NAMES: [&str; 5] = ["user", "role", "domain", "level", "category"];

/// The parts of a label with their names. What has no colon (`unconfined`, AppArmor profiles) is the user part.
pub(super) fn parts(label: &[u8]) -> impl Iterator<Item = (&'static str, &str)> {
    let label = str::from_utf8(label).ok().filter(|label| !matches!(*label, "" | "?" | "(null)"));
    NAMES.into_iter().zip(label.into_iter().flat_map(|label| label.splitn(NAMES.len(), ':')))
}

/// Writes a label's parts; parts beyond the fields given stay in the raw record.
pub(super) fn push(event: &mut Event, fields: &[Field], label: &[u8]) {
    for (&field, (_, part)) in fields.iter().zip(parts(label)) {
        event.push_str(field, part);
    }
}
