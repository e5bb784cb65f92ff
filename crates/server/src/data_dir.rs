//! The data directory: one process at a time, one format, and this server's own id.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use schema::AgentId;

use crate::StartError;

/// The format that this program writes and reads.
const FORMAT: u32 = 1;

/// A data directory that is ours as long as this lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    pub(crate) path: PathBuf,
    /// This server's own agent id: events that it makes, and ids that it gives.
    pub(crate) node: AgentId,
    /// Held locked.
    _lock: File,
}

impl DataDir {
    pub(crate) fn open(path: &Path) -> Result<Self, StartError> {
        let failed = |source| StartError::DataDir { path: path.to_owned(), source };
        private_dir(path).map_err(failed)?;
        let lock = lock(path)?;
        let node = version(path)?;
        Ok(Self { path: path.to_owned(), node, _lock: lock })
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write_private(&self, name: &str, text: &str) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = self.join(name);
        self.remove(name);
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())
    }

    /// Removes a file if it is there.
    pub(crate) fn remove(&self, name: &str) {
        match fs::remove_file(self.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, name, "a file cannot be removed");
            }
            _ => {}
        }
    }
}

/// Made for its owner only; one that is there stays as it is.
fn private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn lock(path: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::DataDir { path: path.to_owned(), source };
    let options = || File::options().read(true).write(true).create(true).truncate(false).open(path.join("LOCK"));
    let mut file = options().map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid).map_err(failed)?;
            return Err(StartError::Locked { path: path.to_owned(), pid: pid.trim().to_owned() });
        }
        Err(error) => return Err(failed(error.into())),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
    file.write_all(format!("{}\n", std::process::id()).as_bytes()).map_err(failed)?;
    Ok(file)
}

/// `VERSION` holds the format and this server's id: `auditng 1 <12 hex digits>`.
fn version(path: &Path) -> Result<AgentId, StartError> {
    let failed = |source| StartError::DataDir { path: path.to_owned(), source };
    let file = path.join("VERSION");
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let node = new_node().map_err(failed)?;
            create(&file, &format!("auditng {FORMAT} {node}\n")).map_err(failed)?;
            return Ok(node);
        }
        Err(error) => return Err(failed(error)),
    };
    let mut words = text.split_whitespace();
    let found = words.nth(1).and_then(|format| format.parse::<u32>().ok());
    match (found, words.next().and_then(|node| node.parse().ok())) {
        (Some(found), _) if found > FORMAT => Err(StartError::Newer { path: path.to_owned(), found, known: FORMAT }),
        (Some(_), Some(node)) => Ok(node),
        _ => Err(failed(io::Error::new(
            io::ErrorKind::InvalidData,
            "VERSION cannot be read; is this a data directory of auditng?",
        ))),
    }
}

/// Whole or not at all.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

fn new_node() -> io::Result<AgentId> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(AgentId::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(dir.path()).unwrap();
        let Err(StartError::Locked { pid, .. }) = DataDir::open(dir.path()) else { panic!("locked twice") };
        assert_eq!(pid, std::process::id().to_string());
        let node = first.node;
        drop(first);
        assert_eq!(DataDir::open(dir.path()).unwrap().node, node);
    }

    #[test]
    fn other_formats_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("VERSION"), "auditng 2 000000000001\n").unwrap();
        assert!(matches!(DataDir::open(dir.path()), Err(StartError::Newer { found: 2, known: 1, .. })));
        fs::write(dir.path().join("VERSION"), "something else").unwrap();
        assert!(matches!(DataDir::open(dir.path()), Err(StartError::DataDir { .. })));
    }

    #[test]
    fn secrets_are_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(&dir.path().join("new")).unwrap();
        data.write_private("admin-link", "x").unwrap();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(data.join("admin-link")), 0o600);
        assert_eq!(mode(data.path.clone()), 0o700);
    }
}
