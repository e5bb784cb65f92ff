//! Field names as numbers.
//!
//! A name that the code speaks of is a constant here and compared as a number; any other is [`OTHER`] and keeps its bytes.
//! The scanner folds the name's last eight bytes into one word while it looks for the `=`. That word picks the slot of a
//! table, and for the short names that make up nearly all it is the name: finding one costs one probe and one comparison.
//!
//! To add a name: one line below, in any order.

/// A known field name, or [`OTHER`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Name(u16);

/// Stands for every name that has no constant.
pub const OTHER: Name = Name(u16::MAX);

/// What may stand in a field without quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// A text, in hex if it holds a blank, a quote or a control byte.
    Text,
    /// A number or one word: a word behind it does not belong to it.
    Number,
    /// Words, also several: `op=adding user`.
    Words,
}

impl Name {
    /// The name with these bytes, or [`OTHER`].
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        find(bytes.iter().fold(0, |word, &byte| fold(word, byte)), bytes)
    }

    /// Its text; empty for [`OTHER`].
    #[must_use]
    pub fn text(self) -> &'static str {
        NAMES.get(self.index()).map_or("", |row| row.0)
    }

    /// Its place in the list, dense from 0; valid within one build only. [`OTHER`] lies beyond [`COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// What may stand in it.
    #[must_use]
    pub fn class(self) -> Class {
        NAMES.get(self.index()).map_or(Class::Words, |row| row.1)
    }

    /// Whether an unquoted value may be the hex form of a text.
    #[must_use]
    pub fn is_text(self) -> bool {
        self.class() == Class::Text
    }
}

/// One byte more of a name.
#[inline]
pub(super) const fn fold(word: u64, byte: u8) -> u64 {
    word << 8 | byte as u64
}

/// The name that folds to `word` and has these bytes.
#[inline]
pub(super) fn find(word: u64, bytes: &[u8]) -> Name {
    let mut slot = slot_of(word, bytes.len());
    loop {
        let Slot { word: known, len, at } = SLOTS[slot];
        if at == u16::MAX {
            return OTHER;
        }
        // Up to eight bytes the word is the whole name (no name holds a NUL).
        let same = known == word && usize::from(len) == bytes.len();
        if same && (bytes.len() <= 8 || NAMES[usize::from(at)].0.as_bytes() == bytes) {
            return Name(at);
        }
        slot = (slot + 1) % SLOT_COUNT;
    }
}

#[derive(Clone, Copy)]
struct Slot {
    word: u64,
    len: u8,
    at: u16,
}

/// Four slots a name at least, so that nearly every probe is the last.
const SLOT_COUNT: usize = 1024;

const fn slot_of(word: u64, len: usize) -> usize {
    ((word ^ len as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize % SLOT_COUNT
}

#[expect(clippy::cast_possible_truncation, reason = "COUNT is asserted to be below SLOT_COUNT, names are short")]
static SLOTS: [Slot; SLOT_COUNT] = {
    assert!(COUNT * 3 < SLOT_COUNT, "more slots are needed");
    let mut slots = [Slot { word: 0, len: 0, at: u16::MAX }; SLOT_COUNT];
    let mut at = 0;
    while at < COUNT {
        let bytes = NAMES[at].0.as_bytes();
        let mut word = 0;
        let mut i = 0;
        while i < bytes.len() {
            word = fold(word, bytes[i]);
            i += 1;
        }
        let mut slot = slot_of(word, bytes.len());
        while slots[slot].at != u16::MAX {
            slot = (slot + 1) % SLOT_COUNT;
        }
        slots[slot] = Slot { word, len: bytes.len() as u8, at: at as u16 };
        at += 1;
    }
    slots
};

macro_rules! names {
    ($($constant:ident = $name:literal, $class:ident;)*) => {
        #[repr(u16)]
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "only numbers the constants below")]
        enum Index { $($constant),* }
        $(
            #[doc = concat!("`", $name, "`")]
            pub const $constant: Name = Name(Index::$constant as u16);
        )*
        /// How many names have a constant.
        pub const COUNT: usize = [$($name),*].len();
        const NAMES: [(&str, Class); COUNT] = [$(($name, Class::$class)),*];
    };
}

