//! An [`Entry`] as bytes and back. Pure. One entry has one spelling: bytes that would decode to an entry with another spelling
//! are refused, so that a digest of the bytes is a digest of the entry.
//!
//! ```text
//! version << 4 | kind   one byte
//! parts                 which of the optional ones follow, and how far the content is known
//! dev inode mode uid gid nlink size mtime ctime-mtime [btime-ctime] [rdev] [flags]
//! [target] [xattrs] [blake3 32] [sha256 32] [sha1 20] [md5 16]
//! ```
//! Numbers are LEB128, signed ones zigzag before that, byte strings have their length in front.

use crate::entry::{Content, Digest, Entry, FileId, Flags, Hashes, Kind, Value, Xattr};

/// Version of this form, in the upper half of the first byte.
const VERSION: u8 = 1;

const BTIME: u64 = 1;
const RDEV: u64 = 1 << 1;
const FLAGS: u64 = 1 << 2;
const TARGET: u64 = 1 << 3;
const XATTRS: u64 = 1 << 4;
const BLAKE3: u64 = 1 << 5;
const SHA256: u64 = 1 << 6;
const SHA1: u64 = 1 << 7;
const MD5: u64 = 1 << 8;
/// The three bits that hold [`Content`].
const CONTENT_SHIFT: u32 = 9;
const ALL_PARTS: u64 = (1 << (CONTENT_SHIFT + 3)) - 1;

/// Why bytes are no entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Broken {
    /// It ends within an entry.
    #[error("the record is cut short")]
    Short,
    /// A form that this version does not know.
    #[error("the record has version {0}, known is {VERSION}")]
    Version(u8),
    /// A value that no entry has, or a second spelling of one that it has.
    #[error("the record has a wrong {0}")]
    Value(&'static str),
    /// More bytes than the entry has.
    #[error("something follows the record")]
    Trailing,
}

/// Appends the bytes of an entry.
pub fn encode(entry: &Entry, out: &mut Vec<u8>) {
    out.push(VERSION << 4 | entry.kind as u8);
    put(out, parts(entry));
    for number in [entry.id.dev, entry.id.inode, entry.mode.into(), entry.uid.into(), entry.gid.into()] {
        put(out, number);
    }
    put(out, entry.nlink.into());
    put(out, entry.size);
    put_signed(out, entry.mtime_ns);
    put_signed(out, entry.ctime_ns.wrapping_sub(entry.mtime_ns));
    if let Some(btime) = entry.btime_ns {
        put_signed(out, btime.wrapping_sub(entry.ctime_ns));
    }
    [entry.rdev, entry.flags.0.into()].into_iter().filter(|number| *number != 0).for_each(|number| put(out, number));
    if let Some(target) = &entry.target {
        put_bytes(out, target);
    }
    encode_xattrs(&entry.xattrs, out);
    let Hashes { blake3, sha256, sha1, md5 } = &entry.hashes;
    blake3.iter().chain(sha256).for_each(|digest| out.extend_from_slice(&digest.0));
    sha1.iter().for_each(|digest| out.extend_from_slice(digest));
    md5.iter().for_each(|digest| out.extend_from_slice(digest));
}

/// The bytes of an entry.
#[must_use]
pub fn encoded(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    encode(entry, &mut out);
    out
}

fn parts(entry: &Entry) -> u64 {
    let bit = |there: bool, bit: u64| if there { bit } else { 0 };
    let hashes = &entry.hashes;
    bit(entry.btime_ns.is_some(), BTIME)
        | bit(entry.rdev != 0, RDEV)
        | bit(entry.flags.0 != 0, FLAGS)
        | bit(entry.target.is_some(), TARGET)
        | bit(!entry.xattrs.is_empty(), XATTRS)
        | bit(hashes.blake3.is_some(), BLAKE3)
        | bit(hashes.sha256.is_some(), SHA256)
        | bit(hashes.sha1.is_some(), SHA1)
        | bit(hashes.md5.is_some(), MD5)
        | (entry.content as u64) << CONTENT_SHIFT
}

fn encode_xattrs(xattrs: &[Xattr], out: &mut Vec<u8>) {
    if xattrs.is_empty() {
        return;
    }
    put(out, xattrs.len() as u64);
    for xattr in xattrs {
        put_bytes(out, &xattr.name);
        match &xattr.value {
            Value::Bytes(value) => {
                out.push(0);
                put_bytes(out, value);
            }
            Value::Hash { length, digest } => {
                out.push(1);
                put(out, (*length).into());
                out.extend_from_slice(&digest.0);
            }
        }
    }
}

/// The entry of these bytes.
///
/// # Errors
/// For anything that [`encode`] does not write.
pub fn decode(bytes: &[u8]) -> Result<Entry, Broken> {
    let mut rest = bytes;
    let entry = read_entry(&mut rest)?;
    if rest.is_empty() { Ok(entry) } else { Err(Broken::Trailing) }
}

/// Identity and number of names of an entry, without reading all of it.
///
/// # Errors
/// As [`decode`], as far as it is read.
pub(super) fn identity(bytes: &[u8]) -> Result<(Kind, FileId, u32), Broken> {
    let rest = &mut &*bytes;
    let kind = read_kind(rest)?;
    let _parts = take(rest)?;
    let id = FileId { dev: take(rest)?, inode: take(rest)? };
    for _mode_uid_gid in 0..3 {
        take(rest)?;
    }
    Ok((kind, id, narrow(take(rest)?, "nlink")?))
}

