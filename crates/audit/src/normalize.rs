//! What happened: a group of records into one [`Event`] that says who did what to what, how, and with which outcome.
//!
//! Meaning is data: `action` says what a row is, `actions` holds the rows, one per system call or record type. The rest of
//! the rooms each write one part of the event: `who`, `file`, `exec`, `network`, and `data` for all that has no better place.
//!
//! Promises: never panics; every original field is found again under a field of its own, `auditd.data`, `auditd.paths` or
//! in `event.original`; ids become names only where the records' ENRICHED tail or the given [`Names`] say so, never from
//! the machine that replays. Does not: look at the host, resolve directory descriptors
//! (`auditng.file.path_partial` marks what is left), know containers.
//!
//! | bound | what happens at it |
//! |---|---|
//! | arguments 64 KiB | the first 48 and the last 16 KiB stay |
//! | one value of `auditd.data` 32 KiB, 16,384 fields | its middle, the rest is left out |
//! | 1,024 paths or 256 KiB of them | the rest is left out |
//! | `event.original` 512 KiB | its middle is left out |
//!
//! Each names the field in `auditng.truncated`.

mod action;
mod actions;
mod arguments;
mod bytes;
mod data;
mod dirfd;
mod exec;
mod file;
mod meaning;
mod network;
mod numbers;
mod selinux;
mod view;
mod who;

use std::borrow::Cow;

use schema::{Event, Stream, Value, field};

use crate::reassemble::Group;
use crate::record::kind;
use crate::record::name::{self, Name};
use action::{Action, Object};
use bytes::{bounded, mark_truncated};
use exec::Args;
use file::Paths;
use meaning::{Call, Meanings};
use network::Socket;
use view::{Fieldbook, View};
use who::Actors;

/// What events hold.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether `event.original` holds the raw lines.
    pub original: bool,
    /// `event.provider`: `unicast`, `multicast` or `replay`.
    pub provider: &'static str,
}

impl Default for Options {
    fn default() -> Self {
        Self { original: true, provider: "unicast" }
    }
}

/// Names of ids on the host that the records came from.
pub trait Names {
    /// The user's name.
    fn user(&self, id: u32) -> Option<&str>;
    /// The group's name.
    fn group(&self, id: u32) -> Option<&str>;
}

/// No names but those in ENRICHED tails.
#[derive(Clone, Copy, Debug)]
pub struct NoNames;

impl Names for NoNames {
    fn user(&self, _: u32) -> Option<&str> {
        None
    }

    fn group(&self, _: u32) -> Option<&str> {
        None
    }
}

/// What was found while normalising.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// A record that should be there is missing, or the group was closed at a bound.
    pub incomplete: bool,
}

/// `event.original` keeps the first and the last part of more than this.
const ORIGINAL_HEAD: usize = 384 << 10;
const ORIGINAL_TAIL: usize = 128 << 10;
/// The kernel cuts PROCTITLE here.
const PROCTITLE_BYTES: usize = 128;

/// Groups into events. Holds memory that is used again from event to event, and nothing of them.
pub struct Normalizer {
    options: Options,
    meanings: Meanings,
    fields: Fieldbook,
    paths: Paths,
    args: Args,
    socket: Socket,
}

