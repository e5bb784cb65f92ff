//! What the numbers of a record mean, as text: system call arguments, file modes, capability masks, seccomp codes.
//!
//! Promises: adds names and takes nothing away. The registers stay in `auditd.data.a0..a3` as the kernel printed
//! them; here each argument that has a meaning gets a text, and a bit or value without a name is shown in hex.
//! Arguments that are pointers, sizes or descriptors have none. Never an error: any register is allowed to hold
//! anything.
//!
//! Does not: see more than the four arguments that a SYSCALL record has, or what a pointer points to.
//!
//! ```
//! use audit::{interpret, table::arch};
//!
//! let mut args = Vec::new();
//! let registers = [0xffff_ff9c, 0x7ffd_0000, 0x241, 0x1b6];
//! interpret::arguments(arch::X86_64, "openat", registers, |at, text| args.push((at, text.to_owned())));
//! let expect = [(0, "AT_FDCWD"), (2, "O_WRONLY|O_CREAT|O_TRUNC"), (3, "0666")];
//! assert_eq!(args, expect.map(|(at, text)| (at, text.to_owned())));
//! ```

mod call;
mod record;
#[cfg(test)]
mod tests;

use core::fmt::Write as _;

use crate::table::{self, Flags, Values};
use call::Meaning;
pub use record::{clock_status, field};

/// Calls `each` with the position and text of every argument of `call` that has a meaning.
///
/// One scratch string is reused for all of them. A call that no table knows has none.
pub fn arguments(arch: u32, call: &str, registers: [u64; 4], mut each: impl FnMut(usize, &str)) {
    let Some(meanings) = call::meanings(call) else { return };
    let mut text = String::new();
    for (at, meaning) in meanings.iter().enumerate() {
        text.clear();
        Reader { arch, registers, at }.append(*meaning, &mut text);
        if !text.is_empty() {
            each(at, &text);
        }
    }
}

/// Whether a call returns an address, so that its `exit` is to be shown in hex and only the last page of numbers is
/// an error.
#[must_use]
pub fn returns_address(call: &str) -> bool {
    matches!(call, "mmap" | "mmap2" | "old_mmap" | "mremap" | "brk" | "shmat" | "map_shadow_stack")
}

/// `open(2)` flags with the access mode in front: `O_RDWR|O_CREAT`.
#[must_use]
pub fn open_flags(arch: u32, flags: u64) -> String {
    let mut out = String::new();
    append_open(arch, flags, &mut out);
    out
}

/// `resolve=` of an OPENAT2 record: `RESOLVE_NO_XDEV|RESOLVE_BENEATH`, empty for 0.
#[must_use]
pub fn resolve(bits: u64) -> String {
    if bits == 0 { String::new() } else { table::RESOLVE.text(bits) }
}

/// What kind of file a mode says: `file`, `dir`, `symlink`, `fifo`, `socket`, `char_device`, `block_device`.
#[must_use]
pub fn file_kind(mode: u32) -> Option<&'static str> {
    Some(match mode & 0o170_000 {
        0o010_000 => "fifo",
        0o020_000 => "char_device",
        0o040_000 => "dir",
        0o060_000 => "block_device",
        0o100_000 => "file",
        0o120_000 => "symlink",
        0o140_000 => "socket",
        _ => return None,
    })
}

/// The permission bits of a mode as `chmod` takes them: `0644`, `4755`.
#[must_use]
pub fn permissions(mode: u32) -> String {
    format!("{:04o}", mode & 0o7777)
}

/// What a seccomp filter answered: `code=0x7ffc0000` is `log`.
#[must_use]
pub fn seccomp_action(code: u32) -> Option<&'static str> {
    Some(match code & 0xffff_0000 {
        0 => "kill_thread",
        0x0003_0000 => "trap",
        0x0005_0000 => "errno",
        0x7fc0_0000 => "user_notif",
        0x7ff0_0000 => "trace",
        0x7ffc_0000 => "log",
        0x7fff_0000 => "allow",
        0x8000_0000 => "kill_process",
        _ => return None,
    })
}

/// The names in a capability mask joined by blanks; `none` for 0 and bits without a name in hex.
#[must_use]
pub fn capabilities(mask: u64) -> String {
    let mut names: Vec<_> = table::capabilities(mask).map(str::to_owned).collect();
    let beyond = mask >> table::CAPABILITY.iter().count() << table::CAPABILITY.iter().count();
    if beyond != 0 {
        names.push(format!("{beyond:#x}"));
    }
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}

