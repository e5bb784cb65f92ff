//! The audit netlink protocol as bytes: one datagram in, one [`Frame`] out; one [`Request`] in, one datagram out.
//!
//! ```text
//! 0        4      6       8          12      16
//! | length | kind | flags | sequence | port  | body ...
//! ```
//!
//! Promises:
//! - **The length is what `recv` returned.** In unicast event messages the kernel leaves its own header out of
//!   `length` (16 too small), and flags, sequence and port are 0; in multicast copies and in replies `length` is right,
//!   and up to three bytes of padding follow. [`decode`] serves all of them.
//! - A short or strange datagram is an error value that names what is missing, never a panic.
//! - Status structs of older kernels (fewer words) decode: what did not come is absent.
//!
//! Does not: open a socket, match replies to requests (use [`Header::sequence`] and the frame's kind: the
//! acknowledgement comes first and the answer later from a kernel thread), or check `MSG_TRUNC`, which only the
//! reader of the socket sees.
//!
//! Numbers are in host order, as netlink has them; a capture is read on a machine of the same byte order.
//!
//! ```
//! use audit::netlink::{self, Frame, Request};
//! use audit::table::RecordType;
//!
//! let ask = netlink::encode(&Request::GetStatus, 7);
//! assert_eq!(netlink::Header::parse(&ask).unwrap().sequence, 7);
//!
//! let mut datagram = vec![0; 16];
//! datagram[4..6].copy_from_slice(&1320u16.to_ne_bytes());
//! datagram.extend(b"audit(1.000:1): ");
//! assert_eq!(netlink::decode(&datagram), Ok(Frame::Record(RecordType::EOE, b"audit(1.000:1): ")));
//! ```

pub mod capture;
mod request;
mod status;
#[cfg(test)]
mod tests;

use crate::table::RecordType;
pub use request::{Request, encode};
pub use status::{Feature, SetStatus, Status};

/// `NETLINK_AUDIT`, the protocol number for `socket(2)`.
pub const PROTOCOL: i32 = 9;
/// `AUDIT_NLGRP_READLOG`, the multicast group of read-only listeners.
pub const GROUP_READLOG: u32 = 1;
/// Bytes of a netlink message header.
pub const HEADER_BYTES: usize = 16;

/// Message kinds, as in `linux/netlink.h` and `linux/audit.h`.
pub mod kind {
    /// `NLMSG_NOOP`.
    pub const NOOP: u16 = 1;
    /// `NLMSG_ERROR`: an acknowledgement, with or without an error.
    pub const ERROR: u16 = 2;
    /// `NLMSG_DONE`: the end of a list.
    pub const DONE: u16 = 3;
    /// `AUDIT_GET`.
    pub const GET: u16 = 1000;
    /// `AUDIT_SET`.
    pub const SET: u16 = 1001;
    /// `AUDIT_SIGNAL_INFO`.
    pub const SIGNAL_INFO: u16 = 1010;
    /// `AUDIT_ADD_RULE`.
    pub const ADD_RULE: u16 = 1011;
    /// `AUDIT_DEL_RULE`.
    pub const DEL_RULE: u16 = 1012;
    /// `AUDIT_LIST_RULES`.
    pub const LIST_RULES: u16 = 1013;
    /// `AUDIT_TRIM`.
    pub const TRIM: u16 = 1014;
    /// `AUDIT_MAKE_EQUIV`.
    pub const MAKE_EQUIV: u16 = 1015;
    /// `AUDIT_SET_FEATURE`.
    pub const SET_FEATURE: u16 = 1018;
    /// `AUDIT_GET_FEATURE`.
    pub const GET_FEATURE: u16 = 1019;
    /// `AUDIT_REPLACE`.
    pub const REPLACE: u16 = 1329;
}

/// The 16 bytes before every body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Length as the kernel wrote it; see the module head for when it lies.
    pub length: u32,
    /// What the body is; see [`kind`].
    pub kind: u16,
    /// `NLM_F_*`.
    pub flags: u16,
    /// The sequence of the request that this answers; 0 in event messages.
    pub sequence: u32,
    /// The port that the message is for; 0 in event messages.
    pub port: u32,
}

impl Header {
    /// The header of a datagram, if it is long enough to have one.
    #[must_use]
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        Some(Self {
            length: word(datagram, 0)?,
            kind: half(datagram, 4)?,
            flags: half(datagram, 6)?,
            sequence: word(datagram, 8)?,
            port: word(datagram, 12)?,
        })
    }
}

