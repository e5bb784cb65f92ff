//! The two binary attributes that people can read: POSIX ACLs (`linux/posix_acl_xattr.h`, version 2) and file capabilities
//! (`linux/capability.h`, revisions 1 to 3). Bytes of another form give `None`.

use std::fmt::Write as _;

/// Capabilities by their numbers, as of Linux 6.18.
const CAPABILITIES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// Bytes for people: printable UTF-8 as it is, every other byte and every control character as `\xNN`, a backslash doubled.
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                c if c.is_control() => {
                    let mut buffer = [0; 4];
                    c.encode_utf8(&mut buffer).bytes().for_each(|byte| escape(&mut out, byte));
                }
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| escape(&mut out, *byte));
    }
    out
}

fn escape(out: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    write!(out, "\\x{byte:02x}").unwrap_or_default();
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// An ACL as `getfacl` has it, with commas: `user::rw-,user:1000:r--,group::r--,mask::r--,other::---`.
#[must_use]
pub fn acl(bytes: &[u8]) -> Option<String> {
    let entries = bytes.get(4..).filter(|entries| entries.len() % 8 == 0)?;
    if le32(bytes, 0)? != 2 {
        return None;
    }
    let words: Option<Vec<String>> = entries.chunks_exact(8).map(acl_entry).collect();
    Some(words?.join(","))
}

fn acl_entry(entry: &[u8]) -> Option<String> {
    let (tag, permissions, id) = (le16(entry, 0)?, le16(entry, 2)?, le32(entry, 4)?);
    let who = match tag {
        0x01 => "user:".to_owned(),
        0x02 => format!("user:{id}"),
        0x04 => "group:".to_owned(),
        0x08 => format!("group:{id}"),
        0x10 => "mask:".to_owned(),
        0x20 => "other:".to_owned(),
        _ => return None,
    };
    let bit = |bit: u16, letter| if permissions & bit != 0 { letter } else { '-' };
    Some(format!("{who}:{}{}{}", bit(4, 'r'), bit(2, 'w'), bit(1, 'x')))
}

/// File capabilities as `getcap` has them: `cap_net_admin,cap_net_raw=ep`, groups with a blank between; of a user namespace with
/// ` rootid=N`. `=` where none is set.
#[must_use]
pub fn capabilities(bytes: &[u8]) -> Option<String> {
    let magic = le32(bytes, 0)?;
    let (words, root) = match (magic & 0xff00_0000, bytes.len()) {
        (0x0100_0000, 12) => (1, None),
        (0x0200_0000, 20) => (2, None),
        (0x0300_0000, 24) => (2, Some(le32(bytes, 20)?)),
        _ => return None,
    };
    let (mut permitted, mut inheritable) = (0_u64, 0_u64);
    for word in 0..words {
        permitted |= u64::from(le32(bytes, 4 + 8 * word)?) << (32 * word);
        inheritable |= u64::from(le32(bytes, 8 + 8 * word)?) << (32 * word);
    }
    let effective = if magic & 1 != 0 { "e" } else { "" };
    let groups = [(permitted & inheritable, "ip"), (permitted & !inheritable, "p"), (inheritable & !permitted, "i")];
    let words: Vec<String> = groups
        .into_iter()
        .filter(|(set, _)| *set != 0)
        .map(|(set, letters)| format!("{}={effective}{letters}", names(set)))
        .collect();
    let mut out = if words.is_empty() { "=".to_owned() } else { words.join(" ") };
    if let Some(root) = root {
        write!(out, " rootid={root}").ok()?;
    }
    Some(out)
}

fn names(set: u64) -> String {
    let name = |bit: u32| match CAPABILITIES.get(bit as usize) {
        Some(name) => format!("cap_{name}"),
        None => format!("cap_{bit}"),
    };
    (0..64).filter(|bit| set & (1 << bit) != 0).map(name).collect::<Vec<_>>().join(",")
}
