//! Files as the spool needs them: a small trait, so that faults can be played in memory ([`Memory`](super::memory::Memory)).
//!
//! Paths are relative to the spool's folder, with `/` between the parts. Nothing here retries: what a failure means is
//! decided by the caller, since an `fdatasync` that failed once must not be asked again on the same file.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::PathBuf;

/// The operations of a spool on its folder.
pub trait Disk: Send {
    /// Makes a folder, parents too, unless it is there.
    ///
    /// # Errors
    /// As the file system says.
    fn make_folder(&mut self, folder: &str) -> io::Result<()>;

    /// Names and lengths of the regular files in a folder.
    ///
    /// # Errors
    /// As the file system says.
    fn list(&mut self, folder: &str) -> io::Result<Vec<(String, u64)>>;

    /// Fills `buf` from `at` on as far as the file goes and returns how many bytes that were.
    ///
    /// # Errors
    /// As the file system says.
    fn read(&mut self, path: &str, at: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// Makes a new, empty file and keeps it open for [`Self::append`].
    ///
    /// # Errors
    /// As the file system says; also if the file is there already.
    fn create(&mut self, path: &str) -> io::Result<()>;

    /// Writes at the end of a file made by [`Self::create`]. After an error, part of the bytes may be there.
    ///
    /// # Errors
    /// As the file system says.
    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// `fdatasync` of a file made by [`Self::create`].
    ///
    /// # Errors
    /// As the file system says. The state of the file's unsynced bytes is then unknown for good.
    fn sync(&mut self, path: &str) -> io::Result<()>;

    /// `fsync` of a folder: files made, renamed and removed in it are so for good.
    ///
    /// # Errors
    /// As the file system says.
    fn sync_folder(&mut self, folder: &str) -> io::Result<()>;

    /// Cuts an open file to this length.
    ///
    /// # Errors
    /// As the file system says.
    fn truncate(&mut self, path: &str, len: u64) -> io::Result<()>;

    /// Ends the writing of a file.
    fn close(&mut self, path: &str);

    /// Renames a file, over another one if need be.
    ///
    /// # Errors
    /// As the file system says.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// As the file system says.
    fn remove(&mut self, path: &str) -> io::Result<()>;

    /// Bytes free for this process on the file system.
    ///
    /// # Errors
    /// As the file system says.
    fn free(&mut self) -> io::Result<u64>;

    /// A number that is another one for every copy of the folder and every boot of the machine.
    fn place(&mut self) -> u64;
}

/// Replaces a small file as a whole: whoever reads it, also after a crash, finds the old bytes or the new ones.
///
/// # Errors
/// As the file system says; the old file is then still there.
pub fn replace(disk: &mut dyn Disk, folder: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let path = join(folder, name);
    let temporary = format!("{path}.tmp");
    // Left behind by a crash, if it is there at all.
    match disk.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) | Ok(()) => {}
    }
    disk.create(&temporary)?;
    let written = disk.append(&temporary, bytes).and_then(|()| disk.sync(&temporary));
    disk.close(&temporary);
    written.and_then(|()| disk.rename(&temporary, &path)).and_then(|()| disk.sync_folder(folder))
}

/// The whole of a small file, at most `most` bytes of it.
///
/// # Errors
/// As the file system says.
pub fn read_small(disk: &mut dyn Disk, path: &str, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let len = disk.read(path, 0, &mut bytes)?;
    bytes.truncate(len);
    Ok(bytes)
}

/// `folder/name`, or just the name at the top.
#[must_use]
pub fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A real folder.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// Files being written: at most one segment a lane and one temporary file.
    open: BTreeMap<String, File>,
    /// The file read last; the shipper reads one segment from end to end.
    reading: Option<(String, File)>,
}

impl Folder {
    /// Of this path; it is made when first needed.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), open: BTreeMap::new(), reading: None }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn opened(&self, path: &str) -> io::Result<&File> {
        self.open.get(path).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "not open for writing"))
    }

    fn forget_reader(&mut self, path: &str) {
        self.reading.take_if(|(name, _)| name == path);
    }
}

