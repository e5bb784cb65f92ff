//! Names that editors give to files of their own beside the one they edit.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What such a name belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Beside {
    /// This file, or the one with a dot before it: vim hides no second time what is hidden already.
    File(PathBuf),
    /// Some file of the same folder: vim's probe whether it may write there.
    Folder,
}

/// Whose temporary or backup this name would be: vim's swap files `.NAME.swp` (to `.saa`), its probe `4913`, `.NAME.un~`; the
/// backups `NAME~` and `NAME.bak` of many; Emacs' `#NAME#` and its lock `.#NAME`; nano's `.NAME.swp`; dpkg's `NAME.dpkg-new`,
/// `NAME.dpkg-tmp`. That a name looks so says nothing of what it is: the judge folds it only where it came and went, and only
/// beside a file that is known or that the same process changed.
pub(super) fn beside(path: &Path) -> Option<Beside> {
    let name = path.file_name()?.as_bytes();
    if vim_probe(name) {
        return Some(Beside::Folder);
    }
    let of = of_name(name).filter(|of| !of.is_empty())?;
    Some(Beside::File(path.with_file_name(OsStr::from_bytes(of))))
}

/// Whether this is a swap file of vim or nano, which stays as long as the file is edited.
pub(super) fn is_swap(path: &Path) -> bool {
    path.file_name().is_some_and(|name| swap(name.as_bytes()).is_some())
}

/// Editors that leave swap files while they run: the executable of a process that may be believed.
pub(super) fn is_editor(exe: &[u8]) -> bool {
    let name = exe.strip_prefix(b"/usr/bin/").or_else(|| exe.strip_prefix(b"/bin/"));
    name.is_some_and(|name| {
        name == b"vim" || name == b"nvim" || name == b"nano" || name == b"vi" || name.starts_with(b"vim.")
    })
}

fn of_name(name: &[u8]) -> Option<&[u8]> {
    let locked = || name.strip_prefix(b".#");
    let saved = || name.strip_prefix(b"#")?.strip_suffix(b"#");
    let undo = || name.strip_prefix(b".")?.strip_suffix(b".un~");
    let plain = || [&b"~"[..], b".bak", b".dpkg-new", b".dpkg-tmp"].iter().find_map(|end| name.strip_suffix(*end));
    swap(name).or_else(locked).or_else(saved).or_else(undo).or_else(plain)
}

fn swap(name: &[u8]) -> Option<&[u8]> {
    // vim tries with a file of this name whether two names can be one.
    let name = name.strip_suffix(b"x").filter(|name| name.ends_with(b".swp")).unwrap_or(name);
    let (stem, end) = name.split_at_checked(name.len().checked_sub(4)?)?;
    let swap = matches!(end, [b'.', b's', b'a'..=b'w', b'a'..=b'z']);
    stem.strip_prefix(b".").filter(|_| swap)
}

/// 4913, then 123 more each time until a name is free.
fn vim_probe(name: &[u8]) -> bool {
    let number =
        std::str::from_utf8(name).ok().filter(|name| name.len() <= 6).and_then(|name| name.parse::<u32>().ok());
    number.is_some_and(|number| number >= 4913 && (number - 4913).is_multiple_of(123))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whose(name: &str) -> Option<String> {
        match beside(&Path::new("/etc").join(name))? {
            Beside::File(path) => Some(path.display().to_string()),
            Beside::Folder => Some("folder".to_owned()),
        }
    }

    #[test]
    fn names_of_editors() {
        for name in [
            ".hosts.swp",
            ".hosts.swx",
            ".hosts.swo",
            ".hosts.swpx",
            "hosts~",
            ".#hosts",
            "#hosts#",
            ".hosts.un~",
            "hosts.dpkg-new",
        ] {
            assert_eq!(whose(name).as_deref(), Some("/etc/hosts"), "{name}");
        }
        assert_eq!(whose("4913").as_deref(), Some("folder"));
        assert_eq!(whose("5036").as_deref(), Some("folder"));
        for name in ["hosts", "4914", "~", ".swp", "hosts.swp.conf", "##", ".#", "hosts.txt"] {
            assert_eq!(whose(name), None, "{name}");
        }
    }
}
