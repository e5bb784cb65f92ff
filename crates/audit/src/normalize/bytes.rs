//! Foreign bytes into an event.

use std::borrow::Cow;

use schema::{Event, Field, Value, event, field};

/// Longest value of `auditd.data` and of a path; the kernel's own are shorter than 9 KiB.
pub(super) const VALUE_BYTES: usize = 32 << 10;

/// Pushes bytes of which only the first `head` and the last `tail` are kept; gives what was kept. Neither end is cut inside
/// a UTF-8 character.
pub(super) fn push_bounded<'a>(
    event: &mut Event,
    field: Field,
    bytes: &'a [u8],
    head: usize,
    tail: usize,
) -> Cow<'a, [u8]> {
    let kept = bounded(bytes, head, tail);
    event.push_bytes(field, &kept);
    kept
}

/// The first `head` and the last `tail` bytes with `…` between them, or all if that is all.
pub(super) fn bounded(bytes: &[u8], head: usize, tail: usize) -> Cow<'_, [u8]> {
    if bytes.len() <= head.saturating_add(tail) {
        return Cow::Borrowed(bytes);
    }
    let inside = |byte: u8| byte & 0xc0 == 0x80;
    let (mut end, mut start) = (head, bytes.len() - tail);
    // A character has at most three bytes that are inside it; more than that is no UTF-8 and may be cut anywhere.
    for _ in 0..3 {
        end -= usize::from(end > 0 && inside(bytes[end]));
        start += usize::from(start < bytes.len() && inside(bytes[start]));
    }
    Cow::Owned([&bytes[..end], "…".as_bytes(), &bytes[start..]].concat())
}

/// Pushes a value under a key of a flattened field; what is not UTF-8 is escaped and marked.
pub(super) fn push_keyed(event: &mut Event, field: Field, key: &str, value: &[u8]) {
    let value = if value.len() > VALUE_BYTES {
        mark_truncated(event, &format!("{}.{key}", field.name()));
        bounded(value, VALUE_BYTES - 1024, 1024)
    } else {
        Cow::Borrowed(value)
    };
    match str::from_utf8(&value) {
        Ok(text) => event.push_keyed(field, key, Value::Text(text)),
        Err(_) => {
            event.push_keyed(field, key, Value::Text(&event::escape(&value)));
            event.mark_escaped(&format!("{}.{key}", field.name()));
        }
    }
}

/// Notes that a field does not hold all that was there.
pub(super) fn mark_truncated(event: &mut Event, name: &str) {
    if !event.all(field::AUDITNG_TRUNCATED).any(|value| value == Value::Text(name)) {
        event.push_str(field::AUDITNG_TRUNCATED, name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_is_cut_between_characters() {
        assert_eq!(bounded(b"abcdef", 4, 2), &b"abcdef"[..]);
        assert_eq!(bounded(b"abcdefg", 4, 2), "abcd\u{2026}fg".as_bytes());
        let text = "\u{e9}".repeat(10);
        for (head, tail) in [(3, 3), (4, 4), (0, 5), (5, 0), (0, 0)] {
            let kept = bounded(text.as_bytes(), head, tail);
            let kept = str::from_utf8(&kept).expect("no character is cut");
            assert!(kept.len() <= head + tail + 3 && kept.contains('\u{2026}'), "{kept}");
        }
        assert_eq!(bounded(&[0x80; 20], 10, 2).len(), 7 + 3, "bytes that are no UTF-8 are cut near by");
    }
}
