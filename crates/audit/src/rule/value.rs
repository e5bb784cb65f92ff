//! Values of conditions: text to what the kernel compares with, and back.

use super::lex::quote;
use super::{Field, Host, Kind, Value, field};
use crate::table::{self, arch};

/// The 32-bit number that means "unset" for users, groups and sessions.
pub(super) const UNSET: u32 = u32::MAX;
/// `PATH_MAX`.
const MAX_PATH_BYTES: usize = 4096;
/// Permission letters with the kernel's bits.
const PERMISSIONS: [(char, u32); 4] = [('r', 4), ('w', 2), ('x', 1), ('a', 8)];
/// Words for kinds of file with the kernel's bits.
const FILE_TYPES: [(&str, u32); 7] = [
    ("file", 0o100_000),
    ("dir", 0o040_000),
    ("socket", 0o140_000),
    ("link", 0o120_000),
    ("character", 0o020_000),
    ("block", 0o060_000),
    ("fifo", 0o010_000),
];
/// File systems that a rule can name, with their magic numbers (`linux/magic.h`).
const FILE_SYSTEMS: [(&str, u32); 2] = [("debugfs", 0x6462_6720), ("tracefs", 0x7472_6163)];

/// A value, or why it is none.
pub(super) fn parse(kind: Kind, text: &[u8], host: &Host<'_>) -> Result<Value, String> {
    match kind {
        Kind::Path => return path(text).map(|()| Value::Text(text.to_vec())),
        Kind::Label | Kind::Key if text.is_empty() => return Err("an empty value matches nothing".to_owned()),
        Kind::Label | Kind::Key => return Ok(Value::Text(text.to_vec())),
        _ => {}
    }
    let text = std::str::from_utf8(text).map_err(|_| "this value cannot have bytes beyond ASCII".to_owned())?;
    number(kind, text, host).map(Value::Number)
}

/// A path as the kernel takes it.
pub(super) fn path(path: &[u8]) -> Result<(), String> {
    match path {
        [b'/', ..] if path.len() > MAX_PATH_BYTES => Err(format!("a path has at most {MAX_PATH_BYTES} bytes")),
        [b'/', ..] => Ok(()),
        _ => Err("a path must start with /".to_owned()),
    }
}

fn number(kind: Kind, text: &str, host: &Host<'_>) -> Result<u32, String> {
    match kind {
        Kind::User => id(text, host.user).ok_or_else(|| format!("no user `{text}` here")),
        Kind::Group => id(text, host.group).ok_or_else(|| format!("no group `{text}` here")),
        Kind::Session => id(text, &|_| None).ok_or_else(|| format!("`{text}` is no session number and not `unset`")),
        Kind::Arch => arch_word(text, host.machine),
        Kind::Exit => exit(text),
        Kind::Success => success(text).ok_or_else(|| format!("`{text}` is neither 1 nor 0 (yes, no)")),
        Kind::RecordType => record_type(text).ok_or_else(|| format!("no record type `{text}`")),
        Kind::Permissions => permissions(text),
        Kind::FileType => file_type(text),
        Kind::FileSystem => file_system(text),
        Kind::Family => family(text).ok_or_else(|| format!("no address family `{text}`")),
        Kind::Argument | Kind::Number | Kind::Comparison => plain(text),
        Kind::Path | Kind::Label | Kind::Key => Err("a text is no number".to_owned()),
    }
}

/// A number in decimal, hexadecimal (`0x`) or octal (`0`), with a sign or not, in 32 bits.
pub(super) fn plain(text: &str) -> Result<u32, String> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let parsed = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16),
        None if digits.len() > 1 && digits.starts_with('0') => u64::from_str_radix(digits, 8),
        None => digits.parse(),
    };
    let number = parsed.map_err(|_| format!("`{text}` is no number"))?;
    let too_big = || format!("`{text}` does not fit into 32 bits");
    if negative {
        let number = i64::try_from(number).map_err(|_| too_big())?;
        return i32::try_from(-number).map(i32::cast_unsigned).map_err(|_| too_big());
    }
    u32::try_from(number).map_err(|_| too_big())
}

fn id(text: &str, lookup: &dyn Fn(&str) -> Option<u32>) -> Option<u32> {
    match text {
        "unset" | "-1" => Some(UNSET),
        _ => plain(text).ok().or_else(|| lookup(text)),
    }
}

fn arch_word(text: &str, machine: u32) -> Result<u32, String> {
    let name = || table::arch_name(machine).unwrap_or("this machine");
    match text {
        "b64" if arch::is_64(machine) => Ok(machine),
        "b64" => Err(format!("{} has no 64-bit calls", name())),
        "b32" if arch::is_64(machine) => {
            arch::twin_32(machine).ok_or_else(|| format!("no table knows 32-bit calls of {}", name()))
        }
        "b32" => Ok(machine),
        _ => arch::word(text).map_or_else(|| plain(text).map_err(|_| format!("no machine `{text}`")), Ok),
    }
}

