//! Calls whose paths count from a directory descriptor and not from the working directory.

use super::view::View;
use crate::record::Name;
use crate::record::name::{A0, A1, A2, URING_OP};

/// (calls, descriptor of the path used, descriptor of the path made).
const CALLS: &[(&[&str], Option<Name>, Option<Name>)] = &[
    (
        &[
            "openat",
            "openat2",
            "unlinkat",
            "mkdirat",
            "mknodat",
            "fchmodat",
            "fchmodat2",
            "fchownat",
            "faccessat",
            "faccessat2",
            "fstatat",
            "fstatat64",
            "newfstatat",
            "statx",
            "readlinkat",
            "utimensat",
            "futimesat",
            "execveat",
            "name_to_handle_at",
            "open_tree",
            "setxattrat",
            "removexattrat",
        ],
        Some(A0),
        Some(A0),
    ),
    (&["renameat", "renameat2", "linkat", "move_mount"], Some(A0), Some(A2)),
    (&["symlinkat"], None, Some(A1)),
];

/// Whether a relative path of this call counts from a descriptor whose directory the records do not name.
pub(super) fn is_elsewhere(view: View<'_>, call: Option<&str>, made: bool) -> bool {
    // A URINGOP record does not say which directory its paths count from.
    if view.written(URING_OP).is_some() {
        return true;
    }
    let Some(call) = call.filter(|call| call.contains("at") || *call == "open_tree" || *call == "move_mount") else {
        return false;
    };
    let Some((_, used, new)) = CALLS.iter().find(|(calls, _, _)| calls.contains(&call)) else { return false };
    let argument = if made { *new } else { *used };
    argument.and_then(|argument| view.raw(argument)).is_some_and(|hex| !is_cwd(hex))
}

/// `AT_FDCWD` (-100) in a register of 32 or 64 bits.
fn is_cwd(hex: &[u8]) -> bool {
    matches!(hex, b"ffffff9c" | b"ffffffffffffff9c")
}
