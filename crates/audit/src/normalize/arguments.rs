//! What a call's arguments mean, as words: `auditng.syscall.args`. The registers stay in `auditd.data.a0` to `a3` as the
//! kernel printed them, since rules compare with those.

use schema::{Event, field};

use super::data::arch;
use super::meaning::Call;
use super::view::View;
use crate::record::kind;
use crate::record::name::{self, Name};
use crate::{interpret, table};

/// Writes the meaning of every argument that has one, and of an OPENAT2 record's flags.
pub(super) fn push(view: View<'_>, call: Option<Call>, event: &mut Event) {
    let (Some(name), Some(arch)) = (call.and_then(|call| call.name), view.raw(name::ARCH).and_then(arch)) else {
        return;
    };
    // A SECCOMP record names a call and has no arguments.
    let Some(first) = register(view, name::A0) else { return };
    let other = |name| register(view, name).unwrap_or(0);
    let registers = [first, other(name::A1), other(name::A2), other(name::A3)];
    interpret::arguments(arch, name, registers, |_, text| event.push_str(field::AUDITNG_SYSCALL_ARGS, text));
    if name == "socketcall" {
        push_carried(view, arch, registers[0], event);
    }
    if let Some(flags) = octal(view, name::OFLAG) {
        event.push_str(field::AUDITNG_SYSCALL_ARGS, &interpret::open_flags(arch, flags));
    }
    if let Some(resolve) = prefixed(view, name::RESOLVE).map(interpret::resolve).filter(|text| !text.is_empty()) {
        event.push_str(field::AUDITNG_SYSCALL_ARGS, &resolve);
    }
}

/// What `socketcall` stands for, if it is told. A SOCKETCALL record holds the carried call's arguments as `a0`, `a1` and so on.
pub(super) fn carried(view: View<'_>) -> Option<&'static str> {
    table::SOCKETCALL.name(register(view, name::A0)?)
}

fn push_carried(view: View<'_>, arch: u32, operation: u64, event: &mut Event) {
    let Some(operation) = table::SOCKETCALL.name(operation).and_then(|name| name.strip_prefix("SYS_")) else { return };
    let mut registers = [0; 4];
    for item in view.items().iter().filter(|item| item.kind == kind::SOCKETCALL) {
        let place = [name::A0, name::A1, name::A2, name::A3].iter().position(|name| *name == item.token.name);
        let value = str::from_utf8(view.value_of(item).raw).ok().and_then(|hex| u64::from_str_radix(hex, 16).ok());
        if let (Some(place), Some(value)) = (place, value) {
            registers[place] = value;
        }
    }
    let name = operation.to_ascii_lowercase();
    interpret::arguments(arch, &name, registers, |_, text| event.push_str(field::AUDITNG_SYSCALL_ARGS, text));
}

fn register(view: View<'_>, name: Name) -> Option<u64> {
    u64::from_str_radix(str::from_utf8(view.raw(name)?).ok()?, 16).ok()
}

fn octal(view: View<'_>, name: Name) -> Option<u64> {
    u64::from_str_radix(str::from_utf8(view.raw(name)?).ok()?, 8).ok()
}

/// Hex behind `0x`.
fn prefixed(view: View<'_>, name: Name) -> Option<u64> {
    let digits = str::from_utf8(view.raw(name)?).ok()?.strip_prefix("0x")?;
    u64::from_str_radix(digits, 16).ok()
}
