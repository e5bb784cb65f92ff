//! A field's value: bytes, and how they were written.

use std::borrow::Cow;

use super::Name;

/// How a value was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Between double quotes: literal.
    Quoted,
    /// Without: a number, a word, hex, or a sign of absence.
    Bare,
}

/// A value as it was written, quotes taken off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Value<'a> {
    /// The bytes.
    pub raw: &'a [u8],
    /// How they were written.
    pub form: Form,
}

impl<'a> Value<'a> {
    /// The kernel's and auditd's ways to say "there is none": `(null)`, `(none)`, `?`, without quotes.
    #[must_use]
    pub fn is_absent(self) -> bool {
        self.form == Form::Bare && is_absent(self.raw)
    }

    /// The bytes that were meant: hex is undone where the field may be hex ([`Name::is_text`]), the value is not quoted,
    /// and is an even number of upper-case hex digits. All else is given as written.
    #[must_use]
    pub fn decoded(self, name: Name) -> Cow<'a, [u8]> {
        if self.form == Form::Quoted || !name.is_text() {
            return Cow::Borrowed(self.raw);
        }
        let mut bytes = Vec::new();
        if unhex(self.raw, &mut bytes) { Cow::Owned(bytes) } else { Cow::Borrowed(self.raw) }
    }
}

/// As [`Value::is_absent`], of bytes that are known to be bare.
#[must_use]
pub fn is_absent(raw: &[u8]) -> bool {
    matches!(raw, b"(null)" | b"(none)" | b"?")
}

/// Appends the bytes of upper-case hex text; on anything else (also on nothing) gives `false` and appends nothing.
pub fn unhex(text: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    if text.is_empty() || !text.len().is_multiple_of(2) {
        return false;
    }
    let digit = |byte: u8| DIGITS[usize::from(byte)];
    let mut seen = 0;
    out.extend(text.chunks_exact(2).map(|pair| {
        let (high, low) = (digit(pair[0]), digit(pair[1]));
        seen |= high | low;
        high << 4 | low
    }));
    if seen > 0xf {
        out.truncate(start);
    }
    seen <= 0xf
}

/// Value of an upper-case hex digit, 0xff for every other byte.
static DIGITS: [u8; 256] = {
    let mut digits = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};
