//! Numbers of the kernel and their names: record types, system calls, arch words, errno, signals, capabilities,
//! flags.
//!
//! Promises: a lookup never fails loudly. A number that no table knows gives `None` and the caller keeps the number,
//! so a newer kernel costs a name and never an event. Lookups by number are array or jump-table reads, since they
//! stand on the path of every record; lookups by name serve rules and replayed text.
//!
//! Does not: read a header, a file or this machine. The `z*.rs` files are machine-written from kernel uapi headers by
//! `cargo xtask tables` and committed. Which argument of which call means what is in [`crate::interpret`].
//!
//! ```
//! use audit::table;
//!
//! assert_eq!(table::record_type_name(1300), Some("SYSCALL"));
//! assert_eq!(table::syscall_name(table::arch::X86_64, 59), Some("execve"));
//! assert_eq!(table::errno_name(-2), Some("ENOENT"));
//! ```

pub mod arch;
mod flag;
mod record_type;
mod syscall;
#[cfg(test)]
mod tests;
mod zarch;
mod zerrno;
mod zfile;
mod zkernel;
mod znet;
mod zprocess;
mod zrecord_type;
mod zsyscall_aarch64;
mod zsyscall_arm;
mod zsyscall_i386;
mod zsyscall_loongarch64;
mod zsyscall_mips_n32;
mod zsyscall_mips_n64;
mod zsyscall_mips_o32;
mod zsyscall_ppc;
mod zsyscall_ppc64;
mod zsyscall_riscv32;
mod zsyscall_riscv64;
mod zsyscall_s390;
mod zsyscall_s390x;
mod zsyscall_x32;
mod zsyscall_x86_64;

pub use flag::{Flags, Values};
pub use record_type::RecordType;
pub use zfile::*;
pub use zkernel::*;
pub use znet::*;
pub use zprocess::*;

/// The name of system call `nr` under the audit arch word `arch` (`0xc000003e` is x86_64).
#[must_use]
pub fn syscall_name(arch: u32, nr: u64) -> Option<&'static str> {
    syscall::name(arch, nr)
}

/// The number of the system call `name` under `arch`; of x86_64 proper, not of x32.
#[must_use]
pub fn syscall_number(arch: u32, name: &str) -> Option<u32> {
    syscall::number(arch, name)
}

/// All system calls of `arch` with their numbers; empty if no table knows it.
pub fn syscalls(arch: u32) -> impl Iterator<Item = (u32, &'static str)> {
    syscall::all(arch)
}

/// The name of a record type as logs spell it, without the kernel's `AUDIT_` prefix.
#[must_use]
pub fn record_type_name(number: u16) -> Option<&'static str> {
    zrecord_type::name(number)
}

/// The number of a record type as logs spell it; understands `UNKNOWN[1399]`.
#[must_use]
pub fn record_type_number(name: &[u8]) -> Option<u16> {
    // Nine in ten lines of a log are one of these.
    Some(match name {
        b"SYSCALL" => 1300,
        b"PATH" => 1302,
        b"CWD" => 1307,
        b"PROCTITLE" => 1327,
        b"EXECVE" => 1309,
        b"EOE" => 1320,
        b"SOCKADDR" => 1306,
        b"BPRM_FCAPS" => 1321,
        _ => return rare_record_type_number(name),
    })
}

fn rare_record_type_number(name: &[u8]) -> Option<u16> {
    if let Ok(at) = zrecord_type::NAMES.binary_search_by_key(&name, |(known, _)| known) {
        return zrecord_type::NAMES.get(at).map(|(_, number)| *number);
    }
    let digits = name.strip_prefix(b"UNKNOWN[")?.strip_suffix(b"]")?;
    core::str::from_utf8(digits).ok()?.parse().ok()
}

/// The name of an error number of either sign (`exit=-2` and `2` are both `ENOENT`).
///
/// Includes 512 to 530, which never reach a program: the kernel restarts the call, and the audit record shows it.
#[must_use]
pub fn errno_name(number: i64) -> Option<&'static str> {
    zerrno::name(number.unsigned_abs())
}

