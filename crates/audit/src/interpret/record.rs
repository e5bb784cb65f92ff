//! What single fields of records mean, beside the arguments of a call.

use super::{append_open, capabilities, file_kind, permissions, seccomp_action};
use crate::table::{self, RecordType};

/// The meaning of the field `name` with `value` in a record of type `record_type`, for a program of arch `arch`; `None` if it
/// means what it says.
///
/// ```
/// use audit::interpret;
/// use audit::table::{RecordType, arch};
///
/// let meaning = |name, value| interpret::field(RecordType::SECCOMP, name, value, arch::X86_64);
/// assert_eq!(meaning("code", "0x80000000").as_deref(), Some("kill_process"));
/// assert_eq!(meaning("sig", "31").as_deref(), Some("SIGSYS"));
/// ```
#[must_use]
pub fn field(record_type: RecordType, name: &str, value: &str, arch: u32) -> Option<String> {
    match (record_type, name) {
        (RecordType::SECCOMP | RecordType::ANOM_ABEND, "sig") => signal(value),
        (RecordType::SECCOMP, "code") => seccomp_action(word(hex(value)?)?).map(str::to_owned),
        (RecordType::CAPSET, "cap_pi" | "cap_pp" | "cap_pe" | "cap_pa") => hex(value).map(capabilities),
        (
            RecordType::BPRM_FCAPS,
            "fp" | "fi" | "old_pp" | "old_pi" | "old_pe" | "old_pa" | "pp" | "pi" | "pe" | "pa",
        )
        | (RecordType::PATH, "cap_fp" | "cap_fi") => hex(value).map(capabilities),
        (RecordType::PATH, "mode") => mode(value),
        (RecordType::OPENAT2 | RecordType::MQ_OPEN, "oflag") => flags(u64::from_str_radix(value, 8).ok()?, arch),
        (RecordType::OPENAT2, "resolve") => hex(value).map(super::resolve).filter(|text| !text.is_empty()),
        (RecordType::MMAP, "flags") => hex(value).map(|bits| table::MAP.text(bits)),
        (RecordType::FANOTIFY, "resp") => hex(value).map(|bits| table::FANOTIFY_RESPONSE.text(bits)),
        (RecordType::NETFILTER_CFG, "family") => named(&table::NETFILTER_PROTOCOL, value),
        (RecordType::CONFIG_CHANGE, "list") => list(value),
        _ => None,
    }
}

/// With or without `0x`.
fn hex(value: &str) -> Option<u64> {
    u64::from_str_radix(value.strip_prefix("0x").unwrap_or(value), 16).ok()
}

fn word(value: u64) -> Option<u32> {
    u32::try_from(value).ok()
}

/// 0 = no signal was sent.
fn signal(value: &str) -> Option<String> {
    table::signal_name(value.parse().ok()?).map(str::to_owned)
}

fn mode(value: &str) -> Option<String> {
    let mode = u32::from_str_radix(value, 8).ok()?;
    Some(format!("{},{}", file_kind(mode)?, permissions(mode)))
}

fn flags(flags: u64, arch: u32) -> Option<String> {
    let mut out = String::new();
    append_open(arch, flags, &mut out);
    Some(out)
}

fn named(values: &table::Values, value: &str) -> Option<String> {
    values.name(value.parse().ok()?).map(str::to_owned)
}

/// The filter list of a rule that was added or removed.
fn list(value: &str) -> Option<String> {
    let number: u32 = value.parse().ok()?;
    let list = crate::rule::List::ALL.into_iter().find(|list| list.number() == number)?;
    Some(list.word().to_owned())
}
