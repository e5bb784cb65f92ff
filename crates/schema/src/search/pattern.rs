//! Patterns of queries as compiled expressions, the same for every engine: anchored at both ends, `.` meets any character,
//! linear in the text they look at.

use regex::{Regex, RegexBuilder};

/// Longest regular expression in characters.
pub const MAX_PATTERN_CHARS: usize = 1000;
/// Largest compiled expression in bytes. A query may hold 1,024 clauses, so one expression must not be able to take seconds
/// to compile.
pub const MAX_AUTOMATON_BYTES: usize = 2 << 20;

/// A pattern that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadPattern {
    /// Longer than [`MAX_PATTERN_CHARS`].
    #[error("the pattern has {0} characters, at most {MAX_PATTERN_CHARS} are allowed")]
    TooLong(usize),
    /// Not in the syntax of the `regex` crate.
    #[error("not a regular expression: {0}")]
    Syntax(String),
    /// Compiles to more than [`MAX_AUTOMATON_BYTES`].
    #[error("the expression is too large when compiled; use smaller repetitions")]
    TooLarge,
}

/// A regular expression that must match the whole text.
///
/// # Errors
/// See [`BadPattern`].
pub fn regexp(pattern: &str, case_insensitive: bool) -> Result<Regex, BadPattern> {
    check_length(pattern)?;
    // Alone first: `a)(b` would be well-formed inside our group.
    compile(pattern, false)?;
    compile(&format!(r"\A(?:{pattern})\z"), case_insensitive)
}

/// Whether a pattern is short enough. A wildcard that is can always be compiled, which a parser need not do to know.
///
/// # Errors
/// [`BadPattern::TooLong`].
pub fn check_length(pattern: &str) -> Result<(), BadPattern> {
    // Bytes first: they are at least as many as characters.
    if pattern.len() <= MAX_PATTERN_CHARS {
        return Ok(());
    }
    let chars = pattern.chars().count();
    if chars > MAX_PATTERN_CHARS { Err(BadPattern::TooLong(chars)) } else { Ok(()) }
}

/// `*` any run, `?` any character, `\` takes the next one literally; must match the whole text.
///
/// # Errors
/// See [`BadPattern`]; only the bounds can be hit.
pub fn wildcard(pattern: &str, case_insensitive: bool) -> Result<Regex, BadPattern> {
    check_length(pattern)?;
    let mut out = String::with_capacity(pattern.len() + 16);
    out.push_str(r"\A");
    for piece in wildcard_pieces(pattern) {
        match piece {
            Piece::AnyRun => out.push_str(".*"),
            Piece::AnyChar => out.push('.'),
            Piece::Literal(c) => push_escaped(c, &mut out),
        }
    }
    out.push_str(r"\z");
    compile(&out, case_insensitive)
}

/// The text itself, compared by Unicode simple case folding.
///
/// # Errors
/// See [`BadPattern`]; only the bounds can be hit.
pub fn literal_any_case(text: &str) -> Result<Regex, BadPattern> {
    compile(&format!(r"\A{}\z", regex::escape(text)), true)
}

/// Whatever begins with the text.
///
/// # Errors
/// See [`BadPattern`]; only the bounds can be hit.
pub fn prefix_any_case(text: &str) -> Result<Regex, BadPattern> {
    compile(&format!(r"\A{}", regex::escape(text)), true)
}

/// One element of a wildcard pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece {
    /// `*`
    AnyRun,
    /// `?`
    AnyChar,
    /// Any other character, or one after a `\`.
    Literal(char),
}

/// The elements of a wildcard pattern. A `\` at the very end stands for itself.
pub fn wildcard_pieces(pattern: &str) -> impl Iterator<Item = Piece> {
    let mut chars = pattern.chars();
    std::iter::from_fn(move || {
        Some(match chars.next()? {
            '*' => Piece::AnyRun,
            '?' => Piece::AnyChar,
            '\\' => Piece::Literal(chars.next().unwrap_or('\\')),
            c => Piece::Literal(c),
        })
    })
}

/// Whether `a` becomes `b` by at most `edits` insertions, deletions, replacements and swaps of neighbours, none of them
/// touching a character twice.
#[must_use]
pub fn within_edits(a: &str, b: &str, edits: u8) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let edits = usize::from(edits);
    if a.len().abs_diff(b.len()) > edits {
        return false;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &to) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(from != to);
            let mut cost = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && from == b[j - 1] && a[i - 1] == to {
                cost = cost.min(before_last[j - 1] + 1);
            }
            row.push(cost);
        }
        if row.iter().min().is_some_and(|&least| least > edits) {
            return false;
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().is_some_and(|&distance| distance <= edits)
}

