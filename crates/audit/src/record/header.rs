//! Where a record begins: type, time, serial, node.

use memchr::memmem;
use schema::Timestamp;

use super::Fields;
use crate::table::{self, RecordType};

/// What the records of one event share: time and serial.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Stamp {
    /// When the kernel began the event.
    pub time: Timestamp,
    /// One counter per boot over all events; wraps.
    pub serial: u32,
}

/// How a record's text is wrapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrapping {
    /// A whole line with its `type=... msg=` before `audit(`.
    Line,
    /// The text of a netlink frame: it starts at `audit(`, the type stood in the frame's header.
    Frame,
}

/// One record: header read, fields still text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// The record type's number.
    pub kind: u16,
    /// Time and serial.
    pub stamp: Stamp,
    /// The host that `node=` names.
    pub node: Option<&'a [u8]>,
    /// The whole text without its line end.
    pub text: &'a [u8],
    /// Whether the text includes the type.
    pub wrapping: Wrapping,
    /// Where in `text` the fields begin.
    body: usize,
}

/// Why a text is no record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// There is no `audit(` with a type before it.
    #[error("no audit record in the line: expected `type=NAME msg=audit(SECONDS.mmm:SERIAL):`")]
    NoHeader,
    /// A type that is neither a known name, `UNKNOWN[n]` nor a number.
    #[error("unknown record type name")]
    UnknownType,
    /// What stands in `audit(...)` is not `SECONDS.mmm:SERIAL`.
    #[error("broken time or serial: expected `audit(SECONDS.mmm:SERIAL)`")]
    BadStamp,
}

impl<'a> Record<'a> {
    /// The text from the first field on, an ENRICHED tail included.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        &self.text[self.body.min(self.text.len())..]
    }

    /// Where in [`Self::text`] the body begins.
    #[must_use]
    pub const fn body_start(&self) -> usize {
        self.body
    }

    /// Walks the fields.
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        Fields::new(self.body())
    }
}

/// Reads the text of a netlink frame, `audit(SECONDS.mmm:SERIAL): ...`; a NUL or line end behind it is not part of it.
///
/// # Errors
/// The header is missing or broken.
pub fn parse(kind: RecordType, text: &[u8]) -> Result<Record<'_>, Malformed> {
    let text = trimmed(text);
    if !text.starts_with(b"audit(") {
        return Err(Malformed::NoHeader);
    }
    let (stamp, body) = stamp(text, 6).ok_or(Malformed::BadStamp)?;
    Ok(Record { kind: kind.0, stamp, node: None, text, wrapping: Wrapping::Frame, body })
}

/// Reads one line of a log. Whatever stands before `type=` or `node=` (a syslog prefix, a kernel log time) is skipped.
///
/// # Errors
/// No record begins in the line, its type name is unknown, or its time and serial are broken.
pub fn parse_line(line: &[u8]) -> Result<Record<'_>, Malformed> {
    let text = trimmed(line);
    let (node, typed) = match text {
        [b't', b'y', b'p', b'e', b'=', ..] => (None, 0),
        [b'n', b'o', b'd', b'e', b'=', ..] => node(text, 0).ok_or(Malformed::NoHeader)?,
        _ => wrapped(text).ok_or(Malformed::NoHeader)?,
    };
    let (kind, header) = record_type(text, typed)?;
    let (stamp, body) = stamp(text, header).ok_or(Malformed::BadStamp)?;
    Ok(Record { kind, stamp, node, text, wrapping: Wrapping::Line, body })
}

