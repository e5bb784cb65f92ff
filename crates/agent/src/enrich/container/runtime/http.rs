//! As much of HTTP/1.1 (RFC 9112) as asking a local daemon takes: one GET, one answer, the connection is closed.
//!
//! Answers are read with a body of known length, in chunks, or to the end. A head is at most 16 KiB, a body 4 MiB. Does not
//! follow redirections, unpack, or keep connections.

use std::io::{BufRead, BufReader, Read, Write};

use super::Miss;
use super::socket::MOST_BYTES;

/// Bytes of status line and headers.
const MOST_HEAD: usize = 16 << 10;
/// Interim answers (1xx) before the real one.
const MOST_INTERIM: usize = 8;

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Response {
    pub(super) status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Response {
    /// The first header of this name, given in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Asks for `path`, which must be free of blanks and line ends.
pub(super) fn get(stream: &mut (impl Read + Write), path: &str) -> Result<Response, Miss> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: auditng\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    read(&mut BufReader::new(stream))
}

/// Reads one answer.
fn read(from: &mut impl BufRead) -> Result<Response, Miss> {
    let mut response = head(from)?;
    for _ in 0..MOST_INTERIM {
        if !(100..200).contains(&response.status) {
            break;
        }
        response = head(from)?;
    }
    let chunked = response.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    response.body = match (response.status, response.header("content-length")) {
        (100..200 | 204 | 304, _) => Vec::new(),
        _ if chunked => chunks(from)?,
        (_, Some(length)) => exactly(from, number(length.as_bytes(), 10)?)?,
        (_, None) => to_the_end(from)?,
    };
    Ok(response)
}

fn head(from: &mut impl BufRead) -> Result<Response, Miss> {
    let mut left = MOST_HEAD;
    let status = line(from, &mut left)?;
    let status = status.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5)).ok_or(Miss::Malformed)?;
    let status = u16::try_from(number(status, 10)?).map_err(|_| Miss::Malformed)?;
    let mut headers = Vec::new();
    loop {
        let line = line(from, &mut left)?;
        if line.is_empty() {
            return Ok(Response { status, headers, body: Vec::new() });
        }
        let text = String::from_utf8_lossy(&line);
        let (name, value) = text.split_once(':').ok_or(Miss::Malformed)?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// A line without its end. `left` bytes may still come.
fn line(from: &mut impl BufRead, left: &mut usize) -> Result<Vec<u8>, Miss> {
    let mut line = Vec::new();
    from.take(*left as u64).read_until(b'\n', &mut line)?;
    *left -= line.len();
    match line.pop() {
        Some(b'\n') => {}
        _ if *left == 0 => return Err(Miss::TooLarge),
        _ => return Err(Miss::Closed),
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}

fn chunks(from: &mut impl BufRead) -> Result<Vec<u8>, Miss> {
    let mut body = Vec::new();
    loop {
        let size = line(from, &mut { MOST_HEAD })?;
        let size = size.split(|&byte| byte == b';').next().unwrap_or_default();
        let size = number(size.trim_ascii(), 16)?;
        if size == 0 {
            // Trailers say nothing to us.
            let mut left = MOST_HEAD;
            while !line(from, &mut left)?.is_empty() {}
            return Ok(body);
        }
        if body.len().saturating_add(size) > MOST_BYTES {
            return Err(Miss::TooLarge);
        }
        body.extend(exactly(from, size)?);
        let mut end = exactly(from, 1)?;
        if end == b"\r" {
            end = exactly(from, 1)?;
        }
        if end != b"\n" {
            return Err(Miss::Malformed);
        }
    }
}

fn exactly(from: &mut impl BufRead, length: usize) -> Result<Vec<u8>, Miss> {
    if length > MOST_BYTES {
        return Err(Miss::TooLarge);
    }
    let mut body = Vec::new();
    from.take(length as u64).read_to_end(&mut body)?;
    if body.len() == length { Ok(body) } else { Err(Miss::Closed) }
}

fn to_the_end(from: &mut impl BufRead) -> Result<Vec<u8>, Miss> {
    let mut body = Vec::new();
    from.take(MOST_BYTES as u64 + 1).read_to_end(&mut body)?;
    if body.len() > MOST_BYTES { Err(Miss::TooLarge) } else { Ok(body) }
}

/// Digits alone, at least one.
fn number(digits: &[u8], radix: u32) -> Result<usize, Miss> {
    let text = str::from_utf8(digits).map_err(|_| Miss::Malformed)?;
    if text.starts_with('+') {
        return Err(Miss::Malformed);
    }
    usize::from_str_radix(text, radix).map_err(|error| match error.kind() {
        std::num::IntErrorKind::PosOverflow => Miss::TooLarge,
        _ => Miss::Malformed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(answer: &str, expect: Result<(u16, &str), Miss>) {
        let got = read(&mut answer.as_bytes());
        let got = got.map(|response| (response.status, String::from_utf8(response.body).unwrap()));
        assert_eq!(got, expect.map(|(status, body)| (status, body.to_owned())), "{answer:?}");
    }

    #[test]
    fn bodies_of_every_kind() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", Ok((200, "abc")));
        check("HTTP/1.0 404 Not Found\n\nall of it", Ok((404, "all of it")));
        check("HTTP/1.1 204 No Content\r\n\r\nx", Ok((204, "")));
        check(
            "HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nT: 1\r\n\r\n",
            Ok((200, "abcd")),
        );
        check("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", Ok((500, "")));
    }

    #[test]
    fn answers_that_break_off() {
        for cut in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"] {
            check(cut, Err(Miss::Closed));
        }
        check("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", Err(Miss::Closed));
    }

    #[test]
    fn answers_that_are_none() {
        check("SSH-2.0-OpenSSH\r\n\r\n", Err(Miss::Malformed));
        check("HTTP/1.1 2x0 OK\r\n\r\n", Err(Miss::Malformed));
        check("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Err(Miss::Malformed));
        check("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Err(Miss::Malformed));
        check("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", Err(Miss::Malformed));
        check("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", Err(Miss::Malformed));
    }

    #[test]
    fn answers_that_are_too_large() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n", Err(Miss::TooLarge));
        check("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", Err(Miss::TooLarge));
        check("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", Err(Miss::TooLarge));
        check(&format!("HTTP/1.1 200 OK\r\n{}", "A: b\r\n".repeat(5000)), Err(Miss::TooLarge));
        check(&format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(MOST_BYTES + 1)), Err(Miss::TooLarge));
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_a_panic(bytes: Vec<u8>) {
            if let Ok(response) = read(&mut &bytes[..]) {
                prop_assert!(response.body.len() < bytes.len());
            }
        }

        #[test]
        fn any_bytes_behind_a_chunked_head(bytes: Vec<u8>) {
            let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            answer.extend(&bytes);
            if let Ok(response) = read(&mut &answer[..]) {
                prop_assert!(response.body.len() <= bytes.len());
            }
        }

        #[test]
        fn a_body_in_any_chunks_comes_whole(parts: Vec<Vec<u8>>) {
            let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            for part in parts.iter().filter(|part| !part.is_empty()) {
                answer.extend(format!("{:X}\r\n", part.len()).bytes());
                answer.extend(part);
                answer.extend(b"\r\n");
            }
            answer.extend(b"0\r\n\r\n");
            prop_assert_eq!(read(&mut &answer[..]).unwrap().body, parts.concat());
        }
    }
}
