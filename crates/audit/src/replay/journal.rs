//! The journal's own forms, `journalctl -o export` and `-o json`: entries of named fields, of which audit records are some.
//!
//! An audit entry has the record's type, serial and time in fields and its text in `MESSAGE`; it becomes the line that auditd
//! would have written. Of other entries those whose message holds a record count (kernel log, audisp's syslog plugin). All
//! else in a journal is not about audit.

use serde_json::{Map, Value};

use super::LINE_BYTES;
use crate::table::RecordType;

/// What of an entry matters.
#[derive(Default)]
pub(super) struct Entry {
    message: Vec<u8>,
    kind: Option<u16>,
    serial: Option<u32>,
    /// Microseconds since 1970.
    time: Option<u64>,
    host: Vec<u8>,
    /// Bytes that it took.
    pub(super) bytes: usize,
    /// The message was left out by `journalctl` or is too long.
    pub(super) cut: bool,
}

impl Entry {
    fn take(&mut self, name: &[u8], value: &[u8]) {
        let number = || str::from_utf8(value).ok()?.parse::<u64>().ok();
        match name {
            b"MESSAGE" => self.message = value.to_vec(),
            b"_AUDIT_TYPE" => self.kind = number().and_then(|number| u16::try_from(number).ok()),
            b"_AUDIT_ID" => self.serial = number().and_then(|number| u32::try_from(number).ok()),
            b"_SOURCE_REALTIME_TIMESTAMP" => self.time = number(),
            b"_HOSTNAME" => self.host = value.to_vec(),
            _ => {}
        }
    }

    /// Of one line of `-o json`; `None` if it is no JSON object.
    pub(super) fn from_json(line: &[u8]) -> Option<Self> {
        let object: Map<String, Value> = serde_json::from_slice(line).ok()?;
        let mut entry = Self { bytes: line.len(), ..Self::default() };
        for (name, value) in &object {
            match value {
                Value::String(text) => entry.take(name.as_bytes(), text.as_bytes()),
                // Bytes that are no text, or several fields of one name, of which the first counts.
                Value::Array(items) => match (bytes(items), items.first()) {
                    (Some(bytes), _) => entry.take(name.as_bytes(), &bytes),
                    (None, Some(Value::String(text))) => entry.take(name.as_bytes(), text.as_bytes()),
                    _ => {}
                },
                Value::Null if name == "MESSAGE" => entry.cut = true,
                _ => {}
            }
        }
        Some(entry)
    }

    /// Whether it is an audit record by its fields.
    pub(super) fn is_audit(&self) -> bool {
        self.kind.is_some() && self.serial.is_some()
    }

    /// The record as a line of a log, if the entry is about audit.
    pub(super) fn line(&self, out: &mut Vec<u8>) -> bool {
        out.clear();
        if !self.host.is_empty() {
            out.extend_from_slice(b"node=");
            out.extend_from_slice(&self.host);
            out.push(b' ');
        }
        if let (Some(kind), Some(serial), Some(time)) = (self.kind, self.serial, self.time) {
            let (seconds, millis, name) = (time / 1_000_000, time / 1000 % 1000, RecordType(kind));
            out.extend_from_slice(format!("type={name} msg=audit({seconds}.{millis:03}:{serial}): ").as_bytes());
            // The type's name stands once more before the text.
            let text = memchr::memchr(b' ', &self.message).map_or(&b""[..], |blank| &self.message[blank + 1..]);
            out.extend(text.iter().map(|&byte| if byte == b'\n' { b' ' } else { byte }));
            return true;
        }
        let Some(header) = memchr::memmem::find(&self.message, b"audit(") else { return false };
        let Some(typed) = memchr::memmem::rfind(&self.message[..header], b"type=") else { return false };
        out.extend(self.message[typed..].iter().map(|&byte| if byte == b'\n' { b' ' } else { byte }));
        true
    }
}

fn bytes(items: &[Value]) -> Option<Vec<u8>> {
    items.iter().map(|item| item.as_u64().and_then(|byte| u8::try_from(byte).ok())).collect()
}

/// Reads `-o export`: `NAME=value` lines, or `NAME`, a length of eight bytes and so many bytes; an empty line ends an entry.
#[derive(Default)]
pub(super) struct Export {
    entry: Entry,
    begun: bool,
    /// Bytes of a field to pass over.
    skip: u64,
    /// The rest of a line that was too long.
    skip_line: bool,
}

