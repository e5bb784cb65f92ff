//! Tokens as they stand in the index; what a token is says [`schema::search::token`].
//!
//! A token over 255 bytes stands in the index as its 128-bit hash, so that a long argument is found whole; patterns
//! cannot be matched against a hash, so such events are marked odd and looked at one by one.

use schema::search::token;

/// Longest token that is indexed as it is.
pub(super) const MAX_TOKEN: usize = 255;

/// Appends the tokens of `text` to `out`, each followed by a space, and says whether one had to be hashed.
pub(super) fn push_tokens(text: &str, out: &mut String) -> bool {
    let mut hashed = false;
    for token in token::of(&token::fold(text)) {
        if token.len() > MAX_TOKEN {
            out.push_str(&format!("{:032x}#", hash(token.as_bytes())));
            hashed = true;
        } else {
            out.push_str(token);
        }
        out.push(' ');
    }
    hashed
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
    fn a_long_token_is_one_token() {
        let long = "a".repeat(300);
        let made = tokens(&format!("{long} b"));
        assert!(is_hashed(&made[0]) && !is_hashed(&made[1]));
        assert_ne!(made[0], tokens(&"b".repeat(300))[0]);
    }
}
