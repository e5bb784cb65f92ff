//! What numbers of the records beside the call mean: `auditng.meaning`, under the name that the number has in `auditd.data`.
//!
//! Only what a name adds to: 0 is not said again in words, nor what `auditng.syscall.args` or a field of its own shows. The
//! capabilities that a process has from now on are `process.thread.capabilities.*`, as ECS spells them.

use schema::{Event, Field, Value, field};

use super::data;
use super::view::{Item, View};
use crate::reassemble::Group;
use crate::record::Name;
use crate::record::name;
use crate::table::RecordType;
use crate::{interpret, table};

/// Types with numbers that have names. OPENAT2 and SOCKETCALL are arguments of the call, PATH is [`super::file`]'s.
fn has_numbers(kind: u16) -> bool {
    matches!(
        RecordType(kind),
        RecordType::CONFIG_CHANGE
            | RecordType::MQ_OPEN
            | RecordType::BPRM_FCAPS
            | RecordType::CAPSET
            | RecordType::MMAP
            | RecordType::NETFILTER_PKT
            | RecordType::NETFILTER_CFG
            | RecordType::SECCOMP
            | RecordType::FANOTIFY
            | RecordType::TIME_ADJNTPVAL
            | RecordType::URINGOP
            | RecordType::AVC
            | RecordType::MAC_STATUS
            | RecordType::ANOM_ABEND
    )
}

/// Writes the meanings of a group's numbers; nothing is looked at if it has none of these records.
pub(super) fn push(group: &Group, view: View<'_>, event: &mut Event) {
    if let Some(personality) = view.raw(name::PER).and_then(|per| str::from_utf8(per).ok()) {
        push_meaning(event, "per", interpret::field(RecordType::SYSCALL, "per", personality, 0));
    }
    if !group.parts().any(|part| has_numbers(part.kind)) {
        return;
    }
    let arch = view.raw(name::ARCH).and_then(data::arch).unwrap_or(0);
    let mut operation = &b""[..];
    for item in view.items().iter().filter(|item| has_numbers(item.kind)) {
        let value = view.value_of(item).raw;
        if item.token.name == name::OP {
            operation = value;
        }
        if view.repeats(item) {
            continue;
        }
        let (key, Ok(value)) = (item.token.key.of(view.text), str::from_utf8(value)) else { continue };
        let Ok(key) = str::from_utf8(key) else { continue };
        match RecordType(item.kind) {
            RecordType::CAPSET | RecordType::BPRM_FCAPS => push_capabilities(view, item, key, value, event),
            RecordType::TIME_ADJNTPVAL if operation == b"status" && matches!(key, "old" | "new") => {
                push_meaning(event, key, value.parse().ok().map(interpret::clock_status));
            }
            kind => push_meaning(event, key, interpret::field(kind, key, value, arch)),
        }
    }
}

fn push_meaning(event: &mut Event, key: &str, meaning: Option<String>) {
    if let Some(meaning) = meaning {
        event.push_keyed(field::AUDITNG_MEANING, key, Value::Text(&meaning));
    }
}

/// Of a mask that the process has from now on each capability by itself, of all others their names in one text; not of those
/// that it had before and still has.
fn push_capabilities(view: View<'_>, item: &Item, key: &str, value: &str, event: &mut Event) {
    let now = match item.token.name {
        name::PE | name::CAP_PE => Some(field::PROCESS_THREAD_CAPABILITIES_EFFECTIVE),
        name::PP | name::CAP_PP => Some(field::PROCESS_THREAD_CAPABILITIES_PERMITTED),
        _ => None,
    };
    if let Some(field) = now {
        return u64::from_str_radix(value, 16).map_or((), |mask| push_each(mask, field, event));
    }
    let kept = successor(item.token.name).and_then(|now| view.raw(now)).is_some_and(|now| now == value.as_bytes());
    if !kept && value.bytes().any(|digit| digit != b'0') {
        push_meaning(event, key, interpret::field(RecordType(item.kind), key, value, 0));
    }
}

/// The capabilities that a file gives to who executes it, if it gives any.
pub(super) fn push_file_capabilities(event: &mut Event, key: &str, mask: &[u8]) {
    let mask = mask.strip_prefix(b"0x").unwrap_or(mask);
    if mask.iter().any(|digit| *digit != b'0')
        && let Ok(mask) = str::from_utf8(mask)
    {
        push_meaning(event, key, interpret::field(RecordType::PATH, key, mask, 0));
    }
}

/// The mask after the exec for one before it.
fn successor(before: Name) -> Option<Name> {
    Some(match before {
        name::OLD_PP => name::PP,
        name::OLD_PI => name::PI,
        name::OLD_PE => name::PE,
        name::OLD_PA => name::PA,
        _ => return None,
    })
}

/// `CAP_SYS_ADMIN`; what has no name by its number.
fn push_each(mask: u64, field: Field, event: &mut Event) {
    for bit in (0..64).filter(|bit| mask >> bit & 1 == 1) {
        match table::CAPABILITY.name(bit) {
            Some(name) => event.push_str(field, name),
            None => event.push_str(field, &bit.to_string()),
        }
    }
}