/// A program's personality: the system that it thinks it runs on, and what differs for it.
#[must_use]
pub fn personality(bits: u64) -> String {
    let mut out = String::new();
    append_personality(bits, &mut out);
    out
}

/// One argument among its neighbours, which may say how to read it.
struct Reader {
    arch: u32,
    registers: [u64; 4],
    at: usize,
}

impl Reader {
    fn value(&self) -> u64 {
        self.registers[self.at]
    }

    /// As the kernel sees an `int`.
    fn int(&self) -> i32 {
        #[expect(clippy::cast_possible_truncation, reason = "an int argument is the low half of its register")]
        let low = self.value() as u32;
        low.cast_signed()
    }

    /// As the kernel sees an `unsigned int`.
    fn unsigned(&self) -> u64 {
        u64::from(self.int().cast_unsigned())
    }

    fn append(&self, meaning: Meaning, out: &mut String) {
        match meaning {
            Meaning::Nothing => {}
            Meaning::Directory => {
                if self.int() == -100 {
                    out.push_str("AT_FDCWD");
                }
            }
            Meaning::Open => append_open(self.arch, self.unsigned(), out),
            Meaning::Mode => self.append_mode(out),
            Meaning::ModeIfCreated(flags) => self.append_mode_if_created(self.registers[flags], out),
            Meaning::Flags(flags) => append_flags(flags, self.value(), out),
            Meaning::FlagsInt(flags) => append_flags(flags, self.unsigned(), out),
            Meaning::Values(values) => self.append_value(values, out),
            Meaning::CloneFlags => self.append_clone(out),
            Meaning::SocketType => self.append_socket_type(out),
            Meaning::Protocol => self.append_protocol(out),
            Meaning::Option => self.append_option(out),
            Meaning::Signal => self.append_signal(out),
            Meaning::Number => write(out, format_args!("{}", self.int())),
            Meaning::Id if self.int() == -1 => out.push_str("unset"),
            Meaning::Id => write(out, format_args!("{}", self.int().cast_unsigned())),
            Meaning::Personality => self.append_personality(out),
            Meaning::OfFcntl => self.append_fcntl(out),
            Meaning::OfPrctl => self.append_prctl(out),
            Meaning::Mapping => self.append_mapping(out),
            Meaning::Quota => self.append_quota(out),
        }
    }

    fn append_value(&self, values: &Values, out: &mut String) {
        match values.name(self.unsigned()) {
            Some(name) => out.push_str(name),
            None => write(out, format_args!("{:#x}", self.unsigned())),
        }
    }

    /// The kind of file, if `mknod` gives one, and the permissions.
    fn append_mode(&self, out: &mut String) {
        let mode = self.int().cast_unsigned();
        if let Some(kind) = file_kind(mode) {
            write(out, format_args!("{kind},"));
        }
        write(out, format_args!("{:04o}", mode & 0o7777));
    }

    /// A mode means nothing unless a file may be made.
    fn append_mode_if_created(&self, flags: u64, out: &mut String) {
        if flags & table::creating_flags(self.arch) != 0 {
            self.append_mode(out);
        }
    }

    /// The lowest byte of `clone` flags is the signal that the parent gets.
    fn append_clone(&self, out: &mut String) {
        let (flags, signal) = (self.value() & !0xff, self.value() & 0xff);
        let rest = table::CLONE.append(flags, out);
        if let Some(name) = table::SIGNAL.name(signal) {
            separate(out);
            out.push_str(name);
        }
        append_rest(rest, out);
    }

    fn append_socket_type(&self, out: &mut String) {
        let (kind, flags) = (self.unsigned() & 0xf, self.unsigned() & !0xf);
        match table::SOCKET_TYPE.name(kind) {
            Some(name) => out.push_str(name),
            None => write(out, format_args!("{kind:#x}")),
        }
        let rest = table::SOCKET_FLAGS.append(flags, out);
        append_rest(rest, out);
    }

    fn append_quota(&self, out: &mut String) {
        match table::QUOTA.name(self.unsigned() >> 8) {
            Some(name) => out.push_str(name),
            None => write(out, format_args!("{:#x}", self.unsigned())),
        }
        if let Some(kind) = ["USRQUOTA", "GRPQUOTA", "PRJQUOTA"].get(usize::from(self.value().to_le_bytes()[0])) {
            write(out, format_args!("|{kind}"));
        }
    }