impl Export {
    /// Reads what is whole in `input`, handing each entry to `each`; gives how many bytes were used.
    pub(super) fn read(&mut self, input: &[u8], each: &mut dyn FnMut(Entry)) -> usize {
        let mut at = 0;
        loop {
            if self.skip > 0 {
                let step = usize::try_from(self.skip).unwrap_or(usize::MAX).min(input.len() - at);
                (at, self.skip) = (at + step, self.skip - step as u64);
            }
            let rest = &input[at..];
            let Some(end) = memchr::memchr(b'\n', rest) else {
                if rest.len() > LINE_BYTES || self.skip_line {
                    self.entry.cut |= rest.starts_with(b"MESSAGE=");
                    self.skip_line = true;
                    return input.len();
                }
                return at;
            };
            if std::mem::take(&mut self.skip_line) {
                at += end + 1;
                continue;
            }
            let line = &rest[..end];
            let used = match memchr::memchr(b'=', line) {
                _ if line.is_empty() => {
                    self.finish(each);
                    1
                }
                Some(equals) => {
                    self.entry.take(&line[..equals], &line[equals + 1..]);
                    end + 1
                }
                None => match self.binary(line, &rest[end + 1..]) {
                    Some(used) => end + 1 + used,
                    None => return at,
                },
            };
            self.begun |= !line.is_empty();
            self.entry.bytes += used;
            at += used;
        }
    }

    /// A field with its length before it; gives the bytes used, `None`: not all is there yet.
    fn binary(&mut self, name: &[u8], rest: &[u8]) -> Option<usize> {
        let (length, value) = rest.split_first_chunk::<8>()?;
        let length = u64::from_le_bytes(*length);
        match usize::try_from(length) {
            Ok(length) if length <= LINE_BYTES => {
                // The value and the line end behind it.
                let value = value.get(..=length)?;
                self.entry.take(name, &value[..length]);
                Some(8 + length + 1)
            }
            _ => {
                self.entry.cut |= name == b"MESSAGE";
                self.skip = length.saturating_add(1);
                Some(8)
            }
        }
    }

    /// The input has ended: gives the last entry.
    pub(super) fn finish(&mut self, each: &mut dyn FnMut(Entry)) {
        let entry = std::mem::take(&mut self.entry);
        if std::mem::take(&mut self.begun) {
            each(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], size: usize) -> Vec<String> {
        let (mut export, mut kept, mut out) = (Export::default(), Vec::new(), Vec::new());
        let mut line = Vec::new();
        let mut each = |entry: Entry| {
            let said = if entry.line(&mut line) { String::from_utf8_lossy(&line).into_owned() } else { "-".to_owned() };
            out.push(said);
        };
        for chunk in input.chunks(size) {
            kept.extend_from_slice(chunk);
            let used = export.read(&kept, &mut each);
            kept.drain(..used);
        }
        export.finish(&mut each);
        out
    }

    #[test]
    fn entries_of_every_form_whatever_the_chunks() {
        let mut input = b"__CURSOR=s=1;i=2\n_TRANSPORT=audit\n_AUDIT_TYPE=1307\n_AUDIT_ID=9\n_HOSTNAME=h\n".to_vec();
        input.extend_from_slice(b"_SOURCE_REALTIME_TIMESTAMP=1700000000123000\nMESSAGE\n");
        let message = b"CWD cwd=\"/a\"\x1dx\n=";
        input.extend_from_slice(&(message.len() as u64).to_le_bytes());
        input.extend_from_slice(message);
        input.extend_from_slice(b"\n\n_TRANSPORT=syslog\nMESSAGE=hello\n\n\n");
        input.extend_from_slice(b"_TRANSPORT=kernel\nMESSAGE=audit: type=1307 audit(1.000:2): cwd=\"/\"\n");
        let expected = [
            "node=h type=CWD msg=audit(1700000000.123:9): cwd=\"/a\"\u{1d}x =",
            "-",
            "type=1307 audit(1.000:2): cwd=\"/\"",
        ];
        for size in [1, 2, 7, 64, input.len()] {
            assert_eq!(lines(&input, size), expected, "{size}");
        }
    }

    #[test]
    fn a_field_too_long_is_passed_over() {
        let mut input = b"MESSAGE\n".to_vec();
        let long = LINE_BYTES + 5;
        input.extend_from_slice(&(long as u64).to_le_bytes());
        input.extend(std::iter::repeat_n(b'x', long));
        input.extend_from_slice(b"\n\nMESSAGE=");
        input.extend(std::iter::repeat_n(b'y', long));
        input.extend_from_slice(b"\n\nMESSAGE=type=CWD msg=audit(1.000:2): x\n");
        assert_eq!(lines(&input, 70_000), ["-", "-", "type=CWD msg=audit(1.000:2): x"]);
    }
}
