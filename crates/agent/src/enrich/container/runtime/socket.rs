//! A connection to a runtime's unix socket that ends: after its time, or after its bytes.
//!
//! Whoever listens there may be hung, overloaded or hostile. Connecting never waits (a full backlog is [`Miss::Busy`]), and
//! every later read and write has what is left of one deadline, so that a peer that sends a byte now and then gains nothing.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::Miss;

/// For one question with its answer.
pub(super) const TIME: Duration = Duration::from_millis(500);
/// Bytes of an answer, headers and framing among them.
pub(super) const MOST_BYTES: usize = 4 << 20;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Stream {
    stream: UnixStream,
    until: Instant,
    left: usize,
}

impl Stream {
    /// Connects. The whole exchange is over within `time`.
    pub(super) fn open(path: &Path, time: Duration) -> Result<Self, Miss> {
        let until = Instant::now() + time;
        let address = SocketAddrUnix::new(path).map_err(io::Error::from)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(io::Error::from)?;
        connect(&socket, &address).map_err(io::Error::from).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => Miss::Busy,
            _ => error.into(),
        })?;
        let stream = UnixStream::from(socket);
        stream.set_nonblocking(false)?;
        Ok(Self { stream, until, left: MOST_BYTES })
    }

    /// What is left of the time; none is an error, since a zero timeout would mean to wait for ever.
    fn time_left(&self) -> io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(ErrorKind::FileTooLarge.into());
        }
        self.stream.set_read_timeout(Some(self.time_left()?))?;
        let most = buffer.len().min(self.left);
        let count = self.stream.read(&mut buffer[..most])?;
        self.left -= count;
        Ok(count)
    }
}

impl Write for Stream {
    #[expect(clippy::disallowed_methods, reason = "implements it; callers use write_all")]
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.time_left()?))?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    const SHORT: Duration = Duration::from_millis(50);

    fn listener() -> (tempfile::TempDir, std::path::PathBuf, UnixListener) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        (folder, path, listener)
    }

    fn read(path: &Path, time: Duration) -> Result<Vec<u8>, Miss> {
        let mut bytes = Vec::new();
        Stream::open(path, time)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn nobody_there() {
        let (_folder, path, listener) = listener();
        drop(listener);
        assert_eq!(read(&path, SHORT), Err(Miss::Absent));
        assert_eq!(read(Path::new("/nowhere/s"), SHORT), Err(Miss::Absent));
        assert_eq!(read(Path::new(&format!("/{}", "x".repeat(200))), SHORT), Err(Miss::Absent));
    }

    #[test]
    fn one_who_says_nothing_costs_the_time_and_no_more() {
        let (_folder, path, _listener) = listener();
        let begin = Instant::now();
        assert_eq!(read(&path, SHORT), Err(Miss::Timeout));
        assert!(begin.elapsed() >= SHORT);
    }

    #[test]
    fn one_who_accepts_nobody_is_busy_at_once() {
        let (_folder, path, _listener) = listener();
        let mut waiting = Vec::new();
        let busy = (0..10_000).find_map(|_| match Stream::open(&path, SHORT) {
            Ok(stream) => {
                waiting.push(stream);
                None
            }
            Err(miss) => Some(miss),
        });
        assert_eq!(busy, Some(Miss::Busy));
    }

    #[test]
    fn one_who_never_ends_is_cut() {
        let (_folder, path, listener) = listener();
        let sender = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            while stream.write_all(&[0; 65_536]).is_ok() {}
        });
        assert_eq!(read(&path, Duration::from_secs(30)), Err(Miss::TooLarge));
        sender.join().unwrap();
    }
}
