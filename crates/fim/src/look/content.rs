//! Reading a regular file once, with all wanted digests made from the same bytes.

use std::os::fd::{AsFd, OwnedFd};

use md5::Md5;
use rustix::fs::{Advice, Mode, OFlags, fadvise, openat};
use rustix::io::{Errno, pread};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::entry::{Content, Digest, Entry, Hashes};
use crate::look::Wanted;
use crate::policy::Partial;

/// So much is read at once: measured as the best of 64 KiB to 1 MiB, it stays in the second-level cache between the digests.
pub(crate) const CHUNK: usize = 256 << 10;
/// What direct reads ask of addresses, offsets and lengths; more than any disk's sector.
const ALIGNED: usize = 4096;
/// Larger files are announced to the kernel as read in order, which doubles its read-ahead.
const ANNOUNCED: u64 = 1 << 20;

/// What reading gave.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) hashes: Hashes,
    pub(crate) content: Content,
    /// Of a log that grew: whether what was there before is still the same.
    pub(crate) kept: Option<bool>,
}

/// Why there is no reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Broken {
    /// The kernel said no.
    Failed(Errno),
    /// Asked to stop.
    Stopped,
}

impl From<Errno> for Broken {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno)
    }
}

/// Told of all bytes read; answers whether to go on. Throttling waits in here.
pub(crate) type Pace<'a> = dyn FnMut(u64) -> bool + 'a;

/// Opens a regular file so that neither a link nor a pipe can trap us, and without marking it as read where we may.
pub(crate) fn open(folder: impl AsFd, name: &std::ffi::CStr, direct: bool) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let mut extra = if direct { OFlags::NOATIME | OFlags::DIRECT } else { OFlags::NOATIME };
    loop {
        match openat(folder.as_fd(), name, flags | extra, Mode::empty()) {
            // Only owners and root may leave the access time alone.
            Err(Errno::PERM) if extra.contains(OFlags::NOATIME) => extra.remove(OFlags::NOATIME),
            // tmpfs and others cannot read past the cache; they have no disk either.
            Err(Errno::INVAL) if extra.contains(OFlags::DIRECT) => extra.remove(OFlags::DIRECT),
            answer => return answer,
        }
    }
}

/// A reusable buffer of [`CHUNK`] bytes at an address that direct reads accept.
#[derive(Debug)]
pub(crate) struct Buffer {
    room: Vec<u8>,
}

impl Default for Buffer {
    fn default() -> Self {
        Self { room: vec![0; CHUNK + ALIGNED] }
    }
}

impl Buffer {
    fn chunk(&mut self) -> &mut [u8] {
        let start = self.room.as_ptr().align_offset(ALIGNED).min(ALIGNED);
        &mut self.room[start..start + CHUNK]
    }
}

struct Digests {
    blake3: Option<blake3::Hasher>,
    sha256: Option<Sha256>,
    sha1: Option<Sha1>,
    md5: Option<Md5>,
}

impl Digests {
    fn new(wanted: &Wanted) -> Self {
        Self {
            blake3: wanted.blake3.then(blake3::Hasher::new),
            sha256: wanted.sha256.then(Sha256::new),
            sha1: wanted.sha1.then(Sha1::new),
            md5: wanted.md5.then(Md5::new),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        if let Some(hasher) = &mut self.blake3 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.sha256 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.sha1 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.md5 {
            hasher.update(bytes);
        }
    }

    /// The digests of all bytes so far.
    fn so_far(&self) -> Hashes {
        Hashes {
            blake3: self.blake3.as_ref().map(|hasher| Digest(*hasher.finalize().as_bytes())),
            sha256: self.sha256.clone().map(|hasher| Digest(hasher.finalize().into())),
            sha1: self.sha1.clone().map(|hasher| hasher.finalize().into()),
            md5: self.md5.clone().map(|hasher| hasher.finalize().into()),
        }
    }
}

/// The digests of an empty file, which need no reading.
pub(crate) fn empty(wanted: &Wanted) -> Hashes {
    Digests::new(wanted).so_far()
}

/// Reads `file`, of which `stat` was just told, up to the size it had then. `last`: what was seen of it before, for logs.
pub(crate) fn read(
    file: &OwnedFd,
    stat: &Entry,
    wanted: &Wanted,
    last: Option<&Entry>,
    buffer: &mut Buffer,
    pace: &mut Pace<'_>,
) -> Result<Reading, Broken> {
    if wanted.partly(stat.size) {
        return samples(file, stat.size, wanted, buffer, pace);
    }
    if wanted.from_disk {
        // Where the disk cannot be read directly, at least what the cache holds unchanged is dropped.
        advise(file, Advice::DontNeed);
    } else if stat.size > ANNOUNCED {
        advise(file, Advice::Sequential);
    }
    let before = last.filter(|last| wanted.append_only && grew(last, stat));
    let mut digests = Digests::new(wanted);
    let (mut at, mut kept) = (0, None);
    while at < stat.size {
        let chunk = fill(file, at, stat.size, buffer)?;
        if chunk.is_empty() {
            break;
        }
        let length = chunk.len() as u64;
        match before {
            Some(last) if kept.is_none() && at + length >= last.size => {
                let (old, new) = chunk.split_at(usize::try_from(last.size - at).unwrap_or(0));
                digests.update(old);
                kept = Some(same(&last.hashes, &digests.so_far()));
                digests.update(new);
            }
            _ => digests.update(chunk),
        }
        at += length;
        if !pace(length) {
            return Err(Broken::Stopped);
        }
    }
    Ok(Reading { hashes: digests.so_far(), content: Content::Whole, kept })
}

/// The same file, longer, whose old bytes we know.
fn grew(last: &Entry, now: &Entry) -> bool {
    last.id == now.id && last.content == Content::Whole && last.size < now.size
}

/// Whether at least one digest is known of both, and all such are equal.
fn same(old: &Hashes, new: &Hashes) -> bool {
    let pairs = [
        old.blake3.zip(new.blake3).map(|(old, new)| old == new),
        old.sha256.zip(new.sha256).map(|(old, new)| old == new),
        old.sha1.zip(new.sha1).map(|(old, new)| old == new),
        old.md5.zip(new.md5).map(|(old, new)| old == new),
    ];
    let mut known = pairs.into_iter().flatten().peekable();
    known.peek().is_some() && known.all(|equal| equal)
}

/// One read at `at`, not beyond `end`; less than a whole chunk only at the end of the file.
fn fill<'a>(file: &OwnedFd, at: u64, end: u64, buffer: &'a mut Buffer) -> Result<&'a [u8], Errno> {
    let chunk = buffer.chunk();
    let rest = usize::try_from(end - at).unwrap_or(usize::MAX);
    // Whole blocks are asked for also at the end, as direct reads must.
    let wanted = rest.saturating_add(ALIGNED - 1).min(CHUNK) / ALIGNED * ALIGNED;
    let mut got = 0;
    loop {
        match pread(file, &mut chunk[got..wanted], at + got as u64) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(Errno::INTR) => continue,
            // A direct read behind an end that is no whole block.
            Err(Errno::INVAL) if got % ALIGNED != 0 => break,
            Err(errno) => return Err(errno),
        }
        if got >= wanted || got >= rest || got % ALIGNED != 0 {
            break;
        }
    }
    Ok(&chunk[..got.min(rest)])
}

