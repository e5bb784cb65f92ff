//! Every datagram as it was received, in a file that `auditng replay --format netlink` reads.
//!
//! Bounded: at its most bytes the file is whole and nothing more is written. A file that cannot be written ends the capture
//! and not the source. It is written by `audit-parse`, behind the queue, so a slow disk makes nobody lose a datagram that the
//! queue can hold. It holds what the kernel said, passwords on command lines among it: only its owner may read it.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use audit::netlink::capture;
use tracing::{info, warn};

use super::Config;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Capture {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    left: u64,
    frame: Vec<u8>,
}

impl Capture {
    /// What the configuration asks for.
    pub(super) fn of(config: &Config) -> Option<Self> {
        let path = config.capture.as_deref()?;
        match Self::create(path, config.capture_bytes.0) {
            Ok(capture) => {
                info!(path = %path.display(), bytes = config.capture_bytes.0, "captures all datagrams");
                Some(capture)
            }
            Err(error) => {
                warn!(path = %path.display(), %error, "nothing is captured");
                None
            }
        }
    }

    /// A file that was there is replaced.
    fn create(path: &Path, left: u64) -> std::io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let file = Some(BufWriter::with_capacity(64 << 10, file));
        Ok(Self { path: path.to_owned(), file, left, frame: Vec::new() })
    }

    /// Writes one datagram, if it still fits.
    pub(super) fn add(&mut self, datagram: &[u8]) {
        let Some(file) = &mut self.file else { return };
        self.frame.clear();
        capture::append(&mut self.frame, datagram);
        let length = self.frame.len() as u64;
        let result =
            if length > self.left { file.flush().map(|()| false) } else { file.write_all(&self.frame).map(|()| true) };
        match result {
            Ok(true) => self.left -= length,
            Ok(false) => {
                info!(path = %self.path.display(), "the capture has reached its most bytes");
                self.file = None;
            }
            Err(error) => {
                warn!(path = %self.path.display(), %error, "the capture ends");
                self.file = None;
            }
        }
    }

    /// Hands what waits in memory to the system, so that a reader sees it.
    pub(super) fn flush(&mut self) {
        if let Some(Err(error)) = self.file.as_mut().map(|file| file.flush()) {
            warn!(path = %self.path.display(), %error, "the capture ends");
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use audit::netlink::capture::Frames;

    #[test]
    fn is_read_back_up_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("capture");
        let mut capture = Capture::create(&path, 50).unwrap();
        for _ in 0..4 {
            capture.add(&[7; 16]);
        }
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 40);
        assert!(Frames::new(&bytes).all(|frame| frame.unwrap() == [7; 16]));
        assert!(Capture::of(&Config { capture: Some("/nonexistent/x".into()), ..Config::default() }).is_none());
    }
}
