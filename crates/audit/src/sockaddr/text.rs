//! Addresses as people write them.

use core::fmt;
use core::net::IpAddr;

use super::{Address, Endpoint};
use crate::table;

/// One line without control characters: foreign bytes that are not printable ASCII are written `\xNN`.
impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.endpoint {
            Endpoint::Unspecified => f.write_str("unspecified"),
            Endpoint::Ip { address, port, scope } => ip(f, address, port, scope),
            Endpoint::Path(path) => printable(f, path),
            Endpoint::Abstract(name) => {
                f.write_str("@")?;
                printable(f, name)
            }
            Endpoint::Unnamed => f.write_str("unnamed"),
            Endpoint::Netlink { port, groups } => write!(f, "netlink port {port} groups {groups:#x}"),
            Endpoint::Packet { protocol, interface, hardware } => packet(f, protocol, interface, hardware),
            Endpoint::Vsock { cid: u32::MAX, port } => write!(f, "vsock any:{port}"),
            Endpoint::Vsock { cid, port } => write!(f, "vsock {cid}:{port}"),
            Endpoint::Alg { kind, name } => {
                printable(f, kind)?;
                f.write_str(" ")?;
                printable(f, name)
            }
            Endpoint::Can { interface } => write!(f, "can interface {interface}"),
            Endpoint::Bluetooth { device: None, channel } => write!(f, "bluetooth controller {channel}"),
            Endpoint::Bluetooth { device: Some(device), channel } => bluetooth(f, device, channel),
            Endpoint::Xdp { interface, queue } => write!(f, "xdp interface {interface} queue {queue}"),
            Endpoint::Node { node, port } => write!(f, "{node}:{port}"),
            Endpoint::Station(name) => printable(f, name),
            Endpoint::Cut(bytes) | Endpoint::Opaque(bytes) => hex(f, bytes),
        }
    }
}

fn ip(f: &mut fmt::Formatter<'_>, address: IpAddr, port: u16, scope: u32) -> fmt::Result {
    match address {
        IpAddr::V4(address) => write!(f, "{address}:{port}"),
        IpAddr::V6(address) if scope != 0 => write!(f, "[{address}%{scope}]:{port}"),
        IpAddr::V6(address) => write!(f, "[{address}]:{port}"),
    }
}

fn packet(f: &mut fmt::Formatter<'_>, protocol: u16, interface: u32, hardware: &[u8]) -> fmt::Result {
    match table::ETHERTYPE.name(u64::from(protocol)) {
        Some(name) => write!(f, "packet {name} interface {interface}")?,
        None => write!(f, "packet {protocol:#06x} interface {interface}")?,
    }
    if !hardware.is_empty() {
        f.write_str(" ")?;
        colons(f, hardware.iter().copied())?;
    }
    Ok(())
}

fn bluetooth(f: &mut fmt::Formatter<'_>, device: [u8; 6], channel: u16) -> fmt::Result {
    f.write_str("bluetooth ")?;
    colons(f, device.into_iter().rev())?;
    write!(f, " channel {channel}")
}

fn colons(f: &mut fmt::Formatter<'_>, bytes: impl Iterator<Item = u8>) -> fmt::Result {
    for (at, byte) in bytes.enumerate() {
        write!(f, "{}{byte:02x}", if at == 0 { "" } else { ":" })?;
    }
    Ok(())
}

fn printable(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
