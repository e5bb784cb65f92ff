//! What a clause means: its field, and its value read for the field's kind.

use super::parser::Parser;
use super::scan::Word;
use crate::field::{Field, Kind};
use crate::search::date_math::Fill;
use crate::search::read::{self, BadValue, plural, singular};
use crate::search::{Bound, FieldRef, Options, Query, Range, Scalar, UnknownFields, pattern, token};

/// Most fields that a name with `*` may stand for.
const MAX_FIELDS: usize = 128;

/// Where a value is looked for.
pub(super) enum Target {
    /// In all fields flagged `words`.
    Anywhere,
    Field(FieldRef),
    /// In any of them.
    Fields(Vec<FieldRef>),
    /// `_exists_`: the value is a name.
    Exists,
    /// `_id`
    Id,
    /// Nowhere: the name was reported as a problem.
    Nowhere,
}

/// A value as typed.
pub(super) enum Value {
    Word(Word),
    Phrase(String),
    Regexp(String),
    Fuzzy(String, u8),
    /// Text and whether it belongs to the range; `None` is open.
    Range {
        lower: Option<(String, bool)>,
        upper: Option<(String, bool)>,
    },
}

impl Parser<'_> {
    /// What a name before a colon stands for.
    pub(super) fn target(&mut self, word: &Word, start: usize, end: usize) -> Target {
        match word.text.as_str() {
            "_exists_" => return Target::Exists,
            "_id" => return Target::Id,
            _ if word.is_anything() => return Target::Anywhere,
            _ => {}
        }
        if word.wild {
            return self.fields(word, start, end);
        }
        let field = FieldRef::resolve(&word.text);
        if self.options.knows(&field) {
            return Target::Field(field);
        }
        self.unknown(field, &word.text, start, end)
    }

    fn fields(&mut self, word: &Word, start: usize, end: usize) -> Target {
        let Ok(regex) = pattern::wildcard(&word.pattern, false) else { return Target::Nowhere };
        let known = self.options.known.iter().filter(|name| regex.is_match(name)).map(|name| FieldRef::resolve(name));
        let mut fields: Vec<FieldRef> =
            Field::all().filter(|field| regex.is_match(field.name())).map(FieldRef::Known).chain(known).collect();
        fields.sort();
        fields.dedup();
        match fields.len() {
            0 => self.problem(start, end, &format!("no field is named like {}", word.text), &[], None),
            1..=MAX_FIELDS => return Target::Fields(fields),
            many => {
                let message = format!("{} stands for {many} fields, at most {MAX_FIELDS} are possible", word.text);
                self.problem(start, end, &message, &[], Some("name fewer fields"));
            }
        }
        Target::Nowhere
    }

    /// Reports or notes an unknown name.
    fn unknown(&mut self, field: FieldRef, name: &str, start: usize, end: usize) -> Target {
        if self.options.unknown_fields == UnknownFields::Note {
            self.notes.push(format!("no event has a field {name}: it matches nothing"));
            return Target::Field(field);
        }
        // Looking for near names is the only costly step; there are at most so many problems.
        let nearest = if self.problems.len() < super::MAX_PROBLEMS { self.options.nearest(name) } else { Vec::new() };
        let advice = match nearest.split_last() {
            None => None,
            Some((only, [])) => Some(format!("did you mean {only}?")),
            Some((last, others)) => Some(format!("did you mean {} or {last}?", others.join(", "))),
        };
        let advice = advice.or_else(|| Some("quote the text to search for it with its colon".to_owned()));
        self.problem(start, end, &format!("there is no field {name}"), &[], advice.as_deref());
        Target::Nowhere
    }
}

impl Target {
    /// The kind of the values, if there is one.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Field(field) => Some(field.kind()),
            _ => None,
        }
    }

    /// The query for a value, and how many leaves it has.
    pub(super) fn query(
        &self,
        value: &Value,
        options: &Options<'_>,
        notes: &mut Vec<String>,
    ) -> Result<(Query, usize), BadValue> {
        let query = match self {
            Self::Nowhere => Query::MatchNone,
            Self::Anywhere => anywhere(value)?,
            Self::Exists => exists(value, options, notes)?,
            Self::Id => match value {
                Value::Phrase(id) => Query::Ids(vec![id.clone()]),
                Value::Word(Word { text, wild: false, .. }) => Query::Ids(vec![text.clone()]),
                _ => return Err(BadValue::new("_id takes one event id")),
            },
            Self::Field(field) => of_field(field, value, options, notes)?,
            Self::Fields(fields) => return any_field(fields, value, options),
        };
        Ok((query, 1))
    }
}

