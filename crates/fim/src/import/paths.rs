//! A list of paths: one pattern in our own form a line; `!` before it leaves out; `#` begins a comment.

use std::path::Path;

use super::{Kind, Reading, id};
use crate::config::Policy;

pub(super) fn read(text: &str, out: &mut Reading<'_>) {
    let mut policy = Policy { id: name(out.file), ..Policy::default() };
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r').trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (list, pattern, checked) = match line.strip_prefix('!').map(str::trim_start) {
            Some(pattern) => (&mut policy.exclude, pattern, crate::policy::check_pattern(pattern)),
            None => (&mut policy.paths, line, crate::policy::check_path(line)),
        };
        match checked {
            Ok(()) => list.push(pattern.to_owned()),
            Err(what) => out.complain(format!("line {}", at + 1), Kind::Refused, format!("{pattern:?} {what}")),
        }
    }
    if !policy.paths.is_empty() {
        out.take(policy);
    }
}

/// The file's name without its ending.
fn name(file: &str) -> String {
    id(&Path::new(file).file_stem().unwrap_or_default().to_string_lossy())
}