fn read_kind(rest: &mut &[u8]) -> Result<Kind, Broken> {
    let first = byte(rest)?;
    if first >> 4 != VERSION {
        return Err(Broken::Version(first >> 4));
    }
    Kind::ALL.get(usize::from(first & 0xf)).copied().ok_or(Broken::Value("kind"))
}

fn read_entry(rest: &mut &[u8]) -> Result<Entry, Broken> {
    let kind = read_kind(rest)?;
    let parts = take(rest)?;
    if parts > ALL_PARTS {
        return Err(Broken::Value("list of parts"));
    }
    let has = |bit: u64| parts & bit != 0;
    let id = FileId { dev: take(rest)?, inode: take(rest)? };
    let mode = narrow(take(rest)?, "mode")?;
    let (uid, gid) = (narrow(take(rest)?, "uid")?, narrow(take(rest)?, "gid")?);
    let nlink = narrow(take(rest)?, "nlink")?;
    let size = take(rest)?;
    let mtime_ns = take_signed(rest)?;
    let ctime_ns = take_signed(rest)?.wrapping_add(mtime_ns);
    let btime_ns = if has(BTIME) { Some(take_signed(rest)?.wrapping_add(ctime_ns)) } else { None };
    let rdev = if has(RDEV) { not_zero(take(rest)?, "rdev")? } else { 0 };
    let flags = if has(FLAGS) { narrow(not_zero(take(rest)?, "flags")?, "flags")? } else { 0 };
    let target = if has(TARGET) { Some(take_bytes(rest)?.into()) } else { None };
    let xattrs = if has(XATTRS) { read_xattrs(rest)? } else { Vec::new() };
    let hashes = Hashes {
        blake3: if has(BLAKE3) { Some(Digest(array(rest)?)) } else { None },
        sha256: if has(SHA256) { Some(Digest(array(rest)?)) } else { None },
        sha1: if has(SHA1) { Some(array(rest)?) } else { None },
        md5: if has(MD5) { Some(array(rest)?) } else { None },
    };
    let content = content(parts >> CONTENT_SHIFT)?;
    let flags = Flags(flags);
    Ok(Entry {
        kind,
        id,
        mode,
        uid,
        gid,
        nlink,
        size,
        mtime_ns,
        ctime_ns,
        btime_ns,
        rdev,
        flags,
        target,
        xattrs,
        hashes,
        content,
    })
}

fn content(number: u64) -> Result<Content, Broken> {
    Ok(match number {
        0 => Content::None,
        1 => Content::Whole,
        2 => Content::Partial,
        3 => Content::Unstable,
        4 => Content::Unreadable,
        _ => return Err(Broken::Value("content")),
    })
}

fn read_xattrs(rest: &mut &[u8]) -> Result<Vec<Xattr>, Broken> {
    let count = not_zero(take(rest)?, "number of attributes")?;
    // The shortest takes three bytes: a count beyond that lies, and nothing is reserved for it.
    if count > rest.len() as u64 / 3 {
        return Err(Broken::Short);
    }
    (0..count).map(|_| read_xattr(rest)).collect()
}

fn read_xattr(rest: &mut &[u8]) -> Result<Xattr, Broken> {
    let name = take_bytes(rest)?.into();
    let value = match byte(rest)? {
        0 => Value::Bytes(take_bytes(rest)?.into()),
        1 => Value::Hash { length: narrow(take(rest)?, "length")?, digest: Digest(array(rest)?) },
        _ => return Err(Broken::Value("attribute")),
    };
    Ok(Xattr { name, value })
}

/// Appends a number.
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// Appends a byte string behind its length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn byte(rest: &mut &[u8]) -> Result<u8, Broken> {
    let (first, behind) = rest.split_first().ok_or(Broken::Short)?;
    *rest = behind;
    Ok(*first)
}

/// Takes a number in its shortest spelling.
pub(super) fn take(rest: &mut &[u8]) -> Result<u64, Broken> {
    let mut number = 0;
    for at in 0..10 {
        let next = byte(rest)?;
        let bits = u64::from(next & 0x7f);
        if (at == 9 && bits > 1) || (at > 0 && next == 0) {
            return Err(Broken::Value("number"));
        }
        number |= bits << (7 * at);
        if next < 0x80 {
            return Ok(number);
        }
    }
    Err(Broken::Value("number"))
}

fn take_signed(rest: &mut &[u8]) -> Result<i64, Broken> {
    let number = take(rest)?;
    Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

/// Takes a byte string.
pub(super) fn take_bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Broken> {
    let length = usize::try_from(take(rest)?).map_err(|_| Broken::Short)?;
    let (bytes, behind) = rest.split_at_checked(length).ok_or(Broken::Short)?;
    *rest = behind;
    Ok(bytes)
}

/// Takes so many bytes.
pub(super) fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Broken> {
    let (bytes, behind) = rest.split_first_chunk::<N>().ok_or(Broken::Short)?;
    *rest = behind;
    Ok(*bytes)
}

fn narrow<T: TryFrom<u64>>(number: u64, what: &'static str) -> Result<T, Broken> {
    T::try_from(number).map_err(|_| Broken::Value(what))
}

fn not_zero(number: u64, what: &'static str) -> Result<u64, Broken> {
    if number == 0 { Err(Broken::Value(what)) } else { Ok(number) }
}
