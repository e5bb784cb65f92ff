//! The page, built into the binary from `ui/dist`.
//!
//! Files with hashed names are cached for ever, `index.html` never. Without a build there is a page that says how to
//! make one, so `cargo build` alone always works.

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Dist;

/// Whether the binary has a page.
pub(crate) fn is_built() -> bool {
    Dist::get("index.html").is_some()
}
