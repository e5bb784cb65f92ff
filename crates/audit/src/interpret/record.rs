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
        (RecordType::OPENAT2, "oflag") => flags(u64::from_str_radix(value, 8).ok()?, arch),
        (RecordType::MQ_OPEN, "oflag") => flags(hex(value)?, arch),
        (RecordType::OPENAT2, "resolve") => hex(value).map(super::resolve).filter(|text| !text.is_empty()),
        (RecordType::MMAP, "flags") => hex(value).map(|bits| table::MAP.text(bits)),
        (RecordType::FANOTIFY, "resp") => value.parse().ok().map(|bits| table::FANOTIFY_RESPONSE.text(bits)),
        (RecordType::FANOTIFY, "fan_type") => one_of(value, &["none", "rule"]),
        (RecordType::FANOTIFY, "fan_info") => hex(value).filter(|rule| *rule != 0).map(|rule| format!("rule {rule}")),
        (RecordType::FANOTIFY, "subj_trust" | "obj_trust") => one_of(value, &["no", "yes", "unknown"]),
        (RecordType::NETFILTER_CFG, "family") => named(&table::NETFILTER_PROTOCOL, value),
        (RecordType::NETFILTER_PKT, "action") => named(&table::NETFILTER_VERDICT, value),
        (RecordType::NETFILTER_PKT, "icmptype") => named(&table::ICMP, value),
        (RecordType::NETFILTER_PKT, "proto") => named(&table::PROTOCOL, value),
        (RecordType::CONFIG_CHANGE, "list") => list(value),
        (RecordType::CONFIG_CHANGE, "audit_enabled") => one_of(value, &["disabled", "enabled", "locked"]),
        (RecordType::CONFIG_CHANGE, "audit_failure") => one_of(value, &["silent", "printk", "panic"]),
        (RecordType::MAC_STATUS, "enforcing" | "old_enforcing") => one_of(value, &["permissive", "enforcing"]),
        (RecordType::AVC, "permissive") => one_of(value, &["enforcing", "permissive"]),
        (RecordType::URINGOP, "uring_op") => named(&table::IO_URING, value),
        (RecordType::SYSCALL, "per") => hex(value).map(super::personality),
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

fn one_of(value: &str, words: &[&str]) -> Option<String> {
    words.get(value.parse::<usize>().ok()?).map(|word| (*word).to_owned())
}

/// The status word of the kernel's clock (`old` and `new` of a TIME_ADJNTPVAL record with `op=status`): `STA_PLL|STA_UNSYNC`.
///
/// ```
/// assert_eq!(audit::interpret::clock_status(0x41), "STA_PLL|STA_UNSYNC");
/// assert_eq!(audit::interpret::clock_status(0), "0");
/// ```
#[must_use]
pub fn clock_status(bits: u64) -> String {
    /// In rising order of their bits (include/uapi/linux/timex.h).
    const NAMES: [&str; 16] = [
        "STA_PLL",
        "STA_PPSFREQ",
        "STA_PPSTIME",
        "STA_FLL",
        "STA_INS",
        "STA_DEL",
        "STA_UNSYNC",
        "STA_FREQHOLD",
        "STA_PPSSIGNAL",
        "STA_PPSJITTER",
        "STA_PPSWANDER",
        "STA_PPSERROR",
        "STA_CLOCKERR",
        "STA_NANO",
        "STA_MODE",
        "STA_CLK",
    ];
    let mut out = String::new();
    for (_, name) in NAMES.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1) {
        super::separate(&mut out);
        out.push_str(name);
    }
    super::append_rest(bits >> 16 << 16, &mut out);
    if out.is_empty() { "0".to_owned() } else { out }
}

/// The filter list of a rule that was added or removed.
fn list(value: &str) -> Option<String> {
    let number: u32 = value.parse().ok()?;
    let list = crate::rule::List::ALL.into_iter().find(|list| list.number() == number)?;
    Some(list.word().to_owned())
}