fn exit(text: &str) -> Result<u32, String> {
    if let Ok(number) = plain(text) {
        return Ok(number);
    }
    let (negative, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
    let number = table::errno_number(name).ok_or_else(|| format!("`{text}` is neither a number nor an error"))?;
    Ok(if negative { -number } else { number }.cast_unsigned())
}

fn success(text: &str) -> Option<u32> {
    match text {
        "1" | "yes" | "true" => Some(1),
        "0" | "no" | "false" => Some(0),
        _ => None,
    }
}

fn record_type(text: &str) -> Option<u32> {
    match plain(text) {
        Ok(number) => Some(number),
        Err(_) => table::record_type_number(text.as_bytes()).map(u32::from),
    }
}

/// Letters of `rwxa`, each once or more.
pub(super) fn permissions(text: &str) -> Result<u32, String> {
    if text.is_empty() {
        return Err("letters of rwxa are missing".to_owned());
    }
    let bit = |letter: char| PERMISSIONS.iter().find(|(known, _)| *known == letter.to_ascii_lowercase());
    let mut bits = 0;
    for letter in text.chars() {
        bits |= bit(letter).ok_or_else(|| format!("`{letter}` is no permission: there are r, w, x and a"))?.1;
    }
    Ok(bits)
}

fn file_type(text: &str) -> Result<u32, String> {
    let known = FILE_TYPES.iter().find(|(word, _)| *word == text).map(|(_, bits)| *bits);
    known.ok_or_else(|| {
        let words: Vec<_> = FILE_TYPES.iter().map(|(word, _)| *word).collect();
        format!("`{text}` is no kind of file: there are {}", words.join(", "))
    })
}

fn file_system(text: &str) -> Result<u32, String> {
    let known = FILE_SYSTEMS.iter().find(|(name, _)| *name == text).map(|(_, magic)| *magic);
    known.map_or_else(
        || plain(text).map_err(|_| format!("file system `{text}` has to be given by its magic number")),
        Ok,
    )
}

fn family(text: &str) -> Option<u32> {
    if let Ok(number) = plain(text) {
        return Some(number).filter(|number| *number < 64);
    }
    let name = text.to_ascii_uppercase();
    let name = name.strip_prefix("AF_").unwrap_or(&name);
    let named = table::FAMILY.iter().find(|(_, known)| known.trim_start_matches("AF_").eq_ignore_ascii_case(name));
    named.and_then(|(number, _)| u32::try_from(number).ok())
}

/// The value as a rule writes it, on a machine of arch `machine`.
pub(super) fn print(field: &Field, machine: u32) -> String {
    let number = match &field.value {
        Value::Text(text) => return quote(text),
        Value::Number(number) => *number,
    };
    match field.id.kind() {
        Kind::User | Kind::Group | Kind::Session if number == UNSET => "unset".to_owned(),
        Kind::Arch => print_arch(number, machine),
        Kind::Exit => print_exit(number),
        Kind::RecordType => u16::try_from(number)
            .ok()
            .and_then(table::record_type_name)
            .map_or_else(|| number.to_string(), str::to_owned),
        Kind::Permissions if number != 0 && number < 16 => {
            PERMISSIONS.iter().filter(|(_, bit)| number & bit != 0).map(|(letter, _)| *letter).collect()
        }
        Kind::FileType => print_known(&FILE_TYPES, number),
        Kind::FileSystem => print_known(&FILE_SYSTEMS, number),
        Kind::Argument => format!("{number:#x}"),
        _ => number.to_string(),
    }
}

fn print_known(known: &[(&str, u32)], number: u32) -> String {
    known
        .iter()
        .find(|(_, bits)| *bits == number)
        .map_or_else(|| format!("{number:#x}"), |(word, _)| (*word).to_owned())
}

/// `b64` and `b32` only for this machine: a rule for another one never fires, and its true name says so.
fn print_arch(word: u32, machine: u32) -> String {
    match table::arch_name(word) {
        _ if word == machine => if arch::is_64(machine) { "b64" } else { "b32" }.to_owned(),
        _ if arch::is_64(machine) && arch::twin_32(machine) == Some(word) => "b32".to_owned(),
        Some(name) => name.to_owned(),
        None => format!("{word:#x}"),
    }
}

fn print_exit(number: u32) -> String {
    let signed = number.cast_signed();
    match table::errno_name(i64::from(signed)) {
        Some(name) if signed < 0 => format!("-{name}"),
        _ => signed.to_string(),
    }
}

/// The two names of a comparison.
pub(super) fn compared(field: &Field) -> Option<(&'static str, &'static str)> {
    field::compared(field.value.number()?)
}
