//! The records of one event, their text in one buffer.

use crate::record::{Fields, Piece, Record, Stamp, Wrapping, kind};
use crate::table;

/// The records of one event in the kernel's order.
#[derive(Clone, Default, Debug)]
pub struct Group {
    /// Raw lines joined by newlines: `event.original` as it stands.
    text: Vec<u8>,
    parts: Vec<Row>,
    stamp: Option<Stamp>,
    node: Option<Piece>,
    late: bool,
    cut_short: bool,
    unnumbered: bool,
    dropped: u32,
}

/// Offsets into the group's text.
#[derive(Clone, Copy, Debug)]
struct Row {
    kind: u16,
    /// Place in the kernel's order: see [`order`].
    order: u32,
    start: u32,
    body: u32,
    end: u32,
}

/// One record of a group.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Its type.
    pub kind: u16,
    /// Its whole line.
    pub line: &'a [u8],
    /// The line from the first field on.
    pub body: &'a [u8],
    /// Where in [`Group::text`] the body begins ...
    pub body_start: usize,
    /// ... and the line ends.
    pub end: usize,
}

impl Part<'_> {
    /// Walks the fields.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(self.body)
    }
}

/// Small records that name the event's end and objects are still taken when a group is full of arguments.
const RESERVE_BYTES: usize = 64 << 10;
/// Groups of up to so many records are put into the kernel's order.
const SORTED_RECORDS: usize = 256;

