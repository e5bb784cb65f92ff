//! Tokens as they stand in the index; what a token is says [`schema::search::token`].
//!
//! A token over 255 bytes stands in the index as its 128-bit hash, so that a long argument is found whole; patterns
//! cannot be matched against a hash, so such events are marked odd and looked at one by one.

use schema::search::token;

/// Longest token that is indexed as it is.
pub(super) const MAX_TOKEN: usize = 255;

/// Appends the tokens of `text` to `out`, each followed by a space, and says whether one had to be hashed.
pub(super) fn push_tokens(text: &str, out: &mut String) -> bool {
    push_new_tokens(text, out, &mut Seen::default())
}

/// As [`push_tokens`], without tokens that were pushed since `seen` was empty. Some may come again.
pub(super) fn push_new_tokens(text: &str, out: &mut String, seen: &mut Seen) -> bool {
    let text = token::fold(text);
    let mut hashed = false;
    let mut push = |token: &str| {
        if seen.again(token, out) {
            return;
        }
        if token.len() > MAX_TOKEN {
            out.push_str(&format!("{:032x}#", hash(token.as_bytes())));
            hashed = true;
        } else {
            out.push_str(token);
        }
        out.push(' ');
    };
    if text.is_ascii() {
        ascii_tokens(&text, push);
    } else {
        token::of(&text).for_each(&mut push);
    }
    hashed
}

/// As [`token::of`], without taking bytes for characters: nearly all text is ASCII.
fn ascii_tokens<'a>(text: &'a str, mut each: impl FnMut(&'a str)) {
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if !byte.is_ascii_alphanumeric() {
            if start < at {
                each(&text[start..at]);
            }
            start = at + 1;
        }
    }
    if start < text.len() {
        each(&text[start..]);
    }
}

/// Where tokens stand in a text of tokens: a small table by hash in which a later token displaces an earlier one. Paths,
/// names and command lines of one event repeat a third of their tokens, and each costs the index ten times a look here.
#[derive(Debug)]
pub(super) struct Seen([u32; Self::PLACES]);

impl Default for Seen {
    fn default() -> Self {
        Self([0; Self::PLACES])
    }
}

impl Seen {
    const PLACES: usize = 128;

    pub(super) fn clear(&mut self) {
        self.0 = [0; Self::PLACES];
    }

    /// Whether the token stands in `out` already; if not, it is about to be pushed.
    fn again(&mut self, token: &str, out: &str) -> bool {
        let mixed =
            token.bytes().fold(0x811c_9dc5_u32, |mixed, byte| (mixed ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let place = &mut self.0[mixed as usize % Self::PLACES];
        let start = *place as usize;
        // Place 0 of the text is remembered as 0, which also means empty: the first token may come twice.
        let known = start > 0
            && out.get(start..).is_some_and(|rest| rest.strip_prefix(token).is_some_and(|rest| rest.starts_with(' ')));
        if !known {
            *place = u32::try_from(out.len()).unwrap_or(0);
        }
        known
    }
}

/// The tokens of a text as they stand in the index.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut joined = String::with_capacity(text.len() + 8);
    push_tokens(text, &mut joined);
    joined.split_terminator(' ').map(str::to_owned).collect()
}

/// Whether a token is longer than what is indexed as it is.
pub(super) fn is_hashed(token: &str) -> bool {
    token.ends_with('#')
}

/// FNV-1a, 128 bits. A collision only costs a look at one more event.
fn hash(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, &byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_letters_and_digits_in_lower_case() {
        assert_eq!(tokens("/usr/bin/Tool-7 --x=ÄB_c"), ["usr", "bin", "tool", "7", "x", "äb", "c"]);
        assert_eq!(tokens("-- "), [""; 0]);
    }

    #[test]
    fn a_token_comes_once_in_a_row_of_texts() {
        let (mut out, mut seen) = (String::new(), Seen::default());
        for text in ["/usr/bin/tool-7", "tool-7 --usr", "tool 77 bin"] {
            push_new_tokens(text, &mut out, &mut seen);
        }
        assert_eq!(out, "usr bin tool 7 usr 77 ");
    }

    proptest::proptest! {
        #[test]
        fn ascii_is_taken_apart_as_any_text(text in "[ -~\\t\\n]{0,60}") {
            let mut tokens = Vec::new();
            ascii_tokens(&text, |token| tokens.push(token));
            proptest::prop_assert_eq!(tokens, token::of(&text).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_long_token_is_one_token() {
        let long = "a".repeat(300);
        let made = tokens(&format!("{long} b"));
        assert!(is_hashed(&made[0]) && !is_hashed(&made[1]));
        assert_ne!(made[0], tokens(&"b".repeat(300))[0]);
    }
}
