//! The policies that apply where nobody wrote any: `etc/fim.d/*.toml`, built in.

use std::sync::LazyLock;

use crate::config;

/// As they are written.
#[must_use]
pub fn policies() -> &'static [config::Policy] {
    static POLICIES: LazyLock<Vec<config::Policy>> = LazyLock::new(Vec::new);
    &POLICIES
}
