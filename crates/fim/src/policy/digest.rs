//! One number for everything that the policies say: a baseline and a report name it, so that a policy cannot be weakened unseen.

use crate::config;
use crate::entry::Digest;

/// BLAKE3 of the effective settings. The order of policies, and of patterns left out of all, does not matter.
pub(super) fn of(policies: &[config::Policy], exclude: &[String]) -> Digest {
    let mut texts: Vec<String> = policies.iter().map(canonical).collect();
    texts.sort();
    let mut exclude: Vec<&str> = exclude.iter().map(String::as_str).collect();
    exclude.sort_unstable();
    let mut hasher = blake3::Hasher::new_derive_key("auditng fim policies 1");
    for part in texts.iter().map(String::as_str).chain([""]).chain(exclude) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    Digest(*hasher.finalize().as_bytes())
}

/// One policy with its keys in their fixed order.
fn canonical(policy: &config::Policy) -> String {
    serde_json::to_string(policy).unwrap_or_else(|_| format!("{policy:?}"))
}