impl Disk for Folder {
    fn make_folder(&mut self, folder: &str) -> io::Result<()> {
        let path = self.path(folder);
        std::fs::create_dir_all(&path)?;
        // The new entry must outlive a power cut as well; its parent is ours or a folder that was there.
        path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    }

    fn list(&mut self, folder: &str) -> io::Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(self.path(folder))? {
            let entry = entry?;
            let about = entry.metadata()?;
            // A name that is not UTF-8 is none of ours.
            if let (true, Ok(name)) = (about.is_file(), entry.file_name().into_string()) {
                found.push((name, about.len()));
            }
        }
        Ok(found)
    }

    fn read(&mut self, path: &str, at: u64, buf: &mut [u8]) -> io::Result<usize> {
        if self.reading.as_ref().is_none_or(|(name, _)| name != path) {
            self.reading = Some((path.to_owned(), File::open(self.path(path))?));
        }
        let Some((_, file)) = &self.reading else { return Ok(0) };
        let mut filled = 0;
        while filled < buf.len() {
            match file.read_at(&mut buf[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn create(&mut self, path: &str) -> io::Result<()> {
        self.forget_reader(path);
        let file = OpenOptions::new().append(true).create_new(true).open(self.path(path))?;
        self.open.insert(path.to_owned(), file);
        Ok(())
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(&mut self.opened(path)?, bytes)
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        self.opened(path)?.sync_data()
    }

    fn sync_folder(&mut self, folder: &str) -> io::Result<()> {
        File::open(self.path(folder))?.sync_all()
    }

    fn truncate(&mut self, path: &str, len: u64) -> io::Result<()> {
        self.opened(path)?.set_len(len)
    }

    fn close(&mut self, path: &str) {
        self.open.remove(path);
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.forget_reader(from);
        self.forget_reader(to);
        std::fs::rename(self.path(from), self.path(to))
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        self.forget_reader(path);
        std::fs::remove_file(self.path(path))
    }

    fn free(&mut self) -> io::Result<u64> {
        let about = rustix::fs::statvfs(&self.root)?;
        Ok(about.f_bavail.saturating_mul(about.f_frsize))
    }

    fn place(&mut self) -> u64 {
        let boot = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let folder = std::fs::metadata(&self.root).map(|about| (about.dev(), about.ino())).unwrap_or_default();
        let mut digest = crc32fast::Hasher::new();
        digest.update(&boot);
        u64::from(digest.finalize()) << 32 ^ folder.0.rotate_left(17) ^ folder.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = Folder::new(dir.path());
        disk.make_folder("high").unwrap();
        disk.create("high/a").unwrap();
        disk.append("high/a", b"0123456789").unwrap();
        disk.sync("high/a").unwrap();
        disk.sync_folder("high").unwrap();
        let mut buf = [0; 8];
        assert_eq!(disk.read("high/a", 4, &mut buf).unwrap(), 6);
        assert_eq!(&buf[..6], b"456789");
        disk.truncate("high/a", 3).unwrap();
        assert_eq!(disk.list("high").unwrap(), [("a".to_owned(), 3)]);
        assert!(disk.create("high/a").is_err());
        assert!(disk.free().unwrap() > 0);
    }

    #[test]
    fn a_small_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = Folder::new(dir.path());
        replace(&mut disk, "", "mark", b"one").unwrap();
        replace(&mut disk, "", "mark", b"two").unwrap();
        assert_eq!(read_small(&mut disk, "mark", 100).unwrap(), b"two");
        assert_eq!(disk.list("").unwrap().len(), 1);
    }

    #[test]
    fn a_copy_of_the_folder_is_another_place() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_ne!(Folder::new(one.path()).place(), Folder::new(other.path()).place());
        assert_eq!(Folder::new(one.path()).place(), Folder::new(one.path()).place());
    }
}
