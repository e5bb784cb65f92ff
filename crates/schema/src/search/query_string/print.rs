//! The canonical text of a query.

use std::fmt::Write as _;

use crate::field::Kind;
use crate::search::pattern::{Piece, wildcard_pieces};
use crate::search::{Bool, Bound, FieldRef, Query, Range, Scalar};

/// The canonical text of a query: parsed again it matches the same events, and is the same query if it came from a query
/// string. `None` if the query string has no words for it, such as `minimum_should_match` of two among three.
#[must_use]
pub fn print(query: &Query) -> Option<String> {
    let mut out = String::new();
    push(query, Place::Alone, &mut out)?;
    Some(out)
}

/// Where a query stands: it decides about parentheses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Alone,
    /// Joined by OR without signs: a negation needs no parentheses.
    Alternative,
    /// After a sign, or joined by AND.
    Inner,
}

fn push(query: &Query, place: Place, out: &mut String) -> Option<()> {
    match query {
        Query::MatchAll => out.push('*'),
        Query::MatchNone => out.push_str("NOT *"),
        Query::Bool(joined) => return push_bool(joined, place, out),
        Query::Term { field, value: Scalar::Text(text), case_insensitive: true } => {
            push_regexp(field, &format!("(?i){}", regex::escape(text)), out)?;
        }
        Query::Term { field, value, .. } => {
            push_values(&field.name(), &possible(field, std::slice::from_ref(value)), out)
        }
        Query::Terms { field, values } => push_values(&field.name(), &possible(field, values), out),
        Query::Ids(ids) => {
            let ids: Vec<Scalar> = ids.iter().cloned().map(Scalar::Text).collect();
            push_values("_id", &ids, out);
        }
        Query::Cidr { field, network, prefix } => {
            push_name(&field.name(), out);
            push_text(&format!("{network}/{prefix}"), Word::Value, out);
        }
        Query::Range(range) => push_range(range, out),
        Query::Prefix { field, value, case_insensitive: true } => {
            push_regexp(field, &format!("(?i){}.*", regex::escape(value)), out)?;
        }
        Query::Prefix { field, value, .. } if !fits(field, value.chars()) => out.push_str("(NOT *)"),
        Query::Prefix { field, value, .. } => {
            push_name(&field.name(), out);
            value.chars().for_each(|c| push_word_char(c, out));
            out.push('*');
        }
        Query::Wildcard { field, pattern, case_insensitive: true } => {
            push_regexp(field, &format!("(?i){}", as_regexp(pattern)), out)?;
        }
        Query::Wildcard { field, pattern, .. } if !fits(field, literals(pattern)) => out.push_str("(NOT *)"),
        Query::Wildcard { field, pattern, .. } => {
            push_name(&field.name(), out);
            push_pattern(pattern, out);
        }
        Query::AnyWildcard { pattern } if !literals(pattern).all(char::is_alphanumeric) => out.push_str("(NOT *)"),
        Query::AnyWildcard { pattern } => push_pattern(pattern, out),
        Query::Regexp { field, pattern, case_insensitive } => {
            let flags = if *case_insensitive { "(?i)" } else { "" };
            push_regexp(field, &format!("{flags}{pattern}"), out)?;
        }
        Query::Fuzzy { field, value, edits } => push_fuzzy(field, value, *edits, out)?,
        Query::Exists { name } => push_exists(name, out),
        Query::Phrase { field: Some(field), text } => {
            push_name(&field.name(), out);
            push_text(text, Word::Value, out);
        }
        Query::Phrase { field: None, text } => push_text(text, Word::Bare, out),
    }
    Some(())
}

/// Whether a pattern can match in a field: on text it is compared with words, which are letters and digits.
fn fits(field: &FieldRef, mut literals: impl Iterator<Item = char>) -> bool {
    field.kind() != Kind::Text || literals.all(char::is_alphanumeric)
}

fn literals(pattern: &str) -> impl Iterator<Item = char> {
    wildcard_pieces(pattern).filter_map(|piece| match piece {
        Piece::Literal(c) => Some(c),
        Piece::AnyRun | Piece::AnyChar => None,
    })
}

