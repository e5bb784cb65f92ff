//! The bytes of a socket address, as `saddr=` of a SOCKADDR record has them, and what they say.
//!
//! Promises: never an error. What is too short for its family is [`Endpoint::Cut`], what no arm knows is
//! [`Endpoint::Opaque`]; the bytes stay with both. The family, and with it every number in the byte order of the host
//! that wrote the record, is read right for little-endian and big-endian hosts alike: no family has a number above
//! 255, so of its two bytes one is zero. Ports and IP addresses are in network order everywhere.
//!
//! Does not: resolve anything, or cut a name at a NUL where the kernel would not (abstract sockets have them inside).
//!
//! ```
//! use audit::sockaddr::{self, Endpoint};
//!
//! let address = sockaddr::decode(&[2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
//! assert_eq!((address.ip(), address.port()), (Some([127, 0, 0, 1].into()), Some(80)));
//! assert_eq!(address.to_string(), "127.0.0.1:80");
//! assert!(matches!(sockaddr::decode(&[2, 0, 17]).endpoint, Endpoint::Cut(_)));
//! ```

#[cfg(test)]
mod tests;
mod text;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::table;

/// A socket address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address<'a> {
    /// `AF_*`; absent if not even two bytes are there.
    pub family: Option<u16>,
    /// What follows the family.
    pub endpoint: Endpoint<'a>,
}

/// What an address names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endpoint<'a> {
    /// `AF_UNSPEC`: a connect that undoes an earlier one.
    Unspecified,
    /// IPv4 or IPv6 with its port.
    Ip {
        /// As given: a mapped IPv4 address stays IPv6; see [`Address::ip`].
        address: IpAddr,
        /// Port.
        port: u16,
        /// Interface number of a link-local IPv6 address, else 0.
        scope: u32,
    },
    /// A unix socket in the file system.
    Path(&'a [u8]),
    /// A unix socket with a name of its own, without the leading NUL; NULs inside belong to it.
    Abstract(&'a [u8]),
    /// A unix socket without a name.
    Unnamed,
    /// A netlink socket.
    Netlink {
        /// 0 = the kernel.
        port: u32,
        /// Multicast groups as bits.
        groups: u32,
    },
    /// A packet socket.
    Packet {
        /// Ethernet protocol.
        protocol: u16,
        /// Interface number, 0 = any.
        interface: u32,
        /// Hardware address.
        hardware: &'a [u8],
    },
    /// A socket between a virtual machine and its host.
    Vsock {
        /// Context: 2 = host, `u32::MAX` = any.
        cid: u32,
        /// Port.
        port: u32,
    },
    /// The kernel's crypto interface.
    Alg {
        /// `hash`, `skcipher`, `aead`, `rng`.
        kind: &'a [u8],
        /// `sha256`, `cbc(aes)`, ...
        name: &'a [u8],
    },
    /// A CAN bus.
    Can {
        /// Interface number.
        interface: u32,
    },
    /// Bluetooth, by the length of the address.
    Bluetooth {
        /// Device address, last byte first; absent for the controller interface.
        device: Option<[u8; 6]>,
        /// Channel, service or controller number.
        channel: u16,
    },
    /// `AF_XDP`.
    Xdp {
        /// Interface number.
        interface: u32,
        /// Queue.
        queue: u32,
    },
    /// Qualcomm IPC router, TIPC, MCTP, NFC: a node or device and a number on it.
    Node {
        /// Node, network or device.
        node: u32,
        /// Port, reference, endpoint or target on it.
        port: u32,
    },
    /// A station with a printable name: X.25, AX.25, IUCV.
    Station(&'a [u8]),
    /// Too short for its family.
    Cut(&'a [u8]),
    /// A family that no arm knows.
    Opaque(&'a [u8]),
}

impl Address<'_> {
    /// The IP address; of one that maps IPv4 into IPv6 the IPv4 address, since that is what went over the wire.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self.endpoint {
            Endpoint::Ip { address, .. } => Some(address.to_canonical()),
            _ => None,
        }
    }

    /// The port of an IP address.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self.endpoint {
            Endpoint::Ip { port, .. } => Some(port),
            _ => None,
        }
    }

    /// The path of a unix socket in the file system.
    #[must_use]
    pub fn path(&self) -> Option<&[u8]> {
        match self.endpoint {
            Endpoint::Path(path) => Some(path),
            _ => None,
        }
    }

    /// `ipv4`, `ipv6`, `unix`, `netlink`, ...; a family without a name has none.
    #[must_use]
    pub fn family_word(&self) -> Option<String> {
        table::family_word(self.family?)
    }
}

/// Reads a socket address.
#[must_use]
pub fn decode(bytes: &[u8]) -> Address<'_> {
    let Some((family, little)) = family(bytes) else {
        return Address { family: None, endpoint: Endpoint::Cut(bytes) };
    };
    let reader = Reader { bytes, little };
    let endpoint = reader.endpoint(family).unwrap_or(Endpoint::Cut(bytes));
    Address { family: Some(family), endpoint }
}

