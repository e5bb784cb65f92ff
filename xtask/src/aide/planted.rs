//! A thousand changes in a copy of a tree, the same for the same tree.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::checked;

/// Changes so many files of each kind below `tree`: content, mode, owner, mtime, xattr, ACL, new, deleted, link target, replaced.
/// Gives their paths.
pub(super) fn plant(tree: &Path, each: usize) -> Result<BTreeSet<String>> {
    let (mut files, mut links) = (Vec::new(), Vec::new());
    list(tree, &mut files, &mut links)?;
    ensure!(
        files.len() >= 9 * each && links.len() >= each,
        "{} files and {} links are too few",
        files.len(),
        links.len()
    );
    // Spread over the tree, no file twice; what has one name only, so that no other path changes with it.
    let step = files.len() / (9 * each);
    let mut files = files.into_iter().step_by(step.max(1));
    let mut take = || files.by_ref().take(each).collect::<Vec<_>>();
    let mut planted: Vec<PathBuf> = Vec::new();
    let (content, mode, owner, mtime) = (take(), take(), take(), take());
    for path in &content {
        let mut bytes = std::fs::read(path)?;
        bytes.push(b'!');
        std::fs::write(path, bytes)?;
    }
    for path in &mode {
        let old = std::fs::metadata(path)?.permissions().mode();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(old ^ 0o111))?;
    }
    for path in &owner {
        chown(path, Some(4711), None)?;
    }
    for path in &mtime {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        std::fs::File::options().write(true).open(path)?.set_modified(time)?;
    }
    let (xattr, acl, beside, deleted, replaced) = (take(), take(), take(), take(), take());
    checked(Command::new("setfattr").args(["-n", "user.planted", "-v", "1"]).args(&xattr))?;
    checked(Command::new("setfacl").args(["-m", "u:4711:r"]).args(&acl))?;
    let new: Vec<PathBuf> = beside.iter().map(|path| with_suffix(path, ".new")).collect();
    for path in &new {
        std::fs::write(path, "new")?;
    }
    for path in &deleted {
        std::fs::remove_file(path)?;
    }
    for path in &replaced {
        let other = with_suffix(path, ".other");
        checked(Command::new("cp").arg("-a").arg(path).arg(&other))?;
        std::fs::rename(&other, path)?;
    }
    let step = (links.len() / each).max(1);
    let links: Vec<PathBuf> = links.into_iter().step_by(step).take(each).collect();
    for path in &links {
        std::fs::remove_file(path)?;
        symlink("planted", path)?;
    }
    for all in [content, mode, owner, mtime, xattr, acl, new, deleted, replaced, links] {
        planted.extend(all);
    }
    Ok(planted.iter().map(|path| path.to_string_lossy().into_owned()).collect())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.into();
    name.push(suffix);
    name.into()
}

/// Files with one name and symbolic links, in the order of their paths; only those that every program spells the same.
fn list(folder: &Path, files: &mut Vec<PathBuf>, links: &mut Vec<PathBuf>) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    for path in paths {
        let plain = path
            .to_str()
            .is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'%'));
        let stat = path.symlink_metadata()?;
        if stat.is_dir() {
            list(&path, files, links)?;
        } else if plain && stat.is_symlink() {
            links.push(path);
        } else if plain && stat.is_file() && stat.nlink() == 1 {
            files.push(path);
        }
    }
    Ok(())
}
