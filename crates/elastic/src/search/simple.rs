//! `simple_query_string`: never fails; what it cannot use it drops, and says so in the notes.
//!
//! ```text
//! query = term {["|" | "+"] term}      side by side: the default operator; + binds tighter than |
//! term  = {"-"} ("(" query ")" | "\"" phrase "\"" | word ["*"] | word "~" digit)
//! ```

use schema::field::Kind;
use schema::search::{FieldRef, MAX_CLAUSES, MAX_DEPTH, Operator, Query, read, token};

use super::query::token_terms;
use super::reader::Context;

pub(super) fn parse(text: &str, fields: &[FieldRef], operator: Operator, context: &Context<'_>) -> Query {
    let mut parser = Parser { rest: text, fields, operator, context, clauses: 0 };
    let mut groups = Vec::new();
    loop {
        groups.extend(parser.list(0));
        match parser.rest.strip_prefix(')') {
            Some(after) => parser.drop_piece(")", after),
            None => break,
        }
    }
    if groups.is_empty() { Query::MatchNone } else { parser.join(operator, groups) }
}

struct Parser<'t, 'c, 'o> {
    rest: &'t str,
    fields: &'c [FieldRef],
    operator: Operator,
    context: &'c Context<'o>,
    clauses: usize,
}

impl<'t> Parser<'t, '_, '_> {
    /// Terms up to the end or a closing parenthesis.
    fn list(&mut self, depth: usize) -> Option<Query> {
        let mut alternatives: Vec<Vec<Query>> = vec![Vec::new()];
        let mut joined_by = self.operator;
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.chars().next() {
                None | Some(')') => break,
                Some('|') => {
                    joined_by = Operator::Or;
                    self.rest = &self.rest[1..];
                    continue;
                }
                Some('+') => {
                    joined_by = Operator::And;
                    self.rest = &self.rest[1..];
                    continue;
                }
                Some(_) => {}
            }
            let Some(term) = self.term(depth) else { continue };
            if joined_by == Operator::Or {
                alternatives.push(Vec::new());
            }
            alternatives.last_mut()?.push(term);
            joined_by = self.operator;
        }
        let groups: Vec<Query> = alternatives.into_iter().filter(|group| !group.is_empty()).map(Query::all).collect();
        (!groups.is_empty()).then(|| Query::any(groups))
    }

    fn term(&mut self, depth: usize) -> Option<Query> {
        let mut negated = false;
        while let Some(rest) = self.rest.strip_prefix('-') {
            negated = !negated;
            self.rest = rest;
        }
        let query = match self.rest.chars().next()? {
            '(' if depth < MAX_DEPTH => {
                self.rest = &self.rest[1..];
                let inner = self.list(depth + 1);
                self.rest = self.rest.strip_prefix(')').unwrap_or(self.rest);
                inner?
            }
            '(' => {
                self.drop_piece("(", &self.rest[1..]);
                return None;
            }
            '"' => self.phrase()?,
            _ => self.word()?,
        };
        self.clauses += 1;
        if self.clauses > MAX_CLAUSES {
            self.drop_piece("everything after 1,024 clauses", "");
            return None;
        }
        Some(if negated { query.negate() } else { query })
    }

    fn phrase(&mut self) -> Option<Query> {
        let body = &self.rest[1..];
        let Some((phrase, rest)) = body.split_once('"') else {
            self.drop_piece("\"", body);
            return None;
        };
        self.rest = rest;
        if let Some(slop) = rest.strip_prefix('~') {
            self.drop_piece("~ after a phrase", slop.trim_start_matches(|c: char| c.is_ascii_digit()));
        }
        self.on_fields(phrase, |field, text| match field {
            Some(field) if field.kind() != Kind::Text => None,
            field => Some(Query::Phrase { field: field.cloned(), text: text.to_owned() }),
        })
    }

    fn word(&mut self) -> Option<Query> {
        let end = self.rest.find(|c: char| c.is_whitespace() || "()|+\"".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if let Some(prefix) = word.strip_suffix('*').filter(|prefix| !prefix.is_empty()) {
            return self.prefix(prefix);
        }
        self.on_fields(word, |field, text| match field {
            None => Some(Query::Phrase { field: None, text: text.to_owned() }),
            Some(field) if field.kind() == Kind::Text => Some(Query::all(token_terms(field, text))),
            Some(_) => None,
        })
    }

    fn prefix(&mut self, prefix: &str) -> Option<Query> {
        // Without a field only single words are compared.
        if self.fields.is_empty() && !prefix.chars().all(char::is_alphanumeric) {
            self.note(&format!("{prefix}*"));
            return None;
        }
        if self.fields.is_empty() {
            return Some(Query::AnyWildcard { pattern: format!("{prefix}*") });
        }
        let texts = self.fields.iter().filter(|field| matches!(field.kind(), Kind::Keyword | Kind::Path | Kind::Text));
        let of = |field: &FieldRef| Query::Prefix {
            field: field.clone(),
            value: prefix.to_owned(),
            case_insensitive: false,
        };
        Some(Query::any(texts.map(of).collect()))
    }

    /// The query on each field, or anywhere; where `words` has none, the field's whole value.
    fn on_fields(&self, text: &str, words: impl Fn(Option<&FieldRef>, &str) -> Option<Query>) -> Option<Query> {
        if token::of(text).next().is_none() {
            self.note(text);
            return None;
        }
        if self.fields.is_empty() {
            return words(None, text);
        }
        let query =
            |field: &FieldRef| words(Some(field), text).or_else(|| read::equal(field, text, self.context.options).ok());
        Some(Query::any(self.fields.iter().filter_map(query).collect()))
    }

    fn join(&self, operator: Operator, queries: Vec<Query>) -> Query {
        if operator == Operator::And { Query::all(queries) } else { Query::any(queries) }
    }

    fn drop_piece(&mut self, piece: &str, rest: &'t str) {
        self.note(piece);
        self.rest = rest;
    }

    fn note(&self, piece: &str) {
        self.context.note(format!("simple_query_string: dropped {}", piece.chars().take(64).collect::<String>()));
    }
}
