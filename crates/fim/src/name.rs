//! Names of files as text: lossless, and harmless to whoever reads it. Names are bytes that others chose.
//!
//! What is valid UTF-8 and visible stands as it is. A backslash is `\\`, any byte that is no UTF-8 is `\xNN`, control
//! characters are `\xNN`, and characters that hide or turn the text around are `\u{N}`. [`bytes`] undoes it.

use std::fmt::Write as _;

/// The text of a name.
#[must_use]
pub fn text(name: &[u8]) -> String {
    let mut out = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push(&mut out, c));
        chunk.invalid().iter().for_each(|byte| push_byte(&mut out, *byte));
    }
    out
}

fn push(out: &mut String, c: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\0'..='\u{1f}' | '\u{7f}' => push_byte(out, u32::from(c).to_le_bytes()[0]),
        c if hidden(c) => {
            let _infallible = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
        c => out.push(c),
    }
}

fn push_byte(out: &mut String, byte: u8) {
    let _infallible = write!(out, "\\x{byte:02x}");
}

/// Control characters beyond ASCII, and those that take no room or change the direction of the text.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The name of a text that [`text`] made; `None`: it is none of those.
#[must_use]
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = escape(&rest[at + 1..], &mut out)?;
    }
    out.extend_from_slice(rest.as_bytes());
    Some(out)
}

/// Takes one escape, behind its backslash; what follows it.
fn escape<'a>(rest: &'a str, out: &mut Vec<u8>) -> Option<&'a str> {
    if let Some(rest) = rest.strip_prefix('\\') {
        out.push(b'\\');
        return Some(rest);
    }
    if let Some(rest) = rest.strip_prefix('x') {
        out.push(u8::from_str_radix(rest.get(..2)?, 16).ok()?);
        return rest.get(2..);
    }
    let (hex, rest) = rest.strip_prefix("u{")?.split_once('}')?;
    let c = char::from_u32(u32::from_str_radix(hex, 16).ok()?)?;
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn f36_hostile_names_are_visible_and_come_back() {
        for (name, shown) in [
            (&b"/etc/passwd"[..], "/etc/passwd"),
            (b"/tmp/a\nb\x1b[31m", "/tmp/a\\x0ab\\x1b[31m"),
            (b"/tmp/\xff\xfe", "/tmp/\\xff\\xfe"),
            (b"/tmp/a\\x41", "/tmp/a\\\\x41"),
            ("/tmp/\u{202e}txt\u{9b}".as_bytes(), "/tmp/\\u{202e}txt\\u{9b}"),
            ("/tmp/größe".as_bytes(), "/tmp/größe"),
        ] {
            assert_eq!(text(name), shown);
            assert_eq!(bytes(shown).unwrap(), name);
        }
        for broken in ["\\", "\\x1", "\\xgg", "\\u{}", "\\u{110000}", "\\u{41", "\\n"] {
            assert_eq!(bytes(broken), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn f36_any_name_comes_back(name: Vec<u8>) {
            let shown = text(&name);
            prop_assert!(shown.chars().all(|c| !hidden(c)));
            prop_assert_eq!(bytes(&shown).unwrap(), name);
        }

        #[test]
        fn any_text_is_taken_or_refused(given: String) {
            if let Some(name) = bytes(&given) {
                prop_assert_eq!(bytes(&text(&name)).unwrap(), name);
            }
        }
    }
}
