//! One audit record: its header, and its fields as pieces of its bytes.
//!
//! [`parse_line`] takes a line of any wrapping (auditd RAW or ENRICHED, `node=`, kernel log, behind a syslog prefix),
//! [`parse`] the text of a netlink frame. Both read the header only; [`Record::fields`] walks the fields once, without
//! allocating. A value stays bytes until it is asked for: [`Value::decoded`] undoes the kernel's hex form, the only place
//! that does.
//!
//! Promises: never panics, linear time in the record's length, loses no byte (what has no `name=` is a word that extends
//! the value before it, or stands in [`Fields::lead`]). Does not: know what a field means.
//!
//! ```
//! use audit::record::{name, parse_line};
//!
//! let record = parse_line(b"type=CWD msg=audit(1700000000.123:42):  cwd=2F746D702F6120622063")?;
//! assert_eq!((record.kind, record.stamp.serial), (1307, 42));
//! let cwd = record.fields().find(|field| field.name == name::CWD).map(|field| field.value.decoded(field.name));
//! assert_eq!(cwd.as_deref(), Some(&b"/tmp/a b c"[..]));
//! # Ok::<(), audit::record::Malformed>(())
//! ```

mod header;
pub mod name;
mod scan;
mod value;

pub use header::{Malformed, Record, Stamp, Wrapping, parse, parse_line, parse_unnumbered};
pub use name::Name;
pub use scan::{Field, Fields, Piece, Place, Token};
pub use value::{Form, Value, is_absent, unhex};

/// Record type numbers that the code speaks of; all others are known by table only.
#[expect(missing_docs, reason = "the kernel's own names, include/uapi/linux/audit.h")]
pub mod kind {
    pub const USER: u16 = 1005;
    pub const LOGIN: u16 = 1006;
    pub const USER_FIRST: u16 = 1100;
    pub const USER_AVC: u16 = 1107;
    pub const USER_LAST: u16 = 1199;
    pub const DAEMON_FIRST: u16 = 1200;
    pub const DAEMON_LAST: u16 = 1299;
    pub const SYSCALL: u16 = 1300;
    pub const PATH: u16 = 1302;
    pub const IPC: u16 = 1303;
    pub const SOCKETCALL: u16 = 1304;
    pub const CONFIG_CHANGE: u16 = 1305;
    pub const SOCKADDR: u16 = 1306;
    pub const CWD: u16 = 1307;
    pub const EXECVE: u16 = 1309;
    pub const EOE: u16 = 1320;
    pub const BPRM_FCAPS: u16 = 1321;
    pub const OBJ_PID: u16 = 1318;
    pub const CAPSET: u16 = 1322;
    pub const NETFILTER_CFG: u16 = 1325;
    pub const SECCOMP: u16 = 1326;
    pub const PROCTITLE: u16 = 1327;
    pub const REPLACE: u16 = 1329;
    pub const URINGOP: u16 = 1336;
    pub const OPENAT2: u16 = 1337;
    pub const AVC: u16 = 1400;
    pub const ANOM_FIRST: u16 = 1700;
    pub const ANOM_LAST: u16 = 1799;
    pub const INTEGRITY_FIRST: u16 = 1800;
    pub const INTEGRITY_LAST: u16 = 1899;
    pub const KERNEL: u16 = 2000;
    pub const USER2_FIRST: u16 = 2100;
    pub const USER2_LAST: u16 = 2999;
}
