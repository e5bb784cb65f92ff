//! Who made an event, and which one it is.
//!
//! `event.id` = agent (48 random bits), spool epoch (u32), lane (4 bits) and counter (44 bits), written as 34 characters
//! `<12 hex agent>-<8 hex epoch>-<12 hex sequence>`. It has a fixed width, sorts in order of creation within an agent, and
//! makes redelivery harmless: the same event always has the same id.

use std::fmt;
use std::str::FromStr;

/// The agent of a host (or, in a replay, the digest of an input): 48 bits, written as 12 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct AgentId([u8; 6]);

impl AgentId {
    /// From its six bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// The six bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 6] {
        self.0
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for AgentId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let value = lower_hex(text, 12).ok_or_else(|| BadId(text.to_owned()))?;
        let [_, _, bytes @ ..] = value.to_be_bytes();
        Ok(Self(bytes))
    }
}

/// The spool's three priorities; a lane has its own counter, so one lane can lose what another keeps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Lane {
    /// Health, losses, logins, identity and privilege changes, audit configuration, important file changes.
    High = 0,
    /// Exec, network, query results, other file changes.
    Normal = 1,
    /// Opens, other file activity, repeats.
    Low = 2,
}

impl Lane {
    /// All lanes, most important first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// The name used for folders and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// The lane with this number in an [`EventId`].
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::High),
            1 => Some(Self::Normal),
            2 => Some(Self::Low),
            _ => None,
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The identity of one event. Ordered by agent, epoch, lane, counter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EventId {
    /// Who made it.
    pub agent: AgentId,
    /// New whenever the agent's spool cannot prove that its counters go on.
    pub epoch: u32,
    /// Lane in the upper 4 of 48 bits, counter in the lower 44.
    sequence: u64,
}

/// Largest counter of a lane: 44 bits.
pub const MAX_COUNTER: u64 = (1 << 44) - 1;
/// Length of the text form.
pub const EVENT_ID_LEN: usize = 34;

impl EventId {
    /// Builds an id; the counter is cut to its 44 bits (at a million events a second that is half a year, and an epoch
    /// ends with its counters).
    #[must_use]
    pub const fn new(agent: AgentId, epoch: u32, lane: Lane, counter: u64) -> Self {
        Self { agent, epoch, sequence: ((lane as u64) << 44) | (counter & MAX_COUNTER) }
    }

    /// From an epoch and the 48-bit sequence of the text form.
    #[must_use]
    pub const fn from_sequence(agent: AgentId, epoch: u32, sequence: u64) -> Self {
        Self { agent, epoch, sequence: sequence & ((1 << 48) - 1) }
    }

    /// Lane and counter as the 48-bit number of the text form.
    #[must_use]
    pub const fn sequence(self) -> u64 {
        self.sequence
    }

    /// The lane's number, also where it is not one of ours.
    #[must_use]
    pub const fn lane_number(self) -> u8 {
        self.sequence.to_be_bytes()[2] >> 4
    }

    /// Counts events of one lane and epoch from 0, without holes at the source.
    #[must_use]
    pub const fn counter(self) -> u64 {
        self.sequence & MAX_COUNTER
    }

    /// Appends the text form.
    pub fn write(self, out: &mut String) {
        let [a, b, c, d, e, f] = self.agent.0;
        push_hex(out, u64::from_be_bytes([0, 0, a, b, c, d, e, f]), 12);
        out.push('-');
        push_hex(out, u64::from(self.epoch), 8);
        out.push('-');
        push_hex(out, self.sequence, 12);
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:08x}-{:012x}", self.agent, self.epoch, self.sequence)
    }
}

impl FromStr for EventId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let parse = || {
            if text.len() != EVENT_ID_LEN || !text.is_ascii() {
                return None;
            }
            let (agent, rest) = text.split_at(12);
            let (epoch, sequence) = rest.strip_prefix('-')?.split_once('-')?;
            Some(Self {
                agent: agent.parse().ok()?,
                epoch: u32::try_from(lower_hex(epoch, 8)?).ok()?,
                sequence: lower_hex(sequence, 12)?,
            })
        };
        parse().ok_or_else(|| BadId(text.to_owned()))
    }
}

/// The order in which one server accepted events: given at WAL append, from 1, without gaps. 0 stands before all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct IngestSeq(pub u64);

/// A text that is no id of ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id (expected lower-case hex: 12 digits for an agent, 12-8-12 for an event)")]
pub struct BadId(pub String);

fn push_hex(out: &mut String, value: u64, digits: u32) {
    for place in (0..digits).rev() {
        out.push(char::from(b"0123456789abcdef"[(value >> (place * 4) & 0xf) as usize]));
    }
}

fn lower_hex(text: &str, digits: usize) -> Option<u64> {
    let plain = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    plain.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_form() {
        let id = EventId::new(AgentId::from_bytes([0, 0xab, 1, 2, 3, 4]), 7, Lane::Low, 255);
        assert_eq!(id.to_string(), "00ab01020304-00000007-2000000000ff");
        assert_eq!(id.to_string().len(), EVENT_ID_LEN);
        assert_eq!((id.lane_number(), id.counter()), (2, 255));
    }

    #[test]
    fn refuses_what_it_would_not_write() {
        for text in [
            "",
            "00AB01020304-00000007-2000000000ff",
            "00ab01020304-00000007-2000000000f",
            "ü0ab0102030-00000007-2000000000ff",
        ] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_and_back_in_order(a: ([u8; 6], u32, u64), b: ([u8; 6], u32, u64)) {
            let id = |(agent, epoch, seq): ([u8; 6], u32, u64)| EventId::from_sequence(AgentId::from_bytes(agent), epoch, seq);
            let (a, b) = (id(a), id(b));
            let mut written = String::new();
            a.write(&mut written);
            prop_assert_eq!(&written, &a.to_string());
            prop_assert_eq!(written.parse(), Ok(a));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }
}
