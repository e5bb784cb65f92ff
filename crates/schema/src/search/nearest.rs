//! Field names that somebody may have meant.

use crate::field::{self, Field};

/// Longest name that is compared; longer ones are no slip of the finger.
const MAX_CHARS: usize = 64;
const MAX_NAMES: usize = 3;

/// Up to three names of the catalogue, its aliases or `known` that are most like `name`, best first.
pub(super) fn names(name: &str, known: &[String]) -> Vec<String> {
    if name.chars().count() > MAX_CHARS {
        return Vec::new();
    }
    let mut candidates: Vec<&str> = known.iter().map(String::as_str).collect();
    candidates.extend(Field::all().map(|field| field.name()));
    candidates.extend(field::ALIASES.iter().map(|(alias, _)| *alias));
    let mut rated: Vec<_> = candidates.into_iter().filter_map(|other| Some((rate(name, other)?, other))).collect();
    rated.sort_unstable();
    rated.dedup();
    let best = rated.first().map_or(0, |(rate, _)| *rate);
    rated.retain(|(rate, _)| *rate < best + 10);
    rated.into_iter().take(MAX_NAMES).map(|(_, name)| name.to_owned()).collect()
}

/// How far a name is from another, `None` if too far to be meant. A name that lacks only its front (`name`, `args`) or its
/// end (`process`) is nearer than one with many slips.
fn rate(name: &str, other: &str) -> Option<usize> {
    if other.len() > MAX_CHARS {
        return None;
    }
    let edits = distance(name, other);
    if edits <= 1 + name.chars().count() / 5 {
        return Some(edits * 10);
    }
    let part = |rest: &str| rest.matches('.').count() * 10 + other.len() / 4;
    let front = other.strip_suffix(name).filter(|front| front.ends_with('.')).map(|rest| 20 + part(rest));
    front.or_else(|| other.strip_prefix(name).filter(|end| end.starts_with('.')).map(|rest| 30 + part(rest)))
}

/// Insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = [vec![0; b.len() + 1], (0..=b.len()).collect(), vec![0; b.len() + 1]];
    for i in 0..a.len() {
        let [before_last, last, row] = &mut rows;
        row[0] = i + 1;
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            row[j + 1] = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                row[j + 1] = row[j + 1].min(before_last[j - 1] + 1);
            }
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_comes_first() {
        let first = |name| names(name, &["my.filed".to_owned()]).into_iter().next();
        assert_eq!(first("host.nmae").as_deref(), Some("host.name"));
        assert_eq!(first("proces.name").as_deref(), Some("process.name"));
        assert_eq!(first("executable").as_deref(), Some("process.executable"));
        assert_eq!(first("my.field").as_deref(), Some("my.filed"));
        assert_eq!(first("timestamp").as_deref(), Some("@timestamp"));
        assert_eq!(first("zzzzzzzz"), None);
        assert!(names("process", &[]).iter().all(|name| name.starts_with("process.")));
    }

    #[test]
    fn distances() {
        for (a, b, expect) in [("", "", 0), ("", "ab", 2), ("ab", "ba", 1), ("kitten", "sitting", 3), ("abc", "abc", 0)]
        {
            assert_eq!(distance(a, b), expect, "{a} {b}");
            assert_eq!(distance(b, a), expect, "{b} {a}");
        }
    }
}
