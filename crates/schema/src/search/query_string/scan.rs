//! Words, phrases and expressions cut out of the text.

/// A word as typed.
#[derive(Clone, Default, Debug)]
pub(super) struct Word {
    /// Without escapes.
    pub(super) text: String,
    /// As a wildcard pattern: `*`, `?` and `\` that are meant literally have a `\` before them.
    pub(super) pattern: String,
    /// Has `*` or `?` that are not escaped.
    pub(super) wild: bool,
    /// Has a `\`: so it is no keyword.
    pub(super) escaped: bool,
}

impl Word {
    /// Reads the escapes and wildcards of a piece of the query string.
    pub(super) fn read(raw: &str) -> Self {
        if !raw.bytes().any(|byte| matches!(byte, b'\\' | b'*' | b'?')) {
            return Self { text: raw.to_owned(), pattern: raw.to_owned(), wild: false, escaped: false };
        }
        let mut word = Self::default();
        let mut chars = raw.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => {
                    word.escaped = true;
                    word.push_literal(chars.next().unwrap_or('\\'));
                }
                '*' | '?' => {
                    word.wild = true;
                    word.text.push(c);
                    word.pattern.push(c);
                }
                c => word.push_literal(c),
            }
        }
        word
    }

    fn push_literal(&mut self, c: char) {
        self.text.push(c);
        if matches!(c, '*' | '?' | '\\') {
            self.pattern.push('\\');
        }
        self.pattern.push(c);
    }

    /// Nothing but `*`.
    pub(super) fn is_anything(&self) -> bool {
        !self.pattern.is_empty() && self.pattern.bytes().all(|byte| byte == b'*')
    }

    /// `AND`, `OR` or `NOT` as typed.
    pub(super) fn is_keyword(&self) -> bool {
        !self.escaped && matches!(self.text.as_str(), "AND" | "OR" | "NOT")
    }
}

/// Where a word ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// A word that may be a field's name: at `:` too.
    Colon,
    /// A value.
    Space,
    /// A date, whose math begins with `||`.
    DateEnd,
    /// A bound of a range: at `]` and `}` too.
    Bracket,
}

/// The length of the word at the beginning of `text`, 0 if none begins there.
pub(super) fn word_len(text: &str, until: Until) -> usize {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let ends = match c {
            '\\' => {
                at += 1;
                at += text[at..].chars().next().map_or(0, char::len_utf8);
                continue;
            }
            '(' | ')' | '"' => true,
            ':' => until == Until::Colon,
            ']' | '}' => until == Until::Bracket,
            '&' => text[at..].starts_with("&&"),
            '|' => text[at..].starts_with("||") && !matches!(until, Until::DateEnd | Until::Bracket),
            c => c.is_whitespace(),
        };
        if ends {
            break;
        }
        at += c.len_utf8();
    }
    at
}

/// What follows a word: `~` with a number or none, `^` with a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Suffix<'a> {
    Fuzzy(&'a str),
    Boost,
}

/// Splits a suffix off a word: `word~1`, `word^2.5`. It must leave something of the word, and reach to its end.
pub(super) fn split_suffix(raw: &str) -> (&str, Option<Suffix<'_>>) {
    let Some(at) = raw.rfind(['~', '^']).filter(|&at| at > 0 && !is_escaped(raw, at)) else { return (raw, None) };
    match suffix(&raw[at..]) {
        Some((suffix, len)) if at + len == raw.len() => (&raw[..at], Some(suffix)),
        _ => (raw, None),
    }
}

/// A suffix at the beginning of `text` and its length.
pub(super) fn suffix(text: &str) -> Option<(Suffix<'_>, usize)> {
    let rest = text.get(1..)?;
    let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    match text.as_bytes()[0] {
        b'~' => Some((Suffix::Fuzzy(&rest[..digits]), 1 + digits)),
        b'^' if digits > 0 => Some((Suffix::Boost, 1 + digits)),
        _ => None,
    }
}

/// Whether an odd number of `\` stands before the place.
fn is_escaped(text: &str, at: usize) -> bool {
    text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The phrase at the beginning of `text` (which begins with `"`): its text and length; `None` if it is not closed.
pub(super) fn phrase(text: &str) -> Option<(String, usize)> {
    let mut phrase = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((phrase, at + 1)),
            '\\' => phrase.push(chars.next()?.1),
            c => phrase.push(c),
        }
    }
    None
}

/// The length of the path or expression at the beginning of `text` (which begins with `/`): up to white space, or a `)`
/// that was not opened inside.
pub(super) fn slash_len(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut class = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            c if c.is_whitespace() => return at,
            '[' => class = true,
            ']' => class = false,
            '(' if !class => depth += 1,
            ')' if !class && depth == 0 => return at,
            ')' if !class => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// What a value that begins with `/` is.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Slash<'a> {
    Path,
    /// The expression between the slashes.
    Regexp(&'a str),
    /// `/etc/`: could be either.
    Ambiguous,
}

pub(super) fn slash(raw: &str) -> Slash<'_> {
    let inner = raw.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    let Some(inner) = inner.filter(|_| !is_escaped(raw, raw.len() - 1)) else { return Slash::Path };
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
    if inner.chars().all(plain) { Slash::Ambiguous } else { Slash::Regexp(inner) }
}
