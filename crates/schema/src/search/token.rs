//! Words: how running text and bare search words are taken apart and compared, the same in every engine.
//!
//! A token is a run of letters and digits. Comparison is in lower case, character by character ([`fold`]), so that a text
//! keeps its number of characters.
//!
//! ```
//! use schema::search::token;
//!
//! assert_eq!(token::of("Failed password for root@10.0.0.1").last(), Some("1"));
//! assert!(token::holds("x /etc/Passwd- y", "/etc/passwd"));
//! assert!(!token::holds("/etc/passwd2", "/etc/passwd"));
//! ```

use std::borrow::Cow;

/// The tokens of a text, as they stand in it.
pub fn of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|token| !token.is_empty())
}

/// Lower case, one character for one. Characters whose lower case is longer stay as they are.
#[must_use]
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Owned(text.chars().map(fold_char).collect())
}

/// Whether `value` holds `text` as it stands, compared in lower case, and not as a part of longer tokens.
#[must_use]
pub fn holds(value: &str, text: &str) -> bool {
    holds_folded(&fold(value), &fold(text))
}

/// As [`holds`], for texts that are folded already.
#[must_use]
pub fn holds_folded(value: &str, text: &str) -> bool {
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else { return true };
    let mut from = 0;
    while let Some(at) = value[from..].find(text) {
        let (start, end) = (from + at, from + at + text.len());
        let before = value[..start].chars().next_back();
        let after = value[end..].chars().next();
        if is_border(before, Some(first)) && is_border(Some(last), after) {
            return true;
        }
        from = start + first.len_utf8();
    }
    false
}

/// Whether the tokens of `value` hold `tokens` (folded) in this order side by side.
#[must_use]
pub fn side_by_side(value: &str, tokens: &[String]) -> bool {
    let value = fold(value);
    let held: Vec<&str> = of(&value).collect();
    tokens.is_empty() || held.windows(tokens.len()).any(|window| window.iter().zip(tokens).all(|(a, b)| a == b))
}

/// Whether a token can begin or end between these two characters.
fn is_border(left: Option<char>, right: Option<char>) -> bool {
    let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !(inside(left) && inside(right))
}

fn fold_char(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_runs_of_letters_and_digits() {
        let tokens = |text| of(text).map(fold).collect::<Vec<_>>().join("|");
        assert_eq!(tokens("/usr/bin/Python3.11 -c"), "usr|bin|python3|11|c");
        assert_eq!(tokens("  ÄRGER_straße…日本 "), "ärger|straße|日本");
        assert_eq!(tokens("--"), "");
    }

    #[test]
    fn a_text_is_held_only_at_token_borders() {
        for (value, text, expect) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("110.0.0.1", "10.0.0.1", false),
            ("x10.0.0.10 10.0.0.1", "10.0.0.1", true),
            ("1.0.0.10", "10.0.0.1", false),
            ("abc", "-", false),
            ("a-c", "-", true),
            ("ÜBER alles", "über", true),
            ("aaa", "aa", false),
        ] {
            assert_eq!(holds(value, text), expect, "{value} {text}");
        }
    }

    #[test]
    fn words_side_by_side() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(side_by_side("Failed password, for root", &words("password for")));
        assert!(!side_by_side("Failed password for root", &words("failed for")));
        assert!(!side_by_side("", &words("a")));
    }

    #[test]
    fn folding_keeps_the_number_of_characters() {
        for c in ('\0'..=char::MAX).filter(|c| !c.is_ascii()) {
            assert_eq!(fold(&c.to_string()).chars().count(), 1);
        }
    }
}