/// Reads a line of `journalctl` in one of its short forms, which have the type's name and no serial:
/// `Nov 14 22:13:20 host audit[7]: CWD cwd="/"`. The time is the caller's to say, the serial is 0.
#[must_use]
pub fn parse_unnumbered(line: &[u8], time: Timestamp) -> Option<Record<'_>> {
    let text = trimmed(line);
    let said = memmem::find(text, b" audit")? + 6;
    let behind = match &text[said..] {
        [b':', b' ', ..] => said + 2,
        [b'[', rest @ ..] => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            rest[digits..].starts_with(b"]: ").then_some(said + digits + 4)?
        }
        _ => return None,
    };
    let name = text[behind..].split(|&byte| byte == b' ').next()?;
    let kind = table::record_type_number(name)?;
    let stamp = Stamp { time, serial: 0 };
    let body = (behind + name.len() + 1).min(text.len());
    Some(Record { kind, stamp, node: None, text, wrapping: Wrapping::Line, body })
}

fn trimmed(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0)).map_or(0, |at| at + 1);
    &text[..end]
}

/// `node=NAME type=`: the name may hold blanks, so it ends at the type.
fn node(text: &[u8], at: usize) -> Option<(Option<&[u8]>, usize)> {
    let name = at + 5;
    let end = name + memmem::find(&text[name..], b" type=")?;
    Some((Some(&text[name..end]), end + 1))
}

/// Finds `type=` (and `node=`) behind a foreign prefix: the last one before `audit(`, so that a prefix cannot pose as one.
fn wrapped(text: &[u8]) -> Option<(Option<&[u8]>, usize)> {
    let header = memmem::find(text, b"audit(")?;
    let typed = memmem::rfind(&text[..header], b"type=").filter(|&at| at == 0 || text[at - 1] == b' ')?;
    match memmem::rfind(&text[..typed], b"node=") {
        Some(at) if at == 0 || text[at - 1] == b' ' => node(text, at),
        _ => Some((None, typed)),
    }
}

/// Reads `type=NAME msg=audit(` or, from the kernel log, `type=1300 audit(`; gives the place behind the bracket.
fn record_type(text: &[u8], at: usize) -> Result<(u16, usize), Malformed> {
    let name = &text[at + 5..];
    let end = memchr::memchr(b' ', name).ok_or(Malformed::NoHeader)?;
    let rest = name[end..].strip_prefix(b" msg=").unwrap_or(&name[end..]);
    let rest = rest.trim_ascii_start().strip_prefix(b"audit(").ok_or(Malformed::NoHeader)?;
    let kind = kind_of(&name[..end]).ok_or(Malformed::UnknownType)?;
    Ok((kind, text.len() - rest.len()))
}

fn kind_of(name: &[u8]) -> Option<u16> {
    match name {
        [b'0'..=b'9', ..] => decimal(name).and_then(|number| u16::try_from(number).ok()),
        _ => table::record_type_number(name),
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    match number(digits, 0) {
        Some((value, end)) if end == digits.len() => Some(value),
        _ => None,
    }
}

/// Reads `SECONDS.mmm:SERIAL)` at `at`, then an optional `:` and blanks.
fn stamp(text: &[u8], at: usize) -> Option<(Stamp, usize)> {
    let (seconds, at) = number(text, at)?;
    let (millis, end) = number(text, after(text, at, b'.')?)?;
    if end - at != 4 {
        return None;
    }
    let (serial, at) = number(text, after(text, end, b':')?)?;
    let at = after(text, at, b')')?;
    let at = after(text, at, b':').unwrap_or(at);
    let blanks = text[at..].iter().take_while(|&&byte| byte == b' ').count();
    let ms = i64::try_from(seconds).ok()?.checked_mul(1000)?.checked_add(i64::try_from(millis).ok()?)?;
    Some((Stamp { time: Timestamp::from_millis(ms), serial: u32::try_from(serial).ok()? }, at + blanks))
}

fn after(text: &[u8], at: usize, byte: u8) -> Option<usize> {
    (*text.get(at)? == byte).then_some(at + 1)
}

/// A decimal number of 1 to 14 digits (seconds beyond that are no time of this planet).
fn number(text: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    let mut end = at;
    while let Some(digit) = text.get(end).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
        value = value * 10 + u64::from(digit);
        end += 1;
        if end - at > 14 {
            return None;
        }
    }
    (end > at).then_some((value, end))
}
