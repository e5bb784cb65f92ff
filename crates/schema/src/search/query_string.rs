//! The query string: what people type into the search bar.
//!
//! ```text
//! query   = or
//! or      = and {("OR"|"||") and}
//! and     = unary {["AND"|"&&"] unary}
//! unary   = ("NOT"|"!"|"-"|"+") unary | clause
//! clause  = [field ":"] (group | range | compare | value) ["~" digits | "^" number]
//! group   = "(" or ")"                                  a field before a group holds inside
//! range   = ("["|"{") bound "TO" bound ("]"|"}")
//! compare = (">"|">="|"<"|"<=") bound
//! value   = phrase | regex | word                       bound = phrase | word | "*"
//! ```
//! * AND binds tighter than OR (Lucene's classic parser has its own ideas). Clauses that stand side by side are joined by
//!   [`Options::default_operator`]. Keywords are in capitals.
//! * `-x` is `NOT x`. In a list joined by OR, `+x` is required, the unsigned ones become optional and the negated ones are
//!   excluded; so are the negated ones where OR is only the default between clauses side by side: `a -b` is "a, not b".
//! * In a word `\` takes the next character literally, `*` is any run of characters and `?` any one. `field:*` and
//!   `_exists_:field` ask whether there is a value, `_id:x` for an event by its id, `host.*:x` for any of up to 128 fields.
//! * A word without a field is looked for in all fields flagged `words`, at token borders; one with `*` or `?` over tokens.
//! * **A value that begins with `/` is a path**, unless it also ends with `/` and holds characters of a regular expression
//!   between (other than letters, digits, `.`, `-`, `_`, `/`): then it is one. `/etc/` alone could be either and is a problem
//!   that says so. An expression ends at white space: write `\s`.
//! * Values are read for the field's kind: numbers, addresses and networks (`10.0.0.0/8`), dates with math
//!   ([`super::date_math`]); a date without time stands for the whole day.
//!
//! The parser is total: any text gives a query or problems with their places, in linear time, without panic.
//!
//! ```
//! use schema::Timestamp;
//! use schema::search::{Options, query_string};
//!
//! let options = Options::page(Timestamp::from_millis(0));
//! let parsed = query_string::parse("file.path:/etc/* -user.name:(root OR daemon)", &options).unwrap();
//! let text = query_string::print(&parsed.query).unwrap();
//! assert_eq!(text, "file.path:/etc/* AND NOT (user.name:root OR user.name:daemon)");
//!
//! let problems = query_string::parse("host.nmae:web1 AND", &options).unwrap_err();
//! assert_eq!((problems.0[0].start, problems.0[0].end), (0, 9));
//! assert_eq!(problems.0[0].advice.as_deref(), Some("did you mean host.name?"));
//! assert_eq!(problems.0[1].start, 18);
//! ```

mod clause;
mod parser;
mod print;
mod scan;

use super::{FieldRef, MAX_QUERY_STRING, Options, Parsed};
use parser::Parser;

pub use print::print;

/// Most problems that are reported.
const MAX_PROBLEMS: usize = 20;

/// Something in a query string that cannot be understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where it begins, in UTF-16 units of the query string.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What is wrong.
    pub message: String,
    /// What could stand there.
    pub expected: Vec<&'static str>,
    /// What to do.
    pub advice: Option<String>,
}

/// All problems of a query string, at least one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", .0.first().map_or("", |problem| &problem.message))]
pub struct Problems(pub Vec<Problem>);

/// Reads a query string. Empty means everything.
///
/// # Errors
/// All problems that can be found in one pass, at most 20, in order of their place.
pub fn parse(text: &str, options: &Options<'_>) -> Result<Parsed, Problems> {
    parse_within(text, &[], options)
}

/// As [`parse`]; words without a field are looked for in any of these fields, if there are some.
///
/// # Errors
/// As [`parse`].
pub fn parse_within(text: &str, fields: &[FieldRef], options: &Options<'_>) -> Result<Parsed, Problems> {
    if text.len() > MAX_QUERY_STRING {
        return Err(Problems(vec![Problem {
            start: 0,
            end: utf16(text),
            message: format!("the query has {} bytes, at most {MAX_QUERY_STRING} are allowed", text.len()),
            expected: Vec::new(),
            advice: None,
        }]));
    }
    let mut parser = Parser::new(text, fields, options);
    let query = parser.query();
    if parser.problems.is_empty() {
        return Ok(Parsed { query, notes: parser.notes });
    }
    let mut problems = parser.problems;
    problems.sort_by_key(|problem| problem.start);
    problems.truncate(MAX_PROBLEMS);
    for problem in &mut problems {
        problem.start = utf16(&text[..problem.start]);
        problem.end = utf16(&text[..problem.end]);
    }
    Err(Problems(problems))
}

fn utf16(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

#[cfg(test)]
mod tests;
