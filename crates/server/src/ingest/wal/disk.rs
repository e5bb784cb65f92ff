//! The little that the log asks of a disk, so that tests can give it one that fails.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

/// Makes segment files.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates a file that does not exist yet.
    ///
    /// # Errors
    /// As the operating system says.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// A file that only grows.
pub trait SegmentFile: Send + Sync + fmt::Debug {
    /// Writes at the end.
    ///
    /// # Errors
    /// As the operating system says; any part may have been written.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Makes the content durable.
    ///
    /// # Errors
    /// As the operating system says; what was not durable before must be taken for lost.
    fn sync(&self) -> io::Result<()>;

    /// Cuts the file off at `len`.
    ///
    /// # Errors
    /// As the operating system says.
    fn cut(&self, len: u64) -> io::Result<()>;
}

/// The real one.
#[derive(Debug)]
pub struct Real;

impl Disk for Real {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        let file = File::options().create_new(true).append(true).open(path)?;
        Ok(Arc::new(file))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

impl SegmentFile for File {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = self;
        file.write_all(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}
