//! Signatures: the host's key, and what exactly is signed.
//!
//! The key is 32 random bytes in a file of mode 0600 beside the baseline, made at first use. Whoever is root here can read it and sign
//! what they like from then on; what a server was told before they cannot change.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::entry::Digest;

/// What makes a signature one of ours and of no other use of the key.
const CONTEXT: &[u8] = b"auditng fim baseline seal 1\0";

/// Which of the two layers is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// A generation: somebody approved it.
    Approved,
    /// What was last seen.
    Seen,
}

/// A signed statement: this host, at this time, had this root.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Which layer.
    pub layer: Layer,
    /// The agent's id.
    pub agent: String,
    /// Of `Approved` its number, from 1; of `Seen` the number of the generation that it is compared with, 0: none yet.
    pub generation: u64,
    /// Counts every seal of this host up by one, whichever layer; never goes back.
    pub sequence: u64,
    /// When, milliseconds since 1970.
    pub time_ms: i64,
    /// The root of the seal before it in its layer; zeros: there was none.
    pub previous: Digest,
    /// The root.
    pub root: Digest,
    /// Digest of the policies that it was made under.
    pub policies: Digest,
    /// Why it was approved, in the words of whoever did; empty for `Seen`.
    pub reason: String,
    /// What else lies in the database, of `Seen`.
    pub beside: Beside,
    /// Ed25519 over all of the above, 128 hex digits.
    pub signature: String,
}

impl Seal {
    /// The bytes that are signed. Byte strings have their length in front, so no two seals have the same.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let mut out = CONTEXT.to_vec();
        out.push(match self.layer {
            Layer::Approved => 1,
            Layer::Seen => 2,
        });
        super::codec::put_bytes(&mut out, self.agent.as_bytes());
        out.extend_from_slice(&self.generation.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.time_ms.to_be_bytes());
        [self.previous, self.root, self.policies].iter().for_each(|digest| out.extend_from_slice(&digest.0));
        super::codec::put_bytes(&mut out, self.reason.as_bytes());
        let Beside { generations, approved, scans } = self.beside;
        out.extend_from_slice(&generations.to_be_bytes());
        [approved, scans].iter().for_each(|digest| out.extend_from_slice(&digest.0));
        out
    }

    /// Whether the signature is that of this key (64 hex digits).
    #[must_use]
    pub fn is_signed_by(&self, public_key: &str) -> bool {
        let key = unhex::<32>(public_key).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        let signature = unhex::<64>(&self.signature).map(|bytes| Signature::from_bytes(&bytes));
        matches!((key, signature), (Some(key), Some(signature)) if key.verify(&self.message(), &signature).is_ok())
    }
}

/// What lies beside the tree, so that nothing can be taken from there either. Zeros: nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// How many generations are kept.
    pub generations: u64,
    /// Root of the last of them.
    pub approved: Digest,
    /// Digest of the scans that are kept.
    pub scans: Digest,
}

/// The host's key.
pub struct Key(SigningKey);

impl Key {
    /// Reads the key, or makes one if there is none and `make` is set.
    ///
    /// # Errors
    /// When it cannot be read or written, is not 64 hex digits, or is open to others than its owner.
    pub(super) fn open(path: &Path, make: bool) -> io::Result<Self> {
        match File::open(path) {
            Ok(file) => Self::read(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound && make => Self::make(path),
            Err(error) => Err(error),
        }
    }

    fn read(file: File) -> io::Result<Self> {
        if file.metadata()?.mode() & 0o077 != 0 {
            return Err(io::Error::other("it is open to others than its owner: chmod 0600, and ask who could read it"));
        }
        let mut text = String::new();
        file.take(1024).read_to_string(&mut text)?;
        let seed = unhex::<32>(text.trim()).ok_or_else(|| io::Error::other("it is no key of 64 hex digits"))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    fn make(path: &Path) -> io::Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        write_private(path, format!("{}\n", Digest(seed)).as_bytes())?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// The public half, 64 hex digits.
    #[must_use]
    pub fn public(&self) -> String {
        Digest(self.0.verifying_key().to_bytes()).to_string()
    }

    /// Signs.
    pub(super) fn sign(&self, mut seal: Seal) -> Seal {
        seal.signature = hex(&self.0.sign(&seal.message()).to_bytes());
        seal
    }
}

/// Writes a file of mode 0600 that is there whole or not at all, whatever happens meanwhile.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    match fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(beside, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Exactly so many bytes from hex.
pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut out = [0; N];
    for (byte, at) in out.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(out)
}
