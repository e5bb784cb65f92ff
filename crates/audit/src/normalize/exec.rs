//! What was executed: the arguments of EXECVE records, put together again.
//!
//! A long argument comes in pieces, `a1_len=200000 a1[0]=4141.. a1[1]=4141..`, over many records; the pieces are joined
//! before the hex is undone, since a cut may lie anywhere.

use schema::{Event, field};

use super::bytes::push_bounded;
use crate::reassemble::Group;
use crate::record::name::{self, Name};
use crate::record::{Fields, Form, Token, kind, unhex};

/// Bytes of arguments that an event keeps: the first 48 KiB and the last 16 KiB.
const HEAD_BYTES: usize = 48 << 10;
const TAIL_BYTES: usize = 16 << 10;
/// Memory kept for the next event.
const KEPT_BYTES: usize = 256 << 10;

/// The arguments of one exec, decoded.
#[derive(Default)]
pub(super) struct Args {
    bytes: Vec<u8>,
    /// Where each argument ends in `bytes`.
    ends: Vec<usize>,
    argc: Option<u64>,
    open: Open,
    scratch: Vec<u8>,
}

/// An argument whose pieces are being joined.
#[derive(Default)]
struct Open {
    index: Option<usize>,
    raw: Vec<u8>,
}

/// What a field of an EXECVE record is.
enum Key {
    /// `a7`
    Whole,
    /// `a7_len`
    Length,
    /// `a7[0]`
    Piece(usize),
}

impl Args {
    /// Reads all EXECVE records of a group.
    pub(super) fn read(&mut self, group: &Group) {
        self.bytes.clear();
        self.ends.clear();
        self.argc = None;
        for part in group.parts().filter(|part| part.kind == kind::EXECVE) {
            let text = &group.text()[..part.end];
            let mut fields = Fields::starting(text, part.body_start);
            while let Some(token) = fields.next_token() {
                self.field(text, token);
            }
        }
        self.close();
    }

    /// The arguments in order.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.ends.iter().enumerate().map(|(at, &end)| {
            let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.bytes[start..end]
        })
    }

    /// Fewer arguments came than `argc` says.
    pub(super) fn is_short(&self) -> bool {
        self.argc.is_some_and(|argc| argc > self.ends.len() as u64)
    }

    fn field(&mut self, text: &[u8], token: Token) {
        let value = token.value.of(text);
        if token.name == name::ARGC {
            self.argc = str::from_utf8(value).ok().and_then(|argc| argc.parse().ok());
            return;
        }
        match key(token.key.of(text)) {
            Some(Key::Whole) => {
                self.close();
                self.whole(value, token.form);
            }
            Some(Key::Length) => self.close(),
            Some(Key::Piece(index)) => {
                if self.open.index != Some(index) {
                    self.close();
                    self.open.index = Some(index);
                }
                self.piece(value, token.form);
            }
            None => {}
        }
    }

    fn whole(&mut self, value: &[u8], form: Form) {
        if form == Form::Quoted || !unhex(value, &mut self.bytes) {
            self.bytes.extend_from_slice(value);
        }
        self.ends.push(self.bytes.len());
    }

    /// A quoted piece among hex ones is put into hex, so that the whole is of one kind.
    fn piece(&mut self, value: &[u8], form: Form) {
        match form {
            Form::Bare => self.open.raw.extend_from_slice(value),
            Form::Quoted => {
                self.open.raw.reserve(value.len() * 2);
                for byte in value {
                    let digits = b"0123456789ABCDEF";
                    self.open.raw.push(digits[usize::from(byte >> 4)]);
                    self.open.raw.push(digits[usize::from(byte & 15)]);
                }
            }
        }
    }

    fn close(&mut self) {
        if self.open.index.take().is_some() {
            let raw = std::mem::take(&mut self.open.raw);
            self.whole(&raw, Form::Bare);
            self.open.raw = raw;
            self.open.raw.clear();
        }
    }

    /// Writes `process.args`, `.args_count` and `.command_line`.
    pub(super) fn push(&mut self, event: &mut Event) {
        if let Some(argc) = self.argc.or((!self.ends.is_empty()).then_some(self.ends.len() as u64)) {
            event.push_long(field::PROCESS_ARGS_COUNT, i64::try_from(argc).unwrap_or(i64::MAX));
        }
        let mut line = std::mem::take(&mut self.scratch);
        line.clear();
        if self.bytes.len() <= HEAD_BYTES + TAIL_BYTES && self.ends.len() <= HEAD_BYTES {
            for arg in self.iter() {
                event.push_bytes(field::PROCESS_ARGS, arg);
                join(&mut line, arg);
            }
        } else {
            self.push_ends(event, &mut line);
            event.push_str(field::AUDITNG_TRUNCATED, field::PROCESS_ARGS.name());
        }
        if !self.ends.is_empty() {
            event.push_bytes(field::PROCESS_COMMAND_LINE, &line);
        }
        self.scratch = line;
        self.shrink();
    }

    /// The head and the tail of too many bytes; what lies between is left out, an argument cut there shows `…`.
    fn push_ends(&self, event: &mut Event, line: &mut Vec<u8>) {
        let head = self.bytes.len().min(HEAD_BYTES);
        let tail = self.bytes.len().saturating_sub(TAIL_BYTES).max(head);
        let (mut start, mut kept) = (0, 0);
        for &end in &self.ends {
            // Empty arguments have no bytes to bound them by.
            if (start < head || end > tail) && kept < HEAD_BYTES {
                let arg = push_bounded(
                    event,
                    field::PROCESS_ARGS,
                    &self.bytes[start..end],
                    head.saturating_sub(start),
                    end.saturating_sub(tail),
                );
                join(line, &arg);
                kept += 1;
            }
            start = end;
        }
    }

    fn shrink(&mut self) {
        for memory in [&mut self.bytes, &mut self.open.raw, &mut self.scratch] {
            memory.truncate(KEPT_BYTES);
            memory.shrink_to(KEPT_BYTES);
        }
        self.ends.truncate(KEPT_BYTES / 8);
        self.ends.shrink_to(KEPT_BYTES / 8);
    }
}

fn join(line: &mut Vec<u8>, arg: &[u8]) {
    if !line.is_empty() {
        line.push(b' ');
    }
    line.extend_from_slice(arg);
}

/// `a` and the index, then nothing, `_len` or `[piece]`.
fn key(key: &[u8]) -> Option<Key> {
    let (index, rest) = number(key.strip_prefix(b"a")?)?;
    match rest {
        b"" => Some(Key::Whole),
        b"_len" => Some(Key::Length),
        [b'[', piece @ .., b']'] => number(piece).filter(|(_, rest)| rest.is_empty()).map(|_| Key::Piece(index)),
        _ => None,
    }
}

fn number(text: &[u8]) -> Option<(usize, &[u8])> {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(len);
    Some((str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

/// Whether this field of an EXECVE record is an argument.
pub(super) fn is_argument(name: Name, bytes: &[u8]) -> bool {
    name != name::ARGC && key(bytes).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argument_names() {
        for (name, argument) in [("a0", true), ("a411", true), ("a1_len", true), ("a1[12]", true), ("a1[]", false)] {
            assert_eq!(key(name.as_bytes()).is_some(), argument, "{name}");
        }
        for name in ["a", "a1_le", "a1[1", "a1[x]", "b1", "a99999999999999999999999", "auid"] {
            assert!(key(name.as_bytes()).is_none(), "{name}");
        }
    }
}
