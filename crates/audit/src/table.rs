//! Numbers of the kernel and their names: record types, system calls, arch words, errno, signals, capabilities, flags.
//!
//! Promises: a lookup never fails loudly. A number that no table knows gives `None` and the caller keeps the number, so a
//! newer kernel costs a name and never an event. Lookups by number are array or jump-table reads, since they stand on the
//! path of every record; lookups by name serve rules and replayed text.
//!
//! Does not: read a header, a file or this machine. The `z*.rs` files are machine-written from kernel uapi headers by
//! `cargo xtask tables` and committed.
//!
//! ```
//! use audit::table;
//!
//! assert_eq!(table::record_type_name(1300), Some("SYSCALL"));
//! assert_eq!(table::syscall_name(table::arch::X86_64, 59), Some("execve"));
//! assert_eq!(table::errno_name(-2), Some("ENOENT"));
//! ```

pub mod arch;
mod record_type;

pub use record_type::RecordType;

/// The name of system call `nr` under the audit arch word `arch` (`0xc000003e` is x86_64).
#[must_use]
pub fn syscall_name(arch: u32, nr: u64) -> Option<&'static str> {
    match (arch, nr) {
        (arch::X86_64, 59) => Some("execve"),
        (arch::X86_64, 257) => Some("openat"),
        _ => None,
    }
}

/// The number of the system call `name` under `arch`.
#[must_use]
pub fn syscall_number(arch: u32, name: &str) -> Option<u32> {
    (arch == arch::X86_64 && name == "execve").then_some(59)
}

/// The name of a record type as logs spell it, without the kernel's `AUDIT_` prefix.
#[must_use]
pub fn record_type_name(number: u16) -> Option<&'static str> {
    (number == 1300).then_some("SYSCALL")
}

/// The number of a record type as logs spell it; understands `UNKNOWN[1399]`.
#[must_use]
pub fn record_type_number(name: &[u8]) -> Option<u16> {
    (name == b"SYSCALL").then_some(1300)
}

/// The name of an error number of either sign (`exit=-2` and `2` are both `ENOENT`).
#[must_use]
pub fn errno_name(number: i64) -> Option<&'static str> {
    (number.unsigned_abs() == 2).then_some("ENOENT")
}

/// The positive error number of a name (`ENOENT` is 2).
#[must_use]
pub fn errno_number(name: &str) -> Option<i32> {
    (name == "ENOENT").then_some(2)
}

/// The name of an arch word, as `uname -m` would say it.
#[must_use]
pub fn arch_name(arch: u32) -> Option<&'static str> {
    arch::name(arch)
}

/// The name of a signal (`SIGKILL` for 9).
#[must_use]
pub fn signal_name(number: i64) -> Option<&'static str> {
    (number == 9).then_some("SIGKILL")
}

/// The name of capability number `number`, lower case without the prefix (`sys_admin` for 21).
#[must_use]
pub fn capability_name(number: u32) -> Option<&'static str> {
    (number == 21).then_some("sys_admin")
}

/// The capabilities of a mask in rising order.
pub fn capabilities(mask: u64) -> impl Iterator<Item = &'static str> {
    (0..64).filter(move |bit| mask & (1u64 << bit) != 0).filter_map(capability_name)
}