/// The fields that can hold such a value.
fn any_field(fields: &[FieldRef], value: &Value, options: &Options<'_>) -> Result<(Query, usize), BadValue> {
    let mut queries = Vec::new();
    let mut first_problem = None;
    for field in fields {
        match of_field(field, value, options, &mut Vec::new()) {
            Ok(query) => queries.push(query),
            Err(bad) => first_problem = first_problem.or(Some(bad)),
        }
    }
    let leaves = queries.len();
    match first_problem {
        Some(bad) if queries.is_empty() => Err(bad),
        _ => Ok((Query::any(queries), leaves.max(1))),
    }
}

fn anywhere(value: &Value) -> Result<Query, BadValue> {
    let needs_field = |what: &str, example: &str| {
        Err(BadValue::new(format!("{what} needs a field")).advice(format!("name one: {example}")))
    };
    match value {
        Value::Word(word) if word.is_anything() => Ok(Query::MatchAll),
        Value::Word(word) if word.wild => {
            check_token_pattern(word, "a wildcard without a field", "file.path:/etc/*")?;
            Ok(Query::AnyWildcard { pattern: word.pattern.clone() })
        }
        Value::Word(Word { text, .. }) | Value::Phrase(text) => {
            check_words(text)?;
            Ok(Query::Phrase { field: None, text: text.clone() })
        }
        Value::Regexp(_) => needs_field("a regular expression", "file.path:/.*shadow.*/"),
        Value::Fuzzy(..) => needs_field("a fuzzy word", "process.name:crul~"),
        Value::Range { .. } => needs_field("a range", "process.pid:[1 TO 100]"),
    }
}

/// Something that can be looked up: words are letters and digits.
fn check_words(text: &str) -> Result<(), BadValue> {
    match token::of(text).next() {
        Some(_) => Ok(()),
        None => Err(BadValue::new(format!("{text:?} holds no word to look for"))
            .expected("a letter or digit")
            .advice("name a field to compare whole values: process.args:\"--\"")),
    }
}

/// A pattern that single words can match.
fn check_token_pattern(word: &Word, what: &str, example: &str) -> Result<(), BadValue> {
    let fits = pattern::wildcard_pieces(&word.pattern)
        .all(|piece| !matches!(piece, pattern::Piece::Literal(c) if !c.is_alphanumeric()));
    if fits {
        return Ok(());
    }
    Err(BadValue::new(format!("{what} is compared with single words, and {} cannot be one", word.text))
        .advice(format!("compare a whole value ({example}), or quote a phrase")))
}

fn exists(value: &Value, options: &Options<'_>, notes: &mut Vec<String>) -> Result<Query, BadValue> {
    let (Value::Word(Word { text: name, wild: false, .. }) | Value::Phrase(name)) = value else {
        return Err(BadValue::new("_exists_ takes the name of a field").expected("a field name"));
    };
    if !options.knows_object(name) {
        if options.unknown_fields == UnknownFields::Refuse {
            let bad = BadValue::new(format!("there is no field {name}"));
            return Err(match options.nearest(name).first() {
                Some(near) => bad.advice(format!("did you mean {near}?")),
                None => bad,
            });
        }
        notes.push(format!("no event has a field {name}: it matches nothing"));
    }
    Ok(Query::Exists { name: name.clone() })
}

fn of_field(
    field: &FieldRef,
    value: &Value,
    options: &Options<'_>,
    notes: &mut Vec<String>,
) -> Result<Query, BadValue> {
    match value {
        Value::Word(word) if word.is_anything() => return Ok(Query::Exists { name: field.name() }),
        Value::Range { lower: None, upper: None } => return Ok(Query::Exists { name: field.name() }),
        _ => {}
    }
    match field.kind() {
        Kind::Keyword | Kind::Path | Kind::Flattened => on_keyword(field, value),
        Kind::Text => on_text(field, value, notes),
        Kind::Stored | Kind::Structured => {
            Err(BadValue::new(format!("{} is kept and shown, not searched", field.name()))
                .advice(format!("ask whether it is there: {}:*", field.name())))
        }
        Kind::Long | Kind::Double | Kind::Bool | Kind::Date | Kind::Ip => on_typed(field, value, options),
    }
}