/// The positive error number of a name (`ENOENT` is 2).
#[must_use]
pub fn errno_number(name: &str) -> Option<i32> {
    let name = match name {
        "EWOULDBLOCK" => "EAGAIN",
        "EDEADLOCK" => "EDEADLK",
        other => other,
    };
    zerrno::NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// The name of an arch word, as `uname -m` would say it.
#[must_use]
pub fn arch_name(arch: u32) -> Option<&'static str> {
    arch::name(arch)
}

/// The name of a signal (`SIGKILL` for 9).
#[must_use]
pub fn signal_name(number: i64) -> Option<&'static str> {
    SIGNAL.name(u64::try_from(number).ok()?)
}

/// The name of a capability as `capsh` spells it (`cap_sys_admin` for 21).
#[must_use]
pub fn capability_name(number: u32) -> Option<&'static str> {
    /// In the kernel's order; `tests` hold it against the header.
    const NAMES: [&str; 41] = [
        "cap_chown",
        "cap_dac_override",
        "cap_dac_read_search",
        "cap_fowner",
        "cap_fsetid",
        "cap_kill",
        "cap_setgid",
        "cap_setuid",
        "cap_setpcap",
        "cap_linux_immutable",
        "cap_net_bind_service",
        "cap_net_broadcast",
        "cap_net_admin",
        "cap_net_raw",
        "cap_ipc_lock",
        "cap_ipc_owner",
        "cap_sys_module",
        "cap_sys_rawio",
        "cap_sys_chroot",
        "cap_sys_ptrace",
        "cap_sys_pacct",
        "cap_sys_admin",
        "cap_sys_boot",
        "cap_sys_nice",
        "cap_sys_resource",
        "cap_sys_time",
        "cap_sys_tty_config",
        "cap_mknod",
        "cap_lease",
        "cap_audit_write",
        "cap_audit_control",
        "cap_setfcap",
        "cap_mac_override",
        "cap_mac_admin",
        "cap_syslog",
        "cap_wake_alarm",
        "cap_block_suspend",
        "cap_audit_read",
        "cap_perfmon",
        "cap_bpf",
        "cap_checkpoint_restore",
    ];
    NAMES.get(usize::try_from(number).ok()?).copied()
}

/// The capabilities of a mask in rising order; bits without a name are left out.
pub fn capabilities(mask: u64) -> impl Iterator<Item = &'static str> {
    (0..64).filter(move |bit| mask & (1u64 << bit) != 0).filter_map(capability_name)
}

/// The word for an address family as normalised events spell it: `ipv4`, `ipv6`, `unix`, else the kernel's name in
/// lower case without `AF_`.
#[must_use]
pub fn family_word(family: u16) -> Option<String> {
    Some(match family {
        2 => "ipv4".to_owned(),
        10 => "ipv6".to_owned(),
        other => FAMILY.name(u64::from(other))?.trim_start_matches("AF_").to_ascii_lowercase(),
    })
}

/// The `open(2)` flags of an arch, without the access mode in the lowest two bits.
#[must_use]
pub fn open_flags(arch: u32) -> &'static Flags {
    match arch {
        arch::ARM | arch::ARMEB | arch::AARCH64 => &OPEN_ARM,
        arch::PPC | arch::PPC64 | arch::PPC64LE => &OPEN_POWERPC,
        arch::MIPS | arch::MIPSEL | arch::MIPS64 | arch::MIPS64N32 | arch::MIPSEL64 | arch::MIPSEL64N32 => &OPEN_MIPS,
        _ => &OPEN_GENERIC,
    }
}

/// The `open(2)` bits with which a file may be made: `O_CREAT`, and that of `O_TMPFILE` which is not `O_DIRECTORY`.
#[must_use]
pub fn creating_flags(arch: u32) -> u64 {
    const TMPFILE: u64 = 0x0040_0000;
    match arch {
        arch::MIPS | arch::MIPSEL | arch::MIPS64 | arch::MIPS64N32 | arch::MIPSEL64 | arch::MIPSEL64N32 => {
            TMPFILE | 0x100
        }
        _ => TMPFILE | 0x40,
    }
}
