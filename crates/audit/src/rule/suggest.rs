//! What somebody may have meant.

use super::field;
use crate::table::{self, arch};

/// The other arch of the same machine, if it has the call.
pub(super) fn other_arch_with(name: &str, arch: u32) -> Option<&'static str> {
    let others =
        [arch::X86_64, arch::I386, arch::AARCH64, arch::ARM, arch::PPC64LE, arch::PPC, arch::S390X, arch::S390];
    let twin = arch::twin_32(arch).or_else(|| others.into_iter().find(|wide| arch::twin_32(*wide) == Some(arch)))?;
    table::syscall_number(twin, name).and_then(|_| table::arch_name(twin))
}

/// The call whose name is nearest, if it is near.
pub(super) fn similar_call(name: &str, arch: u32) -> Option<&'static str> {
    let near = table::syscalls(arch).map(|(_, known)| (distance(name, known), known));
    near.filter(|(distance, _)| *distance <= 2).min().map(|(_, known)| known)
}

/// Help for a field that does not exist.
pub(super) fn similar_field(name: &str) -> Option<String> {
    if name == "obj" || name == "subj" {
        return Some(format!("there are {name}_user, {name}_role, {name}_type and the levels"));
    }
    let near = field::names().map(|known| (distance(name, known), known));
    let (_, known) = near.filter(|(distance, _)| *distance <= 2).min()?;
    Some(format!("did you mean `{known}`?"))
}

/// Edits between two short names (Damerau-Levenshtein without a second edit inside a swap); long ones are far apart.
fn distance(left: &str, right: &str) -> usize {
    const LONGEST: usize = 40;
    if left.len() > LONGEST || right.len() > LONGEST {
        return LONGEST;
    }
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut rows = vec![(0..=right.len()).collect::<Vec<_>>()];
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let replace = rows[i][j] + usize::from(a != b);
            let mut best = replace.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && left[i - 1] == *b && right[j - 1] == *a {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}