    /// By the family in the first argument.
    fn append_protocol(&self, out: &mut String) {
        let value = self.unsigned();
        let name = match self.registers[0] & 0xffff_ffff {
            2 => table::PROTOCOL.name(value),
            10 => table::PROTOCOL.name(value).or_else(|| table::PROTOCOL_V6.name(value)),
            16 => table::NETLINK.name(value),
            17 => table::ETHERTYPE.name(value.swap_bytes() >> 48),
            _ => None,
        };
        if let Some(name) = name {
            out.push_str(name);
        }
    }

    /// By the level in the second argument.
    fn append_option(&self, out: &mut String) {
        let options = match self.registers[1] & 0xffff_ffff {
            0 => &table::IP_OPTION,
            1 => &table::SOCKET_OPTION,
            6 => &table::TCP_OPTION,
            17 => &table::UDP_OPTION,
            41 => &table::IPV6_OPTION,
            263 => &table::PACKET_OPTION,
            270 => &table::NETLINK_OPTION,
            _ => return write(out, format_args!("{:#x}", self.unsigned())),
        };
        self.append_value(options, out);
    }

    fn append_signal(&self, out: &mut String) {
        match self.int() {
            0 => out.push('0'),
            real_time @ 32..=64 => write(out, format_args!("SIGRT{real_time}")),
            other => match table::signal_name(i64::from(other)) {
                Some(name) => out.push_str(name),
                None => write(out, format_args!("{other}")),
            },
        }
    }

    /// `personality(0xffffffff)` asks without changing.
    fn append_personality(&self, out: &mut String) {
        if self.unsigned() == 0xffff_ffff {
            return out.push_str("query");
        }
        append_personality(self.unsigned(), out);
    }

    fn append_fcntl(&self, out: &mut String) {
        match table::FCNTL.name(self.registers[1] & 0xffff_ffff) {
            Some("F_SETFL") => append_open(self.arch, self.unsigned(), out),
            Some("F_SETFD") => out.push_str(if self.value() & 1 == 0 { "0" } else { "FD_CLOEXEC" }),
            Some("F_ADD_SEALS") => append_flags(&table::SEALS, self.unsigned(), out),
            _ => {}
        }
    }

    fn append_prctl(&self, out: &mut String) {
        match table::PRCTL.name(self.registers[0] & 0xffff_ffff) {
            Some("PR_CAPBSET_DROP" | "PR_CAPBSET_READ") => {
                out.push_str(table::capability_name(self.int().cast_unsigned()).unwrap_or_default());
            }
            Some("PR_SET_PDEATHSIG") => self.append_signal(out),
            Some("PR_SET_DUMPABLE" | "PR_SET_KEEPCAPS" | "PR_SET_NO_NEW_PRIVS") => {
                write(out, format_args!("{}", self.int()));
            }
            _ => {}
        }
    }

    /// `mmap` flags of mips and powerpc differ: shown in hex there.
    fn append_mapping(&self, out: &mut String) {
        use table::arch::{MIPS, MIPS64, MIPS64N32, MIPSEL, MIPSEL64, MIPSEL64N32, PPC, PPC64, PPC64LE};
        match self.arch {
            MIPS | MIPS64 | MIPS64N32 | MIPSEL | MIPSEL64 | MIPSEL64N32 | PPC | PPC64 | PPC64LE => {
                write(out, format_args!("{:#x}", self.unsigned()));
            }
            _ => append_flags(&table::MAP, self.unsigned(), out),
        }
    }
}

fn append_personality(bits: u64, out: &mut String) {
    if let Some(name) = table::PERSONALITY.name(bits) {
        return out.push_str(name);
    }
    if let Some(domain) = table::PERSONALITY.name(bits & 0xff) {
        out.push_str(domain);
    }
    let rest = table::PERSONALITY_FLAGS.append(bits & !0xff, out);
    append_rest(rest, out);
}

fn append_open(arch: u32, flags: u64, out: &mut String) {
    out.push_str(table::OPEN_ACCESS.name(flags & 3).unwrap_or_default());
    let rest = table::open_flags(arch).append(flags & !3, out);
    append_rest(rest, out);
}

fn append_flags(flags: &Flags, value: u64, out: &mut String) {
    let rest = flags.append(value, out);
    if out.is_empty() && rest == 0 { out.push('0') } else { append_rest(rest, out) }
}

fn append_rest(rest: u64, out: &mut String) {
    if rest != 0 {
        separate(out);
        write(out, format_args!("{rest:#x}"));
    }
}

fn separate(out: &mut String) {
    if !out.is_empty() {
        out.push('|');
    }
}

fn write(out: &mut String, text: core::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string cannot fail");
}