fn advise(file: &OwnedFd, advice: Advice) {
    // Advice that is not taken costs nothing but time.
    _ = fadvise(file, 0, None, advice);
}

/// Head, samples at even distances and tail, in this order; where they lie depends on the size alone.
fn samples(
    file: &OwnedFd,
    size: u64,
    wanted: &Wanted,
    buffer: &mut Buffer,
    pace: &mut Pace<'_>,
) -> Result<Reading, Broken> {
    advise(file, Advice::Random);
    let mut digests = Digests::new(wanted);
    for (from, to) in places(size, &wanted.partial) {
        let mut at = from;
        while at < to {
            let chunk = fill(file, at, to, buffer)?;
            if chunk.is_empty() {
                break;
            }
            digests.update(chunk);
            at += chunk.len() as u64;
            if !pace(chunk.len() as u64) {
                return Err(Broken::Stopped);
            }
        }
    }
    Ok(Reading { hashes: digests.so_far(), content: Content::Partial, kept: None })
}

/// At most so many bytes are read of a file that is read in part: each part may be up to a block longer than it says.
pub(crate) fn sampled(partial: &Partial) -> u64 {
    let block = ALIGNED as u64;
    let samples = u64::from(partial.samples).saturating_mul(partial.sample.saturating_add(block));
    partial.head.saturating_add(partial.tail).saturating_add(samples).saturating_add(4 * block)
}

/// Where the parts of a file of this size lie, which is larger than [`sampled`]: from, to; in order, not overlapping, beginning at
/// whole blocks.
fn places(size: u64, partial: &Partial) -> impl Iterator<Item = (u64, u64)> {
    let block = ALIGNED as u64;
    let head = partial.head.next_multiple_of(block);
    let tail = (size - partial.tail) / block * block;
    let (samples, sample) = (u64::from(partial.samples), partial.sample);
    let step = (tail - head) / samples.max(1);
    let middle = (0..samples).map(move |n| {
        let from = (head + n * step).next_multiple_of(block);
        (from, from + sample)
    });
    std::iter::once((0, head)).chain(middle).chain(std::iter::once((tail, size))).filter(|(from, to)| from < to)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_lie_in_order_and_do_not_overlap(
            head in 0_u64..3_000_000, tail in 0_u64..3_000_000, samples in 0_u16..200, sample in 0_u64..200_000,
            more in 1_u64..1 << 40,
        ) {
            let partial = Partial { head, tail, samples, sample };
            let size = sampled(&partial) + more;
            let all: Vec<_> = places(size, &partial).collect();
            prop_assert!(all.windows(2).all(|two| two[0].1 <= two[1].0), "{all:?}");
            prop_assert!(all.iter().all(|(from, to)| from % ALIGNED as u64 == 0 && from < to && *to <= size));
            prop_assert!(head == 0 || all[0].0 == 0 && all[0].1 >= head);
            prop_assert!(tail == 0 || all.last().is_some_and(|(from, to)| *to == size && to - from >= tail));
            prop_assert!(all.iter().map(|(from, to)| to - from).sum::<u64>() <= sampled(&partial));
        }
    }
}