/// What a datagram from the kernel says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame<'a> {
    /// An event record: its type and the text from `audit(` on, without padding.
    Record(RecordType, &'a [u8]),
    /// The kernel took or refused a request.
    Ack(Ack),
    /// The answer to [`Request::GetStatus`].
    Status(Status),
    /// One rule of the answer to [`Request::ListRules`]: a `struct audit_rule_data` and its strings, padded.
    Rule(&'a [u8]),
    /// The answer to [`Request::GetFeatures`].
    Features(Feature),
    /// Who sent the last signal to the registered daemon.
    SignalInfo {
        /// Its user.
        uid: u32,
        /// Its process.
        pid: u32,
    },
    /// The end of a list of rules.
    Done,
    /// Process `asker` wants the registration; receiving this is answer enough.
    Replace {
        /// Who asks.
        asker: u32,
    },
    /// `NLMSG_NOOP`.
    Noop,
    /// A command or reply that this version does not know.
    Other(Header, &'a [u8]),
}

/// An acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ack {
    /// 0 = taken; negative = `-errno`; positive = the old value that a [`SetStatus::reset_lost`] gave back.
    pub code: i32,
    /// The kind of the request; 0 if the kernel did not repeat its header.
    pub request: u16,
    /// The sequence of the request.
    pub sequence: u32,
}

impl Ack {
    /// The positive error number, or `None` if the request was taken.
    #[must_use]
    pub fn errno(self) -> Option<i32> {
        (self.code < 0).then(|| self.code.saturating_neg())
    }
}

/// Why a datagram is no frame. The datagram itself is evidence and should be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// No room for a header.
    #[error("datagram of {length} bytes is shorter than a netlink header of {HEADER_BYTES}")]
    NoHeader {
        /// Bytes received.
        length: usize,
    },
    /// The body is shorter than its kind needs.
    #[error("message of kind {kind} has {length} bytes of body and needs {needs}")]
    ShortBody {
        /// Message kind.
        kind: u16,
        /// Bytes of body.
        length: usize,
        /// Bytes it must have.
        needs: usize,
    },
}

/// Reads one datagram, exactly as `recv` returned it.
///
/// # Errors
/// If it is too short for its header or its kind.
pub fn decode(datagram: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let short = DecodeError::NoHeader { length: datagram.len() };
    let header = Header::parse(datagram).ok_or(short)?;
    let body = body(datagram, header.length);
    let record_type = RecordType(header.kind);
    if record_type.is_event() {
        return Ok(Frame::Record(record_type, without_padding(body)));
    }
    let need = |needs: usize| DecodeError::ShortBody { kind: header.kind, length: body.len(), needs };
    Ok(match header.kind {
        kind::NOOP => Frame::Noop,
        kind::DONE => Frame::Done,
        kind::ERROR => Frame::Ack(Ack {
            code: word(body, 0).ok_or(need(4))?.cast_signed(),
            request: half(body, 8).unwrap_or(0),
            sequence: header.sequence,
        }),
        kind::GET => Frame::Status(Status::parse(body).ok_or(need(Status::MIN_BYTES))?),
        kind::LIST_RULES => Frame::Rule(body),
        kind::GET_FEATURE => Frame::Features(Feature::parse(body).ok_or(need(Feature::BYTES))?),
        kind::SIGNAL_INFO => {
            Frame::SignalInfo { uid: word(body, 0).ok_or(need(8))?, pid: word(body, 4).ok_or(need(8))? }
        }
        kind::REPLACE => Frame::Replace { asker: word(body, 0).ok_or(need(4))? },
        _ => Frame::Other(header, body),
    })
}

/// The bytes after the header: as many as the kernel counted where its count is right up to padding, else all.
fn body(datagram: &[u8], counted: u32) -> &[u8] {
    let counted = usize::try_from(counted).unwrap_or(usize::MAX);
    let end = match datagram.len().checked_sub(counted) {
        Some(padding) if padding < 4 && counted >= HEADER_BYTES => counted,
        _ => datagram.len(),
    };
    &datagram[HEADER_BYTES..end]
}

/// A record's text never ends in NUL; a multicast copy of an old kernel does.
fn without_padding(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &text[..end]
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}