impl Normalizer {
    /// With nothing kept yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            meanings: Meanings::default(),
            fields: Fieldbook::default(),
            paths: Paths::default(),
            args: Args::default(),
            socket: Socket::default(),
        }
    }

    /// Fills an empty event from a group.
    pub fn normalize(&mut self, group: &Group, names: &dyn Names, event: &mut Event) -> Verdict {
        let Self { options, meanings, fields, paths, args, socket } = self;
        let view = fields.read(group);
        paths.read(group);
        args.read(group);
        let call = call_of(view, meanings);
        let action = action_of(group, view, call, paths, meanings);
        let verdict = Verdict { incomplete: is_incomplete(group, view, call, args) };

        push_head(group, options, verdict, event);
        push_types(group, meanings, event);
        push_action(action, call, view, event);
        push_call_kind(action, call, event);
        arguments::push(view, call, event);
        push_outcome(view, event);
        push_process(view, event);
        let actors = Actors::of(view, names, action);
        who::push(view, names, action, &actors, event);
        selinux::push(event, &selinux::SUBJECT, view.raw(name::SUBJ).unwrap_or_default());
        push_tags(view, event);
        data::push(view, call, action.user != action::Whom::Ids, event);
        numbers::push(group, view, event);
        paths.push_all(event);
        let call_name = call.and_then(|call| call.name);
        args.push(event);
        let peer = socket.push(view, call.and_then(|call| call.does), event);
        if action.from_addr {
            push_origin(view, event);
        }
        let object = match action.object {
            Object::File => paths.push_object(view, call_name, false, event),
            Object::FirstFile => {
                paths.push_invoked(view, call_name, event);
                paths.push_object(view, call_name, true, event)
            }
            _ => file::Object::default(),
        };
        if action.words.first() == Some(&"rename") {
            paths.push_original(view, call_name, event);
        }
        push_summary(view, action, &actors, &object, peer, event);
        verdict
    }
}

/// The system call of the group.
fn call_of(view: View<'_>, meanings: &mut Meanings) -> Option<Call> {
    let number = view.number(name::SYSCALL).and_then(|number| u64::try_from(number).ok())?;
    let call = meanings.call(view.raw(name::ARCH).and_then(data::arch)?, number);
    Some(match call.name {
        Some("socketcall") => arguments::carried(view).map_or(call, |operation| call.carrying(operation)),
        _ => call,
    })
}

/// The row for a group: that of its first record if it has one, else that of its call.
fn action_of(
    group: &Group,
    view: View<'_>,
    call: Option<Call>,
    paths: &Paths,
    meanings: &mut Meanings,
) -> &'static Action {
    let first = main_kind(group);
    let by_kind = match first {
        kind::AVC if view.written(name::APPARMOR).is_some() => Some(&actions::APPARMOR),
        kind::URINGOP => ring_operation(view).and_then(meaning::ring_action).or(Some(&actions::RING)),
        first => meanings.kind(first).action,
    };
    let action = by_kind.or(call.map(|call| call.action)).unwrap_or(&meaning::UNKNOWN);
    match action.created {
        Some(created) if paths.created() => created,
        _ => action,
    }
}

