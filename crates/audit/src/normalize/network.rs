//! Whom a socket call spoke to: the SOCKADDR record.

use std::fmt::Write as _;
use std::net::IpAddr;

use schema::{Event, Field, field};

use super::bytes::push_keyed;
use super::view::View;
use crate::record::{name, unhex};
use crate::sockaddr::{self, Address, Endpoint};

/// Memory used again.
#[derive(Default)]
pub(super) struct Socket {
    bytes: Vec<u8>,
    text: String,
}

/// The fields of one end of a connection.
struct End {
    address: Field,
    ip: Field,
    port: Field,
    path: Field,
}

const SOURCE: End =
    End { address: field::SOURCE_ADDRESS, ip: field::SOURCE_IP, port: field::SOURCE_PORT, path: field::SOURCE_PATH };
const DESTINATION: End = End {
    address: field::DESTINATION_ADDRESS,
    ip: field::DESTINATION_IP,
    port: field::DESTINATION_PORT,
    path: field::DESTINATION_PATH,
};

/// What the summary says about a socket.
#[derive(Clone, Copy, Default)]
pub(super) struct Peer<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) port: Option<u16>,
}

impl Socket {
    /// Writes the address of the group's first SOCKADDR record, if it has one.
    pub(super) fn push(&mut self, view: View<'_>, call: Option<&str>, event: &mut Event) -> Peer<'_> {
        self.bytes.clear();
        let Some(hex) = view.raw(name::SADDR) else { return Peer::default() };
        push_keyed(event, field::AUDITD_DATA, "saddr", hex);
        if !unhex(hex, &mut self.bytes) {
            push_packet(view, event);
            return Peer::default();
        }
        let address = sockaddr::decode(&self.bytes);
        if let Some(family) = address.family_word() {
            push_keyed(event, field::AUDITD_DATA, "socket_family", family.as_bytes());
        }
        self.text.clear();
        name_of(&address, &mut self.text);
        self.push_data(&address, event);
        if let Some((end, direction)) = end_of(call) {
            self.push_end(&address, &end, event);
            event.push_str(field::NETWORK_DIRECTION, direction);
        }
        push_network(&address, event);
        Peer { name: Some(&*self.text).filter(|name| !name.is_empty()), port: address.port() }
    }

    fn push_data(&self, address: &Address<'_>, event: &mut Event) {
        let is_path = matches!(address.endpoint, Endpoint::Path(_) | Endpoint::Abstract(_));
        if !self.text.is_empty() {
            let key = if is_path { "socket_path" } else { "socket_addr" };
            push_keyed(event, field::AUDITD_DATA, key, self.text.as_bytes());
        }
        if let Some(port) = address.port() {
            push_keyed(event, field::AUDITD_DATA, "socket_port", port.to_string().as_bytes());
        }
    }

    fn push_end(&self, address: &Address<'_>, end: &End, event: &mut Event) {
        match address.endpoint {
            Endpoint::Ip { port, .. } => {
                event.push_str(end.ip, &self.text);
                event.push_long(end.port, i64::from(port));
            }
            Endpoint::Path(_) | Endpoint::Abstract(_) => event.push_str(end.path, &self.text),
            // Other families have no address that ECS has a place for; `auditd.data.socket_addr` shows them.
            _ => return,
        }
        event.push_str(end.address, &self.text);
    }
}

/// The ends of a packet that a NETFILTER_PKT record tells of, whose addresses are text.
fn push_packet(view: View<'_>, event: &mut Event) {
    for (addr, port, end) in [(name::SADDR, name::SPORT, SOURCE), (name::DADDR, name::DPORT, DESTINATION)] {
        let ip = view.raw(addr).and_then(|addr| str::from_utf8(addr).ok()?.parse::<IpAddr>().ok());
        let Some(ip) = ip.map(|ip| ip.to_string()) else { continue };
        event.push_str(end.ip, &ip);
        event.push_str(end.address, &ip);
        event.push_str(field::RELATED_IP, &ip);
        if let Some(port) = view.number(port) {
            event.push_long(end.port, port);
        }
    }
    if let Some(number) = view.raw(name::PROTO) {
        event.push_bytes(field::NETWORK_IANA_NUMBER, number);
    }
}

/// The peer without its port: an IP address, a path, `@abstract`, else the address as people write it.
fn name_of(address: &Address<'_>, out: &mut String) {
    let written = match (address.ip(), address.endpoint) {
        (Some(ip), _) => write!(out, "{ip}"),
        // Nothing is named; the bytes stay in `saddr`.
        (None, Endpoint::Unspecified | Endpoint::Unnamed | Endpoint::Cut(_) | Endpoint::Opaque(_)) => Ok(()),
        (None, Endpoint::Path(path)) => {
            out.push_str(&text_of(path));
            Ok(())
        }
        (None, Endpoint::Abstract(name)) => {
            out.push('@');
            out.push_str(&text_of(name));
            Ok(())
        }
        _ => write!(out, "{address}"),
    };
    // Writing to a String does not fail.
    written.unwrap_or_default();
}

fn text_of(bytes: &[u8]) -> String {
    str::from_utf8(bytes).map_or_else(|_| schema::event::escape(bytes), str::to_owned)
}

fn push_network(address: &Address<'_>, event: &mut Event) {
    match address.ip() {
        Some(ip) => {
            event.push_str(field::NETWORK_TYPE, if ip.is_ipv4() { "ipv4" } else { "ipv6" });
            if !ip.is_unspecified() {
                event.push_str(field::RELATED_IP, &ip.to_string());
            }
        }
        None if address.family == Some(1) => event.push_str(field::NETWORK_TRANSPORT, "unix"),
        None => {}
    }
}

/// Which end of a connection the address of this call is; others (bind, getsockname) name none.
fn end_of(call: Option<&str>) -> Option<(End, &'static str)> {
    match call? {
        "recvfrom" | "recvmsg" | "recvmmsg" | "recv" | "accept" | "accept4" => Some((SOURCE, "ingress")),
        "connect" | "sendto" | "sendmsg" | "sendmmsg" | "send" => Some((DESTINATION, "egress")),
        _ => None,
    }
}
