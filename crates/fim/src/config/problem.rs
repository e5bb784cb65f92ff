//! What is wrong with a configuration, all of it at once, each with its place.

use std::fmt;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Dotted name of the key, or the line for errors of syntax.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

impl Problem {
    /// At this place.
    #[must_use]
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// All that is wrong with a configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if i > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

/// Reads a text as `T`; unknown keys are errors where `T` denies them.
///
/// # Errors
/// Everything that is wrong: each key is tried alone, so that one error does not hide the others. `T` must have a default for
/// every key that stands outside of lists.
pub fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T, Problems> {
    let table = text.parse::<Table>().map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        Problems(vec![Problem::new(format!("line {line}"), error.message())])
    })?;
    T::deserialize(table.clone()).map_err(|error| {
        let mut problems = Vec::new();
        alone::<T>(&Value::Table(table), &mut Vec::new(), &mut problems);
        if problems.is_empty() {
            problems.push(Problem::new("", said(&error)));
        }
        Problems(problems)
    })
}

/// A key of a table, or a place in a list of tables.
enum Step {
    Key(String),
    At(usize),
}

/// Tries a value with nothing beside it, and where it is wrong what it is made of.
fn alone<T: DeserializeOwned>(value: &Value, path: &mut Vec<Step>, problems: &mut Vec<Problem>) {
    let rebuilt = path.iter().rev().fold(value.clone(), |inner, step| match step {
        Step::Key(key) => Value::Table(Table::from_iter([(key.clone(), inner)])),
        Step::At(_) => Value::Array(vec![inner]),
    });
    let Value::Table(whole) = rebuilt else { return };
    let Err(error) = T::deserialize(whole) else { return };
    let before = problems.len();
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                path.push(Step::Key(key.clone()));
                alone::<T>(value, path, problems);
                path.pop();
            }
        }
        Value::Array(list) if list.iter().any(Value::is_table) => {
            for (at, value) in list.iter().enumerate() {
                path.push(Step::At(at));
                alone::<T>(value, path, problems);
                path.pop();
            }
        }
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_) => {}
    }
    // A key that its neighbours need is missing only because they were taken away.
    let missing = said(&error).starts_with("missing field") && !value.is_table();
    if problems.len() == before && !missing {
        problems.push(Problem::new(place(path), said(&error)));
    }
}

fn place(path: &[Step]) -> String {
    path.iter().fold(String::new(), |mut place, step| {
        match step {
            Step::Key(key) if place.is_empty() => place.push_str(key),
            Step::Key(key) => place.extend([".", key]),
            Step::At(at) => place.push_str(&format!("[{at}]")),
        }
        place
    })
}

fn said(error: &toml::de::Error) -> String {
    error.message().lines().next().unwrap_or_default().to_owned()
}
