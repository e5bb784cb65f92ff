//! Audit arch words: an ELF machine with a bit for 64-bit and a bit for little-endian.

/// `AUDIT_ARCH_X86_64`; x32 calls carry it too, with [`X32_BIT`] in the number.
pub const X86_64: u32 = 0xc000_003e;
/// `AUDIT_ARCH_I386`.
pub const I386: u32 = 0x4000_0003;
/// The bit that marks an x32 system call number.
pub const X32_BIT: u64 = 0x4000_0000;

/// The name of an arch word.
#[must_use]
pub fn name(arch: u32) -> Option<&'static str> {
    Some(match arch {
        X86_64 => "x86_64",
        I386 => "i386",
        _ => return None,
    })
}
