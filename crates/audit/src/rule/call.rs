//! Names of calls and operations to numbers.

use super::List;
use crate::table;

/// The number that `name` (a name or a number) has in rules of `list` for programs of `arch`.
pub(super) fn call_number(list: List, name: &str, arch: u32) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    if list == List::IoUring {
        let name = format!("IORING_OP_{}", name.to_ascii_uppercase());
        return table::IO_URING.number(&name).and_then(|number| u32::try_from(number).ok());
    }
    table::syscall_number(arch, name).or_else(|| table::syscall_number(arch, other_name(name)?))
}

/// Names of auditctl's tables that are not the kernel's.
fn other_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "pread" => "pread64",
        "pwrite" => "pwrite64",
        "newfstat" => "fstat",
        "fstatat" => "newfstatat",
        "sys_kexec_load" => "kexec_load",
        "timerfd" => "timerfd_create",
        "sched_rr_get_interval64" => "sched_rr_get_interval_time64",
        _ => return None,
    })
}
