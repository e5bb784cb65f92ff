//! One message of the process connector, from its bytes.
//!
//! ```text
//! nlmsghdr 16 | cn_msg: idx 4, val 4, seq 4, ack 4, len 2, flags 2 | proc_event: what 4, cpu 4, timestamp 8, data 24
//! ```
//!
//! All 76 bytes are in the machine's own order (linux/netlink.h, linux/connector.h, linux/cn_proc.h). [`decode`] is total: any
//! other bytes give `None`. Kinds of events that it does not know are [`Happening::Other`], so newer kernels do no harm.

/// A happening with its time and place in the sequence of its CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// `CLOCK_MONOTONIC` in ns.
    pub at_ns: u64,
    /// Where it happened.
    pub cpu: u32,
    /// Number among all messages of that CPU; a gap is a loss.
    pub seq: u32,
    /// What happened.
    pub what: Happening,
}

/// What the kernel tells. Pids are those of the host; `pid` alone is a process, never one of its threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happening {
    /// The answer to a request, ours or another listener's.
    Ack {
        /// 0, or an errno.
        error: u32,
        /// The request's `ack`, by which its sender knows it again; its `seq` does not come back.
        to: u32,
    },
    /// A process began.
    Fork {
        /// The parent that it got: with `CLONE_PARENT` not the one that made it.
        parent: u32,
        /// The new one.
        pid: u32,
    },
    /// A process got one more thread.
    Thread {
        /// The process.
        pid: u32,
    },
    /// A process replaced its program.
    Exec {
        /// The process.
        pid: u32,
    },
    /// User ids changed.
    Uid {
        /// The process.
        pid: u32,
        /// Real.
        real: u32,
        /// Effective.
        effective: u32,
    },
    /// Group ids changed.
    Gid {
        /// The process.
        pid: u32,
        /// Real.
        real: u32,
        /// Effective.
        effective: u32,
    },
    /// A process became the leader of a session and a group of its own.
    Session {
        /// The process.
        pid: u32,
    },
    /// A thread got another name.
    Comm {
        /// The process.
        pid: u32,
        /// It is the name of the first thread, which counts as the process's.
        first: bool,
        /// Padded with zeros.
        comm: [u8; 16],
    },
    /// A thread ended; the process with its last one.
    Exit {
        /// The process.
        pid: u32,
        /// It is the first thread.
        first: bool,
        /// As wait(2) gives it: code in the second byte, signal in the first.
        status: u32,
    },
    /// ptrace, core dump, and what is not known.
    Other,
}

/// Bytes of one message.
pub const BYTES: usize = 76;
/// `CN_IDX_PROC`, `CN_VAL_PROC`.
pub(super) const ID: [u32; 2] = [1, 1];
/// `struct nlmsghdr` and `struct cn_msg`.
pub(super) const HEADERS: usize = 36;