impl Group {
    /// Time and serial.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp.unwrap_or(Stamp { time: schema::Timestamp::from_millis(0), serial: 0 })
    }

    /// The host that `node=` named.
    #[must_use]
    pub fn node(&self) -> Option<&[u8]> {
        self.node.map(|node| node.of(&self.text))
    }

    /// All lines joined by newlines.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The records in order.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = Part<'_>> + Clone {
        self.parts.iter().map(|row| Part {
            kind: row.kind,
            line: &self.text[row.start as usize..row.end as usize],
            body: &self.text[row.body as usize..row.end as usize],
            body_start: row.body as usize,
            end: row.end as usize,
        })
    }

    /// A record that came after its event was closed.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.late
    }

    /// Closed at a bound before its end was seen.
    #[must_use]
    pub fn is_cut_short(&self) -> bool {
        self.cut_short
    }

    /// One record whose text has no serial, so that nobody knows which others belong to it.
    #[must_use]
    pub fn is_unnumbered(&self) -> bool {
        self.unnumbered
    }

    /// Records left out because the group had reached its own bound.
    #[must_use]
    pub fn dropped(&self) -> u32 {
        self.dropped
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.parts.clear();
        (self.stamp, self.node) = (None, None);
        (self.late, self.cut_short, self.unnumbered, self.dropped) = (false, false, false, 0);
    }

    pub(super) fn mark_late(&mut self) {
        self.late = true;
    }

    pub(super) fn mark_unnumbered(&mut self) {
        self.unnumbered = true;
    }

    pub(super) fn mark_cut_short(&mut self) {
        self.cut_short = true;
    }

    /// Bytes of memory held, used or not.
    pub(super) fn memory(&self) -> usize {
        self.text.capacity() + self.parts.capacity() * size_of::<Row>() + size_of::<Self>()
    }

    pub(super) fn begin(&mut self, record: &Record<'_>) {
        self.stamp = Some(record.stamp);
        self.append(record);
        let at = |node: &[u8]| {
            let start = node.as_ptr().addr() - record.text.as_ptr().addr();
            Piece { start: offset(start), end: offset(start + node.len()) }
        };
        self.node = record.node.map(at);
    }

    /// Adds a record unless the group is full; `false`: dropped.
    pub(super) fn push(&mut self, record: &Record<'_>, max_bytes: usize, max_records: usize) -> bool {
        let reserve = !matches!(record.kind, kind::EXECVE | kind::PATH);
        let (bytes, records) = if reserve { (RESERVE_BYTES, RESERVE_BYTES >> 9) } else { (0, 0) };
        let full = self.text.len() + record.text.len() > max_bytes + bytes || self.parts.len() >= max_records + records;
        if full {
            self.dropped = self.dropped.saturating_add(1);
        } else {
            self.append(record);
        }
        !full
    }

    fn append(&mut self, record: &Record<'_>) {
        if !self.text.is_empty() {
            self.text.push(b'\n');
        }
        let start = self.text.len();
        if record.wrapping == Wrapping::Frame {
            self.push_type(record.kind);
        }
        let body = self.text.len() + record.body_start();
        self.text.extend_from_slice(record.text);
        let order = order(record.kind, record.body());
        let row =
            Row { kind: record.kind, order, start: offset(start), body: offset(body), end: offset(self.text.len()) };
        // Moving text for each of tens of thousands of records would be quadratic: such a group keeps its order of arrival.
        if self.parts.len() > SORTED_RECORDS || self.parts.last().is_none_or(|last| last.order <= order) {
            self.parts.push(row);
        } else {
            let at = self.parts.iter().rposition(|other| other.order <= order).map_or(0, |at| at + 1);
            self.insert(at, row);
        }
    }

    /// Puts a record that came out of order where the kernel would have written it, so that the text and all that is read
    /// from it do not depend on the order of arrival.
    #[cold]
    fn insert(&mut self, at: usize, row: Row) {
        let line = self.text.split_off(row.start as usize);
        let to = self.parts[at].start as usize;
        let len = offset(line.len() + 1);
        // The newline before the moved line goes behind it.
        self.text.truncate(self.text.len() - 1);
        self.text.splice(to..to, line.into_iter().chain([b'\n']));
        for later in &mut self.parts[at..] {
            (later.start, later.body, later.end) = (later.start + len, later.body + len, later.end + len);
        }
        let start = offset(to);
        let moved = Row { start, body: start + (row.body - row.start), end: start + (row.end - row.start), ..row };
        self.parts.insert(at, moved);
        if let Some(node) = self.node.as_mut().filter(|node| node.start >= start) {
            (node.start, node.end) = (node.start + len, node.end + len);
        }
    }

    /// The same words before a frame's text as auditd writes into its log.
    fn push_type(&mut self, kind: u16) {
        self.text.extend_from_slice(b"type=");
        match table::record_type_name(kind) {
            Some(name) => self.text.extend_from_slice(name.as_bytes()),
            None => self.text.extend_from_slice(format!("UNKNOWN[{kind}]").as_bytes()),
        }
        self.text.extend_from_slice(b" msg=");
    }
}

/// The kernel's order inside an event: what was made during the call, SYSCALL, its supplements, CWD, PATH, PROCTITLE.
fn rank(kind: u16) -> u8 {
    match kind {
        kind::SYSCALL => 1,
        kind::BPRM_FCAPS => 2,
        kind::EXECVE => 3,
        kind::SOCKADDR => 4,
        kind::OPENAT2 => 5,
        kind::OBJ_PID => 6,
        kind::CAPSET => 7,
        kind::IPC | kind::SOCKETCALL | 1311..=1317 | 1319 | 1323 | 1324 => 8,
        kind::CWD => 9,
        kind::PATH => 10,
        kind::PROCTITLE => 11,
        _ => 0,
    }
}

/// The kernel's order inside an event as a number: the type's rank, then the item of a PATH or the first argument of an
/// EXECVE piece.
fn order(kind: u16, body: &[u8]) -> u32 {
    let within = match kind {
        kind::PATH => body.strip_prefix(b"item="),
        kind::EXECVE => body.strip_prefix(b"a"),
        _ => None,
    };
    let digits = within.unwrap_or_default().iter().map_while(|byte| char::from(*byte).to_digit(10)).take(7);
    u32::from(rank(kind)) << 27 | digits.fold(0, |number, digit| number * 10 + digit) & 0x07ff_ffff
}

/// A group's text is bounded to some MiB.
fn offset(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