/// A group of clauses, in parentheses unless it stands where none are needed.
fn push_bool(joined: &Bool, place: Place, out: &mut String) -> Option<()> {
    let joined = normal(joined)?;
    let clauses = joined.must.len() + joined.should.len() + joined.must_not.len();
    if clauses == 0 {
        out.push('*');
        return Some(());
    }
    if let ([only], 1) = (joined.must.as_slice(), clauses) {
        return push(only, place, out);
    }
    let negation = clauses == 1 && joined.must_not.len() == 1;
    let bare = place == Place::Alone || (place == Place::Alternative && negation);
    if !bare {
        out.push('(');
    }
    push_clauses(&joined, out)?;
    if !bare {
        out.push(')');
    }
    Some(())
}

/// The same group in one of the three forms that a query string has: everything in `must` and `must_not`; only `should`, of
/// which one is needed; `must` and optional `should`.
fn normal(joined: &Bool) -> Option<Bool> {
    let mut joined = joined.clone();
    let needed = usize::from(joined.must.is_empty() && !joined.should.is_empty());
    let minimum = joined.minimum_should_match.take().unwrap_or(needed);
    match minimum {
        0 if joined.must.is_empty() => joined.should.clear(),
        0 => {}
        n if n > joined.should.len() => joined = Bool { must: vec![Query::MatchNone], ..Bool::default() },
        n if n == joined.should.len() => joined.must.append(&mut joined.should),
        1 if joined.must.is_empty() && joined.must_not.is_empty() => {}
        1 => joined.must.push(Query::any(std::mem::take(&mut joined.should))),
        _ => return None,
    }
    Some(joined)
}

fn push_clauses(joined: &Bool, out: &mut String) -> Option<()> {
    let optional = !joined.should.is_empty();
    let marked = optional && !joined.must.is_empty();
    let (separator, must, must_not) = match (optional, marked) {
        (true, true) => (" OR ", "+", "-"),
        (true, false) => (" OR ", "", ""),
        (false, _) => (" AND ", "", "NOT "),
    };
    let place = if optional && !marked { Place::Alternative } else { Place::Inner };
    let signed = [(must, &joined.must), ("", &joined.should), (must_not, &joined.must_not)];
    let clauses = signed.into_iter().flat_map(|(sign, queries)| queries.iter().map(move |query| (sign, query)));
    for (at, (sign, query)) in clauses.enumerate() {
        if at > 0 {
            out.push_str(separator);
        }
        out.push_str(sign);
        if *query == Query::MatchNone && place == Place::Inner {
            out.push_str("(NOT *)");
        } else {
            push(query, place, out)?;
        }
    }
    Some(())
}

/// The values that a field can have: on text only single words.
fn possible(field: &FieldRef, values: &[Scalar]) -> Vec<Scalar> {
    let is_word = |value: &&Scalar| match value {
        Scalar::Text(text) => !text.is_empty() && text.chars().all(char::is_alphanumeric),
        _ => false,
    };
    values.iter().filter(|value| field.kind() != Kind::Text || is_word(value)).cloned().collect()
}

fn push_values(name: &str, values: &[Scalar], out: &mut String) {
    match values {
        [] => out.push_str("(NOT *)"),
        [only] => {
            push_name(name, out);
            push_value(only, out);
        }
        many => {
            push_name(name, out);
            out.push('(');
            for (at, value) in many.iter().enumerate() {
                out.push_str(if at > 0 { " OR " } else { "" });
                // Inside a group a sign or a colon could be read as such.
                push_quoted(&text_of(value), out);
            }
            out.push(')');
        }
    }
}

fn push_value(value: &Scalar, out: &mut String) {
    push_text(&text_of(value), Word::Value, out);
}

/// A field of the catalogue is asked for a value; an object, or another name, only `_exists_` knows for sure.
fn push_exists(name: &str, out: &mut String) {
    if let FieldRef::Other(_) = FieldRef::resolve(name) {
        out.push_str("_exists_:");
        push_text(name, Word::Value, out);
    } else {
        push_name(name, out);
        out.push('*');
    }
}

