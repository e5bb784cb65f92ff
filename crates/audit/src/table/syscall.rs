//! System call tables, one for each numbering that the kernel has.

use super::{arch, zsyscall_aarch64, zsyscall_arm, zsyscall_i386, zsyscall_loongarch64, zsyscall_mips_n32};
use super::{zsyscall_mips_n64, zsyscall_mips_o32, zsyscall_ppc, zsyscall_ppc64, zsyscall_riscv32, zsyscall_riscv64};
use super::{zsyscall_s390, zsyscall_s390x, zsyscall_x32, zsyscall_x86_64};

/// The calls of one numbering.
pub(super) struct Table {
    /// Where the numbers start (mips: 4000, 5000, 6000).
    pub(super) base: u32,
    /// Names from there on, empty where there is no call.
    pub(super) names: &'static [&'static str],
    /// Calls far outside (the private ones of arm).
    pub(super) beyond: &'static [(u32, &'static str)],
}

impl Table {
    fn name(&self, number: u64) -> Option<&'static str> {
        let at = usize::try_from(number.checked_sub(u64::from(self.base))?).ok()?;
        match self.names.get(at) {
            Some(name) => Some(*name).filter(|name| !name.is_empty()),
            None => self.beyond.iter().find(|(known, _)| u64::from(*known) == number).map(|(_, name)| *name),
        }
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.all().find(|(_, known)| *known == name).map(|(number, _)| number)
    }

    fn all(&self) -> impl Iterator<Item = (u32, &'static str)> {
        let named = (self.base..).zip(self.names).map(|(number, name)| (number, *name));
        named.filter(|(_, name)| !name.is_empty()).chain(self.beyond.iter().copied())
    }
}

/// The table of an arch word. x32 shares its word with x86_64: see [`arch::X32_BIT`].
fn table(word: u32) -> Option<&'static Table> {
    Some(match word {
        arch::X86_64 => &zsyscall_x86_64::TABLE,
        arch::I386 => &zsyscall_i386::TABLE,
        arch::AARCH64 => &zsyscall_aarch64::TABLE,
        arch::ARM | arch::ARMEB => &zsyscall_arm::TABLE,
        arch::PPC => &zsyscall_ppc::TABLE,
        arch::PPC64 | arch::PPC64LE => &zsyscall_ppc64::TABLE,
        arch::S390 => &zsyscall_s390::TABLE,
        arch::S390X => &zsyscall_s390x::TABLE,
        arch::RISCV32 => &zsyscall_riscv32::TABLE,
        arch::RISCV64 => &zsyscall_riscv64::TABLE,
        arch::LOONGARCH64 => &zsyscall_loongarch64::TABLE,
        arch::MIPS | arch::MIPSEL => &zsyscall_mips_o32::TABLE,
        arch::MIPS64 | arch::MIPSEL64 => &zsyscall_mips_n64::TABLE,
        arch::MIPS64N32 | arch::MIPSEL64N32 => &zsyscall_mips_n32::TABLE,
        _ => return None,
    })
}

/// The name of call `number` under `word`.
pub(super) fn name(word: u32, number: u64) -> Option<&'static str> {
    if word == arch::X86_64 && number & arch::X32_BIT != 0 {
        return zsyscall_x32::TABLE.name(number & !arch::X32_BIT);
    }
    table(word)?.name(number)
}

/// The number of the call `name` under `word`.
pub(super) fn number(word: u32, name: &str) -> Option<u32> {
    table(word)?.number(name)
}

/// All calls under `word`.
pub(super) fn all(word: u32) -> impl Iterator<Item = (u32, &'static str)> {
    table(word).into_iter().flat_map(Table::all)
}
