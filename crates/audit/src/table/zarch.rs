//! Audit arch words.
//!
//! Machine-written by `cargo xtask tables` from the uapi headers of Linux 7.2.0; do not edit.

/// Arch words with their names, in rising order.
#[rustfmt::skip]
pub(super) static WORDS: &[(u32, &str)] = &[
    (0x2, "sparc"), (0x4, "m68k"), (0x8, "mips"), (0xf, "parisc"), (0x14, "ppc"), (0x16, "s390"), (0x28, "armeb"),
    (0x2a, "sh"), (0x2e, "h8300"), (0x58, "m32r"), (0x5c, "openrisc"), (0x5d, "arcompactbe"), (0x5e, "xtensa"),
    (0x8c, "c6xbe"), (0xa4, "hexagon"), (0xa7, "nds32be"), (0xbd, "microblaze"), (0xc3, "arcv2be"), (0x5441, "frv"),
    (0x4000_0003, "i386"), (0x4000_0008, "mipsel"), (0x4000_0028, "arm"), (0x4000_002a, "shel"), (0x4000_004c, "cris"),
    (0x4000_005d, "arcompact"), (0x4000_006e, "unicore"), (0x4000_0071, "nios2"), (0x4000_008c, "c6x"),
    (0x4000_00a7, "nds32"), (0x4000_00bc, "tilepro"), (0x4000_00bf, "tilegx32"), (0x4000_00c3, "arcv2"),
    (0x4000_00f3, "riscv32"), (0x4000_00fc, "csky"), (0x4000_0102, "loongarch32"), (0x8000_0008, "mips64"),
    (0x8000_000f, "parisc64"), (0x8000_0015, "ppc64"), (0x8000_0016, "s390x"), (0x8000_002a, "sh64"),
    (0x8000_002b, "sparc64"), (0xa000_0008, "mips64n32"), (0xc000_0008, "mipsel64"), (0xc000_0015, "ppc64le"),
    (0xc000_002a, "shel64"), (0xc000_0032, "ia64"), (0xc000_003e, "x86_64"), (0xc000_00b7, "aarch64"),
    (0xc000_00bf, "tilegx"), (0xc000_00f3, "riscv64"), (0xc000_0102, "loongarch64"), (0xc000_9026, "alpha"),
    (0xe000_0008, "mipsel64n32"),
];