/// The family, and whether the host has the lowest byte first.
fn family(bytes: &[u8]) -> Option<(u16, bool)> {
    match *bytes {
        [low, 0, ..] => Some((u16::from(low), true)),
        [0, low, ..] => Some((u16::from(low), false)),
        [a, b, ..] => Some((u16::from_le_bytes([a, b]), true)),
        _ => None,
    }
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl<'a> Reader<'a> {
    /// `None` = too short.
    fn endpoint(self, family: u16) -> Option<Endpoint<'a>> {
        Some(match family {
            0 => Endpoint::Unspecified,
            1 => self.unix(),
            2 => self.inet(0)?,
            3 => Endpoint::Station(until_nul(self.bytes.get(2..9)?)),
            9 => Endpoint::Station(until_nul(self.bytes.get(2..)?)),
            10 => self.inet6(0)?,
            16 => Endpoint::Netlink { port: self.word(4)?, groups: self.word(8)? },
            17 => self.packet()?,
            29 => Endpoint::Can { interface: self.word(4)? },
            30 => Endpoint::Node { node: self.word(8)?, port: self.word(4)? },
            31 => self.bluetooth()?,
            32 => Endpoint::Station(self.bytes.get(10..)?),
            33 => self.rxrpc()?,
            38 => Endpoint::Alg { kind: until_nul(self.bytes.get(2..16)?), name: until_nul(self.bytes.get(24..)?) },
            39 => Endpoint::Node { node: self.word(4)?, port: self.word(8)? },
            40 => Endpoint::Vsock { port: self.word(4)?, cid: self.word(8)? },
            42 => Endpoint::Node { node: self.word(4)?, port: self.word(8)? },
            44 => Endpoint::Xdp { interface: self.word(4)?, queue: self.word(8)? },
            45 => Endpoint::Node { node: self.word(4)?, port: u32::from(*self.bytes.get(8)?) },
            _ => Endpoint::Opaque(self.bytes),
        })
    }

    fn unix(self) -> Endpoint<'a> {
        match self.bytes.get(2..).unwrap_or_default() {
            [] => Endpoint::Unnamed,
            [0, name @ ..] => Endpoint::Abstract(name),
            path => Endpoint::Path(until_nul(path)),
        }
    }

    fn inet(self, at: usize) -> Option<Endpoint<'a>> {
        let address: [u8; 4] = self.array(at + 4)?;
        Some(Endpoint::Ip { address: Ipv4Addr::from(address).into(), port: self.network_half(at + 2)?, scope: 0 })
    }

    /// The scope came later than the rest: an address of 24 bytes is whole.
    fn inet6(self, at: usize) -> Option<Endpoint<'a>> {
        let address: [u8; 16] = self.array(at + 8)?;
        let scope = self.word(at + 24).unwrap_or(0);
        Some(Endpoint::Ip { address: Ipv6Addr::from(address).into(), port: self.network_half(at + 2)?, scope })
    }

    fn packet(self) -> Option<Endpoint<'a>> {
        let length = usize::from(self.bytes.get(11).copied().unwrap_or(0)).min(8);
        Some(Endpoint::Packet {
            protocol: self.network_half(2)?,
            interface: self.word(4)?,
            hardware: self.bytes.get(12..12 + length).unwrap_or_default(),
        })
    }

    /// Controller 6 bytes; SCO 8; RFCOMM 9 or 10 with padding; L2CAP 13 or 14. L2CAP numbers are little-endian
    /// everywhere.
    fn bluetooth(self) -> Option<Endpoint<'a>> {
        Some(match self.bytes.len() {
            6 => Endpoint::Bluetooth { device: None, channel: self.half(2)? },
            8 => Endpoint::Bluetooth { device: self.array(2), channel: 0 },
            9 | 10 => Endpoint::Bluetooth { device: self.array(2), channel: u16::from(*self.bytes.get(8)?) },
            12.. => Endpoint::Bluetooth { device: self.array(4), channel: u16::from_le_bytes(self.array(2)?) },
            _ => return None,
        })
    }

    /// The address of the peer below.
    fn rxrpc(self) -> Option<Endpoint<'a>> {
        match self.half(8)? {
            2 => self.inet(8),
            10 => self.inet6(8),
            _ => Some(Endpoint::Opaque(self.bytes)),
        }
    }

    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at + N)?.try_into().ok()
    }

    fn network_half(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_be_bytes)
    }

    fn half(self, at: usize) -> Option<u16> {
        self.array(at).map(|bytes| if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn word(self, at: usize) -> Option<u32> {
        self.array(at).map(|bytes| if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }
}

/// The kernel fills fixed fields with NULs, and a path ends at the first one: what stands behind is stack rubbish.
fn until_nul(bytes: &[u8]) -> &[u8] {
    memchr::memchr(0, bytes).map_or(bytes, |end| &bytes[..end])
}