/// Takes one datagram apart.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Message> {
    let word = |at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
    if [word(16)?, word(20)?] != ID || bytes.len() < HEADERS + 16 {
        return None;
    }
    let (seq, ack) = (word(24)?, word(28)?);
    let (what, cpu) = (word(HEADERS)?, word(HEADERS + 4)?);
    let at_ns = u64::from_ne_bytes(*bytes.get(HEADERS + 8..)?.first_chunk()?);
    let data = |index: usize| word(HEADERS + 16 + 4 * index);
    let what = match what {
        // The kernel answers with the request's ack plus one.
        0 => Happening::Ack { error: data(0)?, to: ack.wrapping_sub(1) },
        1 if data(2)? == data(3)? => Happening::Fork { parent: data(1)?, pid: data(3)? },
        1 => Happening::Thread { pid: data(3)? },
        2 => Happening::Exec { pid: data(1)? },
        4 => Happening::Uid { pid: data(1)?, real: data(2)?, effective: data(3)? },
        0x40 => Happening::Gid { pid: data(1)?, real: data(2)?, effective: data(3)? },
        0x80 => Happening::Session { pid: data(1)? },
        0x200 => {
            let comm = *bytes.get(HEADERS + 24..)?.first_chunk()?;
            Happening::Comm { pid: data(1)?, first: data(0)? == data(1)?, comm }
        }
        0x8000_0000 => Happening::Exit { pid: data(1)?, first: data(0)? == data(1)?, status: data(2)? },
        _ => Happening::Other,
    };
    Some(Message { at_ns, cpu, seq, what })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(what: u32, seq: u32, ack: u32, data: [u32; 6]) -> Vec<u8> {
        let mut bytes = vec![0; 16];
        for word in [1, 1, seq, ack, 40, what, 3] {
            bytes.extend_from_slice(&u32::to_ne_bytes(word));
        }
        bytes.extend_from_slice(&77_u64.to_ne_bytes());
        data.iter().for_each(|word| bytes.extend_from_slice(&word.to_ne_bytes()));
        bytes
    }

    fn check(what: u32, data: [u32; 6], expect: Happening) {
        let frame = bytes(what, 9, 0, data);
        assert_eq!(frame.len(), BYTES);
        assert_eq!(decode(&frame), Some(Message { at_ns: 77, cpu: 3, seq: 9, what: expect }));
    }

    #[test]
    fn each_kind() {
        check(1, [20, 20, 30, 30, 0, 0], Happening::Fork { parent: 20, pid: 30 });
        check(1, [20, 20, 31, 20, 0, 0], Happening::Thread { pid: 20 });
        check(2, [30, 30, 0, 0, 0, 0], Happening::Exec { pid: 30 });
        check(4, [31, 30, 1000, 0, 0, 0], Happening::Uid { pid: 30, real: 1000, effective: 0 });
        check(0x40, [30, 30, 5, 6, 0, 0], Happening::Gid { pid: 30, real: 5, effective: 6 });
        check(0x80, [30, 30, 0, 0, 0, 0], Happening::Session { pid: 30 });
        let comm = u32::from_ne_bytes(*b"bash");
        check(
            0x200,
            [30, 30, comm, 0, 0, 0],
            Happening::Comm { pid: 30, first: true, comm: *b"bash\0\0\0\0\0\0\0\0\0\0\0\0" },
        );
        check(0x8000_0000, [30, 30, 0x100, 17, 20, 20], Happening::Exit { pid: 30, first: true, status: 0x100 });
        check(0x8000_0000, [31, 30, 9, 17, 20, 20], Happening::Exit { pid: 30, first: false, status: 9 });
        check(0x4000_0000, [30, 30, 0, 0, 0, 0], Happening::Other);
        check(12345, [0; 6], Happening::Other);
    }

    #[test]
    fn an_answer_names_its_request() {
        let answer = decode(&bytes(0, 9, 78, [22, 0, 0, 0, 0, 0])).unwrap();
        assert_eq!((answer.what, answer.seq), (Happening::Ack { error: 22, to: 77 }, 9));
    }

    #[test]
    fn other_connectors_and_short_ones_are_nothing() {
        let mut other = bytes(1, 9, 0, [1; 6]);
        other[16] = 7;
        assert_eq!(decode(&other), None);
        let whole = bytes(0x8000_0000, 9, 0, [1; 6]);
        (0..HEADERS + 28).for_each(|length| assert_eq!(decode(&whole[..length]), None, "{length}"));
    }

    proptest! {
        /// Total over all bytes, with and without the right head.
        #[test]
        fn no_bytes_do_harm(tail: Vec<u8>, what: u32, data: [u32; 6], cut in 0..BYTES) {
            let frame = bytes(what, 1, 0, data);
            prop_assert!(decode(&tail).is_none() || tail.len() >= HEADERS + 16);
            prop_assert!(decode(&frame[..cut]).is_none() || cut >= HEADERS + 16);
            prop_assert!(decode(&frame).is_some());
        }
    }
}
