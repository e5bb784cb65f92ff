//! What an input is, from its first bytes.

use memchr::memmem;
use schema::Timestamp;

use crate::record::{parse_line, parse_unnumbered};

/// A format that [`super::Decoder`] reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Text lines: RAW, ENRICHED or both, in any wrapping: `node=`, kernel log, syslog, `journalctl`'s short forms.
    Lines,
    /// Entries of a journal, `journalctl -o export`.
    JournalExport,
    /// Entries of a journal, `journalctl -o json`: one object a line.
    JournalJson,
    /// Objects of go-audit or go-audit-container, one a line.
    GoAudit,
    /// Frames as a netlink socket gave them, each behind its length.
    Netlink,
}

/// What an input was taken for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Detection {
    /// The format.
    pub format: Format,
    /// Why, as a sentence part for people.
    pub reason: &'static str,
}

impl Detection {
    /// Nothing in the input's beginning was recognised; it is read as lines, and each becomes an event with its text.
    #[must_use]
    pub fn is_guess(&self) -> bool {
        self.reason == NOTHING
    }
}

const NOTHING: &str = "nothing recognised: read as lines";

/// Decides from the input's beginning ([`super::HEAD_BYTES`] of it are enough).
#[must_use]
pub fn detect(head: &[u8]) -> Detection {
    if looks_like_frames(head) {
        return Detection { format: Format::Netlink, reason: "netlink frame lengths and headers agree" };
    }
    if let Some(detection) = named_fields(head) {
        return detection;
    }
    let lines = || head.split(|&byte| byte == b'\n');
    let reason = match lines().find_map(|line| parse_line(line).ok().map(|record| (line, record))) {
        _ if head.is_empty() => "empty",
        Some(_) if memchr::memchr(0x1d, head).is_some() => "audit records with an ENRICHED tail",
        Some((line, _)) if line.starts_with(b"type=") || line.starts_with(b"node=") => "audit records",
        Some(_) => "audit records behind a prefix",
        None if lines().any(|line| parse_unnumbered(line, Timestamp::default()).is_some()) => UNNUMBERED,
        None => NOTHING,
    };
    Detection { format: Format::Lines, reason }
}

const UNNUMBERED: &str = "journalctl's short form: without serials each line is an event of its own, incomplete";

/// JSON objects and journal entries, told by names that each of them has.
fn named_fields(head: &[u8]) -> Option<Detection> {
    let has = |text: &[u8], name: &[u8]| memmem::find(text, name).is_some();
    if head.starts_with(b"__CURSOR=") || has(head, b"\n__REALTIME_TIMESTAMP=") || has(head, b"\n_AUDIT_TYPE=") {
        return Some(Detection { format: Format::JournalExport, reason: "journal entries (journalctl -o export)" });
    }
    // The first may be anything, or cut.
    head.split(|&byte| byte == b'\n').take(16).find_map(|line| {
        let object = &line[memchr::memchr(b'{', line)?..];
        if has(object, b"\"sequence\":") && has(object, b"\"messages\":") && has(object, b"\"timestamp\":") {
            return Some(Detection { format: Format::GoAudit, reason: "events of go-audit" });
        }
        has(object, b"\"__REALTIME_TIMESTAMP\"")
            .then_some(Detection { format: Format::JournalJson, reason: "journal entries (journalctl -o json)" })
    })
}

/// Up to four frames whose stored length, `nlmsg_len` (right, or 16 too small as unicast frames have it) and type agree.
fn looks_like_frames(head: &[u8]) -> bool {
    let mut rest = head;
    for checked in 0..4 {
        let Some((length, behind)) = rest.split_first_chunk::<4>() else { return checked > 0 };
        let length = u32::from_le_bytes(*length);
        let Some(header) = behind.get(..6) else { return checked > 0 };
        let said = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        let kind = u16::from_le_bytes([header[4], header[5]]);
        let lengths_agree = length >= 16 && (said == length || said.checked_add(16) == Some(length));
        if !lengths_agree || !(kind == 2 || (1000..3000).contains(&kind)) {
            return false;
        }
        rest = behind.get(length as usize..).unwrap_or_default();
    }
    true
}