/// Lucene's operators that mean something else, or nothing, in our expressions.
#[must_use]
pub fn foreign_operator(pattern: &str) -> Option<char> {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '~' | '@' | '&' | '#' | '<' | '>' | '"' => return Some(c),
            _ => {}
        }
    }
    None
}

/// A Lucene expression as one of the `regex` crate, as far as escapes go: `\/` and an escaped white space need none, and `\<`, `\>`, which Lucene takes for the characters and `regex` for word borders.
#[must_use]
pub fn from_lucene(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some(c) if c == '/' || c.is_whitespace() => out.push(c),
            Some('<') => out.push_str(r"\x3C"),
            Some('>') => out.push_str(r"\x3E"),
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}

fn compile(expression: &str, case_insensitive: bool) -> Result<Regex, BadPattern> {
    let mut builder = RegexBuilder::new(expression);
    builder
        .case_insensitive(case_insensitive)
        .dot_matches_new_line(true)
        .size_limit(MAX_AUTOMATON_BYTES)
        .nest_limit(50);
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => BadPattern::TooLarge,
        error => BadPattern::Syntax(last_line(&error.to_string())),
    })
}

/// The `regex` crate draws the expression over several lines; the last one says what is wrong.
fn last_line(text: &str) -> String {
    let line = text.lines().next_back().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn push_escaped(c: char, out: &mut String) {
    let mut buffer = [0; 4];
    out.push_str(&regex::escape(c.encode_utf8(&mut buffer)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_the_whole_text() {
        for (pattern, text, expect) in [
            ("/etc/*", "/etc/passwd", true),
            ("/etc/*", "x/etc/passwd", false),
            ("p?th", "path", true),
            ("p?th", "pth", false),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            ("a*c", "a\nb\nc", true),
            ("a.c", "abc", false),
            ("", "", true),
            (r"\", r"\", true),
        ] {
            assert_eq!(wildcard(pattern, false).unwrap().is_match(text), expect, "{pattern} {text}");
        }
        assert!(wildcard("STRASSE*", true).unwrap().is_match("strasse 7"));
    }

    #[test]
    fn expressions_are_anchored_and_bounded() {
        let matches = |pattern, text| regexp(pattern, false).unwrap().is_match(text);
        assert!(matches("curl|wget", "wget"));
        assert!(!matches("curl|wget", "xwget"));
        assert!(!matches("a", "a\n"));
        assert!(matches(".*shadow.*", "/etc/shadow\n"));
        assert!(matches!(regexp("a)(b", false), Err(BadPattern::Syntax(_))));
        assert!(matches!(regexp("(a", false), Err(BadPattern::Syntax(reason)) if reason == "unclosed group"));
        assert_eq!(regexp("(a{1,1000}){1,100}", false).unwrap_err(), BadPattern::TooLarge);
        assert_eq!(regexp(&"a".repeat(1001), false).unwrap_err(), BadPattern::TooLong(1001));
    }

    #[test]
    fn the_longest_wildcards_compile() {
        for piece in ["*", "?", "a*", "ß", "日?", "K"] {
            let pattern: String = piece.chars().cycle().take(MAX_PATTERN_CHARS).collect();
            assert!(check_length(&pattern).is_ok());
            assert!(wildcard(&pattern, true).is_ok(), "{piece}");
            assert!(check_length(&(pattern + "x")).is_err());
        }
    }

    #[test]
    fn edits() {
        for (a, b, distance) in [
            ("", "", 0),
            ("a", "", 1),
            ("curl", "crul", 1),
            ("curl", "cur", 1),
            ("curl", "wget", 9),
            ("größe", "grösse", 2),
        ] {
            for edits in 0..=2 {
                assert_eq!(within_edits(a, b, edits), distance <= edits, "{a} {b} {edits}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_literal_matches_itself(text in ".{0,40}") {
            let escaped: String = text.chars().flat_map(|c| ['\\', c]).collect();
            prop_assert!(wildcard(&escaped, false).unwrap().is_match(&text));
            prop_assert!(literal_any_case(&text).unwrap().is_match(&text));
            prop_assert!(prefix_any_case(&text).unwrap().is_match(&(text + "x")));
        }

        #[test]
        fn edits_are_symmetric(a in "[abc]{0,6}", b in "[abc]{0,6}", edits in 0_u8..3) {
            prop_assert_eq!(within_edits(&a, &b, edits), within_edits(&b, &a, edits));
        }

        #[test]
        fn any_expression_compiles_or_is_refused(pattern in ".{0,60}") {
            match regexp(&pattern, true) {
                Ok(regex) => prop_assert!(regex.as_str().contains(&pattern)),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