fn on_keyword(field: &FieldRef, value: &Value) -> Result<Query, BadValue> {
    let field = field.clone();
    Ok(match value {
        Value::Word(word) if word.wild => {
            Query::Wildcard { field, pattern: checked_wildcard(word)?, case_insensitive: false }
        }
        Value::Word(Word { text, .. }) | Value::Phrase(text) => {
            Query::Term { field, value: Scalar::Text(text.clone()), case_insensitive: false }
        }
        Value::Regexp(pattern) => Query::Regexp { field, pattern: checked_regexp(pattern)?, case_insensitive: false },
        Value::Fuzzy(text, edits) => Query::Fuzzy { field, value: text.clone(), edits: *edits },
        Value::Range { lower, upper } => {
            let bound = |(text, included): &(String, bool)| as_bound(Scalar::Text(text.clone()), *included);
            let of = |given: &Option<(String, bool)>| given.as_ref().map_or(Bound::Open, bound);
            Query::Range(Range { field, lower: of(lower), upper: of(upper) })
        }
    })
}

fn on_text(field: &FieldRef, value: &Value, notes: &mut Vec<String>) -> Result<Query, BadValue> {
    match value {
        Value::Word(word) if word.wild => {
            check_token_pattern(word, &format!("{} is text: a wildcard", field.name()), "process.executable:/usr/*")?;
            if word.pattern.trim_matches('*').contains('*') {
                notes.push(format!("{} is text: {} is compared with its single words", field.name(), word.text));
            }
            on_keyword(field, value)
        }
        Value::Word(Word { text, .. }) | Value::Phrase(text) => {
            check_words(text)?;
            Ok(Query::Phrase { field: Some(field.clone()), text: text.clone() })
        }
        Value::Regexp(_) | Value::Fuzzy(..) => on_keyword(field, value),
        Value::Range { .. } => Err(BadValue::new(format!("{} is text, which has no order", field.name()))),
    }
}

fn on_typed(field: &FieldRef, value: &Value, options: &Options<'_>) -> Result<Query, BadValue> {
    let (name, kind) = (field.name(), field.kind());
    match value {
        Value::Word(word) if word.wild && kind == Kind::Ip => {
            Err(BadValue::new(format!("{name} holds addresses: wildcards do not apply"))
                .advice("write a network: 10.0.0.0/8"))
        }
        Value::Word(word) if word.wild => {
            Err(BadValue::new(format!("{name} holds {}: wildcards do not apply", plural(kind)))
                .expected(singular(kind))
                .advice("write a range: [1 TO 5]"))
        }
        Value::Regexp(_) => {
            Err(BadValue::new(format!("{name} holds {}: regular expressions do not apply", plural(kind))))
        }
        Value::Fuzzy(..) => Err(BadValue::new(format!("{name} holds {}: fuzzy search does not apply", plural(kind)))),
        Value::Word(Word { text, .. }) | Value::Phrase(text) => read::equal(field, text, options),
        Value::Range { lower, upper } => {
            let bound = |given: &Option<(String, bool)>, fill_included, fill_excluded| match given {
                None => Ok(Bound::Open),
                Some((text, included)) => {
                    let fill = if *included { fill_included } else { fill_excluded };
                    read::scalar(field, text, fill, options).map(|scalar| as_bound(scalar, *included))
                }
            };
            let lower = bound(lower, Fill::Start, Fill::End)?;
            let upper = bound(upper, Fill::End, Fill::Start)?;
            Ok(Query::Range(Range { field: field.clone(), lower, upper }))
        }
    }
}

fn as_bound(value: Scalar, included: bool) -> Bound {
    if included { Bound::Included(value) } else { Bound::Excluded(value) }
}

fn checked_regexp(regexp: &str) -> Result<String, BadValue> {
    if let Some(operator) = pattern::foreign_operator(regexp) {
        return Err(BadValue::new(format!("{operator} in an expression means something else in Lucene"))
            .advice(format!("write \\{operator} for the character")));
    }
    pattern::regexp(regexp, false).map_err(|error| BadValue::new(error.to_string()))?;
    Ok(regexp.to_owned())
}

fn checked_wildcard(word: &Word) -> Result<String, BadValue> {
    pattern::check_length(&word.pattern).map_err(|error| BadValue::new(error.to_string()))?;
    Ok(word.pattern.clone())
}