// Which fields are texts: audit-userspace auparse/typetab.h (ESCAPED rows), read as a checklist.
names! {
    // SYSCALL, URINGOP
    URING_OP = "uring_op", Number;
    ARCH = "arch", Number; SYSCALL = "syscall", Number; PER = "per", Number; SUCCESS = "success", Number; EXIT = "exit", Number;
    A0 = "a0", Number; A1 = "a1", Number; A2 = "a2", Number; A3 = "a3", Number; ITEMS = "items", Number;
    PPID = "ppid", Number; PID = "pid", Number; AUID = "auid", Number; UID = "uid", Number; GID = "gid", Number;
    EUID = "euid", Number; SUID = "suid", Number; FSUID = "fsuid", Number; EGID = "egid", Number; SGID = "sgid", Number;
    FSGID = "fsgid", Number; TTY = "tty", Number; SES = "ses", Number; COMM = "comm", Text; EXE = "exe", Text;
    SUBJ = "subj", Number; KEY = "key", Text; TID = "tid", Number;
    // PATH, CWD, PROCTITLE, EXECVE, SOCKADDR, MMAP, OPENAT2
    ITEM = "item", Number; NAME = "name", Text; INODE = "inode", Number; DEV = "dev", Number; MODE = "mode", Number;
    OUID = "ouid", Number; OGID = "ogid", Number; RDEV = "rdev", Number; OBJ = "obj", Number;
    NAMETYPE = "nametype", Number; OBJTYPE = "objtype", Number; CAP_FP = "cap_fp", Number; CAP_FI = "cap_fi", Number;
    CAP_FE = "cap_fe", Number; CAP_FVER = "cap_fver", Number; CAP_FROOTID = "cap_frootid", Number;
    CWD = "cwd", Text; PROCTITLE = "proctitle", Text; ARGC = "argc", Number; SADDR = "saddr", Number; FD = "fd", Number;
    FLAGS = "flags", Number; OFLAG = "oflag", Number; RESOLVE = "resolve", Number;
    // OBJ_PID, BPRM_FCAPS, CAPSET, SECCOMP, ANOM_ABEND
    OPID = "opid", Number; OAUID = "oauid", Number; OSES = "oses", Number; OCOMM = "ocomm", Text;
    FVER = "fver", Number; FP = "fp", Number; FI = "fi", Number; FE = "fe", Number; FROOTID = "frootid", Number;
    OLD_PP = "old_pp", Number; OLD_PI = "old_pi", Number; OLD_PE = "old_pe", Number; OLD_PA = "old_pa", Number;
    PP = "pp", Number; PI = "pi", Number; PE = "pe", Number; PA = "pa", Number;
    CAP_PI = "cap_pi", Number; CAP_PP = "cap_pp", Number; CAP_PE = "cap_pe", Number; CAP_PA = "cap_pa", Number;
    SIG = "sig", Number; CODE = "code", Number; COMPAT = "compat", Number; IP = "ip", Number; REASON = "reason", Words;
    // CONFIG_CHANGE, LOGIN, NETFILTER_CFG, FEATURE_CHANGE, MAC
    OP = "op", Words; LIST = "list", Number; RES = "res", Number; RESULT = "result", Words; OLD = "old", Number; NEW = "new", Number;
    OLD_AUID = "old-auid", Number; NEW_AUID = "new-auid", Number; OLD_SES = "old-ses", Number; NEW_SES = "new-ses", Number;
    OLD_AUID_2 = "old_auid", Number; NEW_AUID_2 = "new_auid", Number; AUDIT_ENABLED = "audit_enabled", Number;
    AUDIT_PID = "audit_pid", Number; AUDIT_BACKLOG_LIMIT = "audit_backlog_limit", Number;
    AUDIT_FAILURE = "audit_failure", Number; TABLE = "table", Number; FAMILY = "family", Number; ENTRIES = "entries", Number;
    FEATURE = "feature", Number; BOOL = "bool", Number; VAL = "val", Number; OLD_VAL = "old_val", Number;
    DIR = "dir", Text; PATH = "path", Text; PROG_ID = "prog-id", Number; MSG = "msg", Words;
    // user space
    ACCT = "acct", Text; ADDR = "addr", Number; HOSTNAME = "hostname", Number; TERMINAL = "terminal", Number;
    ID = "id", Number; CMD = "cmd", Text; UNIT = "unit", Text; GRANTORS = "grantors", Number; DATA = "data", Text;
    GRP = "grp", Text; NEW_GROUP = "new_group", Text; FP_KEY = "kind", Number; DIRECTION = "direction", Number;
    SPID = "spid", Number; RPORT = "rport", Number; LADDR = "laddr", Number; LPORT = "lport", Number;
    NEW_LEVEL = "new-level", Number; OLD_LEVEL = "old-level", Number; VM = "vm", Text; RESRC = "resrc", Number;
    SELECTED_CONTEXT = "selected-context", Number; DEFAULT_CONTEXT = "default-context", Number; SW = "sw", Text;
    SW_TYPE = "sw_type", Number; ROOM = "room", Text; FILE = "file", Text; WATCH = "watch", Text; KERNEL = "kernel", Number;
    DEV_NAME = "dev_name", Text; NEW_NAME = "new_name", Text; OLD_NAME = "old_name", Text; PRINTER = "printer", Text;
    VER = "ver", Number; FORMAT = "format", Number; SUSER = "suser", Text; USER = "user", Text; UUID = "uuid", Number;
    // LSM
    SCONTEXT = "scontext", Number; TCONTEXT = "tcontext", Number; TCLASS = "tclass", Number; SERESULT = "seresult", Number;
    SEPERMS = "seperms", Words; PERMISSIVE = "permissive", Number; APPARMOR = "apparmor", Number;
    OPERATION = "operation", Number; PROFILE = "profile", Text; REQUESTED_MASK = "requested_mask", Number;
    DENIED_MASK = "denied_mask", Number; CAPNAME = "capname", Number; CAPABILITY = "capability", Number; INFO = "info", Text;
    INO = "ino", Number; SPORT = "sport", Number; DEST = "dest", Number; DADDR = "daddr", Number; SRC = "src", Number;
    BLOCKERS = "blockers", Number; DPORT = "dport", Number; PROTO = "proto", Number; RESP = "resp", Number; MODULE = "module", Number;
    // promiscuous, integrity
    PROM = "prom", Number; OLD_PROM = "old_prom", Number; CAUSE = "cause", Words; HASH = "hash", Number;
    // ENRICHED tail
    E_ARCH = "ARCH", Number; E_SYSCALL = "SYSCALL", Number; E_AUID = "AUID", Number; E_UID = "UID", Number;
    E_GID = "GID", Number; E_EUID = "EUID", Number; E_SUID = "SUID", Number; E_FSUID = "FSUID", Number;
    E_EGID = "EGID", Number; E_SGID = "SGID", Number; E_FSGID = "FSGID", Number; E_OUID = "OUID", Number;
    E_OGID = "OGID", Number; E_OAUID = "OAUID", Number; E_ID = "ID", Number; E_SADDR = "SADDR", Number;
    E_OLD_AUID = "OLD-AUID", Number;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        for (at, (text, _)) in NAMES.iter().enumerate() {
            let name = Name::of(text.as_bytes());
            assert_eq!((name.index(), name.text()), (at, *text));
        }
        for other in ["", "a", "a4", "a10", "uidx", "xuid", "Uid", "a1_len", "\0pid", "xcap_frootid"] {
            assert_eq!(Name::of(other.as_bytes()), OTHER, "{other}");
        }
    }
}