fn text_of(value: &Scalar) -> String {
    match value {
        Scalar::Null => "null".to_owned(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Long(value) => value.to_string(),
        Scalar::Double(value) => {
            serde_json::Number::from_f64(*value).map_or_else(String::new, |number| number.to_string())
        }
        Scalar::Date(time) => time.to_string(),
        Scalar::Ip(address) => address.to_string(),
        Scalar::Text(text) => text.clone(),
    }
}

fn push_range(range: &Range, out: &mut String) {
    push_name(&range.field.name(), out);
    let compared = match (&range.lower, &range.upper) {
        (Bound::Open, Bound::Open) => return out.push('*'),
        (Bound::Excluded(value), Bound::Open) => Some((">", value)),
        (Bound::Included(value), Bound::Open) => Some((">=", value)),
        (Bound::Open, Bound::Excluded(value)) => Some(("<", value)),
        (Bound::Open, Bound::Included(value)) => Some(("<=", value)),
        _ => None,
    };
    if let Some((operator, value)) = compared {
        out.push_str(operator);
        return push_value(value, out);
    }
    out.push(if matches!(range.lower, Bound::Excluded(_)) { '{' } else { '[' });
    push_bound(&range.lower, out);
    out.push_str(" TO ");
    push_bound(&range.upper, out);
    out.push(if matches!(range.upper, Bound::Excluded(_)) { '}' } else { ']' });
}

fn push_bound(bound: &Bound, out: &mut String) {
    match bound {
        Bound::Open => out.push('*'),
        Bound::Included(value) | Bound::Excluded(value) => push_value(value, out),
    }
}

fn push_fuzzy(field: &FieldRef, value: &str, edits: u8, out: &mut String) -> Option<()> {
    if value.is_empty() {
        return None;
    }
    push_name(&field.name(), out);
    // A path has no suffix: its `/` is escaped, so that this is a word.
    value.chars().for_each(|c| if c == '/' { out.push_str(r"\/") } else { push_word_char(c, out) });
    write!(out, "~{edits}").ok()
}

fn push_name(name: &str, out: &mut String) {
    name.chars().for_each(|c| push_word_char(c, out));
    out.push(':');
}

/// An expression. White space and Lucene's operators are escaped, since the query string has other uses for them; one with
/// named groups, which need `<`, has no text.
fn push_regexp(field: &FieldRef, pattern: &str, out: &mut String) -> Option<()> {
    if pattern.contains("(?P<") || pattern.contains("(?<") {
        return None;
    }
    push_name(&field.name(), out);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
    // Without any character of an expression between the slashes it would be taken for a directory: escape a slash, or
    // make a group.
    let mut ambiguous = pattern.chars().all(plain);
    let (before, after) = if ambiguous && !pattern.contains('/') { ("(?:", ")") } else { ("", "") };
    out.push('/');
    out.push_str(before);
    let mut escaped = false;
    for c in pattern.chars() {
        let slash = c == '/' && std::mem::take(&mut ambiguous);
        if !escaped && (slash || c.is_whitespace() || matches!(c, '~' | '@' | '&' | '#' | '<' | '>' | '"')) {
            out.push('\\');
        }
        escaped = c == '\\' && !escaped;
        out.push(c);
    }
    out.push_str(after);
    out.push('/');
    Some(())
}

/// A pattern; one that begins and ends with `/` would be taken for an expression, so its first `/` is escaped.
fn push_pattern(pattern: &str, out: &mut String) {
    let slashes = pattern.starts_with('/') && pattern.ends_with('/');
    for (at, piece) in wildcard_pieces(pattern).enumerate() {
        match piece {
            Piece::AnyRun => out.push('*'),
            Piece::AnyChar => out.push('?'),
            Piece::Literal('/') if at == 0 && slashes => out.push_str(r"\/"),
            Piece::Literal(c) => push_word_char(c, out),
        }
    }
}

fn as_regexp(pattern: &str) -> String {
    let mut out = String::new();
    for piece in wildcard_pieces(pattern) {
        match piece {
            Piece::AnyRun => out.push_str(".*"),
            Piece::AnyChar => out.push('.'),
            Piece::Literal(c) => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out
}

/// Where a text stands: after a field more characters are no syntax.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Bare,
    Value,
}

/// A text: without quotes where it is surely read back as the same word.
fn push_text(text: &str, word: Word, out: &mut String) {
    let first = |c: char| match c {
        '/' => !text.ends_with('/'),
        c => is_plain(c) || (word == Word::Value && matches!(c, '-' | ':')),
    };
    let inside = |c: char| is_plain(c) || matches!(c, '-' | '/') || (word == Word::Value && c == ':');
    let keyword = matches!(text, "AND" | "OR" | "NOT" | "TO" | "and" | "or" | "not");
    if !keyword && text.chars().next().is_some_and(first) && text.chars().all(inside) {
        out.push_str(text);
    } else {
        push_quoted(text, out);
    }
}

fn push_quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// A character of a word that is not quoted.
fn push_word_char(c: char, out: &mut String) {
    if !is_plain(c) && c != '/' {
        out.push('\\');
    }
    out.push(c);
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | ',' | '%' | '$' | ';' | '#' | '=')
}