/// What an io_uring worker did.
fn ring_operation(view: View<'_>) -> Option<&'static str> {
    crate::table::IO_URING.name(view.number(name::URING_OP).and_then(|number| u64::try_from(number).ok())?)
}

/// The type that names the event: its first record's.
fn main_kind(group: &Group) -> u16 {
    group.parts().next().map_or(0, |part| part.kind)
}

/// Whether a record is missing: a supplement without its SYSCALL, a done exec without its arguments.
fn is_incomplete(group: &Group, view: View<'_>, call: Option<Call>, args: &Args) -> bool {
    if group.is_late() || group.is_unnumbered() {
        return group.is_unnumbered();
    }
    let has = |wanted: u16| group.parts().any(|part| part.kind == wanted);
    let is_supplement = |kind: u16| {
        matches!(
            kind,
            kind::PATH
                | kind::CWD
                | kind::EXECVE
                | kind::PROCTITLE
                | kind::SOCKADDR
                | kind::BPRM_FCAPS
                | kind::OBJ_PID
                | kind::CAPSET
                | kind::OPENAT2
        )
    };
    let orphan = || is_supplement(main_kind(group)) && !has(kind::SYSCALL) && !has(kind::URINGOP);
    let executed = call.and_then(|call| call.name).is_some_and(|name| matches!(name, "execve" | "execveat"))
        && view.raw(name::SUCCESS) == Some(b"yes");
    group.is_cut_short() || orphan() || (executed && !has(kind::EXECVE)) || args.is_short()
}

fn push_head(group: &Group, options: &Options, verdict: Verdict, event: &mut Event) {
    let stamp = group.stamp();
    event.push_date(field::TIMESTAMP, stamp.time);
    event.push_str(field::EVENT_DATASET, Stream::Audit.dataset());
    event.push_str(field::EVENT_MODULE, "auditd");
    event.push_str(field::EVENT_PROVIDER, options.provider);
    if !group.is_unnumbered() {
        event.push_long(field::EVENT_SEQUENCE, i64::from(stamp.serial));
    }
    if let Some(node) = group.node() {
        event.push_bytes(field::HOST_NAME, node);
    }
    if verdict.incomplete {
        event.push_bool(field::AUDITNG_AUDIT_INCOMPLETE, true);
    }
    if group.is_late() {
        event.push_bool(field::AUDITNG_AUDIT_LATE, true);
    }
    if group.dropped() > 0 {
        mark_truncated(event, field::PROCESS_ARGS.name());
    }
    if options.original {
        let text = bounded(group.text(), ORIGINAL_HEAD, ORIGINAL_TAIL);
        if matches!(text, Cow::Owned(_)) {
            mark_truncated(event, field::EVENT_ORIGINAL.name());
        }
        event.push_bytes(field::EVENT_ORIGINAL, &text);
    }
}

/// Writes `auditd.message_type` and `auditng.audit.types`.
fn push_types(group: &Group, meanings: &mut Meanings, event: &mut Event) {
    event.push_str(field::AUDITD_MESSAGE_TYPE, meanings.kind(main_kind(group)).word);
    for part in group.parts().take(1024) {
        event.push_str(field::AUDITNG_AUDIT_TYPES, meanings.kind(part.kind).name);
    }
}

fn push_action(action: &Action, call: Option<Call>, view: View<'_>, event: &mut Event) {
    event.push_str(field::EVENT_KIND, action.kind);
    action.categories.iter().for_each(|category| event.push_str(field::EVENT_CATEGORY, category));
    action.types.iter().for_each(|kind| event.push_str(field::EVENT_TYPE, kind));
    if let Some(kind) = action.open_flags.and_then(|flags| opened_for(view, flags)) {
        event.push_str(field::EVENT_TYPE, kind);
    }
    action.words.iter().for_each(|word| event.push_str(field::EVENT_ACTION, word));
    if let Some(name) = call.and_then(|call| call.name) {
        event.push_str(field::AUDITNG_SYSCALL_NAME, name);
        if action.words.is_empty() {
            event.push_str(field::EVENT_ACTION, name);
        }
    }
}

/// A record with a meaning of its own also says what its call was; but not that a netlink message carried a command.
fn push_call_kind(action: &'static Action, call: Option<Call>, event: &mut Event) {
    let Some(other) = call.map(|call| call.action) else { return };
    if std::ptr::eq(action, other)
        || action.open_flags.is_some()
        || action.is_creation_of(other)
        || other.object == Object::Socket
    {
        return;
    }
    for (field, words) in [(field::EVENT_CATEGORY, other.categories), (field::EVENT_TYPE, other.types)] {
        for word in words {
            if !event.all(field).any(|value| value == Value::Text(word)) {
                event.push_str(field, word);
            }
        }
    }
}

/// `access` for a reading open, `change` for a writing one. OPENAT2's flags are octal, a register's are hex. A URINGOP record
/// has no registers; those beside it are of the call that ran the ring.
fn opened_for(view: View<'_>, flags: Name) -> Option<&'static str> {
    if flags != name::OFLAG && view.written(name::URING_OP).is_some() {
        return None;
    }
    let radix = if flags == name::OFLAG { 8 } else { 16 };
    let flags = u64::from_str_radix(str::from_utf8(view.raw(flags)?).ok()?, radix).ok()?;
    Some(if flags & 3 == 0 { "access" } else { "change" })
}

/// Writes `event.outcome`, `auditd.result` and `auditng.errno`.
fn push_outcome(view: View<'_>, event: &mut Event) {
    let result = [name::SUCCESS, name::RES, name::RESULT].into_iter().find_map(|field| view.raw_of(field));
    let result = match result {
        Some(b"yes" | b"1" | b"success" | b"Success") => Some(true),
        Some(b"no" | b"0" | b"failed" | b"fail" | b"Failed" | b"failure") => Some(false),
        _ => None,
    };
    let exit = view.number(name::EXIT);
    // The call goes on elsewhere (EINPROGRESS) or is started again by the kernel: neither done nor failed.
    let undecided = matches!(exit, Some(-115 | -516..=-512));
    event.push_str(
        field::EVENT_OUTCOME,
        match result {
            Some(true) => "success",
            Some(false) if !undecided => "failure",
            _ => "unknown",
        },
    );
    if let Some(result) = result {
        event.push_str(field::AUDITD_RESULT, if result { "success" } else { "fail" });
    }
    if let Some(name) = view.raw(name::EXIT).filter(|_| result != Some(true)).and_then(data::error_name) {
        event.push_str(field::AUDITNG_ERRNO, name);
    }
    if let Some(session) = view.id(name::SES) {
        event.push_bytes(field::AUDITD_SESSION, session);
    }
}

/// Writes `process.*` but for its arguments.
fn push_process(view: View<'_>, event: &mut Event) {
    for (source, target) in [(name::PID, field::PROCESS_PID), (name::PPID, field::PROCESS_PARENT_PID)] {
        if let Some(pid) = view.number(source) {
            event.push_long(target, pid);
        }
    }
    let exe = view.decoded(name::EXE);
    let comm = view.decoded(name::COMM);
    if let Some(exe) = &exe {
        event.push_bytes(field::PROCESS_EXECUTABLE, exe);
    }
    let file_name = |exe: &Cow<'_, [u8]>| exe[memchr::memrchr(b'/', exe).map_or(0, |slash| slash + 1)..].to_vec();
    if let Some(name) = comm.or_else(|| exe.as_ref().map(file_name).filter(|name| !name.is_empty()).map(Cow::Owned)) {
        event.push_bytes(field::PROCESS_NAME, &name);
    }
    if let Some(cwd) = view.decoded(name::CWD) {
        event.push_bytes(field::PROCESS_WORKING_DIRECTORY, &cwd);
    }
    if let Some(tty) = view.raw(name::TTY) {
        event.push_bytes(field::PROCESS_TTY_NAME, tty);
    }
    if let Some(title) = view.decoded(name::PROCTITLE) {
        push_title(title.into_owned(), event);
    }
}

/// The arguments as the process shows them now: NULs between them become blanks.
fn push_title(mut title: Vec<u8>, event: &mut Event) {
    if title.len() == PROCTITLE_BYTES {
        mark_truncated(event, field::PROCESS_TITLE.name());
    }
    while title.last() == Some(&0) {
        title.pop();
    }
    title.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
    event.push_bytes(field::PROCESS_TITLE, &title);
}

/// Rule keys; several are joined by 0x01. A quote behind a hex key is a fault of some kernels.
fn push_tags(view: View<'_>, event: &mut Event) {
    let Some(value) = view.value(name::KEY) else { return };
    let mut keys = Vec::new();
    let raw = value.raw.strip_suffix(b"\"").unwrap_or(value.raw);
    let keys = match value.form {
        crate::record::Form::Bare if crate::record::unhex(raw, &mut keys) => &keys[..],
        _ => value.raw,
    };
    for key in keys.split(|&byte| byte == 1).filter(|key| !key.is_empty()) {
        // Some versions of auditctl stored `-F key=net` with its name.
        event.push_bytes(field::TAGS, key.strip_prefix(b"key=").unwrap_or(key));
    }
}

/// Where a user came from, if `addr` is an address.
fn push_origin(view: View<'_>, event: &mut Event) {
    let Some(addr) = view.inner_or_outer(name::ADDR) else { return };
    let Some(ip) = str::from_utf8(&addr).ok().and_then(|addr| addr.parse::<std::net::IpAddr>().ok()) else { return };
    let ip = ip.to_string();
    event.push_str(field::SOURCE_IP, &ip);
    event.push_str(field::SOURCE_ADDRESS, &ip);
    event.push_str(field::NETWORK_DIRECTION, "ingress");
    event.push_str(field::RELATED_IP, &ip);
    if let Some(host) = view.inner_or_outer(name::HOSTNAME).filter(|host| **host != *addr) {
        event.push_bytes(field::SOURCE_DOMAIN, &host);
    }
}

/// Writes `auditd.summary.*`: actor, object and how in one line each.
fn push_summary(
    view: View<'_>,
    action: &Action,
    actors: &Actors<'_>,
    file: &file::Object<'_>,
    peer: network::Peer<'_>,
    event: &mut Event,
) {
    for (who, target) in [
        (&actors.primary, field::AUDITD_SUMMARY_ACTOR_PRIMARY),
        (&actors.second, field::AUDITD_SUMMARY_ACTOR_SECONDARY),
    ] {
        if let Some(shown) = who.shown() {
            event.push_bytes(target, shown);
        }
    }
    let kind = match action.object {
        Object::Unsaid => None,
        Object::Socket => Some("socket"),
        Object::Named(word) => Some(word),
        Object::File | Object::FirstFile => Some(file.kind.unwrap_or("file")),
    };
    if let Some(kind) = kind {
        event.push_str(field::AUDITD_SUMMARY_OBJECT_TYPE, kind);
    }
    let first = |names: &[Name]| names.iter().find_map(|&name| shown(view, name));
    let primary = match action.object {
        Object::Socket => peer.name.map(|name| Cow::Borrowed(name.as_bytes())),
        _ => file.path.as_deref().map(Cow::Borrowed),
    };
    if let Some(primary) = primary.or_else(|| first(action.primary)) {
        event.push_bytes(field::AUDITD_SUMMARY_OBJECT_PRIMARY, &primary);
    }
    let secondary = first(action.secondary).or_else(|| peer.port.map(|port| Cow::Owned(port.to_string().into_bytes())));
    if let Some(secondary) = secondary {
        event.push_bytes(field::AUDITD_SUMMARY_OBJECT_SECONDARY, &secondary);
    }
    let how = first(action.how).or_else(|| default_how(view));
    if let Some(how) = how {
        event.push_bytes(field::AUDITD_SUMMARY_HOW, &how);
    }
}

/// A field's value as the event shows it: a call by its name, all else as meant.
fn shown(view: View<'_>, name: Name) -> Option<Cow<'_, [u8]>> {
    match name {
        name::SYSCALL => {
            let number = view.number(name::SYSCALL).and_then(|number| u64::try_from(number).ok())?;
            let arch = data::arch(view.raw(name::ARCH)?)?;
            crate::table::syscall_name(arch, number).map(|name| Cow::Borrowed(name.as_bytes()))
        }
        name => view.inner_or_outer(name),
    }
}

/// The program; of an interpreter the script, which `comm` names.
fn default_how(view: View<'_>) -> Option<Cow<'_, [u8]>> {
    let exe = view.decoded(name::EXE);
    let interprets = exe.as_ref().and_then(|exe| exe.strip_prefix(b"/usr/bin/")).is_some_and(|name| {
        [&b"python"[..], b"sh", b"bash", b"perl"].iter().any(|interpreter| name.starts_with(interpreter))
    });
    let comm = || view.decoded(name::COMM);
    if interprets { comm().or(exe) } else { exe.or_else(comm) }
}

#[cfg(test)]
mod tests;
