//! Two shapes of named numbers: bits that stand side by side, and one value out of many.

use core::fmt::Write as _;

/// Bits with names.
#[derive(Debug)]
pub struct Flags {
    /// Those with the most bits first, so that `O_SYNC` wins over the `O_DSYNC` in it.
    named: &'static [(u64, &'static str)],
}

impl Flags {
    pub(super) const fn new(named: &'static [(u64, &'static str)]) -> Self {
        Self { named }
    }

    /// The names of the bits that are set joined by `|`, what has no name in hex; for 0 the name of 0, else `0x0`.
    ///
    /// ```
    /// use audit::table;
    ///
    /// assert_eq!(table::PROT.text(0x5), "PROT_READ|PROT_EXEC");
    /// assert_eq!(table::PROT.text(0x41), "PROT_READ|0x40");
    /// assert_eq!(table::ACCESS.text(0), "F_OK");
    /// ```
    #[must_use]
    pub fn text(&self, value: u64) -> String {
        let mut out = String::new();
        let rest = self.append(value, &mut out);
        if rest != 0 || out.is_empty() {
            append_hex(rest, &mut out);
        }
        out
    }

    /// Appends the names, each after a `|` if `out` is not empty, and returns the bits that have none.
    pub(crate) fn append(&self, value: u64, out: &mut String) -> u64 {
        let mut rest = value;
        for (bits, name) in self.named {
            if (rest & bits == *bits && *bits != 0) || (*bits == 0 && value == 0) {
                if !out.is_empty() {
                    out.push('|');
                }
                out.push_str(name);
                rest &= !bits;
            }
        }
        rest
    }
}

/// Values with names.
#[derive(Debug)]
pub struct Values {
    /// In rising order.
    named: &'static [(u64, &'static str)],
}

impl Values {
    pub(super) const fn new(named: &'static [(u64, &'static str)]) -> Self {
        Self { named }
    }

    /// The name of a value.
    #[must_use]
    pub fn name(&self, value: u64) -> Option<&'static str> {
        let at = self.named.binary_search_by_key(&value, |(known, _)| *known).ok()?;
        self.named.get(at).map(|(_, name)| *name)
    }

    /// The value of a name.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.named.iter().find(|(_, known)| *known == name).map(|(value, _)| *value)
    }

    /// All values with their names, in rising order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &'static str)> {
        self.named.iter().copied()
    }
}

/// Appends `0x..`, after a `|` if `out` is not empty.
pub(super) fn append_hex(value: u64, out: &mut String) {
    if !out.is_empty() {
        out.push('|');
    }
    write!(out, "{value:#x}").expect("writing to a string cannot fail");
}
