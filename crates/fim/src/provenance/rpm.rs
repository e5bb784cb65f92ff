//! What rpm says of files, asked of the `rpm` program: its database has several forms, all heavier than a call.
//!
//! `rpm -q --dump` prints for each file: path, size, mtime, digest, mode, owner, group, three flags, and where a link points.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Package, Packages};
use crate::change::Change;
use crate::entry::{Entry, Kind};

/// Files whose answers are kept; beyond, all are asked anew.
const KEPT: usize = 65_536;

/// What one line of a dump says.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Line {
    digest: String,
    mode: u32,
    target: Option<Vec<u8>>,
}

/// rpm's database.
#[derive(Debug)]
pub struct Rpm {
    program: PathBuf,
    /// By path; of which transaction's second it is.
    known: HashMap<PathBuf, (Package, Line)>,
}

impl Rpm {
    /// By the program in `/usr/bin` or `/bin`. `None`: there is none.
    #[must_use]
    pub fn open() -> Option<Self> {
        ["/usr/bin/rpm", "/bin/rpm"].iter().map(PathBuf::from).find(|path| path.is_file()).map(Self::with)
    }

    fn with(program: PathBuf) -> Self {
        Self { program, known: HashMap::new() }
    }

    fn ask(&self, words: &[&[u8]]) -> Option<Vec<u8>> {
        let words = words.iter().map(|word| std::ffi::OsStr::from_bytes(word));
        let output = Command::new(&self.program)
            .args(words)
            .env_clear()
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        output.status.success().then_some(output.stdout)
    }

    /// Everything of the package that owns this path.
    fn load(&mut self, path: &Path) -> Option<()> {
        let name = path.as_os_str().as_bytes();
        let package = self.ask(&[b"-qf", b"--qf", b"%{NAME} %{VERSION}-%{RELEASE}\\n", b"--", name])?;
        let package = String::from_utf8(package).ok()?;
        let (name, version) = package.lines().next()?.split_once(' ')?;
        let package = Package { name: name.to_owned(), version: version.to_owned() };
        let dump = self.ask(&[b"-q", b"--dump", b"--", name.as_bytes()])?;
        if self.known.len() > KEPT {
            self.known.clear();
        }
        self.known.extend(
            dump.split(|byte| *byte == b'\n').filter_map(line).map(|(path, line)| (path, (package.clone(), line))),
        );
        Some(())
    }
}

impl Packages for Rpm {
    fn owner(&mut self, change: &Change) -> Option<Package> {
        let entry = change.after.as_ref()?;
        let fits = |rpm: &Self| {
            rpm.known.get(&change.path).filter(|(_, line)| fits(line, entry)).map(|(package, _)| package.clone())
        };
        // A line of before the upgrade does not fit; then it is asked for anew.
        fits(self).or_else(|| {
            self.load(&change.path)?;
            fits(self)
        })
    }

    fn versions(&mut self, names: &[String]) -> Vec<String> {
        names
            .iter()
            .map(|name| {
                self.known
                    .values()
                    .find(|(package, _)| package.name == *name)
                    .map_or_else(String::new, |(package, _)| package.version.clone())
            })
            .collect()
    }
}

/// The path has blanks where it has; the ten words behind it have none.
fn line(line: &[u8]) -> Option<(PathBuf, Line)> {
    let mut words: Vec<&[u8]> = line.rsplitn(11, |byte| *byte == b' ').collect();
    words.reverse();
    let [path, _, _, digest, mode, _, _, _, _, _, target] = words[..] else { return None };
    let mode = u32::from_str_radix(std::str::from_utf8(mode).ok()?, 8).ok()?;
    let digest = String::from_utf8(digest.to_vec()).ok()?;
    let target = (target != b"X").then(|| target.to_vec());
    Some((PathBuf::from(std::ffi::OsStr::from_bytes(path)), Line { digest, mode, target }))
}

fn fits(line: &Line, entry: &Entry) -> bool {
    let hashes = &entry.hashes;
    let content = match (entry.kind, line.digest.len()) {
        (Kind::File, 64) => hashes.sha256.is_some_and(|digest| digest.to_string() == line.digest),
        (Kind::Symlink, _) => entry.target.as_deref() == line.target.as_deref(),
        (Kind::Directory, _) => true,
        _ => false,
    };
    content && (entry.kind == Kind::Symlink || u32::from(entry.mode) == line.mode & 0o7777)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Action;
    use crate::entry::Digest;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn f35_files_are_asked_of_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("rpm");
        let digest = "01".repeat(32);
        let script = format!(
            "#!/bin/sh\nif [ $1 = -qf ]; then echo 'bash 5.2-1'; else echo '/usr/bin/a b 10 1700000000 {digest} 0100755 root root 0 0 0 X'; fi\n"
        );
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut after = crate::difference::example();
        (after.mode, after.hashes.sha256) = (0o755, Some(Digest([1; 32])));
        let change = |after: &Entry| Change {
            after: Some(after.clone()),
            ..Change::new(schema::Timestamp::default(), Action::Updated, PathBuf::from("/usr/bin/a b"))
        };
        let mut rpm = Rpm::with(program);
        assert_eq!(rpm.owner(&change(&after)), Some(Package { name: "bash".to_owned(), version: "5.2-1".to_owned() }));
        after.mode = 0o777;
        assert_eq!(rpm.owner(&change(&after)), None);
    }
}
