//! Real recordings that lie beside a checkout and are not part of it.

use std::io;
use std::path::{Path, PathBuf};

/// The folder of recordings: `$AUDITNG_DATA`, else `../shared/data` beside the workspace, if it is there.
#[must_use]
pub fn data_dir() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let dir = std::env::var_os("AUDITNG_DATA").map_or(beside, PathBuf::from);
    dir.is_dir().then_some(dir)
}

/// One recording by its path in the folder. Where it is absent the reason is printed, and the test returns:
///
/// ```no_run
/// let Some(log) = testkit::recording("audit/real/host.log.zst") else { return };
/// ```
#[must_use]
pub fn recording(name: &str) -> Option<PathBuf> {
    let path = data_dir().map(|dir| dir.join(name)).filter(|path| path.exists());
    if path.is_none() {
        #[expect(clippy::print_stderr, reason = "a skip must be seen")]
        {
            eprintln!("skipped: no recording {name} (set AUDITNG_DATA to a folder that has it)");
        }
    }
    path
}

/// The bytes of a zstd-compressed recording.
///
/// # Errors
/// The file cannot be read or is not zstd.
pub fn unpacked(path: &Path) -> io::Result<Vec<u8>> {
    zstd::stream::decode_all(std::fs::File::open(path)?)
}
