//! Looking at the files.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use fim::Policies;
use fim::baseline::{Baseline, Scan};
use fim::change::ScanKind;
use fim::control::Answer;
use fim::entry::{Content, Digest, Entry, FileId, Flags, Hashes, Kind};
use fim::seen::Seen as _;
use schema::Timestamp;
use sha2::Digest as _;

use crate::exit::{Code, Failure};

/// Looks at everything that the policies ask for, at or below `within` (none: everywhere), and notes it as seen.
pub(super) fn run(
    baseline: &mut Baseline,
    policies: &Policies,
    kind: ScanKind,
    within: &[PathBuf],
    _rate: Option<u64>,
    now: Timestamp,
    tell: &mut dyn FnMut(Answer),
) -> Result<Scan, Failure> {
    let mut scan = Scan { kind: kind.name().to_owned(), start_ms: now.millis(), ..Scan::default() };
    let of = baseline.entries();
    for root in policies.roots() {
        if !root.path.exists() {
            return Err(Failure::new(Code::Input, format!("{} is not there", root.path.display())));
        }
        scan.roots.push(fim::name::text(std::os::unix::ffi::OsStrExt::as_bytes(root.path.as_os_str())));
        let roots: Vec<&Path> = if within.is_empty() {
            vec![&root.path]
        } else {
            within.iter().map(PathBuf::as_path).filter(|path| path.starts_with(&root.path)).collect()
        };
        for root in roots {
            let mut folders = vec![root.to_owned()];
            while let Some(folder) = folders.pop() {
                walk(baseline, &folder, &mut folders, kind, &mut scan);
                tell(Answer::Progress { entries: scan.entries, bytes: scan.hashed_bytes, of });
            }
        }
    }
    scan.end_ms = super::now().millis();
    Ok(scan)
}

fn walk(baseline: &mut Baseline, folder: &Path, folders: &mut Vec<PathBuf>, kind: ScanKind, scan: &mut Scan) {
    let mut known: BTreeSet<OsString> = BTreeSet::new();
    baseline.children(folder, &mut |name, _| drop(known.insert(name.to_owned())));
    for found in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = found.path();
        known.remove(&found.file_name());
        let Ok(data) = path.symlink_metadata() else { continue };
        let before = baseline.get(&path);
        let entry = entry(&path, &data, before.as_ref(), kind, scan);
        if data.is_dir() {
            folders.push(path.clone());
        }
        scan.entries += 1;
        baseline.set(&path, Some(&entry));
    }
    for name in known {
        baseline.set(&folder.join(name), None);
    }
}

fn entry(path: &Path, data: &fs::Metadata, before: Option<&Entry>, kind: ScanKind, scan: &mut Scan) -> Entry {
    let of = data.file_type();
    let kind_of = match () {
        () if of.is_dir() => Kind::Directory,
        () if of.is_symlink() => Kind::Symlink,
        () if of.is_fifo() => Kind::Fifo,
        () if of.is_socket() => Kind::Socket,
        () if of.is_char_device() => Kind::Character,
        () if of.is_block_device() => Kind::Block,
        () => Kind::File,
    };
    let mut entry = Entry {
        kind: kind_of,
        id: FileId { dev: data.dev(), inode: data.ino() },
        mode: u16::try_from(data.mode() & 0o7777).unwrap_or_default(),
        uid: data.uid(),
        gid: data.gid(),
        nlink: u32::try_from(data.nlink()).unwrap_or(u32::MAX),
        size: data.size(),
        mtime_ns: data.mtime() * 1_000_000_000 + data.mtime_nsec(),
        ctime_ns: data.ctime() * 1_000_000_000 + data.ctime_nsec(),
        btime_ns: None,
        rdev: data.rdev(),
        flags: Flags(0),
        target: fs::read_link(path)
            .ok()
            .map(|target| std::os::unix::ffi::OsStringExt::into_vec(target.into_os_string()).into()),
        xattrs: Vec::new(),
        hashes: Hashes::default(),
        content: Content::None,
    };
    if entry.kind == Kind::File {
        match before {
            Some(before) if kind == ScanKind::Meta && before.same_stat(&entry) => {
                (entry.hashes, entry.content) = (before.hashes.clone(), before.content);
            }
            _ => match fs::read(path) {
                Ok(bytes) => {
                    scan.hashed_bytes += bytes.len() as u64;
                    entry.hashes.sha256 = Some(Digest(sha2::Sha256::digest(&bytes).into()));
                    entry.content = Content::Whole;
                }
                Err(_) => {
                    scan.unreadable += 1;
                    entry.content = Content::Unreadable;
                }
            },
        }
    }
    entry
}
