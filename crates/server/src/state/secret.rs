//! Secrets: made from the system's randomness, shown once, stored as hashes, compared in constant time.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::StateError;

/// Random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], StateError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| StateError::Random)?;
    Ok(bytes)
}

/// Random bytes as text for URLs and headers.
pub(super) fn text<const N: usize>() -> Result<String, StateError> {
    Ok(URL_SAFE_NO_PAD.encode(random::<N>()?))
}

/// Random hexadecimal digits, for names that are no secrets.
pub(super) fn name<const N: usize>() -> Result<String, StateError> {
    Ok(random::<N>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What is stored of a random secret. It has enough bits that a plain hash cannot be turned back.
pub(super) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Whether two hashes are equal, in constant time.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

const SALT: usize = 16;
const HASH: usize = 32;
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

fn argon2() -> Option<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(HASH)).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn derive(password: &str, salt: &[u8]) -> Option<[u8; HASH]> {
    let mut out = [0; HASH];
    argon2()?.hash_password_into(password.as_bytes(), salt, &mut out).ok()?;
    Some(out)
}

/// A password as it is stored: the usual text form of argon2id. Takes tens of milliseconds and 19 MiB.
pub(super) fn hash_password(password: &str) -> Result<String, StateError> {
    let salt = random::<SALT>()?;
    let hash = derive(password, &salt).ok_or(StateError::Random)?;
    let [salt, hash] = [&salt[..], &hash[..]].map(|bytes| STANDARD_NO_PAD.encode(bytes));
    Ok(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${salt}${hash}"))
}

/// Whether a password is the stored one. Costs the same where nothing is stored, so that nobody learns which names exist.
pub(super) fn is_password(password: &str, stored: Option<&str>) -> bool {
    let parts = stored.and_then(|stored| {
        let (rest, hash) = stored.rsplit_once('$')?;
        let (_, salt) = rest.rsplit_once('$')?;
        Some((STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(hash).ok()?))
    });
    let (salt, hash) = parts.unwrap_or_else(|| (vec![0; SALT], Vec::new()));
    derive(password, &salt).is_some_and(|derived| same(&derived, &hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords() {
        let stored = hash_password("correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(is_password("correct horse", Some(&stored)));
        assert!(!is_password("correct horse ", Some(&stored)));
        assert!(!is_password("", None));
        assert!(!is_password("x", Some("garbage")));
    }
}
