//! One unary gRPC call over a connection of its own.

use std::io::{Read, Write};

use super::{Miss, h2};

/// The metadata key by which containerd tells its tenants apart.
const NAMESPACE: &str = "containerd-namespace";
const NOT_FOUND: u32 = 5;
const UNIMPLEMENTED: u32 = 12;

/// Calls `method` (`/package.Service/Method`) and gives the answer's message.
pub(super) fn call(
    connection: &mut (impl Read + Write),
    method: &str,
    namespace: Option<&str>,
    message: &[u8],
) -> Result<Vec<u8>, Miss> {
    let mut headers = vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", method),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("user-agent", "auditng"),
    ];
    headers.extend(namespace.map(|name| (NAMESPACE, name)));
    let mut body = vec![0];
    body.extend(u32::try_from(message.len()).map_err(|_| Miss::TooLarge)?.to_be_bytes());
    body.extend(message);
    unwrap(&h2::request(connection, &headers, &body)?)
}

/// The message in an answer that says that all is well.
fn unwrap(answer: &h2::Answer) -> Result<Vec<u8>, Miss> {
    match answer.header(":status") {
        Some(b"200") => {}
        Some(_) => return Err(Miss::Refused),
        None => return Err(Miss::Malformed),
    }
    let status = answer.header("grpc-status").and_then(|status| str::from_utf8(status).ok()?.parse::<u32>().ok());
    match status {
        Some(0) => {}
        Some(NOT_FOUND) => return Err(Miss::Unknown),
        Some(UNIMPLEMENTED) => return Err(Miss::Unsupported),
        Some(_) => return Err(Miss::Refused),
        None => return Err(Miss::Malformed),
    }
    // Not packed, and one message alone.
    let (head, message) = answer.data.split_at_checked(5).ok_or(Miss::Malformed)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if head[0] == 0 && message.len() == length { Ok(message.to_vec()) } else { Err(Miss::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::super::h2::tests::{frame, headers};
    use super::*;
    use std::io::Cursor;

    /// What a call makes of an answer with this status, data and grpc-status.
    fn check(status: &str, data: &[u8], grpc: Option<&str>, expect: Result<&[u8], Miss>) {
        let mut says = headers(4, &[(":status", status), ("content-type", "application/grpc")]);
        says.extend(frame(0, 0, 1, data));
        let trailers: Vec<(&str, &str)> = grpc.map(|status| ("grpc-status", status)).into_iter().collect();
        says.extend(headers(5, &trailers));
        let mut peer = Peer(Cursor::new(says), 0);
        assert_eq!(call(&mut peer, "/a.B/C", Some("k8s.io"), b"m"), expect.map(<[u8]>::to_vec), "{status} {grpc:?}");
        assert!(peer.1 > 0);
    }

    /// What it says, and how many bytes it heard.
    struct Peer(Cursor<Vec<u8>>, usize);

    impl Read for Peer {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Peer {
        fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
            self.1 += buffer.len();
            Ok(buffer.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn answers() {
        check("200", b"\0\0\0\0\x02hi", Some("0"), Ok(b"hi"));
        check("200", b"\0\0\0\0\0", Some("0"), Ok(b""));
        check("200", b"", Some("5"), Err(Miss::Unknown));
        check("200", b"", Some("12"), Err(Miss::Unsupported));
        check("200", b"", Some("13"), Err(Miss::Refused));
        check("404", b"", None, Err(Miss::Refused));
        check("200", b"\0\0\0\0\x02hi", None, Err(Miss::Malformed));
        check("200", b"\x01\0\0\0\x02hi", Some("0"), Err(Miss::Malformed));
        check("200", b"\0\0\0\0\x03hi", Some("0"), Err(Miss::Malformed));
        check("200", b"", Some("0"), Err(Miss::Malformed));
    }
}
