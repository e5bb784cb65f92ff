//! Where an entry stands in the store: absolute paths as folder and name, and the keys made of them. Pure.
//!
//! A key is `folder 0x00 name`: no path holds a zero byte, so all of one folder is one range, and so is all below it.

/// Folder and name of an absolute path without `//` and without a slash at its end; the root itself is `("", "/")`.
/// `None`: no such path.
#[must_use]
pub(super) fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path == b"/" {
        return Some((b"", b"/"));
    }
    let slash = memchr::memrchr(b'/', path)?;
    let (folder, name) = (&path[..slash], &path[slash + 1..]);
    let sound =
        path[0] == b'/' && !name.is_empty() && !path.contains(&0) && memchr::memmem::find(path, b"//").is_none();
    sound.then_some((if slash == 0 { b"/" } else { folder }, name))
}

/// The path of a name in a folder.
#[must_use]
pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() || folder == b"/" {
        let slash: &[u8] = if folder.is_empty() { b"" } else { b"/" };
        return [slash, name].concat();
    }
    [folder, b"/", name].concat()
}

/// The key of a name in a folder.
#[must_use]
pub(super) fn key(folder: &[u8], name: &[u8]) -> Vec<u8> {
    [folder, b"\0", name].concat()
}

/// Folder and name of a key.
#[must_use]
pub(super) fn of_key(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let zero = memchr::memchr(0, key)?;
    Some((&key[..zero], &key[zero + 1..]))
}

/// First key of what lies directly in a folder, and the first behind all of it.
#[must_use]
pub(super) fn inside(folder: &[u8]) -> (Vec<u8>, Vec<u8>) {
    ([folder, b"\0"].concat(), [folder, b"\x01"].concat())
}

/// First key of what lies in the folders below a folder, and the first behind all of it.
#[must_use]
pub(super) fn underneath(folder: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match folder {
        b"" => (b"/".to_vec(), b"0".to_vec()),
        b"/" => (b"/\x01".to_vec(), b"0".to_vec()),
        folder => ([folder, b"/"].concat(), [folder, b"0"].concat()),
    }
}

/// Whether a folder is `root` or below it.
#[must_use]
pub(super) fn is_within(folder: &[u8], root: &[u8]) -> bool {
    let behind = folder.strip_prefix(root);
    root == b"/" && folder.starts_with(b"/")
        || behind.is_some_and(|behind| behind.is_empty() || behind[0] == b'/' || root.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_split_and_join() {
        for (path, folder, name) in [
            (&b"/"[..], &b""[..], &b"/"[..]),
            (b"/etc", b"/", b"etc"),
            (b"/etc/passwd", b"/etc", b"passwd"),
            (b"/a\n/\xff", b"/a\n", b"\xff"),
        ] {
            assert_eq!(split(path), Some((folder, name)));
            assert_eq!(join(folder, name), path);
            assert_eq!(of_key(&key(folder, name)), Some((folder, name)));
        }
        for wrong in [&b""[..], b"etc", b"a/b", b"/etc/", b"//", b"/a//b", b"/a\0b"] {
            assert_eq!(split(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn f37_a_folder_is_not_what_its_name_begins() {
        let (from, to) = underneath(b"/etc");
        let within = |folder: &[u8]| (from.as_slice()..to.as_slice()).contains(&key(folder, b"x").as_slice());
        assert!(within(b"/etc/ssh") && within(b"/etc/ssh/a"));
        assert!(!within(b"/etcfoo") && !within(b"/etc") && !within(b"/etc-x"));
        assert!(is_within(b"/etc", b"/etc") && is_within(b"/etc/a", b"/etc") && is_within(b"/etc", b"/"));
        assert!(!is_within(b"/etcfoo", b"/etc") && !is_within(b"/", b"/etc"));
    }
}
