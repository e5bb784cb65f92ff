//! Finds the row for a call or record type; what was found is kept, since a host uses few of them.

use super::action::{Action, UNKNOWN_RECORD, UNLISTED};
use super::actions::{RECORDS, SYSCALLS};
use crate::table;

/// A system call's name and row.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub(super) name: Option<&'static str>,
    /// What it does: its name, but of `socketcall` that of the call that it carries.
    pub(super) does: Option<&'static str>,
    pub(super) action: &'static Action,
}

impl Call {
    /// The `socketcall(2)` of 32-bit programs with this operation (`SYS_CONNECT`): it is one name for twenty calls.
    pub(super) fn carrying(self, operation: &str) -> Self {
        match operation.strip_prefix("SYS_").and_then(listed) {
            Some((does, action)) => Self { does: Some(does), action, ..self },
            None => self,
        }
    }
}

/// The row of what an io_uring worker did (`IORING_OP_OPENAT`): that of the call of this name.
pub(super) fn ring_action(operation: &str) -> Option<&'static Action> {
    operation.strip_prefix("IORING_OP_").and_then(listed).map(|(_, action)| action)
}

/// The listed call of a name in any case.
fn listed(name: &str) -> Option<(&'static str, &'static Action)> {
    SYSCALLS.iter().find_map(|(names, action)| {
        names.iter().find(|known| known.eq_ignore_ascii_case(name)).map(|known| (*known, action))
    })
}

/// A record type's names and row.
#[derive(Clone, Copy)]
pub(super) struct Kind<'a> {
    /// As logs spell it: `SYSCALL`, `UNKNOWN[1399]`.
    pub(super) name: &'a str,
    /// As `auditd.message_type` has it: lower case.
    pub(super) word: &'a str,
    pub(super) action: Option<&'static Action>,
}

#[derive(Default)]
struct KnownKind {
    number: u16,
    name: Box<str>,
    word: Box<str>,
    action: Option<&'static Action>,
}

/// One place per low byte of the number: a newcomer takes the place of what lies there.
const PLACES: usize = 256;

pub(super) struct Meanings {
    calls: Vec<Option<(u32, u64, Call)>>,
    kinds: Vec<KnownKind>,
}

static UNLISTED_CALL: Action = UNLISTED;
pub(super) static UNKNOWN: Action = UNKNOWN_RECORD;

impl Default for Meanings {
    fn default() -> Self {
        Self { calls: vec![None; PLACES], kinds: (0..PLACES).map(|_| KnownKind::default()).collect() }
    }
}

impl Meanings {
    pub(super) fn call(&mut self, arch: u32, number: u64) -> Call {
        let [number_low, ..] = number.to_le_bytes();
        let [arch_low, ..] = arch.to_le_bytes();
        let place = usize::from(number_low ^ arch_low);
        match self.calls[place] {
            Some((a, n, call)) if (a, n) == (arch, number) => call,
            _ => {
                let name = table::syscall_name(arch, number);
                let row = |name| SYSCALLS.iter().find(|(names, _)| names.contains(&name)).map(|(_, action)| action);
                let call = Call { name, does: name, action: name.and_then(row).unwrap_or(&UNLISTED_CALL) };
                self.calls[place] = Some((arch, number, call));
                call
            }
        }
    }

    pub(super) fn kind(&mut self, number: u16) -> Kind<'_> {
        let known = &mut self.kinds[usize::from(number) % PLACES];
        if known.number != number || known.name.is_empty() {
            *known = look_up(number);
        }
        Kind { name: &known.name, word: &known.word, action: known.action }
    }
}

fn look_up(number: u16) -> KnownKind {
    let name = table::RecordType(number).to_string();
    let action = RECORDS.iter().find(|(names, _)| names.contains(&&*name)).map(|(_, action)| action);
    let word = name.to_ascii_lowercase().into();
    KnownKind { number, name: name.into(), word, action }
}
