//! Recorded inputs: files and standard input, unpacked by their first bytes, read in chunks of bounded size.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// An input that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("cannot read {}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{} is a directory; name the files in it", path.display())]
    Directory { path: PathBuf },
    #[error("{} broke off at byte {at} of the unpacked data; what came before was used", path.display())]
    Broken { path: PathBuf, at: u64, source: io::Error },
}

/// An opened input.
pub(crate) struct Input {
    path: PathBuf,
    reader: Box<dyn Read>,
    /// Unpacked bytes so far.
    at: u64,
}

impl Input {
    /// Opens a file, or standard input for `-`; `progress` follows the packed bytes.
    pub(crate) fn open(path: &Path, progress: &ProgressBar) -> Result<Self, InputError> {
        let failed = |source| InputError::Open { path: path.to_owned(), source };
        let raw: Box<dyn Read> = if path == Path::new("-") {
            Box::new(progress.wrap_read(io::stdin().lock()))
        } else {
            let file = File::open(path).map_err(failed)?;
            if file.metadata().map_err(failed)?.is_dir() {
                return Err(InputError::Directory { path: path.to_owned() });
            }
            Box::new(progress.wrap_read(file))
        };
        let reader = unpacked(raw).map_err(failed)?;
        Ok(Self { path: path.to_owned(), reader, at: 0 })
    }

    /// Fills as much of `buffer` as there is; 0 at the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, InputError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.reader.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) if filled > 0 => break, // said by the next call, after these bytes were used
                Err(source) => return Err(InputError::Broken { path: self.path.clone(), at: self.at, source }),
            }
        }
        self.at += filled as u64;
        Ok(filled)
    }
}

/// Undoes zstd or gzip if the first bytes say so; frames or members may follow one another.
fn unpacked(mut raw: Box<dyn Read>) -> io::Result<Box<dyn Read>> {
    let mut magic = Vec::with_capacity(4);
    raw.by_ref().take(4).read_to_end(&mut magic)?;
    let whole = io::Cursor::new(magic.clone()).chain(raw);
    Ok(match magic[..] {
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::stream::read::Decoder::new(whole)?),
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(whole))),
        _ => Box::new(whole),
    })
}

/// A progress bar over the packed bytes of all files; silent where standard error is no terminal.
pub(crate) fn progress(files: &[PathBuf]) -> ProgressBar {
    let sizes = files.iter().map(|path| path.metadata().map(|data| data.len()).ok());
    let total: Option<u64> = sizes.sum();
    let target = if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(total, target);
    let template = "{bar:32} {bytes}/{total_bytes} {msg} {elapsed} (about {eta} left)";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn read_all(path: &Path) -> Result<Vec<u8>, InputError> {
        let mut input = Input::open(path, &ProgressBar::hidden())?;
        let (mut all, mut chunk) = (Vec::new(), [0; 7]);
        loop {
            match input.read(&mut chunk)? {
                0 => return Ok(all),
                n => all.extend_from_slice(&chunk[..n]),
            }
        }
    }

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn plain_gzip_and_zstd_give_the_same_bytes() {
        let text = b"type=CWD msg=audit(1.000:1): cwd=\"/\"\n".repeat(1000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let mut two_frames = zstd::encode_all(&text[..100], 1).unwrap();
        two_frames.extend(zstd::encode_all(&text[100..], 1).unwrap());
        for packed in [text.clone(), gzip.finish().unwrap(), two_frames] {
            assert_eq!(read_all(file(&packed).path()).unwrap(), text);
        }
        for short in [&b""[..], b"a", b"\x1f"] {
            assert_eq!(read_all(file(short).path()).unwrap(), short);
        }
    }

    #[test]
    fn a_cut_archive_gives_what_it_has_and_then_says_where_it_broke() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let packed = zstd::encode_all(&text[..], 1).unwrap();
        let cut = file(&packed[..packed.len() / 2]);
        let error = read_all(cut.path()).unwrap_err();
        assert!(matches!(error, InputError::Broken { at, .. } if at > 0), "{error}");
    }

    #[test]
    fn what_is_no_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read_all(folder.path()), Err(InputError::Directory { .. })));
        assert!(matches!(read_all(&folder.path().join("none")), Err(InputError::Open { .. })));
    }
}
