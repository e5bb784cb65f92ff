//! Audit arch words: an ELF machine with a bit for 64-bit and a bit for little-endian.

use super::zarch::WORDS;

/// x86_64; x32 calls carry it too, with [`X32_BIT`] in the number.
pub const X86_64: u32 = 0xc000_003e;
/// 32-bit x86.
pub const I386: u32 = 0x4000_0003;
/// 64-bit arm.
pub const AARCH64: u32 = 0xc000_00b7;
/// 32-bit arm.
pub const ARM: u32 = 0x4000_0028;
/// 32-bit arm, big-endian.
pub const ARMEB: u32 = 0x0000_0028;
/// 32-bit powerpc.
pub const PPC: u32 = 0x0000_0014;
/// 64-bit powerpc, big-endian.
pub const PPC64: u32 = 0x8000_0015;
/// 64-bit powerpc.
pub const PPC64LE: u32 = 0xc000_0015;
/// 31-bit s390.
pub const S390: u32 = 0x0000_0016;
/// 64-bit s390.
pub const S390X: u32 = 0x8000_0016;
/// 32-bit riscv.
pub const RISCV32: u32 = 0x4000_00f3;
/// 64-bit riscv.
pub const RISCV64: u32 = 0xc000_00f3;
/// 64-bit loongarch.
pub const LOONGARCH64: u32 = 0xc000_0102;
/// 32-bit mips, big-endian.
pub const MIPS: u32 = 0x0000_0008;
/// 32-bit mips.
pub const MIPSEL: u32 = 0x4000_0008;
/// 64-bit mips, big-endian.
pub const MIPS64: u32 = 0x8000_0008;
/// 64-bit mips with 32-bit pointers, big-endian.
pub const MIPS64N32: u32 = 0xa000_0008;
/// 64-bit mips.
pub const MIPSEL64: u32 = 0xc000_0008;
/// 64-bit mips with 32-bit pointers.
pub const MIPSEL64N32: u32 = 0xe000_0008;

/// The bit that marks an x32 system call number.
pub const X32_BIT: u64 = 0x4000_0000;

/// Bit of a 64-bit machine in an arch word.
const BITS_64: u32 = 0x8000_0000;
/// Bit of a little-endian machine in an arch word.
const LITTLE: u32 = 0x4000_0000;

/// The name of an arch word.
#[must_use]
pub fn name(word: u32) -> Option<&'static str> {
    if word == X86_64 {
        return Some("x86_64");
    }
    let at = WORDS.binary_search_by_key(&word, |(known, _)| *known).ok()?;
    WORDS.get(at).map(|(_, name)| *name)
}

/// The arch word of a name as the kernel or `uname -m` spells it.
#[must_use]
pub fn word(name: &str) -> Option<u32> {
    let kernel = match name {
        "i486" | "i586" | "i686" | "x86" => "i386",
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "armv5tejl" | "armv5tel" | "armv6l" | "armv7l" | "armv8l" => "arm",
        other => other,
    };
    WORDS.iter().find(|(_, known)| *known == kernel).map(|(word, _)| *word)
}

/// The arch word of the machine's own 64-bit programs, given its `uname -m`, else of its 32-bit ones.
///
/// `None` for a machine whose word no table knows.
#[must_use]
pub fn of_machine(machine: &str) -> Option<u32> {
    match machine {
        "mips64" if cfg!(target_endian = "little") => Some(MIPSEL64),
        "mips" if cfg!(target_endian = "little") => Some(MIPSEL),
        other => word(other),
    }
}

/// The 32-bit twin of a 64-bit machine: what its kernel also runs, and what a rule for `b32` means there.
#[must_use]
pub fn twin_32(word: u32) -> Option<u32> {
    Some(match word {
        X86_64 => I386,
        AARCH64 => ARM,
        PPC64 => PPC,
        S390X => S390,
        RISCV64 => RISCV32,
        MIPS64 => MIPS,
        MIPSEL64 => MIPSEL,
        _ => return None,
    })
}

/// Whether programs of this arch have 64-bit registers.
#[must_use]
pub fn is_64(word: u32) -> bool {
    word & BITS_64 != 0
}

/// Whether its numbers have the lowest byte first.
#[must_use]
pub fn is_little_endian(word: u32) -> bool {
    word & LITTLE != 0
}
