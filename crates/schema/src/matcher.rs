//! Does this event match? A query compiled once, asked for each event: by filters of the agent, by the live tail, and by the
//! store's reference engine, so that a query means the same everywhere.
//!
//! ```
//! use schema::matcher::Matcher;
//! use schema::search::{FieldRef, Query, Scalar};
//! use schema::{Event, Timestamp, field};
//!
//! let curl = Query::Term {
//!     field: FieldRef::resolve("process.name"),
//!     value: Scalar::Text("curl".to_owned()),
//!     case_insensitive: false,
//! };
//! let matcher = Matcher::new(&curl).unwrap();
//! let mut event = Event::new(Timestamp::from_millis(0));
//! assert!(!matcher.matches(&event));
//! event.push_str(field::PROCESS_NAME, "curl");
//! assert!(matcher.matches(&event));
//! ```

mod test;

use std::collections::HashSet;

use regex::Regex;

use crate::event::Value;
use crate::field::{self, Kind};
use crate::search::value::is_present;
use crate::search::{Bool, FieldRef, Query, pattern, token};
use crate::{Entry, Event};

use test::Test;

/// A query that can be asked of single events.
#[derive(Clone, Debug)]
pub struct Matcher {
    node: Node,
}

/// A query that no engine answers.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unsupported(pub String);

impl Matcher {
    /// Compiles a query.
    ///
    /// # Errors
    /// A pattern that cannot be compiled, or a test that values of the field's kind do not have.
    pub fn new(query: &Query) -> Result<Self, Unsupported> {
        Ok(Self { node: Node::new(query)? })
    }

    /// Whether the event matches.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        self.node.matches(event)
    }
}

#[derive(Clone, Debug)]
enum Node {
    All,
    Nothing,
    /// Any value of the field passes.
    Field(FieldRef, Test),
    /// Any value of a field flagged `words` passes.
    Anywhere(Words),
    /// A field, or any field inside an object.
    Exists(String),
    Ids(HashSet<String>),
    Joined(Box<Joined>),
}

#[derive(Clone, Debug)]
enum Words {
    /// The value holds this folded text at token borders.
    Text(String),
    /// One of its folded tokens matches.
    Token(Regex),
}

#[derive(Clone, Debug)]
struct Joined {
    must: Vec<Node>,
    must_not: Vec<Node>,
    should: Vec<Node>,
    minimum: usize,
}

impl Node {
    fn new(query: &Query) -> Result<Self, Unsupported> {
        Ok(match query {
            Query::MatchAll => Self::All,
            Query::MatchNone => Self::Nothing,
            Query::Exists { name } => Self::Exists(name.clone()),
            Query::Ids(ids) => Self::Ids(ids.iter().cloned().collect()),
            Query::Bool(joined) => Self::Joined(Box::new(Joined::new(joined)?)),
            Query::Phrase { field: None, text } if token::of(text).next().is_none() => {
                return Err(Unsupported(format!("{text:?} has no word to look for: it needs a letter or a digit")));
            }
            Query::Phrase { field: None, text } => Self::Anywhere(Words::Text(token::fold(text).into_owned())),
            Query::AnyWildcard { pattern } => Self::Anywhere(Words::Token(
                pattern::wildcard(&token::fold(pattern), false).map_err(|error| Unsupported(error.to_string()))?,
            )),
            Query::Term { field, .. }
            | Query::Terms { field, .. }
            | Query::Cidr { field, .. }
            | Query::Prefix { field, .. }
            | Query::Wildcard { field, .. }
            | Query::Regexp { field, .. }
            | Query::Fuzzy { field, .. }
            | Query::Phrase { field: Some(field), .. } => Self::Field(field.clone(), Test::new(query, field)?),
            Query::Range(range) => Self::Field(range.field.clone(), Test::new(query, &range.field)?),
        })
    }

    fn matches(&self, event: &Event) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::Field(field, test) => any_value(event, field, |field, value| test.passes(field, value)),
            Self::Anywhere(words) => event.entries().any(|entry| words.pass(&entry)),
            Self::Exists(name) => exists(event, name),
            Self::Ids(ids) => event.str(field::EVENT_ID).is_some_and(|id| ids.contains(id)),
            Self::Joined(joined) => joined.matches(event),
        }
    }
}

impl Joined {
    fn new(joined: &Bool) -> Result<Self, Unsupported> {
        let nodes = |queries: &[Query]| queries.iter().map(Node::new).collect::<Result<Vec<_>, _>>();
        let needed = usize::from(joined.must.is_empty() && !joined.should.is_empty());
        Ok(Self {
            must: nodes(&joined.must)?,
            must_not: nodes(&joined.must_not)?,
            should: nodes(&joined.should)?,
            minimum: joined.minimum_should_match.unwrap_or(needed),
        })
    }

    fn matches(&self, event: &Event) -> bool {
        self.must.iter().all(|node| node.matches(event))
            && !self.must_not.iter().any(|node| node.matches(event))
            && (self.minimum == 0
                || self.should.iter().filter(|node| node.matches(event)).take(self.minimum).count() == self.minimum)
    }
}

impl Words {
    fn pass(&self, entry: &Entry<'_>) -> bool {
        let info = entry.field.info();
        if !info.words || !matches!(info.kind, Kind::Keyword | Kind::Path | Kind::Text) {
            return false;
        }
        match entry.value {
            Value::Text(text) => self.pass_text(text),
            Value::Long(number) => self.pass_text(&number.to_string()),
            Value::Null | Value::Bool(_) | Value::Double(_) | Value::Date(_) | Value::Json(_) => false,
        }
    }

    fn pass_text(&self, text: &str) -> bool {
        let folded = token::fold(text);
        match self {
            Self::Text(text) => token::holds_folded(&folded, text),
            Self::Token(regex) => token::of(&folded).any(|token| regex.is_match(token)),
        }
    }
}

/// Whether any value of the field passes.
fn any_value(event: &Event, field: &FieldRef, mut pass: impl FnMut(crate::Field, Value<'_>) -> bool) -> bool {
    match field {
        FieldRef::Known(field) => event.all(*field).any(|value| pass(*field, value)),
        FieldRef::Keyed(field, key) => event.keyed(*field, key).any(|value| pass(*field, value)),
        FieldRef::Other(name) => event.keyed(field::OTHER, name).any(|value| pass(field::OTHER, value)),
    }
}

fn exists(event: &Event, name: &str) -> bool {
    let inside = |whole: &str| {
        whole.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || name.is_empty())
    };
    event.entries().any(|entry| {
        let named = match entry.field {
            field::OTHER => inside(entry.key),
            field if field.kind() == Kind::Flattened => inside(field.name()) || inside(&entry.name()),
            field => inside(field.name()),
        };
        named && is_present(entry.field, entry.value)
    })
}

#[cfg(test)]
mod tests;
