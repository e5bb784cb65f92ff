//! The keys of `[process]`.

use serde::{Deserialize, Serialize};

use super::{Limits, hash};
use crate::config::Bytes;

/// `[process]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether the kernel's process events are listened to.
    pub connector: Switch,
    /// Most living processes known.
    pub live: u32,
    /// Most ended ones, kept for a minute.
    pub dead: u32,
    /// Bytes of arguments kept for one.
    pub args_bytes: Bytes,
    /// Whether executables are hashed.
    pub hash: Switch,
    /// A larger executable is not.
    pub hash_most_bytes: Bytes,
    /// Bytes read for it in a second.
    pub hash_rate: Bytes,
}

/// Whether something is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// Where it is possible.
    #[default]
    Auto,
    /// Never.
    Off,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connector: Switch::Auto,
            live: 65_536,
            dead: 16_384,
            args_bytes: Bytes(1 << 10),
            hash: Switch::Auto,
            hash_most_bytes: Bytes(64 << 20),
            hash_rate: Bytes(32 << 20),
        }
    }
}

impl Config {
    /// For [`super::Table`].
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            live: self.live as usize,
            dead: self.dead as usize,
            args_bytes: usize::try_from(self.args_bytes.0).unwrap_or(usize::MAX),
            ..Limits::default()
        }
    }

    /// For [`hash::Hashes`].
    #[must_use]
    pub fn hashing(&self) -> hash::Config {
        hash::Config {
            on: self.hash == Switch::Auto,
            most_bytes: self.hash_most_bytes.0,
            bytes_per_second: self.hash_rate.0,
        }
    }
}
