//! `auditd.data`: every field that has no better place, under the kernel's name.

use std::borrow::Cow;

use schema::{Event, field};

use super::bytes::{mark_truncated, push_keyed};
use super::exec;
use super::meaning::Call;
use super::view::{Item, View};
use crate::record::name::{self, COUNT, Name};
use crate::record::{Place, kind};
use crate::{interpret, table};

/// Writes all fields that [`has_place`] does not name, values in their readable form; `with_uid`: `user.id` is somebody
/// else's.
pub(super) fn push(view: View<'_>, call: Option<Call>, with_uid: bool, event: &mut Event) {
    for item in view.items() {
        let placed = has_place(item.token.name) && !(with_uid && item.token.name == name::UID);
        if item.token.place == Place::Tail || placed || view.repeats(item) {
            continue;
        }
        let value = view.value_of(item);
        if value.is_absent() || item.kind == kind::EXECVE && exec::is_argument(item.token.name, value.raw) {
            continue;
        }
        push_keyed(event, field::AUDITD_DATA, &key(view, item), &readable(view, item, call));
    }
    push_lead(view, event);
    if view.is_cut() {
        mark_truncated(event, field::AUDITD_DATA.name());
    }
}

/// The name; foreign bytes in it are replaced, and a name longer than any real one is cut.
fn key<'a>(view: View<'a>, item: &Item) -> Cow<'a, str> {
    match item.token.name {
        name::OTHER => {
            let bytes = item.token.key.of(view.text);
            String::from_utf8_lossy(&bytes[..bytes.len().min(256)])
        }
        known => Cow::Borrowed(known.text()),
    }
}

fn readable<'a>(view: View<'a>, item: &Item, call: Option<Call>) -> Cow<'a, [u8]> {
    let value = view.value_of(item);
    let named = match item.token.name {
        name::SYSCALL => call.and_then(|call| call.name),
        name::ARCH => arch(value.raw).and_then(table::arch_name),
        name::EXIT => error_name(value.raw),
        _ => None,
    };
    if item.token.name == name::EXIT
        && named.is_none()
        && call.and_then(|call| call.name).is_some_and(interpret::returns_address)
        && let Some(address) = str::from_utf8(value.raw).ok().and_then(|exit| exit.parse::<i64>().ok())
    {
        return Cow::Owned(format!("{address:#x}").into_bytes());
    }
    named.map_or_else(|| value.decoded(item.token.name), |name| Cow::Borrowed(name.as_bytes()))
}

/// The arch word, written in hex without prefix.
pub(super) fn arch(hex: &[u8]) -> Option<u32> {
    u32::from_str_radix(str::from_utf8(hex).ok()?, 16).ok()
}

/// The name of a negative exit value; positive ones are results.
pub(super) fn error_name(exit: &[u8]) -> Option<&'static str> {
    let [b'-', digits @ ..] = exit else { return None };
    let number: i64 = str::from_utf8(digits).ok()?.parse().ok()?;
    table::errno_name(-number)
}

/// What stands before the first field. Of SELinux the verdict and the permissions, of all others what happened.
fn push_lead(view: View<'_>, event: &mut Event) {
    let lead = view.lead().trim_ascii();
    if let Some(verdict) = lead.strip_prefix(b"avc:") {
        let mut words = verdict.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
        if let Some(result) = words.next() {
            push_keyed(event, field::AUDITD_DATA, "seresult", result);
        }
        let permissions: Vec<&[u8]> =
            words.skip_while(|word| *word != b"{").skip(1).take_while(|word| *word != b"}").collect();
        if !permissions.is_empty() {
            push_keyed(event, field::AUDITD_DATA, "seperms", &permissions.join(&b' '));
        }
    }
    let said = if view.inner_lead().is_empty() { lead } else { view.inner_lead().trim_ascii() };
    let said = said.strip_suffix(b",").unwrap_or(said);
    if view.written(name::OP).is_none()
        && !matches!(said, b"" | b"user" | b"login" | b"tty")
        && !said.starts_with(b"avc:")
    {
        push_keyed(event, field::AUDITD_DATA, "op", said);
    }
}

/// Names whose values stand elsewhere in the event.
fn has_place(name: Name) -> bool {
    static PLACED: [bool; COUNT] = {
        let names = [
            name::PID,
            name::PPID,
            name::COMM,
            name::EXE,
            name::CWD,
            name::PROCTITLE,
            name::AUID,
            name::UID,
            name::GID,
            name::EUID,
            name::SUID,
            name::FSUID,
            name::EGID,
            name::SGID,
            name::FSGID,
            name::SES,
            name::SUBJ,
            name::KEY,
            name::SUCCESS,
            name::RES,
            name::RESULT,
            name::ITEMS,
            name::MSG,
            name::SADDR,
        ];
        let mut placed = [false; COUNT];
        let mut at = 0;
        while at < names.len() {
            placed[names[at].index()] = true;
            at += 1;
        }
        placed
    };
    PLACED.get(name.index()).copied().unwrap_or(false)
}
