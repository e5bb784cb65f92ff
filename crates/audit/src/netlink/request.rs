//! Requests to the kernel as datagrams.

use super::{Feature, HEADER_BYTES, SetStatus, kind};

/// `NLM_F_REQUEST`.
const FLAG_REQUEST: u16 = 0x01;
/// `NLM_F_ACK`: always asked for, so that a refusal is heard.
const FLAG_ACK: u16 = 0x04;

/// What can be asked of the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request<'a> {
    /// Send a [`super::Status`].
    GetStatus,
    /// Change values of the status.
    SetStatus(SetStatus),
    /// Add a rule: the bytes of [`struct audit_rule_data`](crate).
    AddRule(&'a [u8]),
    /// Delete the rule that has exactly these bytes.
    DeleteRule(&'a [u8]),
    /// Send all rules, then `Done`.
    ListRules,
    /// Forget the directory trees of mounts that are gone.
    Trim,
    /// Watch `new` like `old` (auditctl `-q`): both directories, exist.
    MakeEquivalent {
        /// The watched directory.
        old: &'a [u8],
        /// The one to be watched likewise.
        new: &'a [u8],
    },
    /// Send a [`Feature`].
    GetFeatures,
    /// Change features.
    SetFeatures(Feature),
    /// Who signalled the registered daemon last.
    SignalInfo,
    /// Write a user-space record of this type (auditctl `-m` writes 1199).
    Write {
        /// Its type.
        record_type: u16,
        /// Its text.
        text: &'a [u8],
    },
}

impl Request<'_> {
    fn kind(&self) -> u16 {
        match self {
            Self::GetStatus => kind::GET,
            Self::SetStatus(_) => kind::SET,
            Self::AddRule(_) => kind::ADD_RULE,
            Self::DeleteRule(_) => kind::DEL_RULE,
            Self::ListRules => kind::LIST_RULES,
            Self::Trim => kind::TRIM,
            Self::MakeEquivalent { .. } => kind::MAKE_EQUIV,
            Self::GetFeatures => kind::GET_FEATURE,
            Self::SetFeatures(_) => kind::SET_FEATURE,
            Self::SignalInfo => kind::SIGNAL_INFO,
            Self::Write { record_type, .. } => *record_type,
        }
    }

    fn push_body(&self, out: &mut Vec<u8>) {
        match self {
            Self::GetStatus | Self::ListRules | Self::Trim | Self::GetFeatures | Self::SignalInfo => {}
            Self::SetStatus(set) => push_words(out, &set.words()),
            Self::SetFeatures(features) => push_words(out, &features.words()),
            Self::AddRule(rule) | Self::DeleteRule(rule) => out.extend_from_slice(rule),
            Self::MakeEquivalent { old, new } => {
                push_words(out, &[length_word(old.len()), length_word(new.len())]);
                out.extend_from_slice(old);
                out.extend_from_slice(new);
            }
            Self::Write { text, .. } => {
                out.extend_from_slice(text);
                out.push(0);
            }
        }
    }
}

/// The datagram for a request, with `sequence` to know its answers by (use one that is not 0: event messages carry
/// 0).
#[must_use]
pub fn encode(request: &Request<'_>, sequence: u32) -> Vec<u8> {
    let mut out = vec![0; HEADER_BYTES];
    request.push_body(&mut out);
    let length = length_word(out.len());
    out[0..4].copy_from_slice(&length.to_ne_bytes());
    out[4..6].copy_from_slice(&request.kind().to_ne_bytes());
    out[6..8].copy_from_slice(&(FLAG_REQUEST | FLAG_ACK).to_ne_bytes());
    out[8..12].copy_from_slice(&sequence.to_ne_bytes());
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn push_words(out: &mut Vec<u8>, words: &[u32]) {
    words.iter().for_each(|word| out.extend_from_slice(&word.to_ne_bytes()));
}

/// A length that a datagram holds; longer than 4 GiB cannot be sent, and the kernel refuses what does not add up.
fn length_word(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
