//! Rules as the kernel has them: `struct audit_rule_data`, then the strings.
//!
//! ```text
//! 0      4       8      12         268         524         780         1036     1040
//! | list | action| count| mask[64] | fields[64]| values[64]| flags[64] | buflen | strings ...
//! ```
//! Numbers are in host order. Strings follow each other without a NUL, in the order of their fields, and the value of
//! such a field is its length.

use super::{Action, Field, FieldId, List, MAX_FIELDS, Mask, Operator, Rule, Value};

/// Bytes before the strings.
pub const HEADER_BYTES: usize = 1040;
/// Byte offsets of the arrays.
const MASK: usize = 12;
const FIELDS: usize = 268;
const VALUES: usize = 524;
const FLAGS: usize = 780;
const LENGTH: usize = 1036;
/// `-A`: to the front. Only in requests, the kernel does not give it back.
pub(super) const PREPEND: u32 = 0x10;

/// Why bytes are no rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not even the fixed part is there.
    #[error("{length} bytes are shorter than a rule of {HEADER_BYTES}")]
    Short {
        /// Bytes given.
        length: usize,
    },
    /// The kernel has no such list.
    #[error("filter list {0} is unknown")]
    List(u32),
    /// Neither never nor always.
    #[error("action {0} is unknown")]
    Action(u32),
    /// More conditions than a rule can have.
    #[error("{0} conditions are more than {MAX_FIELDS}")]
    Count(u32),
    /// No such operator.
    #[error("condition {at} has the unknown operator {operator:#x}")]
    Operator {
        /// Which condition.
        at: usize,
        /// Its flags.
        operator: u32,
    },
    /// A string is longer than what is left.
    #[error("condition {at} has a string of {length} bytes and {left} are left")]
    Text {
        /// Which condition.
        at: usize,
        /// Its length.
        length: u32,
        /// Bytes left.
        left: usize,
    },
}

/// The bytes that add a rule at the end of its list, or delete it.
#[must_use]
pub fn encode(rule: &Rule) -> Vec<u8> {
    encode_at(rule, false)
}

/// The same, at the front (`-A`) if `prepend`.
pub(super) fn encode_at(rule: &Rule, prepend: bool) -> Vec<u8> {
    let mut out = vec![0; HEADER_BYTES];
    put(&mut out, 0, rule.list.number() | if prepend { PREPEND } else { 0 });
    put(&mut out, 4, rule.action.number());
    put(&mut out, 8, length_word(rule.fields.len()));
    for (at, word) in rule.calls.words().iter().enumerate() {
        put(&mut out, MASK + 4 * at, *word);
    }
    // A parsed or decoded rule has no more than 64; what a caller adds by hand beyond that has no place in the
    // struct.
    for (at, field) in rule.fields.iter().take(MAX_FIELDS).enumerate() {
        put(&mut out, FIELDS + 4 * at, field.id.0);
        put(&mut out, FLAGS + 4 * at, field.operator.number());
        let value = match &field.value {
            Value::Number(number) => *number,
            Value::Text(text) => {
                out.extend_from_slice(text);
                length_word(text.len())
            }
        };
        put(&mut out, VALUES + 4 * at, value);
    }
    let strings = length_word(out.len() - HEADER_BYTES);
    put(&mut out, LENGTH, strings);
    out
}

/// The rule of some bytes. Padding behind it is let be; the mark of `-A` is dropped.
///
/// # Errors
/// If they are no rule that this version can write back to the same bytes.
pub fn decode(bytes: &[u8]) -> Result<Rule, DecodeError> {
    let (header, strings) = bytes.split_at_checked(HEADER_BYTES).ok_or(DecodeError::Short { length: bytes.len() })?;
    let list = get(header, 0) & !PREPEND;
    let action = match get(header, 4) {
        0 => Action::Never,
        2 => Action::Always,
        other => return Err(DecodeError::Action(other)),
    };
    let mut strings = strings;
    let fields = (0..count(header)?).map(|at| read_field(header, &mut strings, at)).collect::<Result<_, _>>()?;
    Ok(Rule {
        list: List::from_number(list).ok_or(DecodeError::List(list))?,
        action,
        calls: Mask::from_words(core::array::from_fn(|at| get(header, MASK + 4 * at))),
        fields,
    })
}

fn count(header: &[u8]) -> Result<usize, DecodeError> {
    let count = get(header, 8);
    usize::try_from(count).ok().filter(|count| *count <= MAX_FIELDS).ok_or(DecodeError::Count(count))
}

fn read_field(header: &[u8], strings: &mut &[u8], at: usize) -> Result<Field, DecodeError> {
    let id = FieldId(get(header, FIELDS + 4 * at));
    let number = get(header, VALUES + 4 * at);
    let flags = get(header, FLAGS + 4 * at);
    let operator = Operator::from_number(flags).ok_or(DecodeError::Operator { at, operator: flags })?;
    let value = if id.kind().is_text() {
        let cut = usize::try_from(number).ok().and_then(|length| strings.split_at_checked(length));
        let (text, rest) = cut.ok_or(DecodeError::Text { at, length: number, left: strings.len() })?;
        *strings = rest;
        Value::Text(text.to_vec())
    } else {
        Value::Number(number)
    };
    Ok(Field { id, operator, value })
}

/// The one form that two rules share exactly if the kernel takes them for the same: class bits of the mask cleared,
/// the mark of `-A` dropped, padding cut off.
///
/// # Errors
/// As [`decode`].
pub fn canonical(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    decode(bytes).map(|rule| rule.canonical_bytes())
}

impl Rule {
    /// Its bytes in the form of [`canonical`].
    #[must_use]
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = encode(self);
        for (at, word) in self.calls.canonical().words().iter().enumerate() {
            put(&mut bytes, MASK + 4 * at, *word);
        }
        bytes
    }
}

/// The offset is one of the struct's, so it is in the header.
fn get(header: &[u8], at: usize) -> u32 {
    header.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

fn put(out: &mut [u8], at: usize, word: u32) {
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
}

/// Strings are bounded far below 4 GiB by the length of a line.
fn length_word(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
